# Everything runs in .venv; `make train` and `make test` set it up when it is missing or out of date.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check

.PHONY: setup train test test-slow test-release test-docs faults coverage lint format docs dist audit ui bench clean

# uv installs in a quarter of pip's time, but knows nothing of an index that only pip.conf names;
# bytecode halves the start of every command where Python may not write it
setup: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "gislr needs Python 3.11 to 3.13, but $(PYTHON) is %d.%d: run make with PYTHON=python3.12, for instance" % v)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) uv -c requirements.lock && $(RUN) -m uv pip install --quiet --compile-bytecode --python $(RUN) -r requirements.lock \
	    || $(PIP) -r requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

train: setup
	$(RUN) -m gislr.train $(or $(ARGS),+experiments=quick)

# Every command once, and what takes no more than a second or two: 4 minutes on two slow cores
test: setup
	$(RUN) -m pytest -n 2 --dist loadgroup -m "not slow and not release and not faults and not documentation" $(ARGS)

# Trainings and sweeps of every kind: half an hour
test-slow: setup
	$(RUN) -m pytest -n 2 --dist loadgroup -m "slow and not release" $(ARGS)

# Kills, launchers, PostgreSQL, browsers, every experiment: half an hour
test-release: setup
	$(RUN) -m pytest -n 2 --dist loadgroup -m release $(ARGS)

# Every command that README.md and docs/ show, installed, in a folder without code: forty minutes
test-docs: setup
	$(RUN) -m pytest -n 2 --dist loadgroup -m documentation tests/test_docs.py $(ARGS)

# Kills, full disks, fuzzing (GISLR_FUZZ_SECONDS=600), long runs; tests/faults/README.md has the results
faults: setup
	$(RUN) -m pytest -n 2 --dist loadgroup -m faults tests/faults $(ARGS)

# Which lines test and test-slow run, also in the processes that they start; pages in build/coverage
coverage: setup
	$(RUN) -m pytest -n 2 --dist loadgroup -m "not release and not faults and not documentation" \
	    --cov --cov-report=term:skip-covered --cov-report=html $(ARGS)

lint: setup
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

format: setup
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

# The pages of docs/ and the Python API, in build/docs
docs: setup
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict --quiet

# The source archive, and the wheel built from it, in dist/; the same bytes wherever they are built
dist: setup
	rm -rf dist
	$(RUN) -m uv build --quiet --no-build-isolation --python $(RUN)

# Known advisories of the pinned packages, and their licenses in build/licenses.csv
audit: setup
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1 pip-licenses==5.5.5
	build/audit/bin/python .ci/audit.py $(RUN)

# What needs raw clips is measured on the embedded sample, or on a folder: make bench DATA=DIR
bench: setup
	$(RUN) -m benchmarks.training
	$(RUN) -m benchmarks.evaluation
	$(RUN) -m benchmarks.preparation $(DATA)
	$(RUN) -m benchmarks.scale
	$(RUN) -m benchmarks.overheads
	$(RUN) -m benchmarks.sweeping
	$(RUN) -m benchmarks.exporting
	$(RUN) -m benchmarks.augmentation
	$(RUN) -m benchmarks.long_runs

ui: setup
	$(RUN) -m gislr.ui

clean:
	rm -rf $(VENV) .cache build dist *.egg-info
