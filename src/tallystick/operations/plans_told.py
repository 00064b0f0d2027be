"""Every plan that a line ever had: those it holds, and those it let go of, told again from its events."""

from collections.abc import Mapping

from msgspec import Struct
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.operations.standing import step_today
from tallystick.servicing import plan as plans
from tallystick.servicing.facts import Event
from tallystick.servicing.fold import fold, in_life_order, plans_brought
from tallystick.servicing.line import Line
from tallystick.servicing.plan import Plan
from tallystick.servicing.plan_settling import SettleQuote
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.servicing.steps import Step
from tallystick.storage import lines
from tallystick.storage.contracts import Contracts


class PlanTold(Struct, frozen=True):
    """A plan as it stands today, or as it stood when it ended: `is_held` says which."""

    plan: Plan
    is_held: bool


def plan_told(connection: Connection, line_id: int, plan_id: int, *, act: Act) -> PlanTold | None:
    """One plan of a line; None where the line never had it, or what brought it was taken back."""
    stored = lines.read_line(connection, line_id)
    if stored is None:
        return None
    step = step_today(connection, stored.line, act=act)
    held = _held(step.line)
    if plan_id in held:
        return held[plan_id]
    events = _events(connection, line_id, step=step)
    return _ended(connection, events, step=step).get(plan_id) if plan_id in plans_brought(events) else None


def plans_told(
    connection: Connection, line_id: int, *, before_id: int | None, most: int, act: Act
) -> list[PlanTold] | None:
    """A line's plans, the newest first, those older than `before_id`; None where there is no such line.

    The line's life is folded again only where a plan of the page has ended.
    """
    stored = lines.read_line(connection, line_id)
    if stored is None:
        return None
    step = step_today(connection, stored.line, act=act)
    known = _held(step.line)
    events = _events(connection, line_id, step=step)
    asked = [number for number in plans_brought(events) if before_id is None or number < before_id]
    page = sorted(asked, reverse=True)[:most]
    if not known.keys() >= set(page):
        known = {**_ended(connection, events, step=step), **known}
        page = sorted((number for number in asked if number in known), reverse=True)[:most]
    return [known[number] for number in page]


def settlement_quote(told: PlanTold, *, act: Act) -> SettleQuote | Refusal:
    """What paying the plan off today costs; exactly that leaves nothing of it. Refused for what was charged off."""
    if not told.is_held and told.plan.principal_left_minor:
        return Refusal(RefusalReason.LINE_CHARGED_OFF, field="line")
    return plans.settle_quote(told.plan, on=act.today)


def _held(line: Line | None) -> Mapping[int, PlanTold]:
    assert line is not None
    return {plan.plan_id: PlanTold(plan, is_held=True) for plan in line.plans}


def _events(connection: Connection, line_id: int, *, step: Step) -> tuple[Event, ...]:
    return in_life_order((*lines.read_events(connection, line_id), *step.events))


def _ended(connection: Connection, events: tuple[Event, ...], *, step: Step) -> Mapping[int, PlanTold]:
    """The plans that the line let go of, from a fold of its whole life: they left no trace in its state."""
    assert step.line is not None
    folded = fold(events, line_id=step.line.line_id, start=None, contracts=Contracts(connection), until=step.line.as_of)
    return {plan.plan_id: PlanTold(plan, is_held=False) for plan in folded.ended}
