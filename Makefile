# SPDX-License-Identifier: MIT
#
# make            builds build/belfry
# make help       tells the other targets
#
# Every variable can be given on the command line, for instance
# make CC=clang CFLAGS='-O0 -g'.  V=1 shows the commands.  SANITIZER=address
# (with undefined), undefined or thread, COVERAGE=1 and TRIAL=1 build into folders
# of their own, so that builds never mix.
#
# Here is what builds and runs Belfry.  The rest is in scripts/make: tests.mk,
# lint.mk (what looks at the sources), dist.mk (installing, packages).

ifeq ($(origin CC),default)
CC := gcc
endif
PKG_CONFIG ?= pkg-config
SANITIZER ?=
COVERAGE ?=
# make run: a third of the time to build, and never what make install takes.
TRIAL ?= $(if $(filter run,$(MAKECMDGOALS)),1)
# For run and check, which build what they need; make itself asks for -j.
JOBS ?= $(shell nproc)
V ?= 0

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),@:,@printf '  %-8s%s\n' $(1) $(2))
SUB := --no-print-directory
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))

ifneq ($(filter-out address undefined thread,$(SANITIZER)),)
$(error SANITIZER=$(SANITIZER): expected address, undefined or thread)
endif

VARIANT := $(or $(SANITIZER),$(if $(filter 1,$(COVERAGE)),cover),\
	$(if $(filter 1,$(TRIAL)),trial))
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
else ifneq ($(filter cover trial,$(VARIANT)),)
SANITIZE := $(if $(filter cover,$(VARIANT)),--coverage)
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

PACKAGES := fcgi sqlite3 nettle
PACKAGE_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
LDLIBS ?= $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null)

ALL_CPPFLAGS := -D_GNU_SOURCE -Ifcgi -Ibuild $(PACKAGE_CFLAGS) $(CPPFLAGS)
COMMON_CFLAGS := -std=c11 $(WARNINGS) $(WERROR) -pthread
ALL_CFLAGS := $(COMMON_CFLAGS) $(HARDENING) $(CFLAGS) $(SANITIZE)

# ---- building -------------------------------------------------------------

SRC ?= $(sort $(shell find fcgi -name '*.c'))
OBJ := $(SRC:%.c=$(OUT)/obj/%.o) $(OUT)/obj/$(GEN)/sql.o
MAIN := $(OUT)/obj/fcgi/main.o
# Everything but main, for the tests.
PRODUCT := $(filter-out $(MAIN),$(OBJ))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
# Objects stay for the next build.
.SECONDARY:
.SUFFIXES:
.PHONY: all run clean help packages FORCE

all: $(OUT)/belfry ## build build/belfry (the default)

# What every object and program is made with: $(1) is how the step is called,
# $(2) the compiler with its flags, $(3) the libraries.
define compile
	$(call say,$(1),$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(2) -MMD -MP -c -o $@ $<
endef
define link
	$(call say,$(1),$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(2) -o $@ $(filter %.o %.a,$^) $(3)
endef
define archive
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rc $@ $(filter %.o,$^)
endef

$(OUT)/belfry: $(MAIN) $(OUT)/libbelfry.a
	$(call link,LD,$(CC) $(ALL_CFLAGS) $(LDFLAGS),$(LDLIBS))

# The list of members is a file of its own, since an object that goes away leaves
# no newer one behind.
$(OUT)/libbelfry.a: $(PRODUCT) $(OUT)/objects
	$(archive)

$(OUT)/objects: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(PRODUCT)' | cmp -s - $@ || echo '$(PRODUCT)' >$@

$(OUT)/obj/%.o: %.c | $(GEN)/stamp packages
	$(call compile,CC,$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS))

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

# The browser kit: see web/README.md.  Its declarations are for the npm package.
web/dist/stamp: web/build.sh web/tsconfig.json \
		$(wildcard web/src/*.ts web/src/vendor/*)
	$(call say,KIT,web/dist)
	$(Q)web/build.sh

web/dist/index.d.ts: web/dist/stamp
	$(call say,TSC,web/dist)
	$(Q)web/node_modules/.bin/tsc -p web/tsconfig.build.json
	$(Q)touch $@

# ---- running ---------------------------------------------------------------

run: ## start with demo data on http://127.0.0.1:8080/; ARGS='--port 9000'
	@scripts/deps build run kit
	@$(MAKE) $(SUB) $(PARALLEL) TRIAL=$(TRIAL) all web/dist/stamp
	@exec scripts/serve --demo --bin $(OUT)/belfry $(ARGS)

clean: ## remove what was built
	rm -rf build web/dist

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-20s%s\n", $$1, $$2 }' \
		$(filter %Makefile %.mk,$(MAKEFILE_LIST))

include scripts/make/tests.mk scripts/make/lint.mk scripts/make/dist.mk
-include $(shell find $(OUT)/obj build/fuzz/obj build/bench/obj -name '*.d' \
	2>/dev/null)
