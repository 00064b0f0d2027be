"""Streams of a young lender, made up so that it is known who goes bad and which purchase is fraud."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from tallystick.features.event_tables import DAY_TICKS, EVENT_TABLES, HOUR_TICKS

FIRST_DAY = date(2026, 1, 1)
LINES = 300
_BEGIN = (FIRST_DAY - date(1970, 1, 1)).days
_LIMIT_MINOR = 800_000


def tick_of(day: float) -> int:
    """The tick of a day of the lender's, counted from its first."""
    return int((_BEGIN + day) * DAY_TICKS)


def write_lender(folder: Path, *, bad_share: float, fraud_share: float, lines: int = LINES) -> Path:
    """Fourteen months of lines that opened in the first two, each with three purchases.

    Of those with a low score of the bureau `bad_share` are never paid again from day 50 on, of the others a tenth of
    that. Of `fraud_share` of the lines the second purchase is found to be fraud thirty days later.
    """
    chance = np.random.default_rng(5)
    score = chance.integers(400, 900, lines)
    is_bad = chance.random(lines) < np.where(score < 600, bad_share, bad_share / 10)
    is_robbed = chance.random(lines) < fraud_share
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in EVENT_TABLES}
    for line in range(1, lines + 1):
        who, opened = {"borrower_id": 5_000 + line}, line % 60
        keys = who | {"device_id": line, "address_id": line, "phone_id": line}
        asked = {"event_id": 10_000 + line, "tick": tick_of(opened), "is_declined": False}
        rows["application"].append(asked | keys)
        rows["bureau_report"].append(_report(10_000 + line, tick_of(opened) - 1, int(score[line - 1])) | who)
        rows["line_change"] += _changes(line, opened, is_bad=bool(is_bad[line - 1]), who=who)
        for place, after in enumerate((5, 15, 100)):
            rows["purchase"].append(_purchase(line, place, opened + after) | keys)
            rows["purchase_outcome"].append(rows["purchase"][-1] | {"is_declined": place == 2 and line % 10 == 0})
        if is_robbed[line - 1]:
            bought = rows["purchase"][-2]
            found = {"event_id": 90_000 + line, "tick": bought["tick"] + 30 * DAY_TICKS, "is_fraud": True}
            rows["fraud_label"].append(bought | found | {"purchased_at_tick": bought["tick"]})
    return write_streams(folder, rows)


def write_streams(folder: Path, rows: dict[str, list[dict[str, Any]]]) -> Path:
    """Every stream as a Parquet file, in order of the ticks; those without rows are empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in EVENT_TABLES.items():
        told = sorted(rows.get(name, []), key=lambda row: row["tick"])
        known = [{key: value for key, value in row.items() if key in table.schema().names} for row in told]
        pyarrow.parquet.write_table(pa.Table.from_pylist(known, schema=table.schema()), folder / f"{name}.parquet")
    return folder


def _report(event_id: int, tick: int, score: int) -> dict[str, Any]:
    told = {"bureau_score": score, "open_lines": 2, "inquiries_90d": 1, "worst_days_past_due_24m": 0}
    return {"event_id": event_id, "tick": tick, "total_limit_minor": 600_000, "total_drawn_minor": 300_000} | told


def _changes(line: int, opened: int, *, is_bad: bool, who: dict[str, int]) -> Sequence[dict[str, Any]]:
    """The line as it stood, numbered within the line as in the books; the last row stands to the end."""
    stood = {"line_id": line, "limit_minor": _LIMIT_MINOR, "held_minor": 0, "opened_on_day": _BEGIN + opened}
    days: list[tuple[float, int, int | None]] = [(opened + 1 / 24, 0, None), (opened + 6, 200_000, None)]
    if is_bad:
        days.append((opened + 51, 200_000, _BEGIN + opened + 50))
    days.append((430, 200_000, _BEGIN + opened + 50 if is_bad else None))
    return [
        stood | who | {"event_id": place + 1, "tick": tick_of(day) + HOUR_TICKS, "is_limit_change": False}
        | {"drawn_minor": drawn, "oldest_unpaid_due_day": unpaid}
        for place, (day, drawn, unpaid) in enumerate(days)
    ]  # fmt: skip


def _purchase(line: int, place: int, day: float) -> dict[str, Any]:
    told = {"line_id": line, "merchant_id": 1 + line % 7, "category": "books", "amount_minor": 20_000 * (1 + place)}
    return {"event_id": 20_000 + 10 * line + place, "tick": tick_of(day) + line * 1_000} | told
