# Every target sets itself up: tools/setup.py makes .venv and installs what is missing, and does nothing otherwise.
#   CHAPTER=01            narrows test, run and outputs to one chapter
#   COURSE_BUDGET=smoke   smoke (seconds), lesson (default, minutes) or full (hours)
#   COURSE_DATA_DIR=...   folder with mnist.npz and fashion_mnist.npz, instead of a download
PYTHON ?= python3
PY := .venv/bin/python
CHAPTER ?=
.DEFAULT_GOAL := help
.PHONY: help setup lab test run outputs test-browser data pretrained pins wheels clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## make .venv and install the course (every other target does this too)
	@$(PYTHON) tools/setup.py

lab: setup  ## open JupyterLab on the course; without a display it prints the address
	@$(PY) -m tools.lab

test: setup  ## test everything (CHAPTER=01: only this chapter)
	@$(PY) -m pytest tests $(if $(CHAPTER),--chapter=$(CHAPTER))

run: setup  ## run every chapter without a browser: HTML in build/, numbers against data/expected.toml
	@$(PY) -m tools.run $(CHAPTER)

outputs: setup  ## run every chapter on the real pictures and store the outputs in the notebooks
	@$(PY) -m tools.outputs $(CHAPTER)

test-browser:  ## use every chapter's widget in a real browser; screenshots in build/browser
	@$(PYTHON) tools/setup.py browser
	@$(PY) -m pytest tests/browser $(if $(CHAPTER),--chapter=$(CHAPTER))

data: setup  ## make the embedded data sets again (the same bytes, from their seed)
	@$(PY) -m tools.make_digits
	@$(PY) -m tools.make_atelier

pretrained: setup  ## train the generators that come with the course (goes on where it stopped; NAME=03_gan_boots: one, again)
	@$(PY) -m tools.make_pretrained $(NAME)

pins: setup  ## make constraints.txt again from the newest versions that pyproject.toml allows
	@$(PY) -m tools.pins make

wheels: setup  ## check that every pin has a wheel for each Python and system that the course names
	@$(PY) -m tools.pins check

clean:  ## remove .venv and build/ (results/ stays)
	@rm -rf .venv build
