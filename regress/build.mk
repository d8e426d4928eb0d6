# Test programs.  regress/AREA/NAME_test.c becomes $(O)/regress/AREA/NAME_test,
# linked with the objects of kbsd/AREA (or common/, kbsget/ ...) but its main,
# AREA.c; regress/AREA/NAME_test.sh is a shell test (atf-sh).

# lib/ is linked into all of them; what else lies in an AREA is copied beside
# its programs.
TEST_AREAS =	$(sort $(notdir $(patsubst %/,%,$(wildcard regress/*/))))
test_dir =	$(or $(DIR_$(1)),$(wildcard $(1)))
test_objs =	$(if $(filter-out common,$(1)),$(filter-out \
		$(O)/obj/$(call test_dir,$(1))/$(1).o,\
		$(if $(call test_dir,$(1)),$(call cobj,$(call test_dir,$(1))))))
test_cbin =	$(patsubst %.c,$(O)/%,$(wildcard regress/$(1)/*_test.c))
test_shbin =	$(patsubst %.sh,$(O)/%,$(wildcard regress/$(1)/*_test.sh))

# Tests see the headers of what they test and of lib/.
test_flags =	$(if $(filter regress/%,$(1)),-Iregress/lib \
		$(addprefix -I,$(call test_dir,$(word 2,$(subst /, ,$(1))))) \
		$(if $(filter regress/hostile/%,$(1)),\
		-Iregress/engine -Iregress/verifier -Ikbsd/verifier))

TESTS =		$(foreach a,$(TEST_AREAS),$(call test_cbin,$(a)) $(call test_shbin,$(a)))

$(O)/regress/%: regress/%.sh
	@mkdir -p $(@D)
	@{ echo '#!/usr/bin/env atf-sh'; cat $<; } >$@
	@chmod +x $@

$(O)/libtest.a: $(call cobj,regress/lib)
	$(call quiet,AR)rm -f $@; ar rcs $@ $^

define area_tests
$(call test_cbin,$(1)): $(O)/%: $(O)/obj/%.o $(call test_objs,$(1)) $(O)/libtest.a $(O)/libcommon.a
	@mkdir -p $$(@D)
	$$(call quiet,LD)$$(CC) $$(CFLAGS) $$(HARDEN_LD) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) \
	    $(O)/libtest.a $(O)/libcommon.a $$(call pkg_libs,$(LIBS_$(1)) jansson libseccomp $(LIBS_all)) -latf-c
endef
$(foreach a,$(TEST_AREAS),$(eval $(call area_tests,$(a))))
-include $(wildcard $(O)/obj/regress/*/*.d)

# Makes one call of a process fail; nothing but regress/torture loads it.
FAULT_SO =	$(O)/regress/torture/fault.so

$(FAULT_SO): regress/torture/fault.c
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O1 -g -fPIC \
	    -shared -o $@ $< -ldl

# A PKCS#11 module in front of SoftHSM's, which fails as it is told.
MODULE_SO =	$(O)/regress/kms/module.so

$(MODULE_SO): regress/kms/module.c regress/kms/module_wrap.c \
    regress/kms/module_wrap.h
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O1 -g -fPIC \
	    $(call pkg_cflags,p11-kit-1) -shared -o $@ $(filter %.c,$^) -ldl \
	    -lcrypto

# A simulated kernel, linked into the tests of kbsget and loaded into it.
CONFIGFS_SO =	$(O)/regress/kbsget/configfs.so
$(O)/regress/kbsget/source_test: $(O)/obj/regress/kbsget/configfs.o

$(CONFIGFS_SO): regress/kbsget/configfs.c
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O1 -g -fPIC \
	    -shared -o $@ $<

tests: $(TESTS) $(FAULT_SO) $(MODULE_SO) $(CONFIGFS_SO)

# --- running them ------------------------------------------------------

KYUA =		kyua --loglevel=error
RESULTS =	$(abspath $(O))/kyua.db
TEST_DATA =	$(filter-out %.c %.h %_test.sh %/corpus,\
		$(wildcard regress/Kyuafile regress/*/*))

test-data:
	@mkdir -p $(O)/regress
	@tar cf - $(TEST_DATA) | tar xf - -C $(O)

# Most tests wait, so that a few go at once; what wants the machine for itself
# says so in its Kyuafile (is_exclusive).
TEST_JOBS ?=	3

check-run: all tests test-data
	@rm -f $(RESULTS)
	@KBSD_SRC=$(CURDIR) KBSD_SHARED=$${KBSD_SHARED:-$(abspath ..)/shared} \
	    KBSD_STANDIN_KEYS=$(abspath $(O))/standin-keys \
	    $(KYUA) -v parallelism=$(TEST_JOBS) test \
	    -k $(O)/regress/Kyuafile -r $(RESULTS); \
	status=$$?; \
	[ $$status -eq 0 ] || $(KYUA) report -r $(RESULTS) --verbose \
	    --results-filter=broken,failed | sh regress/failures; \
	$(KYUA) report -r $(RESULTS) | sh regress/summary; \
	exit $$status

# --- fuzzing -----------------------------------------------------------

FUZZ_SECONDS ?=	20
FUZZERS =	$(patsubst regress/fuzz/%_fuzz.c,%,\
		$(wildcard regress/fuzz/*_fuzz.c))
# Whose objects a target needs besides those of common/.
FUZZ_AREA_http =	frontend
FUZZ_AREA_metric =	frontend
FUZZ_AREA_kbsget =	kbsget
FUZZ_AREA_jws =		verifier
FUZZ_AREA_jwks =	verifier
FUZZ_AREA_keyfile =	verifier
FUZZ_AREA_crl =		verifier
FUZZ_AREA_snp =		verifier
FUZZ_AREA_once =	verifier
FUZZ_AREA_dcap_quote =	verifier
FUZZ_AREA_dcap_pck =	verifier
FUZZ_AREA_dcap_tcb =	verifier
FUZZ_AREA_import =	engine
FUZZ_AREA_conf =	parent
FUZZ_AREA_service =	fetcher
FUZZ_AREA_vault =	kms
FUZZ_AREA_kmip =	kms
FUZZ_AREA_wrapping =	kms
# Not all of them: the rest calls what stands beside main.
FUZZ_OBJS_conf =	$(patsubst %,$(O)/obj/kbsd/parent/%.o,\
			conf conf_attestation conf_keystore certificates idps \
			issuer parse place print)
fuzz_objs =	$(or $(FUZZ_OBJS_$(1)),$(if $(FUZZ_AREA_$(1)),\
		$(call test_objs,$(FUZZ_AREA_$(1)))))

fuzz:
	@$(MAKE) --no-print-directory -j$$(nproc) O=$(O)/fuzz CC=clang \
	    SANITIZE=fuzzer-no-link,address,undefined fuzz-run

define fuzz_program
$(O)/obj/regress/fuzz/$(1)_fuzz.o: CPPFLAGS += \
    $(if $(FUZZ_AREA_$(1)),-I$(call test_dir,$(FUZZ_AREA_$(1))))
$(O)/fuzz/$(1): $(O)/obj/regress/fuzz/$(1)_fuzz.o $(call fuzz_objs,$(1)) \
    $(O)/libcommon.a
	@mkdir -p $$(@D)
	$$(call quiet,LD)$$(CC) -fsanitize=fuzzer,address,undefined -o $$@ \
	    $$(filter %.o,$$^) $(O)/libcommon.a $$(call \
	    pkg_libs,$(LIBS_$(FUZZ_AREA_$(1))) jansson libseccomp $(LIBS_all))
endef
$(foreach f,$(FUZZERS),$(eval $(call fuzz_program,$(f))))

# Each for its time, as many at once as there are processors.
fuzz-run: $(FUZZERS:%=fuzz-%)

$(FUZZERS:%=fuzz-%): fuzz-%: $(O)/fuzz/%
	@mkdir -p $(O)/corpus/$*; seeds=regress/fuzz/corpus/$*; \
	[ -d $$seeds ] || seeds=; \
	echo "fuzz $* for $(FUZZ_SECONDS) s:" $$($(O)/fuzz/$* \
	    -max_total_time=$(FUZZ_SECONDS) -timeout=60 -rss_limit_mb=2048 \
	    -verbosity=0 -print_final_stats=1 \
	    -artifact_prefix=$(O)/fuzz/$*- $(O)/corpus/$* $$seeds 2>&1 | \
	    grep -E 'number_of_executed|ERROR|SUMMARY|artifact'); \
	! ls $(O)/fuzz/$*-* 2>/dev/null

# --- requests made of the interface's document -------------------------

# It is no Debian package; where it can't be had, that is said, and no failure.
schemathesis: deps
	@[ -x $(O)/venv/bin/st ] || { python3 -m venv $(O)/venv && \
	    $(O)/venv/bin/pip -q install -r \
	    regress/schemathesis/requirements.txt; } || \
	    { echo "schemathesis can't be installed: skipped"; exit 0; }; \
	$(MAKE) --no-print-directory all && \
	KBSD_BIN=$(abspath $(O))/bin ST=$(abspath $(O))/venv/bin/st \
	    regress/schemathesis/run

# --- coverage ----------------------------------------------------------

# Of lines, in all.  What is measured must write its counts, so there is no
# sandbox and no other user: root becomes nobody.  Left out are tests that are
# about those, or about processes that are killed, and so count nothing.
COVERAGE_LEAST ?=	90
COVERAGE_TESTS =	$(filter-out clients/% edges/% sandbox/% shape/% \
			torture/% %/crash_test %/disk_test %/secrets_test,\
			$(sort $(patsubst regress/%,%,$(basename $(wildcard \
			regress/*/*_test.c regress/*/*_test.sh)))))

# Where nobody can't reach this tree (below /root) it is done with a copy.
coverage:
	@if [ $$(id -u) -eq 0 ] && ! runuser -u nobody -- test -r \
	    $(CURDIR)/regress/coverage/report; then \
		copy=$$(mktemp -d) && chmod 755 $$copy && \
		tar -c --exclude=./build . | tar -x -C $$copy && \
		$(MAKE) --no-print-directory -C $$copy O=build coverage-make; \
		status=$$?; rm -rf $$copy; exit $$status; \
	fi; \
	$(MAKE) --no-print-directory coverage-make

coverage-make:
	@mkdir -p $(O)/coverage
	@$(CC) -c -o $(O)/coverage/flush.o regress/coverage/flush.c
	@$(MAKE) --no-print-directory O=$(O)/coverage WITHOUT_SANDBOX=1 \
	    CFLAGS="-Og -g --coverage" \
	    LDFLAGS="--coverage $(O)/coverage/flush.o" coverage-run

coverage-run: all tests test-data
	@find $(O) -name '*.gcda' -delete; rm -f $(RESULTS); \
	mkdir -p $(O)/standin-keys; as=; \
	if [ $$(id -u) -eq 0 ]; then \
		chown -R nobody $(O); as="runuser -u nobody --"; \
	fi; \
	KBSD_SRC=$(CURDIR) KBSD_SHARED=$${KBSD_SHARED:-$(abspath ..)/shared} \
	    KBSD_STANDIN_KEYS=$(abspath $(O))/standin-keys \
	    $$as env HOME=$(abspath $(O)) $(KYUA) -v parallelism=$(TEST_JOBS) \
	    -v test_suites.kbsd.coverage=yes test \
	    -r $(RESULTS) -k $(O)/regress/Kyuafile $(COVERAGE_TESTS) | \
	    tail -1; \
	python3 regress/coverage/report $(COVERAGE_LEAST) $(O)/obj

# --- benchmarks --------------------------------------------------------

BENCH_load =	load client usage
BENCH_floor =	floor
BENCH_quotes =	quotes
BENCHES =	load floor quotes

# Quotes are verified by the verifier's own objects.
BENCH_OBJS_quotes =	$(call test_objs,verifier)
$(O)/obj/regress/bench/quotes.o: CPPFLAGS += -I$(DIR_verifier)

define bench_program
$(O)/bench/$(1): $(BENCH_$(1):%=$(O)/obj/regress/bench/%.o) \
    $(BENCH_OBJS_$(1)) $(O)/libcommon.a
	@mkdir -p $$(@D)
	$$(call quiet,LD)$$(CC) $$(CFLAGS) $$(HARDEN_LD) $$(LDFLAGS) -o $$@ $$^ \
	    $$(call pkg_libs,libssl jansson libseccomp $(LIBS_all))
endef
$(foreach b,$(BENCHES),$(eval $(call bench_program,$(b))))

bench: deps
	@$(MAKE) --no-print-directory bench-run

bench-run: all $(BENCHES:%=$(O)/bench/%)
	@KBSD_BIN=$(abspath $(O))/bin KBSD_BENCH=$(abspath $(O))/bench \
	    sh regress/bench/bench

.PHONY: tests test-data check-run fuzz fuzz-run $(FUZZERS:%=fuzz-%) \
	schemathesis coverage coverage-make coverage-run bench bench-run
