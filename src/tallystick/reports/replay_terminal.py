"""What became of decisions that were decided again, in the terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.text import Text

from tallystick.reports.figures import Language, count_text
from tallystick.reports.terminal import plain_table
from tallystick.reports.texts import texts_in

MOST_SHOWN = 50
# Each kind of difference and its words.
KINDS = {"bytes": "replay.bytes", "decision": "replay.decision_differs", "features": "replay.features"}


@dataclass(frozen=True, slots=True)
class DifferenceTold:
    """One fault: of which batch, of which decision in it, and what it is."""

    batch: str
    decision: str
    kind: str
    told: str


def replayed_lines(
    differences: Sequence[DifferenceTold], *, batches: int, decisions: int, without_trace: int, language: Language
) -> Iterator[RenderableType]:
    """That all is the same, or a table of what is not."""
    say = texts_in(language)
    if differences:
        table = plain_table(say("replay.differs_title"))
        table.add_column(Text(say("replay.batch")), no_wrap=True)
        table.add_column(Text(say("replay.case")), no_wrap=True)
        table.add_column(Text(say("replay.what")), overflow="fold")
        for each in differences[:MOST_SHOWN]:
            table.add_row(Text(each.batch), Text(each.decision), Text(say(KINDS[each.kind], told=each.told)))
        yield table
    else:
        yield Text(say("replay.same", decisions=count_text(decisions), batches=count_text(batches)), style="green")
    if without_trace:
        yield Text(say("replay.without_trace", decisions=count_text(without_trace)), style="yellow")


def decision_text(decision: str, *, outcome: str, strategy: str, at: str, language: Language) -> Text:
    """One decision in a line."""
    say = texts_in(language)
    return Text(say("replay.decision", decision=decision, outcome=outcome, strategy=strategy, at=at), style="bold")


def forgotten_text(batches: int, *, language: Language) -> Text:
    """How many batches' traces were deleted."""
    return Text(texts_in(language)("replay.forgotten", batches=count_text(batches)))
