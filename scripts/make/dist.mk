# SPDX-License-Identifier: MIT
#
# Installing and packages: see docs/deploy.md.

PREFIX ?= /usr/local
DESTDIR ?=
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share/belfry
DOCDIR ?= $(PREFIX)/share/doc/belfry

VERSION := $(shell sed -n 's/^\#define BELFRY_VERSION "\(.*\)"/\1/p' fcgi/tool/cmd.c)
EXAMPLES := belfry.conf.example lighttpd.conf lighttpd-cgi.conf nginx.conf \
	dist/belfry.service dist/belfry.socket dist/prometheus/belfry.rules.yml \
	dist/grafana/belfry.json $(wildcard apache/*)
# Where a program is that was installed below another PREFIX.
HERE = sed -e 's|/usr/local/bin/belfry|$(BINDIR)/belfry|g'

.PHONY: install uninstall dist dist-static deb check-deploy check-deb

install: $(OUT)/belfry ## install below DESTDIR and PREFIX (/usr/local)
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(DATADIR)/sql/migrations \
		$(DESTDIR)$(DOCDIR) $(addprefix \
		$(DESTDIR)$(DOCDIR)/examples/,$(sort $(dir $(EXAMPLES))))
	install -m 755 $(OUT)/belfry $(DESTDIR)$(BINDIR)/belfry
	install -m 644 sql/migrations/*.sql $(DESTDIR)$(DATADIR)/sql/migrations
	install -m 644 README.md CHANGELOG.md LICENSE $(filter-out docs/README.md,$(wildcard docs/*.md)) \
		$(DESTDIR)$(DOCDIR)
	$(Q)for file in $(EXAMPLES); do \
		$(HERE) $$file >$(DESTDIR)$(DOCDIR)/examples/$$file && \
		chmod 644 $(DESTDIR)$(DOCDIR)/examples/$$file || exit 1; \
	done

# Databases and configurations stay: they are not what was installed.
uninstall: ## remove what make install has put there
	rm -f $(DESTDIR)$(BINDIR)/belfry
	rm -rf $(DESTDIR)$(DATADIR) $(DESTDIR)$(DOCDIR)

# ---- files to give away, in build/dist ---------------------------------------

RELEASE := belfry-$(VERSION)
STATIC := $(RELEASE)-linux-$(shell uname -m)

# The sources and the built kit, in a new folder $(1).  The sources are what git
# knows of; a release has no .git, and nothing else in it but what was built.
define copy-sources
	$(Q)rm -rf $(1)
	$(Q)install -d $(1) build/dist
	$(Q){ if [ -e .git ]; then git ls-files -z; else \
		find . \( -name node_modules -o -path ./build -o \
			-path ./web/dist \) -prune -o -type f -print0; fi; \
		find web/dist -type f -print0; } | \
		tar -cf - --null --files-from=- | tar -C $(1) -xf -
endef
# All files are of one moment, so for make the kit is not older than its sources.
define pack
	$(Q)tar -C build/dist --sort=name --mtime=./CHANGELOG.md --owner=0 \
		--group=0 --numeric-owner -czf build/dist/$(1).tar.gz $(1)
endef
# How large file $(2) in build/dist is.
size = @cd build/dist && du -b $(2) | awk '{ printf "  %-8s%s: %.1f MB\n", \
	"$(1)", "build/dist/" $$2, $$1 / 1e6 }'

dist: ## a release: the sources, the built kit, the documents
	@scripts/deps build kit types
	@$(MAKE) $(SUB) web/dist/stamp web/dist/index.d.ts
	$(call copy-sources,build/dist/$(RELEASE))
	$(call pack,$(RELEASE))
	$(call size,DIST,$(RELEASE).tar.gz)

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
	$(call pack,$(STATIC))
	$(call size,DIST,$(STATIC)/belfry $(STATIC).tar.gz)

# In a copy, so that nothing is left in the sources.
deb: ## a Debian package, in build/dist
	@scripts/deps build kit deb
	@$(MAKE) $(SUB) web/dist/stamp
	@rm -rf build/deb
	$(call copy-sources,build/deb/$(RELEASE))
	$(Q)cd build/deb/$(RELEASE) && env -u MAKEFLAGS -u MAKELEVEL \
		dpkg-buildpackage -b -us -uc >../build.log 2>&1 || { \
		tail -n 30 ../build.log; exit 1; }
	$(Q)cp build/deb/belfry_$(VERSION)_*.deb build/dist
	$(Q)lintian --fail-on error,warning build/dist/belfry_$(VERSION)_*.deb
	$(call size,DEB,belfry_$(VERSION)_*.deb)

check-deploy: ## docs/deploy.md and make run in chroots; R='nginx trixie'
	@scripts/deps build kit types deb
	@tests/deploy/run $(R)

check-deb: deb ## installs, runs and purges the package in a chroot
	@tests/deploy/deb
