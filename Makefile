# Every target does the set-up that it needs; the environment lives in .venv.
PYTHON ?= python3
PORT ?= 8080
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test lint lock clean

run: $(VENV)/demo  ## the demo in the browser; ONCE=1 runs one hunt and prints its summary
	$(BIN)/huntbridge demo $(if $(ONCE),--once --json,--port $(PORT))

test: $(VENV)/dev lint  ## lint, types and the fast tests
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A stamp per set of packages: made again only when its lock file changes.
$(VENV)/demo $(VENV)/dev: $(VENV)/%: requirements/%.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r $<
	$(PIP) --no-deps --no-build-isolation -e .
	touch $@

lock:  ## resolve requirements/*.in again; needs uv on the PATH
	for set in run demo dev; do \
	  uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
	    requirements/$$set.in -o requirements/$$set.txt; \
	done

clean:
	rm -rf $(VENV) .huntbridge .mypy_cache .ruff_cache .pytest_cache
