"""Worked examples of the NAPAS and EMVCo formats, and what is refused."""

import pytest

from payments import qr, qr_errors
from payments.qr_format import closed

STATIC = (
    "00020101021138570010A00000072701270006970436011399900011122230208QRIBFTTA53037045802VN"
    "5915CO LAN RAU SACH6009THANH HOA6304AA0C"
)
DYNAMIC = (
    "00020101021238560010A0000007270126000697041501121133666688880208QRIBFTTA5204541153037045405850"
    "005802VN5915CO LAN RAU SACH6009THANH HOA62250108HD0001230809CHOK7M2QX6304E788"
)
MERCHANT = (
    "00020101021238540010A000000727012600069704220112CHO40TH000170206QRPUSH52045499530370454061200005"
    "802VN5915HAI SAN BAY HOA6009THANH HOA61054000062480106A1B2C30305SAP170708T01700010813TT don A1B2"
    "C364380002vi0115Hải sản Bảy Hoa0209Thanh Hóa6304E64D"
)
CARD = "00020101021138600010A00000072701300006970436011697043612345678900208QRIBFTTC53037045802VN6304E536"
VNPAY = (
    "00020101021126280010A000000775011001099990015204541153037045802VN5908CHO DEMO6009THANH HOA"
    "62260310SAP RAU 170708DEMO001763048665"
)
PROMPTPAY = "00020101021229370016A0000006770101110113006681234567853037645406150.505802TH6304CAAD"
NAPAS = (
    "00020101021238570010A00000072701270006970403011300110123456780208QRIBFTTA530370454061800005802VN"
    "62340107NPS68690819thanh toan don hang63042E2E"
)


@pytest.mark.parametrize(
    ("text", "checksum"),
    [("", "FFFF"), ("A", "B915"), ("123456789", "29B1"), ("Chợ Đông", "1F38")],
)
def test_the_checksum_is_taken_over_utf8(text: str, checksum: str) -> None:
    assert qr.crc16(text) == checksum


def test_the_static_account_code_is_written_to_the_letter() -> None:
    written = qr.write_vietqr(
        "970436", "9990001112223", merchant_name="CO LAN RAU SACH", city="THANH HOA"
    )

    assert written == STATIC


def test_the_dynamic_account_code_is_written_to_the_letter() -> None:
    written = qr.write_vietqr(
        "970415",
        "113366668888",
        85_000,
        memo="CHOK7M2QX",
        bill="HD000123",
        merchant_name="CO LAN RAU SACH",
        city="THANH HOA",
        mcc="5411",
    )

    assert written == DYNAMIC


def test_the_merchant_code_with_a_native_name_is_written_to_the_letter() -> None:
    written = qr.write_vietqr(
        "970422",
        "CHO40TH00017",
        120_000,
        memo="TT don A1B2C3",
        bill="A1B2C3",
        merchant_name="HAI SAN BAY HOA",
        city="THANH HOA",
        mcc="5499",
        service="QRPUSH",
        store="SAP17",
        terminal="T0170001",
        postal_code="40000",
        native_name="Hải sản Bảy Hoa",
        native_city="Thanh Hóa",
    )

    assert written == MERCHANT


def test_the_card_code_is_written_to_the_letter() -> None:
    assert qr.write_vietqr("970436", "9704361234567890", service="QRIBFTTC") == CARD


def test_the_vnpay_code_is_written_to_the_letter() -> None:
    written = qr.write_vnpayqr(
        "0109999001",
        merchant_name="CHO DEMO",
        city="THANH HOA",
        mcc="5411",
        store="SAP RAU 17",
        terminal="DEMO0017",
    )

    assert written == VNPAY


def test_the_example_of_napas_is_written_to_the_letter() -> None:
    written = qr.write_vietqr(
        "970403", "0011012345678", 180_000, memo="thanh toan don hang", bill="NPS6869"
    )

    assert written == NAPAS


@pytest.mark.parametrize("text", [STATIC, DYNAMIC, MERCHANT, CARD, VNPAY, PROMPTPAY, NAPAS])
def test_a_code_read_and_written_again_is_the_same(text: str) -> None:
    assert qr.rewrite(qr.read(text)) == text


def test_a_dynamic_code_is_taken_apart() -> None:
    payload = qr.read(DYNAMIC)

    assert payload.scheme == "vietqr"
    assert payload.is_dynamic
    assert (payload.bank_bin, payload.account_no) == ("970415", "113366668888")
    assert (payload.amount_vnd, payload.memo, payload.bill) == (85_000, "CHOK7M2QX", "HD000123")
    assert (payload.merchant_name, payload.city) == ("CO LAN RAU SACH", "THANH HOA")
    assert payload.findings == ()
    assert payload.require_transfer() is payload


def test_a_static_code_leaves_the_amount_to_the_payer() -> None:
    payload = qr.read(STATIC)

    assert payload.amount_vnd is None
    assert not payload.is_dynamic


def test_the_native_name_is_read_beside_the_plain_one() -> None:
    payload = qr.read(MERCHANT)

    assert payload.merchant_name_native == "Hải sản Bảy Hoa"
    assert payload.service == "QRPUSH"


def test_a_vnpay_code_is_named_and_is_no_transfer() -> None:
    payload = qr.read(VNPAY)

    assert (payload.scheme, payload.account_no) == ("vnpayqr", "0109999001")
    with pytest.raises(qr_errors.QRServiceUnknown):
        payload.require_transfer()


def test_promptpay_is_named_and_refused_as_foreign() -> None:
    payload = qr.read(PROMPTPAY)

    assert payload.scheme == "promptpay"
    with pytest.raises(qr_errors.QRForeign) as refused:
        payload.require_transfer()
    assert (refused.value.field, refused.value.value) == ("58", "TH")


@pytest.mark.parametrize(
    ("bank_bin", "account_no", "scheme"),
    [
        ("971025", "PSP123456789", "momo"),
        ("970454", "99MM24001M0001", "momo"),
        ("970454", "99ZP24001M0001", "zalopay"),
        ("970454", "9012345678", "vietqr"),
    ],
)
def test_wallets_in_vietqr_form_are_named_and_payable(
    bank_bin: str, account_no: str, scheme: str
) -> None:
    payload = qr.read(qr.write_vietqr(bank_bin, account_no))

    assert payload.scheme == scheme
    assert payload.is_transfer


def test_unknown_objects_are_kept() -> None:
    objects = (*qr.read(STATIC).objects, ("80", "0003ABC0102xy"))

    payload = qr.read(closed(objects))

    assert payload.objects == objects
    assert qr.rewrite(payload) == payload.text


def test_a_merchants_code_is_no_transfer_for_its_receiver_is_an_id() -> None:
    payload = qr.read(MERCHANT)

    assert payload.errors == ()
    assert not payload.is_transfer
    with pytest.raises(qr_errors.QRServiceUnknown):
        payload.require_transfer()


def test_a_code_for_both_schemes_is_read_as_vietqr_and_names_the_others() -> None:
    objects = (*qr.read(STATIC).objects, ("26", "0010A000000775010512345"), ("15", "31280012"))

    payload = qr.read(closed(objects))

    assert payload.scheme == "vietqr"
    assert payload.networks == ("vietqr", "vnpayqr", "unionpay")
    assert payload.is_transfer


def test_a_card_code_alone_is_named_and_refused() -> None:
    objects = (("00", "01"), ("01", "11"), ("15", "31280012"), ("53", "704"), ("58", "VN"))

    (error,) = qr.read(closed(objects)).errors

    assert error.code == "qr_scheme_unknown"
    assert "unionpay" in str(error)


def test_order_does_not_matter_inside_and_outside() -> None:
    inner = "0113999000111222300069704" + "36"
    receiver = f"0208QRIBFTTA01{len(inner)}{inner}0010A000000727"
    objects = (("00", "01"), ("58", "VN"), ("54", "85000"), ("38", receiver), ("53", "704"))

    payload = qr.read(closed((*objects, ("01", "12"))))

    assert payload.findings == ()
    assert (payload.bank_bin, payload.account_no) == ("970436", "9990001112223")


def test_lengths_in_bytes_are_told_apart_from_other_damage() -> None:
    name = "Hải sản Bảy Hòa"
    objects = qr.read(STATIC).objects[:-2]
    body = "".join(f"{tag}{len(value):02d}{value}" for tag, value in objects)
    body += f"59{len(name.encode())}{name}6304"

    with pytest.raises(qr_errors.QRLengthInBytes):
        qr.read(body + qr.crc16(body))


def test_marks_inside_khmer_words_are_printable() -> None:
    objects = (("00", "01"), ("29", "0009shop@abaa"), ("53", "116"), ("58", "KH"))

    payload = qr.read(closed((*objects, ("64", "0002km0106ផ្សា\u200bរ"))))

    assert payload.merchant_name_native == "ផ្សា\u200bរ"


def test_what_the_app_asks_of_the_payer_is_listed() -> None:
    payload = qr.read(_changed("62", "0103***0803***"))

    assert payload.asked_of_payer == ("62-01", "62-08")


@pytest.mark.parametrize(
    ("fee", "fee_text"),
    [
        ((), ""),
        ((("55", "01"),), "asked"),
        ((("55", "02"), ("56", "5000")), "5000"),
        ((("55", "03"), ("57", "02.50")), "02.50%"),
    ],
)
def test_a_fee_on_top_is_told(fee: tuple[tuple[str, str], ...], fee_text: str) -> None:
    payload = qr.read(closed((*qr.read(DYNAMIC).objects, *fee)))

    assert payload.fee_text == fee_text
    assert payload.findings == ()


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"01": "13"}, "qr_field_malformed", "01"),
        ({"01": "11"}, "qr_amount_hidden", "01"),
        ({"52": "54A1"}, "qr_field_malformed", "52"),
        ({"55": "04"}, "qr_field_malformed", "55"),
        ({"55": "02"}, "qr_field_malformed", "56"),
        ({"56": "500"}, "qr_field_malformed", "56"),
        ({"55": "03", "57": "00.00"}, "qr_field_malformed", "57"),
        ({"55": "03", "57": "5%"}, "qr_field_malformed", "57"),
        ({"61": "12345678901"}, "qr_text_too_long", "61"),
        ({"60": "TP. Ho Chi Minh 1"}, "qr_text_too_long", "60"),
        ({"62": "0108HD000123"}, "qr_memo_misplaced", "62-01"),
        ({"62": "0803CHO0902AA"}, "qr_field_malformed", "62-09"),
        ({"62": "0803CHO0902AB"}, "qr_field_malformed", "62-09"),
        ({"62": "0804Chợ "}, "qr_text_not_plain", "62-08"),
        ({"64": "0003vie0104Hòa "}, "qr_field_malformed", "64-00"),
        ({"64": "0002vi0126" + "H" * 26}, "qr_text_too_long", "64-01"),
    ],
)
def test_what_real_stickers_bend_is_told_by_field_and_paid_all_the_same(
    changes: dict[str, str], code: str, field: str
) -> None:
    objects = {**dict(qr.read(DYNAMIC).objects), **changes}

    payload = qr.read(closed(objects.items()))

    assert [(one.code, one.field) for one in payload.findings] == [(code, field)]
    assert payload.is_transfer


@pytest.mark.parametrize("text", [MERCHANT, VNPAY])
def test_a_merchants_code_may_carry_its_bill_alone(text: str) -> None:
    objects = {**dict(qr.read(text).objects), "62": "0108HD000123"}

    assert qr.read(closed(objects.items())).findings == ()


def test_the_findings_stand_in_the_order_of_the_checks() -> None:
    objects = {
        **dict(qr.read(DYNAMIC).objects),
        "38": _receiver("000699999901041-2-", "0204ABCD"),
        "54": "5.5",
        "59": "Hòa",
        "62": "0899AB",
    }

    findings = qr.read(closed(objects.items())).findings

    steps = [found.step for found in findings]
    assert steps == sorted(steps)
    assert steps == [7, 7, 8, 9, 10, 10]


def test_a_lower_case_checksum_is_accepted() -> None:
    assert qr.read(STATIC[:-4] + "aa0c").memo == ""


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("  ", qr_errors.QREmpty),
        ("000201" + "9" * 600, qr_errors.QRTooLong),
        ("000201\x0700", qr_errors.QRUnprintable),
        ("https://cho.example.vn/s/1", qr_errors.QRNotPayment),
        ("upi://pay?pa=shop@bank&am=10", qr_errors.QRNotPayment),
        ("000201\ud800", qr_errors.QRUnprintable),
        ("000201\u202801", qr_errors.QRUnprintable),
        ("0002015", qr_errors.QRBroken),
        ("0002015900", qr_errors.QRBroken),
        ("000201٠١02VN", qr_errors.QRBroken),
        (closed((("00", "01"), ("53", "704"), ("53", "704"))), qr_errors.QRRepeated),
        ("0002015802VN", qr_errors.QRChecksumMissing),
        (STATIC + "5802VN", qr_errors.QRRepeated),
        (STATIC + "6102VN", qr_errors.QRChecksumMissing),
        (STATIC[:-4] + "AA0D", qr_errors.QRChecksumWrong),
        (STATIC.replace("9990001112223", "9990001112224"), qr_errors.QRChecksumWrong),
    ],
)
def test_what_is_no_whole_code_is_refused_by_name(
    text: str, error: type[qr_errors.QRError]
) -> None:
    with pytest.raises(error):
        qr.read(text)


def _changed(tag: str, value: str) -> str:
    objects = [(one, value if one == tag else old) for one, old in qr.read(DYNAMIC).objects]
    return closed(objects)


def _receiver(inner: str, service: str = "0208QRIBFTTA") -> str:
    return f"0010A00000072701{len(inner):02d}{inner}{service}"


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        (_changed("53", "840"), "qr_foreign", "53"),
        (_changed("58", "LA"), "qr_foreign", "58"),
        (_changed("38", "0010A000000728"), "qr_scheme_unknown", "38"),
        (_changed("38", _receiver("00069704360113999000111222")), "qr_template_broken", "38-01"),
        (_changed("38", _receiver("000697043601040123010445AB")), "qr_template_broken", "38-01"),
        (_changed("38", "0010A000000727"), "qr_bank_unknown", "38-01-00"),
        (_changed("38", _receiver("0006999999010812345678")), "qr_bank_unknown", "38-01-00"),
        (_changed("38", _receiver("0006970459010812345678")), "qr_bank_not_used", "38-01-00"),
        (_changed("38", _receiver("00069704360104AB-1")), "qr_account_malformed", "38-01-01"),
        (
            _changed("38", _receiver("000697043601041234", "0204ABCD")),
            "qr_service_unknown",
            "38-02",
        ),
        (_changed("54", "85000.00"), None, ""),
        (_changed("54", "85.000"), "qr_amount_malformed", "54"),
        (_changed("54", "85.5"), "qr_amount_malformed", "54"),
        (_changed("54", "85,000"), "qr_amount_malformed", "54"),
        (_changed("54", "-5"), "qr_amount_malformed", "54"),
        (_changed("54", "0"), "qr_amount_out_of_range", "54"),
        (_changed("54", "500000000"), "qr_amount_out_of_range", "54"),
        (_changed("54", "."), "qr_amount_malformed", "54"),
        (_changed("54", "8 5000"), "qr_amount_malformed", "54"),
        (_changed("54", "８５"), "qr_amount_malformed", "54"),
        (_changed("54", "00000000085000"), "qr_amount_malformed", "54"),
        (_changed("62", "0899AB"), "qr_additional_broken", "62"),
        (_changed("62", "0803CHO0803CHA"), "qr_additional_broken", "62"),
    ],
)
def test_a_right_checksum_does_not_save_a_wrong_field(
    text: str, code: str | None, field: str
) -> None:
    errors = qr.read(text).errors

    assert [(one.code, one.field) for one in errors[:1]] == ([(code, field)] if code else [])


def test_the_misprint_in_the_papers_of_napas_is_found() -> None:
    text = STATIC[:-4].replace("01139990001112223", "01129990001112223")

    payload = qr.read(text + qr.crc16(text))

    assert payload.errors[0].code == "qr_template_broken"


def test_long_names_and_diacritics_on_stickers_warn_and_do_not_refuse() -> None:
    payload = qr.read(_changed("59", "CỬA HÀNG RAU SẠCH CÔ LAN CHỢ ĐIỆN BIÊN"))

    assert {found.code for found in payload.findings} == {"qr_text_too_long", "qr_text_not_plain"}
    assert payload.errors == ()
    assert payload.is_transfer


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"bank_bin": "999999"}, qr_errors.QRBankUnknown),
        ({"account_no": ""}, qr_errors.QRAccountMalformed),
        ({"account_no": "12345678901234567890"}, qr_errors.QRAccountMalformed),
        ({"account_no": "1234-5678"}, qr_errors.QRAccountMalformed),
        ({"account_no": "１２３４５６"}, qr_errors.QRAccountMalformed),
        ({"bank_bin": "970459"}, qr_errors.QRBankNotUsed),
        ({"service": "QRWHAT"}, qr_errors.QRServiceUnknown),
        ({"mcc": "54"}, qr_errors.QRFieldMalformed),
        ({"postal_code": "12345678901"}, qr_errors.QRTextTooLong),
        (
            {"bill": "B" * 25, "store": "S" * 25, "terminal": "T" * 25, "memo": "M" * 25},
            qr_errors.QRTextTooLong,
        ),
        ({"amount_vnd": 0}, qr_errors.QRAmountOutOfRange),
        ({"amount_vnd": -1}, qr_errors.QRAmountOutOfRange),
        ({"amount_vnd": 500_000_000}, qr_errors.QRAmountOutOfRange),
        ({"memo": "CHOK7M2QX " + "A" * 20}, qr_errors.QRTextTooLong),
    ],
)
def test_a_code_nobody_could_pay_is_not_written(
    arguments: dict[str, object], error: type[qr_errors.QRError]
) -> None:
    given: dict[str, object] = {"bank_bin": "970436", "account_no": "9990001112223", **arguments}

    with pytest.raises(error):
        qr.write_vietqr(**given)  # type: ignore[arg-type]


def test_names_are_folded_and_cut() -> None:
    payload = qr.read(
        qr.write_vietqr(
            "970436", "0123456789", merchant_name="Đặng Thị Ưởng – chợ Điện Biên", city="Thanh Hóa"
        )
    )

    assert payload.merchant_name == "Dang Thi Uong cho Dien Bi"
    assert payload.city == "Thanh Hoa"


def test_a_native_name_stays_on_one_line_and_whole_letters() -> None:
    payload = qr.read(
        qr.write_vietqr("970436", "0123456789", native_name="Cô Lan\nrau sạch\x00", native_city="")
    )

    assert payload.merchant_name_native == "Cô Lan rau sạch"
    assert payload.findings == ()
