"""What is frozen is shut at once: in the line's state and in the list, for what waits, and for what comes."""

import threading
from collections.abc import Iterator
from itertools import count

import psycopg
import pytest
from tests.books import Books, told_events
from tests.deciding import DAY, SHANGHAI, Lender, opened

from tallystick.operations.authorizing import Authorized
from tallystick.operations.freezing import OpenHold, freeze, lift, open_holds, void_holds, way_out
from tallystick.operations.lines import Recorded, record
from tallystick.operations.reviewing import final_outcome, judge, stop_in_flight
from tallystick.operations.strategies import strategy_files
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import lines, reviews
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.event_streams import read_event
from tallystick.storage.freezes import Freeze, Subject, freezes_before, read_freeze, standing_freeze
from tallystick.storage.reviews import ActKind, Review

ONE = 1_600_000  # large for a line of 30,000 yuan: a person looks at it


@pytest.fixture
def lender(database_url: str) -> Iterator[Lender]:
    """Lines of 30,000 yuan, and the standard strategy in force."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        books = Books(connection, ids=count(1_000))
        opened(books, range(1, 11))
        lender = Lender(books)
        lender.release()
        yield lender


def made(told: Authorized) -> StoredDecision:
    """A decision, where one was made."""
    assert isinstance(told, StoredDecision), told
    return told


def frozen(lender: Lender, subject: Subject, number: int, reason: str = "reported") -> Freeze:
    """Something that a person froze, in one transaction."""
    with lender.books.connection.transaction():
        act = lender.act(actor="security")
        told = freeze(lender.books.connection, subject, number, reason=reason, act=act, zone=SHANGHAI)
    assert isinstance(told, Freeze), told
    return told


def lifted(lender: Lender, found: Freeze) -> Freeze | Refusal:
    """A freeze that a person ends."""
    act = lender.act(actor="desk")
    with lender.books.connection.transaction():
        return lift(lender.books.connection, found.freeze_id, reason="identity proven", act=act, zone=SHANGHAI)


def in_state(lender: Lender, line_id: int) -> str | None:
    """Why a line is frozen in its own state."""
    stored = lines.read_line(lender.books.connection, line_id)
    assert stored is not None
    return stored.line.frozen_because


def holds_of(lender: Lender, found: Freeze) -> list[OpenHold]:
    """What a freeze lists for action."""
    return open_holds(lender.books.connection, found, act=lender.act(), zone=SHANGHAI)


def stopped(lender: Lender) -> int:
    """A round of stopping what waits."""
    return stop_in_flight(lender.books.connection, act=lender.act(actor="watch"), zone=SHANGHAI, most=100)


def ended(lender: Lender, decision: StoredDecision) -> tuple[str, list[ActKind], bool | None]:
    """What came of a purchase, what was done about it, and whether later decisions know it as declined."""
    review = reviews.read_review(lender.books.connection, decision.decision_id)
    acts = reviews.acts_of(lender.books.connection, decision.decision_id)
    row = read_event(lender.books.connection, "purchase_outcome", decision.decision_id)
    return final_outcome(decision, review), [each.kind for each in acts], None if row is None else row["is_declined"]


def test_a_person_freezes_a_line_and_another_lifts_it(lender: Lender) -> None:
    found = frozen(lender, Subject.LINE, 1)
    assert (in_state(lender, 1), found.placed_by, found.decision_id) == ("reported", "security", None)
    assert made(lender.ask(lender.purchase(1, 5_000))[0]).reasons == ("LINE_FROZEN",)
    told = lifted(lender, found)
    assert isinstance(told, Freeze)
    assert (told.lifted_by, told.lifted_because) == ("desk", "identity proven")
    assert in_state(lender, 1) is None
    assert made(lender.ask(lender.purchase(1, 5_000))[0]).outcome == "approve"
    assert lifted(lender, found) == Refusal(
        RefusalReason.FREEZE_LIFTED, field="freeze_id", figures={"lifted_by": "desk"}
    )


@pytest.mark.parametrize(
    ("subject", "reason"), [(Subject.DEVICE, "DEVICE_FROZEN"), (Subject.MERCHANT, "MERCHANT_BLOCKED")]
)
def test_a_device_or_a_merchant_is_frozen_for_everybody(lender: Lender, subject: Subject, reason: str) -> None:
    found = frozen(lender, subject, 7)
    twice = freeze(lender.books.connection, subject, 7, reason="again", act=lender.act(), zone=SHANGHAI)
    assert twice == Refusal(RefusalReason.SUBJECT_FROZEN, field="subject_id", figures={"subjects": [str(subject)]})
    assert made(lender.ask(lender.purchase(1, 5_000, device_id=7))[0]).reasons[0] == reason
    assert isinstance(lifted(lender, found), Freeze)
    fact = {"freeze_id": found.freeze_id, f"{subject}_id": 7}
    assert told_events(lender.books.connection) == [("freeze_placed", fact), ("freeze_lifted", fact)]
    assert made(lender.ask(lender.purchase(1, 5_000, device_id=7))[0]).outcome == "approve"


def test_the_books_own_freeze_stands_in_the_list_and_its_end_too(lender: Lender) -> None:
    """Whoever records the fact: a clerk, a borrower who objects to new terms, an event that is taken back."""
    books = lender.books
    assert isinstance(books.act(1, facts.LineFrozen(reason="lost phone"), DAY), Recorded)
    found = standing_freeze(books.connection, Subject.LINE, 1)
    assert found is not None
    assert (found.reason, found.placed_by) == ("lost phone", "clerk")
    books.act(1, facts.LineUnfrozen(reason="found"), DAY, actor="desk")
    told = read_freeze(books.connection, found.freeze_id)
    assert told is not None
    assert (told.lifted_by, told.lifted_because) == ("desk", "found")
    again = books.act(1, facts.LineFrozen(reason="lost again"), DAY)
    assert isinstance(again, Recorded)
    undone = facts.EventUndone(event_id=again.event.event_id, reason="wrong line")
    assert isinstance(books.act(1, undone, DAY, approved_by="bo"), Recorded)
    assert (in_state(lender, 1), standing_freeze(books.connection, Subject.LINE, 1)) == (None, None)
    assert books.act(1, facts.LineUnfrozen(reason="x"), DAY) == Refusal(RefusalReason.LINE_NOT_FROZEN, field="line")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE lines SET frozen_because = 'x' WHERE line_id = 1",
        "INSERT INTO freezes (freeze_id, subject, subject_id, reason, placed_by, placed_at)"
        " VALUES (1, 'line', 1, 'x', 'x', now())",
        "UPDATE lines SET frozen_because = NULL WHERE line_id = 2",
        "UPDATE freezes SET lifted_by = 'x', lifted_at = now(), lifted_because = 'x'",
        "DELETE FROM freezes",
        "UPDATE freezes SET reason = 'y'",
    ],
)
def test_the_database_lets_state_and_list_never_disagree(lender: Lender, change: str) -> None:
    frozen(lender, Subject.LINE, 2)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        lender.books.connection.execute(change.encode())
    assert (in_state(lender, 1), in_state(lender, 2)) == (None, "reported")


def burst(lender: Lender, line_id: int) -> list[StoredDecision]:
    """Far too many purchases within an hour: the last one froze the line."""
    told: list[StoredDecision] = []
    while not told or told[-1].outcome == "approve":
        told.append(made(lender.ask(lender.purchase(line_id, 100, step_up_passed=True))[0]))
    assert told[-1].reasons[0] == "LINE_BURST"
    return told


def test_a_decision_that_freezes_the_line_stops_what_waits_on_it(lender: Lender) -> None:
    waiting = made(lender.ask(lender.purchase(1, ONE))[0])
    beside = made(lender.ask(lender.purchase(2, ONE))[0])
    assert (waiting.outcome, beside.outcome) == ("review", "review")
    assert stopped(lender) == 0
    decisions = burst(lender, 1)
    assert (stopped(lender), stopped(lender)) == (1, 0)
    assert ended(lender, waiting) == ("decline", [ActKind.STOPPED], True)
    assert ended(lender, beside) == ("review", [], None)
    [found] = freezes_before(lender.books.connection, None, most=5)
    assert found.decision_id == decisions[-1].decision_id
    # Approved ones are listed, and given back one by one or all at once.
    listed = holds_of(lender, found)
    assert [each.hold.hold_id for each in listed] == [each.hold_id for each in decisions[:-1]]
    first = listed[0].hold.hold_id
    act = lender.act(actor="security")
    for hold_ids, left in (([first], len(listed) - 1), (None, 0), (None, 0)):
        with lender.books.connection.transaction():
            told = void_holds(lender.books.connection, found.freeze_id, hold_ids, act=act, zone=SHANGHAI)
        assert isinstance(told, list)
        assert len(holds_of(lender, found)) == left
    unknown = void_holds(lender.books.connection, found.freeze_id, [first], act=act, zone=SHANGHAI)
    assert unknown == Refusal(RefusalReason.HOLD_UNKNOWN, field="hold_ids")
    assert way_out(lender.books.connection, lender.deciders, found) == (
        "一小时内交易异常频繁，额度已冻结以保护您，核验身份后解冻",
        "Far too many purchases within an hour: the line is frozen to protect you until you confirm your identity",
    )


def test_a_frozen_device_stops_what_waits_on_every_line(lender: Lender) -> None:
    waiting = [made(lender.ask(lender.purchase(n, ONE, device_id=77))[0]) for n in (1, 2)]
    passed = made(lender.ask(lender.purchase(3, 100, device_id=77))[0])
    other = made(lender.ask(lender.purchase(4, 100, device_id=78))[0])
    assert [each.outcome for each in (*waiting, passed, other)] == ["review", "review", "approve", "approve"]
    found = frozen(lender, Subject.DEVICE, 77)
    for each in waiting:
        assert ended(lender, each) == ("decline", [ActKind.STOPPED], True)
    assert [(each.line_id, each.hold.hold_id) for each in holds_of(lender, found)] == [(3, passed.hold_id)]
    assert way_out(lender.books.connection, lender.deciders, found) == (
        "该设备已被冻结，请在安全中心核验后解冻",
        "This device is frozen; confirm that it is yours under “Security” in the app",
    )


def test_what_is_in_use_when_it_is_frozen_is_stopped_by_the_next_round(lender: Lender, database_url: str) -> None:
    waiting = made(lender.ask(lender.purchase(1, ONE, device_id=77))[0])
    with psycopg.connect(database_url) as other:
        lines.lock_line(other, 1)
        frozen(lender, Subject.DEVICE, 77)
        assert ended(lender, waiting)[0] == "review"
    assert stopped(lender) == 1
    assert ended(lender, waiting)[0] == "decline"


@pytest.mark.parametrize("subject", [Subject.LINE, Subject.DEVICE, Subject.MERCHANT])
def test_nobody_approves_what_is_frozen_meanwhile(lender: Lender, database_url: str, subject: Subject) -> None:
    """Frozen by a decision of another batch, before anything was stopped."""
    waiting = made(lender.ask(lender.purchase(7, ONE, device_id=7))[0])
    connection = lender.books.connection
    if subject is Subject.LINE:
        record(connection, 7, facts.LineFrozen(reason="x"), act=lender.act())
    else:
        connection.execute(
            "INSERT INTO freezes (freeze_id, subject, subject_id, reason, placed_by, placed_at)"
            " VALUES (1, %s, 7, 'x', 'x', now())",
            [str(subject)],
        )
    told = judge(connection, waiting.decision_id, "approve", reason="ok", act=lender.act(actor="ann"), zone=SHANGHAI)
    assert told == Refusal(RefusalReason.SUBJECT_FROZEN, field="review_id", figures={"subjects": [str(subject)]})
    declined = judge(
        connection, waiting.decision_id, "decline", reason="ok", act=lender.act(actor="ann"), zone=SHANGHAI
    )
    assert isinstance(declined, Review)


def test_freeze_and_judge_at_once_leave_nothing_approved_on_what_is_frozen_but_listed(
    lender: Lender, database_url: str
) -> None:
    for line_id in range(1, 7):
        waiting = made(lender.ask(lender.purchase(line_id, ONE))[0])
        gate = threading.Barrier(2)
        by_hand, by_security = lender.act(actor="ann"), lender.act(actor="security")

        def approves(waiting: StoredDecision = waiting, act: object = by_hand, gate: threading.Barrier = gate) -> None:
            with psycopg.connect(database_url) as connection:
                gate.wait()
                judge(connection, waiting.decision_id, "approve", reason="ok", act=act, zone=SHANGHAI)  # type: ignore[arg-type]

        thread = threading.Thread(target=approves)
        thread.start()
        with psycopg.connect(database_url) as connection:
            gate.wait()
            found = freeze(connection, Subject.LINE, line_id, reason="x", act=by_security, zone=SHANGHAI)
        thread.join()
        assert isinstance(found, Freeze)
        stopped(lender)
        outcome, _, is_declined = ended(lender, waiting)
        listed = [each.hold.hold_id for each in holds_of(lender, found)]
        assert (outcome, is_declined, listed) in (("approve", False, [waiting.hold_id]), ("decline", True, []))


def test_voiding_declines_what_waits_for_a_person(lender: Lender) -> None:
    """At a merchant nothing is stopped by itself: whoever froze it looks at the list."""
    waiting = made(lender.ask(lender.purchase(1, ONE))[0])
    passed = made(lender.ask(lender.purchase(2, 100))[0])
    elsewhere = made(lender.ask(lender.purchase(3, 100, merchant_id=8))[0])
    found = frozen(lender, Subject.MERCHANT, 7)
    assert [(each.hold.hold_id, each.review_id) for each in holds_of(lender, found)] == [
        (waiting.hold_id, waiting.decision_id), (passed.hold_id, None),
    ]  # fmt: skip
    with lender.books.connection.transaction():
        told = void_holds(lender.books.connection, found.freeze_id, None, act=lender.act(), zone=SHANGHAI)
    assert isinstance(told, list)
    assert [each.line_id for each in told] == [1, 2]
    assert ended(lender, waiting) == ("decline", [ActKind.STOPPED], True)
    stored = lines.read_line(lender.books.connection, 3)
    assert stored is not None
    assert [each.hold_id for each in stored.line.holds] == [elsewhere.hold_id]


def test_a_strategy_that_freezes_a_line_which_its_books_do_not_freeze_still_decides(lender: Lender) -> None:
    """On a closed line nothing can be frozen: the list does not say that it was."""
    files = strategy_files(None)
    table = "authorize/line_state.csv"
    files[table] = (
        files[table]
        .replace(b"outcome,reason", b"outcome,action,reason")
        .replace(b"decline,", b"decline,freeze_line,")
        .replace(b"continue,", b"continue,none,")
    )
    form = "authorize/checkpoint.toml"
    files[form] = files[form].replace(b'gives = ["outcome"]', b'gives = ["outcome", "action"]', 1)
    lender.release(files=files)
    assert isinstance(lender.books.act(1, facts.LineClosed(reason="asked"), DAY), Recorded)
    assert made(lender.ask(lender.purchase(1, 100))[0]).reasons[0] == "LINE_NOT_OPEN"
    assert standing_freeze(lender.books.connection, Subject.LINE, 1) is None
