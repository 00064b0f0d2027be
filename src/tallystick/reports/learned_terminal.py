"""What a lender's own cases made of shipped priors, in the terminal."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language, count_text, ratio_text
from tallystick.reports.learned_summary import LearnedModel
from tallystick.reports.terminal import plain_table
from tallystick.reports.texts import Texts, texts_in
from tallystick.scoring.validation import Interval


def learned_table(models: Sequence[LearnedModel], *, language: Language) -> Table:
    """A row a model: its cases, each figure above its interval, and whether they tell the lender from the prior."""
    say = texts_in(language)
    table = plain_table(say("learned.title"))
    table.add_column(say("learned.model"), no_wrap=True)
    for title in (say("learned.rows"), say("learned.bads"), say("learned.auc")):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column(say("learned.shift"), justify="right", no_wrap=True)
    table.add_column(say("learned.slope"), justify="right", no_wrap=True)
    table.add_column(say("learned.verdict"), overflow="fold")
    for one in models:
        figures = [_interval_text(each) for each in (one.auc, one.shift, one.slope)]
        cells = (one.name, count_text(one.rows), count_text(one.bads), *figures, learned_verdict(one, say))
        table.add_row(*map(Text, cells))
    return table


def learned_verdict(model: LearnedModel, say: Texts) -> str:
    """Whether the lender's cases tell it from the prior."""
    if not model.bads:
        return say("learned.no_bads")
    return say("learned.told_apart") if model.is_distinguishable else say("learned.not_told_apart")


def _interval_text(figure: Interval | None) -> str:
    if figure is None:
        return ratio_text(None)
    value, low, high = (ratio_text(each, digits=2) for each in (figure.value, figure.low, figure.high))
    return f"{value}\n{low}–{high}"
