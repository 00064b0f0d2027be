"""`tallystick reviews ...`: the queue of what a person looks at, kept true where no server does it."""

from cyclopts import App

from tallystick.bootstrap import BUSINESS_ZONE, act_of, opened_books, settings, terminal

app = App(name="reviews", help="What waits for a person. A server closes by itself what nobody judged in time.")
_MOST = 1_000


@app.command
def close(*, by: str = "tallystick") -> None:
    """Decline what waits on a frozen line or device, close what is past its deadline, and offers nobody answered.

    Parameters
    ----------
    by
        Who closes them.
    """
    from tallystick.operations.expired_offers import close_expired_offers
    from tallystick.operations.reviewing import close_overdue, stop_in_flight

    stopped = timed_out = expired = 0
    with opened_books() as connection:
        act, zone = act_of(by), BUSINESS_ZONE
        while closed := stop_in_flight(connection, act=act, zone=zone, most=_MOST):
            stopped += closed
        while closed := close_overdue(connection, act=act, zone=zone, most=_MOST):
            timed_out += closed
        while closed := close_expired_offers(connection, act=act, zone=zone, most=_MOST):
            expired += closed
    zh = f"✓ 冻结终止 {stopped:,}，逾时结束 {timed_out:,}，要约到期 {expired:,}"
    en = f"✓ stopped {stopped:,}, timed out {timed_out:,}, offers expired {expired:,}"
    terminal().print(zh if settings().language == "zh" else en, markup=False)
