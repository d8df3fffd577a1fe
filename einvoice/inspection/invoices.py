"""One invoice (HDon): structure, names and numbers, parties, dates, correction, lookup code, signatures."""

import re
from dataclasses import dataclass, field
from datetime import date, datetime

from lxml import etree

from einvoice import deadlines, instruments, layout, qr, rules, seal
from einvoice.document import number_text
from einvoice.errors import DocumentInvalid, RuleUnknown, SymbolInvalid
from einvoice.identifiers import NUMBER_MAX, symbol_of, undashed
from einvoice.inspection import corrections, money, parties, signatures, structure
from einvoice.inspection.reading import day, number, number_of, said, whole
from einvoice.inspection.report import Sheet
from einvoice.inspection.signatures import NOBODY, Trust
from einvoice.seal import VIETNAM, Place, Sealed
from einvoice.sentences import say

_CODE = re.compile(r"M([1-9])-([0-9]{2})-[A-Z0-9]{5}-[0-9]{11}")
_ORDINARY_CODE = re.compile(r"[0-9A-Z]{34}")
PARTS = {"DLHDon", "DLQRCode", "MCCQT", "DSCKS"}
_BROKEN = {"checksum": "số kiểm tra CRC sai", "length": "độ dài một trường sai", "twice": "một trường đứng hai lần",
           "not an invoice": "không phải mã tra cứu hóa đơn"}  # fmt: skip
VERSION = re.compile(r"2\.[0-9]\.[0-9]")
OTHERS = Place("DSCKS/CCKSKhac", ())


@dataclass
class Setting:
    """What is known around an invoice."""

    now: datetime | None = None
    trust: Trust = NOBODY
    message_kind: int = 0
    """The message it travels in; 0 for an invoice alone."""
    by_id: dict[str, etree._Element] | None = None
    known_signatures: set[etree._Element] = field(default_factory=set)


@dataclass(frozen=True)
class _Head:
    """What the rest hangs on."""

    template: str
    symbol: str
    issued_on: date | None
    code: str

    @property
    def at_till(self) -> bool:
        return self.symbol[3:4].upper() == "M"

    @property
    def is_coded(self) -> bool:
        return self.symbol[:1].upper() == "C"

    @property
    def is_note(self) -> bool:
        """Delivery and consignment notes, commercial invoices: their tables are not known to us."""
        return self.template in {"6", "7"}


def check(sheet: Sheet, root: etree._Element, setting: Setting) -> None:
    """Check an HDon element."""
    data = root.find("DLHDon")
    general, content = _find(data, "TTChung"), _find(data, "NDHDon")
    head = _Head(said(general, "KHMSHDon"), said(general, "KHHDon"), day(general, "NLap"),
                 said(root, "MCCQT"))  # fmt: skip
    is_vat = _is_vat(head, content)
    wanted = {(True, True): layout.VAT_AT_TILL, (True, False): layout.SALES_AT_TILL,
              (False, True): layout.VAT, (False, False): layout.SALES}[head.at_till, is_vat]  # fmt: skip
    structure.check(sheet, root, "HDon", wanted, soften=head.is_note)
    _facts(sheet, root, general, content)
    if general is None or content is None:
        return
    _names(sheet, general, head, setting)
    _code(sheet, root, head, setting)
    parties.check(sheet, general, content, head.issued_on)
    parties.household(sheet, content, head.template, head.symbol)
    if not head.is_note:
        money.check(sheet, content, general, is_vat=is_vat)
    corrections.check(sheet, general, head.at_till)
    _lookup(sheet, root, general, content)
    _basis(sheet, root, head)
    _seals(sheet, root, general, content, head, setting)


def _find(node: etree._Element | None, name: str) -> etree._Element | None:
    return None if node is None else node.find(name)


def _is_vat(head: _Head, content: etree._Element | None) -> bool:
    if head.template in {"1", "8"} or head.symbol[3:4] == "G":
        return True
    if head.template == "5":
        return content is not None and content.find("TToan/THTTLTSuat") is not None
    return False


def _facts(
    sheet: Sheet,
    root: etree._Element,
    general: etree._Element | None,
    content: etree._Element | None,
) -> None:
    sheet.facts.update(
        {
            "title": said(general, "THDon"),
            "symbol": said(general, "KHMSHDon") + said(general, "KHHDon"),
            "number": said(general, "SHDon"),
            "issued_on": said(general, "NLap"),
            "seller": said(content, "NBan/Ten"),
            "seller_tax_id": said(content, "NBan/MST"),
            "buyer": said(content, "NMua/Ten") or said(content, "NMua/HVTNMHang"),
            "buyer_tax_id": said(content, "NMua/MST"),
            "payable": said(content, "TToan/TgTTTBSo"),
            "currency": said(general, "DVTTe") or "VND",
            "code": said(root, "MCCQT"),
        }
    )


# ── Names and numbers ───────────────────────────────────────────────────────────────────────────


def _names(sheet: Sheet, general: etree._Element, head: _Head, setting: Setting) -> None:
    _version(sheet, general, head)
    _title(sheet, general, head)
    _symbol(sheet, head)
    number_text = said(general, "SHDon")
    if number_text and not 1 <= (whole(number_text) or 0) <= NUMBER_MAX:
        sheet.wrong("name.number", say("Số hóa đơn “{}” không từ 1 đến 99999999.", number_text[:20]),
                    "TTChung/SHDon", "", "D254 Phụ lục mục 2")  # fmt: skip
    elif number_text.startswith("0"):
        sheet.note("name.number_padded", "Số hóa đơn trong XML có số 0 ở đầu.", "TTChung/SHDon")
    today = setting.now.astimezone(VIETNAM).date() if setting.now else None
    if head.issued_on is not None and today is not None and head.issued_on > today:
        sheet.wrong("name.date_future", say("Ngày lập {:%d/%m/%Y} ở tương lai.", head.issued_on),
                    "TTChung/NLap", "", "D254 Điều 9")  # fmt: skip


def _version(sheet: Sheet, general: etree._Element, head: _Head) -> None:
    told = said(general, "PBan")
    if told and not VERSION.fullmatch(told):
        sheet.wrong(
            "name.version", say("Phiên bản “{}” không tồn tại.", told), "TTChung/PBan", "", "F1306"
        )
        return
    if head.issued_on is None or not rules.holds("format_version", head.issued_on):
        return
    right = rules.phrase("format_version", head.issued_on)
    if told and told != right:
        sheet.doubt("name.version", say("Phiên bản {}, ngày lập này dùng {}.", told, right), "TTChung/PBan",
                    source="F1306")  # fmt: skip


def _title(sheet: Sheet, general: etree._Element, head: _Head) -> None:
    """A template 1 or 2 under the title of the other."""
    told = said(general, "THDon").casefold()
    is_vat, is_sales = "giá trị gia tăng" in told or "gtgt" in told, "bán hàng" in told
    if (head.template == "1" and is_sales and not is_vat) or (head.template == "2" and is_vat):
        sheet.doubt("name.title", say("Tên “{}” không hợp với mẫu số "
                    "{}.", said(general, "THDon")[:80], head.template), "TTChung/THDon", source="C91 Phụ lục I")  # fmt: skip


def _symbol(sheet: Sheet, head: _Head) -> None:
    template = whole(head.template)
    if template is None or not (head.symbol and head.issued_on):
        return
    try:
        symbol = symbol_of(template, head.symbol, head.issued_on)
    except SymbolInvalid as error:
        sheet.wrong("name.symbol", say("Ký hiệu {}{} sai: {}.", head.template, head.symbol, _why(error)),
                    "TTChung/KHHDon", "", "C91 Phụ lục I")  # fmt: skip
        return
    if rules.holds("symbol_kinds", head.issued_on) and symbol.kind not in rules.phrase(
        "symbol_kinds", head.issued_on
    ):
        sheet.wrong("name.symbol", say("Chữ {} trong ký hiệu chưa được dùng vào ngày "
                    "{:%d/%m/%Y}.", symbol.kind, head.issued_on), "TTChung/KHHDon", "", "C91 Phụ lục I")  # fmt: skip
        return
    sheet.right("name.symbol", say("Mẫu số {}, ký hiệu {} khớp nhau và khớp năm.", head.template, head.symbol),
                source="C91 Phụ lục I")  # fmt: skip


def _why(error: SymbolInvalid) -> str:
    if "the year is" in error.why:
        return "hai số năm khác năm của ngày lập"
    if "does not go" in error.why:
        return "loại hóa đơn trong ký hiệu không đi với mẫu số này"
    return "không theo dạng C/K + năm + loại + hai chữ"


def _code(sheet: Sheet, root: etree._Element, head: _Head, setting: Setting) -> None:
    code, where = head.code, "HDon/MCCQT"
    if not code:
        if head.is_coded and setting.message_kind not in (200, 201):
            sheet.wrong("code.missing", "Hóa đơn có mã nhưng chưa có mã của cơ quan thuế.", where,
                        "Gửi cơ quan thuế cấp mã trước khi giao cho người mua.", "D254 Điều 15.3")  # fmt: skip
        return
    if not head.is_coded and head.symbol:
        sheet.wrong("code.unexpected", "Ký hiệu K (không mã) nhưng hóa đơn lại có mã.", where, "",
                    "C91 Phụ lục I")  # fmt: skip
        return
    till = _CODE.fullmatch(code)
    if head.at_till != bool(till) or not (till or _ORDINARY_CODE.fullmatch(code)):
        right = "M + mẫu số + năm + 5 ký tự + 11 số (23 ký tự)" if head.at_till else "34 ký tự"
        sheet.wrong("code.form", say("Mã của cơ quan thuế “{}” không có dạng {}.", code[:40], right), where, "",
                    "F1510")  # fmt: skip
        return
    if (
        till
        and head.issued_on
        and (till[1], int(till[2])) != (head.template, head.issued_on.year % 100)
    ):
        sheet.wrong("code.fit", "Mã của cơ quan thuế không khớp mẫu số hoặc năm của hóa đơn.", where,
                    "", "F1510")  # fmt: skip
        return
    sheet.right("code", say("Mã của cơ quan thuế đúng dạng: {}.", code), where, "F1510")


# ── Lookup code, legal basis ────────────────────────────────────────────────────────────────────


def _lookup(
    sheet: Sheet, root: etree._Element, general: etree._Element, content: etree._Element
) -> None:
    """The QR is in no signature: everything in it must be what the invoice says."""
    text, where = said(root, "DLQRCode"), "HDon/DLQRCode"
    if not text:
        return
    if not text.startswith("0002"):
        sheet.doubt("lookup.other", "Mã QR không theo chuẩn tra cứu của hóa đơn.", where)
        return
    try:
        fields = qr.read_lookup_payload(text)
    except DocumentInvalid as error:
        why = next((text for word, text in _BROKEN.items() if word in error.why), "không đọc được")
        sheet.wrong("lookup.broken", say("Mã QR tra cứu hỏng ({}).", why), where, "", "F1450")
        return
    issued_on, payable = day(general, "NLap"), number(content, "TToan/TgTTTBSo")
    right = {
        "01": undashed(said(content, "NBan/MST")),
        "02": said(general, "KHMSHDon"),
        "03": said(general, "KHHDon"),
        "04": said(general, "SHDon").lstrip("0"),
        "05": f"{issued_on:%Y%m%d}" if issued_on else "",
    }  # fmt: skip
    right["06"] = "" if payable is None else number_text(payable)
    names = {"01": "mã số thuế", "02": "mẫu số", "03": "ký hiệu", "04": "số", "05": "ngày lập",
             "06": "tổng tiền"}  # fmt: skip
    if number_of(fields.get("06", "")) == payable:
        fields["06"] = right["06"]
    fields["04"] = fields.get("04", "").lstrip("0")
    off = [names[key] for key, value in right.items() if fields.get(key, "") != value]
    if off:
        sheet.wrong("lookup.differs", say("Mã QR nói khác hóa đơn về: {}.", off), where,
                    "Không tin mã QR này.", "F1450")  # fmt: skip
    else:
        sheet.right("lookup", "Mã QR tra cứu khớp hóa đơn.", where, "F1450")


def _basis(sheet: Sheet, root: etree._Element, head: _Head) -> None:
    if head.issued_on is None:
        return
    texts = [one.text or "" for one in root.iter("GChu", "THHDVu", "DLieu")]
    for one in instruments.repealed_in(" ".join(texts), head.issued_on):
        sheet.doubt("basis.repealed", say("Hóa đơn viện dẫn {}, đã hết hiệu lực từ "
                    "{:%d/%m/%Y}.", one.name, one.repealed), remedy="Viện dẫn văn bản hiện hành.")  # fmt: skip


# ── Signatures ──────────────────────────────────────────────────────────────────────────────────


def _seals(
    sheet: Sheet,
    root: etree._Element,
    general: etree._Element,
    content: etree._Element,
    head: _Head,
    setting: Setting,
) -> None:
    found = {place: _sealed(sheet, root, place, name, setting) for place, name in (
        (seal.SELLER, "người bán"), (seal.BUYER, "người mua"),
        (seal.AUTHORITY_ON_INVOICE, "cơ quan thuế"),
    ) if seal.is_signed(root, place)}  # fmt: skip
    if seal.is_signed(root, OTHERS):
        _sealed(sheet, root, OTHERS, "khác", setting)
    _needed(sheet, head, found, setting)
    seller = found.get(seal.SELLER)
    if seller is not None:
        _holder(sheet, seller, general, content)
        _signed_on(sheet, seller, head)
    _outside(sheet, root)
    _buyers(sheet, found.get(seal.BUYER), said(content, "NMua/MST"))
    authority = found.get(seal.AUTHORITY_ON_INVOICE)
    if authority is not None:
        _authority(sheet, authority, seller, content, setting.trust)


def _buyers(sheet: Sheet, sealed: Sealed | None, own: str) -> None:
    if sealed is None or not sealed.tax_id or not own:
        return
    if not signatures.is_same_person(sealed.tax_id, own):
        sheet.wrong("signature.NMua.holder", say("Chữ ký người mua là của {}, không phải "
                    "{}.", sealed.tax_id, own), "DSCKS/NMua", "", "F1510")  # fmt: skip


def _outside(sheet: Sheet, root: etree._Element) -> None:
    """Signatures cover DLHDon and MCCQT: what else stands beside them anybody may have added."""
    strange = [str(one.tag)[:40] for one in root if one.tag not in PARTS]
    if strange:
        sheet.doubt("signature.uncovered", say("Phần {} nằm ngoài mọi chữ ký, ai cũng "
                    "có thể thêm vào.", strange[:5]), "HDon", "Không tin phần này.", "F1510")  # fmt: skip


def _sealed(
    sheet: Sheet, root: etree._Element, place: Place, name: str, setting: Setting
) -> Sealed | None:
    setting.known_signatures.update(root.findall(f"{place.holder}/{{{seal.DSIG}}}Signature"))
    return signatures.check(
        sheet, root, place, setting.by_id, name=name, trust=setting.trust, now=setting.now
    )


def _needed(sheet: Sheet, head: _Head, found: dict[Place, Sealed | None], setting: Setting) -> None:
    if seal.SELLER not in found:
        if head.at_till:
            sheet.note("signature.NBan.not_needed", "Không có chữ ký người bán; hóa đơn từ máy tính "
                       "tiền không bắt buộc.", "DSCKS/NBan", "D254 Điều 8.9.b")  # fmt: skip
        elif head.symbol:
            sheet.wrong("signature.NBan.unsigned", "Hóa đơn chưa có chữ ký số của người bán.",
                        "DSCKS/NBan", "Người bán ký rồi mới giao.", "D254 Điều 10")  # fmt: skip
    coded = head.is_coded and head.code and not head.at_till
    if coded and seal.AUTHORITY_ON_INVOICE not in found:
        sheet.wrong("signature.CQT.unsigned", "Hóa đơn có mã nhưng không có chữ ký của cơ quan thuế.",
                    "DSCKS/CQT", "Lấy bản gốc do cơ quan thuế trả về.", "F1510")  # fmt: skip


def _holder(sheet: Sheet, sealed: Sealed, general: etree._Element, content: etree._Element) -> None:
    delegate = said(general, "MSTDVNUNLHDon")
    right, who = (
        (delegate, "bên nhận ủy nhiệm") if delegate else (said(content, "NBan/MST"), "người bán")
    )
    if not sealed.tax_id:
        sheet.doubt(
            "signature.NBan.holder", "Chứng thư không ghi mã số thuế của người ký.", "DSCKS/NBan"
        )
    elif not signatures.is_same_person(sealed.tax_id, right):
        sheet.wrong("signature.NBan.holder", say("Chứng thư của {}, không phải của {} "
                    "({}).", sealed.tax_id, who, right), "DSCKS/NBan", "Không dùng tài liệu này.", "F1510")  # fmt: skip


def _signed_on(sheet: Sheet, sealed: Sealed, head: _Head) -> None:
    if head.issued_on is None:
        return
    signed_on = sealed.signed_at.astimezone(VIETNAM).date()
    if signed_on < head.issued_on:
        sheet.doubt("signature.NBan.early", "Ký trước ngày lập hóa đơn.", "DSCKS/NBan",
                    source="D254 Phụ lục mục 7")  # fmt: skip
        return
    try:
        due = deadlines.deadline(deadlines.Event.ISSUED, head.issued_on).due_on
    except RuleUnknown:
        return
    if signed_on > due:
        sheet.doubt("signature.NBan.late", say("Ký ngày {:%d/%m/%Y}, muộn hơn hạn "
                    "{:%d/%m/%Y} (ngày làm việc tiếp theo ngày lập).", signed_on, due),
                    "DSCKS/NBan", source="D254 Phụ lục mục 7")  # fmt: skip


def _authority(
    sheet: Sheet, sealed: Sealed, seller: Sealed | None, content: etree._Element, trust: Trust
) -> None:
    own = said(content, "NBan/MST")
    is_sellers = seller is not None and seller.certificate == sealed.certificate
    if is_sellers or signatures.is_same_person(sealed.tax_id, own):
        sheet.wrong("signature.CQT.holder", "“Chữ ký cơ quan thuế” do chính người bán ký.", "DSCKS/CQT",
                    "Không dùng tài liệu này; báo cơ quan thuế.", "F1510")  # fmt: skip
    elif trust.authorities and sealed.certificate not in trust.authorities:
        sheet.wrong("signature.CQT.holder", "Chữ ký cơ quan thuế không phải của chứng thư đã biết.",
                    "DSCKS/CQT", "Không dùng tài liệu này.", "F1510")  # fmt: skip
