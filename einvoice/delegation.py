"""Delegated issuing: contracts kept, listed to the authority (101), in force once it accepts (104).

Source: Circular 91/2026, Art. 9. For households the party that issues files the list. An invoice
under a contract names both parties, follows the seller's VAT method and is signed by the delegate.
"""

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import envelope
from einvoice.delegating import (
    Contract,
    Office,
    Party,
    checked,
    delegations_message,
    results_in,
)
from einvoice.envelope import Reason
from einvoice.errors import DelegationMissing, IdReused, NothingToRegister
from einvoice.findings import Finding
from einvoice.identifiers import series_symbol
from einvoice.invoice import Delegate
from einvoice.keys import Signer
from einvoice.outgoing import header_of, queued
from einvoice.seal import VIETNAM
from einvoice.tables import DelegationRow

APPENDIX = " PL-"
"""Between a contract's number and a till's letters (phụ lục: a contract names its symbols)."""


@dataclass(frozen=True)
class Delegation:
    """A contract and where it stands: draft → sent → accepted or refused; ended."""

    id: UUID
    owner_id: UUID
    delegate_owner_id: UUID
    contract: Contract
    state: str
    reasons: tuple[Reason, ...]

    @property
    def delegate_tax_id(self) -> str:
        """Who issues."""
        return self.contract.delegate.tax_id

    @property
    def is_of_till(self) -> bool:
        """Whether it is the appendix of a contract for the series of one till."""
        return self.contract.number.endswith(f"{APPENDIX}{self.contract.letters}")

    @property
    def delegate(self) -> Delegate:
        """The block of the invoice that names who issues it."""
        by = self.contract.delegate
        return Delegate(tax_id=by.tax_id, name=by.name, address=by.address)


async def agree(
    db: AsyncSession,
    contract_id: UUID,
    contract: Contract,
    *,
    owner_id: UUID,
    delegate_owner_id: UUID,
    now: datetime,
) -> Delegation:
    """Keep a signed contract as a draft; the same again changes nothing.

    Raises: FieldInvalid, TaxIdInvalid, SymbolInvalid, IdReused for another contract under this id.
    """
    contract = checked(contract)
    series_symbol(contract.template, contract.letters, contract.valid_from)
    before = await db.get(DelegationRow, contract_id)
    if before is not None:
        kept = _view(before)
        if kept.contract != replace(contract, symbol=""):
            raise IdReused(contract_id)
        return kept
    row = DelegationRow(
        id=contract_id,
        owner_id=owner_id,
        tax_id=contract.seller.tax_id,
        name=contract.seller.name,
        address=contract.seller.address,
        delegate_owner_id=delegate_owner_id,
        delegate_tax_id=contract.delegate.tax_id,
        delegate_name=contract.delegate.name,
        delegate_address=contract.delegate.address,
        contract_number=contract.number,
        signed_on=contract.signed_on,
        purpose=contract.purpose,
        payment_form=contract.payment_form,
        template=contract.template,
        letters=contract.letters,
        valid_from=contract.valid_from,
        valid_to=contract.valid_to,
        changed_at=now,
    )
    db.add(row)
    await db.flush()
    return _view(row)


async def appendix_for(
    db: AsyncSession, held: Delegation, letters: str, *, new_id: UUID, now: datetime
) -> Delegation:
    """The contract's appendix for the series of one till: a draft at first, listed like a contract.

    A contract names the symbols it is for (Circular 91/2026, Art. 9), and a till without a network
    has letters of its own. Raises: FieldInvalid where the number becomes too long.
    """
    number = f"{held.contract.number}{APPENDIX}{letters}"
    query = select(DelegationRow).where(
        col(DelegationRow.tax_id) == held.contract.seller.tax_id,
        col(DelegationRow.delegate_tax_id) == held.delegate_tax_id,
        col(DelegationRow.contract_number) == number,
    )
    before = (await db.exec(query)).one_or_none()
    if before is not None:
        return _view(before)
    return await agree(
        db,
        new_id,
        replace(held.contract, number=number, letters=letters),
        owner_id=held.owner_id,
        delegate_owner_id=held.delegate_owner_id,
        now=now,
    )


async def file_delegations(
    db: AsyncSession,
    delegate_tax_id: str,
    *,
    office: Office,
    message_id: UUID,
    sender: str,
    signer: Signer,
    now: datetime,
) -> list[UUID]:
    """List every draft and refused contract of this delegate in one pending 101; their ids.

    Raises: NothingToRegister where there is none.
    """
    query = (
        select(DelegationRow)
        .where(
            col(DelegationRow.delegate_tax_id) == delegate_tax_id,
            col(DelegationRow.state).in_(("draft", "refused")),
        )
        .order_by(col(DelegationRow.id))
        .with_for_update()
    )
    rows = list(await db.exec(query.execution_options(populate_existing=True)))
    if not rows:
        raise NothingToRegister(delegate_tax_id, "listed")
    day = now.astimezone(VIETNAM).date()
    listed = [
        replace(_view(one).contract, symbol=series_symbol(one.template, one.letters, day))
        for one in rows
    ]
    header = header_of(envelope.DELEGATE, delegate_tax_id, sender, message_id, now)
    body = delegations_message(header, listed, office, signer, now)
    db.add(queued(header, body, rows[0].delegate_owner_id, now))
    await db.flush()
    for row in rows:
        row.state, row.message_id, row.reasons, row.changed_at = "sent", message_id, [], now
    await db.flush()
    return [one.id for one in rows]


async def record_finding(
    db: AsyncSession, message_id: UUID, finding: Finding, reply: bytes, now: datetime
) -> None:
    """Move the contracts of a list to what the authority says of each."""
    query = select(DelegationRow).where(col(DelegationRow.message_id) == message_id)
    rows = list(await db.exec(query.with_for_update()))
    if finding.kind == envelope.DELEGATION_DECIDED:
        said = {one.tax_id: one for one in results_in(envelope.read_message(reply))}
        for row in rows:
            one = said.get(row.tax_id)
            row.state = "accepted" if one is not None and one.is_accepted else "refused"
            row.reasons = [asdict(reason) for reason in one.reasons] if one else []
            row.changed_at = now
    elif finding.accepted is False:
        for row in rows:
            row.state, row.changed_at = "refused", now
            row.reasons = [asdict(reason) for reason in finding.reasons]
    elif finding.kind == envelope.REGISTRATION_RECEIVED:
        for row in rows:
            row.state, row.changed_at = "received", now
    await db.flush()


async def end_delegation(db: AsyncSession, contract_id: UUID, *, now: datetime) -> None:
    """The contract is over before its time, with its appendices; nothing is issued under it from now on."""
    row = await db.get(DelegationRow, contract_id)
    if row is None:
        return
    query = select(DelegationRow).where(
        col(DelegationRow.tax_id) == row.tax_id,
        col(DelegationRow.delegate_tax_id) == row.delegate_tax_id,
    )
    for one in await db.exec(query.with_for_update().execution_options(populate_existing=True)):
        is_appendix = one.contract_number == f"{row.contract_number}{APPENDIX}{one.letters}"
        if one.id == contract_id or is_appendix:
            one.state, one.changed_at = "ended", now
    await db.flush()


async def in_force(
    db: AsyncSession, tax_id: str, delegate_tax_id: str, template: int, letters: str, on: date
) -> Delegation:
    """The contract by which this party issues this seller's invoices of this series on this day.

    Raises: DelegationMissing.
    """
    query = select(DelegationRow).where(
        col(DelegationRow.tax_id) == tax_id,
        col(DelegationRow.delegate_tax_id) == delegate_tax_id,
        col(DelegationRow.template) == template,
        col(DelegationRow.letters) == letters,
        col(DelegationRow.state) == "accepted",
        col(DelegationRow.valid_from) <= on,
        col(DelegationRow.valid_to) >= on,
    )
    row = (await db.exec(query.limit(1))).first()
    if row is None:
        raise DelegationMissing(tax_id, delegate_tax_id)
    return _view(row)


async def delegations_of(
    db: AsyncSession, owner_id: UUID, *, on: date | None = None
) -> list[Delegation]:
    """Contracts of a seller or of who issues for it, newest first; with `on` those in force that day."""
    query = select(DelegationRow).where(
        or_(
            col(DelegationRow.owner_id) == owner_id,
            col(DelegationRow.delegate_owner_id) == owner_id,
        )
    )
    if on is not None:
        query = query.where(
            col(DelegationRow.state) == "accepted",
            col(DelegationRow.valid_from) <= on,
            col(DelegationRow.valid_to) >= on,
        )
    rows = await db.exec(query.order_by(col(DelegationRow.id).desc()))
    return [_view(row) for row in rows]


def _view(row: DelegationRow) -> Delegation:
    contract = Contract(
        seller=Party(tax_id=row.tax_id, name=row.name, address=row.address),
        delegate=Party(
            tax_id=row.delegate_tax_id, name=row.delegate_name, address=row.delegate_address
        ),
        number=row.contract_number,
        signed_on=row.signed_on,
        purpose=row.purpose,
        payment_form=row.payment_form,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        template=row.template,
        letters=row.letters,
    )
    return Delegation(
        row.id,
        row.owner_id,
        row.delegate_owner_id,
        contract,
        row.state,
        tuple(Reason(**one) for one in row.reasons),
    )
