"""A second factor counts for the order it was asked for: on its line, for its amount and merchant, in time and once."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Protocol

from psycopg import Connection

from tallystick.operations.deciding import Deciders
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage.step_ups import AskedFactor, asked_factors
from tallystick.strategy.case_columns import CheckpointName

_FIELD = "step_up_of"


class Retry(Protocol):
    """A purchase that may have come again after a second factor."""

    @property
    def decision_id(self) -> int: ...
    @property
    def line_id(self) -> int: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def merchant_id(self) -> int: ...
    @property
    def step_up_of(self) -> int | None: ...


def refused_step_ups(
    connection: Connection, purchases: Iterable[Retry], *, deciders: Deciders, act: Act
) -> dict[int, Refusal]:
    """Why a second factor does not count, by the purchase that names it; the lines of all are locked."""
    retries = [each for each in purchases if each.step_up_of is not None]
    if not retries:
        return {}
    asked = asked_factors(connection, [each.step_up_of for each in retries if each.step_up_of is not None])
    refused: dict[int, Refusal] = {}
    for each in retries:
        assert each.step_up_of is not None
        why = _why_not(connection, each, asked.get(each.step_up_of), deciders=deciders, act=act)
        if why is not None:
            refused[each.decision_id] = why
    return refused


def _why_not(
    connection: Connection, retry: Retry, asked: AskedFactor | None, *, deciders: Deciders, act: Act
) -> Refusal | None:
    if asked is None or asked.line_id != retry.line_id:
        return Refusal(RefusalReason.STEP_UP_UNKNOWN, field=_FIELD)
    if (asked.amount_minor, asked.merchant_id) != (retry.amount_minor, retry.merchant_id):
        figures = {"amount_minor": asked.amount_minor, "merchant_id": asked.merchant_id}
        return Refusal(RefusalReason.STEP_UP_OF_ANOTHER, field=_FIELD, figures=figures)
    checkpoint = deciders.compiled(connection, asked.strategy_id)[CheckpointName.AUTHORIZE]
    until = asked.decided_at + timedelta(minutes=checkpoint.step_up_minutes)
    if act.at > until:
        return Refusal(RefusalReason.STEP_UP_OVER, field=_FIELD, figures={"minutes": checkpoint.step_up_minutes})
    if asked.is_answered:
        return Refusal(RefusalReason.STEP_UP_USED, field=_FIELD)
    return None
