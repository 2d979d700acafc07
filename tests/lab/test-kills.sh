#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-kills.sh BUILD_FOLDER [KILLS [SECONDS]]: vnumad killed with signal 9 at random instants, again and again, in
# the midst of a rebalance or an undo of a real guest, inside the two-node lab: the guest's memory
# stays what it wrote, and the next vnumad brings it, by itself, where the plan had it go or where
# it was before. KILLS in the environment or on the kernel's command line: how often, default 25.
# SECONDS_MAX: no further kill is begun after so many seconds. TAP.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=daemon.sh
. "$lab_dir/daemon.sh"
lab_use_build "$1"

kills=${2:-25}
seconds_max=${3:-150}
cell_mb=48

# "planned", "former", or what it is instead: both cells' places, and both vCPUs'.
state()
{
    local pid bytes pins
    pid=$(lab_guest_pid db1) || return 1
    pins="$(virsh -q vcpupin db1 --live | awk '{ printf "%s ", $2 }')"
    bytes="$(lab_cell_bytes "$pid" | awk '
        { sum = $5 + $6; at = "-"
          if ($5 >= 0.99 * sum) at = 0
          if ($6 >= 0.99 * sum) at = 1
          printf "%s ", at }')"
    case "$pins/$bytes" in
    "$(lab_node_cpus 0) $(lab_node_cpus 1) /0 1 ") echo planned ;;
    "$(lab_node_cpus 1) $(lab_node_cpus 0) /1 0 ") echo former ;;
    *) echo "pins $pins, cells on $bytes" ;;
    esac
}

# Pins alone: whole, one way or the other.
pinned_whole()
{
    local pins
    pins="$(virsh -q vcpupin db1 --live | awk '{ printf "%s ", $2 }')"
    [[ $pins == "$(lab_node_cpus 0) $(lab_node_cpus 1) " ||
        $pins == "$(lab_node_cpus 1) $(lab_node_cpus 0) " ]]
}

settled()
{
    [[ $(state) == planned || $(state) == former ]]
}

# What the ledger says is not over.
nothing_unfinished()
{
    ! vnumactl why db1 | grep -q "it is not over yet"
}

kill_vnumad()
{
    kill -KILL "$(<"$vnumad_pid_file")"
    lab_wait 20 "vnumad is gone" lab_vnumad_is_over
}

ledger_bytes()
{
    stat -c %s /run/lab/state/ledger.jsonl
}

# How long the last plan took, from its first record to its last, in milliseconds.
plan_ms()
{
    sed -n 's/.*"time_us":\([0-9]*\),"event":"\(plan\|close\)".*/\2 \1/p' /run/lab/state/ledger.jsonl |
        awk '$1 == "plan" && last != "plan" { begun = $2 } { last = $1; time = $2 }
            END { printf "%d", (time - begun) / 1000 }'
}

# kill_midway MILLISECONDS: from a settled state, the way to the other one, and vnumad killed so
# long after it had begun to record what it would do.
kill_midway()
{
    local before verb after bytes
    before=$(state)
    verb=rebalance
    [[ $before == planned ]] && verb=undo
    bytes=$(ledger_bytes)
    vnumactl "$verb" db1 --wait >/run/lab/job.log 2>&1 &
    local job=$! tries=0
    while (($(ledger_bytes) == bytes && tries++ < 2000)); do
        sleep 0.01
    done
    sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"
    kill_vnumad || return 1
    wait "$job"
    local at_kill
    at_kill=$(state)
    lab_vnumad_start --bus system || return 1
    lab_wait 120 "what was left half done is over" nothing_unfinished || return 1
    pinned_whole || {
        echo "after the kill in $verb: $at_kill; now pinned by halves: $(state)" >&2
        return 1
    }
    lab_wait 120 "a settled state" settled || {
        echo "before $verb: $before; at the kill: $at_kill; now: $(state)" >&2
        vnumactl why db1 >&2
        tail -n 20 "$vnumad_log" >&2
        return 1
    }
    after=$(state)
    echo "$verb: $before -> $at_kill -> $after" >>/run/lab/kills.log
}

trap 'lab_guest_stop db1' EXIT
echo 0 >/proc/sys/kernel/numa_balancing
check "a bound guest, pinned across" lab_guest_start db1 --cell-mb $((cell_mb + 112)) \
    --memory strict:0-1 --memnode 0=0 --memnode 1=1 --policy align \
    --pin "0=$(lab_node_cpus 1)" --pin "1=$(lab_node_cpus 0)" \
    --emulator-pin "$(lab_node_cpus 0),$(lab_node_cpus 1)" \
    --job "vcpu=0,cell=0,mb=$cell_mb,rate=20" --job "vcpu=1,cell=1,mb=$cell_mb,rate=20"
check "is up" lab_guest_wait_ready db1 180
lab_place db1 1 0
check "its cells lie on each other's nodes" test "$(state)" = former
check "vnumad starts" lab_vnumad_start --bus system
check "a rebalance brings them home" vnumactl rebalance db1 --wait
# And a little more: kills shall be spread over all of it.
most_ms=$(($(plan_ms) * 11 / 10))
check "as planned" test "$(state)" = planned
check "an undo brings back what was before" vnumactl undo db1 --wait
check "all of it" test "$(state)" = former
check "then the guest rests" test "$(lab_ask guests.0.rests list)" = true
check "nothing is planned for it" test "$(lab_ask guests.0.rests list)$(lab_ask steps.# plan)" = true0
check "why says so" bash -c "vnumactl why db1 | grep -q '^It rests, as its last plan was undone'"
check "the guest's memory is what it wrote" lab_guest_verify db1

diag "each kill falls within $most_ms ms"
for ((i = 1; i <= kills && SECONDS < seconds_max; i++)); do
    check "kill $i: the next vnumad ends in the planned or the former state" \
        kill_midway $((RANDOM * most_ms / 32768)) || break
    ((i % 10)) || check "the guest's memory is what it wrote" lab_guest_verify db1
done
touch /run/lab/kills.log
diag "$((i - 1)) kills; of a way, where the guest was when killed, and where it came to:"
diag "$(sed 's/.*-> \(.*\) -> \(.*\)/\1 -> \2/; s/^pins.*->/in between ->/' /run/lab/kills.log | sort | uniq -c)"
check "the guest's memory is what it wrote" lab_guest_verify db1
check "vnumad ends well when told to" lab_vnumad_stop
done_testing
