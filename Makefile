# One command a habit. `make help` lists them.
# The scripts keep stamps that hold a hash of what they were made from, so a target with nothing to do is quick.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

ARGS ?=
BIN := .venv/bin
export PYTHON

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 10

.PHONY: run
run: ## start the demo: portal, shop and payments (ARGS="--port 9000")
	@scripts/env run
	@scripts/assets
	@exec $(BIN)/sre-portal demo --seed-history $(ARGS)

.PHONY: test
test: ## run every test, with Debian's Chromium and PostgreSQL (ARGS="tests/unit -k lease")
	@scripts/env dev
	@scripts/assets tools
	@scripts/assets
	@$(BIN)/python scripts/run_tests.py $(ARGS)

.PHONY: e2e
e2e: ## run the browser tests only
	@scripts/env dev
	@scripts/assets
	@$(BIN)/python scripts/run_tests.py --only browser $(ARGS)

.PHONY: check
check: ## formatting, lint, types, layers, documents; changes nothing
	@scripts/env dev
	@scripts/assets tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	@PATH="$$(scripts/assets path)" npm run --silent typecheck
	$(BIN)/python scripts/reference.py --check
	$(BIN)/python -m scripts.licences
	$(BIN)/pytest -q tests/rules

.PHONY: fix
fix: ## format, repair what lint can repair, write docs/reference
	@scripts/env dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python scripts/reference.py

.PHONY: bench
bench: ## run the benchmarks, peers side by side
	@scripts/env dev
	@scripts/env bench
	@scripts/assets
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: wheel
wheel: ## build dist/*.whl, assets included
	@scripts/env run
	@$(BIN)/python -m hatchling build -t wheel

.PHONY: audit
audit: ## ask for known weaknesses of every locked package; fails where it could not ask
	@scripts/env dev
	@PATH="$$(scripts/assets path)" $(BIN)/python -m scripts.audit $(ARGS)

.PHONY: sbom
sbom: ## write dist/sre-portal.cdx.json, the bill of materials
	@scripts/env dev
	@$(BIN)/python -m scripts.sbom $(ARGS)

.PHONY: lock
lock: ## write the locks again (ARGS=--upgrade for the newest versions)
	@scripts/env dev
	@scripts/lock $(ARGS)

.PHONY: clean
clean: ## remove everything that was built or installed here
	rm -rf .venv node_modules dist build src/sre_portal/web/static/dist
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
