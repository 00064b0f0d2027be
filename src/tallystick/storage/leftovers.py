"""What a killed process left half made: named by its number, and removed by whoever makes the same thing next."""

import os
import shutil
from pathlib import Path


def remove_leftovers(beside: Path, *, before: str, after: str) -> None:
    """Remove what stands beside a path under `before`, a process id, `after`, once that process is gone.

    Our own number counts as gone: nothing of ours is half made yet, and in containers the same number comes again.
    """
    for left in beside.parent.iterdir() if beside.parent.is_dir() else ():
        number = left.name.removeprefix(before).removesuffix(after)
        if left.name != f"{before}{number}{after}" or not (number.isascii() and number.isdigit()):
            continue
        if _is_alive(int(number)):
            continue
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    """Whether another process has this number."""
    if pid in {0, os.getpid()}:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
