"""What became of a run in figures: what was done and answered, and where the lender's book stands at the end."""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from tallystick.world.economy.plan import WorldPlan


class BookFigures(Struct, frozen=True):
    """The lender's lines on a day; amounts in minor units."""

    lines: int
    open_lines: int
    frozen_lines: int
    charged_off_lines: int
    past_due_lines: int  # open ones
    past_due_90_lines: int
    limit_minor: int
    drawn_minor: int
    owed_minor: int
    charged_off_minor: int  # owed on lines that were given up


class RunSummary(Struct, frozen=True):
    """`counts`: by act and what it came to, as in `Buy approve`."""

    plan: WorldPlan
    lived_until: date
    counts: dict[str, int]
    book: BookFigures


def book_figures(standing: pa.Table) -> BookFigures:
    """The figures of the lender's standing (`acts.Lender.standing`)."""

    def count(flags: pa.ChunkedArray) -> int:
        return int(pc.sum(flags).as_py() or 0)

    def total(name: str, among: pa.ChunkedArray) -> int:
        return int(pc.sum(standing.filter(among)[name]).as_py() or 0)

    is_open, given_up = standing["is_open"], standing["is_charged_off"]
    return BookFigures(
        lines=standing.num_rows,
        open_lines=count(is_open),
        frozen_lines=count(pc.and_(is_open, standing["is_frozen"])),
        charged_off_lines=count(given_up),
        past_due_lines=count(pc.and_(is_open, pc.greater(standing["days_past_due"], 0))),
        past_due_90_lines=count(pc.and_(is_open, pc.greater(standing["days_past_due"], 90))),
        limit_minor=total("limit_minor", is_open),
        drawn_minor=total("drawn_minor", is_open),
        owed_minor=total("owed_minor", is_open),
        charged_off_minor=total("owed_minor", given_up),
    )
