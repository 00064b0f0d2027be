"""The books as tables for whoever keeps books of their own: what was recorded since a look before, and how all stands.

A look is one snapshot; what the next one finds new is what this one could not see.
"""

from typing import Any, Final

import pyarrow as pa
from psycopg import Connection

from tallystick.features.visible_set import VisibleSet
from tallystick.storage.ledger import SHARED
from tallystick.storage.stream_export import hold_still

_AMOUNT: Final = pa.int64()
TRANSFERS: Final = pa.schema(
    {
        "line_id": pa.int64(), "kind": pa.string(), "currency": pa.string(), "debit_number": pa.int64(),
        "debit_owner": pa.int64(), "credit_number": pa.int64(), "credit_owner": pa.int64(), "amount_minor": _AMOUNT,
    }
)  # fmt: skip
BALANCES: Final = pa.schema(
    {
        "number": pa.int64(), "owner_id": pa.int64(), "currency": pa.string(), "debit_minor": _AMOUNT,
        "credit_minor": _AMOUNT,
    }
)  # fmt: skip
LINES: Final = pa.schema(
    {
        "line_id": pa.int64(), "condition": pa.string(), "limit_minor": _AMOUNT, "drawn_minor": _AMOUNT,
        "held_minor": _AMOUNT, "charges_minor": _AMOUNT, "claim_minor": _AMOUNT, "credit_minor": _AMOUNT,
    }
)  # fmt: skip
EVENTS: Final = pa.schema(
    {
        "line_id": pa.int64(), "kind": pa.string(), "effective_on": pa.date32(), "recorded_us": pa.int64(),
        "number": pa.int64(), "amount_minor": _AMOUNT, "expires_on": pa.date32(), "because": pa.string(),
    }
)  # fmt: skip
EVENT_SUMS: Final = pa.schema(
    {"line_id": pa.int64(), "kind": pa.string(), "count": pa.int64(), "amount_minor": _AMOUNT}
)
_FIGURES: Final = (
    "opening_minor", "adjustments_minor", "purchases_minor", "installments_minor", "interest_minor", "fees_minor",
    "penalties_minor", "payments_minor", "refunds_minor", "waivers_minor", "closing_minor", "credit_minor",
)  # fmt: skip
STATEMENTS: Final = pa.schema(
    {
        "line_id": pa.int64(), "number": pa.int64(), "closed_on": pa.date32(), "due_on": pa.date32(),
        "told_closing_minor": _AMOUNT, "minimum_due_minor": _AMOUNT, **dict.fromkeys(_FIGURES, _AMOUNT),
    }
)  # fmt: skip
DECISIONS: Final = pa.schema(
    {
        "decision_id": pa.int64(), "checkpoint": pa.string(), "line_id": pa.int64(), "amount_minor": _AMOUNT,
        "outcome": pa.string(), "refused_because": pa.string(), "answered_by_id": pa.int64(), "is_recorded": pa.bool_(),
    }
)  # fmt: skip
DECISION_SUMS: Final = pa.schema(
    {
        "line_id": pa.int64(), "checkpoint": pa.string(), "outcome": pa.string(), "count": pa.int64(),
        "amount_minor": _AMOUNT,
    }
)  # fmt: skip


def begin_look(connection: Connection) -> VisibleSet:
    """Have the transaction that now begins read one state; gives what it can see."""
    hold_still(connection)
    connection.execute("SELECT set_config('jit', 'off', true)")  # compiling would take longer than reading
    row = connection.execute("SELECT max(generation), pg_current_snapshot()::text FROM database_generations").fetchone()
    assert row is not None
    return VisibleSet(generation=row[0], snapshot=row[1])


# The bound on `recorded_xid` is what an index finds; the visible set tells the rest apart to the transaction.
_NEW: Final = """
    recorded_generation = %(generation)s AND recorded_xid >= %(open_from)s
    AND NOT pg_visible_in_snapshot(recorded_xid::text::xid8, %(snapshot)s::pg_snapshot)
"""


def transfers_since(connection: Connection, seen: VisibleSet | None) -> pa.Table:
    """What was moved since a look before, or ever: amounts summed by line, kind, currency and pair of accounts."""
    return _told(
        connection,
        f"""
        SELECT line_id, kind, currency, debit_number, debit_owner, credit_number, credit_owner,
               sum(amount_minor)::bigint
        FROM transfers WHERE {_since(seen)} GROUP BY 1, 2, 3, 4, 5, 6, 7
        """,
        TRANSFERS,
        _bounds(seen),
    )


def balances(connection: Connection) -> pa.Table:
    """Every balance that is kept, of lines and shared, by account and currency."""
    return _told(
        connection,
        f"""
        SELECT number, line_id, currency, debit_minor, credit_minor FROM line_balances
        UNION ALL
        SELECT number, owner_id, currency, sum(debit_minor)::bigint, sum(credit_minor)::bigint FROM ({SHARED}) AS parts
        GROUP BY number, owner_id, currency
        """,
        BALANCES,
    )


def lines(connection: Connection) -> pa.Table:
    """How every line stands; `charges_minor` is what is owed besides principal, `claim_minor` what was charged off."""
    return _told(
        connection,
        """
        SELECT line_id, condition, limit_minor, drawn_minor, held_minor,
               owed_interest_minor + owed_fee_minor + owed_penalty_minor, charged_off_minor, credit_minor
        FROM lines ORDER BY line_id
        """,
        LINES,
    )


def events_since(connection: Connection, seen: VisibleSet | None) -> pa.Table:
    """What happened on lines since a look before, or ever, in the order of its ids.

    `number` names what it is about: a hold, draw or payment, a statement, or the offer that was accepted. `because`
    tells what the lender did by itself: why a hold was given back, or that a limit follows from an `offer` or is the
    `decrease` that a review decided.
    """
    return _told(
        connection,
        f"""
        SELECT new.line_id, kind, effective_on, (extract(epoch FROM recorded_at) * 1000000)::bigint,
               coalesce((fact ->> CASE
                   WHEN kind IN ('hold_placed', 'hold_voided', 'hold_expired') THEN 'hold_id'
                   WHEN kind IN ('payment_received', 'payment_returned') THEN 'payment_id'
                   WHEN kind IN ('drawdown', 'refunded', 'chargeback') THEN 'draw_id'
                   WHEN kind = 'bill_converted' THEN 'statement_number'
               END)::bigint, offer_id, 0),
               coalesce((fact ->> CASE
                   WHEN kind IN ('line_opened', 'limit_changed') THEN 'limit_minor' ELSE 'amount_minor'
               END)::bigint, 0),
               (fact ->> 'expires_on')::date,
               CASE kind WHEN 'hold_voided' THEN coalesce(
                   (SELECT min(act.kind) FROM review_acts AS act
                    WHERE act.review_id = (fact ->> 'hold_id')::bigint AND act.kind IN ('timed_out', 'stopped')),
                   (SELECT 'withdrawn' FROM withdrawn_decisions WHERE decision_id = (fact ->> 'hold_id')::bigint)
               ) WHEN 'limit_changed' THEN CASE WHEN offer_id IS NOT NULL THEN 'offer' WHEN EXISTS (
                   SELECT FROM limit_answers AS answer JOIN decisions USING (decision_id)
                   WHERE answer.line_id = new.line_id AND answer.event_id = new.event_id
                     AND answer.target_minor = (fact ->> 'limit_minor')::bigint AND decisions.outcome = 'decrease'
               ) THEN 'decrease' END END
        FROM (SELECT * FROM events WHERE {_since(seen)}) AS new
        LEFT JOIN LATERAL (
            SELECT offer_id FROM limit_offers
            WHERE kind = 'limit_changed' AND limit_offers.line_id = new.line_id AND limit_offers.event_id = new.event_id
        ) AS offer ON true
        ORDER BY new.event_id
        """,
        EVENTS,
        _bounds(seen),
    )


def event_sums(connection: Connection) -> pa.Table:
    """What ever happened on lines, counted and summed by line and kind; of an opening and a change the limit."""
    return _told(
        connection,
        """
        SELECT line_id, kind, count(*),
               coalesce(sum(coalesce(fact ->> 'amount_minor', fact ->> 'limit_minor')::bigint), 0)::bigint
        FROM events GROUP BY line_id, kind
        """,
        EVENT_SUMS,
    )


def statements_since(connection: Connection, seen: VisibleSet | None) -> pa.Table:
    """Statements that closed since a look before, or ever, as they were told; nulls where one is not kept."""
    figures = ", ".join(f"told.{name}" for name in _FIGURES)
    types = ", ".join(f"{name} bigint" for name in _FIGURES)
    return _told(
        connection,
        f"""
        SELECT new.line_id, (new.fact ->> 'number')::bigint, statements.closed_on, statements.due_on,
               statements.closing_minor, statements.minimum_due_minor, {figures}
        FROM (SELECT * FROM events WHERE kind = 'statement_closed' AND {_since(seen)}) AS new
        LEFT JOIN statements ON statements.line_id = new.line_id
            AND statements.number = (new.fact ->> 'number')::integer AND statements.event_id = new.event_id
        LEFT JOIN LATERAL jsonb_to_record(statements.figures) AS told ({types}) ON true
        ORDER BY new.event_id
        """,
        STATEMENTS,
        _bounds(seen),
    )


def decisions_after(connection: Connection, decision_id: int) -> pa.Table:
    """Decisions with later ids, by id. Of an application neither line nor amount is told (0).

    `answered_by_id` is the decision on the same purchase after the second factor that this one asked for;
    `is_recorded`: its batch is there, with the record that it can be made from again.
    """
    return _told(
        connection,
        """
        SELECT decision_id, made.checkpoint, coalesce(line_id, 0),
               CASE made.checkpoint WHEN 'authorize' THEN amount_minor ELSE 0 END, outcome, refused_because,
               CASE outcome WHEN 'step_up' THEN (
                   SELECT max(retry.decision_id) FROM step_up_retries AS retry WHERE retry.step_up_of = made.decision_id
               ) END,
               EXISTS (SELECT FROM decision_batches JOIN decision_traces USING (batch_id)
                       WHERE decision_batches.batch_id = made.batch_id)
        FROM decisions AS made WHERE decision_id > %(after_id)s ORDER BY decision_id
        """,
        DECISIONS,
        {"after_id": decision_id},
    )


def decision_sums(connection: Connection) -> pa.Table:
    """All decisions on applications and purchases, counted and summed by line, checkpoint and outcome."""
    return _told(
        connection,
        """
        SELECT coalesce(line_id, 0), checkpoint, outcome, count(*),
               coalesce(sum(CASE checkpoint WHEN 'authorize' THEN amount_minor END), 0)::bigint
        FROM decisions WHERE checkpoint IN ('apply', 'authorize') GROUP BY 1, 2, 3
        """,
        DECISION_SUMS,
    )


def _since(seen: VisibleSet | None) -> str:
    return "true" if seen is None else _NEW


def _bounds(seen: VisibleSet | None) -> dict[str, Any] | None:
    if seen is None:
        return None
    return {"generation": seen.generation, "open_from": seen.from_xid, "snapshot": seen.snapshot}


def _told(connection: Connection, query: str, schema: pa.Schema, parameters: dict[str, Any] | None = None) -> pa.Table:
    """What a query tells, each column as one array: COPY costs as much for each row as for a column of hundreds."""
    names = ", ".join(schema.names)
    arrays = ", ".join(f"array_agg({name})" for name in schema.names)
    row = connection.execute(f"SELECT {arrays} FROM ({query}) AS told ({names})".encode(), parameters).fetchone()
    assert row is not None
    return pa.table([pa.array(told or [], column.type) for told, column in zip(row, schema, strict=True)], schema)
