# The two commands: `make run` judges the reference, `make test` tests the project and runs the suite.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUITE := $(BIN)/mlx-cache-conformance

.PHONY: run test check unit releases schemas clean

DIALECTS := mlx-lm-0.31 mlx-lm-0.32 mlx-swift-lm-3.31.3 mlx-swift-lm-3.31.4

run: $(VENV)/installed
	@for dialect in $(DIALECTS); do $(SUITE) run --quiet --dialect $$dialect || exit 1; done
	@$(SUITE) run

test: check unit run releases

# Style and types.
check: $(VENV)/installed-dev
	$(BIN)/ruff check conformance reference_impl tests
	$(BIN)/mypy
	$(SUITE) lint

# The project's own tests.
unit: $(VENV)/installed-dev
	$(BIN)/pytest -q -n 2 tests

# The suite, on the real releases that the Python dialects follow.
releases: $(VENV)/installed-dev
	$(SUITE) run --quiet --backend pypi:mlx-lm==0.31.3 --dialect mlx-lm-0.31
	$(SUITE) run --quiet --backend pypi:mlx-lm==0.32.2 --dialect mlx-lm-0.32

# Rewrite the generated schemas.
schemas: $(VENV)/installed
	$(SUITE) schema protocol > conformance/schemas/protocol.schema.json
	$(SUITE) schema chapter > conformance/schemas/chapter.schema.json

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed; set PYTHON=/path/to/python3"; exit 2; }
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV), with the development tools"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
