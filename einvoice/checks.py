"""What a tax authority checks in a message, for the simulator and for tests. Pure.

Registrations (100), invoices for a code (200, 201), without code (203), of cash registers (206); `desk` has
the others (101, 106, 300, 303, 400).

The authority's own error codes are not published; these are ours: K0xx the message, K1xx the
invoice, K2xx the registration. A 204 on a package does not name the faulty invoice, as the real one
does not.
"""

import hashlib
import re
from dataclasses import replace
from datetime import date

from lxml import etree

from einvoice import desk, document, envelope, rules, seal, validity
from einvoice import related_checks as related
from einvoice.deadlines import Event, deadline
from einvoice.envelope import Header, Message, Reason
from einvoice.errors import (
    CodeInvalid,
    DelegationMissing,
    DocumentInvalid,
    EInvoiceError,
    FieldInvalid,
    RuleUnknown,
    SealInvalid,
    SymbolInvalid,
    TaxIdInvalid,
    TotalsWrong,
)
from einvoice.forms import forms_of
from einvoice.identifiers import (
    AUTHORITY,
    ONCE,
    checked_code,
    checked_message_code,
    message_code,
    prefix_in,
)
from einvoice.invoice import Invoice
from einvoice.markup import canonical, parsed
from einvoice.memory import (
    Answer,
    Known,
    KnownInvoice,
    KnownSeller,
    Office,
    no_prefix,
)
from einvoice.seal import VIETNAM, Sealed


def check_message(body: bytes, known: Known, office: Office) -> Answer:
    """Read a message as the authority would and say what it answers. Never raises for bad input."""
    try:
        root = parsed(body)
        request = envelope.message_of(root)
    except DocumentInvalid as error:
        malformed = Reason("K001", error.why, "Kiểm tra cấu trúc XML rồi gửi lại.")
        return Answer(_technical(None, office, (malformed,)))
    header = request.header
    digest = hashlib.sha256(body).hexdigest()
    reasons = _header_reasons(request, office)
    before = None if reasons else known.answer_to(header.code)
    if before is not None:
        return _repeated(header, before, digest, office)
    if reasons:
        return Answer(_technical(header, office, reasons))
    received = _technical(header, office, ())
    if header.kind == envelope.REGISTER:
        return _registration(root, request, known, office, received, digest)
    if header.kind in desk.HANDLERS:
        return desk.answer(root, request, known, office, received, digest)
    return _package(root, request, known, office, received, digest)


def _repeated(
    header: Header, before: tuple[str, tuple[bytes, ...]], digest: str, office: Office
) -> Answer:
    first_digest, replies = before
    if first_digest == digest:
        return Answer(replies[0], replies[1:], header.code, digest, is_repeat=True)
    reason = Reason("K002", "Mã thông điệp đã dùng cho nội dung khác.", "Gửi lại với mã mới.")
    return Answer(_technical(header, office, (reason,)), is_repeat=True)


AT_TILL_WITHOUT_CODE = 216
"""Of sellers who need no code; known by name only. No seller of this office is one."""
_HANDLED = {
    *(envelope.REGISTER, envelope.FOR_A_CODE, envelope.FOR_A_CODE_ONCE, envelope.WITHOUT_CODE),
    envelope.CASH_REGISTER_INVOICES,
    *desk.HANDLERS,
}


def _header_reasons(request: Message, office: Office) -> tuple[Reason, ...]:
    header = request.header
    wrong = []
    if header.version != rules.phrase("format_version", office.now.astimezone(VIETNAM).date()):
        wrong.append(Reason("K003", f"Phiên bản {header.version[:6]} không được hỗ trợ."))
    if header.kind == AT_TILL_WITHOUT_CODE:
        why = "Hộ kinh doanh dùng hóa đơn có mã (Nghị định 254/2026, Điều 6.1.d)."
        wrong.append(Reason("K010", why, "Gửi thông điệp 206."))
    elif header.kind not in _HANDLED:
        wrong.append(Reason("K004", f"Loại thông điệp {header.kind} không được hỗ trợ."))
    try:
        checked_message_code(header.code)
    except CodeInvalid:
        wrong.append(Reason("K005", "Mã thông điệp sai định dạng."))
    if not header.code.startswith(header.sender) or header.receiver != AUTHORITY:
        wrong.append(Reason("K006", "Nơi gửi hoặc nơi nhận không đúng."))
    if header.count != len(request.data):
        wrong.append(Reason("K007", "Số lượng không khớp với dữ liệu."))
    return tuple(wrong)


def _technical(request: Header | None, office: Office, reasons: tuple[Reason, ...]) -> bytes:
    header = _reply_header(request, envelope.TECHNICAL, office)
    return envelope.technical_reply(header, request, office.now, reasons)


def _reply_header(request: Header | None, kind: int, office: Office) -> Header:
    return Header(
        version=rules.phrase("format_version", office.now.astimezone(VIETNAM).date()),
        sender=AUTHORITY,
        receiver=request.sender if request else "",
        kind=kind,
        code=message_code(AUTHORITY, office.new_id()),
        refers_to=request.code if request else "",
        tax_id=request.tax_id if request else "",
        count=request.count if request else 0,
    )


# ── Registration ────────────────────────────────────────────────────────────────────────────────


def _registration(
    root: etree._Element,
    request: Message,
    known: Known,
    office: Office,
    received: bytes,
    digest: str,
) -> Answer:
    header = request.header
    reasons: tuple[Reason, ...] = ()
    name, tax_id = "", header.tax_id
    try:
        _sealed(root, envelope.REGISTRATION_PLACE, header.tax_id)
        tax_id, name = envelope.holder_fields(request)
        if tax_id != header.tax_id:
            reasons = (Reason("K201", "Mã số thuế trên tờ khai khác mã số thuế gửi."),)
    except (SealInvalid, DocumentInvalid) as error:
        reasons = (Reason("K202", f"Chữ ký số trên tờ khai không hợp lệ: {error}"),)
    seller = None
    if not reasons:
        before = known.seller(tax_id)
        has_prefix = before is not None and before.code_prefix != no_prefix(tax_id)
        prefix = before.code_prefix if before and has_prefix else known.fresh_prefix(tax_id)
        asked = tuple(sorted(one.value for one in forms_of(request)))
        seller = KnownSeller(tax_id, name, prefix, before.suspended if before else False, asked)
    taken = envelope.registration_received(
        _reply_header(header, envelope.REGISTRATION_RECEIVED, office),
        tax_id,
        office.signer,
        office.now,
    )
    decided = envelope.registration_decided(
        _reply_header(header, envelope.REGISTRATION_DECIDED, office),
        tax_id,
        seller.code_prefix if seller else "",
        reasons,
        office.signer,
        office.now,
    )
    return Answer(received, (taken, decided), header.code, digest, seller=seller)


# ── Cash-register packages ──────────────────────────────────────────────────────────────────────


def _package(
    root: etree._Element,
    request: Message,
    known: Known,
    office: Office,
    received: bytes,
    digest: str,
) -> Answer:
    header = request.header
    seller = known.seller(header.tax_id)
    invoices: list[KnownInvoice] = []
    result, reasons = _package_reasons(root, header, seller, known, office)
    if not reasons:
        assert seller is not None
        result, reasons, invoices = _invoices(request, seller, known, office)
    if header.kind in _FOR_A_CODE and not reasons:
        return _with_code(request, invoices, office, received, digest)
    verdict = envelope.check_result(
        _reply_header(header, envelope.CHECK_RESULT, office),
        header.tax_id,
        seller.name if seller else "",
        result,
        reasons,
        office.signer,
        office.now,
    )
    accepted = () if reasons else tuple(invoices)
    return Answer(received, (verdict,), header.code, digest, invoices=accepted)


_FOR_A_CODE = (envelope.FOR_A_CODE, envelope.FOR_A_CODE_ONCE)
_REFUSED = {
    envelope.FOR_A_CODE: envelope.NO_CODE,
    envelope.FOR_A_CODE_ONCE: envelope.NO_CODE,
    envelope.WITHOUT_CODE: envelope.SOME_INVALID,
    envelope.CASH_REGISTER_INVOICES: envelope.CASH_REGISTER_INVALID,
}


def _with_code(
    request: Message, invoices: list[KnownInvoice], office: Office, received: bytes, digest: str
) -> Answer:
    """The code is made from a fresh id: 34 hexadecimal digits."""
    header = request.header
    code = f"00{office.new_id().hex.upper()}"
    sent = etree.tostring(request.data[0], with_tail=False, encoding="unicode").encode()
    reply = envelope.coded_message(
        _reply_header(header, envelope.WITH_CODE, office), sent, code, office.signer, office.now
    )
    coded = tuple(replace(one, code=code) for one in invoices)
    return Answer(received, (reply,), header.code, digest, invoices=coded)


def _package_reasons(
    root: etree._Element, header: Header, seller: KnownSeller | None, known: Known, office: Office
) -> tuple[int, tuple[Reason, ...]]:
    try:
        if header.kind == envelope.CASH_REGISTER_INVOICES:
            desk.sealed_for(root, header.tax_id, known, office)
    except (SealInvalid, DocumentInvalid) as error:
        reason = Reason("K008", f"Chữ ký số không hợp lệ: {error}", "Ký lại bằng đúng chứng thư.")
        return envelope.OTHER, (reason,)
    refused = _REFUSED[header.kind]
    if seller is None:
        reason = Reason("K101", "Người bán chưa đăng ký hóa đơn điện tử.", "Đăng ký trước.")
        return refused, (reason,)
    if seller.suspended:
        reason = Reason("K102", "Người bán đang ngừng sử dụng hóa đơn.", "Liên hệ cơ quan thuế.")
        return refused, (reason,)
    if seller.forms and desk.FORMS[header.kind] not in seller.forms:
        reason = Reason("K103", "Chưa đăng ký hình thức hóa đơn này.", "Đăng ký thay đổi trước.")
        return refused, (reason,)
    return envelope.VALID, ()


def _invoices(
    request: Message, seller: KnownSeller, known: Known, office: Office
) -> tuple[int, tuple[Reason, ...], list[KnownInvoice]]:
    kind = request.header.kind
    refused = _REFUSED[kind]
    reasons: list[Reason] = []
    found: list[KnownInvoice] = []
    try:
        elements = envelope.invoices_in(request)
    except DocumentInvalid as error:
        return refused, (Reason("K009", error.why),), []
    for element in elements:
        try:
            said = document.invoice_of(element)
            validity.check(said)
            data = element.find("DLHDon")
            assert data is not None
            one = _known_invoice(said, data, office, kind)
            if kind != envelope.CASH_REGISTER_INVOICES:
                _sealed_invoice(element, said)
            _check_invoice(said, one, seller, known, found, office, kind)
            found.append(one)
        except EInvoiceError as error:
            reasons.append(reason_for(error))
    result = refused if reasons else envelope.VALID
    return result, tuple(dict.fromkeys(reasons)), found


def _known_invoice(said: Invoice, data: etree._Element, office: Office, kind: int) -> KnownInvoice:
    corrects = method = None
    beside = related.beside(said)
    wrong = said.related
    if wrong is not None:
        if not re.fullmatch(r"[0-9]{1,2}/[0-9]{1,8}", f"{wrong.template}/{wrong.number}"):
            raise FieldInvalid("related", "the related invoice is not named")
        corrects = (said.seller.tax_id, int(wrong.template), wrong.symbol, int(wrong.number))
        method = wrong.method
    return KnownInvoice(
        key=(said.seller.tax_id, said.template, said.symbol, said.number),
        digest=hashlib.sha256(canonical(data)).hexdigest(),
        code=said.code,
        payable_vnd=said.totals.payable_vnd,
        corrects=corrects,
        beside=beside,
        method=method,
        is_late=_is_late(said.issued_on, kind, office),
    )


_SENT_BY = {
    envelope.CASH_REGISTER_INVOICES: Event.SOLD_AT_CASH_REGISTER,
    envelope.WITHOUT_CODE: Event.ISSUED_WITHOUT_CODE,
}


def _is_late(issued_on: date, kind: int, office: Office) -> bool:
    """A till's data are due the same day, others the next working day. Decree 254/2026, Art. 15.3, 16.3."""
    try:
        due = deadline(_SENT_BY.get(kind, Event.ISSUED), issued_on)
    except RuleUnknown:
        return issued_on < office.now.astimezone(VIETNAM).date()
    return due.is_late(office.now)


def _check_invoice(
    said: Invoice,
    one: KnownInvoice,
    seller: KnownSeller,
    known: Known,
    beside: list[KnownInvoice],
    office: Office,
    kind: int,
) -> None:
    if said.seller.tax_id != seller.tax_id:
        raise FieldInvalid("seller.tax_id", "another seller's invoice is in the package")
    at_till = kind == envelope.CASH_REGISTER_INVOICES
    goes = (
        said.is_cash_register == at_till
        and said.symbol.startswith("K") == (kind == envelope.WITHOUT_CODE)
        and (said.symbol[3:4] == ONCE) == (kind == envelope.FOR_A_CODE_ONCE)
    )
    if not goes:
        raise SymbolInvalid(said.template, said.symbol, "does not go with this kind of message")
    if said.issued_on > office.now.astimezone(VIETNAM).date():
        raise FieldInvalid("issued_on", "it is in the future")
    if bool(said.code) != at_till:
        raise CodeInvalid("code of this kind of invoice", said.code)
    holder = desk.issuer_of(said, seller, known)
    if at_till and prefix_in(checked_code(said.code)) != holder.code_prefix:
        raise CodeInvalid("code of this seller", said.code)
    before = known.invoice(one.key)
    if before is not None and before.digest != one.digest:
        raise FieldInvalid("number", "the number was used for another invoice")
    if any(other.key == one.key or (one.code and other.code == one.code) for other in beside):
        raise FieldInvalid("number", "number or code stands twice in the package")
    if one.code and known.holder_of_code(one.code) not in (None, one.key):
        raise CodeInvalid("fresh code", said.code)
    related.check(one, known, beside)


def _sealed_invoice(element: etree._Element, said: Invoice) -> None:
    """An ordinary invoice is signed by its seller, or by the delegate it names."""
    sealed = seal.verify_at(element, seal.SELLER, seal.ids(element))
    right = said.delegate.tax_id if said.delegate else said.seller.tax_id
    if sealed.tax_id != right:
        raise SealInvalid("holder", f"the certificate is of {sealed.tax_id or 'nobody'}")


def _sealed(root: etree._Element, place: seal.Place, tax_id: str) -> Sealed:
    sealed = seal.verify_in(root, place)
    if sealed.tax_id != tax_id:
        raise SealInvalid("holder", f"the certificate is of {sealed.tax_id or 'nobody'}")
    return sealed


def reason_for(error: EInvoiceError) -> Reason:
    """Our error as the authority's reason."""
    codes: dict[type[EInvoiceError], tuple[str, str]] = {
        SymbolInvalid: ("K110", "Kiểm tra mẫu số, ký hiệu."),
        CodeInvalid: ("K111", "Kiểm tra mã cơ quan thuế."),
        TaxIdInvalid: ("K112", "Kiểm tra mã số thuế."),
        TotalsWrong: ("K113", "Kiểm tra số tiền và số tiền bằng chữ."),
        FieldInvalid: ("K114", "Kiểm tra nội dung hóa đơn."),
        DocumentInvalid: ("K115", "Kiểm tra cấu trúc hóa đơn."),
        SealInvalid: ("K116", "Ký lại hóa đơn bằng đúng chứng thư."),
        DelegationMissing: ("K117", "Đăng ký ủy nhiệm trước khi lập hóa đơn thay."),
    }
    code, remedy = codes.get(type(error), ("K199", "Kiểm tra lại hóa đơn."))
    return Reason(code, str(error)[:255], remedy)
