/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The only file that lets libxml2 parse: no network, no DTD, no entities, limits. */
#include "guest-topology/xml.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <string.h>

#define SHOWN_BYTES_MAX 64
#define MESSAGE_BYTES_MAX 200

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlParserCtxt, xmlFreeParserCtxt)

/* @text on one line, cut behind the last character that ends within @bytes_max. */
static char *
one_line(const char *text, gsize bytes_max)
{
    gsize length = strlen(text);
    gboolean cut = length > bytes_max;
    const char *end = text + length;
    if (cut)
        g_utf8_validate(text, (gssize) bytes_max, &end);
    GString *line = g_string_new(NULL);
    for (const char *at = text; at < end; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        g_string_append_unichar(line, g_unichar_iscntrl(c) ? ' ' : c);
    }
    if (cut)
        g_string_append(line, "...");
    return g_string_free(line, FALSE);
}

/* Stands in for libxml2's reader of a DTD: entities are not even declared. */
static void
refuse_dtd(void *context, const xmlChar *name, const xmlChar *external_id,
           const xmlChar *system_id)
{
    xmlParserCtxt *parser = context;
    gboolean *has_dtd = parser->_private;
    *has_dtd = TRUE;
    xmlStopParser(parser);
}

static void
set_parse_error(GError **error, xmlParserCtxt *parser, const char *what)
{
    const xmlError *last = xmlCtxtGetLastError(parser);
    g_autofree char *message =
        g_utf8_make_valid(last && last->message ? last->message : "not well-formed", -1);
    g_autofree char *line = one_line(g_strchomp(message), MESSAGE_BYTES_MAX);
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "%s: line %d: %s", what,
                last ? last->line : 0, line);
}

static xmlDoc *
read_with(const char *text, gsize length, const char *what, int options, GError **error)
{
    if (length > VN_XML_BYTES_MAX) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "%s: %zu bytes, but at most %u are accepted", what, length,
                    VN_XML_BYTES_MAX);
        return NULL;
    }
    /* libxml2 would stop at a 0 byte and call what precedes it the document. */
    if (length == 0 || memchr(text, '\0', length)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "%s: %s", what,
                    length == 0 ? "it is empty" : "it holds a zero byte");
        return NULL;
    }

    g_autoptr(xmlParserCtxt) parser = xmlNewParserCtxt();
    if (!parser) {
        g_set_error(error, VN_ERROR, VN_ERROR_FAILED, "%s: libxml2 did not start", what);
        return NULL;
    }
    gboolean has_dtd = FALSE;
    parser->_private = &has_dtd;
    parser->sax->internalSubset = refuse_dtd;
    g_autoptr(xmlDoc) document = xmlCtxtReadMemory(
        parser, text, (int) length, NULL, "UTF-8",
        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | options);
    if (has_dtd) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "%s: it has a document type declaration, which is never read; "
                    "remove <!DOCTYPE>",
                    what);
        return NULL;
    }
    if (!document || !xmlDocGetRootElement(document)) {
        set_parse_error(error, parser, what);
        return NULL;
    }
    return g_steal_pointer(&document);
}

xmlDoc *
vn_xml_read(const char *text, gsize length, const char *what, GError **error)
{
    return read_with(text, length, what, XML_PARSE_NOCDATA, error);
}

xmlDoc *
vn_xml_read_exactly(const char *text, gsize length, const char *what, GError **error)
{
    return read_with(text, length, what, 0, error);
}

gboolean
vn_xml_is(const xmlNode *node, const char *space, const char *name)
{
    if (node->type != XML_ELEMENT_NODE || strcmp((const char *) node->name, name) != 0)
        return FALSE;
    const char *own = node->ns ? (const char *) node->ns->href : NULL;
    return g_strcmp0(own, space) == 0;
}

static const xmlNode *
first_from(const xmlNode *node, const char *space, const char *name)
{
    for (; node; node = node->next) {
        if (vn_xml_is(node, space, name))
            return node;
    }
    return NULL;
}

const xmlNode *
vn_xml_child_in(const xmlNode *node, const char *space, const char *name)
{
    return node ? first_from(node->children, space, name) : NULL;
}

const xmlNode *
vn_xml_child(const xmlNode *node, const char *name)
{
    return vn_xml_child_in(node, NULL, name);
}

const xmlNode *
vn_xml_next(const xmlNode *node)
{
    return first_from(node->next, node->ns ? (const char *) node->ns->href : NULL,
                      (const char *) node->name);
}

/* libxml2 may have an allocator of its own; the rest of vnumad knows g_free only. */
static char *
take(xmlChar *text)
{
    char *copy = g_strdup((const char *) text);
    xmlFree(text);
    return copy;
}

char *
vn_xml_attribute(const xmlNode *node, const char *name)
{
    return take(xmlGetNoNsProp(node, (const xmlChar *) name));
}

char *
vn_xml_text(const xmlNode *node)
{
    char *text = take(xmlNodeGetContent(node));
    return text ? g_strstrip(text) : g_strdup("");
}

char *
vn_xml_shown(const char *text)
{
    return one_line(text, SHOWN_BYTES_MAX);
}
