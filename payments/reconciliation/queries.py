"""The statements that compare a staged file with the ledger. They read and lock nothing."""

_ROW = """f.seq, f.txn_type, f.txn_ref, f.provider_txn_no AS number,
    f.original_provider_txn_no AS original, f.status, f.amount, f.fee, f.fee_vat, f.net_amount,
    f.txn_time"""
_RECEIPT = "o.id, o.owner_id, o.provider_id, o.payment_ref, o.amount_vnd, o.occurred_at"

# Reads, locks nothing. Everything that agrees to the đồng is left out here, so little comes back.
JOIN = f"""
SELECT {_ROW}, f.fee_expected, f.vat_expected, {_RECEIPT}
FROM (
    SELECT f.*, (f.fee_expected * f.vat_points + 5000) / 10000 AS vat_expected
    FROM (
        SELECT f.*, s.vat_points, LEAST(GREATEST(
            (f.amount * s.points + 5000) / 10000 + s.fixed, s.least), s.most) AS fee_expected
        FROM payments.staging f
        LEFT JOIN unnest($5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
                         $10::bigint[]) AS s (code, points, fixed, least, most, vat_points)
            ON s.code = CASE WHEN f.bank_code = ANY ($5::text[]) THEN f.bank_code ELSE $11 END
        WHERE f.txn_type = 'PAYMENT'
    ) f
) f
FULL JOIN (
    SELECT id, owner_id, provider_id, payment_ref, amount_vnd, occurred_at FROM payments.receipt
    WHERE business_date = $2 AND gateway = $1 AND direction = 'in' AND outcome <> ALL ($3::text[])
) o ON o.provider_id = f.provider_txn_no
WHERE f.seq IS NULL OR o.id IS NULL OR f.amount <> o.amount_vnd
   OR (f.status = ANY ($4::text[])) IS NOT TRUE
   OR f.fee <> f.fee_expected OR f.fee_vat <> f.vat_expected
LIMIT $12
"""  # noqa: S608 - lists of columns

OTHERS = f"""
SELECT {_ROW}, NULL::bigint AS fee_expected, NULL::bigint AS vat_expected
FROM payments.staging f WHERE f.txn_type <> 'PAYMENT' ORDER BY f.seq LIMIT $1
"""  # noqa: S608 - lists of columns

OURS = """
SELECT count(*) FROM payments.receipt
WHERE business_date = $2 AND gateway = $1 AND direction = 'in' AND outcome <> ALL ($3::text[])
"""

# The second and later rows of one number; the first that succeeded, else the first, is the row.
DOUBLED = f"""
SELECT {_ROW}, NULL::bigint AS fee_expected, NULL::bigint AS vat_expected
FROM (
    SELECT f.*, row_number() OVER (
        PARTITION BY provider_txn_no ORDER BY (status = ANY ($1::text[])) IS NOT TRUE, seq) AS place
    FROM payments.staging f
    WHERE f.txn_type = 'PAYMENT' AND f.provider_txn_no IN (
        SELECT provider_txn_no FROM payments.staging WHERE txn_type = 'PAYMENT'
        GROUP BY 1 HAVING count(*) > 1)
) f WHERE f.place > 1 ORDER BY f.seq
"""  # noqa: S608 - lists of columns

SESSIONS_NEAR = """
SELECT id FROM payments.settlement_session
WHERE acquirer = $1 AND day <> $2 AND day BETWEEN $3 AND $4 AND state <> 'withdrawn'
"""

SETTLED_NEAR = f"""
SELECT {_ROW}, NULL::bigint AS fee_expected, NULL::bigint AS vat_expected, s.day AS before,
       s.receipt_id AS id, s.owner_id, s.provider_txn_no AS provider_id, '' AS payment_ref,
       s.amount_vnd, s.occurred_at
FROM payments.staging f
JOIN payments.settlement_row s ON s.provider_txn_no = f.provider_txn_no
    AND s.txn_type = 'PAYMENT' AND s.session_id = ANY ($1::uuid[])
WHERE f.txn_type = 'PAYMENT'
"""  # noqa: S608 - lists of columns

RECEIPTS = f"""
SELECT {_RECEIPT} FROM payments.receipt o
WHERE o.business_date BETWEEN $2 AND $3 AND o.gateway = $1 AND o.provider_id = ANY ($4::text[])
  AND o.direction = 'in' AND o.outcome <> ALL ($5::text[])
"""  # noqa: S608 - lists of columns

SETTLED = """
SELECT DISTINCT ON (r.provider_txn_no) r.provider_txn_no, r.day
FROM payments.settlement_row r
JOIN payments.settlement_session s ON s.id = r.session_id AND s.state <> 'withdrawn'
WHERE r.acquirer = $1 AND r.provider_txn_no = ANY ($3::text[]) AND r.txn_type = 'PAYMENT'
  AND r.day <> $2
ORDER BY r.provider_txn_no, r.day
"""

PAYMENTS = "SELECT id, owner_id FROM payments.payment WHERE id = ANY ($1::uuid[])"
