# SPDX-License-Identifier: MIT
"""Guests with disks and network, by Debian's own drivers and hotplug scripts.

The stories share one machine of 4 GiB. Its first disk holds Debian 12 as
tools/mkdisk makes it, its second is for what guests write; dom0 has the
bridge xenbr0 and a DHCP server (tools/dom0/network). Each story leaves dom0
alone, with all memory back.
"""

import hashlib
import os
import re

import pytest

import machine
from conftest import KERNELS
from toolstack import audit, fine, free_memory, nothing_left, states, until

GUEST_KERNELS = KERNELS + ["6.1-cloud"]
GRUB = "/usr/lib/grub-xen/grub-x86_64-xen.bin"
DISK = os.path.join(machine.BUILD, "disks", "debian12.img")
DATA_MIB = 64
UP = r"RINGFORT-GUEST-UP [\d.]+ (10\.99\.0\.\d+)[\r\n]"
PROMPT = "guest [^ ]* # "
FILES = {  # what dom0 serves and guests fetch
    "/srv/small": bytes(range(256)) * 4,
    "/srv/large": hashlib.shake_256(b"ringfort").digest(8 << 20),
}

pytestmark = pytest.mark.xdist_group("guest-disks")


def config(name, kernel=None, root=False, **changes):
    """A file of xl's for a guest with one interface on the bridge.

    kernel  one that dom0 has (None: GRUB, which takes the disk's own)
    root    is the Debian disk its root? Otherwise it runs from its ramdisk.
    """
    options = {"name": name, "type": "pv", "memory": 192, "vcpus": 1,
               "tsc_mode": "native", "vif": ["bridge=xenbr0"]}
    if kernel:
        options["kernel"] = "/guest/vmlinuz-" + kernel
        options["ramdisk"] = "/guest/ramdisk-" + kernel
        options["extra"] = "console=hvc0 quiet" + \
            (" root=/dev/xvda" if root else "")
    else:
        options["kernel"] = "/guest/grub"
    if root:
        options["memory"] = 256
        options["disk"] = ["phy:/dev/disk/debian,xvda,w"]
    options.update(changes)
    return "".join("%s = %s\n" % (key, '"%s"' % value
                                  if isinstance(value, str) else value)
                   for key, value in options.items()).encode()


def dom0_files():
    data = ["phy:/dev/disk/data,xvdb,w", "file:/guest/file,xvdc,w"]
    busy = ["phy:/dev/disk/debian,xvda,w", data[1]]
    files = {
        "/guest/grub": GRUB,
        "/guest/grub32": GRUB.replace("x86_64", "i386"),
        "/guest/file": bytes(16 << 20),
        "/etc/xen/grub": config("grub", root=True),
        "/etc/xen/plain": config("plain", "6.1"),
    }
    for k in GUEST_KERNELS:
        files["/etc/xen/debian-" + k] = config("debian", k, root=True)
        files["/guest/vmlinuz-" + k] = machine.kernel(k)
        files["/guest/ramdisk-" + k] = machine.kernel(k, "ramdisk")
        files["/etc/xen/data-" + k] = config("data", k, disk=data)
        files["/etc/xen/busy-" + k] = config("busy", k, disk=busy)
    for i in range(8):
        files["/etc/xen/many%d" % i] = config("many%d" % i, "6.1", memory=352)
    files.update(FILES)
    return files


@pytest.fixture(scope="module")
def dom0(tmp_path_factory):
    """A machine at dom0's shell, with disks, bridge and DHCP server.

    dom0 has one virtual CPU: xl ends hotplug scripts after 40 s, they fork
    some fifty times for each device, and with two on a busy host one waits
    for the other in each fork.
    """
    data = tmp_path_factory.mktemp("disks") / "data"
    with open(data, "wb") as f:
        f.truncate(DATA_MIB << 20)
    with machine.Machine(
            "e2e/guest-disks", files=dom0_files(), mem="4096",
            append="dom0_mem=768M dom0_max_vcpus=1", dom0="quiet rf.tools=wait",
            disks={"debian": DISK, "data": str(data)}) as m:
        m.expect("RINGFORT-TOOLS-UP")
        m.shell()
        fine(m, "disks && network && httpd -h /srv")
        m.free = free_memory(m)
        yield m
        assert not m.triple_fault()


class Console:
    """A guest's console, attached to on entry and left on exit.

    Its address is where it can be reached, once it is up.
    """

    def __init__(self, m, command):
        self.m, self.command = m, command

    def __enter__(self):
        self.m.send(self.command + "\n")
        return self

    def up(self, timeout=240):
        said = self.m.expect(UP, "(?:libxl: error|xenconsole:).*?[\r\n]",
                             timeout=timeout)
        address = said[1] if said.lastindex else pytest.fail(said[0])
        self.m.expect(PROMPT, timeout=timeout)
        return address

    def run(self, command, timeout=120):
        """The output of a command that has to succeed in the guest."""
        return fine(self.m, command, timeout=timeout).strip()

    def wake(self):
        self.m.send("\n")
        self.m.expect(PROMPT)

    def __exit__(self, kind, *_):
        self.m.send("\x1d")
        if kind is None:
            self.m.expect("dom0 [^ ]* # ")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def fetched(m, address, path, timeout=240):
    """The checksum of what m (dom0 or a guest) gets by HTTP."""
    got = fine(m, "busybox wget -q -O - http://%s%s | sha256sum" % (address, path),
               timeout=timeout)
    return got.split()[0]


def console_there(m, name):
    """xl console fails until xenconsoled has seen the guest."""
    until(m, "xenstore-exists /local/domain/$(xl domid %s)/console/tty" % name,
          seconds=60)


def shut_down(m, name):
    fine(m, "xl shutdown -w " + name, timeout=240)
    nothing_left(m)


@pytest.mark.parametrize("kernel", GUEST_KERNELS)
def test_debian_from_its_disk(tools, kernel):
    """Debian 12 whole: up, reachable, rebooted from inside, shut down."""
    m = tools
    fine(m, "xl create -p /etc/xen/debian-" + kernel, timeout=240)
    first = fine(m, "xl domid debian").strip()
    console_there(m, "debian")
    fine(m, "xl unpause debian")
    with Console(m, "xl console debian") as guest:
        address = guest.up()
        assert guest.run("cat /etc/debian_version").startswith("12.")
        with open(machine.kernel(kernel, "version")) as f:
            assert guest.run("uname -r") == f.read().strip()
        assert re.search(r"^/dev/xvda on / type ext4", guest.run("mount"),
                         re.M)
        assert guest.run("readlink /proc/1/exe").endswith("systemd")
        guest.run("mkdir -p /srv && seq 1 100000 >/srv/kept && sync")
        kept = guest.run("sha256sum </srv/kept").split()[0]
        assert fetched(m, "10.99.0.1", "/large") == sha256(
            FILES["/srv/large"])
        m.send("reboot\n")
    until(m, "xl domid debian 2>/dev/null | grep -qvx %s" % first, 240)
    console_there(m, "debian")
    with Console(m, "xl console debian") as guest:
        address = guest.up()
        assert guest.run("sha256sum </srv/kept").split()[0] == kept
    assert fetched(m, address, "/kept") == kept
    shut_down(m, "debian")


def test_grub(tools):
    """Debian's GRUB for PV guests boots the disk's own kernel."""
    m = tools
    with Console(m, "xl create -c /etc/xen/grub") as guest:
        m.expect("GNU GRUB|Booting|Debian GNU/Linux 12", timeout=120)
        guest.up()
        kernel = guest.run("readlink /vmlinuz")
        assert kernel == "boot/vmlinuz-" + guest.run("uname -r")
        assert guest.run("ls /guest 2>/dev/null || echo none") == "none"
    shut_down(m, "grub")


@pytest.mark.ours
def test_32_bit_kernel(tools):
    """Refused with a message, and nothing is left of it."""
    status, said = tools.run("xl create /etc/xen/grub 'disk=[]' "
                             "'kernel=\"/guest/grub32\"' 2>&1", timeout=240)
    assert status != 0
    assert re.search("32-bit|x86_32|guest type", said), said
    nothing_left(tools)


@pytest.mark.parametrize("kernel", GUEST_KERNELS)
def test_kernel(tools, kernel):
    """What a guest of each kernel writes, dom0 and it read back the same."""
    m = tools
    with Console(m, "xl create -c /etc/xen/data-" + kernel) as guest:
        address = guest.up()
        with open(machine.kernel(kernel, "version")) as f:
            assert guest.run("uname -r") == f.read().strip()
        assert fetched(m, "10.99.0.1", "/large") == sha256(
            FILES["/srv/large"])
        sums = {}
        for disk in "xvdb", "xvdc":
            guest.run("wget -q -O - http://10.99.0.1/large | "
                      "dd of=/dev/%s bs=64k seek=3 conv=fsync" % disk)
            guest.run("echo 3 >/proc/sys/vm/drop_caches")
            sums[disk] = guest.run("dd if=/dev/%s bs=64k count=128 skip=3 "
                                   "2>/dev/null | sha256sum" % disk).split()[0]
        guest.run("seq 1 50000 >/srv/numbers")
        numbers = guest.run("sha256sum </srv/numbers").split()[0]
    assert set(sums.values()) == {sha256(FILES["/srv/large"])}
    assert fetched(m, address, "/numbers") == numbers
    shut_down(m, "data")
    for place in "/dev/disk/data", "/guest/file":
        seen = fine(m, "echo 3 >/proc/sys/vm/drop_caches; dd if=%s bs=64k "
                    "count=128 skip=3 2>/dev/null | sha256sum" % place)
        assert seen.split()[0] == sha256(FILES["/srv/large"])


def test_two_guests_talk(tools):
    """Guests of different kernels send each other data by the bridge."""
    m = tools
    addresses = []
    for name, kernel in ("first", "6.1"), ("second", "6.12"):
        with Console(m, "xl create -c /etc/xen/data-%s 'name=\"%s\"' "
                     "'disk=[]'" % (kernel, name)) as guest:
            addresses.append(guest.up())
            guest.run("wget -q -O /srv/large http://10.99.0.1/large")
            if name == "second":
                assert fetched(m, addresses[0], "/large") == sha256(
                    FILES["/srv/large"])
    with Console(m, "xl console first") as guest:
        guest.wake()
        assert fetched(m, addresses[1], "/large") == sha256(
            FILES["/srv/large"])
    fine(m, "xl shutdown -w first", timeout=240)
    shut_down(m, "second")


# ------------------------------------------------- devices of a running guest

def there(guest, path):
    """Wait until the guest, whose console this is, has made a device."""
    until(guest.m, "[ -e %s ]" % path, seconds=60)


def gone(guest, path):
    until(guest.m, "[ ! -e %s ]" % path, seconds=60)


def attach_disk(m, guest_name, disk):
    name = disk.split(",")[1]
    fine(m, "xl block-attach %s %s" % (guest_name, disk), timeout=120)
    listed = fine(m, "xl block-list %s" % guest_name)
    assert len(listed.splitlines()) == 2, listed
    return name


def detach_disk(m, guest_name, name):
    fine(m, "xl block-detach %s %s" % (guest_name, name), timeout=120)
    assert fine(m, "xl block-list " + guest_name).split()[:1] == ["Vdev"]


@pytest.mark.parametrize("disk, place", [
    ("phy:/dev/disk/data,xvdb,w", "/dev/disk/data"),
    ("file:/guest/file,xvdc,w", "/guest/file"),
])
def test_disk_comes_and_goes(tools, disk, place):
    """Attached to a running guest, which writes to it; detached, dom0 reads
    that; attached again, so does the guest."""
    m = tools
    with Console(m, "xl create -c /etc/xen/plain") as guest:
        guest.up()
    name = attach_disk(m, "plain", disk)
    read = "dd if=/dev/%s bs=64k count=128 skip=5 2>/dev/null | sha256sum" % (
        name)
    with Console(m, "xl console plain") as guest:
        guest.wake()
        there(guest, "/dev/" + name)
        guest.run("wget -q -O - http://10.99.0.1/large | "
                  "dd of=/dev/%s bs=64k seek=5 conv=fsync" % name)
        guest.run("echo 3 >/proc/sys/vm/drop_caches")
        assert guest.run(read).split()[0] == sha256(FILES["/srv/large"])
    detach_disk(m, "plain", name)
    seen = fine(m, "echo 3 >/proc/sys/vm/drop_caches; dd if=%s bs=64k "
                "count=128 skip=5 2>/dev/null | sha256sum" % place)
    assert seen.split()[0] == sha256(FILES["/srv/large"])
    with Console(m, "xl console plain") as guest:
        guest.wake()
        gone(guest, "/dev/" + name)
    attach_disk(m, "plain", disk)
    with Console(m, "xl console plain") as guest:
        guest.wake()
        there(guest, "/dev/" + name)
        assert guest.run(read).split()[0] == sha256(FILES["/srv/large"])
    detach_disk(m, "plain", name)
    shut_down(m, "plain")


def test_interface_comes_and_goes(tools):
    """A second one, on a bridge of its own, so that what is sent by its
    address goes through it; then a third in its place."""
    m = tools
    fine(m, "brctl addbr xenbr1 && ip addr add 10.99.2.1/24 dev xenbr1 && "
         "ip link set xenbr1 up")
    with Console(m, "xl create -c /etc/xen/plain") as guest:
        address = guest.up()
        guest.run("wget -q -O /srv/large http://10.99.0.1/large")
    for _ in range(2):
        fine(m, "xl network-attach plain bridge=xenbr1", timeout=120)
        assert len(fine(m, "xl network-list plain").splitlines()) == 3
        with Console(m, "xl console plain") as guest:
            guest.wake()
            there(guest, "/sys/class/net/eth1")
            guest.run("ip addr add 10.99.2.2/24 dev eth1; ip link set eth1 up")
            assert fetched(m, "10.99.2.1", "/large") == sha256(
                FILES["/srv/large"])
            assert int(guest.run("cat /sys/class/net/eth1/statistics/rx_bytes"
                                 )) > len(FILES["/srv/large"])
        assert fetched(m, "10.99.2.2", "/large") == sha256(
            FILES["/srv/large"])
        fine(m, "xl network-detach plain 1", timeout=120)
        assert len(fine(m, "xl network-list plain").splitlines()) == 2
        until(m, "[ $(ls /sys/class/net | grep -c '^vif') = 1 ]", seconds=60)
        with Console(m, "xl console plain") as guest:
            guest.wake()
            gone(guest, "/sys/class/net/eth1")
    assert fetched(m, address, "/large") == sha256(FILES["/srv/large"])
    fine(m, "ip link set xenbr1 down; brctl delbr xenbr1")
    shut_down(m, "plain")


def test_eight_guests(tools):
    """Eight at once: each has memory, an address and a service."""
    m = tools
    for i in range(8):
        fine(m, "xl create /etc/xen/many%d" % i, timeout=240)
    assert len(states(m)) == 9
    addresses = []
    for i in range(8):
        console_there(m, "many%d" % i)
        with Console(m, "xl console many%d" % i) as guest:
            addresses.append(guest.up())
            guest.run("echo many%d >/srv/name" % i)
    assert len(set(addresses)) == 8
    for i, address in enumerate(addresses):
        assert fine(m, "wget -q -O - http://%s/name" % address).strip() == \
            "many%d" % i
    for i in range(8):
        fine(m, "xl shutdown many%d" % i)
    until(m, "[ $(xl list | wc -l) = 2 ]", seconds=240)
    nothing_left(m)


# ---------------------------------------------------------- destroyed at work

# What its console starts in a guest: writers of files and of blocks, readers
# of the network. The names are short, for so are the commands.
LOAD = {
    "files": "cp large m/$1$((i % 8)); sync m/$1$((i % 8)); "
             "mv m/$1$((i % 8)) m/last-$1",
    "blocks": "dd if=/dev/zero of=/dev/xvdc bs=64k count=200 oflag=direct",
    "fetch": "wget -q -O /dev/null http://10.99.0.1/large",
}
WITNESS = "wget -q -O - http://10.99.0.1/large | sha256sum >>/srv/sums"


def keeps_doing(guest, name, action, *words):
    """Start a script in the guest that repeats an action for ever."""
    guest.run("echo 'cd /srv; i=0; while i=$((i + 1)); do' >/%s" % name)
    guest.run("echo '%s' >>/%s; echo done >>/%s" % (action, name, name))
    for word in words or ("",):
        guest.run("(sh /%s %s >/dev/null 2>&1 &)" % (name, word))


def mounted(guest, recovered):
    """The guest's file system, and whether its journal was needed."""
    guest.run("modprobe ext4; mkdir -p /srv/m; dmesg -c >/dev/null")
    guest.run("mount -t ext4 /dev/xvda /srv/m")
    said = guest.run("dmesg | grep EXT4")
    assert ("recovery complete" in said) == recovered, said


def moves(m, path, column=1, at_least=256):
    """Wait until a counter, a word of a file in dom0, has grown."""
    number = "$(awk '{ print $%d }' %s)" % (column, path)
    was = int(fine(m, "echo " + number))
    until(m, "[ %s -ge %d ]" % (number, was + at_least), seconds=120)


def count_of_sums(m, witness):
    said = fine(m, "wget -q -O - http://%s/sums" % witness, timeout=240)
    lines = said.splitlines()
    assert {line.split()[0] for line in lines} == {
        sha256(FILES["/srv/large"])}
    return len(lines)


def destroyed_at_work(m, kernel, recovered):
    """A guest that writes files and blocks, sends and receives, ends."""
    with Console(m, "xl create -c /etc/xen/busy-" + kernel) as guest:
        address = guest.up()
        mounted(guest, recovered)
        guest.run("cd /srv; wget -q http://10.99.0.1/large")
        if not recovered:
            guest.run("seq 1 100000 >m/kept; sync")
        keeps_doing(guest, "files", LOAD["files"], "a", "b")
        keeps_doing(guest, "blocks", LOAD["blocks"])
        keeps_doing(guest, "fetch", LOAD["fetch"])
    fine(m, "(while wget -q -O /dev/null http://%s/large; do :; done &)"
         % address)
    domid = fine(m, "xl domid busy").strip()
    disk = fine(m, "readlink /dev/disk/debian").strip().split("/")[-1]
    for way in "rx", "tx":
        moves(m, "/sys/class/net/vif%s.0/statistics/%s_bytes" % (domid, way))
    for name in disk, "loop0":
        moves(m, "/sys/block/%s/stat" % name, column=7)
    fine(m, "xl destroy busy", timeout=120)
    m.run("killall wget")


def test_destroyed_at_work(tools):
    """A guest is destroyed with requests of its disks and its interface under
    way. Its neighbour does not notice, nothing stays mapped, all its memory
    is back, and the next guest finds the file system whole."""
    m = tools
    with Console(m, "xl create -c /etc/xen/plain") as guest:
        witness = guest.up()
        keeps_doing(guest, "sums", WITNESS + "; sleep 1")
    before = free_memory(m)
    seen = 0
    for kernel in "6.1", "7.2":
        destroyed_at_work(m, kernel, recovered=seen > 0)
        until(m, "[ $(xl list | wc -l) = 3 ]", seconds=60)
        until(m, "[ $(ls /sys/class/net | grep -c ^vif) = 1 ]", seconds=60)
        until(m, "[ ! -e /sys/block/loop0/loop/backing_file ]", seconds=60)
        until(m, "xl info | grep -q '^free_memory  *: %d$'" % before)
        audit(m)
        was, seen = seen, count_of_sums(m, witness)
        assert seen > was
    with Console(m, "xl create -c /etc/xen/busy-6.1") as guest:
        guest.up()
        mounted(guest, recovered=True)
        assert guest.run("seq 1 100000 | cmp - /srv/m/kept && echo same"
                         ) == "same"
        guest.run("mount -o remount,ro /srv/m; mount -o bind /dev /srv/m/dev")
        guest.run("chroot /srv/m /sbin/e2fsck -fn /dev/xvda", timeout=240)
    assert count_of_sums(m, witness) > seen
    fine(m, "xl shutdown -w busy", timeout=240)
    shut_down(m, "plain")
