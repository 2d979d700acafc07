/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hosts of any shape for tests, from a few words; and topologies as a line of text. */
#pragma once

#include "tests/support/scenario.h"

#define GIB (G_GUINT64_CONSTANT(1) << 30)

/**
 * hosts_parse:
 * @text: nodes, separated by blanks: "ID:CPUS:FREE" or "ID:CPUS:FREE:PACKAGE"; CPUS a
 *   list or "-", FREE in GiB, of 4 GiB more in all; "-" for a node without memory
 * @distances: a row a node, by blanks; NULL: none are told
 * @threads: so many CPUs in a row are one core
 */
VnHost *hosts_parse(const char *text, const char *distances, guint threads);

/** hosts_named: "two-sockets", "sub-numa", ... as listed in hosts.c. */
VnHost *hosts_named(const char *name);

/** hosts_recorded: of tests/data/hosts. */
VnHost *hosts_recorded(const char *name);

/** hosts_random: of any kind, from g_test's random numbers; distances are asymmetric. */
VnHost *hosts_random(void);

/** hosts_add_pages: @free huge pages on the node of that index. */
void hosts_add_pages(const VnHost *host, guint index, guint64 size_bytes, guint64 free);

/** hosts_describe: "0-3/1024@0 4-7/1024@1 2x1x4x1": vCPUs/MiB@home, then the topology. */
char *hosts_describe(const VnVnuma *vnuma);
