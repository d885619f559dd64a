# deelish: `make demo` shows the main job, `make test` runs every check.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# The tests start hundreds of processes: without its compiled files each takes half a second longer.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test long families edge reference docs fuzz torture bench clean

help:
	@echo "make install     make .venv with $(PYTHON) and install everything into it"
	@echo "make demo        a teacher, small students and a table on 5,000 digits"
	@echo "make test        run the format, lint and type checks and the tests"
	@echo "make long        run the tests that make test leaves out, which take long"
	@echo "make families    train, save and export one small model of each family of timm"
	@echo "make edge        install the converters of small devices and run the tests of their files"
	@echo "make reference   write docs/reference/ from the docstrings"
	@echo "make docs        build the site of all pages in build/site"
	@echo "make fuzz        change the golden Caffe files in 20,000 ways and read them"
	@echo "make torture     every row of docs/reliability.md as often as it promises: 15 minutes"
	@echo "make bench       time the language beside the same steps written by hand"
	@echo "make clean       remove .venv and what the tools left"
	@echo "Another Python: make install PYTHON=python3.12"

install: $(STAMP)

$(STAMP): setup.py pyproject.toml build-constraints.txt
	@command -v $(PYTHON) >/dev/null || { \
		echo "make: $(PYTHON) is not there; name a Python from 3.11 to 3.14: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || { \
		echo "make: $(PYTHON) is $$($(PYTHON) --version 2>&1), deelish needs 3.11 to 3.14: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; \
		exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --upgrade pip
	$(BIN)/python -m pip install --build-constraint build-constraints.txt -e ".[demo,dev]"
	@touch $(STAMP)

demo: install
	$(BIN)/python data/digits.py
	$(BIN)/python examples/teach_digits.py

test: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --num-workers auto
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

families: install
	DEELISH_FAMILIES=all OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m "" tests/students

edge: install
	$(BIN)/python -m pip install --quiet -e ".[edge]"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "" tests/formats/edge tests/engines/torch/edge

long: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -m long

reference: install
	$(BIN)/python docs/make_reference.py

docs: install
	$(BIN)/python -m pip install --quiet -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/python docs/make_site.py

fuzz: install
	$(BIN)/python tests/fuzz/long_run.py --mutants 20000

torture: install
	DEELISH_TORTURE=all OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -m torture -p torture_table -q

bench: install
	$(BIN)/python -m pip install --quiet -e ".[bench]"
	$(BIN)/python benchmarks/caffe_load.py --json
	$(BIN)/python benchmarks/both_engines.py --json
	$(BIN)/python benchmarks/overhead.py --json
	$(BIN)/python benchmarks/reading_images.py --json
	$(BIN)/python benchmarks/teacher_cache.py --json
	$(BIN)/python benchmarks/speed.py --json

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build dist deelish.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
