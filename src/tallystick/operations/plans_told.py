"""Every plan that a line ever had: those it holds, and those it let go of, told again from its events."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.operations.standing import line_today
from tallystick.servicing import plan as plans
from tallystick.servicing.facts import Event
from tallystick.servicing.fold import fold, in_life_order, plans_brought
from tallystick.servicing.line import Line
from tallystick.servicing.plan import Plan
from tallystick.servicing.plan_settling import SettleQuote
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.servicing.steps import caught_up
from tallystick.storage import lines
from tallystick.storage.contracts import Contracts


class PlanTold(Struct, frozen=True):
    """A plan as it stands today, or as it stood when it ended: `is_held` says which."""

    plan: Plan
    is_held: bool


def plan_told(connection: Connection, line_id: int, plan_id: int, *, act: Act) -> PlanTold | None:
    """One plan of a line; None where the line never had it, or what brought it was taken back."""
    line = line_today(connection, line_id, act=act)
    if line is None:
        return None
    held = _held(line)
    if plan_id in held:
        return held[plan_id]
    events = in_life_order(lines.read_events(connection, line_id))
    return _ended(connection, line, events, act=act).get(plan_id) if plan_id in plans_brought(events) else None


def plans_told(
    connection: Connection, line_id: int, *, before_id: int | None, most: int, act: Act
) -> list[PlanTold] | None:
    """A line's plans, the newest first, those older than `before_id`; None where there is no such line.

    The line's life is folded again only where a plan of the page has ended.
    """
    line = line_today(connection, line_id, act=act)
    if line is None:
        return None
    known = _held(line)
    events = in_life_order(lines.read_events(connection, line_id))
    asked = [number for number in plans_brought(events) if before_id is None or number < before_id]
    page = sorted(asked, reverse=True)[:most]
    if not known.keys() >= set(page):
        known = {**_ended(connection, line, events, act=act), **known}
        page = sorted((number for number in asked if number in known), reverse=True)[:most]
    return [known[number] for number in page]


def settlement_quote(told: PlanTold, *, act: Act) -> SettleQuote | Refusal:
    """What paying the plan off today costs; exactly that leaves nothing of it. Refused for what was charged off."""
    if not told.is_held and told.plan.principal_left_minor:
        return Refusal(RefusalReason.LINE_CHARGED_OFF, field="line")
    return plans.settle_quote(told.plan, on=act.today)


def _held(line: Line) -> Mapping[int, PlanTold]:
    return {plan.plan_id: PlanTold(plan, is_held=True) for plan in line.plans}


def _ended(connection: Connection, line: Line, events: Sequence[Event], *, act: Act) -> Mapping[int, PlanTold]:
    """The plans that the line let go of, from a fold of its whole life: they left no trace in its state.

    The events alone decide, not the line that was read before them: another request may have written in between.
    """
    contracts = Contracts(connection)
    until = events[-1].effective_on
    folded = fold(events, line_id=line.line_id, start=None, contracts=contracts, until=until)
    since = caught_up(folded.line, today=act.today, event_ids=act.event_ids, contracts=contracts)
    return {plan.plan_id: PlanTold(plan, is_held=False) for plan in (*folded.ended, *since.ended)}
