#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# record-host: a recording, unpacked and recorded again, is the same, by way of a directory
# and of an archive; and a recording that leads out of its tree is refused.
set -euo pipefail

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for recording in "$tests"/data/hosts/{small-vm,lab-four-nodes}.host; do
    rm -rf "${work:?}"/*
    "$tests/record-host" --unpack "$recording" "$work/tree"
    "$tests/record-host" --root "$work/tree" "$work/again.tar.xz"
    mkdir "$work/archive"
    tar -C "$work/archive" -xJf "$work/again.tar.xz"
    "$tests/record-host" --root "$work/archive" "$work/copy"
    "$tests/record-host" --root "$work/copy" "$work/again.host"
    # The first line says where and when.
    diff <(tail -n +2 "$recording") <(tail -n +2 "$work/again.host")
done

for path in /etc/out ../out sys/../../out; do
    printf '@ %s\nx\n' "$path" >"$work/bad.host"
    if "$tests/record-host" --unpack "$work/bad.host" "$work/bad" 2>/dev/null; then
        echo "$path was unpacked" >&2
        exit 1
    fi
done
