# SPDX-License-Identifier: MIT
"""What is compared.

A *machine* is one boot of the emulated computer; a *setting* is a place on it
where the rows run: the control domain, a guest. All machines have the same
processors, memory and disks, boot the same kernel and the same initramfs.
"""

from dataclasses import dataclass, field

NATIVE, PARA, FULL, SOFT = "native", "para", "full", "software"

KINDS = {
    NATIVE: "no hypervisor",
    PARA: "paravirtualization",
    FULL: "full virtualization by hardware",
    SOFT: "full virtualization by binary translation",
}


@dataclass(frozen=True)
class Setting:
    """A place where rows run.

    guest   None: in the booted system itself. Else a guest's kind: "pv",
            "pvh" (by xl) or "kvm", "tcg" (by QEMU in the booted system)
    io      which devices its guests' I/O rows use: "xen", "virtio",
            "emulated" or None (those of the machine)
    rows_of an I/O-only setting: the setting whose other rows are its own
    """
    name: str
    label: str
    kind: str
    guest: str = None
    io: str = None
    rows_of: str = None


@dataclass(frozen=True)
class Host:
    """A machine to boot.

    boot     "linux": the kernel itself; "ringfort", "xen": as its dom0
    append   words for the hypervisor
    kvm      parameters of the module kvm_amd, where there is one to load
    cost     about how many seconds a quick round takes on an idle host
    """
    name: str
    boot: str
    settings: tuple
    append: str = ""
    kvm: str = None
    cost: int = 30
    extra: dict = field(default_factory=dict)


def _kvm(name, text):
    return (
        Setting(name, "KVM, %s, virtio" % text, FULL, "kvm", "virtio"),
        Setting(name + "-emulated", "KVM, %s, IDE and e1000" % text, FULL,
                "kvm", "emulated", rows_of=name))


HOSTS = (
    Host("native", "linux", (
        Setting("native", "Native", NATIVE),), cost=20),
    Host("ringfort", "ringfort", (
        Setting("ringfort-dom0", "Ringfort dom0", PARA),
        Setting("ringfort-guest", "Ringfort guest", PARA, "pv", "xen")),
        append="dom0-gate=off gate=off", cost=35),
    Host("ringfort-gate", "ringfort", (
        Setting("ringfort-gate-dom0", "Ringfort dom0, open gate", PARA),
        Setting("ringfort-gate-guest", "Ringfort guest, closed gate", PARA,
                "pv", "xen")),
        # An emulator's ring 1 does not hold (docs/gate.md): it has to insist.
        append="dom0-gate=open gate=adaptive,force", cost=35),
    Host("xen", "xen", (
        Setting("xen-dom0", "Xen dom0", PARA),
        Setting("xen-pv", "Xen PV guest", PARA, "pv", "xen"),
        Setting("xen-pvh", "Xen PVH guest", FULL, "pvh", "xen")),
        append="bootscrub=0", cost=80),
    Host("kvm-npt", "linux", _kvm("kvm-npt", "nested paging"),
         kvm="npt=1", cost=50),
    Host("kvm-shadow", "linux", _kvm("kvm-shadow", "shadow paging"),
         kvm="npt=0", cost=60),
    Host("tcg", "linux", (
        Setting("tcg", "QEMU translation, virtio", SOFT, "tcg", "virtio"),
        Setting("tcg-emulated", "QEMU translation, IDE and e1000", SOFT,
                "tcg", "emulated", rows_of="tcg")), cost=150),
)

SETTINGS = {s.name: s for h in HOSTS for s in h.settings}


def host_of(setting):
    return next(h for h in HOSTS
                if any(s.name == setting for s in h.settings))


@dataclass(frozen=True)
class Computer:
    """The emulated computer, the same for all."""
    cpu: str = "qemu64,+npt"
    cpus: int = 2
    mem: int = 6144
    dom0_mem: int = 768
    guest_mem: int = 192
    disk: int = 256  # MiB, for the disk rows
    kernel: str = "6.1"
    accel: str = "tcg"
