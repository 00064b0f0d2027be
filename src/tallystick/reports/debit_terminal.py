"""Direct debits in the terminal: instructions, what the bank answered, what its codes mean."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final, Protocol

from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language, count_text
from tallystick.reports.ledger_terminal import money_text
from tallystick.reports.terminal import worded_table
from tallystick.reports.texts import texts_in
from tallystick.servicing.direct_debit import DebitRules
from tallystick.units.ids import IdPrefix, encode_id

# What a bank answers, each with its text.
ANSWER_OUTCOMES: Final = {outcome: f"debits.{outcome}" for outcome in ("paid", "failed", "returned")}


class Instruction(Protocol):
    """One instruction to the bank; minor units."""

    @property
    def debit_id(self) -> int: ...
    @property
    def run_on(self) -> date: ...
    @property
    def due_on(self) -> date: ...
    @property
    def attempt(self) -> int: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def currency(self) -> str: ...


def instructions_table(made: Sequence[Instruction], *, language: Language) -> Table:
    """The first twenty instructions, and how many there are with their sum per currency."""
    say = texts_in(language)
    heads = [say(f"debits.{head}") for head in ("debit", "run_on", "due_on")]
    table = worded_table(say("debits.title"), heads, [say("debits.attempt"), say("money.amount")])
    for each in made[:20]:
        told = (encode_id(IdPrefix.DEBIT, each.debit_id), each.run_on.isoformat(), each.due_on.isoformat())
        amount = f"{money_text(each.amount_minor, each.currency)} {each.currency}"
        table.add_row(*map(Text, (*told, str(each.attempt), amount)))
    sums: Counter[str] = Counter()
    for each in made:
        sums[each.currency] += each.amount_minor
    table.add_section()
    for currency, sum_minor in sorted(sums.items()):
        count = count_text(sum(each.currency == currency for each in made))
        table.add_row(
            Text(say("debits.all")), "", "", Text(count), Text(f"{money_text(sum_minor, currency)} {currency}")
        )
    return table


def codes_table(rules: DebitRules, *, language: Language) -> Table:
    """Return codes, whether a debit is tried again, and whether the mandate is over."""
    say = texts_in(language)
    heads = [say(f"debits.{head}") for head in ("code", "means", "retry", "ends_mandate")]
    table = worded_table(say("debits.codes"), heads, [])
    for code, meaning in rules.codes.items():
        name = meaning.name.zh if language == "zh" else meaning.name.en
        table.add_row(*map(Text, (code, name, *_ticks(meaning.retry, meaning.ends_mandate))))
    return table


def _ticks(*held: bool) -> Iterable[str]:
    return ("✓" if each else "" for each in held)
