#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our ACPI tables against QEMU's own, byte for byte, as TAP: acpi-of-qemu.py VNUMACTL.

Each shape is a definition. `vnumactl topology --qemu` says how to start QEMU with it; QEMU
runs its firmware in software emulation, without a guest system, and what the firmware has
put into memory is read over QMP. `vnumactl topology --acpi` says what should be there.
Then: what QEMU refuses, vnumactl has to refuse, too.

QEMU has x2APIC ids only on KVM: those shapes are passed over where it does not work.
"""
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

QEMU = shutil.which("qemu-system-x86_64")
DEADLINE_S = 60
SIGNATURES = ("SRAT", "SLIT", "HMAT")
MIB = 1 << 20


def definition(machine, vcpus, cells, topology="", behind="", before=""):
    """@cells: (vCPUs, MiB, what is in the element); @behind: in <numa>, behind them."""
    lines = "".join(f"<cell id='{i}'{f' cpus={chr(39)}{cpus}{chr(39)}' if cpus else ''} "
                    f"memory='{mib}' unit='MiB'>{inner}</cell>"
                    for i, (cpus, mib, inner) in enumerate(cells))
    return (f"<domain type='kvm'><name>shape</name>"
            f"<uuid>00000000-0000-0000-0000-000000000001</uuid>{before}"
            f"<vcpu>{vcpus}</vcpu><os><type machine='{machine}'>hvm</type></os>"
            f"<features><acpi/></features><cpu>{topology}<numa>{lines}{behind}</numa></cpu>"
            f"</domain>")


def topology(sockets, dies, cores, threads):
    return (f"<topology sockets='{sockets}' dies='{dies}' cores='{cores}' "
            f"threads='{threads}'/>")


def distances(*values):
    return "<distances>" + "".join(f"<sibling id='{i}' value='{value}'/>"
                                   for i, value in enumerate(values)) + "</distances>"


def links(*elements):
    """@elements: (kind, initiator, target, access, value, cache)"""
    return "<interconnects>" + "".join(
        f"<{kind} initiator='{a}' target='{b}' type='{access}' value='{value}'"
        + (" unit='MiB'" if kind == "bandwidth" else "")
        + (f" cache='{cache[0]}'" if cache else "") + "/>"
        for kind, a, b, access, value, *cache in elements) + "</interconnects>"


def cache(level, associativity, policy, kib, line):
    return (f"<cache level='{level}' associativity='{associativity}' policy='{policy}'>"
            f"<size value='{kib}' unit='KiB'/><line value='{line}' unit='B'/></cache>")


def hotplug(gib, slots):
    return f"<maxMemory slots='{slots}' unit='GiB'>{gib}</maxMemory>"


def even(machine, n_cells, vcpus_each, mib_each, **more):
    return definition(machine, n_cells * vcpus_each,
                      [(f"{i * vcpus_each}-{(i + 1) * vcpus_each - 1}", mib_each, "")
                       for i in range(n_cells)], **more)


def full_matrix(n_cells):
    """Every cell's distances, none like another."""
    return [distances(*(10 if i == j else 11 + (i * 7 + j * 13) % 240
                        for j in range(n_cells))) for i in range(n_cells)]


def triangle(n_cells):
    """libvirt takes a link between two cells in one direction only."""
    return links(*((kind, a, b, access, 10 * (1 + a + b) if kind == "latency" else
                    1024 * (n_cells + 1 - abs(a - b)))
                   for kind in ("latency", "bandwidth")
                   for access in ("access", "read", "write")
                   for a in range(n_cells) for b in range(a, n_cells)))


def shapes():
    both = (("latency", 0, 0, "access", 5), ("bandwidth", 0, 0, "access", 10240))
    yield "pc, 1 cell", even("pc", 1, 1, 128)
    yield "pc, 2 cells", even("pc", 2, 2, 256)
    yield "q35, 2 cells", even("q35", 2, 2, 256)
    yield "pc-q35-7.2, 3 cells", even("pc-q35-7.2", 3, 1, 100)
    yield "q35, 8 cells", even("q35", 8, 4, 64)
    yield "pc, 64 cells", even("pc", 64, 1, 16)
    yield "q35, 128 cells", even("q35", 128, 1, 8)
    yield "pc-q35-4.2", even("pc-q35-4.2", 2, 2, 1024)
    yield "pc-i440fx-2.4", even("pc-i440fx-2.4", 2, 2, 2048)
    yield "pc, all below the hole", even("pc", 1, 1, 3583)
    yield "pc, just too much for below the hole", even("pc", 1, 1, 3584)
    yield "pc, cells end at the hole", even("pc", 2, 1, 3072)
    yield "pc, the second cell has both sides", even("pc", 3, 1, 2048)
    yield "q35, all below the hole", even("q35", 1, 1, 2815)
    yield "q35, just too much for below the hole", even("q35", 1, 1, 2816)
    yield "q35, cells end at the hole", even("q35", 4, 1, 2048)
    yield "q35, the second cell has both sides", even("q35", 2, 1, 1536)
    yield "q35, much memory", even("q35", 8, 1, 32768)
    yield "cells of 1 MiB", definition("pc", 2, [("0", 1, ""), ("1", 1, ""), ("", 64, "")])
    yield "a cell without vCPUs", definition("q35", 2, [("0-1", 256, ""), ("", 512, "")])
    yield "the first cell without vCPUs", definition(
        "pc", 2, [("", 256, ""), ("0-1", 512, "")])
    yield "a cell without memory", definition(
        "q35", 4, [("0-1", 512, ""), ("2-3", 0, "")])
    yield "the first cell without memory", definition(
        "pc", 4, [("0-1", 0, ""), ("2-3", 4096, "")])
    yield "cells without vCPUs and without memory", definition(
        "q35", 3, [("0", 1024, ""), ("1", 0, ""), ("", 2048, ""), ("2", 0, "")])
    yield "memoryless cells around the hole", definition(
        "q35", 4, [("0", 2048, ""), ("1", 0, ""), ("2", 2048, ""), ("3", 0, "")])
    yield "a vCPU that no cell names", definition("q35", 3, [("1", 128, ""), ("2", 128, "")])
    yield "vCPUs of two cells take turns", definition(
        "q35", 8, [("0,2,4,6", 128, ""), ("1,3,5,7", 128, "")])
    yield "dies", even("q35", 2, 8, 128, topology=topology(2, 2, 2, 2))
    yield "threads", even("pc", 2, 4, 128, topology=topology(2, 1, 2, 2))
    yield "uneven topology", even("q35", 3, 10, 128, topology=topology(1, 3, 5, 2))
    yield "uneven topology, sockets", even("pc", 3, 6, 128, topology=topology(3, 1, 3, 2))
    yield "cells across sockets", even("q35", 3, 4, 128, topology=topology(2, 1, 6, 1))
    yield "255 vCPUs", even("q35", 5, 51, 128)
    yield "APIC ids that are not dense", even(
        "q35", 3, 33, 128, topology=topology(3, 1, 11, 3))
    yield "distances", definition(
        "q35", 2, [("0", 128, distances(10, 21)), ("1", 128, "")])
    yield "distances of a ring", definition(
        "pc", 4, [(str(i), 128, distances(*(10 + 10 * min((i - j) % 4, (j - i) % 4)
                                            + (1 if i != j else 0) for j in range(4))))
                  for i in range(4)])
    yield "asymmetric distances, 8 cells", definition(
        "q35", 8, [(str(i), 64, row) for i, row in enumerate(full_matrix(8))])
    yield "asymmetric distances, 64 cells", definition(
        "q35", 64, [(str(i), 8, row) for i, row in enumerate(full_matrix(64))])
    yield "unreachable", definition(
        "q35", 3, [("0", 64, distances(10, 255, 254)), ("1", 64, ""), ("2", 64, "")])
    yield "distances of 20 and 10: none told", definition(
        "q35", 2, [("0", 64, distances(10, 20)), ("1", 64, "")])
    yield "HMAT, latency and bandwidth", even("q35", 1, 2, 256, behind=links(*both))
    yield "HMAT, latency only", even("pc", 2, 2, 256, behind=links(
        ("latency", 0, 0, "access", 7), ("latency", 1, 1, "access", 7),
        ("latency", 0, 1, "access", 13)))
    yield "HMAT, bandwidth only, a cell without vCPUs", definition(
        "q35", 4, [("0-1", 64, ""), ("2-3", 64, ""), ("", 512, "")], behind=links(
            ("bandwidth", 0, 2, "access", 1024), ("bandwidth", 1, 2, "access", 4096)))
    yield "HMAT, a cell without initiator", definition(
        "q35", 1, [("0", 64, ""), ("", 64, "")], behind=links(*both))
    yield "HMAT, latency chooses the initiator", definition(
        "q35", 4, [("0-1", 64, ""), ("", 64, ""), ("2-3", 512, "")], behind=links(
            ("bandwidth", 0, 1, "access", 8192), ("latency", 0, 1, "read", 300),
            ("latency", 2, 1, "write", 200)))
    yield "HMAT, access, read and write, 4 cells", even("q35", 4, 2, 64, behind=triangle(4))
    yield "HMAT, 8 cells with distances", definition(
        "q35", 8, [(str(i), 64, row) for i, row in enumerate(full_matrix(8))],
        behind=triangle(8))
    yield "HMAT, units of figures of many sizes", even("q35", 3, 1, 64, behind=links(
        ("latency", 0, 0, "read", 100000), ("latency", 0, 1, "read", 64000000),
        ("latency", 0, 2, "read", 2000), ("bandwidth", 0, 0, "write", 65528),
        ("bandwidth", 0, 1, "write", 8), ("bandwidth", 0, 2, "write", 4096)))
    yield "HMAT, caches", definition("q35", 2, [
        ("0-1", 256, cache(1, "direct", "writeback", 10, 8)
         + cache(2, "full", "writethrough", 20, 64)
         + cache(3, "none", "none", 1048576, 65535)),
        ("", 256, cache(1, "none", "writeback", 4, 1))], behind=links(
            *both, ("latency", 0, 1, "access", 9), ("bandwidth", 0, 1, "access", 1),
            ("latency", 0, 0, "read", 2, 1), ("bandwidth", 0, 0, "read", 99, 2),
            ("latency", 0, 0, "access", 3, 3)))
    yield "memory for hot-plugging, below the hole", even(
        "q35", 2, 1, 256, before=hotplug(8, 4))
    yield "memory for hot-plugging, pc, both sides", even(
        "pc", 2, 1, 2500, before=hotplug(16, 16))
    yield "memory for hot-plugging, 256 slots, HMAT", definition(
        "q35", 1, [("0", 2048, distances(10, 40)), ("", 1025, "")],
        before=hotplug(33, 256), behind=links(*both, ("latency", 0, 1, "access", 90)))
    yield "q35, 1100 GiB, not AMD", even("q35", 2, 1, 550 * 1024)
    yield "286 vCPUs: x2APIC", even("q35", 2, 143, 128)
    yield "286 vCPUs in threads: x2APIC", even(
        "q35", 11, 26, 128, topology=topology(11, 1, 13, 2))


def refused():
    """What both refuse: a definition, and QEMU's arguments for what it asks."""
    def lb(kind, value, target=0, access="access"):
        return ["-numa", f"hmat-lb,initiator=0,target={target},hierarchy=memory,"
                         f"data-type={access}-{kind},{kind}={value}"]

    def side(level, size, line=1):
        return ["-numa", f"hmat-cache,node-id=0,size={size}K,level={level},"
                         f"associativity=none,policy=none,line={line}"]
    ram0 = ["-object", "memory-backend-ram,id=m0,size=64M"]
    ram1 = ["-object", "memory-backend-ram,id=m1,size=64M"]
    hmat = ["-machine", "q35,hmat=on", "-smp", "1", "-m", "64M", *ram0,
            "-numa", "node,cpus=0,memdev=m0"]
    hmat2 = ["-machine", "q35,hmat=on", "-smp", "1", "-m", "128M", *ram0, *ram1,
             "-numa", "node,cpus=0,memdev=m0", "-numa", "node,memdev=m1,initiator=0"]
    both = [*lb("latency", 5), *lb("bandwidth", "1G")]
    both_xml = (("latency", 0, 0, "access", 5), ("bandwidth", 0, 0, "access", 1024))
    one = [("0", 64, "")]
    two = [("0", 64, ""), ("", 64, "")]
    yield ("too many vCPUs for pc", definition("pc", 256, one),
           ["-machine", "pc", "-smp", "256"])
    yield ("too many vCPUs for q35", definition("q35", 289, one),
           ["-machine", "q35", "-smp", "289"])
    yield ("CPU topology of another size",
           definition("q35", 4, one, topology=topology(1, 1, 3, 1)),
           ["-machine", "q35", "-smp", "4,maxcpus=4,sockets=1,cores=3,threads=1"])
    yield ("129 cells", even("q35", 129, 1, 8),
           ["-machine", "q35", "-smp", "129", *(word for i in range(129)
                                               for word in ("-numa", f"node,cpus={i}"))])
    yield ("a vCPU in two cells", definition("q35", 1, [("0", 64, ""), ("0", 64, "")]),
           ["-machine", "q35", "-m", "128M", *ram0, *ram1, "-numa", "node,cpus=0,memdev=m0",
            "-numa", "node,cpus=0,memdev=m1"])
    yield ("a vCPU that is not there", definition("q35", 1, [("0-1", 64, "")]),
           ["-machine", "q35", "-m", "64M", *ram0, "-numa", "node,cpus=0-1,memdev=m0"])
    base = ["-machine", "q35", "-m", "128M", *ram0, *ram1, "-numa", "node,cpus=0,memdev=m0",
            "-numa", "node,memdev=m1", "-numa"]
    for value in (9, 256):
        yield (f"a distance of {value}",
               definition("q35", 1, [("0", 64, distances(10, value)), ("", 64, "")]),
               [*base, f"dist,src=0,dst=1,val={value}"])
    yield ("a distance of 11 to itself",
           definition("q35", 1, [("0", 64, distances(11, 20)), ("", 64, "")]),
           [*base, "dist,src=0,dst=0,val=11"])
    yield ("a distance to a cell that is not there",
           definition("q35", 1, [("0", 64, distances(10, 20, 30)), ("", 64, "")]),
           [*base, "dist,src=0,dst=2,val=30"])
    yield ("less memory at most than there is",
           definition("q35", 1, [("0", 2048, "")], before=hotplug(1, 1)),
           ["-machine", "q35", "-m", "2048M,slots=1,maxmem=1024M"])
    yield ("slots, but no memory for them",
           definition("q35", 1, [("0", 1024, "")], before=hotplug(1, 1)),
           ["-machine", "q35", "-m", "1024M,slots=1,maxmem=1024M"])
    yield ("257 slots", definition("q35", 1, one, before=hotplug(4, 257)),
           ["-machine", "q35", "-m", "64M,slots=257,maxmem=4G"])
    yield ("HMAT, an initiator without vCPUs",
           definition("q35", 1, two, behind=links(("latency", 1, 0, "access", 5))),
           [*hmat2, "-numa", "hmat-lb,initiator=1,target=0,hierarchy=memory,"
                             "data-type=access-latency,latency=5"])
    yield ("HMAT, a target that is not there",
           definition("q35", 1, one, behind=links(("latency", 0, 1, "access", 5))),
           [*hmat, *lb("latency", 5, target=2)])
    yield ("HMAT, a latency told twice",
           definition("q35", 1, one, behind=links(both_xml[0], both_xml[0])),
           [*hmat, *lb("latency", 5), *lb("latency", 5)])
    yield ("HMAT, bandwidth not in MiB",
           definition("q35", 1, one, behind=links(("bandwidth", 0, 0, "access", 1))
                      .replace("MiB", "KiB")),
           [*hmat, *lb("bandwidth", "1K")])
    yield ("HMAT, latencies too far apart",
           definition("q35", 1, two, behind=links(("latency", 0, 0, "access", 1),
                                                  ("latency", 0, 1, "access", 65535))),
           [*hmat2, *lb("latency", 1), *lb("latency", 65535, target=1)])
    yield ("HMAT, bandwidths too far apart",
           definition("q35", 1, two, behind=links(("bandwidth", 0, 0, "access", 65536),
                                                  ("bandwidth", 0, 1, "access", 1))),
           [*hmat2, *lb("bandwidth", "65536M"), *lb("bandwidth", "1M", target=1)])
    small = cache(1, "none", "none", 2, 1)
    yield ("HMAT, a cache before latency and bandwidth",
           definition("q35", 1, [("0", 64, small)]), [*hmat, *side(1, 2)])
    yield ("HMAT, a cache without the level below",
           definition("q35", 1, [("0", 64, cache(2, "none", "none", 2, 1))],
                      behind=links(*both_xml)), [*hmat, *both, *side(2, 2)])
    yield ("HMAT, a cache as small as the level below",
           definition("q35", 1, [("0", 64, small + cache(2, "none", "none", 2, 1))],
                      behind=links(*both_xml)), [*hmat, *both, *side(1, 2), *side(2, 2)])
    yield ("HMAT, a cache of level 4",
           definition("q35", 1, [("0", 64, cache(4, "none", "none", 2, 1))],
                      behind=links(*both_xml)), [*hmat, *both, *side(4, 2)])
    yield ("HMAT, a cache told twice",
           definition("q35", 1, [("0", 64, small + small)], behind=links(*both_xml)),
           [*hmat, *both, *side(1, 2), *side(1, 2)])
    yield ("HMAT, a cache line too long",
           definition("q35", 1, [("0", 64, cache(1, "none", "none", 2, 65536))],
                      behind=links(*both_xml)), [*hmat, *both, *side(1, 2, 65536)])


class Machine:
    """QEMU with its firmware running, and its QMP socket."""

    def __init__(self, folder, accel, arguments):
        self.folder = folder
        self.deadline = time.monotonic() + DEADLINE_S
        path = os.path.join(folder, "qmp")
        self.log = open(os.path.join(folder, "log"), "w+", encoding="utf-8")
        # It goes when this test is killed, too.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", QEMU, *arguments, "-nodefaults",
             "-no-user-config", "-display", "none", "-accel", accel,
             "-qmp", f"unix:{path},server=on,wait=off"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE_S)
        self.wait_for(lambda: self.socket.connect_ex(path) == 0)
        self.stream = self.socket.makefile("rw", encoding="utf-8")
        json.loads(self.stream.readline())
        self.call("qmp_capabilities")

    def wait_for(self, condition):
        while not condition():
            if self.process.poll() is not None or time.monotonic() > self.deadline:
                self.log.seek(0)
                raise RuntimeError(f"QEMU: {self.log.read().strip() or 'no answer'}")
            time.sleep(0.02)

    def call(self, command, **arguments):
        self.stream.write(json.dumps({"execute": command, "arguments": arguments}))
        self.stream.flush()
        while True:
            reply = json.loads(self.stream.readline())
            if "error" in reply:
                raise RuntimeError(f"QMP {command}: {reply['error']['desc']}")
            if "return" in reply:
                return reply["return"]

    def read(self, address, length):
        path = os.path.join(self.folder, "memory")
        self.call("pmemsave", val=address, size=length, filename=path)
        with open(path, "rb") as file:
            return file.read()

    def table(self, address):
        length = struct.unpack_from("<I", self.read(address, 8), 4)[0]
        table = self.read(address, length) if 36 <= length <= 4 * MIB else b""
        return table if table and sum(table) % 256 == 0 else None

    def tables(self):
        """By signature, when the firmware has them all in place; else None."""
        area = self.read(0xe0000, 0x20000)
        at = area.find(b"RSD PTR ")
        if at < 0 or sum(area[at:at + 20]) % 256:
            return None
        root = self.table(struct.unpack_from("<I", area, at + 16)[0])
        if not root or root[:4] != b"RSDT":
            return None
        found = {}
        for (address,) in struct.iter_unpack("<I", root[36:]):
            signature = self.read(address, 4)
            if signature.decode("latin-1") not in SIGNATURES:
                continue
            table = self.table(address)
            if not table:
                return None
            found[signature.decode()] = table
        return found

    def close(self):
        self.socket.close()
        self.process.kill()
        self.process.wait()
        self.log.close()


def vnumactl(*arguments):
    return subprocess.run([sys.argv[1], "topology", *arguments], capture_output=True,
                          text=True, check=False, timeout=DEADLINE_S)


def arguments_for_test(name, argv):
    """Memory that is never touched costs nothing; one vCPU is enough for the firmware."""
    if "not AMD" in name:
        yield from ("-cpu", "Skylake-Server,phys-bits=46")
    for option, value in zip(argv[::2], argv[1::2]):
        if option == "-object":
            value += ",reserve=off"
        if option == "-smp":
            value = "1," + value.split(",", 1)[1]
        yield from (option, value)


def compare(folder, name, xml, accel):
    """What is different, in words; None when all tables are equal."""
    path = os.path.join(folder, "shape.xml")
    ours = os.path.join(folder, "tables")
    with open(path, "w", encoding="utf-8") as file:
        file.write(xml)
    written = vnumactl("--acpi", ours, path)
    asked = vnumactl("--qemu", "--json", path)
    if written.returncode or asked.returncode:
        return written.stderr + asked.stderr
    machine = None
    try:
        machine = Machine(folder, accel, [*arguments_for_test(
            name, json.loads(asked.stdout)["arguments"])])
        found = {}
        machine.wait_for(lambda: found.update(machine.tables() or {}) or found)
    except (RuntimeError, OSError, ValueError) as error:
        return str(error)
    finally:
        if machine:
            machine.close()
    for signature in SIGNATURES:
        path = os.path.join(ours, signature)
        expected = open(path, "rb").read() if os.path.exists(path) else None
        if found.get(signature) != expected:
            at = next((i for i, (a, b) in enumerate(zip(found.get(signature) or b"",
                                                        expected or b"")) if a != b), None)
            return (f"{signature}: QEMU's has {len(found.get(signature) or b'')} bytes, "
                    f"ours {len(expected or b'')}; first difference at {at}")
    return None


def accepts(argv, accel="tcg"):
    """Whether QEMU starts with these arguments."""
    return subprocess.run(
        [QEMU, *argv, "-nodefaults", "-no-user-config", "-display", "none", "-accel", accel,
         "-S", "-monitor", "stdio"], input="quit\n", capture_output=True, text=True,
        check=False, timeout=DEADLINE_S).returncode == 0


def main():
    if not QEMU:
        print("1..0 # SKIP there is no qemu-system-x86_64")
        return 0
    results = []

    def report(name, wrong, skipped=""):
        results.append(wrong)
        suffix = f" # SKIP {skipped}" if skipped else ""
        print(f"{'not ' if wrong else ''}ok {len(results)} - {name}{suffix}", flush=True)
        for line in (wrong or "").splitlines():
            print(f"# {line}")

    kvm = accepts([], "kvm")
    for name, xml in shapes():
        accel = "kvm" if "x2APIC" in name else "tcg"
        if accel == "kvm" and not kvm:
            report(name, None, "QEMU has no x2APIC ids without KVM")
            continue
        with tempfile.TemporaryDirectory(prefix="vnumad-acpi-") as folder:
            report(name, compare(folder, name, xml, accel))
    for name, xml, argv in refused():
        with tempfile.TemporaryDirectory(prefix="vnumad-acpi-") as folder:
            path = os.path.join(folder, "shape.xml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(xml)
            ours = vnumactl("--qemu", path)
            wrong = None
            if ours.returncode != 1:
                wrong = "vnumactl does not refuse it"
            elif accepts(argv):
                wrong = f"QEMU takes it, vnumactl does not: {ours.stderr}"
            report(f"refused: {name}", wrong)
            print(f"# {ours.stderr.strip()}")
    print(f"1..{len(results)}")
    return 1 if any(results) else 0


if __name__ == "__main__":
    sys.exit(main())
