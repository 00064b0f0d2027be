"""A strategy's life: submitted as files, approved by a second person, promoted to decide, rolled back.

Each function is one transaction of the caller's. A strategy is named by its content hash, or by the first digits of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct
from psycopg import Connection

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.operations.decision_events import tell_rolled_back
from tallystick.operations.lines import Act, is_same_person
from tallystick.operations.strategies import whole_strategy
from tallystick.storage import strategies as stored
from tallystick.storage.contracts import published_products
from tallystick.storage.strategies import Release, StoredStrategy
from tallystick.strategy.assignment import Challenger
from tallystick.strategy.checkpoint_reading import read_checkpoints
from tallystick.strategy.damage_limits import DamageLimits, shipped_damage_limits
from tallystick.strategy.economics import StrategyFaults
from tallystick.strategy.products import strategy_products
from tallystick.terms.contract import products_sold
from tallystick.units.rates import PPM

_LEAST_DIGITS: Final = 6
# Challengers are for learning: the champion keeps at least half of the borrowers.
CHALLENGERS_MOST_PPM: Final = PPM // 2


class StrategyReason(StrEnum):
    """Why a step in a strategy's life is refused; the first that holds is given."""

    STRATEGY_UNKNOWN = "strategy_unknown"
    STRATEGY_AMBIGUOUS = "strategy_ambiguous"
    SECOND_PERSON_MISSING = "second_person_missing"
    ALREADY_APPROVED = "already_approved"
    NOT_APPROVED = "not_approved"
    PRODUCT_DIFFERS = "product_differs"
    CHALLENGER_TWICE = "challenger_twice"
    SHARE_OUT_OF_RANGE = "share_out_of_range"
    NOTHING_CHANGES = "nothing_changes"
    NOTHING_TO_ROLL_BACK = "nothing_to_roll_back"
    RELEASED_MEANWHILE = "released_meanwhile"


class StrategyRefusal(Struct, frozen=True):
    """A reason, the field it is about, and the figures that show it; words for it are the edge's."""

    reason: StrategyReason
    field: str
    figures: dict[str, Any] = {}


class Submitted(Struct, frozen=True):
    """A strategy that is kept; `is_new` tells whether anybody had submitted the same files before."""

    strategy_id: str
    name: str
    is_new: bool


def submit(connection: Connection, files: Mapping[str, bytes], *, act: Act) -> Submitted:
    """Check a strategy's files and keep them; raises `StrategyFaults` with every fault of every file."""
    strategy = whole_strategy(files, on=act.today).review
    is_new = stored.add_strategy(connection, strategy.sha256, name=strategy.name, files=files, by=act.actor, at=act.at)
    return Submitted(strategy.sha256, strategy.name, is_new)


def approve(connection: Connection, named: str, *, note: str, act: Act) -> StoredStrategy | StrategyRefusal:
    """A second person agrees that a strategy may decide."""
    strategy = find(connection, named)
    if isinstance(strategy, StrategyRefusal):
        return strategy
    if strategy.approved_by is not None:
        figures = {"approved_by": strategy.approved_by}
        return StrategyRefusal(StrategyReason.ALREADY_APPROVED, "strategy", figures)
    if is_same_person(strategy.submitted_by, act.actor):
        figures = {"submitted_by": strategy.submitted_by}
        return StrategyRefusal(StrategyReason.SECOND_PERSON_MISSING, "by", figures)
    stored.add_approval(connection, strategy, by=act.actor, at=act.at, note=note)
    return find(connection, strategy.strategy_id)


def promote(
    connection: Connection,
    champion: str,
    challengers: Sequence[Challenger] = (),
    *,
    because: str,
    act: Act,
    damage_limits: DamageLimits | None = None,
) -> Release | StrategyRefusal:
    """Let a strategy decide from now on, challengers for their shares of the borrowers.

    It stands as long as it keeps its damage limits: those that ship, where none are given.

    Borrowers are dealt by a hash of their ids with the release's salt. The salt stays while there are challengers, so
    that a borrower stays with the strategy that had him where shares allow it.
    """
    stored.lock_releases(connection)
    chosen = _approved(connection, [champion, *(each.name for each in challengers)])
    if isinstance(chosen, StrategyRefusal):
        return chosen
    dealt = tuple(
        Challenger(strategy_id, each.share_ppm) for strategy_id, each in zip(chosen[1:], challengers, strict=True)
    )
    refusal = _shares_fault(chosen, dealt) or _product_differs(connection, chosen, on=act.today)
    if refusal is not None:
        return refusal
    limits = shipped_damage_limits() if damage_limits is None else damage_limits
    last = current_release(connection)
    if last is not None and (last.champion_id, last.challengers, last.damage_limits) == (chosen[0], dealt, limits):
        return StrategyRefusal(StrategyReason.NOTHING_CHANGES, "strategy", {"release": last.number})
    number = last.number + 1 if last else 1
    release = Release(
        number=number,
        kind="promoted",
        champion_id=chosen[0],
        challengers=dealt,
        salt=last.salt if last is not None and last.challengers else f"release-{number}",
        undoes_number=None,
        released_by=act.actor,
        released_at=act.at,
        because=because,
        damage_limits=limits,
    )
    stored.add_release(connection, release)
    return release


def roll_back(
    connection: Connection, *, because: str, act: Act, of_release: int | None = None
) -> Release | StrategyRefusal:
    """Let the release before the last promotion decide again.

    `of_release` is the one that the caller saw do damage: where another has taken its place meanwhile, nothing happens.
    A rollback is never undone by a second one: it goes further back, to what decided before that.
    """
    stored.lock_releases(connection)
    made = stored.releases(connection)
    if of_release is not None and (not made or made[0].number != of_release):
        figures = {"release": made[0].number if made else 0}
        return StrategyRefusal(StrategyReason.RELEASED_MEANWHILE, "release", figures)
    standing = standing_releases(made)
    if len(standing) < 2:
        return StrategyRefusal(StrategyReason.NOTHING_TO_ROLL_BACK, "release")
    undone, before = standing[-1], standing[-2]
    release = Release(
        number=made[0].number + 1,
        kind="rolled_back",
        champion_id=before.champion_id,
        challengers=before.challengers,
        salt=before.salt,
        undoes_number=undone.number,
        released_by=act.actor,
        released_at=act.at,
        because=because,
        damage_limits=before.damage_limits,
    )
    stored.add_release(connection, release)
    tell_rolled_back(connection, release, act=act)
    return release


def current_release(connection: Connection) -> Release | None:
    """The release that decides now, None before the first."""
    return next(iter(stored.releases(connection, most=1)), None)


def find(connection: Connection, named: str) -> StoredStrategy | StrategyRefusal:
    """The strategy of a hash, or of the first digits of one."""
    if len(named) < _LEAST_DIGITS:
        figures: dict[str, Any] = {"strategy": named, "digits": _LEAST_DIGITS}
        return StrategyRefusal(StrategyReason.STRATEGY_AMBIGUOUS, "strategy", figures)
    match stored.strategies_like(connection, named):
        case [one]:
            return one
        case []:
            return StrategyRefusal(StrategyReason.STRATEGY_UNKNOWN, "strategy", {"strategy": named})
        case _:
            figures = {"strategy": named, "digits": len(named) + 1}
            return StrategyRefusal(StrategyReason.STRATEGY_AMBIGUOUS, "strategy", figures)


def _approved(connection: Connection, named: Sequence[str]) -> list[str] | StrategyRefusal:
    """The full hashes of strategies that a second person agreed to."""
    chosen: list[str] = []
    for each in named:
        strategy = find(connection, each)
        if isinstance(strategy, StrategyRefusal):
            return strategy
        if strategy.approved_by is None:
            figures = {"strategy": strategy.strategy_id, "submitted_by": strategy.submitted_by}
            return StrategyRefusal(StrategyReason.NOT_APPROVED, "strategy", figures)
        chosen.append(strategy.strategy_id)
    return chosen


def _shares_fault(chosen: Sequence[str], challengers: Sequence[Challenger]) -> StrategyRefusal | None:
    if len(set(chosen)) < len(chosen):
        return StrategyRefusal(StrategyReason.CHALLENGER_TWICE, "challengers")
    total = sum(each.share_ppm for each in challengers)
    if total > CHALLENGERS_MOST_PPM or any(each.share_ppm < 1 for each in challengers):
        figures = {"share_ppm": total, "most_ppm": CHALLENGERS_MOST_PPM}
        return StrategyRefusal(StrategyReason.SHARE_OUT_OF_RANGE, "challengers", figures)
    return None


def release_unfit(connection: Connection, *, since: date) -> Iterator[tuple[date, StrategyRefusal]]:
    """From which days on the release in force does not fit what is sold, and why its first strategy does not.

    Looked at are a day, and those on which a version that is published already is sold.
    """
    release = current_release(connection)
    if release is None:
        return
    named = [release.champion_id, *(each.name for each in release.challengers)]
    for day in sorted({since, *(each.sold_from for each in published_products(connection) if each.sold_from > since)}):
        unfit = _product_differs(connection, named, on=day)
        if unfit is not None:
            yield day, unfit


def _product_differs(connection: Connection, strategy_ids: Sequence[str], *, on: date) -> StrategyRefusal | None:
    """Why a strategy cannot decide on what is sold: its tables name prices or limits that the product has not.

    A product that is not sold yet is asked for when something is offered of it.
    """
    sold = products_sold(published_products(connection), on=on)
    for strategy_id in strategy_ids:
        files = stored.files_of(connection, strategy_id)
        try:
            if all(sold.get(name, known) == known for name, known in strategy_products(files).items()):
                continue
            read_checkpoints(files, catalog=load_as_of_catalog(), sold=sold)
        except StrategyFaults as refused:
            figures = {"strategy": strategy_id, "faults": "; ".join(refused.faults)}
            return StrategyRefusal(StrategyReason.PRODUCT_DIFFERS, "strategy", figures)
    return None


def standing_releases(history: Sequence[Release]) -> list[Release]:
    """What decided and was not undone, the oldest first: a rollback takes the last of them away."""
    standing: list[Release] = []
    for release in reversed(history):
        if release.kind == "promoted":
            standing.append(release)
        else:
            standing.pop()
    return standing
