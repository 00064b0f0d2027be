"""What a line and a statement must show, by the auditor's own books: the rules, and how they may be broken."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from tallystick.world.economy.own_books import OwnLine, OwnStatement

# Kinds of transfers that change what a line owes, besides what was asked for: prices of the product, and what a
# charge-off takes off the balance sheet and gets back. All others only move between accounts of the line.
_PRICES: Final = frozenset({"interest_billed", "fee_billed", "late_fee", "penalty_interest"})
_WRITTEN_OFF: Final = frozenset({"charged_off", "recovered"})
# A statement's figures: what adds up to what it asks for, and what takes away from it.
_ASKED: Final = ("adjustments", "purchases", "installments", "interest", "fees", "penalties")
_MET: Final = ("payments", "refunds", "waivers")


class FindingKind(StrEnum):
    """What is wrong."""

    UNBALANCED = "unbalanced"  # debits are not credits
    BALANCE = "balance"  # a kept balance is not the sum of its transfers
    TRANSFERS = "transfers"  # draws, payments or refunds of a line are not posted as they were answered
    LIMIT = "limit"
    HELD = "held"
    DRAWN = "drawn"
    OWED = "owed"
    EXPOSURE = "exposure"  # above the limit, and no named excess says why
    STATEMENT = "statement"
    DECISION = "decision"  # not recorded, or otherwise than it was answered
    CONDITION = "condition"  # charged off or closed, and nobody said so
    LOST = "lost"  # answered as done, and not in the books
    NOT_ASKED = "not_asked"  # in the books, and nobody asked for it
    ANSWER = "answer"  # an answer contradicts an earlier one


class Flow(Struct):
    """What transfers of one kind have made of what a line owes, and of its principal; minor units."""

    owed_minor: int = 0
    principal_minor: int = 0


def line_faults(
    row: Mapping[str, Any], line: OwnLine, flows: Mapping[str, Flow], *, held_minor: int
) -> Iterator[tuple[FindingKind, str, str]]:
    """What of a line is otherwise than it must be: kind, what is told, what is so.

    Everything owed, less the credit balance, is what was drawn and charged less what was refunded and paid. Principal
    is what was drawn less what the transfers say was paid of it, which is at least what was refunded.
    """
    back_minor = line.refunds_minor + line.chargebacks_minor
    owed_minor = line.draws_minor - back_minor - line.payments_minor
    asked_minor = {
        "drawdown": line.draws_minor, "payment": -line.payments_minor, "refund": -line.refunds_minor,
        "chargeback": -line.chargebacks_minor,
    }  # fmt: skip
    charged_minor, principal_minor = 0, line.draws_minor
    for kind, flow in flows.items():
        if kind != "drawdown":
            principal_minor += flow.principal_minor
        if kind in _PRICES:
            charged_minor += flow.owed_minor
        elif not (line.is_charged_off and kind in _WRITTEN_OFF):
            right_minor = asked_minor.pop(kind, 0)
            if flow.owed_minor != right_minor:
                yield FindingKind.TRANSFERS, f"{kind} {flow.owed_minor}", str(right_minor)
    for kind, right_minor in asked_minor.items():
        if right_minor:
            yield FindingKind.TRANSFERS, f"{kind} 0", str(right_minor)
    told_minor = row["drawn_minor"] + row["charges_minor"] + row["claim_minor"] - row["credit_minor"]
    for finding, told, right in (
        (FindingKind.LIMIT, row["limit_minor"], line.limit_minor),
        (FindingKind.HELD, row["held_minor"], held_minor),
        (FindingKind.DRAWN, row["drawn_minor"], principal_minor),
        (FindingKind.OWED, told_minor, owed_minor + charged_minor),
    ):
        if told != right:
            yield finding, str(told), str(right)
    if not line.is_charged_off and not owed_minor <= row["drawn_minor"] <= line.draws_minor - back_minor:
        bounds = f"from {owed_minor} to {line.draws_minor - back_minor}"
        yield FindingKind.DRAWN, str(row["drawn_minor"]), bounds
    # Without the payment that was sent back, what came after it paid prices first.
    lifted_minor = line.sent_back_minor + charged_minor if line.sent_back_minor else 0
    most_minor = line.approved_under_minor + line.over_captured_minor + lifted_minor
    exposure_minor = row["drawn_minor"] + row["held_minor"]
    if exposure_minor > most_minor:
        yield FindingKind.EXPOSURE, str(exposure_minor), f"up to {most_minor}"
    is_gone = row["condition"] == "charged_off"
    if is_gone != line.is_charged_off or (row["condition"] == "closed" and not line.is_closed):
        yield FindingKind.CONDITION, row["condition"], "charged_off" if line.is_charged_off else "open"


def statement_faults(row: Mapping[str, Any], line: OwnLine) -> Iterator[tuple[str, object, object]]:
    """What of a statement is otherwise than it must be: name, what is told, what is so.

    Money that is paid or refunded meets what was asked for, or stays to the borrower's credit until it does; a refund
    takes a purchase out of the bill that is not asked for yet, and gives back the price that it bore. So in a cycle
    without refunds each figure is known to the cent, and in one with refunds their sum is, but for that price, which
    is never more than was refunded. A payment that an earlier statement had counted, and that was sent back since,
    leaves it to the adjustments.
    """
    before = line.statement or OwnStatement(0, date.min, 0, 0)
    moved = line.moved_until(row["closed_on"])
    told = row
    asked_minor = sum(told[f"{name}_minor"] for name in _ASKED) - sum(told[f"{name}_minor"] for name in _MET)
    purchases_minor, payments_minor, refunds_minor = (
        told[f"{name}_minor"] for name in ("purchases", "payments", "refunds")
    )
    credit_minor = told["credit_minor"] - before.credit_minor
    faults: list[tuple[str, object, object]] = [
        ("number", told["number"], before.number + 1),
        ("opening_minor", told["opening_minor"], before.closing_minor),
        ("closing_minor", told["told_closing_minor"], told["closing_minor"]),
        ("closing_minor", told["closing_minor"], told["opening_minor"] + asked_minor),
        ("minimum_due_minor", told["minimum_due_minor"], min(told["minimum_due_minor"], told["closing_minor"])),
        ("due_on", told["due_on"], max(told["due_on"], told["closed_on"] + timedelta(days=1))),
    ]
    if not moved.is_corrected and not line.is_charged_off:
        given_back_minor = (
            moved.purchases_minor - moved.payments_minor - moved.refunds_minor + credit_minor
            - purchases_minor + payments_minor + refunds_minor
        )  # fmt: skip
        back_minor = moved.refunds_minor
        faults += [
            ("purchases_minor", purchases_minor,
             _within(purchases_minor, moved.purchases_minor - back_minor, moved.purchases_minor)),
            ("refunds_minor", refunds_minor, _within(refunds_minor, 0, back_minor)),
            ("payments_minor", payments_minor,
             payments_minor - given_back_minor + _within(given_back_minor, 0, back_minor)),
        ]  # fmt: skip
    for name, told_of, right in faults:
        if told_of != right:
            yield name, told_of, right


def _within(figure: int, least: int, most: int) -> int:
    return max(least, min(figure, most))
