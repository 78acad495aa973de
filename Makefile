# Every target sets up what it needs in .venv; nothing is installed anywhere else.
PYTHON ?= python3
BIN := .venv/bin

BENCH := .venv-bench/bin

.PHONY: demo test lint docs dist bench-crawl clean

demo: .venv/demo.stamp  ## The whole way on bundled photographs, without key or network
	$(BIN)/negbuild demo

test: .venv/dev.stamp   ## All tests, on all cores
	$(BIN)/pytest -q -n auto

lint: .venv/dev.stamp   ## Style, types, and a README that agrees with the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" cog -P --check README.md

docs: .venv/dev.stamp   ## Write the generated parts of README.md anew
	PATH="$(CURDIR)/$(BIN):$$PATH" cog -P -r README.md

dist: .venv/dev.stamp   ## Build the sdist, and the wheel from it
	$(BIN)/python -m build

bench-crawl: .venv/dev.stamp .venv-bench/peers.stamp  ## Speed beside img2dataset and icrawler; needs nginx; ARGS="--only hosts"
	$(BIN)/python tests/bench/crawl.py $(ARGS)

# `venv --without-pip` works where the system's ensurepip is missing; pip reaches into the environment from outside.
.venv/bin/python:
	$(PYTHON) -m venv --without-pip .venv

.venv/demo.stamp: pyproject.toml | .venv/bin/python
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --editable '.[demo]'
	touch $@

.venv/dev.stamp: pyproject.toml | .venv/bin/python
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --editable '.[demo,dev]'
	touch $@ .venv/demo.stamp

.venv-bench/bin/python:
	$(PYTHON) -m venv --without-pip .venv-bench

.venv-bench/peers.stamp: tests/bench/peers.txt | .venv-bench/bin/python
	$(PYTHON) -m pip --python $(BENCH)/python install --quiet --requirement tests/bench/peers.txt
	touch $@

clean:
	rm -rf .venv .venv-bench .bench build dist negbuild-demo ./*.egg-info
