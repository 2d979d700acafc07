#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""embed.py FILE NAME: prints C source that has the bytes of FILE as the array NAME."""
import sys


def main(path, name):
    with open(path, "rb") as source:
        data = source.read()
    print("/* SPDX-License-Identifier: GPL-2.0-only */")
    print(f"/* Made by embed.py of {path.rsplit('/', 1)[-1]}. */")
    print("#include <stddef.h>")
    print(f"extern const unsigned char {name}[];\nextern const size_t {name}_length;")
    # libbpf reads it as an ELF file, in place.
    print(f"_Alignas(8) const unsigned char {name}[] = {{")
    for start in range(0, len(data), 16):
        print(" ".join(f"{byte}," for byte in data[start:start + 16]))
    print(f"}};\nconst size_t {name}_length = sizeof({name});")


main(sys.argv[1], sys.argv[2])
