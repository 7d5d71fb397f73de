# Every target bootstraps .venv by itself; needed beforehand are Python 3.11 to 3.14 with pip, and make.
# Another interpreter than the newest one found: make PYTHON=/path/to/python3 TARGET

.DEFAULT_GOAL := help
.SUFFIXES:
.PHONY: .venv help run live figures capture test prove quick lint ledger notebooks conformance coverage mutation lock
.PHONY: clean always

VENV := .venv
RUN := $(VENV)/bin/python
UV_VERSION := 0.13.9
PROVED := proofs/smt proofs/model proofs/refinement proofs/units/interleavings/test_sharing.py \
    proofs/interleavings/test_every_scenario.py proofs/interleavings/test_weak_memory.py
REFERENCE_UNITS := $(wildcard proofs/units/reference*)
RECORDINGS_ON_REFERENCE := proofs/conformance/test_recordings.py::test_the_reference_reproduces_what_opte_did

# The stamp is named after the lock's content and written last: an interrupted bootstrap, a changed lock
# or an interpreter that no longer starts all lead to a new environment, nothing else does.
STAMP := $(VENV)/ready-$(firstword $(shell cksum < requirements.lock))
ifneq ($(shell $(RUN) -c 'print("starts")' 2>/dev/null),starts)
$(STAMP): always
endif

# Handed on through the environment, so that file names need no quoting rules of make's.
export CAPTURE GUEST OUTPUT

# The tests start a great many processes. Where the environment forbids bytecode, each of them would compile all
# libraries anew; here it is kept once for all, away from the sources, and goes when the environment goes.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/$(VENV)/bytecode

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Sets $$python to the newest usable interpreter, or ends with the fix.
define FIND_PYTHON
	python=; \
	for candidate in $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3 python); do \
	    if "$$candidate" -c 'import sys, venv, pip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
	        >/dev/null 2>&1 </dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "error: no Python 3.11 to 3.14 with pip$(if $(PYTHON), at $(PYTHON), on the PATH):" \
	        "install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; \
	fi
endef

.venv: $(STAMP)

$(STAMP):
	@set -e; $(FIND_PYTHON); \
	echo "Making $(VENV) with $$("$$python" --version) from requirements.lock"; \
	rm -rf $(VENV); \
	"$$python" -m venv --without-pip $(VENV); \
	"$$python" -m pip --python $(RUN) --disable-pip-version-check --no-input \
	    install --require-hashes --no-compile -r requirements.lock; \
	touch $@

run: $(STAMP)  ## the main job: a capture through every port, checked and measured [CAPTURE= GUEST= OUTPUT=]
	@$(RUN) -m experiments.main_job $(if $(CAPTURE),--capture "$$CAPTURE") \
	    $(if $(GUEST),--guest "$$GUEST") $(if $(OUTPUT),--output "$$OUTPUT")

live: $(STAMP)  ## real guests in network namespaces talk through the ports (Linux, root, iperf3, curl, ping, udhcpc)
	@$(RUN) -m experiments.live $(LIVE)

figures: $(STAMP)  ## draw all figures and results/index.html anew from the data there (python -m experiments all)
	@$(RUN) -m experiments figures

capture: $(STAMP)  ## record the bundled capture anew (Linux, root, ethtool, iperf3, curl and ping)
	@$(RUN) -m experiments.record_capture

test: lint  ## everything CI runs: lint, types, every check
	@$(RUN) -m pytest -n 2 --ledger=results/ledger.json

prove: $(STAMP)  ## what CI has no time for: longer proofs and replays, and z3's answers put to a second solver
	@$(RUN) -m pytest -n 2 --prove --second-solver $(PROVED) --ledger=results/prove.json

quick: lint  ## the inner loop: lint, types, the small fast tests of reference, fast path and models
	@$(RUN) -m pytest -n 2 -m "not slow" $(REFERENCE_UNITS) proofs/units/fastpath proofs/units/model

lint: $(STAMP)  ## ruff, its formatter and mypy
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

ledger: $(STAMP)  ## run the claimed checks and print what is claimed, by what right
	@$(RUN) -m proofs.ledger

notebooks: $(STAMP)  ## execute every notebook
	@$(RUN) -m pytest proofs/units/test_notebooks.py

conformance: $(STAMP)  ## replay the recordings of the real OPTE [RECORDINGS=]
	@$(RUN) -m proofs.conformance $(or $(RECORDINGS),proofs/conformance/recordings)

coverage: $(STAMP)  ## the branches of the reference that its own tests take; fails below the threshold
	@mkdir -p results
	@$(RUN) -m coverage run -m pytest -q $(REFERENCE_UNITS) $(RECORDINGS_ON_REFERENCE)
	@$(RUN) -m coverage report

mutation: $(STAMP)  ## plant a fixed sample of faults in the reference: do the tests catch them? [SURVIVORS=yes]
	@$(RUN) -m proofs.mutation $(if $(SURVIVORS),--survivors)

lock:  ## resolve pyproject.toml into requirements.lock, for every supported Python at once [UPGRADE=yes]
	@set -e; $(FIND_PYTHON); \
	scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	"$$python" -m venv --without-pip "$$scratch"; \
	"$$python" -m pip --python "$$scratch/bin/python" --disable-pip-version-check --no-input \
	    install --quiet uv==$(UV_VERSION); \
	"$$scratch/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --custom-compile-command "make lock" \
	    $(if $(UPGRADE),--upgrade) --output-file requirements.lock pyproject.toml

clean:  ## remove the environment and every cache; results stay
	@rm -rf $(VENV) .numba_cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
