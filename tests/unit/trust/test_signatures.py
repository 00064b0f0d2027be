"""A delivery is believed when it is fresh and signed with a secret that is valid now; nothing else is."""

import pytest

from tallystick.trust.signatures import (
    SignatureFault,
    new_signing_secret,
    parse_secret,
    secret_text,
    signature_fault,
    signature_headers,
)

NOW = 1_800_000_000
BODY = b'{"kind":"payment_received"}'
OLD, NEW = bytes(range(32)), bytes(range(32, 64))


def sent(*secrets: bytes, at: int = NOW) -> dict[str, str]:
    return signature_headers(BODY, message_id="event_0000000000001", sent_at_s=at, secrets=secrets)


def test_the_specification_s_own_example_is_verified() -> None:
    # standard-webhooks, spec: the example of its reference libraries.
    secret = parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signature_headers(
        b'{"test": 2432232314}', message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", sent_at_s=1614265330, secrets=[secret]
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_genuine_delivery_is_believed() -> None:
    assert signature_fault(BODY, headers=sent(OLD), secrets=[OLD], now_s=NOW + 299) is None


def test_while_secrets_rotate_a_receiver_may_know_either() -> None:
    for known in (OLD, NEW):
        assert signature_fault(BODY, headers=sent(OLD, NEW), secrets=[known], now_s=NOW) is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"webhook-id": "event_0000000000002"}, SignatureFault.SIGNATURE_WRONG),
        ({"webhook-timestamp": str(NOW + 1)}, SignatureFault.SIGNATURE_WRONG),
        ({"webhook-timestamp": "soon"}, SignatureFault.TIMESTAMP_UNREADABLE),
        ({"webhook-timestamp": "٣"}, SignatureFault.TIMESTAMP_UNREADABLE),
        ({"webhook-timestamp": "9" * 5_000}, SignatureFault.TIMESTAMP_UNREADABLE),
        ({"webhook-signature": ""}, SignatureFault.SIGNATURE_WRONG),
        ({"webhook-signature": "v1,é"}, SignatureFault.SIGNATURE_WRONG),
    ],
)
def test_a_changed_header_is_noticed(change: dict[str, str], fault: SignatureFault) -> None:
    assert signature_fault(BODY, headers=sent(OLD) | change, secrets=[OLD], now_s=NOW) is fault


def test_a_changed_body_is_noticed() -> None:
    assert signature_fault(BODY + b" ", headers=sent(OLD), secrets=[OLD], now_s=NOW) is SignatureFault.SIGNATURE_WRONG


def test_another_s_secret_is_not_believed() -> None:
    headers = sent(new_signing_secret())
    assert signature_fault(BODY, headers=headers, secrets=[OLD], now_s=NOW) is SignatureFault.SIGNATURE_WRONG


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(missing: str) -> None:
    headers = {name: text for name, text in sent(OLD).items() if name != missing}
    assert signature_fault(BODY, headers=headers, secrets=[OLD], now_s=NOW) is SignatureFault.HEADER_MISSING


def test_a_recorded_delivery_cannot_be_played_again_later() -> None:
    assert signature_fault(BODY, headers=sent(OLD), secrets=[OLD], now_s=NOW + 301) is SignatureFault.TIMESTAMP_TOO_OLD
    early = signature_fault(BODY, headers=sent(OLD, at=NOW + 301), secrets=[OLD], now_s=NOW)
    assert early is SignatureFault.TIMESTAMP_IN_FUTURE


def test_a_secret_is_its_text() -> None:
    secret = new_signing_secret()
    assert parse_secret(secret_text(secret)) == secret
    with pytest.raises(ValueError, match="copy it again"):
        parse_secret("whsec_!")
