# SPDX-License-Identifier: MIT
"""Every way from the machine's loader to dom0's kernel.

Multiboot 1 is QEMU's own way and that of all other stories.
"""

import shutil
import subprocess

import pytest

import image
import machine

QUICK = "quiet rf.tools=0"


def grub_disc(tmp_path, line, platform):
    """A CD made by grub-mkrescue, for machines with that firmware."""
    disc = tmp_path / "disc"
    (disc / "boot" / "grub").mkdir(parents=True)
    shutil.copy(machine.default_hv(), disc / "hypervisor")
    shutil.copy(machine.kernel(line), disc / "vmlinuz")
    with open(disc / "initrd.gz", "wb") as out:
        subprocess.run(["gzip", "-1c", machine.kernel(line, "initramfs")],
                       stdout=out, check=True)
    (disc / "boot" / "grub" / "grub.cfg").write_text(
        "set timeout=0\n"
        "menuentry test {\n"
        " multiboot2 /hypervisor console=com1 dom0_mem=512M\n"
        " module2 /vmlinuz console=hvc0 %s\n"
        " module2 /initrd.gz\n"
        "}\n" % QUICK)
    iso = str(tmp_path / "disc.iso")
    subprocess.run(["grub-mkrescue", "-d", "/usr/lib/grub/" + platform, "-o",
                    iso, str(disc)], check=True, capture_output=True)
    return iso


def test_grub_multiboot2(boot, tmp_path):
    boot(disc=grub_disc(tmp_path, "6.1", "i386-pc")).dom0_up(timeout=180)


@pytest.mark.ours
@pytest.mark.parametrize("line", ["6.1", "7.2"])
def test_grub_efi(boot, tmp_path, line):
    """dom0 finds ACPI's tables by EFI's: there is no BIOS area to search.

    By them it knows its devices' interrupts, and how to power off.
    """
    m = boot(disc=grub_disc(tmp_path, line, "x86_64-efi"),
             extra=["-bios", "/usr/share/ovmf/OVMF.fd"])
    m.expect(r"ringfort: EFI 2\.\d\d")
    m.dom0_up(timeout=240)
    m.shell()
    for said in ("efi: EFI v2.* by EDK II", "ACPI: RSDP 0x",
                 "ACPI: Using IOAPIC for interrupt routing",
                 "PCI: Using ACPI for IRQ routing"):
        assert m.run("dmesg | grep -q '%s'" % said)[0] == 0, said
    assert m.run("grep -q 'xen-pirq.*acpi' /proc/interrupts")[0] == 0
    assert m.run("ls /sys/firmware/efi")[0] == 0
    m.send("poweroff -f\n")
    m.expect("dom0 powers the machine off")


@pytest.mark.ours
def test_pvh(boot, tmp_path):
    """The PVH note, with the multiboot header hidden from QEMU.

    QEMU's PVH loader passes one module without words; those for dom0 come
    after "--", as on Xen. Without an initramfs dom0's kernel gets as far as
    looking for its root.
    """
    hv = tmp_path / "pvh"
    hv.write_bytes(image.without_multiboot1(image.read(machine.default_hv())))
    m = boot(hv=str(hv), modules=[(machine.kernel("6.1"), "")],
             append="dom0_mem=512M -- console=hvc0")
    m.expect("Linux version 6.1")
    m.expect("Unable to mount root fs")


@pytest.mark.parametrize("line", ["6.1", "6.12"])
def test_elf_kernel(boot, tmp_path, line):
    elf = tmp_path / "vmlinux"
    elf.write_bytes(image.vmlinux(image.read(machine.kernel(line))))
    boot(modules=[(str(elf), "console=hvc0 " + QUICK),
                  (machine.kernel(line, "initramfs"), "")]).dom0_up()


@pytest.mark.parametrize("how", ["gzip", "lz4"])
def test_payload_format(boot, tmp_path, how):
    """Debian's own kernels are compressed with xz (6.1) and zstd."""
    bzimage = image.read(machine.kernel("6.1"))
    packed = tmp_path / "vmlinuz"
    packed.write_bytes(image.with_payload(
        bzimage, image.compress(image.vmlinux(bzimage), how)))
    boot(modules=[(str(packed), "console=hvc0 " + QUICK),
                  (machine.kernel("6.1", "initramfs"), "")]).dom0_up()


def test_all_modules_of_the_boot_line_are_seen(boot):
    """A comma in a module's words, which QEMU wants doubled."""
    m = boot(dom0=QUICK + " rf.words=a,b rf.run=/show",
             files={"/show": b"cat /proc/cmdline\n"})
    m.expect(r"console=hvc0 [^\r\n]* rf\.words=a,b rf\.run=/show[\r\n]")
