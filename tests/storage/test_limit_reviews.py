"""Limits looked at again: a whole book by night, one line by day, under caps that hold for both together."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count, islice
from threading import Thread
from typing import Any

import msgspec
import numpy as np
import psycopg
import pytest
from tests.books import Books, ended
from tests.deciding import SHANGHAI, Lender
from tests.waiting import wait_until_all_can_see

from tallystick.operations.close_day import close_day
from tallystick.operations.deciding import Deciders
from tallystick.operations.decision_record import tick_of
from tallystick.operations.limit_requests import (
    Happened,
    answer_wishes,
    explain_answer,
    request_limit,
    wish_for_large_payments,
    wish_for_review,
)
from tallystick.operations.limit_reviews import LimitReviewFault, NightTold, review_again, review_lines_at_night
from tallystick.operations.line_offers import accept_limit
from tallystick.operations.lines import Recorded
from tallystick.operations.replaying import replay_since
from tallystick.operations.reviewing import judge
from tallystick.operations.strategies import strategy_files
from tallystick.portfolio.book import book_of, sum_book
from tallystick.servicing import facts
from tallystick.servicing.line import Line
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import limit_offers, lines
from tallystick.storage import limit_reviews as stored
from tallystick.storage.event_streams import write_stream
from tallystick.storage.freezes import Subject, standing_freeze
from tallystick.storage.limit_offers import LimitOffer, OfferAnswer
from tallystick.storage.limit_reviews import Answer, Night
from tallystick.storage.reviews import Review, read_review
from tallystick.strategy.assignment import Challenger
from tallystick.strategy.case_record import decode_record
from tallystick.strategy.limit_targets import NightPrices
from tallystick.strategy.prices import price_grades
from tallystick.strategy.recorded_reviews import recorded_lines
from tallystick.terms.product import CareKind
from tallystick.world.demonstration.forecast import forecast_of_night

NIGHT = datetime(2026, 9, 10, 17, 0, tzinfo=UTC)  # one in the morning of the eleventh in Shanghai
BOUGHT_ON = date(2026, 9, 5)
LIMIT = 1_000_000
EVER = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Reviewer(Lender):
    """A lender whose limits are looked at again."""

    def opened(self, line_id: int, *, person: int | None = None, limit_minor: int = LIMIT, drawn_minor: int = 300_000,
               score: int = 680, income_minor: int | None = 2_000_000) -> None:  # fmt: skip
        """A line eight months old, in good order, of somebody whom the bureau knows and who proved an income."""
        if person is None:
            person = line_id
            self.books.add_borrower(person)
            self.tell(person, score=score, income_minor=income_minor)
        self.books.open_line(line_id, person, limit_minor=limit_minor)
        if drawn_minor:
            assert isinstance(self.books.buy(line_id, next(self.books.ids), drawn_minor, BOUGHT_ON), Recorded)

    def tell(self, person: int, *, score: int, income_minor: int | None) -> None:
        """What the bureau and the borrower say."""
        act = self.act()
        if income_minor is not None:
            stored.add_income(self.books.connection, next(act.event_ids), borrower_id=person, month_minor=income_minor,
                              is_proven=True, by="clerk", at=act.at)  # fmt: skip
        report = {"event_id": next(act.event_ids), "tick": tick_of(self.now) - 1_000_000, "borrower_id": person,
                  "bureau_score": score, "open_lines": 2, "total_limit_minor": 5_000_000,
                  "total_drawn_minor": 1_000_000, "inquiries_90d": 1, "worst_days_past_due_24m": 0}  # fmt: skip
        write_stream(self.books.connection, "bureau_report", {name: [told] for name, told in report.items()})

    def steps(self, **more: Any) -> Generator[float, None, NightTold]:
        """A night, step by step, after the day before was closed."""
        act = self.act(actor="night")
        list(close_day(self.books.connection, act.today - timedelta(days=1), act=act))
        return review_lines_at_night(self.books.connection, deciders=self.deciders, act=act, zone=SHANGHAI, **more)

    def night(self, **more: Any) -> NightTold:
        """A whole night."""
        return ended(self.steps(**more))

    def asked(self, line_id: int, requested_minor: int) -> Answer:
        """A borrower asks, and time goes on by a second."""
        connection = self.books.connection
        with connection.transaction():
            answer = request_limit(
                connection, line_id, requested_minor, deciders=self.deciders, act=self.act(), zone=SHANGHAI
            )
        self.now += timedelta(seconds=1)
        assert isinstance(answer, Answer), answer
        return answer

    def wished(self) -> list[Answer | Refusal]:
        """Every wish that waits is answered."""
        answers = answer_wishes(self.books.connection, deciders=self.deciders, act=self.act(), zone=SHANGHAI)
        return list(answers)

    def line(self, line_id: int) -> Line:
        """A line as it stands."""
        found = lines.read_line(self.books.connection, line_id)
        assert found is not None
        return found.line

    def offers(self, line_id: int) -> list[LimitOffer]:
        """The offers of a line, the newest first."""
        return limit_offers.offers_of_line(self.books.connection, line_id, before_id=None, most=20)

    def last(self, line_id: int) -> Answer:
        """What became of a line the last time."""
        return stored.answers_of_line(self.books.connection, line_id, before_id=None, most=1)[0]

    def accept(self, line_id: int) -> None:
        """The borrower accepts what is offered."""
        offer = self.offers(line_id)[0]
        with self.books.connection.transaction():
            accepted = accept_limit(
                self.books.connection, offer.offer_id, accepted_hash=offer.disclosure_hash, act=self.act()
            )
        assert isinstance(accepted, Recorded), accepted

    def happens(self, line_id: int, happened: Happened) -> None:
        """Something is told of a line."""
        told = wish_for_review(self.books.connection, line_id, happened, act=self.act())
        assert not isinstance(told, Refusal)


@pytest.fixture
def lender(database_url: str) -> Iterator[Reviewer]:
    """An empty book; the standard strategy is in force."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        lender = Reviewer(Books(connection, ids=count(10_000)), now=NIGHT)
        lender.release()
        yield lender


@pytest.fixture
def twelve(lender: Reviewer) -> Reviewer:
    """Twelve lines of twelve persons, of two grades."""
    for line_id in range(1, 13):
        lender.opened(line_id, score=(680, 720, 780)[line_id % 3], drawn_minor=40_000 * line_id)
    return lender


def states(lender: Reviewer, line_ids: Iterable[int]) -> list[tuple[int, list[tuple[int, OfferAnswer | None]]]]:
    """Limits and offers, as they stand."""
    return [
        (lender.line(each).limit_minor, [(offer.limit_minor, offer.answer) for offer in lender.offers(each)])
        for each in line_ids
    ]


def test_a_night_over_a_book_offers_within_the_portfolio_caps(lender: Reviewer) -> None:
    generator = np.random.default_rng(20261128)
    for line_id in range(1, 161):
        # Every eighth is the second line of the person before.
        person = line_id - 1 if line_id % 8 == 0 else None
        limit = int(generator.integers(3, 30)) * 100_000
        lender.opened(line_id, person=person, limit_minor=limit, drawn_minor=int(limit * generator.random()),
                      score=int(generator.integers(540, 800)), income_minor=int(limit * (0.5 + generator.random())),
                      )  # fmt: skip
    told = lender.night(persons_per_chunk=37)
    assert told.lines == 160 == sum(each.lines for each in told.sums)
    offered = {each.line_id: each.limit_minor for line_id in range(1, 161) for each in lender.offers(line_id)}
    assert 20 < len(offered) == sum(each.lines for each in told.sums if each.outcome == "offered")
    strategy = lender.deciders.limits(lender.books.connection, told.night.strategy_id, on=lender.act().today)
    traces = stored.traces_of_night(lender.books.connection, told.night.night_id)
    recorded = recorded_lines([decode_record(trace) for trace in traces])
    reviewed = recorded.reviewed(strategy)
    after_minor = np.array(
        [offered.get(int(each), now) for each, now in
         zip(recorded.column("line_id"), reviewed.lines.limit_minor, strict=True)]
    )  # fmt: skip
    prices = price_grades(strategy.economics, legal_cap_ppm=strategy.price_cap.bound)
    today, after = (
        sum_book(book_of(reviewed.lines, limits, economics=strategy.economics, prices=prices))
        for limits in (reviewed.lines.limit_minor, after_minor)
    )
    # A tenth of the room of 15 % and 10 % is kept for the day; one of the two is used up by night but for a line's.
    drawn, loss = after.drawn_minor / today.drawn_minor, after.expected_loss_minor / today.expected_loss_minor
    assert drawn <= 1.135 + 1e-6
    assert loss <= 1.09 + 1e-6
    assert drawn > 1.11 or loss > 1.07
    expected = forecast_of_night(lender.books.connection, lender.act().today, deciders=lender.deciders)
    assert (expected.lines, expected.offers) == (160, len(offered))
    assert expected.offered_minor == int((after_minor - reviewed.lines.limit_minor).sum())
    assert (expected.before.drawn_minor, expected.after.drawn_minor) == (today.drawn_minor, after.drawn_minor)
    assert expected.after.expected_loss_minor == after.expected_loss_minor
    assert expected.debt_minor == after.drawn_minor - today.drawn_minor
    assert 0 < expected.defaults < len(offered)
    assert all(cap.after <= cap.bound for cap in expected.caps)
    persons: dict[int, int] = {}
    for borrower_id, limit_minor in zip(recorded.column("borrower_id").tolist(), after_minor.tolist(), strict=True):
        persons[borrower_id] = persons.get(borrower_id, 0) + limit_minor
    assert max(persons.values()) <= 20_000_000


def test_the_same_night_again_does_nothing(twelve: Reviewer) -> None:
    first = twelve.night()
    before = states(twelve, range(1, 13))
    twelve.now += timedelta(hours=1)
    assert twelve.night() == first
    assert states(twelve, range(1, 13)) == before
    assert any(offers for _, offers in before)


def test_a_night_that_was_killed_anywhere_goes_on_to_the_same_end(twelve: Reviewer) -> None:
    told = []
    for kept_steps in range(1, 6):
        steps = twelve.steps(persons_per_chunk=5)
        list(islice(steps, kept_steps))
        steps.close()
        told.append(len(stored.answered_in_night(twelve.books.connection, _night_id(twelve))))
    end = twelve.night(persons_per_chunk=5)
    assert told == sorted(told)
    assert end.lines == 12
    book = review_again(
        twelve.books.connection, end.night.night_id,
        strategy=twelve.deciders.limits(twelve.books.connection, end.night.strategy_id, on=twelve.act().today),
    )  # fmt: skip
    assert end.night.prices is not None
    assert msgspec.json.decode(end.night.prices, type=NightPrices) == book.prices
    wanted = {each.line_id: each.target_minor for each in book.targets if each.target_minor > each.limit_minor}
    assert wanted == {each: twelve.offers(each)[0].limit_minor for each in range(1, 13) if twelve.offers(each)}
    assert all(len(twelve.offers(each)) <= 1 for each in range(1, 13))


def _night_id(lender: Reviewer) -> int:
    row = lender.books.connection.execute("SELECT night_id FROM limit_nights").fetchone()
    assert row is not None
    return int(row[0])


def test_an_offer_that_is_accepted_raises_the_limit_and_then_it_cools(twelve: Reviewer) -> None:
    twelve.night()
    raised = next(each for each in range(1, 13) if twelve.offers(each))
    offer = twelve.offers(raised)[0]
    twelve.accept(raised)
    assert twelve.line(raised).limit_minor == offer.limit_minor > LIMIT
    paid = twelve.books.pay(raised, next(twelve.books.ids), 40_000 * raised, twelve.act().today)
    assert isinstance(paid, Recorded)
    twelve.now += timedelta(days=89)
    answer = twelve.asked(raised, offer.limit_minor + 500_000)
    assert (answer.outcome, answer.reason) == ("kept", "KEPT_BY_RULES")
    explained = explain_answer(twelve.books.connection, answer, deciders=twelve.deciders)
    assert explained is not None
    assert "The limit was raised too lately" in explained.en
    assert "上次提额后冷却期未满" in explained.zh


def test_a_warning_lowers_at_once_freezes_and_takes_the_offer_back(twelve: Reviewer) -> None:
    twelve.night()
    warned = next(each for each in range(1, 13) if twelve.offers(each))
    twelve.now += timedelta(hours=9)
    twelve.happens(warned, Happened(trigger="early_warning", warning="red"))
    answers = twelve.wished()
    assert [each.outcome for each in answers if isinstance(each, Answer)] == ["lowered"]
    line, drawn_minor = twelve.line(warned), 40_000 * warned
    assert line.limit_minor == -(-drawn_minor // 100_000) * 100_000 == twelve.last(warned).target_minor
    assert line.frozen_because == "WARNED_RED"
    freeze = standing_freeze(twelve.books.connection, Subject.LINE, warned)
    assert freeze is not None
    assert freeze.decision_id in {each.decision_id for each in answers if isinstance(each, Answer)}
    assert [offer.answer for offer in twelve.offers(warned)] == [OfferAnswer.WITHDRAWN]
    assert twelve.wished() == []


def test_a_line_that_is_only_frozen_or_to_be_looked_at_has_its_decision_and_keeps_its_limit(twelve: Reviewer) -> None:
    files = strategy_files(None)
    files["review_limit/risk.csv"] = files["review_limit/risk.csv"].replace(
        b"red,warning = 'red',decrease,freeze_line", b"red,warning = 'red',keep,freeze_line"
    )
    # And a weak one is looked at by a person, by night as well.
    files["review_limit/cut_off.csv"] = files["review_limit/cut_off.csv"].replace(
        b",keep,0,0,RISK", b",review,2,60,RISK"
    )
    twelve.opened(13, score=500)
    twelve.release(files=files)
    stored.add_warning(twelve.books.connection, 1, line_id=2, level="red", by="watch", at=twelve.now)
    twelve.night()
    answer, line = twelve.last(2), twelve.line(2)
    assert (line.limit_minor, line.frozen_because, answer.outcome) == (LIMIT, "WARNED_RED", "kept")
    assert explain_answer(twelve.books.connection, answer, deciders=twelve.deciders) is not None
    review = read_review(twelve.books.connection, twelve.last(13).decision_id)
    assert review is not None
    assert (review.line_id, review.priority, twelve.last(13).outcome) == (13, 2, "review")
    replayed = ended(replay_since(twelve.books.connection, EVER, deciders=Deciders()))
    assert replayed.differences == ()


def test_by_night_a_line_is_lowered_to_what_is_drawn_and_held_by_then(twelve: Reviewer) -> None:
    stored.add_warning(twelve.books.connection, 1, line_id=2, level="red", by="watch", at=twelve.now)
    steps = twelve.steps()
    next(steps)  # decided; the purchase comes before it is carried out
    assert isinstance(twelve.books.buy(2, next(twelve.books.ids), 350_000, twelve.act().today), Recorded)
    ended(steps)
    assert (twelve.line(2).limit_minor, twelve.last(2).outcome) == (500_000, "lowered")


def test_a_line_that_changed_while_the_book_was_decided_is_passed_over_and_told(twelve: Reviewer) -> None:
    steps = twelve.steps()
    next(steps)
    for line_id in range(1, 13):
        changed = facts.LimitChanged(limit_minor=600_000, reason="by hand")
        assert isinstance(twelve.books.act(line_id, changed, twelve.act().today), Recorded)
    told = ended(steps)
    assert all(twelve.offers(each) == [] for each in range(1, 13))
    passed_over = [each.lines for each in told.sums if each.reason == "CHANGED_MEANWHILE"]
    assert sum(passed_over) > 0
    assert {each.outcome for each in told.sums} == {"kept"}


def test_what_the_books_refuse_is_not_offered_and_told(twelve: Reviewer) -> None:
    # The lender's own cap on a person, which no table of the strategy reads.
    twelve.books.connection.execute("UPDATE borrowers SET joint_cap_minor = 1050000")
    told = twelve.night()
    refused = [each for each in map(twelve.last, range(1, 13)) if each.reason == "REFUSED_BY_BOOKS"]
    assert [each.lines for each in told.sums if each.reason == "REFUSED_BY_BOOKS"] == [len(refused)]
    assert {each.refused_because for each in refused} == {"joint_cap_exceeded"}
    assert all(twelve.offers(each) == [] for each in range(1, 13))


def roomy(lender: Reviewer, *, room: Sequence[float]) -> Night:
    """A night that is over, with so much of each cap left."""
    told = lender.night()
    stored.take_room(lender.books.connection, told.night.night_id, room=room)
    found = stored.read_night(lender.books.connection, told.night.night_id)
    assert found is not None
    return found


LATE = (13, 14, 15)


def with_late(lender: Reviewer, *, room: Sequence[float] = (1e9, 1e9, 1e9)) -> Night:
    """Three good lines more, whose borrowers tell their income when the night is over; so much is left of each cap."""
    for line_id in LATE:
        lender.opened(line_id, score=780, drawn_minor=600_000, income_minor=None)
    night = roomy(lender, room=room)
    lender.now += timedelta(hours=9)
    for line_id in LATE:
        lender.tell(line_id, score=780, income_minor=2_000_000)
    return night


def test_a_borrower_is_offered_as_much_as_asked_within_what_the_night_left(twelve: Reviewer) -> None:
    night = with_late(twelve)
    line_id = LATE[0]
    answer = twelve.asked(line_id, LIMIT + 100_000)
    assert (answer.outcome, answer.target_minor, answer.held_by) == ("offered", LIMIT + 100_000, "AS_ASKED")
    offer = twelve.offers(line_id)[0]
    assert (offer.offer_id, offer.limit_minor) == (answer.offer_id, LIMIT + 100_000)
    assert twelve.line(line_id).limit_minor == LIMIT
    left = stored.read_night(twelve.books.connection, night.night_id)
    assert left is not None
    assert left.room is not None
    assert answer.used is not None
    assert left.room == [1e9 - used for used in answer.used]
    assert answer.used[0] > 0
    assert stored.read_answer(twelve.books.connection, answer.decision_id) == answer
    again = twelve.asked(line_id, LIMIT + 200_000)
    assert (again.outcome, again.reason) == ("kept", "KEPT_BY_RULES")


def test_two_who_ask_at_once_never_both_take_the_last_room(twelve: Reviewer, database_url: str) -> None:
    with_late(twelve)
    first, second, third = LATE
    one = twelve.asked(first, LIMIT + 100_000)
    assert one.used is not None
    assert one.night_id is not None
    # Room for one and a half of such.
    last = [1.5 * max(used, 1.0) for used in one.used]
    stored.take_room(twelve.books.connection, one.night_id, room=last)
    told: list[Answer] = []

    def ask(line_id: int) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            beside = Reviewer(twelve.books, now=twelve.now)
            with connection.transaction():
                answer = request_limit(
                    connection, line_id, LIMIT + 100_000, deciders=beside.deciders, act=beside.act(), zone=SHANGHAI
                )
            assert isinstance(answer, Answer)
            told.append(answer)

    threads = [Thread(target=ask, args=[each]) for each in (second, third)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.outcome for each in told) == ["kept", "offered"]
    assert {each.held_by for each in told if each.outcome == "kept"} == {"PORTFOLIO_CAP"}
    night = stored.read_night(twelve.books.connection, one.night_id)
    assert night is not None
    assert night.room is not None
    used = next(each.used for each in told if each.outcome == "offered")
    assert used is not None
    assert night.room == [each - taken for each, taken in zip(last, used, strict=True)]
    assert min(night.room) >= 0


@pytest.mark.parametrize("days", [None, 4])
def test_without_prices_of_late_nobody_rises_and_is_told_why(twelve: Reviewer, days: int | None) -> None:
    if days is not None:
        roomy(twelve, room=[1e9, 1e9, 1e9])
        twelve.now += timedelta(days=days)
    line_id = next(each for each in range(1, 13) if not twelve.offers(each))
    answer = twelve.asked(line_id, LIMIT + 100_000)
    assert (answer.outcome, answer.reason, answer.night_id) == ("kept", "NO_PRICES", None)
    explained = explain_answer(twelve.books.connection, answer, deciders=twelve.deciders)
    assert explained is not None
    assert "the strategy in force has not reviewed all limits yet" in explained.en[1]


def test_a_case_that_tables_send_to_a_person_waits_for_one(lender: Reviewer) -> None:
    lender.books.add_borrower(1)
    lender.books.open_line(1, 1, limit_minor=LIMIT)
    lender.tell(1, score=680, income_minor=2_000_000)
    care = facts.CareBegun(kind=CareKind.HARDSHIP, note="ill")
    assert isinstance(lender.books.act(1, care, BOUGHT_ON, approved_by="bo"), Recorded)
    answer = lender.asked(1, LIMIT + 100_000)
    review = read_review(lender.books.connection, answer.decision_id)
    assert review is not None
    assert (answer.outcome, review.checkpoint, review.timeout_outcome) == ("review", "review_limit", "keep")
    assert review.due_at - review.opened_at == timedelta(minutes=1440)
    again = lender.asked(1, LIMIT + 200_000)
    assert again.outcome == "review"
    assert read_review(lender.books.connection, again.decision_id) is None, "it waits already"
    assert isinstance(judged(lender, answer.decision_id, "increase"), Refusal), "the care holds still"
    ended_care = facts.CareEnded(kind=CareKind.HARDSHIP)
    assert isinstance(lender.books.act(1, ended_care, lender.now.date(), approved_by="bo"), Recorded)
    assert isinstance(judged(lender, answer.decision_id, "increase"), Review)
    [offer] = limit_offers.offers_of_line(lender.books.connection, 1, before_id=None, most=5)
    assert (offer.limit_minor, offer.reason) == (LIMIT + 100_000, "judged: seen")


def judged(lender: Reviewer, review_id: int, outcome: str) -> Any:
    """A person's answer."""
    connection = lender.books.connection
    with connection.transaction():
        return judge(connection, review_id, outcome, reason="seen", act=lender.act(actor="cy"), zone=SHANGHAI)


def test_all_of_it_is_decided_again_the_same_to_the_byte(twelve: Reviewer) -> None:
    stored.add_warning(twelve.books.connection, 1, line_id=2, level="red", by="watch", at=twelve.now)
    stored.add_warning(twelve.books.connection, 2, line_id=3, level="amber", by="watch", at=twelve.now)
    files = strategy_files(None)
    files["review_limit/approval.csv"] = files["review_limit/approval.csv"].replace(
        b"may_rise,otherwise,increase,", b"small,limit_minor <= 100,increase,SMALL,S,S\nno,otherwise,keep,"
    )
    challenger = twelve.keep(files)
    twelve.release(Challenger(name=challenger, share_ppm=500_000))
    told = twelve.night(persons_per_chunk=5)
    twelve.asked(1, LIMIT + 100_000)
    replayed = ended(replay_since(twelve.books.connection, EVER, deciders=Deciders(), features=True))
    assert (replayed.differences, replayed.decisions, told.lines) == ((), 13, 12)
    by_challenger = {
        record.requests["line_id"][place]
        for record in map(decode_record, stored.traces_of_night(twelve.books.connection, told.night.night_id))
        for place in range(record.cases)
        if record.strategies[record.strategy[place]] == challenger
    }
    offered = {each for each in range(1, 13) if twelve.offers(each)}
    assert by_challenger
    assert offered
    assert not by_challenger & offered
    # Lines that a night leaves as they are have no rows; of all others there is one.
    kept = twelve.books.connection.execute("SELECT count(*) FROM decisions WHERE outcome = 'keep'").fetchone()
    assert kept is not None
    assert kept[0] <= 1


def test_large_payments_of_the_books_are_wishes_once(twelve: Reviewer) -> None:
    connection, day = twelve.books.connection, twelve.act().today
    while wish_for_large_payments(connection, act=twelve.act()):
        pass
    assert isinstance(twelve.books.pay(12, next(twelve.books.ids), 299_999, day), Recorded)
    assert isinstance(twelve.books.pay(12, next(twelve.books.ids), 300_000, day), Recorded)
    wait_until_all_can_see(connection)
    read = [wish_for_large_payments(connection, act=twelve.act()) for _ in range(2)]
    assert read == [2, 0]
    answers = twelve.wished()
    assert [(each.line_id, each.trigger) for each in answers if isinstance(each, Answer)] == [(12, "payment")]
    assert twelve.wished() == []


def test_an_income_that_is_proven_counts_from_then_on(lender: Reviewer) -> None:
    lender.opened(1, drawn_minor=600_000, income_minor=None)
    lender.opened(2)
    roomy(lender, room=[1e9, 1e9, 1e9])
    assert lender.asked(1, LIMIT + 100_000).reason == "KEPT_BY_RULES"
    lender.happens(1, Happened(trigger="income_proof", income_month_minor=1_500_000))
    (answer,) = lender.wished()
    assert isinstance(answer, Answer)
    assert (answer.trigger, answer.outcome) == ("income_proof", "offered")
    assert stored.take_wish(lender.books.connection, after_id=0) is None


def test_a_line_that_there_is_not_is_refused(lender: Reviewer) -> None:
    told = request_limit(lender.books.connection, 99, 1, deciders=lender.deciders, act=lender.act(), zone=SHANGHAI)
    assert told == Refusal(RefusalReason.LINE_NOT_OPEN, field="line_id")


def test_a_night_comes_after_the_close_of_the_day_before(lender: Reviewer) -> None:
    steps = review_lines_at_night(lender.books.connection, deciders=lender.deciders, act=lender.act(), zone=SHANGHAI)
    with pytest.raises(LimitReviewFault, match=r"2026-09-10 is not closed.*tallystick close-day"):
        ended(steps)


CHANGES = [
    "UPDATE limit_nights SET prices = '{}'",
    "UPDATE limit_nights SET begun_by = 'x'",
    "DELETE FROM limit_nights",
    "UPDATE limit_answers SET outcome = 'kept'",
    "DELETE FROM limit_night_batches",
    "DELETE FROM borrower_incomes",
    "TRUNCATE line_warnings",
    "UPDATE limit_night_figures SET figures = '[]'",
]


def test_what_was_reviewed_stays_as_it_was(twelve: Reviewer) -> None:
    twelve.night()
    for change in CHANGES:
        with pytest.raises(psycopg.IntegrityError, match=r"append-only|only its room is used up"):
            twelve.books.connection.execute(change.encode())
