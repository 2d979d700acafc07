#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# memory-peek.sh PROGRAM: in the lab, starts a guest with memory that nobody changes and hands
# its place to memory-peek; then shows that QEMU's monitor, asked through libvirt, does taint.
# shellcheck source-path=SCRIPTDIR source=../lab/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lab/lib.sh"

guest=memory-peek
trap 'lab_guest_stop "$guest"' EXIT

frame_of_page()
{
    local offset
    offset=$(stat -c %s "$(lab_guest_log "$guest")")
    lab_guest_ask "$guest" "pages region=1 page=$1 pages=1" >/dev/null &&
        lab_guest_wait "$guest" 10 '^WORKLOAD FRAMES' "$offset" | sed 's/.*gpa=//'
}

tainted()
{
    virsh dominfo "$guest" | grep -q tainted
}

if check "a guest starts" lab_guest_start "$guest" --cell-mb 200 \
    --job vcpu=0,cell=0,mb=16,access=idle --job vcpu=1,cell=1,mb=16,access=idle &&
    check "its memory is filled" lab_guest_wait_ready "$guest"; then
    tap_run memory-peek "$1" "$guest" "$(frame_of_page 9)" "$(lab_guest_pid "$guest")" \
        "$(lab_guest_address "$guest" 1 9)"
    check_fails "virsh dominfo names no taint" tainted
    check_fails "and neither does the domain's log" grep tainted "/var/log/libvirt/qemu/$guest.log"
    check "a monitor command through libvirt works" virsh -q qemu-monitor-command "$guest" --hmp 'info status'
    check "and taints the domain" tainted
    check "the guest's memory is right" lab_guest_verify "$guest"
fi
done_testing
