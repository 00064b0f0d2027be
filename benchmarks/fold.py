"""Events folded per second on one core, beside merely reading them.

    python benchmarks/fold.py [--json] [--lives 300] [--months 12]

Lives of a year: two purchases a month to be paid next month, now and then one in twelve installments, payments in full,
of a part, or late, some refunds. They are lived once through the step that serves every counter (`caught_up`,
`with_event`), which adds their statements; then every life is folded again from its events, opening to end, as a late
fact would have it. The limit is msgspec decoding the same facts from JSON, as they are stored: a fold must at least
read what it folds. Folded twice must be the same line, and the line that was lived.
"""

import argparse
import time
from datetime import date, timedelta
from itertools import count

import msgspec
import numpy as np
from msgspec import Struct

from report_line import emit
from tallystick.servicing import facts
from tallystick.servicing.facts import AnyFact, Event
from tallystick.servicing.fold import fold, in_life_order
from tallystick.servicing.line import Line
from tallystick.servicing.owed import owed_minor
from tallystick.servicing.steps import caught_up, with_event
from tallystick.terms.canonical import content_hash
from tallystick.terms.catalog import shipped_products
from tallystick.terms.offering import OfferFault, plan_terms, price_for
from tallystick.terms.product import OfferKind

OPENED_ON = date(2026, 1, 5)
SEED = 20_265
PRODUCT = shipped_products()["baitiao"]
HASH = content_hash(PRODUCT)
CONTRACTS = {HASH: PRODUCT}


class Lived(Struct, frozen=True):
    """One life: its events, and the line as it was when each had been taken as it came."""

    line: Line
    events: tuple[Event, ...]


def main() -> None:
    options = _options()
    chance = np.random.default_rng(SEED)
    lives = [_live(chance, line_id=number, months=options.months) for number in range(1, options.lives + 1)]
    stored = [msgspec.json.encode(event.fact) for life in lives for event in life.events]
    folding = min(_fold_all(lives) for _ in range(3))
    reading = min(_read_all(stored) for _ in range(3))
    emit(
        "fold",
        ours={
            "events_per_s": len(stored) / folding,
            "lives_per_s": len(lives) / folding,
            "events": len(stored),
            "events_per_life": len(stored) / len(lives),
            "fold_seconds": folding,
        },
        peer={"decoded_events_per_s": len(stored) / reading},
        ratio={"fold_over_limit": folding / reading},
        as_json=options.json,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--lives", type=int, default=300)
    parser.add_argument("--months", type=int, default=12)
    return parser.parse_args()


def _live(chance: np.random.Generator, *, line_id: int, months: int) -> Lived:
    ids = count(1)
    line: Line | None = None
    events: list[Event] = []

    def happens(fact: AnyFact, on: date) -> Line:
        nonlocal line
        step = caught_up(line, today=on, event_ids=ids, contracts=CONTRACTS)
        step = with_event(step, Event(next(ids), on, fact), line_id=line_id, contracts=CONTRACTS)
        assert step.line is not None
        events.extend(step.events)
        line = step.line
        return step.line

    happens(
        facts.LineOpened(
            borrower_id=line_id, contract_hash=HASH, currency="CNY", limit_minor=50_000_000, cash_limit_minor=1_000_000
        ),
        OPENED_ON,
    )
    for month in range(months):
        first = OPENED_ON + timedelta(days=30 * month)
        draw_ids = [next(ids), next(ids)]
        for draw_id, after in zip(draw_ids, (2, 8), strict=True):
            on = first + timedelta(days=after)
            happens(_purchase(chance, draw_id=draw_id, on=on, in_plan=chance.random() < 0.15, ids=ids), on)
        if chance.random() < 0.1:
            refunded = facts.Refunded(refund_id=next(ids), draw_id=draw_ids[1], amount_minor=2_000)
            happens(refunded, first + timedelta(days=11))
        paid_on = first + timedelta(days=int(chance.integers(17, 27)))
        seen = caught_up(line, today=paid_on, event_ids=count(1), contracts=CONTRACTS).line
        assert seen is not None
        owed = sum(owed_minor(seen, day=paid_on).values())
        share = 1.0 if chance.random() < 0.6 else float(chance.uniform(0.1, 0.8))
        paid = facts.PaymentReceived(payment_id=next(ids), amount_minor=max(1, int(owed * share)), channel="bank")
        happens(paid, paid_on)
    assert line is not None
    return Lived(line=line, events=in_life_order(events))


def _purchase(
    chance: np.random.Generator, *, draw_id: int, on: date, in_plan: bool, ids: "count[int]"
) -> facts.Drawdown:
    choice = None
    if in_plan:
        offer = OfferKind.ORDER_INSTALLMENTS
        price = price_for(PRODUCT, offer=offer, price_code="standard", installments=12)
        if isinstance(price, OfferFault):
            raise SystemExit(str(price))
        terms = plan_terms(PRODUCT, offer=offer, price=price, installments=12, drawn_on=on)
        choice = facts.PlanChoice(plan_id=next(ids), offer=str(offer), terms=terms)
    return facts.Drawdown(
        draw_id=draw_id,
        kind=facts.DrawKind.PURCHASE,
        amount_minor=int(chance.integers(10_000, 300_000)),
        merchant_id=int(chance.integers(1, 500)),
        plan=choice,
    )


def _fold_all(lives: list[Lived]) -> float:
    begun = time.perf_counter()
    for life in lives:
        folded = fold(life.events, line_id=life.line.line_id, start=None, contracts=CONTRACTS, until=life.line.as_of)
        if folded.line != life.line:
            raise SystemExit(f"line {life.line.line_id}: folded again it is another line")
    return time.perf_counter() - begun


def _read_all(stored: list[bytes]) -> float:
    decoder = msgspec.json.Decoder(AnyFact)
    begun = time.perf_counter()
    for told in stored:
        decoder.decode(told)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
