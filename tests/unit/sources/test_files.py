"""Every file that cannot be read is refused by name with the way out; ids stay as the file has them."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tallystick.sources.files import FileFault, read_table


def refused(path: Path) -> str:
    with pytest.raises(FileFault) as caught:
        read_table(path)
    message = str(caught.value)
    assert str(path.name) in message or path.is_dir()
    assert ";" in message, "names the way out"
    return message


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "gone.csv")


@pytest.mark.parametrize("name", ["empty.csv", "empty.parquet"])
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    assert "empty" in refused(written(tmp_path / name, b""))


def test_a_csv_of_nothing_but_a_byte_order_mark(tmp_path: Path) -> None:
    assert "empty" in refused(written(tmp_path / "bom.csv", b"\xef\xbb\xbf\n"))


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no table")
    assert "no .parquet and no .csv" in refused(tmp_path)


def test_a_file_that_is_not_parquet(tmp_path: Path) -> None:
    assert "is not a Parquet file" in refused(written(tmp_path / "lines.parquet", b"id,limit\n1,2\n"))


def test_a_parquet_file_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "lines.parquet"
    pq.write_table(pa.table({"id": list(range(1000))}), path)
    path.write_bytes(path.read_bytes()[:-200])
    assert "not all of one" in refused(path)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04....", "Excel"),
        (gzip.compress(b"id\n1\n", mtime=0), "gzip"),
        (b"\x01\x00\x02binary", "neither Parquet nor text"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, content: bytes, kind: str) -> None:
    assert kind in refused(written(tmp_path / "lines.csv", content))


def test_a_csv_in_no_known_encoding(tmp_path: Path) -> None:
    assert "UTF-8" in refused(written(tmp_path / "lines.csv", b"id,name\n1,\xff\xff\n"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_chinese_text_is_read_in_each_encoding(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "lines.csv", "编号,额度\nA,30000\n".encode(encoding))
    assert read_table(path).table.to_pylist() == [{"编号": "A", "额度": "30000"}]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_seen(tmp_path: Path, mark: str) -> None:
    path = written(tmp_path / "lines.csv", f"id{mark} limit \n1{mark}2\n".encode())
    assert read_table(path).table.to_pylist() == [{"id": "1", "limit": "2"}]


def test_ids_of_a_csv_keep_leading_zeros_and_all_digits(tmp_path: Path) -> None:
    path = written(tmp_path / "lines.csv", b"id\n007\n10000000000000000001\n")
    assert read_table(path).table.column("id").to_pylist() == ["007", "10000000000000000001"]


def test_a_quoted_cell_may_hold_marks_and_line_ends(tmp_path: Path) -> None:
    path = written(tmp_path / "lines.csv", b'"id","note, long"\n1,"a\nb"\n2,NA\n')
    assert read_table(path).table.column("note, long").to_pylist() == ["a\nb", None]


def test_rows_of_unequal_length(tmp_path: Path) -> None:
    assert "as many cells as the header" in refused(written(tmp_path / "lines.csv", b"id,limit\n1,2\n3\n"))


def test_columns_without_rows(tmp_path: Path) -> None:
    assert "no rows" in refused(written(tmp_path / "lines.csv", b"id,limit\n"))


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    assert "more than one column is named id" in refused(written(tmp_path / "lines.csv", b"id,id\n1,2\n"))


def test_a_folder_is_read_in_order_of_names(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [3], "limit": [1.5]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"limit": [7], "id": [1]}), tmp_path / "a.parquet")
    found = read_table(tmp_path)
    assert found.files == ("a.parquet", "b.parquet")
    assert found.table.to_pylist() == [{"limit": 7.0, "id": 1}, {"limit": 1.5, "id": 3}]


def test_files_of_other_columns_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,limit\n1,2\n")
    (tmp_path / "b.csv").write_text("id,cap\n1,2\n")
    (tmp_path / "c.csv").write_text("id\n1\n")
    message = refused(tmp_path)
    assert "b.csv differs in cap, limit" in message
    assert "c.csv differs in limit" in message


def test_one_files_numbers_and_another_ones_words_become_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"age": [30, None]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"age": ["31岁"]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"age": pa.nulls(1)}), tmp_path / "c.parquet")
    assert read_table(tmp_path).table.column("age").to_pylist() == ["30", None, "31岁", None]


def test_a_column_that_one_file_lacks_values_of_keeps_its_type(tmp_path: Path) -> None:
    pq.write_table(pa.table({"age": pa.nulls(1)}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"age": [31]}), tmp_path / "b.parquet")
    assert read_table(tmp_path).table.column("age").to_pylist() == [None, 31]


def test_the_hash_is_of_the_content_and_the_names(tmp_path: Path) -> None:
    first = read_table(written(tmp_path / "a.csv", b"id\n1\n")).sha256
    assert read_table(written(tmp_path / "a.csv", b"id\n1\n")).sha256 == first
    assert read_table(written(tmp_path / "a.csv", b"id\n2\n")).sha256 != first
