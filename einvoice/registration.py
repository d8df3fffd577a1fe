"""A seller's registration with the tax authority: sent as a message, or recorded as a fact."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import envelope
from einvoice.errors import (
    FormNotRegistered,
    NothingToRegister,
    SellerNotRegistered,
    SellerOfAnother,
)
from einvoice.findings import Finding
from einvoice.forms import Form, Registration, forms_in, registration_message
from einvoice.identifiers import code_prefix, tax_id_of
from einvoice.keys import Signer
from einvoice.outgoing import header_of, queued
from einvoice.seal import VIETNAM
from einvoice.tables import MessageRow, RegistrationRow

CASH_REGISTER_TEMPLATE = 2
AT_TILL_ONLY = frozenset({Form.AT_TILL})


@dataclass(frozen=True)
class RegistrationState:
    """Where a seller stands: sent, received, accepted or refused, with the authority's reasons."""

    tax_id: str
    owner_id: UUID
    name: str
    state: str
    code_prefix: str
    forms: frozenset[Form]
    reasons: tuple[envelope.Reason, ...]
    changed_at: datetime
    accepted_at: datetime | None = None
    """When it first was: invoices are due from then on."""


async def register(
    db: AsyncSession,
    owner_id: UUID,
    form: Registration,
    *,
    message_id: UUID,
    sender: str,
    signer: Signer,
    now: datetime,
) -> None:
    """Write the registration message, pending; `claim_pending` hands it out to be sent.

    A form that changes something (HThuc 2) is for who was accepted; the former holds until it is, too.
    Raises: NothingToRegister while one is under way or accepted, or nothing stands to be changed,
    SellerOfAnother, TaxIdInvalid.
    """
    tax_id = tax_id_of(form.seller.tax_id)
    row = await _row(db, tax_id, for_update=True)
    if row is not None and row.owner_id != owner_id:
        raise SellerOfAnother(tax_id)
    state = row.state if row is not None else ""
    if state not in (("accepted",) if form.is_change else ("", "refused")):
        raise NothingToRegister(tax_id, state or "missing")
    header = header_of(envelope.REGISTER, tax_id, sender, message_id, now)
    body = registration_message(header, form, signer, now)
    if row is not None and form.is_change:
        row.message_id, row.reasons, row.changed_at = message_id, [], now
    else:
        await _upsert(
            db, owner_id, tax_id, form.seller.name, "sent", "", message_id, now, form.invoice_forms
        )
    db.add(queued(header, body, owner_id, now))
    await db.flush()


async def record_registration(
    db: AsyncSession,
    owner_id: UUID,
    tax_id: str,
    name: str,
    prefix: str,
    *,
    now: datetime,
    forms: frozenset[Form] = AT_TILL_ONLY,
) -> None:
    """Take note of a registration accepted elsewhere, with the prefix the authority handed out.

    Raises: SellerOfAnother, CodeInvalid, TaxIdInvalid.
    """
    tax_id = tax_id_of(tax_id)
    code_prefix(CASH_REGISTER_TEMPLATE, now.astimezone(VIETNAM).date(), prefix)
    await _upsert(db, owner_id, tax_id, name, "accepted", prefix, None, now, forms)


async def registration_of(db: AsyncSession, tax_id: str) -> RegistrationState | None:
    """Where this seller stands, if it ever registered."""
    row = await _row(db, tax_id)
    if row is None:
        return None
    return RegistrationState(
        tax_id=row.tax_id,
        owner_id=row.owner_id,
        name=row.name,
        state=row.state,
        code_prefix=row.code_prefix,
        forms=frozenset(map(Form, row.forms)),
        reasons=tuple(envelope.Reason(**one) for one in row.reasons),
        changed_at=row.changed_at,
        accepted_at=row.accepted_at,
    )


async def accepted_prefix(
    db: AsyncSession, owner_id: UUID, tax_id: str, form: Form = Form.AT_TILL
) -> str:
    """The five characters the authority gave this seller, who may use this form of invoice.

    Raises: SellerNotRegistered, SellerOfAnother, FormNotRegistered.
    """
    row = await _row(db, tax_id)
    if row is not None and row.owner_id != owner_id:
        raise SellerOfAnother(tax_id)
    if row is None or row.state != "accepted":
        raise SellerNotRegistered(tax_id)
    if form.value not in row.forms:
        raise FormNotRegistered(tax_id, form.value)
    return row.code_prefix


async def record_finding(
    db: AsyncSession, message: MessageRow, finding: Finding, now: datetime
) -> None:
    """Move the registration that this message asked for to what the reply says.

    A change that is refused leaves the registration as it was, with the reasons beside it.
    """
    rows = await db.exec(
        select(RegistrationRow).where(col(RegistrationRow.message_id) == message.id)
    )
    row = rows.one_or_none()
    if row is None:
        return
    is_change = row.state == "accepted"
    row.changed_at = now
    if finding.accepted is None:
        if finding.kind == envelope.REGISTRATION_RECEIVED and not is_change:
            row.state = "received"
    else:
        row.reasons = [asdict(one) for one in finding.reasons]
        if finding.accepted:
            row.state, row.code_prefix = "accepted", finding.code_prefix or row.code_prefix
            row.accepted_at = row.accepted_at or now
            row.forms = sorted(one.value for one in forms_in(message.body))
        elif not is_change:
            row.state, row.code_prefix = "refused", ""
    await db.flush()


async def _row(
    db: AsyncSession, tax_id: str, *, for_update: bool = False
) -> RegistrationRow | None:
    query = select(RegistrationRow).where(col(RegistrationRow.tax_id) == tax_id)
    if for_update:
        query = query.with_for_update()
    return (await db.exec(query.execution_options(populate_existing=True))).one_or_none()


async def _upsert(
    db: AsyncSession,
    owner_id: UUID,
    tax_id: str,
    name: str,
    state: str,
    prefix: str,
    message_id: UUID | None,
    now: datetime,
    forms: frozenset[Form],
) -> None:
    values: dict[str, Any] = {
        "name": name,
        "state": state,
        "code_prefix": prefix,
        "forms": sorted(one.value for one in forms),
        "reasons": [],
        "message_id": message_id,
        "changed_at": now,
        "accepted_at": now if state == "accepted" else None,
    }
    kept = func.coalesce(col(RegistrationRow.accepted_at), values["accepted_at"])
    statement = (
        insert(RegistrationRow)
        .values(tax_id=tax_id, owner_id=owner_id, **values)
        .on_conflict_do_update(
            index_elements=["tax_id"],
            set_=values | {"accepted_at": kept},
            where=col(RegistrationRow.owner_id) == owner_id,
        )
        .returning(col(RegistrationRow.tax_id))
    )
    if (await (await db.connection()).execute(statement)).scalar() is None:
        raise SellerOfAnother(tax_id)
