"""The confirmations' part of the OpenAPI document: they are read past the framework, so by hand."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
from litestar.openapi.spec import (
    Example,
    OpenAPIMediaType,
    Operation,
    Parameter,
    Reference,
    RequestBody,
    Schema,
    SecurityScheme,
)

from market.web.confirmation_bodies import ConfirmCredit, ConfirmCreditItem
from market.web.confirmation_errors import ITEM_COUNT_MAX

SCHEME = "integrator"
SECURITY: list[dict[str, list[str]]] = [{SCHEME: []}]
SECURITY_SCHEME = SecurityScheme(
    type="http",
    scheme="bearer",
    description="The key that `market integrator add` printed once.",
)


@dataclass
class Written(Schema):
    """A JSON Schema as msgspec writes it for what it decodes."""

    document: dict[str, Any] = field(default_factory=dict)

    def to_schema(self) -> dict[str, Any]:
        """The document itself."""
        return self.document


def _schema_of(kind: Any) -> Written:
    (found,), components = msgspec.json.schema_components([kind], ref_template="{name}")
    return Written(document=components[found["$ref"]])


_CREDIT: dict[str, Any] = {
    "amount_vnd": 85_000,
    "occurred_at": "2026-11-23T08:15:42+07:00",
    "account_no": "9990001112223",
    "reference": "FT26327000123456",
    "memo": "CHO4 7K2M9Q",
}
_ACQUIRED: dict[str, Any] = {
    "amount_vnd": 85_000,
    "occurred_at": "2026-11-23T08:15:42+07:00",
    "payment_ref": "019aafc2-6f60-7c31-9a0a-3d3f5d6f3a11",
    "detail": "00",
}
_RECEIPT = "019aafc2-7b1c-7d10-8f6e-51a3c2d4e5f6"
_PAYMENT = _ACQUIRED["payment_ref"]
_SAID = {
    "outcome": "settled",
    "receipt_id": _RECEIPT,
    "payment_id": _PAYMENT,
    "amount_vnd": 85_000,
}
_PROBLEM = {
    "type": "/loi#amount_invalid",
    "title": "Số tiền phải là số nguyên đồng, lớn hơn 0.",
    "status": 422,
    "code": "amount_invalid",
    "detail": "amount_vnd: Expected `int` >= 1",
    "facts": {"field": "amount_vnd"},
}

CONFIRMED = Example(summary="The payment is complete", value=_SAID)
SEEN = Example(summary="Told before", value={**_SAID, "outcome": "already_seen"})
MANY_SAID = Example(
    summary="One new, one refused",
    value={
        "taken_count": 1,
        "seen_count": 0,
        "refused_count": 1,
        "results": [{"id": "BNK-1", **_SAID}, {"id": "BNK-2", "problem": _PROBLEM}],
    },
)
_MANY = [{"id": "BNK-1", **_CREDIT}, {"id": "BNK-2", **_CREDIT, "amount_vnd": 0}]


@dataclass
class ConfirmOperation(Operation):
    """Adds the header and the body."""

    def __post_init__(self) -> None:
        """Once litestar has filled in the rest."""
        self.parameters = [*(self.parameters or []), _KEY]
        self.request_body = RequestBody(
            required=True,
            content={
                "application/json": OpenAPIMediaType(
                    schema=_schema_of(ConfirmCredit),
                    examples={
                        "bank": Example(summary="From a bank", value=_CREDIT),
                        "acquirer": Example(summary="From an acquirer", value=_ACQUIRED),
                    },
                )
            },
        )


@dataclass
class ConfirmManyOperation(Operation):
    """Adds the body, in both its forms."""

    def __post_init__(self) -> None:
        """Once litestar has filled in the rest."""
        item = _schema_of(ConfirmCreditItem)
        listed = {"type": "array", "maxItems": ITEM_COUNT_MAX, "items": item.document}
        lines = "\n".join(msgspec.json.encode(one).decode() for one in _MANY)
        self.request_body = RequestBody(
            required=True,
            content={
                "application/json": OpenAPIMediaType(
                    schema=Written(document=listed),
                    examples={"two": Example(summary="One good, one bad", value=_MANY)},
                ),
                "application/x-ndjson": OpenAPIMediaType(
                    schema=Written(document={"type": "string"}),
                    examples={"two": Example(summary="One object a line", value=lines)},
                ),
            },
        )


_KEY: Parameter | Reference = Parameter(
    name="Idempotency-Key",
    param_in="header",
    required=True,
    description="Your own id of this movement of money; bare or as a quoted string.",
    schema=Written(document={"type": "string", "pattern": "^[A-Za-z0-9._:/+=@~-]{1,128}$"}),
    example="BNK-20261123-000123456",
)
