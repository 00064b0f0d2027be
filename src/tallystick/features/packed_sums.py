"""Counts and sums of one frame added up as one number: DuckDB looks for the ends of a frame once per expression.

Finding both ends costs it more than adding up, so what shares a frame shares a number: two counts in the low 62 bits
and one sum above them, or four counts, in 128 bits. A frame that ends before the request's own tick is taken to end at
the current row, which needs no search: where requests are themselves events, less what stands at that tick; where they
are not, by a doubled tick, in which the events of a tick come after its requests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

COUNT_BITS: Final = 31  # a frame of 2,147,483,648 rows would spill over; it would hold 100 years of one every second
_COUNT_BASE: Final = 2**COUNT_BITS
_SUM_BASE: Final = 2 ** (2 * COUNT_BITS)
_COUNTS_ALONE: Final = 4


@dataclass(frozen=True, slots=True)
class Added:
    """One count of the rows whose value is known, or the sum of their values, of one window."""

    name: str
    value: str
    window: str
    is_sum: bool


@dataclass(frozen=True, slots=True)
class Pack:
    """What is added up together: counts of these columns, lowest first, and the sum of one of them."""

    counted: tuple[str, ...]
    summed: str | None

    @property
    def type(self) -> str:
        """The narrowest type that holds it."""
        return "BIGINT" if self.summed is None and len(self.counted) <= 2 else "INT128"

    def number(self) -> str:
        """The number that a row adds."""
        terms = [
            f"CAST(CASE WHEN {value} IS NULL THEN 0 ELSE {_COUNT_BASE**place} END AS {self.type})"
            for place, value in enumerate(self.counted)
        ]
        if self.summed is not None:
            terms.append(f"CAST(COALESCE({self.summed}, 0) AS INT128) * {_SUM_BASE}")
        return " + ".join(terms)

    def low(self, total: str) -> str:
        """The counts of a total. They are never negative, whatever sum stands above them."""
        return f"CAST({total} & {_SUM_BASE - 1} AS BIGINT)" if self.summed else f"CAST({total} AS {self.type})"

    def count_of(self, value: str, low: str) -> str:
        """How many rows of a frame know the value."""
        place = self.counted.index(value)
        return f"CAST(({low} >> {COUNT_BITS * place}) & {_COUNT_BASE - 1} AS BIGINT)"

    def sum_of(self, total: str, low: str) -> str:
        """The sum of a frame, null where no row knows a value: what stands above the counts (a shift rounds down)."""
        assert self.summed is not None
        return f"CASE WHEN {self.count_of(self.summed, low)} > 0 THEN CAST({total} >> {2 * COUNT_BITS} AS BIGINT) END"


def packs_of(added: Sequence[Added]) -> tuple[Pack, ...]:
    """How the values of a partition are packed, the same in every window: each sum with the count of its values."""
    sums = list(dict.fromkeys(one.value for one in added if one.is_sum))
    counts = [value for value in dict.fromkeys(one.value for one in added if not one.is_sum) if value not in sums]
    packs = []
    for value in sums:
        packs.append(Pack((value, *counts[:1]), value))
        counts = counts[1:]
    packs += [Pack(tuple(counts[at : at + _COUNTS_ALONE]), None) for at in range(0, len(counts), _COUNTS_ALONE)]
    return tuple(packs)


def packed_sql(
    added: Sequence[Added], frames: Mapping[str, tuple[str, int, int]], *, rows: str, also: str, requests_count: bool
) -> str:
    """The windows as a subquery over `rows`: the columns `also`, and each of `added` by its name.

    `frames` gives for each window its partition, and how far back it begins and ends; `requests_count` says whether a
    request's own row may be one that is counted.
    """
    framed = _total_beside_peers if requests_count else _total
    moment = "" if requests_count else ", 2 * tick + is_event AS moment"
    packs = packs_of(added)
    homes = {one.name: _home(one, packs) for one in added}
    needed = sorted({(homes[one.name], one.window) for one in added})
    totals = [f"{framed(place, *frames[window])} AS t{place}_{window}" for place, window in needed]
    lows = [f"{packs[place].low(f't{place}_{window}')} AS low{place}_{window}" for place, window in needed]
    columns = []
    for one in added:
        place = homes[one.name]
        total, low = f"t{place}_{one.window}", f"low{place}_{one.window}"
        told = packs[place].sum_of(total, low) if one.is_sum else packs[place].count_of(one.value, low)
        columns.append(f"{told} AS {one.name}")
    numbers = ", ".join(f"{pack.number()} AS p{place}" for place, pack in enumerate(packs))
    return (
        f"(SELECT {', '.join([also, *columns])} FROM (SELECT *, {', '.join(lows)} "
        f"FROM (SELECT {', '.join([also, *totals])} FROM (SELECT *{moment}, {numbers} FROM {rows}) AS packed) "
        "AS added_up) AS split)"
    )


def _home(one: Added, packs: Sequence[Pack]) -> int:
    """The pack that holds a sum, or a count."""
    return next(
        place
        for place, pack in enumerate(packs)
        if (one.value == pack.summed if one.is_sum else one.value in pack.counted)
    )


def _total_beside_peers(place: int, partition: str, first: int, last: int) -> str:
    """What a frame adds up to where requests count: rows of one tick do not see each other."""
    over = f"SUM(p{place}) OVER (PARTITION BY {partition} ORDER BY tick RANGE BETWEEN"
    if last > 1:
        return f"COALESCE({over} {first} PRECEDING AND {last} PRECEDING), 0)"
    return f"{over} {first} PRECEDING AND CURRENT ROW) - {over} CURRENT ROW AND CURRENT ROW)"


def _total(place: int, partition: str, first: int, last: int) -> str:
    """What a frame adds up to where requests add nothing, in doubled ticks: an event's is odd, a request's even."""
    over = f"SUM(p{place}) OVER (PARTITION BY {partition} ORDER BY moment RANGE BETWEEN {2 * first - 1} PRECEDING AND"
    if last > 1:
        return f"COALESCE({over} {2 * last - 1} PRECEDING), 0)"
    return f"{over} CURRENT ROW)"
