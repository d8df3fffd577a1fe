"""Keys and demonstration certificates."""

import stat

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import pkcs12 as files

from einvoice import document, keys, seal
from einvoice.errors import SignerFailed
from tests.unit.einvoice.conftest import NOW, TAX_ID, food_stall_invoice


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


# ── Other signers ───────────────────────────────────────────────────────────────────────────────


def pkcs12(signer: keys.KeySigner, password: bytes = b"mat khau") -> bytes:
    return files.serialize_key_and_certificates(
        b"ho", signer.key, signer.certificate, None,
        serialization.BestAvailableEncryption(password),
    )  # fmt: skip


def signed_by(signer: keys.Signer) -> str:
    xml = seal.sign(document.write(food_stall_invoice()), seal.SELLER, signer, NOW)
    return seal.verify(xml, seal.SELLER).tax_id


def test_a_pkcs12_file_signs(signer):
    assert signed_by(keys.signer_from_pkcs12(pkcs12(signer), "mat khau")) == TAX_ID


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_a_file_that_is_none_or_a_wrong_password_is_said(signer, content):
    with pytest.raises(SignerFailed):
        keys.signer_from_pkcs12(content, "x")
    with pytest.raises(SignerFailed):
        keys.signer_from_pkcs12(pkcs12(signer), "wrong")


def test_a_remote_service_gets_a_digest_only_and_signs(signer):
    asked = []

    def service(digest: bytes) -> bytes:
        asked.append(digest)
        return signer.key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))

    assert signed_by(keys.RemoteSigner(service, signer.certificate)) == TAX_ID
    assert [len(one) for one in asked] == [32]


def test_a_token_signs_through_the_shape_of_pkcs11_libraries(signer):
    class Token:
        def sign(self, data: bytes, *, mechanism: str) -> bytes:
            assert mechanism == "SHA256_RSA_PKCS"
            return signer.sign(data)

    assert signed_by(keys.TokenSigner(Token(), signer.certificate, "SHA256_RSA_PKCS")) == TAX_ID


def test_a_service_that_signs_with_another_key_spoils_no_invoice(signer):
    other = keys.make_key()

    def service(digest: bytes) -> bytes:
        return other.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))

    with pytest.raises(SignerFailed):
        signed_by(keys.RemoteSigner(service, signer.certificate))
