"""Targets of single lines and small books by hand: down at once, up within every guard, what the day may still give."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.checkpoints import standard_checkpoint
from tests.limit_reviews import columns_of, decided, standard_strategy

from tallystick.strategy.cap_prices import CapPrice, post_prices
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.knapsack import Problem
from tallystick.strategy.limit_answer import explain_limit
from tallystick.strategy.limit_targets import LimitTargets, NightPrices, answer_at_prices, review_book, usage_of
from tallystick.strategy.policy import CapRule, Strategy
from tallystick.strategy.reviewed_lines import TARGET_REASON_TEXTS, ReviewedLines, TargetReason, reviewed_lines

# Grade D: 24 of 100 of an increase become debt, whatever is used.
D = {"pd_ppm": 53_000, "income_month_minor": 2_000_000}
FREE = NightPrices(caps=())


def _strategy(*caps: CapRule, reserve_ppm: int = 0) -> Strategy:
    shipped = standard_strategy()
    economics = replace(shipped.economics, propensity_by_use=())
    return replace(shipped, economics=economics, caps=caps, request_reserve_ppm=reserve_ppm)


def _drawn_at_most(bound: int) -> CapRule:
    return CapRule("exposure", "余额", "drawn", "drawn", "most_minor", bound, None, ())


def _day(strategy: Strategy, *changes: dict[str, Any], prices: NightPrices = FREE) -> LimitTargets:
    return answer_at_prices(decided(columns_of(*changes), strategy=strategy), prices, strategy=strategy)


def _left(left: float, *, price: float = 0.0) -> NightPrices:
    return NightPrices(caps=(CapPrice(name="exposure", measure="drawn", price=price, left=left),))


def test_a_risk_reason_lowers_at_once_to_the_step_that_covers_what_is_drawn_and_held() -> None:
    red = {"warning": "red", "trigger": "early_warning", "limit_minor": 3_000_000}
    targets = _day(
        _strategy(),
        {**red, "drawn_minor": 412_300, "held_minor": 50_000},  # 4,623 yuan: 5,000
        {**red, "drawn_minor": 0},  # 1,000 at least
        {**red, "drawn_minor": 0, "warning": "none", "pd_ppm": 250_000},  # 3,000 at least
        {**red, "drawn_minor": 2_950_000},  # 30,000: nothing is left to lower
        {**red, "drawn_minor": 3_100_000},  # never up
    )
    assert targets.target_minor.tolist() == [500_000, 100_000, 300_000, 3_000_000, 3_000_000]
    lowered, kept = TargetReason.DECREASED_FOR_RISK, TargetReason.NOTHING_TO_LOWER
    assert targets.reason.tolist() == [lowered, lowered, lowered, kept, kept]


def test_every_reason_has_its_line() -> None:
    cases: list[tuple[dict[str, Any], int, TargetReason]] = [
        ({}, 2_000_000, TargetReason.LARGEST_STEP),  # doubled at most
        ({"limit_minor": 2_500_000, "income_month_minor": 9_000_000}, 3_000_000, TargetReason.MOST_REACHED),
        ({"requested_minor": 1_550_000, "trigger": "borrower_request"}, 1_500_000, TargetReason.AS_ASKED),
        ({"joint_limit_minor": 18_650_000, "income_month_minor": 9_000_000}, 1_300_000, TargetReason.PERSON_CAP),
        ({"days_past_due": 1}, 1_000_000, TargetReason.KEPT_BY_RULES),
        ({"trigger": "borrower_request", "is_under_care": True}, 1_000_000, TargetReason.SENT_TO_REVIEW),
        ({"pd_ppm": 69_000}, 1_000_000, TargetReason.NO_GAIN),
        ({"warning": "red"}, 400_000, TargetReason.DECREASED_FOR_RISK),
        ({"warning": "red", "drawn_minor": 990_000}, 1_000_000, TargetReason.NOTHING_TO_LOWER),
    ]
    targets = _day(_strategy(), *({**D, **changes} for changes, _, _ in cases))
    found = list(zip(targets.target_minor.tolist(), targets.held_by.tolist(), strict=True))
    assert found == [(target, reason) for _, target, reason in cases]
    closed = _day(_strategy(_drawn_at_most(1)), D, prices=_closed(_left(10**9)))
    assert closed.held_by.tolist() == [TargetReason.PORTFOLIO_CAP]
    guarded = _guarded()
    # What only happens to a line in the books: tests/storage/test_limit_reviews.py.
    live = {TargetReason.NO_PRICES, TargetReason.REFUSED_BY_BOOKS, TargetReason.CHANGED_MEANWHILE}
    assert set(TARGET_REASON_TEXTS) == set(TargetReason) == live | {
        TargetReason.INCREASE_OFFERED, TargetReason.PORTFOLIO_CAP, *(reason for _, _, reason in cases), *guarded
    }  # fmt: skip


def _closed(prices: NightPrices) -> NightPrices:
    return NightPrices(caps=prices.caps, is_open=False)


def _guarded() -> list[str]:
    """What holds whatever a table says: cooling, the legal price, the income of strategy.toml."""
    strategy = _strategy()
    columns = columns_of(
        {**D, "days_since_increase": 3}, {**D, "pd_ppm": 130_000}, {**D, "income_month_minor": 366_666}
    )
    decisions = standard_checkpoint(CheckpointName.REVIEW_LIMIT).decide(columns)
    assert set(decisions.outcome) == {"keep"}
    careless = replace(
        decisions,
        outcome=np.array(["increase"] * 3, dtype=object),
        outputs={**decisions.outputs, "most_minor": np.full(3, 5_000_000)},
    )
    targets = answer_at_prices(reviewed_lines(columns, careless, strategy=strategy), FREE, strategy=strategy)
    assert targets.target_minor.tolist() == [1_000_000] * 3
    assert targets.held_by.tolist() == [
        TargetReason.COOLING, TargetReason.PRICE_ABOVE_LEGAL_CAP, TargetReason.AFFORDABILITY
    ]  # fmt: skip
    return list(targets.held_by)


def test_a_cap_gives_to_those_who_earn_most_of_it() -> None:
    """Each asks for 1,000 yuan more, of which 240 become debt: 500 are enough for the two of the lower PD."""
    asks = {**D, "trigger": "borrower_request", "requested_minor": 1_100_000}
    book = columns_of(*({**asks, "pd_ppm": pd} for pd in (55_000, 45_000, 53_000)))
    strategy = _strategy(_drawn_at_most(3 * 400_000 + 50_000))
    night = review_book(decided(book, strategy=strategy), strategy=strategy)
    assert night.targets.target_minor.tolist() == [1_000_000, 1_100_000, 1_100_000]
    assert night.targets.held_by.tolist() == [
        TargetReason.PORTFOLIO_CAP, TargetReason.AS_ASKED, TargetReason.AS_ASKED
    ]  # fmt: skip
    (cap,) = night.prices.caps
    assert cap.left == 50_000 - 2 * 24_000
    assert cap.price > 0
    # The 20 yuan that are left carry no other thousand by day, whoever asks.
    by_day = _day(strategy, {**asks, "pd_ppm": 45_000}, prices=night.prices)
    assert by_day.held_by.tolist() == [TargetReason.PORTFOLIO_CAP]


def test_a_share_of_the_room_is_kept_for_the_day() -> None:
    """Of 1,000 yuan of room 300 are kept: 700 are enough for two times 240."""
    asks = {**D, "trigger": "borrower_request", "requested_minor": 1_100_000}
    book = columns_of(*[{**asks, "pd_ppm": 45_000 + 100 * place} for place in range(10)])
    strategy = _strategy(_drawn_at_most(4_000_000 + 100_000), reserve_ppm=300_000)
    night = review_book(decided(book, strategy=strategy), strategy=strategy)
    assert night.targets.target_minor.tolist() == [1_100_000] * 2 + [1_000_000] * 8
    assert night.prices.caps[0].left == 100_000 - 48_000
    by_day = _day(strategy, {**asks, "pd_ppm": 45_050}, prices=night.prices)
    assert by_day.target_minor.tolist() == [1_100_000]


def test_equal_lines_get_equal_answers_even_where_some_could_have_more() -> None:
    strategy = _strategy(_drawn_at_most(40 * 400_000 + 500_000))
    night = review_book(decided(columns_of(*[D] * 40), strategy=strategy), strategy=strategy)
    assert len(set(night.targets.target_minor.tolist())) == 1


def test_by_day_an_increase_fits_into_what_the_night_left() -> None:
    """0.24 of an increase may be 1,000 yuan at most: 4,166, so 4,000."""
    strategy = _strategy(_drawn_at_most(1))
    asked = {**D, "trigger": "borrower_request", "requested_minor": 2_000_000}
    reviewed = decided(columns_of(asked), strategy=strategy)
    targets = answer_at_prices(reviewed, _left(100_000), strategy=strategy)
    assert targets.target_minor.tolist() == [1_400_000]
    assert targets.held_by.tolist() == [TargetReason.PORTFOLIO_CAP]
    assert usage_of(reviewed, targets.target_minor, _left(100_000), strategy=strategy).tolist() == [[96_000]]
    assert _day(strategy, asked, prices=_left(100_000, price=10.0)).target_minor.tolist() == [1_000_000]
    assert _day(strategy, asked, prices=_left(-5.0)).target_minor.tolist() == [1_000_000]


def test_a_book_above_its_cap_already_raises_nothing_and_is_no_error() -> None:
    strategy = _strategy(_drawn_at_most(100))
    night = review_book(decided(columns_of(D, D), strategy=strategy), strategy=strategy)
    assert night.targets.held_by.tolist() == [TargetReason.PORTFOLIO_CAP] * 2
    assert night.prices.caps[0].left == 0


def test_an_offer_that_awaits_an_answer_counts_as_accepted_until_the_line_is_lowered() -> None:
    """Of 2,500 yuan of room an offer of 10,000 more takes 2,400; another thousand would be 240."""
    asks = {**D, "trigger": "borrower_request", "requested_minor": 1_100_000}
    strategy = _strategy(_drawn_at_most(2 * 400_000 + 250_000))
    offered = {"offered_minor": np.array([2_000_000, 0])}
    waits = decided(columns_of({**D, "has_open_offer": True}, asks), strategy=strategy, **offered)
    night = review_book(waits, strategy=strategy)
    assert night.targets.target_minor.tolist() == [1_000_000, 1_000_000]
    assert night.prices.caps[0].left == 10_000
    gone = decided(columns_of({**D, "has_open_offer": True, "warning": "red"}, asks), strategy=strategy, **offered)
    assert review_book(gone, strategy=strategy).targets.target_minor.tolist() == [400_000, 1_100_000]


def test_two_lines_of_a_person_share_what_the_law_leaves() -> None:
    rich = {**D, "income_month_minor": 50_000_000, "pd_ppm": 53_000}
    book = columns_of({**rich, "joint_limit_minor": 18_500_000}, {**rich, "joint_limit_minor": 18_500_000})
    strategy = _strategy()
    alike = decided(book, strategy=strategy, person=np.array([7, 7]))
    # 200,000 less 185,000 and 10,000 leave 5,000: 2,500 each, 2,000 in whole thousands.
    assert review_book(alike, strategy=strategy).targets.target_minor.tolist() == [1_200_000] * 2
    apart = decided(book, strategy=strategy, person=np.array([7, 8]))
    assert review_book(apart, strategy=strategy).targets.target_minor.tolist() == [1_500_000] * 2


def test_an_empty_book_has_no_targets_and_its_caps_stay_whole() -> None:
    strategy = standard_strategy()
    nobody: ReviewedLines = decided(columns_of({})).at(np.zeros(0, dtype=np.int64))
    night = review_book(nobody, strategy=strategy)
    assert night.targets.target_minor.shape == (0,)
    assert [cap.price for cap in night.prices.caps] == [0.0] * 3
    assert answer_at_prices(nobody, night.prices, strategy=strategy).reason.shape == (0,)


def test_prices_are_kept_as_data_and_belong_to_their_strategy() -> None:
    strategy = standard_strategy()
    night = review_book(decided(columns_of(D, {})), strategy=strategy)
    assert msgspec.json.decode(msgspec.json.encode(night.prices), type=NightPrices) == night.prices
    with pytest.raises(ValueError, match="of another strategy's portfolio caps"):
        _day(strategy, D, prices=FREE)
    by_city = replace(strategy.caps[2], segment_column="city")
    other = replace(strategy, caps=(by_city,))
    with pytest.raises(ValueError, match="only the segment grade is known, not city"):
        review_book(decided(columns_of(D)), strategy=other)


def test_where_no_prices_keep_two_caps_nothing_rises() -> None:
    """What one line uses of a cap the other gives back, twice: alone or together they pass one, whatever the prices."""
    problem = Problem(
        profit=np.array([[0.0, 4.0], [0.0, 0.0]]),
        measures=(np.array([[0.0, 1.0], [0.0, 2.0]]),),
        measure_of=(0, 0),
        weights=(np.array([-2.0, 2.0]), np.array([2.0, -2.0])),
        bounds=np.zeros(2),
    )
    posted = post_prices(problem)
    assert posted.prices is None
    assert posted.choice.tolist() == [0, 0]


# the borrower's words


def _told(changes: dict[str, Any], prices: NightPrices = FREE) -> tuple[str, ...]:
    strategy = _strategy() if not prices.caps else _strategy(_drawn_at_most(1))
    columns = columns_of(changes)
    reviewed = decided(columns, strategy=strategy)
    targets = answer_at_prices(reviewed, prices, strategy=strategy)
    checkpoint = standard_checkpoint(CheckpointName.REVIEW_LIMIT)
    told = explain_limit(
        checkpoint, columns, outcome=reviewed.outcome[0], limit_minor=int(reviewed.lines.limit_minor[0]),
        target_minor=int(targets.target_minor[0]), held_by=targets.held_by[0],
    )  # fmt: skip
    return told.en


def test_who_asks_is_told_the_limit_or_why_not_and_what_would_change_it() -> None:
    asks = {**D, "trigger": "borrower_request", "requested_minor": 2_500_000}
    assert _told(asks) == (
        "a limit of 20,000.00 yuan is offered; it holds once you accept it",
        "Why it is not more: as much as a limit rises at once",
    )
    assert _told(asks, prices=_left(0.0)) == (
        "the limit stays as it is",
        "what may be lent in all is used up for now",
        "You may ask that a person looks at this automated decision again.",
    )
    unproven = {**asks, "limit_minor": 3_000_000, "requested_minor": 5_000_000, "income_is_proven": False,
                "pd_ppm": 30_000}  # fmt: skip
    assert _told(unproven) == (
        "it stays as it is",
        "Above 30,000 yuan the income has to be proven",
        "If “the income is proven” were yes (now no), all else the same, the answer would be: a higher limit may be "
        "offered",
        "You may ask that a person looks at this automated decision again.",
    )
    assert _told({**D, "days_past_due": 40})[:2] == (
        "the limit is lowered to 4,000.00 yuan",
        "A payment is more than a month past due",
    )
