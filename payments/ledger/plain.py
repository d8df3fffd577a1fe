"""The fast way: a batch of new transfers between open accounts, all within their limits.

Nothing is read first. One statement takes the lanes, writes the rows and moves the balances where
even the worst order of the batch stays within every limit; where that is not certain, or an id is
known already, nothing of it stands and the batch goes the exact way (`batch`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from payments.ledger import records, statements
from payments.ledger.items import Fact
from payments.ledger.line import Line
from payments.ledger.records import TRANSFER_DTYPE, Array
from payments.ledger.rows import json_text
from payments.ledger.transfer import TRANSFER_VND_MAX

NO_FACTS = tuple(records.varied(kind, ()) for kind in (
    records.Texts, records.UUIDs, records.UUIDs, records.Texts, records.Instants,
))  # fmt: skip


async def post(line: Line, packed: bytes, facts: Sequence[Fact]) -> bool:
    """Write the whole batch, committed; False where it has to go the exact way, nothing written.

    Raises: what the driver raises, also for an id that is known and an account in doubt.
    """
    parameters = parameters_of(np.frombuffer(packed, TRANSFER_DTYPE), facts)
    if parameters is None:
        return False
    await line.ask(statements.POST_TRANSFERS, *parameters)
    return True


async def all_stand(line: Line, packed: bytes) -> bool:
    """Whether the whole batch was posted before, as after an answer that was lost."""
    batch = np.frombuffer(packed, TRANSFER_DTYPE)
    ids = batch["id"].tolist()
    ((count,),) = await line.ask(
        statements.COUNT_STANDING,
        *transfer_columns(batch),
        records.Id(min(ids)),
        records.Id(max(ids)),
    )
    return bool(count == len(batch))


def transfer_columns(batch: Array) -> tuple[Any, ...]:
    """Records as columns, in the order of the statements that take them."""
    return (
        records.int2s(records.lanes_of(batch)),
        records.int2s(batch["kind"]),
        records.int8s(batch["amount_vnd"]),
        records.instants(batch["occurred_at"]),
        *(
            records.uuids(batch[name])
            for name in ("id", "owner_id", "debit_id", "credit_id", "subject_id", "place_id")
        ),
    )


def parameters_of(batch: Array, facts: Sequence[Fact]) -> tuple[Any, ...] | None:
    """The arguments of `payments.post_transfers`; None where a transfer is none, or names an
    account as two owners'.
    """
    amounts = batch["amount_vnd"].astype(np.int64)
    if amounts.min() <= 0 or amounts.max() > TRANSFER_VND_MAX:
        return None
    lanes = records.lanes_of(batch)
    order = np.argsort(lanes, kind="stable")
    batch, lanes, amounts = batch[order], lanes[order], amounts[order]
    accounts = _accounts(batch, lanes, amounts)
    if accounts is None:
        return None
    return (
        records.int2s(np.flatnonzero(np.bincount(lanes))),
        *transfer_columns(batch),
        *accounts,
        *(fact_columns(facts) if facts else NO_FACTS),
    )


def _accounts(batch: Array, lanes: Array, amounts: Array) -> tuple[Any, ...] | None:
    """Each account once, with what the batch debited and credits it in all."""
    count = len(batch)
    legs = np.concatenate([_halves(batch["debit_id"]), _halves(batch["credit_id"])])
    if (legs[:count] == legs[count:]).all(axis=1).any():
        return None  # an account that pays itself
    _, first, index = np.unique(
        legs[:, 0] ^ (legs[:, 1] * _ODD), return_index=True, return_inverse=True
    )
    owners = _halves(batch["owner_id"])
    owner_of = first % count
    both = np.concatenate([index[:count], index[count:]])
    named = np.concatenate([owners, owners])
    if (legs[first][both] != legs).any() or (owners[owner_of][both] != named).any():
        return None
    debited = np.zeros(len(first), np.int64)
    credited = np.zeros(len(first), np.int64)
    np.add.at(debited, index[:count], amounts)
    np.add.at(credited, index[count:], amounts)
    order = np.argsort(lanes[owner_of], kind="stable")
    return (
        records.int2s(lanes[owner_of][order]),
        records.uuids(legs[first][order].view("V16").ravel()),
        records.uuids(batch["owner_id"][owner_of][order]),
        records.int8s(debited[order]),
        records.int8s(credited[order]),
    )


_ODD = np.uint64(0x9E3779B97F4A7C15)


def _halves(column: Array) -> Array:
    """Ids as two 64-bit numbers each."""
    return np.ascontiguousarray(column).view(np.uint64).reshape(-1, 2)


def fact_columns(facts: Sequence[Fact]) -> tuple[Any, ...]:
    """Events as columns, in the order of the statements that append them."""
    return (
        records.texts([one.kind for one in facts]),
        records.ids([one.owner_id for one in facts]),
        records.ids([one.subject_id for one in facts]),
        records.texts([json_text(one.data) for one in facts]),
        records.times([one.at for one in facts]),
    )
