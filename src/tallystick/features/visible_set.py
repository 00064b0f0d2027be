"""What a decision could see: the transactions that had been committed when its features were read.

A row's tick says when something became known, not whether a decision knew it: a transaction may take an early tick and
commit late. So streams say which transaction recorded each row, and a batch keeps its visible set, by which its
features can be made again as they were.
"""

import re
from dataclasses import dataclass
from typing import Final

_SNAPSHOT: Final = re.compile(r"(\d+):(\d+):((?:\d+(?:,\d+)*)?)")


@dataclass(frozen=True, slots=True)
class VisibleSet:
    """A generation of the database, and a snapshot of its transactions as PostgreSQL writes it: `xmin:xmax:open,open`.

    Rows of earlier generations are visible: a restored copy holds what was committed when it was made. What the
    reading transaction wrote itself is not, for nobody can tell later whether it came before the reading.

    >>> seen = VisibleSet(generation=2, snapshot="10:14:10,12")
    >>> [xid for xid in range(9, 15) if seen.shows(generation=2, xid=xid)]
    [9, 11, 13]
    >>> seen.shows(generation=1, xid=99), seen.shows(generation=3, xid=1)
    (True, False)
    """

    generation: int
    snapshot: str

    def __post_init__(self) -> None:
        found = _SNAPSHOT.fullmatch(self.snapshot)
        if found is None or int(found[1]) > int(found[2]):
            raise ValueError(f"snapshot: {self.snapshot!r} is none; PostgreSQL writes one as 10:14:10,12")

    @property
    def from_xid(self) -> int:
        """Transactions before this one had all ended."""
        return int(self.snapshot.split(":")[0])

    @property
    def until_xid(self) -> int:
        """Transactions from this one on had not begun, or not ended."""
        return int(self.snapshot.split(":")[1])

    @property
    def open_xids(self) -> tuple[int, ...]:
        """Transactions between the two that had not ended."""
        told = self.snapshot.split(":")[2]
        return tuple(int(xid) for xid in told.split(",")) if told else ()

    def shows(self, *, generation: int, xid: int) -> bool:
        """Whether what that transaction recorded was visible."""
        if generation != self.generation:
            return generation < self.generation
        return xid < self.until_xid and xid not in self.open_xids

    def without(self, xid: int | None) -> "VisibleSet":
        """The same, with one transaction as not ended: the reader's own, which its snapshot does not name.

        >>> VisibleSet(1, "10:14:").without(12).snapshot, VisibleSet(1, "10:14:").without(14).snapshot
        ('12:14:12', '10:14:')
        """
        if xid is None or not self.shows(generation=self.generation, xid=xid):
            return self
        still_open = sorted({*self.open_xids, xid})
        told = ",".join(map(str, still_open))
        return VisibleSet(self.generation, f"{still_open[0]}:{self.until_xid}:{told}")


def visible_sql(row: str, seen: str) -> str:
    """SQL of whether a row `row` that says who recorded it is visible to `seen`, on any engine.

    `seen` has generation, until_xid and open_xids; the last is an array.
    """
    return (
        f"({row}.recorded_generation < {seen}.generation OR ({row}.recorded_generation = {seen}.generation "
        f"AND {row}.recorded_xid < {seen}.until_xid AND {row}.recorded_xid <> ALL({seen}.open_xids)))"
    )
