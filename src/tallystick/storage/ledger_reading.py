"""Reading the books: balances exact at this instant, the trial balance, and transfers as they were posted."""

from collections.abc import Sequence
from typing import Any, Final

from psycopg import Connection

from tallystick.ledger.balance import Balance, TrialRow
from tallystick.ledger.chain import Position, Posted
from tallystick.ledger.transfer import Address, Transfer
from tallystick.storage.ledger import NUMBERS, SHARED
from tallystick.storage.ledger_chain import next_window

CODES: Final = {number: code for code, number in NUMBERS.items()}

_POSTED: Final = """
    SELECT recorded_generation, recorded_xid, transfer_id, debit_number, debit_owner, credit_number, credit_owner,
           amount_minor, currency, effective_on, kind, line_id, event_id, booked_on
    FROM transfers
"""


def line_balances(connection: Connection, line_id: int) -> list[Balance]:
    """All accounts of a line, in the order of the chart."""
    rows = connection.execute(
        """
        SELECT number, line_id, currency, debit_minor, credit_minor FROM line_balances WHERE line_id = %s
        ORDER BY number, currency
        """,
        [line_id],
    )
    return [_balance(*row) for row in rows]


def shared_balances(connection: Connection) -> dict[tuple[Address, str], Balance]:
    """All shared accounts, exact at this instant, by account and currency. Those that no chart knows are left out."""
    rows = connection.execute(
        f"""
        SELECT number, owner_id, currency, sum(debit_minor)::bigint, sum(credit_minor)::bigint FROM ({SHARED}) AS parts
        WHERE number = ANY(%s::smallint[]) GROUP BY number, owner_id, currency
        """,
        [list(CODES)],
    )
    balances = (_balance(*row) for row in rows)
    return {(balance.address, balance.currency): balance for balance in balances}


def house_balances(connection: Connection, codes: Sequence[str]) -> list[tuple[str, str, int]]:
    """Code, currency and debits less credits of accounts of the house, exact at this instant."""
    rows = connection.execute(
        f"""
        SELECT number, currency, sum(debit_minor - credit_minor)::bigint FROM ({SHARED}) AS parts
        WHERE number = ANY(%s::smallint[]) AND owner_id = 0 GROUP BY number, currency ORDER BY number, currency
        """,
        [[NUMBERS[code] for code in codes]],
    )
    return [(CODES[number], currency, net_minor) for number, currency, net_minor in rows]


def trial_balance(connection: Connection) -> list[TrialRow]:
    """Every account of the chart over all its owners, per currency, as the kept balances have it."""
    rows = connection.execute(
        f"""
        SELECT number, currency, sum(debit_minor)::bigint, sum(credit_minor)::bigint FROM (
            SELECT number, line_id, currency, debit_minor, credit_minor FROM line_balances UNION ALL {SHARED}
        ) AS kept
        WHERE number = ANY(%s::smallint[]) GROUP BY number, currency ORDER BY number, currency
        """,
        [list(CODES)],
    )
    return [TrialRow(CODES[number], *rest) for number, *rest in rows]


def transfers_of_line(connection: Connection, line_id: int, *, after_id: int = 0, most: int = 100) -> list[Posted]:
    """A line's transfers in the order of their ids, `most` at a time, those after `after_id`.

    Who posts on a line holds its lock from before the first id is drawn until the commit, so none comes late.
    """
    rows = connection.execute(
        f"{_POSTED} WHERE line_id = %s AND transfer_id > %s AND line_id <> 0 ORDER BY transfer_id LIMIT %s",
        [line_id, after_id, most],
    )
    return [_posted(*row) for row in rows]


def settled_transfers(connection: Connection, *, after: Position, most: int) -> list[Posted]:
    """Up to `most` transfers after a place in the order of commits: whoever keeps the last place misses none.

    Ids say when a transfer was begun, not when it could be seen; what a running transaction can still precede waits.
    """
    found: list[Posted] = []
    while len(found) < most:
        window = next_window(connection, after=after, about=most, below="settled_before()")
        if window is None:
            break
        rows = connection.execute(
            f"""
            {_POSTED}
            WHERE recorded_generation = %s AND recorded_xid BETWEEN %s AND %s AND (recorded_xid, transfer_id) > (%s, %s)
            ORDER BY recorded_xid, transfer_id LIMIT %s
            """,
            [window.generation, window.after.xid, window.last_xid, *window.after[1:], most - len(found)],
        )
        found.extend(_posted(*row) for row in rows)
        after = found[-1].position
    return found


def all_transfers(connection: Connection, *, after_id: int = 0, most: int = 100) -> list[Posted]:
    """Transfers in the order of their ids, `most` at a time, those after `after_id`."""
    rows = connection.execute(f"{_POSTED} WHERE transfer_id > %s ORDER BY transfer_id LIMIT %s", [after_id, most])
    return [_posted(*row) for row in rows]


def read_transfer(connection: Connection, transfer_id: int) -> Posted | None:
    """One transfer."""
    row = connection.execute(f"{_POSTED} WHERE transfer_id = %s", [transfer_id]).fetchone()
    return None if row is None else _posted(*row)


def _balance(number: int, owner_id: int, currency: str, debit_minor: int, credit_minor: int) -> Balance:
    return Balance(Address(CODES[number], owner_id), currency, debit_minor, credit_minor)


def _posted(generation: int, xid: int, transfer_id: int, *rest: Any) -> Posted:
    debit_number, debit_owner, credit_number, credit_owner, *facts, booked_on = rest
    amount_minor, currency, effective_on, kind, line_id, event_id = facts
    transfer = Transfer(
        debit=Address(CODES[debit_number], debit_owner),
        credit=Address(CODES[credit_number], credit_owner),
        amount_minor=amount_minor,
        currency=currency,
        effective_on=effective_on,
        kind=kind,
        line_id=line_id,
        event_id=event_id,
    )
    return Posted(Position(generation, xid, transfer_id), transfer, booked_on)
