"""The optimizer: what it promises on problems whose answer is known, and what it says about bad input."""

import itertools
import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from tallystick.strategy import knapsack, optimizer
from tallystick.strategy.optimizer import Cap, Infeasible, Plan, optimize

Floats = npt.NDArray[np.float64]


def planned(answer: Plan | Infeasible) -> Plan:
    assert isinstance(answer, Plan), str(answer)
    return answer


def refused(answer: Plan | Infeasible) -> Infeasible:
    assert isinstance(answer, Infeasible)
    return answer


def best_by_hand(profit: Floats, measures: Mapping[str, Floats], caps: Sequence[Cap]) -> float:
    """The most profitable of all plans that keep the caps, each tried."""
    lines = np.arange(profit.shape[0])
    best = -np.inf
    for choice in itertools.product(range(profit.shape[1]), repeat=profit.shape[0]):
        used = [
            (measures[cap.measure][lines, choice] * (1.0 if cap.weight is None else cap.weight)).sum() for cap in caps
        ]
        if all(amount <= cap.bound + 1e-9 for amount, cap in zip(used, caps, strict=True)):
            best = max(best, float(profit[lines, choice].sum()))
    return best


def credit_lines(
    count: int, *, choices: int = 21, seed: int = 7
) -> tuple[Floats, dict[str, Floats], npt.NDArray[np.bool_]]:
    """Lines whose profit is concave in the limit and whose loss grows with it; some may only stay."""
    generator = np.random.default_rng(seed)
    limit = np.broadcast_to(np.arange(choices) * 1_000.0, (count, choices)).copy()
    pd = np.exp(generator.normal(-3.5, 0.8, (count, 1)))
    margin = generator.uniform(100.0, 400.0, (count, 1))
    loss = 0.6 * pd * limit
    profit = margin * np.log1p(limit / 4_000.0) - loss
    allowed = np.ones((count, choices), dtype=np.bool_)
    allowed[generator.random(count) < 0.15, 1:] = False
    return profit, {"limit": limit, "loss": loss}, allowed


def binding_caps(profit: Floats, measures: Mapping[str, Floats], allowed: npt.NDArray[np.bool_]) -> list[Cap]:
    free = np.where(allowed, profit, -np.inf).argmax(axis=1)
    lines = np.arange(free.size)
    limit, loss = measures["limit"][lines, free], measures["loss"][lines, free]
    segment = lines % 4 == 0
    share = float(limit[segment].sum() / limit.sum())
    return [
        Cap("exposure", "limit", 0.6 * float(limit.sum())),
        Cap("loss", "loss", 0.5 * float(loss.sum())),
        Cap("segment", "limit", 0.0, segment - 0.95 * share),
    ]


def test_without_caps_each_line_takes_its_best_allowed_choice() -> None:
    plan = planned(
        optimize(
            profit=np.array([[1.0, 3.0, 9.0], [2.0, 2.0, 1.0]]),
            measures={},
            allowed=np.array([[True, True, False], [True, True, True]]),
            caps=[],
        )
    )
    assert plan.choice.tolist() == [1, 0]  # the tie goes to the lower choice
    assert (plan.profit, plan.dual_bound, plan.gap) == (5.0, 5.0, 0.0)
    assert plan.usage.size == plan.multipliers.size == plan.binding.size == 0


def test_no_lines_is_an_empty_plan() -> None:
    empty = np.zeros((0, 3))
    plan = planned(
        optimize(
            profit=empty,
            measures={"drawn": empty},
            allowed=empty.astype(np.bool_),
            caps=[Cap("exposure", "drawn", 0.0)],
        )
    )
    assert plan.choice.size == 0
    assert (plan.profit, plan.gap, plan.usage.tolist()) == (0.0, 0.0, [0.0])


def test_no_lines_cannot_use_less_than_nothing() -> None:
    empty = np.zeros((0, 3))
    answer = optimize(
        profit=empty, measures={"drawn": empty}, allowed=empty.astype(np.bool_), caps=[Cap("exposure", "drawn", -1.0)]
    )
    assert [short.missing for short in refused(answer).shortfalls] == [1.0]


def test_one_choice_is_taken_however_bad() -> None:
    plan = planned(
        optimize(
            profit=np.array([[-4.0], [-5.0]]),
            measures={"drawn": np.array([[1.0], [2.0]])},
            allowed=np.ones((2, 1), dtype=np.bool_),
            caps=[Cap("exposure", "drawn", 3.0)],
        )
    )
    assert (plan.choice.tolist(), plan.profit, plan.dual_bound, plan.gap) == ([0, 0], -9.0, -9.0, 0.0)


def test_a_cap_that_does_not_bind_costs_nothing() -> None:
    profit, measures, allowed = credit_lines(400)
    plan = planned(optimize(profit=profit, measures=measures, allowed=allowed, caps=[Cap("exposure", "limit", 1e12)]))
    assert plan.choice.tolist() == np.where(allowed, profit, -np.inf).argmax(axis=1).tolist()
    assert (plan.gap, plan.multipliers.tolist(), plan.binding.tolist()) == (0.0, [0.0], [False])


@pytest.mark.parametrize("exact_cells", [0, 5_000])
def test_a_few_lines_against_every_plan_there_is(exact_cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizer, "_EXACT_CELLS", exact_cells)
    generator = np.random.default_rng(3)
    profit = generator.normal(0.0, 5.0, (6, 4))
    measures = {"limit": generator.uniform(0.0, 9.0, (6, 4)), "loss": generator.normal(0.0, 2.0, (6, 4))}
    weight = np.array([0.8, -0.2, -0.2, 0.8, -0.2, -0.2])
    caps = [Cap("exposure", "limit", 24.0), Cap("loss", "loss", 1.0), Cap("segment", "limit", 2.0, weight)]
    plan = planned(optimize(profit=profit, measures=measures, allowed=np.ones((6, 4), dtype=np.bool_), caps=caps))
    best = best_by_hand(profit, measures, caps)
    assert (plan.usage <= np.array([24.0, 1.0, 2.0]) + 1e-9).all()
    assert plan.profit == pytest.approx(best, abs=1e-9)
    assert plan.dual_bound >= best - 1e-9


def test_a_hundred_lines_are_solved_exactly() -> None:
    profit, measures, allowed = credit_lines(100)
    plan = planned(
        optimize(profit=profit, measures=measures, allowed=allowed, caps=binding_caps(profit, measures, allowed))
    )
    assert plan.gap <= 1e-6


def test_many_lines_have_a_small_certified_gap_and_caps_that_bind() -> None:
    profit, measures, allowed = credit_lines(12_000)
    caps = binding_caps(profit, measures, allowed)
    plan = planned(optimize(profit=profit, measures=measures, allowed=allowed, caps=caps))
    lines = np.arange(12_000)
    assert allowed[lines, plan.choice].all()
    assert plan.profit == pytest.approx(profit[lines, plan.choice].sum(), rel=1e-12)
    assert plan.usage[1] == pytest.approx(measures["loss"][lines, plan.choice].sum(), rel=1e-12)
    assert (plan.usage <= np.array([cap.bound for cap in caps]) + 1e-6).all()
    assert 0.0 <= plan.gap <= 1e-5
    assert plan.binding[1]
    assert plan.usage[1] == pytest.approx(caps[1].bound, rel=1e-4)
    assert plan.gap == (plan.dual_bound - plan.profit) / plan.dual_bound


def test_a_multiplier_is_what_one_more_unit_of_a_bound_earns() -> None:
    profit, measures, allowed = credit_lines(4_000)
    bound = 0.5 * float(np.where(allowed, measures["limit"], 0.0).max(axis=1).sum())

    def at(extra: float) -> Plan:
        caps = [Cap("exposure", "limit", bound + extra)]
        return planned(optimize(profit=profit, measures=measures, allowed=allowed, caps=caps, tolerance=1e-7))

    step = 0.001 * bound
    earned = (at(step).profit - at(-step).profit) / (2.0 * step)
    assert at(0.0).multipliers[0] == pytest.approx(earned, rel=0.02)


def test_lines_that_are_all_alike_still_fill_the_bound() -> None:
    # At the right price all tie: the plan is not in any single price, and must be mixed out of two.
    profit = np.broadcast_to(np.sqrt(np.arange(3.0)), (60_000, 3)).copy()
    measures = {"drawn": np.broadcast_to(np.arange(3.0), (60_000, 3)).copy()}
    plan = planned(
        optimize(
            profit=profit,
            measures=measures,
            allowed=np.ones((60_000, 3), dtype=np.bool_),
            caps=[Cap("exposure", "drawn", 90_000.0)],
        )
    )
    assert plan.usage.tolist() == [90_000.0]
    assert plan.profit == pytest.approx(30_000 * (1.0 + np.sqrt(2.0)), rel=1e-9)
    assert plan.gap <= 1e-9


def test_a_bound_that_only_the_least_usage_keeps_is_kept() -> None:
    profit, measures, allowed = credit_lines(3_000)
    measures = {"limit": measures["limit"] + 0.1, "loss": measures["loss"]}
    least = float(np.where(allowed, measures["limit"], np.inf).min(axis=1).sum())
    plan = planned(optimize(profit=profit, measures=measures, allowed=allowed, caps=[Cap("exposure", "limit", least)]))
    assert (plan.choice == 0).all()
    assert plan.gap <= 1e-5


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_units_of_money_do_not_change_the_plan(unit: float) -> None:
    profit, measures, allowed = credit_lines(2_000)
    caps = binding_caps(profit, measures, allowed)[:2]
    plan = planned(optimize(profit=profit, measures=measures, allowed=allowed, caps=caps))
    scaled = planned(
        optimize(
            profit=profit * unit,
            measures={name: amounts * unit for name, amounts in measures.items()},
            allowed=allowed,
            caps=[Cap(cap.name, cap.measure, cap.bound * unit) for cap in caps],
        )
    )
    assert scaled.profit == pytest.approx(plan.profit * unit, rel=1e-6)
    assert scaled.dual_bound == pytest.approx(plan.dual_bound * unit, rel=1e-6)


def test_a_plan_may_lose_money_in_total() -> None:
    profit, measures, allowed = credit_lines(1_000)
    caps = binding_caps(profit, measures, allowed)[:2]
    plan = planned(optimize(profit=profit - 1_000.0, measures=measures, allowed=allowed, caps=caps))
    assert plan.profit < 0.0
    assert plan.profit <= plan.dual_bound
    assert 0.0 <= plan.gap <= 1e-4


def test_the_number_of_threads_does_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    profit, measures, allowed = credit_lines(12_000)
    caps = binding_caps(profit, measures, allowed)
    monkeypatch.setattr(knapsack, "_CHUNK_CELLS", 16_384)
    plans = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(knapsack, "_THREADS", threads)
        plans.append(planned(optimize(profit=profit, measures=measures, allowed=allowed, caps=caps)))
    for plan in plans[1:]:
        assert plan.choice.tobytes() == plans[0].choice.tobytes()
        assert plan.multipliers.tobytes() == plans[0].multipliers.tobytes()
        assert (plan.profit, plan.dual_bound) == (plans[0].profit, plans[0].dual_bound)


def test_input_is_left_as_it_was() -> None:
    profit, measures, allowed = credit_lines(12_000)
    before = profit.copy(), measures["limit"].copy(), allowed.copy()
    optimize(profit=profit, measures=measures, allowed=allowed, caps=binding_caps(profit, measures, allowed))
    assert all((now == then).all() for now, then in zip((profit, measures["limit"], allowed), before, strict=True))


def test_progress_hears_of_every_pass() -> None:
    profit, measures, allowed = credit_lines(2_000)
    heard: list[tuple[int, float]] = []
    optimize(
        profit=profit,
        measures=measures,
        allowed=allowed,
        caps=binding_caps(profit, measures, allowed),
        progress=lambda passes, gap: heard.append((passes, gap)),
    )
    assert [passes for passes, _ in heard] == sorted(passes for passes, _ in heard)
    assert heard[-1][1] <= 1e-4


@pytest.mark.parametrize("count", [3, 3_000])
def test_a_cap_that_no_plan_keeps_is_named_with_what_is_missing(count: int) -> None:
    profit = np.zeros((count, 2))
    measures = {"drawn": np.broadcast_to(np.array([4.0, 5.0]), (count, 2)).copy()}
    answer = refused(
        optimize(
            profit=profit,
            measures=measures,
            allowed=np.ones((count, 2), dtype=np.bool_),
            caps=[Cap("exposure", "drawn", 4.0 * count - 2.0), Cap("roomy", "drawn", 5.0 * count)],
        )
    )
    (short,) = answer.shortfalls
    assert (short.name, short.least_usage, short.missing) == ("exposure", 4.0 * count, 2.0)
    assert not answer.jointly
    assert answer.proven
    assert str(answer).startswith("a portfolio cap cannot be kept: exposure: at least ")


@pytest.mark.parametrize("count", [10, 3_000])
def test_caps_that_exclude_each_other_only_together_are_refused_with_a_way_out(count: int) -> None:
    # Each line uses one unit of either: both bounds are kept alone, never both.
    measures = {
        "one": np.broadcast_to(np.array([1.0, 0.0]), (count, 2)).copy(),
        "other": np.broadcast_to(np.array([0.0, 1.0]), (count, 2)).copy(),
    }
    caps = [Cap("one", "one", 0.4 * count), Cap("other", "other", 0.4 * count)]

    def solve(caps: Sequence[Cap]) -> Plan | Infeasible:
        return optimize(profit=np.zeros((count, 2)), measures=measures, allowed=np.ones((count, 2), bool), caps=caps)

    answer = refused(solve(caps))
    assert answer.jointly
    assert answer.proven
    assert sum(short.missing for short in answer.shortfalls) == pytest.approx(0.2 * count)
    missing = {short.name: short.missing for short in answer.shortfalls}
    raised = [Cap(cap.name, cap.measure, cap.bound + missing.get(cap.name, 0.0)) for cap in caps]
    planned(solve(raised))


def test_bad_shapes_and_names_are_told_all_at_once() -> None:
    message = (
        "cap exposure: measure 'drawn' is not given; given are limit; measure limit: shape (1, 2) is not (2, 2); "
        "cap segment: bound inf must be a finite number; cap segment: weight must be one finite number per line"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        optimize(
            profit=np.zeros((2, 2)),
            measures={"limit": np.zeros((1, 2))},
            allowed=np.ones((2, 2), dtype=np.bool_),
            caps=[Cap("exposure", "drawn", 1.0), Cap("segment", "limit", np.inf, np.ones(3))],
        )


def test_two_caps_of_one_name_are_refused() -> None:
    measures = {"limit": np.zeros((1, 1))}
    with pytest.raises(ValueError, match="caps must have different names: a, a"):
        optimize(
            profit=np.zeros((1, 1)),
            measures=measures,
            allowed=np.ones((1, 1), dtype=np.bool_),
            caps=[Cap("a", "limit", 1.0), Cap("a", "limit", 2.0)],
        )


def test_missing_figures_and_lines_without_a_choice_are_named_by_row() -> None:
    profit, limit = np.zeros((4, 2)), np.zeros((4, 2))
    profit[2, 1], limit[1, 0], limit[3, 1], limit[0, 0] = np.nan, np.nan, np.inf, -np.inf
    allowed = np.array([[False, False], [True, False], [True, True], [True, True]])
    message = (
        "1 lines have no allowed choice, among them rows [0]; profit is not finite on 1 rows, among them rows [2]; "
        "limit is not finite on 3 rows, among them rows [0, 1, 3]"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        optimize(profit=profit, measures={"limit": limit}, allowed=allowed, caps=[Cap("exposure", "limit", 1.0)])
