## make                 build/ringfort and build/ringfort.gz (CC=clang works too)
## make DEBUG=1         with assertions and the frame auditor's checks on

## make V=1             shows the commands
Q := $(if $(V),,@)
say = $(if $(V),,@echo "  $(1)	$@")

# The hypervisor image. Every source below src/ belongs to it. It is linked
# twice: the second time with the table of its own symbols, for back traces.

HV_C := $(sort $(filter-out src/gate/asm-offsets.c,$(wildcard src/*/*.c)))
HV_S := $(sort $(wildcard src/*/*.S))
HV_OBJ := $(HV_C:src/%.c=$(B)/hv/%.o) $(HV_S:src/%.S=$(B)/hv/%.S.o)

# What hypercalls and faults of guests go through: one object, hot.o, which
# hv.lds.S keeps together.
HOT := cpu/bounce cpu/callback cpu/decode cpu/descriptor cpu/exit cpu/iret \
	cpu/smp cpu/state cpu/trap cpu/uaccess gate/adaptive gate/closed \
	hypercall/dispatch hypercall/multicall hypercall/table mm/ahead \
	mm/change mm/entry mm/flush mm/foreign mm/frame mm/fresh mm/mirror \
	mm/mmu_update mm/mmuext_op mm/ptwr mm/root mm/table mm/tlb mm/type \
	mm/undo mm/va_update mm/walk
HOT_OBJ := $(HOT:%=$(B)/hv/%.o)
HV_LINKED := $(filter-out $(HOT_OBJ),$(HV_OBJ)) $(B)/hv/hot.o

WARN := -Wall -Wextra -Werror -Wshadow -Wundef -Wmissing-prototypes \
	-Wstrict-prototypes -Wvla -Wcast-qual -Wimplicit-fallthrough

# General registers only: vector registers always hold a guest's state. What gcc
# makes of its vectors then is constants of two bytes in memory.
HV_FLAGS := -ffreestanding -fPIE -fvisibility=hidden -mno-red-zone \
	-mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
	-fno-asynchronous-unwind-tables -fno-omit-frame-pointer \
	-fno-strict-aliasing -fno-common -fno-tree-vectorize \
	-ffunction-sections -fdata-sections \
	-O2 -g -Isrc -I$(B)/gen -DRF_DEBUG=$(DEBUG)
HV_CFLAGS := -std=gnu17 $(HV_FLAGS) $(WARN) -include src/lib/hidden.h

# gcc compiles all of it as one and inlines generously: most functions there do
# less than it costs to call them and return, on an emulator above all, which
# looks up where to go on. Not with DEBUG=1, for whole back traces.
ifeq ($(DEBUG)$(findstring clang,$(CC)),0)
HOT_FLAGS := -flto -flto-partition=one -finline-functions \
	--param max-inline-insns-auto=100 --param max-inline-insns-single=200 \
	--param inline-unit-growth=200
HOT_LDFLAGS := -flinker-output=nolto-rel
endif

# --no-relax: ld would turn loads of addresses into 32-bit immediates.
HV_LDFLAGS := -m elf_x86_64 -nostdlib -static --gc-sections --no-relax \
	-z noexecstack -z max-page-size=4096 --no-warn-rwx-segments \
	--build-id=none

# Decompressors for dom0 kernels: the distribution's own static libraries
# (domain/inflate.c supplies the little of libc that they want).
HV_LIBS := $(foreach l,lzma zstd z lz4 bz2 gcc,\
	$(shell gcc -print-file-name=lib$(l).a 2>/dev/null))

$(B)/ringfort: $(B)/ringfort-syms
	$(call say,STRIP)
	$(Q)objcopy --strip-all $< $@

$(B)/ringfort.gz: $(B)/ringfort
	$(call say,GZIP)
	$(Q)gzip -9nc $< >$@

$(B)/ringfort-syms: $(B)/ringfort-pass1 $(B)/gen/symbols.o
	$(call say,LD)
	$(Q)ld $(HV_LDFLAGS) -T $(B)/gen/hv.lds -Map $(B)/ringfort.map -o $@ \
		$(HV_LINKED) $(B)/gen/symbols.o --start-group $(HV_LIBS) --end-group

$(B)/ringfort-pass1: $(HV_LINKED) $(B)/gen/symbols-none.o $(B)/gen/hv.lds
	$(call say,LD)
	$(Q)ld $(HV_LDFLAGS) -T $(B)/gen/hv.lds -o $@ \
		$(HV_LINKED) $(B)/gen/symbols-none.o --start-group $(HV_LIBS) --end-group

$(B)/gen/symbols.S: $(B)/ringfort-pass1 tools/symbols
	$(call say,SYMBOLS)
	$(Q)tools/symbols $< >$@

$(B)/gen/symbols-none.S: tools/symbols
	@mkdir -p $(@D)
	$(Q)tools/symbols >$@

$(B)/gen/%.o: $(B)/gen/%.S
	$(Q)$(CC) -c $< -o $@

$(B)/gen/hv.lds: hv.lds.S src/config.h
	@mkdir -p $(@D)
	$(Q)$(CC) -E -P -x c -Isrc $< -o $@

$(B)/gen/asm-offsets.h: src/gate/asm-offsets.c tools/asm-offsets
	@mkdir -p $(@D)
	$(call say,OFFSETS)
	$(Q)$(CC) $(HV_CFLAGS) -MMD -MP -MT $@ -MF $(B)/gen/asm-offsets.d \
		-S $< -o $(B)/gen/asm-offsets.s
	$(Q)tools/asm-offsets <$(B)/gen/asm-offsets.s >$@

# Rewritten only when the version changes, so that builds stay incremental.
VERSION := $(or $(shell git describe --tags --always --dirty 2>/dev/null),0.1)
$(B)/gen/version.h: version-check
	@mkdir -p $(@D)
	@echo '#define RF_VERSION "$(VERSION)"' | cmp -s - $@ || \
		echo '#define RF_VERSION "$(VERSION)"' >$@
.PHONY: version-check
$(B)/hv/boot/init.o: $(B)/gen/version.h

$(HOT_OBJ): private HV_CFLAGS += $(HOT_FLAGS)
$(B)/hv/hot.o: $(HOT_OBJ)
	$(call say,LD)
	$(Q)$(CC) $(HV_FLAGS) $(HOT_FLAGS) $(HOT_LDFLAGS) -nostdlib -r -o $@ $^

$(B)/hv/%.o: src/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(HV_CFLAGS) -MMD -MP -c $< -o $@

$(B)/hv/%.S.o: src/%.S $(B)/gen/asm-offsets.h
	@mkdir -p $(@D)
	$(call say,AS)
	$(Q)$(CC) $(HV_FLAGS) -D__ASSEMBLY__ -MMD -MP -c $< -o $@

-include $(HV_OBJ:.o=.d) $(B)/gen/asm-offsets.d
