#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-kills.sh BUILD_FOLDER [KILLS [SECONDS]]: vnumad killed with signal 9 at random instants, again
# and again, in the midst of a rebalance or an undo of a real guest, inside the two-node lab: the
# guest's memory stays what it wrote, and the next vnumad brings it, by itself, where the plan had
# it go or where it was before. KILLS: how often, default 25; after SECONDS, default 150, no
# further one is begun. TAP.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=daemon.sh
. "$lab_dir/daemon.sh"
lab_use_build "$1"

kills=${2:-25}
seconds_max=${3:-150}
cell_mb=24
# Files, because lib.sh's check runs what it checks in a subshell: the state that the last kill
# came to, and a line for each start of the guest.
came_to=/run/lab/came-to
starts=/run/lab/starts
# How much the guest had said when it was looked at.
said=/run/lab/said

# The CPUs that each vCPU may run on, as the kernel has it: asking libvirt takes seconds here.
pins()
{
    local vcpu
    for vcpu in 0 1; do
        sed -n 's/^Cpus_allowed_list:\t\(.*\)/\1/p' \
            "$(grep -lE "^CPU $vcpu/KVM" /proc/"$1"/task/*/comm | sed 's|comm$|status|')"
    done | tr '\n' ' '
}

# "planned", "former", or what it is instead: both cells' places, and both vCPUs'.
state()
{
    local pid bytes pins
    pid=$(lab_guest_pid db1) || return 1
    pins=$(pins "$pid")
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

# Asks once, as that takes seconds: the answer is in $now.
settled_or_over()
{
    now=$(state) || return 0
    [[ $now == @(planned|former) ]]
}

# Pins alone: whole, one way or the other.
pinned_whole()
{
    [[ $(pins "$(lab_guest_pid db1)") == @("$(lab_node_cpus 0) $(lab_node_cpus 1) "|"$(lab_node_cpus 1) $(lab_node_cpus 0) ") ]]
}

# No plan is half done, says the ledger.
nothing_unfinished()
{
    [[ $(grep -oE '"event":"(plan|begin|end|close)"' /run/lab/state/ledger.jsonl | tail -n 1) == *close* ]]
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
    local before verb bytes met=over now=''
    before=$(<"$came_to")
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
    nothing_unfinished || met=midway
    lab_vnumad_start --bus system || return 1
    lab_wait 120 "what was left half done is over" nothing_unfinished || return 1
    pinned_whole || {
        echo "after the kill in $verb, which met it $met: now pinned by halves: $(state)" >&2
        return 1
    }
    if ! lab_wait 120 "a settled state" settled_or_over || [[ ! $now ]]; then
        echo "before $verb: $before; met it $met; now: $now" >&2
        vnumactl why db1 >&2
        tail -n 20 "$vnumad_log" >&2
        return 1
    fi
    echo "$now" >"$came_to"
    echo "$verb: $before -> $now, met it $met" >>/run/lab/kills.log
}

# Has it said anything since this was asked before?
lives()
{
    local before
    before=$(cat "$said" 2>/dev/null)
    stat -c %s "$(lab_guest_log db1)" >"$said"
    [[ $(<"$said") != "$before" ]]
}

# A guest for a kill. One that the emulation has ended or lost (README.md, "Limits") is started
# once more, if what it wrote was right until then.
begin()
{
    if lab_guest_pid db1 >/dev/null 2>&1 && { lives || ! lab_guest_is_lost db1; }; then
        return
    fi
    lab_log_has db1 0 '^WORKLOAD MISMATCH' && return 1
    virsh -q destroy db1 >/dev/null 2>&1
    lab_guest_boot db1 && is_up
}

# Ready, its cells on each other's nodes.
is_up()
{
    echo start >>"$starts"
    lab_guest_wait_ready db1 180 && lab_place db1 1 0 && state >"$came_to" &&
        [[ $(<"$came_to") == former ]]
}

# A kill; once more where the guest was lost meanwhile.
attempt()
{
    for _ in 1 2 3; do
        begin && kill_midway "$1" && return
        lab_guest_pid db1 >/dev/null 2>&1 && ! lab_guest_is_lost db1 && return 1
        lab_vnumad_is_over && { lab_vnumad_start --bus system || return 1; }
    done
    return 1
}

# Full check; a guest that is lost is started once more.
right()
{
    local try
    for try in 1 2; do
        begin && lab_guest_verify db1 && return
    done
    echo "$try tries" >&2
    return 1
}

trap 'lab_guest_stop db1' EXIT
echo 0 >/proc/sys/kernel/numa_balancing
check "a bound guest, pinned across" lab_guest_start db1 --cell-mb $((cell_mb + 112)) \
    --memory strict:0-1 --memnode 0=0 --memnode 1=1 --policy align \
    --pin "0=$(lab_node_cpus 1)" --pin "1=$(lab_node_cpus 0)" \
    --emulator-pin "$(lab_node_cpus 0),$(lab_node_cpus 1)" \
    --job "vcpu=0,cell=0,mb=$cell_mb,rate=4" --job "vcpu=1,cell=1,mb=$cell_mb,rate=4"
check "is up, its cells on each other's nodes" is_up
check "vnumad starts" lab_vnumad_start --bus system
check "a rebalance brings them home" vnumactl rebalance db1 --wait
# The first plan takes a little longer than those after it.
most_ms=$(($(plan_ms) * 8 / 10))
check "as planned" test "$(state)" = planned
check "an undo brings back what was before" vnumactl undo db1 --wait
check "all of it" test "$(state)" = former
check "then the guest rests" test "$(lab_ask guests.0.rests list)" = true
check "nothing is planned for it" test "$(lab_ask guests.0.rests list)$(lab_ask steps.# plan)" = true0
check "why says so" bash -c "vnumactl why db1 | grep -q '^It rests, as its last plan was undone'"

diag "each kill falls within $most_ms ms"
for ((i = 1; i <= kills && SECONDS < seconds_max; i++)); do
    check "kill $i: the next vnumad ends in the planned or the former state" \
        attempt $((RANDOM * most_ms / 32768)) || break
    ((i % 10)) || check "the guest's memory is what it wrote" right
done
touch /run/lab/kills.log
diag "$(wc -l </run/lab/kills.log) kills: from where to where the guest came, and whether the plan was over when it was met:"
diag "$(sort /run/lab/kills.log | uniq -c)"
diag "the guest was started $(wc -l <"$starts") times"
check "the guest's memory is what it wrote" right
check "vnumad ends well when told to" lab_vnumad_stop
done_testing
