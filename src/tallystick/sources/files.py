"""Reads a portfolio's files: Parquet or CSV, one file or a folder of them, as one table with a hash of the contents."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

_SUFFIXES: Final = (".parquet", ".csv")
_ENCODINGS: Final = ("utf-8-sig", "gb18030")


class FileFault(ValueError):
    """A file cannot be read; the message names it and the way out."""


@dataclass(frozen=True, slots=True)
class TableFile:
    """What was read: the rows of all files in name order, the file names, and a hash of names and contents."""

    table: pa.Table
    files: tuple[str, ...]
    sha256: str


def read_table(path: Path) -> TableFile:
    """Read a Parquet or CSV file, or every such file of a folder; all must have the same columns.

    Raises `FileFault` for what is absent, empty, of another format or encoding, or does not fit together.
    """
    paths = _paths(path)
    digest = hashlib.sha256()
    tables: list[pa.Table] = []
    for each in paths:
        content = each.read_bytes()
        digest.update(f"{each.name}\n{len(content)}\n".encode())
        digest.update(content)
        tables.append(_read(each, content))
        if set(tables[-1].column_names) != set(tables[0].column_names):
            missing = sorted(set(tables[0].column_names) ^ set(tables[-1].column_names))
            raise FileFault(
                f"{each}: its columns are not those of {paths[0].name}: {', '.join(missing)} stand in only one of "
                "them; give files of one form, or review them one by one"
            )
    table = _together(tables, paths)
    if table.num_rows == 0:
        raise FileFault(f"{path}: has columns but no rows; export it again")
    return TableFile(table=table, files=tuple(each.name for each in paths), sha256=digest.hexdigest())


def _paths(path: Path) -> list[Path]:
    if path.is_dir():
        paths = sorted(each for each in path.iterdir() if each.suffix.lower() in _SUFFIXES and each.is_file())
        if not paths:
            raise FileFault(f"{path}: the folder has no .parquet and no .csv file; give the folder that holds them")
        return paths
    if not path.exists():
        raise FileFault(f"{path}: there is no such file or folder; check the path")
    return [path]


def _read(path: Path, content: bytes) -> pa.Table:
    if not content:
        raise FileFault(f"{path}: the file is empty; export it again")
    if path.suffix.lower() == ".parquet" or content[:4] == b"PAR1":
        try:
            return pyarrow.parquet.read_table(pa.BufferReader(content))
        except (pa.ArrowInvalid, OSError) as error:
            raise FileFault(
                f"{path}: is not a Parquet file ({error}); if it is text, name it .csv, else export it again"
            ) from error
    if b"\0" in content[:65_536]:
        raise FileFault(f"{path}: is neither Parquet nor text; Tallystick reads .parquet and .csv")
    return _read_csv(path, content)


def _read_csv(path: Path, content: bytes) -> pa.Table:
    text = _decoded(path, content)
    try:
        return pyarrow.csv.read_csv(
            pa.BufferReader(text.encode()),
            # A block larger than the file, so that a column's type is that of all its rows, not of the first block.
            read_options=pyarrow.csv.ReadOptions(block_size=max(len(content) * 2, 1 << 20)),
            convert_options=pyarrow.csv.ConvertOptions(
                strings_can_be_null=True, null_values=["", "NA", "NULL", "null"]
            ),
        )
    except pa.ArrowInvalid as error:
        raise FileFault(f"{path}: is not a CSV table ({error}); every row needs as many cells as the header") from error


def _decoded(path: Path, content: bytes) -> str:
    for encoding in _ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FileFault(f"{path}: is neither UTF-8 nor GB18030 text; save it as UTF-8")


def _together(tables: list[pa.Table], paths: list[Path]) -> pa.Table:
    names = tables[0].column_names
    try:
        return pa.concat_tables([table.select(names) for table in tables], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        clashing = [
            name for name in names if len({str(table.schema.field(name).type) for table in tables}) > 1
        ]  # told apart by text: one file's numbers are another's words
        as_text = [
            pa.table({name: _as_text(table.column(name)) if name in clashing else table.column(name) for name in names})
            for table in tables
        ]
        try:
            return pa.concat_tables(as_text, promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise FileFault(f"{paths[0].parent}: the files' columns do not fit together: {error}") from error


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())
