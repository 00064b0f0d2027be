"""What a night would do to the whole book beside its release's damage limits, judged before any of it is done.

A new champion is compared with the one before it on the same lines of the same night, decided once more from what was
recorded of them: neither the day nor the cooling of other nights stands between the two.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

import numpy as np
from psycopg import Connection

from tallystick.operations.damage import Figure, challengers_beside, judged, trial_of
from tallystick.operations.deciding import Deciders
from tallystick.operations.lines import Act
from tallystick.operations.recorded_cases import CaseBlock
from tallystick.operations.strategy_life import standing_releases
from tallystick.storage import decisions
from tallystick.storage.decisions import Batch
from tallystick.storage.limit_reviews import Night, batches_of_night
from tallystick.storage.strategies import releases
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import CaseRecord, decode_record
from tallystick.strategy.damage import NO_DECISIONS, Arm, Beside, Finding, Tally, findings, stop_finding
from tallystick.strategy.damage_limits import Watched
from tallystick.strategy.limit_targets import review_book, unknown_segments
from tallystick.strategy.night_tallies import night_tallies
from tallystick.strategy.recorded_reviews import RecordedLines


def figures_of_night(
    connection: Connection, night: Night, now: Mapping[str, Tally], *, deciders: Deciders, act: Act
) -> list[Figure]:
    """The figures of a night by the release in force; `now` are the tallies of its strategies."""
    found = list(_findings(connection, night, now, deciders=deciders, act=act))
    return list(judged(Watched.REVIEW_LIMIT_BY_NIGHT, [_plain(each) for each in found]))


def _findings(
    connection: Connection, night: Night, now: Mapping[str, Tally], *, deciders: Deciders, act: Act
) -> Iterator[Finding]:
    standing = standing_releases(releases(connection))
    release, trial = standing[-1], trial_of(standing, at=act.at)
    limits = release.damage_limits
    of = limits.review_limit_by_night
    beside: tuple[tuple[Beside, Tally], ...] = ()
    if trial is not None:
        before = _by_another(connection, night, trial.before_id, deciders=deciders, on=act.today)
        beside = ((Beside.SAME_LINES, before.get(release.champion_id, NO_DECISIONS)),)
    champion = Arm(
        strategy_id=release.champion_id,
        on_trial=trial is not None,
        now=now.get(release.champion_id, NO_DECISIONS),
        beside=beside,
    )
    for arm in (champion, *challengers_beside(champion, now, standing=standing)):
        yield from findings(arm, limits=limits, of=of)
    granted, lines = (
        round(sum(float(getattr(each, name)) for each in now.values())) for name in ("granted_minor", "decisions")
    )
    yield stop_finding(champion, granted_minor=granted, decisions=lines, of=of)


def _by_another(
    connection: Connection, night: Night, strategy_id: str, *, deciders: Deciders, on: date
) -> dict[str, Tally]:
    """What another strategy would do with the night's lines, by its own portfolio caps, by who decided them.

    Lines of which not all is known that it reads are left out. Empty where it reviews no live lines at all.
    """
    checkpoint = deciders.compiled(connection, strategy_id).get(CheckpointName.REVIEW_LIMIT)
    strategy = deciders.limits(connection, strategy_id, on=on)
    if checkpoint is None or unknown_segments(strategy):
        return {}
    recorded, decided_by = RecordedLines(), list[str]()
    for batch_id in batches_of_night(connection, night.night_id):
        batch, record = recorded_batch(connection, batch_id)
        block = CaseBlock(checkpoint)
        block.add(connection, batch, record, catalog=deciders.catalog)
        known = np.flatnonzero(block.same_inputs).tolist()
        if known:
            recorded.add(block.decided(known))
            decided_by += [block.strategy_id[case] for case in known]
    if not decided_by:
        return {}
    reviewed = recorded.reviewed(strategy)
    return night_tallies(
        reviewed,
        review_book(reviewed, strategy=strategy).targets.target_minor,
        borrower=recorded.column("borrower_id"),
        strategy_id=np.array(decided_by, dtype=object),
    )


def recorded_batch(connection: Connection, batch_id: int) -> tuple[Batch, CaseRecord]:
    """A batch of a night with its record."""
    batch, trace = decisions.read_batch(connection, batch_id), decisions.read_trace(connection, batch_id)
    assert batch is not None
    assert trace is not None, "a trace is kept for longer than a night takes"
    return batch, decode_record(trace)


def _plain(found: Finding) -> Finding:
    """A finding of Python's own numbers, to be kept as JSON."""
    return replace(
        found,
        now=float(found.now),
        least=float(found.least),
        before=float(found.before),
        most=float(found.most),
        decisions=float(found.decisions),
        decisions_before=float(found.decisions_before),
        is_enough=bool(found.is_enough),
    )
