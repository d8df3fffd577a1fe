"""What the tax authority's answers mean to a vendor."""

import re
from pathlib import Path

import einvoice.checks
from einvoice import Reason
from market.web import invoice_words


def test_no_code_reaches_the_vendor_and_each_reason_is_told_once():
    told = invoice_words.told(
        [Reason("K102", "Đang ngừng.", "Liên hệ."), Reason("K102", "Đang ngừng.", ""),
         Reason("9999", "Lỗi lạ.", "Làm lại.")]
    )  # fmt: skip

    assert [one.what for one in told] == [
        "Cơ quan thuế đang tạm ngừng hóa đơn của bạn.",
        "Cơ quan thuế chưa nhận hóa đơn này.",
    ]
    assert told[1].theirs == "Lỗi lạ. Làm lại."
    assert not re.search(r"K\d{3}", " ".join(one.what + one.todo for one in told))


def test_every_reason_about_an_invoice_has_words_of_its_own():
    """The codes the stand-in authority gives on invoices; those of messages are our own faults."""
    source = Path(einvoice.checks.__file__).read_text()
    codes = set(re.findall(r'"(K1\d\d|K3\d\d)"', source)) - {"K199"}

    lacking = {one for one in codes if invoice_words.told([Reason(one, "", "")])[0].what
               == "Cơ quan thuế chưa nhận hóa đơn này."}  # fmt: skip
    assert lacking == set()
