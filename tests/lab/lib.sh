#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# lib.sh: for tests that run in the lab (". tests/lab/lib.sh"): TAP, waiting for conditions,
# guests and their workload, and where a guest's memory lies. README.md lists the functions.
# Functions say what went wrong on standard error and return 1; none of them exits.

lab_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab_guest_dir=/run/lab/guest
lab_tap_count=0
lab_tap_failed=0
shopt -s extglob
export LIBVIRT_DEFAULT_URI=${LIBVIRT_DEFAULT_URI:-qemu:///system}

# ---- TAP -------------------------------------------------------------------------------------

plan()
{
    echo "1..$1"
}

diag()
{
    local line
    while IFS= read -r line; do
        echo "# $line"
    done <<<"$*"
}

ok()
{
    lab_tap_count=$((lab_tap_count + 1))
    echo "ok $lab_tap_count - $1"
}

# not_ok DESCRIPTION [WHY]
not_ok()
{
    lab_tap_count=$((lab_tap_count + 1))
    lab_tap_failed=$((lab_tap_failed + 1))
    echo "not ok $lab_tap_count - $1"
    [[ ! ${2:-} ]] || diag "$2"
}

# skip DESCRIPTION WHY
skip()
{
    lab_tap_count=$((lab_tap_count + 1))
    echo "ok $lab_tap_count - $1 # SKIP $2"
}

# check DESCRIPTION COMMAND...: ok if the command succeeds; its output is shown if it does not.
check()
{
    local description=$1 output
    shift
    if output=$("$@" 2>&1); then
        ok "$description"
    else
        not_ok "$description" "$*"$'\n'"$output"
        return 1
    fi
}

# check_fails DESCRIPTION COMMAND...: ok if the command does not succeed.
check_fails()
{
    local description=$1 output
    shift
    if output=$("$@" 2>&1); then
        not_ok "$description" "succeeded: $*"$'\n'"$output"
        return 1
    fi
    ok "$description"
}

# check_says DESCRIPTION PATTERN COMMAND...: ok if the command fails, and says what matches.
check_says()
{
    local description=$1 pattern=$2 output
    shift 2
    if output=$("$@" 2>&1); then
        not_ok "$description" "succeeded: $*"$'\n'"$output"
        return 1
    fi
    if ! grep -qE "$pattern" <<<"$output"; then
        not_ok "$description" "$*"$'\n'"it said: $output"
        return 1
    fi
    ok "$description"
}

# tap_run NAME COMMAND...: runs a program that prints TAP as a part of this test: its points
# become points of ours; one that ends early, or badly without saying why, is a point too.
tap_run()
{
    local name=$1 line planned='' points=0 failed=$lab_tap_failed status text
    shift
    exec 3< <("$@" 2>&1; echo "tap_run status $?")
    while IFS= read -r line <&3; do
        text=${line#*ok }
        case $line in
        "tap_run status "*) status=${line##* } ;;
        1..0*) skip "$name" "${line#*SKIP }" && planned=0 ;;
        1..*) planned=${line#1..} ;;
        "ok "*"# SKIP "*) skip "$name: ${text#*- }" "${line#*# SKIP }" && points=$((points + 1)) ;;
        "ok "*) ok "$name: ${text#*- }" && points=$((points + 1)) ;;
        "not ok "*) not_ok "$name: ${text#*- }" && points=$((points + 1)) ;;
        *) echo "# ${line#\# }" ;;
        esac
    done
    exec 3<&-
    if [[ $planned != "$points" ]]; then
        not_ok "$name: ended early" "planned ${planned:-nothing}, got $points, status $status"
    elif ((status != 0 && lab_tap_failed == failed)); then
        not_ok "$name: ended with status $status"
    fi
}

# The plan at the end, for scripts that do not know it before; fails if anything failed.
done_testing()
{
    plan "$lab_tap_count"
    ((lab_tap_failed == 0))
}

# ---- waiting ---------------------------------------------------------------------------------

# lab_wait SECONDS WHAT COMMAND...: until the command succeeds, or the deadline is over.
lab_wait()
{
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        if ((SECONDS >= deadline)); then
            echo "lab: waited in vain for $what" >&2
            return 1
        fi
        sleep 0.1
    done
}

# Nothing waits for ever, not even for a libvirtd that does not answer.
virsh()
{
    timeout -k 5 120 virsh "$@"
}

# ---- guests ----------------------------------------------------------------------------------

lab_guest_log()
{
    echo "$lab_guest_dir/$1.log"
}

lab_guest_pid()
{
    local file
    for file in "/run/libvirt/qemu/$1.pid" "/var/run/libvirt/qemu/$1.pid"; do
        [[ -r $file ]] && cat "$file" && return
    done
    echo "lab: guest $1 does not run" >&2
    return 1
}

# lab_guest_define NAME [OPTION of guest/define...]
lab_guest_define()
{
    local name=$1
    rm -f "$lab_guest_dir/$name".{in,out,input.in,input.out,log,xml}
    mkfifo "$lab_guest_dir/$name".input.{in,out} || return 1
    "$lab_dir/guest/define" "$@" >"$lab_guest_dir/$name.xml" || return 1
    virsh -q define "$lab_guest_dir/$name.xml" >/dev/null
}

# lab_guest_start NAME [OPTION of guest/define...]: returns when QEMU runs.
lab_guest_start()
{
    lab_guest_define "$@" && lab_guest_boot "$1"
}

# QEMU 7.2's reaper may come before a slow vCPU has its dirty ring, and aborts.
lab_guest_boot()
{
    local said
    for _ in 1 2 3 4 5 6 7 8; do
        said=$(virsh -q start "$1" 2>&1 >/dev/null) && return
        [[ $said == *kvm_dirty_ring_reap_one* ]] || break
    done
    echo "$said" >&2
    return 1
}

# Destroys and forgets a guest, if there is one.
lab_guest_stop()
{
    virsh -q destroy "$1" >/dev/null 2>&1
    virsh -q undefine "$1" >/dev/null 2>&1
    rm -f "$lab_guest_dir/$1".{input.in,input.out,xml}
}

lab_log_has()
{
    local log
    log=$(lab_guest_log "$1")
    if tail -c "+$(($2 + 1))" "$log" 2>/dev/null | grep -Eqa "$3"; then
        return 0
    fi
    return 1
}

lab_guest_over()
{
    lab_log_has "$@" || ! virsh -q domstate "$1" 2>/dev/null | grep -q running
}

# lab_guest_wait NAME SECONDS REGEX [OFFSET]: until a line of its log behind OFFSET matches;
# prints the first such line. Fails at once when the guest ends.
lab_guest_wait()
{
    local name=$1 seconds=$2 regex=$3 offset=${4:-0} log
    log=$(lab_guest_log "$name")
    if ! lab_wait "$seconds" "guest $name to say '$regex'" lab_guest_over "$name" "$offset" "$regex" ||
        ! lab_log_has "$name" "$offset" "$regex"; then
        echo "lab: guest $name never said '$regex'; its last lines:" >&2
        tail -n 10 "$log" 2>/dev/null | tr -d '\r' >&2
        return 1
    fi
    tail -c "+$((offset + 1))" "$log" | grep -Ea -m 1 "$regex" | tr -d '\r'
}

# lab_guest_wait_ready NAME [SECONDS]: until all memory of its jobs is filled. A guest whose
# kernel says that a vCPU of it stands still is started once more (README.md, "Limits").
lab_guest_wait_ready()
{
    local ready='^WORKLOAD (READY|ERROR)'
    if ! lab_log_has "$1" 0 "$ready" && ! lab_guest_wait "$1" "${2:-120}" "$ready" >/dev/null; then
        lab_log_has "$1" 0 'rcu: INFO: .* stall|soft lockup' || return 1
        echo "lab: guest $1 stands still: it is started once more" >&2
        virsh -q destroy "$1" >/dev/null
        lab_guest_boot "$1" || return 1
    fi
    lab_guest_wait "$1" "${2:-120}" "$ready" | grep -q READY
}

# lab_guest_ask NAME COMMAND [SECONDS]: hands the workload a command; prints the answer.
lab_guest_ask()
{
    local name=$1 command=$2 seconds=${3:-60} offset answer='^WORKLOAD (DONE|ERROR) .*'
    [[ ${command%% *} != verify ]] || answer='^WORKLOAD VERIFIED .*'
    offset=$(stat -c %s "$(lab_guest_log "$name")") || return 1
    # A pipe that nobody reads must not hold the test up.
    # shellcheck disable=SC2016 # expanded by the inner shell
    timeout 10 bash -c 'echo "$1" >"$2"' - "$command" "$lab_guest_dir/$name.input.in" || return 1
    # The line is whole when its end is there.
    answer=$(lab_guest_wait "$name" "$seconds" "$answer"$'\r$' "$offset") || return 1
    echo "$answer"
    [[ $answer != *ERROR* ]]
}

# lab_guest_verify NAME [SECONDS]: full check of all memory; fails if it finds, or ever found,
# a page that is not what was written there.
lab_guest_verify()
{
    local answer log
    log=$(lab_guest_log "$1")
    answer=$(lab_guest_ask "$1" verify "${2:-120}") || return 1
    if [[ $answer != *" mismatches=0" ]] || grep -qa '^WORKLOAD MISMATCH' "$log"; then
        echo "lab: guest $1: $answer" >&2
        grep -a -m 5 '^WORKLOAD MISMATCH' "$log" | tr -d '\r' >&2
        return 1
    fi
}

# lab_guest_is_lost NAME: has the emulation given a vCPU the registers of the lab's host (README.md,
# "Limits")? Its page table then lies where the guest has no memory, and it never runs again. For
# guests whose memory ends below the hole that a PC has under 4 GiB.
lab_guest_is_lost()
{
    local kib cr3
    kib=$(virsh -q dominfo "$1" | awk '/^Max memory/ { print $3 }')
    for cr3 in $(virsh -q qemu-monitor-command "$1" --hmp 'info registers -a' |
        grep -oE 'CR3=[0-9a-f]+' | cut -d= -f2); do
        ((16#$cr3 < kib * 1024)) || return 0
    done
    return 1
}

# lab_guest_beat NAME: its last heartbeat, as one line of key=value words.
lab_guest_beat()
{
    grep -Ea '^WORKLOAD beat=.*'$'\r$' "$(lab_guest_log "$1")" | tail -n 1 | tr -d '\r'
}

# lab_guest_field NAME KEY: a value of the last heartbeat.
lab_guest_field()
{
    lab_guest_beat "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# ---- where memory lies -----------------------------------------------------------------------

# lab_node_cpus NODE: its CPUs, as a list that virsh and taskset take.
lab_node_cpus()
{
    cat "/sys/devices/system/node/node$1/cpulist"
}

# lab_ram_vmas PID: "ADDRESS BYTES" of each mapping of 64 MiB or more that has pages of its own
# kind (guest RAM), highest address first: QEMU maps its cells downwards, in their order.
lab_ram_vmas()
{
    local range perms path begin end
    while read -r range perms _ _ _ path; do
        begin=$((16#${range%-*}))
        end=$((16#${range#*-}))
        if ((end - begin >= 64 << 20)) && [[ $perms == rw* && ${path:-/memfd} == /@(memfd|dev/hugepages)* ]]; then
            printf '%x %d\n' "$begin" $((end - begin))
        fi
    done <"/proc/$1/maps" | sort -r
}

# lab_cell_bytes PID: a line for each cell of the guest: "cell address size policy node0 node1 ...",
# with the bytes that lie on each node of the host. Cells are told by the order of their mappings.
lab_cell_bytes()
{
    local pid=$1 cell=0 address size nodes maps
    maps=$(<"/proc/$pid/numa_maps") || return 1 # once: the kernel walks all pages for it
    nodes=$(find /sys/devices/system/node -maxdepth 1 -name 'node[0-9]*' | wc -l)
    while read -r address size; do
        awk -v cell="$cell" -v address="$address" -v size="$size" -v nodes="$nodes" '
            $1 == address {
                for (i = 3; i <= NF; i++) {
                    split($i, pair, "=")
                    if ($i ~ /^N[0-9]+=/) pages[substr(pair[1], 2)] = pair[2]
                    if (pair[1] == "kernelpagesize_kB") kb = pair[2]
                }
                line = cell " " address " " size " " $2
                for (n = 0; n < nodes; n++) line = line sprintf(" %.0f", pages[n] * kb * 1024)
                print line
            }' <<<"$maps"
        cell=$((cell + 1))
    done < <(lab_ram_vmas "$pid")
}

# lab_cell_percent_on PID CELL NODE: how much of the cell's resident memory lies on a node.
lab_cell_percent_on()
{
    lab_cell_bytes "$1" | awk -v cell="$2" -v node="$3" '
        $1 == cell {
            for (i = 5; i <= NF; i++) sum += $i
            if (sum) percent = int(100 * $(5 + node) / sum)
        }
        END { print percent + 0 }'
}

# lab_swapped_guest NAME MB [OPTION of guest/define...]: a guest of two cells, with MB of each
# cell filled by its workload, whose cells lie on each other's nodes: no policy on its memory;
# vCPU 0 was on node 1 when it touched cell 0, and is on node 0 now; vCPU 1 the other way round.
# AutoNUMA is held still while it comes to be. Options may replace the jobs.
lab_swapped_guest()
{
    local name=$1 mb=$2 balancing result=0 jobs=()
    shift 2
    [[ " $* " == *" --job "* ]] ||
        jobs=(--job "vcpu=0,cell=0,mb=$mb,rate=20" --job "vcpu=1,cell=1,mb=$mb,rate=20")
    balancing=$(</proc/sys/kernel/numa_balancing)
    echo 0 >/proc/sys/kernel/numa_balancing
    lab_swapped_guest_make "$name" "$mb" "${jobs[@]}" "$@" && lab_is_swapped "$name" || result=1
    echo "$balancing" >/proc/sys/kernel/numa_balancing
    return "$result"
}

# lab_is_swapped NAME: do nine tenths of cell 0 lie on node 1, and of cell 1 on node 0?
lab_is_swapped()
{
    local pid
    pid=$(lab_guest_pid "$1") || return 1
    if (($(lab_cell_percent_on "$pid" 0 1) < 90 || $(lab_cell_percent_on "$pid" 1 0) < 90)); then
        echo "lab: guest $1 is not swapped (cell, address, bytes, policy, bytes on each node):" >&2
        lab_cell_bytes "$pid" >&2
        return 1
    fi
}

lab_swapped_guest_make()
{
    local name=$1 mb=$2
    shift 2
    # The guest's kernel and tables take about 100 MiB, most of it in cell 0.
    lab_guest_start "$name" --cells 2 --cell-mb $((mb + 112)) \
        --pin "0=$(lab_node_cpus 1)" --pin "1=$(lab_node_cpus 0)" --emulator-pin "$(lab_node_cpus 1)" "$@" &&
        lab_guest_wait_ready "$name" 180 &&
        virsh -q vcpupin "$name" 0 "$(lab_node_cpus 0)" --live &&
        virsh -q vcpupin "$name" 1 "$(lab_node_cpus 1)" --live &&
        virsh -q emulatorpin "$name" "$(lab_node_cpus 0),$(lab_node_cpus 1)" --live &&
        lab_place "$name" 1 0
}

# lab_place NAME NODE...: moves each cell's pages to the node in its place, with the bare loop
# of bench/, where a build is in use (daemon.sh): the guest's kernel touches pages of all cells
# from any vCPU, a host's huge page at a time, so that first touch alone places most, not all.
lab_place()
{
    local pid address size ranges=()
    pid=$(lab_guest_pid "$1") || return 1
    shift
    [[ -x ${lab_mover:-} ]] || return 0
    while read -r address size && (($#)); do
        ranges+=("$(printf '%s-%x=%s' "$address" $((16#$address + size)) "$1")")
        shift
    done < <(lab_ram_vmas "$pid")
    "$lab_mover" loop "$pid" "${ranges[@]}" >/dev/null
}

# lab_read_words PID ADDRESS COUNT: 64-bit words of a process's memory, in hexadecimal.
lab_read_words()
{
    dd if="/proc/$1/mem" iflag=skip_bytes,count_bytes skip="$2" count=$((8 * $3)) bs=4096 status=none |
        od -An -v -tx8 -w8 | tr -d ' '
}

# lab_guest_address NAME REGION PAGE: where QEMU has a page of the workload mapped, as a decimal
# number. The page itself says which one it is: an address that cannot be proven is not given.
# For guests whose memory ends below the hole that a PC has under 4 GiB.
lab_guest_address()
{
    local name=$1 region=$2 page=$3 pid offset gpa address size begin base=0 words
    pid=$(lab_guest_pid "$name") || return 1
    offset=$(stat -c %s "$(lab_guest_log "$name")")
    lab_guest_ask "$name" "pages region=$region page=$page pages=1" >/dev/null || return 1
    gpa=$(lab_guest_wait "$name" 10 '^WORKLOAD FRAMES' "$offset" | sed 's/.*gpa=//')
    while read -r address size; do
        begin=$((16#$address))
        if ((gpa >= base && gpa < base + size)); then
            mapfile -t words < <(lab_read_words "$pid" $((begin + gpa - base)) 2)
            if [[ ${words[0]:-} == 564e554d41504147 ]] &&
                ((16#${words[1]} == (region << 32 | page))); then
                echo $((begin + gpa - base))
                return 0
            fi
        fi
        base=$((base + size))
    done < <(lab_ram_vmas "$pid")
    echo "lab: guest $name: page $page of region $region (at $gpa) is not where it should be" >&2
    return 1
}

# lab_guest_corrupt NAME REGION PAGE: damages a page behind the guest's back.
lab_guest_corrupt()
{
    local address pid
    pid=$(lab_guest_pid "$1") && address=$(lab_guest_address "$@") || return 1
    printf corrupt! | dd of="/proc/$pid/mem" oflag=seek_bytes seek=$((address + 2048)) bs=8 \
        conv=notrunc status=none
}
