"""Installment schedules against another system's: `python -m tests.conformance.schedules FILE --json`."""

import argparse
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace
from tests.conformance.judging import UNREADABLE, judged, problem_of, run_command
from tests.conformance.schedule_replay import Booked, Case, Replay
from tests.conformance.schedule_terms import is_rebuilt, minor

from tallystick.servicing import plan as plans
from tallystick.servicing.plan import Plan, PlanInstallment
from tallystick.terms.product import Component

Difference = dict[str, Any]
_TOTALS: Final = (
    "principal", "interest", "fees", "penalties", "due", "paid", "paid_in_advance", "paid_late", "outstanding",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what passed and what differs; 0 where nothing differs, 1 where something does, 2 where nothing is read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="cases in the form of installment_schedules.json")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    chosen = parser.parse_args(arguments)
    return run_command(chosen.file, key="cases", difference=difference, as_json=chosen.json)


def judge(cases: Sequence[Case]) -> Difference:
    """Count the cases whose every expectation holds; tell the first difference of each other one."""
    return judged(cases, difference=difference)


def difference(case: Case) -> Difference | None:
    """The first figure that ours differs from, or why we have none; `None` where all agree."""
    place = -1
    try:
        replay = Replay(case)
        for place, item in enumerate(case["timeline"]):
            if "event" in item:
                replay.happen(item)
            elif (found := _compared(replay, item)) is not None:
                return {"id": case["id"], "place": place, "on": item["on"], **found}
    except UNREADABLE as fault:
        return {"id": case.get("id"), "place": place, "key": "", "problem": problem_of(fault)}
    return None


def _compared(replay: Replay, item: Case) -> Difference | None:
    match item["expect"]:
        case "schedule":
            return _first_difference(expected=item, ours=shown_schedule(replay, on=item["on"]))
        case "transactions":
            return _first_difference(expected=item, ours={"rows": shown_transactions(replay)})
        case "status":
            return _first_difference(
                expected={"status": _told_status(item["status"])}, ours={"status": _status(replay)}
            )
        case "outstanding":
            return _first_difference(expected=item, ours={"amount": _text(replay, _left_minor(replay))})
        case "overpaid":
            return _first_difference(expected=item, ours={"amount": _text(replay, replay.overpaid_minor)})
        case other:
            return {"key": "expect", "problem": f"{other!r} is not known"}


def _first_difference(*, expected: Case, ours: Case) -> Difference | None:
    for key, value in ours.items():
        if key == "rows":
            found = _row_difference(expected=expected["rows"], ours=value)
        elif key == "total":
            found = _first_difference(expected=expected.get("total") or {}, ours=value)
        else:
            differs = key in expected and expected[key] != value
            found = {"key": key, "expected": expected[key], "ours": value} if differs else None
        if found is not None:
            return found
    return None


def _row_difference(*, expected: Sequence[Case], ours: Sequence[Case]) -> Difference | None:
    """Rows are compared day by day; within one day the other system's own tests do not tell an order."""
    expected, ours = sorted(expected, key=_day_and_kind), sorted(ours, key=_day_and_kind)
    for number, (wanted, row) in enumerate(zip(expected, ours, strict=False)):
        for key, value in wanted.items():
            is_blank = value is None and key != "paid_date"
            if not is_blank and row.get(key) != value:
                return {"key": f"rows[{number}].{key}", "expected": value, "ours": row.get(key)}
    if len(expected) != len(ours):
        return {"key": "rows", "expected": len(expected), "ours": len(ours)}
    return None


def _day_and_kind(row: Case) -> tuple[str, str, str]:
    kind = row.get("kind") or row.get("type") or ""
    return row.get("date") or row["due_date"], kind, f"{row.get('nr', 0):03}"


def shown_schedule(replay: Replay, *, on: str) -> dict[str, Any]:
    plan = replay.plan or _expected_plan(replay, on=on)
    rows: list[dict[str, Any]] = []
    shown, balance_minor = 0, 0
    installments = _shown(replay, plan)
    for part in installments:
        while shown < len(plan.draws) and plan.draws[shown].on <= part.due_on:
            rows.append(_draw_row(replay, on=plan.draws[shown].on, amount_minor=plan.draws[shown].principal_minor))
            shown += 1
        drawn_minor = sum(draw.principal_minor for draw in plan.draws if _is_drawn_before(replay, draw.on, part))
        balance_minor -= part.principal_minor
        rows.append(_installment_row(replay, part, balance_minor=drawn_minor + balance_minor))
    rows += [_draw_row(replay, on=draw.on, amount_minor=draw.principal_minor) for draw in plan.draws[shown:]]
    totals = [
        {key: minor(row[key], product=replay.product) for key in _TOTALS} for row in rows if row["kind"] == "instalment"
    ]
    return {
        "periods": len(installments),
        "rows": rows,
        "total": {key: _text(replay, sum(row[key] for row in totals)) for key in _TOTALS},
    }


def _expected_plan(replay: Replay, *, on: str) -> Plan:
    """What is approved and not drawn yet, as if it were drawn when it is expected; nothing of it is settled."""
    drawn_on = date.fromisoformat(replay.loan.get("expected_disbursement") or on)
    amount_minor = minor(replay.loan["principal"], product=replay.product)
    plan = plans.open_plan(plan_id=1, terms=replay.terms, drawn_on=drawn_on, principal_minor=amount_minor)
    return replace(plan, installments=tuple(replace(part, settled_on=None) for part in plan.installments))


def _shown(replay: Replay, plan: Plan) -> list[PlanInstallment]:
    """The installments that are shown: the older kind of schedule ends where nothing is left to ask for."""
    installments = list(plan.installments)
    while is_rebuilt(replay.product) and installments[-1].due_minor == 0:
        installments.pop()
    return installments


def _is_drawn_before(replay: Replay, drawn_on: date, part: PlanInstallment) -> bool:
    """Whether a draw counts in the balance shown after an installment; on its due date, in the older kind only."""
    counts_on_due_date = is_rebuilt(replay.product) or part.due_on == part.from_on
    return drawn_on < part.due_on or (drawn_on == part.due_on and counts_on_due_date)


def _draw_row(replay: Replay, *, on: date, amount_minor: int) -> dict[str, Any]:
    return {
        "kind": "disbursement",
        "date": on.isoformat(),
        "amount": _text(replay, amount_minor),
        "fees": _text(replay, 0),
        "balance_after": _text(replay, amount_minor),
        "interest": _text(replay, 0),
        "penalties": _text(replay, 0),
    }


def _installment_row(replay: Replay, part: PlanInstallment, *, balance_minor: int) -> dict[str, Any]:
    return {
        "kind": "instalment",
        "nr": part.number,
        "days": (part.due_on - part.from_on).days,
        "due_date": part.due_on.isoformat(),
        "paid_date": part.settled_on.isoformat() if part.settled_on else None,
        "balance_after": _text(replay, balance_minor),
        "principal": _text(replay, part.principal_minor),
        "interest": _text(replay, part.interest_minor),
        "fees": _text(replay, part.fee_minor),
        "penalties": _text(replay, 0),
        "due": _text(replay, part.due_minor),
        "paid": _text(replay, part.paid_minor),
        "paid_in_advance": _text(replay, part.paid_early_minor),
        "paid_late": _text(replay, part.paid_late_minor),
        "outstanding": _text(replay, part.left_minor),
    }


def shown_transactions(replay: Replay) -> list[dict[str, Any]]:
    rows, balance_minor = [], 0
    for booked in sorted(replay.booked, key=lambda booked: booked.on):
        balance_minor += booked.more_owed_minor
        rows.append(_transaction(replay, booked, balance_minor=balance_minor))
    return rows


def _transaction(replay: Replay, booked: Booked, *, balance_minor: int) -> dict[str, Any]:
    applied = booked.applied_minor if booked.kind != "Disbursement" else {}
    return {
        "date": booked.on.isoformat(),
        "type": booked.kind,
        "amount": _text(replay, booked.amount_minor),
        "principal": _text(replay, applied.get(Component.PRINCIPAL, 0)),
        "interest": _text(replay, applied.get(Component.INTEREST, 0)),
        "fees": _text(replay, applied.get(Component.FEE, 0)),
        "penalties": _text(replay, applied.get(Component.PENALTY, 0)),
        "balance_after": _text(replay, balance_minor),
        "reverted": False,
    }


def _told_status(status: str) -> str:
    """A status as the file tells it; what is not drawn yet may be approved or not, which no event tells."""
    told = status.upper().replace(" ", "_")
    return "NOT_DRAWN" if told in {"APPROVED", "SUBMITTED_AND_PENDING_APPROVAL", "SUBMITTED"} else told


def _status(replay: Replay) -> str:
    if replay.plan is None:
        return "NOT_DRAWN"
    if replay.overpaid_minor:
        return "OVERPAID"
    return "CLOSED_OBLIGATIONS_MET" if replay.plan.is_settled else "ACTIVE"


def _left_minor(replay: Replay) -> int:
    assert replay.plan is not None, "nothing is drawn yet"
    return sum(part.left_minor for part in replay.plan.installments)


def _text(replay: Replay, amount_minor: int) -> str:
    digits = int(replay.product["decimals"])
    return str(Decimal(amount_minor).scaleb(-digits).quantize(Decimal(1).scaleb(-digits)))


if __name__ == "__main__":
    raise SystemExit(main())
