# SPDX-License-Identifier: MIT
#
## make check           the quick tests, two minutes: both compilers, style,
##                      unit tests, the quickest test guests
## make test            every test; ends with "N passed, N failed"
## make e2e             only the stories with Debian's kernels
##                      (HV=build/oracle/xen.elf: the same on stock Xen)
## make bench [QUICK=1] the evaluation beside native, Xen, KVM and translation:
##                      bench/report/index.html (70 minutes; QUICK: 14)
## make bench-parts     boots, crossings, SMP, idling, services, guests: each by
##                      itself
#
# Serial logs of what failed stay in build/logs.

.PHONY: check test e2e bench bench-parts
check:
	@tools/setup build run test
	+@$(MAKE) --no-print-directory all
	+@$(MAKE) --no-print-directory all CC=clang B=build/clang
	+@$(MAKE) --no-print-directory style
	@tests/run --quick

test:
	@tools/setup build run test
	+@$(MAKE) --no-print-directory all
	+@$(MAKE) --no-print-directory all CC=clang B=build/clang
	@tests/run

e2e:
	@tools/setup build run test
	$(if $(HV),,+@$(MAKE) --no-print-directory all)
	@tests/run e2e

bench:
	@tools/setup build run bench
	+@$(MAKE) --no-print-directory all
	@bench/evaluate $(if $(QUICK),--quick) $(BENCH)
	@bench/page build/bench/results.json

bench-parts:
	@tools/setup build run bench
	+@$(MAKE) --no-print-directory all
	@bench/boot
	@bench/crossings
	@bench/smp
	@bench/idle
	@bench/near-native
	@bench/guests
