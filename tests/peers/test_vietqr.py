"""Our codes in the hands of `vietnam-qr-pay`, and its codes in ours: 300 each way."""

import random
from typing import Any

import pytest

from payments import banks, qr

CASES = 300
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
BINS = [bank.bin for bank in banks.banks() if not bank.use_instead]


def _word(rng: random.Random, length_max: int, signs: str = LETTERS) -> str:
    return "".join(rng.choices(signs, k=rng.randint(1, length_max)))


def _receivers(seed: int) -> list[dict[str, Any]]:
    """What both sides can say of a transfer."""
    rng = random.Random(seed)
    return [
        {
            "bank_bin": rng.choice(BINS),
            "account_no": _word(rng, 19, rng.choice([LETTERS, "0123456789"])),
            "amount_vnd": rng.choice([None, 1, 85_000, rng.randint(1, 499_999_999), 499_999_999]),
            "memo": rng.choice(["", "CHOK7M2QX", _word(rng, 25, LETTERS + " ").strip()]),
            "service": rng.choice([qr.TO_ACCOUNT, qr.TO_ACCOUNT, qr.TO_CARD]),
            "merchant_name": rng.choice(["", "CO LAN RAU SACH", _word(rng, 25)]),
        }
        for _ in range(CASES)
    ]


def _merchants(seed: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [
        {
            "merchant_id": _word(rng, 20),
            "amount_vnd": rng.choice([None, rng.randint(1, 499_999_999)]),
            "reference": rng.choice(["", _word(rng, 25)]),
            "merchant_name": _word(rng, 25),
            "store": _word(rng, 12),
            "terminal": _word(rng, 12),
        }
        for _ in range(CASES // 3)
    ]


OURS = _receivers(1)
THEIRS = _receivers(2)
SHOPS = _merchants(3)
THEIR_SHOPS = _merchants(4)


@pytest.fixture(scope="module")
def peer(ask_peer: Any) -> Any:
    """All answers of the peer, from one process."""
    wanted = [{"vietqr": _as_peer(one)} for one in THEIRS]
    wanted += [{"vnpay": _as_peer_shop(one)} for one in THEIR_SHOPS]
    texts = [qr.write_vietqr(**one) for one in OURS]
    texts += [qr.write_vnpayqr(**one) for one in SHOPS]
    return ask_peer("vietnam-qr-pay", "vietqr.mjs", {"read": texts, "write": wanted})


def _amount(one: dict[str, Any]) -> str | None:
    return None if one["amount_vnd"] is None else str(one["amount_vnd"])


def _as_peer(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "bankBin": one["bank_bin"],
        "bankNumber": one["account_no"],
        "amount": _amount(one),
        "purpose": one["memo"] or None,
        "service": one["service"],
        "name": one["merchant_name"],
    }


def _as_peer_shop(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "merchantId": one["merchant_id"],
        "merchantName": one["merchant_name"],
        "store": one["store"],
        "terminal": one["terminal"],
        "amount": _amount(one),
        "reference": one["reference"] or None,
    }


def test_the_peer_reads_our_transfers_as_we_meant_them(peer: Any) -> None:
    for one, seen in zip(OURS, peer["read"][:CASES], strict=True):
        assert seen["valid"] is True
        assert seen["provider"] == "VIETQR"
        assert (seen["bankBin"], seen["account"]) == (one["bank_bin"], one["account_no"])
        assert (seen["service"], seen["method"]) == (
            one["service"], "11" if one["amount_vnd"] is None else "12",
        )  # fmt: skip
        assert seen.get("amount") == _amount(one)
        assert seen["extra"].get("purpose", "") == one["memo"]
        assert seen.get("name", "") == one["merchant_name"]
        assert (seen["currency"], seen["nation"]) == ("704", "VN")


def test_the_peer_builds_our_codes_again_to_the_letter(peer: Any) -> None:
    texts = [qr.write_vietqr(**one) for one in OURS]

    assert [seen["again"] for seen in peer["read"][:CASES]] == texts


def test_the_peer_reads_our_vnpay_codes_as_we_meant_them(peer: Any) -> None:
    for one, seen in zip(SHOPS, peer["read"][CASES:], strict=True):
        assert (seen["valid"], seen["provider"]) == (True, "VNPAY")
        assert (seen["merchant"], seen["name"]) == (one["merchant_id"], one["merchant_name"])
        assert seen["extra"].get("reference", "") == one["reference"]
        assert (seen["extra"]["store"], seen["extra"]["terminal"]) == (
            one["store"], one["terminal"],
        )  # fmt: skip


def test_we_read_the_peers_transfers_as_it_meant_them(peer: Any) -> None:
    for one, text in zip(THEIRS, peer["written"][:CASES], strict=True):
        payload = qr.read(text)

        assert payload.findings == ()
        assert payload.is_transfer
        assert (payload.bank_bin, payload.account_no) == (one["bank_bin"], one["account_no"])
        assert (payload.amount_vnd, payload.memo) == (one["amount_vnd"], one["memo"])
        assert (payload.service, payload.merchant_name) == (one["service"], one["merchant_name"])


def test_both_write_the_same_letters_for_the_same_transfer(peer: Any) -> None:
    assert peer["written"][:CASES] == [qr.write_vietqr(**one) for one in THEIRS]


def test_we_read_the_peers_vnpay_codes_as_it_meant_them(peer: Any) -> None:
    for one, text in zip(THEIR_SHOPS, peer["written"][CASES:], strict=True):
        payload = qr.read(text)

        assert (payload.scheme, payload.errors) == ("vnpayqr", ())
        assert (payload.account_no, payload.reference) == (one["merchant_id"], one["reference"])
        assert (payload.amount_vnd, payload.merchant_name) == (
            one["amount_vnd"], one["merchant_name"],
        )  # fmt: skip


def test_every_bank_of_the_peer_is_in_our_table(peer: Any) -> None:
    current = [bank for bank in peer["banks"] if bank["bin"] and not bank["deprecated"]]

    missing = [bank["bin"] for bank in current if not banks.is_known(bank["bin"])]

    assert len(current) > 50
    assert missing == []


def test_where_the_peer_knows_the_swift_code_it_is_ours(peer: Any) -> None:
    known = [bank for bank in peer["banks"] if bank["bin"] and bank.get("swiftCode")]

    differing = [
        (bank["bin"], bank["swiftCode"], banks.bank(bank["bin"]).swift)
        for bank in known
        if bank["swiftCode"] != banks.bank(bank["bin"]).swift
    ]

    assert differing == []
