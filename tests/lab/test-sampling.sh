#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-sampling.sh BUILD_FOLDER: who accesses what, seen by kvm/sampler.h on real guests, inside
# the two-node lab. The workload is the witness: each vCPU visits pages of its own, and says
# where these are. Then faults, on QEMUs that run no more than their BIOS. GUESTS (8) is how many
# of these are sampled at once; PARTS names some of the tests below, as they follow. TAP.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=sampling.sh
. "$(dirname "${BASH_SOURCE[0]}")/sampling.sh"

# shellcheck source-path=SCRIPTDIR source=daemon.sh
. "$lab_dir/daemon.sh"
lab_use_build "$1"
lab_use_samplers "$1"
trap 'rm -rf "$work"' EXIT

# ---- who accesses what -----------------------------------------------------------------------

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

# What the workload visits is joined by its visits, the rest when somebody touches it.
huge_again()
{
    (($(huge_mappings db1) >= $1))
}

hot_granules()
{
    awk '$3 == 512' "$work/frames" | wc -l
}

test_huge()
{
    local mappings pages
    mappings=$(<"$work/mappings")
    pages=$(<"$work/pages")
    diag "huge mappings: $mappings before, $(cost splits) split, $(huge_mappings db1) now;" \
        "KiB in huge pages: $pages before, $(huge_pages db1) now"
    # There cannot be more than its 288 MiB have granules.
    check "splits of huge mappings are counted" \
        test "$(cost splits)" -ge $((mappings / 2)) -a "$(cost splits)" -le 144
    check "KVM joins them again when the log is off" \
        lab_wait 60 "huge mappings of $(hot_granules) hot granules" huge_again "$(hot_granules)"
    check "QEMU's own huge pages are not split" test "$(huge_pages db1)" -ge "$pages"
}

log_writes()
{
    huge_mappings db1 >"$work/mappings"
    huge_pages db1 >"$work/pages"
    window db1 dirty-log 0 "$(pieces 144 144)" logging db1 "$(round_seconds db1 40 40)" bitmap
}

test_dirty_log()
{
    check "a guest that writes, each vCPU in its own cell" lab_guest_start db1 --append huge \
        --cell-mb 144 --pin "0=$(lab_node_cpus 0)" --pin "1=$(lab_node_cpus 1)" \
        --workload '--scrub 0' --job vcpu=0,cell=0,mb=40,rate=20 \
        --job vcpu=1,cell=1,mb=40,rate=20 || return 1
    check "it has filled its memory, and says where its pages are" steadily db1 true
    diag "$(describe_frames)"
    check "a window of the dirty log" steadily db1 log_writes
    report dirty-log write:0:0 write:1:1
    check "vCPU and granule of its writes are right" good write:0:0 write:1:1
    diag "$(grep '^slot' "$work/window")"
    diag "$(<"$work/measured")"
    check "who measures meanwhile is told to wait" grep -q '^second: busy: guest db1' "$work/measured"
    check "and the first measures" grep -q '^state=2 mb_per_second=[1-9]' "$work/measured"
    check "KVM's slots are as its cells are mapped" slots_are_right db1 144
    test_huge
    check "without the log on nothing is seen" window db1 dirty-log 500 ""
    check "indeed nothing" test -z "$(grep '^count' "$work/window")"
}

refault()
{
    lab_guest_ask db1 "set job=1 access=read" && huge_pages db1 >"$work/pages" &&
        window db1 refault "$(round_seconds db1 40 40)000" "$(pieces 144 144)"
}

test_refault()
{
    check "a window of refaults while its second vCPU only reads" steadily db1 refault
    report refault both:0:0 read:1:1
    check "what is only read is found, and who reads it" good read:1:1
    check "what is written, too" good both:0:0
    check "it has cost as many faults as it says" test "$(cost faults)" -gt 0
    check "no huge page of QEMU was split for it" test "$(huge_pages db1)" -ge "$(<"$work/pages")"
    check "its memory is still right" lab_guest_verify db1
}

test_ends()
{
    check_fails "a guest that ends within a window" window db1 dirty-log 0 "" \
        virsh -q destroy db1
    check "says so" grep -q '^end: gone: .*it ended within the window' "$work/window"
    lab_guest_stop db1
}

refused()
{
    local pid
    pid=$(lab_guest_pid ring1) && echo "$pid 6 none 1" |
        setpriv --bounding-set -sys_admin,-bpf,-perfmon "$sample"
}

ring_writes()
{
    window ring1 "$1" 0 "$(pieces 144 192)" logging ring1 "$(round_seconds ring1 40 60)" ring
}

test_ring()
{
    # KVM does not number the vCPUs of sockets of three cores as QEMU does: it has no 3.
    check "a guest with dirty rings" lab_guest_start ring1 --append huge --dirty-ring 4096 \
        --vcpus-per-cell 3 --cores 3 \
        --cell-mb 144,192 --pin "0=$(lab_node_cpus 0)" --pin "3=$(lab_node_cpus 1)" \
        --workload '--scrub 0' --job vcpu=0,cell=0,mb=40,rate=20 \
        --job vcpu=3,cell=1,mb=60,rate=20 || return 1
    check "it has filled its memory, and says where its pages are" steadily ring1 true
    diag "$(describe_frames)"
    check "a window of its rings" steadily ring1 ring_writes dirty-ring
    report dirty-ring write:0:0 write:1:3
    diag "$(grep '^slot' "$work/window")"
    check "vCPU and granule of its writes are right" good write:0:0 write:1:3
    check "each vCPU's rate is measured" grep -q 'vcpu0=[1-9].* vcpu3=[1-9]' "$work/measured" ||
        diag "$(<"$work/measured")"
    check "a window of its dirty log by BPF" steadily ring1 ring_writes dirty-log
    report dirty-log-with-rings write:0:0 write:1:3
    diag "$(grep '^slot' "$work/window")"
    check "vCPU and granule are right there, too" good write:0:0 write:1:3
    refused >"$work/refused" 2>&1
    diag "$(cat "$work/refused")"
    check "where BPF is refused it says why" grep -q '^cannot dirty-log: no right' "$work/refused"
    check "and the rings are still there" grep -q '^can dirty-ring' "$work/refused"
    lab_guest_stop ring1
}

# ---- faults ----------------------------------------------------------------------------------

# tiny NAME [ARGUMENT of QEMU...]: a guest that is not libvirt's. QEMU 7.2 with a ring may abort
# at its start (README.md, "Limits").
tiny()
{
    local name=$1 said
    shift
    for _ in 1 2 3 4 5 6 7 8; do
        rm -f "$work/$name.qmp"
        said=$(timeout -k 5 60 qemu-system-x86_64 -name "$name,debug-threads=on" -m 16,slots=1,maxmem=1G \
            -nodefaults -display none -qmp "unix:$work/$name.qmp,server=on,wait=off" \
            -pidfile "$work/$name.pid" -daemonize "$@" 2>&1) && return
        [[ $said == *kvm_dirty_ring_reap_one* ]] || break
    done
    echo "$said" >&2
    return 1
}

tiny_pid()
{
    cat "$work/$1.pid"
}

tiny_end()
{
    local pid
    pid=$(tiny_pid "$1") || return 1
    kill -KILL "$pid"
    lab_wait 20 "QEMU's end" eval "! kill -0 $pid 2>/dev/null"
}

# qmp NAME COMMAND...: each is JSON; prints the answers; fails when one is an error.
qmp()
{
    timeout -k 5 60 python3 -c '
import json, socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
lines = link.makefile("rw")
for command in ["{\"execute\": \"qmp_capabilities\"}"] + sys.argv[2:]:
    lines.write(command)
    lines.flush()
    while True:
        answer = json.loads(lines.readline())
        if "error" in answer:
            sys.exit(str(answer))
        if "return" in answer:
            print(answer["return"])
            break' "$work/$1.qmp" "${@:2}"
}

log_on='{"execute": "calc-dirty-rate", "arguments": {"calc-time": 2, "mode": "dirty-bitmap"}}'
reset='{"execute": "system_reset"}'
migrate='{"execute": "migrate", "arguments": {"uri": "exec:cat >/dev/null"}}'
plug='{"execute": "object-add", "arguments": {"qom-type": "memory-backend-ram", "id": "more", "size": 134217728}}'
plugged='{"execute": "device_add", "arguments": {"driver": "pc-dimm", "id": "dimm", "memdev": "more"}}'

# migrate NAME: to nowhere, until it is done.
migrate()
{
    qmp "$1" "$migrate" && lab_wait 60 "the migration to end" migrated "$1"
}

migrated()
{
    qmp "$1" '{"execute": "query-migrate"}' | grep -q "'status': 'completed'"
}

# Starts the BIOS of a guest anew again and again while its dirty log is on.
reset_while_logging()
{
    qmp "$1" "$log_on" && lab_wait 60 "the measurement to end" reset_once "$1"
}

# Whether it was the last time.
reset_once()
{
    qmp "$1" "$reset" '{"execute": "query-dirty-rate"}' | grep -q "'measured'"
}

# A BIOS that starts anew maps the display's memory, and with it KVM's slots change.
test_changes()
{
    check "a guest that is only its BIOS, with a display" tiny bios -accel kvm -device VGA || return 1
    check "resets within a window" window_of "$(tiny_pid bios)" 1 dirty-log 0 "" \
        reset_while_logging bios
    diag "$(grep -E '^(slot|cost)' "$work/window")"
    check "it is sampled all the same" grep -q '^count' "$work/window"
    check "reset within a window of refaults" window_of "$(tiny_pid bios)" 1 refault 0 "" \
        qmp bios "$reset"
    check "it is sampled, too" grep -q '^count' "$work/window"
    check "memory is added within a window" window_of "$(tiny_pid bios)" 1 dirty-log 0 "" \
        qmp bios "$plug" "$plugged"
    check "migration within a window" window_of "$(tiny_pid bios)" 1 dirty-log 0 "" \
        migrate bios
    check "it still runs" qmp bios '{"execute": "query-status"}'
    check "a second window while one is open is refused" second_is_busy
}

# The same guest twice at once.
second_is_busy()
{
    local pid
    pid=$(tiny_pid bios)
    ! window_of "$pid,$pid" 1 dirty-log 10 "" >/dev/null &&
        grep -q '^end: busy: .*open already' "$work/window" &&
        window_of "$pid" 1 dirty-log 10 ""
}

test_killed()
{
    check_fails "QEMU is killed within a window of refaults" window_of "$(tiny_pid bios)" 1 \
        refault 0 "" tiny_end bios
    check "says so" grep -q '^end: gone: ' "$work/window"
    check "a guest with rings" tiny ring -accel kvm,dirty-ring-size=1024 -S || return 1
    check_fails "QEMU is killed within a window of its rings" window_of "$(tiny_pid ring)" 1 \
        dirty-ring 0 "" tiny_end ring
    check "says so, too" grep -q '^end: gone: ' "$work/window"
    check_fails "a window of what has ended" window_of "$(tiny_pid ring)" 1 dirty-ring 10 ""
    check "that is gone" grep -q '^end: gone: ' "$work/window"
}

# Without rings: QEMU 7.2's reaper does not wait for so many vCPUs.
test_vcpus()
{
    check "a guest with 255 vCPUs" tiny wide -accel kvm -S -machine q35,kernel-irqchip=split \
        -device intel-iommu,intremap=on,eim=on -smp 255 || return 1
    check "all of it is watched" window_of "$(tiny_pid wide)" 255 dirty-log 500 ""
    check "and its refaults" window_of "$(tiny_pid wide)" 255 refault 500 ""
    tiny_end wide
}

test_many()
{
    local i pids='' count=${GUESTS:-8}
    for ((i = 0; i < count; i++)); do
        tiny "one$i" -accel kvm -S || break
        pids+=${pids:+,}$(tiny_pid "one$i")
    done
    check "$count guests" test "$i" = "$count"
    check "all are watched at once" window_of "$pids" 1 dirty-log 500 ""
    check "each has its sample" test "$(grep -c '^cost' "$work/window")" = "$count"
    check "all are watched at once for refaults" window_of "$pids" 1 refault 500 ""
    for ((i = 0; i < count; i++)); do
        tiny_end "one$i"
    done
}

open_files()
{
    find "/proc/$sampler_pid/fd" -mindepth 1 | wc -l
}

# ---- by QMP ----------------------------------------------------------------------------------

# A guest that libvirt does not know: two cells, each bound to its host node, and a vCPU each that
# writes there.
socket_start()
{
    rm -f "$work/socket.log"
    tiny socket -accel kvm -cpu host -m 192 -smp 2 \
        -object memory-backend-ram,id=one,size=128M,host-nodes=0,policy=bind \
        -object memory-backend-ram,id=other,size=64M,host-nodes=1,policy=bind \
        -numa node,nodeid=0,cpus=0,memdev=one -numa node,nodeid=1,cpus=1,memdev=other \
        -kernel /run/lab/guest/vmlinuz -initrd /run/lab/guest/initrd \
        -append "console=ttyS0 quiet panic=-1 mitigations=off swiotlb=noforce -- --scrub 0 \
            --job vcpu=0,cell=0,mb=16,rate=20 --job vcpu=1,cell=1,mb=16,rate=20" \
        -serial "file:$work/socket.log" -serial null && socket_pin 0 1 &&
        lab_wait 120 "the workload" grep -qa '^WORKLOAD READY' "$work/socket.log"
}

# socket_pin NODE NODE: where its two vCPUs run.
socket_pin()
{
    local vcpu node
    for vcpu in 0 1; do
        node=$1
        shift
        taskset -cp "$(lab_node_cpus "$node")" "$(socket_thread "$vcpu")" >/dev/null || return 1
    done
}

socket_thread()
{
    local pid
    pid=$(tiny_pid socket) && basename "$(dirname "$(grep -lx "CPU $1/KVM" "/proc/$pid/task/"*/comm)")"
}

# socket_sample NODE NODE [OPTION...]: with its vCPUs there. A guest that the emulation has ended
# (README.md, "Limits") is started once more.
socket_sample()
{
    local one=$1 other=$2
    shift 2
    for _ in 1 2 3; do
        socket_pin "$one" "$other" && vnumactl --json sample --qmp "$work/socket.qmp" "$@" >"$work/sample" &&
            return
        ! kill -0 "$(tiny_pid socket)" 2>/dev/null || return 1
        echo socket >>"$work/ended"
        socket_start || return 1
    done
    return 1
}

# sampled PATH: of the last sample.
sampled()
{
    python3 "$lab_dir/json-path.py" "$1" <"$work/sample"
}

# both_are CONDITION: on the locality l and the number of writes w of each vCPU, in awk's words.
both_are()
{
    local vcpu l w
    for vcpu in 0 1; do
        l=$(sampled "vcpus.$vcpu.locality_ratio") && w=$(sampled "vcpus.$vcpu.writes") &&
            awk -v l="$l" -v w="$w" "BEGIN { exit !($1) }" || return 1
    done
}

# says PATTERN COMMAND...: the command fails, and says why.
says()
{
    local pattern=$1 text
    shift
    if text=$("$@" 2>&1) || ! grep -q "$pattern" <<<"$text"; then
        echo "$text"
        return 1
    fi
}

# Before there is any guest, as vnumad attaches BPF; it is gone when there is another.
test_socket()
{
    lab_vnumad_sampling=on-request
    check "vnumad starts" lab_vnumad_start --bus system || return 1
    check "and has attached" vnumactl list
    check "a guest that libvirt does not know" socket_start || { lab_vnumad_stop; return 1; }
    check "it is sampled by its socket" socket_sample 0 1
    diag "$(cat "$work/sample")"
    check "by its dirty log, page by page" test "$(sampled source)" = dirty-log
    check "under the name that QEMU has for it" test "$(sampled guest)" = socket
    check "both vCPUs write, and at home" both_are 'w >= 1000 && l >= 0.9'
    check "each its 16 MiB, and not much else" \
        test "$(sampled granules_total)" -ge 16 -a "$(sampled granules_total)" -le 60
    check "its vCPUs on each other's nodes are remote" socket_sample 1 0 --seconds 2
    diag "$(cat "$work/sample")"
    check "all the same both write, from afar" both_are 'w >= 500 && l <= 0.1'
    check "its refaults are seen, too" socket_sample 0 1 --seconds 2 --source refault
    check "the monitor is free again" qmp socket '{"execute": "query-dirty-rate"}'
    tiny_end socket
    check "when it has ended, that is said" says 'nobody listens there' \
        vnumactl sample --qmp "$work/socket.qmp"
    check "a guest without KVM" tiny soft -accel tcg -S
    check "is told from one with it" says 'runs without KVM' vnumactl sample --qmp "$work/soft.qmp"
    tiny_end soft
    check "vnumad ends" lab_vnumad_stop
}

# AutoNUMA moves pages, and splits huge ones for it.
echo 0 >/proc/sys/kernel/numa_balancing
parts=" ${PARTS:-socket dirty_log refault ends ring changes killed vcpus many} "
[[ $parts != *" socket "* ]] || test_socket
start_sampler
check "programs are attached" test "$(<"$work/answers")" = ready
diag "$(cat "$work/answers")"
files=$(open_files)
for part in ${parts/ socket / }; do
    "test_$part"
done
check "no file is left open" test "$(open_files)" = "$files"
if stop_sampler; then
    ok "the sampler ends well"
else
    not_ok "the sampler ends well" "$(tail -n 20 "$work/answers")"
fi
[[ ! -e $work/ended ]] || diag "ended by themselves and were started once more: $(xargs <"$work/ended")"
done_testing
