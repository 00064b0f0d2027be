"""What is known of a trained model, as plain JSON: the page and the terminal show nothing else."""

from typing import TypedDict

from tallystick.reports.summary import Bilingual, CalibrationPoint


class Estimate(TypedDict):
    """A figure, with the ends of its 95 % interval where it has one."""

    value: float
    low: float | None
    high: float | None


class Rows(TypedDict):
    """The rows of one part, and those left apart: never silently good."""

    rows: int
    bads: int
    apart: dict[str, int]
    first_on: str | None
    until: str | None


class Contender(TypedDict):
    """A model or a printed result with its figures; `earlier` are means over the earlier folds."""

    name: Bilingual
    features: int | None
    figures: dict[str, Estimate]
    earlier: dict[str, float]
    source: str | None


class GainPoint(TypedDict):
    """Of the riskiest share of rows: the share of all bads in it, and how many times the average."""

    share: float
    bads_share: float
    lift: float


class Period(TypedDict):
    """One stretch of the test, judged by itself. `psi` compares its scores with those of the rest of the test."""

    name: str
    rows: int
    bads: int
    pd_mean: float
    bad_share: float
    auc: float | None
    psi: float
    psi_limit: float


class EffectPoint(TypedDict):
    """At about this value of the feature, what it adds to the log odds on average."""

    value: float
    log_odds: float


class Effect(TypedDict):
    """How much a feature moves the score, and in which direction its risk was declared to move."""

    feature: str
    meaning: Bilingual
    strength: float
    direction: str
    curve: list[EffectPoint]


class GroupFairness(TypedDict):
    """One group of people: the share approved, beside the best treated group, with intervals."""

    group: Bilingual
    rows: int
    approved_share: float
    impact_ratio: Estimate
    opportunity_gap: Estimate
    refused: bool


class Fairness(TypedDict):
    """Groups by one attribute; `refused` where a limit is broken beyond chance."""

    attribute: Bilingual
    groups: list[GroupFairness]
    refused: bool


class MovedBaseRate(TypedDict):
    """The share of bads among the rows learned from, and that to which the shipped probabilities were moved."""

    learned_share: float
    stated_share: float
    source: Bilingual


class ModelReport(TypedDict):
    """Everything of one training run; the same data and configuration give the same report."""

    name: str
    title: Bilingual
    outcome: Bilingual
    outcome_name: str
    performance_days: int
    model_id: str
    kind: str
    seed: int
    has_time: bool
    train: Rows
    test: Rows
    figure_names: dict[str, Bilingual]
    contenders: list[Contender]
    published: list[Contender]
    earlier_folds: int
    gains: list[GainPoint]
    calibration: list[CalibrationPoint]
    periods: list[Period]
    effects: list[Effect]
    monotone: dict[str, str]
    suspects: dict[str, float]
    fairness: list[Fairness]
    promotable: bool
    settings: dict[str, float | int | str]
    hashes: dict[str, str]
    reads_what_credit_may_not: bool
    base_rate: MovedBaseRate | None
    limits: list[Bilingual]
