/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cordoned host nodes, and their file. */
#include "daemon/cordons.h"

#include "daemon/state-file.h"
#include "model/dict.h"

#define FILE_NAME "cordons.json"

struct VnCordons {
    char *folder;
    GTree *since; /* host node -> gint64 *, real time */
    int tried;    /* host node; -1: none */
};

static gint
compare(gconstpointer one, gconstpointer other, gpointer unused)
{
    return GPOINTER_TO_INT(one) - GPOINTER_TO_INT(other);
}

static void
insert(VnCordons *cordons, guint node, gint64 since_us)
{
    g_tree_insert(cordons->since, GUINT_TO_POINTER(node),
                  g_memdup2(&since_us, sizeof since_us));
}

/* @list: av of a{sv}, as it comes out of JSON */
static gboolean
read_list(VnCordons *cordons, GVariant *list)
{
    gsize n = list ? g_variant_n_children(list) : 0;
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(list, i);
        g_autoptr(GVariant) dict = g_variant_get_variant(child);
        guint64 node;
        guint64 since_us;
        if (!g_variant_is_of_type(dict, G_VARIANT_TYPE_VARDICT))
            return FALSE;
        g_autoptr(GVariant) number = g_variant_lookup_value(dict, "host_node", NULL);
        g_autoptr(GVariant) since = g_variant_lookup_value(dict, "since_us", NULL);
        if (!number || !since || !vn_dict_read_uint64(number, &node) ||
            !vn_dict_read_uint64(since, &since_us) || node > VN_ID_MAX ||
            since_us > G_MAXINT64)
            return FALSE;
        insert(cordons, (guint) node, (gint64) since_us);
    }
    return TRUE;
}

VnCordons *
vn_cordons_open(const char *folder, GError **error)
{
    g_autoptr(VnCordons) cordons = g_new0(VnCordons, 1);
    g_autoptr(GVariant) list = NULL;
    cordons->folder = g_strdup(folder);
    cordons->since = g_tree_new_full(compare, NULL, NULL, g_free);
    cordons->tried = -1;
    if (!vn_state_file_read(folder, FILE_NAME, &list, error))
        return NULL;
    if (read_list(cordons, list))
        return g_steal_pointer(&cordons);
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "%s/" FILE_NAME ": an entry has no host_node or since_us; mend it, or "
                "remove the file: no host node is cordoned then",
                folder);
    return NULL;
}

void
vn_cordons_free(VnCordons *cordons)
{
    if (!cordons)
        return;
    g_tree_unref(cordons->since);
    g_free(cordons->folder);
    g_free(cordons);
}

void
vn_cordons_try(VnCordons *cordons, int node)
{
    cordons->tried = node;
}

static gboolean
save(const VnCordons *cordons, GError **error)
{
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    g_autoptr(VnIdSet) nodes = vn_cordons_nodes(cordons);
    VN_IDSET_FOREACH (nodes, node) {
        g_auto(VnDict) dict;
        vn_dict_init(&dict, NULL);
        vn_dict_insert(&dict, "host_node", "u", (guint) node);
        vn_dict_insert(&dict, "since_us", "t",
                       (guint64) vn_cordons_since(cordons, (guint) node));
        g_variant_builder_add_value(&list, vn_dict_end(&dict));
    }
    return vn_state_file_write(cordons->folder, FILE_NAME, g_variant_builder_end(&list),
                               error);
}

gboolean
vn_cordons_add(VnCordons *cordons, guint node, GError **error)
{
    if (vn_cordons_since(cordons, node) >= 0)
        return TRUE;
    insert(cordons, node, g_get_real_time());
    if (save(cordons, error))
        return TRUE;
    g_tree_remove(cordons->since, GUINT_TO_POINTER(node));
    return FALSE;
}

gboolean
vn_cordons_remove(VnCordons *cordons, guint node, GError **error)
{
    gint64 since_us = vn_cordons_since(cordons, node);
    if (since_us < 0) {
        g_set_error(error, VN_ERROR, VN_ERROR_GONE,
                    "host node %u: it is not cordoned; 'vnumactl drain' lists those that "
                    "are",
                    node);
        return FALSE;
    }
    g_tree_remove(cordons->since, GUINT_TO_POINTER(node));
    if (save(cordons, error))
        return TRUE;
    insert(cordons, node, since_us);
    return FALSE;
}

gint64
vn_cordons_since(const VnCordons *cordons, guint node)
{
    const gint64 *since_us = g_tree_lookup(cordons->since, GUINT_TO_POINTER(node));
    return since_us ? *since_us : -1;
}

VnIdSet *
vn_cordons_nodes(const VnCordons *cordons)
{
    VnIdSet *nodes = vn_idset_new();
    for (GTreeNode *node = g_tree_node_first(cordons->since); node;
         node = g_tree_node_next(node))
        vn_idset_add(nodes, GPOINTER_TO_UINT(g_tree_node_key(node)));
    return nodes;
}

void
vn_cordons_mark(const VnCordons *cordons, VnHost *host)
{
    for (guint i = 0; i < host->nodes->len; i++) {
        VnHostNode *node = host->nodes->pdata[i];
        node->cordoned =
            vn_cordons_since(cordons, node->id) >= 0 || cordons->tried == (int) node->id;
    }
}
