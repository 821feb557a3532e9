## make unit-tests      host unit tests under ASan and UBSan

# One program per tests/unit/<part>_<file>.c. Its line `// uses: a.c b.c` names
# the hypervisor sources that it is linked with, compiled unchanged; tests/fake
# comes first on the include path and so replaces src/hw. A line `// libs: -lx`
# names host libraries to link.

UNIT_TESTS := $(basename $(notdir $(wildcard tests/unit/*.c)))
UNIT_BIN := $(UNIT_TESTS:%=$(B)/unit/%)
UNIT_FLAGS := -std=gnu17 -g -O1 -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -DRF_DEBUG=1 \
	-Wall -Wextra -Werror -Wno-unused-parameter -Itests/fake -Isrc

.SECONDEXPANSION:
$(B)/unit/%: tests/unit/%.c tests/fake/fake.c \
	     $$(shell sed -n 's,^// uses. ,,p' tests/unit/$$*.c)
	@mkdir -p $(@D)
	$(CC) $(UNIT_FLAGS) -MMD -MP -MF $@.d $(filter %.c,$^) \
		$(shell sed -n 's,^// libs: ,,p' $<) -lcmocka -o $@

.PHONY: unit-tests-build unit-tests
unit-tests-build: $(UNIT_BIN)
unit-tests: $(UNIT_BIN)
	@set -e; for t in $^; do echo "== $$t"; $$t; done

-include $(UNIT_BIN:=.d)
