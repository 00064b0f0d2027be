"""A mapping: the TOML file that says which of a lender's columns is which field, in which unit and conversion."""

import hashlib
import re
import tomllib
from collections.abc import Mapping as Pairs
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa

from tallystick.sources.fields import FIELDS, KnownField
from tallystick.units.money import MINOR_DIGITS

BUILT_IN: Final = ("tallystick", "uci-taiwan")

Negative = Literal["reject", "missing", "zero", "credit_balance"]
Unlisted = Literal["reject", "missing"]
PdHorizon = Literal["as_is", "constant_hazard"]

_TOP: Final = {
    "name",
    "zh",
    "en",
    "currency",
    "limit_scale",
    "source_currency",
    "rate",
    "field",
    "outcome",
    "statement",
}
_FIELD: Final = {"column", "columns", "pattern", "first", "count", "unit", "negative", "codes", "unlisted"}
_OUTCOME: Final = {"horizon_months", "pd_horizon", "zh", "en"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place of a mapping, and the way out."""

    place: str
    problem: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}; {self.way_out}."


class MappingFaults(ValueError):
    """A mapping cannot be used; `faults` holds everything that is wrong with it."""

    def __init__(self, name: str, faults: tuple[Fault, ...]) -> None:
        super().__init__(f"mapping {name}:\n" + "\n".join(f"  {fault}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class MappedField:
    """One field and its source columns: one, or for a monthly field one per month, the latest first."""

    field: KnownField
    columns: tuple[str, ...]
    unit: str
    negative: Negative
    codes: Pairs[str, str]
    unlisted: Unlisted


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """Units of the portfolio's currency per unit of another, exact, with its source."""

    value: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class OutcomeDefinition:
    """What bad means, over how many months, and how that becomes a twelve-month PD."""

    horizon_months: int
    pd_horizon: PdHorizon
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Mapping:
    """A checked mapping. `source_currency` is a code, or None where a currency column tells it per row."""

    name: str
    currency: str
    source_currency: str | None
    rates: Pairs[str, ExchangeRate]
    limit_scale: Decimal
    fields: Pairs[str, MappedField]
    outcome: OutcomeDefinition | None
    statements: tuple[Pairs[str, str], ...]
    sha256: str

    @property
    def months(self) -> int:
        """Months of history told by any field."""
        return max((len(mapped.columns) for mapped in self.fields.values() if mapped.field.monthly), default=0)


def read_mapping(name_or_path: str) -> Mapping:
    """A built-in mapping by name, or one's own by path. Raises `MappingFaults` with everything that is wrong."""
    if name_or_path in BUILT_IN:
        text = files("tallystick.sources").joinpath(f"mappings/{name_or_path}.toml").read_text(encoding="utf-8")
        return parse_mapping(text, name=name_or_path)
    path = Path(name_or_path)
    if not path.is_file():
        close = get_close_matches(name_or_path, BUILT_IN, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        way_out = f"{hint}give a file, or one of the built-in mappings: {', '.join(BUILT_IN)}"
        raise MappingFaults(name_or_path, (Fault("mapping", "no such file and no built-in mapping", way_out),))
    try:
        return parse_mapping(path.read_text(encoding="utf-8"), name=path.stem)
    except UnicodeDecodeError as error:
        raise MappingFaults(
            name_or_path, (Fault("mapping", f"not UTF-8 text: {error}", "save it as UTF-8"),)
        ) from error


def parse_mapping(text: str, *, name: str) -> Mapping:
    """Parse and check the text of a mapping; raises `MappingFaults` with everything that is wrong."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingFaults(name, (Fault("mapping", f"not TOML: {error}", "correct the line it names"),)) from error
    reader = _Reader()
    mapping = reader.read(content, name=name, sha256=hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest())
    if reader.faults:
        raise MappingFaults(name, tuple(reader.faults))
    return mapping


def check_mapping(mapping: Mapping, table: pa.Table) -> tuple[Fault, ...]:
    """Everything in which a mapping and a file do not fit: columns that are absent, types, codes not listed."""
    faults = []
    for name, mapped in mapping.fields.items():
        for column in mapped.columns:
            if column not in table.column_names:
                close = get_close_matches(column, table.column_names, n=1, cutoff=0.5)
                hint = f"did you mean {close[0]!r}" if close else f"the file has {', '.join(table.column_names[:30])}"
                faults.append(Fault(f"field.{name}", f"column {column!r} is not in the file", hint))
                continue
            kind = table.schema.field(column).type
            if pa.types.is_nested(kind) or pa.types.is_binary(kind):
                faults.append(Fault(f"field.{name}", f"column {column!r} holds {kind}", "give numbers or text"))
            elif mapped.field.kind in ("money", "whole", "share") and (
                pa.types.is_temporal(kind) or pa.types.is_boolean(kind)
            ):
                faults.append(Fault(f"field.{name}", f"column {column!r} holds {kind}", "give a column of numbers"))
    return tuple(faults)


class _Reader:
    """Reads a mapping's content and collects its faults instead of stopping at the first."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, place: str, problem: str, way_out: str) -> None:
        self.faults.append(Fault(place, problem, way_out))

    def read(self, content: dict[str, Any], *, name: str, sha256: str) -> Mapping:
        self.known(content, _TOP, place="mapping")
        currency = self.currency(content.get("currency"), place="currency")
        source = content.get("source_currency", {})
        source = source if isinstance(source, dict) else {"code": source}
        fields = self.fields(content.get("field"))
        code = source.get("code")
        if code is not None:
            code = self.currency(code, place="source_currency.code")
        elif "currency" not in fields:
            code = currency
        rates = {
            other: self.rate(block, place=f"rate.{other}") for other, block in dict(content.get("rate", {})).items()
        }
        if code is not None and code != currency and code not in rates:
            self.fault(f"rate.{code}", "no exchange rate", f"add [rate.{code}] with value (in {currency}) and source")
        if code is not None and "currency" in fields:
            self.fault("source_currency", "stands beside a currency column", "keep one of the two")
        scale = self.decimal(content.get("limit_scale", "1"), place="limit_scale")
        outcome = self.outcome(content.get("outcome"), needed="outcome" in fields)
        stated = [dict(block) for block in content.get("statement", [])]
        for number, block in enumerate(stated, start=1):
            if set(block) != {"zh", "en"}:
                self.fault(f"statement {number}", "is not one text in zh and one in en", "give both, nothing else")
        mapping = Mapping(
            name=str(content.get("name", name)),
            currency=currency,
            source_currency=code,
            rates=rates,
            limit_scale=scale,
            fields=fields,
            outcome=outcome,
            statements=(),
            sha256=sha256,
        )
        return _with_statements(mapping, stated)

    def known(self, block: Pairs[str, Any], names: set[str], *, place: str) -> None:
        for name in block:
            if name not in names:
                close = get_close_matches(name, sorted(names), n=1)
                way_out = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(names))}"
                self.fault(f"{place}.{name}", "not known", way_out)

    def currency(self, code: object, *, place: str) -> str:
        if code not in MINOR_DIGITS:
            self.fault(place, f"{code!r} is no known currency", "give an ISO 4217 code such as 'CNY'")
            return "CNY"
        return str(code)

    def decimal(self, value: object, *, place: str) -> Decimal:
        try:
            number = Decimal(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
        except InvalidOperation:
            number = None
        if number is None or not number.is_finite() or number <= 0:
            self.fault(place, f"{value!r} is no exact positive decimal", 'write it in quotes, such as "0.244"')
            return Decimal(1)
        if len(number.as_tuple().digits) > 9:
            self.fault(place, f"{value!r} has more than 9 digits", "round it: amounts are converted exactly")
            return Decimal(1)
        return number

    def rate(self, block: object, *, place: str) -> ExchangeRate:
        block = block if isinstance(block, dict) else {}
        self.known(block, {"value", "source"}, place=place)
        if not str(block.get("source", "")).strip():
            self.fault(f"{place}.source", "missing", "say where the rate is from and of which day")
        return ExchangeRate(self.decimal(block.get("value"), place=f"{place}.value"), str(block.get("source", "")))

    def outcome(self, block: object, *, needed: bool) -> OutcomeDefinition | None:
        if block is None:
            if needed:
                self.fault(
                    "outcome", "the field outcome has no definition", "add [outcome] with zh, en, horizon_months"
                )
            return None
        block = block if isinstance(block, dict) else {}
        self.known(block, _OUTCOME, place="outcome")
        months = block.get("horizon_months")
        if not isinstance(months, int) or not 1 <= months <= 120:
            self.fault("outcome.horizon_months", f"{months!r} is no number of months", "give whole months, 1 to 120")
            months = 12
        rule = block.get("pd_horizon", "constant_hazard")
        if rule not in ("as_is", "constant_hazard"):
            self.fault("outcome.pd_horizon", f"{rule!r} is not known", "give as_is or constant_hazard")
        for language in ("zh", "en"):
            if not str(block.get(language, "")).strip():
                self.fault(f"outcome.{language}", "missing", "say what counts as bad, for the report")
        return OutcomeDefinition(months, rule, str(block.get("zh", "")), str(block.get("en", "")))

    def fields(self, blocks: object) -> dict[str, MappedField]:
        if not isinstance(blocks, dict):
            self.fault("field", "missing", "write a block [field.NAME] for each field")
            return {}
        self.known(blocks, set(FIELDS), place="field")
        for field in FIELDS.values():
            if field.required and field.name not in blocks:
                self.fault(f"field.{field.name}", "required and missing", f"add [field.{field.name}] with its column")
        return {
            name: self.field(FIELDS[name], block if isinstance(block, dict) else {"column": block})
            for name, block in blocks.items()
            if name in FIELDS
        }

    def field(self, field: KnownField, block: dict[str, Any]) -> MappedField:
        place = f"field.{field.name}"
        self.known(block, _FIELD, place=place)
        unit = block.get("unit", field.units[0] if len(field.units) == 1 else "")
        if field.units and unit not in field.units:
            self.fault(f"{place}.unit", f"{unit!r} is not a unit of it", f"give one of {', '.join(field.units)}")
        negative = block.get("negative", "reject")
        allowed = ("reject", "missing", "zero", *(("credit_balance",) if field.name == "balance" else ()))
        if negative not in allowed:
            self.fault(f"{place}.negative", f"{negative!r} is not known", f"give one of {', '.join(allowed)}")
        unlisted = block.get("unlisted", "reject")
        if unlisted not in ("reject", "missing"):
            self.fault(f"{place}.unlisted", f"{unlisted!r} is not known", "give reject or missing")
        codes = {str(code): str(value) for code, value in dict(block.get("codes", {})).items()}
        if codes and field.kind != "category":
            self.fault(f"{place}.codes", "only categories have codes", "remove them")
        for code, value in codes.items():
            if field.kind == "category" and value not in field.allowed:
                self.fault(
                    f"{place}.codes.{code}", f"{value!r} is not known", f"give one of {', '.join(field.allowed)}"
                )
        if field.kind == "category" and not codes:
            codes = {value: value for value in field.allowed}
        return MappedField(field, self.columns(field, block, place=place), str(unit), negative, codes, unlisted)

    def columns(self, field: KnownField, block: dict[str, Any], *, place: str) -> tuple[str, ...]:
        ways = [way for way in ("column", "columns", "pattern") if way in block]
        if len(ways) != 1 or (ways[0] != "column" and not field.monthly):
            wanted = "columns = [...] (latest first) or pattern, first and count" if field.monthly else 'column = "..."'
            self.fault(place, "its source is not clear", f"give exactly one of: {wanted}")
            return ()
        if ways[0] == "column":
            return (str(block["column"]),)
        if ways[0] == "columns":
            columns = block["columns"]
            if not isinstance(columns, list) or not columns or len({*map(str, columns)}) < len(columns):
                self.fault(f"{place}.columns", "is no list of different columns", "list them, the latest month first")
                return ()
            return tuple(map(str, columns))
        pattern, first, count = str(block["pattern"]), block.get("first", 0), block.get("count")
        if not re.search(r"\{n\}", pattern) or not isinstance(first, int) or not isinstance(count, int) or count < 1:
            self.fault(f"{place}.pattern", "needs {n} in it, a whole first and count", 'such as "BILL_AMT{n}", 1 and 6')
            return ()
        return tuple(pattern.replace("{n}", str(first + month)) for month in range(count))


def _with_statements(mapping: Mapping, stated: list[dict[str, str]]) -> Mapping:
    """What a reader of the report must know: conversions, scale, what bad means, and the mapping's own words."""
    statements: list[dict[str, str]] = []
    for code, rate in mapping.rates.items():
        statements.append({
            "zh": f"金额按 1 {code} = {rate.value} {mapping.currency} 折算（{rate.source}）。",
            "en": f"Money is converted at {rate.value} {mapping.currency} per {code} ({rate.source}).",
        })  # fmt: skip
    if mapping.limit_scale != 1:
        statements.append({
            "zh": f"每户的全部金额（额度、余额、还款、收入）乘以 {mapping.limit_scale}。",
            "en": f"All money of every line (limit, balances, payments, income) is multiplied by {mapping.limit_scale}.",
        })  # fmt: skip
    if mapping.outcome:
        rule_zh = "直接视为十二个月违约概率" if mapping.outcome.pd_horizon == "as_is" else "按不变风险率折算为十二个月"
        rule_en = "taken as the twelve-month PD as it is" if mapping.outcome.pd_horizon == "as_is" else (
            "brought to twelve months at a constant hazard"
        )  # fmt: skip
        months = mapping.outcome.horizon_months
        statements.append({
            "zh": f"坏样本定义：{mapping.outcome.zh}（表现期 {months} 个月，{rule_zh}）。",
            "en": f"Bad means: {mapping.outcome.en} (performance window {months} months, {rule_en}).",
        })  # fmt: skip
    object.__setattr__(mapping, "statements", (*statements, *stated))
    return mapping
