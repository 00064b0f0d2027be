"""Cases without dates: a row each, its features as SQL over its columns, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.features.outcomes import Outcome
from tallystick.sources.files import TableFile, placed, read_table, with_absent
from tallystick.sources.row_expressions import columns_of, note_expression, quoted
from tallystick.sources.training_form import FeatureKind, TableSource
from tallystick.terms.form import FaultNotes, FormFaults


@dataclass(frozen=True, slots=True)
class RawTable:
    """The features in order of the file, the outcome of each row, and the groups that fairness looks at."""

    features: pa.Table
    outcome: npt.NDArray[np.object_]
    groups: Mapping[str, npt.NDArray[np.object_]]
    sha256: str


def read_raw_table(path: Path, *, source: TableSource, file: str) -> RawTable:
    """Read a file or folder and compute its features. `file` names the configuration in messages.

    Raises `FileFault` for what cannot be read, and `FormFaults` for every expression that names no column, cannot be
    computed, reads what tells the outcome, or makes a feature of somebody's sex.
    """
    return _computed_table(read_table(placed(path, source.file)), source=source, file=file)


def read_live_table(path: Path, *, source: TableSource, file: str) -> RawTable:
    """As `read_raw_table`, of cases whose outcome may not be due: columns that tell it, sex and age may be absent.

    Raises as `read_raw_table` does.
    """
    given = read_table(placed(path, source.file))
    absent = [*source.tells_outcome, *columns_of(source.bad)]
    unprotected = msgspec.structs.replace(source, sex=None, age_years=None)
    return _computed_table(with_absent(given, absent), source=unprotected, file=file)


def _computed_table(given: TableFile, *, source: TableSource, file: str) -> RawTable:
    notes = FaultNotes(file)
    hidden = tuple(dict.fromkeys([*source.tells_outcome, *columns_of(source.bad)]))
    protected = columns_of(source.sex) if source.sex else ()
    note = partial(
        note_expression, known=given.table.column_names, files=given.files, hidden_way_out="leave it out", notes=notes
    )
    for place, feature in enumerate(source.feature):
        key = f"table.feature[{place}].sql"
        note(key, feature.sql, hidden=hidden)
        for name in protected:
            if name in columns_of(feature.sql):
                notes.add(key, f"{name} is what the law protects", "leave it out; fairness reads it as table.sex")
    for key in ("id", "bad", "sex", "age_years"):
        if getattr(source, key) is not None:
            note(f"table.{key}", getattr(source, key), hidden=())
    if notes.faults:
        raise FormFaults(notes.faults)
    types = {FeatureKind.NUMERIC: "DOUBLE", FeatureKind.CATEGORY: "TEXT"}
    wanted = {one.name: (f"table.feature[{n}].sql", one.sql, types[one.kind]) for n, one in enumerate(source.feature)}
    extra = {"bad_": ("table.bad", source.bad, "BOOLEAN"), "id_": ("table.id", source.id, "TEXT")}
    extra |= {
        f"{name}_": (f"table.{name}", text, type_)
        for name, text, type_ in (("sex", source.sex, "TEXT"), ("age_years", source.age_years, "DOUBLE"))
        if text is not None
    }
    with duckdb.connect(":memory:") as engine:
        engine.register("given", given.table)
        computed = _computed(engine, wanted | extra, notes)
    if notes.faults:
        raise FormFaults(notes.faults)
    bad = computed.column("bad_").to_pylist()
    names = {True: Outcome.BAD, False: Outcome.GOOD, None: Outcome.INDETERMINATE}
    outcome = np.array([str(names[one]) for one in bad], dtype=object)
    return RawTable(computed.select(list(wanted)), outcome, _groups(computed), given.sha256)


def _computed(
    engine: duckdb.DuckDBPyConnection, wanted: Mapping[str, tuple[str, str, str]], notes: FaultNotes
) -> pa.Table:
    columns = {name: f"CAST({quoted(text)} AS {type_})" for name, (_, text, type_) in wanted.items()}
    try:
        told = ", ".join(f'{text} AS "{name}"' for name, text in columns.items())
        return engine.sql(f"SELECT {told} FROM given").to_arrow_table()
    except duckdb.Error:
        for name, (key, text, _) in wanted.items():
            try:
                engine.sql(f"SELECT {columns[name]} FROM given").fetchall()
            except duckdb.Error as cause:
                notes.add(key, f"{text} cannot be computed ({cause})", "correct it")
        return pa.table({})


def _groups(computed: pa.Table) -> dict[str, npt.NDArray[np.object_]]:
    found: dict[str, npt.NDArray[np.object_]] = {}
    if "sex_" in computed.column_names:
        found["sex"] = np.array(computed.column("sex_").to_pylist(), dtype=object)
    if "age_years_" in computed.column_names:
        ages = computed.column("age_years_").to_numpy()
        found["age_band"] = age_bands(np.asarray(ages, dtype=np.float64))
    return found


def age_bands(age_years: npt.NDArray[np.float64]) -> npt.NDArray[np.object_]:
    """The band of each age, None where nobody knows it.

    >>> age_bands(np.array([29.9, 30.0, np.nan, 71.0])).tolist()
    ['<30', '30-44', None, '60+']
    """
    names = np.array(["<30", "30-44", "45-59", "60+"], dtype=object)
    unknown = np.isnan(age_years)
    bands = names[np.digitize(np.where(unknown, 0.0, age_years), (30, 45, 60))]
    bands[unknown] = None
    return np.asarray(bands)
