/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <vnuma:guest policy="align" .../>: a table of the known attributes and their values. */
#include "guest-topology/tag.h"

#include "guest-topology/size.h"
#include "model/policy.h"

#include <string.h>

/* Each of @read leaves the tag alone and returns FALSE where it does not understand. */
typedef struct {
    const char *name;
    gboolean (*read)(const char *value, VnTag *tag);
    const char *values; /* for messages */
} Attribute;

static gboolean
read_policy(const char *value, VnTag *tag)
{
    VnPolicy policy;
    if (!vn_policy_parse(value, &policy, NULL))
        return FALSE;
    g_free(tag->policy);
    tag->policy = g_strdup(value);
    return TRUE;
}

static gboolean
read_positive(const char *value, guint max, guint *ret_number)
{
    guint number;
    if (!vn_number_parse(value, max, &number, NULL) || number == 0)
        return FALSE;
    *ret_number = number;
    return TRUE;
}

static gboolean
read_cells(const char *value, VnTag *tag)
{
    if (strcmp(value, "auto") != 0)
        return read_positive(value, VN_CELLS_MAX, &tag->cells);
    tag->cells = 0;
    return TRUE;
}

static gboolean
read_binding(const char *value, VnTag *tag)
{
    VnBinding binding;
    if (!vn_binding_from_name(value, &binding) || binding == VN_BINDING_INTERLEAVE)
        return FALSE;
    tag->binding = binding;
    return TRUE;
}

static gboolean
read_vcpus(const char *value, VnTag *tag)
{
    return read_positive(value, VN_VCPUS_MAX, &tag->max_vcpus_per_cell);
}

static gboolean
read_choice(const char *value, const char *yes, const char *no, gboolean *ret_choice)
{
    gboolean choice = strcmp(value, yes) == 0;
    if (!choice && strcmp(value, no) != 0)
        return FALSE;
    *ret_choice = choice;
    return TRUE;
}

static gboolean
read_smt(const char *value, VnTag *tag)
{
    return read_choice(value, "yes", "no", &tag->smt);
}

static gboolean
read_hmat(const char *value, VnTag *tag)
{
    return read_choice(value, "auto", "off", &tag->hmat);
}

/* "10,21;21,10": a row for each cell, from it to each; cells * cells numbers. */
static gboolean
read_matrix(const char *value, VnTag *tag)
{
    g_auto(GStrv) rows = g_strsplit(value, ";", VN_CELLS_MAX + 1);
    guint n = g_strv_length(rows);
    if (n == 0 || n > VN_CELLS_MAX)
        return FALSE;
    g_autofree guint *matrix = g_new(guint, (gsize) n * n);
    for (guint from = 0; from < n; from++) {
        g_auto(GStrv) row = g_strsplit(rows[from], ",", (gint) n + 1);
        if (g_strv_length(row) != n)
            return FALSE;
        for (guint to = 0; to < n; to++) {
            guint distance;
            if (!vn_number_parse(row[to], VN_DISTANCE_UNREACHABLE, &distance, NULL) ||
                vn_vnuma_why_not_distance(from, to, distance))
                return FALSE;
            matrix[from * n + to] = distance;
        }
    }
    g_free(tag->matrix);
    tag->matrix = g_steal_pointer(&matrix);
    tag->matrix_cells = n;
    tag->distances = VN_DISTANCES_EXPLICIT;
    return TRUE;
}

static gboolean
read_distances(const char *value, VnTag *tag)
{
    if (strcmp(value, "host") != 0 && strcmp(value, "flat") != 0)
        return read_matrix(value, tag);
    tag->distances = value[0] == 'h' ? VN_DISTANCES_HOST : VN_DISTANCES_FLAT;
    return TRUE;
}

static gboolean
read_exclude_nodes(const char *value, VnTag *tag)
{
    /* The kernel's list format, without the blanks that it allows. */
    g_autoptr(VnIdSet) nodes = strspn(value, "0123456789,-") == strlen(value)
                                   ? vn_idset_parse(value, NULL)
                                   : NULL;
    if (!nodes || vn_idset_is_empty(nodes))
        return FALSE;
    vn_idset_free(tag->exclude_nodes);
    tag->exclude_nodes = g_steal_pointer(&nodes);
    return TRUE;
}

static const Attribute attributes[] = {
    {"policy", read_policy, VN_POLICY_NAMES},
    {"cells", read_cells, "auto, or a number from 1 to 128"},
    {"binding", read_binding, "strict, preferred, restrictive"},
    {"max-vcpus-per-cell", read_vcpus, "a number from 1 to 4096"},
    {"smt", read_smt, "yes, no"},
    {"distances", read_distances,
     "host, flat, or a row for each cell as 10,21;21,10: 10 to itself, 11 to 255 else"},
    {"hmat", read_hmat, "auto, off"},
    {"exclude-nodes", read_exclude_nodes, "a list of host nodes, as 0-3,8"},
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
    guest->trouble = g_strdup_printf("metadata: %s", text);
}

static void
parse_attribute(const xmlNode *element, const xmlAttr *attribute, VnGuest *guest)
{
    const char *name = (const char *) attribute->name;
    for (gsize i = 0; !attribute->ns && i < G_N_ELEMENTS(attributes); i++) {
        if (strcmp(name, attributes[i].name) != 0)
            continue;
        g_autofree char *value = vn_xml_attribute(element, name);
        if (!attributes[i].read(value, guest->tag)) {
            g_autofree char *shown = vn_xml_shown(value);
            set_trouble(guest, "%s='%s' is not understood; possible: %s", name, shown,
                        attributes[i].values);
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
        } else if ((node->type == XML_TEXT_NODE && !xmlIsBlankNode(node)) ||
                   node->type == XML_CDATA_SECTION_NODE) {
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
        gboolean is_first = !guest->tag;
        if (is_first)
            guest->tag = vn_tag_new();
        if (!vn_xml_is(node, VN_TAG_NAMESPACE, VN_TAG_ELEMENT)) {
            g_autofree char *shown = vn_xml_shown((const char *) node->name);
            set_trouble(guest, "unknown element '%s'; known is %s", shown,
                        VN_TAG_ELEMENT);
        } else if (!is_first) {
            set_trouble(guest, "more than one element '%s'", VN_TAG_ELEMENT);
        } else {
            for (const xmlAttr *at = node->properties; at; at = at->next)
                parse_attribute(node, at, guest);
            parse_content(node, guest);
        }
    }
}
