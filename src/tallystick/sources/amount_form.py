"""What `tallystick train` is told of an amount: the TOML file that goes from a flat file to a two-part model."""

import tomllib
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from tallystick.sources.training_form import FairnessForm, Learner, LearnerKind, Text
from tallystick.terms.form import FaultNotes, FormFaults, read_fields
from tallystick.units.rates import PPM

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]


class TableSource(msgspec.Struct, frozen=True):
    """The files, the first joined with each of the others by `key`; a row per value of it where `rows` holds.

    `month` is when a row began, where that is known. `tells_outcome` names columns that nobody knew at the instant of
    the prediction, also by a pattern (`*_9_11`): features and baselines cannot read them. `sex` and `age_years` are for
    fairness alone.
    """

    files: Annotated[tuple[Text, ...], Meta(min_length=1)]
    key: Text
    rows: Text = "TRUE"
    month: Text | None = None
    tells_outcome: tuple[Text, ...] = ()
    sex: Text | None = None
    age_years: Text | None = None


class LoanForm(msgspec.Struct, frozen=True):
    """A loan of equal installments, so far as paid: gives the columns of `LOAN_COLUMNS`."""

    installment: Text
    monthly_rate: Text
    installments: Text
    paid: Text


LOAN_COLUMNS = ("principal", "installments_paid", "exposure_at_default")


class Link(StrEnum):
    """What an amount is: a share of `of`, at most whole, or a figure without bound."""

    SHARE = "share"
    AMOUNT = "amount"


class TargetForm(msgspec.Struct, frozen=True):
    """What is predicted: the amount, 0 or null where nothing came, over `of` where it is a share or a ratio.

    `known` holds where the amount is final; other rows neither teach nor test.
    """

    zh: Text
    en: Text
    unit: Text
    unit_zh: Text
    amount: Text
    link: Link
    of: Text | None = None
    known: Text = "TRUE"


class CuresForm(msgspec.Struct, frozen=True):
    """The share of defaults that pay up and lose nothing: published, for those in the file did not cure."""

    share_ppm: Annotated[int, Meta(ge=0, le=PPM)]
    zh: Text
    en: Text


class FeatureForm(msgspec.Struct, frozen=True):
    """A feature as SQL over the columns known at the instant."""

    zh: Text
    en: Text
    sql: Text


class AmountSplit(msgspec.Struct, frozen=True):
    """Out of time from `test_from` on; without dates a fixed deal of `test_percent` of the rows."""

    test_from: date | None = None
    test_percent: Annotated[int, Meta(ge=1, le=90)] = 25


class AmountConfig(msgspec.Struct, frozen=True):
    """Everything that a training run of an amount is told; the same file and data give the same bytes."""

    name: Annotated[str, Meta(pattern="^[a-z0-9-]+$")]
    zh: Text
    en: Text
    table: TableSource
    target: TargetForm
    feature: dict[Name, FeatureForm]
    chance: Learner
    size: Learner
    split: AmountSplit = AmountSplit()
    fairness: FairnessForm = FairnessForm()
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 1
    data: str | None = None
    loan: LoanForm | None = None
    baseline: dict[Name, FeatureForm] = {}
    cures: CuresForm | None = None

    def known_expressions(self) -> Iterator[tuple[str, str]]:
        """Key and text of each expression that may read only what was known."""
        for section, each in (("feature", self.feature), ("baseline", self.baseline)):
            yield from ((f"{section}.{name}.sql", one.sql) for name, one in each.items())


def is_amount_config(text: str) -> bool:
    """Whether a configuration is one of an amount; what is no TOML is told by whoever parses it."""
    try:
        return "target" in tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False


def parse_amount_config(text: str, *, file: str) -> AmountConfig:
    """Read and check a configuration. Raises `FormFaults` with everything that is wrong at once, each by its field."""
    notes = FaultNotes(file)
    fields = read_fields(text, form=AmountConfig, notes=notes)
    if notes.faults:
        raise FormFaults(notes.faults)
    config = AmountConfig(**fields)
    if not config.feature:
        notes.add("feature", "missing", "give at least one [feature.NAME]")
    if config.target.link is Link.SHARE and config.target.of is None:
        notes.add("target.of", "missing; a share is a share of something", 'give it, or write link = "amount"')
    if config.cures is not None and config.target.link is not Link.SHARE:
        notes.add("cures", "only of a share that is recovered", 'leave it out, or write target.link = "share"')
    if config.split.test_from is not None and config.table.month is None:
        notes.add("table.month", "missing; split.test_from needs to know when a row began", "give it, or no date")
    for key, learner in (("chance", config.chance), ("size", config.size)):
        if learner.kind is not LearnerKind.LIGHTGBM:
            notes.add(f"{key}.kind", f"{learner.kind} has no two parts", "use lightgbm")
        for name in (*learner.riskier_up, *learner.riskier_down):
            if name not in config.feature:
                notes.add(key, f"{name!r} is not among the features", "add it there, or leave it out here")
    if notes.faults:
        raise FormFaults(notes.faults)
    return config
