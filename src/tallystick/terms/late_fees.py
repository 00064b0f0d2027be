"""What paying late costs: the fee once per due date that is missed, and whether one contract asks more than another."""

from tallystick.terms.product import LateFee, PenaltyBase, Product
from tallystick.units.rates import PPM


def late_fee_minor(fee: LateFee, *, missed_minor: int) -> int:
    """A fixed part plus a share of what was missed, half a minor unit up, within the contract's bounds.

    >>> late_fee_minor(LateFee(share_ppm=50_000, least_minor=500, most_minor=20_000), missed_minor=123_450)
    6173
    """
    share_minor = (missed_minor * fee.share_ppm * 2 + PPM) // (2 * PPM)
    bounded_minor = max(fee.least_minor, fee.fixed_minor + share_minor)
    return bounded_minor if fee.most_minor is None else min(bounded_minor, fee.most_minor)


def late_charges_rise(present: Product, new: Product) -> bool:
    """Whether any part of what paying late costs is higher, or comes earlier, in the new contract.

    Late charges fall on all that is overdue, whenever it was drawn: a contract whose changes bind new draws only cannot
    raise them.

    >>> from msgspec.structs import replace
    >>> from tallystick.terms.catalog import shipped_products
    >>> line = shipped_products()["baitiao"]
    >>> dearer = replace(line, late=replace(line.late, penalty=replace(line.late.penalty, daily_rate_ppm=151)))
    >>> late_charges_rise(line, dearer), late_charges_rise(dearer, line)
    (True, False)
    """
    if new.late.grace_days < present.late.grace_days or new.penalty_daily_ppm() > present.penalty_daily_ppm():
        return True
    was, becomes = present.late.penalty, new.late.penalty
    if was is not None and becomes is not None and becomes.base is PenaltyBase.OVERDUE_ALL is not was.base:
        return True
    return _fee_rises(present.late.late_fee, new.late.late_fee)


def _fee_rises(present: LateFee | None, new: LateFee | None) -> bool:
    if new is None:
        return False
    if present is None:
        return True
    parts = (
        (present.fixed_minor, new.fixed_minor),
        (present.share_ppm, new.share_ppm),
        (present.least_minor, new.least_minor),
        (_most(present), _most(new)),
    )
    return any(after > before for before, after in parts)


def _most(fee: LateFee) -> float:
    return float("inf") if fee.most_minor is None else fee.most_minor
