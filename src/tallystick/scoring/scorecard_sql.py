"""A scorecard as one SQL SELECT that gives the same points, to the last bit of the log odds."""

from collections.abc import Sequence

import numpy as np
import sqlglot
from sqlglot import exp

from tallystick.scoring.binning import FeatureBins


def select_text(
    *,
    bins: Sequence[FeatureBins],
    points: Sequence[tuple[int, ...]],
    log_odds: Sequence[tuple[float, ...]],
    base_points: int,
    intercept: float,
    relation: str,
    dialect: str,
) -> str:
    """`SELECT *, ... AS points, ... AS log_odds FROM relation` in a dialect that sqlglot knows.

    Each feature is one CASE per figure. Null and NaN are missing. Floats are written in full, with an exponent:
    engines then read them as doubles, not decimals. Sums run in the order in which NumPy runs them.
    """
    total: exp.Expression = exp.Literal.number(base_points)
    exact = _double(intercept)
    for feature, feature_points, feature_log_odds in zip(bins, points, log_odds, strict=True):
        total = exp.Add(this=total, expression=_case(feature, [_whole(point) for point in feature_points]))
        exact = exp.Add(this=exact, expression=_case(feature, [_double(figure) for figure in feature_log_odds]))
    select = exp.select(
        exp.Star(),
        exp.alias_(exp.cast(exp.paren(total), "bigint"), "points"),
        exp.alias_(exact, "log_odds"),
    ).from_(exp.to_table(relation, quoted=True) if relation.isidentifier() else relation)
    text = str(select.sql(dialect=dialect, pretty=True))
    sqlglot.parse_one(text, dialect=dialect)
    return text


def _case(bins: FeatureBins, figures: list[exp.Expression]) -> exp.Expression:
    column = exp.column(bins.feature.name, quoted=True)
    case = (
        _category_case(bins, column, figures)
        if bins.feature.kind == "category"
        else _numeric_case(bins, column, figures)
    )
    return exp.paren(case)


def _numeric_case(bins: FeatureBins, column: exp.Expression, figures: list[exp.Expression]) -> exp.Case:
    number = exp.cast(column.copy(), "double")
    # PostgreSQL, DuckDB and Spark all place NaN above infinity; their names for "is NaN" differ
    not_a_number = exp.GT(this=number.copy(), expression=exp.cast(exp.Literal.string("Infinity"), "double"))
    missing = exp.Or(this=exp.Is(this=column.copy(), expression=exp.Null()), expression=not_a_number)
    case = exp.Case().when(missing, figures[-1])
    first_special = len(bins.edges) + 1
    for special, figure in zip(bins.specials, figures[first_special:], strict=False):
        case = case.when(exp.EQ(this=number.copy(), expression=_double(special)), figure)
    for edge, figure in zip(bins.edges, figures, strict=False):
        case = case.when(exp.LT(this=number.copy(), expression=_double(edge)), figure)
    return case.else_(figures[len(bins.edges)])


def _category_case(bins: FeatureBins, column: exp.Expression, figures: list[exp.Expression]) -> exp.Case:
    text = exp.cast(column.copy(), "text")
    missing = exp.Is(this=column.copy(), expression=exp.Null())
    case = exp.Case().when(missing, figures[-1])
    for group, figure in zip(bins.groups, figures, strict=False):
        values = [exp.Literal.string(value) for value in group]
        case = case.when(exp.In(this=text.copy(), expressions=values), figure)
    return case.else_(figures[-1].copy())


def _whole(number: int) -> exp.Expression:
    digits = exp.Literal.number(abs(number))
    return exp.Neg(this=digits) if number < 0 else digits


def _double(number: float) -> exp.Expression:
    digits = exp.Literal.number(np.format_float_scientific(abs(number), unique=True, trim="0"))
    return exp.cast(exp.Neg(this=digits) if number < 0 else digits, "double")
