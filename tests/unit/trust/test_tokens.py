"""A token is shown once; what is kept of it proves it and does not tell it."""

import pytest

from tallystick.trust.remembered import RememberedTokens
from tallystick.trust.scopes import Mode
from tallystick.trust.tokens import hash_secret, is_genuine, new_token, parse_token, token_digest


def test_a_token_is_its_text_and_is_proven_by_its_hash() -> None:
    token = new_token(mode=Mode.TEST, api_key_id=42)
    kept = hash_secret(token)
    assert parse_token(token.text()) == token
    assert token.text().startswith("tallystick_test_key_000000000001a_")
    assert kept.startswith("$argon2id$")
    assert token.secret not in kept
    assert is_genuine(token, secret_hash=kept)
    assert not is_genuine(new_token(mode=Mode.TEST, api_key_id=42), secret_hash=kept)


def test_a_hash_that_is_none_proves_nothing() -> None:
    assert not is_genuine(new_token(mode=Mode.LIVE, api_key_id=1), secret_hash="$argon2id$broken")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tallystick_live_key_000000000001a",
        "tallystick_dev_key_000000000001a_" + "A" * 43,
        "tallystick_live_line_000000000001a_" + "A" * 43,
        "tallystick_live_key_000000000001a_" + "A" * 42,
        "tallystick_live_key_000000000001a_" + "A" * 42 + "!",
        "tallystick_live_key_000000000001a_" + "A" * 43 + "\n",
    ],
)
def test_no_other_text_is_a_token(text: str) -> None:
    assert parse_token(text) is None


def test_a_token_is_never_in_a_log() -> None:
    token = new_token(mode=Mode.LIVE, api_key_id=42)
    assert token.secret not in f"{token!r} {token}"


def test_a_verified_token_is_remembered_for_its_time_only() -> None:
    remembered = RememberedTokens[int](seconds=10)
    digest = token_digest("one")
    remembered.remember(digest, 7, now_s=100.0)
    assert remembered.recall(digest, now_s=109.9) == 7
    assert remembered.recall(digest, now_s=110.0) is None
    assert remembered.stale(digest) == 7
    remembered.forget_all()
    assert remembered.stale(digest) is None


def test_the_oldest_token_is_forgotten_where_there_are_too_many() -> None:
    remembered = RememberedTokens[int](seconds=10, most=2)
    for number in range(3):
        remembered.remember(token_digest(str(number)), number, now_s=0)
    assert [remembered.recall(token_digest(str(number)), now_s=1) for number in range(3)] == [None, 1, 2]
