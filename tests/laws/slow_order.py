"""In which order a second opinion takes the facts of one day: by what they mean, never by when they were recorded.

What binds comes before what is drawn under it, draws before what comes back of them, what comes back before what is
paid, and what is decided about the line last; its statement tells the whole day.
"""

from tallystick.servicing import facts
from tallystick.servicing.facts import Event, Fact

BINDS = (facts.TermsChanged, facts.LimitChanged, facts.CareEnded, facts.CareBegun, facts.DelinquencyPaused)
PLACES: tuple[tuple[type[Fact], ...], ...] = (
    (facts.LineOpened,),
    BINDS,
    (facts.LineUnfrozen, facts.LineFrozen),
    (facts.HoldPlaced,),
    (facts.Drawdown, facts.PlanCreated, facts.BillConverted),
    (facts.HoldVoided, facts.HoldExpired),
    (facts.PlanReaged, facts.PaymentHoliday),
    (facts.FeeCharged,),
    (facts.Waived,),
    (facts.Refunded, facts.Chargeback),
    (facts.SettledEarly, facts.DrawWithdrawn),
    (facts.PaymentReceived,),
    (facts.CreditPaidOut,),
    (facts.ChargedOff,),
    (facts.StatementClosed,),
    (facts.LineClosed,),
)


def in_order(events: list[Event]) -> list[Event]:
    """By day, by what they mean, and among equals by their ids."""
    place = {kind: number for number, kinds in enumerate(PLACES) for kind in kinds}
    counted = [event for event in events if type(event.fact) in place]
    return sorted(counted, key=lambda event: (event.effective_on, place[type(event.fact)], event.event_id))
