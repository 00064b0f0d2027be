"""A training run in the terminal: ours, what was fitted beside it, and what was published."""

from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language, ratio_text
from tallystick.reports.model_page import verdict
from tallystick.reports.model_summary import ModelReport
from tallystick.reports.terminal import plain_table
from tallystick.reports.texts import texts_in


def contenders_table(report: ModelReport, *, language: Language) -> Table:
    """A row per model: each figure, and behind it the mean of the earlier folds."""
    say = texts_in(language)
    table = plain_table(say("trained.figures"))
    table.add_column(Text(say("trained.model")), overflow="fold", max_width=32)
    for name in report["figure_names"].values():
        table.add_column(Text(name[language]), justify="right", no_wrap=True)
        table.add_column(Text(say("trained.earlier")), justify="right", no_wrap=True)
    for one in (*report["contenders"], *report["published"]):
        cells = []
        for key in report["figure_names"]:
            figure = one["figures"].get(key)
            cells += [Text(ratio_text(figure["value"] if figure else None)), Text(ratio_text(one["earlier"].get(key)))]
        table.add_row(Text(one["name"][language]), *cells)
    return table


def verdict_text(report: ModelReport, *, language: Language) -> str:
    """Whether the model may be promoted, and if not why."""
    return verdict(report, texts_in(language))
