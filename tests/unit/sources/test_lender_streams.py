"""Who is observed in a lender's streams, and when: what was asked is read off them, and nothing that came later."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from tests.lender_sample import tick_of, write_lender, write_streams

from tallystick.features.event_tables import DAY_TICKS
from tallystick.sources.files import FileFault
from tallystick.sources.lender_streams import LenderStreams, read_lender_streams
from tallystick.sources.training_form import StreamSource


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> LenderStreams:
    """Sixty lines, a third of the weak ones bad."""
    folder = write_lender(tmp_path_factory.mktemp("lender"), bad_share=0.9, fraud_share=0.1, lines=60)
    return read_lender_streams(folder)


def requests(streams: LenderStreams, observe: str, *, every_days: int = 30) -> pa.Table:
    """What is observed."""
    return streams.observed(StreamSource(observe=observe, time_zone="Asia/Shanghai", every_days=every_days)).requests


def test_rows_are_numbered_as_the_books_number_them(streams: LenderStreams) -> None:
    ids = streams.tables["line_change"]["event_id"].to_pylist()
    assert ids.count(1) > 1  # a line's own revisions


def test_purchases_that_were_declined_are_not_observed(streams: LenderStreams) -> None:
    told = requests(streams, "purchase")
    declined = {20_000 + 10 * line + 2 for line in range(10, 61, 10)}
    asked = set(streams.tables["purchase"]["event_id"].to_pylist())
    assert set(told["request_id"].to_pylist()) == asked - declined
    assert told["utc_offset_minutes"].to_pylist() == [480] * len(told)
    assert told["device_id"].null_count == 0


def test_an_application_is_the_last_one_before_its_line_was_opened(tmp_path: Path) -> None:
    who = {"borrower_id": 7, "is_declined": False}
    rows = {
        "application": [
            {"event_id": 1, "tick": tick_of(0), "borrower_id": 7, "is_declined": True},
            {"event_id": 2, "tick": tick_of(40)} | who,
            {"event_id": 3, "tick": tick_of(90)} | who,
            {"event_id": 4, "tick": tick_of(5), "borrower_id": 8, "is_declined": False},
        ],
        "line_change": [{"event_id": 1, "tick": tick_of(41), "line_id": 70, "borrower_id": 7, "limit_minor": 1}],
    }
    told = requests(read_lender_streams(write_streams(tmp_path, rows)), "application")
    assert told.select(["request_id", "line_id", "tick"]).to_pylist() == [
        {"request_id": 2, "line_id": 70, "tick": tick_of(40)}
    ]


def test_a_review_sees_lines_as_they_stood_without_those_in_arrears_or_default(tmp_path: Path) -> None:
    def stood(line: int, day: float, *, place: int = 1, unpaid: int | None = None, limit: int = 100) -> dict[str, Any]:
        day_number = None if unpaid is None else tick_of(unpaid) // DAY_TICKS
        told = {"line_id": line, "borrower_id": line, "limit_minor": limit, "oldest_unpaid_due_day": day_number}
        return told | {"event_id": place, "tick": tick_of(day)}

    rows = {
        "line_change": [
            stood(1, 0), stood(2, 5, unpaid=4), stood(3, 0), stood(3, 1, place=2, unpaid=1), stood(4, 95),
            stood(5, 0, limit=0), stood(6, 0),
        ],
        "past_due_spell": [
            {"event_id": 2, "tick": tick_of(60), "line_id": 6, "borrower_id": 6, "days_past_due": 90},
        ],
    }  # fmt: skip
    streams = read_lender_streams(write_streams(tmp_path, rows)).before(tick_of(121))
    told = requests(streams, "review", every_days=30)
    found = {(row["tick"], row["line_id"]) for row in told.to_pylist()}
    at = {day: tick_of(day) for day in (1, 31, 61, 91)}
    # Line 2 is 27 days past due on day 31 and 57 on day 61; line 3 30 on day 31; line 4 is there from day 95 on.
    assert found == {
        (at[1], 1),
        (at[1], 3),
        (at[1], 6),
        (at[31], 1),
        (at[31], 2),
        (at[31], 6),
        (at[61], 1),
        (at[91], 1),
    }
    assert told["request_id"].to_pylist() == list(range(1, len(told) + 1))


def test_what_came_later_is_not_there(streams: LenderStreams) -> None:
    before = streams.before(tick_of(30))
    assert before.known_until_tick == tick_of(30)
    assert max(rows["tick"].to_numpy().max() for rows in before.tables.values() if len(rows)) < tick_of(30)
    assert len(requests(before, "application")) < len(requests(streams, "application")) == 60


def test_what_cannot_be_read_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match=r"nowhere: no stream has a row; give a folder with purchase, "):
        read_lender_streams(tmp_path / "nowhere")
    rows = {"payment": [{"event_id": 1, "tick": tick_of(1), "line_id": 1, "borrower_id": 1, "amount_minor": 5}]}
    streams = read_lender_streams(write_streams(tmp_path, rows))
    (tmp_path / "application.parquet").unlink()
    with pytest.raises(FileFault, match="application: no such stream; applications are read off it"):
        requests(read_lender_streams(tmp_path), "application")
    assert len(requests(streams, "application")) == 0
