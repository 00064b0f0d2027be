"""Who is swapped in and out between two strategies: by hand, against a plain count, and without a difference."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from tests.checkpoints import compiled, decided_cases, random_cases, standard_checkpoint, standard_files

from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.swap_set import DecidedCases, Sums, SwapSet, swap_set

APPLY, AUTHORIZE = CheckpointName.APPLY, CheckpointName.AUTHORIZE
OUTCOMES = ("offer", "review", "decline")


def _decided(*cases: tuple[str, str, tuple[str, ...], int]) -> DecidedCases:
    return DecidedCases(
        outcome=np.array([case[0] for case in cases], dtype=object),
        step=np.array([case[1] for case in cases], dtype=object),
        reasons=[case[2] for case in cases],
        limit_minor=np.array([case[3] for case in cases]),
    )


OLD = _decided(
    ("offer", "approval", (), 500),
    ("offer", "approval", (), 500),
    ("decline", "cut_off", ("RISK",), 100),
    ("review", "bureau", ("NO_REPORT", "LATE"), 100),
    ("offer", "approval", (), 300),
    ("decline", "cut_off", ("RISK",), 100),
)
NEW = _decided(
    ("offer", "approval", (), 800),
    ("decline", "income", ("INCOME", "RISK"), 500),
    ("offer", "approval", (), 200),
    ("decline", "cut_off", ("RISK",), 100),
    ("offer", "approval", (), 100),
    ("offer", "approval", (), 200),
)
SEGMENT = np.array(["north", "south", "north", None, "south", "south"], dtype=object)


def test_what_moved_is_told_with_its_steps_its_reasons_and_its_limits() -> None:
    swapped = swap_set(OLD, NEW, outcomes=OUTCOMES, segment=SEGMENT)
    total = swapped.total
    assert total.whole == Sums(6, None, 1_300, 1_300)
    assert total.agreement == pytest.approx(2 / 6)
    assert total.swapped_in == Sums(2, None, 0, 400)
    assert total.swapped_out == Sums(1, None, 500, 0)  # what a declined case would have had is no limit granted
    assert (total.raised, total.lowered) == (Sums(1, None, 500, 800), Sums(1, None, 300, 100))
    told = {(flow.old_outcome, flow.new_outcome): flow for flow in swapped.flows}
    assert list(told) == [("offer", "offer"), ("offer", "decline"), ("review", "decline"), ("decline", "offer")]
    assert told["offer", "offer"].by_step == ()
    assert told["offer", "decline"].new_reasons == (("INCOME", 1), ("RISK", 1))
    assert told["review", "decline"].old_reasons == (("LATE", 1), ("NO_REPORT", 1))
    assert told["decline", "offer"].old_reasons == (("RISK", 2),)
    (step,) = told["decline", "offer"].by_step
    assert (step.old_step, step.new_step, step.sums.cases) == ("cut_off", "approval", 2)
    assert [(each.segment, each.whole.cases, each.swapped_in.cases) for each in swapped.segments] == [
        ("north", 2, 1), ("south", 3, 1), (None, 1, 0),
    ]  # fmt: skip
    assert not swapped.is_empty


def test_cases_with_other_inputs_stand_apart() -> None:
    same = np.array([True, False, True, True, True, False])
    swapped = swap_set(OLD, NEW, outcomes=OUTCOMES, same_inputs=same, segment=SEGMENT, amount_minor=np.arange(6))
    assert swapped.other_inputs == Sums(2, 6, 500, 200)
    assert swapped.total.whole.cases == sum(flow.sums.cases for flow in swapped.flows) == 4
    assert swapped.total.swapped_out.cases == 0
    assert sum(each.whole.cases for each in swapped.segments) == 4


def test_a_strategy_against_itself_swaps_nothing_and_another_limit_alone_is_a_difference() -> None:
    same = swap_set(OLD, OLD, outcomes=OUTCOMES)
    assert same.is_empty
    assert same.total.agreement == 1.0
    limits = OLD.limit_minor
    assert limits is not None
    assert not swap_set(OLD, replace(OLD, limit_minor=limits + 100), outcomes=OUTCOMES).is_empty
    nothing = swap_set(*[_decided()] * 2, outcomes=OUTCOMES)
    assert nothing.is_empty
    assert nothing.total.agreement is None


def _figures(swapped: SwapSet) -> Counter[tuple[str, str]]:
    return Counter({(flow.old_outcome, flow.new_outcome): flow.sums.cases for flow in swapped.flows})


def test_real_decisions_are_counted_as_a_plain_loop_counts_them_in_any_order() -> None:
    """The standard strategy with a lower bound for large orders on a new line, on cases near its thresholds."""
    old = standard_checkpoint(AUTHORIZE)
    files = standard_files()
    table = files["authorize/large_order.csv"].replace(b"amount_minor > limit_minor * 0.5", b"amount_minor > 100000")
    assert table != files["authorize/large_order.csv"]
    new = compiled(AUTHORIZE, {**files, "authorize/large_order.csv": table})
    columns = random_cases(old, 3_000, seed=4)
    sides = [decided_cases(each, each.decide(columns)) for each in (old, new)]
    amount = columns["amount_minor"].astype(np.int64)
    swapped = swap_set(*sides, outcomes=old.outcomes, amount_minor=amount)
    pairs = list(zip(sides[0].outcome, sides[1].outcome, strict=True))
    assert _figures(swapped) == Counter(pairs)
    assert swapped.total.swapped_out.cases > 0
    assert swapped.total.swapped_out.amount_minor == sum(
        int(amount[case]) for case, (was, now) in enumerate(pairs) if was == "approve" and now != "approve"
    )
    order = np.random.default_rng(1).permutation(3_000)
    shuffled = [
        DecidedCases(side.outcome[order], side.step[order], [side.reasons[case] for case in order]) for side in sides
    ]
    assert swap_set(*shuffled, outcomes=old.outcomes, amount_minor=amount[order]) == swapped
    back = swap_set(*reversed(sides), outcomes=old.outcomes, amount_minor=amount)
    assert (back.total.swapped_in.cases, back.total.swapped_out.cases) == (
        swapped.total.swapped_out.cases, swapped.total.swapped_in.cases,
    )  # fmt: skip


def test_strange_outcomes_and_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="the outcomes offer are none of approve, decline"):
        swap_set(OLD, NEW, outcomes=("approve", "decline", "review"))
    with pytest.raises(ValueError, match="has 5 entries where"):
        swap_set(OLD, NEW, outcomes=OUTCOMES, amount_minor=np.arange(5))
    with pytest.raises(ValueError, match="segment has 2 entries where there are 6 cases"):
        swap_set(OLD, NEW, outcomes=OUTCOMES, segment=SEGMENT[:2])
