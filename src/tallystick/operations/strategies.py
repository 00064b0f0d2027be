"""Reads a strategy folder, or the one that ships, against the catalogued features."""

from datetime import date
from pathlib import Path

from tallystick.features.catalog import load_catalog
from tallystick.operations.outputs import prepare_folder, write_files
from tallystick.reports.summary import Bilingual
from tallystick.strategy.columns import ColumnType
from tallystick.strategy.economics import StrategyFaults
from tallystick.strategy.policy import STRATEGY_FILES, Strategy, read_strategy, standard_strategy_files


def read_strategy_folder(folder: Path | None, *, on: date) -> Strategy:
    """The strategy of a folder, or the standard one; raises `StrategyFaults` with every fault of every file."""
    texts = standard_strategy_files() if folder is None else _texts(folder)
    return read_strategy(texts, features=feature_types(), on=on)


def feature_types() -> dict[str, ColumnType]:
    """The catalogued features as the columns that decision tables may read."""
    return {
        feature.name: ColumnType("number" if feature.kind == "numeric" else "text")
        for feature in load_catalog().features
    }


def _texts(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise StrategyFaults([f"{folder}: there is no such strategy folder; copy the standard one and edit it"])
    try:
        return {
            name: (folder / name).read_text(encoding="utf-8") for name in STRATEGY_FILES if (folder / name).is_file()
        }
    except UnicodeDecodeError as error:
        raise StrategyFaults([f"{folder}: a file is not UTF-8 text ({error}); save it as UTF-8"]) from error


def copy_standard_strategy(folder: Path) -> tuple[str, ...]:
    """Write the standard strategy into a new folder, to be edited; refuses a folder that holds anything."""
    if folder.is_dir() and any(folder.iterdir()):
        raise StrategyFaults([f"{folder}: is not empty; give a new folder"])
    prepare_folder(folder)
    texts = standard_strategy_files()
    write_files(((name, text.encode()) for name, text in texts.items()), folder)
    return tuple(texts)


def coverage_of(strategy: Strategy) -> tuple[Bilingual, ...]:
    """What was proven of a strategy's tables: their rows, what only the last takes, where a missing value slips by."""
    told: list[Bilingual] = []
    for table in (strategy.grades, strategy.eligibility):
        coverage, rows = table.coverage, table.rows
        unproven = [rows[each.row].id for each in coverage.rows if each.reach == "unproven"]
        proof_zh, proof_en = ("每一行均证明可达", "every row is proven to be reached")
        if unproven:
            proof_zh, proof_en = (
                f"未能证明可达：{'、'.join(unproven)}",
                f"not proven to be reached: {', '.join(unproven)}",
            )
        told.append(
            {
                "zh": f"{table.name}：{len(rows)} 行，{proof_zh}",
                "en": f"{table.name}: {len(rows)} rows, {proof_en}",
            }
        )
        more = "" if coverage.uncovered_is_complete else " …"
        told += [
            {"zh": f"  仅由末行 {rows[-1].id} 处理：{case}", "en": f"  only the last row, {rows[-1].id}, takes: {case}"}
            for case in coverage.uncovered
        ]
        told += [{"zh": more, "en": more}] if more else []
        told += [
            {
                "zh": f"  {column} 缺失时绕过 {rows[row].id} 行，落到末行",
                "en": f"  with {column} missing, row {rows[row].id} is passed by and the last row decides",
            }
            for column, row in coverage.falls_through
        ]
    return tuple(told)
