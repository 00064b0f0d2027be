"""Merchants' terms, what was settled, and the transfers that each settlement is made of: every statement about them."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Final

from msgspec import Struct
from psycopg import Connection

from tallystick.storage.event_feed import SETTLED
from tallystick.storage.ledger import NUMBERS

_LOCK: Final = 0x7A11_5712
_PAYABLE: Final = NUMBERS["merchant_payable"]


class Merchant(Struct, frozen=True):
    """A merchant's terms in one version: days until an order is paid out, and the least amount worth a transfer."""

    merchant_id: int
    version: int
    reference: str
    hold_days: int
    least_payout_minor: int


class Sums(Struct, frozen=True):
    """What transfers on a merchant's account come to, and what the settlement before left; minor units."""

    orders: int
    carried_minor: int
    purchases_minor: int
    fees_minor: int
    subsidies_minor: int
    refunds_minor: int
    chargebacks_minor: int
    fees_returned_minor: int
    sent_back_minor: int

    @property
    def net_minor(self) -> int:
        """What is owed to the merchant; negative where refunds were more than purchases."""
        return (
            self.carried_minor + self.purchases_minor - self.fees_minor - self.subsidies_minor
            - self.refunds_minor - self.chargebacks_minor + self.fees_returned_minor + self.sent_back_minor
        )  # fmt: skip


class MerchantSum(Sums, frozen=True):
    """The sums of one merchant's transfers that were not settled before, and the terms that hold."""

    merchant_id: int
    merchant_version: int
    currency: str
    least_payout_minor: int


class NewSettlement(Struct, frozen=True):
    """What a run settles with one merchant: paid now, or all of it left for the next run."""

    settlement_id: int
    due: MerchantSum
    paid_minor: int

    @property
    def left_minor(self) -> int:
        """What is carried to the next run."""
        return self.due.net_minor - self.paid_minor


class Settlement(Sums, frozen=True):
    """What was settled with one merchant in one run; minor units. `left_minor` is carried to the next run."""

    settlement_id: int
    run_on: date
    merchant_id: int
    reference: str
    currency: str
    paid_minor: int
    left_minor: int


class SettledTransfer(Struct, frozen=True):
    """One transfer of a settlement; positive for the merchant. `draw_id` is None where no order is concerned."""

    settlement_id: int
    transfer_id: int
    effective_on: date
    kind: str
    draw_id: int | None
    amount_minor: int


class Unregistered(Struct, frozen=True):
    """What is owed to a merchant whose terms nobody gave: it is not paid out."""

    merchant_id: int
    currency: str
    owed_minor: int


def hold_settling(connection: Connection) -> None:
    """Runs take turns until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def add_merchant(connection: Connection, merchant: Merchant, *, recorded_at: datetime, recorded_by: str) -> None:
    """Keep a version of a merchant's terms."""
    connection.execute(
        """
        INSERT INTO merchants (merchant_id, version, reference, hold_days, least_payout_minor, recorded_at, recorded_by)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        [
            merchant.merchant_id, merchant.version, merchant.reference, merchant.hold_days,
            merchant.least_payout_minor, recorded_at, recorded_by,
        ],
    )  # fmt: skip


def merchant(connection: Connection, merchant_id: int) -> Merchant | None:
    """The terms that hold."""
    row = connection.execute(
        """
        SELECT merchant_id, version, reference, hold_days, least_payout_minor FROM merchants
        WHERE merchant_id = %s ORDER BY version DESC LIMIT 1
        """,
        [merchant_id],
    ).fetchone()
    return None if row is None else Merchant(*row)


def has_run(connection: Connection, run_on: date) -> bool:
    """Whether that day was settled."""
    return connection.execute("SELECT FROM settlement_runs WHERE run_on = %s", [run_on]).fetchone() is not None


def last_run_on(connection: Connection) -> date | None:
    """The latest day that was settled."""
    row = connection.execute("SELECT max(run_on) FROM settlement_runs").fetchone()
    return None if row is None else row[0]


# Transfers of lines on merchants' accounts that no run has settled, whose place in the order of commits is final. What
# lies before the last run's place is settled as a whole, so the scan begins there.
_STAGE: Final = f"""
    CREATE TEMPORARY TABLE settling ON COMMIT DROP AS
    WITH place AS (
        SELECT next_generation, next_xid FROM settlement_runs ORDER BY run_on DESC LIMIT 1
    ), terms AS (
        SELECT DISTINCT ON (merchant_id) merchant_id, version, hold_days, least_payout_minor FROM merchants
        ORDER BY merchant_id, version DESC
    ), fresh AS (
        SELECT transfer_id, recorded_generation, recorded_xid, currency, kind, effective_on, line_id, event_id,
               CASE WHEN credit_number = {_PAYABLE} THEN credit_owner ELSE debit_owner END AS merchant_id,
               CASE WHEN credit_number = {_PAYABLE} THEN amount_minor ELSE -amount_minor END AS amount_minor
        FROM transfers
        WHERE {_PAYABLE} IN (debit_number, credit_number) AND (line_id <> 0 OR kind = 'payout_returned') AND {SETTLED}
          AND (recorded_generation, recorded_xid) >= (
              coalesce((SELECT next_generation FROM place), 0), coalesce((SELECT next_xid FROM place), 0))
          AND recorded_xid >= CASE
              WHEN (SELECT next_generation FROM place) = (SELECT max(generation) FROM database_generations)
              THEN (SELECT next_xid FROM place) ELSE 0 END
          AND NOT EXISTS (SELECT FROM settled_transfers AS settled WHERE settled.transfer_id = transfers.transfer_id)
    )
    SELECT fresh.*, terms.version, terms.least_payout_minor,
           terms.merchant_id IS NOT NULL AND fresh.effective_on <= %(run_on)s::date - terms.hold_days AS is_due
    FROM fresh LEFT JOIN terms USING (merchant_id)
"""


def stage(connection: Connection, *, run_on: date) -> None:
    """Gather what is not settled yet, for the statements of this transaction that follow."""
    connection.execute(_STAGE, {"run_on": run_on})


def sums(connection: Connection) -> list[MerchantSum]:
    """What is due to each merchant, with what the last settlement left.

    Merchants with nothing new are left out, unless new terms let what was left be paid.
    """
    rows = connection.execute(
        """
        SELECT count(DISTINCT (line_id, event_id)) FILTER (WHERE kind = 'drawdown'),
               coalesce((
                   SELECT left_minor FROM settlements AS last
                   WHERE last.merchant_id = due.merchant_id AND last.currency = due.currency
                   ORDER BY last.run_on DESC LIMIT 1
               ), 0),
               coalesce(sum(amount_minor) FILTER (WHERE kind = 'drawdown'), 0)::bigint,
               coalesce(-sum(amount_minor) FILTER (WHERE kind = 'merchant_fee'), 0)::bigint,
               coalesce(-sum(amount_minor) FILTER (WHERE kind = 'merchant_subsidy'), 0)::bigint,
               coalesce(-sum(amount_minor) FILTER (WHERE kind = 'refund'), 0)::bigint,
               coalesce(-sum(amount_minor) FILTER (WHERE kind = 'chargeback'), 0)::bigint,
               coalesce(sum(amount_minor) FILTER (WHERE kind = 'merchant_fee_returned'), 0)::bigint,
               coalesce(sum(amount_minor) FILTER (WHERE kind = 'payout_returned'), 0)::bigint,
               merchant_id, version, currency, least_payout_minor
        FROM settling AS due WHERE is_due
        GROUP BY merchant_id, version, currency, least_payout_minor
        UNION ALL
        SELECT 0, left_minor, 0, 0, 0, 0, 0, 0, 0, merchant_id, version, currency, least_payout_minor
        FROM (
            SELECT DISTINCT ON (merchant_id) merchant_id, version, least_payout_minor FROM merchants
            WHERE version > 1 ORDER BY merchant_id, version DESC
        ) AS terms
        JOIN LATERAL (
            SELECT DISTINCT ON (currency) currency, left_minor, merchant_version FROM settlements
            WHERE settlements.merchant_id = terms.merchant_id ORDER BY currency, run_on DESC
        ) AS last ON true
        WHERE merchant_version < version AND left_minor >= least_payout_minor
          AND NOT EXISTS (
              SELECT FROM settling AS due
              WHERE is_due AND due.merchant_id = terms.merchant_id AND due.currency = last.currency
          )
        ORDER BY merchant_id, currency
        """
    )
    return [MerchantSum(*row) for row in rows]


def unregistered(connection: Connection) -> list[Unregistered]:
    """What is owed to merchants without terms."""
    rows = connection.execute(
        """
        SELECT merchant_id, currency, sum(amount_minor)::bigint FROM settling WHERE version IS NULL
        GROUP BY merchant_id, currency ORDER BY merchant_id, currency
        """
    )
    return [Unregistered(*row) for row in rows]


def add_run(connection: Connection, *, run_on: date, run_at: datetime, run_by: str) -> None:
    """Keep that a day was settled, and the place in the order of commits from which the next run looks."""
    connection.execute(
        """
        INSERT INTO settlement_runs (run_on, next_generation, next_xid, run_at, run_by)
        SELECT %s, next[1], next[2], %s, %s
        FROM (SELECT least(
            (SELECT min(ARRAY[recorded_generation, recorded_xid]) FROM settling WHERE NOT is_due),
            (SELECT ARRAY[max(generation), (SELECT settled_before())] FROM database_generations)
        ) AS next) AS place
        """,
        [run_on, run_at, run_by],
    )


def add_settlements(connection: Connection, made: Sequence[NewSettlement], *, run_on: date) -> None:
    """Keep what was settled, and which transfers it was made of."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO settlements (settlement_id, run_on, merchant_id, merchant_version, currency, orders,
                                     carried_minor, purchases_minor, fees_minor, subsidies_minor, refunds_minor,
                                     chargebacks_minor, fees_returned_minor, sent_back_minor, paid_minor, left_minor)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (
                    each.settlement_id, run_on, each.due.merchant_id, each.due.merchant_version, each.due.currency,
                    each.due.orders, each.due.carried_minor, each.due.purchases_minor, each.due.fees_minor,
                    each.due.subsidies_minor, each.due.refunds_minor, each.due.chargebacks_minor,
                    each.due.fees_returned_minor, each.due.sent_back_minor, each.paid_minor, each.left_minor,
                )
                for each in made
            ],
        )  # fmt: skip
    connection.execute(
        """
        INSERT INTO settled_transfers (transfer_id, settlement_id)
        SELECT transfer_id, settlement_id FROM settling
        JOIN settlements USING (merchant_id, currency)
        WHERE is_due AND run_on = %s
        """,
        [run_on],
    )


_SETTLEMENTS: Final = """
    SELECT orders, carried_minor, purchases_minor, fees_minor, subsidies_minor, refunds_minor, chargebacks_minor,
           fees_returned_minor, sent_back_minor,
           settlement_id, run_on, settlements.merchant_id, merchants.reference, currency, paid_minor, left_minor
    FROM settlements JOIN merchants ON merchants.merchant_id = settlements.merchant_id AND version = merchant_version
"""


def of_run(connection: Connection, run_on: date) -> list[Settlement]:
    """What was settled on a day, by merchant and currency."""
    rows = connection.execute(f"{_SETTLEMENTS} WHERE run_on = %s ORDER BY settlements.merchant_id, currency", [run_on])
    return [Settlement(*row) for row in rows]


def settlement(connection: Connection, settlement_id: int) -> Settlement | None:
    """One settlement."""
    row = connection.execute(f"{_SETTLEMENTS} WHERE settlement_id = %s", [settlement_id]).fetchone()
    return None if row is None else Settlement(*row)


def transfers_of_run(connection: Connection, run_on: date) -> Iterator[SettledTransfer]:
    """The transfers of all settlements of a day, by merchant, as they were posted; streamed."""
    with connection.cursor(name="settled") as cursor:
        cursor.execute(
            f"""
            SELECT settlement_id, transfer_id, transfers.effective_on, transfers.kind,
                   (events.fact ->> 'draw_id')::bigint,
                   CASE WHEN credit_number = {_PAYABLE} THEN amount_minor ELSE -amount_minor END
            FROM settlements JOIN settled_transfers USING (settlement_id) JOIN transfers USING (transfer_id)
            LEFT JOIN events ON events.line_id = transfers.line_id AND events.event_id = transfers.event_id
            WHERE run_on = %s ORDER BY merchant_id, settlements.currency, transfer_id
            """,
            [run_on],
        )
        for row in cursor:
            yield SettledTransfer(*row)


def add_returned_payout(
    connection: Connection,
    settlement_id: int,
    *,
    reference: str,
    reason: str,
    returned_on: date,
    recorded_at: datetime,
    recorded_by: str,
) -> bool:
    """Keep that a payout came back; False where that is known already."""
    added = connection.execute(
        """
        INSERT INTO returned_payouts (settlement_id, reference, reason, returned_on, recorded_at, recorded_by)
        VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
        """,
        [settlement_id, reference, reason, returned_on, recorded_at, recorded_by],
    )
    return added.rowcount == 1


def add_paid_payout(
    connection: Connection,
    settlement_id: int,
    *,
    reference: str,
    paid_on: date,
    recorded_at: datetime,
    recorded_by: str,
) -> None:
    """Keep that the bank said a payout arrived."""
    connection.execute(
        """
        INSERT INTO paid_payouts (settlement_id, reference, paid_on, recorded_at, recorded_by)
        VALUES (%s, %s, %s, %s, %s)
        """,
        [settlement_id, reference, paid_on, recorded_at, recorded_by],
    )


def payout_answers(connection: Connection, settlement_id: int) -> dict[str, str]:
    """What the bank said of a payout, `paid` or `returned`, each with the bank's reference."""
    rows = connection.execute(
        """
        SELECT 'paid', reference FROM paid_payouts WHERE settlement_id = %(id)s
        UNION ALL SELECT 'returned', reference FROM returned_payouts WHERE settlement_id = %(id)s
        """,
        {"id": settlement_id},
    )
    return dict(rows.fetchall())


def unanswered_payouts(connection: Connection) -> list[Settlement]:
    """Settlements that paid something of which the bank has said nothing, oldest first."""
    rows = connection.execute(
        f"""
        {_SETTLEMENTS} WHERE paid_minor > 0
          AND NOT EXISTS (SELECT FROM paid_payouts AS paid WHERE paid.settlement_id = settlements.settlement_id)
          AND NOT EXISTS (SELECT FROM returned_payouts AS back WHERE back.settlement_id = settlements.settlement_id)
        ORDER BY run_on, settlements.merchant_id, currency
        """
    )
    return [Settlement(*row) for row in rows]
