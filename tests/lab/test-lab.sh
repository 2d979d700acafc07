#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-lab.sh [BUILD_FOLDER]: TAP tests of the lab itself, run in it ("tests/lab/run two-nodes
# tests/lab/test-lab.sh build"): the nodes are those of the topology, and vnumactl shows them;
# on the two-node host also: a guest starts and sees its cells, the swapped guest is swapped,
# its workload notices damage, and guests of every form start.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

guest=lab-self-test
lab_build=${1:-}
# shellcheck disable=SC2034 # lib.sh's lab_place uses it
lab_mover=$lab_build/bench/range-mover

topology_words()
{
    sed 's/#.*//' "$LAB_TOPOLOGY" | tr ' ' '\n' | sed -n "s/^$1,//p"
}

test_nodes()
{
    local words node cpus wrong=''
    while read -r words; do
        [[ $words =~ nodeid=([0-9]+) ]] && node=${BASH_REMATCH[1]}
        cpus=''
        [[ ! $words =~ cpus=([0-9-]+) ]] || cpus=${BASH_REMATCH[1]}
        [[ $(lab_node_cpus "$node") == "$cpus" ]] || wrong+=" node $node"
    done < <(topology_words node)
    check "every node has the CPUs its topology names$wrong" test -z "$wrong"
    check "there are no other nodes" test "$(topology_words node | wc -l)" -eq \
        "$(find /sys/devices/system/node -maxdepth 1 -name 'node[0-9]*' | wc -l)"
}

test_distances()
{
    local words wrong='' src dst val row
    while read -r words; do
        IFS=,= read -r _ src _ dst _ val <<<"$words"
        read -ra row <"/sys/devices/system/node/node$src/distance"
        [[ ${row[dst]} == "$val" ]] || wrong+=" $src-$dst"
    done < <(topology_words dist)
    check "distances are those of the topology$wrong" test -z "$wrong"
}

test_guest()
{
    # Memory that nobody visits, too: the third job only holds it.
    check "a guest whose cells lie on each other's nodes comes to be" \
        lab_swapped_guest "$guest" 200 --workload '--scrub 1' \
        --job vcpu=0,cell=0,mb=180,rate=20 --job vcpu=1,cell=1,mb=180,access=mixed,pages=random,rate=20 \
        --job vcpu=0,cell=0,mb=20,access=idle || return 1
    check "it sees two cells" test "$(grep -c '^GUEST node' "$(lab_guest_log "$guest")")" -eq 2
    check "all its memory is right" lab_guest_verify "$guest"
}

beats_on()
{
    (($(lab_guest_field "$guest" job0) > $1 && $(lab_guest_field "$guest" job1) > $1))
}

test_commands()
{
    check "jobs visit pages" lab_wait 20 "both jobs to visit pages" beats_on 1000
    check "jobs swap regions" lab_guest_ask "$guest" swap
    check "a job takes another pattern" lab_guest_ask "$guest" "set job=1 access=read rate=5"
    check_fails "a command that makes no sense is refused" lab_guest_ask "$guest" "set job=9 rate=5"
    check "memory is right after the swap" lab_guest_verify "$guest"
}

# The order of QEMU's mappings tells the cells apart only if it really is their order.
test_witness()
{
    local cell region address begin size wrong=''
    for cell in 0 1; do
        region=$cell
        address=$(lab_guest_address "$guest" "$region" 7) || wrong+=" no page in cell $cell"
        read -r _ begin size _ < <(lab_cell_bytes "$(lab_guest_pid "$guest")" | grep "^$cell ")
        ((address >= 16#$begin && address < 16#$begin + size)) || wrong+=" cell $cell"
    done
    check "pages of a cell are found in the mapping of that cell$wrong" test -z "$wrong"
}

mismatch_reported()
{
    grep -qa '^WORKLOAD MISMATCH region=2 page=100 what=checksum' "$(lab_guest_log "$guest")"
}

test_damage()
{
    check "a page that nobody visits is damaged" lab_guest_corrupt "$guest" 2 100
    check "the workload says so unasked" lab_wait 60 "a mismatch to be reported" mismatch_reported
    check_fails "a damaged guest does not verify" lab_guest_verify "$guest"
    check "the guest still works" lab_guest_ask "$guest" pause
    check "it ends when told to" lab_guest_ask "$guest" quit
}

# Every option of guest/define that another test may come to rely on.
test_forms()
{
    local pid name=lab-self-test-forms node
    for node in 0 1; do
        echo 112 >"/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages"
    done
    check "a guest of another form starts" lab_guest_start "$name" --machine q35 --cell-mb 192 \
        --memory strict:0-1 --memnode 0=1 --memnode 1=0 --hugepages --dirty-ring 4096 --iothreads 1 \
        --policy align --qmp "$lab_guest_dir/$name.qmp" --job vcpu=0,cell=0 --job vcpu=1,cell=1 &&
        check "and is ready" lab_guest_wait_ready "$name" 180
    pid=$(lab_guest_pid "$name")
    check "huge pages lie where they are bound to" \
        test "$(lab_cell_percent_on "$pid" 0 1) $(lab_cell_percent_on "$pid" 1 0)" = "100 100"
    check "QEMU listens for a test" test -S "$lab_guest_dir/$name.qmp"
    check "metadata is there" virsh metadata "$name" urn:vnumad:guest:1
    check "the workload is at work" lab_guest_verify "$name"
    lab_guest_stop "$name"
    check "a guest of shared memory starts" lab_guest_start "$name" --memfd --cell-mb 192,256 \
        --vcpus-per-cell 2
    pid=$(lab_guest_pid "$name")
    check "its cells are told apart" test "$(lab_cell_bytes "$pid" | cut -d ' ' -f 1,3 | xargs)" = \
        "0 $((192 << 20)) 1 $((256 << 20))"
    lab_guest_stop "$name"
    check "a guest without vNUMA can be defined" lab_guest_define "$name" --cells 0 --cell-mb 128
    lab_guest_stop "$name"
    for node in 0 1; do
        echo 0 >"/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages"
    done
}

# What vnumactl makes of this host is what the topology says of it.
test_vnumactl()
{
    local rows
    if [[ ! -x $lab_build/cli/vnumactl ]]; then
        skip "vnumactl shows the host" "no build folder was given"
        return
    fi
    rows=$("$lab_build/cli/vnumactl" --json host | python3 -c '
import json, sys
host = json.load(sys.stdin)
for node in host["nodes"]:
    print(node["id"], ",".join(map(str, node["cpus"])), *node["distances"])
    if "read_latency_ns" in node:
        print("latency", node["id"], node["read_latency_ns"])')
    check "vnumactl shows nodes, CPUs and distances as the kernel does" \
        diff <(grep -v latency <<<"$rows") <(
            for node in /sys/devices/system/node/node[0-9]*; do
                cpus=$(for cpu in "$node"/cpu[0-9]*; do echo "${cpu##*cpu}"; done | grep -v '\*' |
                    sort -n | paste -s -d ,)
                echo "${node##*node} $cpus $(<"$node/distance")"
            done)
    if grep -q hmat-lb "$LAB_TOPOLOGY"; then
        check "and the latencies of HMAT" test "$(grep -c latency <<<"$rows")" -gt 0
    fi
}

trap 'lab_guest_stop "$guest"' EXIT
echo 0 >/proc/sys/kernel/numa_balancing
test_nodes
test_distances
test_vnumactl
if [[ $(find /sys/devices/system/node -maxdepth 1 -name 'node[0-9]*' | wc -l) == 2 ]]; then
    if test_guest; then
        test_commands
        test_witness
        test_damage
    fi
    test_forms
else
    diag "guests are for the two-node host"
fi
done_testing
