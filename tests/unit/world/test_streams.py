"""Streams of chance are independent by name, seed and block, and begin alike whatever their length."""

import numpy as np
import pytest

from tallystick.world.streams import Streams


def test_a_stream_depends_on_its_name_only() -> None:
    first = Streams(seed=1, block=0, count=100)
    second = Streams(seed=1, block=0, count=100)
    second.uniform("a stream drawn in between")
    assert np.array_equal(first.normal("income"), second.normal("income"))


def test_longer_streams_begin_with_the_shorter() -> None:
    short, long = Streams(seed=1, block=2, count=10), Streams(seed=1, block=2, count=1_000)
    assert np.array_equal(short.normal("x"), long.normal("x")[:10])
    assert np.array_equal(short.uniform("y"), long.uniform("y")[:10])


def test_names_seeds_and_blocks_give_other_numbers() -> None:
    draws = [
        Streams(seed=seed, block=block, count=5).uniform(name)[0]
        for seed in (0, 1, 2**40)
        for block in (0, 1)
        for name in ("a", "b")
    ]
    assert len(set(draws)) == len(draws)


def test_streams_are_uncorrelated() -> None:
    streams = Streams(seed=3, block=0, count=50_000)
    correlation = np.corrcoef([streams.normal(name) for name in ("a", "b", "c", "d")])
    assert np.abs(correlation - np.eye(4)).max() < 0.02


def test_drawing_a_name_twice_is_refused() -> None:
    streams = Streams(seed=1, block=0, count=5)
    streams.uniform("late/3")
    with pytest.raises(ValueError, match="'late/3' was drawn already"):
        streams.normal("late/3")
