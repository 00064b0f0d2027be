"""Ids rise with time, never repeat, and have exactly one text."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.units.ids import EPOCH_MS, ID_PATTERN, NODES, IdFault, IdPrefix, IdSource, decode_id, encode_id

NUMBERS = st.integers(0, 2**63 - 1)


@given(NUMBERS)
def test_an_id_is_the_number_that_its_text_gives_back(number: int) -> None:
    text = encode_id("line", number)
    assert decode_id("line", text) == number
    assert re.fullmatch(f"line_{ID_PATTERN}", text)


@given(NUMBERS, NUMBERS)
def test_texts_sort_as_their_numbers_do(one: int, other: int) -> None:
    assert (encode_id("line", one) < encode_id("line", other)) == (one < other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "line",
        "line_",
        "line_000000000001",
        "line_00000000000001",
        "line_000000000000L",
        "line_000000000000A",
        "line_000000000000u",
        "line_8000000000000",
        "LINE_0000000000001",
        "line_0000000000001 ",
        "line__000000000001",
        "line_٠000000000001",
    ],
)
def test_no_other_text_is_an_id(text: str) -> None:
    with pytest.raises(IdFault, match=r"give one that begins with line_|after line_ stand 13"):
        decode_id("line", text)


def test_a_fault_repeats_no_more_than_the_head_of_a_text() -> None:
    with pytest.raises(IdFault) as fault:
        decode_id("line", "x" * 10_000)
    assert len(str(fault.value)) < 200


def test_a_number_out_of_bounds_has_no_text() -> None:
    with pytest.raises(ValueError, match="-1"):
        encode_id("line", -1)


def test_ids_of_one_process_rise_though_its_clock_goes_back() -> None:
    clock = iter([EPOCH_MS + 9, EPOCH_MS + 3, EPOCH_MS + 9, EPOCH_MS + 10])
    source = IdSource(node=7, now_ms=lambda: next(clock))
    ids = [next(source) for _ in range(4)]
    assert ids == sorted(set(ids))


def test_five_thousand_ids_within_a_millisecond_differ() -> None:
    source = IdSource(node=0, now_ms=lambda: EPOCH_MS + 1)
    ids = [next(source) for _ in range(5_000)]
    assert ids == sorted(set(ids))
    assert {number >> 22 for number in ids} == {1, 2}


def test_two_processes_never_make_the_same_id() -> None:
    one, other = (IdSource(node=node, now_ms=lambda: EPOCH_MS + 1) for node in (1, 2))
    assert not {next(one) for _ in range(9_000)} & {next(other) for _ in range(9_000)}


def test_threads_share_a_source() -> None:
    source = IdSource(node=0, now_ms=lambda: EPOCH_MS + 1)
    with ThreadPoolExecutor(8) as pool:
        ids = [number for part in pool.map(lambda _: [next(source) for _ in range(500)], range(8)) for number in part]
    assert len(set(ids)) == 4_000


def test_a_node_out_of_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="node is 1024"):
        IdSource(node=NODES, now_ms=lambda: EPOCH_MS)


def test_no_prefix_is_the_beginning_of_another_id() -> None:
    assert len({prefix.value for prefix in IdPrefix}) == len(IdPrefix)
    assert all(re.fullmatch("[a-z]+", prefix) for prefix in IdPrefix)
