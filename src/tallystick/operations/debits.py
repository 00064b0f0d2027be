"""Direct debits: mandates kept, a day's instructions made once, the bank's answers booked once."""

from collections.abc import Generator, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from psycopg import Connection

from tallystick.ledger.transfer import Address, off_lines
from tallystick.operations.lending import PaidBefore, receive_payment
from tallystick.operations.lines import Act, Recorded, record
from tallystick.operations.money_files import Imported, book_answers
from tallystick.operations.progress import Progress
from tallystick.operations.whole_files import write_csv
from tallystick.servicing import facts
from tallystick.servicing.direct_debit import DebitRules, Pays, claim, debit_rules, next_attempt
from tallystick.servicing.journal import CHANNELS
from tallystick.servicing.refusals import RefusalReason
from tallystick.servicing.steps import caught_up
from tallystick.sources.csv_rows import RejectedRow, RowFault, file_sha256
from tallystick.sources.debit_answers import DebitAnswer, read_debit_answers
from tallystick.storage import debits, ledger, lines, money_rows, payments
from tallystick.storage.contracts import Contracts
from tallystick.storage.debits import Answer, Candidate, Debit, Mandate
from tallystick.storage.money_rows import BookedRow, SuspenseItem
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.units.money import major_text

CHANNEL: Final = "direct_debit"
_LINES_PER_READ: Final = 1_000
# A statement or a callback brought money under this debit's own id: it is in the books, and not as this answer says.
_BOOKED_OTHERWISE: Final = (RefusalReason.REFERENCE_IN_STATEMENT, RefusalReason.REFERENCE_REUSED)
INSTRUCTION_COLUMNS: Final = ("debit", "run_on", "mandate", "line", "due_on", "attempt", "amount", "currency")


class DebitFault(ValueError):
    """A mandate or a run cannot be made so; the message says why and the way out."""


def give_mandate(
    connection: Connection, line_id: int, *, reference: str, pays: Pays, given_on: date, act: Act
) -> Mandate:
    """Keep that the borrower allowed debits for a line; one mandate holds at a time.

    Raises `DebitFault` with the way out.
    """
    if not reference.strip():
        raise DebitFault("reference: is empty; give the bank's id of the mandate")
    if given_on > act.today:
        raise DebitFault(f"given_on: {given_on} has not come; give the day on which the borrower agreed")
    if lines.lock_line(connection, line_id) is None:
        raise DebitFault(f"{encode_id(IdPrefix.LINE, line_id)}: is not known; give the id of a line")
    living = debits.living_mandate(connection, line_id)
    if living is not None:
        raise DebitFault(f"mandate {living.reference} holds for the line: end it before another one is given")
    if debits.mandate_of_reference(connection, reference) is not None:
        raise DebitFault(f"reference: {reference} is known already; a mandate is given once")
    mandate = Mandate(next(act.event_ids), line_id, reference, str(pays), given_on)
    debits.add_mandate(connection, mandate, given_at=act.at, given_by=act.actor)
    return mandate


def end_mandate(connection: Connection, reference: str, *, reason: str, act: Act) -> bool:
    """Keep that a mandate is over, from today; False where it was before. Raises `DebitFault`."""
    mandate = debits.mandate_of_reference(connection, reference)
    if mandate is None:
        raise DebitFault(f"reference: {reference} is not known; give the bank's id of a mandate")
    if not reason.strip():
        raise DebitFault("reason: is empty; say why the mandate is over")
    return debits.end_mandate(
        connection, mandate.mandate_id, reason=reason, ended_on=act.today, ended_at=act.at, ended_by=act.actor
    )


def make_debits(connection: Connection, run_on: date, *, act: Act, progress: Progress) -> list[Debit]:
    """A day's instructions, in one transaction of the caller's; the same day again gives the same ones.

    Raises `DebitFault` for a day that has not come, or one before a day that was run.
    """
    if run_on > act.today:
        raise DebitFault(f"on: {run_on} has not come; give today ({act.today}) or a day before")
    debits.hold_debiting(connection)
    if not debits.has_run(connection, run_on):
        last_on = debits.last_run_on(connection)
        if last_on is not None and run_on < last_on:
            raise DebitFault(f"on: {last_on} was run already; give a later day, or {last_on} for its file")
        debits.add_run(connection, run_on=run_on, run_at=act.at, run_by=act.actor)
        contracts = Contracts(connection)
        most, seen = debits.most_candidates(connection, run_on=run_on), 0
        for part in _candidates(connection, run_on=run_on):
            made = (_debit(each, run_on=run_on, act=act, contracts=contracts) for each in part)
            debits.add_debits(connection, [each for each in made if each is not None])
            seen += len(part)
            progress.advance(seen / max(most, seen))
    return debits.of_run(connection, run_on)


def _candidates(connection: Connection, *, run_on: date) -> Iterator[list[Candidate]]:
    after_line_id = 0
    while part := debits.candidates(connection, run_on=run_on, after_line_id=after_line_id, most=_LINES_PER_READ):
        yield part
        after_line_id = part[-1].line.line_id


def _debit(candidate: Candidate, *, run_on: date, act: Act, contracts: Contracts) -> Debit | None:
    """What the bank is asked for, as the line stands when the day begins; None where it is not asked."""
    step = caught_up(candidate.line, today=run_on, event_ids=act.event_ids, contracts=contracts)
    assert step.line is not None
    mandate = candidate.mandate
    claimed = claim(step.line, on=run_on, pays=Pays(mandate.pays))
    if claimed is None:
        return None
    attempt = next_attempt(claimed, on=run_on, last=candidate.last, rules=debit_rules())
    if attempt is None:
        return None
    return Debit(
        debit_id=next(act.event_ids),
        run_on=run_on,
        line_id=step.line.line_id,
        mandate_id=mandate.mandate_id,
        mandate_reference=mandate.reference,
        due_on=claimed.due_on,
        attempt=attempt,
        amount_minor=claimed.amount_minor,
        currency=step.line.currency,
    )


def write_instructions(path: Path, made: Sequence[Debit]) -> None:
    """Write instructions as CSV; the same ones give the same bytes. Raises `OutputFault`."""
    write_csv(path, INSTRUCTION_COLUMNS, map(_instruction, made))


def _instruction(each: Debit) -> Sequence[str]:
    return (
        encode_id(IdPrefix.DEBIT, each.debit_id),
        each.run_on.isoformat(),
        each.mandate_reference,
        encode_id(IdPrefix.LINE, each.line_id),
        each.due_on.isoformat(),
        str(each.attempt),
        major_text(each.amount_minor, each.currency),
        each.currency,
    )


def import_answers(connection: Connection, path: Path, *, act: Act) -> Generator[float, None, Imported]:
    """Book the bank's answers, each in a transaction of its own: paid is a payment, returned takes it back.

    What the line cannot take, as when it was closed meanwhile, stands in suspense.
    Gives how much of the file is done, and returns what became of it.
    `connection` must be in autocommit. The file is read through before anything is booked. A file imported again books
    what is missing. Raises `FileFault` for what is no such table.
    """
    rules = debit_rules()
    sha256 = file_sha256(path)

    def book(row: DebitAnswer) -> bool | RejectedRow:
        debits.hold_debiting(connection)
        return _book(connection, row, rules=rules, sha256=sha256, act=act)

    rows = list(read_debit_answers(path, today=act.today, codes=frozenset(rules.codes)))
    return (yield from book_answers(connection, rows, outcomes=("paid", "failed", "returned"), book=book))


def _book(
    connection: Connection, row: DebitAnswer, *, rules: DebitRules, sha256: bytes, act: Act
) -> bool | RejectedRow:
    """Book one answer; False where it is known already."""
    asked = debits.debit(connection, row.debit_id)
    told = encode_id(IdPrefix.DEBIT, row.debit_id)
    if asked is None:
        return RejectedRow(row.file_line, "debit", told, RowFault.DEBIT_UNKNOWN)
    if row.answered_on < asked.run_on:
        return RejectedRow(row.file_line, "answered_on", f"{row.answered_on}", RowFault.ANSWERED_BEFORE_ASKED)
    before = debits.answers(connection, row.debit_id)
    known = before.get(row.outcome)
    if known is not None and known.code == row.code:
        return False
    if known is not None or (before and row.outcome != "returned"):
        return RejectedRow(row.file_line, "outcome", row.outcome, RowFault.ANSWERED_OTHERWISE)
    if row.outcome == "returned" and "paid" not in before:
        return RejectedRow(row.file_line, "outcome", row.outcome, RowFault.NOT_PAID_BEFORE)
    became: int | str | None = None
    if row.outcome == "paid":
        became = _paid(connection, asked, row, act=act)
    elif row.outcome == "returned":
        became = _returned(connection, asked, row, paid=before["paid"], act=act)
    if became in _BOOKED_OTHERWISE:
        return RejectedRow(row.file_line, "debit", told, RowFault.BOOKED_OTHERWISE)
    if isinstance(became, str):
        _suspend(connection, asked, row, because=str(became), sha256=sha256, act=act)
    event_id = became if isinstance(became, int) else None
    answer = Answer(row.debit_id, row.outcome, row.code, row.answered_on, event_id)
    debits.add_answer(connection, answer, recorded_at=act.at, recorded_by=act.actor)
    if row.code is not None and rules.codes[row.code].ends_mandate:
        debits.end_mandate(
            connection,
            asked.mandate_id,
            reason=row.code,
            ended_on=row.answered_on,
            ended_at=act.at,
            ended_by=act.actor,
        )
    return True


def _paid(connection: Connection, asked: Debit, row: DebitAnswer, *, act: Act) -> int | RefusalReason:
    """The event of the payment, or why the line does not take it."""
    paid = receive_payment(
        connection,
        asked.line_id,
        amount_minor=asked.amount_minor,
        channel=CHANNEL,
        reference=encode_id(IdPrefix.DEBIT, asked.debit_id),
        act=act,
        on=row.answered_on,
    )
    match paid:
        case Recorded():
            return paid.event.event_id
        case PaidBefore():
            return paid.event_id
        case _:
            return paid.reason


def _returned(connection: Connection, asked: Debit, row: DebitAnswer, *, paid: Answer, act: Act) -> int | str:
    """The event that takes the payment back, or why none does: what never was one leaves from suspense."""
    if paid.event_id is None:
        return "payment_unknown"
    reference = encode_id(IdPrefix.DEBIT, asked.debit_id)
    known = payments.payment_of_reference(connection, channel=CHANNEL, reference=reference)
    assert known is not None, "it was paid"
    fact = facts.PaymentReturned(
        payment_id=known.payment_id, event_id=known.event_id, reason=row.code or "direct_debit_returned"
    )
    returned = record(connection, asked.line_id, fact, act=act)
    return returned.event.event_id if isinstance(returned, Recorded) else returned.reason


def _suspend(connection: Connection, asked: Debit, row: DebitAnswer, *, because: str, sha256: bytes, act: Act) -> None:
    """Money that the bank moved and the line does not take: on suspense until two persons say what it is."""
    is_return = row.outcome == "returned"
    debit = encode_id(IdPrefix.DEBIT, asked.debit_id)
    booked = BookedRow(
        channel=CHANNEL,
        reference=f"{debit}:returned" if is_return else debit,
        row_id=next(act.event_ids),
        value_on=row.answered_on,
        amount_minor=-asked.amount_minor if is_return else asked.amount_minor,
        currency=asked.currency,
        line_id=asked.line_id,
        clears=None,
        returns=debit if is_return else None,
        outcome="suspense",
        event_id=None,
        file_line=row.file_line,
    )
    money_rows.add_rows(
        connection, [booked], file_sha256=sha256, booked_on=act.today, imported_at=act.at, imported_by=act.actor
    )
    item = SuspenseItem(
        item_id=next(act.event_ids),
        channel=CHANNEL,
        reference=booked.reference,
        amount_minor=booked.amount_minor,
        currency=booked.currency,
        value_on=booked.value_on,
        because=because,
        opened_on=act.today,
    )
    money_rows.add_items(connection, [item])
    moved = off_lines(
        debit=Address(CHANNELS[CHANNEL], 0),
        credit=Address(facts.SUSPENSE, 0),
        amount_minor=booked.amount_minor,
        currency=booked.currency,
        effective_on=booked.value_on,
        kind="suspense",
    )
    ledger.post(connection, [moved], booked_on=act.today)
