"""An auditor of the lender: keeps books of its own from acts and answers alone, and checks the product's every day.

Every day: debits = credits over all balances; each balance against the auditor's own sum of transfers; each line's
limit, holds, draws, payments, refunds, everything owed and exposure; statements that closed; every decision, hold,
draw and payment that was answered is there once, and none that nobody asked for. A day reads the transfers, events,
statements and decisions that came since the last look, and how lines and balances stand; at the end of a month
everything that was ever written is read again, so that what was changed or removed later is found then.

Between two looks nothing may be answered that the auditor is not told. The books begin empty.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct, field
from psycopg import Connection

from tallystick.features.visible_set import VisibleSet
from tallystick.storage import audit
from tallystick.storage.ledger import NUMBERS
from tallystick.world.economy.acts import Answer, AnyAct, Step
from tallystick.world.economy.audit_rules import FindingKind, Flow, line_faults, statement_faults
from tallystick.world.economy.own_books import APPLY, AUTHORIZE, Asked, Entry, OwnBooks, OwnStatement

_MOST_FINDINGS: Final = 200
_PRINCIPAL: Final = NUMBERS["receivable_principal"]
# What a line owes, less what stands to its borrower's credit, is what these accounts come to together.
_OWED: Final = frozenset(
    NUMBERS[code]
    for code in (
        "receivable_principal", "receivable_interest", "receivable_fee", "receivable_penalty", "credit_balance",
    )
)  # fmt: skip
# What the calendar, or the strategy, does to a line without being asked.
_BY_ITSELF: Final = frozenset({"statement_closed", "line_frozen", "line_unfrozen", "terms_changed"})
# Of these a month's sums are not set against what was asked for: the answer names no line, or nobody asked.
_NOT_SUMMED: Final = _BY_ITSELF | {"limit_changed"}
_ACCOUNT: Final = ("number", "owner_id", "currency")
_OWN_SIDES: Final = ("own_debit_minor", "own_credit_minor")
_KEPT_SIDES: Final = ("kept_debit_minor", "kept_credit_minor")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Finding(Struct, frozen=True):
    """One thing that is wrong: of which line, account's owner or decision, what the product tells, what is so."""

    kind: FindingKind
    subject_id: int
    told: str
    expected: str


class Audited(Struct, frozen=True):
    """What a check found: the first findings, and how many there are. `is_whole`: everything was read again."""

    day: date
    is_whole: bool
    findings: tuple[Finding, ...]
    count: int


class _Sum(Struct):
    """How often something happened and to how much it comes."""

    count: int = 0
    amount_minor: int = 0


class _State(Struct):
    """What the auditor knows: told by acts, and summed from what it read. `flows` by line and kind of transfer.

    `sums` are what was asked for and found or missed, by line and kind; `decided` the same by line and outcome.
    """

    own: OwnBooks = field(default_factory=OwnBooks)
    seen: VisibleSet | None = None
    flows: dict[int, dict[str, Flow]] = field(default_factory=dict)
    sums: dict[int, dict[str, _Sum]] = field(default_factory=dict)
    decided: dict[int, dict[str, _Sum]] = field(default_factory=dict)
    balances: bytes = b""


class Auditor:
    """Keeps its books and checks the product's; `dump` and `load` carry it over a stop."""

    def __init__(self) -> None:
        self._state = _State()

    def note(self, step: Step, acts: Sequence[AnyAct], answers: Sequence[Answer]) -> None:
        """Book what was asked for in a step, and what it came to."""
        for act, answer in zip(acts, answers, strict=True):
            self._state.own.note(step, act, answer)

    def check(self, day: date, books: Connection) -> Audited:
        """Check the books as they stand after the acts of a day; everything there ever was, at the end of a month.

        `books` must have no transaction open. Nothing is written.
        """
        return self.check_whole(day, books) if (day + timedelta(days=1)).day == 1 else self._checked(day, books)

    def check_whole(self, day: date, books: Connection) -> Audited:
        """Check the books with everything that was ever written in them."""
        return self._checked(day, books, is_whole=True)

    def dump(self) -> bytes:
        """All that the auditor knows."""
        return msgspec.msgpack.encode(self._state)

    def load(self, dumped: bytes) -> None:
        """Go on from what was dumped."""
        self._state = msgspec.msgpack.decode(dumped, type=_State)

    def _checked(self, day: date, books: Connection, *, is_whole: bool = False) -> Audited:
        with books.transaction():
            look = _Look(books, self._state, day=day, is_whole=is_whole)
            findings = list(look.findings())
        return Audited(day, look.is_whole, tuple(findings[:_MOST_FINDINGS]), len(findings))


class _Look:
    """One check: reads, finds, and leaves the state as the next one goes on from it."""

    def __init__(self, books: Connection, state: _State, *, day: date, is_whole: bool) -> None:
        self._books = books
        self._state = state
        self._own = state.own
        self._day = day
        self._now = audit.begin_look(books)
        if state.seen is not None and state.seen.generation != self._now.generation:
            raise ValueError("books: this database is a copy of the one that was audited; audit that, or begin anew")
        self.is_whole = is_whole or state.seen is None

    def findings(self) -> Iterator[Finding]:
        """Everything that is wrong."""
        yield from self._ledger()
        yield from self._events()
        yield from self._decisions()
        yield from self._statements()
        yield from self._lines()
        if self.is_whole:
            yield from self._sums()
        for oddity in self._own.oddities:
            yield Finding(FindingKind.ANSWER, *oddity)
        self._own.oddities = []
        self._state.seen = self._now

    def _ledger(self) -> Iterator[Finding]:
        """Kept balances against own sums of transfers, and the debits of all against the credits of all."""
        state = self._state
        moved = audit.transfers_since(self._books, None if self.is_whole else state.seen)
        if self.is_whole:
            state.flows, state.balances = {}, b""
        self._add_flows(moved)
        sides = [_side(moved, "debit"), _side(moved, "credit")]
        own = _summed([*sides, _read_table(state.balances)] if state.balances else sides, _OWN_SIDES)
        state.balances = _table_bytes(own)
        kept = audit.balances(self._books).rename_columns([*_ACCOUNT, *_KEPT_SIDES])
        every = _summed([own, kept], (*_OWN_SIDES, *_KEPT_SIDES))
        for number, owner_id, currency, *minor in _rows(_differing(every)):
            yield Finding(
                FindingKind.BALANCE,
                owner_id,
                f"account {number}: debits {minor[2]}, credits {minor[3]} {currency}",
                f"debits {minor[0]}, credits {minor[1]}",
            )
        totals = every.group_by("currency").aggregate([(side, "sum") for side in _KEPT_SIDES])
        for currency, debit_minor, credit_minor in _rows(totals):
            if debit_minor != credit_minor:
                yield Finding(FindingKind.UNBALANCED, 0, f"debits {debit_minor} {currency}", f"credits {credit_minor}")

    def _add_flows(self, moved: pa.Table) -> None:
        flows = self._state.flows
        for line_id, kind, _, debit, _, credit, _, amount_minor in _rows(moved):
            owed_minor = amount_minor * ((debit in _OWED) - (credit in _OWED))
            principal_minor = amount_minor * ((debit == _PRINCIPAL) - (credit == _PRINCIPAL))
            if owed_minor or principal_minor:
                flow = flows.setdefault(line_id, {}).setdefault(kind, Flow())
                flow.owed_minor += owed_minor
                flow.principal_minor += principal_minor

    def _events(self) -> Iterator[Finding]:
        """What happened on lines against what was asked for, each once."""
        own = self._own
        asked, found = Counter(own.entries), Counter[Entry]()
        own.entries = []
        approved = [line for line in own.lines.values() if line.approved_at is not None]
        for line in approved:
            line.approved_under_minor = line.limit_minor
        for row in audit.events_since(self._books, self._state.seen).to_pylist():
            if row["kind"] in _BY_ITSELF:
                continue
            entry = _entry(row)
            if row["kind"] == "hold_expired" or (row["because"] not in (None, "offer") and entry not in asked):
                yield from self._by_itself(row)
            else:
                found[entry] += 1
                self._learn(row, is_asked=entry in asked)
        for line in approved:
            line.approved_at = None
        yield from self._matched(asked, found)
        for hold_id, hold in own.holds.items():
            if hold.expires_on is not None and hold.expires_on <= self._day:
                yield Finding(FindingKind.HELD, hold.line_id, f"hold {hold_id} stands", f"until {hold.expires_on}")

    def _matched(self, asked: Counter[Entry], found: Counter[Entry]) -> Iterator[Finding]:
        for entry in asked.elements():
            self._count(self._state.sums, entry.line_id, entry.kind, entry.amount_minor)
        for entry in (asked - found).elements():
            yield Finding(FindingKind.LOST, entry.line_id or entry.number, "not in the books", _told(entry))
        for entry in (found - asked).elements():
            yield Finding(FindingKind.NOT_ASKED, entry.line_id or entry.number, _told(entry), "nobody asked for it")

    def _learn(self, row: Mapping[str, Any], *, is_asked: bool) -> None:
        """What answers do not tell: the day of a hold, and the line of an offer that was accepted."""
        hold = self._own.holds.get(row["number"])
        if row["kind"] == "hold_placed" and hold is not None:
            hold.expires_on = row["expires_on"]
        elif row["kind"] == "limit_changed" and is_asked:
            self._limit(row)

    def _by_itself(self, row: Mapping[str, Any]) -> Iterator[Finding]:
        """What the lender did without being asked: right where the hold was there, or where the limit goes down."""
        line_id, number, because = row["line_id"], row["number"], row["because"] or "its day"
        told = f"{row['kind']} {number} on {row['effective_on']}: {because}"
        if row["kind"] == "limit_changed":
            line = self._own.lines.get(line_id)
            if line is None or row["amount_minor"] >= line.limit_minor:
                expected = "a line that was opened" if line is None else f"below {line.limit_minor}"
                yield Finding(FindingKind.LIMIT, line_id, f"{row['amount_minor']}: {because}", expected)
            else:
                self._limit(row)
            return
        hold = self._own.holds.pop(number, None)
        self._count(self._state.sums, line_id, row["kind"], 0)
        if hold is None:
            yield Finding(FindingKind.NOT_ASKED, line_id, told, "nothing held")
        elif row["kind"] == "hold_expired" and (hold.expires_on is None or row["effective_on"] < hold.expires_on):
            yield Finding(FindingKind.HELD, line_id, told, f"until {hold.expires_on}")

    def _limit(self, row: Mapping[str, Any]) -> None:
        """Another limit is in force; a purchase that was approved later was approved under it."""
        line = self._own.lines.get(row["line_id"])
        if line is None:
            return
        line.limit_minor = row["amount_minor"]
        if line.approved_at is not None and row["recorded_us"] <= (line.approved_at - _EPOCH) // _MICROSECOND:
            line.approved_under_minor = line.limit_minor

    def _decisions(self) -> Iterator[Finding]:
        """Each application and purchase has the one decision that was answered."""
        own = self._own
        asked, numbers = own.asked, set(own.asked)
        own.asked = {}
        for number, *made, because, answered_by, is_recorded in _rows(
            audit.decisions_after(self._books, own.last_decision_id)
        ):
            own.last_decision_id = max(own.last_decision_id, number)
            decision = Asked(*made)
            if decision.checkpoint not in (APPLY, AUTHORIZE):
                continue
            told = asked.pop(number, None)
            if told is None and answered_by not in numbers:
                yield Finding(FindingKind.NOT_ASKED, number, _told(decision), "nobody asked for it")
                continue
            self._count(self._state.decided, decision.line_id, _named(decision), decision.amount_minor)
            if told is not None and told not in (decision, decision._replace(outcome=because)):
                yield Finding(FindingKind.DECISION, number, _told(decision), _told(told))
            if not is_recorded:
                yield Finding(FindingKind.DECISION, number, "no batch and record", "what it was made of")
        for number, told in asked.items():
            own.last_decision_id = max(own.last_decision_id, number)
            self._count(self._state.decided, told.line_id, _named(told), told.amount_minor)
            yield Finding(FindingKind.DECISION, number, "not recorded", _told(told))

    def _statements(self) -> Iterator[Finding]:
        """Statements that closed: each goes on from the one before, and tells what happened since."""
        for row in audit.statements_since(self._books, self._state.seen).to_pylist():
            line = self._own.lines.get(row["line_id"])
            if line is None or row["closed_on"] is None:
                told = f"statement {row['number']}"
                expected = "a line that was opened" if line is None else "kept as it was told"
                yield Finding(FindingKind.STATEMENT, row["line_id"], told, expected)
                continue
            for name, told_minor, expected_minor in statement_faults(row, line):
                told = f"statement {row['number']}, {name}: {told_minor}"
                yield Finding(FindingKind.STATEMENT, row["line_id"], told, str(expected_minor))
            line.statement = OwnStatement(
                row["number"], row["closed_on"], row["told_closing_minor"], row["credit_minor"]
            )

    def _lines(self) -> Iterator[Finding]:
        """How each line stands against what was told of it."""
        held, missing = self._own.held_minor(), set(self._own.lines)
        for row in audit.lines(self._books).to_pylist():
            line_id = row["line_id"]
            line = self._own.lines.get(line_id)
            if line is None:
                yield Finding(FindingKind.NOT_ASKED, line_id, "a line", "nobody opened it")
                continue
            missing.discard(line_id)
            flows = self._state.flows.get(line_id, {})
            for kind, told, expected in line_faults(row, line, flows, held_minor=held.get(line_id, 0)):
                yield Finding(kind, line_id, told, expected)
        for line_id in sorted(missing):
            yield Finding(FindingKind.LOST, line_id, "no line", "a line that was opened")

    def _sums(self) -> Iterator[Finding]:
        """All that ever happened and was decided, counted and summed."""
        happened = {
            (line_id, kind): _Sum(count, amount_minor)
            for line_id, kind, count, amount_minor in _rows(audit.event_sums(self._books))
            if kind not in _NOT_SUMMED
        }
        decided = {
            (line_id, f"{checkpoint} {outcome}"): _Sum(count, amount_minor)
            for line_id, checkpoint, outcome, count, amount_minor in _rows(audit.decision_sums(self._books))
        }
        for own, kept, of_decisions in ((self._state.sums, happened, False), (self._state.decided, decided, True)):
            expected = {(line_id, name): each for line_id, sums in own.items() for name, each in sums.items()}
            for line_id, name in sorted({*expected, *kept}):
                told, right = (sums.get((line_id, name), _Sum()) for sums in (kept, expected))
                if name in _NOT_SUMMED or told == right:
                    continue
                extra = FindingKind.NOT_ASKED if told.count > right.count else FindingKind.LOST
                kind = FindingKind.DECISION if of_decisions else extra
                yield Finding(kind, line_id, f"{name}: {told.count} of {told.amount_minor}",
                              f"{right.count} of {right.amount_minor}")  # fmt: skip

    @staticmethod
    def _count(sums: dict[int, dict[str, _Sum]], line_id: int, name: str, amount_minor: int) -> None:
        known = sums.setdefault(line_id, {}).setdefault(name, _Sum())
        known.count += 1
        known.amount_minor += amount_minor


def _entry(row: Mapping[str, Any]) -> Entry:
    """An event as it would have been asked for."""
    line_id = 0 if row["because"] == "offer" else row["line_id"]
    return Entry(row["kind"], line_id, row["number"], row["amount_minor"])


def _named(decision: Asked) -> str:
    return f"{decision.checkpoint} {decision.outcome}"


def _told(entry: Entry | Asked) -> str:
    return " ".join(str(part) for part in entry)


def _rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _side(moved: pa.Table, side: str) -> pa.Table:
    """One side of transfers by account; nothing on the other side."""
    nothing = pa.nulls(moved.num_rows, pa.int64()).fill_null(0)
    minor = [moved["amount_minor"] if f"own_{side}_minor" == name else nothing for name in _OWN_SIDES]
    return pa.table(
        [moved[f"{side}_number"], moved[f"{side}_owner"], moved["currency"], *minor], [*_ACCOUNT, *_OWN_SIDES]
    )


def _summed(tables: Iterable[pa.Table], sides: Sequence[str]) -> pa.Table:
    """The sum of each account; where a table does not tell a side, that is nothing."""
    every = pa.concat_tables(tables, promote_options="default").group_by(list(_ACCOUNT), use_threads=False)
    sums = every.aggregate([(side, "sum") for side in sides]).select([*_ACCOUNT, *(f"{side}_sum" for side in sides)])
    return pa.table([*sums.columns[:3], *(pc.fill_null(column, 0) for column in sums.columns[3:])], [*_ACCOUNT, *sides])


def _differing(every: pa.Table) -> pa.Table:
    differ = [pc.not_equal(every[own], every[kept]) for own, kept in zip(_OWN_SIDES, _KEPT_SIDES, strict=True)]
    return every.filter(pc.or_(*differ))


def _table_bytes(table: pa.Table) -> bytes:
    told = pa.BufferOutputStream()
    with pa.ipc.new_stream(told, table.schema) as stream:
        stream.write_table(table)
    return bytes(told.getvalue())


def _read_table(told: bytes) -> pa.Table:
    return pa.ipc.open_stream(told).read_all()
