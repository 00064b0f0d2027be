"""The shape of the demonstration's `summary.json`: everything that its report shows; money in minor units."""

from datetime import date
from typing import Final

from msgspec import Struct

from tallystick.reports.learned_summary import LearnedModel

_LEAST_PERSONS: Final = 6


class Estimate(Struct, frozen=True):
    """A ratio or a share with its 95 % interval; None where there is nothing to tell it by."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Difference(Struct, frozen=True):
    """A sum over all people in two arms, and the change from one to the other with its 95 % interval.

    `persons`: for how many of them anything differs.
    """

    champion: int
    challenger: int
    persons: int
    low: int
    high: int

    @property
    def change(self) -> int:
        """The challenger's sum less the champion's."""
        return self.challenger - self.champion

    @property
    def is_distinguishable(self) -> bool:
        """Whether the interval leaves out zero, and enough persons differ for a bootstrap to be believed.

        Of five, all in one direction, a sign test tells nothing at 5 % (2 / 2^5); of six it does.
        """
        return self.persons >= _LEAST_PERSONS and (self.low > 0 or self.high < 0)


class FraudStopped(Struct, frozen=True):
    """Purchases that rings made or tried: counts, amounts in minor units.

    `recall`: of these, the share that was stopped, for whatever reason. `precision`: of all purchases that were stopped
    on suspicion, the share that were fraud. Intervals by Wilson, as if each purchase were by itself; those of one ring
    are not, so that the truth may lie further off.
    """

    frauds: int
    stopped: int
    fraud_minor: int
    stopped_minor: int
    suspected: int  # purchases stopped on suspicion
    recall: Estimate
    precision: Estimate


class CapForecast(Struct, frozen=True):
    """A portfolio cap, and what every offer together would use of it.

    Amounts in minor units or, of a segment's share, ppm. `is_binding`: more of it would have been used.
    """

    zh: str
    en: str
    before: int
    after: int
    bound: int
    is_share: bool
    is_binding: bool


class BookForecast(Struct, frozen=True):
    """The whole book twelve months ahead, as it is and with every offer accepted; minor units."""

    limit_minor: int
    drawn_minor: int
    exposure_minor: int
    expected_loss_minor: int
    profit_minor: int


class Forecast(Struct, frozen=True):
    """What a night said. Of the lines that it offers more: new debt and defaults expected twelve months ahead."""

    lines: int
    offers: int
    offered_minor: int
    debt_minor: int
    defaults: float
    before: BookForecast
    after: BookForecast
    gap_ppm: float
    caps: tuple[CapForecast, ...]


class Happened(Struct, frozen=True):
    """What became of a night's offers by the last day: how many were accepted, what these rose by, who defaulted."""

    accepted: int
    accepted_minor: int
    defaulted: int
    default_share: Estimate  # of the lines that accepted


class ServiceLevel(Struct, frozen=True):
    """How cases were answered. Hours are of the world's clock; None where nobody had to look."""

    applications: int
    purchases: int
    limits: int
    without_person: Estimate
    waited_h_median: float | None
    waited_h_p95: float | None


class ArmFigures(Struct, frozen=True):
    """One arm by itself."""

    strategy_id: str
    highest_minor: int
    forecast: Forecast
    happened: Happened
    fraud: FraudStopped
    service: ServiceLevel


class YearFigures(Struct, frozen=True):
    """The lender's months before the two arms."""

    applications: int
    lines: int
    purchases: int
    limit_minor: int
    drawn_minor: int
    earned_minor: int
    funds_minor: int
    operations_minor: int
    lost_minor: int
    result_minor: int
    fraud: FraudStopped


class DemonstrationSummary(Struct, frozen=True, kw_only=True):
    """The whole of `summary.json`. `differences` are by the columns of the person results, over all people."""

    format: int
    seed: int
    borrowers: int
    months: int
    months_after: int
    begins_on: date
    arms_begin_on: date
    ends_on: date  # the day after the last one
    currency: str
    year: YearFigures
    models: tuple[LearnedModel, ...]
    champion: ArmFigures
    challenger: ArmFigures
    differences: dict[str, Difference]
    # Of what the limits differ by between the arms, the part by which what is drawn differs: causal, by the truth.
    spent_out: Estimate
    # A decision of the challenger's, to be looked at.
    example_decision: int
