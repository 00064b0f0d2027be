"""Money in and out in the terminal: what became of a file, what is open in suspense, what stands on the way."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Final, Protocol

from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language, count_text
from tallystick.reports.ledger_terminal import money_text
from tallystick.reports.terminal import worded_table
from tallystick.reports.texts import Texts, texts_in
from tallystick.units.ids import IdPrefix, encode_id

# In the order in which a row is asked what it is, each with its text.
STATEMENT_OUTCOMES: Final = {
    outcome: f"money.{outcome}" for outcome in ("cleared", "returned", "known_payment", "payment", "suspense")
}
# What no line was asked about, and what one gave back; all other reasons are refusals of a line.
_SUSPENDED: Final = frozenset(
    {
        "no_line",
        "line_unknown",
        "currency_differs",
        "payment_unknown",
        "went_out",
        "differs_from_payment",
        "payment_returned",
        "event_undone",
    }
)
MOST_SHOWN: Final = 20
_DECISION: Final = {"approved": "money.approved", "rejected": "money.rejected_by"}
_AS_WHAT: Final = {"payment": "as_payment", "offset": "as_offset", "difference": "as_difference"}


class RejectedMoney(Protocol):
    """A row that was not booked."""

    @property
    def fault(self) -> str: ...


class ImportedMoney(Protocol):
    """What became of a file."""

    @property
    def booked(self) -> Mapping[str, int]: ...
    @property
    def known(self) -> int: ...
    @property
    def rejected(self) -> Sequence[RejectedMoney]: ...


class OpenItem(Protocol):
    """Money in suspense; minor units."""

    @property
    def item_id(self) -> int: ...
    @property
    def channel(self) -> str: ...
    @property
    def reference(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def value_on(self) -> date: ...
    @property
    def because(self) -> str: ...


class WaitingProposal(Protocol):
    """What somebody says an item is."""

    @property
    def proposal_id(self) -> int: ...
    @property
    def item_id(self) -> int: ...
    @property
    def as_what(self) -> str: ...
    @property
    def proposed_by(self) -> str: ...
    @property
    def reason(self) -> str: ...


class DecidedItem(Protocol):
    """What two persons decided about an item; minor units."""

    @property
    def item_id(self) -> int: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def as_what(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def proposed_by(self) -> str: ...
    @property
    def decision(self) -> str: ...
    @property
    def decided_by(self) -> str: ...
    @property
    def decided_at(self) -> datetime: ...


class Day(Protocol):
    """Rows of one channel, day and outcome; minor units."""

    @property
    def booked_on(self) -> date: ...
    @property
    def channel(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def in_minor(self) -> int: ...
    @property
    def out_minor(self) -> int: ...


class AccountBalance(Protocol):
    """What stands on an account; minor units."""

    @property
    def account(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def net_minor(self) -> int: ...


def imported_table(imported: ImportedMoney, *, outcomes: Mapping[str, str], language: Language) -> Table:
    """Rows by outcome, in the order and with the texts of `outcomes`, those known before, and those not booked."""
    say = texts_in(language)
    table = worded_table(say("money.imported"), [say("money.outcome")], [say("money.rows")])
    for outcome, text in outcomes.items():
        if imported.booked.get(outcome):
            table.add_row(Text(say(text)), Text(count_text(imported.booked[outcome])))
    table.add_row(Text(say("money.known")), Text(count_text(imported.known)))
    for fault, rows in sorted(Counter(str(row.fault) for row in imported.rejected).items()):
        table.add_row(Text(f"{say('money.rejected')}: {fault}", style="red"), Text(count_text(rows)))
    return table


def suspense_table(items: Sequence[OpenItem], *, language: Language) -> Table:
    """The twenty oldest open items, and how many there are with their sum per currency."""
    say = texts_in(language)
    heads = [say(f"money.{head}") for head in ("item", "channel", "value_on", "because")]
    table = worded_table(say("money.suspense_title"), heads, [say("money.amount")])
    for column in (0, 2, 4):
        table.columns[column].no_wrap = True
    for item in items[:MOST_SHOWN]:
        told = (encode_id(IdPrefix.SUSPENSE_ITEM, item.item_id), f"{item.channel} {item.reference}")
        amount = f"{money_text(item.amount_minor, item.currency)} {item.currency}"
        table.add_row(*map(Text, (*told, item.value_on.isoformat(), _because(item.because, say=say), amount)))
    counts, sums = Counter[str](), Counter[str]()
    for item in items:
        counts[item.currency] += 1
        sums[item.currency] += item.amount_minor
    table.add_section()
    for currency, count in sorted(counts.items()):
        all_of = say("money.all_items", count=count_text(count))
        table.add_row(Text(all_of), "", "", "", Text(f"{money_text(sums[currency], currency)} {currency}"))
    return table


def _because(reason: str, *, say: Texts) -> str:
    """The reason in words; what a line refused is told by the name that the API has for it."""
    return say(f"money.because_{reason}") if reason in _SUSPENDED else say("money.because_refused", reason=reason)


def decided_table(decided: Sequence[DecidedItem], *, language: Language) -> Table:
    """The twenty latest decisions of two persons."""
    say = texts_in(language)
    heads = [say(f"money.{head}") for head in ("item", "as_what", "by", "decided", "reason")]
    table = worded_table(say("money.decided_title"), heads, [say("money.amount")])
    for column in (0, 5):
        table.columns[column].no_wrap = True
    for each in decided[-MOST_SHOWN:]:
        what = f"{say(f'money.{_AS_WHAT[each.as_what]}')} {each.decided_at.date().isoformat()}"
        decision = f"{say(_DECISION[each.decision])} {each.decided_by}"
        amount = f"{money_text(each.amount_minor, each.currency)} {each.currency}"
        item = encode_id(IdPrefix.SUSPENSE_ITEM, each.item_id)
        table.add_row(*map(Text, (item, what, each.proposed_by, decision, each.reason, amount)))
    return table


def proposals_table(waiting: Iterable[WaitingProposal], *, language: Language) -> Table:
    """What waits for a second person."""
    say = texts_in(language)
    heads = [say(f"money.{head}") for head in ("proposal", "item", "as_what", "by", "reason")]
    table = worded_table(say("money.waiting_title"), heads, [])
    for column in (0, 1):
        table.columns[column].no_wrap = True
    for each in waiting:
        ids = (encode_id(IdPrefix.PROPOSAL, each.proposal_id), encode_id(IdPrefix.SUSPENSE_ITEM, each.item_id))
        table.add_row(*map(Text, (*ids, say(f"money.{_AS_WHAT[each.as_what]}"), each.proposed_by, each.reason)))
    return table


def days_table(days: Iterable[Day], *, language: Language) -> Table:
    """What the files said, day by day."""
    say = texts_in(language)
    heads = [say(f"money.{head}") for head in ("booked_on", "channel", "outcome")]
    table = worded_table(say("money.days_title"), heads, [say(f"money.{head}") for head in ("rows", "in", "out")])
    for day in days:
        amounts = (money_text(day.in_minor, day.currency), money_text(day.out_minor, day.currency))
        told = (day.booked_on.isoformat(), f"{day.channel} {day.currency}", say(f"money.{day.outcome}"))
        table.add_row(*map(Text, (*told, count_text(day.rows), *amounts)))
    return table


def clearing_table(balances: Iterable[AccountBalance], *, language: Language) -> Table:
    """What the channels still owe, and what stands in suspense."""
    say = texts_in(language)
    table = worded_table(
        say("money.balances_title"), [say("ledger.code"), say("ledger.currency")], [say("ledger.balance")]
    )
    for balance in balances:
        amount = money_text(balance.net_minor, balance.currency)
        table.add_row(*map(Text, (balance.account, balance.currency, amount)))
    return table


def unexplained_text(unexplained: Iterable[AccountBalance], *, language: Language) -> Text:
    """What stands on suspense without an open item."""
    amounts = ", ".join(f"{money_text(each.net_minor, each.currency)} {each.currency}" for each in unexplained)
    return Text(texts_in(language)("money.unexplained", amounts=amounts), style="red")
