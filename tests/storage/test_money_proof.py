"""The proof of money on its way: suspense, merchants' accounts, settlements, payouts, each changed behind its back."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tests.books import OPENED_ON, Books, ended
from tests.lives import plan_choice

from tallystick.ledger.proof import Check
from tallystick.ledger.transfer import Address, Transfer, off_lines
from tallystick.operations.ledger import verify
from tallystick.operations.lines import Recorded
from tallystick.operations.money_in import import_statement
from tallystick.operations.progress import Silent
from tallystick.operations.settlement import payout_came_back, register, settle_day
from tallystick.operations.suspense import decide, propose, reconcile
from tallystick.servicing import facts
from tallystick.storage import ledger
from tallystick.terms.product import OfferKind
from tallystick.units.ids import IdPrefix, encode_id

HEADER = "reference,value_on,amount,currency,line,clears,returns"
BOUGHT_ON = OPENED_ON + timedelta(days=1)
SHOP, OTHER_SHOP = 5, 6


@dataclass
class House:
    """Books in which money is on its way everywhere; acts on one day after another."""

    books: Books
    folder: Path
    today: date = BOUGHT_ON

    def buy(self, amount_minor: int, *, merchant_id: int = SHOP, fee_minor: int = 0) -> int | None:
        """A purchase at a merchant; gives the draw, None where the line refuses it."""
        bought = facts.Drawdown(
            draw_id=next(self.books.ids),
            kind=facts.DrawKind.PURCHASE,
            amount_minor=amount_minor,
            merchant_id=merchant_id,
            merchant_fee_minor=fee_minor,
        )
        return bought.draw_id if isinstance(self.books.act(7, bought, self.today), Recorded) else None

    def draw_cash(self, amount_minor: int) -> None:
        """Cash to the borrower, where the line lets it be drawn."""
        plan = plan_choice(
            self.books.product, plan_id=next(self.books.ids), on=self.today, installments=3, offer=OfferKind.CASH,
            code="equal_principal",
        )  # fmt: skip
        drawn = facts.Drawdown(
            draw_id=next(self.books.ids),
            kind=facts.DrawKind.CASH,
            amount_minor=amount_minor,
            purpose="goods",
            plan=plan,
        )  # fmt: skip
        self.books.act(7, drawn, self.today)

    def refund(self, draw_id: int, amount_minor: int) -> None:
        """The merchant gives money back, unless the draw was undone."""
        back = facts.Refunded(refund_id=next(self.books.ids), draw_id=draw_id, amount_minor=amount_minor)
        self.books.act(7, back, self.today)

    def undo(self, event_id: int) -> None:
        """An event was recorded in error, two persons say."""
        undone = facts.EventUndone(event_id=event_id, reason="in error")
        self.books.act(7, undone, self.today, approved_by="second")

    def settle(self) -> list[int]:
        """A run of today; gives the settlements that were paid. What a vacuum still holds open is waited for."""
        all_seen = "SELECT coalesce(max(recorded_xid), 0) < (SELECT settled_before()) FROM transfers"
        while self.books.connection.execute(all_seen).fetchone() != (True,):
            time.sleep(0.01)
        with self.books.connection.transaction():
            settled = settle_day(self.books.connection, self.today, act=self.books.act_of(self.today))
        return [each.settlement_id for each in settled.settlements if each.paid_minor]

    def take_in(self, *rows: str, channel: str = "bank") -> None:
        """Rows of a statement of today: reference, amount, and the rest."""
        told = [row.replace(",", f",{self.today},", 1) for row in rows]
        path = self.folder / "statement.csv"
        path.write_text("\n".join((HEADER, *told)) + "\n", encoding="utf-8")
        ended(import_statement(self.books.connection, path, channel=channel, act=self.books.act_of(self.today)))

    def sent_back(self, settlement_id: int) -> bool:
        """The bank sent a payout back."""
        act = self.books.act_of(self.today)
        return payout_came_back(self.books.connection, settlement_id, reference="r", reason="closed", act=act)

    def found(self) -> set[str]:
        """What the proof finds about money on its way: everything but the chain and what servicing keeps."""
        findings = verify(self.books.connection, progress=Silent()).findings
        return {f"{one.check}: {one.subject}: {one.proven}, {one.found}" for one in findings if one.check in OF_MONEY}


OF_MONEY = {Check.SUSPENSE, Check.MERCHANT, Check.SETTLEMENT, Check.PAYOUT}


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    """Two merchants paid the same day from 100 yuan on, and a line of 30,000 yuan."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection)
        books.add_borrower(1)
        books.open_line(7, 1)
        for merchant_id in (SHOP, OTHER_SHOP):
            register(
                connection, merchant_id, reference=f"shop-{merchant_id}", hold_days=0, least_payout_minor=10_000,
                act=books.act_of(OPENED_ON),
            )  # fmt: skip
        yield House(books, tmp_path)


@pytest.fixture
def busy(house: House) -> House:
    """One payout that came back, one that left, one on its way, some left, cash drawn, 30 and -12 yuan in suspense."""
    first_draw = house.buy(40_000, fee_minor=200)
    assert first_draw is not None
    house.buy(30_000, merchant_id=OTHER_SHOP)
    came_back, _ = house.settle()
    house.take_in("b-1,-300.00,CNY,,settlement,", "b-2,30.00,CNY,,,", "b-3,-12.00,CNY,,,")
    assert house.sent_back(came_back)
    house.today += timedelta(days=1)
    house.refund(first_draw, 5_000)
    house.settle()
    house.today += timedelta(days=1)
    house.buy(9_000)
    house.settle()
    house.today += timedelta(days=1)
    house.buy(1_500)
    house.draw_cash(20_000)
    house.draw_cash(700)
    assert house.found() == set()
    return house


def test_money_on_its_way_is_all_told(busy: House) -> None:
    """The figures that the tests below change: 348 paid again and 207 in cash are on their way, 105 not paid yet."""
    account = {
        code: ledger.shared_balance(busy.books.connection, Address(code, owner_id), currency="CNY").net_minor
        for code, owner_id in (("suspense", 0), ("payout_clearing", 0), ("merchant_payable", SHOP))
    }
    assert account == {"suspense": 1_800, "payout_clearing": 34_800 + 20_700, "merchant_payable": 9_000 + 1_500}


def posted(code: str, owner_id: int, amount_minor: int, *, kind: str) -> Callable[[psycopg.Connection], object]:
    """A transfer by hand, in due form: the books balance, and yet no row explains it."""
    transfer: Transfer = off_lines(
        debit=Address("cash", 0), credit=Address(code, owner_id), amount_minor=amount_minor, currency="CNY",
        effective_on=BOUGHT_ON, kind=kind,
    )  # fmt: skip
    return lambda connection: ledger.post(connection, [transfer], booked_on=BOUGHT_ON)


def changed(statement: str) -> Callable[[psycopg.Connection], object]:
    """What an owner of the tables does with the guards out of the way."""
    return lambda connection: connection.execute(statement.encode())


FIRST_RUN, SECOND_RUN, THIRD_RUN = (f"{BOUGHT_ON + timedelta(days=later)}" for later in range(3))
OF_SHOP = f"(SELECT settlement_id FROM settlements WHERE merchant_id = {SHOP} AND run_on = '%s')"
WRONG = {
    "an item was removed": (
        changed("DELETE FROM suspense_items WHERE reference = 'b-2'"),
        {"suspense: suspense CNY: 1,800, -1,200"},
    ),
    "an item was made larger": (
        changed("UPDATE suspense_items SET amount_minor = amount_minor + 1 WHERE reference = 'b-3'"),
        {"suspense: suspense CNY: 1,800, 1,801"},
    ),
    "money was put into suspense without an item": (
        posted("suspense", 0, 77, kind="suspense"),
        {"suspense: suspense CNY: 1,877, 1,800"},
    ),
    "a merchant was credited by hand": (
        posted("merchant_payable", SHOP, 77, kind="correction"),
        {f"merchant: merchant_payable {SHOP} CNY: 10,577, 10,500"},
    ),
    "an unknown merchant was credited by hand": (
        posted("merchant_payable", 99, 77, kind="correction"),
        {"merchant: merchant_payable 99 CNY: 77, 0"},
    ),
    "a merchant was paid out of order": (
        posted("merchant_payable", OTHER_SHOP, -400, kind="payout"),
        {
            f"merchant: merchant_payable {OTHER_SHOP} CNY: -400, 0",
            f"settlement: merchant_payable {OTHER_SHOP} CNY, {FIRST_RUN} paid_minor: 30,400, 30,000",
        },
    ),
    "a transfer was taken out of its settlement": (
        changed(
            "DELETE FROM settled_transfers USING transfers WHERE transfers.transfer_id = settled_transfers.transfer_id"
            " AND kind = 'refund'"
        ),
        {
            f"merchant: merchant_payable {SHOP} CNY: 10,500, 5,500",
            f"settlement: merchant_payable {SHOP} CNY, {SECOND_RUN} refunds_minor: 0, 5,000",
        },
    ),
    "a transfer is in two settlements": (
        changed(
            "ALTER TABLE settled_transfers DROP CONSTRAINT settled_transfers_pkey;"
            " INSERT INTO settled_transfers (transfer_id, settlement_id)"
            f" SELECT transfer_id, {OF_SHOP % THIRD_RUN} FROM settled_transfers JOIN transfers USING (transfer_id)"
            " WHERE kind = 'refund'"
        ),
        {f"settlement: merchant_payable {SHOP} CNY, {THIRD_RUN} refunds_minor: 5,000, 0"},
    ),
    "a transfer is in the settlement of another merchant": (
        changed(
            f"INSERT INTO settled_transfers (transfer_id, settlement_id) SELECT transfer_id, {OF_SHOP % FIRST_RUN}"
            f" - 0 FROM transfers WHERE kind = 'payout' AND debit_owner = {OTHER_SHOP}"
        ),
        {f"settlement: merchant_payable {SHOP} CNY, {FIRST_RUN} transfers: 2, 3"},
    ),
    "a settlement tells more purchases than there were": (
        changed(
            "UPDATE settlements SET purchases_minor = purchases_minor + 1, fees_minor = fees_minor + 1"
            f" WHERE settlement_id = {OF_SHOP % FIRST_RUN}"
        ),
        {
            f"settlement: merchant_payable {SHOP} CNY, {FIRST_RUN} purchases_minor: 40,000, 40,001",
            f"settlement: merchant_payable {SHOP} CNY, {FIRST_RUN} fees_minor: 200, 201",
        },
    ),
    "a settlement tells that less is left": (
        changed(
            "UPDATE settlements SET left_minor = left_minor - 10, purchases_minor = purchases_minor - 10"
            f" WHERE settlement_id = {OF_SHOP % THIRD_RUN}"
        ),
        {
            f"merchant: merchant_payable {SHOP} CNY: 10,500, 10,490",
            f"settlement: merchant_payable {SHOP} CNY, {THIRD_RUN} purchases_minor: 9,000, 8,990",
        },
    ),
    "more was carried than was left": (
        changed(
            "UPDATE settlements SET carried_minor = carried_minor + 10, refunds_minor = refunds_minor + 10"
            f" WHERE settlement_id = {OF_SHOP % SECOND_RUN}"
        ),
        {
            f"settlement: merchant_payable {SHOP} CNY, {SECOND_RUN} carried_minor: 0, 10",
            f"settlement: merchant_payable {SHOP} CNY, {SECOND_RUN} refunds_minor: 5,000, 5,010",
        },
    ),
    "a settlement tells a lower payout": (
        changed(
            "UPDATE settlements SET paid_minor = paid_minor - 10, sent_back_minor = sent_back_minor - 10"
            f" WHERE settlement_id = {OF_SHOP % SECOND_RUN}"
        ),
        {
            f"settlement: merchant_payable {SHOP} CNY, {SECOND_RUN} paid_minor: 34,800, 34,790",
            f"settlement: merchant_payable {SHOP} CNY, {SECOND_RUN} sent_back_minor: 39,800, 39,790",
            "payout: payout_clearing CNY: 55,500, 55,490",
        },
    ),
    "that a payout came back was removed": (
        changed("DELETE FROM returned_payouts"),
        {
            f"settlement: merchant_payable {SHOP} CNY, {FIRST_RUN} returned_payouts: 39,800, 0",
            "payout: payout_clearing CNY: 55,500, 95,300",
        },
    ),
    "money left for a borrower without an event": (
        posted("payout_clearing", 0, 77, kind="drawdown"),
        {"payout: payout_clearing CNY: 55,577, 55,500"},
    ),
    "a draw of cash was made larger": (
        changed("""UPDATE events SET fact = fact || '{"amount_minor": 701}' WHERE fact ->> 'amount_minor' = '700'"""),
        {"payout: payout_clearing CNY: 55,500, 55,501"},
    ),
    "a row of the bank was made to clear a payout": (
        changed("UPDATE money_rows SET outcome = 'cleared', clears = 'payout' WHERE reference = 'b-3'"),
        {"payout: payout_clearing CNY: 55,500, 54,300"},
    ),
}


@pytest.mark.parametrize("done", WRONG)
def test_what_does_not_agree_is_told_with_the_account_and_both_figures(busy: House, done: str) -> None:
    do, told = WRONG[done]
    for table in (
        "suspense_items", "suspense_proposals", "settlements", "settled_transfers", "returned_payouts", "money_rows",
        "events",
    ):  # fmt: skip
        busy.books.connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    busy.books.connection.execute("ALTER TABLE events DISABLE TRIGGER ALL")
    do(busy.books.connection)
    assert busy.found() == told


deeds = some.lists(
    some.tuples(
        some.sampled_from(
            [
                "buy", "buy", "cash", "refund", "settle", "settle", "sent_back", "cleared", "held", "found", "borne",
                "offset", "given_back", "bank_took_back", "undo_draw", "pay", "paid_out", "differs",
            ]
        ),
        some.integers(0, 2),
        some.integers(1, 60_000),
    ),
    max_size=30,
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=deeds)
def test_whatever_moves_money_the_proof_finds_nothing(house: House, story: list[tuple[str, int, int]]) -> None:
    house.today += timedelta(days=1)  # the story before this one may have settled the day
    draws: list[tuple[int, int]] = []
    paid_out: list[int] = []
    for kind, place, amount_minor in story:
        house.today += timedelta(days=int(place == 0))
        if not _told_by_the_bank(house, kind, amount_minor):
            _live(house, kind, amount_minor, draws=draws, paid_out=paid_out)
    assert house.found() == set()


def _live(house: House, kind: str, amount_minor: int, *, draws: list[tuple[int, int]], paid_out: list[int]) -> None:
    """One deed; those that find nothing to be done about do nothing."""
    number = next(house.books.ids)
    row = house.books.connection.execute("SELECT limit_minor - drawn_minor, credit_minor FROM lines").fetchone()
    assert row is not None
    free_minor, credit_minor = row
    match kind:
        case "buy" if amount_minor <= free_minor:
            merchant_id = (SHOP, OTHER_SHOP)[number % 2]
            draw_id = house.buy(amount_minor, merchant_id=merchant_id, fee_minor=amount_minor // 50)
            draws.extend([(draw_id, amount_minor)] if draw_id is not None else [])
        case "cash" if amount_minor <= free_minor - 1_500_000:
            house.draw_cash(amount_minor)
        case "refund" if draws:
            house.refund(*draws.pop())
        case "settle":
            paid_out.extend(house.settle())
        case "sent_back" if paid_out:
            house.sent_back(paid_out.pop(0))
        case "paid_out" if credit_minor:
            back = facts.CreditPaidOut(amount_minor=min(amount_minor, credit_minor), channel="bank")
            house.books.act(7, back, house.today)
        case "undo_draw":
            house.undo(_latest(house, "drawdown", skip=amount_minor % 3))
        case "given_back" | "bank_took_back":
            _take_back(house, by_bank=kind == "bank_took_back")
        case "found" | "borne" | "offset":
            _explain(house, kind)


def _told_by_the_bank(house: House, kind: str, amount_minor: int) -> bool:
    """A statement of one day; False where the deed is another."""
    number, amount = next(house.books.ids), f"{amount_minor / 100:.2f}"
    match kind:
        case "cleared":
            house.take_in(f"{number},-{amount},CNY,,{('settlement', 'payout')[number % 2]},")
        case "held":
            house.take_in(f"{number},{amount},CNY,,,", f"{number}-out,-{amount},CNY,,,")
        case "pay":
            house.take_in(f"{number},{amount},CNY,{encode_id(IdPrefix.LINE, 7)},,", channel="gateway")
        case "differs":
            house.books.act(7, _paid(number, amount_minor), house.today)
            house.take_in(f"c-{number},{(amount_minor + 5) / 100:.2f},CNY,,,")
        case _:
            return False
    return True


def _paid(number: int, amount_minor: int) -> facts.PaymentReceived:
    return facts.PaymentReceived(payment_id=number, amount_minor=amount_minor, channel="bank", reference=f"c-{number}")


def _latest(house: House, kind: str, *, skip: int) -> int:
    """A late event of a kind, 0 where there is none."""
    row = house.books.connection.execute(
        "SELECT event_id FROM events WHERE kind = %s ORDER BY event_id DESC OFFSET %s LIMIT 1", [kind, skip]
    ).fetchone()
    return 0 if row is None else int(row[0])


def _explain(house: House, kind: str) -> None:
    """Two persons say what the latest item in suspense is."""
    items = [item for item in reconcile(house.books.connection, since=OPENED_ON).open_items if item.amount_minor > 0]
    if not items:
        return
    item, act = items[-1], house.books.act_of(house.today)
    others = [
        other.item_id
        for other in reconcile(house.books.connection, since=OPENED_ON).open_items
        if other.amount_minor == -item.amount_minor
    ]
    proposal = propose(
        house.books.connection,
        item.item_id,
        line_id=7 if kind == "found" else None,
        offset_id=others[0] if kind == "offset" and others else None,
        reason="a call",
        act=act,
    )
    decide(house.books.connection, proposal.proposal_id, agrees=True, act=house.books.act_of(house.today, actor="two"))


def _take_back(house: House, *, by_bank: bool) -> None:
    """What was found last in suspense is taken back: by hand, or by the bank's next statement."""
    row = house.books.connection.execute(
        """
        SELECT payment_id, event_id, items.reference, items.amount_minor FROM payments
        JOIN suspense_items AS items ON item_id = payments.reference::bigint
        WHERE payments.channel = 'suspense' ORDER BY payment_id DESC LIMIT 1
        """
    ).fetchone()
    if row is None:
        return
    if by_bank:
        house.take_in(f"{next(house.books.ids)},-{row[3] / 100:.2f},CNY,,,{row[2]}")
    else:
        returned = facts.PaymentReturned(payment_id=row[0], event_id=row[1], reason="wrong person")
        house.books.act(7, returned, house.today)
