"""Stands at work: what is printed on one, and whether the code on the table is still ours."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from market import ids, people, places, stands
from market.errors import NotFound
from market.flows import delegation
from market.stands import StandSheet
from market.tables import PayeeAccountRow
from payments import banks, qr
from payments.qr_errors import QRError


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whose account a code leads to."""

    holder_name: str
    bank_name: str
    account_last4: str


@dataclass(frozen=True, slots=True)
class StandCheck:
    """What scanning the code on the table said."""

    result: str
    """“same”, “other” or “unreadable”."""
    serial: str
    registered: Receiver
    is_registered: bool = False
    """The very code we printed, so that its money is recognised."""
    found: Receiver | None = None
    bank_bin: str = ""
    account_no: str = ""
    """Of another's code: to ask the bank whose it is."""


async def sheet_of(db: AsyncSession, stall_id: UUID) -> StandSheet:
    """What is printed for a stall's code.

    Raises: NotFound where it has none, or the viewer may not see it.
    """
    stall = await places.stall(db, stall_id)
    hall = await places.hall(db, stall.hall_id)
    stand = await stands.stand_in_use(db, stall_id)
    account = await db.get(PayeeAccountRow, stand.payee_account_id) if stand else None
    if stand is None or account is None:
        raise NotFound("stand", stall_id)
    names = await people.vendor_names(db, [stall.vendor_id])
    return StandSheet(
        qr_text=stand.qr_text,
        serial=stand.serial,
        hall_name=hall.name,
        stall_code=stall.code,
        vendor_name=names.get(account.vendor_id, account.holder_name),
        holder_name=account.holder_name,
        bank_name=banks.bank(account.bank_bin).short_name,
        account_last4=account.account_no[-4:],
        colour=places.hall_colour(hall.id),
    )


async def with_issuer(db: AsyncSession, sheet: StandSheet, stall_id: UUID, on: date) -> StandSheet:
    """The sheet with who issues for this stall by contract (Circular 91/2026, Art. 9); as the system."""
    stall = await places.stall(db, stall_id)
    if stall.vendor_id is None:
        return sheet
    held = await delegation.standing_at(db, stall.vendor_id, on)
    if not held:
        return sheet
    contract = held[0].contract
    first, last = (one.strftime("%d/%m/%Y") for one in (contract.valid_from, contract.valid_to))
    return replace(
        sheet,
        issued_by=(
            f"Hóa đơn do {contract.delegate.name} (mã số thuế {contract.delegate.tax_id}) lập thay,",
            f"theo hợp đồng ủy nhiệm số {contract.number}, từ {first} đến {last}.",
        ),
    )


async def check_stand(
    db: AsyncSession, stall_id: UUID, qr_text: str, checked_by: UUID, *, now: datetime
) -> StandCheck:
    """Compare a scanned code with the registered one, and record that somebody looked.

    Raises: NotFound where the stall has no code.
    """
    stand = await stands.stand_in_use(db, stall_id)
    account = await db.get(PayeeAccountRow, stand.payee_account_id) if stand else None
    if stand is None or account is None:
        raise NotFound("stand", stall_id)
    registered = Receiver(
        account.holder_name, banks.bank(account.bank_bin).short_name, account.account_no[-4:]
    )
    found = judge_scan(
        qr_text, stand.serial, registered, account.bank_bin, account.account_no, stand.memo
    )
    await stands.record_check(db, ids.new(), stand.id, checked_by, found.result, now=now)
    return found


def judge_scan(
    qr_text: str, serial: str, registered: Receiver, bank_bin: str, account_no: str, memo: str
) -> StandCheck:
    """Same where bank and account are ours; decided from texts alone. Pure."""
    try:
        payload = qr.read(qr_text)
    except QRError:
        return StandCheck("unreadable", serial, registered)
    if (payload.bank_bin, payload.account_no) == (bank_bin, account_no):
        return StandCheck("same", serial, registered, is_registered=payload.memo == memo)
    if not payload.account_no:
        return StandCheck("other", serial, registered)
    known = banks.is_known(payload.bank_bin)
    found = Receiver(
        payload.merchant_name,
        banks.bank(payload.bank_bin).short_name if known else payload.bank_bin,
        payload.account_no[-4:],
    )
    return StandCheck(
        "other", serial, registered, found=found, bank_bin=payload.bank_bin,
        account_no=payload.account_no,
    )  # fmt: skip
