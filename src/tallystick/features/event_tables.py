"""The logical source tables of features at an instant: requests, and streams of what became known, in whole numbers.

A stream holds what became known, each row at the instant from which decisions may know it: its `tick`, in
microseconds since 1970 (UTC). A label that is confirmed days after its purchase is a row at the tick of its
confirmation. So a feature cannot see the future: it reads rows whose tick lies before its request's.

Amounts are minor units, places millionths of a degree, days count from 1970-01-01. A null is what nobody knows.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pyarrow as pa

HOUR_TICKS: Final = 3_600_000_000
DAY_TICKS: Final = 24 * HOUR_TICKS
# The largest amount that a stream tells, ten billion yuan: sums of a window stay whole numbers of 64 bits.
MOST_TOLD_MINOR: Final = 1_000_000_000_000
# Before the name of a stream in the database, where `draw` and `payment` are words of the books as well.
STREAM_PREFIX: Final = "stream_"


class ColumnType(StrEnum):
    """What a column or a feature holds, by its SQL name."""

    BIGINT = "bigint"
    DOUBLE = "double"
    TEXT = "text"
    BOOLEAN = "boolean"

    @property
    def sql(self) -> str:
        """The type's name in PostgreSQL."""
        return "double precision" if self is ColumnType.DOUBLE else str(self)


class PersonalData(StrEnum):
    """How near a figure is to a person, from none of it to what the law protects."""

    NONE = "none"
    PSEUDONYMOUS = "pseudonymous"  # about one person or line, known by number only
    CONTACT = "contact"  # made of a phone, device or address
    LOCATION = "location"  # where somebody was
    FINANCIAL = "financial"  # income, debts, what a bureau tells
    DEMOGRAPHIC = "demographic"  # age: where the law allows it, and watched for fairness
    PROTECTED = "protected"  # sex, marriage: never part of a credit decision


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a source table."""

    name: str
    type: ColumnType
    personal_data: PersonalData = PersonalData.NONE


@dataclass(frozen=True, slots=True)
class EventTable:
    """One stream: `event_id` and `tick` first, the keys of the entities it is about, then what it says."""

    name: str
    en: str
    zh: str
    columns: tuple[Column, ...]

    def schema(self) -> pa.Schema:
        """The stream as an Arrow table; the first two columns are never null."""
        return _schema(self.columns, never_null=("event_id", "tick"))

    def column(self, name: str) -> Column | None:
        """The column of that name, None where there is none."""
        return next((column for column in self.columns if column.name == name), None)


# Streams whose `event_id` is the line's revision: no other row of the same line has it.
_NUMBERED_WITHIN_LINE: Final = ("line_change", "past_due_spell")


def identity_of(name: str) -> tuple[str, ...]:
    """The columns that no two rows of a stream share.

    >>> identity_of("purchase"), identity_of("line_change")
    (('event_id',), ('event_id', 'line_id'))
    """
    return ("event_id", "line_id") if name in _NUMBERED_WITHIN_LINE else ("event_id",)


ARROW_TYPES: Final = {
    ColumnType.BIGINT: pa.int64(),
    ColumnType.DOUBLE: pa.float64(),
    ColumnType.TEXT: pa.string(),
    ColumnType.BOOLEAN: pa.bool_(),
}


def _schema(columns: tuple[Column, ...], *, never_null: tuple[str, ...]) -> pa.Schema:
    return pa.schema(
        [pa.field(column.name, ARROW_TYPES[column.type], nullable=column.name not in never_null) for column in columns]
    )


_LINE = Column("line_id", ColumnType.BIGINT, PersonalData.PSEUDONYMOUS)
_BORROWER = Column("borrower_id", ColumnType.BIGINT, PersonalData.PSEUDONYMOUS)
_DEVICE = Column("device_id", ColumnType.BIGINT, PersonalData.CONTACT)
_MERCHANT = Column("merchant_id", ColumnType.BIGINT)
_TERMINAL = Column("terminal_id", ColumnType.BIGINT)
_ADDRESS = Column("address_id", ColumnType.BIGINT, PersonalData.CONTACT)
_PHONE = Column("phone_id", ColumnType.BIGINT, PersonalData.CONTACT)
_CATEGORY = Column("category", ColumnType.TEXT)
_AMOUNT = Column("amount_minor", ColumnType.BIGINT)
_KEYS = (_LINE, _BORROWER, _DEVICE, _MERCHANT, _TERMINAL, _ADDRESS, _PHONE, _CATEGORY)
_PLACE = (
    Column("latitude_udeg", ColumnType.BIGINT, PersonalData.LOCATION),
    Column("longitude_udeg", ColumnType.BIGINT, PersonalData.LOCATION),
)
_HEAD = (Column("event_id", ColumnType.BIGINT), Column("tick", ColumnType.BIGINT))


def _table(name: str, en: str, zh: str, *columns: Column) -> EventTable:
    return EventTable(name, en, zh, (*_HEAD, *columns))


# What is asked: a purchase, an application, the review of a line. Keys that are not known are null, and every feature
# about them is too. `utc_offset_minutes` is the lender's own at that instant: local hours are whole-number arithmetic.
REQUEST: Final = (
    Column("request_id", ColumnType.BIGINT),
    Column("tick", ColumnType.BIGINT),
    Column("kind", ColumnType.TEXT),
    Column("utc_offset_minutes", ColumnType.BIGINT),
    *_KEYS,
    _AMOUNT,
    *_PLACE,
    Column("income_month_minor", ColumnType.BIGINT, PersonalData.FINANCIAL),
    Column("born_on_day", ColumnType.BIGINT, PersonalData.DEMOGRAPHIC),
    Column("employment", ColumnType.TEXT, PersonalData.FINANCIAL),
    Column("employed_since_day", ColumnType.BIGINT, PersonalData.FINANCIAL),
    Column("sex", ColumnType.TEXT, PersonalData.PROTECTED),
)
REQUEST_SCHEMA: Final = _schema(REQUEST, never_null=("request_id", "tick", "kind", "utc_offset_minutes"))
REQUEST_KINDS: Final = ("purchase", "application", "review")

REQUEST_TABLE: Final = EventTable("request", "what is asked", "请求", REQUEST)

EVENT_TABLES: Final = {
    table.name: table
    for table in (
        _table("purchase", "purchases asked for", "购买请求", *_KEYS, _AMOUNT, *_PLACE),
        _table(
            "purchase_outcome", "purchases answered", "购买请求的答复", *_KEYS, _AMOUNT,
            Column("is_declined", ColumnType.BOOLEAN),
        ),
        _table(
            "fraud_label", "purchases confirmed as fraud or as good", "已确认是否欺诈的购买", *_KEYS, _AMOUNT,
            Column("purchased_at_tick", ColumnType.BIGINT), Column("is_fraud", ColumnType.BOOLEAN),
        ),
        _table("application", "applications for credit", "授信申请", _BORROWER, _DEVICE, _ADDRESS, _PHONE,
               Column("is_declined", ColumnType.BOOLEAN)),
        _table("draw", "amounts drawn", "支用", _LINE, _BORROWER, _MERCHANT, _AMOUNT,
               Column("is_cash", ColumnType.BOOLEAN)),
        _table("refund", "amounts given back", "退款", _LINE, _BORROWER, _MERCHANT, _AMOUNT),
        _table("payment", "payments received", "还款", _LINE, _BORROWER, _AMOUNT),
        _table(
            "statement_due", "statements, once their due date is over", "到期的账单", _LINE, _BORROWER,
            Column("closing_minor", ColumnType.BIGINT), Column("minimum_due_minor", ColumnType.BIGINT),
            Column("paid_minor", ColumnType.BIGINT),
        ),
        _table(
            "line_change", "lines as they stood after each change", "额度变动后的状态", _LINE, _BORROWER,
            Column("limit_minor", ColumnType.BIGINT), Column("drawn_minor", ColumnType.BIGINT),
            Column("held_minor", ColumnType.BIGINT), Column("oldest_unpaid_due_day", ColumnType.BIGINT),
            Column("opened_on_day", ColumnType.BIGINT), Column("is_limit_change", ColumnType.BOOLEAN),
        ),
        _table(
            "past_due_spell", "times past due, once they are over", "已结束的逾期", _LINE, _BORROWER,
            Column("days_past_due", ColumnType.BIGINT),
        ),
        _table(
            "bureau_report", "reports of a credit bureau", "征信报告", _BORROWER,
            Column("bureau_score", ColumnType.BIGINT, PersonalData.FINANCIAL),
            Column("open_lines", ColumnType.BIGINT, PersonalData.FINANCIAL),
            Column("total_limit_minor", ColumnType.BIGINT, PersonalData.FINANCIAL),
            Column("total_drawn_minor", ColumnType.BIGINT, PersonalData.FINANCIAL),
            Column("inquiries_90d", ColumnType.BIGINT, PersonalData.FINANCIAL),
            Column("worst_days_past_due_24m", ColumnType.BIGINT, PersonalData.FINANCIAL),
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entity:
    """What a feature is about. The history of a `tiled` one has no bound: it is served from tiles of time as well."""

    name: str
    en: str
    zh: str
    key: str
    tiled: bool = False


ENTITIES: Final = {
    entity.name: entity
    for entity in (
        Entity("line", "credit line", "额度", "line_id"),
        Entity("borrower", "borrower", "借款人", "borrower_id"),
        Entity("device", "device", "设备", "device_id"),
        Entity("phone", "phone", "手机号", "phone_id"),
        Entity("merchant", "merchant", "商户", "merchant_id", tiled=True),
        Entity("terminal", "terminal", "终端", "terminal_id", tiled=True),
        Entity("address", "delivery address", "收货地址", "address_id", tiled=True),
        Entity("category", "category of goods", "商品类目", "category", tiled=True),
    )
}
