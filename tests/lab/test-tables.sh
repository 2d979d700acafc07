#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-tables.sh BUILD_FOLDER: the tables that "vnumactl topology FILE.xml --acpi DIR" writes
# are those that a real KVM guest of that definition finds in /sys/firmware/acpi/tables, byte
# for byte apart from OEM ids and checksums. In the two-node lab. TAP.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
build=$1
guest=tables
# One CPU is enough to print tables, and a guest that starts no others cannot wait for them.
cmdline='console=ttyS0 quiet panic=-1 mitigations=off swiotlb=noforce maxcpus=1 tables --'
work=$(mktemp -d)

# define MACHINE VCPUS CELLS [WORD...]: a definition whose guest only prints its tables. VCPUS:
# "CURRENT/MAX". CELLS: a word for each, "VCPUS:MIB", either may be empty (no CPUs) or 0.
# Further words: topology=S.D.C.T, distances=STEP (10, then 10 + STEP for each cell further, one
# more on the way back), hmat, hotplug=MIB, eim; direct: started with "topology --qemu" instead
# of by libvirt, which has no cells without memory.
define()
{
    local machine=$1 vcpus=$2 cells word total=0 topology='' sockets dies cores threads step='' hmat='' hotplug='' eim=''
    read -ra cells <<<"$3"
    shift 3
    for word in "$@"; do
        case $word in
        topology=*) topology=${word#*=} ;;
        distances=*) step=${word#*=} ;;
        hmat) hmat=yes ;;
        hotplug=*) hotplug=${word#*=} ;;
        eim) eim=yes ;;
        esac
    done
    for word in "${cells[@]}"; do
        total=$((total + ${word#*:}))
    done
    cat <<END
<domain type='kvm'>
  <name>$guest</name>
  <uuid>6ba7b810-9dad-11d1-80b4-00c04fd430c8</uuid>
  ${hotplug:+<maxMemory slots='4' unit='MiB'>$((total + hotplug))</maxMemory>}
  <memory unit='MiB'>$total</memory>
  <vcpu placement='static' current='${vcpus%/*}'>${vcpus#*/}</vcpu>
  <os>
    <type arch='x86_64' machine='$machine'>hvm</type>
    <kernel>/run/lab/guest/vmlinuz</kernel>
    <initrd>/run/lab/guest/initrd</initrd>
    <cmdline>$cmdline</cmdline>
  </os>
  <features><acpi/><apic/>${eim:+<ioapic driver='qemu'/>}</features>
  <cpu mode='host-passthrough'>
END
    if [[ $topology ]]; then
        IFS=. read -r sockets dies cores threads <<<"$topology"
        echo "    <topology sockets='$sockets' dies='$dies' cores='$cores' threads='$threads'/>"
    fi
    print_numa "$step" "$hmat" "${cells[@]}"
    cat <<END
  </cpu>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>destroy</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <serial type='file'><source path='$(lab_guest_log "$guest")'/><target port='0'/></serial>
    <memballoon model='none'/>
    ${eim:+<iommu model='intel'><driver intremap='on' eim='on'/></iommu>}
  </devices>
</domain>
END
}

# print_numa STEP HMAT CELL...
print_numa()
{
    local step=$1 hmat=$2 id=0 other cell cpus far kind
    shift 2
    echo "    <numa>"
    for cell in "$@"; do
        cpus=${cell%:*}
        [[ ! $cpus ]] || cpus=" cpus='$cpus'"
        echo "      <cell id='$id'$cpus memory='${cell#*:}' unit='MiB'>"
        if [[ $step ]]; then
            echo "        <distances>"
            for ((other = 0; other < $#; other++)); do
                far=$((other > id ? (other - id) * step : other < id ? (id - other) * step + 1 : 0))
                echo "          <sibling id='$other' value='$((10 + far))'/>"
            done
            echo "        </distances>"
        fi
        echo "      </cell>"
        id=$((id + 1))
    done
    if [[ $hmat ]]; then
        echo "      <interconnects>"
        for ((id = 0; id < $#; id++)); do
            [[ ${*:id+1:1} != :* ]] || continue
            # libvirt takes a link between two cells in one direction only.
            for ((other = id; other < $#; other++)); do
                far=$((other - id))
                for kind in read write; do
                    echo "        <latency initiator='$id' target='$other' type='$kind' value='$((80 + 45 * far))'/>"
                    echo "        <bandwidth initiator='$id' target='$other' type='$kind' value='$((20971520 / (far + 1) / 1024 * 1024))' unit='KiB'/>"
                done
            done
        done
        echo "      </interconnects>"
    fi
    echo "    </numa>"
}

dumped()
{
    grep -qa '^GUEST tables end' "$(lab_guest_log "$guest")"
}

# same SHAPE: writes and compares; what differs is shown by offset.
same()
{
    local name=$1 table found wrong=0
    "$build/cli/vnumactl" topology "$work/$name.xml" --acpi "$work/$name" || return 1
    for table in SRAT SLIT HMAT; do
        found=$work/$name.guest.$table
        tr -d '\r' <"$(lab_guest_log "$guest")" | sed -n "s/^GUEST table $table //p" |
            python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))' >"$found"
        if [[ ! -s $found && ! -e $work/$name/$table ]]; then
            continue
        elif [[ ! -s $found || ! -e $work/$name/$table ]]; then
            echo "$table: only $([[ -s $found ]] && echo the guest has it || echo we have it)"
            wrong=1
        else
            # The header's checksum (9), OEM ids and revisions (10 to 35) may differ.
            cmp -l "$work/$name/$table" "$found" | awk -v table="$table" \
                '$1 < 10 || $1 > 36 { print table ": byte " $1 - 1 ": " $2 ", the guest has " $3; n++ }
                 END { exit n > 0 }' || wrong=1
            [[ $(stat -c %s "$found") == $(stat -c %s "$work/$name/$table") ]] || wrong=1
        fi
    done
    return "$wrong"
}

# shape NAME MACHINE VCPUS CELLS [WORD...]
shape()
{
    local name=$1 boot=boot
    shift
    define "$@" >"$work/$name.xml"
    rm -f "$(lab_guest_log "$guest")"
    [[ " $* " != *" direct "* ]] || boot=boot_directly
    if check "$name: a guest prints its tables" "$boot" "$name"; then
        check "$name: ours are the same" same "$name"
    fi
    lab_guest_stop "$guest"
}

over()
{
    dumped || ! virsh -q domstate "$guest" | grep -q running
}

# One that ends by itself (README.md, "Limits") is started once more, twice at the most.
boot()
{
    virsh -q define "$work/$1.xml" || return 1
    for _ in 1 2 3; do
        virsh -q start "$guest" >/dev/null || return 1
        lab_wait 120 "guest $1 to print its tables" over
        dumped && return
        virsh -q domstate "$guest" --reason >&2
        tail -n 20 "$(lab_guest_log "$guest")" | cut -c 1-200 | tr -d '\r' >&2
        ! virsh -q domstate "$guest" | grep -q running || return 1
    done
    return 1
}

boot_directly()
{
    "$build/cli/vnumactl" topology "$work/$1.xml" --qemu |
        xargs timeout -k 5 120 qemu-system-x86_64 -accel kvm -cpu host -nodefaults -display none \
            -no-reboot -kernel /run/lab/guest/vmlinuz -initrd /run/lab/guest/initrd \
            -append "$cmdline" \
            -serial "file:$(lab_guest_log "$guest")" && dumped
}

trap 'lab_guest_stop "$guest"; rm -rf "$work"' EXIT
shape pc-one pc 2/2 "0-1:256"
shape q35-two q35 4/4 "0-1:256 2-3:256" topology=2.1.1.2 distances=11
shape pc-three pc 3/3 "0:128 1:192 2:128" distances=7
shape q35-eight q35 8/8 "0:96 1:96 2:96 3:96 4:96 5:96 6:96 7:96" distances=3
shape pc-above-4g pc 2/2 "0:2304 1:2304" distances=11
shape q35-above-4g q35 2/2 "0:1536 1:2560"
shape q35-memory-only q35 2/2 "0-1:256 :128" distances=30
shape pc-no-memory pc 3/3 "0:256 1:256 2:0" direct
shape q35-direct q35 4/4 "0-1:256 2-3:256" topology=1.2.1.2 distances=11 direct
shape q35-hmat q35 2/2 "0:256 1:256 :128" distances=11 hmat
shape pc-hmat pc 2/2 "0:256 1:256" hmat
shape q35-hotplug q35 2/2 "0:256 1:256" hotplug=1024
shape pc-hotplug-vcpus pc 2/6 "0-2:256 3-5:256" hotplug=2048
shape q35-x2apic q35 2/288 "0-143:256 144-287:256" eim
done_testing
