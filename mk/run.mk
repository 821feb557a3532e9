# SPDX-License-Identifier: MIT
#
# Booting. The variables are those of tools/run; make passes them on.
#
## make run [GUESTS=2] [KERNEL=6.1|6.12|7.2] [MEM=2048] [CPUS=2] ...
##                boot Ringfort, Debian's dom0 and guests in QEMU, to a shell
## make run CMD='commands' | SCRIPT=file
##                run them in dom0 and end with their exit status
## make run HV=build/oracle/xen.elf
##                the same on Debian's Xen 4.17, which "make xen" fetches

# $(value) leaves a dollar sign in CMD='echo $HOME' to dom0's shell.
run: override export CMD := $(value CMD)
run:
	+@tools/run

xen: build/oracle/xen.elf
build/oracle/xen.elf:
	@tools/setup run
	@tools/fetch-xen

.PHONY: run xen
