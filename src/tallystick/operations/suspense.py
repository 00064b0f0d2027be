"""Money in suspense: what stands there, what one person says it is, and what happens when a second one agrees."""

from collections.abc import Iterable
from datetime import UTC, date
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from psycopg import Connection

from tallystick.ledger.transfer import Address, Transfer, off_lines
from tallystick.operations.lines import Act, is_same_person, record
from tallystick.operations.money_in import CLEARED
from tallystick.operations.whole_files import write_csv
from tallystick.servicing import facts
from tallystick.servicing.facts import SUSPENSE
from tallystick.servicing.refusals import Refusal
from tallystick.storage import ledger, ledger_reading, lines, money_rows
from tallystick.storage.money_rows import DayOfChannel, Decided, SuspenseItem, SuspenseProposal
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.units.money import major_text


class SuspenseFault(ValueError):
    """An item cannot be resolved so; the message says why and the way out."""


class ClearingBalance(Struct, frozen=True):
    """What stands on a channel's account, or on suspense: money that is on its way, or nobody's."""

    account: str
    currency: str
    net_minor: int


class Reconciliation(Struct, frozen=True):
    """What the files said, what stands on the clearing accounts, and what is open in suspense."""

    days: tuple[DayOfChannel, ...]
    balances: tuple[ClearingBalance, ...]
    open_items: tuple[SuspenseItem, ...]
    waiting: tuple[SuspenseProposal, ...]

    def unexplained(self) -> list[ClearingBalance]:
        """By currency, what stands on suspense and is no open item: nothing, or the books are wrong."""
        suspense = {each.currency: each.net_minor for each in self.balances if each.account == SUSPENSE}
        for item in self.open_items:
            suspense[item.currency] = suspense.get(item.currency, 0) - item.amount_minor
        return [ClearingBalance(SUSPENSE, currency, net) for currency, net in sorted(suspense.items()) if net]


def reconcile(connection: Connection, *, since: date) -> Reconciliation:
    """The state of money in and out, in one snapshot; rows booked since a day, everything that is open."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        codes = tuple(dict.fromkeys((*CLEARED.values(), SUSPENSE)))
        return Reconciliation(
            days=tuple(money_rows.days(connection, since=since)),
            balances=tuple(
                # What a channel owes us is a debit; what stands in suspense is owed to somebody.
                ClearingBalance(code, currency, -net_minor if code == SUSPENSE else net_minor)
                for code, currency, net_minor in ledger_reading.house_balances(connection, codes)
            ),
            open_items=tuple(money_rows.open_items(connection, most=1_000_000)),
            waiting=tuple(money_rows.waiting_proposals(connection)),
        )


ITEM_COLUMNS: Final = ("item", "channel", "reference", "value_on", "amount", "currency", "because", "opened_on")


def write_items(path: Path, items: Iterable[SuspenseItem]) -> None:
    """Write open items as CSV, oldest first. Raises `OutputFault`."""
    rows = (
        (
            _item(each.item_id), each.channel, each.reference, each.value_on.isoformat(),
            major_text(each.amount_minor, each.currency), each.currency, each.because, each.opened_on.isoformat(),
        )
        for each in items
    )  # fmt: skip
    write_csv(path, ITEM_COLUMNS, rows)


DECIDED_COLUMNS: Final = (
    "proposal", "item", "channel", "reference", "value_on", "amount", "currency", "as", "line", "offset", "reason",
    "proposed_by", "proposed_at", "decision", "decided_by", "decided_at",
)  # fmt: skip


def write_decided(path: Path, decided: Iterable[Decided]) -> None:
    """Write who said what an item is, who agreed or not, when and why, as CSV. Raises `OutputFault`."""
    rows = (
        (
            _proposal(each.proposal_id), _item(each.item_id), each.channel, each.reference, each.value_on.isoformat(),
            major_text(each.amount_minor, each.currency), each.currency, each.as_what,
            "" if each.line_id is None else encode_id(IdPrefix.LINE, each.line_id),
            "" if each.offset_id is None else _item(each.offset_id),
            each.reason, each.proposed_by, each.proposed_at.astimezone(UTC).isoformat(timespec="seconds"),
            each.decision, each.decided_by, each.decided_at.astimezone(UTC).isoformat(timespec="seconds"),
        )
        for each in decided
    )  # fmt: skip
    write_csv(path, DECIDED_COLUMNS, rows)


def propose(
    connection: Connection,
    item_id: int,
    *,
    line_id: int | None = None,
    offset_id: int | None = None,
    reason: str,
    act: Act,
) -> SuspenseProposal:
    """Say what an item is: a payment of a line, the other half of an offsetting item, or else a difference to bear.

    Nothing moves until a second person approves. Raises `SuspenseFault` with the way out.
    """
    if not reason.strip():
        raise SuspenseFault("reason: say why, for whoever reads this in a year")
    money_rows.lock_items(connection, [item_id, *([offset_id] if offset_id else [])])
    item = _open_item(connection, item_id)
    proposal = SuspenseProposal(
        proposal_id=next(act.event_ids),
        item_id=item_id,
        as_what="payment" if line_id is not None else "offset" if offset_id is not None else "difference",
        line_id=line_id,
        offset_id=None if line_id is not None else offset_id,
        reason=reason,
        proposed_by=act.actor,
        proposed_at=act.at,
    )
    if line_id is not None:
        _must_be_payable(connection, item, line_id=line_id)
    elif offset_id is not None:
        _must_offset(item, _open_item(connection, offset_id))
    money_rows.add_proposal(connection, proposal)
    return proposal


def _open_item(connection: Connection, item_id: int) -> SuspenseItem:
    item = money_rows.item(connection, item_id)
    if item is None:
        raise SuspenseFault(f"{_item(item_id)} is not known: `tallystick money suspense` lists those that are open")
    living = money_rows.living_proposal(connection, item_id)
    if living is not None:
        state = f"was resolved by {living.decided_by}" if living.decision else "waits for a second person"
        raise SuspenseFault(f"{_item(item_id)} {state} ({_proposal(living.proposal_id)} of {living.proposed_by})")
    return item


def _item(item_id: int) -> str:
    return encode_id(IdPrefix.SUSPENSE_ITEM, item_id)


def _proposal(proposal_id: int) -> str:
    return encode_id(IdPrefix.PROPOSAL, proposal_id)


def _must_be_payable(connection: Connection, item: SuspenseItem, *, line_id: int) -> None:
    if item.amount_minor < 0:
        raise SuspenseFault(f"{_item(item.item_id)} is money that went out: offset it against what came in")
    stored = lines.read_line(connection, line_id)
    if stored is None:
        raise SuspenseFault(f"{encode_id(IdPrefix.LINE, line_id)} is not known: give the id of a line")
    if stored.line.currency != item.currency:
        raise SuspenseFault(
            f"{encode_id(IdPrefix.LINE, line_id)} is in {stored.line.currency}, the item in {item.currency}"
        )


def _must_offset(item: SuspenseItem, other: SuspenseItem) -> None:
    if (item.amount_minor, item.currency) != (-other.amount_minor, other.currency):
        amounts = " and ".join(
            f"{major_text(each.amount_minor, each.currency)} {each.currency}" for each in (item, other)
        )
        raise SuspenseFault(f"{_item(item.item_id)} and {_item(other.item_id)} do not offset each other: {amounts}")
    if item.item_id == other.item_id:
        raise SuspenseFault("an item does not offset itself")


def decide(connection: Connection, proposal_id: int, *, agrees: bool, act: Act) -> SuspenseProposal:
    """A second person agrees, and the money moves today; or not, and the item is open again.

    A payment counts from the day on which the money came. Raises `SuspenseFault` with the way out; nothing moved then.
    """
    proposal = money_rows.lock_proposal(connection, proposal_id)
    if proposal is None:
        raise SuspenseFault(f"{_proposal(proposal_id)} is not known: `tallystick money suspense` lists those that wait")
    if proposal.decision is not None:
        raise SuspenseFault(f"{_proposal(proposal_id)} was {proposal.decision} by {proposal.decided_by} already")
    if is_same_person(proposal.proposed_by, act.actor):
        raise SuspenseFault(f"{_proposal(proposal_id)} is {proposal.proposed_by}'s own: another person decides")
    if agrees:
        item = money_rows.item(connection, proposal.item_id)
        assert item is not None
        _carry_out(connection, proposal, item, act=act)
    money_rows.decide(
        connection,
        proposal_id,
        decision="approved" if agrees else "rejected",
        decided_by=act.actor,
        decided_at=act.at,
    )
    decided = money_rows.lock_proposal(connection, proposal_id)
    assert decided is not None
    return decided


def _carry_out(connection: Connection, proposal: SuspenseProposal, item: SuspenseItem, *, act: Act) -> None:
    if proposal.line_id is not None:
        paid = facts.PaymentReceived(
            payment_id=next(act.event_ids),
            amount_minor=item.amount_minor,
            channel=SUSPENSE,
            reference=str(item.item_id),
        )
        on_behalf = replace(act, actor=proposal.proposed_by, approved_by=act.actor)
        recorded = record(connection, proposal.line_id, paid, act=on_behalf, on=item.value_on)
        if isinstance(recorded, Refusal):
            raise SuspenseFault(f"the line refuses the payment: {recorded.reason} ({recorded.field}); reject this")
    elif proposal.offset_id is None:
        ledger.post(connection, [_difference(item)], booked_on=act.today)


def _difference(item: SuspenseItem) -> Transfer:
    """What nobody will ever explain is borne by the house: a gain where money came, a loss where it went."""
    return off_lines(
        debit=Address(SUSPENSE, 0),
        credit=Address("cash_difference", 0),
        amount_minor=item.amount_minor,
        currency=item.currency,
        effective_on=item.value_on,
        kind="difference",
    )
