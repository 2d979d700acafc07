#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# sampling.sh: windows of kvm/sampler.h on guests, and the workload as witness of what came out
# (". tests/lab/sampling.sh" behind lib.sh; "lab_use_samplers BUILD" first). For test-sampling.sh
# and bench/attribution.

# lab_use_samplers BUILD: its programs, and a folder for what they say: $work.
lab_use_samplers()
{
    sample=$1/tests/kvm/sample
    measure=$1/tests/virt/measure
    work=$(mktemp -d)
}

# ---- windows ---------------------------------------------------------------------------------

# One sampler for all, as in a daemon: attached before the first guest, detached after the last.
start_sampler()
{
    mkfifo "$work/orders"
    "$sample" <"$work/orders" >"$work/answers" 2>&1 &
    sampler_pid=$!
    exec {orders}>"$work/orders"
    lab_wait 120 "the sampler" grep -q '^ready' "$work/answers"
}

stop_sampler()
{
    exec {orders}>&-
    wait "$sampler_pid"
}

said()
{
    tail -c "+$(($1 + 1))" "$work/answers" | grep -Eq "$2"
}

# window_of PIDS VCPUS SOURCE MILLISECONDS PIECES [COMMAND...]: a window of each process, for so
# long, or until the command has ended; what the sampler says of it is in $work/window. Fails when
# a window does, or the command.
window_of()
{
    local order="$1 $2 $3" milliseconds=$4 memory=$5 offset result=0
    shift 5
    (($# == 0)) || milliseconds=120000
    offset=$(stat -c %s "$work/answers")
    echo "$order $milliseconds $memory" >&"$orders"
    if (($#)); then
        lab_wait 60 "the window to open" said "$offset" '^(open|end)' && "$@" || result=1
        said "$offset" '^end' || echo stop >&"$orders"
    fi
    lab_wait 120 "the window to end" said "$offset" '^end' || result=1
    tail -c "+$((offset + 1))" "$work/answers" >"$work/window"
    grep -q '^end$' "$work/window" && return "$result"
    tail -n 1 "$work/window"
    return 1
}

# window NAME SOURCE MILLISECONDS PIECES [COMMAND...]: of one guest of the lab.
window()
{
    local name=$1 pid vcpus
    shift
    vcpus=$(virsh -q vcpucount "$name" --live) && pid=$(lab_guest_pid "$name") &&
        window_of "$pid" "$vcpus" "$@" && return
    tail -n 5 "/var/log/libvirt/qemu/$name.log"
    tail -n 5 "$(lab_guest_log "$name")"
    dmesg | tail -n 5
    return 1
}

# steadily NAME COMMAND...: the command, when the guest's memory is filled and it has said where its
# pages are. Where it ends by itself meanwhile, which the emulation does to some (README.md,
# "Limits"), it is started once more, twice at the most.
steadily()
{
    local name=$1 attempt
    shift
    for attempt in 1 2 3; do
        settled "$name" && "$@" && return
        ! lab_guest_pid "$name" >/dev/null 2>&1 && ((attempt < 3)) || return 1
        echo "$name" >>"$work/ended"
        rm -f "$work/settled-$name" "$(lab_guest_log "$name")"
        lab_guest_boot "$name" || return 1
    done
}

settled()
{
    [[ -e $work/settled-$1 ]] ||
        { lab_guest_wait_ready "$1" 300 && frames "$1" && : >"$work/settled-$1"; }
}

# logging NAME SECONDS bitmap|ring: has the dirty log switched on, by virt/dirty-rate.h.
logging()
{
    timeout -k 5 100 "$measure" "$(virsh domuuid "$1" | head -n 1)" "$2" "$3" >"$work/measured"
}

# round_seconds NAME MB...: for how long each job of the workload, of so many MB each, has to be
# looked at to have visited all of its pages, at the speed that it has here and now, and logged.
round_seconds()
{
    local name=$1
    shift
    grep -Ea '^WORKLOAD beat=.*'$'\r$' "$(lab_guest_log "$name")" | tail -n 4 | tr -d '\r' |
        awk -v sizes="$*" '
        BEGIN { n = split(sizes, mb, " ") }
        {
            for (i = 1; i <= NF; i++) { split($i, pair, "="); now[pair[1]] = pair[2] }
            if (NR == 1) for (key in now) first[key] = now[key]
        }
        END {
            for (i = 0; i < n; i++) {
                ops = now["job" i] - first["job" i]
                needs = ops > 0 ? mb[i + 1] * 256 * (now["ms"] - first["ms"]) / ops / 1000 : 30
                if (needs > longest) longest = needs
            }
            seconds = int(2 * longest) + 1
            print (seconds > 40 ? 40 : seconds)
        }'
}

# cost KEY: what the last window's line of costs has for it.
cost()
{
    sed -n "s/^cost.* $1=\([0-9]*\).*/\1/p" "$work/window"
}

# ---- the witness -----------------------------------------------------------------------------

# pieces MB MB: the RAM of two cells of a machine without a hole, for windows.
pieces()
{
    echo "0x0+0xa0000 0xc0000+0x40000 0x100000+$((($1 << 20) - 0x100000)) $(($1 << 20))+$(($2 << 20))"
}

# frames NAME: in $work/frames "REGION GRANULE PAGES" of each granule in which a region of the
# workload has pages. In those that are not all of one region's (512) the guest's kernel has
# pages, too, which any vCPU may touch.
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
        END { for (granule in pages) print granule, pages[granule] }' >"$work/frames"
    [[ -s $work/frames ]]
}

describe_frames()
{
    awk '
        { all[$1]++; if ($3 == 512) whole[$1]++ }
        END { for (r in all) printf "region %d: %d granules, %d of them wholly; ", r, all[r], whole[r] }' \
        "$work/frames"
}

# judge KIND:REGION:VCPU...: of the window's accesses: how many in all; of those to granules that
# are wholly one of these regions': how many, and the percentage that name the vCPU that visits it,
# and this kind ("read", "write"; "both": the workload reads a page before it writes it, and a
# source of both kinds may see both); and the percentage of these granules that were found so, for
# "both" written.
judge()
{
    awk -v expected="$*" '
        BEGIN {
            n = split(expected, words, " ")
            for (i = 1; i <= n; i++) {
                split(words[i], part, ":")
                kind[part[2]] = part[1]
                vcpu[part[2]] = part[3]
            }
        }
        NR == FNR {
            if ($3 == 512 && $1 in kind) { owner[$2] = $1; granules++ }
            next
        }
        $1 == "count" {
            all += $5
            if (!($2 in owner)) next
            inside += $5
            region = owner[$2]
            if ($3 != vcpu[region] || kind[region] != "both" && kind[region] != $4) next
            right += $5
            if (kind[region] != "both" || $4 == "write") found[$2] = 1
        }
        END {
            for (granule in found) seen++
            printf "all=%d inside=%d right=%.2f found=%.2f\n", all, inside,
                inside ? 100 * right / inside : 0, granules ? 100 * seen / granules : 0
        }' "$work/frames" "$work/window"
}

# good KIND:REGION:VCPU...: 99 % of the accesses are right, 95 % of the granules are found.
good()
{
    judge "$@" | tr ' ' '\n' | awk -F= '
        { value[$1] = $2 }
        END { exit !(value["inside"] > 0 && value["right"] >= 99 && value["found"] >= 95) }' ||
        { judge "$@"; tail -n 2 "$work/window"; return 1; }
}

# report NAME KIND:REGION:VCPU...: says how good it was; keeps what it was made of.
report()
{
    diag "$1: $(judge "${@:2}"); $(grep '^cost' "$work/window")"
    cp "$work/frames" "/run/lab/out/$1.frames"
    cp "$work/window" "/run/lab/out/$1.window"
}

# ---- KVM's huge mappings ---------------------------------------------------------------------

# huge_mappings NAME: KVM's of 2 MiB, now.
huge_mappings()
{
    cat "/sys/kernel/debug/kvm/$(lab_guest_pid "$1")"-*/pages_2m
}

# huge_pages NAME: KiB of its RAM that QEMU's own page tables map by huge pages.
huge_pages()
{
    local pid
    pid=$(lab_guest_pid "$1") || return 1
    awk '
        NR == FNR { ram[$1] = 1; next }
        /^[0-9a-f]+-[0-9a-f]+ / { split($1, range, "-"); inside = range[1] in ram }
        inside && $1 == "AnonHugePages:" { sum += $2 }
        END { print sum + 0 }' <(lab_ram_vmas "$pid") "/proc/$pid/smaps"
}
