"""What `tallystick train` is told: the TOML file that goes from raw events to a model, read and checked."""

from collections.abc import Collection
from datetime import date
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import available_timezones

import msgspec
from msgspec import Meta

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.features.event_tables import ENTITIES, EVENT_TABLES, REQUEST, REQUEST_KINDS
from tallystick.features.outcomes import OutcomeRule, load_outcome_rules, note_rule_faults
from tallystick.sources.files import FileFault
from tallystick.terms.form import FaultNotes, FormFaults, read_fields

BUILT_IN: Final = (
    "authorize-prior",
    "handbook-fraud",
    "home-credit-application",
    "jdd-demand",
    "lending-club-recovery",
    "taiwan-behavior",
    "world-application",
    "world-behavior",
    "world-fraud",
)

Text = Annotated[str, Meta(min_length=1)]
Days = Annotated[int, Meta(ge=1, le=3_660)]
Count = Annotated[int, Meta(ge=1, le=100_000)]


class FeatureKind(StrEnum):
    """How a model reads a column."""

    NUMERIC = "numeric"
    CATEGORY = "category"


class StreamMapping(msgspec.Struct, frozen=True):
    """One stream out of the raw rows: its columns as SQL over theirs, known this long after they happened."""

    columns: dict[str, Text]
    delay_days: Annotated[int, Meta(ge=0, le=3_660)] = 0


class EventSource(msgspec.Struct, frozen=True):
    """The raw file. `at` is an instant in UTC; rows of one instant keep the order of their ids.

    `tells_outcome` names columns that nobody knew at the request; they feed no stream that tells them sooner than the
    outcome's own. The lender's local hours are those of `time_zone` where it is given, summer time and all; else those
    of one offset.
    """

    id: Text
    at: Text
    observe: Text
    columns: dict[str, Text]
    streams: dict[str, StreamMapping]
    file: str = ""
    utc_offset_minutes: Annotated[int, Meta(ge=-840, le=840)] = 0
    time_zone: str = ""
    tells_outcome: tuple[str, ...] = ()


class StreamSource(msgspec.Struct, frozen=True):
    """A lender's own streams as they are exported: a folder with a file each. What was asked is read off them.

    `observe`: purchases that were not declined; applications that became a line; or open lines as a review sees them,
    every `every_days` back from the end. The lender's local hours are those of `time_zone`.
    """

    observe: Text
    time_zone: Text
    every_days: Annotated[int, Meta(ge=1, le=366)] = 30


class TableFeature(msgspec.Struct, frozen=True):
    """One feature of a table without dates, as SQL over the columns of its row."""

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]
    sql: Text
    zh: Text
    en: Text
    unit: str = ""
    kind: FeatureKind = FeatureKind.NUMERIC


class TableSource(msgspec.Struct, frozen=True):
    """A table of cases that nobody dated: one row each, with what became of it. `bad` null is not known, never good.

    `tells_outcome` names columns that nobody knew when the case was decided: no feature may read them. `sex` and
    `age_years` are for the fairness of the model alone.
    """

    id: Text
    bad: Text
    zh: Text
    en: Text
    performance_days: Days
    feature: Annotated[tuple[TableFeature, ...], Meta(min_length=1)]
    file: str = ""
    currency: str = ""
    tells_outcome: tuple[str, ...] = ()
    sex: str | None = None
    age_years: str | None = None


class SplitForm(msgspec.Struct, frozen=True):
    """Out of time. Without dates the last `test_percent` of the time is tested, on what was known when it began.

    `earlier_folds` are the same windows, the latest tested on the training's own last days, the others each `test_days`
    before: settings are chosen on them. `leave_out_known` takes
    from a test day every key of this entity that was known bad when the day began. Or `deal_by` an entity, out of time
    no more: the seed deals its keys, so many in a hundred to the test, each with all its rows whose outcome is known.
    """

    train_from: date | None = None
    train_days: Days | None = None
    gap_days: Annotated[int, Meta(ge=0, le=3_660)] = 0
    test_days: Days | None = None
    earlier_folds: Annotated[int, Meta(ge=0, le=100)] = 0
    leave_out_known: str | None = None
    deal_by: str | None = None
    test_percent: Annotated[int, Meta(ge=1, le=90)] = 25


class LearnerKind(StrEnum):
    """What is fitted; all but the boosted trees are there to compare with."""

    LIGHTGBM = "lightgbm"
    XGBOOST = "xgboost"
    LOGISTIC = "logistic"


class Learner(msgspec.Struct, frozen=True):
    """A model and its settings; see `BoostedSettings`. Without `stopping_rounds` it grows `rounds` rounds."""

    kind: LearnerKind
    learning_rate_permille: Annotated[int, Meta(ge=1, le=1_000)] = 30
    leaves: Annotated[int, Meta(ge=2, le=4_096)] = 15
    leaf_rows: Count = 20
    row_percent: Annotated[int, Meta(ge=1, le=100)] = 80
    feature_percent: Annotated[int, Meta(ge=1, le=100)] = 50
    l2_penalty: Annotated[int, Meta(ge=0, le=100_000)] = 5
    members: Annotated[int, Meta(ge=1, le=100)] = 1
    rounds: Count = 200
    stopping_rounds: Annotated[int, Meta(ge=0, le=10_000)] = 0
    riskier_up: tuple[str, ...] = ()
    riskier_down: tuple[str, ...] = ()


class Comparison(msgspec.Struct, frozen=True):
    """Another model on the same rows, to stand beside ours."""

    zh: Text
    en: Text
    learner: Learner
    features: tuple[str, ...]


class Published(msgspec.Struct, frozen=True):
    """A figure from print, as it stands there, and where."""

    zh: Text
    en: Text
    figures: dict[str, Text]
    source: Text


class Alerts(msgspec.Struct, frozen=True):
    """How many of an entity can be looked at in a day."""

    entity: Text
    per_day: Count = 100


class FairnessForm(msgspec.Struct, frozen=True):
    """The cut-off at which groups of people are compared: so many in a hundred, the safest, are approved."""

    approve_percent: Annotated[int, Meta(ge=1, le=99)] = 80


class BaseRate(msgspec.Struct, frozen=True):
    """The share of bads where the model will be used, where that is not the share among the rows it learns from.

    Stated as `bad_ppm`; or counted of the same observations by `outcome`, a later definition of bad, which is then
    what the probability is of. `zh` and `en` say where the figure comes from.
    """

    zh: Text
    en: Text
    bad_ppm: Annotated[int, Meta(ge=1, le=999_999)] | None = None
    outcome: Text | None = None


class Limit(msgspec.Struct, frozen=True):
    """What the model cannot do, to stand in its card."""

    zh: Text
    en: Text


class TrainingConfig(msgspec.Struct, frozen=True):
    """Everything that a training run is told; the same file and data give the same bytes."""

    name: Annotated[str, Meta(pattern="^[a-z0-9-]+$")]
    zh: Text
    en: Text
    outcome: Text
    features: Annotated[tuple[str, ...], Meta(min_length=1)]
    learner: Learner
    events: EventSource | None = None
    table: TableSource | None = None
    streams: StreamSource | None = None
    split: SplitForm = SplitForm()
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 1
    data: str | None = None
    definition: tuple[OutcomeRule, ...] = ()
    compare: tuple[Comparison, ...] = ()
    published: tuple[Published, ...] = ()
    alerts: Alerts | None = None
    fairness: FairnessForm = FairnessForm()
    base_rate: BaseRate | None = None
    limit: tuple[Limit, ...] = ()

    @property
    def told(self) -> OutcomeRule | TableSource:
        """What says in words what bad means, and over how many days."""
        return self.table if self.table is not None else self.rule

    @property
    def shipped(self) -> OutcomeRule | TableSource:
        """What bad means to the probability that ships: by the base rate's own definition, where it has one."""
        later = self.base_rate.outcome if self.base_rate is not None else None
        return self.told if later is None else self.rule_named(later)

    @property
    def rule(self) -> OutcomeRule:
        """The definition of bad over events: one of the file's own, or one that ships."""
        return self.rule_named(self.outcome)

    def rule_named(self, name: str) -> OutcomeRule:
        """The definition of that name: one of the file's own, or one that ships."""
        own = {rule.name: rule for rule in self.definition}
        return own.get(name) or load_outcome_rules()[name]

    @property
    def all_features(self) -> tuple[str, ...]:
        """The features of the model and of all that is compared with it, each once."""
        return tuple(dict.fromkeys([*self.features, *(name for one in self.compare for name in one.features)]))


def training_text(name_or_path: str) -> tuple[str, str]:
    """The text of a built-in configuration by its name, or of a file by its path; and what to call it in a message."""
    if name_or_path in BUILT_IN:
        text = files("tallystick.sources").joinpath(f"training/{name_or_path}.toml").read_text(encoding="utf-8")
        return text, name_or_path
    path = Path(name_or_path)
    if not path.is_file():
        raise FileFault(f"{name_or_path}: no such file, and no built-in configuration: {', '.join(BUILT_IN)}")
    try:
        return path.read_text(encoding="utf-8-sig"), path.name
    except UnicodeDecodeError as error:
        raise FileFault(f"{name_or_path}: not UTF-8 text ({error}); save it as UTF-8") from error


def parse_training(text: str, *, file: str) -> TrainingConfig:
    """Read and check a configuration. Raises `FormFaults` with everything that is wrong at once, each by its field."""
    notes = FaultNotes(file)
    fields = read_fields(text, form=TrainingConfig, notes=notes)
    if notes.faults:
        raise FormFaults(notes.faults)
    config = TrainingConfig(**fields)
    match (config.events, config.table, config.streams):
        case (EventSource() as source, None, None):
            _note_outcome(config, source.streams, notes)
            _note_catalog_features(config, source.streams, notes)
            _note_events(source, notes)
        case (None, TableSource() as table, None):
            _note_table(config, table, notes)
        case (None, None, StreamSource() as streams):
            _note_outcome(config, EVENT_TABLES, notes)
            _note_catalog_features(config, EVENT_TABLES, notes)
            _note_streams(config, streams, notes)
        case _:
            notes.add(
                "events", "one source is needed",
                "give [events] for a raw file of dated rows, [streams] for a lender's own, or [table] without dates",
            )  # fmt: skip
    _note_base_rate(config, notes)
    _note_repeated(config, notes)
    _note_directions(config, notes)
    _note_split(config, notes)
    if notes.faults:
        raise FormFaults(notes.faults)
    return config


def _note_outcome(config: TrainingConfig, streams: Collection[str], notes: FaultNotes) -> None:
    for place, rule in enumerate(config.definition):
        note_rule_faults(rule, key=f"definition[{place}]", notes=notes)
    known = _known_outcomes(config)
    if config.outcome not in known:
        notes.add(
            "outcome", f"{config.outcome!r} is not defined", f"use one of {', '.join(known)}, or add [[definition]]"
        )
        return
    for stream in config.rule.streams:
        if stream not in streams:
            notes.add(f"events.streams.{stream}", f"missing; the outcome {config.outcome} reads it", "map it")


def _known_outcomes(config: TrainingConfig) -> list[str]:
    return [*(rule.name for rule in config.definition), *load_outcome_rules()]


def _feature_lists(config: TrainingConfig) -> list[tuple[str, tuple[str, ...]]]:
    return [
        ("features", config.features),
        *((f"compare[{place}].features", one.features) for place, one in enumerate(config.compare)),
    ]


def _note_repeated(config: TrainingConfig, notes: FaultNotes) -> None:
    for key, names in _feature_lists(config):
        for place, name in enumerate(names):
            if name in names[:place]:
                notes.add(f"{key}[{place}]", f"{name!r} is given twice", "leave one out")


def _note_catalog_features(config: TrainingConfig, streams: Collection[str], notes: FaultNotes) -> None:
    catalog = load_as_of_catalog().by_name
    for key, names in _feature_lists(config):
        for place, name in enumerate(names):
            if name not in catalog:
                notes.add(f"{key}[{place}]", f"{name!r} is not in the catalog", "`tallystick features list` names all")
                continue
            for stream in catalog[name].sources:
                if stream not in streams:
                    notes.add(f"{key}[{place}]", f"{name} reads {stream}", f"map events.streams.{stream}")


def _note_table(config: TrainingConfig, source: TableSource, notes: FaultNotes) -> None:
    known = {feature.name: feature for feature in source.feature}
    for key, names in _feature_lists(config):
        for place, name in enumerate(names):
            if name not in known:
                notes.add(
                    f"{key}[{place}]", f"{name!r} is not defined", f"add it as [[table.feature]]: {', '.join(known)}"
                )
    for place, one in enumerate(config.compare):
        words = [name for name in one.features if name in known and known[name].kind is FeatureKind.CATEGORY]
        if one.learner.kind is LearnerKind.LOGISTIC and words:
            notes.add(f"compare[{place}].features", f"logistic reads numbers: {', '.join(words)}", "leave them out")
    fields = ("train_from", "train_days", "test_days", "earlier_folds", "leave_out_known", "deal_by")
    dated = [name for name in fields if getattr(config.split, name)]
    if dated:
        notes.add(f"split.{dated[0]}", "this table has no dates", "leave it out: rows are dealt by the seed")
    if config.alerts is not None:
        notes.add("alerts", "alerts are per day, and this table has no dates", "leave it out")


def _note_directions(config: TrainingConfig, notes: FaultNotes) -> None:
    for key in ("riskier_up", "riskier_down"):
        for name in getattr(config.learner, key):
            if name not in config.features:
                notes.add(f"learner.{key}", f"{name!r} is not among the features", "add it there, or leave it out here")


def _note_events(source: EventSource, notes: FaultNotes) -> None:
    if source.observe not in REQUEST_KINDS:
        notes.add("events.observe", f"{source.observe!r} is no request", f"use one of {', '.join(REQUEST_KINDS)}")
    if source.time_zone and source.utc_offset_minutes:
        notes.add("events.time_zone", "two clocks: utc_offset_minutes is given as well", "leave one out")
    if source.time_zone:
        _note_time_zone("events.time_zone", source.time_zone, notes)
    places = [("events.columns", source.columns, {column.name for column in REQUEST})]
    for name, stream in source.streams.items():
        if name not in EVENT_TABLES:
            notes.add(f"events.streams.{name}", "no such stream", f"use one of {', '.join(EVENT_TABLES)}")
        else:
            known = {column.name for column in EVENT_TABLES[name].columns}
            places.append((f"events.streams.{name}.columns", stream.columns, known))
    for key, columns, known in places:
        for column in columns:
            if column not in known or column in ("event_id", "request_id", "tick", "kind", "utc_offset_minutes"):
                notes.add(f"{key}.{column}", "no column to be mapped", f"use one of {', '.join(sorted(known))}")


def _note_streams(config: TrainingConfig, source: StreamSource, notes: FaultNotes) -> None:
    if source.observe not in REQUEST_KINDS:
        notes.add("streams.observe", f"{source.observe!r} is no request", f"use one of {', '.join(REQUEST_KINDS)}")
    _note_time_zone("streams.time_zone", source.time_zone, notes)
    catalog = load_as_of_catalog().by_name
    for key, names in _feature_lists(config):
        for place, name in enumerate(names):
            if source.observe == "application" and name in catalog and "line" in catalog[name].entities:
                notes.add(f"{key}[{place}]", f"{name} is of a line, and an application has none yet", "leave it out")


def _note_time_zone(key: str, name: str, notes: FaultNotes) -> None:
    if name not in available_timezones():
        notes.add(key, f"{name!r} is no time zone", "write it as in Asia/Shanghai")


def _note_base_rate(config: TrainingConfig, notes: FaultNotes) -> None:
    stated = config.base_rate
    if stated is None:
        return
    if (stated.bad_ppm is None) == (stated.outcome is None):
        notes.add("base_rate", "one figure is needed", "give bad_ppm, or outcome to count it by")
    elif stated.outcome is not None and config.table is not None:
        notes.add("base_rate.outcome", "this table has no dates to count by", "give bad_ppm")
    elif stated.outcome is not None and stated.outcome not in _known_outcomes(config):
        known = ", ".join(_known_outcomes(config))
        notes.add("base_rate.outcome", f"{stated.outcome!r} is not defined", f"use one of {known}")


def _note_split(config: TrainingConfig, notes: FaultNotes) -> None:
    split = config.split
    dated = [name for name in ("train_from", "train_days", "test_days") if getattr(split, name) is None]
    if 0 < len(dated) < 3:
        notes.add("split", f"{', '.join(dated)} missing", "give train_from, train_days and test_days, or none of them")
    if split.earlier_folds and dated:
        notes.add("split.earlier_folds", "folds need windows", "give train_from, train_days and test_days")
    timed = [name for name in ("train_from", "earlier_folds", "leave_out_known") if getattr(split, name)]
    if split.deal_by and timed:
        notes.add(f"split.{timed[0]}", "keys are dealt, not parted by time", "leave it out, or deal_by")
    for key, entity in (
        ("split.deal_by", split.deal_by),
        ("split.leave_out_known", split.leave_out_known),
        ("alerts.entity", config.alerts and config.alerts.entity),
    ):
        if entity and entity not in ENTITIES:
            notes.add(key, f"{entity!r} is no entity", f"use one of {', '.join(ENTITIES)}")
