"""Summaries to report on, and their pages, rendered once."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import altair as alt
import pytest

from tallystick.reports.page import render_page
from tallystick.reports.summary import Summary


def _load_sample() -> ModuleType:
    # Tests are no package (import-mode=importlib), so a sibling module is loaded by its place.
    spec = importlib.util.spec_from_file_location("reports_sample", Path(__file__).with_name("sample.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SAMPLE = _load_sample()


@pytest.fixture(autouse=True, scope="module")
def whole_charts() -> Iterator[None]:
    """Every chart that is drawn here is held to Vega-Lite's schema as a whole, which takes as long as drawing it."""
    unchecked = alt.LayerChart.to_dict
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            alt.LayerChart, "to_dict", lambda chart, **options: unchecked(chart, **options | {"validate": True})
        )
        yield


@pytest.fixture
def usual() -> Summary:
    """A lender's usual summary, fresh for each test."""
    summary: Summary = SAMPLE.usual()
    return summary


@pytest.fixture
def make() -> Callable[[str], Summary]:
    """Makes a sample summary by its name."""

    def by_name(name: str) -> Summary:
        summary: Summary = getattr(SAMPLE, name)()
        return summary

    return by_name


@pytest.fixture(scope="session")
def usual_page() -> str:
    """The page of the usual summary."""
    return render_page(SAMPLE.usual())


@pytest.fixture(scope="session")
def hostile_page() -> str:
    """The page of the summary whose names try to become markup."""
    return render_page(SAMPLE.hostile())
