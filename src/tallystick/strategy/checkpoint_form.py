"""What `checkpoint.toml` may say: the form of the file, read whole with every fault at once."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from tallystick.strategy.columns import ColumnType

Text = Annotated[str, Meta(min_length=1)]
Code = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")]
FolderName = Annotated[str, Meta(pattern=r"^models/[A-Za-z0-9][A-Za-z0-9_.-]*$")]
TableName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*\.csv$")]
SharePpm = Annotated[int, Meta(ge=1, le=500_000)]
MultiplePpm = Annotated[int, Meta(ge=0, le=100_000_000)]
Minor = Annotated[int, Meta(ge=1, le=10**13)]


class Purpose(StrEnum):
    """What a step decides about: a credit decision may not read everything that a fraud check may."""

    CREDIT = "credit"
    FRAUD = "fraud"


class OutputKind(StrEnum):
    """The type of a step's own output."""

    TEXT = "text"
    WHOLE = "whole"
    NUMBER = "number"


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """One part of a checkpoint's file."""


class OwnOutput(Section, frozen=True, kw_only=True):
    """An output that a step tells to those after it."""

    type: OutputKind
    allowed: tuple[Text, ...] = ()
    lowest: int | None = None
    highest: int | None = None

    def column_type(self) -> ColumnType:
        """The type of the column that it becomes."""
        return ColumnType(
            self.type.value, allowed=self.allowed, lowest=self.lowest, highest=self.highest, may_be_missing=False
        )


class RandomizedShare(Section, frozen=True, kw_only=True):
    """A share of the cases that some rows take, given to another row on purpose, so that the effect can be measured.

    Another salt, another choice of cases; the same salt keeps a trial going over releases.
    """

    rows: Annotated[tuple[Text, ...], Meta(min_length=1)]
    to: Text
    share_ppm: SharePpm
    salt: Text


class StepForm(Section, frozen=True, kw_only=True):
    """One step: a table, what it is for and what it gives. Outputs with a meaning of their own stand in `gives`."""

    name: Code
    table: TableName
    purpose: Purpose
    zh: Text
    en: Text
    gives: tuple[Code, ...] = ()
    outputs: dict[Code, OwnOutput] = {}
    on_missing: Text = "next"
    randomized: RandomizedShare | None = None


class ModelForm(Section, frozen=True, kw_only=True):
    """A model's folder inside the strategy, and the column of whole ppm that it yields.

    The score is missing while there is no folder, where the model is away, where a feature is absent, and where one
    of `needs` is missing.
    """

    column: Code
    zh: Text
    en: Text
    folder: FolderName | None = None
    needs: tuple[Code, ...] = ()


class AffordabilityForm(Section, frozen=True, kw_only=True):
    """The bound on a limit to be offered: a multiple of the monthly income, less the other limits of the person.

    It is the column `affordable_minor`, missing where the income is. The limit is the lower of it and the table's,
    in whole steps, and never takes all limits of a person above `most_minor`.
    """

    income_multiple_ppm: MultiplePpm
    most_minor: Minor
    step_minor: Minor


class ReviewForm(Section, frozen=True, kw_only=True):
    """What becomes of a review that nobody decided before its deadline."""

    timeout_outcome: Text


class UnavailableForm(Section, frozen=True, kw_only=True):
    """The safe outcome where no decision can be made and recorded in time, and what is told then."""

    outcome: Text
    reason: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    zh: Text
    en: Text


class CaptureForm(Section, frozen=True, kw_only=True):
    """By how much a merchant's claim may exceed what was authorized: goods by weight, a tip, freight."""

    over_ppm: Annotated[int, Meta(ge=0, le=1_000_000)]


class StepUpForm(Section, frozen=True, kw_only=True):
    """How long after a second factor was asked for it counts for the order."""

    within_minutes: Annotated[int, Meta(ge=1, le=1_440)] = 15


class CheckpointForm(Section, frozen=True, kw_only=True):
    """The whole of `checkpoint.toml`."""

    zh: Text
    en: Text
    unavailable: UnavailableForm
    product: Text
    step: Annotated[tuple[StepForm, ...], Meta(min_length=1)]
    features: tuple[Text, ...] = ()
    models: dict[Code, ModelForm] = {}
    review: ReviewForm | None = None
    affordability: AffordabilityForm | None = None
    capture: CaptureForm | None = None
    step_up: StepUpForm | None = None
