"""Posting: transfers and the balances they make, written in one round trip, however many they are."""

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import msgspec
from psycopg import Connection, sql

from tallystick.ledger.balance import Balance
from tallystick.ledger.chart import Scope, chart
from tallystick.ledger.columns import TransferColumns
from tallystick.ledger.transfer import Address, Transfer

NUMBERS: Final = {code: account.number for code, account in chart().items()}
_LINE_NUMBERS: Final = [account.number for account in chart().values() if account.scope is Scope.LINE]

# A shared account is what was folded and what has been posted since, in one snapshot.
SHARED: Final = """
    SELECT number, owner_id, currency, debit_minor, credit_minor FROM shared_balances
    UNION ALL
    SELECT number, owner_id, currency, debit_minor, credit_minor FROM shared_deltas
"""
_FROM_ARRAYS: Final = """
    SELECT * FROM unnest(
        %(debit_numbers)s::smallint[], %(debit_owners)s::bigint[],
        %(credit_numbers)s::smallint[], %(credit_owners)s::bigint[],
        %(amounts)s::bigint[], %(currencies)s::bpchar[], %(effective)s::date[], %(kinds)s::text[],
        %(line_ids)s::bigint[], %(event_ids)s::bigint[]
    ) AS fresh (debit_number, debit_owner, credit_number, credit_owner, amount_minor, currency, effective_on, kind,
                line_id, event_id)
"""
_FROM_STAGE: Final = """
    SELECT %(debit_number)s::smallint AS debit_number, debit_owner,
           %(credit_number)s::smallint AS credit_number, credit_owner,
           amount_minor, %(currency)s::bpchar AS currency, %(effective_on)s::date AS effective_on,
           %(kind)s::text AS kind, line_id, event_id
    FROM posting_stage
"""


def _posting(fresh: str) -> str:
    """The posting of the transfers that `fresh` selects.

    Balance rows of lines are locked in one order by every posting, so that two never wait for each other; what had
    no row gets one. Shared accounts are never locked: each posting leaves a delta. A line's account that two postings
    open in the same instant must take the movement of either by itself, for the check sees the row that is proposed;
    whoever holds the lock of the line never meets this. NOT IN, for it is always hashed; an anti-join of two lists
    whose length the planner cannot know may become a loop in a loop.
    """
    return f"""
WITH fresh AS MATERIALIZED ({fresh}), moved AS MATERIALIZED (
    SELECT number, owner_id, currency,
           sum(debit_minor)::bigint AS debit_minor, sum(credit_minor)::bigint AS credit_minor
    FROM (
        SELECT debit_number AS number, debit_owner AS owner_id, currency, amount_minor AS debit_minor, 0 AS credit_minor
        FROM fresh
        UNION ALL
        SELECT credit_number, credit_owner, currency, 0, amount_minor FROM fresh
    ) AS sides
    GROUP BY number, owner_id, currency
), written AS (
    INSERT INTO transfers (debit_number, debit_owner, credit_number, credit_owner, amount_minor, currency,
                           effective_on, booked_on, kind, line_id, event_id)
    SELECT debit_number, debit_owner, credit_number, credit_owner, amount_minor, currency,
           effective_on, %(booked_on)s, kind, line_id, event_id
    FROM fresh
), locked AS MATERIALIZED (
    SELECT present.line_id, present.number, present.currency, moved.debit_minor, moved.credit_minor
    FROM moved JOIN line_balances AS present
      ON present.line_id = moved.owner_id AND present.number = moved.number AND present.currency = moved.currency
    WHERE moved.number = ANY(%(line_numbers)s::smallint[])
    ORDER BY present.line_id, present.number, present.currency
    FOR UPDATE OF present
), kept AS (
    UPDATE line_balances AS present
    SET debit_minor = present.debit_minor + locked.debit_minor,
        credit_minor = present.credit_minor + locked.credit_minor
    FROM locked
    WHERE present.line_id = locked.line_id AND present.number = locked.number AND present.currency = locked.currency
), opened AS (
    INSERT INTO line_balances AS present (line_id, number, currency, debit_minor, credit_minor)
    SELECT owner_id, number, currency, debit_minor, credit_minor FROM moved
    WHERE number = ANY(%(line_numbers)s::smallint[])
      AND (owner_id, number, currency) NOT IN (SELECT line_id, number, currency FROM locked)
    ORDER BY owner_id, number, currency
    ON CONFLICT (line_id, number, currency) DO UPDATE
    SET debit_minor = present.debit_minor + excluded.debit_minor,
        credit_minor = present.credit_minor + excluded.credit_minor
)
INSERT INTO shared_deltas (number, owner_id, currency, debit_minor, credit_minor)
SELECT number, owner_id, currency, debit_minor, credit_minor FROM moved
WHERE number <> ALL(%(line_numbers)s::smallint[])
"""


_POST: Final = _posting(_FROM_ARRAYS)
_POST_STAGE: Final = _posting(_FROM_STAGE)


def post(connection: Connection, transfers: Sequence[Transfer], *, booked_on: date) -> None:
    """Write transfers and what they make of the balances, in the caller's transaction and one round trip.

    Raises `psycopg.errors.CheckViolation` where a line's account would change side.
    """
    if transfers:
        connection.execute(_POST, {**_arrays(transfers), "booked_on": booked_on, "line_numbers": _LINE_NUMBERS})


def _arrays(transfers: Sequence[Transfer]) -> dict[str, list[Any]]:
    return {
        "debit_numbers": [NUMBERS[transfer.debit.code] for transfer in transfers],
        "debit_owners": [transfer.debit.owner_id for transfer in transfers],
        "credit_numbers": [NUMBERS[transfer.credit.code] for transfer in transfers],
        "credit_owners": [transfer.credit.owner_id for transfer in transfers],
        "amounts": [transfer.amount_minor for transfer in transfers],
        "currencies": [transfer.currency for transfer in transfers],
        "effective": [transfer.effective_on for transfer in transfers],
        "kinds": [transfer.kind for transfer in transfers],
        "line_ids": [transfer.line_id for transfer in transfers],
        "event_ids": [transfer.event_id for transfer in transfers],
    }


class PostingKeyReused(ValueError):
    """A posting key names other transfers than it did before: a bug of the caller, and nothing was written."""


def post_once(connection: Connection, transfers: Sequence[Transfer], *, booked_on: date, posting_key: str) -> bool:
    """Post what no event of a line makes unique, once per key; False where that key has been posted before.

    Raises `PostingKeyReused` where the key was used for other transfers.
    """
    content_sha256 = hashlib.sha256(msgspec.json.encode(list(transfers))).digest()
    added = connection.execute(
        """
        INSERT INTO posting_keys (posting_key, transfers_sha256, booked_on) VALUES (%s, %s, %s)
        ON CONFLICT DO NOTHING
        """,
        [posting_key, content_sha256, booked_on],
    )
    if added.rowcount:
        post(connection, transfers, booked_on=booked_on)
        return True
    row = connection.execute(
        "SELECT transfers_sha256, booked_on FROM posting_keys WHERE posting_key = %s", [posting_key]
    ).fetchone()
    assert row is not None
    if row[0] != content_sha256:
        raise PostingKeyReused(
            f"posting_key {posting_key!r} was posted on {row[1]} with other transfers; correct them by new ones"
        )
    return False


def post_columns(connection: Connection, columns: TransferColumns, *, booked_on: date) -> None:
    """Write transfers of one kind, a million as easily as one: columns in, streamed, then posted as `post` does.

    Raises `psycopg.errors.CheckViolation` where a line's account would change side.
    """
    if len(columns) == 0:
        return
    connection.execute(
        """
        CREATE TEMPORARY TABLE IF NOT EXISTS posting_stage (
            debit_owner bigint, credit_owner bigint, amount_minor bigint, line_id bigint, event_id bigint
        ) ON COMMIT DELETE ROWS
        """
    )
    with connection.cursor() as cursor:
        with cursor.copy("COPY posting_stage FROM STDIN (FORMAT binary)") as copy:
            for part in columns.binary_rows():
                copy.write(part)
        cursor.execute(
            _POST_STAGE,
            {
                "debit_number": NUMBERS[columns.debit_code],
                "credit_number": NUMBERS[columns.credit_code],
                "currency": columns.currency,
                "effective_on": columns.effective_on,
                "kind": columns.kind,
                "booked_on": booked_on,
                "line_numbers": _LINE_NUMBERS,
            },
        )
        cursor.execute(sql.SQL("TRUNCATE posting_stage"))


def shared_balance(connection: Connection, address: Address, *, currency: str) -> Balance:
    """A shared account, exact at this instant: the folded sum and what has been posted since."""
    row = connection.execute(
        f"""
        SELECT coalesce(sum(debit_minor), 0)::bigint, coalesce(sum(credit_minor), 0)::bigint FROM ({SHARED}) AS parts
        WHERE number = %s AND owner_id = %s AND currency = %s
        """,
        [NUMBERS[address.code], address.owner_id, currency],
    ).fetchone()
    assert row is not None
    return Balance(address, currency, row[0], row[1])


def fold_deltas(connection: Connection, *, most: int = 100_000) -> int:
    """Fold up to `most` deltas into their sums; two folds at once take different ones. Gives how many were folded."""
    row = connection.execute(
        """
        WITH taken AS (
            DELETE FROM shared_deltas WHERE delta_id IN (
                SELECT delta_id FROM shared_deltas ORDER BY delta_id LIMIT %s FOR UPDATE SKIP LOCKED
            ) RETURNING number, owner_id, currency, debit_minor, credit_minor
        ), folded AS (
            INSERT INTO shared_balances AS present (number, owner_id, currency, debit_minor, credit_minor)
            SELECT number, owner_id, currency, sum(debit_minor), sum(credit_minor) FROM taken
            GROUP BY number, owner_id, currency ORDER BY number, owner_id, currency
            ON CONFLICT (number, owner_id, currency) DO UPDATE
            SET debit_minor = present.debit_minor + excluded.debit_minor,
                credit_minor = present.credit_minor + excluded.credit_minor
        )
        SELECT count(*) FROM taken
        """,
        [most],
    ).fetchone()
    assert row is not None
    return int(row[0])
