"""The last step of the check: lengths, characters and forms of what stands beside the receiver.

Real stickers bend these rules and are paid all the same, so all of it warns. Pure.
"""

import re
from collections.abc import Iterator, Mapping

from payments.qr_errors import (
    QRError,
    QRFieldMalformed,
    QRMemoMisplaced,
    QRTextNotPlain,
    QRTextTooLong,
)
from payments.qr_format import CITY_LENGTH_MAX, NAME_LENGTH_MAX, POSTAL_LENGTH_MAX
from payments.text import MEMO_LENGTH_MAX

ASKED = "***"
"""A value of 62-01 to 62-08 that has the app ask the payer."""
_FORMS = {
    "01": (re.compile(r"11|12"), "says neither 11 (reusable) nor 12 (one payment)"),
    "52": (re.compile(r"[0-9]{4}"), "is no category of four digits"),
    "55": (re.compile(r"0[123]"), "is no kind of fee"),
    "56": (re.compile(r"[0-9]{1,13}"), "is no fee in whole đồng"),
    "57": (
        re.compile(r"(?!0+(\.0+)?$)[0-9]{1,2}(\.[0-9]{1,2})?"),
        "is no share from 00.01 to 99.99",
    ),
}
_REQUESTS = re.compile(r"(?!.*(.).*\1)[AME]{1,3}")
"""62-09: what the app should ask for, address, mobile and e-mail, each at most once."""
_FEE_KINDS = {"01": "asked", "02": "56", "03": "57"}


def check_texts(
    root: Mapping[str, str],
    extra: Mapping[str, str],
    native: Mapping[str, str],
    *,
    is_transfer: bool,
) -> list[QRError]:
    """What is unusual about the texts of a code; `extra` is inside 62, `native` inside 64."""
    findings = list(_plain_texts(root, extra))
    if root.get("58") == "VN":
        findings += _forms(root, extra)
        findings += _native(native)
    if is_transfer and extra.get("01") and not extra.get("08"):
        findings.append(QRMemoMisplaced("The memo of a transfer is 62-08.", "62-01", extra["01"]))
    return findings


def fee_text(root: Mapping[str, str]) -> str:
    """What the payer adds: “asked”, đồng, a share with its %, or nothing."""
    kind = _FEE_KINDS.get(root.get("55", ""), "")
    if kind == "57" and root.get("57"):
        return root["57"] + "%"
    return kind if kind == "asked" else root.get(kind, "")


def _plain_texts(root: Mapping[str, str], extra: Mapping[str, str]) -> Iterator[QRError]:
    limits = [
        ("59", root.get("59", ""), NAME_LENGTH_MAX),
        ("60", root.get("60", ""), CITY_LENGTH_MAX),
        ("61", root.get("61", ""), POSTAL_LENGTH_MAX),
    ]
    limits += [(f"62-{tag}", extra[tag], MEMO_LENGTH_MAX) for tag in sorted(extra) if tag <= "08"]
    for field, value, length_max in limits:
        if len(value) > length_max:
            yield QRTextTooLong(f"{field} has more than {length_max} characters.", field, value)
        if not all(" " <= letter <= "~" for letter in value):
            yield QRTextNotPlain(f"{field} has signs outside ASCII.", field, value)


def _forms(root: Mapping[str, str], extra: Mapping[str, str]) -> Iterator[QRError]:
    for field, (form, why) in _FORMS.items():
        value = root.get(field)
        if (value is not None or field == "01") and not form.fullmatch(value or ""):
            yield QRFieldMalformed(f"Object {field} {why}.", field, value or "")
    for field, kind in (("56", "02"), ("57", "03")):
        if (root.get("55") == kind) != (field in root):
            yield QRFieldMalformed(f"Object {field} goes with 55 = {kind} alone.", field)
    if "09" in extra and not _REQUESTS.fullmatch(extra["09"]):
        yield QRFieldMalformed("62-09 is not a choice of A, M and E.", "62-09", extra["09"])


def _native(native: Mapping[str, str]) -> Iterator[QRError]:
    if not native:
        return
    if not re.fullmatch(r"[A-Za-z]{2}", native.get("00", "")):
        yield QRFieldMalformed("64-00 is no language.", "64-00", native.get("00", ""))
    for tag, length_max in (("01", NAME_LENGTH_MAX), ("02", CITY_LENGTH_MAX)):
        value = native.get(tag, "")
        if len(value) > length_max:
            yield QRTextTooLong(
                f"64-{tag} has more than {length_max} characters.", f"64-{tag}", value
            )
