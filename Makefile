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

.PHONY: all clean help
all: $(B)/ringfort $(B)/ringfort.gz

clean:
	rm -rf $(B)

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)
