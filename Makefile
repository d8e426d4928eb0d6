# kbsd.  GNU make.
#
#	make			build into build/
#	make demo		the main job, shown (installs packages it misses);
#				KEYSTORE=vault, kmip or pkcs11 keeps the keys
#				there, ATTEST=ita has a service judge evidence
#	make check		the tests (installs packages they miss)
#	make install		to PREFIX, under DESTDIR; make uninstall
#	make deb		Debian packages, in build/deb
#	make deb-check		and whether they install, upgrade and go again
#	make site		the manual as web pages, in build/site
#	make fuzz		every fuzz target for FUZZ_SECONDS
#	make schemathesis	requests made of etc/openapi.yaml
#	make coverage		which lines the tests run
#	make bench		what a transfer costs
#	make lint		what compilers and cppcheck find
#
# V=1 shows the commands.  SANITIZE=address,undefined, CC=clang and
# WITHOUT_SANDBOX=1 want an O=DIR of their own.

# Without the built-in rules: one of them would run yacc on parse.y.
MAKEFLAGS +=	--no-builtin-rules
.SUFFIXES:

O ?=		build
CC ?=		cc
PREFIX ?=	/usr/local
LIBEXECDIR ?=	$(PREFIX)/libexec
SYSCONFDIR ?=	/etc
MANDIR ?=	$(PREFIX)/share/man

# A folder under kbsd/ is a process and becomes one program; what it may link
# besides LIBS_all is said here and checked by regress/shape.
PROCESSES =	parent frontend control signer auth broker store audit \
		verifier fetcher engine kms
TOOLS =		kbsctl kbsget

LIBS_all =		libevent_core libcrypto libbsd-overlay libbsd-ctor
LIBS_parent =		libseccomp
LIBS_frontend =		libseccomp libtls jansson
LIBS_control =		libseccomp jansson
LIBS_signer =		libseccomp
LIBS_auth =		libseccomp libjwt jansson libcrypt
LIBS_broker =		libseccomp
LIBS_store =		libseccomp sqlite3
LIBS_audit =		libseccomp jansson
LIBS_verifier =		libseccomp jansson
LIBS_fetcher =		libseccomp libcurl libssl jansson libevent_extra
LIBS_engine =		libseccomp
LIBS_kms =		libseccomp libcurl libssl libtls jansson \
			libevent_extra sqlite3
LIBS_kbsctl =		jansson
LIBS_kbsget =		libtls jansson

DIR_kbsctl =		kbsctl
DIR_kbsget =		kbsget
$(foreach p,$(PROCESSES),$(eval DIR_$(p) = kbsd/$(p)))

# The parent's program carries the name of the whole.
BIN_parent =		kbsd
bin =			$(O)/bin/$(or $(BIN_$(1)),$(1))

WARN =		-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
		-Wmissing-prototypes -Wpointer-arith -Wcast-qual \
		-Wwrite-strings -Wundef -Wformat=2 -Wvla
HARDEN =	-fPIE -fstack-protector-strong -fstack-clash-protection \
		-fcf-protection -D_FORTIFY_SOURCE=2
HARDEN_LD =	-pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
CFLAGS ?=	-O2 -g
SANITIZE ?=
ifneq ($(SANITIZE),)
HARDEN =	-fPIE -fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
		-fno-omit-frame-pointer
HARDEN_LD =	-pie -fsanitize=$(SANITIZE)
endif
ifeq ($(WITHOUT_SANDBOX),1)
CPPFLAGS +=	-DWITHOUT_SANDBOX
endif

PKG_CONFIG ?=	pkg-config
VERSION =	0.1
ifndef GITHASH
GITHASH :=	$(shell git rev-parse --short=12 HEAD 2>/dev/null || echo none)
endif
ifndef BUILDDATE
BUILDDATE :=	$(shell git log -1 --format=%cI 2>/dev/null || echo none)
endif

# libcrypt has no .pc file under its own name on every system.
pkg_cflags =	$(if $(filter-out libcrypt,$(1)),\
		$(shell $(PKG_CONFIG) --cflags $(filter-out libcrypt,$(1)) 2>/dev/null))
pkg_libs =	$(if $(filter-out libcrypt,$(1)),\
		$(shell $(PKG_CONFIG) --libs $(filter-out libcrypt,$(1)) 2>/dev/null)) \
		$(if $(filter libcrypt,$(1)),-lcrypt)

ALL_CFLAGS :=	-std=c11 -D_GNU_SOURCE -DLIBBSD_OPENBSD_VIS $(WARN) $(HARDEN) \
		$(call pkg_cflags,libbsd-overlay) \
		$(call pkg_cflags,p11-kit-1) -Icommon -I$(O)/gen \
		-ffile-prefix-map=$(CURDIR)=.

all: $(foreach p,$(PROCESSES) $(TOOLS),$(call bin,$(p)))

ifeq ($(V),)
quiet =		@echo "  $(1)	$(patsubst $(O)/%,%,$@)";
else
quiet =
endif

# --- objects -----------------------------------------------------------

csrc =		$(sort $(wildcard $(1)/*.c) $(patsubst %.y,%.c,$(wildcard $(1)/*.y)))
cobj =		$(patsubst %.c,$(O)/obj/%.o,$(call csrc,$(1)))

# After cobj, which it calls, and after all, which is the default.
include regress/build.mk

$(O)/obj/%.o: %.c | $(O)/gen/version.h
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(CPPFLAGS) $(CFLAGS) $(ALL_CFLAGS) $(ANALYZE) -I$(dir $<) -Ikbsd $(call test_flags,$<) \
	    -DLIBEXECDIR='"$(LIBEXECDIR)/kbsd"' -DSYSCONFDIR='"$(SYSCONFDIR)"' \
	    -MMD -MP -c -o $@ $<

$(O)/obj/%.o: $(O)/gen/%.c | $(O)/gen/version.h
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(CPPFLAGS) $(CFLAGS) $(ALL_CFLAGS) -I$(dir $*) -Ikbsd \
	    -DLIBEXECDIR='"$(LIBEXECDIR)/kbsd"' -DSYSCONFDIR='"$(SYSCONFDIR)"' \
	    -MMD -MP -c -o $@ $<

$(O)/gen/%.c: %.y
	@mkdir -p $(@D)
	$(call quiet,YACC)bison -Wno-yacc -o $@ $<

$(O)/gen/version.h: FORCE
	@mkdir -p $(@D)
	@printf '#define KBSD_VERSION "%s"\n#define KBSD_GITHASH "%s"\n#define KBSD_BUILDDATE "%s"\n' \
	    '$(VERSION)' '$(GITHASH)' '$(BUILDDATE)' >$@.new; \
	    cmp -s $@.new $@ || mv $@.new $@; rm -f $@.new

# An archive, so that a program gets only the parts of common/ it calls.
$(O)/libcommon.a: $(call cobj,common) $(call cobj,kbsd)
	$(call quiet,AR)rm -f $@; ar rcs $@ $^

# --- programs ----------------------------------------------------------

define program
$(call bin,$(1)): $(call cobj,$(DIR_$(1))) $(O)/libcommon.a
	@mkdir -p $$(@D)
	$$(call quiet,LD)$$(CC) $$(CFLAGS) $(HARDEN_LD) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) \
	    $(O)/libcommon.a $$(call pkg_libs,$(LIBS_$(1)) $(LIBS_all))
-include $(patsubst %.o,%.d,$(call cobj,$(DIR_$(1))))
endef
$(foreach p,$(PROCESSES) $(TOOLS),$(eval $(call program,$(p))))
-include $(patsubst %.o,%.d,$(call cobj,common) $(call cobj,kbsd))

# --- packages ----------------------------------------------------------

DEPS =		etc/deps

# What etc/deps lists and this Debian does not have yet; and a name for the
# loopback address, which a bare root file system lacks.
deps: packages
	@getent hosts localhost >/dev/null && exit 0; \
	sudo=; [ $$(id -u) -eq 0 ] || sudo=sudo; \
	echo "this machine does not know localhost: put into /etc/hosts"; \
	echo '127.0.0.1 localhost' | $$sudo tee -a /etc/hosts >/dev/null

packages:
	@if ! command -v dpkg-query >/dev/null; then \
		echo "no Debian: install what etc/deps lists by hand"; exit 0; \
	fi; \
	missing=; \
	for p in $$(sed 's/#.*//' $(DEPS)); do \
		dpkg-query -W -f '$${Status}' $$p 2>/dev/null | \
		    grep -q 'ok installed' || missing="$$missing $$p"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	sudo=; [ $$(id -u) -eq 0 ] || sudo=sudo; \
	echo "installing Debian packages:$$missing"; \
	export DEBIAN_FRONTEND=noninteractive; \
	$$sudo apt-get -q update >/dev/null && \
	$$sudo apt-get -q -y install --no-install-recommends $$missing \
	    >/dev/null

# pkg-config is asked while a makefile is read: hence the second make.
check: deps
	@$(MAKE) --no-print-directory check-run

demo: deps
	@$(MAKE) --no-print-directory all
	@KBSD_BIN=$(abspath $(O))/bin sh regress/demo/demo

# Every warning of both compilers is an error anyway; here are those that
# take longer to find.  Left out: RB_FIND() with a key of which only what is
# compared is set (ctuuninitvar), and leaks, since gcc does not see that what
# goes into a list of sys/queue.h is kept (the sanitizers look for leaks).
lint:
	cppcheck --quiet --enable=warning,performance,portability \
	    --error-exitcode=1 --inline-suppr --suppress='*:/usr/include/*' \
	    --suppress=missingIncludeSystem --suppress=unknownMacro \
	    --suppress=funcArgOrderDifferent --suppress=ctuuninitvar \
	    -D_GNU_SOURCE -D__linux__ \
	    -D__GNUC__=12 -DLIBBSD_OVERLAY -DLIBEXECDIR= -DSYSCONFDIR= \
	    -I/usr/include/bsd -I/usr/include -Icommon -Ikbsd \
	    common kbsd kbsctl kbsget
	@$(MAKE) --no-print-directory O=$(O)/clang CC=clang all tests
	@$(MAKE) --no-print-directory O=$(O)/analyzer \
	    ANALYZE="-fanalyzer -Wno-analyzer-malloc-leak \
	    -Wno-analyzer-free-of-non-heap" all

# --- install -----------------------------------------------------------

SBINDIR ?=	$(PREFIX)/sbin
BINDIR ?=	$(PREFIX)/bin
DATADIR ?=	$(PREFIX)/share
# A package of the system has its units in /lib, an operator in /etc.
UNITDIR ?=	$(PREFIX)/lib/systemd/system
SYSUSERSDIR ?=	$(PREFIX)/lib/sysusers.d
TMPFILESDIR ?=	$(PREFIX)/lib/tmpfiles.d
RCDIR ?=	$(SYSCONFDIR)/rc.d
BASHDIR ?=	$(DATADIR)/bash-completion/completions
ZSHDIR ?=	$(DATADIR)/zsh/site-functions
DOCDIR ?=	$(DATADIR)/doc/kbsd
CHILDREN =	$(filter-out parent,$(PROCESSES))
UNITS =		kbsd.service kbsd-user.service kbsd.socket kbsget@.service \
		kbsget.socket

# Mode, file, where to.
INSTALLED =	755:$(call bin,parent):$(SBINDIR)/kbsd \
		755:$(call bin,kbsctl):$(SBINDIR)/kbsctl \
		755:$(call bin,kbsget):$(BINDIR)/kbsget \
		$(foreach p,$(CHILDREN),\
		755:$(call bin,$(p)):$(LIBEXECDIR)/kbsd/$(p)) \
		$(foreach m,$(notdir $(wildcard man/*.[1-8])),\
		644:$(O)/filled/man/$(m):$(MANDIR)/man$(patsubst .%,%,\
		$(suffix $(m)))/$(m)) \
		644:etc/openapi.yaml:$(DATADIR)/kbsd/openapi.yaml \
		644:etc/prometheus-rules.yml:$(DATADIR)/kbsd/prometheus-rules.yml \
		644:etc/grafana-dashboard.json:$(DATADIR)/kbsd/grafana-dashboard.json \
		644:etc/kbsd.logrotate:$(DOCDIR)/examples/kbsd.logrotate \
		644:etc/kbsctl.bash:$(BASHDIR)/kbsctl \
		644:etc/_kbsctl:$(ZSHDIR)/_kbsctl \
		644:README.md:$(DOCDIR)/README.md \
		644:etc/Containerfile:$(DOCDIR)/examples/Containerfile \
		644:etc/kbsd.conf:$(DOCDIR)/examples/kbsd.conf
ifeq ($(shell uname -s),OpenBSD)
INSTALLED +=	755:$(O)/filled/etc/kbsd.rc:$(RCDIR)/kbsd
else
INSTALLED +=	$(foreach u,$(UNITS),\
		644:$(O)/filled/etc/$(u):$(UNITDIR)/$(u)) \
		644:etc/kbsd.sysusers:$(SYSUSERSDIR)/kbsd.conf \
		644:etc/kbsd.tmpfiles:$(TMPFILESDIR)/kbsd.conf
endif

# With the directories that they are installed to.
$(O)/filled/%: % FORCE
	@mkdir -p $(@D)
	@sed -e 's,@SBINDIR@,$(SBINDIR),g' -e 's,@BINDIR@,$(BINDIR),g' \
	    -e 's,@SYSCONFDIR@,$(SYSCONFDIR),g' \
	    -e 's,/usr/local/libexec,$(LIBEXECDIR),g' \
	    -e 's,/usr/local/share/kbsd,$(DATADIR)/kbsd,g' \
	    -e 's,/usr/local/share/bash-completion/completions,$(BASHDIR),g' \
	    -e 's,/usr/local/share/zsh/site-functions,$(ZSHDIR),g' $< >$@

# The configuration is the operator's as soon as it is there.
install: all $(filter $(O)/filled/%,$(subst :, ,$(INSTALLED)))
	@set -e; for f in $(INSTALLED); do \
		mode=$${f%%:*}; f=$${f#*:}; to="$(DESTDIR)$${f#*:}"; \
		echo "install -m $$mode $${f%%:*} $$to"; \
		install -d "$${to%/*}"; install -m $$mode "$${f%%:*}" "$$to"; \
	done
	install -d $(DESTDIR)$(SYSCONFDIR)/kbsd
	[ -e $(DESTDIR)$(SYSCONFDIR)/kbsd/kbsd.conf ] || install -m 644 \
	    etc/kbsd.conf $(DESTDIR)$(SYSCONFDIR)/kbsd/kbsd.conf

# What the operator and kbsd have written stays.
uninstall:
	@set -e; for f in $(INSTALLED); do \
		f=$${f#*:}; rm -f "$(DESTDIR)$${f#*:}"; \
	done
	@-rmdir $(DESTDIR)$(LIBEXECDIR)/kbsd $(DESTDIR)$(DATADIR)/kbsd \
	    $(DESTDIR)$(DOCDIR)/examples $(DESTDIR)$(DOCDIR) 2>/dev/null
	@! cmp -s etc/kbsd.conf $(DESTDIR)$(SYSCONFDIR)/kbsd/kbsd.conf || \
	    rm -f $(DESTDIR)$(SYSCONFDIR)/kbsd/kbsd.conf
	@-rmdir $(DESTDIR)$(SYSCONFDIR)/kbsd 2>/dev/null

# --- Debian packages ---------------------------------------------------

# Built in a copy of what git has, with the time of its last commit: the same
# commit makes the same packages wherever it is built.
DEBDIR ?=	$(O)/deb

deb deb-check: DEPS = etc/deps etc/deps.deb

deb: deps
	@$(MAKE) --no-print-directory deb-run

deb-run:
	@rm -rf $(DEBDIR)
	@mkdir -p $(DEBDIR)/kbsd
	@git ls-files -z | tar -c --null -T - | tar -x -C $(DEBDIR)/kbsd
	@cd $(DEBDIR)/kbsd && SOURCE_DATE_EPOCH=$$(git -C $(CURDIR) log -1 \
	    --format=%ct) GITHASH=$(GITHASH) BUILDDATE=$(BUILDDATE) \
	    dpkg-buildpackage -b -us -uc >../log 2>&1 || \
	    { tail -n 30 ../log; exit 1; }
	@rm -rf $(DEBDIR)/kbsd
	@ls $(DEBDIR)/*.deb

# A second build has another place, time zone, language and mask.
deb-check: deb
	@$(MAKE) --no-print-directory deb-check-run

deb-check-run:
	@umask 077; rm -rf $(O)/deb-again/elsewhere; TZ=Asia/Tokyo LC_ALL=C.UTF-8 \
	    $(MAKE) --no-print-directory DEBDIR=$(O)/deb-again/elsewhere deb-run
	@sh regress/package/check $(abspath $(DEBDIR)) \
	    $(abspath $(O))/deb-again/elsewhere

# --- site --------------------------------------------------------------

# -B: no __pycache__ among the sources.
site:
	@python3 -B man/site/site.py $(O)/site
	@echo "$(O)/site/index.html"

clean:
	rm -rf $(O)

FORCE:
.PHONY: all deps packages check demo lint install uninstall deb deb-run \
	deb-check deb-check-run site clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:
