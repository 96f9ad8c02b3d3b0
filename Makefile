# `make demo` and `make test` set up by themselves; everything else needs `make setup` once.
# PYTHON: the interpreter that the virtual environment is made from (3.11 or newer).
# MINUTES: how long `make fuzz` goes on.
# KILLS: how often `make interrupts` kills each command.
# TORCH_INDEX: where torch is looked for first, if it answers; empty for PyPI's own (GPU) build.

PYTHON      ?= python3
VENV        ?= .venv
TORCH       ?= torch==2.13.0
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
PYTEST_ARGS ?= -n 2 --dist worksteal
MINUTES     ?= 10
KILLS       ?= 50

BIN   := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo test quick lint typecheck docs bench fuzz mutate coverage interrupts netlists clean

setup: $(READY)

$(READY): pyproject.toml
	@$(PYTHON) .ci/setup.py "$(VENV)" "$(TORCH)" "$(TORCH_INDEX)"
	@touch $@

demo: $(READY)
	$(BIN)/rfssm demo --out runs/demo

test: $(READY)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

quick: $(READY)
	$(BIN)/python -m pytest $(PYTEST_ARGS) @tests/quick.txt

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tests/lint_rtl.py

typecheck: $(READY)
	$(BIN)/mypy

docs: $(READY)
	$(BIN)/sphinx-build --fresh-env --fail-on-warning --keep-going --quiet docs build/docs

bench: $(READY)
	$(BIN)/python -m tests.bench

coverage: $(READY)
	$(BIN)/python -m tests.rtl_coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

fuzz: $(READY)
	$(BIN)/python tests/fuzz.py --minutes $(MINUTES)

mutate: $(READY)
	$(BIN)/python -m tests.mutation

interrupts: $(READY)
	$(BIN)/python -m tests.interrupts --kills $(KILLS)

netlists: $(READY)
	$(BIN)/python -m tests.netlists

clean:
	rm -rf $(VENV) build dist runs
