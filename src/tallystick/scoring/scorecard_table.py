"""A scorecard as tables that people read: one row per bin, in CSV and TOML."""

import csv
import io
import json
from dataclasses import astuple, dataclass, fields

from tallystick.scoring.binning import plain_number


@dataclass(frozen=True, slots=True)
class BinRow:
    """One bin as a reader sees it; `bad_rate` and shares are of the training rows, None where it had none."""

    feature: str
    direction: str
    bin: str
    rows: int
    bads: int
    bad_rate: float | None
    woe: float
    information_value: float
    coefficient: float
    points: int


def bin_row(*, feature: str, direction: str, label: str, goods: int, bads: int, woe: float, **rest: float) -> BinRow:
    """A row from a bin's counts; `rest` are information_value, coefficient and points."""
    rows = goods + bads
    return BinRow(
        feature=feature,
        direction=direction,
        bin=label,
        rows=rows,
        bads=bads,
        bad_rate=bads / rows if rows else None,
        woe=woe,
        information_value=rest["information_value"],
        coefficient=rest["coefficient"],
        points=int(rest["points"]),
    )


def csv_text(rows: tuple[BinRow, ...]) -> str:
    """One line per bin, with a heading; an empty `bad_rate` means that training had no such row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in fields(BinRow)])
    writer.writerows(astuple(row) for row in rows)
    return text.getvalue()


def toml_text(*, head: dict[str, float], rows: tuple[BinRow, ...]) -> str:
    """The scale on top, then one `[[feature]]` each with its bins as inline tables."""
    lines = [f"{key} = {_toml(value)}" for key, value in head.items()]
    last = None
    for row in rows:
        if row.feature != last:
            lines += ["]"] if last is not None else []
            lines += ["", "[[feature]]", f"name = {_toml(row.feature)}", f"direction = {_toml(row.direction)}"]
            lines += [f"coefficient = {_toml(row.coefficient)}", "bins = ["]
            last = row.feature
        lines.append(f"  {{ {', '.join(_bin_pairs(row))} }},")
    lines += ["]"] if last is not None else []
    return "\n".join(lines) + "\n"


def _bin_pairs(row: BinRow) -> list[str]:
    shown = ("bin", "rows", "bads", "bad_rate", "woe", "information_value", "points")
    return [f"{name} = {_toml(getattr(row, name))}" for name in shown if getattr(row, name) is not None]


def _toml(value: str | float) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return plain_number(value) if isinstance(value, int) else repr(value)
