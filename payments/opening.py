"""Payments opened in the caller's own trip: the common case of `open_payment`, without its questions."""

from datetime import datetime

from payments import checkout
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


def put_opening(line: Line, command: OpenPayment, *, now: datetime) -> None:
    """With the line's next trip the payment is opened. The trip is refused where the id or the
    code is taken or the payee is not the owner's: then `open_payment` says which.

    Raises: AmountOutOfRange, CodeInvalid, PaymentExpiryInvalid.
    """
    assert command.payee_id is not None
    checkout.check_request(command, now)
    line.put(
        _OPEN,
        records.ids([command.id]),
        records.ids([command.owner_id]),
        records.ids([command.place_id]),
        records.ids([command.payee_id]),
        records.integers([command.amount_vnd]),
        records.texts([command.method]),
        records.texts([command.purpose]),
        records.texts([command.code]),
        records.times([now]),
        records.times([command.expires_at]),
    )
