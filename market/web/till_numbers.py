"""Invoices while a till has no network: it asks for numbers and codes before, hands them in after."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from market.db import Database
from market.errors import InvoiceNotPossible
from market.flows import till_numbers
from market.web import auth
from market.web.errors import documented


class RangeCommand(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the till holds already."""

    after: Annotated[int, Meta(ge=0, description="last serial of its newest range; 0: none")] = 0


class RangeView(Struct, frozen=True, kw_only=True):
    """What a till may give by itself, in this order, each once: a number and a code per invoice."""

    template: int
    symbol: str
    """Good in the year its second and third character name (Vietnam time)."""
    next_number: int
    """Counts if the till has not numbered yet; afterwards it counts on by itself."""
    code_prefix: str
    """A code is this, a dash and the serial in eleven digits."""
    next_serial: int
    last_serial: int
    lookup_prefix: str
    """A lookup code is this and ten more of 0–9, A–Z without I, L, O, U, drawn by the till."""
    now: datetime
    """The server's instant, by which a till's clock is set right."""


class OwnInvoiceCommand(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A number and code the till showed a buyer, told before the sale itself."""

    sale_id: UUID
    symbol: Annotated[str, Meta(min_length=6, max_length=6)]
    number: Annotated[int, Meta(ge=1, le=99_999_999)]
    code: Annotated[str, Meta(min_length=23, max_length=23)]
    numbered_at: Annotated[datetime, Meta(tz=True)]
    lookup_code: Annotated[str, Meta(pattern="^([0-9A-HJKMNP-TV-Z]{16})?$")] = ""
    """What the QR on the buyer's slip leads to; empty: the market makes one."""


class RefusedSaleCommand(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The market refused the sale of a number the till gave."""

    sale_id: UUID
    why: Annotated[str, Meta(max_length=100)]
    """The code of the refusal."""
    was_shown: bool
    """Whether the buyer saw the number."""


class OwnInvoiceView(Struct, frozen=True, kw_only=True):
    """“kept” until its sale is paid and all numbers before it are invoices; then “issued”.

    “passed”: its sale was refused, the number becomes no invoice and is given to no other sale.
    """

    sale_id: UUID
    state: str
    lookup_url: str = ""


@post(
    "/api/stalls/{stall_id:uuid}/tills/{till_id:uuid}/range",
    guards=[auth.vendor_of_stall],
    status_code=200,
    responses=documented(400, 401, 403, 404, 409),
)
async def take_range(
    stall_id: FromPath[UUID],
    till_id: FromPath[UUID],
    data: JSONBody[RangeCommand],
    database: NamedDependency[Database],
    now: NamedDependency[datetime],
) -> RangeView:
    """Numbers and codes for the time without a network. Asked again, the same ones.

    `till_id` is a UUID the till made once and keeps. 409 where nobody issues for the stall, or its
    operator's appendix for this till's series is not accepted yet.
    """
    async with database.as_system() as db:
        found = await till_numbers.range_for(db, stall_id, till_id, data.after, now=now)
    if found is None:
        raise InvoiceNotPossible(stall_id, "delegation_waits")
    given, prefix = found
    return RangeView(
        template=given.template,
        symbol=given.symbol,
        next_number=given.next_number,
        code_prefix=given.codes.prefix,
        next_serial=given.next_serial,
        last_serial=given.codes.last_serial,
        lookup_prefix=prefix,
        now=now,
    )


@post(
    "/api/stalls/{stall_id:uuid}/tills/{till_id:uuid}/invoices",
    guards=[auth.vendor_of_stall],
    status_code=200,
    responses=documented(400, 401, 403, 404, 409, 422),
)
async def hand_in(
    stall_id: FromPath[UUID],
    till_id: FromPath[UUID],
    data: JSONBody[OwnInvoiceCommand],
    database: NamedDependency[Database],
    now: NamedDependency[datetime],
) -> OwnInvoiceView:
    """Tell a number the till gave. Told twice, kept once; the invoice carries it and no other."""
    told = till_numbers.Told(
        data.sale_id, data.symbol, data.number, data.code, data.numbered_at, data.lookup_code
    )
    async with database.as_system() as db:
        handed = await till_numbers.hand_in(db, stall_id, till_id, told, now=now)
    return _view(data.sale_id, handed)


@post(
    "/api/stalls/{stall_id:uuid}/tills/{till_id:uuid}/refusals",
    guards=[auth.vendor_of_stall],
    status_code=200,
    responses=documented(400, 401, 403, 404),
)
async def pass_over(
    stall_id: FromPath[UUID],
    till_id: FromPath[UUID],
    data: JSONBody[RefusedSaleCommand],
    database: NamedDependency[Database],
    now: NamedDependency[datetime],
) -> OwnInvoiceView:
    """Tell that the sale of a number was refused: later numbers need not wait for it any more."""
    async with database.as_system() as db:
        handed = await till_numbers.pass_over(
            db, stall_id, till_id, data.sale_id,
            why=data.why, was_shown=data.was_shown, now=now,
        )  # fmt: skip
    return _view(data.sale_id, handed)


def _view(sale_id: UUID, handed: till_numbers.Handed) -> OwnInvoiceView:
    url = f"/hd/{handed.issued.lookup_code}" if handed.issued else ""
    return OwnInvoiceView(sale_id=sale_id, state=handed.state, lookup_url=url)


routers = [take_range, hand_in, pass_over]
