#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-accesses.sh BUILD_FOLDER [follow]: vnumad sees what a real guest's vCPUs access, inside the
# two-node lab, and follows: pins go where the memory is, or memory where the vCPUs are, whichever
# is allowed and cheaper; a guest that is killed within a window ends well. With "follow" only the
# guest's part of it, once. TAP.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=daemon.sh
. "$lab_dir/daemon.sh"
lab_use_build "$1"
# Attached before there are guests, and as few windows as will do (README.md, "Limits").
lab_vnumad_sampling=on-request
out=${LAB_OUT:-/run/lab/out}
mkdir -p "$out"

look()
{
    vnumactl --json sample db1 --seconds 1 >"$out/sample.json"
}

# locality OPERATOR RATIO: what `list` says of the first guest; none is neither more nor less.
locality()
{
    awk -v is="$(lab_ask guests.0.locality_ratio list)" -v than="$2" "BEGIN {
        print \"locality \" is
        exit !(is != \"null\" && is != \"\" && is + 0 $1 than + 0) }" || {
        vnumactl show db1
        return 1
    }
}

# planned KIND N: the plan has N steps, all of this kind, after a few more looks at most.
planned()
{
    for _ in 1 2 3 4; do
        ! plan_is "$@" || return 0
        look
    done
    vnumactl plan db1
    return 1
}

plan_is()
{
    local kinds
    kinds=$(vnumactl --json plan db1 |
        python3 -c 'import json, sys; print(*[s["kind"] for s in json.load(sys.stdin)["steps"]])')
    [[ $kinds == "$(yes "$1" | head -n "$2" | xargs)" ]]
}

# sampled FILE: both vCPUs were seen, each with a good part of the accesses.
sampled()
{
    python3 - "$1" <<'END'
import json, sys
sample = json.load(open(sys.argv[1]))
seen = {vcpu["id"]: vcpu["accesses"] for vcpu in sample["vcpus"]}
print({key: sample[key] for key in ("source", "source_reason", "duration_seconds", "accesses_total", "lost",
                                    "overhead_ratio", "locality_ratio", "remote_cost", "confidence_ratio")}, seen)
sys.exit(not (set(seen) == {0, 1} and min(seen.values()) > 100))
END
}

# So little memory that a window of a second sees all of it, also in emulation.
test_seen()
{
    check "a guest starts" lab_guest_start db1 --cell-mb 192,256 --policy align \
        --job vcpu=0,cell=0,mb=16,rate=100 --job vcpu=1,cell=1,mb=16,rate=100
    check "is ready" lab_guest_wait_ready db1 180
    check "its cells lie on a node each" lab_place db1 0 1
    check "vnumad pins its vCPUs there" vnumactl rebalance db1 --wait
    check "its accesses are looked at" look
    check "both vCPUs' are seen" sampled "$out/sample.json"
    diag "$(sampled "$out/sample.json")"
    check "and are local" locality '>' 0.8
    check "show says how it was looked at" bash -c "vnumactl show db1 | grep -E '^Sampling +dirty-log'"
}

test_repin()
{
    check "the vCPUs access each other's memory now" lab_guest_ask db1 swap
    check "as the pins are vnumad's own, they are what is to change" planned pin-vcpu 2
    check "locality has fallen" locality '<' 0.4
    check_says "verify finds it" "lies on another host node than they run on" vnumactl verify db1
    check "a rebalance does it" vnumactl rebalance db1 --wait
    check "and the accesses are local again" locality '>' 0.6
    check "nothing more is planned" planned '' 0
}

# Pins that somebody else made stay, so memory moves.
test_exchange()
{
    local vcpu
    for vcpu in 0 1; do
        virsh -q vcpupin db1 $vcpu "$(lab_node_cpus $((1 - vcpu)) | grep -oE '^[0-9]+')" --live
    done
    check "the vCPUs access each other's memory again" lab_guest_ask db1 swap
    check "as the pins are not vnumad's, the memory is to move" planned move-memory 2
    check "a rebalance does it" vnumactl rebalance db1 --wait
    check "and the accesses are local again" locality '>' 0.6
    check "nothing more is planned" planned '' 0
    check "the memory is what was written" lab_guest_verify db1
}

test_shown()
{
    check "the heat map is text" bash -c "vnumactl heatmap db1 >$out/heatmap.txt"
    check "JSON" bash -c "vnumactl --json heatmap db1 --time >$out/heatmap.json"
    check "and pictures" vnumactl heatmap db1 --svg "$out/heatmap.svg" --png "$out/heatmap.png"
    diag "$(head -n 12 "$out/heatmap.txt")"
}

is_looked_at()
{
    vnumactl show db1 | grep -q 'a window is open'
}

test_killed()
{
    local asked status
    vnumactl sample db1 --seconds 20 >"$out/killed" 2>&1 &
    asked=$!
    check "within a window" lab_wait 30 "a window" is_looked_at
    check "QEMU is killed" kill -KILL "$(lab_guest_pid db1)"
    wait "$asked"
    status=$?
    check "who asked gets an error" test "$status" = 1
    check "that names the guest" grep -qE 'guest db1: ' "$out/killed"
    diag "$(cat "$out/killed")"
    check_says "vnumad goes on" 'guest db1: it does not run' vnumactl sample db1
}

# The guest's part, with a file when it has ended by itself, which the emulation does to some.
follow()
{
    rm -f "$out/ended"
    echo 0 >/proc/sys/kernel/numa_balancing
    test_seen
    test_repin
    test_exchange
    test_shown
    lab_guest_pid db1 >/dev/null 2>&1 || : >"$out/ended"
    [[ -e $out/ended ]] || test_killed
    lab_guest_stop db1
    done_testing
}

cleanup()
{
    lab_vnumad_is_over || lab_vnumad_stop
    lab_guest_stop db1
}

if [[ ${2:-} == follow ]]; then
    follow
    exit
fi
trap cleanup EXIT
check "vnumad starts before there are guests" lab_vnumad_start --bus system
for attempt in 1 2 3; do
    "$0" "$1" follow >"$out/points" 2>&1
    [[ -e $out/ended && $attempt != 3 ]] || break
    diag "the guest ended by itself: once more"
done
tap_run followed cat "$out/points"
check "vnumad stops" lab_vnumad_stop
done_testing
