"""Proving the books: sums over transfers set against every balance that is kept, range by range."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from psycopg import Connection

from tallystick.ledger.balance import Balance, TrialRow
from tallystick.ledger.proof import Check, Finding, balance_finding
from tallystick.ledger.transfer import Address
from tallystick.storage.ledger import NUMBERS, SHARED
from tallystick.storage.ledger_reading import CODES

# What the constraints of the table say, again: whoever owns a database can drop a constraint.
_SOUND: Final = """
    amount_minor > 0 AND recorded_generation > 0 AND recorded_xid > 0
    AND (debit_number, debit_owner) <> (credit_number, credit_owner)
    AND (debit_number >= 9000) = (credit_number >= 9000)
    AND debit_number = ANY(%(numbers)s::smallint[]) AND credit_number = ANY(%(numbers)s::smallint[])
    AND (debit_number / 100 %% 10 <> 1 OR (debit_owner = line_id AND line_id <> 0))
    AND (credit_number / 100 %% 10 <> 1 OR (credit_owner = line_id AND line_id <> 0))
    AND (debit_number / 100 %% 10 <> 4 OR debit_owner = 0) AND (credit_number / 100 %% 10 <> 4 OR credit_owner = 0)
"""
_NUMBERS: Final = sorted(NUMBERS.values())


class Flow(Struct, frozen=True):
    """What moved between two codes within a range of transfers: `owner_id` is 0 for all lines' accounts together."""

    debit: Address
    credit: Address
    currency: str
    amount_minor: int
    transfers: int


def id_range(connection: Connection) -> tuple[int, int]:
    """The lowest and the highest transfer id; (1, 0) where there is none."""
    row = connection.execute("SELECT coalesce(min(transfer_id), 1), coalesce(max(transfer_id), 0) FROM transfers")
    bounds = row.fetchone()
    assert bounds is not None
    return bounds[0], bounds[1]


def flows(connection: Connection, *, from_id: int, to_id: int) -> list[Flow]:
    """What sound transfers with ids from `from_id` to before `to_id` moved, summed by accounts and currency."""
    rows = connection.execute(
        f"""
        SELECT debit_number, CASE WHEN debit_number / 100 %% 10 = 1 THEN 0 ELSE debit_owner END AS debit_owner,
               credit_number, CASE WHEN credit_number / 100 %% 10 = 1 THEN 0 ELSE credit_owner END AS credit_owner,
               currency, sum(amount_minor)::bigint, count(*)
        FROM transfers WHERE transfer_id >= %(from_id)s AND transfer_id < %(to_id)s AND ({_SOUND})
        GROUP BY 1, 2, 3, 4, 5
        """,
        {"from_id": from_id, "to_id": to_id, "numbers": _NUMBERS},
    )
    return [
        Flow(Address(CODES[debit], debit_owner), Address(CODES[credit], credit_owner), *rest)
        for debit, debit_owner, credit, credit_owner, *rest in rows
    ]


def unsound_transfers(connection: Connection, *, from_id: int, to_id: int, most: int) -> Iterator[Finding]:
    """Transfers that the ledger could never have written."""
    rows = connection.execute(
        f"""
        SELECT transfer_id, debit_number, debit_owner, credit_number, credit_owner, amount_minor FROM transfers
        WHERE transfer_id >= %(from_id)s AND transfer_id < %(to_id)s AND NOT ({_SOUND})
        ORDER BY transfer_id LIMIT %(most)s
        """,
        {"from_id": from_id, "to_id": to_id, "numbers": _NUMBERS, "most": most},
    )
    for transfer_id, debit, debit_owner, credit, credit_owner, amount_minor in rows:
        found = f"{debit} {debit_owner} <- {credit} {credit_owner}: {amount_minor:,}"
        yield Finding(Check.TRANSFER, f"transfer {transfer_id}", "two accounts, above zero", found)


def line_totals(connection: Connection) -> list[TrialRow]:
    """The kept balances of lines, summed by code and currency. Accounts that no chart knows are left out."""
    rows = connection.execute(
        """
        SELECT number, currency, sum(debit_minor)::bigint, sum(credit_minor)::bigint FROM line_balances
        GROUP BY number, currency ORDER BY number, currency
        """
    )
    return [TrialRow(CODES[number], *rest) for number, *rest in rows if number in CODES]


def unknown_shared_accounts(connection: Connection, *, most: int) -> Iterator[Finding]:
    """Kept sums of shared accounts that no chart knows; up to `most`."""
    rows = connection.execute(
        f"""
        SELECT number, owner_id, currency, sum(debit_minor)::bigint, sum(credit_minor)::bigint FROM ({SHARED}) AS parts
        WHERE number <> ALL(%s::smallint[]) GROUP BY number, owner_id, currency
        ORDER BY number, owner_id, currency LIMIT %s
        """,
        [_NUMBERS, most],
    )
    for number, owner_id, currency, *sides in rows:
        address = Address(str(number), owner_id)
        nothing, kept = Balance(address, currency, 0, 0), Balance(address, currency, *sides)
        yield balance_finding(Check.SHARED_BALANCE, proven=nothing, kept=kept)


def count_line_accounts(connection: Connection) -> int:
    """How many balance rows of lines there are."""
    row = connection.execute("SELECT count(*) FROM line_balances").fetchone()
    assert row is not None
    return int(row[0])


def differing_line_balances(
    connection: Connection, *, part: int, parts: int, most: int
) -> list[tuple[Balance, Balance]]:
    """Accounts of lines whose kept balance is not the sum of their transfers, as (proven, kept); up to `most`.

    Lines are taken in `parts`, so that the sums of one part stay in memory however many lines there are.
    """
    rows = connection.execute(
        """
        WITH proven AS (
            SELECT owner_id, number, currency,
                   sum(debit_minor)::bigint AS debit_minor, sum(credit_minor)::bigint AS credit_minor
            FROM (
                SELECT debit_owner AS owner_id, debit_number AS number, currency,
                       amount_minor AS debit_minor, 0 AS credit_minor
                FROM transfers WHERE debit_number / 100 %% 10 = 1 AND abs(debit_owner %% %(parts)s) = %(part)s
                UNION ALL
                SELECT credit_owner, credit_number, currency, 0, amount_minor
                FROM transfers WHERE credit_number / 100 %% 10 = 1 AND abs(credit_owner %% %(parts)s) = %(part)s
            ) AS sides
            GROUP BY owner_id, number, currency
        ), kept AS (
            SELECT line_id AS owner_id, number, currency, debit_minor, credit_minor
            FROM line_balances WHERE abs(line_id %% %(parts)s) = %(part)s
        )
        SELECT number, owner_id, currency, coalesce(proven.debit_minor, 0), coalesce(proven.credit_minor, 0),
               coalesce(kept.debit_minor, 0), coalesce(kept.credit_minor, 0)
        FROM proven FULL JOIN kept USING (owner_id, number, currency)
        WHERE (coalesce(proven.debit_minor, 0), coalesce(proven.credit_minor, 0))
           <> (coalesce(kept.debit_minor, 0), coalesce(kept.credit_minor, 0))
        ORDER BY owner_id, number, currency LIMIT %(most)s
        """,
        {"part": part, "parts": parts, "most": most},
    )
    return [
        (
            Balance(Address(CODES.get(number, str(number)), owner_id), currency, *figures[:2]),
            Balance(Address(CODES.get(number, str(number)), owner_id), currency, *figures[2:]),
        )
        for number, owner_id, currency, *figures in rows
    ]


def differing_line_figures(connection: Connection, *, most: int) -> Iterator[Finding]:
    """Figures of lines that are not the balance of the account they speak of, and balances of no line; up to `most`.

    The undrawn commitment follows from an open line's limit and what is drawn of it.
    """
    rows = connection.execute(
        """
        SELECT figure.number, lines.line_id, figure.name,
               coalesce(abs(present.debit_minor - present.credit_minor), 0), figure.kept_minor
        FROM lines CROSS JOIN LATERAL (VALUES
            (%(receivable_principal)s::smallint, 'drawn_minor', drawn_minor),
            (%(receivable_interest)s, 'owed_interest_minor', owed_interest_minor),
            (%(receivable_fee)s, 'owed_fee_minor', owed_fee_minor),
            (%(receivable_penalty)s, 'owed_penalty_minor', owed_penalty_minor),
            (%(credit_balance)s, 'credit_minor', credit_minor),
            (%(charged_off)s, 'charged_off_minor', charged_off_minor),
            (%(undrawn_commitment)s, 'limit_minor - drawn_minor',
             CASE WHEN condition = 'open' THEN greatest(0, limit_minor - drawn_minor) ELSE 0 END)
        ) AS figure (number, name, kept_minor)
        LEFT JOIN line_balances AS present ON present.line_id = lines.line_id
            AND present.number = figure.number AND present.currency = lines.currency
        WHERE coalesce(abs(present.debit_minor - present.credit_minor), 0) <> figure.kept_minor
        ORDER BY lines.line_id, figure.number LIMIT %(most)s
        """,
        {**NUMBERS, "most": most},
    )
    for number, line_id, name, proven_minor, kept_minor in rows:
        subject = f"{Address(CODES[number], line_id)}, {name}"
        yield Finding(Check.LINE_FIGURE, subject, f"{proven_minor:,}", f"{kept_minor:,}")
    strangers = connection.execute(
        """
        SELECT DISTINCT line_id FROM line_balances AS kept
        WHERE NOT EXISTS (SELECT FROM lines WHERE lines.line_id = kept.line_id) ORDER BY line_id LIMIT %s
        """,
        [most],
    )
    for (line_id,) in strangers:
        yield Finding(Check.LINE_FIGURE, f"line {line_id}", "a line", "none")


def differing_accruals(connection: Connection, *, most: int) -> Iterator[Finding]:
    """Closed days whose sum of what is accrued is not that of the lines' figures, or whose change was not posted so.

    Per product and currency: accrued / posted, minor units; up to `most`.
    """
    rows = connection.execute(
        """
        WITH figures AS (
            SELECT closed_on, product_key, currency,
                   sum((SELECT sum(minor) FROM unnest(accrued_minor) AS minor))::bigint AS summed_minor
            FROM accrual_figures GROUP BY closed_on, product_key, currency
        ), posted AS (
            SELECT booked_on AS closed_on, CASE WHEN is_debit THEN debit_owner ELSE credit_owner END AS product_key,
                   currency, sum(CASE WHEN is_debit THEN amount_minor ELSE -amount_minor END)::bigint AS moved_minor
            FROM transfers, LATERAL (SELECT debit_number = %(accrued_interest)s AS is_debit) AS side
            WHERE kind = 'accrual' GROUP BY 1, 2, 3
        )
        SELECT closed_on, product_key, currency, coalesce(summed_minor, 0), coalesce(moved_minor, 0),
               accrued_minor, posted_minor
        FROM accrual_days FULL JOIN figures USING (closed_on, product_key, currency)
        FULL JOIN posted USING (closed_on, product_key, currency)
        WHERE (coalesce(summed_minor, 0), coalesce(moved_minor, 0)) IS DISTINCT FROM (accrued_minor, posted_minor)
        ORDER BY closed_on, product_key, currency LIMIT %(most)s
        """,
        {"accrued_interest": NUMBERS["accrued_interest"], "most": most},
    )
    for closed_on, product_key, currency, summed_minor, moved_minor, accrued_minor, posted_minor in rows:
        subject = f"{Address('accrued_interest', product_key)} {currency}, {closed_on}"
        kept = "none" if accrued_minor is None else f"{accrued_minor:,} / {posted_minor:,}"
        yield Finding(Check.ACCRUAL, subject, f"{summed_minor:,} / {moved_minor:,}", kept)
