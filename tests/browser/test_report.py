"""The report in a real browser: it opens without a fault, in the language asked for."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from tallystick.reports.page import render_page

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--enable-logging=stderr",
)  # fmt: skip
_PARTS = ("rows", "model", "prices", "who", "frontier", "stress", "caps", "reasons", "inputs")


@pytest.fixture(scope="module")
def browser() -> str:
    """The path of a Chromium; without one the tests skip, unless CI requires it."""
    found = next((path for path in map(shutil.which, _NAMES) if path), None)
    if found is None:
        message = f"no browser: install one of {', '.join(_NAMES)} (apt-get install chromium fonts-noto-cjk)"
        if os.environ.get("TALLYSTICK_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the usual sample, on disk."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_page(_sample().usual()), encoding="utf-8")
    return path


def _sample() -> ModuleType:
    place = Path(__file__).parents[1] / "unit" / "reports" / "sample.py"
    spec = importlib.util.spec_from_file_location("reports_sample", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def opened(browser: str, address: str, *, profile: Path) -> tuple[str, list[str]]:
    """The document after its script ran, and what the browser's console said."""
    run = subprocess.run(
        [browser, *_QUIET, f"--user-data-dir={profile}", "--dump-dom", address],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return run.stdout, [line for line in run.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.parametrize(
    ("ending", "language"), [("#zh", "zh-CN"), ("#en", "en"), ("?lang=en", "en"), ("#zh-stress", "zh-CN")]
)
def test_the_report_opens_in_the_language_asked_for(
    browser: str, report: Path, tmp_path: Path, ending: str, language: str
) -> None:
    dom, console = opened(browser, f"{report.as_uri()}{ending}", profile=tmp_path)
    assert console == []
    assert f'<html lang="{language}">' in dom
    shown = {"zh-CN": "zh", "en": "en"}[language]
    title = re.search(r"<title>(.*?)</title>", dom)
    assert title is not None
    assert title.group(1).startswith("额度审阅" if shown == "zh" else "Limit review")
    for part in _PARTS:
        assert f'id="{shown}-{part}"' in dom
    assert dom.count("<svg") >= 30
    assert dom.count("</svg>") == dom.count("<svg")
