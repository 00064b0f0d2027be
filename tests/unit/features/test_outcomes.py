"""Outcomes by their definitions: good, bad, neither, or not known yet; and what tells the future is refused."""

import pyarrow as pa
import pytest

from tallystick.features.as_of_build import StreamFaults
from tallystick.features.event_tables import DAY_TICKS, EVENT_TABLES, REQUEST_SCHEMA
from tallystick.features.outcome_build import build_outcomes
from tallystick.features.outcomes import load_outcome_rules, read_outcome_rules
from tallystick.terms.form import FormFaults

FRAUD, PAST_DUE = load_outcome_rules()["fraud_7d"], load_outcome_rules()["dpd60_6m"]


FIRST_DAY = 20_000  # the observations; days are counted from it


def at(day: float) -> int:
    """The tick of a day."""
    return int((FIRST_DAY + day) * DAY_TICKS)


def requests(*ids: int, day: float = 0) -> pa.Table:
    """Purchases of lines with the same ids, all at one tick."""
    tick = at(day)
    rows = [{"request_id": n, "tick": tick, "kind": "purchase", "utc_offset_minutes": 0, "line_id": n} for n in ids]
    return pa.Table.from_pylist(rows, schema=REQUEST_SCHEMA)


def stream(name: str, *rows: dict[str, object]) -> pa.Table:
    """A stream of these rows, each with an id."""
    return pa.Table.from_pylist(
        [{"event_id": n} | row for n, row in enumerate(rows)], schema=EVENT_TABLES[name].schema()
    )


def outcomes(asked: pa.Table, streams: dict[str, pa.Table], *, rule: str, known_until_days: float) -> dict[int, str]:
    """The outcome of each request."""
    until = at(known_until_days)
    found = build_outcomes(asked, streams, rule=load_outcome_rules()[rule], known_until_tick=until)
    return dict(zip(found["request_id"].to_pylist(), found["outcome"].to_pylist(), strict=True))


def label(purchase: int, day: float, *, is_fraud: bool | None) -> dict[str, object]:
    """A purchase's label, known on a day."""
    return {"event_id": purchase, "tick": at(day), "is_fraud": is_fraud}


def test_good_is_what_was_confirmed_and_silence_is_neither() -> None:
    labels = stream(
        "fraud_label",
        label(1, 7, is_fraud=True),
        label(2, 7, is_fraud=False),
        label(3, 3, is_fraud=None),
        label(4, 7.1, is_fraud=True),
    )
    told = outcomes(requests(1, 2, 3, 4, 5), {"fraud_label": labels}, rule="fraud_7d", known_until_days=30)
    assert told == {1: "bad", 2: "good", 3: "indeterminate", 4: "indeterminate", 5: "indeterminate"}


def test_what_is_not_known_yet_is_immature_and_never_good() -> None:
    labels = stream("fraud_label", label(1, 5, is_fraud=True), label(2, 6, is_fraud=False))
    told = outcomes(requests(1, 2, 3), {"fraud_label": labels}, rule="fraud_7d", known_until_days=5.5)
    assert told == {1: "bad", 2: "immature", 3: "immature"}


def spell(line: int, day: float, days_past_due: int) -> dict[str, object]:
    """A time past due that was over on a day."""
    return {"tick": at(day), "line_id": line, "days_past_due": days_past_due}


def numbered_within_lines(streams: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """Each stream with the numbers that the books give: those of a line's own revisions."""
    told = {}
    for name, rows in streams.items():
        lines = rows["line_id"].to_pylist()
        own = [lines[:place].count(line) + 1 for place, line in enumerate(lines)]
        told[name] = rows.set_column(rows.column_names.index("event_id"), "event_id", pa.array(own, pa.int64()))
    return told


def test_days_past_due_count_when_a_spell_is_over_and_when_it_still_lasts_at_the_end() -> None:
    changed = {"tick": at(100)}
    streams = {
        "past_due_spell": stream(
            "past_due_spell", spell(1, 90, 60), spell(2, 90, 59), spell(3, 90, 29), spell(4, 184, 70)
        ),
        "line_change": stream(
            "line_change",
            {**changed, "line_id": 5, "oldest_unpaid_due_day": FIRST_DAY + 183 - 60},
            {**changed, "line_id": 6, "oldest_unpaid_due_day": FIRST_DAY + 183 - 59},
            {"tick": at(99), "line_id": 7, "oldest_unpaid_due_day": FIRST_DAY + 71},
            {**changed, "line_id": 7, "oldest_unpaid_due_day": None},
        ),
    }  # fmt: skip
    told = outcomes(requests(*range(1, 8)), streams, rule="dpd60_6m", known_until_days=400)
    assert told == {
        1: "bad", 2: "indeterminate", 3: "good", 4: "good", 5: "bad", 6: "indeterminate", 7: "good",
    }  # fmt: skip
    numbered = numbered_within_lines(streams)
    assert outcomes(requests(*range(1, 8)), numbered, rule="dpd60_6m", known_until_days=400) == told
    assert set(outcomes(requests(1, 2), streams, rule="dpd60_6m", known_until_days=182).values()) == {"immature"}


def test_days_past_due_count_that_a_part_payment_ended_before_the_window_did() -> None:
    """The oldest bill is paid when it is 60 days late, the next one stays open: the spell goes on, at fewer days."""
    due = FIRST_DAY + 20
    changed: list[dict[str, object]] = [
        {"line_id": line, "tick": at(day), "oldest_unpaid_due_day": oldest}
        for line, paid_on in ((1, 80), (2, 79), (3, 49), (4, 1))
        for day, oldest in ((15 if line < 4 else -70, due if line < 4 else due - 90), (paid_on, FIRST_DAY + 170))
    ]
    same_tick: dict[str, object] = {"line_id": 5, "tick": at(10)}
    changed += [
        {"line_id": 5, "tick": at(-90), "oldest_unpaid_due_day": None},
        {**same_tick, "oldest_unpaid_due_day": FIRST_DAY - 80},
        {**same_tick, "oldest_unpaid_due_day": None},
    ]
    streams = {"line_change": stream("line_change", *changed), "past_due_spell": stream("past_due_spell")}
    asked = requests(*range(1, 8))
    nobody = pa.array([1, 2, 3, 4, 5, 6, None], pa.int64())
    asked = asked.set_column(asked.column_names.index("line_id"), "line_id", nobody)
    told = outcomes(asked, streams, rule="dpd60_6m", known_until_days=400)
    assert outcomes(asked, numbered_within_lines(streams), rule="dpd60_6m", known_until_days=400) == told
    assert told.pop(7) == "indeterminate"  # of no known line: nobody could have told
    assert told == {1: "bad", 2: "indeterminate", 3: "good", 4: "bad", 5: "good", 6: "good"}


def test_an_outcome_told_no_later_than_its_request_is_refused() -> None:
    labels = stream("fraud_label", label(1, 1, is_fraud=True), label(2, 2, is_fraud=True))
    with pytest.raises(StreamFaults, match="fraud_label: 1 outcomes are told at or before their own request"):
        build_outcomes(requests(1, 2, day=1), {"fraud_label": labels}, rule=FRAUD, known_until_tick=at(9))
    with pytest.raises(StreamFaults, match="line_change: missing; the outcome dpd60_6m reads it"):
        build_outcomes(requests(1), {"past_due_spell": stream("past_due_spell")}, rule=PAST_DUE, known_until_tick=0)


def test_a_definition_tells_everything_that_is_wrong_with_it_at_once() -> None:
    text = """
[[outcome]]
name = "o"
zh = "坏"
en = "bad"
performance_days = 0
bad = [{ stream = "fraud_lable", of = "request", where = "e.is_fraud" }]
"""
    with pytest.raises(FormFaults, match="performance_days: 0 is out of range"):
        read_outcome_rules(text, file="mine.toml")
    good = text.replace("= 0", "= 7")
    more = good.replace("fraud_lable", "payment").replace('"request"', '"device"').replace("is_fraud", "tik")
    with pytest.raises(FormFaults) as refused:
        read_outcome_rules(good + more, file="mine.toml")
    told = str(refused.value)
    assert "outcome[0].bad[0].stream: 'fraud_lable' is no stream" in told
    assert "outcome[1].bad[0].of: payment has no device_id" in told
    assert "outcome[1].bad[0].where: e.tik is no column" in told
    assert "outcome[1].name: o is given twice" in told


def test_a_bad_outcome_is_known_from_the_first_thing_that_told_it() -> None:
    told_by = 'stream = "fraud_label", of = "request", where'
    text = f"""
[[outcome]]
name = "either"
zh = "任一"
en = "either"
performance_days = 30
bad = [{{ {told_by} = "e.is_fraud" }}, {{ stream = "purchase_outcome", of = "request", where = "e.is_declined" }}]
confirmed = [{{ {told_by} = "NOT e.is_fraud" }}]
"""
    streams = {
        "fraud_label": stream("fraud_label", label(1, 20, is_fraud=True)),
        "purchase_outcome": stream("purchase_outcome", {"event_id": 1, "tick": at(2), "is_declined": True}),
    }
    [rule] = read_outcome_rules(text, file="outcomes.toml")
    found = build_outcomes(requests(1), streams, rule=rule, known_until_tick=at(10)).to_pylist()
    assert found == [{"request_id": 1, "outcome": "bad", "known_at_tick": at(2)}]
