"""Laws of the books: whatever is posted, debits are credits, order is nothing, and no change goes unseen."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from tallystick.ledger.balance import Balance, differing, fold, imbalances, trial_balance
from tallystick.ledger.chain import (
    Position,
    Posted,
    Seal,
    Tampering,
    encode,
    fault_of,
    position_of,
    seals_over,
)
from tallystick.ledger.chart import Group, Scope, chart, chart_sha256
from tallystick.ledger.transfer import Address, Transfer

MOST_PER_SEAL = 3
# The number of fields, then the three of the position, each after its length.
POSITION_BYTES = 2 + (4 + 4) + (4 + 8) + (4 + 8)
CODES = sorted(chart())


@st.composite
def transfers(draw: st.DrawFn) -> Transfer:
    """Any transfer that can be made: any two accounts that may meet, on any line."""
    line_id = draw(st.integers(1, 3))
    debit = _address(draw, draw(st.sampled_from(CODES)), line_id=line_id)
    may_meet = [code for code in CODES if _is_off_balance(code) == _is_off_balance(debit.code) and code != debit.code]
    return Transfer(
        debit=debit,
        credit=_address(draw, draw(st.sampled_from(may_meet)), line_id=line_id),
        amount_minor=draw(st.one_of(st.integers(1, 9), st.integers(1, 10**15))),
        currency=draw(st.sampled_from(["CNY", "EUR"])),
        effective_on=draw(st.dates(date(1999, 12, 30), date(2100, 1, 1))),
        kind=draw(st.sampled_from(["payment", "allocation", "退款"])),
        line_id=line_id,
        event_id=draw(st.integers(0, 2**63 - 1)),
    )


def _address(draw: st.DrawFn, code: str, *, line_id: int) -> Address:
    scope = chart()[code].scope
    if scope is Scope.LINE:
        return Address(code, line_id)
    return Address(code, 0 if scope is Scope.HOUSE else draw(st.integers(1, 3)))


def _is_off_balance(code: str) -> bool:
    return chart()[code].group is Group.OFF_BALANCE


many = st.lists(transfers(), max_size=12)


@given(many)
def test_debits_are_credits_whatever_is_posted(moves: list[Transfer]) -> None:
    assert list(imbalances(trial_balance(fold(moves).values()))) == []


@given(many, st.randoms(use_true_random=False))
def test_the_order_of_posting_is_nothing_to_the_balances(moves: list[Transfer], chance: Random) -> None:
    shuffled = list(moves)
    chance.shuffle(shuffled)
    assert fold(shuffled) == fold(moves)


@given(many, many)
def test_two_postings_are_the_sum_of_both(first: list[Transfer], second: list[Transfer]) -> None:
    parts, whole = (fold(first), fold(second)), fold(first + second)
    for key, balance in whole.items():
        found = [part.get(key, Balance(*key, 0, 0)) for part in parts]
        assert balance.debit_minor == sum(part.debit_minor for part in found)
        assert balance.credit_minor == sum(part.credit_minor for part in found)
    assert whole.keys() == parts[0].keys() | parts[1].keys()


@given(many, transfers())
def test_a_transfer_left_out_shows_in_exactly_its_two_accounts(moves: list[Transfer], extra: Transfer) -> None:
    found = list(differing(fold([*moves, extra]), fold(moves)))
    assert {(proven.address, proven.currency) for proven, _ in found} == {
        (extra.debit, extra.currency),
        (extra.credit, extra.currency),
    }
    assert sum(abs(proven.net_minor - kept.net_minor) for proven, kept in found) == 2 * extra.amount_minor


@st.composite
def books(draw: st.DrawFn) -> list[bytes]:
    """Canonical bytes in the order of visibility: ids of database transactions rise, those of transfers may not."""
    moves = draw(st.lists(transfers(), min_size=1, max_size=10))
    ids = draw(st.permutations(range(1, len(moves) + 1)))
    xids = sorted(draw(st.lists(st.integers(700, 705), min_size=len(moves), max_size=len(moves))))
    positions = sorted(Position(1, xid, number) for xid, number in zip(xids, ids, strict=True))
    booked_on = draw(st.dates(date(2026, 1, 1), date(2026, 12, 31)))
    return [encode(Posted(place, move, booked_on)) for place, move in zip(positions, moves, strict=True)]


def _seals(rows: Sequence[bytes]) -> list[Seal]:
    return list(seals_over(rows, after=None, chart_sha256=chart_sha256(), most=MOST_PER_SEAL))


def _faults(seals: Sequence[Seal], rows: Sequence[bytes]) -> list[tuple[int, Tampering, int | None]]:
    """Read the books as a verification does: each seal holds what stands after the last transfer of the seal before."""
    found = []
    before: Seal | None = None
    for seal in seals:
        first = before.last if before else Position(0, 0, 0)
        fault = fault_of(seal, [row for row in rows if first < position_of(row) <= seal.last], after=before)
        if fault:
            found.append((fault.seal_number, fault.tampering, fault.transfer_id))
        before = seal
    return found


@given(books())
def test_sealed_books_prove_themselves(rows: list[bytes]) -> None:
    seals = _seals(rows)
    assert _faults(seals, rows) == []
    assert sum(seal.transfer_count for seal in seals) == len(rows)
    assert all(one.last < other.last for one, other in pairwise(seals))


@given(books(), st.data())
def test_a_changed_bit_shows_in_its_own_seal_and_transfer(rows: list[bytes], data: st.DataObject) -> None:
    seals = _seals(rows)
    row = data.draw(st.integers(0, len(rows) - 1))
    place = data.draw(st.integers(POSITION_BYTES, len(rows[row]) - 1))
    changed = bytearray(rows[row])
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    there = [*rows[:row], bytes(changed), *rows[row + 1 :]]
    assert _faults(seals, there) == [(row // MOST_PER_SEAL + 1, Tampering.CHANGED, position_of(rows[row]).transfer_id)]


@given(books(), st.data())
def test_a_removed_transfer_shows_in_its_own_seal_after_the_one_before(rows: list[bytes], data: st.DataObject) -> None:
    seals = _seals(rows)
    row = data.draw(st.integers(0, len(rows) - 1))
    before_id = position_of(rows[row - 1]).transfer_id if row % MOST_PER_SEAL else 0
    assert _faults(seals, rows[:row] + rows[row + 1 :]) == [(row // MOST_PER_SEAL + 1, Tampering.REMOVED, before_id)]


@given(books(), transfers(), st.data())
def test_an_inserted_transfer_shows_wherever_it_is_put(rows: list[bytes], extra: Transfer, data: st.DataObject) -> None:
    seals = _seals(rows)
    last = seals[-1].last
    xid = data.draw(st.integers(699, last.xid - 1))
    there = sorted([*rows, encode(Posted(Position(1, xid, 999), extra, date(2026, 11, 24)))], key=position_of)
    ((_, tampering, transfer_id), *later) = _faults(seals, there)
    assert (tampering, transfer_id) == (Tampering.INSERTED, 999)
    assert later == []


@given(books(), st.data())
def test_two_transfers_that_changed_places_show(rows: list[bytes], data: st.DataObject) -> None:
    """The same two contents, each under the other's id."""
    assume(len(rows) > 1)
    seals = _seals(rows)
    one, other = sorted(data.draw(st.permutations(range(len(rows))))[:2])
    assume(rows[one][POSITION_BYTES:] != rows[other][POSITION_BYTES:])
    there = list(rows)
    there[one] = rows[one][:POSITION_BYTES] + rows[other][POSITION_BYTES:]
    there[other] = rows[other][:POSITION_BYTES] + rows[one][POSITION_BYTES:]
    assert _faults(seals, there)[0] == (one // MOST_PER_SEAL + 1, Tampering.CHANGED, position_of(rows[one]).transfer_id)
