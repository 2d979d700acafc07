/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A virtual NUMA topology in libvirt's words, to be looked at or pasted into a
 * definition. A whole definition is define.c's.
 */
#pragma once

#include "model/vnuma.h"

/**
 * vn_fragment_format:
 *
 * Returns: (transfer full): <cpu> with <topology> and <numa>, and <numatune> where homes
 * are known; indented, with a newline at the end. vn_domain_parse() reads the same out of
 * it.
 *
 * Source of the format: https://libvirt.org/formatdomain.html
 */
char *vn_fragment_format(const VnVnuma *vnuma);
