"""Coverage: dead rows with who shadows them, cases left to the last row, and what cannot be proven."""

from collections.abc import Mapping

import pytest

from tallystick.strategy.columns import ColumnType
from tallystick.strategy.conditions import parse_condition
from tallystick.strategy.coverage import Coverage, cover, missing_slips

COLUMNS = {
    "dpd": ColumnType("whole", lowest=0, highest=999),
    "months": ColumnType("whole", lowest=0, highest=3, may_be_missing=False),
    "ratio": ColumnType("number", lowest=0),
    "other_ratio": ColumnType("number"),
    "segment": ColumnType("text", allowed=("student", "worker"), may_be_missing=False),
    "city": ColumnType("text"),
    "is_vip": ColumnType("boolean"),
    **{f"c{place}": ColumnType("number") for place in range(12)},
}


def covered(*texts: str, missing_row: int | None = None, columns: Mapping[str, ColumnType] = COLUMNS) -> Coverage:
    conditions = [parse_condition(text=text, columns=columns) for text in (*texts, "TRUE")]
    return cover(conditions=conditions, columns=columns, missing_row=missing_row)


def reaches(coverage: Coverage) -> list[str]:
    return [row.reach for row in coverage.rows]


def test_a_narrower_row_below_a_wider_one_is_dead_and_its_shadow_is_named() -> None:
    coverage = covered("ratio > 5", "dpd >= 30", "dpd >= 60")
    assert reaches(coverage) == ["reached", "reached", "dead", "reached"]
    assert coverage.dead[0].shadowed_by == (1,)


def test_several_rows_together_may_leave_a_row_nothing() -> None:
    coverage = covered("dpd < 30", "dpd >= 30", "dpd IS NULL", "is_vip")
    assert reaches(coverage) == ["reached", "reached", "reached", "dead", "dead"]
    assert set(coverage.dead[0].shadowed_by) == {0, 1, 2}


def test_missing_values_keep_a_row_alive() -> None:
    """`dpd < 30` and `dpd >= 30` are not everything: a missing dpd is in neither."""
    coverage = covered("dpd < 30", "dpd >= 30")
    assert coverage.rows[2].example == {"dpd": None}
    assert coverage.uncovered == ("dpd IS NULL",)


def test_a_condition_that_contradicts_itself_has_no_shadow() -> None:
    coverage = covered("dpd > 30 AND dpd < 20", "dpd > 5 AND dpd < 6", "dpd = 2.5", "dpd > 999")
    assert [row.row for row in coverage.dead] == [0, 1, 2, 3]
    assert all(row.shadowed_by == () for row in coverage.dead)


def test_between_two_whole_numbers_a_fraction_may_lie_only_for_numbers() -> None:
    assert reaches(covered("ratio > 5 AND ratio < 6"))[0] == "reached"


def test_a_closed_list_can_be_used_up() -> None:
    assert reaches(covered("segment = 'student'", "segment <> 'student'")) == ["reached", "reached", "dead"]
    assert reaches(covered("city = 'x'", "city <> 'x'")) == ["reached", "reached", "reached"]


def test_a_whole_range_can_be_used_up() -> None:
    coverage = covered("months <= 1", "months = 2", "months = 3")
    assert reaches(coverage) == ["reached", "reached", "reached", "dead"]
    assert coverage.uncovered == ()


def test_uncovered_cases_are_described_as_conditions() -> None:
    coverage = covered("dpd >= 30 OR dpd IS NULL", "segment = 'student' AND dpd > 0")
    assert coverage.uncovered_is_complete
    assert set(coverage.uncovered) == {
        "dpd < 30 AND segment = 'worker'",
        "dpd = 0 AND segment = 'student'",
    }


def test_too_many_uncovered_cases_are_cut_and_said_so() -> None:
    coverage = covered(*[f"dpd = {day} AND is_vip" for day in range(1, 30, 2)])
    assert not coverage.uncovered_is_complete
    assert len(coverage.uncovered) == 12


def test_a_missing_value_that_slips_past_a_row_is_named() -> None:
    assert covered("dpd >= 30", "ratio > 5").falls_through == (("dpd", 0), ("ratio", 1))
    assert covered("dpd >= 30", "dpd IS NULL", "ratio > 5").falls_through == (("ratio", 2),)
    assert covered("dpd >= 30 OR dpd IS NULL").falls_through == ()
    assert covered("dpd >= 30", missing_row=1).falls_through == ()


def test_a_row_for_the_missing_is_reached_only_through_what_is_unknown() -> None:
    assert reaches(covered("dpd >= 30", "FALSE", missing_row=1)) == ["reached", "reached", "reached"]
    assert reaches(covered("months >= 2", "FALSE", missing_row=1)) == ["reached", "dead", "reached"]


def test_with_a_row_for_the_missing_an_is_null_below_is_dead() -> None:
    coverage = covered("dpd >= 30", "dpd IS NULL", missing_row=2)
    assert coverage.dead[0].row == 1
    assert coverage.dead[0].shadowed_by == (0,)


def test_twelve_columns_are_proven_without_listing_four_to_the_twelfth_cases() -> None:
    rows = [f"c{place} > {place}" for place in range(12)]
    everything = " AND ".join(f"c{place} > {place + 1}" for place in range(12))
    coverage = covered(*rows, everything)
    assert coverage.exact
    assert [row.row for row in coverage.dead] == [12]


def test_arithmetic_that_a_case_confirms_is_reached() -> None:
    coverage = covered("ratio / other_ratio > 2", "ratio > other_ratio")
    assert reaches(coverage) == ["reached", "reached", "reached"]
    example = coverage.rows[1].example
    assert example is not None
    ratio, other = example["ratio"], example["other_ratio"]
    assert isinstance(ratio, float)
    assert isinstance(other, float)
    assert ratio > other
    assert other == 0 or ratio / other <= 2


def test_equal_arithmetic_is_proven_dead() -> None:
    coverage = covered("ratio - other_ratio > 2", "ratio - other_ratio > 3")
    assert reaches(coverage) == ["reached", "dead", "reached"]
    assert coverage.exact


def test_arithmetic_that_no_case_confirms_is_unproven_not_dead() -> None:
    coverage = covered("ratio * 0 > 1")
    assert reaches(coverage) == ["unproven", "reached"]
    assert not coverage.exact


def test_patterns_on_an_open_text_are_confirmed_by_a_case() -> None:
    assert reaches(covered("city LIKE 'shop%'", "city LIKE '%_mall'")) == ["reached"] * 3
    assert reaches(covered("city LIKE 'shop%'", "city LIKE 'shop%'")) == ["reached", "dead", "reached"]


def test_the_report_is_the_same_every_time() -> None:
    texts = ("ratio / other_ratio > 2", "city LIKE 'a%' AND ratio > 1")
    assert covered(*texts) == covered(*texts)


@pytest.mark.parametrize("bound", ["1e300", "-1e300", "0.1"])
def test_cells_at_the_ends_of_the_numbers(bound: str) -> None:
    assert reaches(covered(f"other_ratio > {bound}", f"other_ratio < {bound}", f"other_ratio = {bound}")) == (
        ["reached"] * 4
    )


def test_missing_slips_are_told_where_nobody_asked() -> None:
    """Rows 0 and 1 refuse, 2 asks for `score`, 3 lets pass."""
    columns = {"score": ColumnType("whole", lowest=0, highest=9), "late": ColumnType("whole", lowest=0, highest=9)}

    def slips(*texts: str) -> list[tuple[str, int, int]]:
        conditions = [parse_condition(text=text, columns=columns) for text in texts]
        return list(missing_slips(conditions=conditions, columns=columns, ends=[[len(texts) - 1]] * len(texts)))

    assert slips("score > 5", "late > 1", "score IS NULL OR late IS NULL", "TRUE") == []
    assert slips("score > 5", "late > 1", "score IS NULL", "TRUE") == [("late", 1, 3)]
    assert slips("score > 5", "score IS NULL AND late > 1", "TRUE") == [("score", 0, 2), ("late", 1, 2)]
    # COALESCE and IS NOT NULL say what happens by themselves
    assert slips("COALESCE(score, 9) > 5", "TRUE") == []
    assert slips("late IS NOT NULL AND late > 1", "TRUE") == []
    # a sum is missing where one part of it is
    assert slips("score + late > 5", "score IS NULL", "TRUE") == [("late", 0, 2)]


def test_a_row_that_asks_after_another_one_decided_comes_too_late() -> None:
    columns = {"score": ColumnType("whole", lowest=0, highest=9), "late": ColumnType("whole", lowest=0, highest=9)}
    texts = ("score > 5", "late < 3", "score IS NULL", "TRUE")
    conditions = [parse_condition(text=text, columns=columns) for text in texts]
    assert missing_slips(conditions=conditions, columns=columns, ends=[[1, 3], [], [], []]) == (("score", 0, 1),)


def test_an_end_must_have_asked_for_what_the_row_reads_and_coalesce_may_be_known() -> None:
    columns = {"score": ColumnType("whole", lowest=0, highest=9), "late": ColumnType("whole", lowest=0, highest=9)}

    def slips(*texts: str, end: int) -> list[tuple[str, int, int]]:
        conditions = [parse_condition(text=text, columns=columns) for text in texts]
        return list(missing_slips(conditions=conditions, columns=columns, ends=[[end]] * len(texts)))

    # with both missing, the row that asks for the score takes the case past the question of being late
    assert slips("score > 5", "late > 1", "score IS NULL", "TRUE", end=2) == [("late", 1, 2)]
    # with the score missing alone COALESCE is known, and lets the case pass
    assert slips("score > 5", "COALESCE(score, late) > 5", "TRUE", end=1) == [("score", 0, 1)]
