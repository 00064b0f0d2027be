"""Time tiles: what an hour or a day of a busy key adds up to, so that its windows are a bounded read.

A big merchant's 30 days are hundreds of thousands of rows. Rolled up they are days, the hours of the days in which a
window begins, and the rows of the hours in which one begins. Counts, sums, extremes, first and last ticks are the same
either way; distinct values do not add up, and the catalog refuses them for such entities.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tallystick.features.as_of_catalog import Aggregate, Kind
from tallystick.features.as_of_sql import value_sql
from tallystick.features.event_tables import ENTITIES

TILE_PREFIX: Final = "tiles_"
DAY_HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class Measure:
    """One column of a tile: what its rows come to, by the kind, value and condition of an aggregate."""

    column: str
    kind: Kind
    value: str | None = None
    where: str | None = None

    def of_rows(self) -> str:
        """What rows `e` of a stream come to."""
        text = f"CAST({combining(self.kind)}({self.row_value()}) AS BIGINT)"
        return f"COALESCE({text}, 0)" if self.kind is Kind.COUNT else text

    def of_tiles(self) -> str:
        """What tiles `t` come to."""
        return f"CAST({combining(self.kind)}(t.{self.column}) AS BIGINT)"

    def row_value(self) -> str:
        """What one row `e` is as a tile of its own: null where it does not count."""
        text = value_sql(self._aggregate())
        return f"CASE WHEN ({text}) IS NOT NULL THEN 1 END" if self.kind is Kind.COUNT else text

    def _aggregate(self) -> Aggregate:
        return Aggregate(self.column, "", "", "", self.kind, self.value, self.where)


def combining(kind: Kind) -> str:
    """What adds up parts of a window."""
    match kind:
        case Kind.COUNT | Kind.SUM:
            return "SUM"
        case Kind.MAXIMUM | Kind.LAST_TICK:
            return "MAX"
        case Kind.MINIMUM | Kind.FIRST_TICK:
            return "MIN"
        case _:
            raise AssertionError(f"{kind} does not add up")


# The columns of each stream's tiles, as the migrations have them.
MEASURES: Final[Mapping[str, tuple[Measure, ...]]] = {
    "purchase": (
        Measure("row_count", Kind.COUNT),
        Measure("amount_count", Kind.COUNT, "e.amount_minor"),
        Measure("amount_sum", Kind.SUM, "e.amount_minor"),
        Measure("amount_maximum", Kind.MAXIMUM, "e.amount_minor"),
        Measure("last_tick", Kind.LAST_TICK),
    ),
    "purchase_outcome": (
        Measure("told_count", Kind.COUNT, "e.is_declined"),
        Measure("declined_count", Kind.COUNT, None, "e.is_declined"),
    ),
    "fraud_label": (
        Measure("told_count", Kind.COUNT, "e.is_fraud"),
        Measure("fraud_count", Kind.COUNT, None, "e.is_fraud"),
        Measure("fraud_minimum", Kind.MINIMUM, "e.amount_minor", "e.is_fraud"),
        Measure("fraud_maximum", Kind.MAXIMUM, "e.amount_minor", "e.is_fraud"),
        Measure("first_fraud_tick", Kind.FIRST_TICK, None, "e.is_fraud"),
        Measure("last_fraud_tick", Kind.LAST_TICK, None, "e.is_fraud"),
        Measure("last_good_tick", Kind.LAST_TICK, None, "NOT e.is_fraud"),
    ),
    "application": (Measure("row_count", Kind.COUNT),),
}
# The entities whose keys are rolled up, by stream.
TILED: Final[Mapping[str, tuple[str, ...]]] = {
    "purchase": ("merchant", "terminal", "address", "category"),
    "purchase_outcome": ("merchant",),
    "fraud_label": ("merchant", "terminal", "address"),
    "application": ("address",),
}


def is_tiled(source: str, entity: str) -> bool:
    """Whether the stream's history of that entity is rolled up."""
    return ENTITIES[entity].tiled and entity in TILED.get(source, ())


def measure_of(aggregate: Aggregate) -> Measure:
    """The column of a tile that an aggregate is made of; raises `LookupError` where none is."""
    wanted = (aggregate.kind, aggregate.value, aggregate.where)
    for measure in MEASURES[aggregate.source]:
        if (measure.kind, measure.value, measure.where) == wanted:
            return measure
    raise LookupError(
        f"{aggregate.name}: no column of {TILE_PREFIX}{aggregate.source} holds it; add one by a migration"
    )
