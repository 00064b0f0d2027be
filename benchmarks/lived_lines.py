"""A database full of lines that lived: a few hundred lives through `operations.lines.record`, and copies of them.

Every line is a copy of one of them in all tables of a life, so a million lines cost what copying costs.
"""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Final

import numpy as np
import psycopg
from msgspec.structs import replace
from psycopg import sql

from tallystick.operations.ledger import keep_books
from tallystick.operations.lines import Act, Recorded, catch_line_up, record
from tallystick.servicing import facts
from tallystick.storage import borrowers, contracts
from tallystick.storage.line_states import line_in, packed
from tallystick.terms.catalog import shipped_products
from tallystick.terms.offering import OfferFault, plan_terms, price_for
from tallystick.terms.product import OfferKind, Product

OPENED_ON: Final = date(2026, 1, 5)
CLOSED_ON: Final = date(2026, 2, 19)  # statements of the second month
AT: Final = datetime(2026, 1, 5, tzinfo=UTC)
LIVES: Final = 400
SEED: Final = 20_264
# Ids as large as live ones are.
FIRST_LINE: Final = 1 << 40
FIRST_BORROWER: Final = 1 << 41
IDS_PER_COPY: Final = 1 << 24


def live_lines(connection: psycopg.Connection) -> None:
    """A few hundred different lives up to the morning of the day that is closed."""
    due_that_day = shipped_products()["baitiao"]
    cycle = due_that_day.pay_next_month
    assert cycle is not None
    due_later = replace(due_that_day, id="baitiao-5", ledger_id=99, pay_next_month=replace(cycle, statement_day=5))
    books = _Lives(connection, np.random.default_rng(SEED))
    with connection.transaction():
        for is_due, product in ((True, due_that_day), (False, due_later)):
            books.publish(product)
            for number in range(LIVES):
                if is_due == (number % 10 == 0):
                    books.live(number, is_due=is_due)
    keep_all_books(connection)


def keep_all_books(connection: psycopg.Connection) -> None:
    """Fold what was posted until nothing is left."""
    while any(keep_books(connection)):
        pass


class _Lives:
    """Lives by chance: amounts differ, and so do what was bought, paid and left."""

    def __init__(self, connection: psycopg.Connection, chance: np.random.Generator) -> None:
        self._connection = connection
        self._chance = chance
        self._ids = count(1)

    def publish(self, product: Product) -> None:
        """The lives that follow are lived on this product."""
        contracts.add_product(self._connection, product, published_on=OPENED_ON, published_by="author")
        self._contract_hash = contracts.add_contract(self._connection, product, frozen_at=AT)
        self._product = product

    def live(self, number: int, *, is_due: bool) -> None:
        """A person and a line up to the morning of the day that is closed."""
        self._line_id, borrower_id = FIRST_LINE + number, FIRST_BORROWER + number
        person = borrowers.Borrower(borrower_id, f"person-{number}", "CN", "CNY", 20_000_000, None, {}, AT)
        borrowers.add_borrower(self._connection, person)
        opening = facts.LineOpened(
            borrower_id=borrower_id,
            contract_hash=self._contract_hash,
            currency="CNY",
            limit_minor=3_000_000,
            cash_limit_minor=1_500_000,
        )
        self._act(opening, OPENED_ON)
        kind = number // 10 % 20
        if is_due:
            if kind < 14:
                self._buy_for_two_months(leaves_to_revolve=kind >= 10)
            elif kind < 17:
                self._hold(expires_on=CLOSED_ON + timedelta(days=1))  # it ends as the next day begins
            else:
                self._draw_cash(date(2026, 1, 20))  # its first installment is due as the next day begins
        elif number % 2:
            self._buy_for_two_months(leaves_to_revolve=kind >= 16)
        catch_line_up(self._connection, self._line_id, act=self._act_of(CLOSED_ON - timedelta(days=1)))

    def _act_of(self, today: date) -> Act:
        at = datetime(today.year, today.month, today.day, 4, tzinfo=UTC)
        return Act(actor="clerk", at=at, today=today, event_ids=self._ids)

    def _act(self, fact: facts.AnyFact, on: date) -> Recorded:
        recorded = record(self._connection, self._line_id, fact, act=self._act_of(on))
        if not isinstance(recorded, Recorded):
            raise SystemExit(f"{fact} was refused: {recorded}")
        return recorded

    def _amount_minor(self, least: int, most: int) -> int:
        return int(self._chance.integers(least, most))

    def _plan(self, offer: OfferKind, price_code: str, *, installments: int, drawn_on: date) -> facts.PlanChoice:
        price = price_for(self._product, offer=offer, price_code=price_code, installments=installments)
        if isinstance(price, OfferFault):
            raise SystemExit(str(price))
        terms = plan_terms(self._product, offer=offer, price=price, installments=installments, drawn_on=drawn_on)
        return facts.PlanChoice(next(self._ids), str(offer), terms)

    def _purchase(self, plan: facts.PlanChoice | None = None) -> facts.Drawdown:
        return facts.Drawdown(
            draw_id=next(self._ids),
            kind=facts.DrawKind.PURCHASE,
            amount_minor=self._amount_minor(10_000, 200_000),
            merchant_id=self._amount_minor(1, 500),
            plan=plan,
        )

    def _buy_for_two_months(self, *, leaves_to_revolve: bool) -> None:
        bought_on = date(2026, 1, 6)
        plan = self._plan(OfferKind.ORDER_INSTALLMENTS, "standard", installments=12, drawn_on=bought_on)
        self._act(self._purchase(plan), bought_on)
        for day in (8, 12):
            self._act(self._purchase(), date(2026, 1, day))
        paid = facts.PaymentReceived(
            payment_id=next(self._ids),
            amount_minor=self._amount_minor(30_000, 60_000) if leaves_to_revolve else 800_000,
            channel="bank",
        )
        self._act(paid, date(2026, 1, 25))
        for day in () if leaves_to_revolve else (3, 9, 15):  # who is past due buys no more
            self._act(self._purchase(), date(2026, 2, day))

    def _hold(self, *, expires_on: date) -> None:
        placed = facts.HoldPlaced(
            hold_id=next(self._ids),
            amount_minor=self._amount_minor(5_000, 90_000),
            expires_on=expires_on,
            merchant_id=7,
        )
        self._act(placed, date(2026, 2, 12))

    def _draw_cash(self, on: date) -> None:
        drawn = facts.Drawdown(
            draw_id=next(self._ids),
            kind=facts.DrawKind.CASH,
            amount_minor=self._amount_minor(60_000, 900_000),
            purpose="goods",
            plan=self._plan(OfferKind.CASH, "equal_installments", installments=6, drawn_on=on),
        )
        self._act(drawn, on)


# Every table of a line's life, and the columns in which a copy differs from the life it is copied from.
_LINE_IDS = {"line_id": "line_id + shift"}
_COPIED: Final[dict[str, dict[str, str]]] = {
    "borrowers": {"borrower_id": "borrower_id + shift", "reference": "reference || '-' || shift"},
    "lines": {
        "line_id": "line_id + shift",
        "borrower_id": "borrower_id + shift",
        "state": "copied",
    },
    "events": _LINE_IDS,
    "line_objects": {"object_id": "object_id + far", "line_id": "line_id + shift"},
    "payments": {"payment_id": "payment_id + far", "line_id": "line_id + shift"},
    "statements": _LINE_IDS,
    "checkpoints": {"line_id": "line_id + shift", "state": "copied"},
    "line_history": _LINE_IDS,
    "line_balances": _LINE_IDS,
    "transfers": {
        "debit_owner": "CASE WHEN debit_owner = line_id THEN debit_owner + shift ELSE debit_owner END",
        "credit_owner": "CASE WHEN credit_owner = line_id THEN credit_owner + shift ELSE credit_owner END",
        "line_id": "line_id + shift",
    },
}
# What stands in a table's states, each row by what it is known by.
_WITH_STATES: Final = {"lines": "line_id", "checkpoints": "line_id, effective_on, rank, event_id"}


def _copy_states(connection: psycopg.Connection, table: str, *, key: str, copies: int) -> None:
    """States of the copies, in a table `states_of_...`: a state names its line and its person."""
    rows = connection.execute(f"SELECT state FROM {table} ORDER BY {key}".encode()).fetchall()
    lines = [line_in(state) for (state,) in rows]
    name = sql.Identifier(f"states_of_{table}")
    connection.execute(sql.SQL("CREATE TEMPORARY TABLE {} (copy integer, place bigint, copied bytea)").format(name))
    connection.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN copied SET STORAGE EXTERNAL").format(name))
    statement = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(name)
    with connection.cursor() as cursor, cursor.copy(statement) as copied:
        copied.set_types(["int4", "int8", "bytea"])
        for copy in range(1, copies):
            shift = copy * LIVES
            for place, line in enumerate(lines, 1):
                ids = {"line_id": line.line_id + shift, "borrower_id": line.borrower_id + shift}
                copied.write_row((copy, place, packed(replace(line, **ids))))
    connection.execute(sql.SQL("ANALYZE {}").format(name))


def copy_lines(connection: psycopg.Connection, *, copies: int) -> None:
    """So many times as many lines, the first among them, with their indexes and statistics."""
    for table, key in _WITH_STATES.items():
        _copy_states(connection, table, key=key, copies=copies)
    for table, changed in _COPIED.items():
        columns = [
            row[0]
            for row in connection.execute(
                """
                SELECT attname FROM pg_attribute
                WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = ''
                ORDER BY attnum
                """,
                [table],
            )
        ]
        told = ", ".join(changed.get(column, column) for column in columns)
        where = "WHERE line_id <> 0" if table == "transfers" else ""
        life = f"SELECT * FROM {table} {where}"
        states = ""
        if table in _WITH_STATES:
            life = f"SELECT *, row_number() OVER (ORDER BY {_WITH_STATES[table]}) AS place FROM {table}"
            states = f"JOIN states_of_{table} AS states USING (place, copy)"
        connection.execute(
            sql.SQL(
                f"""
                INSERT INTO {table} ({", ".join(columns)})
                SELECT {told}
                FROM ({life}) AS life CROSS JOIN
                     (SELECT copy, copy * {LIVES}::bigint AS shift, copy * {IDS_PER_COPY}::bigint AS far
                      FROM generate_series(1, %s - 1) AS copy) AS copies {states}
                """
            ),
            [copies],
        )
    connection.execute(
        "UPDATE shared_balances SET debit_minor = debit_minor * %(n)s, credit_minor = credit_minor * %(n)s",
        {"n": copies},
    )
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")
