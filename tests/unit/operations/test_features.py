"""Features from files: a folder of streams in, one Parquet file out."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from tallystick.features.as_of_build import StreamFaults
from tallystick.features.event_tables import EVENT_TABLES, REQUEST_SCHEMA
from tallystick.operations.features import FeatureUnknown, build_file, chosen_features
from tallystick.operations.progress import Silent
from tallystick.sources.files import FileFault

CHOSEN = chosen_features(["amount", "line_purchase_sum_7d"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One request, and purchases in two files of a folder."""
    asked = {"request_id": 9, "tick": 1_000, "kind": "purchase", "utc_offset_minutes": 480, "line_id": 5}
    pyarrow.parquet.write_table(pa.Table.from_pylist([asked], schema=REQUEST_SCHEMA), tmp_path / "requests.parquet")
    events = tmp_path / "events" / "purchase"
    events.mkdir(parents=True)
    for number, amount_minor in enumerate((300, 50)):
        row = {"event_id": number, "tick": 10 + number, "line_id": 5, "amount_minor": amount_minor}
        table = pa.Table.from_pylist([row], schema=EVENT_TABLES["purchase"].schema())
        pyarrow.parquet.write_table(table, events / f"part-{number}.parquet")
    return tmp_path


def built(folder: Path, *, events: Path | None = None, requests: Path | None = None) -> Path:
    """The file of features."""
    out = folder / "features.parquet"
    build_file(
        requests=requests or folder / "requests.parquet",
        events=events or folder / "events",
        out=out,
        features=CHOSEN,
        progress=Silent(),
    )
    return out


def test_files_give_features_and_the_same_files_the_same_bytes(folder: Path) -> None:
    first = built(folder).read_bytes()
    rows = pyarrow.parquet.read_table(folder / "features.parquet").to_pylist()
    assert rows == [{"request_id": 9, "amount": None, "line_purchase_sum_7d": 350}]
    assert built(folder).read_bytes() == first


def test_what_is_not_there_is_told_and_nothing_is_written(folder: Path) -> None:
    (folder / "none").mkdir()
    with pytest.raises(StreamFaults, match=r"purchase: missing; line_purchase_sum_7d read it: give it"):
        built(folder, events=folder / "none")
    with pytest.raises(FileFault, match="no such folder; give one with purchase"):
        built(folder, events=folder / "nowhere")
    with pytest.raises(FileFault, match=r"absent\.parquet: no such file"):
        built(folder, requests=folder / "absent.parquet")
    (folder / "text.parquet").write_text("not Parquet")
    with pytest.raises(FileFault, match="cannot be read as Parquet"):
        built(folder, requests=folder / "text.parquet")
    assert not (folder / "features.parquet").exists()


def test_a_feature_that_there_is_not_is_named() -> None:
    with pytest.raises(FeatureUnknown, match="no such feature: line_luck"):
        chosen_features(["line_luck"])
    assert {feature.entities for feature in chosen_features((), entity="phone")} == {("phone",)}
