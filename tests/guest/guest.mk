# SPDX-License-Identifier: MIT
#
# The PV test kernels of tests/guest: one ELF per folder that has a main.c,
# built into build/tests/guest. `make guest-tests` builds and runs them all on
# build/ringfort; HV=image, GUEST_ARGS="names and options" choose otherwise.

## make guest-tests   boot the PV test kernels (HV=image GUEST_ARGS=...)

GUEST_DIR	:= tests/guest
GUEST_HV	:= $(or $(B),build)/ringfort
GUEST_OUT	:= $(or $(B),build)/tests/guest
GUEST_TESTS	:= $(patsubst $(GUEST_DIR)/%/main.c,%,\
			$(sort $(wildcard $(GUEST_DIR)/*/main.c)))
GUEST_LIB_SRC	:= $(sort $(wildcard $(GUEST_DIR)/lib/*.[cS]))
GUEST_LIB_OBJ	:= $(GUEST_LIB_SRC:$(GUEST_DIR)/%=$(GUEST_OUT)/%.o)
GUEST_ELFS	:= $(GUEST_TESTS:%=$(GUEST_OUT)/%.elf)

GUEST_CFLAGS	:= -std=gnu17 -O2 -g -ffreestanding -fno-pic -fno-pie \
	-mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-fno-stack-protector -fno-strict-aliasing -fcf-protection=none \
	-fno-asynchronous-unwind-tables -fno-omit-frame-pointer \
	-Wall -Wextra -Werror -Wshadow -Wundef -Wmissing-prototypes \
	-Wstrict-prototypes -Wvla \
	-D__XEN_INTERFACE_VERSION__=0x00040e00 -I$(GUEST_DIR)/lib -MMD -MP

# A test's `config` may hold "virt_base 0x..."; else where Linux is linked.
guest_virt_base	= $(or $(shell sed -n 's/^virt_base //p' \
	$(GUEST_DIR)/$(1)/config 2>/dev/null),0xffffffff80000000)

.PHONY: guest-build guest-tests
guest-build: $(GUEST_ELFS)

guest-tests: guest-build $(or $(HV),$(GUEST_HV))
	$(GUEST_DIR)/run HV=$(or $(HV),$(GUEST_HV)) \
		--build $(or $(B),build) $(GUEST_ARGS)

$(GUEST_OUT)/%.c.o: $(GUEST_DIR)/%.c
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) -c -o $@ $<

$(GUEST_OUT)/%.S.o: $(GUEST_DIR)/%.S
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) -D__ASSEMBLY__ -c -o $@ $<

$(GUEST_OUT)/%.elf: $(GUEST_OUT)/%/main.c.o $(GUEST_LIB_OBJ) \
		$(GUEST_DIR)/lib/guest.lds $(GUEST_DIR)/guest.mk
	$(LD) -nostdlib -static -z max-page-size=0x1000 --build-id=none \
		--defsym=virt_base=$(call guest_virt_base,$*) \
		-T $(GUEST_DIR)/lib/guest.lds -o $@ $< $(GUEST_LIB_OBJ)

.SECONDARY: $(GUEST_TESTS:%=$(GUEST_OUT)/%/main.c.o) $(GUEST_LIB_OBJ)
-include $(GUEST_TESTS:%=$(GUEST_OUT)/%/main.c.d) $(GUEST_LIB_OBJ:.o=.d)
