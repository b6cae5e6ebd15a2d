# `make demo` and `make test` set up a virtual environment in the clone and touch nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Interpreters for `make matrix`; those that are not there are left out.
PYTHONS ?= python3.11 python3.12 python3.13 python3.14

.PHONY: demo check test matrix oldest clean

demo: $(VENV)/.installed
	$(BIN)/pyrovae train --prior VampPrior --prior.components 50 --likelihood NormalLikelihood \
		--latent_features 8 --epochs 200 --patience 40 --samples 1000 --out runs/demo --overwrite

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check
	$(BIN)/pytest -n 2 -q

matrix:
	for python in $(PYTHONS); do \
		if command -v $$python > /dev/null; then \
			$(MAKE) test PYTHON=$$python VENV=.venv-$$python || exit 1; \
		else echo "$$python is not here: left out"; fi; \
	done

oldest:
	PIP_CONSTRAINT=constraints-oldest.txt $(MAKE) test VENV=.venv-oldest

# The stamps are newer than pyproject.toml once installed, so a second call installs nothing.
$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .venv-* build dist *.egg-info
