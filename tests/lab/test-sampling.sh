#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-sampling.sh BUILD_FOLDER: who accesses what, seen by kvm/sampler.h on real guests, inside
# the two-node lab (LAB_THREAD=single: README.md, "Limits"). The workload is the witness: each
# vCPU visits pages of its own, and says where these are. TAP.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

sample=$1/tests/kvm/sample
measure=$1/tests/virt/measure
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# pieces MB MB: the RAM of two cells of a machine without a hole, for sample.
pieces()
{
    echo "0x0+0xa0000 0xc0000+0x40000 0x100000+$((($1 << 20) - 0x100000)) $(($1 << 20))+$(($2 << 20))"
}

# frames NAME: "REGION GRANULE" of all granules that are wholly a region's: in others the
# guest's kernel has pages, too, which any vCPU may touch.
frames()
{
    local name=$1 offset region
    offset=$(stat -c %s "$(lab_guest_log "$name")")
    for region in 0 1; do
        lab_guest_ask "$name" "pages region=$region" >/dev/null || return 1
    done
    tail -c "+$((offset + 1))" "$(lab_guest_log "$name")" | tr -d '\r' |
        sed -n 's/^WORKLOAD FRAMES region=\([0-9]*\) page=[0-9]* pages=\([0-9]*\) gpa=\(.*\)/\1 \2 \3/p' |
        while read -r region pages gpa; do
            echo "$region $((gpa >> 12)) $pages"
        done | awk '
        {
            for (page = $2; page < $2 + $3; page++) pages[$1 " " int(page / 512)]++
        }
        END { for (granule in pages) if (pages[granule] == 512) print granule }' >"$work/frames"
    test -s "$work/frames"
}

diag_frames()
{
    diag "granules that are wholly a region's: $(cut -d ' ' -f 1 "$work/frames" | sort | uniq -c | xargs)"
}

# One sampler for all, as in a daemon: attached before the first guest, detached after the last.
start_sampler()
{
    mkfifo "$work/orders"
    "$sample" <"$work/orders" >"$work/answers" 2>&1 &
    exec {orders}>"$work/orders"
    lab_wait 120 "the sampler" grep -q '^ready' "$work/answers"
}

stop_sampler()
{
    exec {orders}>&-
    wait
}

# window NAME SOURCE MILLISECONDS PIECES [COMMAND...]: one window, the command within it; its
# lines are in $work/window. Fails when it does, or the command.
window()
{
    local name=$1 source=$2 milliseconds=$3 memory=$4 pid offset result=0
    shift 4
    pid=$(lab_guest_pid "$name") || return 1
    offset=$(stat -c %s "$work/answers")
    echo "$pid 2 $source $milliseconds $memory" >&"$orders"
    if (($#)); then
        lab_wait 60 "the window to open" said "$offset" '^(open|end)' && "$@" || result=1
    fi
    lab_wait 120 "the window to end" said "$offset" '^end' || result=1
    tail -c "+$((offset + 1))" "$work/answers" >"$work/window"
    grep -q '^end$' "$work/window" && return "$result"
    tail -n 1 "$work/window"
    tail -n 5 "/var/log/libvirt/qemu/$name.log"
    tail -n 5 "$(lab_guest_log "$name")"
    return 1
}

said()
{
    tail -c "+$(($1 + 1))" "$work/answers" | grep -Eq "$2"
}

# logging NAME SECONDS bitmap|ring: has the dirty log switched on, by virt/dirty-rate.h.
logging()
{
    timeout -k 5 100 "$measure" "$(virsh domuuid "$1" | head -n 1)" "$2" "$3" >"$work/measured"
}

# judge KIND REGION...: of the window's accesses: how many in all; of those to granules that are
# wholly one of these regions': how many, and the percentage that name the vCPU whose region it
# is, and this kind; and the percentage of these granules that were found so.
judge()
{
    local kind=$1
    shift
    awk -v kind="$kind" -v regions=" $* " '
        NR == FNR { if (index(regions, " " $1 " ")) { owner[$2] = $1; granules++ }; next }
        $1 == "count" {
            all += $5
            if (!($2 in owner)) next
            inside += $5
            if (owner[$2] == $3 && $4 == kind) { right += $5; found[$2] = 1 }
        }
        END {
            for (granule in found) seen++
            printf "all=%d inside=%d right=%.2f found=%.2f\n", all, inside,
                inside ? 100 * right / inside : 0, granules ? 100 * seen / granules : 0
        }' "$work/frames" "$work/window"
}

# good KIND REGION...: 99 % of the accesses are right, 95 % of the granules are found.
good()
{
    judge "$@" | tr ' ' '\n' | awk -F= '
        { value[$1] = $2 }
        END { exit !(value["inside"] > 0 && value["right"] >= 99 && value["found"] >= 95) }' ||
        { judge "$@"; tail -n 2 "$work/window"; return 1; }
}

report()
{
    diag "$1: $(judge "${@:2}"); $(grep '^cost' "$work/window")"
    cp "$work/frames" "/run/lab/out/$1.frames"
    cp "$work/window" "/run/lab/out/$1.window"
}

cost()
{
    sed -n "s/^cost.* $1=\([0-9]*\).*/\1/p" "$work/window"
}

test_dirty_log()
{
    check "a guest that writes, each vCPU in its own cell" lab_guest_start db1 \
        --cell-mb 144 --pin "0=$(lab_node_cpus 0)" --pin "1=$(lab_node_cpus 1)" \
        --workload '--scrub 0' --job vcpu=0,cell=0,mb=40,rate=20 \
        --job vcpu=1,cell=1,mb=40,rate=20 || return 1
    check "it has filled its memory" lab_guest_wait_ready db1 300
    check "it says where its pages are" frames db1
    diag_frames
    check "a window of the dirty log" window db1 dirty-log 8000 "$(pieces 144 144)" \
        logging db1 3 bitmap
    report dirty-log write 0 1
    check "vCPU and granule of its writes are right" good write 0 1
    diag "$(grep '^slot' "$work/window")"
    diag "$(<"$work/measured")"
    check "who measures meanwhile is told to wait" grep -q '^second: busy: guest db1' "$work/measured"
    check "and the first measures" grep -q '^state=2 mb_per_second=[1-9]' "$work/measured"
    check "KVM's slots are as its cells are mapped" slots_are_right db1 144
    check "without the log on nothing is seen" window db1 dirty-log 1500 ""
    check "indeed nothing" test -z "$(grep '^count' "$work/window")"
}

# slots_are_right NAME MB: the slot of the second cell lies where the second mapping does.
slots_are_right()
{
    local pid address
    pid=$(lab_guest_pid "$1")
    address=$(lab_ram_vmas "$pid" | sed -n '2s/ .*//p')
    grep -qi "^slot [0-9]* $(printf '%#x' $(($2 << 20))) $(($2 << 20)) $address$" "$work/window" || {
        lab_ram_vmas "$pid"
        return 1
    }
}

test_refault()
{
    check "its second vCPU reads only" lab_guest_ask db1 "set job=1 access=read"
    check "a window of refaults" window db1 refault 8000 "$(pieces 144 144)"
    report refault read 1
    check "what is only read is found, and who reads it" good read 1
    check "it has cost as many faults as it says" test "$(cost faults)" -gt 0
    check "its memory is still right" lab_guest_verify db1
}

test_ends()
{
    check_fails "a guest that ends within a window" window db1 dirty-log 5000 "" \
        virsh -q destroy db1
    check "says so" grep -q '^end: .*it ended within the window' "$work/window"
    lab_guest_stop db1
}

refused()
{
    local pid
    pid=$(lab_guest_pid ring1) && echo "$pid 2 none 1" |
        setpriv --bounding-set -sys_admin,-bpf,-perfmon "$sample"
}

test_ring()
{
    check "a guest with dirty rings" lab_guest_start ring1 --dirty-ring 4096 \
        --cell-mb 144,192 --pin "0=$(lab_node_cpus 0)" --pin "1=$(lab_node_cpus 1)" \
        --workload '--scrub 0' --job vcpu=0,cell=0,mb=40,rate=10 \
        --job vcpu=1,cell=1,mb=100,rate=20 || return 1
    check "it has filled its memory" lab_guest_wait_ready ring1 300
    check "it says where its pages are" frames ring1
    diag_frames
    check "a window of its rings" window ring1 dirty-ring 16000 "$(pieces 144 192)" \
        logging ring1 12 ring
    report dirty-ring write 0 1
    diag "$(grep '^slot' "$work/window")"
    check "vCPU and granule of its writes are right" good write 0 1
    check "each vCPU's rate is measured" grep -q 'vcpu0=[1-9].* vcpu1=[1-9]' "$work/measured" ||
        diag "$(<"$work/measured")"
    check "a window of its dirty log by BPF" window ring1 dirty-log 16000 "$(pieces 144 192)" \
        logging ring1 12 ring
    report dirty-log-with-rings write 0 1
    diag "$(grep '^slot' "$work/window")"
    check "vCPU and granule are right there, too" good write 0 1
    refused >"$work/refused" 2>&1
    diag "$(cat "$work/refused")"
    check "where BPF is refused it says why" grep -q '^cannot dirty-log: no right' "$work/refused"
    check "and the rings are still there" grep -q '^can dirty-ring' "$work/refused"
    lab_guest_stop ring1
}

start_sampler
check "programs are attached" test "$(<"$work/answers")" = ready
diag "$(cat "$work/answers")"
test_dirty_log
test_refault
test_ends
test_ring
stop_sampler
done_testing
