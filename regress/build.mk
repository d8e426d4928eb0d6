# Test programs.  regress/AREA/NAME_test.c becomes $(O)/regress/AREA/NAME_test,
# linked with the objects of kbsd/AREA (or common/, kbsget/ ...) but its main,
# AREA.c; regress/AREA/NAME_test.sh is a shell test (atf-sh).

# lib/ is linked into all of them.
TEST_AREAS =	$(sort $(notdir $(patsubst %/,%,$(wildcard regress/*/))))
test_dir =	$(or $(DIR_$(1)),$(wildcard $(1)))
test_main =	$(O)/obj/$(test_dir)/$(1).o
test_objs =	$(if $(filter-out common,$(1)),$(filter-out \
		$(O)/obj/$(call test_dir,$(1))/$(1).o \
		$(O)/obj/kbsd/parent/kbsd.o,\
		$(if $(call test_dir,$(1)),$(call cobj,$(call test_dir,$(1))))))
test_cbin =	$(patsubst %.c,$(O)/%,$(wildcard regress/$(1)/*_test.c))
test_shbin =	$(patsubst %.sh,$(O)/%,$(wildcard regress/$(1)/*_test.sh))

# Tests see the headers of what they test and of lib/.
test_flags =	$(if $(filter regress/%,$(1)),-Iregress/lib \
		$(addprefix -I,$(call test_dir,$(word 2,$(subst /, ,$(1))))))

TESTS =		$(foreach a,$(TEST_AREAS),$(call test_cbin,$(a)) $(call test_shbin,$(a)))

$(O)/regress/%: regress/%.sh
	@mkdir -p $(@D)
	{ echo '#!/usr/bin/env atf-sh'; cat $<; } >$@
	chmod +x $@

$(O)/libtest.a: $(call cobj,regress/lib)
	rm -f $@; ar rcs $@ $^

define area_tests
$(call test_cbin,$(1)): $(O)/%: $(O)/obj/%.o $(call test_objs,$(1)) $(O)/libtest.a $(O)/libcommon.a
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) $$(HARDEN_LD) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) \
	    $(O)/libtest.a $(O)/libcommon.a $$(call pkg_libs,$(LIBS_$(1)) jansson libseccomp $(LIBS_all)) -latf-c
endef
$(foreach a,$(TEST_AREAS),$(eval $(call area_tests,$(a))))

tests: $(TESTS)
.PHONY: tests
