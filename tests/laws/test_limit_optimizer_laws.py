"""Laws of the optimizer: a plan always keeps its caps, and its certificate is never a lie."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.strategy.optimizer import Cap, Infeasible, optimize


@st.composite
def _problems(draw: st.DrawFn) -> dict[str, object]:
    lines, choices = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    allowed = generator.random((lines, choices)) < 0.8
    allowed[np.arange(lines), generator.integers(0, choices, lines)] = True
    profit = generator.normal(0, 100, (lines, choices)).round(2)
    drawn = generator.uniform(0, 50, (lines, choices)).round(2)
    loss = generator.uniform(-5, 20, (lines, choices)).round(2)
    weight = (generator.random(lines) < 0.5) - 0.4
    tight = generator.uniform(0.1, 1.1)
    caps = [
        Cap("exposure", "drawn", tight * drawn.max(axis=1).sum()),
        Cap("loss", "loss", tight * loss.max(axis=1).sum()),
        Cap("share", "drawn", draw(st.sampled_from([0.0, 5.0, 30.0])), weight),
    ][: draw(st.integers(0, 3))]
    return {"profit": profit, "measures": {"drawn": drawn, "loss": loss}, "allowed": allowed, "caps": caps}


def _usage(problem: dict[str, object], choice: tuple[int, ...]) -> list[float]:
    rows = np.arange(len(choice))
    used = []
    for cap in problem["caps"]:  # type: ignore[attr-defined]
        taken = problem["measures"][cap.measure][rows, list(choice)]  # type: ignore[index]
        used.append(float(taken.sum() if cap.weight is None else taken @ cap.weight))
    return used


@settings(max_examples=150, deadline=None)
@given(_problems())
def test_small_problems_are_solved_as_by_trying_everything(problem: dict[str, object]) -> None:
    allowed, profit, caps = problem["allowed"], problem["profit"], problem["caps"]
    best = None
    for choice in itertools.product(*(np.flatnonzero(row) for row in allowed)):  # type: ignore[attr-defined]
        slack = [cap.bound - used for cap, used in zip(caps, _usage(problem, choice), strict=True)]  # type: ignore[call-overload]
        if all(room >= 0 for room in slack):
            earned = float(profit[np.arange(len(choice)), list(choice)].sum())  # type: ignore[index]
            best = earned if best is None else max(best, earned)
    answer = optimize(**problem)  # type: ignore[arg-type]
    if best is None:
        assert isinstance(answer, Infeasible)
        assert "cannot be kept" in str(answer)
        return
    assert not isinstance(answer, Infeasible)
    assert answer.profit == pytest.approx(best, abs=1e-6)
    assert answer.dual_bound >= best - 1e-6
    for cap, used in zip(caps, _usage(problem, tuple(answer.choice.tolist())), strict=True):  # type: ignore[call-overload]
        assert used <= cap.bound + 1e-6


@pytest.mark.parametrize("tight", [0.05, 0.3, 0.9])
def test_a_large_problem_keeps_its_caps_within_a_certified_gap(tight: float) -> None:
    generator = np.random.default_rng(8)
    lines, choices = 4_000, 11
    steps = np.arange(choices) * 10.0
    drawn = generator.uniform(0.1, 1, (lines, 1)) * steps
    profit = generator.uniform(0.5, 3, (lines, 1)) * np.sqrt(steps) - 0.05 * drawn
    least, most = 0.0, drawn[:, -1].sum()
    segment = generator.random(lines) < 0.3
    caps = [
        Cap("exposure", "drawn", least + tight * most),
        Cap("share", "drawn", 0.0, segment - 0.28),
    ]
    plan = optimize(profit=profit, measures={"drawn": drawn}, allowed=np.ones(profit.shape, dtype=bool), caps=caps)
    assert not isinstance(plan, Infeasible)
    taken = drawn[np.arange(lines), plan.choice]
    assert taken.sum() <= caps[0].bound
    assert (taken * (segment - 0.28)).sum() <= 1e-9 * most
    assert 0 <= plan.gap <= 1e-4
    assert plan.profit == pytest.approx(profit[np.arange(lines), plan.choice].sum())
    again = optimize(profit=profit, measures={"drawn": drawn}, allowed=np.ones(profit.shape, dtype=bool), caps=caps)
    assert not isinstance(again, Infeasible)
    assert (again.choice == plan.choice).all()


def test_bad_problems_are_refused_by_name() -> None:
    one = np.ones((2, 2))
    yes = np.ones((2, 2), dtype=bool)
    with pytest.raises(ValueError, match=r"no allowed choice, among them rows \[1\]"):
        optimize(profit=one, measures={}, allowed=np.array([[True, True], [False, False]]), caps=[])
    with pytest.raises(ValueError, match="measure 'nowhere'"):
        optimize(profit=one, measures={}, allowed=yes, caps=[Cap("x", "nowhere", 1.0)])
    with pytest.raises(ValueError, match="not finite"):
        optimize(profit=one * np.nan, measures={}, allowed=yes, caps=[])
