# keyledger: `make demo` and `make test` are all that a new machine needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
PACKAGES := ledger projections audit_cli http_api usage_client benchmarks tests
UPGRADE ?=

# Tests start the program hundreds of times: where no compiled modules may be kept, each start would compile them.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test lint format types contracts coverage bench bench-small bench-quick soak lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/run.stamp ## build a realistic organization in a throw-away ledger and audit it
	@$(BIN)/keyledger demo

test: install ## run the tests
	@$(BIN)/pytest -m performance
	@$(BIN)/pytest -n auto -m 'not performance'

lint: install ## check style and formatting
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

format: install ## format the code and fix what can be fixed safely
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

types: install ## check the types
	@$(BIN)/mypy

contracts: install ## check which package imports which
	@$(BIN)/lint-imports --no-logo

coverage: install ## run the tests and fail when they cover too little
	@$(BIN)/pytest -n auto -m 'not performance' --cov

# A server to compare on too: make bench POSTGRESQL=postgresql+psycopg://user@host/database
BENCH := $(BIN)/python -m benchmarks $(if $(POSTGRESQL),--postgresql $(POSTGRESQL))
bench: install ## measure everything against its peers (about half an hour) and keep the figures
	@$(BENCH) --json benchmarks/results/latest.json

bench-small: install ## the same at small sizes, in some minutes
	@$(BENCH) --small --json benchmarks/results/small.json

bench-quick: install ## the same for a first look, in about a minute
	@$(BENCH) --quick

soak: install ## kill, fill, fuzz and overload at full size (about half an hour) and keep what was found
	@$(BIN)/pytest tests/faults --soak benchmarks/results -o faulthandler_timeout=1200

install: $(VENV)/dev.stamp ## install everything that the other commands need

# Stamps, because a second run should start at once. The build backend is in both locks and build isolation is off:
# an isolated build would download a backend that no hash vouches for.
$(VENV)/run.stamp: requirements.lock pyproject.toml | $(BIN)/python
	@echo "installing keyledger into $(VENV) ..." >&2
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "installing keyledger and its development tools into $(VENV) ..." >&2
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $(VENV)/run.stamp $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "keyledger needs Python 3.11 or newer and '$(PYTHON)' is not; try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# Keeps the versions that still fit; UPGRADE=--upgrade takes the newest. The backend is read from pyproject.toml.
UV := build/uv/bin/uv
BACKEND := $(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header $(UPGRADE) pyproject.toml -
lock: $(UV) ## write the lock files anew (UPGRADE=--upgrade for newer versions)
	@$(BACKEND) | $(COMPILE) --output-file requirements.lock
	@$(BACKEND) | $(COMPILE) --output-file requirements-dev.lock --extra dev --extra client --extra keyring --extra postgresql --extra server --extra telemetry --extra bench --constraints requirements.lock
	@$(COMPILE) --output-file requirements-server.lock --extra postgresql --extra server --extra telemetry --constraints requirements-dev.lock < /dev/null

$(UV):
	@$(PYTHON) -m venv build/uv
	@build/uv/bin/python -m pip --disable-pip-version-check -qq install 'uv>=0.9,<1'

clean: ## remove the environment, caches and builds
	@rm -rf $(VENV) build dist .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find $(PACKAGES) -name __pycache__ -type d -prune -exec rm -rf {} +
