/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The set of parts: by part and id. Reading and writing them is define-tuning.c's. */
#include "guest-topology/define-parts.h"

#include <string.h>

static const struct {
    const char *name;
    gboolean has_id;
} kinds[VN_PARTS_N] = {
    [VN_PART_TOPOLOGY] = {"topology", FALSE},
    [VN_PART_CELLS] = {"cells", FALSE},
    [VN_PART_VCPU] = {"vcpu", FALSE},
    [VN_PART_VCPUPIN] = {"vcpupin", TRUE},
    [VN_PART_EMULATORPIN] = {"emulatorpin", FALSE},
    [VN_PART_IOTHREADPIN] = {"iothreadpin", TRUE},
    [VN_PART_MEMORY] = {"memory", FALSE},
    [VN_PART_MEMNODE] = {"memnode", TRUE},
    [VN_PART_DIRTY_RING] = {"dirty-ring", FALSE},
};

static gint
compare_keys(gconstpointer one, gconstpointer other, gpointer unused)
{
    guint first = GPOINTER_TO_UINT(one);
    guint second = GPOINTER_TO_UINT(other);
    return first < second ? -1 : first > second;
}

gpointer
vn_part_key(VnPart part, guint id)
{
    return GUINT_TO_POINTER((guint) part * (VN_ID_MAX + 1) + MIN(id, VN_ID_MAX));
}

VnParts *
vn_parts_new(void)
{
    return g_tree_new_full(compare_keys, NULL, NULL, g_free);
}

GTree *
vn_parts_index_new(void)
{
    return g_tree_new_full(compare_keys, NULL, NULL, NULL);
}

const char *
vn_parts_get(const VnParts *parts, VnPart part, guint id)
{
    return g_tree_lookup((GTree *) parts, vn_part_key(part, id));
}

void
vn_parts_take(VnParts *parts, VnPart part, guint id, char *value)
{
    g_tree_insert(parts, vn_part_key(part, id), value);
}

void
vn_parts_drop(VnParts *parts, VnPart part, guint id)
{
    g_tree_remove(parts, vn_part_key(part, id));
}

const char *
vn_parts_at(GTreeNode *node, VnPart *ret_part, guint *ret_id)
{
    guint key = GPOINTER_TO_UINT(g_tree_node_key(node));
    *ret_part = (VnPart) (key / (VN_ID_MAX + 1));
    *ret_id = key % (VN_ID_MAX + 1);
    return g_tree_node_value(node);
}

const char *
vn_part_name(VnPart part)
{
    return kinds[part].name;
}

gboolean
vn_part_from_name(const char *name, VnPart *ret_part)
{
    for (guint i = 0; i < VN_PARTS_N; i++) {
        if (strcmp(name, kinds[i].name) == 0) {
            *ret_part = (VnPart) i;
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
vn_part_has_id(VnPart part)
{
    return kinds[part].has_id;
}

static void
row_free(gpointer data)
{
    VnPartRow *row = data;
    vn_idset_free(row->ids);
    g_free(row);
}

GPtrArray *
vn_parts_rows(const VnParts *parts)
{
    GPtrArray *rows = g_ptr_array_new_with_free_func(row_free);
    g_autoptr(GHashTable) by_value = g_hash_table_new(g_str_hash, g_str_equal);
    VnPart last = VN_PART_TOPOLOGY;
    VN_PARTS_FOREACH(parts, node)
    {
        VnPart part;
        guint id;
        const char *value = vn_parts_at(node, &part, &id);
        if (part != last)
            g_hash_table_remove_all(by_value);
        last = part;
        VnPartRow *row = g_hash_table_lookup(by_value, value);
        if (!row) {
            row = g_new(VnPartRow, 1);
            *row = (VnPartRow){part, vn_idset_new(), value};
            g_ptr_array_add(rows, row);
            g_hash_table_insert(by_value, (gpointer) value, row);
        }
        vn_idset_add(row->ids, id);
    }
    return rows;
}
