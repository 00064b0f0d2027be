"""What a lender may learn of people: stated with bias, told by the bureau late and wrong, and always the same."""

from dataclasses import replace
from datetime import date
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import spearmanr

from tallystick.operations.applications import BureauReport
from tallystick.storage.applications import Stated
from tallystick.world.economy.chances import Chances
from tallystick.world.economy.information import (
    EMPLOYED,
    SELF_EMPLOYED,
    STUDENT,
    UNEMPLOYED,
    bureau_reports,
    elsewhere,
    files_asked,
    stated,
)
from tallystick.world.economy.information_parameters import (
    BureauParameters,
    parse_information,
    standard_information,
)
from tallystick.world.economy.living_parameters import standard_living
from tallystick.world.economy.people import People
from tallystick.world.economy.rivals import Rivals
from tallystick.world.parameter_files import WorldParameterFaults

CHANCES = Chances(5)
BEGINS_ON = date(2026, 1, 1)
ON = date(2026, 6, 1)
STATED = standard_information().stated
BUREAU = standard_information().bureau
SURE = replace(BUREAU, no_file_share=0.0, no_score_share=0.0, field_missing_share=0.0)
EVERYBODY = np.arange(8_000)


def rivals_of(people: People) -> Rivals:
    return Rivals(CHANCES, people=people, living=standard_living(), begins_on=BEGINS_ON)


def what_they_state(
    people: People, who: npt.NDArray[np.int64], *, on: date = ON, jobless: bool = False
) -> list[Stated]:
    return stated(CHANCES, people, who, on=on, is_jobless=np.full(len(who), jobless), parameters=STATED)


def reports_on(
    people: People, who: npt.NDArray[np.int64], *, on: date = ON, bureau: BureauParameters = BUREAU
) -> list[BureauReport | None]:
    return bureau_reports(
        CHANCES, people, who, on=on, stated_parameters=STATED, parameters=bureau, rivals=rivals_of(people)
    )


def near(flags: npt.ArrayLike, share: float) -> bool:
    """Within four and a half standard errors."""
    told = np.asarray(flags, dtype=np.float64)
    return bool(abs(told.mean() - share) < 4.5 * np.sqrt(share * (1 - share) / len(told)))


def test_who_is_asked_beside_makes_no_difference(people: People) -> None:
    some = np.array([7, 4_001, 12])
    assert what_they_state(people, some) == [what_they_state(people, EVERYBODY[:4_002])[person] for person in some]
    assert reports_on(people, some) == [reports_on(people, EVERYBODY[:4_002])[person] for person in some]
    assert stated(CHANCES, people, some[:0], on=ON, is_jobless=np.zeros(0, bool), parameters=STATED) == []
    assert reports_on(people, some[:0]) == []


def test_gaps_and_failed_checks_have_their_shares_and_only_the_days_own_change(people: People) -> None:
    first, later = what_they_state(people, EVERYBODY), what_they_state(people, EVERYBODY, on=date(2026, 8, 1))
    assert near([each.income_month_minor is None for each in first], STATED.income_missing_share)
    assert near([not each.bureau_consent_is_given for each in first], STATED.consent_missing_share)
    assert near([not each.documents_are_complete for each in first], STATED.documents_missing_share)
    assert near([not each.face_is_matched for each in first], STATED.face_failed_share)
    assert [each.bureau_consent_is_given for each in first] == [each.bureau_consent_is_given for each in later]
    assert [each.income_month_minor for each in first] == [each.income_month_minor for each in later]
    failed = [pair for pair in zip(first, later, strict=True) if not pair[0].documents_are_complete]
    assert np.mean([after.documents_are_complete for _, after in failed]) > 0.9


def test_incomes_are_overstated_by_the_dishonest_and_proven_only_where_papers_bear_them_out(people: People) -> None:
    told = what_they_state(people, EVERYBODY)
    spoken = np.array([row for row, each in enumerate(told) if each.income_month_minor is not None])
    income = np.array([told[row].income_month_minor for row in spoken], dtype=np.float64)
    over = np.log(income / people.traits.income_month_minor[spoken])
    assert 0.05 < np.median(over) < 0.15
    assert np.corrcoef(over, people.traits.honesty[spoken])[0, 1] < -0.2
    proven = np.array([told[row].income_is_proven for row in spoken])
    assert 0.1 < proven.mean() < STATED.income_proven_share
    assert over[proven].max() < 0.13


def test_jobs_fit_the_person_and_some_hide_that_they_lost_theirs(people: People) -> None:
    told = what_they_state(people, EVERYBODY, jobless=True)
    born = [each.born_on for each in told if each.born_on is not None]
    assert len(born) == len(told)
    assert all((ON - day).days >= 18 * 365 for day in born)
    for each in told:
        assert each.is_student == (each.employment == STUDENT)
        assert (each.employed_since is not None) == (each.employment in (EMPLOYED, SELF_EMPLOYED))
        if each.employed_since is not None and each.born_on is not None:
            assert each.born_on.year + 17 < each.employed_since.year <= ON.year
    of_age = [each for each in told if each.employment in (EMPLOYED, SELF_EMPLOYED, UNEMPLOYED)]
    assert near([each.employment == UNEMPLOYED for each in of_age], 1 - STATED.jobless_hidden_share)
    assert not any(each.income_is_proven for each in told)


def test_the_bureau_tells_of_a_month_or_two_ago(people: People) -> None:
    """Every figure of other lenders is that of the file's person on the day it was last brought up to date."""
    asked = files_asked(CHANCES, people, EVERYBODY, on=ON, parameters=SURE)
    low, high = BUREAU.lag_days
    assert asked.lag_days.min() >= low
    stale = asked.lag_days > high
    assert 0.6 * BUREAU.stale_share < stale.mean() <= BUREAU.stale_share
    assert asked.lag_days.max() < high + BUREAU.stale_days
    day = (ON - BEGINS_ON).days
    rivals = rivals_of(people)
    then = elsewhere(CHANCES, people, asked.file_of, day=day - asked.lag_days, parameters=BUREAU, rivals=rivals)
    now = elsewhere(CHANCES, people, EVERYBODY, day=day, parameters=BUREAU, rivals=rivals)
    told = reports_on(people, EVERYBODY, bureau=SURE)
    known = np.array([row for row, report in enumerate(told) if report is not None])
    drawn = np.array([report.total_drawn_minor for report in told if report is not None])
    assert np.array_equal(drawn, then.drawn_minor[known])
    has_cards = people.borrows_elsewhere[known] & (asked.file_of[known] == known)
    assert np.all(drawn[has_cards] != now.drawn_minor[known][has_cards])
    assert np.median(now.limit_minor[known][has_cards] / then.limit_minor[known][has_cards]) > 1.0


def test_files_are_missing_mixed_up_and_without_score_at_their_shares(people: People) -> None:
    asked = files_asked(CHANCES, people, EVERYBODY, on=ON, parameters=BUREAU)
    others = ~people.borrows_elsewhere[asked.file_of]
    assert near(~asked.has_file[others], BUREAU.no_file_share)
    assert asked.has_file[~others].all()
    assert near(asked.file_of != EVERYBODY, BUREAU.mixed_up_share)
    assert np.all(asked.file_of <= EVERYBODY)
    told = reports_on(people, EVERYBODY)
    silent = ~np.array([each.bureau_consent_is_given for each in what_they_state(people, EVERYBODY)])
    assert [report is None for report in told] == (~asked.has_file | silent).tolist()
    reports = [report for report in told if report is not None]
    no_score = BUREAU.no_score_share + BUREAU.field_missing_share * (1 - BUREAU.no_score_share)
    assert near([report.bureau_score is None for report in reports], no_score)
    assert near([report.inquiries_90d is None for report in reports], BUREAU.field_missing_share)


def test_the_score_orders_the_true_risk_with_errors(people: People) -> None:
    told = reports_on(people, EVERYBODY, bureau=SURE)
    rows = np.array([row for row, report in enumerate(told) if report is not None])
    score = np.array([report.bureau_score for report in told if report is not None])
    risk = people.risk[rows]
    assert -0.90 < spearmanr(score, risk).statistic < -0.65
    assert score.min() >= BUREAU.score_range[0]
    assert score.max() <= BUREAU.score_range[1]
    # the bands of strategy/standard/apply/grade.csv, which a bureau's score stands for while no model ships
    bands = [risk[(score >= low) & (score < high)].mean() for low, high in ((550, 650), (650, 750), (750, 901))]
    assert 0.07 < bands[0] < 0.12
    assert 0.035 < bands[1] < 0.07
    assert bands[2] < 0.03


def test_what_was_past_due_stays_in_the_file_for_two_years(people: People) -> None:
    def worst(months: int) -> npt.NDArray[np.int64]:
        day = months * 30.4375 + 1
        told = elsewhere(CHANCES, people, EVERYBODY, day=day, parameters=BUREAU, rivals=rivals_of(people))
        return told.worst_days_past_due_24m

    today, next_month, in_two_years = worst(5), worst(6), worst(29)
    assert np.mean(today == next_month) > 0.95
    serious = today >= 90
    assert 0.01 < serious.mean() < 0.04
    risk = people.risk[EVERYBODY]
    assert risk[serious].mean() > 2 * risk[~serious].mean()
    assert np.mean(next_month[serious] >= 90) > 0.9
    assert np.mean(in_two_years[serious] >= 90) < 0.3


def test_one_person_may_only_be_mixed_up_with_himself(people: People) -> None:
    always = replace(SURE, mixed_up_share=1.0)
    alone = np.array([0])
    assert files_asked(CHANCES, people, alone, on=ON, parameters=always).file_of.tolist() == [0]
    assert len(reports_on(people, alone, bureau=always)) == 1


def test_every_fault_of_the_parameters_is_said() -> None:
    text = files("tallystick.world.economy").joinpath("information.toml").read_text(encoding="utf-8")
    broken = text.replace("lag_days = { value = [20, 60]", "lag_days = { value = [60, 20]")
    broken = broken.replace("lost_share = { value = 0.0012", "lost_share = { value = 1.2")
    with pytest.raises(WorldParameterFaults) as caught:
        parse_information(broken)
    assert caught.value.faults == (
        "bureau.lag_days values must rise from first to last",
        "deliveries.lost_share 1.2 is not between 0 and 1",
    )
