"""Keys and demonstration certificates."""

import stat

import pytest

from einvoice import keys
from tests.unit.einvoice.conftest import NOW, TAX_ID


@pytest.mark.parametrize("tax_id", ["0107001729", "0107001729-001", "038190000123"])
def test_a_certificate_names_its_holder(signer, tax_id):
    made = keys.make_demo_certificate(tax_id, "Hộ Ví Dụ", NOW, signer.key)

    assert keys.holder_of(made) == tax_id
    assert made.not_valid_before_utc < NOW < made.not_valid_after_utc


def test_a_long_name_is_cut_to_what_a_certificate_holds(signer):
    made = keys.make_demo_certificate(TAX_ID, "Hộ " * 60, NOW, signer.key)

    assert keys.holder_of(made) == TAX_ID


def test_a_folder_makes_a_key_once_and_only_its_owner_reads_it(tmp_path):
    folder = keys.KeyFolder(tmp_path / "keys")

    first = folder.signer(TAX_ID, "Hộ Ví Dụ", NOW)
    again = folder.signer(TAX_ID, "Hộ Khác", NOW)

    assert first.certificate == again.certificate
    files = list((tmp_path / "keys").iterdir())
    assert [one.name for one in files] == [f"{TAX_ID}.pem"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_a_key_does_not_show_in_a_log(signer):
    assert "RSAPrivateKey" not in repr(signer)
