"""The master key is made once, read only by its owner, and never shown."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tallystick.trust.master_key import MasterKey, MasterKeyFault, master_key_file, new_master_key, parse_master_key

DERIVED_FROM_ZEROS = "16990bc312385aa0"


def test_a_key_is_its_text() -> None:
    key = new_master_key()
    assert parse_master_key(f" {key.text()}\n").derived("x") == key.derived("x")


def test_each_purpose_has_a_key_of_its_own() -> None:
    key = MasterKey(bytes(32))
    assert len({key.derived(purpose) for purpose in ("person-keys", "secrets", "identity-index")}) == 3


def test_a_derived_key_never_changes_from_one_version_to_the_next() -> None:
    # What was sealed yesterday must open tomorrow: this figure is HKDF-SHA256 of 32 zero bytes.
    assert MasterKey(bytes(32)).derived("secrets").hex().startswith(DERIVED_FROM_ZEROS)


def test_its_repr_does_not_tell_the_key() -> None:
    key = new_master_key()
    assert key.text()[:8] not in repr(key)
    assert key.fingerprint in repr(key)


@pytest.mark.parametrize("text", ["", "short", "ä" * 44, "=" * 44, "A" * 43, "A" * 60])
def test_no_other_text_is_a_key(text: str) -> None:
    with pytest.raises(MasterKeyFault, match="keys master") as fault:
        parse_master_key(text)
    assert text == "" or text not in str(fault.value)


def test_a_folder_keeps_one_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    folder = tmp_path / "data of ours"
    with ThreadPoolExecutor(8) as pool:
        keys = {key.text() for key in pool.map(lambda _: master_key_file(folder), range(16))}
    assert len(keys) == 1
    assert [path.name for path in folder.iterdir()] == ["master.key"]
    assert (folder / "master.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    master_key_file(tmp_path)
    (tmp_path / "master.key").chmod(0o644)
    with pytest.raises(MasterKeyFault, match=r"chmod 600"):
        master_key_file(tmp_path)
