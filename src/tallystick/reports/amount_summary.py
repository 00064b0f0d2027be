"""What is known of a model that predicts amounts, as plain JSON: the page and the terminal show nothing else."""

from typing import TypedDict

from tallystick.reports.model_summary import Estimate
from tallystick.reports.summary import Bilingual


class AmountContender(TypedDict):
    """A way to predict, with its errors, and of naive ones how much more they err than ours on the same rows.

    Absolute errors are held against our median, squared ones against our mean.
    """

    name: Bilingual
    absolute_error: Estimate
    root_squared_error: Estimate
    absolute_saved: Estimate | None
    squared_saved: Estimate | None
    mean: float


class AmountGroupTold(TypedDict):
    """Some rows of the test: predicted on average, and what came."""

    name: str
    rows: int
    predicted: float
    observed: Estimate


class AmountRowsTold(TypedDict):
    """The rows of one part, and on how many something came; months where time is known."""

    rows: int
    some: int
    mean: float
    first_month: str | None
    last_month: str | None


class AmountReport(TypedDict):
    """The report of one training run of an amount. `figures` are those of the two parts, by name."""

    name: str
    title: Bilingual
    target: Bilingual
    unit: str
    model_id: str
    seed: int
    has_time: bool
    train: AmountRowsTold
    test: AmountRowsTold
    capped: int
    figures: dict[str, Estimate]
    contenders: list[AmountContender]
    calibration: list[AmountGroupTold]
    calibration_distance: float
    months: list[AmountGroupTold]
    features: dict[str, Bilingual]
    hidden: list[str]
    settings: dict[str, str]
    hashes: dict[str, str]
