/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changing a document that somebody else wrote and will read again: elements come and go
 * with the indentation of their neighbours, and what is not touched is written as it was.
 */
#pragma once

#include "guest-topology/xml.h"

/**
 * vn_xml_add:
 * @after: (nullable): the child of @parent that it comes after; NULL: the first
 * @space: (nullable): its namespace
 *
 * Adds an empty element on a line of its own, where the document has lines.
 */
xmlNode *vn_xml_add(xmlNode *parent, xmlNode *after, xmlNs *space, const char *name);

/** vn_xml_append: vn_xml_add() behind the last element of @parent, in no namespace. */
xmlNode *vn_xml_append(xmlNode *parent, const char *name);

/** vn_xml_remove: unlinks and frees @node, and the blanks before it. */
void vn_xml_remove(xmlNode *node);

void vn_xml_set(xmlNode *node, const char *name, const char *value);
void vn_xml_set_uint(xmlNode *node, const char *name, guint64 value);

/** vn_xml_element: (nullable): vn_xml_child() for changing it. */
xmlNode *vn_xml_element(xmlNode *parent, const char *name);

/**
 * vn_xml_write:
 * @original: what @document was read from: its XML declaration is kept as it was, and the
 *   kind of quotes
 *
 * Returns: the document as text; written once, reading and writing it again gives the
 * same text.
 */
char *vn_xml_write(const xmlDoc *document, const char *original, gsize length);
