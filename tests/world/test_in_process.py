"""The product as the world's lender: a small life answered act by act, done once whatever is killed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace
from tests.applying import NO_DOCUMENTS, REPORT, USUAL
from tests.conftest import copied_database
from tests.deciding import SHANGHAI

from tallystick.operations.contract_changes import change_price
from tallystick.operations.deciding import Deciders
from tallystick.operations.lines import Act
from tallystick.operations.strategies import strategy_files
from tallystick.servicing.refusals import RefusalReason
from tallystick.storage.book_tables import limit_offers_open
from tallystick.storage.embedded import Running
from tallystick.storage.terms_changes import TermsNotice
from tallystick.terms.catalog import shipped_products
from tallystick.terms.own_price import with_own_price
from tallystick.trust.master_key import MasterKey
from tallystick.world.economy import acts
from tallystick.world.economy.acts import DONE, Answer, AnyAct, Happened, Lender, Morning, Step
from tallystick.world.economy.buying import WorldFault
from tallystick.world.economy.in_process import InProcess, open_lender
from tallystick.world.economy.kept_steps import MomentIds, WorldTimeFault

BEGINS_ON = date(2026, 1, 5)


def instant(day: date, second: int) -> datetime:
    """So many seconds after nine in the morning in Shanghai."""
    return datetime(day.year, day.month, day.day, 1, 0, tzinfo=UTC) + timedelta(seconds=second)


def midnight(day: date) -> datetime:
    """The second after a day begins in Shanghai."""
    return instant(day, 0) - timedelta(hours=8, minutes=59, seconds=59)


# Of these databases alone: another one's release of the same number is another strategy.
DECIDERS = Deciders()


@dataclass
class World:
    """A day of a world that speaks to a lender."""

    connection: psycopg.Connection
    day: date = BEGINS_ON
    steps: int = 0
    order: int = 0
    lender: Lender = field(init=False)
    morning: Morning = field(init=False)

    def __post_init__(self) -> None:
        self.lender = self.again()

    def again(self) -> InProcess:
        """The lender as another process finds it."""
        return InProcess(
            self.connection, product_id="baitiao", zone=SHANGHAI, master_key=MasterKey(b"k" * 32), deciders=DECIDERS
        )

    def begin(self, day: date) -> None:
        """Another day begins."""
        self.day, self.steps = day, 0
        self.morning = self.lender.begin(day, at=midnight(day))

    def next_step(self) -> Step:
        """The next step of the day."""
        self.steps += 1
        return Step(self.day, self.steps, instant(self.day, self.steps))

    def do(self, *asked: AnyAct) -> list[Answer]:
        """The next step of the day, done."""
        return self.lender.do(self.next_step(), asked)

    def waiting(self) -> list[dict[str, Any]]:
        """Reviews that wait."""
        rows: list[dict[str, Any]] = self.lender.reviews(self.next_step()).to_pylist()
        return rows

    def one(self, asked: AnyAct) -> Answer:
        """The same with one act."""
        [answer] = self.do(asked)
        return answer

    def line(self, name: str, **more: object) -> int:
        """A line opened for somebody who applies."""
        offered = self.one(applies(name, **more))
        assert offered.outcome == Happened.OFFER, offered
        opened = self.one(acts.AcceptLine(application_id=offered.number, accepts=True))
        assert (opened.outcome, opened.amount_minor) == (DONE, offered.amount_minor)
        return opened.number

    def buys(self, line_id: int, amount_minor: int, *, device: str = "phone", address: str = "home") -> acts.Buy:
        """A purchase at a checkout, with things of the line's own."""
        self.order += 1
        return acts.Buy(
            order=self.order, line_id=line_id, amount_minor=amount_minor, merchant_id=7, category="clothes",
            device=f"{device} of {line_id}", phone=f"{line_id}", address=f"{address} of {line_id}",
        )  # fmt: skip

    def row(self, line_id: int) -> dict[str, Any]:
        """How a line stands."""
        found: dict[str, Any]
        [found] = [each for each in self.lender.standing().to_pylist() if each["line_id"] == line_id]
        return found


def applies(name: str, **more: object) -> acts.Apply:
    """Somebody usual applies."""
    asked = {"stated": USUAL, "report": REPORT, "device": f"{name}'s phone", "phone": name, "address": name}
    return acts.Apply(reference=name, **(asked | more))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def opened_database(server: Running, template_database: str) -> Iterator[str]:
    """The name of a database with a lender that has no borrowers yet."""
    with copied_database(server, template_database) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            baitiao, before = shipped_products()["baitiao"], midnight(BEGINS_ON) - timedelta(hours=1)
            files = strategy_files(None)
            files["strategy.toml"] = re.sub(
                rb"(most_ratio_to_today_ppm) = .*", rb"\1 = 9_000_000", files["strategy.toml"]
            )
            open_lender(connection, baitiao, at=before, zone=SHANGHAI, files=files)  # a few lines may rise as well
            [name] = connection.execute("SELECT current_database()").fetchone() or [""]
        yield name


@pytest.fixture
def world(server: Running, opened_database: str) -> Iterator[World]:
    """A world on its first day, in a database of its own."""
    with copied_database(server, opened_database) as url, psycopg.connect(url, autocommit=True) as connection:
        world = World(connection)
        world.begin(BEGINS_ON)
        yield world


def test_a_small_life_is_answered_act_by_act(world: World) -> None:
    ann, bob = world.line("ann"), world.line("bob")
    declined = world.one(applies("cy", stated=NO_DOCUMENTS))
    assert (declined.outcome, declined.reasons) == (Happened.DECLINE, ("DOCUMENTS_MISSING",))
    offered = world.one(applies("dee"))
    assert (offered.price_code, offered.fee_ppm) == ("standard", 6_000)
    assert world.one(acts.AcceptLine(application_id=offered.number, accepts=False)).outcome == DONE
    again = world.one(acts.AcceptLine(application_id=offered.number, accepts=True))
    assert (again.outcome, again.is_refusal) == (RefusalReason.OFFER_ANSWERED, True)

    bought, late, off = world.do(world.buys(ann, 200_000), world.buys(bob, 100_000), world.buys(0, 5_000))
    assert (bought.outcome, bought.amount_minor) == (Happened.APPROVE, 200_000)
    assert (bought.price_code, bought.most_installments, bought.fee_ppm) == ("standard", 6, 6_000)
    assert off == Answer(outcome=RefusalReason.LINE_NOT_OPEN)
    drawn, later, twice, unsold = world.do(
        acts.Capture(decision_id=bought.number, amount_minor=200_000, installments=6, price_code="standard"),
        acts.Capture(decision_id=late.number, amount_minor=100_000),
        acts.Capture(decision_id=late.number, amount_minor=100_000),
        acts.Capture(decision_id=bought.number, amount_minor=200_000, installments=5, price_code="dear"),
    )
    assert (drawn.outcome, later.amount_minor, unsold.outcome) == (DONE, 100_000, "price_unknown")
    assert twice.outcome == RefusalReason.HOLD_UNKNOWN
    held = world.one(world.buys(ann, 30_000))
    assert world.one(acts.Void(decision_id=held.number)).number == held.number

    factor = world.buys(ann, 210_000, device="new", address="new")
    asked_for = world.one(replace(factor, confirms=False))
    assert (asked_for.outcome, asked_for.amount_minor) == (Happened.STEP_UP, 0)
    confirmed = world.one(replace(factor, order=factor.order + 100))
    assert (confirmed.outcome, confirmed.amount_minor) == (Happened.APPROVE, 210_000)
    waits = world.one(world.buys(bob, 500_000))
    assert (waits.outcome, waits.amount_minor) == (Happened.REVIEW, 500_000)
    assert world.waiting() == [
        {"review_id": waits.number, "checkpoint": "authorize", "decision_id": waits.number, "line_id": bob,
         "amount_minor": 500_000}
    ]  # fmt: skip
    judged = world.one(acts.Judge(review_id=waits.number, passes=True, analyst="li", reason="called"))
    assert (judged.outcome, judged.number, judged.most_installments) == (Happened.APPROVE, waits.number, 6)
    assert not world.waiting()

    fraud, known = world.do(*[acts.Label(decision_id=waits.number, is_fraud=True)] * 2)
    assert (fraud.outcome, known.outcome) == (DONE, RefusalReason.LABEL_EXISTS)
    stolen = world.one(world.buys(bob, 5_000))
    assert (stolen.outcome, stolen.reasons) == (Happened.DECLINE, ("FRAUD_ON_LINE",))
    assert world.row(bob)["is_frozen"] is True


def test_statements_payments_and_what_is_given_up(world: World) -> None:
    ann, bob = world.line("ann"), world.line("bob")
    bought, late = world.do(world.buys(ann, 200_000), world.buys(bob, 100_000))
    drawn, _ = world.do(
        acts.Capture(decision_id=bought.number, amount_minor=200_000, installments=6, price_code="standard"),
        acts.Capture(decision_id=late.number, amount_minor=100_000),
    )
    world.begin(date(2026, 1, 20))
    closed = {each["line_id"]: each for each in world.morning.statements.to_pylist()}
    assert closed[ann]["closing_minor"] == 34_533  # a sixth of 2,000 yuan, and 0.6 % of it
    assert (closed[ann]["purchases_minor"], closed[ann]["charges_minor"]) == (33_333, 1_200)
    assert (closed[ann]["daily_rate_ppm"], closed[ann]["fee_ppm"]) == (500, 6_000)
    assert (closed[bob]["number"], closed[bob]["closing_minor"], closed[bob]["minimum_minor"]) == (1, 100_000, 10_000)
    assert world.row(ann)["due_minor"] == 34_533
    paid, callback = world.do(*[acts.Pay(line_id=ann, amount_minor=34_533, reference="bank 1")] * 2)
    assert (paid.outcome, paid.is_repeat) == (DONE, False)
    assert (callback.number, callback.is_repeat) == (paid.number, True)
    assert world.row(ann)["due_minor"] == 0
    back = world.one(acts.SendBack(line_id=ann, payment_id=paid.number, reason="no cover"))
    assert (back.outcome, world.row(ann)["due_minor"]) == (DONE, 34_533)
    converted = world.one(acts.ConvertBill(line_id=bob, statement_number=1, amount_minor=60_000, installments=3))
    assert (converted.outcome, converted.amount_minor) == (DONE, 60_000)

    refunded, forced, too_much = world.do(
        acts.Refund(line_id=ann, draw_id=drawn.number, amount_minor=50_000),
        acts.Refund(line_id=ann, draw_id=drawn.number, amount_minor=20_000, is_forced=True),
        acts.Refund(line_id=ann, draw_id=drawn.number, amount_minor=200_000),
    )
    assert (refunded.outcome, forced.outcome) == (DONE, DONE)
    assert too_much.outcome == RefusalReason.REFUND_EXCEEDS_DRAW
    assert world.row(ann)["drawn_minor"] == 130_000
    early = world.one(acts.ChargeOff(line_id=bob, reason="lost"))
    assert early.outcome == RefusalReason.CHARGE_OFF_TOO_EARLY
    assert world.one(acts.Leave(line_id=ann)).outcome == RefusalReason.STILL_OWED

    world.begin(date(2026, 9, 1))
    assert world.row(bob)["days_past_due"] == (world.day - date(2026, 2, 28)).days  # what was converted was not missed
    lost = world.one(acts.ChargeOff(line_id=bob, reason="lost"))
    assert (lost.outcome, lost.number) == (DONE, bob)
    row = world.row(bob)
    assert (row["is_charged_off"], row["is_open"], row["drawn_minor"]) == (True, False, 0)
    assert row["owed_minor"] == lost.amount_minor > 100_000


def test_a_limit_is_reviewed_offered_and_accepted(world: World) -> None:
    well_known = replace(REPORT, bureau_score=820)
    names = [world.line(name, report=well_known) for name in ("ann", "bea", "cat", "don")]
    limit_minor = world.row(names[0])["limit_minor"]
    bought = world.do(*(world.buys(line_id, 20_000) for line_id in names))
    world.do(*(acts.Capture(decision_id=each.number, amount_minor=20_000) for each in bought))
    world.begin(date(2026, 1, 20))
    world.do(*(acts.Pay(line_id=line_id, amount_minor=20_000, reference=f"bank {line_id}") for line_id in names))
    assert world.one(acts.Leave(line_id=names[3])).outcome == DONE
    world.begin(date(2026, 7, 30))
    bought = world.do(*(world.buys(line_id, 450_000) for line_id in names[:3]))
    world.do(*(acts.Capture(decision_id=each.number, amount_minor=450_000) for each in bought))
    assert world.do(*(acts.ProveIncome(line_id=line_id, income_month_minor=3_000_000) for line_id in names[:3]))
    world.begin(date(2026, 7, 31))
    told, again = (
        world.again().review_limits(world.day, at=midnight(world.day) + timedelta(hours=1)) for _ in range(2)
    )
    assert world.connection.execute("SELECT count(*) FROM limit_nights").fetchone() == (1,)
    offers = told.to_pylist()
    assert again.equals(told)
    assert [each["line_id"] for each in offers] == names[:3]
    assert all(each["limit_minor"] > each["previous_minor"] == limit_minor for each in offers)
    raised, kept, answered, asked = world.do(
        acts.AnswerLimit(offer_id=offers[0]["offer_id"], accepts=True),
        acts.AnswerLimit(offer_id=offers[1]["offer_id"], accepts=False),
        acts.AnswerLimit(offer_id=offers[0]["offer_id"], accepts=True),
        acts.AskLimit(line_id=names[1], limit_minor=900_000),
    )
    assert (raised.outcome, raised.number, raised.amount_minor) == (DONE, names[0], offers[0]["limit_minor"])
    assert (kept.outcome, answered.outcome) == (DONE, RefusalReason.OFFER_ANSWERED)
    assert (asked.outcome, asked.amount_minor) == (Happened.OFFER, 900_000)
    assert world.row(names[0])["limit_minor"] == raised.amount_minor
    standing = limit_offers_open(world.connection, day=world.day).to_pylist()
    assert [each["line_id"] for each in standing] == [names[2], names[1]]


def test_a_dearer_price_reaches_its_borrower_who_takes_it_or_objects(server: Running, template_database: str) -> None:
    baitiao = shipped_products()["baitiao"]
    assert baitiao.order_installments is not None
    own, *merchants = baitiao.order_installments.prices
    prices = (own, replace(own, code="cheap", fee_per_period_ppm=4_000), *merchants)
    two_prices = replace(baitiao, order_installments=replace(baitiao.order_installments, prices=prices))
    files = strategy_files(None)
    files["reprice/risk.csv"] = files["reprice/risk.csv"].replace(b" AND pd_ppm IS NOT NULL", b" OR grade <> 'U'")
    with copied_database(server, template_database) as url, psycopg.connect(url, autocommit=True) as connection:
        before = midnight(BEGINS_ON) - timedelta(hours=1)
        open_lender(connection, two_prices, at=before, zone=SHANGHAI, files=files)
        world = World(connection)
        world.begin(BEGINS_ON)
        ann, bob, cat = (world.line(name) for name in ("ann", "bob", "cat"))
        cheap = with_own_price(two_prices, "cheap")
        at = instant(world.day, 50)
        act = Act(actor="author", at=at, today=world.day, event_ids=MomentIds(at))
        for line_id in (ann, bob):
            with connection.transaction():
                assert isinstance(change_price(connection, line_id, cheap, act=act), TermsNotice)
        world.begin(date(2026, 2, 10))
        [was] = {world.one(world.buys(line_id, 60_000)).fee_ppm for line_id in (ann, bob)}
        assert was == 4_000
        world.begin(date(2026, 8, 10))  # who changed lately is left alone
        world.lender.review_limits(world.day, at=midnight(world.day) + timedelta(hours=1))
        assert not world.morning.notices.num_rows
        world.begin(date(2026, 8, 11))
        told = world.morning.notices.drop_columns("change_id").to_pylist()
        assert told == [
            {"line_id": line_id, "binds_on": date(2026, 9, 9), "previous_fee_ppm": 4_000, "fee_ppm": 6_000}
            for line_id in (ann, bob)
        ]  # and not cat's, which has that price
        objection = acts.ObjectToTerms(line_id=ann, change_id=world.morning.notices["change_id"][0].as_py())
        assert [each.outcome for each in world.do(objection, objection)] == [DONE, RefusalReason.OFFER_ANSWERED]
        assert [world.row(line_id)["is_frozen"] for line_id in (ann, bob, cat)] == [True, False, False]
        world.begin(date(2026, 9, 9))
        assert world.one(world.buys(bob, 60_000)).fee_ppm == 6_000
        assert not world.again().begin(world.day, at=midnight(world.day)).notices.num_rows


def test_who_pays_much_at_once_is_looked_at(world: World) -> None:
    line_id = world.line("ann")
    bought = world.one(world.buys(line_id, 450_000))
    world.one(acts.Capture(decision_id=bought.number, amount_minor=450_000))
    world.begin(date(2026, 1, 6))
    world.one(acts.Pay(line_id=line_id, amount_minor=449_000, reference="windfall"))
    looked_at = "SELECT trigger, line_id FROM limit_answers"
    assert world.connection.execute(looked_at).fetchall() == []
    world.begin(date(2026, 1, 7))
    assert world.connection.execute(looked_at).fetchall() == [("payment", line_id)]


def test_a_step_is_done_once_and_answered_the_same_by_another_process(world: World) -> None:
    line_id = world.line("ann")
    step, asked = world.next_step(), (world.buys(line_id, 20_000), applies("bob"))
    told = world.lender.do(step, asked)
    sizes = sizes_of(world.connection)
    assert world.again().do(step, asked) == told
    assert sizes_of(world.connection) == sizes
    with pytest.raises(WorldTimeFault, match="came before with other acts"):
        world.again().do(step, asked[:1])
    with pytest.raises(WorldTimeFault, match="not later than what was done before"):
        world.lender.do(Step(world.day, 99, step.at), asked)
    with pytest.raises(WorldTimeFault, match="not on 2026-01-06"):
        world.lender.do(Step(date(2026, 1, 6), 1, step.at + timedelta(hours=1)), asked)
    with pytest.raises(WorldFault, match="was never decided"):
        world.one(acts.Void(decision_id=1))


def test_what_was_killed_half_way_goes_on_where_it_was(world: World) -> None:
    """Persons and reports stand before applications are decided, and a day begins in many transactions."""
    step, asked = world.next_step(), (applies("ann"), applies("ann"), applies("bob", report=None))
    hide, show = "ALTER TABLE credit_offers RENAME TO hidden", "ALTER TABLE hidden RENAME TO credit_offers"
    world.connection.execute(hide)
    with pytest.raises(psycopg.errors.UndefinedTable):
        world.lender.do(step, asked)
    world.connection.execute(show)
    offered, repeated, waits = world.again().do(step, asked)
    assert [offered.outcome, repeated.outcome, waits.outcome] == ["offer", "decline", "review"]
    assert repeated.reasons == ("APPLICATION_OPEN",)
    assert sizes_of(world.connection)["borrowers"] == sizes_of(world.connection)["stream_bureau_report"] == 2
    ids = [each.number for each in (offered, repeated, waits)]
    assert ids == sorted(ids)

    world.connection.execute(hide)
    with pytest.raises(psycopg.errors.UndefinedTable):
        world.begin(date(2026, 1, 7))
    world.connection.execute(show)
    for _ in range(2):
        world.begin(date(2026, 1, 7))
    nights = world.connection.execute("SELECT day, kind, attempts FROM world.nights ORDER BY day").fetchall()
    assert nights == [(date(2026, 1, 7), "begin", 1)]
    assert world.connection.execute("SELECT count(*) FROM close_days").fetchone() == (3,)


def sizes_of(connection: psycopg.Connection) -> dict[str, int]:
    """How many rows there are of what a step writes."""
    tables = ("borrowers", "applications", "decisions", "events", "stream_purchase", "stream_bureau_report")
    return {name: connection.execute(f"SELECT count(*) FROM {name}".encode()).fetchone()[0] for name in tables}  # type: ignore[index]


def test_the_same_world_makes_the_same_books(server: Running, opened_database: str) -> None:
    """To the byte, whatever other databases of the server do meanwhile: transactions are numbered otherwise."""
    told = []
    for others in range(2):
        with copied_database(server, opened_database) as url, psycopg.connect(url, autocommit=True) as connection:
            for _ in range(others * 3):
                connection.execute("SELECT pg_current_xact_id()")
            world = World(connection)
            world.begin(BEGINS_ON)
            lines = [world.line("ann"), world.line("bob")]
            bought = world.do(*(world.buys(line_id, 250_000) for line_id in lines))
            world.do(*(acts.Capture(decision_id=each.number, amount_minor=each.amount_minor) for each in bought))
            world.begin(date(2026, 1, 20))
            world.one(acts.Pay(line_id=lines[0], amount_minor=100_000, reference="bank"))
            told.append([connection.execute(each.encode()).fetchall() for each in _BOOKS])
    assert told[0] == told[1]
    assert all(told[0])


_BOOKS = (
    "SELECT line_id, revision, state FROM lines ORDER BY line_id",
    "SELECT line_id, event_id, effective_on, fact, recorded_at, actor FROM events ORDER BY event_id",
    "SELECT decision_id, batch_id, outcome, reasons, outputs::text FROM decisions ORDER BY decision_id",
    "SELECT transfer_id, amount_minor, line_id, booked_on FROM transfers ORDER BY transfer_id",
    "SELECT event_id, kind, fact FROM decision_events ORDER BY event_id",
    "SELECT day, number, digest, answers, last_id FROM world.steps ORDER BY day, number",
)
