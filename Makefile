# The two commands: `make run` judges the reference, `make test` tests the project and runs the suite.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUITE := $(BIN)/mlx-cache-conformance

.PHONY: run test check unit nightly bench evidence upstream mutants mutants-stdio properties releases spec schemas mutation clean
.PHONY: results site browser
.PHONY: ports port-cpp port-cpp-sanitized port-cpp-planted port-rust port-swift

DIALECTS := mlx-lm-0.31 mlx-lm-0.32 mlx-swift-lm-3.31.3 mlx-swift-lm-3.31.4

run: $(VENV)/installed
	@for dialect in $(DIALECTS); do $(SUITE) run --quiet --dialect $$dialect || exit 1; done
	@$(SUITE) run

# The project's own tests judge the real releases too, with laws and sequences, and run every command of
# the documents, so `make run` in all dialects. Style and types are looked at beside them.
test: $(VENV)/installed-dev
	@$(MAKE) --no-print-directory -j 2 check unit
	@$(SUITE) run
	@$(BIN)/python -m tools.toolchains

# Style and types, of code and of English.
check: $(VENV)/installed-dev
	$(BIN)/ruff check conformance reference_impl tests tools
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(SUITE) lint
	$(BIN)/python -m tools.prose

# The project's own tests.
unit: $(VENV)/installed-dev
	$(BIN)/pytest -q -n 2 --dist worksteal tests

# What takes hours: fifty whole runs under fire, every refusal by an adapter that dies of it, more
# generated metadata, 20,000 changed copies of every golden file, of which the strict reader must refuse
# or read whole each one; the reference on other versions of mlx, Python and the rest.
nightly: $(VENV)/installed-dev mutants-stdio
	KILLED_RUNS=50 EVERY_REFUSAL=1 GENERATED=20000 EVERY_RELEASE=1 OWN_TESTS=1 SEQUENCES=20000 \
	  WHOLE_MATRIX=1 WHOLE_CAPTURE=1 EVERY_CHOICE=1 \
	  $(BIN)/pytest -q -n 2 tests/test_dropin.py tests/reference/tokens/test_agreement.py \
	  tests/test_captured_release.py \
	  tests/test_killed.py tests/test_isolation.py tests/test_hostile.py tests/mutants/test_matrix.py \
	  tests/prompt_cache/test_releases.py tests/properties/test_choices.py
	$(BIN)/python -m tools.mutated_files --each 20000
	$(BIN)/python -m tools.versions
	$(MAKE) --no-print-directory site browser

# Write the page of all requirements.
spec: $(VENV)/installed
	$(BIN)/python -m tools.pages spec

# Every mutant in a process of its own; `make test` does so with some of them.
mutants-stdio: $(VENV)/installed
	$(BIN)/python -m tools.mutants check --stdio --first

# Which mutants the properties find, for the next page about mutants. Takes minutes.
properties: $(VENV)/installed
	$(BIN)/python -m tools.mutants check --properties --json tools/mutants/properties.json

# Have all mutants face the cases, and write the page about them.
mutants: $(VENV)/installed
	$(BIN)/python -m tools.mutants check --markdown docs/mutants.md

# How fast everything is: some eight minutes on an idle machine; rewrites docs/performance.md.
bench: $(VENV)/installed-bench
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m tools.performance

# The suite, on the real releases that the Python dialects follow.
releases: $(VENV)/installed-dev
	$(SUITE) run --quiet --properties quick --backend pypi:mlx-lm==0.31.3 --dialect mlx-lm-0.31
	$(SUITE) run --quiet --properties quick --backend pypi:mlx-lm==0.32.2 --dialect mlx-lm-0.32

# The adapters in other languages: builds what this machine has the tools for, names what it has not.
ports: $(VENV)/installed
	@for target in $$($(BIN)/python -m tools.toolchains --targets); do $(MAKE) $$target || exit 1; done
	@$(BIN)/python -m tools.toolchains

# The C++ port; with sanitizers; with the mistakes of src/planted.hpp beside either.
port-cpp: $(VENV)/installed
	$(call build-cpp,ports/cpp/build,)

port-cpp-sanitized: $(VENV)/installed
	$(call build-cpp,ports/cpp/build/sanitized,-DSANITIZE=ON -DPLANTED_BUGS=ON)

port-cpp-planted: $(VENV)/installed
	$(call build-cpp,ports/cpp/build,-DPLANTED_BUGS=ON)

define build-cpp
@$(BIN)/python -m tools.toolchains "C++ port"
@cmake -S ports/cpp -B $(1) $(2) -DMLX_DIR="$$($(BIN)/python -c 'import mlx.core as m, pathlib; \
  print(pathlib.Path(m.__file__).parent / "share/cmake/MLX")')" >/dev/null
@MAKEFLAGS=--no-print-directory cmake --build $(1) --parallel 2
endef

# Against a stand-in cache; ports/rust/with-mlxrs is the real one.
port-rust: $(VENV)/installed
	@$(BIN)/python -m tools.toolchains "Rust port"
	cargo build --release --manifest-path ports/rust/Cargo.toml

port-swift: $(VENV)/installed
	@$(BIN)/python -m tools.toolchains "Swift skeleton"
	swift build --package-path ports/swift/skeleton

# The suite's score on the reference, change by change, written to docs/mutation.md: hours, most of them
# for what nothing notices; AGAIN=--again goes on where it was interrupted.
# MODULE=reference_impl.slots.rules.masks for one module or package.
mutation: $(VENV)/installed-dev
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m tools.mutation.one_process $(AGAIN) $(if $(MODULE),'$(MODULE).*')
	$(BIN)/python -m tools.mutation.report $(if $(MODULE),'$(MODULE).*',--page)

# What mlx-lm, mlx-vlm and mlx have released since somebody looked, and which dialects it follows.
upstream: $(VENV)/installed
	$(BIN)/python -m tools.upstream

# Run the suite on real implementations, and keep what came of it in results/: those that are not of
# these fixtures yet, some of a minute each. What this machine lacks is named; RESULTS_ENVIRONMENTS
# names a folder of environments with vllm-mlx and rapid-mlx.
results: $(VENV)/installed
	$(BIN)/python -m tools.results

# The site of results/, in site/: pages from the results and the fixtures, frames by MkDocs.
site: $(VENV)/installed-site
	$(BIN)/python -m tools.site

# Report and site in headless Chromium, with axe-core; what is missing is named, and is not red.
AXE_CORE ?= build/axe/node_modules/axe-core/axe.min.js
browser: $(VENV)/installed-site
	-@test -e "$(AXE_CORE)" || npm install --silent --prefix build/axe axe-core
	BROWSER=1 AXE_CORE="$(AXE_CORE)" \
	  $(BIN)/pytest -q -rs tests/reporting/test_browser.py tests/board/test_browser.py

# How many expectations of each dialect were run, on what, and which were only read.
evidence: $(VENV)/installed-dev
	@$(BIN)/python -m tools.evidence

# Rewrite the generated schemas and the page about the protocol.
schemas: $(VENV)/installed
	$(SUITE) schema protocol > conformance/schemas/protocol.schema.json
	$(SUITE) schema chapter > conformance/schemas/chapter.schema.json
	$(SUITE) schema report > conformance/schemas/report.schema.json
	$(BIN)/python -m tools.pages protocol prompt-cache-files prompt-cache-layouts damaged-files

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

$(VENV)/installed-bench: $(VENV)/installed-dev
	@echo "installing mlx-lm into $(VENV), to compare with"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check mlx-lm==0.32.2
	@touch $@

$(VENV)/installed-site: $(VENV)/installed-dev
	@echo "installing MkDocs with Material and Selenium into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[site,browser]'
	@touch $@

clean:
	rm -rf ports/*/build ports/*/target ports/*/.build
	rm -rf mutants site
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
