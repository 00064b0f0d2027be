"""What a release may do at most in an hour, or in a night: the form of a file of damage limits, and those that ship."""

from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from tallystick.strategy.checkpoint_form import Section
from tallystick.strategy.economics import StrategyFaults
from tallystick.terms.form import FormFaults, read_toml


class Watched(StrEnum):
    """What is watched: what is bought, who is let in, limits line by line by day, and those of the whole book by night.

    Each is named as its section of the file.
    """

    AUTHORIZE = "authorize"
    APPLY = "apply"
    REVIEW_LIMIT = "review_limit"
    REVIEW_LIMIT_BY_NIGHT = "review_limit_by_night"


# What is decided at any time, and counted within an hour. A night is looked at as a whole, before it does anything.
BY_THE_HOUR: Final = (Watched.AUTHORIZE, Watched.APPLY, Watched.REVIEW_LIMIT)

_SHIPPED: Final = "damage_limits.toml"
Ratio = Annotated[int, Meta(ge=1_100_000, le=10_000_000)]


class ShareLimit(Section, frozen=True, kw_only=True):
    """How far a share of the decisions may rise: to so many times the other's or by so many points, the larger."""

    ratio_ppm: Ratio
    points_ppm: Annotated[int, Meta(ge=0, le=500_000)]


class GrantedLimit(Section, frozen=True, kw_only=True):
    """What may be granted: per decision beside the other's, or so much more, the larger; and in all within an hour.

    Of a limit it is what it rises by; of a night, in all that night.
    """

    ratio_ppm: Ratio
    more_minor: Annotated[int, Meta(ge=0, le=10**7)] = 0
    most_minor: Annotated[int, Meta(ge=1, le=10**15)]


class CheckpointLimits(Section, frozen=True, kw_only=True):
    """The limits of one checkpoint; of approvals the ratio is that of what is not approved."""

    approvals: ShareLimit
    declines: ShareLimit
    reviews: ShareLimit
    granted: GrantedLimit


class NightLimits(Section, frozen=True, kw_only=True):
    """The limits of a night over the whole book. What stays as it is, most lines, is none of its figures."""

    raises: ShareLimit
    decreases: ShareLimit
    reviews: ShareLimit
    granted: GrantedLimit


class ReviewLimits(NightLimits, frozen=True, kw_only=True):
    """The limits of what is answered by day; a limit that stays is a decline."""

    declines: ShareLimit


class DamageLimits(Section, frozen=True, kw_only=True):
    """The whole file. The form's own bounds see to it that no release goes unwatched."""

    trial_hours: Annotated[int, Meta(ge=1, le=720)]
    least_decisions: Annotated[int, Meta(ge=20, le=100_000)]
    standard_errors: Annotated[int, Meta(ge=3, le=8)]
    authorize: CheckpointLimits
    apply: CheckpointLimits
    review_limit: ReviewLimits
    review_limit_by_night: NightLimits

    def of(self, watched: Watched) -> CheckpointLimits | NightLimits:
        """The limits of what is watched."""
        section: CheckpointLimits | NightLimits = getattr(self, watched)
        return section


def read_damage_limits(text: str, *, file: str) -> DamageLimits:
    """Parse and check the whole text; raises `StrategyFaults` with everything that is wrong."""
    try:
        return read_toml(text, form=DamageLimits, file=file)
    except FormFaults as refused:
        raise StrategyFaults([str(fault) for fault in refused.faults]) from refused


def kept_damage_limits(text: str) -> DamageLimits:
    """The limits of a release as it keeps them (JSON). What was not watched when it was made has those that ship."""
    kept: dict[str, Any] = msgspec.json.decode(text)
    return msgspec.convert(msgspec.to_builtins(shipped_damage_limits()) | kept, DamageLimits)


@cache
def shipped_damage_limits() -> DamageLimits:
    """The limits of a release that was promoted without others."""
    return read_damage_limits(shipped_damage_limits_text(), file=_SHIPPED)


def shipped_damage_limits_text() -> str:
    """Their file, with what each limit means."""
    return files("tallystick.strategy").joinpath(_SHIPPED).read_text(encoding="utf-8")
