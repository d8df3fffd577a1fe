"""The authority's other desks, for the simulator and tests: delegations (101), occasions (106),
error notices (300, 303), summary tables (400), and who may sign for whom. Pure.

Reasons: K4xx delegations, K5xx occasions, K6xx summaries; they are ours, as in `checks`.
"""

import re
from collections.abc import Callable
from datetime import date

from lxml import etree

from einvoice import delegating, envelope, kinds, notices, occasions, rules, seal, summaries
from einvoice.delegating import Contract, DelegationResult
from einvoice.envelope import Header, Message, Reason
from einvoice.errors import DelegationMissing, DocumentInvalid, SealInvalid, SymbolInvalid
from einvoice.forms import Form
from einvoice.identifiers import AUTHORITY, message_code, symbol_of
from einvoice.invoice import Invoice
from einvoice.memory import Answer, Known, KnownDelegation, KnownSeller, Office, no_prefix
from einvoice.seal import VIETNAM, Place

FORMS = {
    envelope.CASH_REGISTER_INVOICES: Form.AT_TILL.value,
    envelope.FOR_A_CODE: Form.WITH_CODE.value,
    envelope.FOR_A_CODE_ONCE: Form.WITH_CODE.value,
    envelope.WITHOUT_CODE: Form.WITHOUT_CODE.value,
}
"""Which form of invoice each package is for."""
Desk = Callable[[etree._Element, Message, Known, Office], tuple[tuple[bytes, ...], Answer]]


def answer(
    root: etree._Element,
    request: Message,
    known: Known,
    office: Office,
    received: bytes,
    digest: str,
) -> Answer:
    """What the desk of this kind answers. Never raises for bad input."""
    later, said = HANDLERS[request.header.kind](root, request, known, office)
    return Answer(
        said.immediate or received,
        later,
        request.header.code,
        digest,
        seller=said.seller,
        delegations=said.delegations,
    )


# ── Who may sign ────────────────────────────────────────────────────────────────────────────────


def sealed_for(root: etree._Element, tax_id: str, known: Known, office: Office) -> None:
    """A package is signed by its seller, or by who issues for it now. Raises: SealInvalid."""
    sealed = seal.verify_in(root, seal.MESSAGE)
    today = office.now.astimezone(VIETNAM).date()
    if sealed.tax_id != tax_id and not _between(known, tax_id, sealed.tax_id, today):
        raise SealInvalid("holder", f"the certificate is of {sealed.tax_id or 'nobody'}")


def issuer_of(said: Invoice, seller: KnownSeller, known: Known) -> KnownSeller:
    """Who issues this invoice: the seller, or the delegate it names, if the contract covers it.

    Raises: DelegationMissing.
    """
    if said.delegate is None:
        return seller
    contracts = _between(known, seller.tax_id, said.delegate.tax_id, said.issued_on)
    series = (said.template, said.symbol[-2:])
    issuer = known.seller(said.delegate.tax_id)
    covered = any((one.template, one.letters) == series for one in contracts)
    if not covered or issuer is None or issuer.suspended:
        raise DelegationMissing(seller.tax_id, said.delegate.tax_id)
    return issuer


def _between(known: Known, tax_id: str, delegate: str, on: date) -> list[KnownDelegation]:
    found = known.delegations(tax_id, delegate)
    return [one for one in found if one.valid_from <= on <= one.valid_to]


# ── Delegations ─────────────────────────────────────────────────────────────────────────────────


def _delegations(
    root: etree._Element, request: Message, known: Known, office: Office
) -> tuple[tuple[bytes, ...], Answer]:
    header = request.header
    try:
        _sealed(root, envelope.REGISTRATION_PLACE, header.tax_id)
        contracts = delegating.contracts_in(request)
        reason = _of_delegate(contracts, header.tax_id, known)
    except (SealInvalid, DocumentInvalid) as error:
        contracts, reason = (), Reason("K401", f"Danh sách không hợp lệ: {error}"[:255], "Lập lại.")
    if reason is not None and not contracts:
        return _refused(header, office, reason)
    results = [
        DelegationResult(one.seller.tax_id, not why, why)
        for one in contracts
        for why in [(reason,) if reason else _wrong(one, known)]
    ]
    taken = envelope.registration_received(
        _header(header, envelope.REGISTRATION_RECEIVED, office),
        header.tax_id,
        office.signer,
        office.now,
    )
    decided = delegating.decided_message(
        _header(header, envelope.DELEGATION_DECIDED, office),
        contracts,
        results,
        office.signer,
        office.now,
    )
    accepted = tuple(
        _known(one) for one, result in zip(contracts, results, strict=True) if result.is_accepted
    )
    return (taken, decided), Answer(b"", delegations=accepted)


def _of_delegate(contracts: tuple[Contract, ...], tax_id: str, known: Known) -> Reason | None:
    """Who issues must itself be allowed to. Source: Circular 91/2026, Art. 9."""
    if contracts[0].delegate.tax_id != tax_id:
        return Reason("K402", "Danh sách của người nộp thuế khác.", "Gửi bằng mã số thuế của mình.")
    delegate = known.seller(tax_id)
    if delegate is None or delegate.suspended:
        return Reason("K403", "Bên nhận ủy nhiệm chưa được dùng hóa đơn điện tử.", "Đăng ký trước.")
    return None


def _wrong(one: Contract, known: Known) -> tuple[Reason, ...]:
    seller = known.seller(one.seller.tax_id)
    if seller is not None and seller.suspended:
        return (Reason("K404", "Bên ủy nhiệm đang ngừng sử dụng hóa đơn.", "Liên hệ người bán."),)
    try:
        symbol_of(one.template, one.symbol, one.valid_from)
    except SymbolInvalid as error:
        return (Reason("K405", str(error)[:255], "Kiểm tra mẫu số, ký hiệu."),)
    if not one.number or one.valid_to < one.valid_from:
        return (Reason("K406", "Thiếu số hợp đồng hoặc thời hạn sai.", "Kiểm tra hợp đồng."),)
    return ()


def _known(one: Contract) -> KnownDelegation:
    return KnownDelegation(
        tax_id=one.seller.tax_id,
        name=one.seller.name,
        delegate_tax_id=one.delegate.tax_id,
        template=one.template,
        letters=one.letters,
        valid_from=one.valid_from,
        valid_to=one.valid_to,
    )


# ── Occasions and summaries ─────────────────────────────────────────────────────────────────────


def _occasion(
    root: etree._Element, request: Message, known: Known, office: Office
) -> tuple[tuple[bytes, ...], Answer]:
    header = request.header
    name = ""
    reasons: tuple[Reason, ...] = ()
    seller = known.seller(header.tax_id)
    try:
        _sealed(root, _inside("DNghi", kinds.OCCASION_REQUEST), header.tax_id)
        asked = occasions.occasion_in(request)
        name = asked.seller.name
    except (SealInvalid, DocumentInvalid) as error:
        reasons = (Reason("K501", f"Đơn không hợp lệ: {error}"[:255], "Lập lại đơn."),)
    if not reasons and seller is None:
        form = (Form.WITH_CODE.value,)
        seller = KnownSeller(header.tax_id, name, no_prefix(header.tax_id), forms=form)
    reply = occasions.occasion_answer(
        _header(header, envelope.OCCASION_ANSWERED, office),
        name,
        reasons,
        office.signer,
        office.now,
    )
    return (reply,), Answer(b"", seller=None if reasons else seller)


def _summary(
    root: etree._Element, request: Message, known: Known, office: Office
) -> tuple[tuple[bytes, ...], Answer]:
    header = request.header
    seller = known.seller(header.tax_id)
    reasons: tuple[Reason, ...] = ()
    try:
        for one in request.data:
            sealed = seal.verify_at(one, kinds.SUMMARY, seal.ids(one))
            if sealed.tax_id != header.tax_id:
                raise SealInvalid("holder", f"the certificate is of {sealed.tax_id or 'nobody'}")
        reasons = _wrong_tables(summaries.summaries_in(request), seller, header)
    except (SealInvalid, DocumentInvalid) as error:
        reasons = (Reason("K601", f"Bảng tổng hợp không hợp lệ: {error}"[:255], "Lập lại."),)
    verdict = envelope.check_result(
        _header(header, envelope.CHECK_RESULT, office),
        header.tax_id,
        seller.name if seller else "",
        envelope.SUMMARY_INVALID if reasons else envelope.VALID,
        reasons,
        office.signer,
        office.now,
    )
    return (verdict,), Answer(b"")


def _wrong_tables(
    tables: tuple[summaries.Summary, ...], seller: KnownSeller | None, header: Header
) -> tuple[Reason, ...]:
    if seller is None or seller.suspended:
        return (Reason("K602", "Người bán chưa đăng ký hóa đơn điện tử.", "Đăng ký trước."),)
    wrong = []
    for one in tables:
        if one.tax_id != header.tax_id:
            wrong.append(Reason("K603", "Bảng của người nộp thuế khác.", "Tách theo từng người."))
        if any(not line.symbol.startswith("K") for line in one.lines):
            wrong.append(
                Reason("K604", "Chỉ tổng hợp hóa đơn không có mã.", "Bỏ các hóa đơn có mã.")
            )
    return tuple(dict.fromkeys(wrong))


# ── Error notices ───────────────────────────────────────────────────────────────────────────────


def _error_notice(
    root: etree._Element, request: Message, known: Known, office: Office
) -> tuple[tuple[bytes, ...], Answer]:
    header = request.header
    try:
        _sealed(root, _inside("TBao", kinds.ERROR_NOTICE), header.tax_id)
        asked = notices.read_error_notice(request)
    except (SealInvalid, DocumentInvalid) as error:
        reason = Reason("K008", f"Thông báo sai sót không hợp lệ: {error}"[:255], "Lập lại.")
        return _refused(header, office, reason)
    results = [_notice_result(one, asked.tax_id, known) for one in asked.invoices]
    reply_header = _header(header, notices.RESULT, office)
    reply = notices.result_message(reply_header, asked, results, office.signer, office.now)
    return (reply,), Answer(b"")


def _notice_result(one: notices.WrongInvoice, tax_id: str, known: Known) -> notices.NoticeResult:
    reasons = []
    named = (one.template, one.symbol, one.number)
    if one.kind is notices.NoticeKind.CANCELS:
        reasons.append(Reason("K301", "Không còn hình thức hủy hóa đơn.", "Điều chỉnh, thay thế."))
    if not re.fullmatch(r"[0-9]{1,2}/[0-9]{1,8}", f"{one.template}/{one.number}") or (
        known.invoice((tax_id, int(one.template), one.symbol, int(one.number))) is None
    ):
        reasons.append(Reason("K302", "Hóa đơn này không có ở cơ quan thuế.", "Kiểm tra số."))
    return notices.NoticeResult(*named, not reasons, tuple(reasons))


# ── Inside ──────────────────────────────────────────────────────────────────────────────────────


def _inside(payload: str, place: Place) -> Place:
    return Place(
        f"DLieu/{payload}/{place.holder}", tuple(f"DLieu/{payload}/{d}" for d in place.data)
    )


def _refused(header: Header, office: Office, reason: Reason) -> tuple[tuple[bytes, ...], Answer]:
    """A technical refusal instead of the receipt."""
    reply_header = _header(header, envelope.TECHNICAL, office)
    refusal = envelope.technical_reply(reply_header, header, office.now, (reason,))
    return (), Answer(refusal)


def _sealed(root: etree._Element, place: Place, tax_id: str) -> None:
    sealed = seal.verify_in(root, place)
    if sealed.tax_id != tax_id:
        raise SealInvalid("holder", f"the certificate is of {sealed.tax_id or 'nobody'}")


def _header(request: Header, kind: int, office: Office) -> Header:
    return Header(
        version=rules.phrase("format_version", office.now.astimezone(VIETNAM).date()),
        sender=AUTHORITY,
        receiver=request.sender,
        kind=kind,
        code=message_code(AUTHORITY, office.new_id()),
        refers_to=request.code,
        tax_id=request.tax_id,
        count=request.count,
    )


HANDLERS: dict[int, Desk] = {
    envelope.DELEGATE: _delegations,
    envelope.OCCASION: _occasion,
    envelope.SUMMARY: _summary,
    notices.ERROR: _error_notice,
    notices.ERROR_AT_TILL: _error_notice,
}
