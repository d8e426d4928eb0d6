# kbsd.  `make' builds into build/; `make demo' and `make check' install the
# Debian packages they miss and run.  GNU make.

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
LIBS_fetcher =		libseccomp libcurl jansson libevent_extra
LIBS_engine =		libseccomp
LIBS_kms =		libseccomp jansson sqlite3
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
GITHASH :=	$(shell git rev-parse --short=12 HEAD 2>/dev/null || echo none)
BUILDDATE :=	$(shell git log -1 --format=%cI 2>/dev/null || echo none)

# libcrypt has no .pc file under its own name on every system.
pkg_cflags =	$(if $(filter-out libcrypt,$(1)),\
		$(shell $(PKG_CONFIG) --cflags $(filter-out libcrypt,$(1)) 2>/dev/null))
pkg_libs =	$(if $(filter-out libcrypt,$(1)),\
		$(shell $(PKG_CONFIG) --libs $(filter-out libcrypt,$(1)) 2>/dev/null)) \
		$(if $(filter libcrypt,$(1)),-lcrypt)

ALL_CFLAGS :=	-std=c11 -D_GNU_SOURCE -DLIBBSD_OPENBSD_VIS $(WARN) $(HARDEN) \
		$(call pkg_cflags,libbsd-overlay) -Icommon -I$(O)/gen

all: $(foreach p,$(PROCESSES) $(TOOLS),$(call bin,$(p)))

# --- objects -----------------------------------------------------------

csrc =		$(sort $(wildcard $(1)/*.c) $(patsubst %.y,%.c,$(wildcard $(1)/*.y)))
cobj =		$(patsubst %.c,$(O)/obj/%.o,$(call csrc,$(1)))

# After cobj, which it calls, and after all, which is the default.
include regress/build.mk

$(O)/obj/%.o: %.c | $(O)/gen/version.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(ALL_CFLAGS) -I$(dir $<) -Ikbsd $(call test_flags,$<) \
	    -DLIBEXECDIR='"$(LIBEXECDIR)/kbsd"' -DSYSCONFDIR='"$(SYSCONFDIR)"' \
	    -MMD -MP -c -o $@ $<

$(O)/obj/%.o: $(O)/gen/%.c | $(O)/gen/version.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(ALL_CFLAGS) -I$(dir $*) -Ikbsd \
	    -DLIBEXECDIR='"$(LIBEXECDIR)/kbsd"' -DSYSCONFDIR='"$(SYSCONFDIR)"' \
	    -MMD -MP -c -o $@ $<

$(O)/gen/%.c: %.y
	@mkdir -p $(@D)
	bison -Wno-yacc -o $@ $<

$(O)/gen/version.h: FORCE
	@mkdir -p $(@D)
	@printf '#define KBSD_VERSION "%s"\n#define KBSD_GITHASH "%s"\n#define KBSD_BUILDDATE "%s"\n' \
	    '$(VERSION)' '$(GITHASH)' '$(BUILDDATE)' >$@.new; \
	    cmp -s $@.new $@ || mv $@.new $@; rm -f $@.new

# An archive, so that a program gets only the parts of common/ it calls.
$(O)/libcommon.a: $(call cobj,common) $(call cobj,kbsd)
	rm -f $@; ar rcs $@ $^

# --- programs ----------------------------------------------------------

define program
$(call bin,$(1)): $(call cobj,$(DIR_$(1))) $(O)/libcommon.a
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) $(HARDEN_LD) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) \
	    $(O)/libcommon.a $$(call pkg_libs,$(LIBS_$(1)) $(LIBS_all))
-include $(patsubst %.o,%.d,$(call cobj,$(DIR_$(1))))
endef
$(foreach p,$(PROCESSES) $(TOOLS),$(eval $(call program,$(p))))
-include $(patsubst %.o,%.d,$(call cobj,common) $(call cobj,kbsd))

clean:
	rm -rf $(O)

FORCE:
.PHONY: all clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:
