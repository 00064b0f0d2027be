"""Settlement to merchants: what is due is paid out net, each transfer once, as transfers and as files.

A run takes every transfer on a merchant's account that no run took before and whose place in the order of commits is
final, so that what commits late is neither missed nor paid twice. A run of the same day again writes the same files.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from msgspec import Struct
from psycopg import Connection

from tallystick.ledger.transfer import Address, Transfer, off_lines
from tallystick.operations.lines import Act
from tallystick.operations.whole_files import write_csv
from tallystick.storage import ledger, settlements
from tallystick.storage.settlements import Merchant, NewSettlement, Settlement, Unregistered
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.units.money import major_text


class SettlementFault(ValueError):
    """Something cannot be settled so; the message says why and the way out."""


class SettledDay(Struct, frozen=True):
    """What was settled on a day; `was_settled` where it had been before, `unregistered` what nobody may pay out yet."""

    run_on: date
    settlements: tuple[Settlement, ...]
    unregistered: tuple[Unregistered, ...]
    was_settled: bool


def register(
    connection: Connection, merchant_id: int, *, reference: str, hold_days: int, least_payout_minor: int, act: Act
) -> Merchant:
    """Give a merchant's terms, or change them from now on; what was settled stays.

    Raises `SettlementFault` naming the field.
    """
    for field, told, least, most in (
        ("merchant_id", merchant_id, 1, (1 << 63) - 1),
        ("hold_days", hold_days, 0, 365),
        ("least_payout_minor", least_payout_minor, 1, 10**13),
    ):
        if not least <= told <= most:
            raise SettlementFault(f"{field}: is {told}; give a number from {least} to {most}")
    if not reference.strip():
        raise SettlementFault("reference: is empty; give the lender's own id of the merchant")
    settlements.hold_settling(connection)
    before = settlements.merchant(connection, merchant_id)
    merchant = Merchant(
        merchant_id=merchant_id,
        version=before.version + 1 if before else 1,
        reference=reference,
        hold_days=hold_days,
        least_payout_minor=least_payout_minor,
    )
    settlements.add_merchant(connection, merchant, recorded_at=act.at, recorded_by=act.actor)
    return merchant


def settle_day(connection: Connection, run_on: date, *, act: Act) -> SettledDay:
    """Settle with every merchant what is due by a day, in one transaction of the caller's.

    What is owed, less than the least payout, or negative is carried to the next run: never paid as a negative amount.
    Raises `SettlementFault` for a day to come, or one before a day that was settled.
    """
    if run_on > act.today:
        raise SettlementFault(f"on: {run_on} has not come; give today ({act.today}) or a day before")
    settlements.hold_settling(connection)
    was_settled = settlements.has_run(connection, run_on)
    settlements.stage(connection, run_on=run_on)
    if not was_settled:
        last_on = settlements.last_run_on(connection)
        if last_on is not None and run_on < last_on:
            raise SettlementFault(f"on: {last_on} is settled already; give a later day, or {last_on} for its files")
        _settle(connection, run_on, act=act)
    return SettledDay(
        run_on=run_on,
        settlements=tuple(settlements.of_run(connection, run_on)),
        unregistered=tuple(settlements.unregistered(connection)),
        was_settled=was_settled,
    )


def _settle(connection: Connection, run_on: date, *, act: Act) -> None:
    made = [
        NewSettlement(
            settlement_id=next(act.event_ids),
            due=due,
            paid_minor=due.net_minor if due.net_minor >= due.least_payout_minor else 0,
        )
        for due in settlements.sums(connection)
    ]
    settlements.add_run(connection, run_on=run_on, run_at=act.at, run_by=act.actor)
    settlements.add_settlements(connection, made, run_on=run_on)
    payouts = [
        _payout(each.due.merchant_id, each.paid_minor, currency=each.due.currency, on=run_on, kind="payout")
        for each in made
        if each.paid_minor
    ]
    ledger.post(connection, payouts, booked_on=act.today)


def _payout(merchant_id: int, paid_minor: int, *, currency: str, on: date, kind: str) -> Transfer:
    """A payout leaves the merchant's account; a negative one returns there."""
    return off_lines(
        debit=Address("merchant_payable", merchant_id),
        credit=Address("payout_clearing", 0),
        amount_minor=paid_minor,
        currency=currency,
        effective_on=on,
        kind=kind,
    )


def payout_came_back(
    connection: Connection,
    settlement_id: int,
    *,
    reference: str,
    reason: str,
    act: Act,
    returned_on: date | None = None,
) -> bool:
    """A bank sent a payout back: the merchant is owed it again, and the next run pays it. False where that is known.

    `reference` is the bank's, `returned_on` the day on which it came back (None: today). Raises `SettlementFault` for a
    settlement that paid nothing.
    """
    settled = settlements.settlement(connection, settlement_id)
    told = encode_id(IdPrefix.SETTLEMENT, settlement_id)
    if settled is None:
        raise SettlementFault(f"{told}: is not known; the settlement file has the ids")
    if settled.paid_minor == 0:
        raise SettlementFault(f"{told}: paid nothing, so nothing can come back")
    for field, text in (("reference", reference), ("reason", reason)):
        if not text.strip():
            raise SettlementFault(f"{field}: is empty; give the bank's")
    is_new = settlements.add_returned_payout(
        connection,
        settlement_id,
        reference=reference,
        reason=reason,
        returned_on=returned_on or act.today,
        recorded_at=act.at,
        recorded_by=act.actor,
    )
    if is_new:
        back = _payout(
            settled.merchant_id,
            -settled.paid_minor,
            currency=settled.currency,
            on=settled.run_on,
            kind="payout_returned",
        )
        ledger.post(connection, [back], booked_on=act.today)
    return is_new


SUMMARY_COLUMNS = (
    "settlement", "run_on", "merchant", "reference", "currency", "orders", "carried", "purchases", "fees", "subsidies",
    "refunds", "chargebacks", "fees_returned", "sent_back", "paid", "left",
)  # fmt: skip
DETAIL_COLUMNS = ("settlement", "transfer", "date", "kind", "draw", "amount", "currency")


def write_files(connection: Connection, settled: SettledDay, *, summary: Path, detail: Path) -> None:
    """Write a run as two CSV files: a row for each merchant, and a row for each transfer it is made of.

    The same run gives the same bytes. Raises `OutputFault` where one cannot be written.
    """
    currencies = {each.settlement_id: each.currency for each in settled.settlements}
    details = (
        (
            encode_id(IdPrefix.SETTLEMENT, each.settlement_id),
            encode_id(IdPrefix.TRANSFER, each.transfer_id),
            each.effective_on.isoformat(),
            each.kind,
            encode_id(IdPrefix.DRAWDOWN, each.draw_id) if each.draw_id is not None else "",
            major_text(each.amount_minor, currencies[each.settlement_id]),
            currencies[each.settlement_id],
        )
        for each in settlements.transfers_of_run(connection, settled.run_on)
    )
    write_csv(detail, DETAIL_COLUMNS, details)
    write_csv(summary, SUMMARY_COLUMNS, map(_summary_row, settled.settlements))


def _summary_row(each: Settlement) -> Sequence[str]:
    amounts = (
        each.carried_minor, each.purchases_minor, each.fees_minor, each.subsidies_minor, each.refunds_minor,
        each.chargebacks_minor, each.fees_returned_minor, each.sent_back_minor, each.paid_minor, each.left_minor,
    )  # fmt: skip
    return (
        encode_id(IdPrefix.SETTLEMENT, each.settlement_id),
        each.run_on.isoformat(),
        encode_id(IdPrefix.MERCHANT, each.merchant_id),
        each.reference,
        each.currency,
        str(each.orders),
        *(major_text(amount_minor, each.currency) for amount_minor in amounts),
    )
