# SPDX-License-Identifier: MIT
"""Kernel and hypervisor images, taken apart and changed.

What the stories need of a bzImage (the protocol is in the kernel's
Documentation/arch/x86/boot.rst) and of Xen's ELF notes, which tell how a
kernel wants to be started.
"""

import gzip
import lzma
import struct
import subprocess

MULTIBOOT1 = struct.pack("<I", 0x1badb002)
NOTE_ENTRY = 1      # XEN_ELFNOTE_ENTRY
NOTE_VIRT_BASE = 3  # XEN_ELFNOTE_VIRT_BASE


def read(path):
    with open(path, "rb") as f:
        return f.read()


def _payload_span(bzimage):
    """Where the compressed kernel lies in a bzImage: (offset, length)."""
    setup = (bzimage[0x1f1] + 1) * 512
    offset, length = struct.unpack_from("<II", bzimage, 0x248)
    return setup + offset, length


def _filter(program, data):
    return subprocess.run(program, input=data, stdout=subprocess.PIPE,
                          check=True).stdout


def vmlinux(bzimage):
    """The ELF file in a bzImage. All but gzip add its size in 4 bytes."""
    offset, length = _payload_span(bzimage)
    payload = bzimage[offset:offset + length]
    if payload.startswith(b"\x1f\x8b"):
        return gzip.decompress(payload)
    if payload.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        return _filter(["zstd", "-dc"], payload[:-4])
    if payload.startswith(b"\x02\x21\x4c\x18"):
        return _filter(["lz4", "-dc"], payload[:-4])
    raise ValueError("payload of an unknown format")


def compress(elf, how):
    """A payload of elf, as a kernel's own build makes it."""
    size = struct.pack("<I", len(elf))
    if how == "gzip":
        return gzip.compress(elf, 1)
    if how == "lz4":
        return _filter(["lz4", "-l", "-1", "-qc"], elf) + size
    if how == "xz":
        return lzma.compress(elf, check=lzma.CHECK_CRC32) + size
    if how == "lzma":
        return lzma.compress(elf, format=lzma.FORMAT_ALONE) + size
    if how == "zstd":
        return _filter(["zstd", "-qc"], elf) + size
    raise ValueError(how)


def with_payload(bzimage, payload):
    """The bzImage with another payload, put at its end."""
    setup = (bzimage[0x1f1] + 1) * 512
    out = bytearray(bzimage + bytes(-len(bzimage) % 16) + payload)
    out += bytes(-len(out) % 16)
    struct.pack_into("<II", out, 0x248,
                     len(out) - len(payload) - (-len(payload) % 16) - setup,
                     len(payload))
    struct.pack_into("<I", out, 0x1f4, (len(out) - setup) // 16)
    return bytes(out)


def packed(elf, how, bzimage):
    """A small bzImage of elf, with the start of another for its own."""
    setup = (bzimage[0x1f1] + 1) * 512
    return with_payload(bzimage[:setup], compress(elf, how))


def corrupt_payload(bzimage):
    """The bzImage with 4 KiB in the middle of its payload overwritten."""
    offset, length = _payload_span(bzimage)
    middle = offset + length // 2
    return bzimage[:middle] + b"\xa5" * 4096 + bzimage[middle + 4096:]


def xen_notes(elf):
    """Xen's ELF notes: {type: (offset of the note, its contents)}."""
    phoff, = struct.unpack_from("<Q", elf, 0x20)
    phentsize, phnum = struct.unpack_from("<HH", elf, 0x36)
    notes = {}
    for i in range(phnum):
        kind, _, at, _, _, size = struct.unpack_from(
            "<IIQQQQ", elf, phoff + i * phentsize)
        end = at + size
        while kind == 4 and at < end:
            name, content, number = struct.unpack_from("<III", elf, at)
            start = at + 12 + (name + 3) // 4 * 4
            if elf[at + 12:at + 16] == b"Xen\0":
                notes[number] = (at, elf[start:start + content])
            at = start + (content + 3) // 4 * 4
    return notes


def without_xen_notes(elf):
    """The kernel as one built without CONFIG_XEN_PV would look."""
    out = bytearray(elf)
    for at, _ in xen_notes(elf).values():
        out[at + 12:at + 16] = b"Nix\0"
    return bytes(out)


def with_entry_code(elf, code):
    """The kernel with its first instructions under Xen replaced."""
    entry, = struct.unpack("<Q", xen_notes(elf)[NOTE_ENTRY][1])
    phoff, = struct.unpack_from("<Q", elf, 0x20)
    phentsize, phnum = struct.unpack_from("<HH", elf, 0x36)
    for i in range(phnum):
        kind, _, offset, vaddr, _, size = struct.unpack_from(
            "<IIQQQQ", elf, phoff + i * phentsize)
        if kind == 1 and vaddr <= entry < vaddr + size:
            at = offset + entry - vaddr
            return elf[:at] + code + elf[at + len(code):]
    raise ValueError("the entry point is in no segment")


def without_multiboot1(hv):
    """The hypervisor's image with no multiboot-1 header to be found.

    QEMU then looks for the PVH note; a loader searches the first 8 KiB.
    """
    return hv[:8192].replace(MULTIBOOT1, bytes(4)) + hv[8192:]
