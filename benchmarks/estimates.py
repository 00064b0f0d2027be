"""The product's estimates beside the truth: how often 90 % intervals hold it, over many small worlds.

`uv run python benchmarks/estimates.py [--json] [--seeds 200] [--borrowers 400] [--fraud-borrowers 300] [--processes N]`

Each seed is a lender of its own, who estimates from what it saw. The truth of an expectation is what all other seeds
come to together; of a strategy that did not decide, what came of large worlds in which it does. A prediction is held to
what then happened in that very world. docs/benchmarks.md says which is which.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

from judged_worlds import LOGGED_PPM, OUTCOMES, VALUED_PPM, CreditWorld, FraudWorld, live_credit, live_fraud
from report_line import emit
from tallystick.risk.book_loss import book_loss
from tallystick.risk.learned_response import randomized_slopes
from tallystick.risk.loss import exposure_at_default
from tallystick.scoring.calibration import Calibration, fit_calibration
from tallystick.scoring.fraud_recall import linked_cases, recall_of_found
from tallystick.scoring.model import ModelFeature
from tallystick.scoring.scorecard import Scorecard, ScorecardSettings, fit_scorecard
from tallystick.scoring.validation import auc_interval, reliability, wilson_interval
from tallystick.strategy.off_policy import Bounded, DecisionLog, OffPolicySettings, off_policy_value
from tallystick.units.rates import PPM

Floats = npt.NDArray[np.float64]
Lived = TypeVar("Lived")

CONFIDENCE: Final = 0.9
# Where all intervals are right, any estimate is rejected at most so often (Bonferroni).
REJECTED_BY_CHANCE: Final = 0.01
PD_GROUPS: Final = 3
SEGMENTS: Final = ("weak", "strong")
STRONG_FROM_BAND: Final = 2  # of the bureau's score
FOUND_WITHIN_DAYS: Final = 120
# Of younger frauds too few are found out yet.
FRAUD_AGE_FROM_DAYS: Final = 60
# Seeds for learning, for judging, and for what the other strategy is worth, lie apart.
LEARNING_FROM: Final = 1_000_000
TRUTH_FROM: Final = 2_000_000

VALUE, CHANGE, LOSS = "off_policy_value", "off_policy_change", "expected_loss"
# Told beside the others and not judged: without a word on large losses a short log looks surer than it is.
BESIDE: Final = ("ips_value", "snips_value")

FEATURES: Final = (
    ModelFeature("utilization_ratio", "numeric"),
    ModelFeature("days_past_due", "numeric", "up"),
    ModelFeature("limit_to_income", "numeric"),
    ModelFeature("bureau_score", "numeric", "down"),
    ModelFeature("inquiries_90d", "numeric"),
    ModelFeature("worst_days_past_due_24m", "numeric"),
)


@dataclass(frozen=True, slots=True)
class Learned:
    """What the lenders know from elsewhere: a PD and its calibration, what defaults cost, and what outcomes bring."""

    scorecard: Scorecard
    calibration: Calibration
    ccf: float
    severity: Floats  # shares of the exposure at default, (defaults,)
    reward_minor: Floats  # (bands, outcomes), mean and standard deviation
    spread_minor: Floats

    def pd(self, book: pa.Table) -> Floats:
        """Of each line, over the months that the book is followed."""
        return self.calibration.pd(self.scorecard.log_odds(book))

    def ead(self, book: pa.Table) -> Floats:
        """What each line would owe at default, minor units."""
        return exposure_at_default(drawn=book["drawn_minor"], limit=book["limit_minor"], ccf=self.ccf)


@dataclass(frozen=True, slots=True)
class Told:
    """One seed's estimate with its interval, and what the seed says of the truth: `true_sum` over `true_count`."""

    value: float
    low: float
    high: float
    true_sum: float
    true_count: float


@dataclass(frozen=True, slots=True)
class Judged:
    """An estimate over all seeds: means of truth, value and width, and how many intervals held the truth."""

    truth: float
    value: float
    width: float
    held: int
    seeds: int

    @property
    def p_value(self) -> float:
        """How likely so many or so few are where intervals hold the truth as often as they say, two-sided."""
        return float(binomtest(self.held, self.seeds, CONFIDENCE).pvalue)

    @property
    def coverage(self) -> tuple[float, float, float]:
        """The share that held, with its own 95 % interval."""
        low, high = wilson_interval(self.held, self.seeds)
        return self.held / self.seeds, float(low), float(high)


def main() -> None:
    arguments = read_arguments()
    began = time.perf_counter()
    with ProcessPoolExecutor(arguments.processes) as pool:
        live = partial(live_all, pool)
        seeds = range(arguments.seeds)
        learning = range(LEARNING_FROM, LEARNING_FROM + arguments.learning_seeds)
        further = range(TRUTH_FROM, TRUTH_FROM + arguments.truth_seeds)
        learned = learn(live(live_logged, learning, arguments.truth_borrowers, "to learn from"))
        other = live(live_valued, further, arguments.truth_borrowers, "of the other strategy")
        told = [tell_credit(world, learned) for world in live(live_logged, seeds, arguments.borrowers, "of credit")]
        frauds = [tell_fraud(world) for world in live(live_fraud, seeds, arguments.fraud_borrowers, "of fraud")]
    rewards = np.concatenate([world.reward_minor for world in other])
    by_name: dict[str, list[Told]] = {}
    for name, each in chain.from_iterable(estimates.items() for estimates in told + frauds):
        by_name.setdefault(name, []).append(each)
    judged = {name: judge(name, each, other=rewards) for name, each in by_name.items()}
    most = REJECTED_BY_CHANCE / (len(judged) - len(BESIDE))
    Console().print(as_table(judged, most=most))
    error = float(rewards.std() / np.sqrt(len(rewards)))
    print(f"the other strategy's true value: {rewards.mean():,.0f} minor units, standard error {error:,.0f}")
    rejected = [name for name, each in judged.items() if name not in BESIDE and each.p_value < most]
    ours: dict[str, float] = {"seeds": arguments.seeds, "borrowers": arguments.borrowers, "rejected": len(rejected)}
    for name, figure in judged.items():
        share, low, high = figure.coverage
        ours |= {f"coverage_{name}": share, f"coverage_{name}_low": low, f"coverage_{name}_high": high}
    emit("estimates", ours | {"seconds": time.perf_counter() - began}, {}, {}, as_json=arguments.json)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--seeds", type=int, default=200, help="worlds of credit, and of fraud, that are judged")
    parser.add_argument("--borrowers", type=int, default=400, help="of each world of credit")
    parser.add_argument("--fraud-borrowers", type=int, default=300, help="of each world of fraud")
    parser.add_argument("--learning-seeds", type=int, default=6, help="worlds from which PD and losses are learned")
    parser.add_argument("--truth-seeds", type=int, default=12, help="worlds in which the other strategy decides")
    parser.add_argument("--truth-borrowers", type=int, default=3_000, help="of each of these two kinds of worlds")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    return parser.parse_args()


def live_logged(seed: int, borrowers: int) -> CreditWorld:
    """A world in which the log's strategy decides."""
    return live_credit(seed, borrowers, LOGGED_PPM)


def live_valued(seed: int, borrowers: int) -> CreditWorld:
    """A world in which the strategy decides that is to be valued."""
    return live_credit(seed, borrowers, VALUED_PPM)


def live_all(
    pool: ProcessPoolExecutor, live: Callable[[int, int], Lived], seeds: Sequence[int], borrowers: int, what: str
) -> list[Lived]:
    """The worlds of all seeds, some at a time; told how many there are on the terminal's other channel."""
    lived: list[Lived] = []
    for world in pool.map(live, seeds, [borrowers] * len(seeds)):
        lived.append(world)
        print(f"\r{len(lived)} of {len(seeds)} worlds {what} ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return lived


def learn(worlds: Sequence[CreditWorld]) -> Learned:
    """The PD is fitted on one half of the worlds and calibrated on the other; the rest is learned from all."""
    half = len(worlds) // 2
    fitted, kept = (pa.concat_tables(each.book for each in some) for some in (worlds[:half], worlds[half:]))
    scorecard = fit_scorecard(fitted, "is_bad", FEATURES, ScorecardSettings(), 0)
    calibration = fit_calibration(scorecard.log_odds(kept), kept["is_bad"].to_numpy())
    whole = pa.concat_tables([fitted, kept])
    bad = whole.filter(pc.equal(whole["is_bad"], 1.0))
    drawn, limit, lost = (
        bad[name].to_numpy().astype(np.float64) for name in ("drawn_minor", "limit_minor", "lost_minor")
    )
    ccf = float(np.clip((lost - drawn).sum() / np.maximum(limit - drawn, 0.0).sum(), 0.0, 1.0))
    ead = exposure_at_default(drawn=drawn, limit=limit, ccf=ccf)
    reward, spread = _rewards(worlds)
    return Learned(scorecard, calibration, ccf, lost / np.maximum(ead, 1.0), reward, spread)


def _rewards(worlds: Sequence[CreditWorld]) -> tuple[Floats, Floats]:
    """Mean and standard deviation of what each outcome brought in each band."""
    band, outcome = (np.concatenate([getattr(each, name) for each in worlds]) for name in ("band", "outcome"))
    reward = np.concatenate([each.reward_minor for each in worlds])
    cell, cells = band * len(OUTCOMES) + outcome, LOGGED_PPM.size
    cases = np.maximum(np.bincount(cell, minlength=cells), 1)
    mean = np.bincount(cell, weights=reward, minlength=cells) / cases
    square = np.bincount(cell, weights=(reward - mean[cell]) ** 2, minlength=cells) / cases
    return mean.reshape(LOGGED_PPM.shape), np.sqrt(square).reshape(LOGGED_PPM.shape)


def tell_credit(world: CreditWorld, learned: Learned) -> dict[str, Told]:
    """What one lender estimates of its applications and of its book."""
    book = world.book
    return _off_policy(world, learned) | _limit_response(book) | _probabilities(book, learned) | _loss(book, learned)


def _off_policy(world: CreditWorld, learned: Learned) -> dict[str, Told]:
    """What the other strategy's applications are worth, and how much more than those of the one that decided."""
    cases = len(world.outcome)
    logged, valued = LOGGED_PPM[world.band] / PPM, VALUED_PPM[world.band] / PPM
    log = DecisionLog(
        outcome=world.outcome,
        probability_ppm=logged[np.arange(cases), world.outcome] * PPM,
        chances=logged,
        reward_minor=world.reward_minor,
        is_mature=np.ones(cases, dtype=np.bool_),
        least_minor=np.zeros(logged.shape),  # chance gave whatever the other strategy gives: nothing is open
        most_minor=np.zeros(logged.shape),
        borrower=world.person,
    )
    value = off_policy_value(
        log,
        valued,
        predicted_minor=learned.reward_minor[world.band],
        spread_minor=learned.spread_minor[world.band],
        settings=OffPolicySettings(confidence=CONFIDENCE),
    )
    ips, snips, robust = value.estimates
    brought = float(world.reward_minor.sum())

    def told(figure: Bounded) -> Told:
        return Told(figure.low_minor, *figure.normal, brought, cases)

    names = (VALUE, CHANGE, *BESIDE)
    return dict(zip(names, map(told, (robust.value, robust.change, ips.value, snips.value)), strict=True))


def _limit_response(book: pa.Table) -> dict[str, Told]:
    """How much more is owed later for each unit of limit that was offered by chance, to the weak and to the strong."""
    columns = {name: book[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in book.column_names}
    segment = (columns["band"] >= STRONG_FROM_BAND).astype(np.int64)
    offered, more = columns["is_raised"] * columns["limit_minor"], columns["drawn_after_minor"] - columns["drawn_minor"]
    by_chance = offered - columns["limit_minor"] / 2
    slopes = randomized_slopes(
        more, step=offered, mean_step=columns["limit_minor"] / 2, segment=segment, segments=len(SEGMENTS)
    )
    low, high = slopes.interval(CONFIDENCE)
    told = {}
    for place, name in enumerate(SEGMENTS):
        if not np.isfinite(slopes.standard_error[place]):  # too few lines took part
            continue
        within = segment == place
        # The slope of all seeds together is the ratio of what these come to.
        rest, step = (figure[within] - figure[within].mean() for figure in (more, offered))
        chance = by_chance[within]
        told[f"limit_response_{name}"] = Told(
            float(slopes.estimate[place]), float(low[place]), float(high[place]), chance @ rest, chance @ step
        )
    return told


def _probabilities(book: pa.Table, learned: Learned) -> dict[str, Told]:
    """The bad share of each third of the lines, by their PD, and how well the PD ranks."""
    is_bad, pd = book["is_bad"].to_numpy(), learned.pd(book)
    told = {
        f"bad_share_third_{place}": Told(
            each.bad_share, each.bad_share_low, each.bad_share_high, each.bad_share * each.lines, each.lines
        )
        for place, each in enumerate(reliability(is_bad, pd, groups=PD_GROUPS, confidence=CONFIDENCE), start=1)
    }
    pairs = float(is_bad.sum() * (1.0 - is_bad).sum())
    if not pairs:  # nobody went bad: nothing can be ranked, and this seed says nothing of it
        return told
    ranked = auc_interval(is_bad, pd, confidence=CONFIDENCE)
    return told | {"auc": Told(ranked.value, ranked.low, ranked.high, ranked.value * pairs, pairs)}


def _loss(book: pa.Table, learned: Learned) -> dict[str, Told]:
    """What the book is going to lose: a prediction. In the base climate no factor moves all lines together."""
    loss = book_loss(
        pd=learned.pd(book),
        ead=learned.ead(book),
        severity=learned.severity,
        correlation=0.0,
        confidence=CONFIDENCE,
    )
    return {LOSS: Told(loss.expected, loss.low, loss.high, float(pc.sum(book["lost_minor"]).as_py()), 1.0)}


def tell_fraud(world: FraudWorld) -> dict[str, Told]:
    """How much of the fraud that is found out in time a rule catches, by what is known when the world ends."""
    age, delay = world.ends_on - world.happened_on, world.found_on - world.happened_on
    counts = (age >= FRAUD_AGE_FROM_DAYS) & (world.found_on >= 0)
    in_time, known = counts & (delay <= FOUND_WITHIN_DAYS), counts & (world.found_on < world.ends_on)
    recall = recall_of_found(
        world.is_caught[known],
        delay_days=delay[known],
        age_days=age[known],
        case=linked_cases(*([each[place] for place in np.flatnonzero(known)] for each in world.links)),
        within_days=FOUND_WITHIN_DAYS,
        confidence=CONFIDENCE,
    )
    caught = float(world.is_caught[in_time].sum())
    return {"fraud_recall": Told(recall.value, recall.low, recall.high, caught, float(in_time.sum()))}


def judge(name: str, told: Sequence[Told], *, other: Floats) -> Judged:
    """How often intervals held what is so; `other` is what applications brought where the other strategy decides."""
    value, low, high, true_sum, true_count = np.array(
        [(each.value, each.low, each.high, each.true_sum, each.true_count) for each in told]
    ).T
    # An estimate has no part in the truth that it is held to.
    of_others = (true_sum.sum() - true_sum) / (true_count.sum() - true_count)
    if name == LOSS:
        truth = true_sum
    elif name == CHANGE:
        truth = other.mean() - of_others
    elif name in (VALUE, *BESIDE):
        truth = np.full(len(told), other.mean())
    else:
        truth = of_others
    held = np.count_nonzero((low <= truth) & (truth <= high))
    return Judged(float(truth.mean()), float(value.mean()), float((high - low).mean()), int(held), len(told))


def as_table(judged: Mapping[str, Judged], *, most: float) -> Table:
    """A row an estimate."""
    table = Table(title=f"{CONFIDENCE:.0%} intervals beside the truth; 'no': rejected, p < {most:.2g}", padding=(0, 0))
    for name in ("", "truth", "estimate", "width", "held", "coverage", "p"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for name, each in judged.items():
        share, low, high = each.coverage
        verdict = "beside" if name in BESIDE else f"{each.p_value:.2g}{' no' * (each.p_value < most)}"
        figures = (
            f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"
            for figure in (each.truth, each.value, each.width)
        )
        table.add_row(name, *figures, f"{each.held}/{each.seeds}", f"{share:.2f} [{low:.2f}, {high:.2f}]", verdict)
    return table


if __name__ == "__main__":
    main()
