# Ringfort. `make` builds the hypervisor, `make run` boots it with a real
# guest, `make test` runs every test, `make check` the quick ones.
# `make help` lists the rest.

CC ?= gcc
B ?= build
DEBUG ?= 0

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

include mk/hv.mk
-include $(wildcard mk/run.mk mk/test.mk mk/style.mk)
-include $(wildcard tests/unit/unit.mk tests/guest/guest.mk tests/fuzz/fuzz.mk)

## make clean           remove what was built; distclean: what was fetched, too

.PHONY: all clean distclean help
all: $(B)/ringfort $(B)/ringfort.gz

# What was fetched (kernels, Debian's Xen, package lists) stays.
clean:
	cd $(B) 2>/dev/null && rm -rf $$(ls | grep -vxE 'kernels|oracle|apt') || true

distclean:
	rm -rf build

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)
