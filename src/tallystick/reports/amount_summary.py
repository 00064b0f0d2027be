"""What is known of a model that predicts amounts, as plain JSON: the page and the terminal show nothing else."""

from typing import TypedDict

from tallystick.reports.model_summary import Effect, Estimate, Fairness, GainPoint, Period
from tallystick.reports.summary import Bilingual, CalibrationPoint


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


class CuresTold(TypedDict):
    """LGD with cures: the published share, where it is from, and the loss of a default without and with them.

    Losses are of the test, each default weighed by its exposure.
    """

    share_ppm: int
    source: Bilingual
    uncured_loss: float
    loss: float


class AmountReport(TypedDict):
    """The report of one training run of an amount. `figures` are those of the two parts, by name.

    `gains` are of the amount by what is expected, `chance_gains` of the rows on which something came by its chance.
    Fairness compares groups where `take_percent` of the rows, those with the most expected, are taken. `immature` rows
    have no final amount, and neither taught nor tested.
    """

    name: str
    title: Bilingual
    target: Bilingual
    unit: Bilingual
    model_id: str
    seed: int
    has_time: bool
    train: AmountRowsTold
    test: AmountRowsTold
    capped: int
    cures: CuresTold | None
    immature: int
    figures: dict[str, Estimate]
    contenders: list[AmountContender]
    gains: list[GainPoint]
    chance_gains: list[GainPoint]
    chance_calibration: list[CalibrationPoint]
    calibration: list[AmountGroupTold]
    calibration_distance: float
    periods: list[Period]
    effects: list[Effect]
    size_effects: list[Effect]
    monotone: dict[str, str]
    size_monotone: dict[str, str]
    suspects: dict[str, float]
    fairness: list[Fairness]
    take_percent: int
    promotable: bool
    features: dict[str, Bilingual]
    hidden: list[str]
    settings: dict[str, str]
    hashes: dict[str, str]
