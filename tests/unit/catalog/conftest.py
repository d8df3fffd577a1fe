"""Goods to try the rules on."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from catalog.product import Product


@pytest.fixture
def goods() -> Callable[..., Product]:
    """Make valid goods with some fields changed."""
    plain = Product(
        id=UUID("0199aaaa-0000-7000-8000-000000000001"),
        owner_id=UUID("0199aaaa-0000-7000-8000-0000000000aa"),
        sku="RAU-1",
        name_vi="Rau muống",
        category="rau-cu",
        unit="mo",
        price_vnd=8_000,
    )

    def make(**changes: Any) -> Product:
        return replace(plain, **changes)

    return make
