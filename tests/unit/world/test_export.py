"""The export looks like a lender's: typed, partly missing, and dirty in the ways that the truth admits."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tallystick.features.tables import EDUCATION_LEVELS, REPAYMENTS
from tallystick.world.export import UNDOCUMENTED_EDUCATION
from tallystick.world.parameters import DIRT, standard_parameters
from tallystick.world.portfolio import SimulatedPortfolio

EXPORT = standard_parameters().export


def dirty_ids(portfolio: SimulatedPortfolio, dirt: str) -> set[str]:
    return set(portfolio.truth.filter(pc.field("dirt") == dirt)["line_id"].to_pylist())


def ids_where(portfolio: SimulatedPortfolio, condition: pa.Array) -> set[str]:
    return set(portfolio.observed.filter(condition)["line_id"].to_pylist())


def test_types_of_the_export(portfolio: SimulatedPortfolio) -> None:
    schema = portfolio.observed.schema
    assert schema.field("line_id").type == pa.string()
    assert schema.field("credit_limit_minor").type == pa.int64()
    assert schema.field("age_years").type == pa.string()  # typed by hand here and there
    assert schema.field("outcome").type == pa.int8()
    assert schema.names[-1] == "outcome"
    assert len(schema.names) == 10 + 7 * 12
    assert set(portfolio.observed["currency"].to_pylist()) == {"CNY"}
    assert set(portfolio.observed["repayment_m0"].unique().to_pylist()) == {*REPAYMENTS}
    assert set(portfolio.observed["segment"].unique().to_pylist()) == {"tier1", "tier2", "tier3"}


def test_each_kind_of_dirt_is_there_about_as_often_as_stated(portfolio: SimulatedPortfolio) -> None:
    for dirt in DIRT:
        expected = 20_000 * getattr(EXPORT, f"{dirt}_share")
        assert abs(len(dirty_ids(portfolio, dirt)) - expected) < 4.0 * np.sqrt(expected), dirt


def test_the_truth_says_which_rows_are_dirty_and_how(portfolio: SimulatedPortfolio) -> None:
    observed = portfolio.observed
    limit = observed["credit_limit_minor"]
    assert ids_where(portfolio, pc.is_null(limit)) == dirty_ids(portfolio, "limit_missing")
    assert ids_where(portfolio, pc.less(limit, 0)) == dirty_ids(portfolio, "limit_negative")
    odd = pc.equal(observed["education"], UNDOCUMENTED_EDUCATION)
    assert ids_where(portfolio, odd) == dirty_ids(portfolio, "education_code")
    texts = pc.invert(pc.match_substring_regex(observed["age_years"], r"^\d+$"))
    assert ids_where(portfolio, texts) == dirty_ids(portfolio, "text_in_number")


def test_rows_are_lines_and_duplicates(portfolio: SimulatedPortfolio) -> None:
    ids = portfolio.observed["line_id"].to_pylist()
    twice = {line_id for line_id, after in pairwise(ids) if line_id == after}
    assert twice == dirty_ids(portfolio, "duplicate")
    assert len(ids) == portfolio.truth.num_rows + len(twice)
    assert list(dict.fromkeys(ids)) == portfolio.truth["line_id"].to_pylist()


def test_income_is_overstated_and_partly_missing(portfolio: SimulatedPortfolio) -> None:
    observed = (
        portfolio.observed.select(["line_id", "income_month_minor"])
        .group_by("line_id")
        .aggregate([("income_month_minor", "min")])
    )
    joined = observed.join(portfolio.truth.select(["line_id", "income_month_minor", "honesty"]), keys="line_id")
    stated = joined["income_month_minor_min"].to_numpy()
    assert abs(np.isnan(stated).mean() - EXPORT.income_missing_share) < 0.02
    known = ~np.isnan(stated)
    log_ratio = np.log(stated[known] / joined["income_month_minor"].to_numpy()[known])
    assert 0.05 < log_ratio.mean() < 0.15
    assert np.corrcoef(log_ratio, joined["honesty"].to_numpy()[known])[0, 1] < -0.2


def test_education_is_partly_missing_and_otherwise_documented(portfolio: SimulatedPortfolio) -> None:
    education = portfolio.observed["education"]
    assert set(education.unique().to_pylist()) == {*EDUCATION_LEVELS, UNDOCUMENTED_EDUCATION, None}
    assert abs(education.null_count / len(education) - EXPORT.education_missing_share) < 0.02


def test_the_past_policy_saw_something_but_not_everything(portfolio: SimulatedPortfolio) -> None:
    score = portfolio.truth["policy_score"].to_numpy()
    log_odds = np.log(portfolio.truth["pd_12m"].to_numpy())
    assert -0.8 < np.corrcoef(score, log_odds)[0, 1] < -0.2
