## make fuzz            fuzz every parser, FUZZ_SECONDS each (default 60)
## make fuzz-short      the same for 5 seconds each, as in make check

# One libFuzzer program per tests/fuzz/<name>.c, built like a unit test: the
# line `// uses: a.c b.c` names the sources under test. What a run finds to be
# of interest is kept in build/fuzz/<name>.corpus; inputs that once broke
# something are in tests/fuzz/<name>.seeds and are always run first.

FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
FUZZ_FLAGS := -std=gnu17 -g -O1 -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -DRF_DEBUG=1 \
	-Wall -Wextra -Werror -Wno-unused-parameter -Itests/fake -Isrc
FUZZ_NAMES := $(basename $(notdir $(wildcard tests/fuzz/*.c)))

# The objects of target $(1), its own first.
fuzz_objects = $(patsubst %.c,$(B)/fuzz/obj/%.o,tests/fuzz/$(1).c \
	tests/fake/fake.c $(shell sed -n 's,^// uses: ,,p' tests/fuzz/$(1).c))

.SECONDEXPANSION:
$(FUZZ_NAMES:%=$(B)/fuzz/%): $(B)/fuzz/%: $$(call fuzz_objects,$$*) \
					  tests/fuzz/%.c
	$(call say,FUZZ)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) $(filter %.o,$^) \
		$(shell sed -n 's,^// libs: ,,p' tests/fuzz/$*.c) -o $@

$(B)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,FUZZ_CC)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -MMD -MP -c $< -o $@

.SECONDARY: $(FUZZ_NAMES:%=$(B)/fuzz/obj/tests/fuzz/%.o)
-include $(shell find $(B)/fuzz/obj -name '*.d' 2>/dev/null)

.PHONY: fuzz fuzz-short $(FUZZ_NAMES:%=fuzz-%)
fuzz: $(FUZZ_NAMES:%=fuzz-%)
fuzz-short:
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=5

$(FUZZ_NAMES:%=fuzz-%): fuzz-%: $(B)/fuzz/%
	@mkdir -p $(B)/fuzz/$*.corpus
	@echo "== fuzz $* for $(FUZZ_SECONDS) s"
	@$< -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$(B)/fuzz/$*. \
		$(B)/fuzz/$*.corpus $(wildcard tests/fuzz/$*.seeds) \
		>$(B)/fuzz/$*.log 2>&1 || \
		{ tail -60 $(B)/fuzz/$*.log; exit 1; }
