"""The terminal tables: the same figures, within 80 columns, in both languages."""

from collections.abc import Callable

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from tallystick.reports.figures import LANGUAGES, Language
from tallystick.reports.model_terminal import model_table
from tallystick.reports.summary import Summary
from tallystick.reports.terminal import headline, prices_table, rows_table

Make = Callable[[str], Summary]
TABLES = (headline, model_table, prices_table, rows_table)


def printed(table: Table) -> list[str]:
    console = Console(width=200, color_system=None, record=True, file=None, quiet=True)
    narrow = Console(width=80, color_system=None)
    with narrow.capture() as capture:
        narrow.print(table)
    assert console.measure(table).maximum <= 80, "the table would be cut at 80 columns"
    return capture.get().splitlines()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["usual", "worse", "infeasible", "bare", "empty"])
def test_every_table_fits_eighty_columns_uncut(make: Make, name: str, language: Language) -> None:
    for table in TABLES:
        lines = printed(table(make(name), language=language))
        assert max(map(cell_len, lines)) <= 80
        assert not any("…" in line for line in lines)


def test_headline_shows_the_three_scenarios_side_by_side(usual: Summary) -> None:
    for scenario, profit in zip(usual["scenarios"], (90_000_000_00, 100_000_000_00, 112_000_000_00), strict=True):
        scenario["profit_minor"] = profit
    lines = printed(headline(usual, language="en"))
    row = next(line for line in lines if "Expected yearly profit" in line)
    assert row.split("profit")[1].split() == ["90.0", "m", "100", "m", "112", "m", "+12.0", "m", "+12.0%"]


def test_prices_mark_what_is_not_offered(usual: Summary) -> None:
    lines = printed(prices_table(usual, language="zh"))
    assert sum("不报价" in line for line in lines) == 2


def test_rows_show_every_reason(usual: Summary) -> None:
    text = "\n".join(printed(rows_table(usual, language="en")))
    for word in ("20,000", "19,898", "duplicate", "undocumented code 0"):
        assert word in text


def test_brackets_in_names_are_no_markup(usual: Summary) -> None:
    usual["rows"]["rejects"][0]["text"]["en"] = "[bold]odd[/bold]"
    assert any("[bold]odd[/bold]" in line for line in printed(rows_table(usual, language="en")))


def test_the_model_shows_each_segment_and_a_dash_where_ranking_is_unknown(usual: Summary) -> None:
    metric = usual["model"]["metrics"][0]
    metric["auc"] = metric["auc_low"] = metric["auc_high"] = metric["ks"] = None
    lines = printed(model_table(usual, language="en"))
    for segment in usual["model"]["metrics"]:
        assert any(segment["segment"]["en"].split()[0] in line for line in lines)
    whole = next(line for line in lines if line.strip().startswith(metric["segment"]["en"].split()[0]))
    assert whole.count("–") == 2
