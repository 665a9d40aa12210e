# make ask Q="..."   set up what is missing, bring the store up to date with seeds/, answer
# make test          set up what is missing, run all tests
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip
UV     := $(VENV)/uv/bin/uv
TORCH  := torch==2.13.0
PEERS  := .venv-peers
CLIENTS := .venv-clients
DATA   := ../shared/data
Q      ?= 智新科技去年的销量是多少?
export Q
# uv compiles nothing, so what is run is compiled when it is first run: also where that is switched off for all of Python,
# or every start would do it again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup models ocr ask test unit clients milvus ray lint eval reading benchmark compare lock bare clean

help:
	@sed -n '1,2s/^# //p' Makefile
	@echo 'make unit          the tests that need no model, in a few minutes'
	@echo 'make models        set up what other embedders (RAG_EMBEDDER), training and measuring need'
	@echo 'make ocr           set up what scans and pictures need'
	@echo 'make clients       the tests of the server with clients of others, which it installs'
	@echo 'make milvus        all tests of the store in a Milvus server, in minutes'
	@echo 'make ray           the tests of an ingest on a Ray cluster; installs Ray, 200 MB'
	@echo 'make lint          style, types, import rules'
	@echo 'make eval          evaluate; reports go to out/'
	@echo 'make reading       the reader and the confidence on data that they have not seen'
	@echo 'make benchmark     speed of each part beside the plain way to the same'
	@echo 'make compare       the same questions through other systems'
	@echo 'make lock          write the lock files anew'
	@echo 'make bare          install into a bare environment by pip alone, read the seeds, ask'
	@echo 'make clean         remove the environments and reports that make made; no store'

# $(call install,WHAT): by uv, in a third of pip's time; by pip where there is no uv or it fails. The locks name all that
# is needed, so nothing has to be resolved. uv does not read pip's settings, so it is told pip's index. It is fetched in
# 3 s and goes again afterwards: 40 MB.
index = $$($(PIP) config get global.index-url 2>/dev/null || true)
get_uv = test -x $(UV) || $(PIP) install -q --disable-pip-version-check --target $(VENV)/uv uv==0.13.9 2>/dev/null || true
install = { index=$(index); test -x $(UV) \
    && $(UV) pip install -q --python $(BIN)/python $${index:+--default-index "$$index"} --no-deps $(1) 2>/dev/null; } \
  || $(PIP) install -q --disable-pip-version-check --no-deps $(1)

$(VENV)/.packages: requirements.lock scripts/maintain/unused.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Python 3.11 or newer is needed: make PYTHON=python3.11 ...' >&2; exit 2; }
	@echo 'Setting up $(VENV), once; this takes about a minute ...' >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(get_uv)
	@$(call install,-r requirements.lock)
	@$(BIN)/python scripts/maintain/unused.py
	@touch $@

$(VENV)/.ready: $(VENV)/.packages pyproject.toml
	@$(call install,--no-build-isolation -e .)
	@rm -rf $(VENV)/uv
	@touch $@

# torch by itself: left to the resolver, a Linux machine would download gigabytes of CUDA libraries. The CPU build is
# taken where pip knows one; otherwise uv knows where PyTorch keeps it.
$(VENV)/.ready-models: $(VENV)/.ready requirements-models.lock
	@echo 'Setting up torch and what goes with it, once; this takes minutes ...' >&2
	@$(get_uv)
	@$(PIP) install -q --disable-pip-version-check --no-deps '$(TORCH)+cpu' 2>/dev/null \
	  || $(UV) pip install -q --python $(BIN)/python --torch-backend cpu --no-deps '$(TORCH)'
	@$(call install,-r requirements-models.lock)
	@rm -rf $(VENV)/uv
	@touch $@

$(VENV)/.ready-ocr: $(VENV)/.ready requirements-ocr.lock
	@$(get_uv)
	@$(call install,-r requirements-ocr.lock)
	@rm -rf $(VENV)/uv
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready-models $(VENV)/.ready-ocr requirements-dev.lock
	@$(get_uv)
	@$(call install,-r requirements-dev.lock)
	@rm -rf $(VENV)/uv
	@touch $@

models: $(VENV)/.ready-models

ocr: $(VENV)/.ready-ocr

setup: $(VENV)/.ready-dev

ask: $(VENV)/.ready
	@$(BIN)/rag ingest --quiet seeds && $(BIN)/rag ask "$$Q"

# Side by side on two cores: whoever is done takes what the other has left. More would wait for each other's models.
test: setup
	@$(BIN)/python -m pytest -n 2 --dist worksteal --durations 40

unit: setup
	@$(BIN)/python -m pytest -m "not model and not slow"

# In an environment of their own; npm is used where it is there.
clients: setup
	@test -x $(CLIENTS)/bin/python || $(PYTHON) -m venv $(CLIENTS)
	@$(CLIENTS)/bin/python -m pip install -q --disable-pip-version-check -r tests/server/clients-requirements.txt
	@if command -v npm >/dev/null; then npm install --silent --no-audit --no-fund --prefix $(CLIENTS)/node openai; \
	else echo 'npm is not installed: its client is left out.' >&2; fi
	@$(BIN)/python -m pytest -rs tests/server/test_clients.py

# The store in a Milvus server, which it starts; `make test` does the short ones of these.
milvus: setup
	@MILVUS_TESTS=all $(BIN)/python -m pytest -rfEs tests/store/test_milvus_server.py

# A Ray of two workers on this machine. Ray is in no lock: what it needs besides is there with the tests' own packages.
$(VENV)/.ready-ray: $(VENV)/.ready-dev tests/ray-requirements.txt
	@$(PIP) install -q --disable-pip-version-check -r tests/ray-requirements.txt
	@touch $@

ray: $(VENV)/.ready-ray
	@$(BIN)/python -m pytest -rs tests/test_ray.py

lint: setup
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

# Each set's report is out/SET/report.html. Sets that lie in the data folder are left out where it is not there.
eval: $(VENV)/.ready
	@$(BIN)/rag ingest --quiet seeds
	@$(BIN)/rag eval seeds/qa.jsonl --split test --out out/seeds
	@if test -d $(DATA); then \
	  $(BIN)/rag eval $(DATA)/xquad/xquad.zh.json --out out/xquad-zh \
	  && $(BIN)/rag eval $(DATA)/xquad/xquad.en.json --documents $(DATA)/xquad/xquad.zh.json --out out/xquad-en-zh \
	  && $(BIN)/rag eval $(DATA)/drcd/DRCD_dev.json --out out/drcd-dev; \
	else echo 'No development data at $(DATA): only the seeds were evaluated.' >&2; fi

reading: setup
	@$(BIN)/python -m scripts.measure.reading --data $(DATA)

benchmark: setup
	@$(BIN)/python -m scripts.measure.benchmark --data $(DATA)

compare: setup
	@test -x $(PEERS)/bin/python || $(BIN)/python -m scripts.measure.compare --setup $(PEERS)
	@$(BIN)/python -m scripts.measure.compare $(DATA)/xquad/xquad.zh.json --environment $(PEERS) --questions 300
	@$(BIN)/python -m scripts.measure.compare --news $(DATA) --environment $(PEERS)

# make lock UPGRADE=--upgrade: the newest versions; otherwise those that are pinned stay.
lock: $(VENV)/.packages
	@$(get_uv)
	@index=$(index); test -z "$$index" || export UV_DEFAULT_INDEX="$$index"; \
	$(BIN)/python scripts/maintain/lock.py $(UPGRADE) $(UV)
	@rm -rf $(VENV)/uv

bare:
	@$(PYTHON) scripts/maintain/bare.py

clean:
	rm -rf $(VENV) $(PEERS) $(CLIENTS) out build *.egg-info
