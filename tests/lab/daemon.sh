#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# daemon.sh: vnumad in the lab, for scripts that have read lib.sh: start and stop it, and ask
# it through vnumactl.

# lib.sh's folder.
lab_dir=${lab_dir:?read lib.sh first}
vnumad_log=/run/lab/vnumad.log
# A file, because lib.sh's check runs what it checks in a subshell.
vnumad_pid_file=/run/lab/vnumad.pid

# lab_use_build FOLDER: which vnumad and vnumactl; lets it own its name on the system bus.
lab_use_build()
{
    lab_build=$(cd "$1" && pwd) || return 1
    # shellcheck disable=SC2034 # lib.sh uses it
    lab_mover=$lab_build/bench/range-mover
    export PATH="$lab_build/daemon:$lab_build/cli:$PATH"
    mkdir -p /etc/dbus-1/system.d
    cp "$lab_dir/../../data/org.vnumad1.conf" /etc/dbus-1/system.d/
    dbus-send --system --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus \
        org.freedesktop.DBus.ReloadConfig >/dev/null
}

# lab_vnumad_is_ready OFFSET: of its log, since which it has to have said so.
lab_vnumad_is_ready()
{
    ! lab_vnumad_is_over && tail -c "+$(($1 + 1))" "$vnumad_log" | grep -q ' ready: ' &&
        vnumactl --json list >/dev/null 2>&1
}

# What vnumad is started by, "setpriv ..." for one.
lab_vnumad_starter=(env)

# Guests of the lab are mostly to be just as a script has defined them, amiss and all: "yes" for
# those that vnumad shall complete.
lab_vnumad_completes=no

# When vnumad looks at guests' accesses: attaching BPF while guests run may hang the lab's host
# (README.md, "Limits").
lab_vnumad_sampling=off

# How often it rebalances by itself, in seconds; 0: not.
lab_vnumad_interval=0

# Further lines of its configuration.
lab_vnumad_config=''

# lab_vnumad_start OPTION...: of vnumad, "--bus system" for one
lab_vnumad_start()
{
    printf '[vnumad]\ncomplete_definitions = %s\nsampling = %s\ninterval_seconds = %s\n%s\n' \
        "$lab_vnumad_completes" "$lab_vnumad_sampling" "$lab_vnumad_interval" \
        "$lab_vnumad_config" >/run/lab/vnumad.conf
    local offset
    offset=$(stat -c %s "$vnumad_log" 2>/dev/null || echo 0)
    STATE_DIRECTORY=${STATE_DIRECTORY:-/run/lab/state} "${lab_vnumad_starter[@]}" vnumad \
        --config /run/lab/vnumad.conf "$@" \
        >>"$vnumad_log" 2>&1 &
    echo $! >"$vnumad_pid_file"
    lab_wait 60 "vnumad answers" lab_vnumad_is_ready "$offset" || {
        cat "$vnumad_log" >&2
        return 1
    }
}

# Fails when vnumad does not end within a minute, or says at its end that something is wrong.
lab_vnumad_stop()
{
    kill -TERM "$(<"$vnumad_pid_file")" && lab_wait 60 "vnumad ends" lab_vnumad_is_over &&
        [[ $(tail -n 1 "$vnumad_log") == *"guests stay as they are"* ]]
}

lab_vnumad_is_over()
{
    [[ ! -e $vnumad_pid_file ]] || [[ ! -e /proc/$(<"$vnumad_pid_file")/exe ]]
}

# Stopped by a signal, as if it had never been; until it goes on.
lab_vnumad_rests()
{
    kill -STOP "$(<"$vnumad_pid_file")"
}

lab_vnumad_goes_on()
{
    kill -CONT "$(<"$vnumad_pid_file")"
}

# lab_ask FILTER WORD...: vnumactl --json WORD..., through a jq-like path: "guests.0.state".
lab_ask()
{
    local path=$1
    shift
    vnumactl --json "$@" | python3 "$lab_dir/json-path.py" "$path"
}
