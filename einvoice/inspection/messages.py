"""Messages (TDiep) and what travels alone: notices, registrations, summary tables."""

import re
from dataclasses import replace

from lxml import etree

from einvoice import kinds, layout, rules, seal
from einvoice.errors import SealInvalid
from einvoice.inspection import invoices, signatures, structure, words
from einvoice.inspection.invoices import Setting
from einvoice.inspection.reading import number, said, whole
from einvoice.inspection.report import Report, Sheet
from einvoice.kinds import KINDS, LATER, WHOLE_MESSAGE, Kind
from einvoice.seal import Place
from einvoice.sentences import say

SOURCE = "F1450"
_PARTNER = re.compile(r"TCT|[VK]?([0-9]{10}|[0-9]{12}|[0-9]{13})")
_ID = re.compile(r"(TCT|[VK]?([0-9]{10}|[0-9]{12}|[0-9]{13}))[0-9A-F]{32}")
PARTS_MAX = 2_000
"""Invoices of one message that are looked at one by one: a message has 2 MB."""
_UNSETTLED = {101, 104, 105, 106, 205, 302, 400}
"""Kinds whose tables of the present format are not known to us."""
_INNER = {
    104: "DLTBao104",
    105: "DLTBao105",
    204: "DLTBao204",
    205: "DLTBao205",
    300: "DLTBao300",
    301: "DLTBao301",
    302: "DLTBao302",
    303: "DLTBao300",
}
_TRAVELS = {
    200: ("C", False, "hóa đơn có mã (ký hiệu C)"),
    201: ("C", False, "hóa đơn có mã (ký hiệu C)"),
    202: ("C", False, "hóa đơn có mã (ký hiệu C)"),
    203: ("K", False, "hóa đơn không mã (ký hiệu K)"),
    206: ("C", True, "hóa đơn có mã từ máy tính tiền"),
    216: ("K", True, "hóa đơn không mã từ máy tính tiền"),
}
_NOTICES = {
    "04/SS-HĐĐT": 300,
    "01/TB-KTDL": 204,
    "01/TB-HĐSS": 301,
    "01/TB-SSĐT": 301,
    "01/TB-RSĐT": 302,
    "01/TB-KTT": 105,
    "01-1/QTr-HĐĐT": 205,
}


def check_message(sheet: Sheet, root: etree._Element, setting: Setting) -> None:
    """Check a TDiep element."""
    structure.check(sheet, root, "TDiep", layout.ANY)
    general, data = root.find("TTChung"), root.find("DLieu")
    text = said(general, "MLTDiep")
    kind = KINDS.get(int(text)) if re.fullmatch(r"-?[0-9]{1,4}", text) else None
    sheet.facts.update(
        {
            "message_kind": text,
            "message_name": kind.name if kind else "",
            "message_id": said(general, "MTDiep"),
            "refers_to": said(general, "MTDTChieu"),
            "tax_id": said(general, "MST"),
            "count": said(general, "SLuong"),
        }
    )
    if general is None or data is None:
        return
    _header(sheet, general, kind, text)
    _version(sheet, general, setting)
    if kind is None:
        if whole(text.removeprefix("-")) is not None and int(text) in LATER:
            sheet.note(
                "message.kind",
                say("Loại {} có thật, nội dung chưa có bảng công bố để đối chiếu.", text),
            )
        elif text:
            sheet.wrong("message.kind", say("Không có loại thông điệp {}.", text[:10]), "TTChung/MLTDiep",
                        "", SOURCE)  # fmt: skip
        return
    _payload(sheet, root, general, data, kind, setting)


def _header(sheet: Sheet, general: etree._Element, kind: Kind | None, text: str) -> None:
    before = len(sheet.remarks)
    for tag in ("MNGui", "MNNhan"):
        partner = said(general, tag)
        if partner and not _PARTNER.fullmatch(partner) and text != "-1":
            sheet.wrong("message.partner", say("{} “{}” không phải TCT, V/K + mã số thuế.", tag, partner[:20]),
                        f"TTChung/{tag}", "", SOURCE)  # fmt: skip
    identifier, sender = said(general, "MTDiep"), said(general, "MNGui")
    if identifier and not _ID.fullmatch(identifier):
        sheet.wrong("message.id", "Mã thông điệp không phải nơi gửi + 32 ký tự hex in hoa.",
                    "TTChung/MTDiep", "", SOURCE)  # fmt: skip
    elif identifier and sender and not identifier.startswith(sender):
        sheet.wrong("message.id", "Mã thông điệp không bắt đầu bằng mã nơi gửi.", "TTChung/MTDiep", "",
                    SOURCE)  # fmt: skip
    refers = said(general, "MTDTChieu")
    if kind is not None and kind.is_reply and not refers and kind.number not in (-1, 999):
        sheet.wrong("message.refers_to", "Phản hồi không nói trả lời thông điệp nào (MTDTChieu).",
                    "TTChung/MTDTChieu", "", SOURCE)  # fmt: skip
    if refers and not _ID.fullmatch(refers):
        sheet.wrong("message.refers_to", "MTDTChieu không phải mã thông điệp.", "TTChung/MTDTChieu", "",
                    SOURCE)  # fmt: skip
    if not any(one.verdict == "wrong" for one in sheet.remarks[before:]):
        sheet.right("message.header", "Phần đầu thông điệp đúng.", "TTChung", SOURCE)


def _version(sheet: Sheet, general: etree._Element, setting: Setting) -> None:
    """The format of the day; which day a message is of, only a clock says."""
    told = said(general, "PBan")
    if told and not invoices.VERSION.fullmatch(told):
        sheet.wrong("message.version", say("Phiên bản “{}” không tồn tại.", told[:10]), "TTChung/PBan", "",
                    "F1306")  # fmt: skip
        return
    today = setting.now.astimezone(seal.VIETNAM).date() if setting.now else None
    if not told or today is None or not rules.holds("format_version", today):
        return
    right = rules.phrase("format_version", today)
    if told != right:
        sheet.doubt("message.version", say("Phiên bản {}, hiện dùng {}.", told, right), "TTChung/PBan",
                    source="F1306")  # fmt: skip


def _payload(
    sheet: Sheet,
    root: etree._Element,
    general: etree._Element,
    data: etree._Element,
    kind: Kind,
    setting: Setting,
) -> None:
    strangers = {str(one.tag) for one in data if one.tag != kind.payload}
    items = data.findall(kind.payload)
    if kind.number == -1:
        return
    if strangers:
        sheet.wrong("message.payload", say("Loại {} chỉ mang {}, có "
                    "{}.", kind.number, kind.payload, [one[:40] for one in sorted(strangers)[:5]]), "DLieu", "", SOURCE)  # fmt: skip
    if not items:
        sheet.wrong("message.payload", say("DLieu không có {}.", kind.payload), "DLieu", "", SOURCE)
    elif len(items) > 1 and not kind.many:
        sheet.wrong("message.payload", say("Loại {} chỉ mang một {}.", kind.number, kind.payload), "DLieu", "",
                    SOURCE)  # fmt: skip
    _count(sheet, general, items, kind)
    place = WHOLE_MESSAGE.get(kind.number)
    if place is not None:
        _whole(sheet, root, general, place, setting)
    if kind.payload == "HDon":
        _invoices(sheet, general, items, kind, setting)
    for one in items if kind.payload != "HDon" else ():
        check_payload(sheet, one, kind, _apart(one, setting), said(general, "MST"))
    _repeated(sheet, data)


def _apart(item: etree._Element, setting: Setting) -> Setting:
    """What is sealed apart is judged by its own Ids: others of the message may repeat them."""
    try:
        return replace(setting, by_id=seal.ids(item))
    except SealInvalid:  # told of the whole message
        return replace(setting, by_id=None)


def _repeated(sheet: Sheet, data: etree._Element) -> None:
    """Harmless: each seal is looked for in its own item. But an Id is to be unique in a document."""
    seen: set[str] = set()
    for item in data:
        own = {one.get("Id") or "" for one in item.iter() if one.get("Id") is not None}
        if twice := seen & own:
            sheet.note("signature.repeated_id", say("Id “{}” có ở nhiều hóa đơn của thông điệp; chữ ký "
                       "được xét riêng trong từng hóa đơn.", min(twice)[:40]), "DLieu", "F1510")  # fmt: skip
            return
        seen |= own


def _count(sheet: Sheet, general: etree._Element, items: list[etree._Element], kind: Kind) -> None:
    told = number(general, "SLuong")
    if told is not None and told != len(items) and not (kind.is_reply and kind.payload == "TBao"):
        sheet.wrong("message.count", say("SLuong ghi {}, thông điệp có {}.", told, len(items)),
                    "TTChung/SLuong", "", SOURCE)  # fmt: skip


def _whole(
    sheet: Sheet, root: etree._Element, general: etree._Element, place: Place, setting: Setting
) -> None:
    setting.known_signatures.update(root.findall(f"{place.holder}/{{{seal.DSIG}}}Signature"))
    sealed = signatures.check(
        sheet, root, place, setting.by_id, name="người nộp thuế trên thông điệp",
        trust=setting.trust, now=setting.now,
    )  # fmt: skip
    own = said(general, "MST")
    if sealed is None or not sealed.tax_id:
        return
    named = {said(one, "DLHDon/TTChung/MSTDVNUNLHDon") for one in root.iterfind("DLieu/HDon")}
    right = [own, *named] if len(named) == 1 else [own]
    if not any(one and signatures.is_same_person(sealed.tax_id, one) for one in right):
        sheet.wrong("signature.CKSNNT.holder", say("Chứng thư của {}, thông điệp của {}.", sealed.tax_id, own),
                    "CKSNNT", "", "F1510")  # fmt: skip


def _invoices(
    sheet: Sheet,
    general: etree._Element,
    items: list[etree._Element],
    kind: Kind,
    setting: Setting,
) -> None:
    setting.message_kind = kind.number
    own, seen, codes = said(general, "MST"), set(), set()
    for index, one in enumerate(items[:PARTS_MAX], 1):
        part = Sheet(f"HDon[{index}]")
        invoices.check(part, one, _apart(one, setting))
        sheet.parts.append(part)
        facts = part.facts
        key = (facts["seller_tax_id"], facts["symbol"], facts["number"].lstrip("0"))
        if key in seen or (facts["code"] and facts["code"] in codes):
            part.wrong(
                "message.twice", "Số hoặc mã của hóa đơn này xuất hiện hai lần trong thông điệp."
            )
        seen.add(key)
        codes.add(facts["code"])
        if (
            own
            and facts["seller_tax_id"]
            and not signatures.is_same_person(facts["seller_tax_id"], own)
        ):
            part.wrong("message.seller", say("Hóa đơn của {} nằm trong thông điệp của "
                       "{}.", facts["seller_tax_id"], own), source=SOURCE)  # fmt: skip
        _travels(part, facts["symbol"], kind.number)
    if len(items) > PARTS_MAX:
        sheet.doubt("message.too_many", say("Chỉ kiểm tra {} hóa đơn đầu.", PARTS_MAX))


def _travels(part: Sheet, symbol: str, kind: int) -> None:
    """Each kind of invoice has its own message: C/K with and without code, M of a cash register."""
    rule = _TRAVELS.get(kind)
    if rule is None or len(symbol) < 5:
        return
    first, at_till, text = rule
    if symbol[1] not in first or (symbol[4] == "M") is not at_till:
        part.wrong("message.symbol", say("Thông điệp {} chỉ mang {}.", kind, text), source="F1510")


def check_payload(
    sheet: Sheet, node: etree._Element, kind: Kind, setting: Setting, tax_id: str = ""
) -> None:
    """Check a notice, a registration or a summary table, in a message or alone."""
    soften = kind.number in _UNSETTLED
    structure.check(sheet, node, _group_of(kind), layout.ANY, soften=soften)
    inner, said_of = _INNER.get(kind.number), node.find("DLTBao")
    if inner and said_of is not None:
        structure.check(sheet, said_of, inner, layout.ANY, soften=soften)
    if kind.number == 999:
        _technical(sheet, node)
    elif said_of is not None:
        words.tell(sheet, kind.number, said_of)
    inside = ("DLTBao", "DLTKhai/TTChung", "DLDNghi/TTChung", "DLBTHop/TTChung")
    own = next(filter(None, (said(node, f"{one}/MST") for one in inside)), "")
    if tax_id and own and not signatures.is_same_person(own, tax_id):
        sheet.wrong(
            "message.taxpayer",
            say("Nội dung nói về {}, thông điệp của {}.", own, tax_id),
            kind.payload,
        )
    if kind.place is not None:
        _notice_seal(sheet, node, kind, kind.place, own or tax_id, setting)


def _group_of(kind: Kind) -> str:
    if kind.number == 101:
        return "TKhai101"
    return "TBao999" if kind.number == 999 else kind.payload


def _notice_seal(
    sheet: Sheet, node: etree._Element, kind: Kind, place: Place, own: str, setting: Setting
) -> None:
    setting.known_signatures.update(node.findall(f"{place.holder}/{{{seal.DSIG}}}Signature"))
    by_authority = place.holder.endswith("CQT")
    name = "cơ quan thuế" if by_authority else "người nộp thuế"
    sealed = signatures.check(
        sheet, node, place, setting.by_id, name=name, trust=setting.trust, now=setting.now
    )
    if sealed is None or not sealed.tax_id or not own:
        return
    if signatures.is_same_person(sealed.tax_id, own) == by_authority:
        text = (
            "do chính người nộp thuế ký"
            if by_authority
            else say("là của {}, không phải {}", sealed.tax_id, own)
        )
        sheet.wrong(f"signature.{place.holder[-3:]}.holder", say("Chữ ký {} {}.", name, text), place.holder, "",
                    "F1510")  # fmt: skip


def _technical(sheet: Sheet, node: etree._Element) -> None:
    refused, listed = said(node, "TTTNhan") == "1", node.find("DSLDo/LDo") is not None
    sheet.facts["received"] = not refused
    sheet.facts["reasons"] = [
        f"{said(one, 'MLoi')} {said(one, 'MTa')}".strip() for one in node.iter("LDo")
    ][:50]
    if refused != listed:
        sheet.doubt(
            "message.reasons", "Trạng thái tiếp nhận và danh sách lý do mâu thuẫn nhau.", "TBao"
        )


def alone(root: etree._Element, sheet: Sheet, setting: Setting) -> Report:
    """A notice, registration or summary table without its envelope."""
    tag = str(root.tag)
    number_ = {"TKhai": 100, "BTHDLieu": 400, "DNghi": 106}.get(tag, 0)
    if tag == "TKhai" and root.find("DLTKhai/NDTKhai/DSDKUNhiem") is not None:
        number_ = 101
    if tag == "TBao":
        form = said(root, "DLTBao/MSo")
        number_ = _NOTICES.get(form, 102) if root.find("DLTBao") is not None else 999
    kind = kinds.KINDS[number_]
    sheet.facts["message_name"] = kind.name if number_ != 102 else said(root, "DLTBao/Ten")
    check_payload(sheet, root, kind, setting)
    names = {"TKhai": "registration", "BTHDLieu": "summary", "DNghi": "request"}
    return Report(names.get(tag, "notice"), sheet)
