"""Raw rows as requests and streams: rows of one second keep their order, and a week is a week."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.training_sample import CONFIG

from tallystick.features.as_of_build import build_as_of
from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.sources.raw_events import RawEvents, read_raw_events
from tallystick.sources.training_form import parse_training
from tallystick.terms.form import FormFaults

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)


def raw_of(folder: Path, instants: list[datetime]) -> RawEvents:
    """One borrower's purchases at one terminal at these instants, numbered as they stand."""
    config = parse_training(CONFIG, file="c")
    assert config.events is not None
    size = len(instants)
    told: dict[str, list[object]] = {
        "card": [1] * size,
        "terminal": [1] * size,
        "amount": [1_000] * size,
        "scenario": [0] * size,
    }
    told |= {"fraud": ["1"] * size, "sex": ["f"] * size}
    rows = pa.table({"id": list(range(size)), "at": pa.array(instants, pa.timestamp("us", "UTC")), **told})
    pq.write_table(rows, folder / "events.parquet")
    return read_raw_events(folder / "events.parquet", source=config.events, rule=config.rule, file="c")


def values(raw: RawEvents, name: str) -> list[int | None]:
    """One feature of all requests in their order."""
    built = build_as_of(raw.requests, raw.streams, features=load_as_of_catalog().named([name]))
    return list(built.column(name).to_pylist())


def test_rows_of_one_second_see_those_before_them(tmp_path: Path) -> None:
    raw = raw_of(tmp_path, [NOON, NOON, NOON, NOON + timedelta(seconds=1)])
    assert values(raw, "borrower_purchase_count_1h") == [0, 1, 2, 3]


def test_what_happened_a_week_ago_to_the_second_is_outside_whoever_shared_that_second(tmp_path: Path) -> None:
    raw = raw_of(tmp_path, [NOON, NOON, NOON, NOON + timedelta(days=7), NOON + timedelta(days=7, seconds=-1)])
    assert values(raw, "borrower_purchase_count_7d") == [0, 1, 2, 1, 3]


def test_a_label_is_known_after_its_delay_to_the_second(tmp_path: Path) -> None:
    raw = raw_of(tmp_path, [NOON, NOON, NOON + timedelta(days=7, seconds=-1), NOON + timedelta(days=7)])
    assert values(raw, "terminal_label_count_30d") == [0, 0, 0, 2]


def test_ticks_are_the_instants_and_keep_their_order(tmp_path: Path) -> None:
    instants = [NOON + timedelta(seconds=7 * second) for second in range(50)] * 2
    ticks = raw_of(tmp_path, instants).requests.column("tick").to_pylist()
    exact = [int(instant.timestamp() * 1_000_000) for instant in instants]
    assert [tick // 1_000_000 * 1_000_000 for tick in ticks] == exact
    assert sorted(range(100), key=ticks.__getitem__) == sorted(range(100), key=lambda row: (exact[row], row))


def test_more_rows_at_one_time_of_day_than_fit_before_the_next_are_refused_by_name(tmp_path: Path) -> None:
    instants = [NOON + timedelta(days=day) for day in range(3)] + [NOON + timedelta(days=2, microseconds=1)]
    with pytest.raises(FormFaults, match=r"events\.at"):
        raw_of(tmp_path, instants)
