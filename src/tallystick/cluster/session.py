"""A Spark session, or the reason why there is none: pyspark or Java is missing, each with its way out."""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LEAST_JAVA: Final = 17
_INSTALL_JAVA: Final = "on Debian, apt-get install openjdk-17-jre-headless; or let JAVA_HOME name one"


class SparkMissing(RuntimeError):
    """Spark cannot run here; the message says what to install."""


def spark_session(settings: dict[str, str] | None = None) -> "SparkSession":
    """The session of this process, begun when there is none: on this machine, or where Spark's own settings say.

    `SPARK_CONF_DIR` and `SPARK_HOME` count as always. Raises `SparkMissing`.
    """
    missing = why_missing()
    if missing is not None:
        raise SparkMissing(missing)
    from pyspark.sql import SparkSession

    if not {"SPARK_CONF_DIR", "SPARK_HOME"} & os.environ.keys():
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")  # a Spark of this machine alone hears nobody else
    builder = SparkSession.builder.appName("tallystick").config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false")  # ours is shown
    # Where a sum leaves 64 bits, or a text is no number, the other engines refuse: so does this one.
    builder = builder.config("spark.sql.ansi.enabled", "true").config("spark.sql.session.timeZone", "UTC")
    for name, value in (settings or {}).items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def why_missing() -> str | None:
    """What is missing for Spark, with the way out; None where all is there."""
    if find_spec("pyspark") is None:
        return "Spark is not installed: add the extra `spark` (uv sync --extra spark, or pip install tallystick[spark])"
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None:
        return f"Spark needs Java {LEAST_JAVA} or newer, and there is none: {_INSTALL_JAVA}"
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    except OSError as error:
        return f"Spark needs Java {LEAST_JAVA} or newer, and {java} does not start ({error.strerror}): {_INSTALL_JAVA}"
    version = java_version(told)
    if version is None or version < LEAST_JAVA:
        return (
            f"Spark needs Java {LEAST_JAVA} or newer; {java} is {version or 'of no version it tells'}: {_INSTALL_JAVA}"
        )
    return None


def java_version(told: str) -> int | None:
    """The major version in what `java -version` says.

    >>> java_version('openjdk version "17.0.15" 2025-04-15'), java_version('java version "1.8.0_431"')
    (17, 8)
    """
    found = re.search(r'version "(?:1\.)?(\d+)', told)
    return int(found[1]) if found else None
