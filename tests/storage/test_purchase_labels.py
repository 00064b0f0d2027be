"""What a purchase turned out to be: confirmed once, and known to decisions from then on."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import psycopg
import pytest
from tests.books import Books, ended
from tests.deciding import Lender, opened

from tallystick.operations.decision_record import tick_of
from tallystick.operations.purchase_labels import correct_label, label_purchase, label_purchases
from tallystick.operations.replaying import replay_since
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.event_streams import read_event
from tallystick.storage.purchase_fates import fraud_labels
from tallystick.storage.purchase_labels import PurchaseLabel, labels_of


@pytest.fixture
def lender(database_url: str) -> Iterator[Lender]:
    """Lines of 30,000 yuan, and the standard strategy in force."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection, ids=count(1_000))
        opened(books, range(1, 4))
        lender = Lender(books)
        lender.release()
        yield lender


def asked(lender: Lender, line_id: int) -> StoredDecision:
    """A small purchase on device 9."""
    [decision] = lender.ask(lender.purchase(line_id, 100, device_id=9))
    assert isinstance(decision, StoredDecision)
    return decision


def test_confirmed_fraud_counts_from_when_it_is_recorded(lender: Lender) -> None:
    bought = asked(lender, 1)
    lender.now += timedelta(days=2)
    assert asked(lender, 1).outcome == "approve"
    connection = lender.books.connection
    label = label_purchase(
        connection, bought.decision_id, is_fraud=True, reason="card holder called", act=lender.act(actor="desk")
    )
    assert isinstance(label, PurchaseLabel)
    assert labels_of(connection, bought.decision_id) == [label]
    assert (label.actor, label.recorded_at) == ("desk", lender.now)
    row, purchase = (read_event(connection, name, number) for name, number in (
        ("fraud_label", label.event_id), ("purchase", bought.decision_id)))  # fmt: skip
    assert row is not None
    assert purchase is not None
    assert (row["tick"], row["purchased_at_tick"], row["is_fraud"]) == (tick_of(lender.now), purchase["tick"], True)
    same = ("line_id", "borrower_id", "device_id", "merchant_id", "category", "amount_minor")
    assert [row[name] for name in same] == [purchase[name] for name in same]
    lender.now += timedelta(seconds=1)
    after = asked(lender, 1)
    assert (after.outcome, after.reasons[0]) == ("decline", "FRAUD_ON_LINE")


def test_confirmed_good_stops_nobody(lender: Lender) -> None:
    bought = asked(lender, 1)
    act = lender.act(actor="desk")
    label_purchase(lender.books.connection, bought.decision_id, is_fraud=False, reason="delivered", act=act)
    lender.now += timedelta(seconds=1)
    assert asked(lender, 1).outcome == "approve"


def test_a_wrong_label_is_corrected_by_a_later_one_and_both_stay(lender: Lender) -> None:
    bought, connection = asked(lender, 1), lender.books.connection
    lender.now += timedelta(days=1)
    first = label_purchase(connection, bought.decision_id, is_fraud=True, reason="typo", act=lender.act(actor="ann"))
    assert isinstance(first, PurchaseLabel)
    lender.now += timedelta(seconds=1)
    between = asked(lender, 1)
    assert between.reasons[0] == "FRAUD_ON_LINE"
    same = correct_label(connection, bought.decision_id, is_fraud=True, reason="x", act=lender.act())
    assert same == Refusal(RefusalReason.LABEL_SAME, field="is_fraud")
    right = correct_label(
        connection, bought.decision_id, is_fraud=False, reason="other card", act=lender.act(actor="bo")
    )
    assert isinstance(right, PurchaseLabel)
    assert right.corrects_event_id == first.event_id
    assert labels_of(connection, bought.decision_id) == [right, first]
    rows = [read_event(connection, "fraud_label", each.event_id) for each in (first, right)]
    assert [row["is_fraud"] for row in rows if row is not None] == [True, False], "each is known from its own instant"
    told = fraud_labels(connection, [bought.decision_id])[bought.decision_id]
    assert told == [(tick_of(first.recorded_at), True), (tick_of(right.recorded_at), False)]
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(
            "INSERT INTO purchase_labels SELECT decision_id, 9000, is_fraud, 'x', 'x', recorded_at, corrects_event_id"
            " FROM purchase_labels WHERE event_id = %s", [right.event_id]
        )  # fmt: skip
    # What was decided between is decided the same again; in the window of the wrong label its line counts it on.
    replayed = ended(replay_since(connection, bought.decided_at, deciders=lender.deciders, features=True))
    assert (replayed.decisions, replayed.differences) == (2, ())
    lender.now += timedelta(days=7)
    assert "FRAUD_ON_LINE" not in asked(lender, 1).reasons


def test_a_purchase_is_confirmed_once_and_nothing_else_is(lender: Lender) -> None:
    bought, connection, act = asked(lender, 1), lender.books.connection, lender.act()
    assert isinstance(
        label_purchase(connection, bought.decision_id, is_fraud=False, reason="x", act=act), PurchaseLabel
    )
    for is_fraud in (False, True):
        again = label_purchase(connection, bought.decision_id, is_fraud=is_fraud, reason="x", act=act)
        assert again == Refusal(RefusalReason.LABEL_EXISTS, field="decision_id")
    nothing = correct_label(connection, asked(lender, 2).decision_id, is_fraud=True, reason="x", act=act)
    assert nothing == Refusal(RefusalReason.LABEL_UNKNOWN, field="corrects")
    unknown = label_purchase(connection, 5, is_fraud=True, reason="x", act=act)
    assert unknown == Refusal(RefusalReason.DECISION_UNKNOWN, field="decision_id")
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        connection.execute("UPDATE purchase_labels SET is_fraud = true")


def test_many_are_confirmed_at_once_and_what_cannot_be_is_refused_alone(lender: Lender) -> None:
    first, second, third = (asked(lender, line_id).decision_id for line_id in (1, 2, 3))
    connection, act = lender.books.connection, lender.act(actor="desk")
    label_purchase(connection, second, is_fraud=False, reason="delivered", act=act)
    told = label_purchases(connection, {first: True, second: True, 5: True, third: False}, reason="file", act=act)
    assert list(told) == [first, second, 5, third]
    assert told[second] == Refusal(RefusalReason.LABEL_EXISTS, field="decision_id")
    assert told[5] == Refusal(RefusalReason.DECISION_UNKNOWN, field="decision_id")
    for number, is_fraud in ((first, True), (third, False)):
        label = told[number]
        assert isinstance(label, PurchaseLabel)
        assert labels_of(connection, number) == [label]
        row = read_event(connection, "fraud_label", label.event_id)
        assert row is not None
        assert (row["is_fraud"], row["line_id"]) == (is_fraud, 1 if is_fraud else 3)
    assert connection.execute("SELECT count(*) FROM stream_fraud_label").fetchone() == (3,)
    assert label_purchases(connection, {}, reason="file", act=act) == {}
