"""The lookup QR."""

from datetime import date

import pytest

from einvoice import qr
from einvoice.errors import DocumentInvalid

OFFICIAL = (
    "00020101021202142657895426548904141568265489515426280010A000000775011001070017295204549953"
    "0370454061200005802VN5905DNXYZ6005HANOI62400115S757CK5HTIE918E0307SHOPXYZ0706XYZ0019974001"
    "0A00000077501130107001729001020110306C21TYY04026805082021112106061200006304383C"
)
STALL = (
    "00020199740010A0000007750112038190000123020120306C26MAA040312305082026112306061107506304246F"
)


def test_the_payload_of_the_food_stall_is_the_reference():
    made = qr.lookup_payload("038190000123", 2, "C26MAA", 123, date(2026, 11, 23), 110_750)

    assert made == STALL


def test_the_official_example_is_read():
    fields = qr.read_lookup_payload(OFFICIAL)

    assert (fields["01"], fields["03"], fields["06"]) == ("0107001729001", "C21TYY", "120000")


def test_a_branch_is_written_without_its_dash():
    made = qr.lookup_payload("0107001729-001", 1, "C26TAA", 1, date(2026, 1, 1), 0)

    assert qr.read_lookup_payload(made)["01"] == "0107001729001"


@pytest.mark.parametrize("text", ["", "6304", STALL[:-1] + "E", STALL.replace("110750", "110751")])
def test_a_broken_checksum_is_refused(text):
    with pytest.raises(DocumentInvalid):
        qr.read_lookup_payload(text)


@pytest.mark.parametrize("body", ["0002", "000201990A", "00020199", "0099xx", "0002016304"])
def test_broken_lengths_are_refused(body):
    body += "6304"
    with pytest.raises(DocumentInvalid):
        qr.read_lookup_payload(body + qr.crc16(body.encode()))
