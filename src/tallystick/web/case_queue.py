"""The cases that wait at a desk, in the order in which they came, and which of them may be decided together now."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from enum import Enum, auto
from typing import Final, Generic, TypeVar

from msgspec import Struct

AskedT = TypeVar("AskedT")
ToldT = TypeVar("ToldT")
# A line that another process holds is free again within a transaction: look soon, then less often.
_AGAIN_S: Final = 0.002
_AGAIN_MOST_S: Final = 0.064


class Place(Enum):
    """Where a case is."""

    WAITING = auto()
    IN_FLIGHT = auto()
    LEFT = auto()  # in flight, and nobody waits for it any more
    ANSWERED = auto()
    GONE = auto()  # never to be decided


class Case(Struct, Generic[AskedT, ToldT], eq=False):
    """One question on its way. Instants are by the desk's clock."""

    asked: AskedT
    key: Hashable
    answer: asyncio.Future[ToldT]
    came_at_s: float
    late_at_s: float
    again_at_s: float
    place: Place = Place.WAITING
    times_put_off: int = 0
    told: ToldT | None = None
    fault: Exception | None = None


class Taken(Struct, Generic[AskedT, ToldT], frozen=True):
    """What a look at the queue gave: a batch, or when to look again; and the cases whose deadline had passed."""

    batch: list[Case[AskedT, ToldT]]
    overdue: list[Case[AskedT, ToldT]]
    look_again_at_s: float = math.inf


class CaseQueue(Generic[AskedT, ToldT]):
    """No thread and no clock: whoever has it locks it.

    A key is in flight once at a time, and a case never overtakes one of its own key.
    """

    def __init__(self, *, most: int) -> None:
        assert most >= 1
        self._most = most
        self._waiting: OrderedDict[Case[AskedT, ToldT], None] = OrderedDict()
        self._in_flight: dict[Hashable, Case[AskedT, ToldT]] = {}

    def __len__(self) -> int:
        """How many wait; what is in flight does not."""
        return len(self._waiting)

    def waiting(self) -> list[Case[AskedT, ToldT]]:
        """All that wait, first come first."""
        return list(self._waiting)

    def in_flight(self) -> list[Case[AskedT, ToldT]]:
        """All that are being decided."""
        return list(self._in_flight.values())

    def add(self, case: Case[AskedT, ToldT]) -> None:
        """The last to come."""
        self._waiting[case] = None

    def drop(self, case: Case[AskedT, ToldT]) -> None:
        """One that waits never will be decided."""
        del self._waiting[case]
        case.place = Place.GONE

    def look(self, *, now_s: float) -> Taken[AskedT, ToldT]:
        """Which may be decided together now. They stay where they are until `take`.

        One that was put off goes with the next batch, at its front. It makes no batch by itself before its moment has
        come, and until then leaves room to those that have not been tried yet.
        """
        due: list[Case[AskedT, ToldT]] = []
        put_off: list[Case[AskedT, ToldT]] = []
        overdue: list[Case[AskedT, ToldT]] = []
        keys = set(self._in_flight)
        for case in self._waiting:
            if case.late_at_s <= now_s:
                overdue.append(case)
            elif case.key not in keys:
                keys.add(case.key)
                if case.again_at_s > now_s:
                    put_off.append(case)
                else:
                    due.append(case)
                    if len(due) == self._most:
                        break
        if not due:
            return Taken([], overdue, min((case.again_at_s for case in put_off), default=math.inf))
        if put_off and len(due) < self._most:
            due = sorted((*put_off[: self._most - len(due)], *due), key=_came_at_s)
        return Taken(due, overdue)

    def take(self, batch: Sequence[Case[AskedT, ToldT]]) -> None:
        """These are being decided from now on."""
        for case in batch:
            del self._waiting[case]
            self._in_flight[case.key] = case
            case.place = Place.IN_FLIGHT

    def answered(self, case: Case[AskedT, ToldT]) -> None:
        """It came back: the next of its key may go."""
        del self._in_flight[case.key]
        case.place = Place.ANSWERED

    def put_off(self, cases: Sequence[Case[AskedT, ToldT]], *, now_s: float) -> None:
        """They came back undecided: to the front, in their order. Whose caller has left is dropped."""
        for case in reversed(cases):
            del self._in_flight[case.key]
            if case.place is Place.LEFT:
                case.place = Place.GONE
                continue
            case.place = Place.WAITING
            case.again_at_s = now_s + min(_AGAIN_S * 2**case.times_put_off, _AGAIN_MOST_S)
            case.times_put_off = min(case.times_put_off + 1, 10)
            self._waiting[case] = None
            self._waiting.move_to_end(case, last=False)


def _came_at_s(case: Case[AskedT, ToldT]) -> float:
    return case.came_at_s
