"""The economy beside real data: limits, use, payment, arrears, losses, recoveries, a recession, and a doubled limit.

`uv run python benchmarks/world_economy.py [--json] [--borrowers N] [--seeds S ...] [--data FOLDER] [--chart FILE.svg]`

Each world lives a year with a lender in memory; then it goes on four times from the same day with the same luck: as it
was, through a recession, and for a year without raises and with every limit doubled. Each figure has a 95 % interval,
by resampling the worlds' lines; `_low` and `_high` are its ends.
"""

import argparse
import dataclasses
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from comparison_chart import Panel, Paths, limit_shares, past_due_shares, side_by_side, utilization_shares
from real_credit import (
    DATA,
    Figures,
    Floats,
    RevolvingLines,
    Rows,
    card_delinquency,
    jdd_borrowed,
    jdd_drawn_of_limit,
    jdd_limits,
    lending_club_recovered,
    limit_figures,
    line_figures,
    uci_lines,
    use_figures,
)
from report_line import emit
from tallystick.world.economy.plan import Climate, WorldPlan
from tallystick.world.economy.scenarios import recession_rise
from world_in_memory import LivedWorld, StandardLimits, Statements, Watched, joined

YEAR: Final = 12
MONTHS: Final = 36
RESAMPLES: Final = 200
SEED: Final = 20_266
NEVER_MONTH: Final = 1_000
QUINTILES: Final = ("lowest", "second", "third", "fourth", "highest")
# Quarters of the US series: before the crisis, and from a year after its begin on, as the world's recession is read.
CALM: Final = (np.datetime64("2006-01-01"), np.datetime64("2008-01-01"))
CRISIS: Final = (np.datetime64("2009-01-01"), np.datetime64("2011-01-01"))
NORMAL: Final = (np.datetime64("2012-01-01"), np.datetime64("2020-01-01"))


@dataclass(frozen=True, slots=True)
class Arms:
    """What a lender saw of worlds that went on four ways from the same day; `risk` is that of `kept`'s lines."""

    base: Statements
    recession: Statements
    kept: Statements
    doubled: Statements
    risk: Floats
    drawn_minor: int
    fraud_minor: int


def main() -> None:
    arguments = read_arguments()
    started = time.perf_counter()
    arms = live_worlds(arguments.borrowers, seeds=arguments.seeds, macro=arguments.data / "macro_fed_scenarios")
    made = {"live_seconds": time.perf_counter() - started}
    ours, real = made | compared_figures(arms), real_figures(arguments.data)
    ratio = {f"{name}_to_real": ours[name] / figure for name, figure in real.items() if figure and name in ours}
    emit("world_economy", ours, real, ratio, as_json=arguments.json)
    if arguments.chart:
        arguments.chart.write_text(chart(arms.base, arms.recession, data=arguments.data), encoding="utf-8")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--borrowers", type=int, default=1_500, help="people of each world")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8], help="a world for each")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--chart", type=Path, help="also draw the comparison, as SVG")
    return parser.parse_args()


def live_worlds(borrowers: int, *, seeds: Sequence[int], macro: Path) -> Arms:
    """Each world in a process of its own, their lines put together; the shipped recession where `macro` is absent."""
    rise = recession_rise(macro) if macro.is_dir() else ()
    with ProcessPoolExecutor() as pool:
        worlds = list(pool.map(partial(live_arms, borrowers, rise=rise), seeds))
    return together(worlds, borrowers=borrowers)


def live_arms(borrowers: int, seed: int, *, rise: tuple[float, ...]) -> Arms:
    """A year together, then the four ways on."""
    plan = WorldPlan(seed=seed, borrowers=borrowers, months=MONTHS)
    unraised = replace(plan, reviews_from_month=NEVER_MONTH)
    falling = replace(plan, climate=Climate.RECESSION, recession_month=YEAR, recession_rise=rise)
    first = LivedWorld(plan, Watched(StandardLimits())).live(YEAR)
    recession, kept, doubled = (first.fork(each) for each in (falling, unraised, unraised))
    doubled.lender.columns.limit_minor *= 2
    base = first.live(MONTHS - YEAR)
    seen = kept.live(YEAR).statements()
    return Arms(
        base=base.statements(),
        recession=recession.live(MONTHS - YEAR).statements(),
        kept=seen,
        doubled=doubled.live(YEAR).statements(),
        risk=kept.life.people.risk[seen.person],
        drawn_minor=sum(amount for _, _, amount in base.lender.draws),
        fraud_minor=base.fraud_minor(),
    )


def together(worlds: Sequence[Arms], *, borrowers: int) -> Arms:
    """The lines of several worlds as if of one, in which nobody has the number of somebody else."""

    def lines(name: str) -> Statements:
        return joined(
            [
                dataclasses.replace(told, person=told.person + place * borrowers)
                for place, told in enumerate(getattr(world, name) for world in worlds)
            ]
        )

    return Arms(
        base=lines("base"), recession=lines("recession"), kept=lines("kept"), doubled=lines("doubled"),
        risk=np.concatenate([world.risk for world in worlds]), drawn_minor=sum(world.drawn_minor for world in worlds),
        fraud_minor=sum(world.fraud_minor for world in worlds),
    )  # fmt: skip


def compared_figures(arms: Arms) -> Figures:
    """All figures of the worlds, each with its interval."""
    base, recession = arms.base, arms.recession
    count = len(base.person)
    told = {"lines": float(count), "fraud_share_of_drawn": arms.fraud_minor / arms.drawn_minor}
    told |= with_intervals(count, lambda lines: economy_figures(base.of(lines)))
    told |= with_intervals(
        count, lambda lines: recession_figures(base.of(lines), same_people(recession, base, lines))
    )  # fmt: skip
    return told | response_figures(arms)


def with_intervals(count: int, figures: Callable[[Rows], Figures]) -> Figures:
    """Figures of all lines, each with the ends of its interval: percentiles over lines drawn with replacement."""
    told = figures(np.arange(count))
    random = np.random.default_rng(SEED)
    again = [figures(random.integers(0, count, count)) for _ in range(RESAMPLES)]
    ends = {name: np.nanpercentile([each[name] for each in again], [2.5, 97.5]) for name in told}
    return {
        f"{name}{end}": value
        for name, figure in told.items()
        for end, value in (("", figure), ("_low", float(ends[name][0])), ("_high", float(ends[name][1])))
    }


# ---------------------------------------------------------------- an ordinary book


def economy_figures(book: Statements) -> Figures:
    """Everything of the base arm; a year's outcome follows the day on which the lines are looked at."""
    seen_at = book.closing_minor.shape[1] - 1 - YEAR
    lines = lines_at(book, seen_at)
    last = book.limit_minor[book.is_open[:, -1], -1] / 100.0
    held = book.of(book.is_open[:, seen_at] & (book.opened_month < seen_at - 2))
    return (
        line_figures(lines)
        | limit_figures(last)
        | use_figures(held.use_minor[:, [seen_at, seen_at - 1, seen_at - 2]].astype(np.float64))
        | {"drawn_of_limit_in_month_median": drawn_of_limit(held, seen_at)}
        | activation_figures(book)
        | roll_figures(months_past_due(book))
        | loss_figures(book)
        | recovery_figures(book)
    )


def lines_at(book: Statements, month: int) -> RevolvingLines:
    """Open lines with their last six statements up to a month's, and whether they go bad in the year after.

    Bad is 90 days past due on a statement's morning, or charged off.
    """
    latest = book.of(book.is_open[:, month] & (book.opened_month < month))
    back = np.arange(month, month - 6, -1)
    was_open = latest.is_open[:, back]
    owed = np.where(latest.drawn_minor < 0, latest.drawn_minor, latest.closing_minor)[:, back] / 100.0
    after = slice(month + 1, month + 1 + YEAR)
    return RevolvingLines(
        limit=latest.limit_minor[:, month] / 100.0,
        statement=np.where(was_open, owed, np.nan),
        paid=np.where(was_open, latest.paid_minor[:, back] / 100.0, np.nan)[:, :-1],
        months_past_due=np.where(was_open, months_past_due(latest)[:, back], np.nan),
        is_bad=(latest.days_past_due[:, after] >= 90).any(axis=1) | latest.is_charged_off[:, after].any(axis=1),
    )


def months_past_due(book: Statements) -> npt.NDArray[np.int64]:
    """Due days missed and not made good: a due day lies 22 days before the next statement's morning."""
    return np.asarray((book.days_past_due + 30) // 31)


def drawn_of_limit(book: Statements, month: int) -> float:
    """What users drew in a month, over their limit: the median."""
    used = (book.use_minor[:, month] > 0) & (book.limit_minor[:, month] > 0)
    return float(np.median(book.use_minor[used, month] / book.limit_minor[used, month]))


def activation_figures(book: Statements) -> Figures:
    """Of the lines opened early enough, those that were drawn on within so many months; the first is the opening's."""
    months, told = book.use_minor.shape[1], {}
    for within in (1, 3, 12):
        early = book.of(book.opened_month + within <= months)
        since = np.arange(months) - early.opened_month[:, np.newaxis]
        is_first = (since >= 0) & (since < within) & (early.use_minor > 0)
        told[f"activated_in_{within}_months_share"] = float(is_first.any(axis=1).mean())
    return told


def roll_figures(past_due: npt.NDArray[np.int64]) -> Figures:
    """From one statement to the next: who falls past due, who goes on to the next month past due, who comes back."""
    before, after = past_due[:, YEAR - 1 : -1], past_due[:, YEAR:]
    return {"falls_past_due_share": float((after[before == 0] > 0).mean())} | {
        f"rolls_from_{month}_share": float((after[before == month] > month).mean()) for month in (1, 2, 3)
    }


def loss_figures(book: Statements) -> Figures:
    """Of balances: those 30 days past due on an average statement, and what is charged off in a year; from month 12."""
    balance = balances(book)
    mean = balance[:, YEAR:].sum(axis=0).mean()
    years = (balance.shape[1] - YEAR) / YEAR
    lost, back = (
        (column[:, -1] - column[:, YEAR - 1]).sum() / mean / years
        for column in (book.charged_off_minor, book.recovered_minor)
    )  # fmt: skip
    return {
        "balance_30_days_past_due_share": float(past_due_balance(book)[YEAR:].mean()),
        "charged_off_year_share": float(lost),
        "net_charged_off_year_share": float(lost - back),
        "balance_per_line_yuan": float(mean / 100.0 / len(book.person)),
    }


def balances(book: Statements) -> npt.NDArray[np.int64]:
    """What is drawn on lines that are not charged off, shape (lines, statements)."""
    return np.where(book.is_charged_off, 0, np.maximum(book.drawn_minor, 0))


def past_due_balance(book: Statements) -> Floats:
    """The share of balances that is 30 days past due or more, by statement."""
    balance = balances(book)
    late = np.where(book.days_past_due >= 30, balance, 0)
    return np.asarray(late.sum(axis=0) / np.maximum(balance.sum(axis=0), 1))


def recovery_figures(book: Statements) -> Figures:
    """Of principal charged off, what came back within so many months, and from how many borrowers anything."""
    month = np.where(book.is_charged_off.any(axis=1), book.is_charged_off.argmax(axis=1), NEVER_MONTH)
    told = {}
    for within in (6, 12):
        early = book.of(month + within < book.closing_minor.shape[1])
        since = month[month + within < book.closing_minor.shape[1]] + within
        back = early.recovered_minor[np.arange(len(since)), since]
        told[f"recovered_in_{within}_months_share"] = float(back.sum() / max(early.charged_off_minor[:, -1].sum(), 1))
        told[f"recovered_something_in_{within}_months_share"] = float((back > 0).mean()) if len(back) else np.nan
    return told


# ---------------------------------------------------------------- a recession, and a doubled limit


def same_people(book: Statements, other: Statements, lines: Rows) -> Statements:
    """The lines of one arm that belong to the people of some lines of the other; who has none there is left out."""
    place = {person: row for row, person in enumerate(book.person.tolist())}
    rows = [place[person] for person in other.person[lines].tolist() if person in place]
    return book.of(np.asarray(rows, dtype=np.int64))


def recession_figures(base: Statements, recession: Statements) -> Figures:
    """From the second year of the recession on: what it multiplies, beside the same months without it."""
    late = 2 * YEAR
    calm, hard = (past_due_balance(book)[late:].mean() for book in (base, recession))
    lost = [
        (book.charged_off_minor[:, -1] - book.charged_off_minor[:, late - 1]).sum() / balances(book)[:, late:].sum()
        for book in (base, recession)
    ]  # fmt: skip
    return {
        "recession_balance_30_days_past_due_factor": float(hard / calm),
        "recession_charged_off_factor": float(lost[1] / lost[0]),
        "recession_charged_off_year_share": float(lost[1] * YEAR),
    }


def response_figures(arms: Arms) -> Figures:
    """What twice the limit does to lines that were open and current: debt by true risk, and the odds of default."""
    was_current = arms.kept.is_open[:, YEAR - 1] & (arms.kept.days_past_due[:, YEAR - 1] == 0)
    before, risk = arms.kept.of(was_current), arms.risk[was_current]
    after = same_people(arms.doubled, before, np.arange(len(before.person)))
    assert (after.person == before.person).all(), "both arms are of the same lines until they part"
    fifth = np.searchsorted(np.quantile(risk, [0.2, 0.4, 0.6, 0.8]), risk)
    return with_intervals(
        len(before.person), lambda lines: _response(before.of(lines), after.of(lines), fifth=fifth[lines])
    )  # fmt: skip


def _response(before: Statements, after: Statements, *, fifth: Rows) -> Figures:
    more = (after.limit_minor - before.limit_minor)[:, YEAR]

    def debt(which: npt.NDArray[np.bool_], month: int) -> float:
        grown = balances(after)[which, month] - balances(before)[which, month]
        return float(grown.sum() / more[which].sum())

    everybody = np.ones(len(more), dtype=np.bool_)
    bad = [
        ((book.days_past_due[:, YEAR:] >= 90) | book.is_charged_off[:, YEAR:]).any(axis=1) for book in (before, after)
    ]
    odds = [flags.mean() / (1.0 - flags.mean()) for flags in bad]
    return {
        "debt_per_limit_in_3_months": debt(everybody, YEAR + 2),
        "debt_per_limit_in_12_months": debt(everybody, 2 * YEAR - 1),
        **{
            f"debt_per_limit_in_12_months_{name}_risk": debt(fifth == place, 2 * YEAR - 1)
            for place, name in enumerate(QUINTILES)
        },
        "default_odds_growth_per_doubling": float(odds[1] / odds[0] - 1.0),
        "default_share_kept": float(bad[0].mean()),
        "default_share_doubled": float(bad[1].mean()),
    }


# ---------------------------------------------------------------- what is real


def real_figures(data: Path) -> Figures:
    """The same figures of real data, as far as there are any."""
    uci, jdd, lost = uci_lines(data), limit_figures(jdd_limits(data)), lending_club_recovered(data).figures()
    past_due = np.nan_to_num(uci.months_past_due[:, ::-1])
    before, after = past_due[:, :-1], past_due[:, 1:]
    quarter, rate = card_delinquency(data)

    def between(when: tuple[np.datetime64, np.datetime64]) -> float:
        return float(rate[(quarter >= when[0]) & (quarter < when[1])].mean())

    return {
        **line_figures(uci),
        **jdd,
        **use_figures(jdd_borrowed(data)),
        "drawn_of_limit_in_month_median": float(np.median(jdd_drawn_of_limit(data))),
        "falls_past_due_share": float((after[before == 0] > 0).mean()),
        "balance_30_days_past_due_share": between(NORMAL),
        "balance_30_days_past_due_share_of_2006_2007": between(CALM),
        "recession_balance_30_days_past_due_factor": between(CRISIS) / between(CALM),
        **lost,
    }


def chart(base: Statements, recession: Statements, *, data: Path) -> str:
    """Limits, use and arrears by band; delinquency of balances over the months, beside the US series of the crisis."""
    ours, uci = lines_at(base, base.closing_minor.shape[1] - 1 - YEAR), uci_lines(data)
    limits = base.limit_minor[base.is_open[:, -1], -1] / 100.0
    quarter, rate = card_delinquency(data)
    years = (quarter - np.datetime64("2008-01-01")) / np.timedelta64(365, "D")
    shown = (years >= -1) & (years <= 2)
    since = (np.arange(base.closing_minor.shape[1]) - YEAR) / YEAR
    points = {
        name: [(float(x), float(y)) for x, y in zip(when[first:], told[first:], strict=True)]
        for name, when, told, first in (
            ("base", since, past_due_balance(base), 6),
            ("recession", since, past_due_balance(recession), 6),
            ("US, from 2008", years[shown], rate[shown], 0),
        )
    }
    drawn: str = side_by_side(
        [
            Panel("Limit / highest limit", "JDD Baitiao", limit_shares(limits), limit_shares(jdd_limits(data))),
            Panel("Utilization (balance / limit)", "UCI Taiwan", utilization_shares(ours), utilization_shares(uci)),
        ],
        [
            Panel("Months past due", "UCI Taiwan", past_due_shares(ours), past_due_shares(uci)),
            Paths("Balances 30 or more days past due", "years since the recession began", "share of balances", points,
                  ("#0b6e4f", "#b3541e", "#8a8577")),
        ],
    )  # fmt: skip
    return drawn


if __name__ == "__main__":
    main()
