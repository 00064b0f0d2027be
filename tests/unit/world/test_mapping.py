"""The mapping of the simulated export names its columns, and none is left out but those of no known field."""

import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from tallystick.world.portfolio import SimulatedPortfolio

MAPPING = tomllib.loads(files("tallystick.sources").joinpath("mappings/tallystick.toml").read_text(encoding="utf-8"))


def columns_of(block: dict[str, Any]) -> Iterator[str]:
    if "column" in block:
        yield block["column"]
    else:
        yield from (block["pattern"].replace("{n}", str(month)) for month in range(block["count"]))


def test_the_mapping_and_the_export_fit(portfolio: SimulatedPortfolio) -> None:
    mapped = [column for block in MAPPING["field"].values() for column in columns_of(block)]
    assert len(set(mapped)) == len(mapped)
    unmapped = set(portfolio.observed.column_names) - set(mapped)
    assert set(mapped) <= set(portfolio.observed.column_names)
    assert {name.rsplit("_m", 1)[0] for name in unmapped} == {"charged_minor", "refunded_minor"}


def test_the_outcome_is_defined_over_twelve_months() -> None:
    assert MAPPING["outcome"]["horizon_months"] == 12
    assert "90 or more days past due" in MAPPING["outcome"]["en"]
