"""The logical source tables that feature SQL may read, as Arrow schemas: the border between sources and features.

Money is whole minor units of one currency per portfolio. `position` numbers the valid lines 0..n-1 in input
order and joins the two tables. `months_ago` 0 is the latest closed statement month.
"""

import pyarrow as pa

LINE = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("source_row", pa.int64(), nullable=False),  # row of the input, counted from 1
        pa.field("line_id", pa.string(), nullable=False),  # unique
        pa.field("currency", pa.string(), nullable=False),  # ISO 4217, the same on every row
        pa.field("credit_limit_minor", pa.int64(), nullable=False),  # above zero
        pa.field("income_month_minor", pa.int64()),
        pa.field("age_years", pa.int64()),
        pa.field("months_on_book", pa.int64()),
        pa.field("education", pa.string()),  # EDUCATION_LEVELS
        pa.field("marital_status", pa.string()),  # MARITAL_STATUSES; protected
        pa.field("sex", pa.string()),  # SEXES; protected
        pa.field("segment", pa.string()),  # the lender's own grouping, for reports and segment caps
        pa.field("nominal_rate_ppm", pa.int64()),  # present price of the line, per year
        pa.field("outcome", pa.int8()),  # 1 bad, 0 good, null unknown (see the mapping's outcome definition)
    ]
)

LINE_MONTH = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("months_ago", pa.int64(), nullable=False),
        pa.field("balance_minor", pa.int64()),  # statement balance; negative is a credit balance
        pa.field("paid_minor", pa.int64()),  # payments received in the month: they pay the month before's balance
        pa.field("spent_minor", pa.int64()),  # purchases posted in the month
        pa.field("months_past_due", pa.int64()),  # 0 = current
        pa.field("repayment", pa.string()),  # REPAYMENTS
    ]
)

EDUCATION_LEVELS = ("postgraduate", "university", "high_school", "other")
MARITAL_STATUSES = ("married", "single", "other")
SEXES = ("male", "female")
# no_use: nothing was due; full: paid in full; revolving: at least the minimum was paid; late: less than that
REPAYMENTS = ("no_use", "full", "revolving", "late")
