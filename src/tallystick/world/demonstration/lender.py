"""The demonstration's lender: the standard strategy with some cells of its tables otherwise, under a highest limit."""

import csv
import io
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from tallystick.strategy.damage_limits import DamageLimits, NightLimits, ShareLimit, shipped_damage_limits

_FILE: Final = "lender.toml"
# What stands for the highest limit among the cells.
_HIGHEST: Final = "highest"


class _Cells(Struct, frozen=True, forbid_unknown_fields=True):
    """Cells of one column, by the id of their row."""

    table: str
    column: str
    rows: dict[str, int | str]
    assumption: str


class HighestLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """The highest limit of a line in each arm, minor units."""

    champion: Annotated[int, Meta(gt=0)]
    challenger: Annotated[int, Meta(gt=0)]


class _Widest(Struct, frozen=True, forbid_unknown_fields=True):
    ratio_ppm: int
    points_ppm: int
    more_minor: int
    source: str


class _Lender(Struct, frozen=True, forbid_unknown_fields=True):
    highest_minor: HighestLimits
    cell: tuple[_Cells, ...]
    damage: _Widest


@cache
def _lender() -> _Lender:
    text = files("tallystick.world.demonstration").joinpath(_FILE).read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=_Lender)


def highest_limits() -> HighestLimits:
    """The highest limits that are compared."""
    return _lender().highest_minor


def highest_of(arm: str) -> int:
    """The highest limit of a line in an arm, by its name, minor units."""
    highest: int = getattr(highest_limits(), arm)
    return highest


def lender_files(strategy: Mapping[str, bytes], *, highest_minor: int) -> dict[str, bytes]:
    """A strategy's files as the demonstration's lender has them, with that highest limit of a line (minor units).

    Of files that have it already, the highest limit alone becomes another:

    >>> from tallystick.strategy.policy import standard_strategy_files
    >>> standard = {name: text.encode() for name, text in standard_strategy_files().items()}
    >>> champion = lender_files(standard, highest_minor=3_000_000)
    >>> challenger = lender_files(champion, highest_minor=5_000_000)
    >>> sorted(name for name in champion if challenger[name] != champion[name])
    ['apply/first_limit.csv', 'review_limit/most.csv']
    """
    told = dict(strategy)
    for cells in _lender().cell:
        values = {row: highest_minor if value == _HIGHEST else value for row, value in cells.rows.items()}
        told[cells.table] = _with_cells(told[cells.table], column=cells.column, values=values)
    return told


def _with_cells(table: bytes, *, column: str, values: Mapping[str, int | str]) -> bytes:
    head, *rows = csv.reader(io.StringIO(table.decode(), newline=""))
    known, place = {row[0] for row in rows}, head.index(column)
    assert values.keys() <= known, f"{_FILE} names rows that the table does not have: {values.keys() - known}"
    for row in rows:
        row[place] = str(values.get(row[0], row[place]))
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue().encode()


def arms_damage_limits() -> DamageLimits:
    """The damage limits of both arms' releases: those that ship, by night as wide as the form allows."""
    shipped, widest = shipped_damage_limits(), _lender().damage
    share = ShareLimit(ratio_ppm=widest.ratio_ppm, points_ppm=widest.points_ppm)
    granted = replace(
        shipped.review_limit_by_night.granted, ratio_ppm=widest.ratio_ppm, more_minor=widest.more_minor
    )  # fmt: skip
    return replace(
        shipped,
        review_limit_by_night=NightLimits(raises=share, decreases=share, reviews=share, granted=granted),
    )
