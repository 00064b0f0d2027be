"""One case told twice from one source: to the officer row by row, to the borrower in words."""

import pytest
from tests.checkpoints import USUAL, cases, random_cases, standard_checkpoint

from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.checkpoint_trace import explain_case, figure_text, trace_case

AUTHORIZE, APPLY = CheckpointName.AUTHORIZE, CheckpointName.APPLY


@pytest.mark.parametrize("name", list(USUAL))
def test_a_trace_tells_what_was_decided(name: CheckpointName) -> None:
    """Each step's last row met is the one that took the case, and the reasons follow from the steps alone."""
    checkpoint = standard_checkpoint(name)
    columns = random_cases(checkpoint, 60, seed=9)
    decided = checkpoint.decide(columns)
    ranks = {outcome: rank for rank, outcome in enumerate(checkpoint.outcomes)}
    for index in range(60):
        trace = trace_case(checkpoint, columns, index=index)
        assert trace.outcome == decided.outcome[index]
        for step in trace.steps:
            row = step.step.table.rows[decided.rows[step.step.name][index]]
            assert step.met[-1].row_id == step.row_id == row.id
            assert all(met.truth is not True for met in step.met[:-1])
        deciding = trace.deciding
        assert deciding.outputs["outcome"] == trace.outcome
        own = ranks[trace.outcome]
        refused = [(step, str(step.outputs["outcome"])) for step in trace.steps if step.step.decides]
        reasons = [step.reason for step, outcome in refused if ranks.get(outcome, 0) >= own > 0]
        assert tuple(dict.fromkeys(reasons))[:4] == decided.reasons[index]


def test_a_trace_shows_what_each_row_read() -> None:
    trace = trace_case(standard_checkpoint(AUTHORIZE), cases(AUTHORIZE, {}, {"days_past_due": 5}), index=1)
    repayment = next(step for step in trace.steps if step.step.name == "repayment")
    assert repayment.decided
    assert [(met.row_id, dict(met.read), met.truth) for met in repayment.met] == [
        ("past_due", {"days_past_due": 5.0}, True)
    ]
    with pytest.raises(IndexError, match="no case 2 of 2"):
        trace_case(standard_checkpoint(AUTHORIZE), cases(AUTHORIZE, {}, {}), index=2)


def test_a_trace_with_the_request_shows_what_chance_did() -> None:
    checkpoint = standard_checkpoint(APPLY)
    weak = cases(APPLY, {"pd_ppm": 130_000})
    explored = next(
        request for request in range(1_000) if checkpoint.decide(weak, request_ids=[request]).outcome[0] == "offer"
    )
    trace = trace_case(checkpoint, weak, index=0, request_id=explored)
    moved = [step for step in trace.steps if step.by_chance]
    assert [(step.step.name, step.met[-1].row_id, step.row_id) for step in moved] == [("cut_off", "grade_f", "within")]
    assert trace.outcome == "offer"
    assert trace_case(checkpoint, weak, index=0).outcome == "decline"
    assert explain_case(checkpoint, weak, index=0, request_id=explored).en == ("a line is offered",)


def test_the_borrower_hears_the_answer_the_reasons_the_change_and_the_right_to_a_person() -> None:
    told = explain_case(
        standard_checkpoint(AUTHORIZE), cases(AUTHORIZE, {"days_past_due": 2, "amount_minor": 150_050}), index=0
    )
    assert told.en == (
        "declined",
        "Within the days of grace after a due date, one purchase may be 1,000 yuan at most",
        "With amount of the order at 1,000.00 yuan (now 1,500.50 yuan), all else the same, the answer would be: "
        "approved",
        "You may ask that a person looks at this automated decision again.",
    )
    assert told.zh == (
        "未通过",
        "还款宽限期内单笔不超过1000元",
        "若订单金额为1,000.00元（现为1,500.50元），其他不变，结果将是：已通过",
        "您可以要求人工复核本次自动化决定。",
    )


def test_where_a_fraud_check_decided_no_change_is_named() -> None:
    """A smaller order on the new device would pass: that is not told to whoever holds the device."""
    told = explain_case(
        standard_checkpoint(AUTHORIZE), cases(AUTHORIZE, {"line_is_new_device": True, "amount_minor": 110_000}), index=0
    )
    assert told.en == (
        "please confirm that it is you",
        "A purchase on a device that is new to us; please confirm that it is you",
    )


def test_every_reason_of_the_standard_strategy_has_words_in_both_languages() -> None:
    for name in USUAL:
        for code, (zh, en) in standard_checkpoint(name).reasons.items():
            assert any("\u4e00" <= sign <= "\u9fff" for sign in zh), code
            assert en.isascii() or "“" in en, code


def test_figures_as_people_write_them() -> None:
    assert figure_text("amount_minor", -123.0, currency="JPY") == ("-123 JPY", "-123 JPY")
    assert figure_text("x_minor", 100_000_000.0, currency="CNY") == ("1,000,000.00元", "1,000,000.00 yuan")
    assert figure_text("days_past_due", 31.0, currency="CNY") == ("31", "31")
    assert [figure_text("is_night", value, currency="CNY")[1] for value in (True, False)] == ["yes", "no"]
    assert figure_text("category", None, currency="CNY") == ("缺失", "missing")
    assert figure_text("share", 0.125, currency="CNY") == ("0.125", "0.125")
