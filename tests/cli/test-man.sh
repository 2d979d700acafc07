#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each verb and each option of vnumactl is in its manual page, and each key of the
# configuration that is installed in its own. Usage: test-man.sh VNUMACTL MAN_FOLDER CONFIG
set -u
page=$2/vnumactl.1
config_page=$2/vnumad.conf.5
count=0
failed=0

# expect WHAT PATTERN FILE
expect() {
    count=$((count + 1))
    if grep -q -e "$2" "$3"; then
        echo "ok $count $1"
    else
        echo "not ok $count $1 is not in $3"
        failed=1
    fi
}

verbs=$("$1" --complete) || exit 1
for verb in $(echo "$verbs" | cut -d ' ' -f 1); do
    expect "verb $verb" "^\\.It Cm $verb\\( \\|\$\\)" "$page"
done
options=$(for verb in '' $(echo "$verbs" | cut -d ' ' -f 1); do
    # An empty verb is none.
    # shellcheck disable=SC2086
    "$1" $verb --help
done | sed -n 's/^  \(-h, \)\{0,1\}--\([a-z-]*\).*/\2/p' | sort -u)
[ -n "$options" ] || exit 1
for option in $options; do
    expect "option --$option" "^\\.It .*Fl \\\\-$option\\( \\|\$\\)" "$page"
done
keys=$(sed -n 's/^#\{0,1\}\([a-z_]*\) = .*/\1/p' "$3")
for key in $keys; do
    expect "key $key" "^\\.It Li $key = " "$config_page"
done
echo "1..$count"
exit "$failed"
