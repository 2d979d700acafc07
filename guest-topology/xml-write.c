/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A document as text again. libxml2's own writer turns all quotes into double ones, and a
 * difference that shows every line is no difference that anybody can read.
 */
#include "guest-topology/xml-edit.h"

#include <string.h>

typedef struct {
    GString *text;
    char quote;
} Writer;

static void
write_escaped(const Writer *writer, const char *text, gboolean in_attribute)
{
    for (const char *at = text; *at; at++) {
        char c = *at;
        if (c == '&')
            g_string_append(writer->text, "&amp;");
        else if (c == '<')
            g_string_append(writer->text, "&lt;");
        else if (c == '>')
            g_string_append(writer->text, "&gt;");
        else if (c == '\r' || (in_attribute && (c == '\n' || c == '\t')))
            g_string_append_printf(writer->text, "&#%d;", c);
        else if (in_attribute && c == writer->quote)
            g_string_append(writer->text, c == '"' ? "&quot;" : "&apos;");
        else
            g_string_append_c(writer->text, c);
    }
}

static void
write_name(const Writer *writer, const xmlNs *space, const xmlChar *name)
{
    if (space && space->prefix)
        g_string_append_printf(writer->text, "%s:", (const char *) space->prefix);
    g_string_append(writer->text, (const char *) name);
}

static void
write_value(const Writer *writer, const char *value)
{
    g_string_append_c(writer->text, '=');
    g_string_append_c(writer->text, writer->quote);
    write_escaped(writer, value, TRUE);
    g_string_append_c(writer->text, writer->quote);
}

static void
write_namespaces(const Writer *writer, const xmlNode *node)
{
    for (const xmlNs *space = node->nsDef; space; space = space->next) {
        g_string_append(writer->text, " xmlns");
        if (space->prefix)
            g_string_append_printf(writer->text, ":%s", (const char *) space->prefix);
        write_value(writer, space->href ? (const char *) space->href : "");
    }
}

static void
write_attributes(const Writer *writer, const xmlNode *node)
{
    for (const xmlAttr *attribute = node->properties; attribute;
         attribute = attribute->next) {
        xmlChar *value = xmlNodeGetContent((const xmlNode *) attribute);
        g_string_append_c(writer->text, ' ');
        write_name(writer, attribute->ns, attribute->name);
        write_value(writer, value ? (const char *) value : "");
        xmlFree(value);
    }
}

/*
 * Which came first, namespaces or attributes, libxml2 does not tell. libvirt puts those
 * of <domain> last, and all others come first as a rule.
 */
static void
write_start(const Writer *writer, const xmlNode *node)
{
    gboolean is_root = node == xmlDocGetRootElement(node->doc);
    g_string_append_c(writer->text, '<');
    write_name(writer, node->ns, node->name);
    if (!is_root)
        write_namespaces(writer, node);
    write_attributes(writer, node);
    if (is_root)
        write_namespaces(writer, node);
}

/*
 * What ends a section cannot stand in one: it is cut in two there. libxml2 has made one
 * of those that were.
 */
static void
write_cdata(const Writer *writer, const char *content)
{
    g_auto(GStrv) pieces = g_strsplit(content, "]]>", 0);
    g_autofree char *text = g_strjoinv("]]]]><![CDATA[>", pieces);
    g_string_append_printf(writer->text, "<![CDATA[%s]]>", text);
}

/* All but elements: what has no children. */
static void
write_leaf(const Writer *writer, const xmlNode *node)
{
    const char *content = node->content ? (const char *) node->content : "";
    if (node->type == XML_TEXT_NODE)
        write_escaped(writer, content, FALSE);
    else if (node->type == XML_CDATA_SECTION_NODE)
        write_cdata(writer, content);
    else if (node->type == XML_COMMENT_NODE)
        g_string_append_printf(writer->text, "<!--%s-->", content);
    else if (node->type == XML_PI_NODE)
        g_string_append_printf(writer->text, "<?%s%s%s?>", (const char *) node->name,
                               *content ? " " : "", content);
}

/* Down and up again without recursion: the depth is the document's to choose. */
static void
write_tree(const Writer *writer, const xmlNode *top)
{
    const xmlNode *node = top;
    for (;;) {
        if (node->type == XML_ELEMENT_NODE) {
            write_start(writer, node);
            g_string_append(writer->text, node->children ? ">" : "/>");
        } else {
            write_leaf(writer, node);
        }
        if (node->type == XML_ELEMENT_NODE && node->children) {
            node = node->children;
            continue;
        }
        while (node != top && !node->next) {
            node = node->parent;
            g_string_append(writer->text, "</");
            write_name(writer, node->ns, node->name);
            g_string_append_c(writer->text, '>');
        }
        if (node == top)
            return;
        node = node->next;
    }
}

/* The quotes of the first attribute; comments before it may mislead, and do no harm. */
static char
quote_of(const char *text, gsize length)
{
    const char *single = g_strstr_len(text, (gssize) length, "='");
    const char *twofold = g_strstr_len(text, (gssize) length, "=\"");
    return single && (!twofold || single < twofold) ? '\'' : '"';
}

char *
vn_xml_write(const xmlDoc *document, const char *original, gsize length)
{
    static const char opening[] = "<?xml ";
    const char *end = g_strstr_len(original, (gssize) length, "?>");
    gsize declaration = 0;
    if (length > strlen(opening) && end &&
        strncmp(original, opening, strlen(opening)) == 0)
        declaration = (gsize) (end - original) + strlen("?>");

    Writer writer = {
        .text = g_string_new_len(original, (gssize) declaration),
        .quote = quote_of(original + declaration, length - declaration),
    };
    if (declaration)
        g_string_append_c(writer.text, '\n');
    for (const xmlNode *node = document->children; node; node = node->next) {
        write_tree(&writer, node);
        g_string_append_c(writer.text, '\n');
    }
    return g_string_free(writer.text, FALSE);
}
