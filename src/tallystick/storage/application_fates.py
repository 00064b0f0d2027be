"""What came of applications that were decided: the lines that were opened on them, and what these brought."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
from psycopg import Connection

from tallystick.storage.line_results import ACCOUNTS, BROUGHT

Flags = npt.NDArray[np.bool_]
Wholes = npt.NDArray[np.int64]

_BROUGHT: Final = f"""
    WITH asked AS MATERIALIZED (
        SELECT place, application_id, may_have_line, applied_on + %(opening_days)s::integer AS opened_until
        FROM unnest(%(application_ids)s::bigint[], %(may_have_line)s::boolean[])
             WITH ORDINALITY AS asked (application_id, may_have_line, place)
        LEFT JOIN applications USING (application_id)
    ), opened AS MATERIALIZED (
        SELECT application_id, lines.line_id, lines.contract_hash,
               (opened_on + make_interval(months => %(months)s))::date AS ends_on
        FROM asked JOIN credit_offers USING (application_id) JOIN lines USING (line_id)
        WHERE may_have_line AND opened_on <= opened_until
    ), brought AS ({BROUGHT})
    SELECT coalesce(array_agg(
               coalesce((opened_until + make_interval(months => %(months)s))::date < %(known_on)s, false)
               ORDER BY place), '{{}}'),
           coalesce(array_agg(brought.application_id IS NOT NULL ORDER BY place), '{{}}'),
           coalesce(array_agg(coalesce(earned_minor, 0)::bigint ORDER BY place), '{{}}'),
           coalesce(array_agg(coalesce(lost_minor, 0)::bigint ORDER BY place), '{{}}')
    FROM asked LEFT JOIN brought USING (application_id)
"""


@dataclass(frozen=True, slots=True)
class ApplicationFates:
    """An entry per application. `is_mature` is of its day alone; what its line earned and lost by its window's end.

    Where no line was opened in time both are nothing.
    """

    is_mature: Flags
    has_line: Flags
    earned_minor: Wholes
    lost_minor: Wholes


def application_fates(
    connection: Connection,
    application_ids: Sequence[int],
    *,
    may_have_line: Sequence[bool],
    months: int,
    opening_days: int,
    known_on: date,
) -> ApplicationFates:
    """What came of applications by the end of a window that is over before `known_on`; minor units.

    Earned is what was billed, fees of merchants included, less what was given back or waived. Lost is what was charged
    off, less recoveries, and all that is owed on a line in default on its window's last day, by its own contract.
    Lines of applications without `may_have_line` are not looked for.
    """
    row = connection.execute(
        _BROUGHT.encode(),
        {
            "application_ids": list(application_ids),
            "may_have_line": list(may_have_line),
            "months": months,
            "opening_days": opening_days,
            "known_on": known_on,
            **ACCOUNTS,
        },
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    mature, has_line, earned, lost = row
    return ApplicationFates(
        np.array(mature, dtype=np.bool_),
        np.array(has_line, dtype=np.bool_),
        np.array(earned, dtype=np.int64),
        np.array(lost, dtype=np.int64),
    )
