/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changing documents, with their indentation. */
#include "guest-topology/xml-edit.h"

#include <string.h>

#define INDENT_USUAL "  "

/* The line break and blanks right before @node; NULL: it is on the line of another. */
static const char *
indent_of(const xmlNode *node)
{
    const xmlNode *before = node->prev;
    if (!before || before->type != XML_TEXT_NODE || !xmlIsBlankNode(before))
        return NULL;
    return strrchr((const char *) before->content, '\n');
}

static const xmlNode *
first_element(const xmlNode *parent)
{
    const xmlNode *node = parent->children;
    while (node && node->type != XML_ELEMENT_NODE)
        node = node->next;
    return node;
}

/* "\n    " for the children of @parent; NULL: the document is not indented. */
static char *
indent_within(const xmlNode *parent)
{
    const xmlNode *root = xmlDocGetRootElement(parent->doc);
    const xmlNode *first = first_element(parent);
    const char *here = first ? indent_of(first) : NULL;
    if (first || parent == root)
        return g_strdup(here);
    const char *outside = indent_of(parent);
    const char *unit = first_element(root) ? indent_of(first_element(root)) : NULL;
    if (!outside)
        return NULL;
    return g_strconcat(outside, unit && unit[1] ? unit + 1 : INDENT_USUAL, NULL);
}

xmlNode *
vn_xml_add(xmlNode *parent, xmlNode *after, xmlNs *space, const char *name)
{
    g_autofree char *indent = indent_within(parent);
    xmlNode *node = xmlNewDocNode(parent->doc, space, (const xmlChar *) name, NULL);
    gboolean is_only = !parent->children;
    if (after)
        xmlAddNextSibling(after, node);
    else if (parent->children)
        xmlAddPrevSibling(parent->children, node);
    else
        xmlAddChild(parent, node);
    if (!indent)
        return node;
    xmlAddPrevSibling(node, xmlNewDocText(parent->doc, (const xmlChar *) indent));
    if (is_only) {
        const char *outside = indent_of(parent);
        xmlAddNextSibling(
            node,
            xmlNewDocText(parent->doc, (const xmlChar *) (outside ? outside : "\n")));
    }
    return node;
}

xmlNode *
vn_xml_append(xmlNode *parent, const char *name)
{
    xmlNode *last = parent->last;
    while (last && last->type != XML_ELEMENT_NODE)
        last = last->prev;
    return vn_xml_add(parent, last, NULL, name);
}

void
vn_xml_remove(xmlNode *node)
{
    xmlNode *before = node->prev;
    if (before && before->type == XML_TEXT_NODE && xmlIsBlankNode(before)) {
        xmlUnlinkNode(before);
        xmlFreeNode(before);
    }
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

void
vn_xml_set(xmlNode *node, const char *name, const char *value)
{
    xmlSetNsProp(node, NULL, (const xmlChar *) name, (const xmlChar *) value);
}

void
vn_xml_set_uint(xmlNode *node, const char *name, guint64 value)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);
    vn_xml_set(node, name, text);
}

xmlNode *
vn_xml_element(xmlNode *parent, const char *name)
{
    return (xmlNode *) vn_xml_child(parent, name);
}
