"""What a page is made of: tables, tiles, drawings and sections, as plain values that the template lays out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, and the filled share of the bar behind it where it has one."""

    text: str
    bar: float | None = None
    color: str = ""
    alarm: str = ""  # "alarm" where the reader must stop


@dataclass(frozen=True, slots=True)
class Column:
    """The head of one column. `align` is "start" for words and "end" for figures; a color marks a scenario."""

    name: str
    align: str = "end"
    color: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A head above several columns."""

    name: str
    columns: int
    color: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of as many cells as there are columns; the first cell names its row. `total` is set apart below."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    unit: str = ""
    spans: tuple[Span, ...] = ()
    total: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend; `shape` is a class of the stylesheet: box, line, dash or dot."""

    name: str
    color: str
    shape: str = "box"


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture: SVG text for a screen and for a phone, and a title where a figure has several pictures."""

    wide: str
    narrow: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """Drawings with what they show, how to read them, what a reader who cannot see them hears, and their table."""

    name: str
    title: str
    found: str
    reading: str
    alt: str
    drawings: tuple[Drawing, ...]
    keys: tuple[Key, ...] = ()
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class TileRow:
    """One scenario on a tile: its figure, and its bar as start and length in percent of the tile."""

    name: str
    value: str
    color: str
    bar_start: str
    bar_length: str


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline figure under the three scenarios, and how the new cap differs from the baseline cap."""

    name: str
    hint: str
    value: str
    change: str
    percent: str
    rows: tuple[TileRow, ...]


@dataclass(frozen=True, slots=True)
class Stat:
    """One number with its name; `color` marks it where a drawing shows it in that color."""

    value: str
    name: str
    hint: str
    color: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page, in reading order: words, numbers, drawings, tables, and tables behind a fold."""

    name: str
    title: str
    lead: str = ""
    note: str = ""
    items: tuple[str, ...] = ()
    stats: tuple[Stat, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()
