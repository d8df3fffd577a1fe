"""Several invoices of one buyer and month set right by one new invoice and its list 01/BK-ĐCTT.

For the same fault on all of them, or a rebate settled afterwards. Source: Circular 91/2026, Art. 10.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from einvoice import Action, Advice, Fault
from einvoice.errors import NotPossible
from market import clock, corrections, list_fixes
from market.correction_tables import CorrectionRow
from market.list_fixes import Fix, Lines

REFUNDED = Fix(kind="back")
_METHOD = {Action.ADJUST: einvoice.Method.ADJUSTS, Action.REPLACE: einvoice.Method.REPLACES}


@dataclass(frozen=True, kw_only=True)
class ListWish:
    """One fix of several invoices. `id` is made before it is sent: asked twice, done once."""

    id: UUID
    fix: Fix
    action: Action | None = None
    """None: the first the law offers."""
    by: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What would be written: which invoices, their right lines, how much changes."""

    advice: Advice
    action: Action
    invoices: tuple[einvoice.IssuedInvoice, ...]
    before: tuple[Lines, ...]
    right: tuple[Lines, ...]
    buyer: einvoice.Buyer | None

    def changes_vnd(self) -> list[int]:
        """By how much each invoice changes."""
        template = self.invoices[0].invoice.template
        return [
            einvoice.totals_of(template, right).payable_vnd
            - einvoice.totals_of(template, before).payable_vnd
            for before, right in zip(self.before, self.right, strict=True)
        ]


async def plan(
    db: AsyncSession, invoices: Sequence[einvoice.IssuedInvoice], wish: ListWish
) -> Plan:
    """What the law does about it, and what the new invoice would say of each. Writes nothing.

    Invoices that the fix does not touch are left out. Raises: NotPossible, FieldInvalid, TaxIdInvalid.
    """
    if len(invoices) < 2:
        raise NotPossible("a list has at least two invoices")
    before = [await corrections.lines_now(db, one) for one in invoices]
    right = list_fixes.fixed(before, wish.fix)
    touched = [
        (issued, lines, made)
        for issued, lines, made in zip(invoices, before, right, strict=True)
        if made is not None
    ]
    if len(touched) < 2:
        raise NotPossible("fewer than two of them are wrong so")
    for issued, _, _ in touched:
        if any(one.state == "agreeing" for one in await corrections.corrections_of(db, issued.id)):
            raise NotPossible("another correction of it waits for the buyer's agreement")
    found = [_advice(issued, wish.fix, len(touched)) for issued, _, _ in touched]
    offered = [
        one for one in found[0].choices if one in _METHOD and all(one in x.choices for x in found)
    ]
    if wish.action is not None:
        offered = [one for one in offered if one is wish.action]
    if not offered:
        raise NotPossible("the law offers no one way for all of them")
    return Plan(
        advice=found[0],
        action=offered[0],
        invoices=tuple(issued for issued, _, _ in touched),
        before=tuple(lines for _, lines, _ in touched),
        right=tuple(made for _, _, made in touched),
        buyer=list_fixes.right_buyer(touched[0][0].invoice.buyer, wish.fix),
    )


def _advice(issued: einvoice.IssuedInvoice, fix: Fix, count: int) -> Advice:
    case = einvoice.case_of(
        issued.invoice, [fix.fault], state=issued.state, correction=issued.correction
    )
    return einvoice.advise(replace(case, invoice_count=count))


async def refunds_beside(db: AsyncSession, row: CorrectionRow) -> dict[UUID, list[CorrectionRow]]:
    """Refunds of one buyer and month of which nobody said the goods, by invoice; this one among them.

    Two or more invoices: one adjustment with a list may say them all. Else none.
    """
    issued = row.invoice_id and await einvoice.invoice_by_id(db, row.invoice_id)
    if not issued or row.state != "asking" or row.refund_id is None:
        return {}
    alike = {one.id for one in await einvoice.alike(db, issued)}
    found: dict[UUID, list[CorrectionRow]] = {}
    for one in await corrections.to_do(db, row.vendor_id):
        is_back = one.state == "asking" and one.refund_id is not None and not one.content
        is_later = {Fault(fault) for fault in one.faults} <= {Fault.RETURNED, Fault.REBATE}
        if is_back and is_later and one.invoice_id in alike:
            found.setdefault(one.invoice_id, []).append(one)
    return found if len(found) > 1 and row.invoice_id in found else {}


async def plan_of_refunds(db: AsyncSession, found: Mapping[UUID, Sequence[CorrectionRow]]) -> Plan:
    """One adjustment that takes off each invoice what went back of it, over its goods by their shares."""
    invoices, before, right = [], [], []
    for invoice_id, rows in found.items():
        issued = await einvoice.invoice_by_id(db, invoice_id)
        assert issued is not None
        lines = await corrections.lines_now(db, issued)
        invoices.append(issued)
        before.append(lines)
        back_vnd = sum(one.amount_vnd for one in rows)
        if back_vnd > einvoice.totals_of(issued.invoice.template, lines).payable_vnd:
            raise NotPossible("more went back than the invoice says")
        right.append(einvoice.merged(lines, einvoice.spread(lines, back_vnd)))
    advice = _advice(invoices[0], REFUNDED, len(invoices))
    return Plan(
        advice=advice,
        action=Action.ADJUST,
        invoices=tuple(invoices),
        before=tuple(before),
        right=tuple(right),
        buyer=None,
    )


def row_of(planned: Plan, wish: ListWish, *, now: datetime) -> CorrectionRow:
    """The correction to keep, not written yet."""
    first = planned.invoices[0]
    listed = [
        {"id": str(issued.id), "lines": msgspec.to_builtins(lines, str_keys=True)}
        for issued, lines in zip(planned.invoices, planned.right, strict=True)
    ]
    return CorrectionRow(
        id=wish.id,
        vendor_id=first.owner_id,
        sale_id=first.subject_id,
        invoice_id=first.id,
        listed_ids=[one.id for one in planned.invoices],
        faults=[wish.fix.fault.value],
        said=wish.fix.said,
        action=planned.action.value,
        state="waiting",
        content={**corrections.content_of(planned.buyer, None), "listed": listed},
        created_by=wish.by,
        created_at=now,
    )


async def write(db: AsyncSession, row: CorrectionRow, *, now: datetime) -> einvoice.IssuedInvoice:
    """Number the one new invoice with its list. Raises: what `einvoice.correct_by_list` raises."""
    action = Action(row.action)
    items = []
    for one in row.content["listed"]:
        right = msgspec.convert(one["lines"], Lines, strict=False)
        issued = await einvoice.invoice_by_id(db, UUID(one["id"]))
        assert issued is not None
        if action is Action.ADJUST:
            right = einvoice.differences(await corrections.lines_now(db, issued), right)
        items.append(einvoice.ListedFault(invoice_id=issued.id, fault=row.said, lines=right))
    command = einvoice.CorrectByList(
        id=row.id,
        method=_METHOD[action],
        number=list_number(row.id, now),
        items=tuple(items),
        issued_at=now,
        lookup_code=einvoice.lookup_code(secrets.token_bytes(10)),
        buyer=corrections.buyer_in(row.content),
    )
    return await einvoice.correct_by_list(db, command, now=now)


def list_number(correction_id: UUID, now: datetime) -> str:
    """What the list is called: its day, and what tells it from the day's others."""
    return f"BK-{clock.local_day(now):%d%m%y}-{correction_id.hex[-6:].upper()}"


def listed_in(row: CorrectionRow) -> list[dict[str, Any]]:
    """The invoices of a list as kept: id and right lines; none for a correction of one invoice."""
    found: list[dict[str, Any]] = row.content.get("listed", [])
    return found
