"""A checkpoint at work: order of steps, reasons, outputs, chance, and one case like many."""

from typing import Any

import numpy as np
import pytest
from tests.checkpoints import (
    SMALL_FORM,
    SMALL_TABLES,
    USUAL,
    cases,
    compiled,
    other_line_ends,
    random_cases,
    small_files,
    standard_checkpoint,
    standard_files,
)

from tallystick.scoring.model import ColumnFault
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.checkpoint import LARGEST_REASONS, Checkpoint

AUTHORIZE, APPLY = CheckpointName.AUTHORIZE, CheckpointName.APPLY
SMALL = compiled(AUTHORIZE, small_files())


def _small(**changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "line_is_frozen": False, "days_past_due": 0, "amount_minor": 3, "available_minor": 10, "limit_minor": 10,
        "drawn_minor": 0, "months_on_book": 9, "line_purchase_count_1d": 0,
    }  # fmt: skip
    return {name: np.array([value]) for name, value in {**usual, **changes}.items()}


def test_only_what_a_table_reads_is_asked_for() -> None:
    assert set(SMALL.case_types) == set(_small())
    assert SMALL.features == ("line_purchase_count_1d",)


def test_the_first_step_that_does_not_continue_decides_and_all_that_refuse_give_reasons() -> None:
    decided = SMALL.decide(_small(days_past_due=3, drawn_minor=9, amount_minor=3))
    assert decided.outcome.tolist() == ["decline"]
    assert decided.decided_by.tolist() == [0]
    assert decided.reasons == (("LATE",),)  # the later review is milder than the decline, and no reason for it
    review = SMALL.decide(_small(drawn_minor=9, months_on_book=1, amount_minor=4))
    assert review.outcome.tolist() == ["review"]
    assert review.reasons == (("SHARE", "YOUNG"),)  # the later decline is no milder
    assert review.outputs["priority"].tolist() == [3]
    assert review.outputs["deadline_minutes"].tolist() == [60]
    assert review.outputs["action"].tolist() == ["none"]


def test_a_case_that_passes_has_no_reasons_and_knows_its_rows() -> None:
    decided = SMALL.decide(_small())
    assert decided.outcome.tolist() == ["approve"]
    assert decided.reasons == ((),)
    assert {name: rows.tolist() for name, rows in decided.rows.items()} == {
        "line": [3], "size": [1], "history": [3], "last": [1], "offers": [0],
    }  # fmt: skip
    assert decided.probability_ppm.tolist() == [1_000_000]


def test_what_one_step_tells_the_next_reads() -> None:
    """Above half of the limit an order is large, and then three quarters of the line are the most."""
    small, large = _small(amount_minor=5, drawn_minor=4), _small(amount_minor=6, drawn_minor=4)
    assert SMALL.decide(small).outputs["size"].tolist() == ["small"]
    assert SMALL.decide(small).outcome.tolist() == ["approve"]
    assert SMALL.decide(large).outputs["size"].tolist() == ["large"]
    assert SMALL.decide(large).outcome.tolist() == ["review"]
    busy = _small(amount_minor=6, line_purchase_count_1d=3)
    assert SMALL.decide(busy).reasons == (("BUSY",),)


def test_at_most_four_reasons_each_once() -> None:
    everything_wrong = {
        "borrower_is_blocked": True, "age_years": 17, "charged_off_lines_count": 1, "device_is_blocked": True,
        "bureau_inquiries_90d": 12, "bureau_score": 300,
    }  # fmt: skip
    (reasons,) = standard_checkpoint(APPLY).decide(cases(APPLY, everything_wrong)).reasons
    assert reasons == ("APPLICANT_BLOCKED", "TOO_YOUNG", "CHARGED_OFF_BEFORE", "MANY_INQUIRIES")
    assert len(reasons) == LARGEST_REASONS


@pytest.mark.parametrize("name", list(USUAL))
def test_one_by_one_equals_as_a_batch(name: CheckpointName) -> None:
    checkpoint = standard_checkpoint(name)
    columns = random_cases(checkpoint, 400, seed=5)
    ids = list(range(400))
    whole = checkpoint.decide(columns, request_ids=ids)
    assert len(set(whole.outcome.tolist())) == len(checkpoint.outcomes)
    for case in range(400):
        one = checkpoint.decide({key: value[case : case + 1] for key, value in columns.items()}, request_ids=[case])
        assert one.outcome[0] == whole.outcome[case]
        assert one.reasons[0] == whole.reasons[case]
        assert one.probability_ppm[0] == whole.probability_ppm[case]
        assert {key: value[0] for key, value in one.outputs.items()} == {
            key: value[case] for key, value in whole.outputs.items()
        }
        assert [rows[0] for rows in one.rows.values()] == [rows[case] for rows in whole.rows.values()]


def test_large_batches_and_arrow_tables_decide_the_same() -> None:
    checkpoint = standard_checkpoint(AUTHORIZE)
    columns = random_cases(checkpoint, 3_000, seed=6)
    whole = checkpoint.decide(columns)
    parts = [
        checkpoint.decide({key: value[start : start + 200] for key, value in columns.items()})
        for start in range(0, 3_000, 200)
    ]
    assert np.concatenate([part.outcome for part in parts]).tolist() == whole.outcome.tolist()
    assert tuple(reasons for part in parts for reasons in part.reasons) == whole.reasons


def test_no_cases_are_decided_as_no_cases() -> None:
    decided = SMALL.decide({name: values[:0] for name, values in _small().items()})
    assert decided.outcome.shape == (0,)
    assert decided.reasons == ()


def test_a_column_that_breaks_its_type_is_refused_by_name() -> None:
    with pytest.raises(ColumnFault, match="`amount_minor` holds 0"):
        SMALL.decide(_small(amount_minor=0))
    with pytest.raises(ColumnFault, match="`days_past_due` is absent"):
        SMALL.decide({name: values for name, values in _small().items() if name != "days_past_due"})
    with pytest.raises(ColumnFault, match="`limit_minor` is declared never missing"):
        SMALL.decide(_small(limit_minor=np.nan))
    with pytest.raises(ColumnFault, match="`days_past_due` is declared whole"):
        SMALL.decide(_small(days_past_due=0.5))


# chance

_RANDOMIZED = SMALL_FORM.replace(
    'zh = "额度"\nen = "The line"', 'zh = "额度"\nen = "The line"\n'
    'randomized = { rows = ["late"], to = "fine", share_ppm = 200_000, salt = "s" }'
)  # fmt: skip


def _many(checkpoint: Checkpoint, count: int = 20_000, **changes: Any) -> Any:
    columns = {name: np.repeat(values, count) for name, values in _small(**changes).items()}
    return checkpoint.decide(columns, request_ids=[f"auth_{place}" for place in range(count)])


def test_a_share_of_the_refused_goes_on_and_its_probability_is_recorded() -> None:
    checkpoint = compiled(AUTHORIZE, small_files(form=_RANDOMIZED))
    decided = _many(checkpoint, days_past_due=3)
    let_on = decided.outcome == "approve"
    assert abs(let_on.mean() - 0.2) < 4 * (0.2 * 0.8 / 20_000) ** 0.5
    assert set(decided.probability_ppm[let_on].round(6)) == {200_000.0}
    assert set(decided.probability_ppm[~let_on].round(6)) == {800_000.0}
    assert (decided.is_explored == let_on).all()
    assert (decided.rows["line"][let_on] == 3).all()
    # what no chance touches is certain, and the same request gets the same answer
    assert set(_many(checkpoint, days_past_due=0).probability_ppm) == {1_000_000.0}
    assert (_many(checkpoint, days_past_due=3).outcome == decided.outcome).all()
    # without requests nothing is randomized
    assert checkpoint.decide(_small(days_past_due=3)).outcome.tolist() == ["decline"]


def test_the_probability_is_of_the_outcome_not_of_the_way_to_it() -> None:
    """A case that chance lets pass the first step is reviewed by a later one, or declined by the last."""
    last = SMALL_TABLES["last.csv"].replace('"months_on_book < 2 AND ABS(amount_minor - 5) <= 1"', "months_on_book < 2")
    checkpoint = compiled(AUTHORIZE, small_files(form=_RANDOMIZED, last_csv=last))
    twice = _many(checkpoint, days_past_due=3, months_on_book=1)
    assert set(twice.outcome) == {"decline"}  # either way
    assert set(twice.probability_ppm.round(6)) == {1_000_000.0}
    assert 0.15 < twice.is_explored.mean() < 0.25
    reviewed = _many(checkpoint, days_past_due=3, drawn_minor=9, months_on_book=1)
    assert set(reviewed.probability_ppm[reviewed.outcome == "review"].round(6)) == {200_000.0}


def test_a_share_of_those_that_would_pass_may_be_refused_and_its_probability_is_recorded() -> None:
    """A tenth of what a later step would approve is declined by the first: 0.1, and 0.9 for the rest."""
    form = _RANDOMIZED.replace(
        'rows = ["late"], to = "fine", share_ppm = 200_000', 'rows = ["fine"], to = "late", share_ppm = 100_000'
    )
    checkpoint = compiled(AUTHORIZE, small_files(form=form))
    decided = _many(checkpoint)
    declined = decided.outcome == "decline"
    assert abs(declined.mean() - 0.1) < 4 * (0.1 * 0.9 / 20_000) ** 0.5
    assert set(decided.probability_ppm[declined].round(6)) == {100_000.0}
    assert set(decided.probability_ppm[~declined].round(6)) == {900_000.0}
    # what the last step declines is declined either way
    last = SMALL_TABLES["last.csv"].replace('"months_on_book < 2 AND ABS(amount_minor - 5) <= 1"', "months_on_book < 2")
    young = _many(compiled(AUTHORIZE, small_files(form=form, last_csv=last)), months_on_book=1)
    assert set(young.probability_ppm.round(6)) == {1_000_000.0}


def test_what_chance_tells_later_steps_read_and_the_probability_is_of_both() -> None:
    """Told to be small, a large order has the whole line to itself: 8 of 10 pass, where large ones stop at 7.5."""
    form = SMALL_FORM.replace(
        'zh = "大小"\nen = "Size"', 'zh = "大小"\nen = "Size"\n'
        'randomized = { rows = ["large"], to = "small", share_ppm = 300_000, salt = "s" }'
    )  # fmt: skip
    decided = _many(compiled(AUTHORIZE, small_files(form=form)), amount_minor=8)
    passed = decided.outcome == "approve"
    assert abs(passed.mean() - 0.3) < 4 * (0.3 * 0.7 / 20_000) ** 0.5
    assert set(decided.outcome[~passed]) == {"review"}
    assert set(decided.outputs["size"][passed]) == {"small"}
    assert set(decided.probability_ppm[passed].round(6)) == {300_000.0}
    assert set(decided.probability_ppm[~passed].round(6)) == {700_000.0}


_TWICE_RANDOMIZED = _RANDOMIZED.replace(
    'zh = "大小"\nen = "Size"', 'zh = "大小"\nen = "Size"\n'
    'randomized = { rows = ["large"], to = "small", share_ppm = 300_000, salt = "s" }'
)  # fmt: skip


def test_what_chance_tells_is_no_part_of_the_outcomes_probability() -> None:
    """An order of 6 of 10 passes whether it is told to be large or small: approved for certain."""
    decided = _many(compiled(AUTHORIZE, small_files(form=_TWICE_RANDOMIZED)), amount_minor=6)
    assert set(decided.outcome) == {"approve"}
    assert set(decided.outputs["size"]) == {"small", "large"}
    assert set(decided.probability_ppm) == {1_000_000.0}


def test_the_probabilities_of_all_outcomes_by_hand() -> None:
    """Past due and large: 0.8 are declined; of the 0.2 that go on 0.3 are told to be small, and pass."""
    checkpoint = compiled(AUTHORIZE, small_files(form=_TWICE_RANDOMIZED))
    chances = checkpoint.outcome_probabilities(_small(days_past_due=3, amount_minor=8))
    assert checkpoint.outcomes == ("approve", "step_up", "review", "decline")
    assert chances[0] == pytest.approx([0.2 * 0.3, 0.0, 0.2 * 0.7, 0.8], abs=1e-12)
    assert SMALL.outcome_probabilities(_small(days_past_due=3)).tolist() == [[0.0, 0.0, 0.0, 1.0]]
    assert checkpoint.outcome_probabilities({name: each[:0] for name, each in _small().items()}).shape == (0, 4)


@pytest.mark.parametrize("name", ["twice", "authorize", "apply"])
def test_the_probabilities_sum_to_one_and_hold_what_is_recorded_and_what_happens(name: str) -> None:
    checkpoint = (
        compiled(AUTHORIZE, small_files(form=_TWICE_RANDOMIZED))
        if name == "twice"
        else standard_checkpoint(CheckpointName(name))
    )
    usual = {"days_past_due": 3, "amount_minor": 8} if name == "twice" else {}
    count, times = 40, 250
    if name == "twice":
        columns = {key: np.repeat(values, count) for key, values in _small(**usual).items()}
        columns["days_past_due"] = np.arange(count) % 5
        columns["drawn_minor"] = np.arange(count) % 3
    else:
        columns = random_cases(checkpoint, count, seed=8)
    if name == "apply":
        columns["pd_ppm"][:20] = 130_000.0  # grade F, of which one in a hundred goes on
    chances = checkpoint.outcome_probabilities(columns)
    assert chances.sum(axis=1) == pytest.approx(np.ones(count), abs=1e-12)
    assert chances.min() >= 0.0
    places = {outcome: place for place, outcome in enumerate(checkpoint.outcomes)}
    seen = np.zeros_like(chances)
    for time in range(times):
        decided = checkpoint.decide(columns, request_ids=[f"{time}/{case}" for case in range(count)])
        final = np.array([places[outcome] for outcome in decided.outcome])
        assert decided.probability_ppm == pytest.approx(chances[np.arange(count), final] * 1_000_000, rel=1e-12)
        seen[np.arange(count), final] += 1
    error = np.sqrt(chances * (1 - chances) / times)
    assert (np.abs(seen / times - chances) <= 5 * error + 1e-9).all()


def test_the_standard_strategy_lets_one_in_a_hundred_of_grade_f_through_at_a_small_limit() -> None:
    checkpoint = standard_checkpoint(APPLY)
    weak = cases(APPLY, *[{"pd_ppm": 130_000}] * 20_000)
    decided = checkpoint.decide(weak, request_ids=range(20_000))
    offered = decided.outcome == "offer"
    assert abs(offered.mean() - 0.01) < 0.003
    assert set(decided.outputs["limit_minor"][offered]) == {200_000}
    assert set(decided.reasons[int(np.flatnonzero(~offered)[0])]) == {"RISK_ABOVE_CUT_OFF"}


# the first limit


def test_a_first_limit_is_the_lower_of_the_table_and_what_is_affordable() -> None:
    checkpoint = standard_checkpoint(APPLY)
    decided = checkpoint.decide(
        cases(
            APPLY,
            {"pd_ppm": 5_000, "income_month_minor": 2_500_000, "income_is_proven": True},
            {"pd_ppm": 5_000, "income_month_minor": 2_500_000, "income_is_proven": False},
            {"pd_ppm": 5_000, "income_month_minor": 712_345},
            {"pd_ppm": 5_000, "income_month_minor": 712_345, "joint_limit_minor": 900_000},
            {"pd_ppm": 5_000, "income_month_minor": None},
            {"pd_ppm": 5_000, "income_month_minor": 712_345, "joint_limit_minor": 1_400_000},
            {"pd_ppm": 5_000, "income_month_minor": 90_000_000, "joint_limit_minor": 19_012_345},
            {"pd_ppm": 5_000, "income_month_minor": None, "joint_limit_minor": 19_812_345},
        )
    )
    assert decided.outputs["limit_minor"].tolist()[6:] == [980_000, 180_000]  # 200,000 yuan are the most of one person
    assert decided.outcome.tolist() == [*["offer"] * 5, "decline", "offer", "offer"]
    assert decided.outputs["limit_minor"].tolist()[:5] == [5_000_000, 3_000_000, 800_000, 520_000, 300_000]
    assert decided.reasons[5] == ("INCOME_TOO_LOW",)
    assert decided.outputs["price_code"].tolist() == ["standard"] * 8


def test_the_content_hash_covers_every_file_and_no_machine() -> None:
    files = standard_files()
    standard = compiled(APPLY, files).sha256
    assert compiled(APPLY, dict(reversed(files.items()))).sha256 == standard
    assert compiled(APPLY, other_line_ends(files)).sha256 == standard
    edited = {compiled(APPLY, {**files, name: files[name] + b"\n"}).sha256 for name in files}
    assert len(edited) == len(files)
    assert standard not in edited
    assert compiled(APPLY, {**files, "models/fraud/weights.txt": b"1"}).sha256 != standard
