"""The answer to what the authority asked: one notice 04/SS-HĐĐT of kind 2 that explains each invoice.

Source: Circular 91/2026, Art. 10: who is asked to review answers within the stated days, by correcting
the invoice or by explaining it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import notices
from einvoice.delegating import Office
from einvoice.demands import AskedInvoice, Demand, demand_answered
from einvoice.errors import FieldInvalid
from einvoice.identifiers import CASH_REGISTER
from einvoice.keys import Signer
from einvoice.notices import ErrorNotice, NoticeKind, WrongInvoice
from einvoice.outgoing import header_of, queued
from einvoice.seal import VIETNAM

EXPLAINED = {
    "explain": NoticeKind.EXPLAINS,
    "adjust": NoticeKind.ADJUSTS,
    "replace": NoticeKind.REPLACES,
}
"""What was done about an invoice, as the notice says it."""


async def answer_review(
    db: AsyncSession,
    demand: Demand,
    said: Mapping[int, tuple[str, str]],
    *,
    name: str,
    office: Office,
    new_id: Callable[[], UUID],
    sender: str,
    signer: Signer,
    now: datetime,
) -> list[UUID]:
    """Write the answer to a 302; the messages that carry it. What was answered before is not again.

    `said` has for each place in `demand.invoices` what was done (explain, adjust, replace) and why.
    Cash-register invoices go in a 303, others in a 300.
    Raises: FieldInvalid where an invoice has no reason, or one of over 255 characters.
    """
    if demand.answered_at is not None:
        return []
    if set(said) != set(range(len(demand.invoices))):
        raise FieldInvalid("answer", "each invoice that was asked about needs a reason")
    lines: dict[int, list[WrongInvoice]] = {}
    for place, asked in enumerate(demand.invoices):
        lines.setdefault(_kind_of(asked), []).append(_line(asked, *said[place]))
    sent = []
    for kind, invoices in lines.items():
        message_id = new_id()
        header = header_of(kind, demand.tax_id, sender, message_id, now)
        notice = ErrorNotice(
            name=name,
            tax_id=demand.tax_id,
            office_name=office.name,
            office_code=office.code,
            place=office.place,
            on=now.astimezone(VIETNAM).date(),
            invoices=tuple(invoices),
            answers=demand.number,
            answers_on=demand.said_on,
        )
        body = notices.error_message(header, notice, signer, now)
        db.add(queued(header, body, demand.owner_id, now))
        sent.append(message_id)
    await demand_answered(db, demand.owner_id, demand.number, now)
    await db.flush()
    return sent


def _kind_of(asked: AskedInvoice) -> int:
    is_at_till = asked.symbol[3:4] == CASH_REGISTER
    return notices.ERROR_AT_TILL if is_at_till else notices.ERROR


def _line(asked: AskedInvoice, done: str, reason: str) -> WrongInvoice:
    return WrongInvoice(
        template=asked.template,
        symbol=asked.symbol,
        number=asked.number,
        issued_on=asked.issued_on,
        reason=reason.strip(),
        code=asked.code,
        kind=EXPLAINED[done],
    )
