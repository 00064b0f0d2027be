"""Payments per second over HTTP, beside a bare echo (`http_payments.py` is the benchmark, and tells how it measures).

python benchmarks/http.py [--json] [--lines 2000] [--seconds 15] [--connections 16]
"""

import sys
from importlib import import_module
from pathlib import Path


def _give_way() -> None:
    """Python puts this folder first on a benchmark's path, where `import http` means the standard library's package."""
    here = str(Path(__file__).resolve().parent)
    path = sys.path[:]
    sys.path[:] = [folder for folder in path if str(Path(folder).resolve()) != here]
    del sys.modules["http"]
    import_module("http")
    sys.path[:] = path


if __name__ == "__main__":
    import_module("http_payments").main()
elif __name__ == "http":
    _give_way()
