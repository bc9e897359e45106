# Two commands from nothing: `make demo` and `make test`. Each makes .venv and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test night bench truth lint clean

demo: $(STAMP)
	$(BIN)/dadeum demo --out runs/demo

test: $(STAMP) lint
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff check src tests
	$(BIN)/mypy

night: $(STAMP)
	DADEUM_HYPOTHESIS=night $(BIN)/python -m pytest -m "night or not night"

bench: $(STAMP)
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/check.py
	$(BIN)/python benchmarks/contamination.py
	$(BIN)/python benchmarks/near.py
	$(BIN)/python benchmarks/guards.py
	$(BIN)/python benchmarks/embeddings.py
	$(BIN)/python benchmarks/train.py
	$(BIN)/python benchmarks/answers.py
	$(BIN)/python benchmarks/scale.py

truth: $(STAMP)
	$(BIN)/python benchmarks/truth.py

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[train,qlora,test]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) runs
