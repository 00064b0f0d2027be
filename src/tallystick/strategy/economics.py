"""What credit earns and costs: `economics.toml`, checked whole, every parameter with its source."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tallystick.units.rates import PPM

STRESS_NAMES: Final = ("base", "adverse", "severe")
_FIGURES: Final = (
    "funds_rate_ppm",
    "operations_cost_ppm",
    "margin_ppm",
    "capital_cost_ppm",
    "merchant_yield_ppm",
    "lgd_ppm",
    "drawn_rise_before_default_ppm",
    "ccf_least_ppm",
    "pd_rise_per_doubling_ppm",
    "stress_correlation_ppm",
)
_GRADE_FIGURES: Final = ("pd_ppm", "propensity_ppm", "revolving_share_ppm")
_GRADE_SOURCES: Final = ("source_pd", "source_propensity", "source_revolving_share")
_BY_USE: Final = "propensity_by_use"
_MOST_FACTOR_PPM: Final = 10 * PPM


class StrategyFaults(ValueError):
    """A strategy folder is wrong: every fault at once, each with its file, its field and the way out."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class GradeEconomics:
    """How lines of one grade behave; shares in ppm."""

    grade: str
    pd_ppm: int
    propensity_ppm: int
    revolving_share_ppm: int


@dataclass(frozen=True, slots=True)
class UseFactor:
    """From this use of the limit on, a line's propensity is that of its grade times this factor; both in ppm."""

    from_ppm: int
    factor_ppm: int


@dataclass(frozen=True, slots=True)
class Economics:
    """All parameters of earning and loss. Rates are ppm a year of drawn balance unless the name says otherwise."""

    funds_rate_ppm: int
    operations_cost_ppm: int
    margin_ppm: int
    capital_cost_ppm: int  # a year, of capital
    merchant_yield_ppm: int  # a year, of the drawn balance that is paid in full
    lgd_ppm: int  # of exposure at default
    drawn_rise_before_default_ppm: int  # of the drawn balance, as far as the limit allows
    ccf_least_ppm: int  # of the undrawn part
    pd_rise_per_doubling_ppm: int  # of the odds of default
    stress_correlation_ppm: int
    stress_quantile_ppm: Mapping[str, int]
    grades: tuple[GradeEconomics, ...]
    sources: Mapping[str, str]
    propensity_by_use: tuple[UseFactor, ...] = ()  # by rising use from 0; none: use does not count

    def grade_names(self) -> tuple[str, ...]:
        """Grades from the safest to the weakest, as the file lists them."""
        return tuple(grade.grade for grade in self.grades)


def read_economics(text: str, *, file: str = "economics.toml") -> Economics:
    """Parse and check the whole text; raises `StrategyFaults` with everything that is wrong."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StrategyFaults([f"{file}: not TOML: {error}"]) from error
    faults: list[str] = []
    known = {*_FIGURES, "stress_quantile_ppm", "grade", _BY_USE}
    faults += [
        f"{file}: {name}: not a parameter; remove it or correct its name" for name in content if name not in known
    ]
    figures = {name: _figure(content, name=name, file=file, faults=faults) for name in _FIGURES}
    quantiles = _quantiles(content.get("stress_quantile_ppm"), file=file, faults=faults)
    grades = _grades(content.get("grade"), file=file, faults=faults)
    by_use = _by_use(content[_BY_USE], file=file, faults=faults) if _BY_USE in content else ()
    if faults:
        raise StrategyFaults(faults)
    sources = {name: str(content[name]["source"]) for name in (*_FIGURES, "stress_quantile_ppm")}
    sources |= {name: str(content["grade"][name]) for name in _GRADE_SOURCES}
    sources |= {_BY_USE: str(content[_BY_USE]["source"])} if by_use else {}
    return Economics(
        **figures, stress_quantile_ppm=quantiles, grades=grades, sources=sources, propensity_by_use=by_use
    )  # fmt: skip


def _figure(content: Mapping[str, Any], *, name: str, file: str, faults: list[str]) -> int:
    block = content.get(name)
    if not isinstance(block, dict) or "value" not in block:
        faults.append(f'{file}: {name}: missing; write [{name}] with value = <whole ppm> and source = "..."')
        return 0
    if not str(block.get("source", "")).strip():
        faults.append(f"{file}: {name}: has no source; say where the figure is from, or 'assumption: ...'")
    faults += _unknown(block, known={"value", "source"}, place=f"{file}: {name}")
    return _whole_ppm(block["value"], name=name, file=file, faults=faults)


def _unknown(block: Mapping[str, Any], *, known: set[str], place: str) -> list[str]:
    return [f"{place}.{name}: not a parameter; remove it or correct its name" for name in block if name not in known]


def _whole_ppm(value: object, *, name: str, file: str, faults: list[str]) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= PPM:
        faults.append(f"{file}: {name}: must be whole ppm between 0 and {PPM} (1 % = 10_000), not {value!r}")
        return 0
    return value


def _quantiles(block: object, *, file: str, faults: list[str]) -> Mapping[str, int]:
    name = "stress_quantile_ppm"
    if not isinstance(block, dict) or not str(block.get("source", "")).strip():
        faults.append(f"{file}: {name}: missing, or without source; give {', '.join(STRESS_NAMES)} and source")
        return {}
    faults += _unknown(block, known={*STRESS_NAMES, "source"}, place=f"{file}: {name}")
    values = {key: _whole_ppm(block.get(key), name=f"{name}.{key}", file=file, faults=faults) for key in STRESS_NAMES}
    ordered = list(values.values())
    if any(not 0 < value < PPM for value in ordered) or ordered != sorted(set(ordered)):
        faults.append(f"{file}: {name}: quantiles must rise from base to severe, above 0 and below {PPM}")
    return values


def _grades(block: object, *, file: str, faults: list[str]) -> tuple[GradeEconomics, ...]:
    if not isinstance(block, dict):
        faults.append(f"{file}: grade: missing; write one [grade.NAME] block per grade, safest first")
        return ()
    faults += [
        f"{file}: grade.{source}: missing; say where the figures are from"
        for source in _GRADE_SOURCES
        if not str(block.get(source, "")).strip()
    ]
    grades = []
    for grade, figures in block.items():
        if grade in _GRADE_SOURCES:
            continue
        if not isinstance(figures, dict):
            faults.append(f"{file}: grade.{grade}: must be a block [grade.{grade}]")
            continue
        faults += _unknown(figures, known=set(_GRADE_FIGURES), place=f"{file}: grade.{grade}")
        values = {
            name: _whole_ppm(figures.get(name), name=f"grade.{grade}.{name}", file=file, faults=faults)
            for name in _GRADE_FIGURES
        }
        grades.append(GradeEconomics(grade=grade, **values))
    pds = [grade.pd_ppm for grade in grades]
    if not grades or pds != sorted(set(pds)) or pds[0] < 1:
        faults.append(f"{file}: grade: list at least one, safest first, with rising pd_ppm above zero")
    return tuple(grades)


def _by_use(block: object, *, file: str, faults: list[str]) -> tuple[UseFactor, ...]:
    """The two lists of the block, paired."""
    place = f"{file}: {_BY_USE}"
    if not isinstance(block, dict) or not str(block.get("source", "")).strip():
        faults.append(f"{place}: has no source; give from_ppm, factor_ppm and source, or leave the block out")
        return ()
    faults += _unknown(block, known={"from_ppm", "factor_ppm", "source"}, place=place)
    starts = _whole_list(block.get("from_ppm"), most=PPM)
    factors = _whole_list(block.get("factor_ppm"), most=_MOST_FACTOR_PPM)
    if starts is None or factors is None:
        faults.append(
            f"{place}: from_ppm and factor_ppm must be lists of whole ppm, at most {PPM} and {_MOST_FACTOR_PPM}"
        )
        return ()
    if len(starts) != len(factors) or starts[:1] != [0] or starts != sorted(set(starts)):
        faults.append(f"{place}: from_ppm must begin at 0 and rise, with one factor_ppm for each")
        return ()
    return tuple(UseFactor(start, factor) for start, factor in zip(starts, factors, strict=True))


def _whole_list(values: object, *, most: int) -> list[int] | None:
    if not isinstance(values, list):
        return None
    whole = [each for each in values if isinstance(each, int) and not isinstance(each, bool) and 0 <= each <= most]
    return whole if len(whole) == len(values) else None
