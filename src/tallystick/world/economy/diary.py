"""What was so: every order, bill, payment and application with its answer, in columns; no lender sees it."""

from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from tallystick.world.economy import acts
from tallystick.world.economy.acts import Answer, Step
from tallystick.world.economy.deliveries import Fate
from tallystick.world.economy.lives import Lives, Planned, day_number
from tallystick.world.economy.paying import Bills, Payments
from tallystick.world.economy.review_texts import ReviewTexts
from tallystick.world.economy.shopping import Orders
from tallystick.world.economy.shops import CATEGORIES

Integers = npt.NDArray[np.int64]

_CATEGORIES: Final = np.asarray([each.name for each in CATEGORIES])
_INT, _TEXT, _FLAG = pa.int64(), pa.string(), pa.bool_()
# What of the world is true, by table; days count from 1970, amounts are minor units.
TABLES: Final[dict[str, pa.Schema]] = {
    name: pa.schema(columns)
    for name, columns in {
        "wishes": [("day", _INT), ("order", _INT), ("person", _INT), ("amount_minor", _INT), ("category", _TEXT)],
        "purchases": [
            ("day", _INT), ("order", _INT), ("person", _INT), ("amount_minor", _INT), ("category", _TEXT),
            ("kind", _TEXT), ("found_on", _INT), ("outcome", _TEXT), ("decision_id", _INT),
        ],
        "draws": [
            ("day", _INT), ("order", _INT), ("person", _INT), ("draw_id", _INT), ("amount_minor", _INT),
            ("installments", _INT), ("outcome", _TEXT),
        ],
        "applications": [
            ("day", _INT), ("person", _INT), ("application_id", _INT), ("outcome", _TEXT), ("limit_minor", _INT),
        ],
        "lines": [("day", _INT), ("person", _INT), ("line_id", _INT), ("accepts", _FLAG), ("limit_minor", _INT)],
        "payments": [
            ("day", _INT), ("person", _INT), ("amount_minor", _INT), ("outcome", _TEXT), ("payment_id", _INT),
            ("is_repeat", _FLAG),
        ],
        "acts": [
            ("day", _INT), ("person", _INT), ("act", _TEXT), ("outcome", _TEXT), ("number", _INT),
            ("amount_minor", _INT),
        ],
        "bills": [
            ("day", _INT), ("person", _INT), ("closing_minor", _INT), ("minimum_minor", _INT), ("due_on", _INT),
            ("pays_minor", _INT), ("pays_on", _INT), ("is_unable", _FLAG),
        ],
        "parcels": [
            ("order", _INT), ("person", _INT), ("decision_id", _INT), ("shipped_on", _INT), ("promised_on", _INT),
            ("arrives_on", _INT), ("fate", _TEXT),
        ],
        "reviews": [("day", _INT), ("order", _INT), ("person", _INT), ("text", _TEXT), ("is_positive", _FLAG)],
        "months": [
            ("month", _INT), ("person", _INT), ("is_jobless", _FLAG), ("is_active", _FLAG), ("limit_minor", _INT),
            ("drawn_minor", _INT), ("owed_minor", _INT), ("days_past_due", _INT), ("is_open", _FLAG),
            ("is_charged_off", _FLAG), ("rival_lines", _INT), ("owed_elsewhere_minor", _INT),
        ],
    }.items()
}  # fmt: skip


class Diary:
    """Rows of the tables that are not written to files yet; `counts` are of all days."""

    def __init__(self, told: bytes = b"") -> None:
        kept = msgspec.msgpack.decode(told, type=_Kept) if told else _Kept({}, {})
        self._columns = {name: kept.columns.get(name, [[] for _ in schema]) for name, schema in TABLES.items()}
        self.counts = kept.counts

    def dump(self) -> bytes:
        """Everything, to go on from."""
        return msgspec.msgpack.encode(_Kept(self._columns, self.counts))

    def table(self, name: str) -> pa.Table:
        """The rows of one of `TABLES` that are not written yet."""
        return pa.table(self._columns[name], schema=TABLES[name])

    def write(self, folder: Path, *, part: str) -> None:
        """Write the rows as one part of each table, and forget them. The same part again is written over."""
        for name, schema in TABLES.items():
            where = folder / name
            where.mkdir(parents=True, exist_ok=True)
            pyarrow.parquet.write_table(self.table(name), where / f"{part}.parquet", compression="zstd")
            self._columns[name] = [[] for _ in schema]

    def note(self, step: Step, planned: Planned, answer: Answer) -> None:
        """One act and its answer."""
        day, act, person, order = day_number(step.day), planned.act, planned.person, planned.order
        self._count(type(act).__name__, answer)
        match act:
            case acts.Buy():
                assert order is not None
                self._add("purchases", day, act.order, person, act.amount_minor, act.category, order.kind,
                          order.found_on, answer.outcome, answer.number)  # fmt: skip
            case acts.Capture():
                self._add("draws", day, None if order is None else order.order, person, answer.number,
                          act.amount_minor, act.installments, answer.outcome)  # fmt: skip
                if order is not None and answer.outcome == acts.DONE:
                    self._add("parcels", order.order, person, act.decision_id, day, order.promised_on,
                              order.arrives_on, Fate(order.fate).name.lower())  # fmt: skip
            case acts.Apply():
                self._add("applications", day, person, answer.number, answer.outcome, answer.amount_minor)
            case acts.AcceptLine():
                self._add("lines", day, person, answer.number, act.accepts, answer.amount_minor)
            case acts.Pay():
                self._add("payments", day, person, act.amount_minor, answer.outcome, answer.number, answer.is_repeat)
            case _:
                self._add("acts", day, person, type(act).__name__, answer.outcome, answer.number, answer.amount_minor)

    def wished(self, day: date, orders: Orders) -> None:
        """What people wanted to order, whether or not a lender let them."""
        count = len(orders.number)
        self._extend("wishes", [day_number(day)] * count, orders.number, orders.person, orders.amount_minor,
                     _CATEGORIES[orders.category])  # fmt: skip

    def bills(self, day: date, bills: Bills, paid: Payments) -> None:
        """What was billed, and what people will do about it."""
        self._extend("bills", [day_number(day)] * len(bills.person), bills.person, bills.closing_minor,
                     bills.minimum_minor, bills.due_on, paid.amount_minor, paid.on, paid.is_unable)  # fmt: skip

    def reviews(self, on: Integers, person: Integers, told: ReviewTexts) -> None:
        """What people write about orders, and on which days (since 1970), which may be to come."""
        self._extend("reviews", on, told.order, person, list(told.text), told.is_positive)

    def month(self, month: int, lives: Lives, *, elsewhere_minor: Integers) -> None:
        """Where everybody stands when a month begins, and what they owe to all other lenders."""
        count = len(lives)
        self._extend(
            "months", [month] * count, list(range(count)), lives.is_jobless, lives.is_active, lives.limit_minor,
            lives.drawn_minor, lives.owed_minor, lives.days_past_due, lives.is_open, lives.is_charged_off,
            lives.rival_lines, elsewhere_minor,
        )  # fmt: skip

    def _count(self, act: str, answer: Answer) -> None:
        told = f"{act} {answer.outcome}"
        self.counts[told] = self.counts.get(told, 0) + 1

    def _add(self, table: str, *values: Any) -> None:
        for column, value in zip(self._columns[table], values, strict=True):
            column.append(value)

    def _extend(self, table: str, *columns: Any) -> None:
        for column, values in zip(self._columns[table], columns, strict=True):
            column.extend(values if isinstance(values, list) else values.tolist())


class _Kept(msgspec.Struct):
    columns: dict[str, list[list[Any]]]
    counts: dict[str, int]
