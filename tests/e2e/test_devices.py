# SPDX-License-Identifier: MIT
"""QEMU's devices under dom0, by Debian's own drivers.

Disks and network cards work all at once, with several processes each. What
was written is compared in dom0 and, when it is over, with the disk's file
on the host; what was sent comes back from a server on the host. One machine
has messages (MSI, MSI-X), another only lines, level-triggered and shared, and
the IDE controller's, which are edge-triggered. An interrupt that gets lost
shows: a program waits for ever, or a driver tells of a timeout.
"""

import hashlib
import os
import re
import socketserver
import threading
import zlib

import pytest

import drivers
import machine
from conftest import KERNELS
from toolstack import fine

MIB = 1 << 20
PROCESSES, BLOCKS, ROUNDS = 4, 32, 400
STREAM = 2 * MIB

# Disks: (QEMU's device, the driver's module, its messages). Each has a size
# of its own, by which it is found.
DISKS = {
    "virtio-blk": ("virtio-blk-pci", "virtio_blk", "msix"),
    "nvme": ("nvme,serial=nvme", "nvme", "msix"),
    "ahci": ("ide-hd,bus=ahci.0", "ahci", "msi"),
    "ide": ("ide-hd,bus=ide.0", "ata_piix", None),
}
# Network cards.
CARDS = {
    "virtio-net": ("virtio-net-pci", "virtio_net", "msix"),
    "e1000": ("e1000", "e1000", None),
    "e1000e": ("e1000e", "e1000e", "msix"),
}
MODULES = ["virtio_pci", "sd_mod"] + [
    module for _, module, _ in [*DISKS.values(), *CARDS.values()]]

COMPLAINTS = (r"(?i)lost interrupt|timeout|timed out|hung|nobody cared|"
              r"I/O error|polled|NETDEV WATCHDOG|call trace")


class Echo(socketserver.ThreadingTCPServer):
    """Sends back whatever comes; notes how much, and its CRC."""
    daemon_threads = True
    allow_reuse_address = True

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            crc = count = 0
            while data := self.request.recv(65536):
                crc = zlib.crc32(data, crc)
                count += len(data)
                self.request.sendall(data)
            self.server.seen.append((count, "%08x" % crc))

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.seen = []
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Bench:
    """The machine's devices, and where dom0 has them."""

    def __init__(self, folder):
        self.images = {}
        for i, name in enumerate(DISKS):
            self.images[name] = os.path.join(folder, name)
            with open(self.images[name], "wb") as f:
                f.write(os.urandom((4 + i) * MIB))
        self.echo = Echo()
        self.macs = {name: "52:54:00:00:00:%02x" % (i + 1)
                     for i, name in enumerate(CARDS)}

    def options(self):
        words = ["-device", "ich9-ahci,id=ahci,addr=0x10"]
        for name, (device, _, _) in DISKS.items():
            words += ["-drive", "if=none,format=raw,id=%s,file=%s" %
                      (name, self.images[name]),
                      "-device", "%s,drive=%s" % (device, name)]
        for i, (name, (device, _, _)) in enumerate(CARDS.items()):
            words += ["-netdev", "user,id=%s,net=10.0.%d.0/24" % (name, i),
                      "-device", "%s,netdev=%s,mac=%s" %
                      (device, name, self.macs[name])]
        return words

    def find(self, m):
        """self.disk and self.card: {name: its name in dom0}."""
        sizes = {int(line.split()[1]): line.split()[0].split("/")[3]
                 for line in fine(m, "for d in /sys/block/*; do "
                                  "echo $d $(cat $d/size); done").splitlines()}
        self.disk = {name: sizes[(4 + i) * MIB // 512]
                     for i, name in enumerate(DISKS)}
        cards = dict(line.split() for line in fine(
            m, "for c in /sys/class/net/*; do "
            "echo $(cat $c/address) ${c##*/}; done").splitlines())
        self.card = {name: cards[mac] for name, mac in self.macs.items()}


def pci_function(m, path):
    """The folder of the PCI function that a device in /sys belongs to."""
    found = fine(m, "readlink -f %s" % path)
    return re.search(r"/sys/devices/pci[^/]*(/[0-9a-f]{4}:[0-9a-f:.]+)+",
                     found)[0]


def interrupts(m, path):
    """(messages used, {interrupt: (count, chip)}) of a device in /sys."""
    folder = pci_function(m, path)
    lines = fine(m, "cd %s; ls msi_irqs 2>/dev/null; cat msi_irqs/* "
                 "2>/dev/null; cat irq class" % folder).split()
    messages = next((w for w in lines if w in ("msi", "msix")), None)
    numbers = [w for w in lines[:-2] if w.isdigit()] or [lines[-2]]
    if lines[-1].startswith("0x01018"):  # IDE, with the lines of old
        numbers = ["14", "15"]
    table = {}
    for row in fine(m, "cat /proc/interrupts").splitlines():
        words = row.split()
        if words and words[0].rstrip(":") in numbers:
            counts = [int(w) for w in words[1:] if w.isdigit()]
            table[words[0]] = (sum(counts), " ".join(words[1 + len(counts):]))
    return messages, table


def total(table):
    return sum(count for count, _ in table.values())


@pytest.fixture(scope="module", params=[
    pytest.param((kernel, words), marks=pytest.mark.xdist_group(
        "devices-%s-%s" % (kernel, words)), id="-".join((kernel, words)))
    for kernel, words in [(k, "messages") for k in KERNELS] +
    [("6.1", "lines")]])
def bench(request, program, tmp_path_factory):
    """A machine with all devices, their drivers loaded."""
    kernel, way = request.param
    b = Bench(str(tmp_path_factory.mktemp("devices")))
    files = drivers.modules(kernel, MODULES)
    files.update({"/bin/" + p: program(p) for p in ("disk", "network")})
    with machine.Machine(
            "e2e/devices-%s-%s" % (kernel, way), kernel=kernel, files=files,
            dom0="rf.tools=0" + (" pci=nomsi" if way == "lines" else ""),
            extra=b.options()) as m:
        m.shell()
        fine(m, drivers.LOAD, timeout=120)
        fine(m, "i=0; until [ $(ls -d /sys/block/[vns]* | wc -l) -ge %d ]; "
             "do sleep 0.2; i=$((i + 1)); [ $i -lt 150 ] || break; done"
             % len(DISKS))
        b.find(m)
        for i, card in enumerate(b.card.values()):
            fine(m, "ip addr add 10.0.%d.15/24 dev %s; ip link set %s up"
                 % (i, card, card))
        b.machine, b.way = m, way
        yield b
        assert not m.triple_fault()
    b.echo.shutdown()


def test_interrupts_are_of_the_right_kind(bench):
    m = bench.machine
    for name, (_, _, messages) in [*DISKS.items(), *CARDS.items()]:
        path = "/sys/block/" + bench.disk[name] if name in DISKS else \
            "/sys/class/net/%s/device" % bench.card[name]
        used, table = interrupts(m, path)
        assert used == (messages if bench.way == "messages" else None), name
        chips = " ".join(chip for _, chip in table.values())
        if used:
            assert "xen-pirq" in chips and "-msi" in chips, (name, table)
        elif name == "ide":
            assert re.search("xen-pirq.*ioapic-edge", chips), (name, table)
        else:
            assert re.search("xen-pirq.*ioapic-level", chips), (name, table)


@pytest.mark.parametrize("name", DISKS)
def test_one_transfer_one_interrupt(bench, name):
    """With one transfer under way at a time each makes its own interrupt."""
    m, path = bench.machine, "/sys/block/" + bench.disk[name]
    before = total(interrupts(m, path)[1])
    said = fine(m, "disk /dev/%s 1 16 60" % bench.disk[name], timeout=120)
    count = total(interrupts(m, path)[1]) - before
    assert count >= int(re.search(r"DISK fine, (\d+)", said)[1])


def busy_disks(bench):
    """Not NVMe by its line: with several transfers under way QEMU 7.2's
    miscounts its queues with news and holds the line up for ever. On stock
    Xen, too, it ends as an interrupt that nobody cared for.
    """
    return [disk for name, disk in bench.disk.items()
            if (name, bench.way) != ("nvme", "lines")]


def test_all_at_once(bench):
    m = bench.machine
    fine(m, "dmesg -c >/dev/null")
    disks = busy_disks(bench)
    jobs = ["disk /dev/%s %d %d %d" % (disk, PROCESSES, BLOCKS, ROUNDS)
            for disk in disks]
    jobs += ["network 10.0.%d.2 %d %d %d" % (i, bench.echo.port, STREAM, i)
             for i in range(len(CARDS))]
    for i, job in enumerate(jobs):
        fine(m, "{ %s >/tmp/job-%d 2>&1 & }" % (job, i))
    fine(m, "wait", timeout=400)
    said = fine(m, "cat /tmp/job-*")
    assert said.count("DISK fine") == len(disks), said
    assert said.count("NETWORK fine") == len(CARDS), said
    sent = re.findall(r"NETWORK fine, (\w+)", said)
    assert sorted(bench.echo.seen) == sorted((STREAM, crc) for crc in sent)
    complaints = [line for line in fine(m, "dmesg").splitlines()
                  if re.search(COMPLAINTS, line)]
    assert not complaints


def targets(m):
    """{pirq: (local APIC, vCPU that is told, how many came, how many of these
    found it on another processor)}"""
    m.send("\n\x01\x01\x01i\x01\x01\x01")
    m.expect("interrupts of devices:")
    m.expect("input goes to dom0")
    rows = re.findall(
        r"(pirq \d+): .* of local APIC (\d+), port \d+ of vCPU (\d+), "
        r"(\d+) came \((\d+) elsewhere\)", m.child.before.decode("latin1"))
    return {row[0]: [int(word) for word in row[1:]] for row in rows}


# One of each way that devices have to interrupt.
@pytest.mark.ours
@pytest.mark.parametrize("name", ["virtio-blk", "ahci", "ide", "e1000"])
def test_interrupts_go_where_their_vcpu_runs(bench, name):
    """dom0 has two vCPUs, on two processors. A device that is busy has its
    interrupt given to the one and the other, and both processors get it."""
    m = bench.machine
    path, job = "/sys/block/" + bench.disk.get(name, ""), \
        "disk /dev/%s 1 16 60" % bench.disk.get(name)
    if name in CARDS:
        i = list(CARDS).index(name)
        path, job = "/sys/class/net/%s/device" % bench.card[name], \
            "network 10.0.%d.2 %d %d %d" % (i, bench.echo.port, STREAM // 2, i)
    numbers = " ".join(row.rstrip(":") for row in interrupts(m, path)[1])
    seen, tried = set(), []
    for vcpu in (1, 0) * 6:
        fine(m, "for i in %s; do echo %d >/proc/irq/$i/smp_affinity_list; done"
             % (numbers, vcpu))
        fine(m, job, timeout=120)  # the kernel moves it when it comes
        before = targets(m)
        fine(m, job, timeout=120)
        after = targets(m)
        most = max(after, key=lambda row: after[row][2] - before[row][2])
        apic, told, came, elsewhere = after[most]
        came, elsewhere = came - before[most][2], elsewhere - before[most][3]
        tried.append((vcpu, before[most], after[most]))
        # A vCPU that is moved takes it along after eight that missed it; on a
        # busy host one may be moved so often that many miss it.
        if told == vcpu and came >= 8 and elsewhere <= 8 + came / 2:
            seen.add(apic)
        if len(seen) == 2:
            break
    assert seen == {0, 1}, tried


@pytest.mark.parametrize("name", DISKS)
def test_host_has_the_same(bench, name):
    """The whole disk read by dom0, and its file; most of it was filled by
    the host, the start by dom0."""
    said = fine(bench.machine, "sha256sum /dev/" + bench.disk[name])
    with open(bench.images[name], "rb") as f:
        assert said.split()[0] == hashlib.sha256(f.read()).hexdigest()


@pytest.mark.parametrize("name", CARDS)
def test_card_has_interrupted(bench, name):
    """It was told of what came: at least one interrupt in 64 KiB."""
    path = "/sys/class/net/%s/device" % bench.card[name]
    assert total(interrupts(bench.machine, path)[1]) >= STREAM >> 16
