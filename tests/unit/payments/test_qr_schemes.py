"""Codes of other countries are recognised and named, never taken for ours."""

import pytest

from payments import qr, qr_errors
from payments.qr_format import closed, encode_objects


def _code(template: str, inside: str, country: str, currency: str) -> str:
    return closed((("00", "01"), (template, inside), ("53", currency), ("58", country)))


@pytest.mark.parametrize(
    ("template", "guid", "country", "currency", "scheme"),
    [
        ("29", "A000000677010111", "TH", "764", "promptpay"),
        ("30", "A000000677010112", "TH", "764", "promptpay"),
        ("29", "khqr_shop@aclb01", "KH", "116", "khqr"),
        ("30", "shop@abaa", "KH", "840", "khqr"),
        ("29", "shop@abaa", "", "840", "khqr"),
        ("38", "A005266284662577", "LA", "418", "laoqr"),
        ("26", "A0000006150001", "MY", "458", "duitnow"),
        ("26", "SG.PAYNOW", "SG", "702", "paynow"),
        ("51", "SG.SGQR", "SG", "702", "paynow"),
        ("51", "ID.CO.QRIS.WWW", "ID", "360", "qris"),
        ("27", "com.p2pqrpay", "PH", "608", "qrph"),
        ("28", "ph.ppmi.p2m", "PH", "608", "qrph"),
        ("26", "HK.COM.HKICL", "HK", "344", "fps"),
        ("26", "A000000524", "IN", "356", "upi"),
        ("26", "br.gov.bcb.pix", "BR", "986", "pix"),
        ("26", "somebody.else", "FR", "978", "unknown"),
    ],
)
def test_a_foreign_code_is_named_and_refused(
    template: str, guid: str, country: str, currency: str, scheme: str
) -> None:
    inside = encode_objects((("00", guid), ("01", "0066812345678")))

    payload = qr.read(_code(template, inside, country, currency))

    assert payload.scheme == scheme
    assert (payload.country, payload.currency, payload.amount_vnd) == (country, currency, None)
    assert isinstance(payload.errors[0], qr_errors.QRForeign)
    assert not payload.is_transfer


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("upi://pay?pa=shop@bank&am=10", "upi"),
        ("WXP://f2f0abc", "wechat"),
        ("https://qr.alipay.com/abc", "alipay"),
        ("2|99|0912345678|CO LAN||0|0|50000", "momo"),
        ("https://example.vn", "https:"),
    ],
)
def test_a_link_that_pays_elsewhere_is_named(text: str, scheme: str) -> None:
    with pytest.raises(qr_errors.QRNotPayment) as refused:
        qr.read(text)

    assert refused.value.value == scheme


def test_a_vietnamese_receiver_with_a_foreign_currency_is_refused() -> None:
    objects = dict(qr.read(qr.write_vietqr("970436", "123456789", 85_000)).objects)

    payload = qr.read(closed({**objects, "53": "840"}.items()))

    assert (payload.errors[0].code, payload.errors[0].field) == ("qr_foreign", "53")
    assert payload.amount_vnd is None
