"""Purchases confirmed as fraud or as good, by whom and why; decisions know of it from the instant of the recording."""

from psycopg import Connection

from tallystick.operations.decision_record import stream_rows, tick_of
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import decisions, purchase_labels
from tallystick.storage.event_streams import read_event, write_stream
from tallystick.storage.purchase_labels import PurchaseLabel
from tallystick.strategy.case_columns import CheckpointName


def label_purchase(
    connection: Connection, decision_id: int, *, is_fraud: bool, reason: str, act: Act
) -> PurchaseLabel | Refusal:
    """Record what a purchase turned out to be; a purchase is labelled once.

    The label has the purchase's own line, device, merchant and amount, so that features of each of them count it.
    """
    decision = decisions.read_decision(connection, decision_id)
    if decision is None:
        return Refusal(RefusalReason.DECISION_UNKNOWN, field="decision_id")
    purchase = read_event(connection, "purchase", decision_id)
    if decision.checkpoint != CheckpointName.AUTHORIZE or purchase is None:
        return Refusal(RefusalReason.NOT_A_PURCHASE, field="decision_id")
    label = PurchaseLabel(
        decision_id=decision_id,
        event_id=next(act.event_ids),
        is_fraud=is_fraud,
        reason=reason,
        actor=act.actor,
        recorded_at=act.at,
    )
    if not purchase_labels.add_label(connection, label):
        return Refusal(RefusalReason.LABEL_EXISTS, field="decision_id")
    told = purchase | {
        "event_id": label.event_id,
        "tick": max(tick_of(act.at), purchase["tick"]),  # clocks of two servers differ
        "purchased_at_tick": purchase["tick"],
        "is_fraud": is_fraud,
    }
    rows = stream_rows("fraud_label", {name: [value] for name, value in told.items()})
    write_stream(connection, "fraud_label", rows)
    return label
