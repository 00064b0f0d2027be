"""A strategy: one folder of rules, economics and decision tables, read whole, checked whole, named by its content."""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from tallystick.strategy.choices import LimitRules
from tallystick.strategy.columns import ColumnType
from tallystick.strategy.economics import Economics, StrategyFaults, read_economics
from tallystick.strategy.limits import MEASURES, PortfolioCap
from tallystick.strategy.lines import Flags, Floats
from tallystick.strategy.tables import DecisionTable, TableDeclaration, TableFaults, compile_table
from tallystick.terms.caps import LegalCap, NoLegalCap, person_cap, price_cap
from tallystick.units.rates import PPM

STRATEGY_FILES: Final = ("strategy.toml", "economics.toml", "grades.csv", "eligibility.csv")
# What a person edits, and an editor may give other line ends; all else is hashed as it is.
_TEXT_ENDINGS: Final = (".toml", ".csv")
_LIMIT_FIGURES: Final = (
    "step_minor",
    "lowest_minor",
    "largest_increase_ratio_ppm",
    "largest_increase_minor",
    "income_multiple_ppm",
)
_TEXTS: Final = ("name", "zh", "en", "jurisdiction", "currency")
_RESERVE: Final = "request_reserve_ppm"
_CAP_TEXTS: Final = ("name", "zh", "en", "measure")
_CAP_BOUNDS: Final = ("most_minor", "most_ratio_to_today_ppm")
_SHARE_BOUNDS: Final = ("most_share_ppm", "most_share_above_today_ppm")
_CAP_FIELDS: Final = {*_CAP_TEXTS, *_CAP_BOUNDS, *_SHARE_BOUNDS, "segment_column", "segment_values"}


@dataclass(frozen=True, slots=True)
class CapRule:
    """A portfolio cap as the strategy states it; exactly one of the bounds is given."""

    name: str
    zh: str
    en: str
    measure: str
    bound_kind: str  # one of _CAP_BOUNDS, or of _SHARE_BOUNDS for a segment
    bound: int
    segment_column: str | None
    segment_values: tuple[str, ...]

    def bound_for(self, *, today: float, segment_today: float) -> int:
        """The bound in minor units, or in ppm for a segment's share, given today's usage of the measure.

        >>> rule = CapRule("exposure", "", "", "drawn", "most_ratio_to_today_ppm", 1_150_000, None, ())
        >>> rule.bound_for(today=200_000.0, segment_today=0.0)
        230000
        """
        match self.bound_kind:
            case "most_ratio_to_today_ppm":
                return round(today * self.bound / PPM)
            case "most_share_above_today_ppm":
                share = segment_today / today if today else 0.0
                return min(round(share * PPM) + self.bound, PPM)
            case _:
                return self.bound

    def over(self, today: Floats, *, segment: Flags | None) -> PortfolioCap:
        """The cap on a book: `today` (lines,) is what each line uses of the measure now, `segment` who belongs."""
        segment_today = 0.0 if segment is None else float(today[segment].sum())
        bound = self.bound_for(today=float(today.sum()), segment_today=segment_today)
        return PortfolioCap(self.name, self.zh, self.en, self.measure, bound, segment)


@dataclass(frozen=True, slots=True)
class Strategy:
    """Everything that decides a review, ready to run."""

    name: str
    zh: str
    en: str
    jurisdiction: str
    currency: str
    limits: LimitRules
    caps: tuple[CapRule, ...]
    economics: Economics
    grades: DecisionTable
    eligibility: DecisionTable
    price_cap: LegalCap
    person_cap: LegalCap
    sha256: str
    request_reserve_ppm: int = 0  # of what a night leaves of each cap, for what borrowers ask by day


def standard_strategy_files() -> dict[str, str]:
    """The texts of the strategy that ships with Tallystick, by their path inside its folder; its model's too."""
    return dict(_texts_below(files("tallystick.strategy").joinpath("standard"), inside=""))


def _texts_below(folder: Traversable, *, inside: str) -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _texts_below(entry, inside=f"{inside}{entry.name}/")
        else:
            yield f"{inside}{entry.name}", entry.read_text(encoding="utf-8")


def strategy_sha256(files: Mapping[str, str | bytes]) -> str:
    """The content hash that names a strategy: over names and contents, in name order; texts with line ends as \\n."""
    digest = hashlib.sha256()
    for name in sorted(files):
        given = files[name]
        content = given.encode() if isinstance(given, str) else given
        if name.endswith(_TEXT_ENDINGS):
            content = content.replace(b"\r\n", b"\n")
        digest.update(f"{name}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def read_strategy(
    texts: Mapping[str, str], *, features: Mapping[str, ColumnType], on: date, beside: Mapping[str, bytes] | None = None
) -> Strategy:
    """Check and compile what reviews limits, for decisions on a day.

    Files `beside` its own, those of checkpoints and models, are only part of the content hash. `features` are the
    columns that eligibility may read besides `pd_ppm`, `grade`, `price_offered`.
    Raises `StrategyFaults` with every fault of every file.
    """
    faults = [f"{name}: missing from the strategy folder; a strategy is {', '.join(STRATEGY_FILES)}"
              for name in STRATEGY_FILES if name not in texts]  # fmt: skip
    if faults:
        raise StrategyFaults(faults)
    economics = _collected(faults, lambda: read_economics(texts["economics.toml"]))
    grade_names = economics.grade_names() if economics else ()
    grades = _collected(faults, lambda: _grades_table(texts["grades.csv"], grade_names)) if grade_names else None
    eligibility = _collected(faults, lambda: _eligibility_table(texts["eligibility.csv"], features, grade_names))
    rules = _collected(faults, lambda: _rules(texts["strategy.toml"], on=on, segments={*features, "grade"}))
    if faults or economics is None or grades is None or eligibility is None or rules is None:
        raise StrategyFaults(faults)
    return Strategy(**rules, economics=economics, grades=grades, eligibility=eligibility,
                    sha256=strategy_sha256({**texts, **(beside or {})}))  # fmt: skip


def _collected(faults: list[str], read: Any) -> Any:
    try:
        return read()
    except StrategyFaults as error:
        faults.extend(error.faults)
    except TableFaults as error:
        faults.extend(str(fault) for fault in error.faults)
    return None


def _grades_table(text: str, grades: tuple[str, ...]) -> DecisionTable:
    return compile_table(
        text=text,
        file="grades.csv",
        declaration=TableDeclaration("grades", {"grade": ColumnType("text", allowed=grades)}),
        columns={"pd_ppm": ColumnType("whole", lowest=0, highest=PPM, may_be_missing=False)},
    )


def _eligibility_table(text: str, features: Mapping[str, ColumnType], grades: tuple[str, ...]) -> DecisionTable:
    answer = ColumnType("text", allowed=("allowed", "refused"))
    return compile_table(
        text=text,
        file="eligibility.csv",
        declaration=TableDeclaration("eligibility", {"increase": answer, "decrease": answer}),
        columns={
            **features,
            "pd_ppm": ColumnType("whole", lowest=0, highest=PPM, may_be_missing=False),
            "grade": ColumnType("text", allowed=grades, may_be_missing=False),
            "price_offered": ColumnType("boolean", may_be_missing=False),
        },
    )


def _rules(text: str, *, on: date, segments: set[str]) -> dict[str, Any]:
    file = "strategy.toml"
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StrategyFaults([f"{file}: not TOML: {error}"]) from error
    faults = [f"{file}: {name}: not known; remove it or correct its name"
              for name in content if name not in {*_TEXTS, "limits", "portfolio_cap", _RESERVE}]  # fmt: skip
    faults += [f"{file}: {name}: missing or empty; give a text" for name in _TEXTS if not _is_text(content.get(name))]
    limits = _limit_figures(content.get("limits"), file=file, faults=faults)
    caps = _cap_rules(content.get("portfolio_cap", []), file=file, faults=faults, segments=segments)
    reserve_ppm = content.get(_RESERVE, 0)
    if not _is_amount(reserve_ppm) or reserve_ppm > PPM:
        faults.append(f"{file}: {_RESERVE}: must be whole ppm between 0 and {PPM}, not {reserve_ppm!r}")
    jurisdiction = str(content.get("jurisdiction", ""))
    try:
        law = (price_cap(jurisdiction=jurisdiction, on=on), person_cap(jurisdiction=jurisdiction, on=on))
    except NoLegalCap as error:
        faults.append(f"{file}: jurisdiction: {error}")
    else:
        # The law's cap per person is an amount of its own currency: it bounds no limits of another.
        if law[1].currency != content.get("currency"):
            faults.append(f"{file}: currency: {law[1].id} caps limits in {law[1].currency}, not "
                          f"{content.get('currency')!r}; decide in {law[1].currency}")  # fmt: skip
    if faults:
        raise StrategyFaults(faults)
    return {
        **{name: content[name] for name in _TEXTS},
        "limits": LimitRules(**limits, person_cap_minor=law[1].bound),
        "caps": caps,
        _RESERVE: reserve_ppm,
        "price_cap": law[0],
        "person_cap": law[1],
    }


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_amount(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _limit_figures(block: object, *, file: str, faults: list[str]) -> dict[str, int]:
    block = block if isinstance(block, dict) else {}
    for name in _LIMIT_FIGURES:
        lowest = 1 if name in ("step_minor", "lowest_minor") else 0
        if not _is_amount(block.get(name)) or block[name] < lowest:
            faults.append(f"{file}: limits.{name}: must be a whole number from {lowest}, not {block.get(name)!r}")
    faults += [f"{file}: limits.{name}: not known; known are {', '.join(_LIMIT_FIGURES)}"
               for name in block if name not in _LIMIT_FIGURES]  # fmt: skip
    return {name: block.get(name, 0) for name in _LIMIT_FIGURES}


def _cap_rules(blocks: object, *, file: str, faults: list[str], segments: set[str]) -> tuple[CapRule, ...]:
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        faults.append(f"{file}: portfolio_cap: write each as a block [[portfolio_cap]]")
        return ()
    rules = [_cap_rule(block, place=f"{file}: portfolio_cap {number}", faults=faults, segments=segments)
             for number, block in enumerate(blocks, start=1)]  # fmt: skip
    names = [rule.name for rule in rules if rule]
    faults += [
        f"{file}: portfolio_cap: the name {name!r} is given twice"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    return tuple(rule for rule in rules if rule)


def _cap_rule(block: dict[str, Any], *, place: str, faults: list[str], segments: set[str]) -> CapRule | None:
    before = len(faults)
    faults += [f"{place}: {name}: not known; remove it" for name in block if name not in _CAP_FIELDS]
    faults += [
        f"{place}: {name}: missing or empty; give a text" for name in _CAP_TEXTS if not _is_text(block.get(name))
    ]
    if block.get("measure") not in MEASURES:
        faults.append(f"{place}: measure: must be one of {', '.join(MEASURES)}, not {block.get('measure')!r}")
    column = block.get("segment_column")
    kinds = _CAP_BOUNDS if column is None else _SHARE_BOUNDS
    given = [kind for kind in (*_CAP_BOUNDS, *_SHARE_BOUNDS) if kind in block]
    if len(given) != 1 or given[0] not in kinds or not _is_amount(block[given[0]]):
        faults.append(f"{place}: give exactly one bound, a whole number: {' or '.join(kinds)}")
    if column is not None and column not in segments:
        faults.append(f"{place}: segment_column: {column!r} is no column; known are {', '.join(sorted(segments))}")
    values = block.get("segment_values", [])
    if column is not None and not (isinstance(values, list) and values and all(map(_is_text, values))):
        faults.append(f"{place}: segment_values: give a list of the texts that belong to the segment")
    if len(faults) > before:
        return None
    return CapRule(
        **{name: block[name] for name in _CAP_TEXTS},
        bound_kind=given[0],
        bound=block[given[0]],
        segment_column=column,
        segment_values=tuple(values),
    )
