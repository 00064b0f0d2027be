"""An auditor with books of its own: a lender that does what it says is found in order, and every fault is named."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count

import psycopg
import pytest
from msgspec.structs import replace
from psycopg.conninfo import conninfo_to_dict
from tests.books import Books, ended
from tests.conftest import copied_database
from tests.deciding import SHANGHAI, Lender, opened

from tallystick.operations.authorizing import Purchase
from tallystick.operations.capturing import Claim, capture, void
from tallystick.operations.close_day import close_day
from tallystick.operations.lending import PaidBefore, PlanRequest, convert_bill, quote_plan, receive_payment
from tallystick.operations.line_offers import accept_limit, offer_limit
from tallystick.operations.lines import Recorded
from tallystick.operations.reviewing import close_overdue, judge
from tallystick.servicing import facts
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.embedded import Running
from tallystick.storage.limit_offers import LimitOffer
from tallystick.storage.reviews import Review
from tallystick.terms.catalog import shipped_products
from tallystick.terms.disclosure import Disclosure, document_hash
from tallystick.terms.product import OfferKind
from tallystick.world.economy.acts import (
    DONE,
    AcceptLine,
    Answer,
    AnswerLimit,
    AnyAct,
    Buy,
    Capture,
    ChargeOff,
    ConvertBill,
    Judge,
    Leave,
    Pay,
    Refund,
    SendBack,
    Step,
    Void,
)
from tallystick.world.economy.audit_rules import FindingKind
from tallystick.world.economy.auditor import Auditor, Finding

LINES = 8
LIMIT = 3_000_000
LARGE = 1_600_000  # of a line of 30,000 yuan: a person looks at it
LATE_DAYS = 10
EVERY_KIND = {
    "line_opened", "line_closed", "charged_off", "limit_changed", "hold_placed", "hold_voided", "hold_expired",
    "drawdown", "payment_received", "payment_returned", "refunded", "chargeback", "bill_converted", "statement_closed",
}  # fmt: skip
_BAITIAO = shipped_products()["baitiao"]
# Given up early, so that a short life shows it.
PRODUCT = replace(_BAITIAO, delinquency=replace(_BAITIAO.delinquency, charge_off_from_days=LATE_DAYS))


@dataclass
class Witnessed(Lender):
    """A lender of whom an auditor hears everything that is asked, and what is answered."""

    auditor: Auditor = field(default_factory=Auditor)
    steps: Iterator[int] = field(default_factory=lambda: count(1))
    draws: list[tuple[int, int, int]] = field(default_factory=list)  # line, draw, what can be refunded of it
    payments: list[tuple[Pay, int]] = field(default_factory=list)

    @property
    def today(self) -> date:
        """The business day."""
        return self.now.astimezone(SHANGHAI).date()

    def tell(self, act: AnyAct, outcome: str = DONE, *, number: int = 0, amount_minor: int = 0) -> None:
        """Have the auditor hear of an act, and let a second go by."""
        answer = Answer(outcome=outcome, number=number, amount_minor=amount_minor)
        self.auditor.note(Step(self.today, next(self.steps), self.now), [act], [answer])
        self.now += timedelta(seconds=1)

    def begin(self, day: date) -> None:
        """The day before is closed, reviews whose time is over as well."""
        self.now = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
        ended(close_day(self.books.connection, day - timedelta(days=1), act=self.act()))
        close_overdue(self.books.connection, act=self.act(actor="time"), zone=SHANGHAI, most=100)

    def check(self) -> tuple[Finding, ...]:
        """What the auditor finds at the end of the day."""
        audited = self.auditor.check(self.today, self.books.connection)
        assert audited.count == len(audited.findings)
        return audited.findings

    def open(self, *line_ids: int) -> None:
        """Lines of persons of their own."""
        opened(self.books, line_ids, limit_minor=LIMIT)
        for line_id in line_ids:
            self.tell(AcceptLine(application_id=line_id, accepts=True), number=line_id, amount_minor=LIMIT)

    def buy(self, line_id: int, amount_minor: int) -> StoredDecision:
        """A purchase, confirmed by a second factor where that is asked for: the world hears of the last answer."""
        asked = self.purchase(line_id, amount_minor)
        [decision] = self.ask(asked)
        assert isinstance(decision, StoredDecision)
        if decision.outcome == "step_up":
            decision = self.confirmed(asked, decision)
        act = Buy(order=decision.decision_id, line_id=line_id, amount_minor=amount_minor, merchant_id=7,
                  category="clothes", device=None, phone=None, address=None)  # fmt: skip
        self.tell(act, decision.outcome, number=decision.decision_id, amount_minor=amount_minor)
        return decision

    def confirmed(self, asked: Purchase, before: StoredDecision) -> StoredDecision:
        """The purchase again, with the second factor."""
        told = {"step_up_passed": True, "step_up_of": before.decision_id, "merchant_id": asked.merchant_id}
        [decision] = self.ask(self.purchase(asked.line_id, asked.amount_minor, **told))
        assert isinstance(decision, StoredDecision)
        return decision

    def capture(self, decision: StoredDecision, amount_minor: int, *, installments: int = 0) -> None:
        """A shop claims it."""
        assert decision.line_id is not None
        plan = self.plan(decision.line_id, OfferKind.ORDER_INSTALLMENTS, installments, amount_minor)
        claim = Claim(amount_minor=amount_minor, plan=plan)
        with self.books.connection.transaction():
            drawn = capture(self.books.connection, decision, claim, deciders=self.deciders, act=self.act())
        assert isinstance(drawn, Recorded), drawn
        assert isinstance(drawn.event.fact, facts.Drawdown)
        draw_id = drawn.event.fact.draw_id
        act = Capture(decision_id=decision.decision_id, amount_minor=amount_minor, installments=installments)
        self.tell(act, number=draw_id, amount_minor=amount_minor)
        self.draws.append((decision.line_id, draw_id, amount_minor))

    def plan(self, line_id: int, offer: OfferKind, installments: int, amount_minor: int) -> PlanRequest | None:
        """The plan that the buyer chose, on the disclosure that was shown."""
        if installments == 0:
            return None
        request = PlanRequest(offer=offer, price_code="standard", installments=installments)
        quoted = quote_plan(self.books.connection, line_id, request, principal_minor=amount_minor, act=self.act())
        assert isinstance(quoted, Disclosure), quoted
        return replace(request, accepted_hash=document_hash(quoted))

    def void(self, decision: StoredDecision) -> None:
        """A shop gives it back."""
        with self.books.connection.transaction():
            assert isinstance(void(self.books.connection, decision, amount_minor=None, act=self.act()), Recorded)
        self.tell(Void(decision_id=decision.decision_id))

    def judge(self, decision: StoredDecision, outcome: str) -> None:
        """An analyst answers."""
        with self.books.connection.transaction():
            act = self.act(actor="ann")
            told = judge(self.books.connection, decision.decision_id, outcome, reason="seen", act=act, zone=SHANGHAI)
        assert isinstance(told, Review)
        passes = outcome == "approve"
        self.tell(Judge(review_id=decision.decision_id, passes=passes, analyst="ann", reason="seen"), outcome)

    def pay(self, line_id: int, amount_minor: int, reference: str) -> None:
        """A bank's callback."""
        act = Pay(line_id=line_id, amount_minor=amount_minor, reference=reference)
        with self.books.connection.transaction():
            told = receive_payment(
                self.books.connection, line_id, amount_minor=amount_minor, channel="bank", reference=reference,
                act=self.act(),
            )  # fmt: skip
        if isinstance(told, Recorded):
            assert isinstance(told.event.fact, facts.PaymentReceived)
            payment_id = told.event.fact.payment_id
            self.payments.append((act, payment_id))
        else:
            assert isinstance(told, PaidBefore), told
            payment_id = told.payment_id
        self.tell(act, number=payment_id, amount_minor=amount_minor)

    def send_back(self, act: Pay, payment_id: int) -> None:
        """The bank takes a payment back."""
        [(event_id,)] = self.books.connection.execute(
            "SELECT event_id FROM payments WHERE payment_id = %s", [payment_id]
        ).fetchall()
        returned = facts.PaymentReturned(payment_id=payment_id, event_id=event_id, reason="no cover")
        assert isinstance(self.books.act(act.line_id, returned, self.today), Recorded)
        self.tell(SendBack(line_id=act.line_id, payment_id=payment_id, reason="no cover"))

    def refund(self, line_id: int, draw_id: int, amount_minor: int, *, is_forced: bool = False) -> None:
        """A shop gives money back, or has to."""
        number = next(self.books.ids)
        told = (
            facts.Chargeback(chargeback_id=number, draw_id=draw_id, amount_minor=amount_minor, reason="not delivered")
            if is_forced
            else facts.Refunded(refund_id=number, draw_id=draw_id, amount_minor=amount_minor)
        )
        assert isinstance(self.books.act(line_id, told, self.today), Recorded)
        act = Refund(line_id=line_id, draw_id=draw_id, amount_minor=amount_minor, is_forced=is_forced)
        self.tell(act, number=number, amount_minor=amount_minor)

    def convert(self, line_id: int, share: float) -> bool:
        """The last bill, or part of it, is put into installments, where that can be."""
        row = self.books.connection.execute(
            """
            SELECT number, (figures ->> 'purchases_minor')::bigint FROM statements
            WHERE line_id = %s ORDER BY number DESC LIMIT 1
            """,
            [line_id],
        ).fetchone()
        amount_minor = 0 if row is None else int(row[1] * share)
        if row is None or amount_minor < 10_000:
            return False
        plan = self.plan(line_id, OfferKind.BILL_INSTALLMENTS, 3, amount_minor)
        assert plan is not None
        with self.books.connection.transaction():
            told = convert_bill(self.books.connection, line_id, row[0], plan, amount_minor=amount_minor, act=self.act())
        if isinstance(told, Recorded):
            act = ConvertBill(line_id=line_id, statement_number=row[0], amount_minor=amount_minor, installments=3)
            self.tell(act, amount_minor=amount_minor)
        return isinstance(told, Recorded)

    def raise_limit(self, line_id: int, limit_minor: int) -> None:
        """A higher limit, offered and accepted."""
        with self.books.connection.transaction():
            offer = offer_limit(self.books.connection, line_id, limit_minor=limit_minor, valid_days=30,
                                reason="asked", act=self.act())  # fmt: skip
            assert isinstance(offer, LimitOffer), offer
            accepted = accept_limit(
                self.books.connection, offer.offer_id, accepted_hash=offer.disclosure_hash, act=self.act()
            )
        assert isinstance(accepted, Recorded), accepted
        self.tell(AnswerLimit(offer_id=offer.offer_id, accepts=True), number=offer.offer_id, amount_minor=limit_minor)


def live(lender: Witnessed, days: int, seed: int) -> Iterator[tuple[Finding, ...]]:
    """Days on which anything may happen; gives what each check found."""
    chance = random.Random(seed)
    held: list[StoredDecision] = []
    for _ in range(days):
        lender.begin(lender.today + timedelta(days=1))
        for line_id in chance.sample(range(1, LINES + 1), 3):
            if chance.random() < 0.5:
                amount_minor = LARGE if chance.random() < 0.05 else chance.randint(12_000, 60_000)
                decision = lender.buy(line_id, amount_minor)
                if decision.outcome == "review" and chance.random() < 0.7:
                    lender.judge(decision, chance.choice(["approve", "decline"]))
                elif decision.outcome == "approve":
                    held.append(decision)
        chance.shuffle(held)
        while held and chance.random() < 0.6:
            decision = held.pop()
            if decision.decided_at < lender.now - timedelta(days=6):
                continue  # its day comes
            assert decision.amount_minor is not None
            if chance.random() < 0.2:
                lender.void(decision)
            else:
                over = 1.05 if chance.random() < 0.2 else 1.0
                lender.capture(decision, int(decision.amount_minor * over), installments=chance.choice([0, 0, 0, 3]))
        _money(lender, chance)
        yield lender.check()


def _money(lender: Witnessed, chance: random.Random) -> None:
    for line_id in range(1, LINES + 1):
        if chance.random() < 0.05:
            reference = f"{line_id} on {lender.today}"
            amount_minor = chance.randint(1_000, 90_000)
            lender.pay(line_id, amount_minor, reference)
            if chance.random() < 0.3:
                lender.pay(line_id, amount_minor, reference)  # the callback comes twice
    if lender.payments and chance.random() < 0.06:
        lender.send_back(*lender.payments.pop(chance.randrange(len(lender.payments))))
    if lender.draws and chance.random() < 0.15:
        place = chance.randrange(len(lender.draws))
        line_id, draw_id, left_minor = lender.draws.pop(place)
        amount_minor = chance.choice([left_minor, max(1, left_minor // 3)])
        lender.refund(line_id, draw_id, amount_minor, is_forced=chance.random() < 0.3)
    if lender.today.day in (22, 23):
        lender.convert(chance.randint(1, LINES), chance.choice([0.5, 1.0]))


@dataclass(frozen=True)
class Lived:
    """What is left of a life: a database to copy, its lender, and what the auditor knew in the end."""

    database: str
    lender: Witnessed
    known: bytes


@pytest.fixture(scope="module")
def lived(server: Running, template_database: str) -> Iterator[Lived]:
    """Eight lines until the day before their second statement closes: nothing was ever found."""
    with copied_database(server, template_database) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            lender = Witnessed(Books(connection, PRODUCT, count(1_000)), now=datetime(2026, 1, 5, 4, tzinfo=UTC))
            lender.open(*range(1, LINES + 1))
            lender.release()
            assert [findings for findings in live(lender, days=44, seed=8) if findings] == []
        yield Lived(str(conninfo_to_dict(url)["dbname"]), lender, lender.auditor.dump())


@pytest.fixture
def lender(server: Running, lived: Lived) -> Iterator[Witnessed]:
    """The lender on the next day, in a copy of its database that nothing keeps from being changed.

    The auditor goes on from what was dumped.
    """
    with copied_database(server, lived.database) as url, psycopg.connect(url, autocommit=True) as connection:
        before = lived.lender
        lender = Witnessed(Books(connection, PRODUCT, before.books.ids), now=before.now, deciders=before.deciders,
                           steps=before.steps)  # fmt: skip
        lender.auditor.load(lived.known)
        for table in ("transfers", "line_history", "events", "statements", "decisions", "decision_traces"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        lender.begin(lender.today + timedelta(days=1))
        yield lender


def plant(lender: Witnessed, statement: str, *parameters: object) -> None:
    """Change the books behind the product's back."""
    done = lender.books.connection.execute(statement.encode(), parameters)
    assert done.rowcount > 0


def named(findings: Iterable[Finding]) -> set[tuple[FindingKind, int]]:
    """Of what kind the findings are, and whom they name."""
    return {(finding.kind, finding.subject_id) for finding in findings}


def test_a_life_of_which_all_is_told_is_in_order_to_the_last_day(lender: Witnessed) -> None:
    lender.raise_limit(1, LIMIT + 100_000)
    lender.open(20, 21, 22)
    lender.judge(lender.buy(22, LARGE), "decline")
    waiting = lender.buy(21, LARGE)
    assert waiting.outcome == "review"
    lender.buy(1, LIMIT // 5)
    assert isinstance(lender.books.act(20, facts.LineClosed(reason="asked"), lender.today), Recorded)
    lender.tell(Leave(line_id=20))
    [(late_id,)] = lender.books.connection.execute(
        "SELECT line_id FROM lines WHERE oldest_unpaid_due_on < %s ORDER BY drawn_minor DESC LIMIT 1",
        [lender.today - timedelta(days=LATE_DAYS)],
    ).fetchall()
    gone = facts.ChargedOff(reason="no answer")
    assert isinstance(lender.books.act(late_id, gone, lender.today, approved_by="officer"), Recorded)
    lender.tell(ChargeOff(line_id=late_id, reason="no answer"))
    assert lender.check() == ()
    for _ in range(4):
        lender.begin(lender.today + timedelta(days=1))
        lender.pay(late_id, 1_000, f"recovered {lender.today}")
        assert lender.check() == (), lender.today
    [(acts,)] = lender.books.connection.execute(
        "SELECT array_agg(kind) FROM review_acts WHERE review_id = %s", [waiting.decision_id]
    ).fetchall()
    assert acts == ["timed_out"], "its hold was given back, and nobody had asked"
    kinds = {kind for (kind,) in lender.books.connection.execute("SELECT DISTINCT kind FROM events")}
    assert kinds >= EVERY_KIND
    assert lender.auditor.check(date(2026, 3, 31), lender.books.connection).is_whole, "as at the end of each month"


def test_a_limit_that_a_review_lowers_is_explained_by_its_decision(lender: Witnessed) -> None:
    lowered = lender.books.act(1, facts.LimitChanged(limit_minor=LIMIT // 2, reason="risk"), lender.today)
    assert isinstance(lowered, Recorded)
    assert named(lender.check()) == {(FindingKind.NOT_ASKED, 1), (FindingKind.LIMIT, 1)}
    lender.begin(lender.today + timedelta(days=1))
    number, event_id = next(lender.books.ids), lowered.event.event_id
    plant(
        lender,
        """
        INSERT INTO decisions (decision_id, batch_id, place, checkpoint, strategy_id, request_key, request_digest,
                               line_id, outcome, reasons, outputs, probability_ppm, is_explored, decided_at)
        SELECT %s, batch_id, 0, 'review_limit', strategy_id, 'night', '', 2, 'decrease', '[]', '{}', 0, false, now()
        FROM decisions LIMIT 1
        """,
        number,
    )
    lowered = lender.books.act(2, facts.LimitChanged(limit_minor=LIMIT // 2, reason="risk"), lender.today)
    assert isinstance(lowered, Recorded)
    plant(
        lender,
        """
        INSERT INTO limit_answers (decision_id, line_id, borrower_id, trigger, limit_minor, target_minor, outcome,
                                   reason, held_by, event_id, answered_by, answered_at, answered_on)
        VALUES (%s, 2, 2, 'nightly', %s, %s, 'lowered', 'risk', 'risk', %s, 'night', now(), now())
        """,
        number, LIMIT, LIMIT // 2, lowered.event.event_id,
    )  # fmt: skip
    assert event_id < lowered.event.event_id
    assert named(lender.check()) == {(FindingKind.LIMIT, 1)}, "what nobody explained stays wrong"


def test_a_balance_that_is_not_the_sum_of_its_transfers_is_named(lender: Witnessed) -> None:
    plant(lender, "UPDATE line_balances SET debit_minor = debit_minor + 5 WHERE line_id = 2 AND number = 1101")
    assert named(lender.check()) == {(FindingKind.BALANCE, 2), (FindingKind.UNBALANCED, 0)}
    plant(lender, "UPDATE line_balances SET debit_minor = debit_minor - 5 WHERE line_id = 2 AND number = 1101")
    shared = "INSERT INTO shared_deltas (owner_id, debit_minor, credit_minor, number, currency)"
    plant(lender, f"{shared} VALUES (7, 9, 9, 2201, 'CNY')")
    assert named(lender.check()) == {(FindingKind.BALANCE, 7)}, "both sides of a merchant's account"


def test_a_payment_that_is_posted_twice_is_named(lender: Witnessed) -> None:
    lender.pay(3, 4_000, "once")
    columns = "debit_owner, credit_owner, amount_minor, line_id, event_id, effective_on, booked_on, debit_number, " \
              "credit_number, currency, kind"  # fmt: skip
    plant(
        lender,
        f"""
        INSERT INTO transfers ({columns}) SELECT {columns} FROM transfers
        WHERE line_id = 3 AND kind = 'payment' ORDER BY transfer_id DESC LIMIT 1
        """,
    )
    told = named(lender.check())
    assert {(FindingKind.BALANCE, 3), (FindingKind.BALANCE, 0), (FindingKind.TRANSFERS, 3)} == told


def test_what_a_line_is_told_to_owe_hold_and_be_is_what_it_does(lender: Witnessed) -> None:
    assert lender.buy(1, 20_000).outcome == "approve"
    for line_id, change in enumerate(
        ("held_minor = 0", "limit_minor = limit_minor + 1", "drawn_minor = drawn_minor + 1",
         "owed_fee_minor = owed_fee_minor + 1", "condition = 'charged_off'", "held_minor = held_minor + limit_minor"),
        start=1,
    ):  # fmt: skip
        plant(lender, f"UPDATE lines SET {change} WHERE line_id = %s", line_id)
    assert named(lender.check()) == {
        (FindingKind.HELD, 1), (FindingKind.LIMIT, 2), (FindingKind.DRAWN, 3), (FindingKind.OWED, 3),
        (FindingKind.OWED, 4), (FindingKind.CONDITION, 5), (FindingKind.HELD, 6), (FindingKind.EXPOSURE, 6),
    }  # fmt: skip


def test_what_nobody_asked_for_and_what_is_not_there_are_named(lender: Witnessed) -> None:
    books = lender.books
    assert isinstance(books.pay(1, next(books.ids), 3_000, lender.today), Recorded)
    assert isinstance(books.buy(2, next(books.ids), 12_000, lender.today), Recorded)
    charged = facts.FeeCharged(charge_id=next(books.ids), amount_minor=100, reason="post")
    assert isinstance(books.act(3, charged, lender.today), Recorded)
    opened(books, [30])
    lender.tell(Pay(line_id=4, amount_minor=700, reference="lost"), number=next(books.ids))
    lender.tell(AcceptLine(application_id=1, accepts=True), number=31, amount_minor=LIMIT)
    lender.pay(5, 600, "twice")
    lender.tell(Pay(line_id=5, amount_minor=600, reference="twice"), number=7)
    lender.tell(Capture(decision_id=8, amount_minor=1), number=next(books.ids))
    kinds, told = FindingKind, named(lender.check())
    assert {found for found in told if found[0] in (kinds.NOT_ASKED, kinds.LOST, kinds.ANSWER)} == {
        (kinds.NOT_ASKED, 1), (kinds.NOT_ASKED, 2), (kinds.NOT_ASKED, 3), (kinds.NOT_ASKED, 30), (kinds.LOST, 4),
        (kinds.LOST, 31), (kinds.ANSWER, 7), (kinds.ANSWER, 8),
    }  # fmt: skip
    assert {line_id for kind, line_id in told if kind is kinds.TRANSFERS} == {1, 2, 3, 4}


def test_each_purchase_has_one_decision_recorded_as_it_was_answered(lender: Witnessed) -> None:
    gone, otherwise, bare = (lender.buy(line_id, 15_000).decision_id for line_id in (1, 2, 3))
    [silent] = lender.ask(lender.purchase(4, 15_000))
    assert isinstance(silent, StoredDecision)
    plant(lender, "DELETE FROM decisions WHERE decision_id = %s", gone)
    plant(lender, "UPDATE decisions SET outcome = 'review' WHERE decision_id = %s", otherwise)
    [(batch_id,)] = lender.books.connection.execute(
        "SELECT batch_id FROM decisions WHERE decision_id = %s", [bare]
    ).fetchall()
    plant(lender, "DELETE FROM decision_traces WHERE batch_id = %s", batch_id)
    told = named(lender.check())
    assert {number for kind, number in told if kind is FindingKind.DECISION} == {gone, otherwise, bare}
    assert {number for kind, number in told if kind is FindingKind.NOT_ASKED} == {4, silent.decision_id}


def test_a_statement_tells_what_happened_since_the_one_before(lender: Witnessed) -> None:
    lender.check()
    lender.begin(lender.today + timedelta(days=1))
    told = [line_id for (line_id,) in lender.books.connection.execute(
        "SELECT line_id FROM statements WHERE closed_on = %s ORDER BY line_id", [lender.today - timedelta(days=1)]
    )]  # fmt: skip
    assert len(told) >= 6
    for line_id, name in zip(told, ("purchases", "payments", "refunds", "opening"), strict=False):
        plant(
            lender,
            """
            UPDATE statements SET figures = jsonb_set(figures, ARRAY[%s],
                to_jsonb((figures ->> %s)::bigint + 700000), false) WHERE line_id = %s AND closed_on = %s
            """,
            f"{name}_minor", f"{name}_minor", line_id, lender.today - timedelta(days=1),
        )  # fmt: skip
    plant(lender, "UPDATE statements SET minimum_due_minor = closing_minor + 1 WHERE line_id = %s", told[4])
    plant(lender, "DELETE FROM statements WHERE line_id = %s", told[5])
    findings = lender.check()
    assert named(findings) == {(FindingKind.STATEMENT, line_id) for line_id in told[:6]}
    of_first = {finding.told.split(": ")[0].split(", ")[1] for finding in findings if finding.subject_id == told[0]}
    assert of_first == {"purchases_minor", "payments_minor", "closing_minor"}


def test_what_is_changed_later_is_found_at_the_end_of_the_month(lender: Witnessed) -> None:
    plant(lender, "UPDATE transfers SET amount_minor = amount_minor + 1 WHERE line_id = 1 AND kind = 'drawdown'")
    plant(lender, "DELETE FROM events WHERE line_id = 2 AND kind = 'hold_placed'")
    plant(lender, "DELETE FROM events WHERE line_id = 5 AND kind = 'payment_received'")
    plant(lender, "DELETE FROM decisions WHERE line_id = 4")
    assert lender.check() == ()
    told = named(lender.auditor.check_whole(lender.today, lender.books.connection).findings)
    assert {number for kind, number in told if kind is FindingKind.LOST} == {2, 5}
    assert {number for kind, number in told if kind is FindingKind.DECISION} == {4}
    assert {number for kind, number in told if kind is FindingKind.BALANCE} == {1, 7}, "the line's and the merchant's"
    assert {number for kind, number in told if kind is FindingKind.TRANSFERS} == {1}


def test_a_copy_of_the_books_is_not_what_was_audited(lender: Witnessed) -> None:
    lender.books.connection.execute("SELECT begin_generation('restored')")
    with pytest.raises(ValueError, match="audit that, or begin anew"):
        lender.check()
