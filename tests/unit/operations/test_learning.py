"""What a young lender's streams make of the shipped priors: a strategy that decides by them, and true figures."""

from datetime import date, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
import pytest
from tests.lender_sample import FIRST_DAY, write_lender

from tallystick.operations.learning import Learned, learn_from_streams
from tallystick.operations.priors import prior_files
from tallystick.operations.progress import Silent
from tallystick.operations.strategies import strategy_files, whole_strategy
from tallystick.scoring.manifest import load_model
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.economics import StrategyFaults

AS_OF: Final = FIRST_DAY + timedelta(days=364)


def learned(streams: Path, *, as_of: date = AS_OF) -> Learned:
    """What the standard strategy becomes."""
    return learn_from_streams(streams, as_of=as_of, strategy=strategy_files(None), progress=Silent())


@pytest.fixture(scope="module")
def risky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lender whose applicants fail far more often than those of the prior's world."""
    return write_lender(tmp_path_factory.mktemp("risky"), bad_share=0.9, fraud_share=0.2)


@pytest.fixture(scope="module")
def found(risky: Path) -> Learned:
    """What it learned in a year."""
    return learned(risky)


def model_of(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    """One model's folder."""
    inside = f"models/{name}/"
    return {path.removeprefix(inside): content for path, content in files.items() if path.startswith(inside)}


def test_the_strategy_decides_by_the_learned_models(found: Learned) -> None:
    """It holds together, and a checkpoint's score is the updated probability of the case."""
    strategy = whole_strategy(found.files, on=AS_OF)
    names = {name: [model.name for model in each.models] for name, each in strategy.checkpoints.items()}
    assert names == {
        CheckpointName.APPLY: ["application"], CheckpointName.AUTHORIZE: ["fraud"],
        CheckpointName.REVIEW_LIMIT: ["behavior"], CheckpointName.REPRICE: ["behavior"],
    }  # fmt: skip
    fitted = load_model(model_of(found.files, "application"))
    case = pa.table({each.name: [500.0] for each in fitted.model.features})
    prior = load_model(prior_files("application"))
    assert fitted.pd(case)[0] > prior.pd(case)[0]
    assert strategy.checkpoints[CheckpointName.APPLY].models[0].fitted.model_id == fitted.model_id
    assert fitted.manifest.settings["prior_model"] == prior.model_id
    assert fitted.manifest.settings["updated_as_of"] == AS_OF.isoformat()


def test_figures_tell_what_was_seen(found: Learned) -> None:
    application, behavior, fraud = found.models
    assert (application.rows, application.checkpoint) == (300, "apply")
    assert application.is_distinguishable
    assert application.auc is not None
    assert 0.5 < application.auc.low < application.auc.value < application.auc.high < 1.0
    assert 0.0 < application.shift.low < application.shift.value < application.shift.high
    # Of windows of a quarter no line in arrears is in the next one, so it is bad once; who was in arrears when lines
    # were first looked at, on day 89, is in none.
    assert application.bads / 2 < behavior.bads < application.bads
    assert fraud.rows == 870  # of 900 purchases 30 were declined
    assert 40 < fraud.bads < 80


def test_the_same_streams_give_the_same_bytes(risky: Path, found: Learned) -> None:
    assert learned(risky) == found


def test_before_the_first_bad_the_prior_stays(risky: Path) -> None:
    """A lender of seven weeks knows no outcome: every probability is the prior's."""
    found = learned(risky, as_of=FIRST_DAY + timedelta(days=50))
    for each in found.models:
        assert (each.bads, each.auc, each.is_distinguishable) == (0, None, False)
        assert (each.shift.value, each.slope.value) == (0.0, 1.0)
        before, after = prior_files(each.name), model_of(found.files, each.name)
        assert after["calibration.json"] == before["calibration.json"]


def test_a_strategy_without_a_place_for_a_model_is_refused(risky: Path) -> None:
    files = strategy_files(None)
    del files["reprice/checkpoint.toml"]
    with pytest.raises(StrategyFaults, match=r"reprice/checkpoint\.toml: missing"):
        learn_from_streams(risky, as_of=AS_OF, strategy=files, progress=Silent())
