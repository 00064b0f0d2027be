"""Reads a strategy folder, or the one that ships, against the catalogued features."""

from datetime import date
from pathlib import Path

from tallystick.features.catalog import load_catalog
from tallystick.operations.outputs import prepare_folder, write_files
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
