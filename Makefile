# `make help` lists the targets. Each does its own set-up: Debian packages (as root), .venv with pinned
# packages, the plugin. Stamp files keep that from being repeated.
PYTHON ?= python3.11
JOBS ?= 2
FUZZ_MINUTES ?= 10
export PYTHON

SETUP := tools/setup.sh
VENV_BIN := .venv/bin
CC_SOURCES := $(shell find cc/core cc/runtime cc/tflm cc/host tflm_tinyprop -name '*.cc' -o -name '*.h')
STUDIES := $(filter-out studies/small.yaml,$(wildcard studies/*.yaml))
BOARDS := mps2-an385 mps2-an386 mps2-an500 mps2-an505 mps3-an547

# One test runs the plugin in each of these; .venv holds the one that pyproject.toml pins.
TFLM_VERSIONS := 0.dev20250603235359 0.dev20260203175027 0.dev20260928214037 0.dev20261023182759
TFLM_WHEELS := $(TFLM_VERSIONS:%=build/wheels/%/.installed)

TEST_ENVIRONMENT = TINYPROP_TEST_ABI=$(abspath build/cc/libtinyprop_test_abi.so) \
  TINYPROP_TFLM_WHEELS=$(abspath build/wheels) TINYPROP_FIRMWARE=$(abspath build/firmware)

.DEFAULT_GOAL := help
.PHONY: help build demo study docs generate test cc-test sanitize fuzz firmware firmware-test firmware-tflm py-test mutants \
  bench bench-arm sizes bazel-test clean debian-build debian-test debian-arm debian-bench debian-clang

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

build: .venv/.package ## set up .venv with the package and its plugin

demo: build ## convert, train and report on a small model; results in out/demo
	$(VENV_BIN)/tinyprop demo --out out/demo

test: cc-test sanitize py-test ## all tests except Bazel's

cc-test: debian-test ## C++ tests
	@$(call ctest,build/cc,-DTINYPROP_SANITIZE=OFF)

sanitize: debian-test debian-clang ## C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer, gcc's and clang's
	@$(call ctest,build/sanitize,-DTINYPROP_SANITIZE=ON)
	@$(call ctest,build/sanitize-clang,-DTINYPROP_SANITIZE=ON -DCMAKE_CXX_COMPILER=clang++)

fuzz: build debian-clang ## fuzz targets and damaged files, for FUZZ_MINUTES in all (10); findings in build/fuzz/findings
	@cmake -S . -B build/fuzz -DTINYPROP_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++ > /dev/null && \
	cmake --build build/fuzz --parallel $(JOBS) --target fuzz_targets > /dev/null
	$(VENV_BIN)/python tests/fuzz/run.py --minutes $(FUZZ_MINUTES) $(FUZZ_OPTIONS)

py-test: build cc-test firmware $(TFLM_WHEELS) ## Python tests, those of the firmware among them
	$(TEST_ENVIRONMENT) $(VENV_BIN)/python -m pytest -n 2 --dist loadfile

mutants: build debian-test debian-arm $(TFLM_WHEELS) ## do the tests notice small faults? (tests/mutants; an hour; JOBS at a time)
	$(VENV_BIN)/python tools/mutants.py --jobs $(JOBS)

firmware: debian-arm ## cross-compile the programs of tests/firmware for five boards, and for the host
	@$(call firmware,host,)
	@for board in $(BOARDS); do \
	  $(call firmware,$$board,-DCMAKE_TOOLCHAIN_FILE=$(abspath tests/firmware/toolchain.cmake)) || exit 1; done

firmware-test: build firmware ## only the tests of the firmware, on QEMU
	$(TEST_ENVIRONMENT) $(VENV_BIN)/python -m pytest tests/python/boards

firmware-tflm: build debian-arm ## the complete firmware on QEMU, with the TFLM that TFLM_INCLUDE and TFLM_LIBRARY name
	$(VENV_BIN)/python tests/firmware_tflm/run.py --out build/firmware-tflm

bench: build debian-bench ## benchmarks; results in out/bench
	$(VENV_BIN)/python benchmarks/bench.py --out out/bench

bench-arm: build debian-arm ## instructions on Cortex-M4F, beside the peers' figures; results in out/bench
	$(VENV_BIN)/python benchmarks/bench_arm.py --out out/bench

sizes: build debian-arm ## bytes of code on Cortex-M0+, M4F and M55; results in out/sizes
	$(VENV_BIN)/python tools/sizes.py --out out/sizes

study: build ## the whole study (TINYPROP_DATA_DIR; hours); runs in out/study, report in docs/study
	$(VENV_BIN)/tinyprop study $(STUDIES) --out out/study --report docs/study

docs: build ## put the figures of the last runs into README.md
	$(VENV_BIN)/python tools/readme_tables.py

generate: .venv/.requirements ## write what follows from format/tables.py: cc/core/wire_format.h, SPEC.md's tables, test vectors
	PYTHONPATH=python $(VENV_BIN)/python tools/wire_format

bazel-test: ## build and test everything with Bazel
	@$(SETUP) debian bazel-bootstrap doctest-dev
	bazel build --jobs=$(JOBS) //...
	bazel test --jobs=$(JOBS) //...

clean: ## remove what was built, except .venv
	rm -rf build out dist .venv/.package
	@if [ -e bazel-out ]; then bazel clean; fi

# $(call ctest,folder,CMake options): configures, builds and runs the C++ tests. Errors go to stderr.
define ctest
cmake -S . -B $(1) -DTINYPROP_BUILD_TESTS=ON $(2) > /dev/null && \
cmake --build $(1) --parallel $(JOBS) > /dev/null && \
ctest --test-dir $(1) --output-on-failure --parallel $(JOBS)
endef

# $(call firmware,board,CMake options)
define firmware
cmake -S tests/firmware -B build/firmware/$(1) -DBOARD=$(1) $(2) > /dev/null && \
cmake --build build/firmware/$(1) --parallel $(JOBS) > /dev/null
endef

debian-build:
	@$(SETUP) debian cmake libusb-1.0-0
debian-test: debian-build
	@$(SETUP) debian doctest-dev
debian-clang:
	@$(SETUP) debian clang libclang-rt-14-dev
debian-arm: debian-build
	@$(SETUP) debian gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib qemu-system-arm
debian-bench: debian-build
	@$(SETUP) debian valgrind

.venv/.requirements: requirements.lock | debian-build
	@$(SETUP) requirements
	@touch $@

.venv/.package: .venv/.requirements pyproject.toml CMakeLists.txt $(CC_SOURCES) | debian-build
	@$(SETUP) package
	@touch $@

build/wheels/%/.installed: | .venv/.requirements
	@$(SETUP) wheel $* $(@D)
	@touch $@
