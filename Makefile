# corehr: everything needs only make and Python 3.11 or newer with venv. `make help` lists the targets.
#
#   make test ARGS="tests/engines -k revoke"     ARGS goes to the program behind the target
#   make setup PYTHON=/opt/python3.12/bin/python3

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq

# A virtual environment contains the path of its folder; in a copy of the folder it is created again.
HERE := $(VENV)/here-$(firstword $(shell printf %s '$(CURDIR)' | cksum))
RUNTIME := $(VENV)/installed-runtime
TEST := $(VENV)/installed-test
CHECK := $(VENV)/installed-check
# An environment that is a link, as in a worktree, or that SKIP_SETUP=1 declares complete, is used as it is.
SKIP_SETUP ?= $(shell test -L $(VENV) && echo 1)
ifeq ($(SKIP_SETUP),1)
RUNTIME :=
TEST :=
CHECK :=
# an editable install names the folder that it was made in
export PYTHONPATH := $(CURDIR)/src
endif

# Tests run on every core; JOBS=0 runs them in one process, as a debugger needs it.
JOBS ?= auto
ARGS ?=

# The folder with the facts of the documented pages; CONTRIBUTING.md, "Add an operation", describes them.
FACTS ?=
ID ?=
RESOURCE ?=

.PHONY: help setup demo test check style types floors fresh operation bench docs lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

setup: $(RUNTIME) $(TEST) $(CHECK) ## the environment in .venv: the program, its tests, its checks
	@echo "ready: $(BIN)/corehr"

demo: $(RUNTIME) ## a demo company on http://127.0.0.1:8321, sandbox on
	@exec $(BIN)/corehr demo $(ARGS)

test: $(RUNTIME) $(TEST) ## the whole suite
	@$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

check: style types floors fresh ## style, types, floors, freshness of the generated pages (-k: all of them, whatever fails)

style: $(CHECK)
	@$(BIN)/ruff check --quiet . || { echo "style: ruff refuses the above; '$(BIN)/ruff check --fix' fixes some of it" >&2; exit 1; }
	@$(BIN)/ruff format --quiet --check . || { echo "style: not formatted; run '$(BIN)/ruff format'" >&2; exit 1; }

types: $(CHECK)
	@$(BIN)/mypy $(wildcard src tests bench tools/*.py)

floors: $(CHECK)
	@$(BIN)/lint-imports --no-logo --cache-dir .cache/imports

fresh: $(RUNTIME)
	@$(BIN)/python -m corehr.reference.generate --check

operation: $(CHECK) ## the first files of an operation: make operation ID=v2.job_grade.query FACTS=folder
	@test -n "$(ID)" || { echo "operation: name it, as in  make operation ID=v2.job_grade.query FACTS=folder" >&2; exit 1; }
	@test -d "$(FACTS)/operations" || { echo "operation: name the folder of facts with FACTS=…, it has operations/; CONTRIBUTING.md says what is in it" >&2; exit 1; }
	@$(BIN)/python tools/make_operation.py $(FACTS) $(ID) $(if $(RESOURCE),--resource $(RESOURCE))

bench: $(RUNTIME) $(TEST) ## the benchmarks
	@exec $(BIN)/python -m bench $(ARGS)

docs: $(RUNTIME) ## regenerate the generated pages
	@$(BIN)/python -m corehr.reference.generate

lock: ## pin every dependency again, from pyproject.toml (needs the network)
	@tools/lock $(ARGS)

clean: ## remove what the other targets created
	@rm -rf $(VENV) .cache .hypothesis

$(HERE):
	@for python in $(if $(PYTHON),'$(PYTHON)',python3 python3.13 python3.12 python3.11 python3.14 python); do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    "$$python" -c 'import venv, ensurepip' 2>/dev/null || { novenv=$$python; continue; }; \
	    found=$$python; break; \
	done; \
	if [ -n "$$found" ]; then :; \
	elif [ -n "$$novenv" ]; then \
	    echo "$$novenv has no venv; install it (Debian, Ubuntu: apt-get install python3-venv) and run make again" >&2; exit 1; \
	else \
	    echo "corehr needs Python 3.11 or newer$(if $(PYTHON), and $(PYTHON) is not); install one, or name one: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	rm -rf $(VENV); \
	"$$found" -m venv $(VENV) && touch $@

ifneq ($(SKIP_SETUP),1)
$(RUNTIME): $(HERE) requirements/build.txt requirements/runtime.txt pyproject.toml
	@echo "installing the program into $(VENV)" >&2
	@$(PIP) install --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(TEST): $(RUNTIME) requirements/test.txt
	@echo "installing what its tests need" >&2
	@$(PIP) install --require-hashes -r requirements/test.txt
	@touch $@

$(CHECK): $(TEST) requirements/check.txt
	@echo "installing what its checks need" >&2
	@$(PIP) install --require-hashes -r requirements/check.txt
	@touch $@
endif
