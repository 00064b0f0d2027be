"""What lines brought by a day, as the books stand now: earned, lost, and how long how much was lent."""

from datetime import date
from typing import Any, Final

import pyarrow as pa
from psycopg import Connection

from tallystick.servicing.journal import EARNED, LOST, PRINCIPAL, RECEIVABLES
from tallystick.storage.ledger import NUMBERS

# Of lines `opened` (line_id, contract_hash, ends_on, and what else they carry), by the end of `ends_on`. Transfers and
# history count by the day from which they are effective: as the books stand now, corrections included. Earned is what
# was billed, fees of merchants included, less what was given back or waived. Lost is what was charged off, less
# recoveries, and all that is owed on a line in default, by its own contract.
BROUGHT: Final = """
    SELECT opened.*, booked.earned_minor,
           booked.lost_minor + CASE WHEN ends_on - seen.oldest_unpaid_due_on
                                         >= (contracts.body -> 'delinquency' ->> 'default_from_days')::integer
                                    THEN booked.owed_minor ELSE 0 END AS lost_minor,
           booked.principal_minor_days
    FROM opened JOIN contracts USING (contract_hash)
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount_minor * ((credit_number = ANY(%(earned)s::smallint[]))::integer
                                            - (debit_number = ANY(%(earned)s::smallint[]))::integer)), 0)
                   AS earned_minor,
               coalesce(sum(amount_minor * ((debit_number = ANY(%(lost)s::smallint[]))::integer
                                            - (credit_number = ANY(%(lost)s::smallint[]))::integer)), 0)
                   AS lost_minor,
               coalesce(sum(amount_minor * ((debit_number = ANY(%(owed)s::smallint[]))::integer
                                            - (credit_number = ANY(%(owed)s::smallint[]))::integer)), 0)
                   AS owed_minor,
               coalesce(sum(amount_minor * (ends_on + 1 - effective_on)
                            * ((debit_number = %(principal)s)::integer - (credit_number = %(principal)s)::integer)), 0)
                   AS principal_minor_days
        FROM transfers
        WHERE transfers.line_id = opened.line_id AND transfers.line_id <> 0 AND effective_on <= ends_on
    ) AS booked
    LEFT JOIN LATERAL (
        SELECT oldest_unpaid_due_on FROM line_history
        WHERE line_history.line_id = opened.line_id AND effective_on <= ends_on
        ORDER BY effective_on DESC, revision DESC, step DESC LIMIT 1
    ) AS seen ON true
"""
# The accounts by which it is told.
ACCOUNTS: Final[dict[str, Any]] = {
    "earned": [NUMBERS[code] for code in EARNED],
    "lost": [NUMBERS[code] for code in LOST],
    "owed": [NUMBERS[code] for code in RECEIVABLES.values()],
    "principal": NUMBERS[PRINCIPAL],
}
_SCHEMA: Final = pa.schema(
    [(name, pa.int64()) for name in ("line_id", "earned_minor", "lost_minor", "principal_minor_days")]
)
_LINES: Final = f"""
    WITH opened AS MATERIALIZED (
        SELECT line_id, contract_hash, %(ends_on)s::date AS ends_on FROM lines WHERE opened_on <= %(ends_on)s
    ), brought AS ({BROUGHT})
    SELECT coalesce(array_agg(line_id ORDER BY line_id), '{{}}'),
           coalesce(array_agg(earned_minor::bigint ORDER BY line_id), '{{}}'),
           coalesce(array_agg(lost_minor::bigint ORDER BY line_id), '{{}}'),
           coalesce(array_agg(principal_minor_days::bigint ORDER BY line_id), '{{}}')
    FROM brought
"""


def line_results(connection: Connection, *, until: date) -> pa.Table:
    """What every line that was opened by a day brought from its opening to the end of that day, by id.

    Columns `line_id`, `earned_minor`, `lost_minor` (minor units) and `principal_minor_days`: the principal that stood
    at the end of each day, summed. What a time between two days brought is the difference of two such tables.
    """
    row = connection.execute(_LINES.encode(), {"ends_on": until, **ACCOUNTS}).fetchone()
    assert row is not None, "an aggregate has a row"
    return pa.table(list(row), schema=_SCHEMA)
