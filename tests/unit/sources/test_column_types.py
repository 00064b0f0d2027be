"""Rare types of a file become common ones or are refused by name; no column of any type is a crash."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tallystick.sources.column_types import is_readable, with_common_types
from tallystick.sources.files import read_table
from tallystick.sources.mapping import MappingFaults, check_mapping, parse_mapping
from tallystick.sources.portfolio import PortfolioFault, map_portfolio

Tables = Callable[..., pa.Table]

COLUMNS = {
    "half floats": pa.array([1.0, 2.0, None, 4.0], pa.float16()),
    "text views": pa.array(["1", "2", None, "4"], pa.string_view()),
    "short decimals": pa.array([Decimal(1), Decimal(2), None, Decimal(4)], pa.decimal32(5, 1)),
    "runs": pa.RunEndEncodedArray.from_arrays([2, 4], [1, 2]),
    "truth": pa.array([True, False, None, True]),
    "nothing": pa.nulls(4),
    "instants": pa.array([0, 1, None, 3], pa.timestamp("us")),
    "dates": pa.array([0, 1, None, 3], pa.date32()),
    "intervals": pa.array([(1, 2, 3)] * 4, pa.month_day_nano_interval()),
    "lists": pa.array([[1], [2], None, [4]]),
    "bytes": pa.array([b"1", b"\xff", None, b"4"]),
    "short bytes": pa.array([b"1", b"\xff", None, b"4"], pa.binary(1)),
    "no finite floats": pa.array([float("nan"), float("inf"), float("-inf"), 1e308]),
    "edges of 64 bits": pa.array([2**63 - 1, -(2**63), 0, 1]),
    "beyond 64 bits": pa.array([2**64 - 1, 0, 1, None], pa.uint64()),
    "76 digits": pa.array([Decimal("9" * 76), Decimal(1), None, Decimal("-" + "9" * 76)], pa.decimal256(76, 0)),
    "coded numbers": pa.array([1, 2, None, 1]).dictionary_encode(),
}


def test_what_can_be_read_is_told_by_type() -> None:
    unreadable = {name for name, cells in COLUMNS.items() if not is_readable(cells.type)}
    rare = {"half floats", "text views", "short decimals", "runs"}
    assert unreadable == rare | {"intervals", "lists", "bytes", "short bytes"}
    common = with_common_types(pa.table({name: COLUMNS[name] for name in sorted(rare)}))
    assert all(is_readable(kind) for kind in common.schema.types)
    assert common.column("half floats").to_pylist() == [1.0, 2.0, None, 4.0]
    assert common.column("runs").to_pylist() == [1, 1, 2, 2]


def test_half_floats_of_a_file_are_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": COLUMNS["half floats"]}), tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").table.schema.field("a").type == pa.float64()


@pytest.mark.parametrize("kind", ["intervals", "lists", "bytes", "short bytes"])
def test_what_is_neither_number_nor_text_is_a_fault(mapping_text: str, table_with: Tables, kind: str) -> None:
    (fault,) = check_mapping(parse_mapping(mapping_text, name="x"), table_with(id=COLUMNS[kind]))
    assert (fault.place, str(COLUMNS[kind].type) in fault.problem) == ("field.line_id", True)


@pytest.mark.parametrize("kind", ["truth", "instants", "dates"])
def test_what_is_no_number_is_a_fault_of_a_number(mapping_text: str, table_with: Tables, kind: str) -> None:
    faults = check_mapping(parse_mapping(mapping_text, name="x"), table_with(bal1=COLUMNS[kind]))
    assert [fault.place for fault in faults] == ["field.balance"]


@pytest.mark.parametrize("column", ["id", "limit", "age", "school", "bal0", "late1", "bad"])
@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_of_any_type_is_mapped_or_refused(
    mapping_text: str, table_with: Tables, kind: str, column: str
) -> None:
    table = with_common_types(table_with(**{column: COLUMNS[kind]}))
    try:
        portfolio = map_portfolio(table, parse_mapping(mapping_text, name="x"))
    except (MappingFaults, PortfolioFault):
        return
    portfolio.line.validate(full=True)
    portfolio.line_month.validate(full=True)
    assert portfolio.line.num_rows + portfolio.rejected_rows == 4
    assert len(set(portfolio.rejects.column("source_row").to_pylist())) == portfolio.rejected_rows
