"""Anchors: what is written down outside the books is read back as it was, and nothing else is."""

import pytest

from tallystick.ledger.chain import Anchor, AnchorFault, anchor_of, read_anchor, seals_over


def test_an_anchor_reads_back_as_it_was_written() -> None:
    (seal,) = seals_over([bytes(40)], after=None, chart_sha256=bytes(32))
    anchor = anchor_of(seal)
    assert (anchor.seal_number, len(anchor.digest_hex)) == (1, 64)
    assert read_anchor(f"  {str(anchor).upper()}\n") == anchor


@pytest.mark.parametrize(
    "text",
    ["", "12", "12:", f"{'a' * 64}", f"-1:{'a' * 64}", f"12:{'a' * 63}", f"12:{'a' * 65}", f"12:{'g' * 64}"],
)
def test_what_is_no_anchor_is_refused_with_its_form(text: str) -> None:
    with pytest.raises(AnchorFault, match="give a seal's number, a colon and the 64 hexadecimal digits"):
        read_anchor(text)


def test_seals_of_another_number_or_digest_are_other_anchors() -> None:
    assert Anchor(1, "a" * 64) != Anchor(2, "a" * 64)
    assert Anchor(1, "a" * 64) != Anchor(1, "b" * 64)
