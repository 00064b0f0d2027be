"""Where Spark cannot run, the message says what to install."""

from pathlib import Path

import pytest

from tallystick.cluster import session
from tallystick.cluster.session import SparkMissing, spark_session, why_missing


@pytest.fixture
def pyspark(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if pyspark were installed, whether or not it is."""
    monkeypatch.setattr(session, "find_spec", lambda _: object())


def java(folder: Path, *, told: str) -> Path:
    """A home of a Java that says this of itself."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{told}' >&2\n")
    program.chmod(0o755)
    return folder


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "find_spec", lambda _: None)
    with pytest.raises(SparkMissing, match=r"add the extra `spark`"):
        spark_session()


@pytest.mark.usefixtures("pyspark")
def test_without_java_the_package_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "there is none: on Debian, apt-get install openjdk-17-jre-headless" in str(why_missing())
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert "does not start (No such file or directory)" in str(why_missing())


@pytest.mark.usefixtures("pyspark")
@pytest.mark.parametrize(
    ("told", "missing"),
    [('openjdk version "17.0.15"', None), ('openjdk version "21"', None), ('java version "1.8.0_431"', "is 8:"),
     ("no idea", "of no version it tells")],
)  # fmt: skip
def test_the_version_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: str, missing: str | None) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "home", told=told)))
    assert why_missing() is None if missing is None else missing in str(why_missing())
