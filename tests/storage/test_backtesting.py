"""Another strategy over recorded cases: against itself nothing changes; against others each figure is counted again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.applying import USUAL, accept, applicant, applied
from tests.books import Books, ended
from tests.commands import command
from tests.deciding import DAY, Lender, opened

from tallystick.features.event_tables import DAY_TICKS, EVENT_TABLES, STREAM_PREFIX
from tallystick.operations.authorizing import PutOff, withdraw
from tallystick.operations.backtesting import Backtest, BacktestFault, Question, backtest, strategy_named
from tallystick.operations.both_decided import BOOKS
from tallystick.operations.deciding import Deciders
from tallystick.operations.decision_record import tick_of
from tallystick.operations.lines import Recorded
from tallystick.operations.logged_value import LinesObserved, NoFigure, Observed
from tallystick.operations.purchase_labels import correct_label, label_purchase
from tallystick.operations.strategies import WholeStrategy, strategy_files, whole_strategy
from tallystick.operations.strategy_life import StrategyReason, StrategyRefusal
from tallystick.servicing import facts
from tallystick.storage import decisions
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.event_streams import write_stream
from tallystick.storage.purchase_labels import PurchaseLabel
from tallystick.strategy.assignment import Challenger
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import CaseRecord, decode_record, encode_record
from tallystick.strategy.economics import StrategyFaults
from tallystick.strategy.expected_profit import ExpectedChange
from tallystick.strategy.line_outcome import LineWindow
from tallystick.strategy.off_policy import OffPolicyValue

EVER = datetime(2020, 1, 1, tzinfo=UTC)
LATER = tick_of(datetime(2026, 12, 1, tzinfo=UTC))
FORM, LARGE = "authorize/checkpoint.toml", "authorize/large_order.csv"
APPROVED_PPM = 400_000  # of large orders without history, which else wait for a person
GOOD, FRAUD = 0.0139, -0.9  # of an amount, by authorize/economics.toml


def files(*changes: tuple[str, str, str]) -> dict[str, bytes]:
    """The standard strategy with a share of large orders approved by chance, and with texts of files changed."""
    kept = strategy_files(None)
    chance = (
        'en = "Large orders"\nrandomized = { rows = ["large_without_history"], to = "without_history", '
        f'share_ppm = {APPROVED_PPM}, salt = "s" }}'
    )
    for file, old, new in ((FORM, 'en = "Large orders"', chance), *changes):
        assert old.encode() in kept[file], old
        kept[file] = kept[file].replace(old.encode(), new.encode())
    return kept


def whole(changed: Mapping[str, bytes]) -> WholeStrategy:
    """A strategy by its files."""
    return whole_strategy(changed, on=DAY)


# Every large order without history goes on, where the strategy in force asks a person but for its share.
LENIENT = (
    (
        LARGE,
        "large_share_ppm,review,3,60,FALSE,LARGE_ORDER,订单",
        "large_share_ppm,continue,0,0,FALSE,LARGE_FIRST,订单",
    ),
    (
        LARGE,
        "large_share_ppm,review,3,60,FALSE,LARGE_ORDER,,",
        "large_share_ppm,review,3,60,FALSE,LARGE_ORDER,大,Large",
    ),
)
# What waited for a person is declined.
STRICT = (
    LARGE,
    "large_share_ppm,review,3,60,FALSE,LARGE_ORDER,订单",
    "large_share_ppm,decline,0,0,FALSE,LARGE_ORDER,订单",
)


@pytest.fixture
def lender(database_url: str) -> Iterator[Lender]:
    """Forty persons with a line each, and a merchant of whom thirty purchases were confirmed as good."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection, ids=count(1_000))
        opened(books, range(1, 41))
        lender = Lender(books)
        lender.release(files=files())
        known_merchant(lender)
        yield lender


def known_merchant(lender: Lender) -> None:
    """Thirty purchases at merchant 7 were confirmed as good, ten days ago."""
    schema = EVENT_TABLES["fraud_label"].schema()
    told = {"tick": tick_of(lender.now) - 10 * DAY_TICKS, "merchant_id": 7, "is_fraud": False}
    rows = pa.Table.from_pylist([told | {"event_id": number} for number in range(1, 31)], schema=schema)
    write_stream(lender.books.connection, "fraud_label", rows.to_pydict())


def label(lender: Lender, purchase: StoredDecision, *, is_fraud: bool) -> None:
    """Five days later a person says what a purchase was; of a fraud that corrects what was said a day before."""
    act, number = msgspec.structs.replace(lender.act(), at=lender.now + timedelta(days=5)), purchase.decision_id
    connection, say = lender.books.connection, label_purchase
    if is_fraud:
        hasty = msgspec.structs.replace(act, at=act.at - timedelta(days=1))
        assert isinstance(label_purchase(connection, number, is_fraud=False, reason="x", act=hasty), PurchaseLabel)
        say = correct_label
    assert isinstance(say(connection, number, is_fraud=is_fraud, reason="asked", act=act), PurchaseLabel)


def asked(lender: Lender, purchases: Sequence[Any]) -> list[StoredDecision]:
    """Purchases decided, those put off with the next batch."""
    made: dict[int, StoredDecision] = {}
    waiting = list(purchases)
    while waiting:
        told = lender.ask(*waiting)
        made |= {each.decision_id: each for each in told if isinstance(each, StoredDecision)}
        waiting = [each for each, answer in zip(waiting, told, strict=True) if isinstance(answer, PutOff)]
    return [made[each.decision_id] for each in purchases]


def a_day(lender: Lender) -> dict[int, float]:
    """A large order and a small purchase of each person; what each brought, by decision, as reckoned by hand.

    What was approved is drawn, but for every fifth; every third of the orders that wait goes through as well.
    """
    large = [lender.purchase(line, 1_000_000, category="phones", step_up_passed=True) for line in range(1, 41)]
    small = [lender.purchase(line, 20_000 + line) for line in range(1, 41)]
    made = asked(lender, large[:20]) + asked(lender, large[20:]) + asked(lender, small)
    brought = {}
    for place, each in enumerate(made):
        cost = 2_000.0 if each.outcome == "review" else 0.0
        through = place % 5 > 0 if each.outcome == "approve" else each.outcome == "review" and place % 3 == 0
        fraud = place % 7 == 0
        if through:
            draw(lender, each)
            label(lender, each, is_fraud=fraud)
        amount = (each.amount_minor or 0) * through
        brought[each.decision_id] = amount * (FRAUD if fraud else GOOD) - cost
    return brought


def draw(lender: Lender, decision: StoredDecision) -> None:
    """The merchant claims what was authorized."""
    assert decision.line_id is not None
    assert decision.amount_minor is not None
    drawn = facts.Drawdown(
        draw_id=next(lender.books.ids), kind=facts.DrawKind.PURCHASE, amount_minor=decision.amount_minor,
        merchant_id=7, hold_id=decision.hold_id,
    )  # fmt: skip
    assert decision.hold_id is not None
    lender.books.act(decision.line_id, drawn, DAY)


def question(**told: Any) -> Question:
    """Everything that was decided on purchases, known long after."""
    asked_of: dict[str, Any] = {"checkpoint": CheckpointName.AUTHORIZE, "since": EVER, "until": None}
    return Question(**(asked_of | {"known_tick": LATER, "known_on": date(2026, 12, 1)} | told))


def found_by(lender: Lender, strategy: WholeStrategy, **told: Any) -> Backtest:
    """What a process finds that knows nothing yet."""
    return ended(backtest(lender.books.connection, strategy, question(**told), deciders=Deciders()))


def records(lender: Lender) -> list[CaseRecord]:
    """All that was recorded."""
    told = decisions.batches_since(lender.books.connection, EVER)
    return [decode_record(trace) for _, trace in told if trace is not None]


PURCHASES = st.lists(
    st.tuples(
        st.integers(1, 40),
        st.sampled_from([1, 50_001, 310_000, 1_000_000, 2_999_999]) | st.integers(1, 3_100_000),
        st.sampled_from(["phones", "gold", None]),
        st.sampled_from([None, 1, 2]),
        st.booleans(),
    ),
    min_size=1, max_size=40, unique_by=lambda told: told[0],
)  # fmt: skip


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PURCHASES)
@example([(line_id, 1_000_000, "phones", None, True) for line_id in range(1, 21)])  # which chance may approve
def test_cases_are_decided_alike_singly_in_batches_and_in_a_backtest(
    lender: Lender, purchases: list[tuple[int, int, str | None, int | None, bool]]
) -> None:
    since = lender.now
    names = ("category", "device_id", "step_up_passed")
    waiting = [lender.purchase(line, amount, **dict(zip(names, told, strict=True)))
               for line, amount, *told in purchases]  # fmt: skip
    made = asked(lender, waiting[:15]) + (asked(lender, waiting[15:]) if waiting[15:] else [])
    strategy = whole(files())
    found = found_by(lender, strategy, since=since - timedelta(microseconds=1))
    assert (found.cases, found.swapped.total.agreement, found.swapped.is_empty) == (len(made), 1.0, True)
    assert isinstance(found.expected, ExpectedChange)
    assert found.expected.old == found.expected.new
    checkpoint = strategy.checkpoints[CheckpointName.AUTHORIZE]
    kept = {each.decision_id: each for each in made}
    for record in records(lender):
        for case, request_id in enumerate(record.request_ids):
            if request_id not in kept or kept[request_id].refused_because:
                continue
            one = checkpoint.decide(record.columns_of(case), request_ids=[request_id])
            told = kept[request_id]
            assert (str(one.outcome[0]), one.reasons[0], round(one.probability_ppm[0]), bool(one.is_explored[0])) == (
                told.outcome, told.reasons, told.probability_ppm, told.is_explored,
            )  # fmt: skip


def test_against_itself_a_strategy_is_worth_exactly_nothing_more(lender: Lender) -> None:
    brought = a_day(lender)
    found = found_by(lender, whole(files()))
    value = found.value
    assert isinstance(value, OffPolicyValue)
    assert value.observed_minor == pytest.approx(sum(brought.values()) / len(brought))
    changes = [each.change for each in value.estimates]
    assert [(change.low_minor, change.high_minor) for change in changes] == [(0.0, 0.0)] * 3
    assert [(*change.normal, *change.bootstrap) for change in changes] == [pytest.approx((0.0,) * 4, abs=1e-6)] * 3
    assert (value.cases, value.borrowers, value.unsupported_share, value.largest_weight) == (80, 40, 0.0, 1.0)
    assert isinstance(found.observed, Observed)
    assert (found.observed.mature, found.observed.labeled) == (80, found.observed.drawn)
    assert 0 < found.observed.frauds < found.observed.drawn < 80


def test_a_strategy_that_chance_followed_now_and_then_is_weighed_by_what_came_of_that(lender: Lender) -> None:
    brought = a_day(lender)
    lenient = whole(files(*LENIENT))
    found = found_by(lender, lenient, segment="category")
    made = decisions.read_decisions(lender.books.connection, list(brought))
    reviewed = [each for each in made if each.outcome == "review"]
    assert 10 < len(reviewed) < 35
    total = found.swapped.total
    assert (total.swapped_in.cases, total.swapped_in.amount_minor) == (len(reviewed), 1_000_000 * len(reviewed))
    (flow,) = (each for each in found.swapped.flows if each.is_moved)
    assert (flow.old_outcome, flow.new_outcome, flow.old_reasons) == (
        "review", "approve", (("LARGE_ORDER", len(reviewed)),)
    )  # fmt: skip
    assert [(each.segment, each.whole.cases) for each in found.swapped.segments] == [("clothes", 40), ("phones", 40)]
    value = found.value
    assert isinstance(value, OffPolicyValue)
    weighed = sum(
        brought[each.decision_id] * (0 if each.outcome == "review" else 1_000_000 / each.probability_ppm)
        for each in made
    )
    assert value.estimates[0].value.low_minor == pytest.approx(weighed / 80)
    assert (value.open_cases, value.largest_weight) == (0, 1_000_000 / APPROVED_PPM)


def test_what_chance_never_gave_is_bounded_and_a_decline_is_known(lender: Lender) -> None:
    a_day(lender)
    value = found_by(lender, whole(files(STRICT))).value
    assert isinstance(value, OffPolicyValue)
    assert value.unsupported_share == pytest.approx((1 - APPROVED_PPM / 1e6) / 2)
    assert value.open_cases == 0


def test_borrowers_dealt_to_a_challenger_are_chance_too(lender: Lender) -> None:
    champion, challenger = strategy_files(None), files(*LENIENT)
    kept = lender.keep(challenger)
    lender.release(Challenger(kept, 500_000), files=champion)
    brought = a_day(lender)
    found = found_by(lender, whole(challenger))
    value = found.value
    assert isinstance(value, OffPolicyValue)
    made = decisions.read_decisions(lender.books.connection, list(brought))
    dealt = {each.strategy_id for each in made}
    assert len(dealt) == 2
    assert (value.unsupported_share, value.largest_weight) == (0.0, 2.0)
    weighed = sum(
        brought[each.decision_id] * {1_000_000: 2.0, 20_000: 1.0}.get(each.amount_minor or 0, 1.0)
        for each in made if each.outcome == "approve"
    )  # fmt: skip
    assert value.estimates[0].value.low_minor == pytest.approx(weighed / 80)


def test_what_the_books_refused_stays_refused(lender: Lender) -> None:
    lender.books.add_borrower(50, joint_cap_minor=3_000_000)
    lender.books.open_line(50, 50, limit_minor=2_000_000)
    lender.books.open_line(51, 50, limit_minor=1_000_000)
    lender.books.connection.execute("UPDATE borrowers SET joint_cap_minor = 1000000 WHERE borrower_id = 50")
    asked(lender, [lender.purchase(50, 400_000, step_up_passed=True)])
    asked(lender, [lender.purchase(51, 300_000, step_up_passed=True)])
    (refused,) = asked(lender, [lender.purchase(50, 390_000, step_up_passed=True)])
    assert refused.refused_because == "joint_cap_exceeded"
    found = found_by(lender, whole(files()))
    assert (found.refused, found.swapped.is_empty) == (1, True)
    assert {(flow.old_outcome, flow.sums.cases) for flow in found.swapped.flows} == {("approve", 2), ("decline", 1)}
    stop = (
        LARGE,
        "very_large,amount_minor >= four_eyes_from_minor,review",
        "very_large,amount_minor >= 300000,decline",
    )
    stopping = whole(files((stop[0], stop[1] + ",1,30,TRUE", stop[2] + ",0,0,FALSE")))
    swapped = found_by(lender, stopping).swapped
    (stopped,) = (flow for flow in swapped.flows if not flow.is_moved)
    assert (swapped.total.swapped_out.cases, stopped.sums.cases) == (2, 1)
    assert BOOKS not in {step.old_step for flow in swapped.flows for step in flow.by_step}


NEW_FEATURE = (
    LARGE,
    "bought_before,amount_minor <= line_purchase_max_90d,continue",
    'many,"COALESCE(line_purchase_count_7d, 0) >= 1 AND amount_minor < 100000",decline,0,0,FALSE,MANY,多,Many\n'
    "bought_before,amount_minor <= line_purchase_max_90d,continue",
)


def test_a_feature_that_was_not_recorded_is_read_as_it_was_visible_then(lender: Lender) -> None:
    a_day(lender)
    asking = whole(files(NEW_FEATURE))
    assert "line_purchase_count_7d" not in records(lender)[0].features
    found = found_by(lender, asking)
    assert (found.recomputed, found.swapped.other_inputs.cases) == (80, 0)
    # Each person's second purchase, and no first one, though all of them are in the streams by now.
    assert found.swapped.total.swapped_out.cases == 40
    assert {reasons for flow in found.swapped.flows if flow.is_moved for reasons in flow.new_reasons} == {("MANY", 40)}


def test_what_the_streams_no_longer_have_is_told_apart(lender: Lender) -> None:
    a_day(lender)
    lender.books.connection.execute(f"DELETE FROM {STREAM_PREFIX}purchase WHERE line_id <= 10".encode())
    found = found_by(lender, whole(files(NEW_FEATURE)))
    # The first batch could see nobody's purchases; all others had seen these, at the same merchant.
    assert (found.cases, found.swapped.other_inputs.cases, found.swapped.total.whole.cases) == (80, 60, 20)
    assert found.swapped.total.swapped_out.cases == 0
    assert isinstance(found.value, OffPolicyValue)
    assert found.value.cases == 20


def test_what_was_taken_back_is_left_out_and_told(lender: Lender) -> None:
    late, kept = asked(lender, [lender.purchase(1, 1_000), lender.purchase(2, 1_000)])
    withdraw(lender.books.connection, late, act=lender.act())
    found = found_by(lender, whole(files()))
    assert (found.withdrawn, found.cases, found.swapped.total.whole.cases) == (1, 1, 1)
    withdraw(lender.books.connection, kept, act=lender.act())
    with pytest.raises(BacktestFault, match="nothing was decided"):
        found_by(lender, whole(files()))


def test_the_young_the_unlabeled_and_those_without_a_trace_are_told(lender: Lender) -> None:
    a_day(lender)
    now = tick_of(lender.now)
    young = found_by(lender, whole(files()), known_tick=now + 29 * DAY_TICKS)
    assert (young.value, young.observed and young.observed.mature) == (NoFigure.NONE_MATURE, 0)
    # What is told after the window of its purchase does not count.
    late = found_by(lender, whole(files()), performance_days=4)
    assert isinstance(late.observed, Observed)
    assert (late.value, late.observed.labeled) == (NoFigure.NONE_LABELED, 0)
    connection = lender.books.connection
    assert decisions.forget_traces(connection, before=lender.now, most=1) == 1
    found = found_by(lender, whole(files()))
    assert (found.cases, found.without_trace) == (60, 20)
    decisions.forget_traces(connection, before=lender.now, most=99)
    with pytest.raises(BacktestFault, match="the 80 cases at authorize were made of is deleted"):
        found_by(lender, whole(files()))
    with pytest.raises(BacktestFault, match="nothing was decided"):
        found_by(lender, whole(files()), since=lender.now)


def test_probabilities_that_no_strategy_gives_are_refused(lender: Lender) -> None:
    a_day(lender)
    connection = lender.books.connection
    batch, trace = next(iter(decisions.batches_since(connection, EVER)))
    assert trace is not None
    record = decode_record(trace)
    forged = msgspec.structs.replace(record, probability_ppm=[each // 2 for each in record.probability_ppm])
    decisions.write_batch(connection, msgspec.structs.replace(batch, batch_id=1), [], trace=encode_record(forged))
    assert found_by(lender, whole(files())).value is NoFigure.OTHER_CHANCES


def test_applications_are_compared_with_their_limits(lender: Lender) -> None:
    incomes = [None, 100_000, 300_000, 500_000, 700_000, 900_000]
    for borrower_id, income_minor in enumerate(incomes, start=101):
        applicant(lender, borrower_id)
        applied(lender, borrower_id, msgspec.structs.replace(USUAL, income_month_minor=income_minor))
    same = found_by(lender, whole(files()), checkpoint=CheckpointName.APPLY)
    assert (same.cases, same.swapped.is_empty, same.value) == (6, True, NoFigure.NO_LINE_MATURE)
    half = ("apply/checkpoint.toml", "income_multiple_ppm = 2_000_000", "income_multiple_ppm = 1_000_000")
    found = found_by(lender, whole(files(half)), checkpoint=CheckpointName.APPLY)
    made = [
        made for record in records(lender) for made in zip(record.outcome, record.outputs["limit_minor"], strict=True)
    ]
    granted = sum(limit_minor for outcome, limit_minor in made if outcome == "offer")
    assert found.swapped.total.whole.old_limit_minor == granted > 0
    assert found.swapped.total.whole.new_limit_minor < granted
    assert found.swapped.total.lowered.cases > 0
    # No model says how likely a default is: what an offer brings is not known, and so not what a lower one changes.
    assert isinstance(found.expected, ExpectedChange)
    assert found.expected.unknown_moved >= found.swapped.total.lowered.cases


# Half of those who are within the cut-off are declined by chance.
HALF = (
    "apply/checkpoint.toml",
    'randomized = { rows = ["grade_f"], to = "within", share_ppm = 10_000, salt = "2026-11" }',
    'randomized = { rows = ["within"], to = "grade_f", share_ppm = 500_000, salt = "s" }',
)
LOWER = ("apply/checkpoint.toml", "income_multiple_ppm = 2_000_000", "income_multiple_ppm = 100_000")
WINDOW = LineWindow(months=8, opening_days=10)
WINDOW_OVER = date(2027, 2, 21)  # ten days and eight months after the applications


@cache
def compiled_once(changes: tuple[tuple[str, str, str], ...]) -> WholeStrategy:
    """The strategy that these changes make."""
    return whole(files(*changes))


def of_lines(lender: Lender, *changes: tuple[str, str, str], **told: Any) -> Backtest:
    """What is found of applications whose lines are looked at for eight months."""
    asked_of: dict[str, Any] = {"checkpoint": CheckpointName.APPLY, "line_window": WINDOW, "known_on": WINDOW_OVER}
    asked = question(**(asked_of | told))
    return ended(backtest(lender.books.connection, compiled_once(changes), asked, deciders=lender.deciders))


def line_of(lender: Lender, application_id: int) -> int:
    """The line that an offer becomes, on which 2,000 yuan are bought at once for a fee of 12."""
    opened_now = accept(lender, application_id)
    assert isinstance(opened_now, Recorded), opened_now
    bought = facts.Drawdown(
        draw_id=next(lender.books.ids), kind=facts.DrawKind.PURCHASE, amount_minor=200_000, merchant_id=7,
        merchant_fee_minor=1_200,
    )  # fmt: skip
    assert isinstance(lender.books.act(opened_now.line.line_id, bought, lender.act().today), Recorded)
    return opened_now.line.line_id


def test_what_lines_brought_tells_what_those_whom_chance_declined_would_have_brought(
    lender: Lender, database_url: str, tmp_path: Path
) -> None:
    applicant(lender, 100)
    line_of(lender, applied(lender, 100).application_id)
    since = lender.now
    assert of_lines(lender, LOWER).value is NoFigure.NO_CHANCE
    assert isinstance(of_lines(lender).value, OffPolicyValue)  # to decide alike takes no chance

    lender.release(files=files(HALF))
    for borrower_id in range(101, 113):
        applicant(lender, borrower_id)
    made = [applied(lender, borrower_id) for borrower_id in range(101, 113)]
    offers = [each.application_id for each in made if each.decided_outcome == "offer"]
    assert 4 <= len(offers) < len(made)
    assert of_lines(lender, since=since).value is NoFigure.NO_LINE
    paying, failing, lost = (line_of(lender, each) for each in offers[:3])
    lender.now += timedelta(days=11)
    line_of(lender, offers[3])  # too late: no line of these applications
    books = lender.books
    assert isinstance(books.pay(paying, next(books.ids), 200_000, date(2026, 6, 20)), Recorded)
    gone = books.act(lost, facts.ChargedOff(reason="never paid"), date(2027, 2, 9), approved_by="officer")
    assert isinstance(gone, Recorded), gone
    assert isinstance(books.pay(failing, next(books.ids), 1, date(2027, 2, 10)), Recorded)
    for line_id in (failing, lost):  # outside of their windows
        assert isinstance(books.pay(line_id, next(books.ids), 5_000, date(2027, 2, 11)), Recorded)

    young = of_lines(lender, since=since, known_on=WINDOW_OVER - timedelta(days=1))
    assert (young.value, young.observed) == (NoFigure.NO_LINE_MATURE, LinesObserved(0, 0, 0, 0, 0))
    found = of_lines(lender, since=since)
    # What was charged is earned and lost again; principal is lost but for the one cent that came in time.
    brought = 3 * 1_200 - 2 * 200_000 + 1
    observed, value = found.observed, found.value
    assert isinstance(observed, LinesObserved)
    assert isinstance(value, OffPolicyValue)
    assert (observed.mature, observed.lines, observed.lost) == (len(made), 3, 2)
    assert observed.earned_minor - observed.lost_minor == brought
    assert observed.earned_minor > 3 * 1_200  # interest and late fees that were billed
    assert value.observed_minor == pytest.approx(brought / len(made))
    ips = value.estimates[0]
    assert (ips.value.low_minor, ips.value.high_minor) == pytest.approx((2 * brought / len(made),) * 2)
    assert (value.largest_weight, value.open_cases, value.borrowers) == (2.0, 0, len(made))
    itself = of_lines(lender, HALF, since=since).value
    assert isinstance(itself, OffPolicyValue)
    assert {(each.change.low_minor, each.change.high_minor) for each in itself.estimates} == {(0.0, 0.0)}
    lower = of_lines(lender, LOWER, since=since).value
    assert isinstance(lower, OffPolicyValue)
    assert (lower.unsupported_share, lower.open_cases) == (1.0, len(made))

    out = tmp_path / "found.json"
    told = command(
        "backtest", "--strategy", lender.keep(files())[:12], "--since", "2026-06-10", "--checkpoint", "apply",
        "--performance-months", "1", "--most-weight", "1.5", "--out", str(out), url=database_url, language="zh",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert "5 个成为额度，共收入 60、损失 0（元）" in told.stdout.replace("\n", "")
    shown = json.loads(out.read_bytes())
    assert shown["line_window"] == {"months": 1, "opening_days": 45}
    assert shown["observed"] == {"mature": 13, "lines": 5, "lost": 0, "earned_minor": 6_000, "lost_minor": 0}
    assert (shown["value"]["largest_weight"], shown["value"]["clipped_cases"]) == (1.5, len(offers))


def test_the_command(lender: Lender, database_url: str, tmp_path: Path) -> None:
    a_day(lender)
    folder, out = tmp_path / "lenient", tmp_path / "found.json"
    for name, content in files(*LENIENT).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    since = ("--since", "2026-06-10")
    told = command(
        "backtest", "--strategy", str(folder), *since, "--until", "2026-06-10", "--segment", "category",
        "--performance-days", "1", "--out", str(out), url=database_url,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    for words in ("80 cases in", "review → approve", "Expected profit and loss", "phones"):
        assert words in told.stdout
    found = json.loads(out.read_bytes())
    assert found["swapped"]["total"]["whole"]["cases"] == 80
    kept = command("backtest", "--strategy", lender.keep(files())[:12], *since, url=database_url, language="zh")
    assert (kept.returncode, "两个策略的决定没有不同" in kept.stdout) == (0, True), kept.stderr


def test_what_cannot_be_asked_is_told(lender: Lender) -> None:
    a_day(lender)
    connection = lender.books.connection
    assert strategy_named(connection, "abcdef12", on=DAY) == StrategyRefusal(
        StrategyReason.STRATEGY_UNKNOWN, "strategy", {"strategy": "abcdef12"}
    )
    strategy = strategy_named(connection, lender.keep(files())[:12], on=DAY)
    assert isinstance(strategy, WholeStrategy)
    with pytest.raises(BacktestFault, match="the nearest is `category`"):
        found_by(lender, strategy, segment="categry")
    with pytest.raises(BacktestFault, match="line_id has more than 30 values"):
        found_by(lender, strategy, segment="line_id")
    with pytest.raises(StrategyFaults, match="it can at apply, authorize"):
        found_by(lender, strategy, checkpoint=CheckpointName.REPRICE)
