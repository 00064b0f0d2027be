"""How good a fitted model is, in the terminal: a row per segment, at most 80 columns wide."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language, count_text, ratio_text
from tallystick.reports.summary import Metric, Summary
from tallystick.reports.terminal import plain_table
from tallystick.reports.texts import texts_in


def model_table(summary: Summary, *, language: Language) -> Table:
    """How good the model is that judged the portfolio."""
    return metrics_table(summary["model"]["metrics"], language=language)


def metrics_table(metrics: Sequence[Metric], *, language: Language) -> Table:
    """Lines, bads, AUC with its 95 % interval, KS, Brier and calibration error of each segment."""
    say = texts_in(language)
    table = plain_table(say("model.metrics"))
    table.add_column(Text(say("model.segment")), overflow="fold", max_width=18)
    for head in (say("measure.lines"), say("model.bads"), "AUC", "", "KS", "Brier", say("terminal.calibration")):
        table.add_column(Text(head), justify="right", no_wrap=True)
    for metric in metrics:
        table.add_row(
            Text(metric["segment"][language]),
            Text(count_text(metric["lines"])),
            Text(count_text(metric["bads"])),
            Text(ratio_text(metric["auc"])),
            Text("" if metric["auc"] is None else f"{ratio_text(metric['auc_low'])}–{ratio_text(metric['auc_high'])}"),
            Text(ratio_text(metric["ks"])),
            Text(ratio_text(metric["brier"])),
            Text(ratio_text(metric["calibration_error"], digits=4)),
        )
    return table
