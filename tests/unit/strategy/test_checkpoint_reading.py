"""What is refused of a checkpoint's folder, with every fault at once; and what is known of one that is accepted."""

from importlib.metadata import version

import numpy as np
import pyarrow as pa
import pytest
from tests.checkpoints import (
    SMALL_FORM,
    SMALL_TABLES,
    cases,
    compiled,
    small_files,
    standard_checkpoint,
    standard_files,
)

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.scoring.calibration import fit_calibration
from tallystick.scoring.manifest import Manifest, model_files, training_hash
from tallystick.scoring.model import ModelFeature
from tallystick.scoring.scorecard import ScorecardSettings, fit_scorecard
from tallystick.strategy.case_columns import CASE_COLUMNS, CHECKPOINT_OUTPUTS, OUTCOME_TEXTS, CheckpointName
from tallystick.strategy.checkpoint_reading import read_checkpoints
from tallystick.strategy.economics import StrategyFaults

AUTHORIZE, APPLY = CheckpointName.AUTHORIZE, CheckpointName.APPLY


def _faults(name: CheckpointName = AUTHORIZE, **changes: str) -> str:
    with pytest.raises(StrategyFaults) as refused:
        compiled(name, small_files(**changes))
    return "\n".join(refused.value.faults)


def _edited(table: str, old: str, new: str) -> str:
    assert old in SMALL_TABLES[table]
    return SMALL_TABLES[table].replace(old, new, 1)


def _form(old: str, new: str) -> str:
    assert old in SMALL_FORM
    return SMALL_FORM.replace(old, new, 1)


def test_the_standard_strategy_has_no_fault_and_ships_a_model_of_purchases_alone() -> None:
    checkpoint = standard_checkpoint(AUTHORIZE)
    assert checkpoint.scores == ("fraud_ppm",)
    assert [model.column for model in checkpoint.models] == ["fraud_ppm"]
    assert standard_checkpoint(CheckpointName.APPLY).models == ()
    assert len(checkpoint.steps) == 11
    assert checkpoint.timeout_outcome == "decline"
    assert checkpoint.unavailable == ("decline", "TRY_AGAIN")
    assert checkpoint.reasons["TRY_AGAIN"][1].startswith("We cannot decide right now")


def test_names_of_case_figures_are_not_those_of_features_and_outcomes_have_words() -> None:
    features = load_as_of_catalog().by_name
    for name, columns in CASE_COLUMNS.items():
        names = [column.name for column in columns]
        outputs = CHECKPOINT_OUTPUTS[name]
        assert len(set(names)) == len(names)
        assert not set(names) & set(features)
        assert not set(names) & {*outputs.deciding, *outputs.telling}
        assert set(outputs.outcomes) <= set(OUTCOME_TEXTS)
        moved = {moved for column in columns for moved in column.moves}
        assert moved <= set(names)


def test_every_fault_of_every_file_is_told_at_once() -> None:
    told = _faults(form=_form('purpose = "credit"\nzh = "大小"', 'purpose = "credt"\nzh = "大小"'))
    assert "step[1].purpose: 'credt' is none of its words; did you mean credit?" in told
    told = _faults(
        line_csv=_edited("line.csv", "days_past_due > 2", "days_past_du > 2"),
        history_csv=_edited("history.csv", "CALM,平静,Calm", "CALM,,Calm"),
        last_csv=_edited("last.csv", "approve", "aprove"),
    )
    assert "authorize/line.csv, row 3, when: " in told
    assert "days_past_due" in told
    assert "authorize/history.csv, row 5, zh: reason 'CALM' has no text" in told
    assert "authorize/last.csv, row 3, outcome: 'aprove' is no value of it; the nearest is `approve`" in told


def test_a_missing_table_and_one_that_no_step_reads_are_told() -> None:
    files = small_files()
    table = files.pop("authorize/size.csv")
    with pytest.raises(StrategyFaults) as refused:
        compiled(AUTHORIZE, {**files, "authorize/sizes.csv": table})
    told = "\n".join(refused.value.faults)
    assert "authorize/size.csv: missing from the strategy folder" in told
    assert "authorize/sizes.csv: no step reads this table" in told


def test_a_case_may_not_fall_through_all_steps() -> None:
    told = _faults(last_csv=_edited("last.csv", "approve", "continue"))
    assert "step last: it is the last to decide, and row passed lets cases continue" in told
    told = _faults(line_csv=_edited("line.csv", "continue", "approve"))
    assert "step line: it decides every case, so no later step ever does" in told


@pytest.mark.parametrize(
    ("old", "new", "slips"),
    [
        ("unknown,line_purchase_count_1d IS NULL,continue,0,0,UNKNOWN,未知,Not known\n", "", "busy"),
        # asked for only in part
        (
            "unknown,line_purchase_count_1d IS NULL,",
            "unknown,line_purchase_count_1d IS NULL AND days_past_due = 0,",
            "busy",
        ),
    ],
)
def test_a_missing_value_may_not_slip_by(old: str, new: str, slips: str) -> None:
    told = _faults(history_csv=_edited("history.csv", old, new))
    assert f"with line_purchase_count_1d missing row {slips} is passed by in silence and calm decides" in told


def test_a_row_that_lets_pass_may_be_passed_by() -> None:
    """Without the count nobody is approved early: what a later row then says is no slip."""
    line = SMALL_TABLES["line.csv"].replace(
        "fine,otherwise", "early,line_purchase_count_1d = 0,approve,EARLY,提前,Early\nfine,otherwise"
    )
    checkpoint = compiled(AUTHORIZE, small_files(line_csv=line))
    assert [row.id for row in checkpoint.steps[0].table.rows] == ["frozen", "late", "over", "early", "fine"]


def test_a_row_for_missing_values_in_the_form_is_enough() -> None:
    table = _edited("history.csv", "unknown,line_purchase_count_1d IS NULL,", "unknown,missing,")
    form = _form('zh = "历史"\nen = "History"', 'zh = "历史"\nen = "History"\non_missing = "unknown"')
    compiled(AUTHORIZE, small_files(history_csv=table, form=form))


def test_a_credit_step_may_not_read_what_a_credit_decision_may_not() -> None:
    """Neither a feature of the device, nor a figure for fraud checks, nor what a fraud step tells of them."""
    direct = _faults(last_csv=_edited("last.csv", "months_on_book < 2", "is_night IS NULL OR is_night AND has_device"))
    assert "authorize/last.csv: step last decides on credit and reads is_night: the catalog of features says" in direct
    assert "reads has_device: it is for fraud checks alone" in direct
    size = _edited("size.csv", "amount_minor * 2 > limit_minor", "amount_minor * 2 > limit_minor AND has_device")
    form = _form('purpose = "credit"\nzh = "大小"', 'purpose = "fraud"\nzh = "大小"')
    told = _faults(size_csv=size, form=form)
    assert "step history decides on credit and reads size: step 'size' tells it for fraud checks" in told
    compiled(AUTHORIZE, small_files(size_csv=size, form=form.replace('"credit"\nzh = "历史"', '"fraud"\nzh = "历史"')))


def test_faults_between_form_and_tables() -> None:
    told = _faults(
        form=SMALL_FORM.replace('outcome = "decline", reason', 'outcome = "approve", reason')
        .replace('timeout_outcome = "decline"', 'timeout_outcome = "step_up"')
        .replace('gives = ["outcome", "priority", "deadline_minutes"]', 'gives = ["outcome", "priority"]')
        .replace('product = "baitiao"', 'product = "baitia"'),
        history_csv=SMALL_TABLES["history.csv"]
        .replace("priority,deadline_minutes", "priority")
        .replace("review,2,30", "review,0")
        .replace("review,3,60", "review,3")
        .replace("continue,0,0", "continue,0"),
    )
    assert "unavailable.outcome: 'approve' is not safe; use one of step_up, review, decline" in told
    assert "review.timeout_outcome: 'step_up' ends no review; use approve or decline" in told
    assert "authorize/history.csv: row 2, priority: a review needs one" in told
    assert "authorize/history.csv: row 2, deadline_minutes: a review needs one" in told
    assert "product: 'baitia' is not known; use one of baitiao" in told
    assert "review: missing" in _faults(form=_form('review = { timeout_outcome = "decline" }\n', ""))


def test_offers_are_prices_of_the_product() -> None:
    told = _faults(offers_csv=_edited("offers.csv", "none,0,", "standard,36,"))
    assert "step offers, row 2: installments: installments_not_offered" in told
    told = _faults(offers_csv=_edited("offers.csv", "none,0,", "gold,12,"))
    assert "price_unknown" in told
    compiled(AUTHORIZE, small_files(offers_csv=_edited("offers.csv", "none,0,", "merchant_free,12,")))


def test_what_a_step_may_give() -> None:
    told = _faults(
        form=_form('gives = ["price_code", "most_installments"]', 'gives = ["price_code", "most_instalments"]')
    )
    assert "'most_instalments' has no meaning of its own; the nearest is `most_installments`" in told
    assert "no step gives most_installments; authorize answers with it" in told
    told = _faults(form=_form('gives = ["price_code", "most_installments"]', 'gives = ["price_code", "priority"]'))
    assert "step offers: it gives priority beside what it may" in told
    told = _faults(
        form=_form("outputs.size =", "outputs.amount_minor ="), size_csv=_edited("size.csv", ",size,", ",amount_minor,")
    )
    assert "'amount_minor' is taken" in told


def test_a_freeze_belongs_to_a_refusal_and_a_code_has_one_text() -> None:
    form = _form(
        'zh = "额度"\nen = "The line"\ngives = ["outcome"]',
        'zh = "额度"\nen = "The line"\ngives = ["outcome", "action"]',
    )
    line = SMALL_TABLES["line.csv"].replace("outcome,", "outcome,action,").replace("decline,", "decline,none,")
    told = _faults(form=form, line_csv=line.replace("continue,", "continue,freeze_line,"))
    assert "row 5, action: 'freeze_line' on a case that goes on" in told
    told = _faults(last_csv=_edited("last.csv", "YOUNG,新额度,A new line", "LATE,晚,Late"))
    assert "authorize/last.csv: reason 'LATE' has another text in authorize/line.csv" in told


def test_a_share_may_only_go_to_another_row_that_there_is() -> None:
    for block, fault in (
        ('{ rows = ["lat"], to = "fine", share_ppm = 1000, salt = "s" }', "no row has the id 'lat'"),
        ('{ rows = ["late"], to = "late", share_ppm = 1000, salt = "s" }', "cannot be given its own cases"),
        ('{ rows = ["late"], to = "fine", share_ppm = 500_001, salt = "s" }', "500001 is out of range"),
    ):
        form = _form('zh = "额度"\nen = "The line"', f'zh = "额度"\nen = "The line"\nrandomized = {block}')
        assert fault in _faults(form=form)


def test_an_application_needs_a_bound_that_declines_and_limits_of_the_product() -> None:
    files = standard_files()
    income = files["apply/income.csv"].decode().replace("affordable_minor < 50000", "joint_limit_minor > 90000000")
    income = income.replace("affordable_minor IS NULL", "income_month_minor IS NULL")
    limits = files["apply/first_limit.csv"].decode().replace("5000000,LIMIT_AB_TOP", "6000000,LIMIT_AB_TOP")
    with pytest.raises(StrategyFaults) as refused:
        compiled(APPLY, {**files, "apply/income.csv": income.encode(), "apply/first_limit.csv": limits.encode()})
    told = "\n".join(refused.value.faults)
    assert "affordability: no deciding step reads affordable_minor" in told
    assert "step first_limit, row 4, limit_minor: baitiao has limits from 50000 to 5000000" in told


def test_checkpoints_to_come_have_their_place_and_others_none() -> None:
    place = {"watch/checkpoint.toml": 'zh = "监测"\nen = "Watch"'.encode(), "watch/rules.csv": b"anything"}
    read = read_checkpoints({**small_files(), **place}, catalog=load_as_of_catalog())
    assert list(read) == [AUTHORIZE]
    with pytest.raises(StrategyFaults) as refused:
        read_checkpoints(
            {"collect/checkpoint.toml": b'zh = "x"', "authorise/line.csv": b""},
            catalog=load_as_of_catalog(),
        )
    told = "\n".join(refused.value.faults)
    assert "authorise/: no checkpoint has this name; the nearest is `authorize`" in told
    assert "collect/checkpoint.toml: en: missing" in told


# models


def _model(*features: str) -> dict[str, bytes]:
    generator = np.random.default_rng(3)
    table = pa.table({name: generator.integers(0, 9, 2_000).astype(np.float64) for name in features})
    chance = sum(table.column(name).to_numpy() for name in features) / (12.0 * len(features))
    outcome = (generator.random(2_000) < chance).astype(np.int8)
    read = tuple(ModelFeature(name, "numeric", "none") for name in features)
    model = fit_scorecard(table, outcome, read, ScorecardSettings(), seed=1)
    calibration = fit_calibration(model.log_odds(table), outcome)
    manifest = Manifest(
        kind=model.kind, features=tuple(model.features), label="fraud", horizon_months=1, pd_horizon="as_is",
        currency="CNY", training_sha256=training_hash(table, outcome, read), rows=2_000, bads=int(outcome.sum()),
        seed=1, settings={}, versions={"numpy": version("numpy")}, metrics={}, monotone_verified=True,
    )  # fmt: skip
    return {f"models/fraud/{name}": text for name, text in model_files(model, calibration, manifest).items()}


def _with_model(files: dict[str, bytes], *, more: str = "") -> dict[str, bytes]:
    form = standard_files()["authorize/checkpoint.toml"].decode()
    before, rest = form.split("[models.fraud]\n", 1)
    named = f'{before}[models.fraud]\nfolder = "models/fraud"{more}\n{rest[rest.index("column =") :]}'
    others = {path: text for path, text in standard_files().items() if not path.startswith("models/fraud/")}
    return {**others, **files, "authorize/checkpoint.toml": named.encode()}


def test_a_model_of_the_folder_scores_in_whole_ppm_and_its_features_are_known() -> None:
    files = _with_model(
        _model("line_purchase_count_7d", "device_purchase_count_7d"), more='\nneeds = ["device_purchase_count_7d"]'
    )
    checkpoint = compiled(AUTHORIZE, files)
    assert {"line_purchase_count_7d", "device_purchase_count_7d"} <= set(checkpoint.features)
    columns = {
        "line_purchase_count_7d": np.array([0.0, 8.0, 8.0, np.nan]),
        "device_purchase_count_7d": np.array([0.0, 8.0, np.nan, 1.0]),
    }
    scores = checkpoint.score(columns)["fraud_ppm"]
    assert scores[0] < scores[1]
    assert (scores[[0, 1, 3]] == scores[[0, 1, 3]].round()).all()
    assert np.isnan(scores).tolist() == [False, False, True, False]  # what it needs is not known
    away = checkpoint.score({"line_purchase_count_7d": columns["line_purchase_count_7d"]})
    assert np.isnan(away["fraud_ppm"]).all()
    assert standard_checkpoint(AUTHORIZE).score(columns)["fraud_ppm"].shape == (4,)
    assert compiled(AUTHORIZE, files).sha256 == checkpoint.sha256 != standard_checkpoint(AUTHORIZE).sha256


def test_a_model_that_was_altered_or_reads_what_nobody_knows_is_refused() -> None:
    files = _with_model(_model("line_purchase_count_7d", "no_such_feature"), more='\nneeds = ["device_label_count_1d"]')
    with pytest.raises(StrategyFaults) as refused:
        compiled(AUTHORIZE, files)
    told = "\n".join(refused.value.faults)
    assert "models.fraud: the model reads no_such_feature, which is no feature" in told
    assert "models.fraud.needs: the model does not read 'device_label_count_1d'" in told
    altered = {**files, "models/fraud/calibration.json": b"{}"}
    with pytest.raises(StrategyFaults, match="was altered"):
        compiled(AUTHORIZE, altered)
    with pytest.raises(StrategyFaults, match="is missing: this is not a model folder"):
        compiled(AUTHORIZE, _with_model({}))


def test_a_credit_step_may_not_read_a_score_that_is_made_of_what_it_may_not() -> None:
    files = _with_model(_model("line_purchase_count_7d", "device_purchase_count_7d"))
    form = (
        files["authorize/checkpoint.toml"]
        .decode()
        .replace('table = "fraud_score.csv"\npurpose = "fraud"', 'table = "fraud_score.csv"\npurpose = "credit"')
    )
    with pytest.raises(StrategyFaults, match="reads fraud_ppm: its model reads device_purchase_count_7d"):
        compiled(AUTHORIZE, {**files, "authorize/checkpoint.toml": form.encode()})


def test_a_score_of_the_caller_decides_like_one_of_the_model() -> None:
    checkpoint = standard_checkpoint(AUTHORIZE)
    decided = checkpoint.decide(cases(AUTHORIZE, {"fraud_ppm": 600_000}, {"fraud_ppm": 199_999}, {"fraud_ppm": 0}))
    assert decided.outcome.tolist() == ["decline", "step_up", "approve"]
    assert decided.outputs["action"].tolist() == ["freeze_line", "none", "none"]
