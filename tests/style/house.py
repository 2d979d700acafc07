#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The house rules that a program can check, as TAP: house.py SOURCE_ROOT.

Who may include whom (docs/ARCHITECTURE.md has the same table), which folder alone talks to
which outside library, and the size and shape of files and functions.
"""
import os
import re
import subprocess
import sys

MAY_INCLUDE = {
    "model": {"model"},
    "policies": {"policies", "model"},
    "host": {"host", "model"},
    "kvm": {"kvm", "model"},
    "qmp": {"qmp", "model"},
    "virt": {"virt", "model", "qmp"},
    "guest-topology": {"guest-topology", "model", "qmp"},
    "daemon": None,  # all they need
    "cli": None,
    "plugins": None,
}

# Header prefix -> folders that may include it.
OUTSIDE = {
    "numa": {"host"},
    "linux/mempolicy.h": {"host"},
    "json-c/": {"qmp"},
    "libvirt": {"virt"},
    "libxml/": {"guest-topology"},
    "bpf/": {"kvm"},
    "cairo": {"cli"},
    "linux/kvm.h": {"kvm"},
    "gio/": {"daemon", "cli", "plugins"},
    "systemd/": {"daemon"},
}

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 80
COLUMNS_MAX = 90
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
STRING = re.compile(r'\s*\{?"')  # a literal is not broken for its length
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)


def sources(root):
    listed = subprocess.run(["git", "-C", root, "ls-files", "*.c", "*.h"], text=True,
                            capture_output=True, check=False).stdout.split()
    return listed or [os.path.relpath(os.path.join(folder, name), root)
                      for top in MAY_INCLUDE if os.path.isdir(os.path.join(root, top))
                      for folder, _, names in os.walk(os.path.join(root, top))
                      for name in names if name.endswith((".c", ".h"))]


def wrong_includes(path, text):
    folder = path.split("/")[0]
    if folder not in MAY_INCLUDE:
        return
    allowed = MAY_INCLUDE[folder]
    for quote, name in INCLUDE.findall(text):
        if quote == '"':
            if "/" not in name:
                yield f'"{name}" is not folder-qualified'
            elif allowed is not None and name.split("/")[0] not in allowed:
                yield f'{folder}/ must not include "{name}"'
            continue
        for prefix, folders in OUTSIDE.items():
            if name.startswith(prefix) and folder not in folders:
                yield f"{folder}/ must not include <{name}>"
    if "json-c/" in text and not path.startswith("qmp/json"):
        yield "json-c's only door is qmp/json.h"


def wrong_shape(path, text):
    lines = text.split("\n")
    if "SPDX-License-Identifier:" not in lines[0]:
        yield "its first line is not the SPDX line"
    if not "\n".join(lines[1:2]).startswith("/*"):
        yield "it does not open with a comment on what it is for"
    if len(lines) > FILE_LINES_MAX + 1:
        yield f"{len(lines) - 1} lines; {FILE_LINES_MAX} at most"
    opened = 0
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX and not STRING.match(line):
            yield f"line {number}: {len(line)} columns; {COLUMNS_MAX} at most"
        if "\t" in line:
            yield f"line {number}: a tab"
        if UNFINISHED.search(line):
            yield f"line {number}: a mark of unfinished work"
        if re.match(r"\s*goto\b", line):
            yield f"line {number}: goto"
        if line.startswith("{"):
            opened = number
        elif line.startswith("}") and opened:
            if number - opened - 1 > FUNCTION_LINES_MAX:
                yield f"line {opened}: a function of {number - opened - 1} lines"
            opened = 0


def report(number, name, complaints):
    print(f"{'not ' if complaints else ''}ok {number} - {name}")
    for complaint in complaints:
        print(f"# {complaint}")


def main(root):
    files = []
    for path in sources(root):
        with open(os.path.join(root, path), encoding="utf-8") as source:
            files.append((path, source.read()))
    checks = [("every include is allowed", wrong_includes), ("shape", wrong_shape)]
    print(f"1..{len(checks) + 1}")
    report(1, "there are sources", [] if len(files) > 20 else ["found too few"])
    for number, (name, check) in enumerate(checks, 2):
        report(number, name, [f"{path}: {complaint}" for path, text in files
                              for complaint in check(path, text)])


main(sys.argv[1])
