"""What came of both arms, read from their books and from the truth, and set beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from psycopg import Connection

from tallystick.operations.deciding import Deciders
from tallystick.operations.strategy_life import current_release
from tallystick.reports.demonstration_summary import (
    ArmFigures,
    DemonstrationSummary,
    Happened,
    ServiceLevel,
    YearFigures,
)
from tallystick.reports.learned_summary import LearnedModel
from tallystick.storage.book_tables import limit_offers_made, standing_of_lines
from tallystick.storage.decisions import read_decisions
from tallystick.storage.line_results import line_results
from tallystick.storage.service_levels import answered_cases
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.checkpoint_form import Purpose
from tallystick.strategy.economics import Economics
from tallystick.world.demonstration.arms import Arm
from tallystick.world.demonstration.comparison import paired_differences, paired_ratio
from tallystick.world.demonstration.forecast import forecast_of_night
from tallystick.world.demonstration.fraud import fraud_stopped, share_of
from tallystick.world.demonstration.lender import highest_of
from tallystick.world.demonstration.results import LivedMonths, person_results

_FORMAT: Final = 1
_HOUR_S: Final = 3_600
_CURRENCY: Final = "CNY"


def year_figures(year: Arm, *, deciders: Deciders) -> YearFigures:
    """The lender's first months, to be read before its books part."""
    lived = read_lived(year, [year])
    with psycopg.connect(year.url, autocommit=True) as connection:
        told = person_results(lived, economics=_economics(connection, year, deciders=deciders))
        suspected = _suspected(connection, lived.purchases, deciders=deciders)
    amounts = {name: int(pc.sum(told[name]).as_py()) for name in told.column_names}
    return YearFigures(
        applications=_truth([year], "applications").num_rows,
        lines=lived.owners.num_rows,
        purchases=lived.purchases.num_rows,
        fraud=fraud_stopped(lived.purchases, lived.judged, suspected=suspected),
        **{name: amounts[name] for name in _OF_YEAR},
    )


_OF_YEAR: Final = (
    "limit_minor", "drawn_minor", "earned_minor", "funds_minor", "operations_minor", "lost_minor", "result_minor",
)  # fmt: skip


def compared(
    year: Arm,
    champion: Arm,
    challenger: Arm,
    *,
    first_months: YearFigures,
    models: tuple[LearnedModel, ...],
    deciders: Deciders,
    seed: int,
) -> DemonstrationSummary:
    """Everything that the report shows. All of it is read: nothing is done to the books."""
    before, after = (_read_arm(arm, year=year, deciders=deciders) for arm in (champion, challenger))
    told = (before.results, after.results)
    return DemonstrationSummary(
        format=_FORMAT,
        seed=seed,
        borrowers=year.plan.borrowers,
        months=year.plan.months,
        months_after=champion.plan.months - year.plan.months,
        begins_on=year.begins_on,
        arms_begin_on=champion.begins_on,
        ends_on=champion.plan.ends_on,
        currency=_CURRENCY,
        year=first_months,
        models=models,
        champion=before.figures,
        challenger=after.figures,
        differences=paired_differences(*told, seed=seed),
        spent_out=paired_ratio(*told, over="drawn_minor", under="limit_minor", seed=seed),
        example_decision=after.example_decision,
    )


@dataclass(frozen=True, slots=True)
class _ReadArm:
    figures: ArmFigures
    results: pa.Table
    example_decision: int


def _read_arm(arm: Arm, *, year: Arm, deciders: Deciders) -> _ReadArm:
    lived = read_lived(arm, [year, arm])
    with psycopg.connect(arm.url, autocommit=True) as connection:
        results = person_results(lived, economics=_economics(connection, arm, deciders=deciders))
        since, until = (arm.instant(day) for day in (arm.begins_on, arm.plan.ends_on))
        cases = answered_cases(connection, since=since, until=until)
        release = current_release(connection)
        assert release is not None, "an arm has its strategy"
        figures = ArmFigures(
            strategy_id=release.champion_id,
            highest_minor=highest_of(arm.name),
            forecast=forecast_of_night(connection, arm.begins_on, deciders=deciders),
            happened=_happened(connection, arm, lived.owners, results),
            fraud=fraud_stopped(
                lived.purchases,
                lived.judged,
                suspected=_suspected(connection, lived.purchases, deciders=deciders),
            ),
            service=service_level(cases),
        )
    return _ReadArm(figures, results, _example(cases))


def read_lived(arm: Arm, known: Sequence[Arm]) -> LivedMonths:
    """The months of an arm; `known` are those whose truth tells of the lines, itself among them."""
    folder = arm.folder / "truth" / "months"
    months = pyarrow.parquet.read_table(folder / f"{arm.begins_on:%Y-%m}.parquet")
    lines = _truth(known, "lines")
    with psycopg.connect(arm.url, autocommit=True) as connection:
        return LivedMonths(
            days=(arm.plan.ends_on - arm.begins_on).days,
            people=arm.plan.borrowers,
            owners=lines.filter(pc.and_(lines["accepts"], pc.greater(lines["line_id"], 0))),
            before=line_results(connection, until=arm.begins_on - timedelta(days=1)),
            after=line_results(connection, until=arm.last_day),
            standing=standing_of_lines(connection, day=arm.last_day),
            purchases=_truth([arm], "purchases"),
            judged=_truth([arm], "acts"),
            began=months.filter(pc.equal(months["month"], arm.plan.month_of(arm.begins_on))),
        )


def _truth(arms: Sequence[Arm], name: str) -> pa.Table:
    return pa.concat_tables([pyarrow.parquet.read_table(arm.folder / "truth" / name) for arm in arms])


def _economics(connection: Connection, arm: Arm, *, deciders: Deciders) -> Economics:
    release = current_release(connection)
    assert release is not None, "an arm has its strategy"
    return deciders.limits(connection, release.champion_id, on=arm.begins_on).economics


def _suspected(connection: Connection, purchases: pa.Table, *, deciders: Deciders) -> set[int]:
    """The purchases that a fraud rule of the strategy in force spoke against."""
    deciding = deciders.deciding(connection, CheckpointName.AUTHORIZE)
    checkpoint = deciding.checkpoints[deciding.release.champion_id]
    codes = {code for step in checkpoint.steps if step.purpose is Purpose.FRAUD for code in step.table.reasons}
    decided = read_decisions(connection, [each for each in purchases["decision_id"].to_pylist() if each])
    return {each.decision_id for each in decided if codes & set(each.reasons)}


def _happened(connection: Connection, arm: Arm, owners: pa.Table, results: pa.Table) -> Happened:
    """What became of the first night's offers."""
    made = limit_offers_made(connection, day=arm.begins_on)
    accepted = made.filter(made["is_accepted"])
    person_of = dict(zip(owners["line_id"].to_pylist(), owners["person"].to_pylist(), strict=True))
    raised = [person_of[line_id] for line_id in accepted["line_id"].to_pylist()]
    defaulted = int((results["defaulted"].to_numpy()[raised] > 0).sum())
    return Happened(
        accepted=accepted.num_rows,
        accepted_minor=int(pc.sum(pc.subtract(accepted["limit_minor"], accepted["previous_minor"])).as_py() or 0),
        defaulted=defaulted,
        default_share=share_of(defaulted, accepted.num_rows),
    )


def service_level(cases: pa.Table) -> ServiceLevel:
    """Sum up `storage.service_levels.answered_cases`.

    Of four cases one waited for a person, for two hours:

    >>> told = service_level(pa.table({"checkpoint": ["apply", "authorize", "authorize", "review_limit"],
    ...     "is_reviewed": [True, False, False, False], "waited_s": pa.array([7_200, None, None, None], pa.int64())}))
    >>> told.purchases, told.without_person.value, told.waited_h_median
    (2, 0.75, 2.0)
    """
    reviewed, waited = cases["is_reviewed"], cases["waited_s"].drop_null().to_numpy() / _HOUR_S
    counts = {row["values"]: row["counts"] for row in cases["checkpoint"].value_counts().to_pylist()}
    alone = cases.num_rows - int(pc.sum(reviewed).as_py() or 0)
    return ServiceLevel(
        applications=counts.get(CheckpointName.APPLY.value, 0),
        purchases=counts.get(CheckpointName.AUTHORIZE.value, 0),
        limits=counts.get(CheckpointName.REVIEW_LIMIT.value, 0),
        without_person=share_of(alone, cases.num_rows),
        waited_h_median=float(np.median(waited)) if len(waited) else None,
        waited_h_p95=float(np.quantile(waited, 0.95)) if len(waited) else None,
    )


def _example(cases: pa.Table) -> int:
    """The last decision that a person looked at or, without one, the last of all; 0 of none."""
    looked_at = cases.filter(cases["is_reviewed"])
    told = looked_at if looked_at.num_rows else cases
    return int(told["decision_id"][-1].as_py()) if told.num_rows else 0
