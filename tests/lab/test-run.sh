#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-run.sh: TAP tests of "run" from the outside (on the real machine): status, streams,
# results, writes that stay in the lab, deadline, interruption, two hosts side by side.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work
# What is looked at here is not to wait for other hosts, nor to tell of it.
export LAB_SLOTS=0

left_over()
{
    compgen -G "$work/vnumad-lab.*" >/dev/null
}

no_qemu_left()
{
    ! pgrep -f "$work/vnumad-lab" >/dev/null
}

test_streams_and_status()
{
    local status=0
    mkdir "$work/out"
    # shellcheck disable=SC2016 # expanded in the lab
    LAB_OUT=$work/out "$lab_dir/run" one-node bash -c '
        printf "out\\0\\xff\\n"; echo err >&2; echo kept >/run/lab/out/file; echo x >"$1"; pwd >&2
        exit 42' - "$work/written" >"$work/stdout" 2>"$work/stderr" || status=$?
    check "the command's status is passed on" test "$status" -eq 42
    check "standard output comes through byte by byte" \
        cmp "$work/stdout" <(printf 'out\0\xff\n')
    check "standard error is apart, the directory is the same" \
        cmp "$work/stderr" <(printf 'err\n%s\n' "$PWD")
    check "results are handed out" cmp "$work/out/file" <(echo kept)
    check_fails "other writes stay in the lab" test -e "$work/written"
    check_fails "no temporary folder is left" left_over
}

# Two at once: one is too slow, one is interrupted, and each says so.
test_deadline_and_interrupt()
{
    local slow interrupted slow_status=0 status=0
    LAB_SECONDS=8 "$lab_dir/run" one-node sleep 1000 2>"$work/slow" &
    slow=$!
    "$lab_dir/run" one-node bash -c 'echo up; sleep 1000' >"$work/up" 2>/dev/null &
    interrupted=$!
    check "a host comes up beside another" lab_wait 120 "the second host" grep -q up "$work/up"
    kill -TERM "$interrupted"
    wait "$interrupted" || status=$?
    wait "$slow" || slow_status=$?
    check "a terminated run says so" test "$status" -eq 143
    check "a run beyond its limit ends with 125" test "$slow_status" -eq 125
    check "and names the limit" grep -q 'limit of 8 s' "$work/slow"
    check_fails "no temporary folder is left by either" left_over
    # A killed QEMU gives its memory back before it is gone.
    check "no QEMU is left by either" lab_wait 30 "its end" no_qemu_left
}

# The first time the host's sign of life stops; the second time it finds that there was a first.
test_stall()
{
    local status=0
    # shellcheck disable=SC2016 # expanded in the lab
    LAB_STALL=30 LAB_ATTEMPTS=2 LAB_OUT=$work/out "$lab_dir/run" one-node bash -c '
        echo "once more"
        [[ -e /run/lab/out/first ]] && exit 7
        echo >/run/lab/out/first; sync
        pkill -STOP -f /run/lab/job/up; sleep 1000' >"$work/stdout" 2>"$work/stderr" || status=$?
    check "a host that stands still is booted once more" test "$status" -eq 7
    check "only the second one's output comes" cmp "$work/stdout" <(echo "once more")
    check "and why is said" grep -q 'stood still for 30 s: it is booted once more' "$work/stderr"
}

test_usage()
{
    local status=0
    "$lab_dir/run" no-such-topology true 2>"$work/usage" || status=$?
    check "an unknown topology is a usage error" test "$status" -eq 2
    check "which names the known ones" grep -q 'two-nodes' "$work/usage"
}

test_usage
test_streams_and_status
test_deadline_and_interrupt
test_stall
done_testing
