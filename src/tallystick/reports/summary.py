"""The shape of `summary.json`: everything a report shows, and nothing else; money in minor units, rates in ppm."""

from typing import Literal, TypedDict

ScenarioName = Literal["today", "baseline", "new"]
StressName = Literal["base", "adverse", "severe"]


class Bilingual(TypedDict):
    """One text in both languages."""

    zh: str
    en: str


class Inputs(TypedDict):
    """What the run read; together with the lock file and Python they fix every byte of the output."""

    data_files: list[str]
    data_sha256: str
    mapping: str
    mapping_sha256: str
    strategy: str
    strategy_sha256: str
    as_of: str
    seed: int
    versions: dict[str, str]


class RejectCount(TypedDict):
    """Rows refused for one reason at one field."""

    field: str
    reason: str
    text: Bilingual
    rows: int


class Rows(TypedDict):
    """Every row of the input, accounted for: read = valid + rejected."""

    read: int
    valid: int
    rejected: int
    rejects: list[RejectCount]
    notes: list[RejectCount]  # valid rows in which a value was taken as missing or otherwise adapted


class Metric(TypedDict):
    """How well the model ranks and how true its probabilities are, in one segment, with 95 % intervals."""

    segment: Bilingual
    lines: int
    bads: int
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    ks: float | None
    ks_low: float | None
    ks_high: float | None
    brier: float
    brier_low: float
    brier_high: float
    calibration_error: float
    calibration_error_low: float
    calibration_error_high: float


class CalibrationPoint(TypedDict):
    """One group of lines with similar predicted PD, against what happened."""

    pd_mean: float
    bad_share: float
    bad_share_low: float
    bad_share_high: float
    lines: int


class ModelSummary(TypedDict):
    """The model that judged the portfolio."""

    kind: str
    model_id: str
    out_of_fold: bool
    features: list[dict[str, str]]  # name, zh, en, direction
    metrics: list[Metric]
    calibration: list[CalibrationPoint]
    candidates: list[dict[str, float | str | None]]  # kind, auc, auc_low, auc_high, brier


class GradeFigures(TypedDict):
    """One grade in one scenario."""

    grade: str
    lines: int
    limit_minor: int
    drawn_minor: int
    ead_minor: int
    profit_minor: int
    expected_loss_minor: int
    provision_minor: int
    capital_minor: int
    stress_loss_minor: dict[StressName, int]


class CapUse(TypedDict):
    """One portfolio cap: how much of it is used, whether it binds, and what one more unit would earn."""

    name: str
    text: Bilingual
    measure: str  # limit, exposure or expected_loss; shares are in ppm
    used: int
    bound: int
    binding: bool
    shadow_price_ppm: int  # profit per million of the measure


class Scenario(TypedDict):
    """The whole book under one policy."""

    name: ScenarioName
    cap_minor: int | None
    lines: int
    limit_minor: int
    drawn_minor: int
    ead_minor: int
    profit_minor: int
    expected_loss_minor: int
    provision_minor: int
    capital_minor: int
    stress_loss_minor: dict[StressName, int]
    increases: int
    decreases: int
    unchanged: int
    increase_minor: int
    decrease_minor: int
    lines_above_cap_already: int
    gap_ppm: float | None  # certified distance from the optimum, of profit
    caps: list[CapUse]
    by_grade: list[GradeFigures]


class SwapCell(TypedDict):
    """Lines of one grade by how their limit under the new cap compares with that under the baseline cap."""

    grade: str
    more: int
    same: int
    less: int
    more_minor: int
    less_minor: int


class FrontierPoint(TypedDict):
    """The best profit at one level of expected loss, under one cap."""

    cap: Literal["baseline", "new"]
    expected_loss_minor: int
    profit_minor: int
    limit_minor: int


class PriceParts(TypedDict):
    """The price of a grade, as its parts, per year, in ppm of the drawn balance."""

    grade: str
    lines: int
    pd_ppm: int
    funds_ppm: int
    expected_loss_ppm: int
    operations_ppm: int
    capital_ppm: int
    margin_ppm: int
    price_ppm: int
    legal_cap_ppm: int
    offered: bool


class ReasonCount(TypedDict):
    """How often a reason decided."""

    code: str
    text: Bilingual
    kind: Literal["eligibility", "decrease", "score", "limit"]
    lines: int


class LimitMove(TypedDict):
    """How many lines stand in a band of limits, in each scenario. The band is half-open: low <= limit < high."""

    low_minor: int
    high_minor: int | None
    today: int
    baseline: int
    new: int


class Summary(TypedDict):
    """The whole of `summary.json`."""

    format: int
    currency: str
    inputs: Inputs
    rows: Rows
    statements: list[Bilingual]  # assumptions the reader must know: exchange rate, limit scale, horizon, sources
    model: ModelSummary
    baseline_cap_minor: int
    new_cap_minor: int
    scenarios: list[Scenario]  # today, baseline, new
    swap: list[SwapCell]
    frontier: list[FrontierPoint]
    prices: list[PriceParts]
    reasons: list[ReasonCount]
    limit_bands: list[LimitMove]
