"""The registration form 01/ĐKTĐ-HĐĐT as message 100."""

from dataclasses import replace

import pytest
from lxml import etree

from einvoice import envelope, forms, identifiers, inspection, seal
from einvoice.forms import CertificateAction, Form, Type
from market import ids
from tests.unit.einvoice.conftest import NOW, TAX_ID, food_stall_invoice

SENDER = "V0107001729"
HOUSEHOLD = forms.Registration(
    seller=food_stall_invoice().seller, office_name="Thuế tỉnh Thanh Hóa", office_code="38000",
    contact="Bà Tư", place="Thanh Hóa", on=NOW.date(),
)  # fmt: skip


def message(form: forms.Registration, signer) -> bytes:
    header = envelope.Header(
        version="2.1.0", sender=SENDER, kind=100, tax_id=TAX_ID, count=1,
        code=identifiers.message_code(SENDER, ids.new()),
    )  # fmt: skip
    return forms.registration_message(header, form, signer, NOW)


def test_a_household_registers_cash_register_sales_invoices_with_code(signer):
    """D254 6.1.d, C91 6."""
    body = message(HOUSEHOLD, signer)
    asked = etree.fromstring(body).find("DLieu/TKhai/DLTKhai/NDTKhai")

    assert {one.tag: one.text for one in asked.find("HTHDon")} == {
        "CMa": "0", "CMTMTTien": "1", "KCMa": "0",
    }  # fmt: skip
    assert asked.findtext("LHDSDung/HDBHang") == "1"
    assert asked.findtext("HTGDLHDDT/CDLQTCTN") == "1"
    assert seal.verify(body, envelope.REGISTRATION_PLACE).tax_id == TAX_ID


@pytest.mark.parametrize(
    ("changes", "path", "text"),
    [
        ({"is_change": True}, "TTChung/HThuc", "2"),
        ({"invoice_forms": frozenset(Form)}, "NDTKhai/HTHDon/KCMa", "1"),
        ({"types": frozenset({Type.VAT})}, "NDTKhai/LHDSDung/HDGTGT", "1"),
        ({"directly": True}, "NDTKhai/HTGDLHDDT/CDLTTDCQT", "1"),
        ({"in_difficult_area": True}, "NDTKhai/HTGDLHDDT/NNTDBKKhan", "1"),
        ({"certificate_action": CertificateAction.STOP}, "NDTKhai/DSCTSSDung/CTS/HThuc", "3"),
    ],
)
def test_every_box_of_the_form_can_be_set(signer, changes, path, text):
    body = message(replace(HOUSEHOLD, **changes), signer)

    assert etree.fromstring(body).findtext(f"DLieu/TKhai/DLTKhai/{path}") == text
    assert inspection.inspect(body, now=NOW).codes() == []
