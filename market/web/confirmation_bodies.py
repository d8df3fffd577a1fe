"""What integrators send and hear: the wire of confirmations, read into plain facts. Pure."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from market.integrators import Integrator
from market.web.confirmation_errors import (
    ITEM_COUNT_MAX,
    AmountInvalid,
    BankNotYours,
    ConfirmationRefused,
    FieldInvalid,
    JSONInvalid,
    KeyInvalid,
    KeyMissing,
    KeyReused,
    TimeInvalid,
    TooManyItems,
)
from market.web.errors import Problem, problem_of
from payments import Confirmation, Settled, SettlementOutcome
from payments.ledger.transfer import TRANSFER_VND_MAX

AHEAD_MAX = timedelta(days=1)
"""A partner's clock may be wrong by a zone, not by more."""
AGE_MAX = timedelta(days=400)
"""What came longer ago belongs into a statement, not into a live report."""
_KEY = re.compile(r"[A-Za-z0-9._:/+=@~-]{1,128}")
_AT = re.compile(r" - at `\$\.?([^`]+)`$")
_NAMED = re.compile(r"(?:missing required|contains unknown) field `([^`]+)`")
_ACCOUNT = {"extra_json_schema": {"pattern": "^[0-9A-Za-z]*$"}}
_BIN = {"extra_json_schema": {"pattern": "^([0-9]{6})?$"}}
_ID = {"extra_json_schema": {"pattern": "^[A-Za-z0-9._:/+=@~-]{1,128}$"}}


# ── The wire ────────────────────────────────────────────────────────────────────────────────────


class ConfirmCredit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money that a partner took or received for somebody here. Repeat it unchanged, same time too."""

    amount_vnd: Annotated[
        int, Meta(ge=1, le=TRANSFER_VND_MAX, description="Whole đồng.", examples=[85_000])
    ]
    occurred_at: Annotated[
        datetime,
        Meta(
            tz=True,
            description="When it was booked, with its zone; at most 400 days ago or a day ahead.",
            examples=["2026-11-23T08:15:42+07:00"],
        ),
    ]
    account_no: Annotated[
        str, Meta(max_length=19, description="Banks: the account that received it.", **_ACCOUNT)
    ] = ""
    bank_bin: Annotated[
        str, Meta(max_length=6, description="Banks with several BINs: which of them.", **_BIN)
    ] = ""
    reference: Annotated[
        str,
        Meta(max_length=100, description="Banks: your reference, as the payer's bank sees it."),
    ] = ""
    memo: Annotated[
        str, Meta(max_length=1_000, description="The text of the transfer, unchanged.")
    ] = ""
    payment_ref: Annotated[
        str, Meta(max_length=100, description="Acquirers: our reference of the payment, echoed.")
    ] = ""
    succeeded: Annotated[
        bool, Meta(description="Acquirers: false where it was not paid in the end.")
    ] = True
    detail: Annotated[str, Meta(max_length=200, description="Your status code, for people.")] = ""


class ConfirmCreditItem(ConfirmCredit, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of many; `id` is what `Idempotency-Key` is for a single one."""

    id: Annotated[str, Meta(min_length=1, max_length=128, **_ID)]


class CreditConfirmed(Struct, frozen=True, kw_only=True):
    """What became of it. It is durable: told again, it changes nothing and is `already_seen`."""

    outcome: SettlementOutcome
    receipt_id: UUID
    """Of the first telling, where it was seen before."""
    payment_id: UUID | None = None
    amount_vnd: int


class ItemConfirmed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one of many: an outcome, or a problem of its own."""

    id: str | None
    """As it was sent; null where it could not be read."""
    outcome: SettlementOutcome | None = None
    receipt_id: UUID | None = None
    payment_id: UUID | None = None
    amount_vnd: int | None = None
    problem: Problem | None = None


class ItemsConfirmed(Struct, frozen=True, kw_only=True):
    """What became of each, in the order they were sent."""

    taken_count: int
    """Recorded by this request."""
    seen_count: int
    """Recorded by an earlier one."""
    refused_count: int
    """Not recorded; each says why."""
    results: list[ItemConfirmed]


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────

_one = msgspec.json.Decoder(ConfirmCredit)
_item = msgspec.json.Decoder(ConfirmCreditItem)
_items = msgspec.json.Decoder(list[ConfirmCreditItem])
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_WITH_ID = msgspec.json.Decoder(dict[str, Any])


def read_one(body: bytes) -> ConfirmCredit:
    """A single confirmation.

    Raises: JSONInvalid, FieldInvalid and its kinds.
    """
    told: ConfirmCredit = _decoded(_one, body)
    _refuse_nul(body, told)
    return told


def read_many(body: bytes, *, is_lines: bool) -> "list[ConfirmCreditItem | Refused]":
    """Confirmations of a JSON list, or of one JSON object a line; what is wrong with one stays its own.

    Raises: JSONInvalid, FieldInvalid, TooManyItems where nothing of it can be told apart.
    """
    if not is_lines:
        if b"\\u0000" not in body:
            try:
                return _counted(_items.decode(body))
            except (msgspec.MsgspecError, ValueError, RecursionError):
                pass  # some of them: one by one
        raws: Sequence[Any] = _decoded(_raws, body)
    else:
        raws = [line for line in body.splitlines() if line and not line.isspace()]
    return [_read_item(raw) for raw in _counted(list(raws))]


class Refused(Struct, frozen=True):
    """One of many that could not be read."""

    id: str | None
    error: Exception


def idempotency_key(header: bytes | None) -> str:
    """The key as it was sent, bare or as a quoted string.

    Source: draft-ietf-httpapi-idempotency-key-header (a structured field string).
    Raises: KeyMissing, KeyInvalid.
    """
    if not header:
        raise KeyMissing
    return checked_key(header.decode("latin-1").strip().removeprefix('"').removesuffix('"'))


def checked_key(key: str) -> str:
    """Raises: KeyInvalid."""
    if _KEY.fullmatch(key) is None:
        raise KeyInvalid
    return key


def confirmation_of(
    told: ConfirmCredit, integrator: Integrator, key: str, now: datetime
) -> Confirmation:
    """What this integrator confirms, if it is its to confirm.

    Raises: TimeInvalid, BankNotYours, FieldInvalid.
    """
    if not now - AGE_MAX <= told.occurred_at <= now + AHEAD_MAX:
        raise TimeInvalid("occurred_at", "it is more than a day ahead or 400 days ago")
    bank_bin = _direct_bin(told, integrator) if integrator.bank_bins else _no_bin(told)
    return Confirmation(
        gateway=integrator.gateway,
        provider_id=key,
        amount_vnd=told.amount_vnd,
        occurred_at=told.occurred_at,
        succeeded=told.succeeded,
        reference=told.reference,
        memo=told.memo,
        account_no=told.account_no,
        bank_bin=bank_bin,
        payment_ref=told.payment_ref,
        detail=told.detail,
    )


def view_of(settled: Settled) -> CreditConfirmed:
    """What the integrator hears: nothing of the owner, nothing of the sale.

    Raises: KeyReused.
    """
    if settled.outcome is SettlementOutcome.REFERENCE_REUSED:
        raise KeyReused(settled.receipt_id)
    return CreditConfirmed(
        outcome=settled.outcome,
        receipt_id=settled.receipt_id,
        payment_id=settled.payment_id,
        amount_vnd=settled.amount_vnd,
    )


def item_of(key: str | None, became: Settled | BaseException) -> ItemConfirmed:
    """One line of the answer to many."""
    if isinstance(became, Settled):
        try:
            view = view_of(became)
        except KeyReused as error:
            became = error
        else:
            return ItemConfirmed(
                id=key,
                outcome=view.outcome,
                receipt_id=view.receipt_id,
                payment_id=view.payment_id,
                amount_vnd=view.amount_vnd,
            )
    if not isinstance(became, Exception):
        raise became
    return ItemConfirmed(id=key, problem=problem_of(became))


def _direct_bin(told: ConfirmCredit, integrator: Integrator) -> str:
    """The bank of the account; named by the integrator where it has several."""
    account_no = told.account_no
    if not account_no or not (account_no.isascii() and account_no.isalnum()):
        raise FieldInvalid(
            "account_no", "1 to 19 letters and digits of the account that received it"
        )
    if told.payment_ref:
        raise FieldInvalid("payment_ref", "a bank names the account, not the payment")
    if not told.succeeded:
        raise FieldInvalid("succeeded", "a bank reports what it booked")
    if not told.bank_bin:
        if len(integrator.bank_bins) > 1:
            raise FieldInvalid("bank_bin", "your key is for several banks: say which")
        return integrator.bank_bins[0]
    if told.bank_bin not in integrator.bank_bins:
        raise BankNotYours(told.bank_bin)
    return told.bank_bin


def _no_bin(told: ConfirmCredit) -> str:
    if told.account_no or told.bank_bin:
        raise BankNotYours(told.bank_bin)
    if not told.payment_ref:
        raise FieldInvalid("payment_ref", "our reference of the payment is needed")
    return ""


def _counted(items: list[Any]) -> list[Any]:
    if len(items) > ITEM_COUNT_MAX:
        raise TooManyItems(len(items))
    return items


def _read_item(raw: Any) -> ConfirmCreditItem | Refused:
    try:
        told: ConfirmCreditItem = _decoded(_item, raw)
        _refuse_nul(bytes(raw), told)
    except ConfirmationRefused as error:
        return Refused(_id_of(raw), error)
    return told


def _id_of(raw: Any) -> str | None:
    """The id of something that could not be read, if that much can be."""
    try:
        found = _WITH_ID.decode(raw).get("id")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return found if isinstance(found, str) and _KEY.fullmatch(found) else None


def _decoded(decoder: msgspec.json.Decoder[Any], raw: Any) -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise _of_field(str(error)) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise JSONInvalid(str(error)) from None


def _of_field(sentence: str) -> FieldInvalid:
    found = _AT.search(sentence) or _NAMED.search(sentence)
    field = found.group(1) if found else ""
    reason = _AT.sub("", sentence)
    kind = {"amount_vnd": AmountInvalid, "occurred_at": TimeInvalid}.get(field, FieldInvalid)
    return kind(field or "body", reason)


def _refuse_nul(raw: bytes, told: ConfirmCredit) -> None:
    """A text with a NUL is no text anywhere further on; in JSON it can only come escaped."""
    if b"\\u0000" in raw:
        for field in told.__struct_fields__:
            text = getattr(told, field)
            if isinstance(text, str) and "\x00" in text:
                raise FieldInvalid(field, "it holds a NUL character")
