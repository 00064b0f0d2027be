"""Colors and type of the reports: apart for color-blind eyes, and apart as grays on paper."""

from typing import Final

from tallystick.reports.summary import ScenarioName

FONT: Final = "system-ui, 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"

INK: Final = "#1d2733"
MUTED: Final = "#5c6875"
RULE: Final = "#e3e7ec"
ALARM: Final = "#b3261e"

# Light, dark, middle: their luminances are 0.50, 0.09 and 0.27, so a gray print keeps them apart.
SCENARIO_COLORS: Final[dict[ScenarioName, str]] = {"today": "#b4bcc6", "baseline": "#27567b", "new": "#d9741a"}
SCENARIOS: Final[tuple[ScenarioName, ...]] = ("today", "baseline", "new")

# After Paul Tol's muted scheme, in the order in which the parts are stacked.
PRICE_COLORS: Final = {
    "funds": "#33507d",
    "operations": "#88b9d8",
    "expected_loss": "#c65f6b",
    "capital": "#ddcc77",
    "margin": "#44a08d",
}
