#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The Bash completion with the real vnumactl's verbs; guests come from a stand-in, as there
# is no daemon here. Usage: test-completion.sh VNUMACTL COMPLETION
set -u
program=$1

# The completion calls this. The names: one to quote, and one that JSON escapes.
# shellcheck disable=SC2317 # see above
vnumactl() {
    if [[ $* == *list* ]]; then
        [[ $* == *'--bus session'* ]] && return 1
        printf '  "name": "db1",\n  "name": "my guest",\n  "name": "a\\u001b"\n'
    else
        "$program" "$@"
    fi
}

# shellcheck source=/dev/null
source "$2"

count=0
failed=0

# expect WORDS... = OFFERED: the last of WORDS is the one to complete
expect() {
    local offered=$1
    shift
    COMP_WORDS=(vnumactl "$@")
    COMP_CWORD=$#
    COMPREPLY=()
    _vnumactl
    ((count++))
    if [[ ${COMPREPLY[*]-} == "$offered" ]]; then
        echo "ok $count $*"
    else
        echo "not ok $count $*: offered '${COMPREPLY[*]-}', expected '$offered'"
        failed=1
    fi
}

expect 'host list show topology define verify plan rebalance undo why drain undrain sample heatmap simulate' ''
expect 'rebalance' 're'
expect 'list' --json 'l'
expect 'list' --root /tmp 'l'
expect 'list' --color = never 'l'
expect 'db1 my\ guest' show ''
expect 'my\ guest' plan db1 'm'
expect '' --bus session show ''
expect '' host ''
expect '--wait --dry-run --json --root --bus --timeout --color --help' rebalance '--'
expect '--xml --qemu --acpi --decode --json --root --bus --timeout --color --help' topology '--'
expect 'my\ guest' topology my
expect '/dev/null' topology --acpi /tmp /dev/nul
expect '/proc/self/task' topology --acpi /proc/self/tas
expect '--seconds --source --qmp --json --root --bus --timeout --color --help' sample '--'
expect 'dirty-log dirty-ring dirty-rate' sample db1 --source 'dirty-'
expect '' sample db1 --seconds ''
expect 'db1 my\ guest' heatmap --bins 8 ''
expect '/dev/null' heatmap db1 --svg /dev/nul
expect '--bins' heatmap db1 --png /tmp/x.png '--bi'
expect '--version' '--v'
expect '' list '--v'
expect '--force' define '--f'
expect "$2" define "${2%ompletion}"
expect '--connect' define --connect test:///default '--conn'
expect 'system session' --bus ''
expect 'always' --color = 'al'
expect 'auto always never' --color =
expect '' --timeout ''
echo "1..$count"
exit "$failed"
