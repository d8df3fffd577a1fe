"""An error that needs a notice only: 04/SS-HĐĐT written, signed and left pending for the authority.

`claim_pending` hands it out, `record_reply` takes the 301; the invoice itself is not touched.
Source: Circular 91/2026, Art. 10.
"""

from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import notices
from einvoice.demands import Demand, demand_answered
from einvoice.errors import InvoiceNotFound, NotCorrectable
from einvoice.issued import invoice_by_id
from einvoice.keys import Signer
from einvoice.notices import ErrorNotice, WrongInvoice
from einvoice.outgoing import header_of, queued
from einvoice.seal import VIETNAM
from einvoice.tables import MessageRow


async def notify_error(
    db: AsyncSession,
    invoice_id: UUID,
    reason: str,
    *,
    office_name: str,
    office_code: str,
    place: str,
    message_id: UUID,
    sender: str,
    signer: Signer,
    now: datetime,
    answers: Demand | None = None,
) -> None:
    """Write the notice of an error in an accepted invoice. `message_id` used again changes nothing.

    With `answers` it explains what the authority asked (302) and settles that. The buyer is told by the caller. Raises: InvoiceNotFound, NotCorrectable for an invoice that is not
    accepted or was replaced, FieldInvalid for a reason of no or over 255 characters.
    """
    if await db.get(MessageRow, message_id) is not None:
        return
    issued = await invoice_by_id(db, invoice_id)
    if issued is None:
        raise InvoiceNotFound(invoice_id)
    if issued.state != "accepted" or issued.correction == "replaced":
        raise NotCorrectable(invoice_id, issued.correction or issued.state)
    invoice, day = issued.invoice, now.astimezone(VIETNAM).date()
    kind = notices.ERROR_AT_TILL if invoice.is_cash_register else notices.ERROR
    header = header_of(kind, invoice.seller.tax_id, sender, message_id, now)
    wrong = WrongInvoice(
        template=str(invoice.template),
        symbol=invoice.symbol,
        number=str(invoice.number),
        issued_on=invoice.issued_on,
        reason=reason,
        code=invoice.code,
    )
    notice = ErrorNotice(
        name=invoice.seller.name,
        tax_id=invoice.seller.tax_id,
        office_name=office_name,
        office_code=office_code,
        place=place,
        on=day,
        invoices=(wrong,),
        answers=answers.number if answers else "",
        answers_on=answers.said_on if answers else None,
    )
    body = notices.error_message(header, notice, signer, now)
    db.add(queued(header, body, issued.owner_id, now))
    if answers is not None:
        await demand_answered(db, issued.owner_id, answers.number, now)
    await db.flush()
