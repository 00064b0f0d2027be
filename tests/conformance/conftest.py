"""The published cases that the conformance tests share."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def published_cases(shared_data: Path) -> list[dict[str, Any]]:
    """The cases of the file, read once; whoever changes one copies it first."""
    published: list[dict[str, Any]] = json.loads((shared_data / "installment_schedules.json").read_text())["cases"]
    return published
