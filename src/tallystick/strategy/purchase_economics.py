"""What a purchase earns and costs: `economics.toml` of the checkpoint `authorize`, every parameter with its source."""

from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
from msgspec import Meta

from tallystick.strategy.checkpoint_form import Section, Text
from tallystick.strategy.economics import StrategyFaults
from tallystick.terms.form import FormFaults, read_toml
from tallystick.units.rates import PPM

ECONOMICS_FILE: Final = "authorize/economics.toml"

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]


class Share(Section, frozen=True):
    """A share in whole ppm, and where the figure is from."""

    value: Annotated[int, Meta(ge=0, le=PPM)]
    source: Text


class Cost(Section, frozen=True):
    """A cost of one case in minor units, and where the figure is from."""

    value: Annotated[int, Meta(ge=0, le=100_000_000)]
    source: Text


class PurchaseEconomics(Section, frozen=True, kw_only=True):
    """The whole of `authorize/economics.toml`.

    A good purchase earns the merchant's fee and the expected margin of its interest, a fraudulent one costs what is
    not recovered of it. A second factor and a review have a cost a case, and stop a share of the fraudulent ones and
    of the good ones.
    """

    merchant_fee_ppm: Share
    interest_margin_ppm: Share
    fraud_recovered_ppm: Share
    step_up_cost_minor: Cost
    step_up_stops_fraud_ppm: Share
    step_up_stops_good_ppm: Share
    review_cost_minor: Cost
    review_stops_fraud_ppm: Share
    review_stops_good_ppm: Share

    def good_gain(self) -> float:
        """What a good purchase earns, as a share of its amount."""
        return (self.merchant_fee_ppm.value + self.interest_margin_ppm.value) / PPM

    def fraud_loss(self) -> float:
        """What a fraudulent purchase costs, as a share of its amount."""
        return (PPM - self.fraud_recovered_ppm.value) / PPM

    def handled(self, outcome: Texts) -> "Handled":
        """What each outcome costs and lets through, shape (cases,). Raises `ValueError` of another's outcome."""
        figures = {
            "approve": (0.0, 1.0, 1.0),
            "step_up": self._handled(
                self.step_up_cost_minor, fraud=self.step_up_stops_fraud_ppm, good=self.step_up_stops_good_ppm
            ),
            "review": self._handled(
                self.review_cost_minor, fraud=self.review_stops_fraud_ppm, good=self.review_stops_good_ppm
            ),
            "decline": (0.0, 0.0, 0.0),
        }
        columns = np.full((3, len(outcome)), np.nan)
        for name, told in figures.items():
            columns[:, outcome == name] = np.array(told)[:, None]
        if np.isnan(columns).any():
            strange = sorted(set(outcome.tolist()) - set(figures))
            raise ValueError(
                f"{', '.join(map(str, strange))}: no outcome of a purchase; known are {', '.join(figures)}"
            )
        return Handled(*columns)

    @staticmethod
    def _handled(cost: Cost, *, fraud: Share, good: Share) -> tuple[float, float, float]:
        return float(cost.value), (PPM - fraud.value) / PPM, (PPM - good.value) / PPM


@dataclass(frozen=True, slots=True)
class Handled:
    """What an outcome costs a case, and the shares of fraudulent and good purchases that go through under it."""

    cost_minor: Floats
    fraud_passes: Floats
    good_passes: Floats


def read_purchase_economics(text: str, *, file: str = ECONOMICS_FILE) -> PurchaseEconomics:
    """Parse and check the whole text; raises `StrategyFaults` with everything that is wrong."""
    try:
        return read_toml(text, form=PurchaseEconomics, file=file)
    except FormFaults as refused:
        raise StrategyFaults([str(fault) for fault in refused.faults]) from refused
