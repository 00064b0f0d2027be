"""Purchases confirmed as fraud or as good, by whom and why; decisions know of it from the instant of the recording.

A label that was wrong is corrected by a later one. Both stay: whoever asks what the purchase was gets the last one, and
what was decided before it was decided on the first.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from psycopg import Connection

from tallystick.operations.decision_record import in_columns, stream_rows, tick_of
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import decisions, purchase_labels
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.event_streams import read_events, write_stream
from tallystick.storage.purchase_labels import PurchaseLabel
from tallystick.strategy.case_columns import CheckpointName

Labelled: TypeAlias = PurchaseLabel | Refusal


def label_purchase(connection: Connection, decision_id: int, *, is_fraud: bool, reason: str, act: Act) -> Labelled:
    """Record what a purchase turned out to be, for the first time.

    The label has the purchase's own line, device, merchant and amount, so that features of each of them count it.
    """
    return label_purchases(connection, {decision_id: is_fraud}, reason=reason, act=act)[decision_id]


def label_purchases(
    connection: Connection, is_fraud: Mapping[int, bool], *, reason: str, act: Act
) -> dict[int, Labelled]:
    """The same for any number, by the ids of their decisions: what cannot be labelled is refused, each by itself."""
    return _labelled(connection, is_fraud, {}, reason=reason, act=act)


def correct_label(connection: Connection, decision_id: int, *, is_fraud: bool, reason: str, act: Act) -> Labelled:
    """Record that a purchase was labelled wrongly, and what it was.

    Features count this label as well, from now on: of a purchase that was no fraud, what was confirmed as fraud counts
    on until it leaves their windows, for what was known is never taken out of a stream.
    """
    before = next(iter(purchase_labels.labels_of(connection, decision_id)), None)
    if before is None:
        return Refusal(RefusalReason.LABEL_UNKNOWN, field="corrects")
    if before.is_fraud is is_fraud:
        return Refusal(RefusalReason.LABEL_SAME, field="is_fraud")
    corrects = {decision_id: before.event_id}
    return _labelled(connection, {decision_id: is_fraud}, corrects, reason=reason, act=act)[decision_id]


def _labelled(
    connection: Connection, is_fraud: Mapping[int, bool], corrects: Mapping[int, int], *, reason: str, act: Act
) -> dict[int, Labelled]:
    told: dict[int, Labelled] = {}
    purchases = read_events(connection, "purchase", list(is_fraud))
    known = {each.decision_id: each for each in decisions.read_decisions(connection, list(is_fraud))}
    for decision_id, flag in is_fraud.items():
        refusal = _refusal(known.get(decision_id), purchases.get(decision_id))
        told[decision_id] = refusal or PurchaseLabel(
            decision_id=decision_id,
            event_id=next(act.event_ids),
            is_fraud=flag,
            reason=reason,
            actor=act.actor,
            recorded_at=act.at,
            corrects_event_id=corrects.get(decision_id),
        )
    labels = [each for each in told.values() if isinstance(each, PurchaseLabel)]
    added = purchase_labels.add_labels(connection, labels)
    told |= {
        each.decision_id: Refusal(RefusalReason.LABEL_EXISTS, field="decision_id")
        for each in labels
        if each.decision_id not in added
    }
    rows = [_row(each, purchases[each.decision_id]) for each in labels if each.decision_id in added]
    if rows:
        write_stream(connection, "fraud_label", stream_rows("fraud_label", in_columns(rows)))
    return told


def _refusal(decision: StoredDecision | None, purchase: Mapping[str, Any] | None) -> Refusal | None:
    if decision is None:
        return Refusal(RefusalReason.DECISION_UNKNOWN, field="decision_id")
    if decision.checkpoint != CheckpointName.AUTHORIZE or purchase is None:
        return Refusal(RefusalReason.NOT_A_PURCHASE, field="decision_id")
    return None


def _row(label: PurchaseLabel, purchase: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **purchase,
        "event_id": label.event_id,
        "tick": max(tick_of(label.recorded_at), purchase["tick"]),  # clocks of two servers differ
        "purchased_at_tick": purchase["tick"],
        "is_fraud": label.is_fraud,
    }
