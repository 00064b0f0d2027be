"""The least that keeps a statement from being past due, by the contract's rule."""

from tallystick.terms.product import MinimumDue
from tallystick.units.rates import PPM


def least_due_minor(rule: MinimumDue, *, shared_minor: int, in_full_minor: int = 0) -> int:
    """What is asked in full and a share of the rest, at least the floor; whoever asks caps it at what is owed.

    The begun minor unit of the share counts whole: a minimum is never a fraction short.

    >>> rule = MinimumDue(share_ppm=100_000, floor_minor=5_000, in_full=())
    >>> least_due_minor(rule, shared_minor=123_451, in_full_minor=700), least_due_minor(rule, shared_minor=900)
    (13046, 5000)
    """
    return max(rule.floor_minor, in_full_minor - (-shared_minor * rule.share_ppm // PPM))
