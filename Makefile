# Every target installs what it needs into .venv from the lock; nothing else has to be set up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DAY ?= 2026-03-05
export DAGSTER_DISABLE_TELEMETRY := yes
export SODA_CORE_TELEMETRY_ENABLED := false
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
.DEFAULT_GOAL := help
.PHONY: help install lock demo ui test lint types torture bench clean docs

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

install: $(VENV)/.installed ## install the locked packages and billsync into .venv

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v >= (3, 11) else f"billsync needs Python 3.11 or newer, found {v[0]}.{v[1]}: set PYTHON=/path/to/python3.11")'
	@echo "installing the locked packages into $(VENV), some minutes the first time"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lock: ## resolve pyproject.toml into requirements.lock, and the image's part of it (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url \
		--no-header --extra dev -c requirements.constraints pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url \
		--no-header --extra postgres --extra k8s -c requirements.lock pyproject.toml -o deploy/requirements.lock

demo: install ## run one billing day end to end against the sandbox
	@$(BIN)/billsync demo --day $(DAY)

ui: install ## open Dagster on http://127.0.0.1:3000
	@$(BIN)/billsync ui

test: install ## run every test
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: install ## ruff, sqlfluff
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/sqlfluff lint dbt_project/models

types: install ## mypy --strict
	$(BIN)/mypy

torture: install ## kill the load into SAP at a hundred random points, and cut its network
	BILLSYNC_TORTURE=100 $(BIN)/python -m pytest tests/integration/test_sap_torture.py

bench: install ## measure speed and memory (docs/performance.md)
	$(BIN)/python -m benchmarks && $(BIN)/python -m benchmarks.revisions

clean: ## drop the state folder (the demo's data), keep .venv
	rm -rf var dbt_project/target
