"""Drafts a mapping from the columns of a table: guesses that its reader confirms, each beside what the file holds."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.sources.column_types import is_readable
from tallystick.sources.declaration import QUESTION
from tallystick.sources.fields import FIELDS, KnownField
from tallystick.sources.guess import Guess, Series, group_months, guess_fields
from tallystick.sources.numbers import read_numbers, trimmed

_MOST_ROWS: Final = 200_000  # looked at
_MOST_CODES: Final = 20  # a column with more distinct values is no code table; its values are not repeated in the draft

# What common codes of categories mean, in lower case.
_MEANINGS: Final[dict[str, dict[str, str]]] = {
    "sex": {"m": "male", "male": "male", "男": "male", "f": "female", "female": "female", "女": "female"},
    "marital_status": {
        "married": "married", "已婚": "married", "single": "single", "未婚": "single", "单身": "single",
        "divorced": "other", "离异": "other", "离婚": "other", "丧偶": "other", "other": "other", "其他": "other",
    },
    "education": {
        "postgraduate": "postgraduate", "研究生": "postgraduate", "硕士": "postgraduate", "博士": "postgraduate",
        "university": "university", "bachelor": "university", "本科": "university", "大学本科": "university",
        "high_school": "high_school", "high school": "high_school", "高中": "high_school", "中专": "high_school",
        "other": "other", "其他": "other",
    },
    "outcome": {
        "0": "good", "good": "good", "false": "good", "n": "good", "no": "good", "否": "good", "好": "good",
        "1": "bad", "bad": "bad", "true": "bad", "y": "bad", "yes": "bad", "是": "bad", "坏": "bad",
    },
    "repayment": {
        "no_use": "no_use", "full": "full", "revolving": "revolving", "late": "late",
        "未使用": "no_use", "全额还款": "full", "最低还款": "revolving", "逾期": "late",
    },
}  # fmt: skip

_HEAD: Final = """\
# A draft: every guess below is made from names and values alone. Read it, correct it, and check it with
#   tallystick mapping check THIS_FILE --data YOUR_FILE
# docs/mapping.md explains every key. 草稿：以下均为按列名和取值的猜测，请逐项核对（说明见 docs/mapping.zh-CN.md）。
"""
_NO_RATE: Final = """\
# Money of another currency: name it, and give the exact rate with its source.
# source_currency = "TWD"
# [rate.TWD]
# value = "0.244"
# source = "who stated it, on which day"
"""
_OUTCOME: Final = f"""\
[outcome]
horizon_months = 12
pd_horizon = "as_is"  # or "constant_hazard", if the label looks over another time than twelve months
zh = "{QUESTION} 什么算坏"
en = "{QUESTION} what counts as bad"
"""


@dataclass(frozen=True, slots=True)
class _Cells:
    """What a column, or the months of one, hold: codes with their counts, or the bounds of its numbers."""

    codes: dict[str, int]  # empty where there are too many
    lowest: float | None  # None where most are no numbers
    highest: float | None
    unreadable: int
    missing: int
    distinct: int

    def told_as_codes(self) -> str:
        """Each value with its count."""
        codes = ", ".join(f"{_quoted(code)}: {count:,}" for code, count in self.codes.items())
        return self._with_missing(codes or f"{self.distinct:,} different values")

    def told(self) -> str:
        """Bounds, or how many: values themselves may tell who somebody is, and are not repeated."""
        if self.lowest is None:
            return self._with_missing(f"{self.distinct:,} different values")
        odd = f"; {self.unreadable:,} are no numbers" if self.unreadable else ""
        return self._with_missing(f"{self.lowest:,.10g} to {self.highest:,.10g}{odd}")

    def _with_missing(self, text: str) -> str:
        return f"{text}; {self.missing:,} missing" if self.missing else text


def draft_mapping(table: pa.Table, name: str) -> str:
    """A mapping in TOML for this table. It parses; what nobody can guess stays a question that a check repeats.

    Shapes: any table of numbers and text; the first rows are looked at, and no text of them is repeated but codes.

    >>> print(draft_mapping(pa.table({"ID": ["a1"], "LIMIT": [30000]}), "ours").split("[field.")[2], end="")
    credit_limit]  # 30,000 to 30,000
    column = "LIMIT"
    unit = "major"  # or "minor"
    """
    seen = table.slice(0, _MOST_ROWS)
    guesses = guess_fields(table.column_names)
    blocks = [_block(guess, _cells(seen, guess.series)) for guess in guesses]
    guessed = {guess.field.name for guess in guesses}
    blocks += [
        f'[field.{field.name}]  # no column looks like it\ncolumn = "{QUESTION}"\n{_unit_line(field, "", None)}'
        for field in FIELDS.values()
        if field.required and field.name not in guessed
    ]
    outcome = [_OUTCOME] if "outcome" in guessed else []
    head = f'{_HEAD}\nname = {_quoted(name)}\ncurrency = "CNY"  # of the report, ISO 4217\n'
    parts = [head, _NO_RATE, *outcome, *blocks, _rest(seen, guesses)]
    return "\n".join(part for part in parts if part)


def _block(guess: Guess, cells: _Cells) -> str:
    field = guess.field
    told = cells.told_as_codes() if field.kind in ("category", "currency") else cells.told()
    lines = [f"[field.{field.name}]  # {told}", _source_line(guess)]
    if field.kind in ("money", "whole", "share"):
        lines += [_unit_line(field, guess.series.words, cells).rstrip(), *_negative_lines(field, cells)]
    is_known = True
    if field.kind == "category":
        meanings = _MEANINGS[field.name]
        codes = {code: meanings.get(code.strip().lower(), QUESTION) for code in cells.codes}
        is_known = bool(codes) and QUESTION not in codes.values()
        table = ", ".join(f"{_quoted(code)} = {_quoted(meaning)}" for code, meaning in codes.items())
        lines.append(f"codes = {{ {table} }}  # each of {', '.join(field.allowed)}, or missing")
        lines.append('unlisted = "reject"  # or "missing"')
    text = "\n".join(line for line in lines if line) + "\n"
    return text if is_known else _commented(text)


def _source_line(guess: Guess) -> str:
    series = guess.series
    if not guess.field.monthly:
        return f"column = {_quoted(series.columns[0])}"
    if series.pattern:
        latest = _quoted(series.columns[0])
        pattern = f"pattern = {_quoted(series.pattern)}  # is {latest} the latest month? If not, list the columns"
        return f"{pattern}\nfirst = {series.first}\ncount = {len(series.columns)}"
    return f"columns = [{', '.join(map(_quoted, series.columns))}]  # the latest month first"


def _unit_line(field: KnownField, words: str, cells: _Cells | None) -> str:
    if len(field.units) < 2:
        return ""
    unit = _guessed_unit(field, words.lower(), cells)
    return f'unit = "{unit}"  # or {", ".join(_quoted(other) for other in field.units if other != unit)}\n'


def _guessed_unit(field: KnownField, words: str, cells: _Cells | None) -> str:
    def says(*hints: str) -> bool:
        return any(hint in words for hint in hints)

    if field.kind == "money":
        unit = "minor" if says("minor", "cents", "fen", "（分）", "(分)") else "major"
        return f"{unit}_per_year" if "major_per_year" in field.units and says("year", "annual", "年") else unit
    if field.kind == "share":
        highest = cells.highest if cells and cells.highest is not None else 0.0
        return "ratio" if highest <= 2 else "percent" if highest <= 1_000 else "ppm"
    if "days" in field.units and says("day", "dpd", "天", "日"):
        return "days"
    return field.units[0]


def _negative_lines(field: KnownField, cells: _Cells) -> list[str]:
    if cells.lowest is None or cells.lowest >= 0:
        return []
    if field.name == "balance":
        return ['negative = "credit_balance"']
    return ['# negative = "missing"  # or "zero", "reject"; or say what they mean: special = { "-1" = 0 }']


def _rest(table: pa.Table, guesses: Iterable[Guess]) -> str:
    taken = {column for guess in guesses for column in guess.series.columns}
    rest = group_months(name for name in table.column_names if name not in taken)
    if not rest:
        return ""
    told = "\n".join(f"#   {_named(series)}: {_cells(table, series).told()}" for series in rest)
    return f"# Not mapped / 未映射:\n{told}\n# Fields / 可用字段: {', '.join(FIELDS)}\n"


def _named(series: Series) -> str:
    if len(series.columns) == 1:
        return _quoted(series.columns[0])
    return f"{_quoted(series.columns[0])} .. {_quoted(series.columns[-1])}"


def _cells(table: pa.Table, series: Series) -> _Cells:
    columns = [table.column(name) for name in series.columns]
    if not all(is_readable(each.type) for each in columns):
        return _Cells({}, None, None, 0, 0, 0)
    texts = pa.chunked_array([chunk for each in columns for chunk in trimmed(each).chunks], pa.string())
    counts = {entry["values"]: entry["counts"] for entry in pc.value_counts(texts.drop_null()).to_pylist()}
    lowest, highest, unreadable = _bounds(columns)
    return _Cells(
        codes=dict(sorted(counts.items(), key=_code_order)) if len(counts) <= _MOST_CODES else {},
        lowest=lowest,
        highest=highest,
        unreadable=unreadable,
        missing=texts.null_count,
        distinct=len(counts),
    )


def _bounds(columns: list[pa.ChunkedArray]) -> tuple[float | None, float | None, int]:
    """Lowest and highest number, and how many cells are none."""
    read = [read_numbers(each) for each in columns]
    unreadable = sum(int(numbers.unreadable.sum()) for numbers in read)
    found = [numbers.parts[numbers.usable] / 10.0**numbers.digits for numbers in read]
    values = np.concatenate(found) if found else np.zeros(0)
    if values.size <= unreadable:
        return None, None, unreadable
    return float(values.min()), float(values.max()), unreadable


def _code_order(entry: tuple[str, int]) -> tuple[bool, float, str]:
    code = entry[0]
    is_number = code.lstrip("-").isascii() and code.lstrip("-").isdigit()
    return (not is_number, float(code) if is_number else 0.0, code)


def _commented(text: str) -> str:
    return "".join(f"# {line}\n" for line in text.splitlines())


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
