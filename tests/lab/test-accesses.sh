#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-accesses.sh BUILD_FOLDER: vnumad sees what a real guest's vCPUs access, inside the
# two-node lab, and follows: pins go where the memory is, or memory where the vCPUs are,
# whichever is allowed and cheaper; and what happens to a guest within a window ends well. TAP.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=daemon.sh
. "$lab_dir/daemon.sh"
lab_use_build "$1"
lab_vnumad_sampling=auto
out=/run/lab/out
mkdir -p "$out"

# locality OPERATOR RATIO: what `list` says of the first guest is so, within two minutes.
locality()
{
    lab_wait 120 "a locality $1 $2" locality_is "$@" || {
        vnumactl show db1
        return 1
    }
}

# None is neither more nor less.
locality_is()
{
    awk -v is="$(lab_ask guests.0.locality_ratio list)" -v than="$2" \
        "BEGIN { exit !(is != \"null\" && is != \"\" && is + 0 $1 than + 0) }"
}

# planned KIND N: the plan has N steps, all of this kind, within two minutes.
planned()
{
    lab_wait 120 "a plan of $2 $1" plan_is "$@" >/dev/null || {
        vnumactl plan db1
        return 1
    }
}

plan_is()
{
    local kinds
    kinds=$(vnumactl --json plan db1 |
        python3 -c 'import json, sys; print(*[s["kind"] for s in json.load(sys.stdin)["steps"]])')
    [[ $kinds == "$(yes "$1" | head -n "$2" | xargs)" ]]
}

# says PATTERN COMMAND...: the command fails, with a line on standard error that matches.
says()
{
    local pattern=$1 text
    shift
    if text=$("$@" 2>&1 >/dev/null); then
        echo "it did not fail" >&2
        return 1
    fi
    grep -qE "$pattern" <<<"$text" || {
        echo "it said: $text" >&2
        return 1
    }
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

test_seen()
{
    check "vnumad starts before there are guests" lab_vnumad_start --bus system
    # So little that a window of a second sees all of it, also in emulation.
    check "a guest starts" lab_guest_start db1 --cell-mb 192,256 --policy align \
        --job vcpu=0,cell=0,mb=16,rate=100 --job vcpu=1,cell=1,mb=16,rate=100
    check "is ready" lab_guest_wait_ready db1 180
    check "its cells lie on a node each" lab_place db1 0 1
    check "vnumad pins its vCPUs there" vnumactl rebalance db1 --wait
    check "an access is seen on request" bash -c "vnumactl --json sample db1 --seconds 2 >$out/sample.json"
    check "of both vCPUs" sampled "$out/sample.json"
    diag "$(sampled "$out/sample.json")"
    check "and most is local" locality '>' 0.9
    check "show says how it is looked at" bash -c "vnumactl show db1 | grep -E '^Sampling +dirty-log, every'"
}

test_repin()
{
    check "the vCPUs access each other's memory now" lab_guest_ask db1 swap
    check "that is seen" locality '<' 0.3
    check "verify finds it" says "accesses|not all is as it should be" vnumactl verify db1
    check "as the pins are our own, they are what is changed" planned pin-vcpu 2
    check "a rebalance does it" vnumactl rebalance db1 --wait
    check "all is local again" locality '>' 0.9
    check "nothing more is planned" planned '' 0
    check "the memory is what was written" lab_guest_verify db1
}

# Pins that somebody else made stay, so memory moves.
test_exchange()
{
    local cpu
    for cpu in 0 1; do
        virsh -q vcpupin db1 $((1 - cpu)) "$(lab_node_cpus "$cpu" | grep -oE '^[0-9]+')" --live
    done
    check "the vCPUs access each other's memory again" lab_guest_ask db1 swap
    check "that is seen" locality '<' 0.3
    check "as the pins are not ours, the memory is to move" planned move-memory 2
    check "a rebalance does it" vnumactl rebalance db1 --wait
    check "all is local again" locality '>' 0.9
    check "nothing more is planned" planned '' 0
    check "the memory is what was written" lab_guest_verify db1
}

test_shown()
{
    check "the heat map is text" bash -c "vnumactl heatmap db1 >$out/heatmap.txt"
    check "JSON" bash -c "vnumactl --json heatmap db1 --time >$out/heatmap.json"
    check "and pictures" vnumactl heatmap db1 --svg "$out/heatmap.svg" --png "$out/heatmap.png"
    diag "$(head -n 30 "$out/heatmap.txt")"
}

# within SECONDS COMMAND...: asks for a window of 20 s, and runs the command in the middle of it.
within()
{
    vnumactl sample db1 --seconds 20 >"$out/within" 2>&1 &
    asked=$!
    lab_wait 30 "a window" is_looked_at && "$@"
}

is_looked_at()
{
    vnumactl show db1 | grep -q 'a window is open'
}

test_faults()
{
    check "within a window the guest is reset" within virsh -q reset db1
    check "the window ends all the same" wait "$asked"
    check "the guest starts again" lab_guest_wait db1 180 '^WORKLOAD READY'
    check "within a window QEMU is killed" within kill -KILL "$(lab_guest_pid db1)"
    check_fails "the window ends with an error" wait "$asked"
    check "that names the guest" grep -qE 'guest db1: .*(ended|does not run|gone)' "$out/within"
    diag "$(cat "$out/within")"
    check "vnumad goes on" says 'guest db1: it does not run' vnumactl sample db1
    check "and stops" lab_vnumad_stop
}

cleanup()
{
    lab_vnumad_is_over || lab_vnumad_stop
    lab_guest_stop db1
}

trap cleanup EXIT
echo 0 >/proc/sys/kernel/numa_balancing
test_seen
test_repin
test_exchange
test_shown
test_faults
done_testing
