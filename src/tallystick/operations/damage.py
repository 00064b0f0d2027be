"""Damage limits kept: what a release decides is counted, judged, and undone by itself where it goes beyond them.

Only what is on trial is undone: challengers, and a champion for some days after it became one. What has decided for
long, or has nothing before it to go back to, stays, and a person is told: to decline everybody would be damage too.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from msgspec import Struct
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.operations.strategy_life import StrategyReason, roll_back, standing_releases
from tallystick.reports.figures import money_exact_text
from tallystick.storage import strategies as stored
from tallystick.storage.decision_tallies import since_latest, tallies
from tallystick.storage.strategies import Release
from tallystick.strategy.case_columns import CheckpointName
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
from tallystick.strategy.damage_limits import WATCHED, DamageLimits, read_damage_limits
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
    """One figure at a checkpoint beside its limit, and whether it passes it beside all that it is compared with."""

    checkpoint: CheckpointName
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
    """The figures of the release in force beside its damage limits; nothing is written."""
    history = stored.releases(connection)
    if not history:
        return Damage(None)
    return Damage(history[0], tuple(_figures(connection, history, at=at)))


def watch_damage(connection: Connection, *, act: Act) -> Damage:
    """Look at the release in force, and undo it where something that is on trial goes beyond a limit.

    The caller commits. Of several who look at once one undoes it.
    """
    found = damage_of_release(connection, at=act.at)
    undoing = [each for each in found.passed if each.finding.on_trial]
    if found.release is None or not undoing:
        return found
    because = "; ".join(in_words(each) for each in undoing)
    undone_by = roll_back(connection, because=because, act=act, of_release=found.release.number)
    if isinstance(undone_by, Release):
        return Damage(found.release, found.figures, undone_by)
    if undone_by.reason is StrategyReason.RELEASED_MEANWHILE:
        return damage_of_release(connection, at=act.at)
    return found


def _figures(connection: Connection, history: Sequence[Release], *, at: datetime) -> Iterator[Figure]:
    for checkpoint in WATCHED:
        found = list(_findings(connection, checkpoint, history, at=at))
        beyond = passed(found)
        for each in found:
            yield Figure(checkpoint, each, each in beyond)


def _findings(
    connection: Connection, checkpoint: CheckpointName, history: Sequence[Release], *, at: datetime
) -> Iterator[Finding]:
    release = history[0]
    limits, of = release.damage_limits, release.damage_limits.of(checkpoint)
    since, until = max(at - _HOUR, release.released_at), at + timedelta(microseconds=1)
    counted = since_latest(connection, checkpoint=checkpoint, since=since, until=until, most=MOST_DECISIONS)
    strategy_ids = [release.champion_id, *(each.name for each in release.challengers)]
    decided = tallies(connection, strategy_ids, checkpoint=checkpoint, since=counted, until=until)
    if not decided:
        return
    now = {strategy_id: decided.get(strategy_id, NO_DECISIONS) for strategy_id in strategy_ids}
    standing = standing_releases(history)
    began_at, before_id = _trial(standing)
    on_trial = before_id is not None and at - began_at < timedelta(hours=limits.trial_hours)
    beside: tuple[tuple[Beside, Tally], ...] = ()
    if on_trial and before_id is not None:
        beside = tuple(_before(connection, checkpoint, before_id, began_at=began_at, at=at))
    champion = Arm(
        strategy_id=release.champion_id, on_trial=on_trial, now=now[release.champion_id], beside=beside
    )  # fmt: skip
    yield from findings(champion, limits=limits, of=of)
    for challenger in release.challengers:
        arm = Arm(
            strategy_id=challenger.name,
            on_trial=len(standing) > 1,
            now=now[challenger.name],
            beside=((Beside.CHAMPION, champion.now),),
        )
        yield from findings(arm, limits=limits, of=of)
    granted, decisions = (sum(float(getattr(each, name)) for each in decided.values())
                          for name in ("granted_minor", "decisions"))  # fmt: skip
    pace = 1.0 if counted <= since else _HOUR / max(at - counted, _LEAST_PACE)
    yield stop_finding(champion, granted_minor=round(granted * pace), decisions=round(decisions), of=of)


def _trial(standing: Sequence[Release]) -> tuple[datetime, str | None]:
    """Since when the champion is one, and which was champion before it, of what decided and was not undone."""
    began_at = standing[-1].released_at
    for release in reversed(standing):
        if release.champion_id != standing[-1].champion_id:
            return began_at, release.champion_id
        began_at = release.released_at
    return began_at, None


def _before(
    connection: Connection,
    checkpoint: CheckpointName,
    before_id: str,
    *,
    began_at: datetime,
    at: datetime,
) -> Iterator[tuple[Beside, Tally]]:
    """What the champion before decided: until it was followed, and at this time of the days before that."""

    def decided(since: datetime, until: datetime, *, most: int) -> Tally:
        counted = since_latest(connection, checkpoint=checkpoint, since=since, until=until, most=most)
        found = tallies(connection, [before_id], checkpoint=checkpoint, since=counted, until=until)
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
    >>> in_words(Figure(CheckpointName.AUTHORIZE, declines, True))
    'damage limit: authorize declines of 3f9c21000000: 100.0% of 60, champion 20.0% of 500, at most 56.1%'
    """
    each = figure.finding
    now, before, most = (_figure_text(each, value) for value in (each.now, each.before, each.most))
    told = f"damage limit: {figure.checkpoint} {each.measure} of {each.strategy_id[:12]}: {now} of {each.decisions:.0f}"
    beside = "" if each.beside is Beside.NOTHING else f", {each.beside} {before} of {each.decisions_before:.0f}"
    return f"{told}{beside}, at most {most}"


def _figure_text(finding: Finding, value: float) -> str:
    return money_exact_text(round(value), currency=_CURRENCY) if finding.measure.is_amount else f"{value:.1%}"
