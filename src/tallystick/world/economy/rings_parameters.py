"""Organized fraud: the figures of `rings.toml`, checked all at once."""

from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib.resources import files
from typing import Annotated

from tallystick.world.parameter_files import Numbers, Range, Sections, WorldParameterFaults, read_sections

_SHARE = Range(0, 1)
_PER_THOUSAND = 1_000
_YEAR_DAYS = 365
_MOST_IN_CASES = 0.5  # of all people, or the world would be of another kind


class Kind(IntEnum):
    """The kinds of organized fraud; their lower-case names are the sections of the file."""

    STOLEN_IDENTITY = 0
    TAKEOVER = 1
    BUST_OUT = 2
    COLLUSION = 3
    REFUND_ABUSE = 4
    DEVICE_FARM = 5


MOST_THINGS = 16  # devices, phones or addresses of one ring
_THINGS = Range(0, MOST_THINGS, length=len(Kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class RingsParameters:
    """What all kinds share. Lists have a value for each kind, in the order of `Kind`."""

    periods: Annotated[int, Range(1, 1_000)]
    period_days: Annotated[int, Range(14, 3_650)]
    spell_days: Annotated[int, Range(1, 365)]
    devices: Annotated[Numbers, _THINGS]
    phones: Annotated[Numbers, _THINGS]
    addresses: Annotated[Numbers, _THINGS]
    acts_after_days: Annotated[Numbers, Range(0, 3_650, length=len(Kind))]
    found_together: Annotated[float, _SHARE]
    face_passes_share: Annotated[float, _SHARE]
    papers_pass_share: Annotated[float, _SHARE]
    income_factor: Annotated[float, Range(0.1, 10)]
    asks_before_days: Annotated[int, Range(1, 365)]
    least_order_minor: Annotated[int, Range(1, 1e8)]
    collusive_crowd_share: Annotated[float, Range(0.01, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindParameters:
    """One kind of fraud: how often, how it shops, and when it is found out."""

    rate: Annotated[float, Range(0, 500)]
    members: Annotated[float, Range(1, 10_000)]
    honesty: Annotated[float, Range(0, 5)]
    orders: Annotated[float, Range(1, 100)]
    first_after_days: Annotated[int, Range(0, 365)]
    window_days: Annotated[int, Range(1, 365)]
    long_share: Annotated[float, _SHARE]
    amount_share: Annotated[Numbers, Range(0, 1, length=2, rising=True)]
    night_share: Annotated[float, _SHARE]
    resold_share: Annotated[float, _SHARE]
    confirms_share: Annotated[float, _SHARE]
    unpaid_share: Annotated[float, _SHARE]
    claims_share: Annotated[float, _SHARE]
    claim_after_days: Annotated[int, Range(0, 365)]
    claim_won_share: Annotated[float, _SHARE]
    found_median_days: Annotated[float, Range(0.1, 3_650)]
    found_log_sd: Annotated[float, Range(0, 3)]
    never_found_share: Annotated[float, _SHARE]


@dataclass(frozen=True, slots=True, kw_only=True)
class FraudParameters:
    """All of them; `standard_fraud()` gives the shipped ones. `kinds` are in the order of `Kind`."""

    rings: RingsParameters
    kinds: tuple[KindParameters, ...]

    def case_share(self, kind: Kind) -> float:
        """The share of people who are in a case of this kind at some time.

        >>> round(standard_fraud().case_share(Kind.TAKEOVER), 4)
        0.0299
        """
        return self.kinds[kind].rate * self.rings.periods * self.rings.period_days / _YEAR_DAYS / _PER_THOUSAND


SECTIONS: Sections = {"rings": RingsParameters, **{kind.name.lower(): KindParameters for kind in Kind}}


@cache
def standard_fraud() -> FraudParameters:
    """The parameters that ship with Tallystick."""
    return parse_fraud(files("tallystick.world.economy").joinpath("rings.toml").read_text(encoding="utf-8"))


def parse_fraud(text: str) -> FraudParameters:
    """Parameters from TOML text in the form of `rings.toml`. Raises `WorldParameterFaults` with every fault."""
    sections, faults = read_sections(text, SECTIONS)
    if faults:
        raise WorldParameterFaults(sorted(faults))
    fraud = FraudParameters(
        rings=RingsParameters(**sections["rings"]),
        kinds=tuple(KindParameters(**sections[kind.name.lower()]) for kind in Kind),
    )
    if fraud.rings.spell_days > fraud.rings.period_days:
        raise WorldParameterFaults(
            ["rings.spell_days is longer than rings.period_days: a ring begins within its period"]
        )
    in_cases = sum(fraud.case_share(kind) for kind in Kind)
    if in_cases > _MOST_IN_CASES:
        raise WorldParameterFaults(
            [
                f"the rates put {in_cases:.0%} of the people into cases, more than {_MOST_IN_CASES:.0%}: "
                "lower a kind's rate or rings.periods"
            ]
        )
    return fraud
