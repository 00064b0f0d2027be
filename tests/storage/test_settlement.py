"""Settlement to merchants: each transfer once, net, proven by the books, whatever comes back or commits late."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tests.books import OPENED_ON, Books

from tallystick.ledger.transfer import Address
from tallystick.operations.ledger import keep_books, verify
from tallystick.operations.lines import Recorded
from tallystick.operations.progress import Silent
from tallystick.operations.settlement import (
    SettledDay,
    SettlementFault,
    payout_came_back,
    register,
    settle_day,
    write_files,
)
from tallystick.operations.whole_files import OutputFault
from tallystick.servicing import facts
from tallystick.storage import ledger
from tallystick.terms.plan_terms import PlanTerms

BOUGHT_ON = date(2026, 1, 6)
MERCHANT = 5


@dataclass
class Shop:
    """Books with a line of 30,000 yuan, and a merchant that is paid the day after, from 100 yuan on."""

    books: Books

    def __post_init__(self) -> None:
        self.books.add_borrower(1)
        self.books.open_line(7, 1)

    def register(self, *, hold_days: int = 1, least_payout_minor: int = 10_000) -> None:
        """Give the merchant's terms."""
        act = self.books.act_of(OPENED_ON)
        register(
            self.books.connection,
            MERCHANT,
            reference="shop-5",
            hold_days=hold_days,
            least_payout_minor=least_payout_minor,
            act=act,
        )

    def buy(self, draw_id: int, amount_minor: int, *, fee_minor: int = 0, on: date = BOUGHT_ON) -> None:
        """A purchase, paid next month."""
        bought = facts.Drawdown(
            draw_id=draw_id,
            kind=facts.DrawKind.PURCHASE,
            amount_minor=amount_minor,
            merchant_id=MERCHANT,
            merchant_fee_minor=fee_minor,
        )
        assert isinstance(self.books.act(7, bought, on), Recorded)

    def refund(self, draw_id: int, amount_minor: int, *, fee_minor: int, on: date) -> None:
        """The merchant gives money back."""
        back = facts.Refunded(
            refund_id=draw_id + 1_000, draw_id=draw_id, amount_minor=amount_minor, merchant_fee_minor=fee_minor
        )
        assert isinstance(self.books.act(7, back, on), Recorded)

    def settle(self, on: date) -> SettledDay:
        """A run."""
        with self.books.connection.transaction():
            return settle_day(self.books.connection, on, act=self.books.act_of(on))

    def balance(self, code: str, owner_id: int = 0) -> int:
        """What stands on a shared account, on its normal side."""
        return ledger.shared_balance(self.books.connection, Address(code, owner_id), currency="CNY").net_minor

    def books_hold(self) -> None:
        """`ledger verify` finds nothing."""
        while any(keep_books(self.books.connection)):
            pass
        assert verify(self.books.connection, progress=Silent()).findings == ()


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    """A line and a merchant; every statement commits by itself."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield Shop(Books(connection))


def days(count: int) -> date:
    """So many days after the purchases."""
    return BOUGHT_ON + timedelta(days=count)


def test_a_merchant_is_paid_net_of_its_fee_after_the_days_of_hold(shop: Shop) -> None:
    shop.register()
    shop.buy(1, 100_000, fee_minor=600)
    assert shop.settle(BOUGHT_ON).settlements == ()
    (settled,) = shop.settle(days(1)).settlements
    assert (settled.orders, settled.purchases_minor, settled.fees_minor, settled.paid_minor) == (
        1,
        100_000,
        600,
        99_400,
    )
    assert shop.balance("merchant_payable", MERCHANT) == 0
    assert shop.balance("payout_clearing") == 99_400
    shop.books_hold()


def test_a_subsidy_is_told_apart_from_the_fee(shop: Shop) -> None:
    shop.register()
    terms = PlanTerms(
        installments=3, per_period_ppm=5_000, merchant_subsidy_ppm=1_000_000, first_due_on=date(2026, 1, 28)
    )
    bought = facts.Drawdown(
        draw_id=1,
        kind=facts.DrawKind.PURCHASE,
        amount_minor=120_000,
        merchant_id=MERCHANT,
        merchant_fee_minor=1_800 + 500,
        plan=facts.PlanChoice(plan_id=2, offer="order_installments", terms=terms),
    )
    assert isinstance(shop.books.act(7, bought, BOUGHT_ON), Recorded)
    (settled,) = shop.settle(days(1)).settlements
    assert (settled.subsidies_minor, settled.fees_minor, settled.paid_minor) == (1_800, 500, 117_700)
    assert shop.balance("subsidy_income", shop.books.product.ledger_id) == 1_800
    shop.books_hold()


def test_the_same_day_again_pays_nothing_and_writes_the_same_bytes(shop: Shop, tmp_path: Path) -> None:
    shop.register()
    shop.buy(1, 100_000, fee_minor=600)
    shop.buy(2, 50_000)
    written = []
    for name in ("first", "second"):
        settled = shop.settle(days(1))
        summary, detail = tmp_path / f"{name}.csv", tmp_path / f"{name}.detail.csv"
        with shop.books.connection.transaction():
            write_files(shop.books.connection, settled, summary=summary, detail=detail)
        written.append((summary.read_bytes(), detail.read_bytes()))
    assert written[0] == written[1]
    assert shop.balance("payout_clearing") == 149_400
    rows = list(csv.DictReader(written[1][1].decode().splitlines()))
    assert [(row["kind"], row["amount"]) for row in rows] == [
        ("drawdown", "1000.00"),
        ("merchant_fee", "-6.00"),
        ("drawdown", "500.00"),
    ]
    assert all(row["draw"].startswith("draw_") for row in rows)


def test_refunds_beyond_purchases_are_carried_and_never_paid(shop: Shop) -> None:
    shop.register()
    shop.buy(1, 100_000, fee_minor=600)
    shop.settle(days(1))
    shop.refund(1, 100_000, fee_minor=600, on=days(2))
    (negative,) = shop.settle(days(3)).settlements
    assert (negative.refunds_minor, negative.fees_returned_minor) == (100_000, 600)
    assert (negative.paid_minor, negative.left_minor) == (0, -99_400)
    shop.buy(2, 150_000, on=days(4))
    (later,) = shop.settle(days(5)).settlements
    assert (later.carried_minor, later.paid_minor, later.left_minor) == (-99_400, 50_600, 0)
    assert shop.balance("merchant_payable", MERCHANT) == 0
    shop.books_hold()


def test_less_than_the_least_payout_waits(shop: Shop) -> None:
    shop.register()
    shop.buy(1, 9_999)
    (small,) = shop.settle(days(1)).settlements
    assert (small.paid_minor, small.left_minor) == (0, 9_999)
    shop.buy(2, 1, on=days(2))
    (enough,) = shop.settle(days(3)).settlements
    assert (enough.carried_minor, enough.paid_minor) == (9_999, 10_000)


def test_what_was_left_is_paid_by_the_next_run_once_new_terms_let_it(shop: Shop) -> None:
    shop.register()
    shop.buy(1, 9_999)
    shop.settle(days(1))
    assert shop.settle(days(2)).settlements == ()
    shop.register(least_payout_minor=9_999)
    (settled,) = shop.settle(days(3)).settlements
    assert (settled.carried_minor, settled.orders, settled.paid_minor, settled.left_minor) == (9_999, 0, 9_999, 0)
    shop.register(least_payout_minor=1)
    assert shop.settle(days(4)).settlements == ()
    assert shop.balance("merchant_payable", MERCHANT) == 0
    shop.books_hold()


def test_new_terms_pay_nothing_twice_and_no_negative_sum(shop: Shop) -> None:
    shop.register()
    shop.buy(1, 9_999)
    shop.settle(days(1))
    shop.register(least_payout_minor=1)
    shop.buy(2, 100, on=days(1))
    (settled,) = shop.settle(days(2)).settlements
    assert (settled.carried_minor, settled.purchases_minor, settled.paid_minor) == (9_999, 100, 10_099)
    shop.refund(1, 9_999, fee_minor=0, on=days(2))
    assert [each.left_minor for each in shop.settle(days(3)).settlements] == [-9_999]
    shop.register(least_payout_minor=5)
    assert shop.settle(days(4)).settlements == ()


def test_an_order_taken_back_after_it_was_paid_out_is_taken_from_the_next(shop: Shop) -> None:
    shop.register()
    shop.buy(1, 100_000, fee_minor=600)
    shop.settle(days(1))
    event = shop.books.connection.execute("SELECT event_id FROM events WHERE kind = 'drawdown'").fetchone()
    assert event is not None
    undone = facts.EventUndone(event_id=event[0], reason="booked twice")
    assert isinstance(shop.books.act(7, undone, days(2), approved_by="second"), Recorded)
    (settled,) = shop.settle(days(3)).settlements
    assert (settled.purchases_minor, settled.fees_minor, settled.left_minor) == (-100_000, -600, -99_400)
    shop.books_hold()


def test_a_merchant_without_terms_is_shown_and_not_paid(shop: Shop) -> None:
    shop.buy(1, 100_000, fee_minor=600)
    settled = shop.settle(days(1))
    assert settled.settlements == ()
    assert [(each.merchant_id, each.owed_minor) for each in settled.unregistered] == [(MERCHANT, 99_400)]
    shop.register()
    assert [each.paid_minor for each in shop.settle(days(2)).settlements] == [99_400]


def test_what_commits_late_is_neither_missed_nor_paid_twice(shop: Shop, database_url: str) -> None:
    shop.register(hold_days=0)
    with psycopg.connect(database_url) as slow:
        # A transaction that begins first and commits last: its transfer has the lowest id.
        slow_books = Books.__new__(Books)
        slow_books.connection, slow_books.ids, slow_books.product = slow, shop.books.ids, shop.books.product
        bought = facts.Drawdown(draw_id=1, kind=facts.DrawKind.PURCHASE, amount_minor=30_000, merchant_id=MERCHANT)
        assert isinstance(slow_books.act(7, bought, BOUGHT_ON), Recorded)
        shop.books.add_borrower(2)
        shop.books.open_line(8, 2)
        other = facts.Drawdown(draw_id=2, kind=facts.DrawKind.PURCHASE, amount_minor=20_000, merchant_id=MERCHANT)
        assert isinstance(shop.books.act(8, other, BOUGHT_ON), Recorded)
        first = shop.settle(BOUGHT_ON)
        slow.commit()
    second = shop.settle(days(1))
    paid = [each.paid_minor for run in (first, second) for each in run.settlements]
    assert sum(paid) == 50_000
    assert shop.balance("merchant_payable", MERCHANT) == 0
    assert shop.settle(days(2)).settlements == ()


def test_a_payout_that_came_back_is_paid_again(shop: Shop) -> None:
    shop.register()
    shop.buy(1, 100_000)
    (settled,) = shop.settle(days(1)).settlements

    def came_back() -> bool:
        return payout_came_back(
            shop.books.connection,
            settled.settlement_id,
            reference="bank-1",
            reason="account closed",
            act=shop.books.act_of(days(2)),
        )

    assert came_back()
    assert not came_back()
    (again,) = shop.settle(days(3)).settlements
    assert (again.sent_back_minor, again.orders, again.paid_minor) == (100_000, 0, 100_000)
    assert shop.balance("payout_clearing") == 100_000
    shop.books_hold()


def test_what_cannot_be_settled_is_told(shop: Shop, tmp_path: Path) -> None:
    shop.register()
    shop.settle(days(3))
    with pytest.raises(SettlementFault, match="is settled already"):
        shop.settle(days(2))
    with (
        pytest.raises(SettlementFault, match="has not come"),
        shop.books.connection.transaction(),
    ):
        settle_day(shop.books.connection, days(9), act=shop.books.act_of(days(4)))
    with pytest.raises(SettlementFault, match="hold_days"):
        shop.register(hold_days=-1)
    with pytest.raises(SettlementFault, match="is not known"):
        payout_came_back(shop.books.connection, 1, reference="r", reason="x", act=shop.books.act_of(days(4)))
    nowhere = tmp_path / "no" / "file.csv"
    settled = shop.settle(days(3))
    with pytest.raises(OutputFault, match="cannot be written"), shop.books.connection.transaction():
        write_files(shop.books.connection, settled, summary=nowhere, detail=nowhere)


def test_the_database_refuses_a_second_settlement_of_a_transfer_and_any_edit(shop: Shop) -> None:
    shop.register()
    shop.buy(1, 100_000)
    shop.settle(days(1))
    with pytest.raises(psycopg.errors.UniqueViolation):
        shop.books.connection.execute("INSERT INTO settled_transfers SELECT * FROM settled_transfers")
    for table in ("merchants", "settlement_runs", "settlements", "settled_transfers", "returned_payouts"):
        with pytest.raises(psycopg.errors.IntegrityError, match="append-only"):
            shop.books.connection.execute(f"DELETE FROM {table}")


@dataclass
class Owed:
    """What a merchant is owed by a transfer that nobody settled yet."""

    merchant_id: int
    from_on: date
    amount_minor: int


@dataclass
class Ledgerless:
    """Settlement by hand: a list of amounts, and what was carried."""

    hold_days: int
    least_minor: int
    waiting: list[Owed]
    carried_minor: dict[int, int]

    def settle(self, on: date) -> dict[int, int]:
        """What each merchant is paid, zero where it is carried; those with nothing new are left out."""
        due = [owed for owed in self.waiting if owed.from_on + timedelta(days=self.hold_days) <= on]
        self.waiting = [owed for owed in self.waiting if owed not in due]
        paid: dict[int, int] = {}
        for merchant_id in {owed.merchant_id for owed in due}:
            net_minor = self.carried_minor.get(merchant_id, 0) + sum(
                owed.amount_minor for owed in due if owed.merchant_id == merchant_id
            )
            paid[merchant_id] = net_minor if net_minor >= self.least_minor else 0
            self.carried_minor[merchant_id] = net_minor - paid[merchant_id]
        return paid


deeds = some.lists(
    some.tuples(
        some.sampled_from(["buy", "buy", "buy", "refund", "chargeback", "settle", "settle", "returned"]),
        some.integers(0, 2),
        some.integers(1, 90_000),
        some.booleans(),
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=deeds, hold_days=some.integers(0, 3), least_minor=some.sampled_from([1, 30_000]))
def test_whatever_happens_merchants_are_paid_what_their_orders_came_to(
    shop: Shop, story: list[tuple[str, int, int, bool]], hold_days: int, least_minor: int
) -> None:
    books, today = shop.books, _day_after_all(shop)
    line_id, merchants = next(books.ids) + 1_000_000, (next(books.ids) + 2_000_000, next(books.ids) + 2_000_000)
    books.add_borrower(line_id)
    books.open_line(line_id, line_id)
    for merchant_id in merchants:
        register(
            books.connection, merchant_id, reference=f"shop-{merchant_id}", hold_days=hold_days,
            least_payout_minor=least_minor, act=books.act_of(today),
        )  # fmt: skip
    by_hand = Ledgerless(hold_days, least_minor, [], {})
    draws: list[list[int]] = []  # merchant, draw, what may still be refunded
    paid_out: list[tuple[int, int, date, int]] = []
    for kind, days_later, amount_minor, is_first in story:
        today += timedelta(days=days_later)
        if kind == "buy":
            draw_id, merchant_id, fee_minor = next(books.ids), merchants[is_first], amount_minor // 100
            bought = facts.Drawdown(
                draw_id=draw_id, kind=facts.DrawKind.PURCHASE, amount_minor=amount_minor, merchant_id=merchant_id,
                merchant_fee_minor=fee_minor,
            )  # fmt: skip
            if isinstance(books.act(line_id, bought, today), Recorded):
                draws.append([merchant_id, draw_id, amount_minor])
                by_hand.waiting.append(Owed(merchant_id, today, amount_minor - fee_minor))
        elif kind in {"refund", "chargeback"} and draws and draws[-1][2]:
            merchant_id, draw_id, left_minor = draws[-1]
            back_minor = min(amount_minor, left_minor)
            number = next(books.ids)
            back = (
                facts.Refunded(refund_id=number, draw_id=draw_id, amount_minor=back_minor)
                if kind == "refund"
                else facts.Chargeback(chargeback_id=number, draw_id=draw_id, amount_minor=back_minor, reason="fake")
            )
            assert isinstance(books.act(line_id, back, today), Recorded)
            draws[-1][2] -= back_minor
            by_hand.waiting.append(Owed(merchant_id, today, -back_minor))
        elif kind == "settle":
            settled = shop.settle(today)
            told = {each.merchant_id: each.paid_minor for each in settled.settlements if each.merchant_id in merchants}
            if not settled.was_settled:
                assert told == by_hand.settle(today)
                paid_out.extend(
                    (each.settlement_id, each.merchant_id, today, each.paid_minor)
                    for each in settled.settlements
                    if each.merchant_id in merchants and each.paid_minor
                )
        elif kind == "returned" and paid_out:
            settlement_id, merchant_id, run_on, paid_minor = paid_out.pop()
            assert payout_came_back(
                books.connection, settlement_id, reference="r", reason="closed", act=books.act_of(today)
            )
            by_hand.waiting.append(Owed(merchant_id, run_on, paid_minor))
    for merchant_id in merchants:
        waiting_minor = sum(owed.amount_minor for owed in by_hand.waiting if owed.merchant_id == merchant_id)
        carried_minor = by_hand.carried_minor.get(merchant_id, 0)
        assert shop.balance("merchant_payable", merchant_id) == waiting_minor + carried_minor
    shop.books_hold()


def _day_after_all(shop: Shop) -> date:
    row = shop.books.connection.execute("SELECT max(run_on) FROM settlement_runs").fetchone()
    assert row is not None
    return max(row[0] or BOUGHT_ON, BOUGHT_ON) + timedelta(days=1)
