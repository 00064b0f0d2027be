"""How unemployment goes through a recession, from scenarios by quarter as the Federal Reserve publishes them.

A table has a row a quarter: `Scenario Name` ("Actual" of what was), `Date` ("2024 Q1") and `Unemployment rate` (%).
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tallystick.sources.files import read_table

_SCENARIO, _QUARTER, _RATE = "Scenario Name", "Date", "Unemployment rate"
_COLUMNS: Final = (_SCENARIO, _QUARTER, _RATE)
_ACTUAL: Final = "Actual"
_ADVERSE: Final = "Severely Adverse"
_SUFFIXES: Final = (".csv", ".parquet")
_DIGITS: Final = 6  # of a share: the files tell tenths of a percent

# Quarters count from the year 0, rates are shares.
_Rates = dict[int, float]


class ScenarioFault(ValueError):
    """No recession can be read from a place; the message names file, column and the way out."""


def recession_rise(path: Path) -> tuple[float, ...]:
    """By how much unemployment stands above the quarter before a recession, by quarter, that quarter (0.0) first.

    `path` is a scenario's file, or a folder of them: then the last severely adverse one counts whose quarter before is
    known. What was before it is looked up among the rows "Actual" of all files in the same folder. Raises
    `ScenarioFault`, or `sources.files.FileFault` where a file cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    told = {file: _read(file) for file in {*_files(folder), *([] if path.is_dir() else [path])}}
    actual: _Rates = {}
    for file in sorted(told):
        actual |= told[file].get(_ACTUAL, {})
    found = list(_scenarios(path, told))
    if not found:
        raise ScenarioFault(
            f"{path}: column `{_SCENARIO}` names no recession; give the file of a scenario, or a folder with one that "
            f"is called {_ADVERSE}"
        )
    known = [(rates, before) for rates in found if (before := actual.get(min(rates) - 1)) is not None]
    if not known:
        begins = max(map(min, found))
        raise ScenarioFault(
            f"{path}: unemployment before {_told(begins)} is not known: put a table with `{_SCENARIO}` {_ACTUAL} and "
            f"`{_QUARTER}` {_told(begins - 1)} into {folder}, or give an earlier scenario"
        )
    rates, before = max(known, key=lambda each: min(each[0]))
    return (0.0, *(round(rates[quarter] - before, _DIGITS) for quarter in sorted(rates)))


def _files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.suffix in _SUFFIXES)


def _scenarios(path: Path, told: Mapping[Path, Mapping[str, _Rates]]) -> Iterator[_Rates]:
    """What may count: of a folder the severely adverse scenarios, of a file whatever is not past."""
    if not path.is_dir():
        if not told[path]:
            raise ScenarioFault(f"{path}: has no column {_missing(path)}; give a table of scenarios by quarter")
        yield from (rates for name, rates in told[path].items() if name != _ACTUAL)
        return
    for file in sorted(told):
        yield from (rates for name, rates in told[file].items() if _ADVERSE in name)


def _missing(path: Path) -> str:
    names = read_table(path).table.column_names
    return ", ".join(f"`{name}`" for name in _COLUMNS if name not in names)


def _read(path: Path) -> dict[str, _Rates]:
    """The scenarios of a file by name; none where it is a table of something else."""
    table = read_table(path).table
    if not set(_COLUMNS) <= set(table.column_names):
        return {}
    told: dict[str, _Rates] = {}
    for row, (name, quarter, rate) in enumerate(zip(*(table[name].to_pylist() for name in _COLUMNS), strict=True), 1):
        told.setdefault(str(name), {})[_quarter(path, row, quarter)] = _share(path, row, rate)
    for name, rates in told.items():
        gaps = [quarter for quarter in range(min(rates), max(rates)) if quarter not in rates]
        if gaps:
            raise ScenarioFault(f"{path}: `{_QUARTER}` of {name} lacks {_told(gaps[0])}; give every quarter a row")
    return told


def _quarter(path: Path, row: int, told: object) -> int:
    """
    >>> _quarter(Path("scenario.csv"), 1, "2024 Q3") - _quarter(Path("scenario.csv"), 2, "2023 Q4")
    3
    """
    matched = re.fullmatch(r"(\d{4}) ?Q([1-4])", str(told))
    if matched is None:
        raise ScenarioFault(f"{path}, row {row}: `{_QUARTER}` is {told!r}; write year and quarter as in 2024 Q1")
    return int(matched[1]) * 4 + int(matched[2]) - 1


def _share(path: Path, row: int, told: object) -> float:
    try:
        percent = float(str(told))
    except ValueError:
        percent = -1.0
    if not 0.0 <= percent <= 100.0:
        raise ScenarioFault(f"{path}, row {row}: `{_RATE}` is {told!r}; give percent, from 0 to 100")
    return percent / 100.0


def _told(quarter: int) -> str:
    return f"{quarter // 4} Q{quarter % 4 + 1}"
