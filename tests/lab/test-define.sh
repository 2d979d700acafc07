#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-define.sh BUILD_FOLDER: definitions on a real libvirtd and real guests, inside the
# lab of two nodes: vnumactl completes one, the daemon completes one by itself, the guest sees what
# was written, and "vnumactl verify" notices when it is no longer true. TAP.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=daemon.sh
. "$lab_dir/daemon.sh"
lab_use_build "$1"
# shellcheck disable=SC2034 # daemon.sh uses it
lab_vnumad_completes=yes

# plain NAME [OPTION...]: the definition of a guest of four vCPUs and 768 MiB without cells.
plain()
{
    "$lab_dir/guest/define" "$1" --cells 0 --vcpus-per-cell 4 --cell-mb 768 \
        --job vcpu=0,mb=150,rate=20 --job vcpu=3,mb=150,rate=20 "${@:2}"
}

make_pipes()
{
    rm -f "$lab_guest_dir/$1".{log,input.in,input.out}
    mkfifo "$lab_guest_dir/$1".input.{in,out}
}

has_cells()
{
    (($(virsh dumpxml --inactive "$1" | grep -c '<cell id=') == $2))
}

# The definition says of a path what is wanted.
says_xml()
{
    local found
    found=$(virsh dumpxml --inactive "$1" | xmllint --xpath "string($2)" -)
    [[ $found == "$3" ]] || {
        echo "$2 is '$found', not '$3'" >&2
        return 1
    }
}

test_define()
{
    local xml=/run/lab/guest/made.in.xml
    plain made --metadata 'policy="align"' >"$xml"
    make_pipes made
    check "a definition is completed by hand, without a daemon" vnumactl define "$xml"
    check "it has two cells" has_cells made 2
    check "of two vCPUs" says_xml made "//numa/cell[1]/@cpus" 0-1
    check "with the host's distance" says_xml made "//numa/cell[1]/distances/sibling[2]/@value" 21
    check "bound to a node each" test "$(virsh dumpxml --inactive made |
        xmllint --xpath 'count(//memnode)' -)" = 2
    virsh dumpxml --inactive made >"$xml"
    check "once more changes nothing" vnumactl define "$xml"
    check "really nothing" diff "$xml" <(virsh dumpxml --inactive made)
    check "the guest starts" virsh -q start made
    check "and is ready" lab_guest_wait_ready made 180
    check "it sees two nodes" test "$(grep -c '^GUEST node' "$(lab_guest_log made)")" -eq 2
    check "and their distance" grep -qa 'GUEST node0 .*distance=10,21' "$(lab_guest_log made)"
}

test_verify()
{
    check "vnumad starts" lab_vnumad_start --bus system
    check "what the guest was told is true" vnumactl verify made
    lab_place made 1 0
    check_fails "with its memory exchanged it is not" vnumactl verify made
    check "and verify says what" bash -c "vnumactl --json verify made | grep -q memory-elsewhere"
    check "a rebalance mends it" vnumactl rebalance made --wait
    check "then it is true again" vnumactl verify made
    check "the guest's memory is well" lab_guest_verify made
    lab_guest_stop made
}

test_daemon_completes()
{
    plain auto --metadata 'cells="2" policy="align"' >/run/lab/guest/auto.in.xml
    check "a definition with our element" virsh -q define /run/lab/guest/auto.in.xml
    check "is completed by the daemon" lab_wait 30 "two cells" has_cells auto 2
    virsh undefine auto >/dev/null
    plain auto >/run/lab/guest/auto.in.xml
    check "one without" virsh -q define /run/lab/guest/auto.in.xml
    check "gets the element by virsh metadata" virsh -q metadata auto urn:vnumad:guest:1 --config \
        --key vnuma --set '<guest policy="align"/>'
    check "and is completed" lab_wait 30 "two cells" has_cells auto 2
    virsh dumpxml --inactive auto >/run/lab/guest/auto.before.xml
    check "a wrong element" virsh -q metadata auto urn:vnumad:guest:1 --config --key vnuma \
        --set '<guest polcy="align"/>'
    check "is told" lab_wait 30 "the log to say so" grep -q "guest auto: .*polcy" "$vnumad_log"
    check "and the cells are left" has_cells auto 2
    virsh -q undefine auto
    plain other >/run/lab/guest/other.in.xml
    check "a guest that did not ask" virsh -q define /run/lab/guest/other.in.xml
    virsh dumpxml --inactive other >/run/lab/guest/other.before.xml
    plain auto --metadata 'policy="align"' >/run/lab/guest/auto.in.xml
    virsh -q define /run/lab/guest/auto.in.xml
    check "while another is completed" lab_wait 30 "two cells" has_cells auto 2
    check "stays as it is" diff /run/lab/guest/other.before.xml <(virsh dumpxml --inactive other)
    virsh -q undefine auto
    virsh -q undefine other
}

test_respect_and_refuse()
{
    plain pinned --metadata 'policy="align"' --pin 0=3 >/run/lab/guest/pinned.in.xml
    check "pins of the administrator's own" vnumactl define /run/lab/guest/pinned.in.xml
    check "are respected" says_xml pinned "//vcpupin[@vcpu='0']/@cpuset" 3
    virsh -q undefine pinned
    plain large --metadata 'policy="align"' | sed 's/>768</>7680000</' >/run/lab/guest/large.in.xml
    check_fails "a guest that cannot fit is refused" vnumactl define /run/lab/guest/large.in.xml
    check "with what would fit" bash -c \
        "vnumactl define /run/lab/guest/large.in.xml 2>&1 | grep -q 'would fit'"
    check_fails "and is not defined" virsh -q domstate large
}

printed_tables()
{
    grep -qa '^GUEST tables end' "$(lab_guest_log told)"
}

# Three sockets on a line, and a far node without CPUs that is no home of a cell.
test_hmat()
{
    local work=/run/lab/told
    mkdir -p "$work"
    make_pipes told
    "$lab_dir/guest/define" told --cells 0 --vcpus-per-cell 6 --cell-mb 600 --append tables \
        --metadata 'policy="align"' | sed "/type='pipe'/d" >"$work/told.xml"
    check "a guest as wide as three sockets" vnumactl define "$work/told.xml"
    check "has three cells" has_cells told 3
    check "at the distances of the line" says_xml told \
        "//numa/cell[1]/distances/sibling[3]/@value" 32
    check "with the host's latency" says_xml told \
        "//interconnects/latency[@initiator='1'][@target='1']/@value" 80
    virsh dumpxml --inactive told >"$work/told.xml"
    check "the definition is valid" virt-xml-validate "$work/told.xml" domain
    check "its tables can be told" vnumactl topology "$work/told.xml" --acpi "$work/ours"
    check "the guest starts" virsh -q start told
    check "and prints its tables" lab_wait 180 "the tables" printed_tables
    for table in SRAT SLIT HMAT; do
        tr -d '\r' <"$(lab_guest_log told)" | sed -n "s/^GUEST table $table //p" |
            python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))' \
                >"$work/$table"
        check "$table is as told" cmp "$work/ours/$table" "$work/$table"
    done
    check "HMAT has the latency" bash -c \
        "vnumactl topology --decode $work/HMAT | grep -q '80.*ns'"
}

trap 'lab_guest_stop told; lab_guest_stop made; lab_guest_stop auto; lab_guest_stop other; lab_guest_stop pinned' EXIT
echo 0 >/proc/sys/kernel/numa_balancing
if [[ -e /sys/devices/system/node/node3 ]]; then
    test_hmat
else
    test_define
    test_verify
    test_daemon_completes
    test_respect_and_refuse
    check "vnumad ends well when told to" lab_vnumad_stop
fi
done_testing
