## make unit-tests      host unit tests under ASan and UBSan

# One program per tests/unit/<part>_<file>.c. Its lines `// uses: a.c b.c` name
# the hypervisor sources that it is linked with, compiled unchanged; tests/fake
# comes first on the include path and so replaces src/hw. A line `// libs: -lx`
# names host libraries to link. Each source is compiled once, for all the tests
# that use it, and each object has its own list of headers.

UNIT_TESTS := $(basename $(notdir $(wildcard tests/unit/*.c)))
UNIT_BIN := $(UNIT_TESTS:%=$(B)/unit/%)
UNIT_FLAGS := -std=gnu17 -g -O1 -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -DRF_DEBUG=1 \
	-Wall -Wextra -Werror -Wno-unused-parameter -Itests/fake -Isrc

# The objects of test $(1), its own first.
unit_objects = $(patsubst %.c,$(B)/unit/obj/%.o,tests/unit/$(1).c \
	tests/fake/fake.c $(shell sed -n 's,^// uses: ,,p' tests/unit/$(1).c))

.SECONDEXPANSION:
$(UNIT_BIN): $(B)/unit/%: $$(call unit_objects,$$*) tests/unit/%.c
	$(call say,UNIT)
	$(Q)$(CC) $(UNIT_FLAGS) $(filter %.o,$^) \
		$(shell sed -n 's,^// libs: ,,p' tests/unit/$*.c) \
		-lcmocka -o $@

$(B)/unit/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(UNIT_FLAGS) -MMD -MP -c $< -o $@

.PHONY: unit-tests-build unit-tests
unit-tests-build: $(UNIT_BIN)
unit-tests: $(UNIT_BIN)
	@set -e; for t in $^; do echo "== $$t"; $$t; done

.SECONDARY: $(UNIT_TESTS:%=$(B)/unit/obj/tests/unit/%.o)
-include $(shell find $(B)/unit/obj -name '*.d' 2>/dev/null)
