"""Keyed amounts, by the table that the browser's parser is held to as well."""

import json
from pathlib import Path

import pytest

from payments.amounts import AmountError, parse_vnd

TABLE = json.loads((Path(__file__).parents[2] / "data" / "keyed_amounts.json").read_text("utf-8"))


@pytest.mark.parametrize("row", TABLE["accepted"], ids=lambda row: repr(row["text"]))
def test_what_people_key_is_understood(row: dict[str, object]) -> None:
    assert parse_vnd(str(row["text"])) == row["amount_vnd"]


@pytest.mark.parametrize("row", TABLE["refused"], ids=lambda row: repr(row["text"]))
def test_what_could_mean_anything_is_refused_by_name(row: dict[str, object]) -> None:
    with pytest.raises(AmountError) as refused:
        parse_vnd(str(row["text"]))

    assert refused.value.code == row["code"]


def test_another_bound_may_be_given() -> None:
    assert parse_vnd("2 tỷ", 999_999_999_999) == 2_000_000_000
    with pytest.raises(AmountError):
        parse_vnd("51k", 50_000)
