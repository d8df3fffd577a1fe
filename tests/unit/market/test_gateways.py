"""Which partners a market has, by its settings and the file of accounts; what the file may say."""

from pathlib import Path

import httpx
import pytest

from market.errors import NotFound
from market.gateways import gateways_of
from market.settings import Settings, SettingsError, secret_from


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


@pytest.fixture
def accounts(tmp_path: Path):
    """Settings whose file of accounts says this; secrets stand in files one and two."""
    (tmp_path / "one").write_text("first-secret-0001\n")
    (tmp_path / "two").write_text("second-secret-0002\n")

    def made(text: str) -> Settings:
        path = tmp_path / "accounts.toml"
        path.write_text(text.replace("@", f"file:{tmp_path}/"))
        return Settings(gateways_file=str(path))

    return made


def test_several_accounts_of_a_kind_stand_beside_each_other(accounts) -> None:
    partners = gateways_of(
        accounts(
            '[sepay]\nsecret = "@one"\nlist_token = "@two"\n'
            '[sepay-tay-thanh]\nsecret = "@two"\nsecret_old = "@one"\n'
            '[casso-a]\ntoken = "@one"\nlist_token = "@two"\n'
            '[payos]\nsecret = "@one"\n'
            '[signed-bank]\nsecret = "@one"\nlist_token = "@two"\nlist_url = "https://bank.test/l"\n'
        )
    )

    assert set(partners.by_name) == {"sepay", "sepay-tay-thanh", "casso-a", "payos", "signed-bank"}
    assert all(gateway.name == name for name, gateway in partners.by_name.items())
    lists = {one.name: one.url for one in partners.lists(httpx.AsyncClient())}
    assert lists == {
        "sepay": "https://my.sepay.vn", "casso-a": "https://oauth.casso.vn",
        "signed-bank": "https://bank.test/l",
    }  # fmt: skip


def test_no_secret_is_printed_with_the_partners(accounts) -> None:
    partners = gateways_of(accounts('[sepay]\nsecret = "@one"\nlist_token = "@two"\n'))

    shown = repr(partners) + repr(partners.lists(httpx.AsyncClient()))

    assert "secret-000" not in shown


@pytest.mark.parametrize(
    "text",
    ['[sepay]\n', '[sepay]\nlist_token = "@one"\n', '[momo]\nsecret = "@one"\n',
     '[sepay_2]\nsecret = "@one"\n', '[sepay]\nsecret = "first-secret-0001"\n',
     '[sepay]\nsecret = "@three"\n', '[sepay]\nsecret = "env:NOT_SET_HERE"\n',
     '[sepay]\nsecrets = "@one"\n', '[sepay]\nsecret = 5\n', 'sepay = "@one"\n', '[sepay\n'],
)  # fmt: skip
def test_a_file_of_accounts_that_cannot_be_used_is_refused_without_telling_it(
    accounts, text
) -> None:
    with pytest.raises(SettingsError) as refused:
        gateways_of(accounts(text))

    assert "secret-0001" not in str(refused.value)


def test_a_secret_comes_from_a_variable_or_a_file(tmp_path) -> None:
    (tmp_path / "one").write_text(" of a file\n")

    assert secret_from("env:NAME", {"NAME": "of a variable\n"}) == "of a variable"
    assert secret_from(f"file:{tmp_path}/one") == "of a file"


def test_while_a_secret_is_replaced_the_old_one_verifies_too() -> None:
    partners = gateways_of(
        Settings(
            vnpay_secret="new-1", vnpay_secret_old="old-1", stripe_key="sk_test_ours",
            stripe_webhook_secret="new-2", stripe_webhook_secret_old="old-2",
        )
    )  # fmt: skip

    assert partners.vnpay_config is not None
    assert partners.vnpay_config.secrets.valid == ("new-1", "old-1")
    assert partners.stripe_config is not None
    assert partners.stripe_config.webhook_secrets.valid == ("new-2", "old-2")


def test_the_addresses_of_ipns_are_read_from_the_settings() -> None:
    config = gateways_of(Settings(demo=True, vnpay_ips="203.0.113.7, 2001:db8::/32")).vnpay_config

    assert config is not None
    assert config.networks == ("203.0.113.7/32", "2001:db8::/32")


@pytest.mark.parametrize("listed", ["vnpay.vn", "203.0.113.7/8", "203.0.113.7;203.0.113.8"])
def test_a_list_of_addresses_that_is_none_stops_the_start(listed: str) -> None:
    with pytest.raises(SettingsError, match="MARKET_VNPAY_IPS"):
        gateways_of(Settings(demo=True, vnpay_ips=listed))


def test_a_payos_channel_that_names_its_bank_account_opens_links_for_it(accounts) -> None:
    partners = gateways_of(
        accounts(
            '[payos-a]\nsecret = "@one"\napi_key = "@two"\nclient_id = "c-1"\naccount_no = "999"\n'
            '[payos-b]\nsecret = "@two"\n'
        )
    )

    channel = partners.links["999"]
    assert (channel.name, channel.client_id, channel.api_key) == (
        "payos-a",
        "c-1",
        "second-secret-0002",
    )
    assert partners.link_account("payos-a") is channel
    assert partners.link_account("payos-b") is None
    assert "second-secret" not in repr(channel)


def test_a_payos_channel_that_cannot_open_its_links_stops_the_start(accounts) -> None:
    with pytest.raises(SettingsError, match="api_key"):
        gateways_of(accounts('[payos]\nsecret = "@one"\nclient_id = "c"\naccount_no = "999"\n'))
