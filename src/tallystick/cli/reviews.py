"""`tallystick reviews ...`: the queue of what a person looks at, kept true where no server does it."""

from cyclopts import App

from tallystick.bootstrap import BUSINESS_ZONE, act_of, opened_books, settings, terminal

app = App(name="reviews", help="What waits for a person. A server closes by itself what nobody judged in time.")
_MOST = 1_000


@app.command
def close(*, by: str = "tallystick") -> None:
    """Decline what waits on a frozen line or device, and close what is past its deadline as the strategy says.

    Parameters
    ----------
    by
        Who closes them.
    """
    from tallystick.operations.reviewing import close_overdue, stop_in_flight

    stopped = timed_out = 0
    with opened_books() as connection:
        act, zone = act_of(by), BUSINESS_ZONE
        while closed := stop_in_flight(connection, act=act, zone=zone, most=_MOST):
            stopped += closed
        while closed := close_overdue(connection, act=act, zone=zone, most=_MOST):
            timed_out += closed
    zh, en = f"✓ 冻结终止 {stopped:,}，逾时结束 {timed_out:,}", f"✓ stopped {stopped:,}, timed out {timed_out:,}"
    terminal().print(zh if settings().language == "zh" else en, markup=False)
