# make train    make an environment in .venv, install, run `coderl train`     (ARGS="--seed 1" passes options on)
# make test     the same with the tools of the tests, and run the tests
# make test-interop   the adapters against the real Stable-Baselines3 and TRL, in .venv-interop
# make lint     ruff, rules and formatting
# make types    mypy, strict
# make clean    remove .venv, .venv-interop and everything that was built; runs/ stays
#
# PYTHON=/path/to/python3.12 chooses the interpreter; without it the first of the names below that is 3.11 or newer.

VENV := .venv
BIN := $(VENV)/bin
NAMES := $(if $(PYTHON),$(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SOURCES := setup.cfg pyproject.toml constraints.txt
INTEROP := .venv-interop

.PHONY: train test test-interop lint types clean
.DELETE_ON_ERROR:

train: $(VENV)/.agents-installed
	$(BIN)/coderl train $(ARGS)

test: $(VENV)/.dev-installed
	$(BIN)/python -m pytest $(ARGS)

test-interop: $(INTEROP)/.installed
	$(INTEROP)/bin/python -m pytest tests/interop $(ARGS)

lint: $(VENV)/.dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev-installed
	$(BIN)/mypy

clean:
	rm -rf $(VENV) $(INTEROP) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@found=; for name in $(NAMES); do \
		if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$name"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "coderl-env needs Python 3.11 or newer; none of these is: $(NAMES). Install it, or: make PYTHON=/path/to/it" >&2; \
		exit 1; \
	fi; \
	echo "making $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv $(VENV) || { \
		rm -rf $(VENV); \
		echo "python could not make $(VENV); on Debian and Ubuntu the package python3-venv is needed" >&2; \
		exit 1; \
	}

$(VENV)/.agents-installed: $(SOURCES) | $(BIN)/python
	@echo "installing coderl-env with its agents (torch is large: this takes minutes)"
	@$(INSTALL) --editable '.[agents]'
	@touch $@

$(VENV)/.dev-installed: $(SOURCES) | $(BIN)/python
	@echo "installing coderl-env with its agents and the tools of its tests (torch is large: this takes minutes)"
	@$(INSTALL) --editable '.[agents,dev]'
	@touch $@ $(VENV)/.agents-installed

# An environment of its own: these libraries may come to need other versions than ours. Compiling what the tests import
# takes less time than compiling all that is installed.
$(INTEROP)/.installed: $(SOURCES) constraints-interop.txt | $(BIN)/python
	@echo "installing coderl-env with Stable-Baselines3 and TRL in $(INTEROP) (this takes minutes)"
	@$(BIN)/python -m venv $(INTEROP)
	@$(INTEROP)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt \
		--constraint constraints-interop.txt --editable '.[interop]' pytest pytest-timeout hypothesis
	@touch $@
