/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnParts: those parts of a definition that vnumad may write, each as one line of text,
 * so that what stands there, what was written the last time and what is wanted can be
 * compared, whoever wrote it down and in whatever form. Private to define.
 */
#pragma once

#include "guest-topology/xml.h"
#include "model/vnuma.h"

/* In the order of our reports. Some have an id: that of a vCPU, a thread, a cell. */
typedef enum {
    VN_PART_TOPOLOGY,    /* <cpu><topology>: "sockets=1 dies=1 cores=2 threads=2" */
    VN_PART_CELLS,       /* <cpu><numa>: a checksum, "sha256:..." */
    VN_PART_VCPU,        /* <vcpu>: "placement auto" or "cpuset 0-3" */
    VN_PART_VCPUPIN,     /* host CPUs of the vCPU @id: "0-3" */
    VN_PART_EMULATORPIN, /* host CPUs */
    VN_PART_IOTHREADPIN, /* host CPUs of the I/O thread @id */
    VN_PART_MEMORY,      /* <numatune><memory>: "strict 0-1", or "auto" */
    VN_PART_MEMNODE,     /* the same of cell @id */
    VN_PART_DIRTY_RING,  /* <features><kvm><dirty-ring>: "on 4096" */
} VnPart;

#define VN_PARTS_N (VN_PART_DIRTY_RING + 1)

/* By part and id, ascending. */
typedef GTree VnParts;

VnParts *vn_parts_new(void);

/** vn_parts_get: (nullable): @id: 0 for what there is only one of */
const char *vn_parts_get(const VnParts *parts, VnPart part, guint id);

/** vn_parts_take: @value: (transfer full) */
void vn_parts_take(VnParts *parts, VnPart part, guint id, char *value);
void vn_parts_drop(VnParts *parts, VnPart part, guint id);

/** VN_PARTS_FOREACH: @node: a GTreeNode *, for vn_parts_at() */
#define VN_PARTS_FOREACH(parts, node)                                  \
    for (GTreeNode *node = g_tree_node_first((GTree *) (parts)); node; \
         node = g_tree_node_next(node))

const char *vn_parts_at(GTreeNode *node, VnPart *ret_part, guint *ret_id);

/** vn_part_name: as the element is called, "vcpupin". */
const char *vn_part_name(VnPart part);
gboolean vn_part_from_name(const char *name, VnPart *ret_part);

/** vn_part_has_id: whether there can be several. */
gboolean vn_part_has_id(VnPart part);

/* Parts of one kind with the same value. */
typedef struct {
    VnPart part;
    VnIdSet *ids;
    const char *value;
} VnPartRow;

/** vn_parts_rows: of VnPartRow, which live as long as @parts. */
GPtrArray *vn_parts_rows(const VnParts *parts);

/**
 * vn_parts_read: what stands in the definition.
 * @error: INVALID: what libvirt itself would refuse
 */
VnParts *vn_parts_read(const xmlNode *domain, GError **error) VN_WARN_UNUSED;

/** vn_part_key: what parts and the elements that hold them are sorted by. */
gpointer vn_part_key(VnPart part, guint id);
GTree *vn_parts_index_new(void);

/** vn_parts_index: of xmlNode, by vn_part_key(): the pins and bindings that are there. */
GTree *vn_parts_index(xmlNode *domain);

/**
 * vn_part_write:
 * @index: kept up to date
 * @value: as above; not for VN_PART_CELLS, see vn_cells_write()
 */
void vn_part_write(xmlNode *domain, GTree *index, VnPart part, guint id,
                   const char *value);

/** vn_part_remove: a pin or a binding. */
void vn_part_remove(GTree *index, VnPart part, guint id);

/** vn_topology_of_part: @value: of VN_PART_TOPOLOGY; levels that are not there are 1 */
VnCpuTopology vn_topology_of_part(const char *value);

/** vn_domain_add: child @name of <domain>, added in its usual place if need be. */
xmlNode *vn_domain_add(xmlNode *domain, const char *name);

/** vn_cells_of_xml: what <cpu><numa> says, as VN_PART_CELLS. */
char *vn_cells_of_xml(const xmlNode *domain, GError **error) VN_WARN_UNUSED;

/** vn_cells_of_vnuma: the same of @vnuma, as vn_cells_write() would write it. */
char *vn_cells_of_vnuma(const VnVnuma *vnuma);

/**
 * vn_cells_write: fills <cpu><numa>. Cells that are there already keep what is not told
 * in @vnuma, like memAccess or a <cache>.
 */
void vn_cells_write(xmlNode *domain, const VnVnuma *vnuma);
