"""A seller's registration with the tax authority: sent as a message, or recorded as a fact."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import envelope, rules
from einvoice.envelope import Finding, Header
from einvoice.errors import NothingToRegister, SellerNotRegistered, SellerOfAnother
from einvoice.forms import Registration, registration_message
from einvoice.identifiers import code_prefix, message_code, tax_id_of
from einvoice.keys import Signer
from einvoice.seal import VIETNAM
from einvoice.tables import MessageRow, RegistrationRow

CASH_REGISTER_TEMPLATE = 2


@dataclass(frozen=True)
class RegistrationState:
    """Where a seller stands: sent, received, accepted or refused, with the authority's reasons."""

    tax_id: str
    owner_id: UUID
    name: str
    state: str
    code_prefix: str
    reasons: tuple[envelope.Reason, ...]
    changed_at: datetime


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

    Raises: NothingToRegister while one is under way or accepted, SellerOfAnother, TaxIdInvalid.
    """
    tax_id = tax_id_of(form.seller.tax_id)
    row = await _row(db, tax_id, for_update=True)
    if row is not None and row.owner_id != owner_id:
        raise SellerOfAnother(tax_id)
    if row is not None and row.state != "refused":
        raise NothingToRegister(tax_id, row.state)
    header = Header(
        version=rules.phrase("format_version", now.astimezone(VIETNAM).date()),
        sender=sender,
        kind=envelope.REGISTER,
        code=message_code(sender, message_id),
        tax_id=tax_id,
        count=1,
    )
    body = registration_message(header, form, signer, now)
    await _upsert(db, owner_id, tax_id, form.seller.name, "sent", "", message_id, now)
    db.add(
        MessageRow(
            id=message_id,
            owner_id=owner_id,
            code=header.code,
            kind=header.kind,
            tax_id=tax_id,
            body=body,
            due_at=now,
            created_at=now,
        )
    )
    await db.flush()


async def record_registration(
    db: AsyncSession, owner_id: UUID, tax_id: str, name: str, prefix: str, *, now: datetime
) -> None:
    """Take note of a registration accepted elsewhere, with the prefix the authority handed out.

    Raises: SellerOfAnother, CodeInvalid, TaxIdInvalid.
    """
    tax_id = tax_id_of(tax_id)
    code_prefix(CASH_REGISTER_TEMPLATE, now.astimezone(VIETNAM).date(), prefix)
    await _upsert(db, owner_id, tax_id, name, "accepted", prefix, None, now)


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
        reasons=tuple(envelope.Reason(**one) for one in row.reasons),
        changed_at=row.changed_at,
    )


async def accepted_prefix(db: AsyncSession, owner_id: UUID, tax_id: str) -> str:
    """The five characters the authority gave this seller.

    Raises: SellerNotRegistered, SellerOfAnother.
    """
    row = await _row(db, tax_id)
    if row is not None and row.owner_id != owner_id:
        raise SellerOfAnother(tax_id)
    if row is None or row.state != "accepted":
        raise SellerNotRegistered(tax_id)
    return row.code_prefix


async def record_finding(
    db: AsyncSession, message_id: UUID, finding: Finding, now: datetime
) -> None:
    """Move the registration that this message asked for to what the reply says."""
    rows = await db.exec(
        select(RegistrationRow).where(col(RegistrationRow.message_id) == message_id)
    )
    row = rows.one_or_none()
    if row is None or row.state in ("accepted", "refused"):
        return
    if finding.accepted is None:
        row.state = "received" if finding.kind == envelope.REGISTRATION_RECEIVED else row.state
    else:
        row.state = "accepted" if finding.accepted else "refused"
        row.code_prefix = finding.code_prefix if finding.accepted else ""
        row.reasons = [asdict(one) for one in finding.reasons]
    row.changed_at = now
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
) -> None:
    values: dict[str, Any] = {
        "name": name,
        "state": state,
        "code_prefix": prefix,
        "reasons": [],
        "message_id": message_id,
        "changed_at": now,
    }
    statement = (
        insert(RegistrationRow)
        .values(tax_id=tax_id, owner_id=owner_id, **values)
        .on_conflict_do_update(
            index_elements=["tax_id"],
            set_=values,
            where=col(RegistrationRow.owner_id) == owner_id,
        )
        .returning(col(RegistrationRow.tax_id))
    )
    if (await (await db.connection()).execute(statement)).scalar() is None:
        raise SellerOfAnother(tax_id)
