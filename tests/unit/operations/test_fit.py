"""A fitted model is a folder that proves itself, and scores a portfolio that has no outcomes."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest

from tallystick.operations.fit import FitRequest, fit
from tallystick.operations.progress import Silent
from tallystick.operations.review import review
from tallystick.operations.scoring import ScoringFault, read_model
from tallystick.operations.watch import WatchRequest, watch
from tallystick.operations.whole_files import OutputFault
from tallystick.scoring.manifest import ModelFilesFault


@pytest.fixture(scope="module")
def model_folder(simulated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    fit(FitRequest(data=simulated_file, mapping="tallystick", out=folder, kind="scorecard"), progress=Silent())
    return folder


def test_the_folder_loads_as_the_model_that_was_fitted(model_folder: Path, simulated_file: Path) -> None:
    fitted = read_model(model_folder)
    assert fitted.manifest.kind == "scorecard"
    assert fitted.manifest.rows > fitted.manifest.bads > 50
    assert 0.7 < (fitted.manifest.metrics["auc_out_of_fold"] or 0) < 0.95
    again = fit(
        FitRequest(data=simulated_file, mapping="tallystick", out=model_folder, kind="scorecard"), progress=Silent()
    )
    assert again.model_id == fitted.model_id


def test_a_scorecard_is_written_as_tables_and_sql_too(model_folder: Path) -> None:
    readable = model_folder / "readable"
    assert sorted(path.name for path in readable.iterdir()) == ["scorecard.csv", "scorecard.sql", "scorecard.toml"]
    assert "CASE" in (readable / "scorecard.sql").read_text(encoding="utf-8")


def test_a_portfolio_has_not_moved_from_itself_and_has_from_another(simulated_file: Path, tmp_path: Path) -> None:
    still = watch(WatchRequest(simulated_file, simulated_file, "tallystick"), progress=Silent())
    assert not any(each.alarm for each in still)
    table = pyarrow.parquet.read_table(simulated_file)
    place = table.column_names.index("balance_minor_m0")
    doubled = table.set_column(place, "balance_minor_m0", pc.multiply(table.column(place), 2))
    pyarrow.parquet.write_table(doubled, tmp_path / "moved.parquet")
    moved = watch(WatchRequest(tmp_path / "moved.parquet", simulated_file, "tallystick"), progress=Silent())
    assert {"utilization_m0", "balance_m0"} <= {each.name for each in moved if each.alarm}
    assert moved[0].value / moved[0].limit >= moved[-1].value / moved[-1].limit


def test_a_model_scores_a_portfolio_whose_outcomes_are_unknown(
    model_folder: Path, reviewed: Any, tmp_path: Path
) -> None:
    table = pyarrow.parquet.read_table(reviewed.request.data)
    unknown = table.set_column(table.column_names.index("outcome"), "outcome", pa.nulls(table.num_rows, pa.int8()))
    pyarrow.parquet.write_table(unknown, tmp_path / "open.parquet")
    request = replace(reviewed.request, data=tmp_path / "open.parquet", model=model_folder, out=tmp_path / "out")
    summary = review(request, progress=Silent())
    assert summary["model"]["out_of_fold"] is False
    assert summary["model"]["metrics"] == []
    assert summary["model"]["model_id"] == read_model(model_folder).model_id
    assert summary["scenarios"][2]["increases"] > 0


def test_an_altered_weight_is_refused_by_name(model_folder: Path, tmp_path: Path) -> None:
    for path in model_folder.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = tmp_path / "scorecard.json"
    weights.write_text(weights.read_text(encoding="utf-8").replace("0", "1", 1), encoding="utf-8")
    with pytest.raises(ModelFilesFault, match=r"scorecard\.json was altered"):
        read_model(tmp_path)


def test_a_folder_of_other_things_is_not_overwritten(simulated_file: Path, tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputFault, match="holds other files"):
        fit(FitRequest(data=simulated_file, mapping="tallystick", out=tmp_path, kind="scorecard"), progress=Silent())
    assert (tmp_path / "letters.txt").read_text(encoding="utf-8") == "mine"


def test_a_model_folder_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ScoringFault, match="tallystick fit"):
        read_model(tmp_path / "nowhere")


def test_a_model_is_not_asked_about_what_a_portfolio_lacks(model_folder: Path, reviewed: Any, tmp_path: Path) -> None:
    text = files("tallystick.sources").joinpath("mappings/tallystick.toml").read_text(encoding="utf-8")
    start = text.index("[field.paid]")
    end = text.find("\n[field.", start + 1)
    mapping = tmp_path / "without_payments.toml"
    mapping.write_text(text[:start] + text[end + 1 :], encoding="utf-8")
    request = replace(reviewed.request, mapping=str(mapping), model=model_folder, out=tmp_path / "out")
    with pytest.raises(ScoringFault, match=r"the model reads .*paid.* do not give: map those fields"):
        review(request, progress=Silent())


def test_a_model_keeps_its_own_window_whatever_the_mapping_says(
    model_folder: Path, reviewed: Any, tmp_path: Path
) -> None:
    text = files("tallystick.sources").joinpath("mappings/tallystick.toml").read_text(encoding="utf-8")
    mapping = tmp_path / "other_window.toml"
    mapping.write_text(
        text.replace("horizon_months = 12", "horizon_months = 3").replace('"as_is"', '"constant_hazard"'),
        encoding="utf-8",
    )
    usual = review(replace(reviewed.request, model=model_folder, out=tmp_path / "a"), progress=Silent())
    other = replace(reviewed.request, mapping=str(mapping), model=model_folder, out=tmp_path / "b")
    assert review(other, progress=Silent())["scenarios"] == usual["scenarios"]
