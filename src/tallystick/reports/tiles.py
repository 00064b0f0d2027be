"""The headline: six figures under the three scenarios, and how the new cap differs from the baseline cap."""

from collections.abc import Callable
from typing import Final

from tallystick.reports.blocks import Tile, TileRow
from tallystick.reports.figures import percent_change_text
from tallystick.reports.summary import Scenario
from tallystick.reports.view import View

HEADLINE: Final[tuple[tuple[str, Callable[[Scenario], int]], ...]] = (
    ("limit", lambda scenario: scenario["limit_minor"]),
    ("drawn", lambda scenario: scenario["drawn_minor"]),
    ("profit", lambda scenario: scenario["profit_minor"]),
    ("expected_loss", lambda scenario: scenario["expected_loss_minor"]),
    ("provision", lambda scenario: scenario["provision_minor"]),
    ("stress_severe", lambda scenario: scenario["stress_loss_minor"]["severe"]),
)


def headline_tiles(view: View) -> tuple[Tile, ...]:
    """One tile per headline figure."""
    return tuple(_tile(view, key, read) for key, read in HEADLINE)


def _tile(view: View, key: str, read: Callable[[Scenario], int]) -> Tile:
    amounts = [read(scenario) for scenario in view.scenarios]
    _, baseline, new = amounts
    low, high = min(0, *amounts), max(0, *amounts)
    rows = [
        TileRow(
            name=name,
            value=view.short(amount),
            color=color,
            bar_start=_percent(min(amount, 0) - low, high - low),
            bar_length=_percent(abs(amount), high - low),
        )
        for name, color, amount in zip(view.names, view.colors, amounts, strict=True)
    ]
    return Tile(
        name=view.texts(f"measure.{key}"),
        hint=view.texts(f"measure.{key}_hint"),
        value=view.short(new),
        change=view.short_change(new - baseline),
        percent=percent_change_text(new, baseline),
        rows=tuple(rows),
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}" if whole else "0"
