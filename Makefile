# One way to do each thing. Needs only Python 3.11+, git and make: the environment is made here, uv included.
PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
TOOLS := .uv
UV := $(TOOLS)/bin/uv
READY := $(VENV)/ready
RUN := $(UV) run --frozen
OPENMP := $(VENV)/openmp
export UV_PYTHON_DOWNLOADS := never
# Tests start hundreds of processes: without kept bytecode each would compile every library it imports once more.
unexport PYTHONDONTWRITEBYTECODE
export LD_LIBRARY_PATH := $(CURDIR)/$(OPENMP)$(if $(LD_LIBRARY_PATH),:$(LD_LIBRARY_PATH))

.PHONY: demo test check bench spark clean

demo: $(READY)
	$(RUN) tallystick demo --out out/demo

test: $(READY)
	$(RUN) pytest -n auto --dist worksteal

check: $(READY)
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports

spark: $(READY)
	$(UV) sync --frozen --extra spark

bench: $(READY)
	$(RUN) python benchmarks/scorecard.py
	$(RUN) python benchmarks/taiwan.py
	$(RUN) python benchmarks/limits.py
	$(RUN) python benchmarks/scoring.py
	$(RUN) python benchmarks/ledger.py
	$(RUN) python benchmarks/close_day.py
	$(RUN) python benchmarks/fold.py
	$(RUN) python benchmarks/http.py
	$(RUN) python benchmarks/features_online.py
	$(RUN) python benchmarks/fraud.py
	$(RUN) python benchmarks/authorize_stream.py --customers 1000 --capacities 5 20
	$(RUN) python benchmarks/features_offline.py
	$(RUN) python benchmarks/world.py
	$(RUN) python benchmarks/world_economy.py
	$(RUN) python benchmarks/estimates.py
	$(RUN) python benchmarks/policies.py

$(UV):
	$(PYTHON) -c 'import sys; sys.exit("Tallystick needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(READY): $(UV) uv.lock pyproject.toml
	$(UV) sync --frozen --python $(PYTHON)
	@mkdir -p $(OPENMP)
	@# LightGBM wants the system's libgomp; where there is none, the one that scikit-learn's wheel brings will do.
	@$(VENV)/bin/python -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null || \
		ln -sf $(CURDIR)/$$(ls $(VENV)/lib/python3*/site-packages/scikit_learn.libs/libgomp*.so* | head -n 1) $(OPENMP)/libgomp.so.1
	@touch $(READY)

clean:
	rm -rf $(VENV) $(TOOLS) out .mypy_cache .ruff_cache .pytest_cache .hypothesis
