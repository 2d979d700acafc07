/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <vnuma:guest policy="align" .../>: a table of the known attributes and their values. */
#include "guest-topology/tag.h"

#include "guest-topology/size.h"

#include <string.h>

typedef struct {
    const char *name;
    gboolean (*is_valid)(const char *value);
    const char *values; /* for messages */
} Attribute;

static gboolean
is_one_of(const char *value, const char *const *words)
{
    return g_strv_contains(words, value);
}

static gboolean
is_policy(const char *value)
{
    return strcmp(value, "align") == 0;
}

static gboolean
is_binding(const char *value)
{
    static const char *const words[] = {"strict", "preferred", "restrictive", NULL};
    return is_one_of(value, words);
}

static gboolean
is_switch(const char *value)
{
    static const char *const words[] = {"auto", "yes", "no", NULL};
    return is_one_of(value, words);
}

static gboolean
is_positive(const char *value, guint max)
{
    guint number;
    return vn_number_parse(value, max, &number, NULL) && number > 0;
}

static gboolean
is_cells(const char *value)
{
    return strcmp(value, "auto") == 0 || is_positive(value, VN_CELLS_MAX);
}

static gboolean
is_vcpus(const char *value)
{
    return is_positive(value, VN_VCPUS_MAX);
}

static gboolean
is_nodes(const char *value)
{
    g_autoptr(VnIdSet) nodes = vn_idset_parse(value, NULL);
    return nodes != NULL;
}

static const Attribute attributes[] = {
    {"policy", is_policy, "align"},
    {"cells", is_cells, "auto, or a number from 1 to 128"},
    {"binding", is_binding, "strict, preferred, restrictive"},
    {"max-vcpus-per-cell", is_vcpus, "a number from 1 to 4096"},
    {"smt", is_switch, "auto, yes, no"},
    {"distances", is_switch, "auto, yes, no"},
    {"hmat", is_switch, "auto, yes, no"},
    {"exclude-nodes", is_nodes, "a list of host nodes, as 0-3,8"},
};

G_GNUC_PRINTF(2, 3)
static void
set_trouble(VnGuest *guest, const char *format, ...)
{
    if (guest->trouble)
        return; /* the first is enough to go and look */
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    guest->trouble = g_strdup_printf("guest %s: metadata: %s", guest->name, text);
}

static void
parse_attribute(const xmlNode *element, const xmlAttr *attribute, VnGuest *guest)
{
    const char *name = (const char *) attribute->name;
    for (gsize i = 0; !attribute->ns && i < G_N_ELEMENTS(attributes); i++) {
        if (strcmp(name, attributes[i].name) != 0)
            continue;
        g_autofree char *value = vn_xml_attribute(element, name);
        if (!attributes[i].is_valid(value)) {
            g_autofree char *shown = vn_xml_shown(value);
            set_trouble(guest, "%s='%s' is not understood; possible: %s", name, shown,
                        attributes[i].values);
        } else if (strcmp(name, "policy") == 0) {
            g_free(guest->policy);
            guest->policy = g_steal_pointer(&value);
        }
        return;
    }

    GString *known = g_string_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(attributes); i++)
        g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", attributes[i].name);
    g_autofree char *list = g_string_free(known, FALSE);
    g_autofree char *shown = vn_xml_shown(name);
    set_trouble(guest, "unknown attribute '%s'; known are %s", shown, list);
}

static void
parse_content(const xmlNode *element, VnGuest *guest)
{
    for (const xmlNode *node = element->children; node; node = node->next) {
        if (node->type == XML_ELEMENT_NODE) {
            g_autofree char *shown = vn_xml_shown((const char *) node->name);
            set_trouble(guest, "unknown element '%s'; %s has none inside", shown,
                        VN_TAG_ELEMENT);
        } else if (node->type == XML_TEXT_NODE && !xmlIsBlankNode(node)) {
            set_trouble(guest, "text inside '%s'; it takes attributes only",
                        VN_TAG_ELEMENT);
        }
    }
}

void
vn_tag_parse(const xmlNode *domain, VnGuest *guest)
{
    const xmlNode *metadata = vn_xml_child(domain, "metadata");
    for (const xmlNode *node = metadata ? metadata->children : NULL; node;
         node = node->next) {
        if (node->type != XML_ELEMENT_NODE || !node->ns ||
            strcmp((const char *) node->ns->href, VN_TAG_NAMESPACE) != 0)
            continue;
        if (!vn_xml_is(node, VN_TAG_NAMESPACE, VN_TAG_ELEMENT)) {
            g_autofree char *shown = vn_xml_shown((const char *) node->name);
            set_trouble(guest, "unknown element '%s'; known is %s", shown,
                        VN_TAG_ELEMENT);
        } else if (guest->tagged) {
            set_trouble(guest, "more than one element '%s'", VN_TAG_ELEMENT);
        } else {
            for (const xmlAttr *at = node->properties; at; at = at->next)
                parse_attribute(node, at, guest);
            parse_content(node, guest);
        }
        guest->tagged = TRUE;
    }
}
