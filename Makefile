# One way to do each thing. Needs only Python 3.11+, git and make: the environment is made here, uv included.
PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
TOOLS := .uv
UV := $(TOOLS)/bin/uv
READY := $(VENV)/ready
RUN := $(UV) run --frozen
export UV_PYTHON_DOWNLOADS := never

.PHONY: demo test check bench clean

demo: $(READY)
	$(RUN) tallystick demo --out out/demo

test: $(READY)
	$(RUN) pytest -n auto

check: $(READY)
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports

bench: $(READY)
	$(RUN) python benchmarks/scorecard.py
	$(RUN) python benchmarks/taiwan.py
	$(RUN) python benchmarks/limits.py
	$(RUN) python benchmarks/scoring.py

$(UV):
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tallystick needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(READY): $(UV) uv.lock pyproject.toml
	$(UV) sync --frozen --python $(PYTHON)
	@touch $(READY)

clean:
	rm -rf $(VENV) $(TOOLS) out .mypy_cache .ruff_cache .pytest_cache .hypothesis
