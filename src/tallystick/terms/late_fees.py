"""What missing a due date costs, once: the fee that is told before the contract and charged after the due date."""

from tallystick.terms.product import LateFee
from tallystick.units.rates import PPM


def late_fee_minor(fee: LateFee, *, missed_minor: int) -> int:
    """A fixed part plus a share of what was missed, half a minor unit up, within the contract's bounds.

    >>> late_fee_minor(LateFee(share_ppm=50_000, least_minor=500, most_minor=20_000), missed_minor=123_450)
    6173
    """
    share_minor = (missed_minor * fee.share_ppm * 2 + PPM) // (2 * PPM)
    bounded_minor = max(fee.least_minor, fee.fixed_minor + share_minor)
    return bounded_minor if fee.most_minor is None else min(bounded_minor, fee.most_minor)
