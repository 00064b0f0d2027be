"""The breaker: what it takes to open and to close it, and that old news does neither."""

from tallystick.web.breaker import Breaker


def opened(*, failures_most: int = 3) -> Breaker:
    """Open from instant 10 to instant 12."""
    breaker = Breaker(failures_most=failures_most, cool_down_s=2.0)
    for _ in range(failures_most):
        assert not breaker.is_open
        breaker.failed(breaker.begin(now_s=10.0), now_s=10.0)
    assert breaker.is_open
    return breaker


def test_one_probe_that_fails_opens_it_for_another_cool_down() -> None:
    breaker = opened()
    breaker.failed(breaker.begin(now_s=12.0), now_s=12.5)
    assert breaker.wait_s(now_s=13.0) == 1.5
    assert breaker.begin(now_s=13.0) is None


def test_after_a_probe_that_succeeds_it_takes_as_many_failures_as_before() -> None:
    breaker = opened()
    breaker.succeeded(breaker.begin(now_s=12.0))
    for _ in range(2):
        breaker.failed(breaker.begin(now_s=13.0), now_s=13.0)
    assert breaker.wait_s(now_s=13.0) == 0


def test_a_success_in_between_begins_the_count_again() -> None:
    breaker = Breaker(failures_most=2, cool_down_s=2.0)
    for _ in range(3):
        breaker.failed(breaker.begin(now_s=10.0), now_s=10.0)
        breaker.succeeded(breaker.begin(now_s=10.0))
    assert not breaker.is_open


def test_a_batch_from_before_neither_closes_it_nor_keeps_it_open_longer() -> None:
    breaker = Breaker(failures_most=1, cool_down_s=2.0)
    before = breaker.begin(now_s=9.0)
    breaker.failed(breaker.begin(now_s=10.0), now_s=10.0)
    breaker.succeeded(before)
    breaker.failed(before, now_s=11.0)
    assert breaker.wait_s(now_s=11.0) == 1
    probe = breaker.begin(now_s=12.0)
    breaker.failed(before, now_s=12.0)
    assert breaker.begin(now_s=20.0) is None  # the probe alone tells
    breaker.succeeded(probe)
    assert not breaker.is_open
