"""Reads a checkpoint's folder: form, models and tables, checked together, with every fault of every file at once."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from tallystick.features.as_of_catalog import AsOfCatalog
from tallystick.scoring.manifest import ModelFilesFault, load_model
from tallystick.strategy.case_columns import CASE_COLUMNS, CHECKPOINT_OUTPUTS, CheckpointName
from tallystick.strategy.checkpoint import (
    AFFORDABLE,
    Affordability,
    Checkpoint,
    CheckpointModel,
    Randomized,
    Step,
    ToldColumn,
    verdicts_of,
)
from tallystick.strategy.checkpoint_checks import ReadableColumn, checkpoint_faults, model_bar
from tallystick.strategy.checkpoint_form import (
    CheckpointForm,
    ModelForm,
    Purpose,
    RandomizedShare,
    StepForm,
    StepUpForm,
)
from tallystick.strategy.columns import ColumnType, SmallBatchReader, nearest
from tallystick.strategy.economics import StrategyFaults
from tallystick.strategy.policy import strategy_sha256
from tallystick.strategy.products import PRODUCTS_FOLDER, products_not_named, strategy_products
from tallystick.strategy.purchase_economics import ECONOMICS_FILE, PurchaseEconomics, read_purchase_economics
from tallystick.strategy.tables import DecisionTable, TableDeclaration, TableFaults, compile_table
from tallystick.terms.form import FormFaults, read_toml
from tallystick.terms.product import Product
from tallystick.units.money import MOST_MINOR
from tallystick.units.rates import PPM

FORM_FILE: Final = "checkpoint.toml"
_SCORE: Final = ColumnType("whole", lowest=0, highest=PPM)
_FEATURE_TYPES: Final[Mapping[str, ColumnType]] = {
    "bigint": ColumnType("whole"),
    "double": ColumnType("number"),
    "text": ColumnType("text"),
    "boolean": ColumnType("boolean"),
}


def checkpoint_folders(files: Mapping[str, bytes]) -> tuple[CheckpointName, ...]:
    """The checkpoints that a strategy has a folder for, in the order of a loan's life."""
    return tuple(name for name in CheckpointName if any(path.startswith(f"{name}/") for path in files))


def read_checkpoints(
    files: Mapping[str, bytes], *, catalog: AsOfCatalog, sold: Mapping[str, Product] = MappingProxyType({})
) -> dict[CheckpointName, Checkpoint]:
    """All checkpoints of a strategy that decide today. Raises `StrategyFaults` with every fault of every file.

    `files` are the strategy's, by their path inside it. Of a checkpoint whose content comes later only the titles are
    read: it has its place, and decides nothing. Prices and limits are those of the products that the strategy knows
    (`strategy_products`), or of versions that are `sold` in their place.
    """
    faults = list(_strange_folders(files))
    read: dict[CheckpointName, Checkpoint] = {}
    try:
        products = {**strategy_products(files), **sold}
    except StrategyFaults as refused:
        raise StrategyFaults([*faults, *refused.faults]) from refused
    for name in checkpoint_folders(files):
        try:
            if name in CASE_COLUMNS:
                read[name] = read_checkpoint(name, files, catalog=catalog, products=products)
            else:
                _check_place(name, files)
        except StrategyFaults as refused:
            faults += refused.faults
    faults = faults or products_not_named(files, {each.product for each in read.values()})
    if faults:
        raise StrategyFaults(faults)
    return read


def _strange_folders(files: Mapping[str, bytes]) -> Iterator[str]:
    known = (*CheckpointName, "models", PRODUCTS_FOLDER)
    for folder in dict.fromkeys(path.split("/")[0] for path in files if "/" in path):
        if folder not in known:
            yield f"{folder}/: no checkpoint has this name{nearest(name=folder, among=known)}; use {', '.join(known)}"


def read_checkpoint(
    name: CheckpointName, files: Mapping[str, bytes], *, catalog: AsOfCatalog, products: Mapping[str, Product]
) -> Checkpoint:
    """One checkpoint of a strategy, compiled. Raises `StrategyFaults` with every fault of all its files.

    `products` are those whose installment prices its offers may name.
    """
    form = _form(name, files)
    reading = _Reading(name, form, files, catalog)
    models = reading.models()
    columns = reading.columns(models)
    steps = reading.steps(columns)
    economics = reading.economics()
    known = {**columns, **reading.told}
    reading.faults += checkpoint_faults(name, form, steps, columns=known, files=files, products=products)
    if reading.faults:
        raise StrategyFaults(list(dict.fromkeys(reading.faults)))
    compiled = _compiled(
        name, form, files=files, models=models, steps=steps, columns=known, catalog=catalog, products=products
    )
    return replace(compiled, economics=economics)


def _compiled(
    name: CheckpointName,
    form: CheckpointForm,
    *,
    files: Mapping[str, bytes],
    models: tuple[CheckpointModel, ...],
    steps: list[Step],
    columns: Mapping[str, ReadableColumn],
    catalog: AsOfCatalog,
    products: Mapping[str, Product],
) -> Checkpoint:
    read = {column for step in steps for column in step.table.columns_read}
    if form.affordability is not None:
        read |= {"income_month_minor", "joint_limit_minor"}
    needed = {*form.features, *read, *(each.name for model in models for each in model.fitted.model.features)}
    features = tuple(feature.name for feature in catalog.features if feature.name in needed)
    scores = tuple(model.column for model in form.models.values())
    given = (*(column.name for column in CASE_COLUMNS[name]), *features, *scores)
    reasons = {code: texts for step in steps for code, texts in step.table.reasons.items()}
    return Checkpoint(
        name=name,
        zh=form.zh,
        en=form.en,
        steps=tuple(steps),
        features=features,
        models=models,
        scores=scores,
        reasons={**reasons, form.unavailable.reason: (form.unavailable.zh, form.unavailable.en)},
        words={column: (known.zh, known.en) for column, known in columns.items()},
        inside_features=frozenset(
            each.name for name in read if name in catalog.by_name for each in catalog.by_name[name].request_columns
        ),
        product=form.product,
        currency=products[form.product].currency,
        timeout_outcome=form.review.timeout_outcome if form.review else None,
        unavailable=(form.unavailable.outcome, form.unavailable.reason),
        affordability=_affordability(form),
        capture_over_ppm=form.capture.over_ppm if form.capture else 0,
        step_up_minutes=(form.step_up or StepUpForm()).within_minutes,
        economics=None,
        sha256=strategy_sha256(files),
        _reader=SmallBatchReader.of({column: columns[column].type for column in given if column in read}),
        _verdicts=verdicts_of(name, steps),
    )


def _text(files: Mapping[str, bytes], path: str) -> str:
    if path not in files:
        raise StrategyFaults([f"{path}: missing from the strategy folder; write it"])
    try:
        return files[path].decode()
    except UnicodeDecodeError as error:
        raise StrategyFaults([f"{path}: is not UTF-8 text ({error}); save it as UTF-8"]) from error


def _form(name: CheckpointName, files: Mapping[str, bytes]) -> CheckpointForm:
    path = f"{name}/{FORM_FILE}"
    try:
        return read_toml(_text(files, path), form=CheckpointForm, file=path)
    except FormFaults as refused:
        raise StrategyFaults([str(fault) for fault in refused.faults]) from refused


def _check_place(name: CheckpointName, files: Mapping[str, bytes]) -> None:
    path = f"{name}/{FORM_FILE}"
    try:
        content = tomllib.loads(_text(files, path))
    except tomllib.TOMLDecodeError as error:
        raise StrategyFaults([f"{path}: this is not TOML: {error}; correct it"]) from error
    missing = [key for key in ("zh", "en") if not isinstance(content.get(key), str)]
    if missing:
        raise StrategyFaults([f"{path}: {key}: missing; give the checkpoint's title" for key in missing])


def _affordability(form: CheckpointForm) -> Affordability | None:
    stated = form.affordability
    if stated is None:
        return None
    return Affordability(stated.income_multiple_ppm, stated.most_minor, stated.step_minor)


@dataclass(slots=True)
class _Reading:
    """What is read of one checkpoint, and the faults met on the way. `told` are the outputs of telling steps."""

    name: CheckpointName
    form: CheckpointForm
    files: Mapping[str, bytes]
    catalog: AsOfCatalog
    faults: list[str] = field(default_factory=list)
    told: dict[str, ReadableColumn] = field(default_factory=dict)

    def fault(self, place: str, problem: str) -> None:
        self.faults.append(f"{self.name}/{FORM_FILE}: {place}: {problem}")

    def models(self) -> tuple[CheckpointModel, ...]:
        read = [self._model(name, form, form.folder) for name, form in self.form.models.items() if form.folder]
        return tuple(model for model in read if model is not None)

    def _model(self, name: str, form: ModelForm, folder: str) -> CheckpointModel | None:
        inside = f"{folder}/"
        files = {path.removeprefix(inside): content for path, content in self.files.items() if path.startswith(inside)}
        try:
            fitted = load_model(files)
        except ModelFilesFault as refused:
            self.fault(f"models.{name}.folder", f"{folder}: {refused}")
            return None
        wanted = {feature.name for feature in fitted.model.features}
        known = {*self.catalog.by_name, *(column.name for column in CASE_COLUMNS[self.name])}
        for feature in sorted(wanted - known):
            self.fault(f"models.{name}", f"the model reads {feature}, which is no feature and no figure of the case")
        for feature in form.needs:
            if feature not in wanted:
                self.fault(f"models.{name}.needs", f"the model does not read {feature!r}; remove it")
        return CheckpointModel(name, form.zh, form.en, form.column, form.needs, fitted)

    def economics(self) -> PurchaseEconomics | None:
        """What a purchase earns and costs, where the checkpoint decides on purchases and its folder says it."""
        if self.name is not CheckpointName.AUTHORIZE or ECONOMICS_FILE not in self.files:
            return None
        try:
            return read_purchase_economics(_text(self.files, ECONOMICS_FILE))
        except StrategyFaults as refused:
            self.faults += refused.faults
            return None

    def columns(self, models: tuple[CheckpointModel, ...]) -> dict[str, ReadableColumn]:
        """Every column that the first step may read, scores whose model is refused or absent included."""
        columns = {
            column.name: ReadableColumn(
                column.type, column.zh, column.en, "" if column.credit_use else "it is for fraud checks alone"
            )
            for column in CASE_COLUMNS[self.name]
        }
        for feature in self.catalog.features:
            barred = "" if feature.credit_use else "the catalog of features says credit_use = false"
            columns[feature.name] = ReadableColumn(_FEATURE_TYPES[feature.type], feature.zh, feature.en, barred)
        for name in self.form.features:
            if name not in self.catalog.by_name:
                near = nearest(name=name, among=self.catalog.by_name)
                self.fault("features", f"{name!r} is no feature{near}; see `tallystick features list`")
        fitted = {model.name: model for model in models}
        for name, form in self.form.models.items():
            if form.column in columns:
                self.fault(f"models.{name}.column", f"{form.column!r} is taken; choose another name")
                continue
            barred = model_bar(fitted[name], columns) if name in fitted else ""
            columns[form.column] = ReadableColumn(_SCORE, form.zh, form.en, barred)
        if self.form.affordability is not None:
            bound = ColumnType("whole", lowest=-MOST_MINOR, highest=100 * MOST_MINOR)
            columns[AFFORDABLE] = ReadableColumn(bound, "可负担额度", "what is affordable of a limit")
        return columns

    def steps(self, columns: Mapping[str, ReadableColumn]) -> list[Step]:
        """The steps whose tables can be compiled; later steps read what earlier ones tell, compiled or not."""
        steps = [self._step(form, columns) for form in self.form.step]
        return [step for step in steps if step is not None]

    def _step(self, form: StepForm, columns: Mapping[str, ReadableColumn]) -> Step | None:
        outputs = self._outputs(form)
        decides = "outcome" in outputs
        readable = {**columns, **self.told}
        table = self._table(form, outputs, readable)
        if not decides:
            barred = "" if form.purpose is Purpose.CREDIT else f"step {form.name!r} tells it for fraud checks"
            for output, column_type in outputs.items():
                if output in readable:
                    self.fault(f"step {form.name}", f"{output!r} is taken; tell it under another name, once")
                self.told[output] = ReadableColumn(column_type, form.zh, form.en, barred)
        if table is None:
            return None
        return Step(
            name=form.name,
            zh=form.zh,
            en=form.en,
            purpose=form.purpose,
            table=table,
            decides=decides,
            tells={} if decides else {name: _told_column(values) for name, values in table.row_outputs.items()},
            randomized=self._randomized(form.randomized, form, table) if form.randomized else None,
        )

    def _outputs(self, form: StepForm) -> dict[str, ColumnType]:
        answers = CHECKPOINT_OUTPUTS[self.name]
        deciding = {"outcome": answers.outcome_type, **answers.deciding}
        known = {**deciding, **answers.telling}
        for output in form.gives:
            if output not in known:
                near = nearest(name=output, among=known)
                self.fault(f"step {form.name}, gives", f"{output!r} has no meaning of its own{near}; "
                           f"known are {', '.join(known)}; declare others under outputs")  # fmt: skip
        for output in form.outputs:
            if output in known:
                self.fault(f"step {form.name}, outputs", f"{output!r} has a meaning of its own; put it into gives")
        outputs = {output: known[output] for output in form.gives if output in known}
        outputs |= {name: own.column_type() for name, own in form.outputs.items() if name not in known}
        strange = [name for name in outputs if (name in deciding) != ("outcome" in outputs)]
        if strange:
            self.fault(
                f"step {form.name}",
                f"it gives {', '.join(strange)} beside what it may: a step gives an outcome with "
                f"{', '.join(answers.deciding)}, or it tells other figures; make it two",
            )
        return outputs

    def _table(
        self, form: StepForm, outputs: Mapping[str, ColumnType], columns: Mapping[str, ReadableColumn]
    ) -> DecisionTable | None:
        path = f"{self.name}/{form.table}"
        try:
            return compile_table(
                text=_text(self.files, path),
                file=path,
                declaration=TableDeclaration(form.name, outputs, form.on_missing),
                columns={name: column.type for name, column in columns.items() if name not in outputs},
            )
        except StrategyFaults as refused:
            self.faults += refused.faults
        except TableFaults as refused:
            self.faults += map(str, refused.faults)
        return None

    def _randomized(self, form: RandomizedShare, step: StepForm, table: DecisionTable) -> Randomized | None:
        ids = [row.id for row in table.rows]
        unknown = [row for row in (*form.rows, form.to) if row not in ids]
        if unknown:
            self.fault(
                f"step {step.name}, randomized",
                f"no row has the id {unknown[0]!r}{nearest(name=unknown[0], among=ids)}",
            )
            return None
        if form.to in form.rows:
            self.fault(f"step {step.name}, randomized", f"{form.to!r} cannot be given its own cases; name another row")
        return Randomized(
            rows=np.array([row in form.rows for row in ids]),
            to_row=ids.index(form.to),
            share_ppm=form.share_ppm,
            salt=f"{self.name}/{step.name}/{form.salt}",
        )


def _told_column(values: Any) -> ToldColumn:
    if values.dtype != object:
        return ToldColumn(values.astype(np.float64), None)
    words = tuple(dict.fromkeys(values.tolist()))
    return ToldColumn(np.array([words.index(word) for word in values], dtype=np.int32), words)
