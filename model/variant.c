/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The model's description helpers. */
#include "model/variant.h"

#include <math.h>

void
vn_variant_dict_insert_idset(GVariantDict *dict, const char *key, const VnIdSet *set)
{
    g_auto(GVariantBuilder) list;
    g_variant_builder_init(&list, G_VARIANT_TYPE("au"));
    VN_IDSET_FOREACH (set, id)
        g_variant_builder_add(&list, "u", (guint32) id);
    g_variant_dict_insert_value(dict, key, g_variant_builder_end(&list));
}

void
vn_variant_dict_insert_string(GVariantDict *dict, const char *key, const char *text)
{
    if (text)
        g_variant_dict_insert(dict, key, "s", text);
}

void
vn_variant_dict_insert_null(GVariantDict *dict, const char *key)
{
    g_variant_dict_insert(dict, key, "d", (double) NAN);
}

void
vn_variant_dict_insert_ratio(GVariantDict *dict, const char *key, double value)
{
    if (value < 0)
        vn_variant_dict_insert_null(dict, key);
    else
        g_variant_dict_insert(dict, key, "d", value);
}

void
vn_variant_dict_insert_node_bytes(GVariantDict *dict, const char *key,
                                  const GArray *bytes)
{
    g_auto(GVariantDict) nodes;
    g_variant_dict_init(&nodes, NULL);
    for (guint i = 0; i < bytes->len; i++) {
        guint64 n = g_array_index(bytes, guint64, i);
        g_autofree char *name = g_strdup_printf("%u", i);
        if (n)
            g_variant_dict_insert(&nodes, name, "t", n);
    }
    g_variant_dict_insert_value(dict, key, g_variant_dict_end(&nodes));
}
