"""Find goods by name, with and without marks; what was typed with its marks comes first."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, literal, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from catalog.product import Product, Status
from catalog.shelf import product_of
from catalog.tables import ProductRow
from catalog.vietnamese import fold, tidy

PAGE_SIZE_MAX = 100
PAGE_MAX = 200
"""Nobody reads further; a crawler has the sitemap."""
QUERY_LENGTH_MAX = 100
WORDS_MAX = 8


@dataclass(frozen=True, slots=True)
class Page:
    """One page of goods, and how many there are on all pages."""

    products: tuple[Product, ...]
    total: int
    page: int
    page_size: int

    @property
    def page_count(self) -> int:
        """Pages there are, at least one."""
        return max(1, -(-self.total // self.page_size))


async def find(
    db: AsyncSession,
    query: str = "",
    *,
    owner_ids: Iterable[UUID] | None = None,
    category: str = "",
    page: int = 1,
    page_size: int = 24,
) -> Page:
    """Goods that are on offer, best hits first; without a query all of them in Vietnamese order.

    A hit holds every word of the query, marks and order aside, or is spelt much like it.
    “bò” ranks “Thịt bò” over “Bơ”; “bo” finds both. A hall or a stall is the ids of its vendors.
    Pages out of range are moved into it.
    """
    size = min(max(page_size, 1), PAGE_SIZE_MAX)
    number = min(max(page, 1), PAGE_MAX)
    printable = "".join(sign if sign.isprintable() else " " for sign in query[:QUERY_LENGTH_MAX])
    typed = tidy(printable).lower()
    conditions: list[ColumnElement[bool]] = [col(ProductRow.status) == Status.READY.value]
    if owner_ids is not None:
        conditions.append(col(ProductRow.owner_id).in_(list(owner_ids)))
    if category:
        conditions.append(col(ProductRow.category) == category)
    order: tuple[ColumnElement[Any], ...] = ()
    if fold(typed):
        conditions.append(_hit(typed))
        order = (_rank(typed).desc(), _likeness(typed).desc())
    total = (await db.exec(select(func.count()).select_from(ProductRow).where(*conditions))).one()
    asked = (
        select(ProductRow)
        .where(*conditions)
        .order_by(*order, col(ProductRow.sort_key), col(ProductRow.id))
        .limit(size)
        .offset((number - 1) * size)
        .execution_options(populate_existing=True)
    )
    found = tuple(product_of(row) for row in await db.exec(asked))
    return Page(found, total, number, size)


_FOLDED = func.catalog.fold(ProductRow.name_vi)


def _hit(typed: str) -> ColumnElement[bool]:
    words = fold(typed).split()[:WORDS_MAX]
    holds_all = and_(*(_FOLDED.like(f"%{_literal(word)}%", escape="\\") for word in words))
    # `<%` is pg_trgm's "much like some part of"; the index serves both conditions.
    return or_(holds_all, literal(fold(typed)).op("<%", is_comparison=True)(_FOLDED))


def _rank(typed: str) -> ColumnElement[int]:
    marked, bare = _literal(typed), _literal(fold(typed))
    spaced = literal(" ") + col(ProductRow.name_lower) + " "
    spaced_folded = literal(" ") + _FOLDED + " "
    return case(
        (col(ProductRow.name_lower) == typed, 6),
        (spaced.like(f"% {marked} %", escape="\\"), 5),
        (col(ProductRow.name_lower).like(f"%{marked}%", escape="\\"), 4),
        (literal(fold(typed)) == _FOLDED, 3),
        (spaced_folded.like(f"% {bare} %", escape="\\"), 2),
        (_FOLDED.like(f"%{bare}%", escape="\\"), 1),
        else_=0,
    )


def _likeness(typed: str) -> ColumnElement[float]:
    likeness: ColumnElement[float] = func.word_similarity(fold(typed), _FOLDED)
    return likeness


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
