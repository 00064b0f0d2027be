"""Posting and reading the books: one round trip for any number of transfers, balances kept with the posting."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from msgspec import Struct
from psycopg import Connection

from tallystick.ledger.chart import Scope, chart
from tallystick.ledger.transfer import Address, Transfer

_LINE_NUMBERS: Final = sorted(account.number for account in chart().values() if account.scope is Scope.LINE)
_NUMBERS: Final = {code: account.number for code, account in chart().items()}
_CODES: Final = {number: code for code, number in _NUMBERS.items()}

_FRESH: Final = """
WITH fresh AS MATERIALIZED (
    SELECT * FROM unnest(
        %(debit_numbers)s::smallint[], %(debit_owners)s::bigint[],
        %(credit_numbers)s::smallint[], %(credit_owners)s::bigint[],
        %(amounts)s::bigint[], %(currencies)s::text[], %(effective)s::date[], %(kinds)s::text[],
        %(line_ids)s::bigint[], %(event_ids)s::bigint[]
    ) AS fresh (debit_number, debit_owner, credit_number, credit_owner, amount_minor, currency, effective_on, kind,
                line_id, event_id)
), moved AS MATERIALIZED (
    SELECT number, owner_id, currency,
           sum(debit_minor)::bigint AS debit_minor, sum(credit_minor)::bigint AS credit_minor
    FROM (
        SELECT debit_number AS number, debit_owner AS owner_id, currency, amount_minor AS debit_minor, 0 AS credit_minor
        FROM fresh
        UNION ALL
        SELECT credit_number, credit_owner, currency, 0, amount_minor FROM fresh
    ) AS sides
    GROUP BY number, owner_id, currency
)
"""
# A check refuses the row that an upsert proposes, not the one it would make: so a new account begins with zeros.
_OPEN_ACCOUNTS: Final = f"""{_FRESH}
INSERT INTO line_balances (line_id, number, currency, debit_minor, credit_minor)
SELECT owner_id, number, currency, 0, 0 FROM moved
WHERE number = ANY(%(line_numbers)s::smallint[]) AND NOT EXISTS (
    SELECT FROM line_balances AS known
    WHERE known.line_id = moved.owner_id AND known.number = moved.number AND known.currency = moved.currency
)
ORDER BY owner_id, number, currency
ON CONFLICT DO NOTHING
"""
# The rows of a line's balances are locked in one order by every batch, so that two batches never wait for each other.
_POST: Final = f"""{_FRESH}, written AS (
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
)
INSERT INTO shared_deltas (number, owner_id, currency, debit_minor, credit_minor)
SELECT number, owner_id, currency, debit_minor, credit_minor FROM moved
WHERE number <> ALL(%(line_numbers)s::smallint[])
"""


def post(connection: Connection, transfers: Sequence[Transfer], *, booked_on: date) -> None:
    """Write transfers and what they make of the balances, in the caller's transaction and one round trip.

    Raises `psycopg.errors.CheckViolation` where a line's account would change side.
    """
    if not transfers:
        return
    fresh = {
        "debit_numbers": [_NUMBERS[transfer.debit.code] for transfer in transfers],
        "debit_owners": [transfer.debit.owner_id for transfer in transfers],
        "credit_numbers": [_NUMBERS[transfer.credit.code] for transfer in transfers],
        "credit_owners": [transfer.credit.owner_id for transfer in transfers],
        "amounts": [transfer.amount_minor for transfer in transfers],
        "currencies": [transfer.currency for transfer in transfers],
        "effective": [transfer.effective_on for transfer in transfers],
        "kinds": [transfer.kind for transfer in transfers],
        "line_ids": [transfer.line_id for transfer in transfers],
        "event_ids": [transfer.event_id for transfer in transfers],
        "booked_on": booked_on,
        "line_numbers": _LINE_NUMBERS,
    }
    with connection.pipeline():
        connection.execute(_OPEN_ACCOUNTS, {name: fresh[name] for name in fresh if name != "booked_on"})
        connection.execute(_POST, fresh)


class Balance(Struct, frozen=True):
    """What was debited and credited to one account; minor units."""

    address: Address
    currency: str
    debit_minor: int
    credit_minor: int


def line_balances(connection: Connection, line_id: int) -> list[Balance]:
    """All accounts of a line."""
    rows = connection.execute(
        """
        SELECT number, currency, debit_minor, credit_minor FROM line_balances WHERE line_id = %s
        ORDER BY number, currency
        """,
        [line_id],
    )
    return [Balance(Address(_CODES[number], line_id), *rest) for number, *rest in rows]


def shared_balance(connection: Connection, address: Address, *, currency: str) -> Balance:
    """A shared account, exact at this instant: the folded sum and what has been posted since."""
    row = connection.execute(
        """
        SELECT coalesce(sum(debit_minor), 0)::bigint, coalesce(sum(credit_minor), 0)::bigint FROM (
            SELECT debit_minor, credit_minor FROM shared_balances
            WHERE number = %(number)s AND owner_id = %(owner)s AND currency = %(currency)s
            UNION ALL
            SELECT debit_minor, credit_minor FROM shared_deltas
            WHERE number = %(number)s AND owner_id = %(owner)s AND currency = %(currency)s
        ) AS parts
        """,
        {"number": _NUMBERS[address.code], "owner": address.owner_id, "currency": currency},
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
