"""What a release may do at most in an hour: the form of a file of damage limits, and those that ship."""

from functools import cache
from importlib.resources import files
from typing import Annotated, Final

from msgspec import Meta

from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.checkpoint_form import Section
from tallystick.strategy.economics import StrategyFaults
from tallystick.terms.form import FormFaults, read_toml

# Where damage is watched: who is let in, and what is bought. Nightly reviews of limits keep portfolio caps instead.
WATCHED: Final = (CheckpointName.AUTHORIZE, CheckpointName.APPLY)

_SHIPPED: Final = "damage_limits.toml"
Ratio = Annotated[int, Meta(ge=1_100_000, le=10_000_000)]


class ShareLimit(Section, frozen=True, kw_only=True):
    """How far a share of the decisions may rise: to so many times the other's or by so many points, the larger."""

    ratio_ppm: Ratio
    points_ppm: Annotated[int, Meta(ge=0, le=500_000)]


class GrantedLimit(Section, frozen=True, kw_only=True):
    """What may be granted: per decision beside the other's, and in all within an hour."""

    ratio_ppm: Ratio
    most_minor: Annotated[int, Meta(ge=1, le=10**15)]


class CheckpointLimits(Section, frozen=True, kw_only=True):
    """The limits of one checkpoint; of approvals the ratio is that of what is not approved."""

    approvals: ShareLimit
    declines: ShareLimit
    reviews: ShareLimit
    granted: GrantedLimit


class DamageLimits(Section, frozen=True, kw_only=True):
    """The whole file. The form's own bounds see to it that no release goes unwatched."""

    trial_hours: Annotated[int, Meta(ge=1, le=720)]
    least_decisions: Annotated[int, Meta(ge=20, le=100_000)]
    standard_errors: Annotated[int, Meta(ge=3, le=8)]
    authorize: CheckpointLimits
    apply: CheckpointLimits

    def of(self, checkpoint: CheckpointName) -> CheckpointLimits:
        """The limits of one of the `WATCHED` checkpoints."""
        return self.authorize if checkpoint is CheckpointName.AUTHORIZE else self.apply


def read_damage_limits(text: str, *, file: str) -> DamageLimits:
    """Parse and check the whole text; raises `StrategyFaults` with everything that is wrong."""
    try:
        return read_toml(text, form=DamageLimits, file=file)
    except FormFaults as refused:
        raise StrategyFaults([str(fault) for fault in refused.faults]) from refused


@cache
def shipped_damage_limits() -> DamageLimits:
    """The limits of a release that was promoted without others."""
    return read_damage_limits(shipped_damage_limits_text(), file=_SHIPPED)


def shipped_damage_limits_text() -> str:
    """Their file, with what each limit means."""
    return files("tallystick.strategy").joinpath(_SHIPPED).read_text(encoding="utf-8")
