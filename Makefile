# Two commands: `make run` shows the product working, `make test` proves it.
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test coverage check native sanitize fuzz bench lock clean help

help:            ## list what can be made
	@grep -E '^[a-z]+: .*##|^[a-z]+:  +##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(VENV)/.ready: requirements.lock pyproject.toml CMakeLists.txt $(wildcard native/*) tools/setup
	@bash tools/setup $(VENV)

run: $(VENV)/.ready  ## hub, a virtual desktop and a real agent watching it; Ctrl-C stops everything
	@exec $(BIN)/tocsin demo

native: $(VENV)/.ready  ## build the kernels again after a change in native/
	@mkdir -p build && PATH="$(CURDIR)/$(BIN):$$PATH" flock build/native.lock \
	  $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .

check: $(VENV)/.ready  ## style, types and the floors between rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check  ## the whole suite, browser tests included
	@bash tools/test $(BIN)

coverage: check  ## the whole suite, and which lines of the product it runs
	@bash tools/test $(BIN) coverage

sanitize: $(VENV)/.ready  ## the kernels' tests and fuzz seeds under the address and undefined-behaviour sanitizers
	@bash tools/sanitize $(BIN)

bench: $(VENV)/.ready  ## every measurement of docs/benchmarks.md
	$(BIN)/tocsin bench

lock:            ## resolve dependencies anew, with hashes and no host names
	python3 -m venv build/lock && build/lock/bin/pip install --quiet uv
	build/lock/bin/uv pip compile --quiet --universal --all-extras --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-strip-extras --python-version 3.11 --custom-compile-command "make lock" \
	  pyproject.toml -o requirements.lock

clean:           ## remove what was built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .coverage* htmlcov
