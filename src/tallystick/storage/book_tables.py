"""The whole book as tables: every line, the statements of a day, the reviews and offers that wait for an answer."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import pyarrow as pa
from psycopg import Connection

from tallystick.servicing.line import Line
from tallystick.servicing.owed import days_past_due, dues_asked_for
from tallystick.storage.contracts import Contracts
from tallystick.storage.line_states import line_in
from tallystick.terms.offering import own_prices
from tallystick.terms.own_price import flat_rate_ppm
from tallystick.terms.product import InstallmentOffer, Product

_STANDING: Final = pa.schema(
    [
        ("line_id", pa.int64()),
        ("limit_minor", pa.int64()),
        ("drawn_minor", pa.int64()),
        ("held_minor", pa.int64()),
        ("available_minor", pa.int64()),
        ("owed_minor", pa.int64()),
        ("due_minor", pa.int64()),
        ("days_past_due", pa.int64()),
        ("is_open", pa.bool_()),
        ("is_frozen", pa.bool_()),
        ("is_charged_off", pa.bool_()),
    ]
)
_STATEMENTS: Final = pa.schema(
    [
        ("line_id", pa.int64()),
        ("number", pa.int64()),
        ("closing_minor", pa.int64()),
        ("minimum_minor", pa.int64()),
        ("due_on", pa.date32()),
        ("purchases_minor", pa.int64()),
        ("payments_minor", pa.int64()),
        ("refunds_minor", pa.int64()),
        ("charges_minor", pa.int64()),
        ("daily_rate_ppm", pa.int64()),
        ("fee_ppm", pa.int64()),
    ]
)
_REVIEWS: Final = pa.schema(
    [
        ("review_id", pa.int64()),
        ("checkpoint", pa.string()),
        ("decision_id", pa.int64()),
        ("line_id", pa.int64()),
        ("amount_minor", pa.int64()),
    ]
)
_LIMIT_OFFERS: Final = pa.schema(
    [
        ("offer_id", pa.int64()),
        ("line_id", pa.int64()),
        ("previous_minor", pa.int64()),
        ("limit_minor", pa.int64()),
        ("valid_until", pa.date32()),
    ]
)
_PRICE_NOTICES: Final = pa.schema(
    [
        ("change_id", pa.int64()),
        ("line_id", pa.int64()),
        ("binds_on", pa.date32()),
        ("previous_fee_ppm", pa.int64()),
        ("fee_ppm", pa.int64()),
    ]
)
_LIMIT_OFFERS_MADE: Final = pa.schema([*list(_LIMIT_OFFERS)[:-1], ("is_accepted", pa.bool_())])


def standing_of_lines(connection: Connection, *, day: date) -> pa.Table:
    """All lines as their books tell them, seen from a day, by id.

    `owed_minor` is everything that stands in the books as owed, of a line that was charged off the claim that is left;
    `due_minor` is what of it was asked for. Only lines that owe anything are unfolded.
    """
    rows = connection.execute(
        """
        SELECT line_id, limit_minor, drawn_minor, held_minor, greatest(0, limit_minor - drawn_minor - held_minor),
               drawn_minor + owed_interest_minor + owed_fee_minor + owed_penalty_minor, condition = 'open',
               frozen_because IS NOT NULL, condition = 'charged_off',
               CASE WHEN drawn_minor + owed_interest_minor + owed_fee_minor + owed_penalty_minor + charged_off_minor > 0
                    THEN state END
        FROM lines ORDER BY line_id
        """
    ).fetchall()
    told = []
    for *figures, owed_minor, is_open, is_frozen, is_charged_off, state in rows:
        line = None if state is None else line_in(state)
        owed, due, late_days = (owed_minor, 0, 0) if line is None else _owed(line, owed_minor, day=day)
        told.append((*figures, owed, due, late_days, is_open, is_frozen, is_charged_off))
    return _table(told, _STANDING)


def _owed(line: Line, owed_minor: int, *, day: date) -> tuple[int, int, int]:
    """What a line owes in all, what of it was asked for, and for how many days it is past due."""
    claim_minor = line.charged_off_minor - line.recovered_minor
    due_minor = sum(due.left_minor for due in dues_asked_for(line, day=day))
    return owed_minor + claim_minor, due_minor, days_past_due(line, day=day)


def statements_closed_on(connection: Connection, day: date) -> pa.Table:
    """The statements that closed on a day, by line, with sums of what made them.

    `purchases_minor` holds the principal of installments that fell into them, `charges_minor` interest, fees and
    penalties without what was waived. By the line's contract, `daily_rate_ppm` is what a day costs of what is not paid
    in full, and `fee_ppm` what each installment would of what is put into installments: the flat rate of the first
    price that the borrower pays, in as many as it is sold in; null where bills are not.
    """
    rows = connection.execute(
        """
        SELECT line_id, number, closing_minor, minimum_due_minor, due_on,
               told.purchases_minor + told.installments_minor, told.payments_minor, told.refunds_minor,
               told.interest_minor + told.fees_minor + told.penalties_minor - told.waivers_minor, contract_hash
        FROM statements JOIN lines USING (line_id) CROSS JOIN LATERAL jsonb_to_record(figures) AS told (
            purchases_minor bigint, installments_minor bigint, payments_minor bigint, refunds_minor bigint,
            interest_minor bigint, fees_minor bigint, penalties_minor bigint, waivers_minor bigint
        )
        WHERE closed_on = %s ORDER BY line_id, number
        """,
        [day],
    ).fetchall()
    terms = Contracts(connection)
    prices = {contract_hash: _bill_prices(terms[contract_hash]) for contract_hash in {row[-1] for row in rows}}
    return _table([(*figures, *prices[contract_hash]) for *figures, contract_hash in rows], _STATEMENTS)


def _bill_prices(contract: Product) -> tuple[int, int | None]:
    """What a contract asks of a bill that is not paid in full: a day, and with each installment."""
    revolving, sold = contract.pay_next_month, contract.bill_installments
    return 0 if revolving is None else revolving.daily_rate_ppm, None if sold is None else _flat_ppm(sold)


def _flat_ppm(sold: InstallmentOffer) -> int | None:
    """The flat rate of the first price that the borrower pays; None where a merchant shares every one."""
    rates = (flat_rate_ppm(price, installments=price.most_installments) for price in own_prices(sold))
    return next(rates, None)


def price_notices_of(connection: Connection, day: date) -> pa.Table:
    """Changes of terms that lines were told on a day and that wait for theirs, of what installments of an order cost.

    `fee_ppm` and `previous_fee_ppm` are flat rates, by the new contract and by the old one.
    """
    rows = connection.execute(
        """
        SELECT change_id, line_id, notices.binds_on, from_hash, to_hash
        FROM terms_notices AS notices JOIN terms_changes USING (change_id)
        WHERE noticed_on = %s AND outcome IS NULL ORDER BY line_id, change_id
        """,
        [day],
    ).fetchall()
    terms, told = Contracts(connection), []
    for *notice, from_hash, to_hash in rows:
        sold = terms[from_hash].order_installments, terms[to_hash].order_installments
        fees = [None if each is None else _flat_ppm(each) for each in sold]
        if None not in fees and fees[0] != fees[1]:
            told.append((*notice, *fees))
    return _table(told, _PRICE_NOTICES)


def reviews_that_wait(connection: Connection) -> pa.Table:
    """The cases that nobody answered, in the order in which they are looked at."""
    rows = connection.execute(
        """
        SELECT review_id, checkpoint, coalesce(asked.application_id, review_id), line_id, reviews.amount_minor
        FROM reviews LEFT JOIN applications AS asked ON asked.human_review_id = review_id
        WHERE outcome IS NULL ORDER BY priority, due_at, review_id
        """
    )
    return _table(rows.fetchall(), _REVIEWS)


def limit_offers_open(connection: Connection, *, day: date) -> pa.Table:
    """Offers of a higher limit that may be answered on a day, by id."""
    rows = connection.execute(
        """
        SELECT offer_id, line_id, previous_limit_minor, limit_minor, valid_until FROM limit_offers
        WHERE answer IS NULL AND valid_until >= %s ORDER BY offer_id
        """,
        [day],
    )
    return _table(rows.fetchall(), _LIMIT_OFFERS)


def limit_offers_made(connection: Connection, *, day: date) -> pa.Table:
    """Offers of a higher limit that were made on a day, by id, and whether their borrowers accepted."""
    rows = connection.execute(
        """
        SELECT offer_id, line_id, previous_limit_minor, limit_minor, answer IS NOT DISTINCT FROM 'accepted'
        FROM limit_offers WHERE offered_on = %s ORDER BY offer_id
        """,
        [day],
    )
    return _table(rows.fetchall(), _LIMIT_OFFERS_MADE)


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    if not rows:
        return schema.empty_table()
    columns = zip(*rows, strict=True)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema)
