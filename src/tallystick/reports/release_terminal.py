"""Which strategies decide, since when and why, in the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from tallystick.reports.figures import Language, percent_text
from tallystick.reports.terminal import plain_table
from tallystick.reports.texts import texts_in
from tallystick.units.rates import PPM

DIGITS = 12  # of a hash, as people read and type it


# What a step in a strategy's life says when it is done, and why it is refused.
STEPS = (
    "submitted", "submitted_before", "approved", "strategy_unknown", "strategy_ambiguous", "second_person_missing",
    "already_approved", "not_approved", "product_differs", "challenger_twice", "share_out_of_range", "nothing_changes",
    "nothing_to_roll_back", "released_meanwhile",
)  # fmt: skip


def step_text(step: str, *, language: Language, **figures: str) -> str:
    """One of `STEPS` in words."""
    return texts_in(language)(f"release.{step}", **figures)


@dataclass(frozen=True, slots=True)
class ReleaseTold:
    """One release: the champion and each challenger with its share of the borrowers in ppm, by their hashes."""

    number: int
    champion: str
    challengers: Sequence[tuple[str, int]]
    undoes: int | None
    released_by: str
    released_at: str
    because: str


def releases_table(
    releases: Sequence[ReleaseTold], *, overridden: Mapping[str, tuple[int, int]], language: Language
) -> Table | Text:
    """The releases, the one that decides now first.

    `overridden` tells of a strategy how many applications persons decided otherwise, of how many that it decided.
    """
    say = texts_in(language)
    if not releases:
        return Text(say("release.none"))
    table = plain_table(say("release.title"))
    table.add_column(Text(say("release.number")), justify="right", no_wrap=True)
    table.add_column(Text(say("release.decides")), no_wrap=True)
    if overridden:
        table.add_column(Text(say("release.overridden")), justify="right", no_wrap=True)
    table.add_column(Text(say("release.released")), overflow="fold")
    table.add_column(Text(say("release.because")), overflow="fold")
    for place, release in enumerate(releases):
        shares = [(release.champion, PPM - sum(share for _, share in release.challengers)), *release.challengers]
        because = release.because
        if release.undoes is not None:
            undoes = say("release.undoes", number=str(release.undoes))
            because = f"{undoes}: {because}"
        counts = [overridden.get(strategy) for strategy, _ in shares]
        table.add_row(
            Text(str(release.number)),
            Text("\n".join(f"{strategy[:DIGITS]} {percent_text(share / PPM)}" for strategy, share in shares)),
            *(
                [Text("\n".join("-" if each is None else f"{each[0]:,}/{each[1]:,}" for each in counts))]
                * bool(overridden)
            ),
            Text(f"{release.released_at}\n{release.released_by}"),
            Text(because),
            style="bold" if place == 0 else "dim",
        )
    return table
