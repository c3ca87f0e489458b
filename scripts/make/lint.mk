# SPDX-License-Identifier: MIT
#
# What looks at the sources without running them: see docs/testing.md.

CLANG_FORMAT ?= clang-format
SHELLCHECK ?= shellcheck

C_FILES = $(sort $(shell find fcgi tests -name node_modules -prune -o \
	-name '*.[ch]' -print))
SCRIPTS = $(sort $(shell grep -lE '^\#!.*[ /](ba)?sh' scripts/* \
	scripts/servers/* tests/deploy/* debian/* web/*.sh .ci/run 2>/dev/null) \
	$(wildcard scripts/servers/*.sh))
JS_FILES = $(sort $(shell find tests web examples \
	\( -name node_modules -o -path web/dist \) -prune -o \
	\( -name '*.mjs' -o -name '*.js' \) -print 2>/dev/null))

LINT := lint-format lint-includes lint-sql lint-shell lint-js
ANALYSE := analyse-gcc analyse-cppcheck analyse-clang-tidy

.PHONY: lint $(LINT) format analyse $(ANALYSE)

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

format: ## put all C files into shape
	$(Q)$(CLANG_FORMAT) -i $(C_FILES)

analyse: $(ANALYSE) check-valgrind ## gcc -fanalyzer, cppcheck, clang-tidy, valgrind

$(ANALYSE): analyse-%: $(GEN)/stamp
	$(call say,ANALYSE,$*)
	$(Q)scripts/analyse $* -Ifcgi -Ibuild $(PACKAGE_CFLAGS)
