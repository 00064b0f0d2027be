"""Reads a portfolio's files: Parquet or CSV, one file or a folder of them, as one table with a hash of the contents."""

import codecs
import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tallystick.sources.column_types import with_common_types

_SUFFIXES: Final = (".parquet", ".csv")
_ENCODINGS: Final = ("utf-8-sig", "gb18030")
_DELIMITERS: Final = (",", ";", "\t", "|")
_ABSENT: Final = ["", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None"]
_PARQUET_MARK: Final = b"PAR1"
# What a file that is no table begins with, and what it is then.
_OTHER_FORMATS: Final = {
    b"PK\x03\x04": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "compressed with gzip",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
}


class FileFault(ValueError):
    """A file cannot be read; the message names it and the way out."""


@dataclass(frozen=True, slots=True)
class TableFile:
    """What was read: the rows of all files in name order, the file names, and a hash of names and contents."""

    table: pa.Table
    files: tuple[str, ...]
    sha256: str


def read_table(path: Path) -> TableFile:
    """Read a Parquet or CSV file, or every such file of a folder (not of its subfolders), in order of their names.

    All files must have the same columns, in any order. The cells of a CSV stay text: an id keeps its leading zeros,
    a reject shows what stands in the file, and the mapping says what is a number.
    Raises `FileFault` for what is absent, empty, of another format or encoding, or does not fit together.
    """
    read = read_table_or_empty(path)
    if read.table.num_rows == 0:
        raise FileFault(f"{path}: has columns but no rows; export it again")
    return read


def read_table_or_empty(path: Path) -> TableFile:
    """The same where no row is an answer as well: nobody has been past due yet."""
    paths = _paths(path)
    digest = hashlib.sha256()
    tables: list[pa.Table] = []
    for each in paths:
        content = _content(each)
        digest.update(f"{each.name}\n{len(content)}\n".encode())
        digest.update(content)
        tables.append(_table(each, content))
    table = _together(tables, paths)
    return TableFile(table=table, files=tuple(each.name for each in paths), sha256=digest.hexdigest())


def placed(path: Path, file: str) -> Path:
    """The file of a folder that a configuration names; what is given as a file is that file, whatever its name."""
    return path / file if file and not path.is_file() else path


def with_absent(given: TableFile, names: Iterable[str]) -> TableFile:
    """The table with nulls for columns that a file does not have yet: what tells an outcome that is not due."""
    table = given.table
    for name in names:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows))
    return replace(given, table=table)


def _paths(path: Path) -> list[Path]:
    if path.is_dir():
        paths = sorted(each for each in path.iterdir() if each.suffix.lower() in _SUFFIXES and each.is_file())
        if not paths:
            raise FileFault(f"{path}: the folder holds no .parquet and no .csv file; give the folder that does")
        return paths
    if not path.exists():
        raise FileFault(f"{path}: there is no such file or folder; check the path")
    return [path]


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileFault(f"{path}: cannot be read ({error.strerror}); check that it is a file you may read") from error
    if not content.strip(b"\r\n\t \xef\xbb\xbf"):
        raise FileFault(f"{path}: the file is empty; export it again")
    return content


def _table(path: Path, content: bytes) -> pa.Table:
    if path.suffix.lower() == ".parquet" or content.startswith(_PARQUET_MARK):
        table = _read_parquet(path, content)
    else:
        table = _read_csv(path, _decoded(path, content))
    twice = sorted(name for name, count in Counter(table.column_names).items() if count > 1)
    if twice:
        raise FileFault(f"{path}: more than one column is named {', '.join(twice)}; give each its own name")
    return with_common_types(table)


def _read_parquet(path: Path, content: bytes) -> pa.Table:
    try:
        return pyarrow.parquet.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        way_out = "if it is text, name it .csv, else export it again"
        raise FileFault(f"{path}: is not a Parquet file, or not all of one ({error}); {way_out}") from error


def _decoded(path: Path, content: bytes) -> str:
    for mark, kind in _OTHER_FORMATS.items():
        if content.startswith(mark):
            raise FileFault(f"{path}: is {kind}; Tallystick reads .parquet and .csv: export it as one of them")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    if b"\0" in content[:65_536]:
        raise FileFault(f"{path}: is neither Parquet nor text; Tallystick reads .parquet and .csv")
    for encoding in _ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FileFault(f"{path}: is neither UTF-8 nor GB18030 text; save it as UTF-8")


def _read_csv(path: Path, text: str) -> pa.Table:
    header = text.lstrip("\r\n").split("\n", maxsplit=1)[0]
    delimiter = max(_DELIMITERS, key=header.count)
    names = next(csv.reader(io.StringIO(header), delimiter=delimiter))
    content = text.encode()
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(content),
            read_options=pyarrow.csv.ReadOptions(block_size=_block_bytes(content)),
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values='"' in text),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=True, null_values=_ABSENT
            ),
        )
    except pa.ArrowException as error:
        way_out = "every row needs as many cells as the header"
        raise FileFault(f"{path}: is not a CSV table ({error}); {way_out}") from error
    # A column whose quoted name the header line alone does not show is still read as text.
    return table.cast(pa.schema([pa.field(name, pa.string()) for name in table.column_names])).rename_columns(
        [name.strip() for name in table.column_names]
    )


def _block_bytes(content: bytes) -> int:
    """A block holds the longest row many times over; small files are one block."""
    return max(1 << 20, min(len(content), 1 << 26))


def _together(tables: list[pa.Table], paths: list[Path]) -> pa.Table:
    names = tables[0].column_names
    odd = [
        f"{path.name} differs in {', '.join(sorted(set(table.column_names) ^ set(names)))}"
        for table, path in zip(tables, paths, strict=True)
        if set(table.column_names) != set(names)
    ]
    if odd:
        way_out = "give files of one form, or review them one by one"
        raise FileFault(f"{paths[0].parent}: columns are not those of {paths[0].name}: {'; '.join(odd)}; {way_out}")
    # One file's numbers are another's words: both are read as text, and the mapping judges each cell.
    clashing = {
        name
        for name in names
        if len({_family(kind) for table in tables if not pa.types.is_null(kind := table.schema.field(name).type)}) > 1
    }
    try:
        return pa.concat_tables([_in_form(table, names, clashing) for table in tables], promote_options="permissive")
    except pa.ArrowException as error:
        raise FileFault(
            f"{paths[0].parent}: the files' columns do not fit together ({error}); export them alike"
        ) from error


def _family(kind: pa.DataType) -> str:
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return "number" if is_number else str(kind)


def _in_form(table: pa.Table, names: list[str], clashing: set[str]) -> pa.Table:
    return pa.table(
        {name: table.column(name).cast(pa.string()) if name in clashing else table.column(name) for name in names}
    )
