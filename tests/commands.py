"""Commands as an operator runs them, in this process: what has to be compiled is compiled once, not for each command.

That a process of its own says the same, and begins without delay, is tested in `tests/unit/cli`.
"""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

from tallystick.cli.app import main


class Ran(NamedTuple):
    """What a command said, and the status that it ended with."""

    returncode: int
    stdout: str
    stderr: str

    def told(self) -> str:
        """What it said, for it went well."""
        assert self.returncode == 0, self.stderr
        return self.stdout

    def refused(self) -> str:
        """Why it did nothing."""
        assert self.returncode == 2, self.stdout
        return self.stderr.strip()


def command(
    *words: str, url: str | None = None, folder: Path | None = None, language: str = "en", columns: int = 100
) -> Ran:
    """`tallystick WORDS...`, with the database at `url`, or the one kept in `folder`, where it needs one."""
    answers, refusals, status = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(answers), redirect_stderr(refusals):
        patched.setattr(sys, "argv", ["tallystick", *words])
        patched.setenv("TALLYSTICK_LANGUAGE", language)
        patched.setenv("COLUMNS", str(columns))
        patched.setenv("NO_COLOR", "1")
        patched.setenv("TALLYSTICK_DATABASE_URL", url or "")
        if folder is not None:
            patched.setenv("TALLYSTICK_DATA_DIR", str(folder))
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
    return Ran(status, answers.getvalue(), refusals.getvalue())
