# SPDX-License-Identifier: MIT
# The guests that tools/run starts beside dom0; source it after lib.sh.
#
# They come in turns: Debian 12 from a disk of its own, started by GRUB, then
# each of Debian's kernels with a small system in memory. All have a network.

grub=/usr/lib/grub-xen/grub-x86_64-xen.bin
guest_kinds=(debian 6.12 7.2 6.1-cloud 6.1)

# guest_kind N, from 0
guest_kind() {
	echo "${guest_kinds[$1 % ${#guest_kinds[@]}]}"
}

# guest_name N: debian-1, linux-6.12-2 and so on.
guest_name() {
	local kind
	kind=$(guest_kind "$1")
	case $kind in
	debian) echo "debian-$(($1 + 1))" ;;
	*) echo "linux-$kind-$(($1 + 1))" ;;
	esac
}

# make_guests COUNT: what they need, where it is missing.
make_guests() {
	local i kind
	for ((i = 0; i < $1; i++)); do
		kind=$(guest_kind "$i")
		case $kind in
		debian) "$top/tools/mkdisk" ;;
		*)
			"$top/tools/fetch-kernel" "$kind"
			"$top/tools/mkramdisk" "$kind"
			;;
		esac
	done
}

# guest_config N: what xl is told.
guest_config() {
	local kind name
	kind=$(guest_kind "$1")
	name=$(guest_name "$1")
	printf 'name = "%s"\ntype = "pv"\nvcpus = 1\n' "$name"
	printf 'vif = [ "bridge=xenbr0" ]\n'
	case $kind in
	debian)
		printf 'memory = 256\nkernel = "/guest/grub"\n'
		printf 'disk = [ "phy:/dev/disk/%s,xvda,w" ]\n' "$name"
		;;
	*)
		printf 'memory = 192\nkernel = "/guest/vmlinuz-%s"\n' "$kind"
		printf 'ramdisk = "/guest/ramdisk-%s"\n' "$kind"
		printf 'extra = "console=hvc0 quiet"\n'
		;;
	esac
}

# add_guests COUNT ROOT: the files that dom0 needs to start them.
add_guests() {
	local i kind
	mkdir -p "$2/guest" "$2/etc/xen/auto"
	for ((i = 0; i < $1; i++)); do
		guest_config "$i" >"$2/etc/xen/auto/$(guest_name "$i")"
		kind=$(guest_kind "$i")
		case $kind in
		debian) cp "$grub" "$2/guest/grub" ;;
		*)
			cp "$build/kernels/$kind/vmlinuz" \
				"$2/guest/vmlinuz-$kind"
			cp "$build/kernels/$kind/ramdisk" \
				"$2/guest/ramdisk-$kind"
			;;
		esac
	done
}

# guest_disks COUNT: QEMU's options for their disks, one a line. What is
# written to a disk is gone when QEMU ends.
guest_disks() {
	local i name
	for ((i = 0; i < $1; i++)); do
		[ "$(guest_kind "$i")" = debian ] || continue
		name=$(guest_name "$i")
		printf '%s\n' -drive "file=$build/disks/debian12.img,if=none,$(
			)id=$name,format=raw,snapshot=on,cache=unsafe" \
			-device "virtio-blk-pci,drive=$name,serial=$name"
	done
}
