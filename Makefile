# make run      build what is missing, start everything, serve until Ctrl-C   (ARGS="--port 9000")
#               LIVEKIT=1 adds rooms on a LiveKit server, built on first use; LLM=1 answers
#               with a small language model; LIGHT=1 fetches and uses no neural models
# make setup    only build the two environments and the page
# make shell    a shell in which `vdx` is the one that was built here
# make test     every check, and every test but the long ones; says how many those are
#               NEURAL=1, here and for setup, takes XTTS-v2 and CSM along: PyTorch, 7 GB
# make test-long  the long tests: dear, and their kind is guarded by a cheaper one in `make test`
# make coverage the same tests, at half the speed, and which lines they run
# make test-changed  the tests that the changes since main can reach, and why  (BASE=REV,
#               ARGS=--list only says which)
# make test-faults  attacks and faults with all their repetitions, the result at the end
# make check    style, types, security, import direction, workflows
# make bench    every bench and study, one report in reports/full         (ARGS="--quick", ARGS=turn)
# make nsys     on a GPU machine: kernels of MODEL and vdx's ranges above them, by Nsight Systems
# make ncu      the same machine: what the kernels of MODEL in RANGE wait for, by Nsight Compute
# make audit    ask for known holes in what is installed (needs the network)
# make sbom     CycloneDX lists of what a release consists of, in build/sbom
# make docs     the pages of docs/ as a site, in build/site
# make clients  install the stock clients that `make test` talks to a server with
# make lock     compile the requirement lists again
# make format   mend the style of the Python files
# make help     this list
# make clean    remove what the tools leave; `make clean-all` also the environments

.DEFAULT_GOAL := run
.PHONY: help run setup shell page test conversations engines-aside test-long coverage test-changed test-faults browser livekit clients check lint types workflows actionlint \
	page-check page-test engines bench nsys ncu audit sbom docs lock format clean clean-all

BIN := .venv/bin
READY := .venv/.ready
BENCH_READY := .venv/.bench-ready
DOCS_READY := .venv-docs/.ready
CLIENTS_READY := .venv-clients/.ready
TRITON_STAMP := .venv-triton/vdx-requirements.sha256
NEURAL_STAMP := .venv-triton/vdx-neural.sha256
LOCK := requirements

# A variable an editor or another project left behind must not redirect the tools.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME
# Without its caches every one of the hundreds of Python processes compiles all it imports again.
unexport PYTHONDONTWRITEBYTECODE

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

run: setup
	@$(if $(LIGHT),,$(BIN)/vdx setup)
	@$(BIN)/vdx up $(if $(LIGHT),--light) $(if $(LIVEKIT),--livekit) $(if $(LLM),--llm) $(ARGS)

setup: $(READY) $(TRITON_STAMP) $(if $(NEURAL),$(NEURAL_STAMP)) page
	@:

shell: setup
	@PATH="$(CURDIR)/$(BIN):$$PATH" "$${SHELL:-/bin/sh}"

# Does nothing while the page is current.
page: $(READY)
	@$(BIN)/python scripts/build_page.py

$(READY): pyproject.toml scripts/make_venv.sh scripts/hatch_build.py \
		$(LOCK)/frontend.txt $(LOCK)/dev.txt $(LOCK)/tools.txt
	@scripts/make_venv.sh
	@touch $@

$(TRITON_STAMP): $(LOCK)/triton.txt $(LOCK)/dev-triton.txt | $(READY)
	@$(BIN)/vdx setup --light
	@touch $@

$(NEURAL_STAMP): $(LOCK)/neural.txt | $(TRITON_STAMP)
	@$(BIN)/vdx setup --light --neural
	@touch $@

check: lint types workflows page-check

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml frontend triton_backends benchmarks
	$(BIN)/pytest --quiet --no-header tests/unit/test_import_direction.py

types: setup
	$(BIN)/mypy

workflows: actionlint
	@"$$($(BIN)/python -m scripts.build_go_tool actionlint)"

page-check: setup
	$(BIN)/python scripts/build_page.py -- run --silent check

page-test: page-check
	$(BIN)/python scripts/build_page.py -- run --silent test

# The page is tested in a real browser; CHROMIUM=/path/to/one names another.
browser:
	@PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null || { echo "the tests need nginx; run: sudo apt install nginx-light" >&2; exit 1; }
	@command -v redis-server >/dev/null || { echo "the tests need redis-server; run: sudo apt install redis-server" >&2; exit 1; }
	@command -v promtool >/dev/null || { echo "the tests need promtool; run: sudo apt install prometheus" >&2; exit 1; }
	@command -v openssl >/dev/null || { echo "the tests need openssl; run: sudo apt install openssl" >&2; exit 1; }
	@command -v curl >/dev/null || { echo "the tests need curl; run: sudo apt install curl" >&2; exit 1; }
	@for name in $(CHROMIUM) chromium-headless-shell chromium chromium-browser google-chrome; do \
		command -v "$$name" >/dev/null && exit 0; \
	done; echo "the tests need a browser; run: sudo apt install chromium" >&2; exit 1

# What of the tests is run: those of large neural voices only where they were asked for.
CHOSEN := not long$(if $(NEURAL),, and not neural)

# The engines run in the environment of the models; everything else, real Triton included, in .venv.
engines: setup
	.venv-triton/bin/python -m pytest --quiet --numprocesses 2 --dist loadfile -m "$(CHOSEN)" tests/unit/backends

# Most of it waits for sound to be spoken in real time, so several run at once even on two cores.
WORKERS := 4
SHARED_OUT := --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
# The checks only compute, most of them in one process: two at a time. On a bare machine
# livekit-server is compiled while `setup` and `clients` wait for the network. Conversations leave a
# third of the cores idle: the engines take that, and give way to everything that talks.
test: browser
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target livekit clients check page-test
	@$(MAKE) --no-print-directory --jobs 2 conversations engines-aside

conversations:
	$(BIN)/pytest $(SHARED_OUT) -m "$(CHOSEN)" $(ARGS)

engines-aside:
	@nice -n 19 $(MAKE) --no-print-directory --output-sync=target engines

# Two at a time, for most of them take a core of their own.
test-long: browser livekit clients
	$(BIN)/pytest --numprocesses 2 --dist loadfile -m "long$(if $(NEURAL),, and not neural)" $(ARGS)

coverage: browser livekit clients
	$(BIN)/pytest $(SHARED_OUT) -m "$(CHOSEN)" --cov --cov-report=term $(ARGS)

# Built before the tests, most of which talk in real time and need the cores it takes.
livekit: actionlint
	@$(BIN)/python scripts/build_livekit_server.py

# Before livekit-server, not beside it: either fetches Go where the machine has none.
actionlint: $(READY)
	@$(BIN)/python -m scripts.build_go_tool actionlint >/dev/null

# Of their own: some pin other versions of what vdx uses. A minute, most of it downloads.
clients: $(CLIENTS_READY)
	@:

$(CLIENTS_READY): scripts/make_clients.sh $(LOCK)/clients.txt \
		tests/server/stock_clients/package-lock.json | $(READY)
	@scripts/make_clients.sh
	@touch $@

test-changed: setup clients
	@BASE='$(BASE)' $(BIN)/python -m scripts.changed_tests $(ARGS)

test-faults: browser livekit clients
	VDX_FAULTS=full $(BIN)/pytest tests/security tests/faults

bench: setup $(BENCH_READY)
	@$(BIN)/python -m benchmarks report $(ARGS)

$(BENCH_READY): $(LOCK)/bench.txt $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		-r $(LOCK)/bench.txt
	@touch $@

# Beside a driver and CUDA: Nsight Systems, Nsight Compute, which ask for root or for counters that
# every user may read (NVreg_RestrictProfilingToAdminUsers=0). Both follow the model's process.
MODEL ?= csm
RANGE ?= csm frame
PROFILES := build/profiles
SPOKEN := $(BIN)/vdx say --voice $(MODEL) --out $(PROFILES)/$(MODEL).wav "The train to the coast leaves at nine."

nsys: setup
	@command -v nsys >/dev/null || { echo "Nsight Systems is not here: developer.nvidia.com/nsight-systems" >&2; exit 1; }
	@mkdir -p $(PROFILES)
	nsys profile --trace=cuda,nvtx,osrt --trace-fork-before-exec=true --force-overwrite=true \
		--output $(PROFILES)/$(MODEL) $(SPOKEN)
	nsys stats --report nvtx_sum,cuda_gpu_kern_sum $(PROFILES)/$(MODEL).nsys-rep

ncu: setup
	@command -v ncu >/dev/null || { echo "Nsight Compute is not here: developer.nvidia.com/nsight-compute" >&2; exit 1; }
	@mkdir -p $(PROFILES)
	ncu --target-processes all --nvtx --nvtx-include "$(RANGE)/" --launch-count 200 --force-overwrite \
		--export $(PROFILES)/$(MODEL) $(SPOKEN)

audit: setup
	@scripts/audit.sh

sbom: setup
	@scripts/sbom.sh

docs: $(DOCS_READY)
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

# Of its own: nothing else needs these, and it needs nothing of the others.
$(DOCS_READY): $(LOCK)/docs.txt | $(READY)
	@$(BIN)/python -m venv --clear --without-pip .venv-docs
	@$(BIN)/python -m pip --python .venv-docs/bin/python install --quiet \
		--disable-pip-version-check --require-hashes --no-deps -r $(LOCK)/docs.txt
	@touch $@

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# frontend first: the development list is compiled against it.
lock: $(READY)
	@scripts/compile_requirements.sh $(ARGS)

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.*
	find frontend triton_backends benchmarks tests scripts -name __pycache__ -prune -exec rm -rf {} +

clean-all: clean
	rm -rf .venv .venv-triton .venv-docs .venv-clients .tools
