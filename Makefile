# Every target sets up what it needs in .venv; nothing is installed anywhere else.
PYTHON ?= python3
BIN := .venv/bin

BENCH := .venv-bench/bin

# The command is started thousands of times: Python is to keep what it compiled, as it does where negbuild is installed.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-servers test-browser test-frameworks lint docs sheets review-picture source test-source dist clean \
	bench-crawl bench-twins bench-join bench-verify bench-split bench-augment

demo: .venv/demo.stamp  ## The whole way on bundled photographs, without key or network
	$(BIN)/negbuild demo

test: .venv/dev.stamp   ## All tests, on all cores
	$(BIN)/pytest -q -n auto

test-servers: .venv/dev.stamp  ## Crawls of a real MediaWiki and a real searx; apt-get installs them, as root
	tests/servers/install.sh
	$(BIN)/pytest -q -n 0 tests/servers

test-frameworks: .venv-frameworks/ready.stamp  ## The loaders of PyTorch, Keras, timm and Hugging Face; losses; training
	.venv-frameworks/bin/pytest -q tests/frameworks
	KERAS_BACKEND=torch .venv-frameworks/bin/pytest -q tests/frameworks/test_losses.py tests/frameworks/test_accuracy.py

test-browser: .venv/dev.stamp  ## The pages in a real Chromium; apt-get installs it, as root; pictures of them in .screenshots
	tests/browser/install.sh
	$(BIN)/pytest -q -n 0 tests/browser

review-picture: .venv/dev.stamp  ## Take docs/review.png anew, of the demo's pictures
	tests/browser/install.sh
	$(BIN)/python tests/browser/picture.py docs/review.png

lint: .venv/dev.stamp   ## Style, types, and pages that agree with the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" cog -P --check README.md docs/*.md

docs: .venv/dev.stamp   ## Write the generated parts of README.md and docs/ anew
	PATH="$(CURDIR)/$(BIN):$$PATH" cog -P -r README.md docs/*.md

source: .venv/dev.stamp ## Begin a new source: make source NAME=museum
	@$(BIN)/python tests/sources/new.py "$(NAME)"

test-source: .venv/dev.stamp ## The tests of one source: make test-source NAME=museum
	$(BIN)/pytest -q tests/sources/test_$(NAME).py
	$(BIN)/pytest -q tests/sources/test_contract.py -k "$(NAME)"

sheets: .venv/dev.stamp ## Draw the contact sheets of the presets of `augment` anew
	$(BIN)/python tests/sheets.py

dist: .venv/dev.stamp   ## Build the sdist, and the wheel from it
	$(BIN)/python -m build

bench-crawl: .venv/dev.stamp .venv-bench/peers.stamp  ## Speed beside img2dataset and icrawler; needs nginx; ARGS="--only hosts"
	$(BIN)/python tests/bench/crawl.py $(ARGS)

bench-twins: .venv/dev.stamp .venv-bench-twins/peers.stamp  ## Copies found and false pairs beside three peers; ARGS="FOLDER", ARGS="FOLDER --only whole"
	OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/bench/twins.py --peers .venv-bench-twins/bin/python $(ARGS)

bench-augment: .venv/dev.stamp  ## Copies a second beside a bare loop of albumentations; ARGS="--pictures 400"
	$(BIN)/python tests/bench/augment.py $(ARGS)

bench-join: .venv/dev.stamp  ## The join of fingerprints beside faiss
	$(BIN)/python tests/bench/join.py $(ARGS)

bench-verify: .venv/dev.stamp  ## Verifying beside fingerprinting the same files; ARGS="--files 50000"
	OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/bench/verify.py $(ARGS)

bench-split: .venv/dev.stamp .venv-bench-split/peers.stamp  ## Writing a dataset beside cp, shutil and split-folders; ARGS="--pictures 50000"
	$(BIN)/python tests/bench/split.py --peer .venv-bench-split/bin/splitfolders $(ARGS)

# `venv --without-pip` works where the system's ensurepip is missing; pip reaches into the environment from outside.
.venv/bin/python:
	$(PYTHON) -m venv --without-pip .venv

.venv/demo.stamp: pyproject.toml | .venv/bin/python
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --editable '.[demo]'
	touch $@

.venv/dev.stamp: pyproject.toml | .venv/bin/python
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --editable '.[demo,dev,flickr,parquet,plots,video]'
	touch $@ .venv/demo.stamp

.venv-bench/bin/python:
	$(PYTHON) -m venv --without-pip .venv-bench

.venv-bench/peers.stamp: tests/bench/peers.txt | .venv-bench/bin/python
	$(PYTHON) -m pip --python $(BENCH)/python install --quiet --requirement tests/bench/peers.txt
	touch $@

.venv-frameworks/bin/python:
	$(PYTHON) -m venv --without-pip .venv-frameworks

.venv-frameworks/ready.stamp: tests/frameworks/requirements.txt pyproject.toml | .venv-frameworks/bin/python
	$(PYTHON) -m pip --python .venv-frameworks/bin/python install --quiet --requirement $< --editable '.[demo]'
	touch $@

.venv-bench-twins/bin/python:
	$(PYTHON) -m venv --without-pip .venv-bench-twins

.venv-bench-twins/peers.stamp: tests/bench/peers-twins.txt | .venv-bench-twins/bin/python
	$(PYTHON) -m pip --python .venv-bench-twins/bin/python install --quiet --requirement tests/bench/peers-twins.txt
	touch $@

.venv-bench-split/bin/python:
	$(PYTHON) -m venv --without-pip .venv-bench-split

.venv-bench-split/peers.stamp: tests/bench/peers-split.txt | .venv-bench-split/bin/python
	$(PYTHON) -m pip --python .venv-bench-split/bin/python install --quiet --requirement tests/bench/peers-split.txt
	touch $@

clean:
	rm -rf .venv .venv-* .bench .screenshots .servers build dist negbuild-demo ./*.egg-info
