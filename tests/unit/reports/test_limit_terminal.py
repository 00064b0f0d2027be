"""A night of limits in the terminal: what was undone on the way, and what is beyond a damage limit and stays."""

import io
from datetime import date

import pytest
from rich.console import Console

from tallystick.reports.figures import Language
from tallystick.reports.limit_terminal import NightShown, night_lines


def shown(language: Language, *, beyond: int, undone: tuple[tuple[int, str], ...]) -> str:
    """A night without a line, in a terminal of 100 columns."""
    night = NightShown(
        reviewed_on=date(2027, 3, 11), release_number=9, currency="CNY", lines=0, sums=(), caps=(), is_open=True,
        gap_ppm=0.0, beyond=beyond, undone=undone,
    )  # fmt: skip
    screen = Console(file=io.StringIO(), width=100)
    for line in night_lines(night, language=language):
        screen.print(line)
    assert isinstance(screen.file, io.StringIO)
    return " ".join(screen.file.getvalue().split())


@pytest.mark.parametrize(
    ("language", "undone", "beyond"),
    [
        ("zh", "第 8 号发布在执行之前已自动撤回：damage limit: x", "2 项超过损害上限"),
        (
            "en",
            "Release no. 8 was undone before anything was carried out: damage limit: x",
            "2 beyond the damage limits",
        ),
    ],
)
def test_what_was_undone_and_what_is_beyond_is_told(language: Language, undone: str, beyond: str) -> None:
    text = shown(language, beyond=2, undone=((8, "damage limit: x"),))
    assert undone in text
    assert beyond in text
    quiet = shown(language, beyond=0, undone=())
    assert undone not in quiet
    assert beyond not in quiet
