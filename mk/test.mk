# SPDX-License-Identifier: MIT
#
## make check           the quick tests, two minutes: both compilers, style,
##                      unit tests, the quickest test guests
## make test            every test; ends with "N passed, N failed"
## make e2e             only the stories with Debian's kernels
##                      (HV=build/oracle/xen.elf: the same on stock Xen)
## make bench           time to dom0's user space, beside Debian's Xen
#
# Serial logs of what failed stay in build/logs.

.PHONY: check test e2e bench
check:
	@tools/setup build run test
	+@$(MAKE) --no-print-directory all
	+@$(MAKE) --no-print-directory all CC=clang B=build/clang
	+@$(MAKE) --no-print-directory style
	@tests/run --quick

test:
	@tools/setup build run test
	+@$(MAKE) --no-print-directory all
	@tests/run

e2e:
	@tools/setup build run test
	$(if $(HV),,+@$(MAKE) --no-print-directory all)
	@tests/run e2e

bench:
	@tools/setup build run bench
	+@$(MAKE) --no-print-directory all
	@bench/boot
	@bench/crossings
	@bench/near-native
