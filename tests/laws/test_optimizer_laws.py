"""Laws of the optimizer: a plan keeps every cap, its bound is above the true optimum, and no plan means none exists."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from tallystick.strategy import optimizer
from tallystick.strategy.optimizer import Cap, Infeasible, optimize

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """A small random problem."""

    profit: Floats
    measures: dict[str, Floats]
    allowed: npt.NDArray[np.bool_]
    caps: list[Cap]

    @property
    def usage(self) -> Floats:
        """What each (line, choice) uses of each cap, shape (caps, lines x choices)."""
        weights = [1.0 if cap.weight is None else cap.weight[:, None] for cap in self.caps]
        used = [(self.measures[cap.measure] * weight).ravel() for cap, weight in zip(self.caps, weights, strict=True)]
        return np.array(used)


def figures(generator: np.random.Generator, shape: tuple[int, int], kind: str) -> Floats:
    """Whole numbers with many ties, plain numbers of either sign, or rows that rise."""
    if kind == "whole":
        return generator.integers(-2, 5, shape).astype(np.float64)
    if kind == "rising":
        return np.sort(generator.random(shape) * 50.0, axis=1)
    return generator.normal(1.0, 3.0, shape)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    kind = draw(st.sampled_from(["whole", "plain", "rising"]))
    profit = figures(generator, shape, kind) * 10.0 ** draw(st.integers(-4, 7))
    measures = {name: figures(generator, shape, kind) * 10.0 ** draw(st.integers(-3, 6)) for name in ("a", "b")}
    allowed = generator.random(shape) < draw(st.floats(0.3, 1.0))
    lines = np.arange(shape[0])
    some = generator.integers(0, shape[1], shape[0])
    allowed[lines, some] = True
    caps = []
    for place in range(draw(st.integers(1, 4))):
        name = "ab"[place % 2]
        weight: Floats | None = (generator.random(shape[0]) < 0.4) - np.float64(0.3) if draw(st.booleans()) else None
        used = measures[name] * (1.0 if weight is None else weight[:, None])
        least = np.where(allowed, used, np.inf).min(axis=1).sum()
        # Some plan's usage, or a part of the way there from the least that is possible.
        bound = least + draw(st.sampled_from([0.0, 0.4, 1.0, 1.3])) * (used[lines, some].sum() - least)
        caps.append(Cap(f"{name}{place}", name, float(bound), weight))
    return Case(profit, measures, allowed, caps)


def true_optimum(case: Case, *, ease: float) -> float | None:
    """SciPy's own branch and bound on the plain problem; bounds eased by a share of the largest amount."""
    lines, choices = case.profit.shape
    one_each = np.kron(np.eye(lines), np.ones(choices))
    scale = np.maximum(np.abs(case.usage).max(axis=1), 1e-300)
    unit = max(float(np.abs(case.profit).max()), 1e-300)
    bounds = np.array([cap.bound for cap in case.caps])
    answer = milp(
        -case.profit.ravel() / unit,
        constraints=[
            LinearConstraint(case.usage / scale[:, None], ub=bounds / scale + ease),
            LinearConstraint(one_each, 1.0, 1.0),
        ],
        bounds=Bounds(0, case.allowed.ravel().astype(np.float64)),
        integrality=np.ones(case.profit.size),
        options={"mip_rel_gap": 0.0},
    )
    return None if answer.x is None else -float(answer.fun) * unit


@pytest.mark.parametrize("exact_cells", [0, 5_000], ids=["duality", "exact"])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(case=cases())
def test_a_plan_keeps_its_caps_and_its_bound_is_true(exact_cells: int, case: Case) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimizer, "_EXACT_CELLS", exact_cells)
        answer = optimize(profit=case.profit, measures=case.measures, allowed=case.allowed, caps=case.caps)
    if isinstance(answer, Infeasible):
        # Not even with bounds a little tighter than the solver's own tolerance.
        assert true_optimum(case, ease=-1e-5) is None
        assert answer.shortfalls
        assert all(short.missing > 0.0 for short in answer.shortfalls)
        return
    lines, choices = case.profit.shape
    cells = np.arange(lines) * choices + answer.choice
    assert case.allowed.ravel()[cells].all()
    used, magnitude = case.usage[:, cells].sum(axis=1), np.abs(case.usage).sum(axis=1)
    assert (used <= np.array([cap.bound for cap in case.caps]) + 1e-12 * magnitude).all()
    assert answer.usage == pytest.approx(used, rel=1e-9, abs=1e-9 * float(magnitude.max()))
    assert answer.profit == pytest.approx(case.profit.ravel()[cells].sum(), rel=1e-9)
    assert answer.profit <= answer.dual_bound
    assert answer.gap == (answer.dual_bound - answer.profit) / max(abs(answer.dual_bound), 1.0)
    best = true_optimum(case, ease=-1e-5)
    if best is not None:
        assert answer.dual_bound >= best - 1e-6 * float(np.abs(case.profit).max())
