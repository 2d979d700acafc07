/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ACPI tables that tell of NUMA: SRAT (which CPU and which memory is in which
 * proximity domain), SLIT (distances), HMAT (latencies, bandwidths, memory-side caches).
 * Encoded byte for byte as QEMU 7.2 makes them for a guest; decoded from anybody, also
 * real firmware. Pure: bytes and nouns, no files.
 *
 * Source of the formats: ACPI specification 6.5, 5.2.6, 5.2.16, 5.2.17 and 5.2.28; of
 * what QEMU makes of them: hw/i386/acpi-build.c, hw/acpi/aml-build.c, hw/acpi/hmat.c.
 */
#pragma once

#include "guest-topology/memory-layout.h"
#include "model/vnuma.h"

/* What is taken for a table: some four times the largest that a VnVnuma can make. */
#define VN_ACPI_BYTES_MAX (4u << 20)

/**
 * vn_acpi_check:
 * @error: INVALID, naming the cell or what else it is: what QEMU 7.2 would refuse, or
 *   could not tell the guest as it is meant
 *
 * vn_vnuma_check(), and what only matters to QEMU: how many vCPUs the machine takes,
 * sizes of memory and room for hot-plugging, what HMAT can express.
 */
gboolean vn_acpi_check(const VnVnuma *vnuma, GError **error) VN_WARN_UNUSED;

/**
 * vn_acpi_encode_srat:
 * @error: UNSUPPORTED: the machine is none whose memory layout is known
 */
GByteArray *vn_acpi_encode_srat(const VnVnuma *vnuma, VnLayout layout,
                                GError **error) VN_WARN_UNUSED;

/**
 * vn_acpi_depends_on_cpu: whether there is so much memory that its layout depends on the
 * vendor of the CPU model (see VnLayout), which a VnVnuma does not know.
 */
gboolean vn_acpi_depends_on_cpu(const VnVnuma *vnuma);

/** vn_acpi_encode_slit: (nullable): NULL when the guest is told no distances. */
GByteArray *vn_acpi_encode_slit(const VnVnuma *vnuma);

/** vn_acpi_encode_hmat: (nullable): NULL when vn_acpi_has_hmat() says so. */
GByteArray *vn_acpi_encode_hmat(const VnVnuma *vnuma);

/**
 * vn_acpi_has_hmat: whether there is an HMAT. libvirt then says hmat=on to the machine.
 */
gboolean vn_acpi_has_hmat(const VnVnuma *vnuma);

/**
 * vn_acpi_initiator: the cell whose CPUs are nearest to the memory of @cell: itself if it
 * has any, else the one with the lowest latency, or with the highest bandwidth where no
 * latency is told, as libvirt chooses. VN_CELLS_MAX, QEMU's "none", if nothing tells.
 */
guint vn_acpi_initiator(const VnVnuma *vnuma, guint cell);

/**
 * vn_acpi_decode:
 * @bytes: one table, from its signature on; what follows its own length is left alone
 * @error: INVALID, naming the offset: not SRAT, SLIT or HMAT; larger than
 *   VN_ACPI_BYTES_MAX; truncated; a structure whose length cannot be. UNSUPPORTED: HMAT
 *   of a revision whose units are not known
 *
 * What real firmware gets wrong and what can be lived with is in the warnings: a checksum
 * that is not right, bytes behind the end, structures that are too short or not known,
 * distances that cannot be.
 *
 * Returns: (transfer floating): a{sv}: signature, revision, length_bytes, oem_id,
 * oem_table_id, oem_revision, creator_id, creator_revision, warnings[], and
 * - SRAT: cpus[] {apic_id, proximity_domain, enabled, x2apic}, memory[] {base,
 *   length_bytes, proximity_domain, enabled, hotpluggable, non_volatile}, others[]
 * - SLIT: distances[][]
 * - HMAT: proximity_domains[] {memory, initiator?}, localities[] {hierarchy, data_type,
 *   initiators[], targets[], latency_ps[][] | bandwidth_bytes_per_second[][]}, where 0
 *   stands for not told and G_MAXUINT64 for unreachable, caches[] {proximity_domain,
 *   levels, level, size_bytes, associativity, policy, line_bytes}, others[]
 * with others[] {offset, type, length_bytes, name}: structures that are only named.
 */
GVariant *vn_acpi_decode(const guint8 *bytes, gsize length,
                         GError **error) VN_WARN_UNUSED;
