"""Statements of banks and gateways taken into the books: each row once, matched to what is known or held in suspense.

What a row means is asked in this order: it clears what another channel collected; it takes a payment back; it is a
payment that a callback has booked already; it names a line, and is booked there from its value date. Nobody knows what
the rest is: it stands in suspense until two persons say so (`suspense.py`).
"""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import psycopg
from psycopg import Connection

from tallystick.ledger.transfer import Address, Transfer, off_lines
from tallystick.operations.lending import PaidBefore, receive_payment
from tallystick.operations.lines import Act, Recorded, record_sent_back
from tallystick.operations.money_files import Imported
from tallystick.servicing import facts
from tallystick.servicing.journal import CHANNELS, PAYOUT
from tallystick.sources.csv_rows import RejectedRow, RowFault, file_sha256
from tallystick.sources.money_rows import MoneyRow, read_money_rows
from tallystick.storage import ledger, lines, money_rows, payments
from tallystick.storage.money_rows import BookedRow, KnownRow, SuspenseItem
from tallystick.storage.payments import KnownPayment

ROWS_PER_CHUNK: Final = 200
# What a statement may say that it clears: what other channels collected, and payouts on their way, to merchants by
# settlement or to borrowers.
CLEARED: Final = {**CHANNELS, "settlement": PAYOUT, "payout": PAYOUT}
# A callback may book the same reference while the file is imported: the chunk is then read again.
_MOST_TRIES: Final = 5


class ChannelFault(ValueError):
    """There is no such channel; the message names those there are."""


def import_statement(connection: Connection, path: Path, *, channel: str, act: Act) -> Generator[float, None, Imported]:
    """Book a channel's statement, chunk by chunk; gives how much of the file is done, and returns what became of it.

    `connection` must be in autocommit. The file is read through once before anything is booked, so a file that is no
    table books nothing; an import that was killed is done again and books what is missing. Raises `FileFault` for the
    file and `ChannelFault` for the channel.
    """
    assert connection.autocommit, "each chunk commits by itself"
    if channel not in CHANNELS:
        raise ChannelFault(f"channel {channel!r} is not known; give one of {', '.join(sorted(CHANNELS))}")
    clearing = frozenset(CLEARED) - {channel}
    sha256 = file_sha256(path)
    rejected: list[RejectedRow] = []
    rows = 0
    for row in read_money_rows(path, today=act.today, channels=clearing):
        rows += 1
        if isinstance(row, RejectedRow):
            rejected.append(row)
    booked: Counter[str] = Counter()
    known = done = 0
    for chunk in _chunks(read_money_rows(path, today=act.today, channels=clearing)):
        import_of = _Import(connection, channel=channel, act=act)
        import_of.book_again_if_met(chunk, sha256=sha256)
        booked.update(row.outcome for row in import_of.booked)
        known += import_of.known
        rejected.extend(import_of.rejected)
        done += len(chunk)
        yield done / max(rows, 1)
    rejected.sort(key=lambda row: row.file_line)
    return Imported(booked=dict(booked), known=known, rejected=tuple(rejected))


def _chunks(rows: Iterable[MoneyRow | RejectedRow]) -> Iterator[list[MoneyRow]]:
    sound = (row for row in rows if isinstance(row, MoneyRow))
    while chunk := list(islice(sound, ROWS_PER_CHUNK)):
        yield chunk


class _Import:
    """One chunk on its way into the books."""

    def __init__(self, connection: Connection, *, channel: str, act: Act) -> None:
        self._connection = connection
        self._channel = channel
        self._account = Address(CHANNELS[channel], 0)
        self._act = act
        self._forget()

    def _forget(self) -> None:
        self.booked: list[BookedRow] = []
        self.known = 0
        self.rejected: list[RejectedRow] = []
        self._items: list[SuspenseItem] = []
        self._transfers: list[Transfer] = []
        self._payments: dict[str, KnownPayment] = {}
        self._currencies: dict[int, str] = {}

    def book_again_if_met(self, chunk: list[MoneyRow], *, sha256: bytes) -> None:
        """Book a chunk in one transaction; once more where somebody booked one of its payments meanwhile."""
        for attempt in range(1, _MOST_TRIES + 1):
            self._forget()
            try:
                with self._connection.transaction():
                    self._book(chunk, sha256=sha256)
            except (psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected):
                if attempt == _MOST_TRIES:
                    raise
            else:
                return

    def _book(self, chunk: list[MoneyRow], *, sha256: bytes) -> None:
        money_rows.lock_channel(self._connection, self._channel)
        money_rows.hold_references(self._connection, self._channel, [row.reference for row in chunk])
        known = money_rows.known_rows(self._connection, self._channel, [row.reference for row in chunk])
        fresh: list[MoneyRow] = []
        for row in chunk:
            before = known.get(row.reference)
            if before is None:
                known[row.reference] = _content(row)
                fresh.append(row)
            elif before == _content(row):
                self.known += 1
            else:
                self.rejected.append(RejectedRow(row.file_line, "reference", row.reference, RowFault.REFERENCE_REUSED))
        self._payments = payments.payments_of_references(
            self._connection, channel=self._channel, references=[row.reference for row in fresh]
        )
        self._currencies = lines.currencies(self._connection, [row.line_id for row in fresh if row.line_id is not None])
        # What returns a payment comes after the payment. Lines are taken in the order of their ids, so that two
        # imports seldom wait for each other.
        for row in sorted(fresh, key=lambda row: (row.returns is not None, row.line_id or 0, row.file_line)):
            self._book_row(row)
        money_rows.add_rows(
            self._connection,
            self.booked,
            file_sha256=sha256,
            booked_on=self._act.today,
            imported_at=self._act.at,
            imported_by=self._act.actor,
        )
        money_rows.add_items(self._connection, self._items)
        ledger.post(self._connection, self._transfers, booked_on=self._act.today)

    def _book_row(self, row: MoneyRow) -> None:
        if row.clears is not None:
            self._move(row, "cleared", against=CLEARED[row.clears], amount_minor=row.amount_minor)
            self._keep(row, "cleared")
        elif row.amount_minor < 0:
            self._book_return(row)
        else:
            self._book_payment(row)

    def _book_payment(self, row: MoneyRow) -> None:
        known = self._payments.get(row.reference)
        if known is not None:
            self._keep(row, "known_payment", event_id=known.event_id)
            self._suspend(row, row.amount_minor - known.amount_minor, because="differs_from_payment")
        elif row.line_id is None:
            self._suspend_whole(row, because="no_line")
        else:
            self._book_on_line(row, line_id=row.line_id)

    def _book_on_line(self, row: MoneyRow, *, line_id: int) -> None:
        currency = self._currencies.get(line_id)
        if currency != row.currency:
            self._suspend_whole(row, because="line_unknown" if currency is None else "currency_differs")
            return
        paid = receive_payment(
            self._connection,
            line_id,
            amount_minor=row.amount_minor,
            channel=self._channel,
            reference=row.reference,
            act=self._act,
            on=row.value_on,
        )
        match paid:
            case Recorded():
                self._keep(row, "payment", event_id=paid.event.event_id)
            case PaidBefore():
                self._keep(row, "known_payment", event_id=paid.event_id)
            case _:
                self._suspend_whole(row, because=str(paid.reason))

    def _book_return(self, row: MoneyRow) -> None:
        """A payment that came back; money that went out for another reason is nobody's yet."""
        paid = None if row.returns is None else self._payment(row.returns)
        found = None if row.returns is None or paid is not None else self._payment_found(row.returns)
        paid = paid or found
        if paid is None or paid.amount_minor != -row.amount_minor:
            self._suspend_whole(row, because="went_out" if row.returns is None else "payment_unknown")
            return
        fact = facts.PaymentReturned(payment_id=paid.payment_id, event_id=paid.event_id, reason=f"{self._channel}_file")
        returned = record_sent_back(self._connection, paid.line_id, fact, act=self._act)
        if isinstance(returned, Recorded):
            self._keep(row, "returned", event_id=returned.event.event_id)
            if found is not None:  # the line gives it back to suspense, from where it leaves
                self._move(row, "returned", against=facts.SUSPENSE, amount_minor=row.amount_minor)
        else:
            self._suspend_whole(row, because=str(returned.reason))

    def _payment(self, reference: str) -> KnownPayment | None:
        return payments.payment_of_reference(self._connection, channel=self._channel, reference=reference)

    def _payment_found(self, reference: str) -> KnownPayment | None:
        """The payment that a row of this channel became after it had stood in suspense."""
        item_id = money_rows.item_found_to_be_a_payment(self._connection, channel=self._channel, reference=reference)
        if item_id is None:
            return None
        return payments.payment_of_reference(self._connection, channel=facts.SUSPENSE, reference=str(item_id))

    def _suspend_whole(self, row: MoneyRow, *, because: str) -> None:
        self._keep(row, "suspense")
        self._suspend(row, row.amount_minor, because=because)

    def _suspend(self, row: MoneyRow, amount_minor: int, *, because: str) -> None:
        """Money that nothing explains: on the channel's account, and owed to whoever it turns out to be."""
        if amount_minor == 0:
            return
        self._move(row, "suspense", against="suspense", amount_minor=amount_minor)
        self._items.append(
            SuspenseItem(
                item_id=next(self._act.event_ids),
                channel=self._channel,
                reference=row.reference,
                amount_minor=amount_minor,
                currency=row.currency,
                value_on=row.value_on,
                because=because,
                opened_on=self._act.today,
            )
        )

    def _move(self, row: MoneyRow, kind: str, *, against: str, amount_minor: int) -> None:
        self._transfers.append(
            off_lines(
                debit=self._account,
                credit=Address(against, 0),
                amount_minor=amount_minor,
                currency=row.currency,
                effective_on=row.value_on,
                kind=kind,
            )
        )

    def _keep(self, row: MoneyRow, outcome: str, *, event_id: int | None = None) -> None:
        self.booked.append(
            BookedRow(
                channel=self._channel,
                reference=row.reference,
                row_id=next(self._act.event_ids),
                value_on=row.value_on,
                amount_minor=row.amount_minor,
                currency=row.currency,
                line_id=row.line_id,
                clears=row.clears,
                returns=row.returns,
                outcome=outcome,
                event_id=event_id,
                file_line=row.file_line,
            )
        )


def _content(row: MoneyRow) -> KnownRow:
    return KnownRow(row.value_on, row.amount_minor, row.currency, row.line_id, row.clears, row.returns)
