"""An error that needs a notice only: 04/SS-HĐĐT written, signed and left pending for the authority.

`claim_pending` hands it out, `record_reply` takes the 301; the invoice itself is not touched.
Source: Circular 91/2026, Art. 10.
"""

from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import notices, rules
from einvoice.envelope import Header
from einvoice.errors import InvoiceNotFound, NotCorrectable
from einvoice.identifiers import message_code
from einvoice.issuance import invoice_by_id
from einvoice.keys import Signer
from einvoice.notices import ErrorNotice, WrongInvoice
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
) -> None:
    """Write the notice of an error in an accepted invoice. `message_id` used again changes nothing.

    The buyer is told by the caller. Raises: InvoiceNotFound, NotCorrectable for an invoice that is not
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
    header = Header(
        version=rules.phrase("format_version", day),
        sender=sender,
        kind=notices.ERROR_AT_TILL if invoice.is_cash_register else notices.ERROR,
        code=message_code(sender, message_id),
        tax_id=invoice.seller.tax_id,
        count=1,
    )
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
    )
    body = notices.error_message(header, notice, signer, now)
    db.add(
        MessageRow(
            id=message_id,
            owner_id=issued.owner_id,
            code=header.code,
            kind=header.kind,
            tax_id=header.tax_id,
            body=body,
            due_at=now,
            created_at=now,
        )
    )
    await db.flush()
