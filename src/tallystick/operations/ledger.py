"""The books as an operator keeps them: sealed, folded, and proven from the transfers alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from psycopg import Connection

from tallystick.ledger.balance import Balance, TrialRow, differing, imbalances, trial_balance
from tallystick.ledger.chain import (
    Anchor,
    ChainFault,
    Position,
    Seal,
    Tampering,
    anchor_of,
    fault_of,
    position_of,
    seals_over,
)
from tallystick.ledger.chart import Scope, chart, chart_sha256
from tallystick.ledger.proof import (
    Check,
    Finding,
    Verification,
    balance_finding,
    chain_finding,
    control_finding,
    imbalance_finding,
)
from tallystick.ledger.transfer import Address
from tallystick.operations.money_in import CLEARED
from tallystick.operations.progress import Progress
from tallystick.servicing.journal import PAYOUT
from tallystick.storage import ledger, ledger_chain, ledger_proof, ledger_reading, money_proof

# What else is proven over the books, by whoever keeps figures that must agree with them: up to so many findings.
FigureCheck = Callable[[Connection, int], Iterable[Finding]]


def _line_figures(connection: Connection, most: int) -> Iterable[Finding]:
    return ledger_proof.differing_line_figures(connection, most=most)


def _accruals(connection: Connection, most: int) -> Iterable[Finding]:
    return ledger_proof.differing_accruals(connection, most=most)


def _suspense(connection: Connection, most: int) -> Iterable[Finding]:
    return money_proof.differing_suspense(connection, most=most)


def _merchants(connection: Connection, most: int) -> Iterable[Finding]:
    return money_proof.differing_merchants(connection, most=most)


def _payouts(connection: Connection, most: int) -> Iterable[Finding]:
    clears = [name for name, code in CLEARED.items() if code == PAYOUT]
    return money_proof.differing_payouts(connection, clears=clears, most=most)


FIGURE_CHECKS: Final[tuple[FigureCheck, ...]] = (_line_figures, _accruals, _suspense, _merchants, _payouts)
# Enough to see what is wrong; a fault of the books is seldom alone.
_MOST_PER_CHECK: Final = 20
_TRANSFERS_PER_RANGE: Final = 1_000_000
_TRANSFERS_PER_PART: Final = 20_000_000
_SEALS_PER_READ: Final = 256
_DELTAS_PER_FOLD: Final = 100_000
_BEGINNING: Final = Position(1, 0, 0)


class AccountFault(ValueError):
    """There is no such account; the message says which there are."""


def seal(connection: Connection, *, about: int = 65_536) -> int:
    """Seal the next committed transfers, `about` so many; gives how many, 0 where none is left or another one seals.

    Repeated in one transaction each, it goes on where it was, whenever it was interrupted.
    """
    if not ledger_chain.hold_sealing(connection):
        return 0
    head = ledger_chain.last_seal(connection)
    window = ledger_chain.next_window(connection, after=head.last if head else _BEGINNING, about=about)
    if window is None:
        return 0
    rows = ledger_chain.rows_of(connection, window)
    written = ledger_chain.written_head(connection)
    last_number = written.seal_number if written else 0
    seals = list(seals_over(rows, after=head, chart_sha256=chart_sha256(), last_number=last_number))
    ledger_chain.write_seals(connection, seals)
    return sum(seal.transfer_count for seal in seals)


def keep_books(connection: Connection) -> Iterator[int]:
    """Fold every delta, then seal every transfer that all can see; gives the transfers of each step as it commits.

    `connection` must be in autocommit. What a server does every few seconds, and `tallystick ledger seal` by hand.
    """
    assert connection.autocommit, "each step commits by itself"
    while ledger.fold_deltas(connection, most=_DELTAS_PER_FOLD) == _DELTAS_PER_FOLD:
        pass  # more has come than one fold takes
    while True:
        with connection.transaction():
            sealed = seal(connection)
        if sealed == 0:
            return
        yield sealed


def read_trial_balance(connection: Connection) -> list[TrialRow]:
    """Every code of the chart that was ever posted to, over all its owners, exact at this instant."""
    return ledger_reading.trial_balance(connection)


def read_account(connection: Connection, *, code: str, owner_id: int) -> list[Balance]:
    """One account in each of its currencies, exact at this instant. Raises `AccountFault` for an unknown code."""
    account = chart().get(code)
    if account is None:
        raise AccountFault(f"code: there is no account {code!r}; the chart has {', '.join(chart())}")
    if account.scope is Scope.LINE:
        balances: Iterable[Balance] = ledger_reading.line_balances(connection, owner_id)
    else:
        balances = ledger_reading.shared_balances(connection).values()
    return [balance for balance in balances if balance.address == Address(code, owner_id)]


def verify(
    connection: Connection,
    *,
    progress: Progress,
    anchor: Anchor | None = None,
    figure_checks: Sequence[FigureCheck] = FIGURE_CHECKS,
) -> Verification:
    """Prove every balance from the transfers, debits = credits, sub-ledgers = general ledger, and the chain of seals.

    All of it is one snapshot, so the books may be written meanwhile. `connection` must have no transaction open.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        proof = _Proof(connection, progress)
        proof.prove_sums()
        proof.prove_line_balances()
        progress.step({"zh": "核对额度指标", "en": "figures of every line"})
        for check in figure_checks:
            proof.add(check(connection, _MOST_PER_CHECK))
        proof.prove_chain(anchor)
        return proof.verification()


class _Proof:
    """A proof as it goes on: what was counted and found so far."""

    def __init__(self, connection: Connection, progress: Progress) -> None:
        self._connection = connection
        self._progress = progress
        self._findings: list[Finding] = []
        self._proven: dict[tuple[Address, str], Balance] = {}
        self._shared_accounts = 0
        self._transfers = 0
        self._seals = 0
        self._sealed_transfers = 0
        self._head: Seal | None = None

    def add(self, findings: Iterable[Finding]) -> None:
        """Keep what a check found, up to a limit for each."""
        self._findings.extend(islice(findings, _MOST_PER_CHECK))

    def prove_sums(self) -> None:
        """Sum all transfers, and set the sums against shared accounts and the totals of lines' accounts."""
        self._progress.step({"zh": "汇总全部转账", "en": "sums over all transfers"})
        self._sum_transfers()
        shared = ledger_reading.shared_balances(self._connection)
        self._shared_accounts = len(shared)
        of_lines = {key: balance for key, balance in self._proven.items() if _is_of_lines(balance.address)}
        proven = {key: balance for key, balance in self._proven.items() if key not in of_lines}
        self.add(balance_finding(Check.SHARED_BALANCE, proven=a, kept=b) for a, b in differing(proven, shared))
        self.add(ledger_proof.unknown_shared_accounts(self._connection, most=_MOST_PER_CHECK))
        kept_totals = ledger_proof.line_totals(self._connection)
        self.add(_differing_controls(trial_balance(of_lines.values()), kept_totals))
        self.add(imbalance_finding(found) for found in imbalances([*kept_totals, *trial_balance(shared.values())]))

    def _sum_transfers(self) -> None:
        first_id, last_id = ledger_proof.id_range(self._connection)
        for from_id in range(first_id, last_id + 1, _TRANSFERS_PER_RANGE):
            bounds = {"from_id": from_id, "to_id": from_id + _TRANSFERS_PER_RANGE}
            for flow in ledger_proof.flows(self._connection, **bounds):
                self._transfers += flow.transfers
                self._count(flow.debit, flow.currency, debit_minor=flow.amount_minor)
                self._count(flow.credit, flow.currency, credit_minor=flow.amount_minor)
            self.add(ledger_proof.unsound_transfers(self._connection, **bounds, most=_MOST_PER_CHECK))
            self._progress.advance((bounds["to_id"] - first_id) / (last_id + 1 - first_id))

    def _count(self, address: Address, currency: str, *, debit_minor: int = 0, credit_minor: int = 0) -> None:
        known = self._proven.get((address, currency), Balance(address, currency, 0, 0))
        self._proven[address, currency] = Balance(
            address, currency, known.debit_minor + debit_minor, known.credit_minor + credit_minor
        )

    def prove_line_balances(self) -> None:
        """Set each account of each line against the sum of its transfers."""
        self._progress.step({"zh": "逐户核对余额", "en": "balances of every line"})
        parts = self._transfers // _TRANSFERS_PER_PART + 1
        for part in range(parts):
            differences = ledger_proof.differing_line_balances(
                self._connection, part=part, parts=parts, most=_MOST_PER_CHECK
            )
            self.add(balance_finding(Check.LINE_BALANCE, proven=proven, kept=kept) for proven, kept in differences)
            self._progress.advance((part + 1) / parts)

    def prove_chain(self, anchor: Anchor | None) -> None:
        """Compute every seal again from the transfers in its place."""
        self._progress.step({"zh": "核验封印链", "en": "chain of seals"})
        last = ledger_chain.last_seal(self._connection)
        anchored = False
        while seals := ledger_chain.seals_after(self._connection, self._head, most=_SEALS_PER_READ):
            for seal, rows in self._sealed(seals):
                fault = fault_of(seal, rows, after=self._head)
                self.add([chain_finding(fault)] if fault else [])
                anchored = anchored or anchor_of(seal) == anchor
                self._head = seal
                self._seals += 1
                self._sealed_transfers += len(rows)
            self._progress.advance(seals[-1].number / last.number if last else 1.0)
        self.add(_head_findings(self._head, ledger_chain.written_head(self._connection), known=self._findings))
        if anchor is not None and not anchored:
            self.add([Finding(Check.ANCHOR, f"seal {anchor.seal_number}", anchor.digest_hex[:16], "not in the chain")])

    def _sealed(self, seals: Sequence[Seal]) -> Iterator[tuple[Seal, list[bytes]]]:
        """Each seal with the rows now in its place; what lies between two seals counts to the later one."""
        after = self._head.last if self._head else _BEGINNING
        rows = ledger_chain.rows_between(self._connection, after=after, last=seals[-1].last)
        ahead = next(rows, None)
        for seal in seals:
            block: list[bytes] = []
            while ahead is not None and position_of(ahead) <= seal.last:
                block.append(ahead)
                ahead = next(rows, None)
            yield seal, block

    def verification(self) -> Verification:
        """What was proven, and everything that is wrong."""
        order = list(Check)
        return Verification(
            transfers=self._transfers,
            line_accounts=ledger_proof.count_line_accounts(self._connection),
            shared_accounts=self._shared_accounts,
            seals=self._seals,
            sealed_transfers=self._sealed_transfers,
            head=str(anchor_of(self._head)) if self._head else None,
            findings=tuple(sorted(self._findings, key=lambda finding: order.index(finding.check))),
        )


def _head_findings(found: Seal | None, written: Anchor | None, *, known: Sequence[Finding]) -> Iterator[Finding]:
    """The end of the chain, where it is not the seal that was written last."""
    last_number = found.number if found else 0
    if written is not None and written.seal_number > last_number:
        for number in range(last_number + 1, written.seal_number + 1):
            yield chain_finding(ChainFault(number, Tampering.REMOVED, None))
    elif found is not None and written != anchor_of(found):
        forged = chain_finding(ChainFault(found.number, Tampering.SEAL, None))
        if forged not in known:
            yield forged


def _is_of_lines(address: Address) -> bool:
    return chart()[address.code].scope is Scope.LINE


def _differing_controls(proven: Iterable[TrialRow], kept: Iterable[TrialRow]) -> Iterator[Finding]:
    """Codes whose lines do not sum to the general ledger's figure."""
    by_key = {(row.code, row.currency): row for row in proven}
    found = {(row.code, row.currency): row for row in kept}
    for key in sorted({*by_key, *found}):
        nothing = TrialRow(*key, debit_minor=0, credit_minor=0)
        one, other = by_key.get(key, nothing), found.get(key, nothing)
        if one != other:
            yield control_finding(proven=one, kept=other)
