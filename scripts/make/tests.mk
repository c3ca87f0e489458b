# SPDX-License-Identifier: MIT
#
# The tests and the benchmark: see docs/testing.md, docs/benchmarks.md.  Each part
# runs under scripts/run-tests, and scripts/summary adds up what they counted.

FUZZ_CC ?= clang
NODE_TEST_CONCURRENCY ?= 2
NODE_TEST_TIMEOUT_MS ?= 1200000
FUZZ_SECONDS ?= 10
TEST_LDLIBS ?= $(shell $(PKG_CONFIG) --libs cmocka 2>/dev/null)
BELFRY := $(abspath $(OUT)/belfry)

# Node for the tests: one that scripts/deps has put here goes first.
export PATH := $(CURDIR)/build/node/node_modules/.bin:$(PATH)

.PHONY: check check-all check-parts check-unit check-integration check-browser \
	check-web check-servers check-faults check-faults-short check-asan \
	check-tsan check-valgrind fuzz-smoke fuzz bench cover pictures \
	unit-programs test-programs node-tests-faults

check: ## install what is missing, then lint and all tests
	@scripts/deps build run kit test servers
	@rm -rf build/results
	@status=0; $(MAKE) $(SUB) -k check-parts || status=$$?; \
		scripts/summary && exit $$status

check-all: ## the same, with the sanitizers at full length
	@scripts/deps build run kit test servers deb
	@rm -rf build/results
	@status=0; \
	$(MAKE) $(SUB) -k check-parts SHORT= HUB_TESTS='*' || status=$$?; \
	scripts/run-tests one deploy $(MAKE) $(SUB) check-deploy || status=1; \
	scripts/run-tests one deb $(MAKE) $(SUB) check-deb || status=1; \
	scripts/summary && exit $$status

# In an order that tells early what is quick to tell.
check-parts:
	@status=0; \
	scripts/run-tests step build $(MAKE) $(SUB) $(PARALLEL) -k all test-programs \
		|| status=1; \
	scripts/run-tests one lint $(MAKE) $(SUB) -k lint || status=1; \
	scripts/run-tests one analyse $(MAKE) $(SUB) -k $(ANALYSE) || status=1; \
	for part in check-unit fuzz-smoke check-integration check-servers \
		check-faults-short check-web check-browser check-asan \
		check-tsan check-valgrind; do \
		$(MAKE) $(SUB) $$part || status=1; \
	done; exit $$status

# ---- unit tests ------------------------------------------------------------

UNIT_SRC ?= $(sort $(shell find tests/unit -name 'test_*.c'))
UNIT := $(UNIT_SRC:%.c=$(OUT)/%)
# What several tests use: any other .c there.
UNIT_SUPPORT := $(patsubst %.c,$(OUT)/obj/%.o,\
	$(sort $(shell find tests/unit -name '*.c' ! -name 'test_*')))

$(OUT)/obj/tests/%.o: ALL_CPPFLAGS += -Itests/unit

$(OUT)/tests/unit/%: $(OUT)/obj/tests/unit/%.o $(UNIT_SUPPORT) \
		$(OUT)/libbelfry.a
	$(call link,LD,$(CC) $(ALL_CFLAGS) $(LDFLAGS),$(LDLIBS) $(TEST_LDLIBS))

unit-programs: $(UNIT)

check-unit: $(UNIT) ## unit tests (cmocka); T=name for some of them
	@status=0; tests='$(filter %$(T),$(UNIT))'; \
	[ -n "$$tests" ] || { echo 'no tests/unit/**/*$(T).c'; exit 1; }; \
	for test in $$tests; do \
		scripts/run-tests cmocka $$test $$test || status=1; \
	done; exit $$status

# ---- tests of the whole, by node --test -------------------------------------

# The tests of folder $(1): those of TESTS, or T=name, as in check-unit, or all.
files-of = $(sort $(wildcard \
	$(patsubst %,tests/$(1)/%.test.mjs,$(or $(TESTS),*$(T)))))
# Runs the files $(2) as part $(1), with environment $(3).
define node-tests
	@[ -n '$(strip $(2))' ] || { \
		echo 'no tests: $(or $(TESTS),*$(T))'; exit 1; }
	@BELFRY_BIN=$(BELFRY) SANITIZER=$(SANITIZER) $(3) \
	scripts/run-tests node $(1) node --test \
		--test-reporter=spec \
		--test-concurrency=$(NODE_TEST_CONCURRENCY) \
		--test-timeout=$(NODE_TEST_TIMEOUT_MS) $(2)
endef
tests-named = $(1:%=tests/integration/%.test.mjs)

check-integration: $(OUT)/belfry build/bench/load ## the binary behind a real web server
	$(call node-tests,$(OUT)/integration,$(call files-of,integration))

check-browser: $(OUT)/belfry web/dist/stamp ## the inbox page in real browsers
	$(call node-tests,$(OUT)/browser,$(call files-of,browser))

check-web: web/dist/stamp ## the browser kit: its types and its tests
	@status=0; \
	scripts/run-tests one $(OUT)/web-types \
		web/node_modules/.bin/tsc -p web/tsconfig.json || status=1; \
	scripts/run-tests node $(OUT)/web web/node_modules/.bin/vitest run \
		--root web || status=1; \
	exit $$status

pictures: $(OUT)/belfry web/dist/stamp ## docs/inbox*.png and docs/phone*.png
	$(Q)node tests/browser/pictures.mjs

# ---- behind other web servers: see docs/servers.md ---------------------------

# At a time: most of it is waiting, for heartbeats and for Apache's own pace.
SERVER_JOBS ?= 2
# lighttpd has its turn in check-integration.
WEB_SERVERS ?= nginx apache-proxy lighttpd-cgi apache-cgi apache-fcgid \
	apache-htaccess lighttpd-procs
# What takes random steps takes fewer of them here.
SERVER_ROUNDS ?= 60
SERVER_TESTS ?= servers isolation-stream replay rest rest_access rest_change \
	rest_create rest_errors rest_list sandbox snapshot stream stream_end \
	stream_host stream_poll stream_text

check-servers: $(OUT)/belfry ## the tests that make sense there, per web server
	@scripts/deps servers
	@$(MAKE) $(SUB) -k -j$(SERVER_JOBS) --output-sync=target \
		$(WEB_SERVERS:%=check-server-%)

check-server-%: $(OUT)/belfry
	$(call node-tests,$(OUT)/$*,$(call tests-named,$(SERVER_TESTS)),\
		ROUNDS=$(SERVER_ROUNDS) BELFRY_TEST_SERVER=$*)

# ---- faults ------------------------------------------------------------------

# In a mount namespace, where tests have file systems of their own; whoever is
# not root is root in it.  The short form is part of check.
FAULTS ?= long
OWN_MOUNTS := $(shell if [ "$$(id -u)" = 0 ]; then \
	echo unshare --mount --propagation private; else \
	echo unshare --user --map-root-user --mount; fi)

check-faults: build/faults/witness build/faults/shim.so $(OUT)/belfry ## kills, full disks, clocks…: 40 minutes
	@rm -f build/faults/table.jsonl
	@$(OWN_MOUNTS) true || echo 'MOUNTING IS FORBIDDEN HERE:' \
		'tests that need it are skipped' >&2
	@$(if $(filter long,$(FAULTS)),NODE_TEST_TIMEOUT_MS=14400000) \
	FAULTS=$(FAULTS) $$($(OWN_MOUNTS) true && echo $(OWN_MOUNTS)) \
		$(MAKE) $(SUB) node-tests-faults

check-faults-short: ## a few rounds of each
	@$(MAKE) $(SUB) check-faults FAULTS=short

node-tests-faults:
	$(call node-tests,$(OUT)/faults,$(call files-of,faults))

build/faults/witness: $(patsubst %.c,build/bench/obj/%.o,\
		$(wildcard tests/faults/witness/*.c) \
		tests/bench/load/http.c tests/bench/load/text.c)
	$(call link,LD,$(CC) $(BENCH_CFLAGS) $(LDFLAGS),-lsqlite3)

build/faults/shim.so: tests/faults/shim.c
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE $(COMMON_CFLAGS) -O1 -g -fPIC -shared -o $@ $< -ldl

# ---- sanitizers, valgrind, coverage ------------------------------------------

# Under a sanitizer fewer rounds of the same; without the tests of the SQL alone,
# which run no code of ours.
SHORT ?= ROUNDS=40 COMMITS=300
BINARY_TESTS ?= $(patsubst tests/integration/%.test.mjs,%,$(filter-out \
	tests/integration/sql% tests/integration/install%,\
	$(sort $(wildcard tests/integration/*.test.mjs))))
HUB_TESTS ?= stream* edges* replay reset resume robustness rest_create \
	processes

# Builds with sanitizer $(1), then runs the unit tests and integration tests $(2).
define sanitized
	@scripts/run-tests step build/$(1)/build \
		$(MAKE) $(SUB) $(PARALLEL) SANITIZER=$(1) all unit-programs
	@$(SHORT) $(MAKE) $(SUB) -k SANITIZER=$(1) TESTS='$(2)' \
		check-unit check-integration
endef

check-asan: ## unit and integration tests with address,undefined
	$(call sanitized,address,$(BINARY_TESTS))

check-tsan: ## unit tests, and those of the hub, with the thread sanitizer
	$(call sanitized,thread,$(HUB_TESTS))

# The binary behind a web server, under memcheck; what it finds goes where the
# reports of the sanitizers go.  Without the sandbox, whose calls it does not know.
VALGRIND_TESTS ?= stream resume rest_create rest_change
MEMCHECK := /usr/libexec/valgrind/memcheck-amd64-linux

check-valgrind: build/valgrind/belfry ## a few integration tests under valgrind
	$(call node-tests,build/valgrind,$(call tests-named,$(VALGRIND_TESTS)),\
		BELFRY_BIN=$(abspath $<) BELFRY_TEST_EXE=$(MEMCHECK) \
		SANITIZER=valgrind ROUNDS=20)

build/valgrind/belfry: $(OUT)/belfry
	$(Q)mkdir -p $(@D)
	$(Q){ echo '#!/bin/sh'; \
		echo 'export BELFRY_SANDBOX=off'; \
		echo 'log=$${ASAN_OPTIONS##*log_path=}; log=$${log%%:*}'; \
		echo 'exec valgrind --quiet --leak-check=full' \
			'--errors-for-leak-kinds=definite --error-exitcode=99' \
			'--log-file="$${log:-/tmp/belfry-valgrind}.%p"' \
			'$(BELFRY) "$$@"'; } >$@
	$(Q)chmod +x $@

cover: ## line coverage of the unit and integration tests
	@find build/cover -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) $(SUB) -k COVERAGE=1 check-unit check-integration
	@scripts/cover build/cover/obj

# ---- fuzzers -----------------------------------------------------------------

FUZZ_SRC ?= $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ := $(FUZZ_SRC:tests/fuzz/%.c=build/fuzz/%)
FUZZ_CFLAGS := $(COMMON_CFLAGS) -O1 -g -fno-omit-frame-pointer \
	-fno-sanitize-recover=all
FUZZ_COMPILE := -fsanitize=fuzzer-no-link,address,undefined
FUZZ_LINK := -fsanitize=fuzzer,address,undefined

build/fuzz/obj/%.o: %.c | $(GEN)/stamp packages
	$(call compile,FUZZ_CC,$(FUZZ_CC) $(ALL_CPPFLAGS) $(FUZZ_CFLAGS) \
		$(FUZZ_COMPILE))

build/fuzz/libbelfry.a: $(PRODUCT:$(OUT)/%=build/fuzz/%) $(OUT)/objects
	$(archive)

build/fuzz/fuzz_%: build/fuzz/obj/tests/fuzz/fuzz_%.o build/fuzz/libbelfry.a
	$(call link,FUZZ_LD,$(FUZZ_CC) $(FUZZ_CFLAGS) $(FUZZ_LINK),$(LDLIBS))

test-programs: $(UNIT) $(FUZZ)

fuzz-smoke: $(FUZZ) ## each fuzzer for 10 seconds
	@status=0; for fuzzer in $(FUZZ); do \
		scripts/run-tests one $$fuzzer scripts/fuzz $$fuzzer \
			$(FUZZ_SECONDS) || status=1; \
	done; exit $$status

fuzz: ## each fuzzer for 10 minutes
	@$(MAKE) $(SUB) fuzz-smoke FUZZ_SECONDS=600

# ---- benchmark ---------------------------------------------------------------

BENCH_ARGS ?= $(if $(filter 1,$(QUICK)),--quick)
# The same whatever the variant is: the tool is not what is under test.
BENCH_CFLAGS := -D_GNU_SOURCE $(COMMON_CFLAGS) -O2 -g

bench: ## against a floor and the peers; QUICK=1: 3 minutes
	@scripts/deps build run bench
	@$(MAKE) $(SUB) $(PARALLEL) all build/bench/load build/bench/floor
	@scripts/bench $(BENCH_ARGS) $(ARGS)

build/bench/obj/%.o: %.c | packages
	$(call compile,CC,$(CC) $(BENCH_CFLAGS) -Itests/bench/load)

build/bench/load: $(patsubst %.c,build/bench/obj/%.o,\
		$(sort $(wildcard tests/bench/load/*.c)))
	$(call link,LD,$(CC) $(BENCH_CFLAGS) $(LDFLAGS),-lsqlite3 -lm)

build/bench/floor: build/bench/obj/tests/bench/floor.o
	$(call link,LD,$(CC) $(BENCH_CFLAGS) $(LDFLAGS))
