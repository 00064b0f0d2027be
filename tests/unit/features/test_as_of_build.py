"""Features at an instant of small lives, by pencil; and what is refused, by name."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from tallystick.features.as_of_build import StreamFaults, build_as_of, streams_of
from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.features.event_tables import DAY_TICKS, EVENT_TABLES, HOUR_TICKS, REQUEST_SCHEMA

CATALOG = load_as_of_catalog()
NOW = int(datetime(2026, 3, 28, 23, 30, tzinfo=UTC).timestamp()) * 1_000_000  # a Saturday; Sunday in China


def request(**known: Any) -> dict[str, Any]:
    """A purchase request in China; what is not told is not known."""
    return {"request_id": 1, "tick": NOW, "kind": "purchase", "utc_offset_minutes": 480, **known}


def told(name: str, asked: dict[str, Any] | list[dict[str, Any]], **streams: list[dict[str, Any]]) -> Any:
    """The feature of the last request, where streams hold these rows and no others."""
    asked = asked if isinstance(asked, list) else [asked]
    features = CATALOG.named([name])
    tables = {
        stream: pa.Table.from_pylist(
            [{"event_id": number, **row} for number, row in enumerate(streams.get(stream, []), start=100)],
            schema=EVENT_TABLES[stream].schema(),
        )
        for stream in streams_of(features)
    }
    built = build_as_of(pa.Table.from_pylist(asked, schema=REQUEST_SCHEMA), tables, features=features)
    return built.column(name)[-1].as_py()


@pytest.mark.parametrize(
    ("name", "known", "value"),
    [
        ("local_hour", {}, 7),
        ("is_weekend", {}, True),
        ("is_weekend", {"utc_offset_minutes": -60 * 24}, False),  # still Friday there
        ("is_night", {}, False),
        ("is_night", {"utc_offset_minutes": 420}, True),  # half past six
        ("amount", {}, None),
        ("age_years", {"born_on_day": 20_541 - 18 * 365 - 5}, 18),  # 20,541 is 29 March 2026; five leap days
        ("age_years", {"born_on_day": 20_541 - 18 * 365 - 3}, 17),
        ("age_band", {"born_on_day": 0}, "50_to_64"),
        ("age_band", {}, None),
        ("employed_days", {"employed_since_day": 20_500}, 41),
    ],
)
def test_what_the_request_says(name: str, known: dict[str, Any], value: Any) -> None:
    assert told(name, request(**known)) == value


def test_a_line_that_never_bought_has_bought_nothing_and_an_unknown_one_is_unknown() -> None:
    assert told("line_purchase_count_7d", request(line_id=5)) == 0
    assert told("line_purchase_sum_7d", request(line_id=5)) == 0
    assert told("line_purchase_mean_7d", request(line_id=5)) is None
    assert told("line_purchase_count_7d", request()) is None


def test_what_is_not_known_is_never_a_figure() -> None:
    """No key is known: no feature about an entity says anything, least of all that nothing is past due."""
    features = tuple(feature for feature in CATALOG.features if feature.entities)
    streams = {name: table.schema().empty_table() for name, table in EVENT_TABLES.items()}
    built = build_as_of(pa.Table.from_pylist([request()], schema=REQUEST_SCHEMA), streams, features=features)
    assert {name: value for name, value in built.to_pylist()[0].items() if value is not None} == {"request_id": 1}
    of_line = [name for name in built.column_names if name.startswith(("line_available", "line_days_past_due"))]
    assert [told(name, request(line_id=5)) for name in of_line] == [None] * 4


@pytest.mark.parametrize(
    ("born", "today", "age"),
    [
        ("2008-07-01", "2026-06-30", 17),
        ("2008-07-01", "2026-07-01", 18),
        ("2007-07-01", "2026-07-01", 19),
        ("2008-02-29", "2026-02-28", 17),
        ("2008-02-29", "2026-03-01", 18),
        ("2004-02-29", "2024-02-29", 20),
        ("1931-12-31", "2026-12-30", 94),
        ("1931-12-31", "2027-01-01", 95),
    ],
)
def test_one_is_a_year_older_on_the_birthday(born: str, today: str, age: int) -> None:
    first = date(1970, 1, 1)
    noon = (date.fromisoformat(today) - first).days * DAY_TICKS + 4 * HOUR_TICKS  # in China, eight hours ahead
    born_on_day = (date.fromisoformat(born) - first).days
    assert told("age_years", request(tick=noon, born_on_day=born_on_day)) == age


def test_the_spread_of_large_purchases_counts_each_up_to_a_hundred_thousand() -> None:
    bought = [{"tick": NOW - ago, "borrower_id": 5, "amount_minor": minor} for ago, minor in ((1, 400), (2, 200))]
    assert told("borrower_amount_spread_30d", request(borrower_id=5), purchase=bought) == 100.0
    assert told("borrower_amount_deviations_30d", request(borrower_id=5, amount_minor=500), purchase=bought) == 2.0
    large = [{**row, "amount_minor": row["amount_minor"] * 50_000} for row in bought]  # 200,000.00 and 100,000.00
    assert told("borrower_amount_spread_30d", request(borrower_id=5), purchase=large) == 0.0
    mixed = [large[0], bought[0]]
    assert told("borrower_amount_spread_30d", request(borrower_id=5), purchase=mixed) == (10_000_000 - 400) / 2


def test_a_window_ends_before_the_request_and_begins_after_its_far_end() -> None:
    bought = [{"tick": NOW - ago, "line_id": 5, "amount_minor": 100} for ago in (0, 1, HOUR_TICKS - 1, HOUR_TICKS)]
    assert told("line_purchase_count_1h", request(line_id=5), purchase=bought) == 2


def test_a_later_request_of_a_batch_sees_the_earlier_one_but_not_what_became_of_it() -> None:
    first = request(request_id=1, line_id=5, amount_minor=700)
    second = request(request_id=2, line_id=5, amount_minor=100, tick=NOW + 1)
    assert told("line_purchase_sum_1h", [first, second]) == 700
    answered_later = [{"tick": NOW + 2, "line_id": 5, "is_declined": True}]
    assert told("line_declined_share_1d", [first, second], purchase_outcome=answered_later) is None


def test_a_review_is_no_purchase() -> None:
    review = request(request_id=1, line_id=5, kind="review")
    assert told("line_purchase_count_1h", [review, request(request_id=2, line_id=5, tick=NOW + 1)]) == 0


def test_a_label_counts_from_the_day_on_which_it_is_known() -> None:
    label = {"line_id": 5, "merchant_id": 8, "purchased_at_tick": NOW - 9 * DAY_TICKS, "is_fraud": True}
    known, unknown = {**label, "tick": NOW - DAY_TICKS}, {**label, "tick": NOW + 1}
    assert told("merchant_fraud_count_7d", request(merchant_id=8), fraud_label=[known, unknown]) == 1


def test_new_is_what_the_line_did_not_do_within_ninety_days() -> None:
    bought = [
        {"tick": NOW - 5, "line_id": 5, "merchant_id": 8},
        {"tick": NOW - 91 * DAY_TICKS, "line_id": 5, "merchant_id": 9},
    ]
    assert told("line_is_new_merchant", request(line_id=5, merchant_id=8), purchase=bought) is False
    assert told("line_is_new_merchant", request(line_id=5, merchant_id=9), purchase=bought) is True
    assert told("line_is_new_merchant", request(line_id=5), purchase=bought) is None


def test_from_beijing_to_shanghai_in_two_hours() -> None:
    beijing = {"latitude_udeg": 39_904_200, "longitude_udeg": 116_407_400}
    shanghai = {"latitude_udeg": 31_230_400, "longitude_udeg": 121_473_700}
    bought = [{"tick": NOW - 2 * HOUR_TICKS, "line_id": 5, **beijing}, {"tick": NOW - HOUR_TICKS, "line_id": 5}]
    # the great circle is 1,067 km
    assert told("line_kilometers_since_purchase", request(line_id=5, **shanghai), purchase=bought) == pytest.approx(
        1067, rel=3e-3
    )
    assert told("line_kilometers_per_hour", request(line_id=5, **shanghai), purchase=bought) == pytest.approx(
        533.7, rel=3e-3
    )
    across = {"latitude_udeg": 0, "longitude_udeg": 179_900_000}
    near = [{"tick": NOW - 5, "line_id": 5, "latitude_udeg": 0, "longitude_udeg": -179_900_000}]
    assert told("line_kilometers_since_purchase", request(line_id=5, **across), purchase=near) == pytest.approx(
        22.2, rel=3e-3
    )


def test_how_a_line_stands_and_was_used() -> None:
    line = {"line_id": 5, "limit_minor": 1_000, "held_minor": 100, "opened_on_day": 20_000}
    changes = [
        {**line, "tick": NOW - 40 * DAY_TICKS, "drawn_minor": 300},
        {**line, "tick": NOW - 20 * DAY_TICKS, "drawn_minor": 900},
        {
            **line,
            "tick": NOW - 10 * DAY_TICKS,
            "drawn_minor": 500,
            "oldest_unpaid_due_day": 20_536,
            "is_limit_change": True,
        },
    ]
    asked = request(line_id=5, amount_minor=200)
    by_hand = {
        "line_utilization": 0.5, "line_available": 400, "line_utilization_max_30d": 0.9,
        "line_utilization_trend": 0.2, "line_drawn_range_90d": 0.6, "line_exposure_after": 0.8,
        "line_tenure_days": 541, "line_days_past_due": 5, "line_limit_change_count": 1,
        "line_days_since_limit_change": 10,
    }  # fmt: skip
    assert {name: told(name, asked, line_change=changes) for name in by_hand} == by_hand
    assert told("line_days_past_due_max_400d", asked, line_change=changes, past_due_spell=[
        {"tick": NOW - 100 * DAY_TICKS, "line_id": 5, "days_past_due": 45}
    ]) == 45  # fmt: skip
    assert told("line_days_past_due_max_90d", asked, line_change=changes) == 5


def test_what_was_drawn_when_the_window_began_stood_in_it() -> None:
    line = {"line_id": 5, "limit_minor": 1_000}
    paid_back = [
        {**line, "tick": NOW - 60 * DAY_TICKS, "drawn_minor": 900},
        {**line, "tick": NOW - 25 * DAY_TICKS, "drawn_minor": 100},
    ]
    assert told("line_utilization_max_30d", request(line_id=5), line_change=paid_back) == 0.9
    assert told("line_drawn_range_90d", request(line_id=5), line_change=paid_back) == 0.8
    unchanged = [{**line, "tick": NOW - 100 * DAY_TICKS, "drawn_minor": 900}]
    assert told("line_utilization_max_30d", request(line_id=5), line_change=unchanged) == 0.9
    assert told("line_drawn_range_90d", request(line_id=5), line_change=unchanged) == 0.0
    assert told("line_drawn_range_90d", request(line_id=5), line_change=[*unchanged, *paid_back[1:]]) == 0.8


def test_a_payment_or_a_kind_that_nobody_told_is_neither_good_nor_bad() -> None:
    due = {"line_id": 5, "closing_minor": 1_000, "minimum_due_minor": 100}
    untold = {**due, "tick": NOW - 5}
    missed = {**due, "tick": NOW - 9, "paid_minor": 50}
    ratio, share = "line_payment_ratio_90d", "line_missed_minimum_share"
    assert told(ratio, request(line_id=5), statement_due=[untold]) is None
    assert told(ratio, request(line_id=5), statement_due=[untold, missed]) == 0.05
    assert told(share, request(line_id=5), statement_due=[untold, missed]) == 1.0
    drawn = {"tick": NOW - 5, "line_id": 5, "amount_minor": 300}
    assert told("line_cash_share_30d", request(line_id=5), draw=[drawn]) is None
    assert told("line_cash_share_30d", request(line_id=5), draw=[drawn, {**drawn, "is_cash": True}]) == 1.0
    back = {"tick": NOW - 4, "line_id": 5}
    assert told("line_refund_share_30d", request(line_id=5), draw=[drawn], refund=[]) == 0.0
    assert told("line_refund_share_30d", request(line_id=5), draw=[drawn], refund=[back]) is None
    assert (
        told("line_refund_share_30d", request(line_id=5), draw=[drawn], refund=[{**back, "amount_minor": 75}]) == 0.25
    )


def test_the_bureaus_utilization_is_of_one_report() -> None:
    reports = [
        {
            "event_id": 1,
            "tick": NOW - 2 * DAY_TICKS,
            "borrower_id": 1,
            "total_limit_minor": 100,
            "total_drawn_minor": 50,
        },
        {"event_id": 2, "tick": NOW - DAY_TICKS, "borrower_id": 1, "total_limit_minor": 1_000},
    ]
    assert told("bureau_utilization", request(borrower_id=1), bureau_report=reports) == 0.5
    assert told("bureau_total_limit", request(borrower_id=1), bureau_report=reports) == 1_000
    assert told("bureau_utilization", request(borrower_id=1), bureau_report=reports[1:]) is None


def test_minimum_payments_in_a_row_end_with_a_full_one() -> None:
    def due(days: int, paid_minor: int) -> dict[str, Any]:
        return {
            "tick": NOW - days * DAY_TICKS,
            "line_id": 5,
            "closing_minor": 1_000,
            "minimum_due_minor": 100,
            "paid_minor": paid_minor,
        }

    statements = [due(120, 100), due(90, 1_000), due(60, 100), due(30, 150)]
    assert told("line_minimum_payment_streak", request(line_id=5), statement_due=statements) == 2
    assert told("line_payment_ratio_400d", request(line_id=5), statement_due=statements) == 1_350 / 4_000
    assert told("line_minimum_payment_streak", request(line_id=5), statement_due=[]) == 0


def test_everything_that_is_wrong_is_told_at_once() -> None:
    asked = pa.table({"request_id": pa.array([1.5]), "tick": pa.array([1])})
    with pytest.raises(StreamFaults) as told_faults:
        build_as_of(asked, {}, features=CATALOG.named(["line_purchase_count_1h", "line_payment_count_30d"]))
    text = str(told_faults.value)
    assert "purchase: missing; line_purchase_count_1h read it" in text
    assert "payment: missing" in text
    assert "request: request_id: is double, must be int64" in text
    assert "request: kind: no such column" in text


def test_rows_that_cannot_be_are_counted() -> None:
    asked = pa.Table.from_pylist([request(), request(kind="gift")], schema=REQUEST_SCHEMA)
    with pytest.raises(StreamFaults) as told_faults:
        build_as_of(asked, {}, features=CATALOG.named(["amount"]))
    assert told_faults.value.faults == (
        "request.request_id: 1 rows repeat another's; keep one of each",
        "request.kind: 'gift' is not known; use purchase, application, review",
    )


def test_changes_of_a_line_are_numbered_within_it() -> None:
    def changes(*lines: tuple[int, int]) -> pa.Table:
        rows = [
            {"event_id": event, "tick": NOW - DAY_TICKS, "line_id": line, "limit_minor": 100, "drawn_minor": 40}
            for line, event in lines
        ]
        return pa.Table.from_pylist(rows, schema=EVENT_TABLES["line_change"].schema())

    asked = pa.Table.from_pylist([request(line_id=5)], schema=REQUEST_SCHEMA)
    features = CATALOG.named(["line_utilization"])
    table = build_as_of(asked, {"line_change": changes((5, 1), (6, 1), (6, 2))}, features=features)
    assert table["line_utilization"].to_pylist() == [0.4]
    with pytest.raises(StreamFaults, match=r"line_change\.event_id: 1 rows repeat another's"):
        build_as_of(asked, {"line_change": changes((5, 1), (5, 1), (6, 1))}, features=features)


@pytest.mark.parametrize("unit", [1_000_000, 1_000, 1 / 1_000])
def test_a_tick_in_another_unit_is_refused(unit: float) -> None:
    """Seconds, milliseconds and nanoseconds: every window would be wrong, and no figure would look it."""
    asked = pa.Table.from_pylist([request(tick=int(NOW / unit))], schema=REQUEST_SCHEMA)
    bought = pa.Table.from_pylist([{"event_id": 7, "tick": int(NOW / unit)}], schema=EVENT_TABLES["purchase"].schema())
    with pytest.raises(StreamFaults) as told_faults:
        build_as_of(asked, {"purchase": bought}, features=CATALOG.named(["line_purchase_count_1h"]))
    outside = "1 rows lie outside the years 1990 to 2199; a tick is in microseconds since 1970 (UTC)"
    assert told_faults.value.faults == (f"request.tick: {outside}", f"purchase.tick: {outside}")


@pytest.mark.parametrize("minor", [2**62, -(2**63)])
def test_an_amount_that_could_not_be_added_up_is_refused(minor: int) -> None:
    asked = pa.Table.from_pylist([request(amount_minor=minor)], schema=REQUEST_SCHEMA)
    with pytest.raises(StreamFaults, match=r"request\.amount_minor: 1 rows are beyond 1,000,000,000,000 minor units"):
        build_as_of(asked, {}, features=CATALOG.named(["amount"]))


def test_whole_numbers_that_may_not_fit_are_refused() -> None:
    asked = pa.Table.from_pylist([request()], schema=REQUEST_SCHEMA)
    place = asked.column_names.index("amount_minor")
    narrow = asked.set_column(place, "amount_minor", pa.array([7], pa.uint32()))
    assert build_as_of(narrow, {}, features=CATALOG.named(["amount"])).column("amount").to_pylist() == [7]
    wide = asked.set_column(place, "amount_minor", pa.array([7], pa.uint64()))
    with pytest.raises(StreamFaults, match="request: amount_minor: is uint64, must be int64"):
        build_as_of(wide, {}, features=CATALOG.named(["amount"]))


def test_a_row_a_whole_window_ago_is_outside_of_the_shorter_of_two_windows_too() -> None:
    bought = pa.Table.from_pylist(
        [{"event_id": 7, "tick": NOW - HOUR_TICKS, "line_id": 5}], schema=EVENT_TABLES["purchase"].schema()
    )
    asked = pa.Table.from_pylist([request(line_id=5)], schema=REQUEST_SCHEMA)
    names = ["line_purchase_count_1h", "line_purchase_count_1d"]
    built = build_as_of(asked, {"purchase": bought}, features=CATALOG.named(names)).to_pylist()
    assert built == [{"request_id": 1, "line_purchase_count_1h": 0, "line_purchase_count_1d": 1}]
