"""What all tests share: where the real data is, and what happens where it is not."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real public data beside the project; skips where it is absent, unless CI requires it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        message = f"real data is not here: put the data folder at {folder}"
        if os.environ.get("TALLYSTICK_REQUIRE_DATA") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return folder
