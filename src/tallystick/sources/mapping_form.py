"""Reads the TOML form of a mapping: checks every key and value, and gathers all faults instead of the first."""

import hashlib
import tomllib
from collections.abc import Iterable
from collections.abc import Mapping as Pairs
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any, Final, TypeGuard, get_args

from tallystick.risk.default import PdHorizon
from tallystick.sources.declaration import (
    ExchangeRate,
    Fault,
    MappedField,
    Mapping,
    MappingFaults,
    Negative,
    OutcomeDefinition,
    Unlisted,
)
from tallystick.sources.fields import FIELDS, KnownField
from tallystick.sources.numbers import NumberMarks
from tallystick.units.money import MINOR_DIGITS

# Stands in a code table for a value that is not known.
MISSING: Final = "missing"

_TOP: Final = (
    "name", "currency", "source_currency", "rate", "limit_scale", "numbers", "outcome", "statement", "field",
)  # fmt: skip
_SOURCES: Final = ("column", "columns", "pattern")
_FIELD: Final = (*_SOURCES, "first", "count", "unit", "negative", "codes", "unlisted", "special")
_THOUSANDS: Final = ("", ",", ".", " ", "'")
_NUMERIC: Final = ("money", "whole", "share")
_LONGEST_DECIMAL: Final = 12  # digits
_LONGEST_HISTORY: Final = 600  # months


def parse_mapping(text: str, *, name: str) -> Mapping:
    """Parse and check the text of a mapping; raises `MappingFaults` with everything that is wrong."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingFaults(name, (Fault("mapping", f"not TOML: {error}", "correct the line it names"),)) from error
    form = _Form()
    # A file that went through another system keeps its id: ends of lines do not count.
    mapping = form.mapping(content, name=name, sha256=hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest())
    if form.faults:
        raise MappingFaults(name, tuple(form.faults))
    return mapping


def nearest(word: str, known: Iterable[str]) -> str:
    """A way out that names the closest known word, or all of them."""
    words = list(known)
    close = get_close_matches(word, words, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(words[:40])}"


class _Form:
    """The content of one mapping; `faults` grows while its parts are read."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def mapping(self, content: dict[str, Any], *, name: str, sha256: str) -> Mapping:
        self._known(content, _TOP, place="mapping")
        currency = self._currency(content.get("currency"), place="currency")
        fields = self._fields(content)
        rates = {
            code: self._rate(block, place=f"rate.{code}")
            for code, block in self._table(content, "rate", place="rate").items()
            if self._currency(code, place=f"rate.{code}") == code
        }
        return Mapping(
            name=self._text(content, "name", place="name", otherwise=name),
            currency=currency,
            source_currency=self._source_currency(content, currency=currency, fields=fields, rates=rates),
            rates=rates,
            limit_scale=self._decimal(content.get("limit_scale", "1"), place="limit_scale"),
            marks=self._marks(self._table(content, "numbers", place="numbers")),
            fields=fields,
            outcome=self._outcome(content, is_needed="outcome" in fields),
            notes=self._notes(content.get("statement", [])),
            sha256=sha256,
        )

    # Words and numbers.

    def _fault(self, place: str, problem: str, way_out: str) -> None:
        self.faults.append(Fault(place, problem, way_out))

    def _known(self, block: Pairs[str, Any], names: Iterable[str], *, place: str) -> None:
        for name in block:
            if name not in names:
                self._fault(f"{place}.{name}", "is not known", nearest(name, names))

    def _table(self, content: Pairs[str, Any], key: str, *, place: str) -> dict[str, Any]:
        block = content.get(key, {})
        if not isinstance(block, dict):
            self._fault(place, f"{block!r} is no table", f"write a block [{place}] or {key} = {{ ... }}")
            return {}
        return block

    def _text(self, block: Pairs[str, Any], key: str, *, place: str, otherwise: str = "") -> str:
        value = block.get(key, otherwise)
        if not isinstance(value, str) or not value.strip():
            self._fault(place, f"{value!r} is no text", "write it in quotes")
            return otherwise
        return value

    def _choice(self, block: Pairs[str, Any], key: str, choices: tuple[str, ...], *, place: str) -> Any:
        value = block.get(key)
        if value is not None and value not in choices:
            self._fault(f"{place}.{key}", f"{value!r} is not known", f"give one of {', '.join(map(repr, choices))}")
            return None
        return value

    def _currency(self, code: object, *, place: str) -> str:
        if not isinstance(code, str) or code not in MINOR_DIGITS:
            self._fault(place, f"{code!r} is no known currency", "give an ISO 4217 code in quotes, such as 'CNY'")
            return "CNY"
        return code

    def _decimal(self, value: object, *, place: str) -> Decimal:
        number = _exact(value)
        if number is None or number <= 0:
            self._fault(place, f"{value!r} is no exact positive decimal", 'write it in quotes, such as "0.244"')
        elif len(number.as_tuple().digits) > _LONGEST_DECIMAL:
            self._fault(place, f"{value!r} has more than {_LONGEST_DECIMAL} digits", "round it as its source states it")
        else:
            return number
        return Decimal(1)

    # The parts of a mapping.

    def _source_currency(
        self, content: Pairs[str, Any], *, currency: str, fields: Pairs[str, MappedField], rates: Pairs[str, Any]
    ) -> str | None:
        if "currency" in fields:
            if "source_currency" in content:
                self._fault("source_currency", "stands beside a currency column", "keep one of the two")
            return None
        code = self._currency(content.get("source_currency", currency), place="source_currency")
        if code != currency and code not in rates:
            way_out = f"add [rate.{code}] with value ({currency} per {code}, in quotes) and source"
            self._fault(f"rate.{code}", "no exchange rate", way_out)
        return code

    def _rate(self, block: object, *, place: str) -> ExchangeRate:
        if not isinstance(block, dict):
            self._fault(place, f"{block!r} is no exchange rate", f"write a block [{place}] with value and source")
            return ExchangeRate(Decimal(1), "")
        self._known(block, ("value", "source"), place=place)
        if not str(block.get("source", "")).strip():
            self._fault(f"{place}.source", "missing", "say where the rate is from and of which day")
        return ExchangeRate(self._decimal(block.get("value"), place=f"{place}.value"), str(block.get("source", "")))

    def _marks(self, block: dict[str, Any]) -> NumberMarks:
        self._known(block, ("thousands", "decimal"), place="numbers")
        thousands = self._choice(block, "thousands", _THOUSANDS, place="numbers") or ""
        decimal = self._choice(block, "decimal", (".", ","), place="numbers") or "."
        if thousands == decimal:
            self._fault("numbers", f"{decimal!r} is both marks", "say which one stands before the fraction")
        return NumberMarks(thousands=thousands, decimal=decimal)

    def _outcome(self, content: Pairs[str, Any], *, is_needed: bool) -> OutcomeDefinition | None:
        if "outcome" not in content:
            if is_needed:
                way_out = "add [outcome] with zh, en, horizon_months and pd_horizon"
                self._fault("outcome", "the field outcome has no definition", way_out)
            return None
        block = self._table(content, "outcome", place="outcome")
        self._known(block, ("horizon_months", "pd_horizon", "zh", "en"), place="outcome")
        months = block.get("horizon_months")
        if not _is_whole(months, lowest=1) or months > 120:
            self._fault("outcome.horizon_months", f"{months!r} is no number of months", "give whole months, 1 to 120")
            months = 12
        rule = self._choice(block, "pd_horizon", get_args(PdHorizon), place="outcome")
        if rule is None and "pd_horizon" not in block:
            way_out = "give 'as_is' (the label's share is the twelve-month PD) or 'constant_hazard' (it is compounded)"
            self._fault("outcome.pd_horizon", "missing", way_out)
        for language in ("zh", "en"):
            if not str(block.get(language, "")).strip():
                self._fault(f"outcome.{language}", "missing", "say what counts as bad: the report shows it")
        return OutcomeDefinition(months, rule or "as_is", str(block.get("zh", "")), str(block.get("en", "")))

    def _notes(self, blocks: object) -> tuple[dict[str, str], ...]:
        if not isinstance(blocks, list):
            self._fault("statement", f"{blocks!r} is no list", "write blocks [[statement]] with zh and en")
            return ()
        notes = []
        for number, block in enumerate(blocks, start=1):
            if (
                isinstance(block, dict)
                and set(block) == {"zh", "en"}
                and all(isinstance(t, str) for t in block.values())
            ):
                notes.append(dict(block))
            else:
                self._fault(f"statement {number}", "is not one text in zh and one in en", "give both, nothing else")
        return tuple(notes)

    # Fields.

    def _fields(self, content: Pairs[str, Any]) -> dict[str, MappedField]:
        blocks = self._table(content, "field", place="field")
        self._known(blocks, FIELDS, place="field")
        for field in FIELDS.values():
            if field.required and field.name not in blocks:
                way_out = f"add [field.{field.name}] with the column of the {field.en}"
                self._fault(f"field.{field.name}", "required and missing", way_out)
        fields = {}
        for name, block in blocks.items():
            if name not in FIELDS:
                continue
            if isinstance(block, dict):
                fields[name] = self._field(FIELDS[name], block)
            else:
                self._fault(f"field.{name}", f"{block!r} is no table", f'write [field.{name}] and column = "..."')
        return fields

    def _field(self, field: KnownField, block: dict[str, Any]) -> MappedField:
        place = f"field.{field.name}"
        self._known(block, _FIELD, place=place)
        return MappedField(
            field=field,
            columns=self._columns(field, block, place=place),
            unit=self._unit(field, block, place=place),
            negative=self._negative(field, block, place=place),
            codes=self._codes(field, block, place=place),
            unlisted=self._unlisted(field, block, place=place),
            special=self._special(field, block, place=place),
        )

    def _unit(self, field: KnownField, block: Pairs[str, Any], *, place: str) -> str:
        if not field.units:
            if "unit" in block:
                self._fault(f"{place}.unit", "this field has no unit", "remove it")
            return ""
        if "unit" not in block and len(field.units) == 1:
            return field.units[0]
        if "unit" not in block:
            self._fault(f"{place}.unit", "missing", f"give one of {', '.join(map(repr, field.units))}")
        return self._choice(block, "unit", field.units, place=place) or field.units[0]

    def _negative(self, field: KnownField, block: Pairs[str, Any], *, place: str) -> Negative | None:
        if "negative" in block and field.kind not in _NUMERIC:
            self._fault(f"{place}.negative", "only numbers can be negative", "remove it")
            return None
        choices = tuple(each for each in get_args(Negative) if each != "credit_balance" or field.name == "balance")
        chosen: Negative | None = self._choice(block, "negative", choices, place=place)
        return chosen

    def _unlisted(self, field: KnownField, block: Pairs[str, Any], *, place: str) -> Unlisted | None:
        if "unlisted" in block and field.kind != "category":
            self._fault(f"{place}.unlisted", "only categories have codes", "remove it")
            return None
        chosen: Unlisted | None = self._choice(block, "unlisted", get_args(Unlisted), place=place)
        return chosen

    def _codes(self, field: KnownField, block: Pairs[str, Any], *, place: str) -> dict[str, str | None]:
        codes = self._table(block, "codes", place=f"{place}.codes")
        if field.kind not in ("category", "currency"):
            if codes:
                way_out = "remove them; a number that stands for something else goes into special"
                self._fault(f"{place}.codes", "only categories and currencies have codes", way_out)
            return {}
        allowed = (*field.allowed, MISSING) if field.kind == "category" else tuple(MINOR_DIGITS)
        for code, value in codes.items():
            if value not in allowed:
                way_out = f"give one of {', '.join(map(repr, allowed))}"
                self._fault(f"{place}.codes.{code}", f"{value!r} is not known", way_out)
        if not codes:
            return {value: value for value in field.allowed}
        return {code.strip(): None if value == MISSING else str(value) for code, value in codes.items()}

    def _special(self, field: KnownField, block: Pairs[str, Any], *, place: str) -> dict[Decimal, Decimal | None]:
        special = self._table(block, "special", place=f"{place}.special")
        if special and field.kind not in _NUMERIC:
            self._fault(f"{place}.special", "only numbers have special values", "use codes")
            return {}
        read: dict[Decimal, Decimal | None] = {}
        for source, meant in special.items():
            key, value = _exact(source), None if meant == MISSING else _exact(meant)
            if key is None or (value is None and meant != MISSING) or (value is not None and value % 1 != 0):
                way_out = 'write the number in quotes = what it means, a whole number or "missing": { "-2" = 0 }'
                self._fault(f"{place}.special.{source}", f"{source!r} = {meant!r} cannot be read", way_out)
            else:
                read[key] = value
        return read

    def _columns(self, field: KnownField, block: dict[str, Any], *, place: str) -> tuple[str, ...]:
        ways = [way for way in _SOURCES if way in block]
        if len(ways) != 1 or (ways[0] != "column" and not field.monthly):
            monthly = 'columns = [...] (the latest month first) or pattern = "...{n}" with first and count'
            wanted = monthly if field.monthly else 'column = "..."'
            self._fault(place, "does not say which column it is", f"give {wanted}, and only one")
            return ()
        if ways[0] != "pattern" and ("first" in block or "count" in block):
            self._fault(place, "has first or count without a pattern", "remove them, or give a pattern with {n}")
        if ways[0] == "column":
            return (self._text(block, "column", place=f"{place}.column", otherwise="?"),)
        return self._listed(block, place=place) if ways[0] == "columns" else self._patterned(block, place=place)

    def _listed(self, block: Pairs[str, Any], *, place: str) -> tuple[str, ...]:
        columns = block["columns"]
        if not isinstance(columns, list) or not columns or not all(isinstance(each, str) for each in columns):
            self._fault(f"{place}.columns", "is no list of columns", "list them in quotes, the latest month first")
            return ()
        if len(set(columns)) < len(columns):
            self._fault(f"{place}.columns", "names a column twice", "give each month its own")
        return tuple(columns)

    def _patterned(self, block: Pairs[str, Any], *, place: str) -> tuple[str, ...]:
        pattern, first, count = block["pattern"], block.get("first", 0), block.get("count")
        if (
            isinstance(pattern, str)
            and "{n}" in pattern
            and _is_whole(first, lowest=0)
            and _is_whole(count, lowest=1)
            and count <= _LONGEST_HISTORY
        ):
            return tuple(pattern.replace("{n}", str(first + month)) for month in range(count))
        way_out = 'such as pattern = "BILL_AMT{n}", first = 1 (the latest month), count = 6'
        self._fault(f"{place}.pattern", "needs {n} in it, a whole first and a count", way_out)
        return ()


def _is_whole(value: object, *, lowest: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= lowest


def _exact(value: object) -> Decimal | None:
    """A decimal as it was written; a TOML float is none, for it lost its digits already."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
