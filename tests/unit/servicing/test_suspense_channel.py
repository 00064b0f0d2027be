"""Money out of suspense is a payment that two persons agree on, and nothing else; money goes by known channels only."""

from datetime import date

import pytest
from tests.lives import Life

from tallystick.servicing import facts
from tallystick.servicing.facts import SUSPENSE, AnyFact, Event
from tallystick.servicing.refusals import Refusal, RefusalReason

TODAY = date(2026, 1, 10)


@pytest.fixture
def life() -> Life:
    """A line with money to the borrower's credit."""
    life = Life().open(date(2026, 1, 5))
    paid = facts.PaymentReceived(payment_id=1, amount_minor=5_000, channel="bank")
    assert isinstance(life.act(paid, today=TODAY), Event)
    return life


def test_a_payment_out_of_suspense_needs_a_second_person(life: Life) -> None:
    paid = facts.PaymentReceived(payment_id=2, amount_minor=100, channel=SUSPENSE)
    refused = life.act(paid, today=TODAY, has_second_person=False)
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.SECOND_PERSON_MISSING
    assert isinstance(life.act(paid, today=TODAY), Event)


@pytest.mark.parametrize(
    "fact",
    [
        facts.PaymentReceived(payment_id=3, amount_minor=100, channel="carrier"),
        facts.CreditPaidOut(amount_minor=100, channel="carrier"),
        facts.CreditPaidOut(amount_minor=100, channel=SUSPENSE),
    ],
    ids=["paid by an unknown channel", "paid out by an unknown channel", "paid out to suspense"],
)
def test_an_unknown_channel_is_refused_with_those_there_are(life: Life, fact: AnyFact) -> None:
    refused = life.act(fact, today=TODAY)
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.CHANNEL_UNKNOWN
    assert refused.figures == {"known": ["bank", "direct_debit", "gateway"]}
