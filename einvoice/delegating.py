"""Who issues for whom: the list of delegations (message 101) and the authority's answer (104). Pure.

Source: Circular 91/2026, Art. 9. The tags are those of QĐ 1510/QĐ-TCT as providers write them; which
table the format 2.1.0 has for them is not settled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from lxml import etree

from einvoice import rules, seal
from einvoice.envelope import (
    DELEGATE,
    DELEGATION_DECIDED,
    Header,
    Message,
    Reason,
    message,
    notice_message,
    read_reasons,
    reason_list,
    whole,
)
from einvoice.errors import DocumentInvalid, FieldInvalid
from einvoice.identifiers import tax_id_of
from einvoice.invoice import VAT_INVOICE
from einvoice.keys import Signer
from einvoice.markup import needed, tag, text_at, text_tag
from einvoice.seal import VIETNAM

CONTRACTS_MAX = 1_000
FORM_TITLE = "Tờ khai đăng ký/thay đổi thông tin ủy nhiệm lập hóa đơn điện tử"


@dataclass(frozen=True, kw_only=True)
class Party:
    """One side of a contract."""

    tax_id: str
    name: str
    address: str


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What a written delegation says. Source: Circular 91/2026, Art. 9."""

    seller: Party
    delegate: Party
    number: str
    signed_on: date
    purpose: str
    payment_form: str
    """How the buyer pays on the invoices."""
    valid_from: date
    valid_to: date
    template: int = 2
    letters: str = "UN"
    """Its own series: the last two of the symbol."""
    symbol: str = ""
    """As the list names it; empty until then."""


@dataclass(frozen=True, kw_only=True)
class Office:
    """Which tax office it goes to, and who may be asked."""

    name: str
    code: str
    contact: str
    place: str


@dataclass(frozen=True)
class DelegationResult:
    """What the authority says of one contract of the list."""

    tax_id: str
    is_accepted: bool
    reasons: tuple[Reason, ...] = ()


def checked(contract: Contract) -> Contract:
    """The contract with its tax ids in their written form. Raises: FieldInvalid, TaxIdInvalid."""
    for side in ("seller", "delegate"):
        party: Party = getattr(contract, side)
        if not (party.name.strip() and party.address.strip()):
            raise FieldInvalid(f"contract.{side}", "name and address must be filled")
        contract = replace(contract, **{side: replace(party, tax_id=tax_id_of(party.tax_id))})  # type: ignore[arg-type]
    for name, length in (("number", 50), ("purpose", 255), ("payment_form", 50)):
        if not 1 <= len(getattr(contract, name).strip()) <= length:
            raise FieldInvalid(f"contract.{name}", f"from 1 to {length} characters")
    if contract.valid_to < contract.valid_from or contract.signed_on > contract.valid_from:
        raise FieldInvalid("contract.valid_from", "signed, begun, ended in this order")
    if contract.seller.tax_id == contract.delegate.tax_id:
        raise FieldInvalid("contract.delegate", "nobody delegates to himself")
    return contract


# ── The list ────────────────────────────────────────────────────────────────────────────────────


def delegations_message(
    header: Header,
    contracts: Sequence[Contract],
    office: Office,
    signer: Signer,
    signed_at: datetime,
) -> bytes:
    """A signed 101 of the party that issues for the others: one list, one party.

    Raises: FieldInvalid, MessageTooLarge.
    """
    assert header.kind == DELEGATE
    if not 1 <= len(contracts) <= CONTRACTS_MAX:
        raise FieldInvalid("contracts", f"from 1 to {CONTRACTS_MAX}")
    day = signed_at.astimezone(VIETNAM).date()
    by = contracts[0].delegate
    assert all(one.delegate == by for one in contracts)
    head = tag(
        "TTChung",
        text_tag("PBan", header.version),
        text_tag("MSo", rules.phrase("form_registration", day)),
        text_tag("Ten", FORM_TITLE),
        text_tag("LDKUNhiem", "2"),
        text_tag("TNNT", by.name),
        text_tag("MST", by.tax_id),
        text_tag("CQTQLy", office.name),
        text_tag("MCQTQLy", office.code),
        text_tag("NLHe", office.contact),
        text_tag("DCLHe", by.address),
        text_tag("DDanh", office.place),
        text_tag("NLap", day.isoformat()),
    )
    rows = (_row(index, one) for index, one in enumerate(contracts, 1))
    body = tag("NDTKhai", tag("DSDKUNhiem", *rows))
    data = tag("DLTKhai", head, body, Id=f"UN{header.code}")
    form = f"<TKhai>{data}<DSCKS/></TKhai>".encode()
    return message(header, seal.sign(form, seal.TAXPAYER, signer, signed_at).decode())


def _row(index: int, one: Contract) -> str:
    title = "Hóa đơn giá trị gia tăng" if one.template == VAT_INVOICE else "Hóa đơn bán hàng"
    return tag(
        "DKUNhiem",
        text_tag("STT", str(index)),
        text_tag("TLHDon", title),
        text_tag("KHMSHDon", str(one.template)),
        text_tag("KHHDon", one.symbol),
        text_tag("MST", one.seller.tax_id),
        text_tag("TTChuc", one.seller.name),
        text_tag("DChi", one.seller.address),
        text_tag("SHDong", one.number),
        text_tag("NHDong", one.signed_on.isoformat()),
        text_tag("MDich", one.purpose),
        text_tag("TNgay", one.valid_from.isoformat()),
        text_tag("DNgay", one.valid_to.isoformat()),
        text_tag("PThuc", one.payment_form),
    )


def contracts_in(request: Message) -> tuple[Contract, ...]:
    """The contracts of a 101. Raises: DocumentInvalid."""
    data = needed(request.data, "TKhai/DLTKhai")
    general = needed(data, "TTChung")
    by = Party(
        tax_id=text_at(general, "MST"),
        name=text_at(general, "TNNT"),
        address=text_at(general, "DCLHe"),
    )
    listed = needed(data, "NDTKhai/DSDKUNhiem").findall("DKUNhiem")
    if not listed:
        raise DocumentInvalid("DSDKUNhiem is empty")
    return tuple(_read(one, by) for one in listed)


def _read(node: etree._Element, by: Party) -> Contract:
    symbol = text_at(node, "KHHDon")
    return Contract(
        seller=Party(
            tax_id=text_at(node, "MST"),
            name=text_at(node, "TTChuc"),
            address=text_at(node, "DChi"),
        ),
        delegate=by,
        number=text_at(node, "SHDong"),
        signed_on=day_of(text_at(node, "NHDong")),
        purpose=text_at(node, "MDich"),
        payment_form=text_at(node, "PThuc"),
        valid_from=day_of(text_at(node, "TNgay")),
        valid_to=day_of(text_at(node, "DNgay")),
        template=whole(text_at(node, "KHMSHDon")),
        letters=symbol[-2:],
        symbol=symbol,
    )


def day_of(text: str) -> date:
    """A date of the format. Raises: DocumentInvalid."""
    try:
        return date.fromisoformat(text if len(text) == 10 else "")
    except ValueError as error:
        raise DocumentInvalid(f"“{text[:40]}” is not a date YYYY-MM-DD") from error


# ── The authority's answer ──────────────────────────────────────────────────────────────────────


def decided_message(
    header: Header,
    contracts: Sequence[Contract],
    results: Sequence[DelegationResult],
    signer: Signer,
    at: datetime,
) -> bytes:
    """A signed 104: of each contract whether it is accepted."""
    assert header.kind == DELEGATION_DECIDED
    day = at.astimezone(VIETNAM).date().isoformat()
    rows = (
        tag(
            "TTUNhiem",
            text_tag("MST", result.tax_id),
            text_tag("TTChuc", contract.seller.name),
            text_tag("NTNhan", day),
            text_tag("KQua", "1" if result.is_accepted else "2"),
            reason_list(result.reasons).replace("DSLDo>", "DSLDKCNhan>"),
        )
        for contract, result in zip(contracts, results, strict=True)
    )
    body = (
        text_tag("MST", header.tax_id),
        text_tag("TNNT", contracts[0].delegate.name if contracts else ""),
        text_tag("LUNhiem", "2"),
        tag("DSTTUNhiem", *rows),
    )
    title = "Thông báo về việc chấp nhận/không chấp nhận ủy nhiệm lập hóa đơn"
    return notice_message(header, "01/TB-ĐKĐT", title, body, signer, at)


def results_in(reply: Message) -> tuple[DelegationResult, ...]:
    """What a 104 says, contract by contract. Raises: DocumentInvalid."""
    listed = needed(reply.data, "TBao/DLTBao/DSTTUNhiem").findall("TTUNhiem")
    return tuple(
        DelegationResult(
            text_at(one, "MST"), text_at(one, "KQua") == "1", read_reasons(one, "MTLoi")
        )
        for one in listed
    )
