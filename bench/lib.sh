#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# lib.sh: what bench/move and bench/convergence share: the lab's functions, a guest's ranges,
# medians, and the results as JSON in /run/lab/out. Sourced in the lab.
# shellcheck source-path=SCRIPTDIR source=../tests/lab/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tests/lab/lib.sh"

bench_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${BUILD:-$bench_dir/../build}
# shellcheck disable=SC2034 # used where this is sourced
range_mover=$build/bench/range-mover alignment=$build/bench/alignment

# A guest's cells as "START-END=NODE" words: bench_parts PID NODE-OF-CELL-0 NODE-OF-CELL-1...
bench_parts()
{
    local pid=$1 address size
    shift
    while read -r address size; do
        (($#)) || break
        printf '%s-%x=%s ' "$address" $((16#$address + size)) "$1"
        shift
    done < <(lab_ram_vmas "$pid")
}

# The median of the numbers on standard input, one a line; "-" (never) is above all others.
bench_median()
{
    sort -g -t ' ' | awk '
        $1 == "-" { never++; next }
        { number[++n] = $1 }
        END {
            middle = int((n + never + 1) / 2)
            if (middle == 0 || middle > n) print "-"
            else if ((n + never) % 2 || middle + 1 > n) print number[middle]
            else print (number[middle] + number[middle + 1]) / 2
        }'
}

# Runs as a JSON list: the lines of a file, each "NAME VALUE...": bench_runs FILE NAME COLUMN
bench_runs()
{
    awk -v name="$2" -v column="$3" '
        $1 == name { list = list (list == "" ? "" : ", ") ($column == "-" ? "null" : $column) }
        END { print "[" list "]" }' "$1"
}

bench_column()
{
    awk -v name="$2" -v column="$3" '$1 == name { print $column }' "$1"
}

bench_null()
{
    [[ $1 == - ]] && echo null || echo "$1"
}
