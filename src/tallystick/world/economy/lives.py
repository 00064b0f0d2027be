"""Where everybody stands: lines, work and habits, what is still to be done, and what is remembered of orders."""

from datetime import date
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct
from msgspec.structs import replace

from tallystick.world.economy.acts import AnyAct
from tallystick.world.economy.deliveries import NEVER

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NOBODY: Final = -1


class Order(Struct, frozen=True, kw_only=True):
    """An order as the world knows it. `kind` is "" of an honest one; `found_on` the day on which fraud is found out.

    Days count from 1970; `arrives_on` is `deliveries.NEVER` of what is lost, `fate` a `deliveries.Fate`.
    """

    order: int
    person: int
    amount_minor: int
    category: str
    ships_on: int
    promised_on: int
    arrives_on: int
    fate: int
    kind: str = ""
    found_on: int | None = None

    def shipped(self, on: int) -> "Order":
        """The order as it goes where it is shipped on that day: what is shipped later arrives as much later.

        >>> order = Order(order=1, person=0, amount_minor=900, category="top_up", ships_on=3, promised_on=4,
        ...               arrives_on=5, fate=0)
        >>> later = order.shipped(5)
        >>> later.promised_on, later.arrives_on
        (6, 7)
        """
        days = on - self.ships_on
        arrives_on = NEVER if self.arrives_on == NEVER else self.arrives_on + days
        return replace(self, ships_on=on, promised_on=self.promised_on + days, arrives_on=arrives_on)


class FraudDraw(Struct, frozen=True):
    """What a ring got out of a line."""

    person: int
    line_id: int
    draw_id: int
    amount_minor: int


class Planned(Struct, frozen=True, kw_only=True):
    """Something to be done on a day, at one of its moments."""

    act: AnyAct
    person: int = NOBODY
    order: Order | None = None


class Agenda:
    """What is to be done, by day and moment; both whole numbers, the day since 1970."""

    def __init__(self, planned: dict[str, list[Planned]] | None = None) -> None:
        self._planned = planned or {}

    def plan(self, day: int, moment: int, planned: Planned) -> None:
        """One thing more."""
        self._planned.setdefault(f"{day}/{moment}", []).append(planned)

    def due(self, day: int, moment: int) -> list[Planned]:
        """What is to be done now, in the order in which it was planned; it is taken out."""
        return self._planned.pop(f"{day}/{moment}", [])

    def as_dict(self) -> dict[str, list[Planned]]:
        """All that is still to be done."""
        return self._planned


class Lives:
    """What changes about people, in arrays of shape (people,), and the lender's books as they are told each morning.

    `line_id` and `application_id` are 0 for none, `rival_lines` how many loans one has of `rivals.Rivals`. Of books
    that do not have a person's line the figures are zero.
    """

    _KEPT: Final = {
        "line_id": np.int64, "application_id": np.int64, "applied_on": np.int64, "times_applied": np.int64,
        "is_jobless": np.bool_, "is_active": np.bool_, "has_left": np.bool_, "rival_lines": np.int64,
    }  # fmt: skip
    _TOLD: Final = {
        "limit_minor": np.int64, "drawn_minor": np.int64, "available_minor": np.int64, "owed_minor": np.int64,
        "due_minor": np.int64, "days_past_due": np.int64, "is_open": np.bool_, "is_frozen": np.bool_,
        "is_charged_off": np.bool_,
    }  # fmt: skip

    line_id: Integers
    application_id: Integers
    applied_on: Integers
    times_applied: Integers
    is_jobless: Flags
    is_active: Flags
    has_left: Flags
    rival_lines: Integers
    limit_minor: Integers
    drawn_minor: Integers
    available_minor: Integers
    owed_minor: Integers
    due_minor: Integers
    days_past_due: Integers
    is_open: Flags
    is_frozen: Flags
    is_charged_off: Flags

    def __init__(self, people: int) -> None:
        self.agenda = Agenda()
        self.waiting: dict[int, Order] = {}  # orders in review, by their decision
        self.frauds: dict[int, FraudDraw] = {}  # by order, until they are disputed
        for name, kind in (self._KEPT | self._TOLD).items():
            setattr(self, name, np.zeros(people, dtype=kind))
        self._person_of: dict[int, int] = {}

    def __len__(self) -> int:
        """How many people there are."""
        return len(self.line_id)

    def opened(self, person: int, line_id: int, *, limit_minor: int) -> None:
        """A person has a line."""
        self.line_id[person] = line_id
        self._person_of[line_id] = person
        self.limit_minor[person] = self.available_minor[person] = limit_minor
        self.is_open[person] = True

    def person_of(self, line_ids: Integers) -> Integers:
        """Whose lines these are; every line is somebody's."""
        return np.fromiter((self._person_of[number] for number in line_ids.tolist()), np.int64, len(line_ids))

    def learn(self, standing: pa.Table) -> None:
        """Take in the lender's books of a morning."""
        who = self.person_of(standing["line_id"].to_numpy())
        for name, kind in self._TOLD.items():
            told: npt.NDArray[Any] = getattr(self, name)
            told[:] = 0
            told[who] = standing[name].to_numpy(zero_copy_only=False).astype(kind)

    @property
    def utilization(self) -> Floats:
        """Drawn over the limit, 0 without one."""
        return np.asarray(self.drawn_minor / np.maximum(self.limit_minor, 1) * (self.limit_minor > 0))

    def dump(self) -> bytes:
        """Everything, to go on from."""
        kept = {name: getattr(self, name).tobytes() for name in (self._KEPT | self._TOLD)}
        return msgspec.msgpack.encode(_Kept(kept, self.agenda.as_dict(), self.waiting, self.frauds))

    @classmethod
    def load(cls, told: bytes) -> "Lives":
        """What was dumped."""
        kept = msgspec.msgpack.decode(told, type=_Kept)
        lives = cls(len(np.frombuffer(kept.arrays["line_id"], dtype=np.int64)))
        for name, kind in (cls._KEPT | cls._TOLD).items():
            setattr(lives, name, np.frombuffer(kept.arrays[name], dtype=kind).copy())
        lives.agenda, lives.waiting, lives.frauds = Agenda(kept.agenda), kept.waiting, kept.frauds
        lives._person_of = {line_id: person for person, line_id in enumerate(lives.line_id.tolist()) if line_id}
        return lives


class _Kept(Struct, frozen=True):
    arrays: dict[str, bytes]
    agenda: dict[str, list[Planned]]
    waiting: dict[int, Order]
    frauds: dict[int, FraudDraw]


def day_number(day: date) -> int:
    """Days since 1970."""
    return day.toordinal() - _EPOCH


_EPOCH: Final = date(1970, 1, 1).toordinal()
