/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A virtual NUMA topology as arguments for QEMU 7.2, the way libvirt 9.0 gives them: for
 * those who start QEMU themselves, and for comparing tables with QEMU's own.
 *
 * Source: qemu(1), -machine, -smp, -m, -object and -numa.
 */
#pragma once

#include "model/vnuma.h"

/**
 * vn_qemu_arguments:
 * @vnuma: one that vn_acpi_check() lets through
 *
 * Each cell's memory is an object ram-nodeN, bound to its home where it has one; huge
 * pages come from memfd.
 *
 * Returns: (transfer full): -machine, -smp, -m, -object and -numa with their values,
 * NULL-terminated; fit for exec, not quoted.
 */
char **vn_qemu_arguments(const VnVnuma *vnuma);
