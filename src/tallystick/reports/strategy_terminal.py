"""How a checkpoint decided one case, and what two strategies differ in, in the terminal."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language
from tallystick.reports.terminal import plain_table
from tallystick.reports.texts import Texts, texts_in
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.strategy.checkpoint_trace import CaseTrace, Explanation, StepTrace, figure_text
from tallystick.strategy.differences import Difference

_SIDE: Final[Mapping[Language, Literal[0, 1]]] = {"zh": 0, "en": 1}
_TRUTHS: Final = {True: "strategy.yes", False: "strategy.no", None: "strategy.unknown"}


def trace_table(checkpoint: Checkpoint, trace: CaseTrace, *, language: Language) -> Table:
    """Each step, each of its rows that the case met, and the figures that the row read."""
    say = texts_in(language)
    table = plain_table(say("strategy.trace_title") + " · " + (checkpoint.zh, checkpoint.en)[_SIDE[language]])
    table.add_column(Text(say("strategy.row")), overflow="fold")
    table.add_column(Text(say("strategy.truth")), no_wrap=True)
    table.add_column(Text(say("strategy.read")), overflow="fold")
    for step in trace.steps:
        title = (step.step.zh, step.step.en)[_SIDE[language]]
        table.add_row(
            Text(title, style="bold"), Text(""), Text(_told_outputs(checkpoint, step, say=say, side=_SIDE[language]))
        )
        for met in step.met:
            read = ", ".join(
                f"{name} {figure_text(name, value, currency=checkpoint.currency)[_SIDE[language]]}"
                for name, value in met.read.items()
            )
            style = "bold" if met.row_id == step.row_id else "dim"
            table.add_row(Text(f"  {met.row_id}", style=style), Text(say(_TRUTHS[met.truth])), Text(read, style=style))
        table.add_section()
    return table


def _told_outputs(checkpoint: Checkpoint, step: StepTrace, *, say: Texts, side: Literal[0, 1]) -> str:
    outputs = ", ".join(
        f"{name} {figure_text(name, value, currency=checkpoint.currency)[side]}" for name, value in step.outputs.items()
    )
    if step.by_chance:
        outputs += " " + say("strategy.by_chance")
    decided = " ← " + say("strategy.decided") if step.decided else ""
    return say("strategy.gives") + f": {outputs}{decided}"


def explanation_text(explanation: Explanation, *, language: Language) -> Text:
    """What the borrower is told, line by line."""
    lines = explanation.zh if language == "zh" else explanation.en
    title = texts_in(language)("strategy.told_title")
    return Text("\n".join([f"{title}:", *(f"  {line}" for line in lines)]))


def differences_text(differences: Sequence[Difference], *, language: Language) -> Text:
    """What two strategies differ in, file by file."""
    if not differences:
        return Text(texts_in(language)("strategy.same"))
    lines: list[str] = []
    file = ""
    for each in differences:
        if each.file != file:
            file = each.file
            lines.append(file)
        told = each.zh if language == "zh" else each.en
        lines.append(f"  {each.place}: {told}" if each.place else f"  {told}")
    return Text("\n".join(lines))
