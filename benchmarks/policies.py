"""Policies of limits judged by the truth: what each earns and loses in a year, on worlds that no policy has seen.

    python benchmarks/policies.py [--json] [--worlds 24] [--learn 24] [--lucks 3] [--borrowers 1500] [--lives FOLDER]
    python benchmarks/policies.py --tune-matrix

A world lives a year under first limits of at most 30,000, then all limits are reviewed once with a cap of 50,000, and
it lives another year (`reviewed_worlds.py`). The policies of that review (`limit_policies.py`):

a  everybody gets 30,000        b  everybody gets 50,000
c  a matrix of grade and use, tuned by grid on the learning worlds and kept in policies_matrix.toml (`--tune-matrix`)
d  Tallystick's optimizer with published responses
e  the same with what a lender learned of the learning worlds: losses of its book, responses to limits drawn by chance
f  an optimum by all that the lender can know, fitted to the learning worlds, whose lines lived every limit
g  the same that also sees every trait of the borrowers, but no luck to come

d to g are planned under one cap: expected loss, as each of them expects it, of at most what it expects of c. The grades
of c to f come of one behavior score. Worlds that teach and worlds that are judged have seeds of their own. In a lender
in memory lines do not touch one another and chance has no state, so what a policy brings is read from lives at each
level, line by line, everybody with the same luck. The year after the review is lived under several lucks, which are
averaged; to who learns each is another year of a book of the same lines.

Profit is interest, fees and merchants' fees less funds, operations, losses and the return on capital, by the lender's
books (`YearAfter`); `ours.*` are yuan a line and year. What is told beside c is paired: the same people and luck.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import t

from limit_policies import (
    MATRIX_FILE,
    SEGMENTS,
    SHARES,
    Case,
    Matrix,
    Optimum,
    Score,
    Taught,
    case_of,
    fit_optimum,
    fit_score,
    learn,
    lived_levels,
    planned,
    published_menu,
    read_matrix,
)
from report_line import emit
from reviewed_worlds import Reviewed, YearAfter, live_to_review, live_year_after, reviewed, true_traits
from tallystick.risk.learned_response import LearnedResponse
from tallystick.units.rates import PPM

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

JUDGED_SEED: Final = 1_000
LEARNING_SEED: Final = 9_000
FLAT_MINOR: Final = {"flat_30000": 3_000_000, "flat_50000": 5_000_000}
STEPS: Final = ("present", "half_way", "most")  # at `SHARES` of the way
LEVELS: Final = (*STEPS, *FLAT_MINOR)
NAMES: Final = "abcdefg"
STAYS: Final = "stays"  # beside the seven: nobody's limit is changed
_YUAN: Final = 100
_NORMAL_95: Final = 1.959964
_DRAWS: Final = 2_000
# The form of the matrix: bands of grades, and from which mean use of six months a row holds.
_BANDS: Final = ("AB", "C", "DE")
_USE_FROM: Final = (0.0, 0.15, 0.45)


@dataclass(frozen=True, slots=True)
class Lived:
    """The lines of one or more worlds, and what each brought in the year after the review at `LEVELS`."""

    world: Integers  # the seed of each line's world
    book: Reviewed
    traits: Mapping[str, Floats]
    years: Mapping[str, Sequence[YearAfter]]  # by luck

    def of_worlds(self, seeds: Sequence[int]) -> "Lived":
        """The lines of some worlds."""
        return _from_table(_as_table(self).filter(pa.array(np.isin(self.world, seeds))))

    def by_luck(self) -> "Lived":
        """As many lines more as there were lucks: each luck is another year of a book of the same lines."""
        lucks = range(min(map(len, self.years.values())))
        alone = ({name: [each[luck]] for name, each in self.years.items()} for luck in lucks)
        return _from_table(pa.concat_tables([_as_table(replace(self, years=years)) for years in alone]))

    def mean(self) -> list[YearAfter]:
        """The years at these levels, on average over all lucks."""
        return [YearAfter.mean(self.years[name]) for name in STEPS]


def main() -> None:
    options = _options()
    learning = live_worlds(range(LEARNING_SEED, LEARNING_SEED + options.learn), STEPS, options)
    if options.tune_matrix:
        seen = learning.by_luck()
        _, pd = fit_score(seen.book.features, seen.mean()[0].is_bad > 0, seed=LEARNING_SEED)
        _write_matrix(_tuned(seen, case_of(seen.book, pd)))
        return
    policies = Policies.learned_from(learning)
    judged = live_worlds(range(JUDGED_SEED, JUDGED_SEED + options.worlds), LEVELS, options)
    _report(Verdict.of(_judged(policies, judged)), policies, as_json=options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--borrowers", type=int, default=1_500, help="people of each world; about half have a line")
    parser.add_argument("--worlds", type=int, default=24, help="that are judged")
    parser.add_argument("--learn", type=int, default=24, help="worlds that policies learn from")
    parser.add_argument("--lucks", type=int, default=3, help="how often the year after the review is lived")
    parser.add_argument(
        "--lives", type=Path, help="folder that keeps what worlds lived, and is read; empty it after changes"
    )
    parser.add_argument("--processes", type=int, default=2, help="worlds that live at the same time")
    parser.add_argument("--tune-matrix", action="store_true", help="write policies_matrix.toml anew, and judge nothing")
    options = parser.parse_args()
    few = [name for name in ("worlds", "learn", "lucks") if getattr(options, name) < 1]
    if few:
        parser.error(f"{', '.join(f'--{name}' for name in few)}: give 1 or more")
    return options


# ---------------------------------------------------------------- worlds at every level


def live_worlds(seeds: Sequence[int], levels: Sequence[str], options: argparse.Namespace) -> Lived:
    """The lines of all these worlds; worlds live beside each other, each in a process."""
    work = partial(
        _live_levels, borrowers=options.borrowers, levels=levels, lucks=options.lucks, folder=options.lives
    )  # fmt: skip
    with ProcessPoolExecutor(options.processes) as pool:
        told = track(pool.map(work, seeds), "worlds", total=len(seeds), console=Console(stderr=True))
        return _from_table(pa.concat_tables(list(told)))


def _live_levels(seed: int, *, borrowers: int, levels: Sequence[str], lucks: int, folder: Path | None) -> pa.Table:
    """A world's year after its review, lived at each level and luck; a row a line."""
    file = None if folder is None else folder / f"{seed}-{borrowers}-{len(levels)}-{lucks}.parquet"
    if file is not None and file.exists():
        return pyarrow.parquet.read_table(file)
    world = live_to_review(seed, borrowers)
    first, policy = live_year_after(world, None)
    book = reviewed(policy, world)
    present, rises = world.lender.columns.limit_minor, book.features["late_now"] == 0
    wanted = dict(zip(STEPS, lived_levels(book).T, strict=True)) | {
        name: np.where(rises, np.maximum(book.limit_minor, limit), book.limit_minor)
        for name, limit in FLAT_MINOR.items()
    }

    def lived_at(name: str, luck: int) -> YearAfter:
        if name == STEPS[0] and not luck:
            return first.at(book.place)
        limits = present.copy()
        limits[book.place] = wanted[name]
        return live_year_after(world, limits, luck=luck)[0].at(book.place)

    years = {name: [lived_at(name, luck) for luck in range(lucks)] for name in levels}
    lived = _as_table(Lived(np.full(len(book.place), seed), book, true_traits(world, book.place), years))
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(lived, file)
    return lived


def _as_table(lived: Lived) -> pa.Table:
    """A column for every figure: `book.*`, `known.*`, `true.*` and `<level>/<luck>.*`."""
    book = {each.name: getattr(lived.book, each.name) for each in fields(Reviewed) if each.name != "features"}
    years = {
        f"{name}/{luck}": {each.name: getattr(year, each.name) for each in fields(YearAfter)}
        for name, by_luck in lived.years.items()
        for luck, year in enumerate(by_luck)
    }
    parts = {"book": book, "known": lived.book.features, "true": lived.traits, **years}
    columns = {f"{part}.{name}": column for part, told in parts.items() for name, column in told.items()}
    return pa.table({"world": lived.world, **columns})


def _from_table(told: pa.Table) -> Lived:
    parts: dict[str, dict[str, Any]] = {}
    for column in told.column_names[1:]:
        part, name = column.split(".", 1)
        parts.setdefault(part, {})[name] = told[column].to_numpy(zero_copy_only=False)
    years: dict[str, list[YearAfter]] = {}
    for part, figures in parts.items():
        if "/" in part:
            years.setdefault(part.split("/")[0], []).append(YearAfter(**figures))
    book = Reviewed(features=parts["known"], **parts["book"])
    return Lived(told["world"].to_numpy(), book, parts["true"], years)


# ---------------------------------------------------------------- (c) by grid


def _tuned(lived: Lived, case: Case) -> Matrix:
    """Of all matrices that never raise the weaker further than the stronger the one that earned most."""
    pd = case.lines.pd_ppm / PPM
    empty = Matrix(_BANDS, _USE_FROM, np.zeros((len(_USE_FROM), len(_BANDS)), dtype=np.int64))
    row, column = empty.cell(case)
    counts = (case.step > 0) & (column >= 0)
    brought = np.stack([year.profit_minor(pd) for year in lived.mean()], axis=1)[counts]
    by_cell = np.zeros((len(_USE_FROM), len(_BANDS), len(SHARES)))
    np.add.at(by_cell, (row[counts], column[counts]), brought)
    choices = [
        each for each in product(range(len(SHARES)), repeat=len(_BANDS)) if sorted(each, reverse=True) == list(each)
    ]
    level = [max(choices, key=lambda each: sum(cells[band, at] for band, at in enumerate(each))) for cells in by_cell]
    return Matrix(_BANDS, _USE_FROM, np.asarray(level, dtype=np.int64))


def _write_matrix(matrix: Matrix) -> None:
    rows = ",\n".join(f"    {row}" for row in matrix.level.tolist())
    MATRIX_FILE.write_text(
        "# The matrix of policy (c): how far a line is raised, by use (rows) and grade (columns): 0 stays, 1 goes\n"
        "# half of the way to the most that the rules allow, 2 the whole way; a grade not named stays. Written by\n"
        "# `python benchmarks/policies.py --tune-matrix`, before any other policy is judged.\n\n"
        f"grades = {list(matrix.grades)}\n"
        f"use_from = {list(matrix.use_from)}  # mean use of the limit over six months\n"
        f"level = [\n{rows},\n]\n".replace("'", '"'),
        encoding="utf-8",
    )


# ---------------------------------------------------------------- all seven


@dataclass(frozen=True, slots=True)
class Policies:
    """What the learning worlds taught, and the matrix; the same for every world that is judged."""

    score: Score
    matrix: Matrix
    taught: Taught
    by_known: Optimum
    by_all: Optimum

    @classmethod
    def learned_from(cls, lived: Lived) -> "Policies":
        """Every learning line is graded by a score that did not see it."""
        seen = lived.by_luck()
        score, pd = fit_score(seen.book.features, seen.mean()[0].is_bad > 0, seed=LEARNING_SEED)
        case, years = case_of(seen.book, pd), seen.mean()
        return cls(
            score=score,
            matrix=read_matrix(),
            taught=learn(case, years, seed=LEARNING_SEED),
            by_known=fit_optimum(case, case.features, years),
            by_all=fit_optimum(case, {**case.features, **seen.traits}, years),
        )

    def levels(self, case: Case, traits: Mapping[str, Floats]) -> dict[str, Integers]:
        """The level that each policy but the flat ones gives each line of one book, (lines,)."""
        by_matrix = np.where(case.step > 0, self.matrix.levels(case), 0)
        return {
            "c": by_matrix,
            "d": planned(case, published_menu(case), no_more_loss_than=by_matrix),
            "e": planned(case, self.taught.menu(case), no_more_loss_than=by_matrix),
            "f": self.by_known.levels(case, case.features, no_more_loss_than=by_matrix),
            "g": self.by_all.levels(case, {**case.features, **traits}, no_more_loss_than=by_matrix),
            STAYS: np.zeros(len(by_matrix), dtype=np.int64),
        }


@dataclass(frozen=True, slots=True)
class Judged:
    """What lines brought under each policy, (lines, policies): yuan, and whether they went bad."""

    world: Integers
    profit: Floats
    loss: Floats
    is_bad: Floats
    limit: Floats


def _judged(policies: Policies, lived: Lived) -> Judged:
    """What policies bring: each world's book is planned by itself, and read from its lives at each level."""
    return _joined([_judged_world(policies, lived.of_worlds([seed])) for seed in np.unique(lived.world).tolist()])


def _judged_world(policies: Policies, lived: Lived) -> Judged:
    case = case_of(lived.book, policies.score.pd_ppm(lived.book.features))
    levels, pd, rows = policies.levels(case, lived.traits), case.lines.pd_ppm / PPM, np.arange(len(case.step))

    years = lived.mean()
    flats = [YearAfter.mean(lived.years[name]) for name in FLAT_MINOR]

    def brought(figure: Callable[[YearAfter], npt.NDArray[Any]]) -> Floats:
        lived_at = np.stack([figure(year) for year in years], axis=1)
        flat = [figure(year) for year in flats]
        return np.stack([*flat, *(lived_at[rows, level] for level in levels.values())], axis=1).astype(np.float64)

    return Judged(
        world=lived.world,
        profit=brought(lambda year: year.profit_minor(pd)) / _YUAN,
        loss=brought(lambda year: year.lost_minor) / _YUAN,
        is_bad=brought(lambda year: year.is_bad),
        limit=brought(lambda year: year.limit_minor) / _YUAN,
    )


def _joined(parts: Sequence[Judged]) -> Judged:
    return Judged(
        **{each.name: np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Judged)}
    )


# ---------------------------------------------------------------- the verdict


@dataclass(frozen=True, slots=True)
class Paired:
    """A mean difference of two policies over the same lines, yuan a line and year, with its 95 % half-width."""

    mean: float
    half_width: float
    over_worlds: float  # the half-width by the spread of worlds' means alone (Student); 0 for one world

    def __str__(self) -> str:
        return f"{self.mean:+,.1f} ± {self.half_width:,.1f}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """All judged lines: rows are lines, columns `NAMES` and then `STAYS`."""

    brought: Judged
    world: Integers  # counted from 0

    @classmethod
    def of(cls, brought: Judged) -> "Verdict":
        """Of all judged worlds."""
        return cls(brought, np.unique(brought.world, return_inverse=True)[1])

    def paired(self, figures: Floats, one: str, other: str) -> Paired:
        """`one` less `other`."""
        apart = figures[:, _column(one)] - figures[:, _column(other)]
        count = int(self.world.max()) + 1
        means = np.bincount(self.world, weights=apart) / np.bincount(self.world)
        spread = float(t.ppf(0.975, count - 1) * means.std(ddof=1) / np.sqrt(count)) if count > 1 else 0.0
        half = _NORMAL_95 * float(apart.std(ddof=1)) / np.sqrt(len(apart))
        return Paired(float(apart.mean()), half, spread)

    def gap_closed(self, name: str) -> tuple[float, float, float]:
        """The share of the way from c to f that a policy's profit goes, and its 95 % interval by the bootstrap.

        People are drawn with all their policies. Where f is not above c the share says nothing.
        """
        base = self.brought.profit[:, _column("c")]
        apart = np.stack([self.brought.profit[:, _column(each)] - base for each in (name, "f")], axis=1)
        chance, lines = np.random.default_rng(JUDGED_SEED), len(apart)
        drawn = np.stack([apart[chance.integers(0, lines, lines)].mean(axis=0) for _ in range(_DRAWS)])
        low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
        closed, whole = apart.mean(axis=0)
        return float(closed / whole), float(low), float(high)


def _column(name: str) -> int:
    return len(NAMES) if name == STAYS else NAMES.index(name)


def _report(verdict: Verdict, policies: Policies, *, as_json: bool) -> None:
    closed, low, high = verdict.gap_closed("e")
    ours: dict[str, float] = {"lines": len(verdict.world), "worlds": int(verdict.world.max()) + 1}
    table = Table(title="yuan a line and year; beside c with 95 % intervals over people, paired")
    for heading in ("policy", "limit", "profit", "loss", "bad", "profit beside c", "loss beside c"):
        table.add_column(heading, justify="left" if heading == "policy" else "right")
    for name in (*NAMES, STAYS):
        profit, loss = (verdict.paired(each, name, "c") for each in (verdict.brought.profit, verdict.brought.loss))
        mean = {
            part: float(getattr(verdict.brought, part)[:, _column(name)].mean())
            for part in ("limit", "profit", "loss", "is_bad")
        }
        table.add_row(
            name, f"{mean['limit']:,.0f}", f"{mean['profit']:,.1f}", f"{mean['loss']:,.1f}", f"{mean['is_bad']:.2%}",
            *(("", "") if name == "c" else (str(profit), str(loss))),
        )  # fmt: skip
        ours |= {
            f"profit_{name}": mean["profit"], f"loss_{name}": mean["loss"], f"bad_share_{name}": mean["is_bad"],
            f"limit_{name}": mean["limit"],
        }  # fmt: skip
        if name != "c":
            for told, paired in (("profit", profit), ("loss", loss)):
                ours |= {
                    f"{told}_{name}_less_c": paired.mean,
                    f"{told}_{name}_less_c_half_width_95": paired.half_width,
                    f"{told}_{name}_less_c_half_width_95_over_worlds": paired.over_worlds,
                }
    console = Console(stderr=as_json)
    console.print(table)
    console.print(_learned_table(policies.taught.response))
    console.print(f"of the way from c to f, e goes {closed:.0%} (95 %: {low:.0%} to {high:.0%})")
    way = verdict.paired(verdict.brought.profit, "f", "c")
    if way.mean <= way.half_width:
        console.print(f"f is not told apart from c ({way}): that share says little; give more --worlds")
    ratio = {"gap_closed_e": closed, "gap_closed_e_low_95": low, "gap_closed_e_high_95": high}
    emit("policies", ours, {}, ratio, as_json=as_json)


def _learned_table(response: LearnedResponse) -> Table:
    """What e learned, of segments that were randomized: believed, learned, with 90 % intervals."""
    table = Table(title="learned per yuan of limit offered (believed -> learned, 90 %)")
    for heading in ("segment", "lines", "debt", "earned", "lost"):
        table.add_column(heading, justify="left" if heading == "segment" else "right")
    for segment in np.flatnonzero(response.drawn.slopes.lines).tolist():
        cells = []
        for learned in (response.drawn, response.earned, response.lost):
            low, high = learned.interval()
            prior, mean = learned.prior[segment], learned.mean[segment]
            cells.append(f"{prior:.3f} -> {mean:.3f} ({low[segment]:.3f} to {high[segment]:.3f})")
        table.add_row(SEGMENTS.name(segment), f"{response.drawn.slopes.lines[segment]:,}", *cells)
    return table


if __name__ == "__main__":
    main()
