/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's hexadecimal bitmaps of CPUs, which older kernels show where newer ones
 * have a list as well. Pure: it reads a text, not a file.
 */
#pragma once

#include "model/idset.h"

/**
 * vn_cpumap_parse:
 * @text: groups of 1 to 8 hexadecimal digits, 32 bits each, separated by commas, the
 *   highest first: "3" and "00000000,00000003" are CPUs 0 and 1
 * @error: INVALID when @text is anything else, or has a bit above VN_ID_MAX
 *
 * Source of the format: the "Mask format" of cpuset(7); printed by the kernel's "%*pb"
 * (Documentation/core-api/printk-formats.rst, "bitmap and its derivatives").
 */
VnIdSet *vn_cpumap_parse(const char *text, GError **error) VN_WARN_UNUSED;
