"""What a borrower is told of an application, zh and en: the answer as it stands, why, and what would change it."""

from typing import Final

from psycopg import Connection

from tallystick.operations.application_judgments import decided_by
from tallystick.operations.deciding import Deciders
from tallystick.operations.decision_record import DECLINED, OFFERED, REVIEWED, change_of
from tallystick.operations.refusal_words import refusal_words
from tallystick.storage import decisions
from tallystick.storage.applications import ApplicationState, StoredApplication
from tallystick.strategy.case_record import decode_record
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.strategy.checkpoint_trace import Explanation, explanation, explanation_of_person
from tallystick.strategy.smallest_change import SmallestChange

_OUTCOMES: Final = {ApplicationState.DECLINED: DECLINED, ApplicationState.IN_REVIEW: REVIEWED}


def explained(connection: Connection, application: StoredApplication, *, deciders: Deciders) -> Explanation:
    """The answer as it stands, with at most four reasons; where the strategy declined, what would have helped."""
    checkpoint = decided_by(connection, application, deciders=deciders)
    outcome = _OUTCOMES.get(application.state, OFFERED)
    words = refusal_words(checkpoint.name)
    if outcome == OFFERED:
        return explanation(checkpoint, outcome=outcome, reasons=(), change=None)
    if application.told_reasons is not None:
        return explanation_of_person(checkpoint, outcome=outcome, reasons=application.told_reasons, also=words)
    change = _change(connection, application, checkpoint) if outcome == DECLINED else None
    return explanation(checkpoint, outcome=outcome, reasons=application.reasons, change=change, also=words)


def _change(connection: Connection, application: StoredApplication, checkpoint: Checkpoint) -> SmallestChange | None:
    decision = decisions.read_decision(connection, application.application_id)
    assert decision is not None, "an application has its decision"
    trace = decisions.read_trace(connection, decision.batch_id)
    if trace is None:
        return None
    return change_of(decode_record(trace), decision, checkpoint=checkpoint)
