"""Columns of a micro-batch are read as those of a million: the same values, and the same refusals."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from tallystick.scoring.model import ColumnFault
from tallystick.strategy.columns import ColumnType, Frame, SmallBatchReader, read_columns

TYPES = {
    "whole": ColumnType("whole", lowest=0, highest=100),
    "number": ColumnType("number"),
    "never": ColumnType("whole", may_be_missing=False),
    "word": ColumnType("text", allowed=("a", "b", "c")),
    "free": ColumnType("text"),
    "mark": ColumnType("boolean"),
}
READER = SmallBatchReader.of(TYPES)


def _with_holes(values: npt.NDArray[Any], holes: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    objects = values.astype(object)
    objects[holes] = None
    return objects


def _columns(count: int, *, seed: int) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    holes = generator.random(count) < 0.2
    return {
        "whole": np.where(holes, np.nan, generator.integers(0, 101, count)),
        "number": generator.normal(size=count),
        "never": generator.integers(-5, 5, count),
        "word": _with_holes(generator.choice(["a", "b", "c"], count), holes),
        "free": generator.choice(["x", "y"], count).astype(object),
        "mark": _with_holes(generator.random(count) < 0.5, holes),
        "ignored": np.zeros(count),
    }


def _plain(frame: Frame) -> list[dict[str, Any]]:
    return [{name: frame.value(name=name, row=row) for name in TYPES} for row in range(frame.rows)]


@pytest.mark.parametrize("count", [1, 2, 64, 256, 257])
def test_a_micro_batch_reads_as_any_other(count: int) -> None:
    columns = _columns(count, seed=count)
    arrow = pa.table({name: pa.array(each, from_pandas=True) for name, each in columns.items()})
    expected = read_columns(columns=arrow, types=TYPES)
    for frame in (READER.read(columns), read_columns(columns=columns, types=TYPES)):
        assert _plain(frame) == _plain(expected)
        assert frame.with_missing == expected.with_missing
        assert frame.rows == expected.rows


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("whole", 101.0), ("whole", -1.0), ("whole", 0.5), ("never", np.nan), ("number", np.inf), ("word", "d"),
        ("word", 5), ("mark", "yes"), ("mark", 1), ("free", True), ("number", "7"),
    ],
)  # fmt: skip
def test_what_breaks_its_type_is_refused_in_the_same_words(name: str, value: Any) -> None:
    columns = _columns(3, seed=1)
    kind = np.float64 if isinstance(value, float) else object
    columns[name] = np.array([value] * 3, dtype=kind)
    told = []
    for is_small in (True, False):
        with pytest.raises(ColumnFault, match=f"column `{name}`") as refused:
            READER.read(columns) if is_small else read_columns(columns=columns, types=TYPES)
        told.append(str(refused.value))
    assert told[0] == told[1]


def test_absent_columns_and_other_lengths_are_refused() -> None:
    columns = _columns(3, seed=1)
    with pytest.raises(ColumnFault, match="column `never` is absent"):
        READER.read({name: each for name, each in columns.items() if name != "never"})
    with pytest.raises(ColumnFault, match="column `number` has 2 cells"):
        READER.read({**columns, "number": columns["number"][:2]})
    with pytest.raises(ColumnFault, match="column `mark` has 2 cells"):
        READER.read({**columns, "mark": columns["mark"][:2]})
