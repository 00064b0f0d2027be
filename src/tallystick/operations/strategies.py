"""Reads a strategy folder, or the one that ships; checks it, compares two, and decides one case with its trace."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.features.catalog import load_catalog
from tallystick.operations.model_folders import EVIDENCE
from tallystick.operations.whole_files import prepare_folder, write_files
from tallystick.reports.summary import Bilingual
from tallystick.scoring.boosted import Boosted, trees_of
from tallystick.strategy.case_columns import CASE_COLUMNS, CheckpointName
from tallystick.strategy.checkpoint import Checkpoint, CheckpointModel
from tallystick.strategy.checkpoint_reading import checkpoint_folders, read_checkpoints
from tallystick.strategy.checkpoint_trace import CaseTrace, Explanation, explain_case, trace_case
from tallystick.strategy.columns import ColumnType, nearest
from tallystick.strategy.differences import Difference, strategy_differences
from tallystick.strategy.economics import StrategyFaults
from tallystick.strategy.policy import STRATEGY_FILES, Strategy, read_strategy, standard_strategy_files
from tallystick.strategy.reviewed_lines import UNGRADED
from tallystick.strategy.tables import DecisionTable

_CURRENCY: Final = "CNY"  # of amounts in a comparison of two folders, which need not hold together


@dataclass(frozen=True, slots=True)
class WholeStrategy:
    """A strategy folder in full: what reviews limits, and the checkpoints."""

    review: Strategy
    checkpoints: Mapping[CheckpointName, Checkpoint]


@dataclass(frozen=True, slots=True)
class ExplainedCase:
    """One case decided: what the officer sees, and what the borrower is told."""

    checkpoint: Checkpoint
    trace: CaseTrace
    explanation: Explanation


def read_strategy_folder(folder: Path | None, *, on: date) -> Strategy:
    """What reviews limits in a folder, or in the standard strategy; raises `StrategyFaults` with every fault of it."""
    return review_strategy(strategy_files(folder), on=on)


def read_whole_strategy(folder: Path | None, *, on: date) -> WholeStrategy:
    """All of a strategy folder, or of the standard one; raises `StrategyFaults` with every fault of every file."""
    return whole_strategy(strategy_files(folder), on=on)


def whole_strategy(files: Mapping[str, bytes], *, on: date) -> WholeStrategy:
    """All of a strategy by its files; raises `StrategyFaults` with every fault of every file."""
    faults: list[str] = []
    review: Strategy | None = None
    checkpoints: dict[CheckpointName, Checkpoint] = {}
    try:
        review = review_strategy(files, on=on)
    except StrategyFaults as refused:
        faults += refused.faults
    try:
        checkpoints = read_checkpoints(files, catalog=load_as_of_catalog())
    except StrategyFaults as refused:
        faults += refused.faults
    if review is not None:
        faults += _law_faults(review, checkpoints)
        faults += _grade_faults(review, checkpoints)
    if faults or review is None:
        raise StrategyFaults(faults)
    return WholeStrategy(review, checkpoints)


def _law_faults(review: Strategy, checkpoints: Mapping[CheckpointName, Checkpoint]) -> list[str]:
    """Where a checkpoint would grant one person more than the law of the strategy's jurisdiction allows."""
    cap = review.person_cap
    return [
        f"{name}/checkpoint.toml: affordability.most_minor: {checkpoint.affordability.most_minor} is above "
        f"{cap.bound}, which {cap.id} allows one person; lower it"
        for name, checkpoint in checkpoints.items()
        if checkpoint.affordability is not None and checkpoint.affordability.most_minor > cap.bound
    ]


def _grade_faults(review: Strategy, checkpoints: Mapping[CheckpointName, Checkpoint]) -> list[str]:
    """Grades of the limit review of which nothing says what a limit earns: such a line would never rise, in silence."""
    known = (*review.economics.grade_names(), UNGRADED)
    checkpoint = checkpoints.get(CheckpointName.REVIEW_LIMIT)
    steps = checkpoint.steps if checkpoint else ()
    told = [step.tells["grade"].vocabulary or () for step in steps if "grade" in step.tells]
    return [
        f"{CheckpointName.REVIEW_LIMIT}: grade {grade!r} has no economics{nearest(name=grade, among=known)}; "
        f"add it to economics.toml, or tell one of {', '.join(known)}"
        for grade in dict.fromkeys(grade for grades in told for grade in grades)
        if grade not in known
    ]


def read_checkpoint_folder(folder: Path | None, *, checkpoint: CheckpointName) -> Checkpoint:
    """One checkpoint of a folder, or of the standard strategy; raises `StrategyFaults`."""
    files = strategy_files(folder)
    if checkpoint not in CASE_COLUMNS or checkpoint not in checkpoint_folders(files):
        known = ", ".join(name for name in checkpoint_folders(files) if name in CASE_COLUMNS)
        raise StrategyFaults(
            [f"{folder}: it decides nothing at {checkpoint}; it decides at {known or 'no checkpoint'}"]
        )
    return read_checkpoints(files, catalog=load_as_of_catalog())[checkpoint]


def strategy_files(folder: Path | None) -> dict[str, bytes]:
    """The files that a strategy is made of, by their path inside it: all, but hidden ones and a model's evidence."""
    if folder is None:
        return {name: text.encode() for name, text in standard_strategy_files().items()}
    if not folder.is_dir():
        raise StrategyFaults([f"{folder}: there is no such strategy folder; copy the standard one and edit it"])
    inside = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name.as_posix(): path.read_bytes()
        for name, path in inside.items()
        if not any(part.startswith(".") for part in name.parts) and EVIDENCE not in name.parts[:-1]
    }


def compare_strategies(before: Path, after: Path) -> tuple[Difference, ...]:
    """What two folders differ in, in words; they need not hold together."""
    return strategy_differences(strategy_files(before), strategy_files(after), words=_words(), currency=_CURRENCY)


def explain_case_file(folder: Path | None, *, checkpoint: CheckpointName, case: Path) -> ExplainedCase:
    """Decide the case of a JSON file by one checkpoint. A figure that it does not give, and that may be, is missing.

    Raises `StrategyFaults` where the strategy or the file is refused, and `ColumnFault` where a figure is.
    """
    compiled = read_checkpoint_folder(folder, checkpoint=checkpoint)
    columns = _case_columns(compiled, case)
    return ExplainedCase(compiled, trace_case(compiled, columns, index=0), explain_case(compiled, columns, index=0))


def _case_columns(checkpoint: Checkpoint, file: Path) -> pa.Table:
    try:
        case: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StrategyFaults([f"{file}: cannot be read as JSON: {error}"]) from error
    if not isinstance(case, dict):
        raise StrategyFaults([f"{file}: a case is an object: figures by name"])
    known = checkpoint.case_types
    faults = [f"{file}: {name!r} is not read at {checkpoint.name}{nearest(name=name, among=known)}; remove it"
              for name in case if name not in known]  # fmt: skip
    faults += [f"{file}: {name} is missing; it is known of every case"
               for name, column in known.items() if not column.may_be_missing and case.get(name) is None]  # fmt: skip
    if faults:
        raise StrategyFaults(faults)
    return pa.Table.from_pylist([{name: case.get(name) for name in known}])


def _words() -> dict[str, tuple[str, str]]:
    words = {feature.name: (feature.zh, feature.en) for feature in load_as_of_catalog().features}
    return words | {column.name: (column.zh, column.en) for columns in CASE_COLUMNS.values() for column in columns}


def review_strategy(files: Mapping[str, bytes], *, on: date) -> Strategy:
    """What a strategy's files say of limits, economics and caps. Raises `StrategyFaults`."""
    texts: dict[str, str] = {}
    for name in STRATEGY_FILES:
        if name in files:
            try:
                texts[name] = files[name].decode()
            except UnicodeDecodeError as error:
                raise StrategyFaults([f"{name}: is not UTF-8 text ({error}); save it as UTF-8"]) from error
    beside = {name: content for name, content in files.items() if name not in texts}
    return read_strategy(texts, features=feature_types(), on=on, beside=beside)


def feature_types() -> dict[str, ColumnType]:
    """The catalogued features as the columns that decision tables may read."""
    return {
        feature.name: ColumnType("number" if feature.kind == "numeric" else "text")
        for feature in load_catalog().features
    }


def copy_standard_strategy(folder: Path) -> tuple[str, ...]:
    """Write the standard strategy into a new folder, to be edited; refuses a folder that holds anything."""
    files = strategy_files(None)
    write_strategy(files, folder)
    return tuple(files)


def write_strategy(files: Mapping[str, bytes], folder: Path) -> None:
    """Write a strategy's files into a new folder; refuses a folder that holds anything."""
    if folder.is_dir() and any(folder.iterdir()):
        raise StrategyFaults([f"{folder}: is not empty; give a new folder"])
    for inside in sorted({str(Path(name).parent) for name in files}):
        prepare_folder(folder / inside)
    write_files(files.items(), folder)


def coverage_of(strategy: WholeStrategy) -> tuple[Bilingual, ...]:
    """What was proven of a strategy's tables: their rows, what only the last takes, where a missing value slips by."""
    told: list[Bilingual] = []
    for table in (strategy.review.grades, strategy.review.eligibility):
        told += _table_coverage(table)
        told += [
            {
                "zh": f"  {column} 缺失时绕过 {table.rows[row].id} 行，落到末行",
                "en": f"  with {column} missing, row {table.rows[row].id} is passed by and the last row decides",
            }
            for column, row in table.coverage.falls_through
        ]
    for checkpoint in strategy.checkpoints.values():
        told += _checkpoint_coverage(checkpoint)
    return tuple(told)


def _table_coverage(table: DecisionTable) -> list[Bilingual]:
    coverage, rows = table.coverage, table.rows
    told = [_reached(table)]
    told += [
        {"zh": f"  仅由末行 {rows[-1].id} 处理：{case}", "en": f"  only the last row, {rows[-1].id}, takes: {case}"}
        for case in coverage.uncovered
    ]
    return told if coverage.uncovered_is_complete else [*told, {"zh": " …", "en": " …"}]


def _reached(table: DecisionTable) -> Bilingual:
    unproven = [table.rows[each.row].id for each in table.coverage.rows if each.reach == "unproven"]
    proof_zh, proof_en = ("每一行均证明可达", "every row is proven to be reached")
    if unproven:
        proof_zh, proof_en = f"未能证明可达：{'、'.join(unproven)}", f"not proven to be reached: {', '.join(unproven)}"
    count = len(table.rows)
    return {"zh": f"{table.name}：{count} 行，{proof_zh}", "en": f"{table.name}: {count} rows, {proof_en}"}


def _scored_by(model: CheckpointModel) -> Bilingual:
    """What yields a score: which model, how much it reads, of how many trees, and where the score is missing."""
    fitted = model.fitted
    features = len(fitted.model.features)
    trees = len(trees_of(fitted.model)) if isinstance(fitted.model, Boosted) else 0
    grown_zh, grown_en = (f"，{trees} 棵树", f", {trees} trees") if trees else ("", "")
    lacks_zh, lacks_en = (
        (f"；{'、'.join(model.needs)} 缺失时无评分", f"; missing where {' or '.join(model.needs)} is")
        if model.needs
        else ("", "")
    )
    return {
        "zh": f"  {model.column}：{fitted.model_id}，{features} 个特征{grown_zh}{lacks_zh}",
        "en": f"  {model.column}: {fitted.model_id}, {features} features{grown_en}{lacks_en}",
    }


def _checkpoint_coverage(checkpoint: Checkpoint) -> list[Bilingual]:
    away = [column for column in checkpoint.scores if column not in {model.column for model in checkpoint.models}]
    features, steps = len(checkpoint.features), len(checkpoint.steps)
    told: list[Bilingual] = [
        {
            "zh": f"{checkpoint.name}：{checkpoint.zh}；{steps} 步，{features} 个特征；无遗漏情形，缺失值均有规定",
            "en": f"{checkpoint.name}: {checkpoint.en}; {steps} steps, {features} features; "
            "no case falls through, every missing value has its row",
        }
    ]
    told += [_scored_by(model) for model in checkpoint.models]
    told += [
        {"zh": f"  {column}：尚无模型，评分缺失", "en": f"  {column}: no model yet, the score is missing"}
        for column in away
    ]
    for step in checkpoint.steps:
        reached = _reached(step.table)
        told.append({"zh": f"  {reached['zh']}", "en": f"  {reached['en']}"})
        if step.randomized is not None:
            share = step.randomized.share_ppm / 10_000
            told.append({"zh": f"    随机放行 {share:g}%", "en": f"    {share:g} % are randomized"})
    return told
