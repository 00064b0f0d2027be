"""Damage limits kept: what a release decides is counted, judged, and undone by itself where it goes beyond them.

What a night would do to the whole book is judged by the night itself, before it does anything (`night_damage`).

Only what is on trial is undone: challengers, and a champion for some days after it became one. What has decided for
long, or has nothing before it to go back to, stays, and a person is told: to decline everybody would be damage too.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.operations.strategy_life import StrategyReason, StrategyRefusal, roll_back, standing_releases
from tallystick.reports.figures import money_exact_text
from tallystick.storage import strategies as stored
from tallystick.storage.decision_tallies import since_latest, tallies
from tallystick.storage.limit_reviews import figures_of_last_night
from tallystick.storage.strategies import Release
from tallystick.strategy.damage import (
    NO_DECISIONS,
    Arm,
    Beside,
    Finding,
    Tally,
    findings,
    passed,
    stop_finding,
)
from tallystick.strategy.damage_limits import BY_THE_HOUR, DamageLimits, Watched, read_damage_limits
from tallystick.strategy.economics import StrategyFaults

# So many decisions of a span are counted, the latest: more make a look slower, and no figure clearer.
MOST_DECISIONS: Final = 10_000
_CURRENCY: Final = "CNY"
_HOUR: Final = timedelta(hours=1)
_DAYS_BEFORE: Final = 7
_MOST_OF_A_DAY: Final = MOST_DECISIONS // _DAYS_BEFORE
# A pace is told from no shorter time: one large purchase in a second is no hour of them.
_LEAST_PACE: Final = timedelta(minutes=1)


class Figure(Struct, frozen=True):
    """One figure of what is watched beside its limit, and whether it passes it beside all that it is compared with."""

    watched: Watched
    finding: Finding
    is_passed: bool


class Damage(Struct, frozen=True):
    """What was found of the release in force, None before the first, and the release that undid it, if one did."""

    release: Release | None
    figures: tuple[Figure, ...] = ()
    undone_by: Release | None = None

    @property
    def passed(self) -> tuple[Figure, ...]:
        """The figures that are beyond their limits."""
        return tuple(each for each in self.figures if each.is_passed)


def read_damage_limits_file(file: Path) -> DamageLimits:
    """The limits that a file gives; raises `StrategyFaults` with everything that is wrong."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise StrategyFaults([f"{file}: cannot be read as UTF-8 text: {error}"]) from error
    return read_damage_limits(text, file=str(file))


def damage_of_release(connection: Connection, *, at: datetime) -> Damage:
    """The figures of the release in force beside its damage limits, its last night's among them; nothing is written."""
    history = stored.releases(connection)
    if not history:
        return Damage(None)
    figures = list(_figures(connection, history, at=at))
    told = figures_of_last_night(connection, history[0].number)
    if told is not None:
        figures += msgspec.json.decode(told, type=list[Figure])
    return Damage(history[0], tuple(figures))


def watch_damage(connection: Connection, *, act: Act) -> Damage:
    """Look at the release in force, and undo it where something that is on trial goes beyond a limit.

    The caller commits. Of several who look at once one undoes it.
    """
    found = damage_of_release(connection, at=act.at)
    if found.release is None or not any(each.finding.on_trial for each in found.passed):
        return found
    undone_by = undo(connection, found.release.number, found.passed, act=act)
    if isinstance(undone_by, Release):
        return Damage(found.release, found.figures, undone_by)
    if undone_by.reason is StrategyReason.RELEASED_MEANWHILE:
        return damage_of_release(connection, at=act.at)
    return found


def undo(connection: Connection, number: int, beyond: Sequence[Figure], *, act: Act) -> Release | StrategyRefusal:
    """Undo a release for the figures of what is on trial, which are told as the cause."""
    because = "; ".join(in_words(each) for each in beyond if each.finding.on_trial)
    return roll_back(connection, because=because, act=act, of_release=number)


def judged(watched: Watched, found: Sequence[Finding]) -> Iterator[Figure]:
    """The findings of one thing that is watched, and which of them are beyond their limits."""
    beyond = passed(found)
    for each in found:
        yield Figure(watched, each, each in beyond)


def _figures(connection: Connection, history: Sequence[Release], *, at: datetime) -> Iterator[Figure]:
    for watched in BY_THE_HOUR:
        yield from judged(watched, list(_findings(connection, watched, history, at=at)))


def _findings(
    connection: Connection, watched: Watched, history: Sequence[Release], *, at: datetime
) -> Iterator[Finding]:
    release = history[0]
    limits, of = release.damage_limits, release.damage_limits.of(watched)
    since, until = max(at - _HOUR, release.released_at), at + timedelta(microseconds=1)
    counted = since_latest(connection, watched, since=since, until=until, most=MOST_DECISIONS)
    strategy_ids = [release.champion_id, *(each.name for each in release.challengers)]
    decided = tallies(connection, strategy_ids, watched, since=counted, until=until)
    if not decided:
        return
    now = {strategy_id: decided.get(strategy_id, NO_DECISIONS) for strategy_id in strategy_ids}
    standing = standing_releases(history)
    trial = trial_of(standing, at=at)
    beside: tuple[tuple[Beside, Tally], ...] = ()
    if trial is not None:
        beside = tuple(_before(connection, watched, trial.before_id, began_at=trial.began_at, at=at))
    champion = Arm(
        strategy_id=release.champion_id, on_trial=trial is not None, now=now[release.champion_id], beside=beside
    )
    for arm in (champion, *challengers_beside(champion, now, standing=standing)):
        yield from findings(arm, limits=limits, of=of)
    granted, decisions = (sum(float(getattr(each, name)) for each in decided.values())
                          for name in ("granted_minor", "decisions"))  # fmt: skip
    pace = 1.0 if counted <= since else _HOUR / max(at - counted, _LEAST_PACE)
    yield stop_finding(champion, granted_minor=round(granted * pace), decisions=round(decisions), of=of)


class Trial(Struct, frozen=True):
    """A champion on trial: since when it is one, and which was before it."""

    began_at: datetime
    before_id: str


def trial_of(standing: Sequence[Release], *, at: datetime) -> Trial | None:
    """The trial of the champion of what stands, the oldest release first; None where it is over, or nothing was before.

    A release that keeps the champion of the one before it neither begins nor ends one.
    """
    release = standing[-1]
    began_at = release.released_at
    for earlier in reversed(standing):
        if earlier.champion_id != release.champion_id:
            is_over = at - began_at >= timedelta(hours=release.damage_limits.trial_hours)
            return None if is_over else Trial(began_at, earlier.champion_id)
        began_at = earlier.released_at
    return None


def challengers_beside(champion: Arm, now: Mapping[str, Tally], *, standing: Sequence[Release]) -> Iterator[Arm]:
    """The challengers of what stands beside its champion at the same time; they are on trial for all of theirs."""
    for challenger in standing[-1].challengers:
        yield Arm(
            strategy_id=challenger.name,
            on_trial=len(standing) > 1,
            now=now.get(challenger.name, NO_DECISIONS),
            beside=((Beside.CHAMPION, champion.now),),
        )


def _before(
    connection: Connection,
    watched: Watched,
    before_id: str,
    *,
    began_at: datetime,
    at: datetime,
) -> Iterator[tuple[Beside, Tally]]:
    """What the champion before decided: until it was followed, and at this time of the days before that."""

    def decided(since: datetime, until: datetime, *, most: int) -> Tally:
        counted = since_latest(connection, watched, since=since, until=until, most=most)
        found = tallies(connection, [before_id], watched, since=counted, until=until)
        return found.get(before_id, NO_DECISIONS)

    yield Beside.HOUR_BEFORE, decided(began_at - _HOUR, began_at, most=MOST_DECISIONS)
    ends = [at - timedelta(days=days) for days in range(1, _DAYS_BEFORE + 1)]
    spans = [(end - _HOUR, min(end, began_at)) for end in ends if end - _HOUR < began_at]
    yield Beside.DAYS_BEFORE, _summed([decided(since, until, most=_MOST_OF_A_DAY) for since, until in spans])


def _summed(days: Sequence[Tally]) -> Tally:
    """Days together; who comes on two of them counts as two, for a day lies between."""
    names = Tally.__slots__
    return Tally(**{name: sum(float(getattr(day, name)) for day in days) for name in names})


def in_words(figure: Figure) -> str:
    """A limit that was passed, as a release's cause says it.

    >>> from tallystick.strategy.damage import Measure
    >>> declines = Finding(strategy_id="3f9c21" + "0" * 58, measure=Measure.DECLINES, beside=Beside.CHAMPION, now=1.0,
    ...     least=0.7895, before=0.2, most=0.5607, decisions=60, decisions_before=500, is_enough=True, on_trial=True)
    >>> in_words(Figure(Watched.AUTHORIZE, declines, True))
    'damage limit: authorize declines of 3f9c21000000: 100.0% of 60, champion 20.0% of 500, at most 56.1%'
    """
    each = figure.finding
    now, before, most = (_figure_text(each, value) for value in (each.now, each.before, each.most))
    told = f"damage limit: {figure.watched} {each.measure} of {each.strategy_id[:12]}: {now} of {each.decisions:.0f}"
    beside = "" if each.beside is Beside.NOTHING else f", {each.beside} {before} of {each.decisions_before:.0f}"
    return f"{told}{beside}, at most {most}"


def _figure_text(finding: Finding, value: float) -> str:
    return money_exact_text(round(value), currency=_CURRENCY) if finding.measure.is_amount else f"{value:.1%}"
