# SPDX-License-Identifier: MIT
"""What the machines boot, made from this tree and from Debian's packages.

    files()       what is added to the initramfs of all machines
    tools_disk()  an ext4 image: QEMU for the machines that run one, fio,
                  iperf3, stress-ng, and the guests' kernel and initramfs
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile

import machine
import setting

sys.path.append(os.path.join(machine.TOP, "tests", "e2e"))
import image  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(machine.BUILD, "bench")
TOOLS = ["qemu-system-x86_64", "fio", "iperf3", "stress-ng"]
FIRMWARE = ["bios-256k.bin", "linuxboot_dma.bin", "kvmvapic.bin", "pvh.bin",
            "vgabios-stdvga.bin"]

# The modules of each group, and of a guest; those they need come by themselves.
GROUPS = {
    "machine": ["virtio_pci", "virtio_blk", "crc32c_generic", "ext4"],
    "bridge": ["bridge", "veth"],
    "tap": ["tun"],
    "kvm": ["irqbypass", "kvm", "ccp"],
}
GUEST_GROUPS = {
    "xen": ["xen-blkfront", "xen-netfront"],
    "virtio": ["virtio_pci", "virtio_blk", "virtio_net"],
    "emulated": ["ata_piix", "sd_mod", "e1000"],
    "tools": ["crc32c_generic", "ext4"],
}


def module_files(kernel, names):
    """Paths of modules on this host, each after those it needs."""
    root = os.path.join(machine.BUILD, "kernels", kernel)
    with open(os.path.join(root, "version"), encoding="utf-8") as f:
        version = f.read().strip()
    found = []
    for name in names:
        said = subprocess.run(
            ["/sbin/modprobe", "-d", root, "-S", version, "--show-depends",
             name], check=True, capture_output=True, text=True).stdout
        found += [line.split()[1] for line in said.splitlines()
                  if line.startswith("insmod")]
    return list(dict.fromkeys(found))


def _unpacked(path):
    """The name and contents of a module, stripped of debug information."""
    with tempfile.TemporaryDirectory() as tmp:
        name = os.path.basename(path)
        plain = os.path.join(tmp, name.removesuffix(".xz").removesuffix(".zst"))
        reader = {".xz": ["xz", "-dc"], ".st": ["zstd", "-qdc"]}.get(
            name[-3:], ["cat"])
        with open(plain, "wb") as out:
            subprocess.run(reader + [path], stdout=out, check=True)
        subprocess.run(["strip", "-g", plain], check=True)
        return os.path.basename(plain), image.read(plain)


def modules(kernel, groups):
    """{path in an archive: contents}, numbered in the order of loading."""
    files = {}
    for group, names in groups.items():
        for i, path in enumerate(module_files(kernel, names)):
            name, content = _unpacked(path)
            files["/lab/modules/%s/%02d-%s" % (group, i, name)] = content
    return files


def rows():
    """The program of the rows; its path."""
    return setting.program("rows", "programs/rows*.c")


def programs():
    return {"/lab/rows": rows(),
            "/lab/worker": setting.program("worker", "programs/worker.c")}


def files(kernel):
    """What all machines get besides the usual initramfs of dom0."""
    target = os.path.join(HERE, "target")
    kvm = module_files(kernel, ["kvm-amd"])[-1]
    return {**programs(), **modules(kernel, GROUPS),
            "/lab/modules/kvm-amd.ko": _unpacked(kvm)[1],
            "/lab/host": os.path.join(target, "host"),
            "/lab/block": os.path.join(target, "block"),
            "/lab/vif": os.path.join(target, "vif"),
            "/lab/tools": os.path.join(target, "tools")}


def guest_initrd(kernel):
    keep = {"/%s/.keep" % d: b"" for d in ("proc", "sys", "dev", "tmp")}
    return machine.archive({
        **programs(), **modules(kernel, GUEST_GROUPS), **keep,
        "/bin/busybox": "/bin/busybox",
        "/lab/tools": os.path.join(HERE, "target", "tools"),
        "/init": os.path.join(HERE, "target", "init")})


def _libraries(paths):
    said = subprocess.run(["ldd", *paths], capture_output=True,
                          text=True).stdout
    return sorted({word for line in said.splitlines()
                   for word in line.split() if word.startswith("/")
                   and not word.endswith(":")})


def _fill_tools(root, kernel):
    for d in "bin", "lib", "qemu", "share", "guest":
        os.makedirs(os.path.join(root, d))
    tools = [p for t in TOOLS if (p := shutil.which(t))]
    translator = glob.glob("/usr/lib/*/qemu/accel-tcg-x86_64.so")
    for path in tools:
        shutil.copy(path, os.path.join(root, "bin"))
    for path in _libraries(tools + translator):
        shutil.copy(path, os.path.join(root, "lib"))
    for path in translator:
        shutil.copy(path, os.path.join(root, "qemu"))
    for name in FIRMWARE:
        for place in "/usr/share/qemu", "/usr/share/seabios":
            path = os.path.join(place, name)
            if os.path.exists(path):
                shutil.copy(path, os.path.join(root, "share"))
    with open(os.path.join(root, "guest", "vmlinux"), "wb") as f:
        f.write(image.vmlinux(image.read(machine.kernel(kernel))))
    with open(os.path.join(root, "guest", "initrd"), "wb") as f:
        f.write(guest_initrd(kernel))


def tools_disk(kernel):
    """The image's path; made anew when something it is made of is newer."""
    out = os.path.join(OUT, "tools-%s.img" % kernel)
    made_of = [machine.kernel(kernel), os.path.abspath(__file__),
               os.path.join(HERE, "target", "init"),
               os.path.join(HERE, "target", "tools"),
               *programs().values()]
    if os.path.exists(out) and os.path.getmtime(out) > max(
            map(os.path.getmtime, made_of)):
        return out
    with tempfile.TemporaryDirectory() as root:
        _fill_tools(root, kernel)
        size = int(subprocess.run(["du", "-sm", root], check=True, text=True,
                                  capture_output=True).stdout.split()[0])
        new = "%s.%d" % (out, os.getpid())
        with open(new, "wb") as f:
            f.truncate((size + size // 20 + 24) << 20)
        subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", "-O",
                        "^has_journal,^metadata_csum", "-d", root, new],
                       check=True)
    os.rename(new, out)
    return out
