# SPDX-License-Identifier: MIT
#
# make            builds build/belfry
# make help       tells the other targets
#
# Every variable can be given on the command line, for instance
# make CC=clang CFLAGS='-O0 -g'.  V=1 shows the commands.  SANITIZER=address
# (with undefined), undefined or thread, and COVERAGE=1, build into folders of
# their own, so that builds never mix.

PREFIX ?= /usr/local
DESTDIR ?=
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share/belfry
DOCDIR ?= $(PREFIX)/share/doc/belfry

ifeq ($(origin CC),default)
CC := gcc
endif
FUZZ_CC ?= clang
PKG_CONFIG ?= pkg-config
CLANG_FORMAT ?= clang-format
SHELLCHECK ?= shellcheck

SANITIZER ?=
COVERAGE ?=
# For run and check, which build what they need; make itself asks for -j.
JOBS ?= $(shell nproc)
NODE_TEST_CONCURRENCY ?= 2
NODE_TEST_TIMEOUT_MS ?= 1200000
FUZZ_SECONDS ?= 10
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),@:,@printf '  %-8s%s\n' $(1) $(2))

ifneq ($(filter-out address undefined thread,$(SANITIZER)),)
$(error SANITIZER=$(SANITIZER): expected address, undefined or thread)
endif

SUB := --no-print-directory
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))

# ---- where things go ------------------------------------------------------

VARIANT := $(or $(SANITIZER),$(if $(filter 1,$(COVERAGE)),cover))
OUT ?= build$(if $(VARIANT),/$(VARIANT))
GEN := build/gen

# ---- flags ----------------------------------------------------------------

sanitize-address := -fsanitize=address,undefined
sanitize-undefined := -fsanitize=undefined
sanitize-thread := -fsanitize=thread
ifneq ($(SANITIZER),)
# Undefined behaviour ends the process, so that no test can pass over it.
SANITIZE := $(sanitize-$(SANITIZER)) -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
CFLAGS ?= -O1 -g
HARDENING ?=
else ifeq ($(COVERAGE),1)
SANITIZE := --coverage
CFLAGS ?= -O0 -g
HARDENING ?=
else
SANITIZE :=
CFLAGS ?= -O2 -g
HARDENING ?= -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif

# Off with sanitizers: their own checks look like null pointers to the compiler.
NULL_WARNINGS := $(if $(SANITIZER),,-Wnull-dereference)
WARNINGS ?= -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
	-Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wcast-qual -Wwrite-strings -Wundef -Wvla \
	$(NULL_WARNINGS)
WERROR ?= $(if $(filter true,$(CI)),-Werror)
CPPFLAGS ?=
LDFLAGS ?= -Wl,-z,relro,-z,now

PACKAGES := fcgi sqlite3 json-c nettle
PACKAGE_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
LDLIBS ?= $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null)
TEST_LDLIBS ?= $(shell $(PKG_CONFIG) --libs cmocka 2>/dev/null)

ALL_CPPFLAGS := -D_GNU_SOURCE -Ifcgi -Ibuild $(PACKAGE_CFLAGS) $(CPPFLAGS)
COMMON_CFLAGS := -std=c11 $(WARNINGS) $(WERROR) -pthread
ALL_CFLAGS := $(COMMON_CFLAGS) $(HARDENING) $(CFLAGS) $(SANITIZE)
FUZZ_CFLAGS := $(COMMON_CFLAGS) -O1 -g -fno-omit-frame-pointer \
	-fno-sanitize-recover=all

# ---- files ----------------------------------------------------------------

SRC ?= $(sort $(shell find fcgi -name '*.c'))
OBJ := $(SRC:fcgi/%.c=$(OUT)/obj/%.o) $(OUT)/obj/gen/sql.o
MAIN := $(OUT)/obj/main.o
PRODUCT := $(filter-out $(MAIN),$(OBJ))

UNIT_SRC ?= $(sort $(shell find tests/unit -name 'test_*.c' 2>/dev/null))
UNIT := $(UNIT_SRC:%.c=$(OUT)/%)
# What several tests use: any other .c there.
UNIT_SUPPORT := $(sort $(shell find tests/unit -name '*.c' ! -name 'test_*'))
UNIT_SUPPORT_OBJ := $(UNIT_SUPPORT:%.c=$(OUT)/obj/%.o)

FUZZ_SRC ?= $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ := $(FUZZ_SRC:tests/fuzz/%.c=build/fuzz/%)
FUZZ_OBJ := $(PRODUCT:$(OUT)/obj/%=build/fuzz/obj/%)

C_FILES = $(sort $(shell find fcgi tests -name node_modules -prune -o \
	-name '*.[ch]' -print))
SCRIPTS = $(sort $(shell grep -lE '^\#!.*[ /](ba)?sh' scripts/* \
	scripts/servers/* tests/deploy/* debian/* .ci/run 2>/dev/null) \
	$(wildcard scripts/servers/*.sh))
JS_FILES = $(sort $(shell find tests web examples \
	\( -name node_modules -o -path web/dist \) -prune -o \
	\( -name '*.mjs' -o -name '*.js' \) -print 2>/dev/null))

# Node for the tests: one that scripts/deps has put here goes first.
export PATH := $(CURDIR)/build/node/node_modules/.bin:$(PATH)

# ---- building -------------------------------------------------------------

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all run check check-all check-parts check-unit check-integration \
	check-browser check-asan check-tsan fuzz-smoke fuzz bench lint \
	lint-format lint-includes lint-sql lint-shell lint-js format cover \
	install uninstall dist-static deb check-deploy check-deb clean help \
	packages unit-programs test-programs FORCE

all: $(OUT)/belfry ## build build/belfry (the default)

$(OUT)/belfry: $(MAIN) $(OUT)/libbelfry.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# Everything but main, for the tests.  The list of members is a file of its
# own, since an object that goes away leaves no newer one behind.
$(OUT)/libbelfry.a: $(PRODUCT) $(OUT)/objects
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rc $@ $(PRODUCT)

$(OUT)/objects: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(PRODUCT)' | cmp -s - $@ || echo '$(PRODUCT)' >$@

$(OUT)/obj/%.o: fcgi/%.c | $(GEN)/stamp packages
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/obj/gen/%.o: $(GEN)/%.c | packages
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The folders too: a file that is removed makes only its folder newer.
$(GEN)/stamp: scripts/embed-sql sql/queries sql/migrations \
		$(wildcard sql/queries/*.sql sql/migrations/*.sql)
	$(call say,SQL,$(GEN))
	$(Q)scripts/embed-sql sql $(GEN)
	$(Q)touch $@

$(GEN)/sql.c: $(GEN)/stamp ;

packages:
	@$(PKG_CONFIG) --exists $(PACKAGES) || { \
		$(PKG_CONFIG) --exists --print-errors $(PACKAGES); \
		echo 'Packages are missing: scripts/deps build installs them' \
			'(so do make run and make check).'; exit 1; } >&2

# ---- running and testing --------------------------------------------------

run: ## start with demo data on http://127.0.0.1:8080/; ARGS='--port 9000'
	@scripts/deps build run kit
	@$(MAKE) $(SUB) $(PARALLEL) all web/dist/stamp
	@exec scripts/serve --demo --bin $(OUT)/belfry $(ARGS)

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

unit-programs: $(UNIT)
test-programs: $(UNIT) $(FUZZ)

check-unit: $(UNIT) ## unit tests (cmocka); T=name for some of them
	@status=0; tests='$(filter %$(T),$(UNIT))'; \
	[ -n "$$tests" ] || { echo 'no tests/unit/**/*$(T).c'; exit 1; }; \
	for test in $$tests; do \
		scripts/run-tests cmocka $$test $$test || status=1; \
	done; exit $$status

check-integration: $(OUT)/belfry ## the binary behind a real web server
	@$(call node-tests,integration)

check-browser: $(OUT)/belfry ## the inbox page in real browsers
	@$(call node-tests,browser)

# Under a sanitizer fewer rounds of the same; without the tests of the SQL alone,
# which run no code of ours.
SHORT ?= ROUNDS=40 COMMITS=300
BINARY_TESTS ?= $(patsubst tests/integration/%.test.mjs,%,$(filter-out \
	tests/integration/sql% tests/integration/install%,\
	$(sort $(wildcard tests/integration/*.test.mjs))))
HUB_TESTS ?= stream* edges* replay reset resume robustness rest_create \
	processes

check-asan: ## unit and integration tests with address,undefined
	@scripts/run-tests step build/address/build \
		$(MAKE) $(SUB) $(PARALLEL) SANITIZER=address all unit-programs
	@$(SHORT) $(MAKE) $(SUB) -k SANITIZER=address TESTS='$(BINARY_TESTS)' \
		check-unit check-integration

check-tsan: ## unit tests, and those of the hub, with the thread sanitizer
	@scripts/run-tests step build/thread/build \
		$(MAKE) $(SUB) $(PARALLEL) SANITIZER=thread all unit-programs
	@$(SHORT) $(MAKE) $(SUB) -k SANITIZER=thread TESTS='$(HUB_TESTS)' \
		check-unit check-integration

fuzz-smoke: $(FUZZ) ## each fuzzer for 10 seconds
	@status=0; for fuzzer in $(FUZZ); do \
		scripts/run-tests one $$fuzzer scripts/fuzz $$fuzzer \
			$(FUZZ_SECONDS) || status=1; \
	done; exit $$status

fuzz: ## each fuzzer for 10 minutes
	@$(MAKE) $(SUB) fuzz-smoke FUZZ_SECONDS=600

# ---- faults: see docs/testing.md ----

# In a mount namespace, where tests have file systems of their own; whoever is
# not root is root in it.  The short form is part of check.
FAULTS ?= long
OWN_MOUNTS := $(shell if [ "$$(id -u)" = 0 ]; then \
	echo unshare --mount --propagation private; else \
	echo unshare --user --map-root-user --mount; fi)

check-faults: fault-programs $(OUT)/belfry ## kills, full disks, clocks…: 40 minutes
	@rm -f build/faults/table.jsonl
	@$(OWN_MOUNTS) true || echo 'MOUNTING IS FORBIDDEN HERE:' \
		'tests that need it are skipped' >&2
	@$(if $(filter long,$(FAULTS)),NODE_TEST_TIMEOUT_MS=14400000) \
	FAULTS=$(FAULTS) $$($(OWN_MOUNTS) true && echo $(OWN_MOUNTS)) \
		$(MAKE) $(SUB) node-tests-faults

check-faults-short: ## a few rounds of each
	@$(MAKE) $(SUB) check-faults FAULTS=short

.PHONY: check-faults check-faults-short node-tests-faults fault-programs
node-tests-faults:
	@$(call node-tests,faults)

fault-programs: build/faults/witness build/faults/shim.so

build/faults/witness: $(wildcard tests/faults/witness/*) \
		$(wildcard tests/bench/load/*.[ch]) | packages
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) -Itests/bench/load $(LDFLAGS) -o $@ \
		$(filter tests/faults/%.c,$^) tests/bench/load/http.c \
		tests/bench/load/text.c -lsqlite3

build/faults/shim.so: tests/faults/shim.c
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE $(COMMON_CFLAGS) -O1 -g -fPIC -shared -o $@ $< -ldl

# ---- end of faults ----

# ---- behind other web servers: see docs/servers.md ----

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
	@ROUNDS=$(SERVER_ROUNDS) BELFRY_TEST_SERVER=$* \
	BELFRY_BIN=$(abspath $(OUT)/belfry) SANITIZER=$(SANITIZER) \
	scripts/run-tests node $(OUT)/$* node --test \
		--test-reporter=spec \
		--test-concurrency=$(NODE_TEST_CONCURRENCY) \
		--test-timeout=$(NODE_TEST_TIMEOUT_MS) \
		$(SERVER_TESTS:%=tests/integration/%.test.mjs)

.PHONY: check-servers

# ---- end of other web servers ----

# ---- benchmark: see docs/benchmarks.md ----

BENCH_ARGS ?= $(if $(filter 1,$(QUICK)),--quick)
BENCH_LOAD := $(patsubst tests/bench/load/%.c,build/bench/obj/%.o,\
	$(sort $(wildcard tests/bench/load/*.c)))

# The same whatever the variant is: the tool is not what is under test.
BENCH_CFLAGS := -D_GNU_SOURCE $(COMMON_CFLAGS) -O2 -g

bench: ## against a floor and the peers; QUICK=1: 3 minutes
	@scripts/deps build run bench
	@$(MAKE) $(SUB) $(PARALLEL) all bench-programs
	@scripts/bench $(BENCH_ARGS) $(ARGS)

.PHONY: bench-programs
bench-programs: build/bench/load build/bench/floor

build/bench/load: $(BENCH_LOAD)
	$(call say,LD,$@)
	$(Q)$(CC) $(BENCH_CFLAGS) $(LDFLAGS) -o $@ $^ -lsqlite3 -lm

build/bench/obj/%.o: tests/bench/load/%.c $(wildcard tests/bench/load/*.h) \
		| packages
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) -c -o $@ $<

build/bench/floor: tests/bench/floor.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) $(LDFLAGS) -o $@ $<

# tests/integration/load.test.mjs
check-integration: build/bench/load

# ---- end of benchmark ----

# ---- browser kit: see web/README.md ----

.PHONY: check-web pictures
check-web: web/dist/stamp ## the browser kit: its types and its tests
	@status=0; \
	scripts/run-tests one $(OUT)/web-types \
		web/node_modules/.bin/tsc -p web/tsconfig.json || status=1; \
	scripts/run-tests node $(OUT)/web web/node_modules/.bin/vitest run \
		--root web || status=1; \
	exit $$status

web/dist/stamp: web/build.sh $(wildcard web/src/*.ts web/src/vendor/*)
	$(call say,KIT,web/dist)
	$(Q)web/build.sh

# tests/browser/kit.test.mjs
check-browser: web/dist/stamp

pictures: $(OUT)/belfry web/dist/stamp ## docs/inbox*.png and docs/phone*.png
	$(Q)node tests/browser/pictures.mjs

# ---- end of browser kit ----

# T=name runs the files with that name only, as in make check-unit.
define node-tests
	files=$$(ls $(patsubst %,tests/$(1)/%.test.mjs,$(or $(TESTS),*$(T))) \
		2>/dev/null); \
	if [ -z "$$files" ]; then \
		echo "no tests in tests/$(1)/$(or $(TESTS),*$(T)).test.mjs"; \
		exit 1; fi; \
	BELFRY_BIN=$(abspath $(OUT)/belfry) SANITIZER=$(SANITIZER) \
	scripts/run-tests node $(OUT)/$(1) node --test \
		--test-reporter=spec \
		--test-concurrency=$(NODE_TEST_CONCURRENCY) \
		--test-timeout=$(NODE_TEST_TIMEOUT_MS) $$files
endef

$(OUT)/obj/tests/%.o: tests/%.c | $(GEN)/stamp packages
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) -Itests/unit $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/tests/unit/%: $(OUT)/obj/tests/unit/%.o $(UNIT_SUPPORT_OBJ) \
		$(OUT)/libbelfry.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(TEST_LDLIBS)

build/fuzz/obj/gen/%.o: $(GEN)/%.c | packages
	$(call say,FUZZ_CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(ALL_CPPFLAGS) $(FUZZ_CFLAGS) -MMD -MP \
		-fsanitize=fuzzer-no-link,address,undefined -c -o $@ $<

build/fuzz/obj/%.o: fcgi/%.c | $(GEN)/stamp packages
	$(call say,FUZZ_CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(ALL_CPPFLAGS) $(FUZZ_CFLAGS) -MMD -MP \
		-fsanitize=fuzzer-no-link,address,undefined -c -o $@ $<

build/fuzz/obj/tests/%.o: tests/%.c | $(GEN)/stamp packages
	$(call say,FUZZ_CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(ALL_CPPFLAGS) $(FUZZ_CFLAGS) -MMD -MP \
		-fsanitize=fuzzer-no-link,address,undefined -c -o $@ $<

build/fuzz/libbelfry.a: $(FUZZ_OBJ) $(OUT)/objects
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rc $@ $(FUZZ_OBJ)

build/fuzz/fuzz_%: build/fuzz/obj/tests/fuzz/fuzz_%.o build/fuzz/libbelfry.a
	$(call say,FUZZ_LD,$@)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined \
		-o $@ $^ $(LDLIBS)

# ---- looking after the sources --------------------------------------------

LINT := lint-format lint-includes lint-sql lint-shell lint-js
lint: $(LINT) ## formatting, layers, SQL, shell, JavaScript

lint-format:
	$(call say,FORMAT,'$(words $(C_FILES)) files')
	$(Q)$(CLANG_FORMAT) --dry-run --Werror $(C_FILES)

lint-includes:
	$(call say,LAYERS,fcgi)
	$(Q)scripts/lint-includes

lint-sql:
	$(call say,SQL,sql)
	$(Q)scripts/lint-sql

lint-shell:
	$(call say,SHELL,'$(words $(SCRIPTS)) files')
	$(Q)$(SHELLCHECK) --external-sources $(SCRIPTS)

lint-js:
	$(call say,NODE,'$(words $(JS_FILES)) files')
	$(Q)status=0; for file in $(JS_FILES); do \
		node --check $$file || status=1; \
	done; exit $$status

# ---- analysers: see docs/testing.md ----

ANALYSE := analyse-gcc analyse-cppcheck analyse-clang-tidy
analyse: $(ANALYSE) check-valgrind ## gcc -fanalyzer, cppcheck, clang-tidy, valgrind

.PHONY: analyse $(ANALYSE) check-valgrind

$(ANALYSE): analyse-%: $(GEN)/stamp
	$(call say,ANALYSE,$*)
	$(Q)scripts/analyse $* -Ifcgi -Ibuild $(PACKAGE_CFLAGS)

# The binary behind a web server, under memcheck; what it finds goes where the
# reports of the sanitizers go.  Without the sandbox, whose calls it does not know.
VALGRIND_TESTS ?= stream resume rest_create rest_change
MEMCHECK := /usr/libexec/valgrind/memcheck-amd64-linux

check-valgrind: build/valgrind/belfry ## a few integration tests under valgrind
	@BELFRY_BIN=$(abspath $<) BELFRY_TEST_EXE=$(MEMCHECK) \
		SANITIZER=valgrind ROUNDS=20 \
		scripts/run-tests node build/valgrind node --test \
			--test-reporter=spec \
			--test-concurrency=$(NODE_TEST_CONCURRENCY) \
			--test-timeout=$(NODE_TEST_TIMEOUT_MS) \
			$(VALGRIND_TESTS:%=tests/integration/%.test.mjs)

build/valgrind/belfry: $(OUT)/belfry
	$(Q)mkdir -p $(@D)
	$(Q){ echo '#!/bin/sh'; \
		echo 'export BELFRY_SANDBOX=off'; \
		echo 'log=$${ASAN_OPTIONS##*log_path=}; log=$${log%%:*}'; \
		echo 'exec valgrind --quiet --leak-check=full' \
			'--errors-for-leak-kinds=definite --error-exitcode=99' \
			'--log-file="$${log:-/tmp/belfry-valgrind}.%p"' \
			'$(abspath $<) "$$@"'; } >$@
	$(Q)chmod +x $@

# ---- end of analysers ----

format: ## put all C files into shape
	$(Q)$(CLANG_FORMAT) -i $(C_FILES)

cover: ## line coverage of the unit and integration tests
	@find build/cover -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) $(SUB) -k COVERAGE=1 check-unit check-integration
	@scripts/cover build/cover/obj

# ---- installing: see docs/deploy.md -----------------------------------------

VERSION := $(shell sed -n 's/^\#define BELFRY_VERSION "\(.*\)"/\1/p' fcgi/tool/cmd.c)
EXAMPLES := belfry.conf.example lighttpd.conf lighttpd-cgi.conf nginx.conf \
	dist/belfry.service dist/belfry.socket dist/prometheus/belfry.rules.yml \
	dist/grafana/belfry.json $(wildcard apache/*)
# Where a program is that was installed below another PREFIX.
HERE = sed -e 's|/usr/local/bin/belfry|$(BINDIR)/belfry|g'

install: $(OUT)/belfry ## install below DESTDIR and PREFIX (/usr/local)
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(DATADIR)/sql/migrations \
		$(DESTDIR)$(DOCDIR) $(addprefix \
		$(DESTDIR)$(DOCDIR)/examples/,$(sort $(dir $(EXAMPLES))))
	install -m 755 $(OUT)/belfry $(DESTDIR)$(BINDIR)/belfry
	install -m 644 sql/migrations/*.sql $(DESTDIR)$(DATADIR)/sql/migrations
	install -m 644 README.md CHANGELOG.md LICENSE $(wildcard docs/*.md) \
		$(DESTDIR)$(DOCDIR)
	$(Q)for file in $(EXAMPLES); do \
		$(HERE) $$file >$(DESTDIR)$(DOCDIR)/examples/$$file && \
		chmod 644 $(DESTDIR)$(DOCDIR)/examples/$$file || exit 1; \
	done

# Databases and configurations stay: they are not what was installed.
uninstall: ## remove what make install has put there
	rm -f $(DESTDIR)$(BINDIR)/belfry
	rm -rf $(DESTDIR)$(DATADIR) $(DESTDIR)$(DOCDIR)

STATIC := belfry-$(VERSION)-linux-$(shell uname -m)
# glibc warns of functions that would load more of itself when they are called:
# gethostbyname of libfcgi and dlopen of SQLite never are, and getgrnam finds
# what is in /etc/group without.
STATIC_LDFLAGS := -static -Wl,-z,relro,-z,now -Wl,--no-warnings

dist-static: ## one file for hosts where nothing can be installed
	@$(MAKE) $(SUB) $(PARALLEL) OUT=build/static \
		LDFLAGS='$(STATIC_LDFLAGS)' \
		LDLIBS='$(shell $(PKG_CONFIG) --static --libs $(PACKAGES))' all
	$(Q)rm -rf build/dist/$(STATIC)
	$(Q)install -d build/dist/$(STATIC)
	$(Q)strip -o build/dist/$(STATIC)/belfry build/static/belfry
	$(Q)install -m 755 apache/belfry.fcgi build/dist/$(STATIC)
	$(Q)install -m 644 apache/htaccess build/dist/$(STATIC)/.htaccess
	$(Q)install -m 644 belfry.conf.example LICENSE docs/deploy.md \
		build/dist/$(STATIC)
	$(Q)tar -C build/dist --sort=name --owner=0 --group=0 --numeric-owner \
		-czf build/dist/$(STATIC).tar.gz $(STATIC)
	@cd build/dist && du -b $(STATIC)/belfry $(STATIC).tar.gz | \
		awk '{ printf "  %-8s%s: %.1f MB\n", "DIST", "build/dist/" $$2, $$1 / 1e6 }'

# In a copy, so that nothing is left in the sources.
deb: ## a Debian package, in build/dist
	@scripts/deps build kit deb
	@$(MAKE) $(SUB) web/dist/stamp
	$(Q)rm -rf build/deb
	$(Q)install -d build/deb/belfry-$(VERSION) build/dist
	$(Q)tar -cf - --exclude=./build --exclude=.git --exclude=node_modules . | \
		tar -C build/deb/belfry-$(VERSION) -xf -
	$(Q)cd build/deb/belfry-$(VERSION) && env -u MAKEFLAGS -u MAKELEVEL \
		dpkg-buildpackage -b -us -uc >../build.log 2>&1 || { \
		tail -n 30 ../build.log; exit 1; }
	$(Q)cp build/deb/belfry_$(VERSION)_*.deb build/dist
	$(Q)lintian --fail-on error,warning build/dist/belfry_$(VERSION)_*.deb
	@du -b build/dist/belfry_$(VERSION)_*.deb | \
		awk '{ printf "  %-8s%s: %.1f MB\n", "DEB", $$2, $$1 / 1e6 }'

check-deploy: ## every recipe of docs/deploy.md, in a chroot; R='nginx shared'
	@scripts/deps build deb
	@tests/deploy/run $(R)

check-deb: deb ## installs, runs and purges the package in a chroot
	@tests/deploy/deb

# ---- the rest --------------------------------------------------------------

clean: ## remove what was built
	rm -rf build web/dist

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s%s\n", $$1, $$2 }' \
		$(firstword $(MAKEFILE_LIST))

-include $(OBJ:.o=.d) $(UNIT_SRC:%.c=$(OUT)/obj/%.d) $(UNIT_SUPPORT_OBJ:.o=.d)
-include $(FUZZ_OBJ:.o=.d) $(FUZZ_SRC:%.c=build/fuzz/obj/%.d)

# Objects stay for the next build.
.SECONDARY:
