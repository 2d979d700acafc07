/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attributes as values. */
#include "guest-topology/attribute.h"

static char *
get(const xmlNode *node, const char *name, GError **error)
{
    char *text = vn_xml_attribute(node, name);
    if (!text)
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "it is missing");
    return text;
}

gboolean
vn_attribute_number(const xmlNode *node, const char *name, guint max, guint *ret_number,
                    GError **error)
{
    g_autofree char *text = get(node, name, error);
    if (text && vn_number_parse(text, max, ret_number, error))
        return TRUE;
    g_prefix_error(error, "<%s %s>: ", (const char *) node->name, name);
    return FALSE;
}

gboolean
vn_attribute_size(const xmlNode *node, const char *name, const char *unit,
                  guint64 *ret_bytes, GError **error)
{
    g_autofree char *text = get(node, name, error);
    if (text && vn_size_parse(text, unit, ret_bytes, error))
        return TRUE;
    g_prefix_error(error, "<%s %s>: ", (const char *) node->name, name);
    return FALSE;
}

VnIdSet *
vn_attribute_cpuset(const xmlNode *node, const char *name, GError **error)
{
    g_autofree char *text = get(node, name, error);
    VnIdSet *set = text ? vn_cpuset_parse(text, error) : NULL;
    if (!set)
        g_prefix_error(error, "<%s %s>: ", (const char *) node->name, name);
    return set;
}

gboolean
vn_attribute_mode(const xmlNode *node, VnBinding *ret_mode, GError **error)
{
    g_autofree char *mode = vn_xml_attribute(node, "mode");
    VnBinding binding = VN_BINDING_STRICT;
    if (mode && !vn_binding_from_name(mode, &binding)) {
        g_autofree char *shown = vn_xml_shown(mode);
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "<%s mode>: '%s' is not a mode",
                    (const char *) node->name, shown);
        return FALSE;
    }
    *ret_mode = binding;
    return TRUE;
}
