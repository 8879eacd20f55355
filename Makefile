# `make demo` and `make test` are all that a newcomer needs; both set up everything they use.
PYTHON ?= python3
VENV ?= .venv
NPROCS ?= 2
DEMO ?= demo

BIN := $(VENV)/bin
USE := $(VENV)/.installed-use
DEV := $(VENV)/.installed-dev
PIP_INSTALL := $(BIN)/python -m pip install --quiet -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint imports format docs bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "sctflow needs Python 3.11 or later: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(USE): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e .
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e '.[dev]'
	@touch $@ $(USE)

setup: $(DEV)  ## virtual environment with everything for developers

# The dataset is written under another name and renamed, so that it is complete where it exists.
$(DEMO)/bids: | $(USE)
	$(BIN)/sctflow-data demo $@ --labels discs

demo: $(USE) | $(DEMO)/bids  ## run the main job on a small synthetic dataset
	$(BIN)/sctflow $(DEMO)/bids $(DEMO)/out participant -w $(DEMO)/work --nprocs $(NPROCS) \
		--template SCTPhantom
	$(BIN)/sctflow $(DEMO)/bids $(DEMO)/out group
	@echo; echo "Reports, to be opened in a browser:"; ls $(CURDIR)/$(DEMO)/out/sub-*.html

test: $(DEV)  ## run all tests
	$(BIN)/python -m pytest

lint: $(DEV) imports  ## style, formatting and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# import-linter wants the package in one folder; the floors are in three. It gets a copy that is
# laid out as the wheel is.
imports: $(DEV)
	rm -rf build/floors && mkdir -p build/floors
	cp -R sctflow build/floors/sctflow
	cp -R interfaces workflows build/floors/sctflow/
	cd build/floors && "$(abspath $(BIN))/lint-imports" --config "$(CURDIR)/pyproject.toml" --no-cache --no-logo

format: $(DEV)  ## format the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(DEV)  ## build the documentation into docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

bench: $(DEV)  ## measure speed (docs/benchmarks.md)
	$(BIN)/python -m pytest benchmarks --benchmark-only

clean:  ## remove the environment and everything that was built
	rm -rf $(VENV) build dist docs/_build $(DEMO)
