"""Payments opened in the caller's own trip: the common case of `open_payment`, without its questions."""

from collections.abc import Sequence
from datetime import datetime

from payments.ledger import records
from payments.ledger.line import Line
from payments.payment import OpenPayment

# A payee that is not the owner's, or is retired, becomes one that never was: its key refuses it.
_OPEN = """
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        AS x (id, owner_id, place_id, payee_id, amount_vnd, method, purpose, code, opened_at,
              expires_at)
), reserved AS (
    INSERT INTO payments.code (code, owner_id, kind, subject_id, place_id, created_at)
    SELECT code, owner_id, 'payment', id, place_id, opened_at FROM asked
)
INSERT INTO payments.payment
    (id, owner_id, place_id, payee_id, amount_vnd, received_vnd, method, purpose, code, state,
     opened_at, expires_at)
SELECT a.id, a.owner_id, a.place_id,
       coalesce(p.id, '00000000-0000-0000-0000-000000000000'::uuid),
       a.amount_vnd, 0, a.method, a.purpose, a.code, 'open', a.opened_at, a.expires_at
FROM asked a
LEFT JOIN payments.payee p
    ON p.id = a.payee_id AND p.owner_id = a.owner_id AND p.retired_at IS NULL
"""


def put_openings(line: Line, asked: Sequence[OpenPayment], opened_at: Sequence[datetime]) -> None:
    """With the line's next trip the payments are opened, each as `checkout.check_request` allows it.
    The trip is refused where an id or a code is taken or a payee is not the owner's: then
    `open_payment` says which.
    """
    line.put(
        _OPEN,
        records.ids([one.id for one in asked]),
        records.ids([one.owner_id for one in asked]),
        records.ids([one.place_id for one in asked]),
        records.ids([one.payee_id for one in asked]),
        records.integers([one.amount_vnd for one in asked]),
        records.texts([one.method for one in asked]),
        records.texts([one.purpose for one in asked]),
        records.texts([one.code for one in asked]),
        records.times(opened_at),
        records.times([one.expires_at for one in asked]),
    )
