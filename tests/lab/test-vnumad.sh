#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-vnumad.sh BUILD_FOLDER: vnumad on real guests, inside the two-node lab: cells that lie on
# each other's nodes come home, guests that did not ask are left alone, and what goes wrong
# midway ends well. TAP.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=daemon.sh
. "$lab_dir/daemon.sh"
lab_use_build "$1"

alignment()
{
    lab_ask guests.0.alignment_ratio list
}

aligned()
{
    awk -v is="$(alignment)" -v wanted="$1" 'BEGIN { exit !(is >= wanted) }'
}

misaligned()
{
    awk -v is="$(alignment)" 'BEGIN { exit !(is < 0.2) }'
}

# Where everything of a guest is: pins, and the bytes of each cell on each node.
placement()
{
    virsh vcpupin "$1"
    virsh emulatorpin "$1"
    lab_cell_bytes "$(lab_guest_pid "$1")"
}

test_main_job()
{
    check "a guest whose cells lie on each other's nodes" lab_swapped_guest db1 220 --policy align
    check "vnumad starts" lab_vnumad_start --bus system
    check "it sees that they are away from home" misaligned
    check "it plans a move of each cell and no pin" test "$(lab_ask steps.# plan)" = 2
    local before
    before=$(placement db1)
    check "asking changed nothing" test "$before" = "$(placement db1)"
    check "a rebalance brings them home" vnumactl rebalance db1 --wait
    check "all but 0.5 % is at home" aligned 0.995
    check "the guest's memory is what it wrote" lab_guest_verify db1
    check "a second plan is empty" test "$(lab_ask steps.# plan)" = 0
    check "the ledger has each step's begin and end" \
        test "$(lab_ask past_steps.# show db1)" = 4
    check "the guest is not tainted" bash -c '! grep -q tainted /var/log/libvirt/qemu/db1.log'
}

# Pages that the kernel's balancing has marked are hard to see, and it moves pages too.
test_with_balancing()
{
    lab_place db1 1 0
    echo 1 >/proc/sys/kernel/numa_balancing
    lab_wait 60 "balancing has begun to mark pages" balancing_marks
    check "with the kernel's balancing on" vnumactl rebalance db1 --wait
    # What the kernel has in its own hands at that moment may be missing.
    check "all but 2 % is at home, too" aligned 0.98
    echo 0 >/proc/sys/kernel/numa_balancing
    check "the guest's memory is still what it wrote" lab_guest_verify db1
}

balancing_marks()
{
    (($(awk '$1 == "numa_pte_updates" { print $2 }' /proc/vmstat) > 1000))
}

test_guest_did_not_ask()
{
    check "a guest without our metadata" lab_guest_start plain --cell-mb 128 \
        --pin 0=3 --pin 1=3 --job vcpu=0,cell=0,mb=32,rate=10
    check "is up" lab_guest_wait_ready plain 180
    virsh -q vcpupin plain 0 1 --live
    local before
    before=$(placement plain | grep -v ' 0x')
    check_says "it may not be rebalanced" "guest plain: it is not managed" \
        vnumactl rebalance plain --wait
    check "a rebalance of all leaves it alone" vnumactl rebalance --wait
    check "nothing of it has changed" \
        test "$(virsh vcpupin plain; virsh emulatorpin plain)" = "$(head -n -2 <<<"$before")"
    check "until virsh tags it" virsh -q metadata plain urn:vnumad:guest:1 --live --key vnuma \
        --set '<guest policy="align"/>'
    check "then it is managed" vnumactl rebalance plain --wait
    check "an unknown policy is trouble" virsh -q metadata plain urn:vnumad:guest:1 --live \
        --key vnuma --set '<guest policy="guess"/>'
    check "and says so" bash -c "vnumactl show plain | grep -q guess"
    lab_guest_stop plain
}

# Memory of node 0 until MB are free, in a file that lies there.
fill_node_0()
{
    local free_mb
    free_mb=$(($(lab_ask nodes.0.free_bytes host) >> 20))
    mkdir -p /run/lab/filler
    # Preferred, not bound: what is bound to a full node has the kernel kill somebody.
    mount -t tmpfs -o "mpol=prefer:0,size=8g" filler /run/lab/filler &&
        dd if=/dev/zero of=/run/lab/filler/file bs=1M count=$((free_mb - $1)) status=none
}

# Two guests were up: where they share a CPU, one may end by itself (README.md, "Limits"). It is
# started once more then, and that is said.
db1_still_runs()
{
    lab_guest_pid db1 >/dev/null 2>&1 && return
    diag "db1 has ended by itself, and is started once more: $(virsh domstate db1 --reason)"
    lab_guest_stop db1
    lab_swapped_guest db1 220 --policy align && vnumactl rebalance db1 --wait
}

test_full_node()
{
    check "the first guest still runs, or does again" db1_still_runs
    lab_place db1 1 1 # cell 0 has to come, and nobody leaves
    check "node 0 is full but for 160 MiB" fill_node_0 160
    check "the plan is empty" test "$(lab_ask steps.# plan)" = 0
    check "and says why" bash -c "vnumactl plan | grep -q 'host node 0 is too full'"
    umount /run/lab/filler
    check "with room again it works" vnumactl rebalance db1 --wait
    check "and the memory is well" lab_guest_verify db1
}

# A node for service: what it has goes elsewhere, and comes back when that is undone.
test_drain()
{
    pin_db1 r r
    check "vnumad pins the vCPUs itself" vnumactl rebalance db1 --wait
    check "a drain of node 1 is rehearsed" test "$(lab_ask left.# drain 1 --dry-run)" = 0
    check "and done" vnumactl drain 1 --wait
    check "nothing of the guest is left there" is_off_node_1
    check "it is drained" test "$(lab_ask cordoned.0.drained drain)" = true
    check "nothing more is planned" test "$(lab_ask steps.# plan)" = 0
    check "the memory is well" lab_guest_verify db1
    check "the end of the cordon" vnumactl undrain 1
    check "then the drain can be undone" vnumactl undo db1 --wait
    check "cell 1 is back" test "$(lab_cell_percent_on "$(lab_guest_pid db1)" 1 1)" -ge 99
    check "and the memory still well" lab_guest_verify db1
    pin_db1 "$(lab_node_cpus 0)" "$(lab_node_cpus 1)"
}

# The administrator's pins; r: none.
pin_db1()
{
    virsh -q vcpupin db1 0 "$1" --live && virsh -q vcpupin db1 1 "$2" --live
}

is_off_node_1()
{
    local pid cell
    pid=$(lab_guest_pid db1) || return 1
    lab_cell_bytes "$pid"
    for cell in 0 1; do
        [[ $(lab_cell_percent_on "$pid" "$cell" 1) == 0 ]] || return 1
    done
    ! grep -h '^Cpus_allowed_list' "/proc/$pid/task/"*/status | grep -F "$(lab_node_cpus 1)"
}

# Begins a rebalance, and prints its job's path.
begin_rebalance()
{
    lab_place db1 1 0
    vnumactl --json rebalance db1 --wait >/run/lab/rebalance.log 2>&1 &
    rebalance_pid=$!
    lab_wait 30 "bytes are moving" grep -q '"bytes_done": *[1-9]' /run/lab/rebalance.log
    kill -STOP "$(<"$vnumad_pid_file")" # what happens now happens midway
}

go_on()
{
    kill -CONT "$(<"$vnumad_pid_file")"
}

rebalance_is_over()
{
    ! kill -0 "$rebalance_pid" 2>/dev/null
}

test_libvirtd_restarts_midway()
{
    begin_rebalance
    pkill -x libvirtd
    lab_wait 30 "libvirtd is gone" bash -c '! pidof libvirtd >/dev/null'
    libvirtd -d
    go_on
    check "libvirtd restarted: the rebalance ends" lab_wait 120 "its end" rebalance_is_over
    check "well" wait "$rebalance_pid"
    check "the daemon is alive" lab_wait 60 "a list" vnumactl list
    check "everything is at home" aligned 0.995
    check "and the memory is well" lab_guest_verify db1
}

test_guest_vanishes_midway()
{
    begin_rebalance
    virsh -q destroy db1
    go_on
    check "the guest destroyed: the rebalance ends" lab_wait 60 "its end" rebalance_is_over
    check_fails "as failed" wait "$rebalance_pid"
    check "with the reason" grep -q "stopped meanwhile" /run/lab/rebalance.log
    check "the daemon is alive" vnumactl list
    lab_guest_stop db1
}

# Bound cells, in huge pages, whose vCPUs were pinned to the other's node: the vCPUs come.
test_pins_come_to_bound_memory()
{
    local node
    for node in 0 1; do
        echo 80 >"/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages"
    done
    check "a bound guest of huge pages, pinned across" lab_guest_start huge --cell-mb 128 \
        --memory strict:0-1 --memnode 0=0 --memnode 1=1 --hugepages --policy align \
        --pin "0=$(lab_node_cpus 1)" --pin "1=$(lab_node_cpus 0)" --job vcpu=0,cell=0,mb=32
    check "is up" lab_guest_wait_ready huge 180
    check "it gets pins and no moves" vnumactl rebalance huge --wait
    check "vCPU 0 is on node 0" test "$(lab_ask vcpus.0.affinity show huge)" = "[0, 1]"
    lab_place huge 1 0
    check "its huge pages, on the wrong nodes, come home" vnumactl rebalance huge --wait
    check "all of them" aligned 1
    check "the memory is well" lab_guest_verify huge
    lab_guest_stop huge
}

# No faster than the administrator allows.
test_cap()
{
    local rate=$((20 << 20)) begin took moved
    lab_vnumad_stop
    lab_vnumad_config="guest_bytes_per_second = $rate"
    check "a vnumad with a cap starts" lab_vnumad_start --bus system
    check "a guest for it" lab_swapped_guest db1 100 --policy align
    begin=${EPOCHREALTIME/./}
    check "it brings the guest home" vnumactl rebalance db1 --wait
    took=$((${EPOCHREALTIME/./} - begin))
    moved=$(lab_cell_bytes "$(lab_guest_pid db1)" | awk '{ sum += $5 + $6 } END { printf "%d", sum * 0.8 }')
    check "in no less than $((moved / rate)) s" test $((took / 1000)) -ge $((moved * 1000 / rate))
}

test_no_permission()
{
    lab_vnumad_stop
    lab_vnumad_config=''
    lab_vnumad_starter=(setpriv "--bounding-set=-sys_nice,-sys_ptrace")
    check "a vnumad without CAP_SYS_PTRACE starts" lab_vnumad_start --bus system
    lab_place db1 1 0
    check_says "it says what it lacks" "guest db1: .*(not permitted|denied|CAP_SYS)" \
        vnumactl rebalance db1 --wait
    check "the guest did not feel it" lab_guest_verify db1
    lab_guest_stop db1
}

trap 'lab_guest_stop db1; lab_guest_stop plain; lab_guest_stop huge' EXIT
echo 0 >/proc/sys/kernel/numa_balancing
test_main_job
test_with_balancing
test_guest_did_not_ask
test_full_node
test_drain
test_libvirtd_restarts_midway
test_guest_vanishes_midway
test_pins_come_to_bound_memory
test_cap
test_no_permission
check "vnumad ends well when told to" lab_vnumad_stop
done_testing
