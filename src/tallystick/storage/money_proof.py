"""Proving money on its way: suspense, merchants' accounts and payouts set against the rows that say what they are."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from psycopg import Connection

from tallystick.ledger.proof import Check, Finding
from tallystick.ledger.transfer import Address
from tallystick.storage.ledger import NUMBERS, SHARED
from tallystick.storage.money_rows import OPEN

_PAYABLE: Final = NUMBERS["merchant_payable"]


def differing_suspense(connection: Connection, *, most: int) -> Iterator[Finding]:
    """Currencies in which the suspense account is not the sum of the open items; up to `most`."""
    yield from _differing_house(
        connection,
        f"SELECT currency, amount_minor AS told_minor FROM suspense_items AS item WHERE {OPEN}",
        {"number": NUMBERS["suspense"], "most": most},
        check=Check.SUSPENSE,
        code="suspense",
    )


# To merchants as settled, to borrowers as their lines' events say, less what the bank's statements say has left.
_ON_THEIR_WAY: Final = """
    SELECT currency, paid_minor AS told_minor FROM settlements
    WHERE NOT EXISTS (SELECT FROM returned_payouts AS back WHERE back.settlement_id = settlements.settlement_id)
    UNION ALL
    SELECT currency, amount_minor FROM money_rows WHERE outcome = 'cleared' AND clears = ANY(%(clears)s::text[])
    UNION ALL
    SELECT currency, (fact ->> 'amount_minor')::bigint FROM events JOIN lines USING (line_id)
    WHERE (events.kind = 'credit_paid_out' OR (events.kind = 'drawdown' AND fact ->> 'kind' = 'cash'))
      AND NOT EXISTS (
          SELECT FROM events AS later WHERE later.line_id = events.line_id AND later.kind = 'event_undone'
              AND (later.fact ->> 'event_id')::bigint = events.event_id
      )
"""


def differing_payouts(connection: Connection, *, clears: Sequence[str], most: int) -> Iterator[Finding]:
    """Currencies in which the payout clearing account is not the sum of the payouts on their way; up to `most`.

    `clears` is what a row of a statement says where it shows that a payout has left.
    """
    yield from _differing_house(
        connection,
        _ON_THEIR_WAY,
        {"number": NUMBERS["payout_clearing"], "most": most, "clears": list(clears)},
        check=Check.PAYOUT,
        code="payout_clearing",
    )


def _differing_house(
    connection: Connection, told: str, parameters: dict[str, Any], *, check: Check, code: str
) -> Iterator[Finding]:
    """Currencies in which an account of the house, credits less debits, is not the sum of what `told` selects."""
    rows = connection.execute(
        f"""
        WITH kept AS (
            SELECT currency, sum(credit_minor - debit_minor)::bigint AS kept_minor FROM ({SHARED}) AS parts
            WHERE number = %(number)s GROUP BY currency
        ), told AS (
            SELECT currency, sum(told_minor)::bigint AS told_minor FROM ({told}) AS parts GROUP BY currency
        )
        SELECT currency, coalesce(kept_minor, 0), coalesce(told_minor, 0) FROM kept FULL JOIN told USING (currency)
        WHERE coalesce(kept_minor, 0) <> coalesce(told_minor, 0) ORDER BY currency LIMIT %(most)s
        """,
        parameters,
    )
    for currency, kept_minor, told_minor in rows:
        yield Finding(check, f"{Address(code, 0)} {currency}", f"{kept_minor:,}", f"{told_minor:,}")


# One pass over the transfers of merchants' accounts gives the sums of every settlement, what was paid out and came back
# day by day, and what no run has settled yet.
_MERCHANTS: Final = f"""
    WITH moved AS MATERIALIZED (
        SELECT merchant_id, currency, settlement_id, kind, is_owed, run_on,
               sum(amount_minor)::bigint AS moved_minor, count(*) AS transfers
        FROM (
            SELECT transfer_id, currency, kind, line_id <> 0 OR kind = 'payout_returned' AS is_owed,
                   CASE WHEN line_id = 0 THEN effective_on END AS run_on,
                   CASE WHEN credit_number = {_PAYABLE} THEN credit_owner ELSE debit_owner END AS merchant_id,
                   CASE WHEN credit_number = {_PAYABLE} THEN amount_minor ELSE -amount_minor END AS amount_minor
            FROM transfers WHERE {_PAYABLE} IN (debit_number, credit_number)
        ) AS payable FULL JOIN settled_transfers USING (transfer_id)
        GROUP BY merchant_id, currency, settlement_id, kind, is_owed, run_on
    ), listed AS (
        SELECT settlement_id, sum(transfers)::bigint AS listed FROM moved GROUP BY settlement_id
    ), settled AS (
        SELECT settlement_id, merchant_id, currency, sum(transfers)::bigint AS transfers,
               sum(moved_minor) FILTER (WHERE kind = 'drawdown') AS purchases_minor,
               -sum(moved_minor) FILTER (WHERE kind = 'merchant_fee') AS fees_minor,
               -sum(moved_minor) FILTER (WHERE kind = 'merchant_subsidy') AS subsidies_minor,
               -sum(moved_minor) FILTER (WHERE kind = 'refund') AS refunds_minor,
               -sum(moved_minor) FILTER (WHERE kind = 'chargeback') AS chargebacks_minor,
               sum(moved_minor) FILTER (WHERE kind = 'merchant_fee_returned') AS fees_returned_minor,
               sum(moved_minor) FILTER (WHERE kind = 'payout_returned') AS sent_back_minor
        FROM moved WHERE is_owed GROUP BY settlement_id, merchant_id, currency
    ), of_day AS (
        SELECT merchant_id, currency, run_on, -sum(moved_minor) FILTER (WHERE kind = 'payout') AS paid_minor,
               sum(moved_minor) FILTER (WHERE kind = 'payout_returned') AS returned_minor
        FROM moved WHERE run_on IS NOT NULL GROUP BY merchant_id, currency, run_on
    ), told AS (
        SELECT settlements.*, back.settlement_id IS NOT NULL AS came_back,
               lag(left_minor, 1, 0::bigint) OVER one_after_another AS left_before_minor,
               lead(settlements.settlement_id) OVER one_after_another IS NULL AS is_last
        FROM settlements LEFT JOIN returned_payouts AS back USING (settlement_id)
        WINDOW one_after_another AS (PARTITION BY merchant_id, currency ORDER BY settlements.run_on)
    ), owed AS (
        SELECT merchant_id, currency, sum(owed_minor)::bigint AS owed_minor FROM (
            SELECT merchant_id, currency, moved_minor AS owed_minor FROM moved WHERE settlement_id IS NULL AND is_owed
            UNION ALL
            SELECT merchant_id, currency, left_minor FROM told WHERE is_last
        ) AS parts GROUP BY merchant_id, currency
    ), kept AS (
        SELECT owner_id AS merchant_id, currency, sum(credit_minor - debit_minor)::bigint AS kept_minor
        FROM ({SHARED}) AS parts WHERE number = {_PAYABLE} GROUP BY owner_id, currency
    )
    SELECT * FROM (
        SELECT merchant_id, currency, NULL::date AS run_on, '' AS figure,
               coalesce(kept_minor, 0) AS proven, coalesce(owed_minor, 0) AS found
        FROM kept FULL JOIN owed USING (merchant_id, currency)
        UNION ALL
        SELECT told.merchant_id, told.currency, told.run_on, name, coalesce(figure.proven, 0), coalesce(figure.found, 0)
        FROM told LEFT JOIN listed USING (settlement_id)
        LEFT JOIN settled USING (settlement_id, merchant_id, currency)
        LEFT JOIN of_day USING (merchant_id, currency, run_on)
        CROSS JOIN LATERAL (VALUES
            ('transfers', settled.transfers, listed.listed),
            ('carried_minor', left_before_minor, carried_minor),
            ('purchases_minor', settled.purchases_minor, told.purchases_minor),
            ('fees_minor', settled.fees_minor, told.fees_minor),
            ('subsidies_minor', settled.subsidies_minor, told.subsidies_minor),
            ('refunds_minor', settled.refunds_minor, told.refunds_minor),
            ('chargebacks_minor', settled.chargebacks_minor, told.chargebacks_minor),
            ('fees_returned_minor', settled.fees_returned_minor, told.fees_returned_minor),
            ('sent_back_minor', settled.sent_back_minor, told.sent_back_minor),
            ('paid_minor', of_day.paid_minor, told.paid_minor),
            ('returned_payouts', of_day.returned_minor, CASE WHEN came_back THEN told.paid_minor ELSE 0 END)
        ) AS figure (name, proven, found)
    ) AS every
    WHERE proven <> found ORDER BY run_on NULLS FIRST, merchant_id, currency, figure LIMIT %(most)s
"""


def differing_merchants(connection: Connection, *, most: int) -> Iterator[Finding]:
    """Merchants' accounts that are not what is left to settle, settlements that are not their transfers; up to `most`.

    A settlement is held to its transfers kind by kind, to what the one before left, and to what was posted as paid.
    """
    for merchant_id, currency, run_on, figure, proven, found in connection.execute(_MERCHANTS, {"most": most}):
        account = f"{Address('merchant_payable', merchant_id)} {currency}"
        check, subject = (
            (Check.MERCHANT, account) if run_on is None else (Check.SETTLEMENT, f"{account}, {run_on} {figure}")
        )
        yield Finding(check, subject, f"{proven:,}", f"{found:,}")
