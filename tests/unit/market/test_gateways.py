import pytest

from market.errors import NotFound
from market.gateways import gateways_of
from market.settings import Settings


def test_the_demo_secrets_open_nothing_outside_the_demo() -> None:
    partners = gateways_of(Settings())

    assert partners.by_name == {}
    for name in ("sepay", "vnpay", "stripe"):
        with pytest.raises(NotFound):
            partners.gateway(name)


def test_a_partner_with_a_secret_of_its_own_is_there_and_the_others_are_not() -> None:
    partners = gateways_of(Settings(sepay_secret="of this market alone"))

    assert list(partners.by_name) == ["sepay"]


def test_in_the_demo_every_partner_is_there() -> None:
    partners = gateways_of(Settings(demo=True))

    assert set(partners.by_name) == {"sepay", "casso", "payos", "signed", "vnpay", "stripe"}
    assert set(partners.list_of) == {"sepay", "casso", "signed"}
