# SPDX-License-Identifier: MIT
# What makers of an initramfs share; source it after lib.sh.
#
# They fill the folder $root with files of this machine and with modules of
# the kernel in $kernel, whose version is $version, and pack it with mkcpio.

# use_kernel LINE: set $kernel and $version for a kernel that was fetched.
use_kernel() {
	kernel=$build/kernels/$1
	[ -s "$kernel/version" ] ||
		die "no kernel $1: run tools/fetch-kernel $1"
	version=$(cat "$kernel/version")
}

# fresh FILE SOURCE...: is it newer than its kernel and all of its sources?
fresh() {
	local out=$1
	shift
	[ -s "$out" ] && [ "$out" -nt "$kernel/version" ] &&
		[ -z "$(find "$@" -newer "$out")" ]
}

# libraries FILE...: the shared libraries they load, and the loader.
libraries() {
	ldd "$@" 2>/dev/null |
		sed -nE 's,^.*(=> |\t)(/[^ ]*) \(.*,\2,p' | sort -u
}

# with_parents FILE...: copy files to the same place below the root.
with_parents() {
	cp -L --parents "$@" "$root"
}

# add_programs FILE...: copy programs and the libraries they need.
add_programs() {
	with_parents "$@"
	# shellcheck disable=SC2046
	with_parents $(libraries "$@")
}

# add_busybox: busybox under all of its names, and a root to log in as.
add_busybox() {
	local p
	with_parents /bin/busybox
	for p in $(/bin/busybox --list); do
		ln -s busybox "$root/bin/$p" 2>/dev/null || true
	done
	# the kernel calls it by this name
	ln -s ../bin/modprobe "$root/sbin/modprobe"
	echo root::0:0:root:/root:/bin/sh >"$root/etc/passwd"
	echo root:x:0: >"$root/etc/group"
}

# module_files MODULE...: their files, and those they depend on. A module
# that the kernel has built in has none.
module_files() {
	local m
	for m; do
		/sbin/modprobe -d "$kernel" -S "$version" --show-depends "$m" \
			2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done | sort -u
}

# add_modules MODULE...: the modules with what they need, unpacked.
add_modules() {
	local f to
	mkdir -p "$root/lib/modules/$version"
	module_files "$@" | while read -r f; do
		to=$root/lib/modules/${f##*/lib/modules/}
		mkdir -p "$(dirname "$to")"
		case $f in
		*.xz) xz -dc "$f" >"${to%.xz}" ;;
		*.zst) zstd -qdc "$f" >"${to%.zst}" ;;
		*) cp "$f" "$to" ;;
		esac
	done
	cp "$kernel/lib/modules/$version"/modules.{order,builtin*} \
		"$root/lib/modules/$version/"
	/sbin/depmod -b "$root" "$version"
	rm -f "$root/lib/modules/$version"/modules.{symbols,order}*
}

# make_root: a new folder $root, gone when the script ends.
make_root() {
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,etc,proc,sys,dev,run} \
		"$root"/{tmp,root,var}
	ln -s ../run "$root/var/run"
	ln -s ../run/lock "$root/var/lock"
}

# pack OUT: the archive, complete or not at all.
pack() {
	"$top/tools/mkcpio" "$1.new" "$root"
	mv "$1.new" "$1"
}
