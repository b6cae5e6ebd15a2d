# `make demo` and `make test` set up a virtual environment in the clone and touch nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Interpreters for `make matrix`; those that are not there are left out.
PYTHONS ?= python3.11 python3.12 python3.13 python3.14

# Two processes, of which one that is done takes tests from the other: those of a file mostly share
# one process, and what is made once for a file is made once.
BOTH := -n 2 --dist worksteal

.PHONY: demo check test cuda matrix oldest proof robust torture docs links clean

demo: $(VENV)/.installed
	$(BIN)/pyrovae train --prior VampPrior --prior.components 50 --likelihood NormalLikelihood \
		--latent_features 8 --epochs 200 --patience 40 --samples 1000 --out runs/demo --overwrite

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check
	$(BIN)/pytest $(BOTH) -q

# On a machine with a GPU: captured steps against uncaptured ones, waiting, the comparison of speeds.
cuda: $(VENV)/.installed-dev
	$(BIN)/pytest -q -m cuda tests

matrix:
	for python in $(PYTHONS); do \
		if command -v $$python > /dev/null; then \
			$(MAKE) test PYTHON=$$python VENV=.venv-$$python || exit 1; \
		else echo "$$python is not here: left out"; fi; \
	done

oldest:
	PIP_CONSTRAINT=constraints-oldest.txt $(MAKE) test VENV=.venv-oldest

# What is claimed over ranges, with many more examples.
proof: $(VENV)/.installed-dev
	$(BIN)/pytest $(BOTH) -q --hypothesis-profile=proof -m 'proof or not torture' tests

# The tests of numbers with other random numbers, threads, and instruction sets of the processor: nothing
# may hold by one seed, by rounding, or by the order of a sum.
NO_NUMBERS := cli checkpoint specifications datasets torture speed test_docs.py test_examples.py \
	test_packaging.py test_benchmarks.py test_published.py test_house.py test_site.py
NUMBERS := $(BIN)/pytest -q $(NO_NUMBERS:%=--ignore=tests/%)
robust: $(VENV)/.installed-dev
	for seed in 1 2 3; do $(NUMBERS) -n 2 --seed $$seed || exit 1; done
	$(NUMBERS) -n 0 --threads 2
	ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE $(NUMBERS) -n 2
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_CBWR=AVX2 $(NUMBERS) -n 2
	if grep -qs avx512f /proc/cpuinfo; then \
		ATEN_CPU_CAPABILITY=avx512 ONEDNN_MAX_CPU_ISA=AVX512_CORE MKL_CBWR=AVX512 $(NUMBERS) -n 2; \
	else echo "this processor has no AVX-512: left out"; fi

# What a run survives (docs/design/what_a_run_survives.md): kills, signals, full disks, broken files, wrong
# commands and calls, threads, two at once.
torture: $(VENV)/.installed-dev
	$(BIN)/pytest $(BOTH) -q -m 'torture or not torture' tests/torture

# The documentation as a site in docs/_build/html; tutorials and examples run while it is built.
docs: $(VENV)/.installed-dev
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

# Whether links to other sites lead somewhere: needs the network.
links: $(VENV)/.installed-dev
	$(BIN)/sphinx-build -W --keep-going -b linkcheck -D plot_gallery=0 docs docs/_build/links

# The stamps are newer than pyproject.toml once installed, so a second call installs nothing.
$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .venv-* build dist *.egg-info docs/_build docs/gallery docs/learn/tutorials
