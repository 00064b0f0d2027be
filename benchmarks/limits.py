"""Limits under portfolio caps, beside HiGHS on the same problem; then a hundred thousand and a million lines.

    python benchmarks/limits.py [--json] [--lines 20000] [--large 1000000] [--time-limit 60]

The problem is the product's own: lines of a seeded portfolio, 51 limits each (the present one, a grid, the one that
covers what is drawn) with the figures of the standard strategy, and three caps that bind: expected drawn balance,
expected loss, and the share of weak grades. HiGHS solves the linear relaxation, which no plan of whole choices can
beat, with its simplex, its interior point without crossover, and its first-order method at its own tolerance and at
ours; the fastest whose objective is within our tolerance of the optimum counts. `ratio.solve_20k` is its seconds over
ours; `ours.objective_shortfall_20k` is by how much our whole plan stays below the relaxation's optimum.
Each method is a process of its own, ended at the time limit (the simplex looks at the clock too seldom) or when it
has taken a fifth longer than one that was done; then `peer.<method>_solved_20k` is 0 and its seconds are those it
was given. `ratio.seconds_1m_over_100k` divides our own seconds. The large runs are processes of their own too, so
that `ours.peak_gb_1m` is theirs alone, the problem's own arrays included.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt
from rich.console import Console

from report_line import emit
from tallystick.strategy.choices import LimitRules
from tallystick.strategy.economics import Economics, read_economics
from tallystick.strategy.limits import Menu, PortfolioCap, limit_menu
from tallystick.strategy.lines import Lines
from tallystick.strategy.optimizer import Cap, Infeasible, Plan, optimize
from tallystick.strategy.policy import standard_strategy_files
from tallystick.strategy.prices import price_grades

SEED = 20_261
TOLERANCE = 1e-4
CAP_MINOR = 4_900_000  # 49 steps of a thousand yuan, the present limit and the covering one: 51
RULES = LimitRules(
    step_minor=100_000,
    lowest_minor=100_000,
    largest_increase_ratio_ppm=50_000_000,
    largest_increase_minor=5_000_000,
    income_multiple_ppm=4_000_000,
    person_cap_minor=20_000_000,
)
Options = Mapping[str, str | float | bool]
HIGHS: Mapping[str, Options] = {
    "interior_point": {"solver": "ipm", "run_crossover": "off"},
    "simplex": {"solver": "simplex"},
    "first_order": {"solver": "pdlp"},
    "first_order_loose": {"solver": "pdlp", "pdlp_optimality_tolerance": TOLERANCE, "kkt_tolerance": TOLERANCE},
}


@dataclass(frozen=True, slots=True)
class Instance:
    """A problem as `optimize` takes it."""

    menu: Menu
    caps: tuple[Cap, ...]

    def solve(self) -> Plan:
        """Our plan; a benchmark whose problem has none is wrong."""
        plan = optimize(
            profit=self.menu.profit,
            measures=self.menu.measures,
            allowed=self.menu.choices.allowed,
            caps=self.caps,
            tolerance=TOLERANCE,
        )
        if isinstance(plan, Infeasible):
            raise SystemExit(str(plan))
        return plan


@dataclass(frozen=True, slots=True)
class Peer:
    """What one method of HiGHS did: `objective` is None where it was ended before it had one."""

    seconds: float
    objective: float | None
    proven: bool  # whether it says itself that this is the optimum

    def within(self, optimum: float) -> bool:
        """Whether its objective is as close to the optimum as ours must be."""
        return self.objective is not None and abs(self.objective - optimum) <= TOLERANCE * abs(optimum)


def main() -> None:
    options = _options()
    if options.only:
        print(json.dumps(_alone(options.only)))
        return
    if options.peer:
        _solve_as_peer(make_instance(options.lines), options.peer)
        return
    seconds, plan = _best_of(make_instance(options.lines), runs=3)
    peers: dict[str, Peer] = {}
    for name in HIGHS:
        hopeless = 1.2 * min((peer.seconds for peer in peers.values() if peer.proven), default=math.inf)
        peers[name] = _ended_in_time(name, options.lines, min(options.time_limit, hopeless))
    optimum = next((peer.objective for peer in peers.values() if peer.proven and peer.objective is not None), None)
    if optimum is None:
        raise SystemExit("no method of HiGHS reached the optimum: raise --time-limit")
    solved = {name: peer.within(optimum) for name, peer in peers.items()}
    fastest = min(peers[name].seconds for name in HIGHS if solved[name])
    small, large = _in_process(options.large // 10), _in_process(options.large)
    emit(
        "limits",
        ours={
            "seconds_20k": seconds,
            "gap_20k": plan.gap,
            "objective_shortfall_20k": (optimum - plan.profit) / abs(optimum),
            "caps_binding_20k": int(plan.binding.sum()),
            "seconds_100k": small["seconds"],
            "gap_100k": small["gap"],
            "seconds_1m": large["seconds"],
            "gap_1m": large["gap"],
            "peak_gb_1m": large["peak_gb"],
        },
        peer={
            "seconds_20k": fastest,
            **{f"{name}_seconds_20k": peer.seconds for name, peer in peers.items()},
            **{f"{name}_solved_20k": int(solved[name]) for name in peers},
        },
        ratio={
            "solve_20k": fastest / seconds,
            "seconds_1m_over_100k": large["seconds"] / small["seconds"],
        },
        as_json=options.json,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--lines", type=int, default=20_000, help="lines of the comparison with HiGHS")
    parser.add_argument("--large", type=int, default=1_000_000, help="lines of the largest run; a tenth is run too")
    parser.add_argument("--time-limit", type=float, default=60.0, help="seconds for each method of HiGHS, at most")
    parser.add_argument("--only", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--peer", choices=HIGHS, help=argparse.SUPPRESS)
    return parser.parse_args()


def make_instance(count: int) -> Instance:
    """A seeded portfolio's choices and figures, and three caps, each set to bind."""
    economics = read_economics(standard_strategy_files()["economics.toml"])
    lines = _lines(count, economics=economics)
    menu = limit_menu(
        lines,
        cap_minor=CAP_MINOR,
        rules=RULES,
        economics=economics,
        prices=price_grades(economics, legal_cap_ppm=240_000),
    )
    free = np.where(menu.choices.allowed, menu.profit, -np.inf).argmax(axis=1)
    rows = np.arange(count)
    weak = lines.grade >= 4
    caps = []
    # More to lend than today, less to lose and a smaller share of the weak: only so do all three bind.
    for measure, way in (("drawn", 0.5), ("expected_loss", -0.25)):
        now, most = menu.measures[measure][:, 0].sum(), menu.measures[measure][rows, free].sum()
        caps.append(PortfolioCap(measure, "", "", measure, bound=round(now + way * (most - now))))
    drawn = menu.measures["drawn"]
    share_now = drawn[weak, 0].sum() / drawn[:, 0].sum()
    most_share = drawn[rows, free][weak].sum() / drawn[rows, free].sum()
    share_ppm = round((share_now - 0.4 * (most_share - share_now)) * 1_000_000)
    caps.append(PortfolioCap("weak_share", "", "", "drawn", bound=share_ppm, segment=weak))
    return Instance(menu=menu, caps=tuple(cap.as_resource() for cap in caps))


def _lines(count: int, *, economics: Economics) -> Lines:
    generator = np.random.default_rng(SEED)
    pd = np.clip(np.exp(generator.normal(-3.1, 0.9, count)), 0.001, 0.6)
    middles = np.array([grade.pd_ppm for grade in economics.grades]) / 1e6
    edges = np.sqrt(middles[1:] * middles[:-1])
    grade = np.searchsorted(edges, pd).astype(np.int64)
    limit = generator.integers(2, 31, count) * 100_000
    drawn = (limit * generator.beta(1.1, 2.0, count)).astype(np.int64)
    return Lines(
        limit_minor=limit.astype(np.int64),
        drawn_minor=drawn,
        pd_ppm=np.rint(pd * 1e6).astype(np.int64),
        grade=grade,
        income_month_minor=np.full(count, np.nan),
        present_rate_ppm=generator.uniform(90_000, 240_000, count),
        may_increase=generator.random(count) < 0.95,
        may_decrease=generator.random(count) < 0.95,
    )


def _best_of(instance: Instance, *, runs: int) -> tuple[float, Plan]:
    taken = []
    plan = instance.solve()
    for _ in range(runs):
        started = time.perf_counter()
        plan = instance.solve()
        taken.append(time.perf_counter() - started)
    return float(np.median(taken)), plan


def _ended_in_time(name: str, lines: int, time_limit: float) -> Peer:
    """The run of `_solve_as_peer` in a process of its own, which is killed when its time is over."""
    command = [sys.executable, __file__, "--peer", name, "--lines", str(lines)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None or not _awaited(process.stdout, "ready"):
            raise SystemExit(f"HiGHS {name} did not start")
        try:
            told, _ = process.communicate(timeout=time_limit)
            if process.returncode:
                raise SystemExit(f"HiGHS {name} was ended from outside or failed: exit status {process.returncode}")
            peer = Peer(**json.loads(told.splitlines()[-1]))
        except subprocess.TimeoutExpired:
            process.kill()
            peer = Peer(seconds=time_limit, objective=None, proven=False)
    told = "ended before it was done" if peer.objective is None else f"objective {peer.objective:,.0f}"
    Console(stderr=True).print(f"HiGHS {name}: {peer.seconds:.2f} s, {told}")
    return peer


def _awaited(stream: IO[str], word: str) -> bool:
    return any(line.strip() == word for line in stream)


def _solve_as_peer(instance: Instance, name: str) -> None:
    """Print `ready`, solve the relaxation, and print what became of it as JSON. Building it is not timed."""
    import highspy

    problem = _relaxation(instance)
    highs = highspy.Highs()
    for option, value in {"output_flag": False, **HIGHS[name]}.items():
        if highs.setOptionValue(option, value) != highspy.HighsStatus.kOk:
            raise SystemExit(f"this HiGHS has no option {option} = {value}")
    highs.passModel(problem)
    print("ready", flush=True)
    started = time.perf_counter()
    highs.run()
    seconds = time.perf_counter() - started
    proven = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    objective = -float(highs.getInfo().objective_function_value)
    print(json.dumps({"seconds": seconds, "objective": objective, "proven": proven}))


def _relaxation(instance: Instance) -> "highspy.HighsLp":  # type: ignore[name-defined]  # noqa: F821
    import highspy

    menu = instance.menu
    lines, choices = menu.profit.shape
    cells = np.flatnonzero(menu.choices.allowed.ravel())
    row = cells // choices
    usage = []
    for cap in instance.caps:
        amounts = menu.measures[cap.measure].ravel()[cells]
        usage.append(amounts if cap.weight is None else amounts * cap.weight[row])
    scales = [float(np.abs(amounts).max()) for amounts in usage]
    problem = highspy.HighsLp()
    problem.num_col_, problem.num_row_ = cells.size, lines + len(usage)
    problem.col_cost_ = -menu.profit.ravel()[cells]
    problem.col_lower_, problem.col_upper_ = np.zeros(cells.size), np.full(cells.size, np.inf)
    bounds = np.array([cap.bound for cap in instance.caps]) / np.array(scales)
    problem.row_lower_ = np.concatenate([np.ones(lines), np.full(len(usage), -np.inf)])
    problem.row_upper_ = np.concatenate([np.ones(lines), bounds])
    entries = 1 + len(usage)
    index = np.column_stack([row, *(np.full(cells.size, lines + place) for place in range(len(usage)))])
    value = np.column_stack(
        [np.ones(cells.size), *(amounts / scale for amounts, scale in zip(usage, scales, strict=True))]
    )
    problem.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    problem.a_matrix_.start_ = _whole(np.arange(cells.size + 1) * entries)
    problem.a_matrix_.index_ = _whole(index.ravel())
    problem.a_matrix_.value_ = value.ravel()
    return problem


def _whole(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    return values.astype(np.int32)


def _in_process(count: int) -> dict[str, float]:
    """The run of `_alone` in a process of its own."""
    command = [sys.executable, __file__, "--only", str(count)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return found


def _alone(count: int) -> dict[str, float]:
    """The quicker of two runs: what else the machine does would weigh on one size more than on the other."""
    instance = make_instance(count)
    taken = []
    for _ in range(2):
        started = time.perf_counter()
        plan = instance.solve()
        taken.append(time.perf_counter() - started)
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {"seconds": min(taken), "gap": plan.gap, "peak_gb": peak_gb}


if __name__ == "__main__":
    main()
