# The one door: people and CI run the same targets. `make help` lists them.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := plugind_protocol plugind plugind_worker plugind_client pluginctl plugind_headless
SOURCES := protocol daemon clients tests examples benchmarks packaging
PIP_OF = bin/python -m pip install --quiet --disable-pip-version-check --constraint packaging/constraints.txt
INSTALL_OF = $(PIP_OF) --build-constraint packaging/constraints.txt
PIP := $(VENV)/$(PIP_OF)
INSTALL := $(VENV)/$(INSTALL_OF)

FUZZ_SECONDS ?= 60
MODULES ?= 300
STRIDE ?= 7
MINUTES ?= 10

.DEFAULT_GOAL := help
.PHONY: help setup wasmer run test hostile crashes soak check platforms format generate examples sdk-rust sdk-typescript sdk-assemblyscript bench bench-quick docs package lock clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(VENV)/dev ## Make the development environment in .venv

wasmer: .venv-wasmer/ready ## Make the environment of the wasmer engine in .venv-wasmer (needs a CPython 3.10; WASMER_PYTHON=)

run: $(VENV)/run ## See plugind at work: an effect on a real video, a killed worker, the result
	$(BIN)/python examples/first_light.py

test: $(VENV)/dev ## Run the tests with branch coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

hostile: $(VENV)/hostile ## Attack it: all threats, generated modules, fuzzing (FUZZ_SECONDS=60 MODULES=300 STRIDE=7 WRITE=1 BY=nobody)
	$(BIN)/python -m tests.hostile --fuzz-seconds $(FUZZ_SECONDS) --modules $(MODULES) --stride $(STRIDE) $(if $(WRITE),--write) $(if $(BY),--by $(BY)) -- $(PYTEST_ARGS)

crashes: $(VENV)/dev ## Kill whatever writes files at each of its steps, and look at what is left (minutes)
	$(BIN)/python -m tests.crashes

soak: $(VENV)/hostile ## Keep 50 plugins under load while their workers are killed (MINUTES=10)
	$(BIN)/python -m tests.soak --minutes $(MINUTES)

check: $(VENV)/dev platforms ## Format, lint, types, import rules, generated files
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy $(PACKAGES:%=-p %)
	$(BIN)/mypy -p benchmarks
	$(BIN)/lint-imports
	$(BIN)/python protocol/generate.py --check

platforms: $(VENV)/dev ## Check the types of all packages as on macOS and Windows (a cache for each)
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin $(PACKAGES:%=-p %)
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 $(PACKAGES:%=-p %)

format: $(VENV)/dev ## Format the code and apply safe fixes
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

generate: $(VENV)/dev ## Write the generated files anew
	$(BIN)/python protocol/generate.py

examples: $(VENV)/dev ## Rebuild the example modules and compare them with those checked in (needs Node.js)
	$(BIN)/python examples/rebuild.py

sdk-rust: $(VENV)/dev ## Check and test the Rust SDK, and build its plugins for WebAssembly (needs Rust; pluginctl toolchain rust says what is missing)
	cd sdk/rust && { ! cargo fmt --version >/dev/null 2>&1 || cargo fmt --check; }
	cd sdk/rust && { ! cargo clippy --version >/dev/null 2>&1 || cargo clippy --quiet --locked --workspace --all-targets -- --deny warnings; }
	cd sdk/rust && cargo test --quiet --locked --workspace
	cd sdk/rust && RUSTDOCFLAGS="--deny warnings" cargo doc --quiet --locked --no-deps --package timeline-studio-sdk --package timeline-studio-sdk-macros
	CARGO_TARGET_DIR="$${CARGO_TARGET_DIR:-$(CURDIR)/sdk/rust/target}" $(BIN)/pluginctl build sdk/rust/examples/* sdk/rust/probe

sdk-typescript: $(VENV)/script ## Check and test the TypeScript SDK, rebuild what runs scripts and compare it (needs Node.js and cargo; WRITE=1 replaces it)
	cd sdk/typescript && npm ci --silent --no-audit --no-fund && npm run --silent check && npm test --silent
	$(BIN)/python sdk/typescript/runtime/build.py $(if $(WRITE),--write)

sdk-assemblyscript: ## Build the plugins of the AssemblyScript SDK, and test it with them (needs Node.js)
	cd sdk/assemblyscript && { test package-lock.json -ot node_modules/.package-lock.json || npm ci --silent --no-audit --no-fund; }
	cd sdk/assemblyscript && npm run --silent build && npm test --silent

bench: .venv-bench/ready ## Measure everything against limits and peers, and fill docs/performance.md (minutes; SUBJECTS= measures only those)
	.venv-bench/bin/python -m benchmarks $(if $(SUBJECTS),$(SUBJECTS),--write)

bench-quick: .venv-bench/ready ## Print each ratio beside its goal and the last recorded run (under a minute)
	.venv-bench/bin/python -m benchmarks --quick $(SUBJECTS)

docs: $(VENV)/docs ## Build the documentation into site/
	$(BIN)/mkdocs build --strict --quiet --config-file packaging/mkdocs.yml

package: $(VENV)/dev docs ## Build wheel and source distribution into dist/, documentation included
	PIP_CONSTRAINT=$(CURDIR)/packaging/constraints.txt $(BIN)/python -m build --outdir dist

lock: $(VENV)/dev ## Write packaging/constraints.txt anew: the newest versions that pyproject.toml allows
	$(BIN)/python packaging/lock.py

clean: ## Remove everything that can be made again
	rm -rf $(VENV) .venv-bench .venv-wasmer benchmarks/results dist site build sdk/rust/target sdk/typescript/dist sdk/typescript/runtime/build sdk/assemblyscript/node_modules .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "plugind needs Python 3.11 or newer; none was found (set PYTHON=...)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip

$(VENV)/run: pyproject.toml packaging/constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[media,headless]'
	@touch $@

$(VENV)/dev: pyproject.toml packaging/constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[media,headless]' --group dev
	@touch $@ $(VENV)/run

.venv-bench/ready: pyproject.toml packaging/constraints.txt benchmarks/peers/node/package-lock.json | $(BIN)/python
	$(BIN)/python -m venv .venv-bench
	.venv-bench/$(PIP_OF) --upgrade pip
	.venv-bench/$(INSTALL_OF) --editable '.[media,headless]' --group bench
	! command -v npm >/dev/null || npm ci --prefix benchmarks/peers/node --silent --no-audit --no-fund
	@touch $@

.venv-wasmer/ready: packaging/wasmer.py packaging/wasmer.txt | $(BIN)/python
	WASMER_PYTHON="$(WASMER_PYTHON)" $(BIN)/python packaging/wasmer.py
	@touch $@

$(VENV)/hostile: pyproject.toml packaging/constraints.txt | $(VENV)/dev
	$(INSTALL) --group hostile
	@touch $@

$(VENV)/script: pyproject.toml packaging/constraints.txt | $(VENV)/dev
	$(INSTALL) --group script
	@touch $@

$(VENV)/docs: pyproject.toml packaging/constraints.txt | $(VENV)/dev
	$(INSTALL) --group docs
	@touch $@
