"""Writes what a review found: decisions, rejects, summary and report; a file is whole or absent, never half."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tallystick.operations.judging import CappedPlan, Judged
from tallystick.operations.loading import LoadedPortfolio
from tallystick.operations.whole_files import write_bytes
from tallystick.portfolio.book import LineBook
from tallystick.reports.summary import Summary
from tallystick.strategy.limits import LimitReason


def decisions_table(
    loaded: LoadedPortfolio, judged: Judged, *, baseline: CappedPlan, new: CappedPlan, reasons: npt.NDArray[np.str_]
) -> pa.Table:
    """One row per line. Money in minor units, PD and rates in ppm; a price that the law forbids is null.

    `reasons` has shape (lines, 4): for a line that is refused an increase or lowered, the principal reasons in order.
    """
    offered = np.asarray([price.is_offered for price in judged.prices])[judged.lines.grade]
    price = np.asarray([price.price_ppm for price in judged.prices])[judged.lines.grade]
    line = loaded.portfolio.line
    columns: dict[str, object] = {
        "line_id": line.column("line_id"),
        "source_row": line.column("source_row"),
        "pd_ppm": judged.lines.pd_ppm,
        "grade": np.asarray(judged.grade_names)[judged.lines.grade],
        "price_ppm": pa.array(price, mask=~offered),
        "drawn_minor": judged.lines.drawn_minor,
        "eligibility": judged.eligibility,
    }
    for name, book in (("today", judged.today), ("baseline", baseline.book), ("new", new.book)):
        columns |= _book_columns(name, book)
    for name, capped in (("baseline", baseline), ("new", new)):
        change = capped.book.limit_minor - judged.lines.limit_minor
        columns[f"action_{name}"] = np.select([change > 0, change < 0], ["increase", "decrease"], "keep")
        # An increase binds only once the borrower accepts it; a decrease takes effect at once.
        columns[f"effect_{name}"] = np.select([change > 0, change < 0], ["offer", "at_once"], "none")
        columns[f"limit_reason_{name}"] = capped.plan.reason
    for rank in range(reasons.shape[1]):
        columns[f"reason_{rank + 1}"] = pa.array(reasons[:, rank], mask=reasons[:, rank] == "")
    return pa.table(columns)


def principal_reasons(
    judged: Judged, plan: CappedPlan, score_reasons: list[npt.NDArray[np.str_]]
) -> npt.NDArray[np.str_]:
    """At most four reasons, in order, for each line that is refused an increase or lowered: shape (lines, 4).

    First what the eligibility table found, then what cost the score most; a line that was raised, or that no rule
    stands against, has none here: its limit reason says all.
    """
    adverse = ~judged.lines.may_increase | (plan.plan.reason == LimitReason.DECREASED_FOR_RISK.value)
    first = np.where(adverse, judged.eligibility, "")
    ranked = np.column_stack([first, *(np.where(adverse, codes, "") for codes in score_reasons[:3])])
    return ranked.astype(str)


def _book_columns(name: str, book: LineBook) -> dict[str, npt.NDArray[np.int64]]:
    return {
        f"limit_{name}_minor": book.limit_minor,
        f"profit_{name}_minor": book.profit_minor,
        f"expected_loss_{name}_minor": book.expected_loss_minor,
        f"provision_{name}_minor": book.provision_minor,
    }


def write_table(table: pa.Table, path: Path) -> None:
    """Parquet or CSV, by the name's ending."""
    sink = pa.BufferOutputStream()
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, sink)
    else:
        pyarrow.parquet.write_table(table, sink, compression="zstd")
    write_bytes(sink.getvalue().to_pybytes(), path)


def summary_json(summary: Summary) -> bytes:
    """The summary as UTF-8 JSON, keys in the order of its type."""
    return f"{json.dumps(summary, ensure_ascii=False, indent=1, allow_nan=False)}\n".encode()
