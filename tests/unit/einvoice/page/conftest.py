"""A signed invoice to print."""

import pytest

from einvoice import document, seal
from tests.unit.einvoice.conftest import NOW, food_stall_invoice


@pytest.fixture(scope="session")
def xml(signer) -> bytes:
    return seal.sign(document.write(food_stall_invoice()), seal.SELLER, signer, NOW)
