/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading XML that we do not trust: the one way into libxml2, with limits, and the few
 * steps through a tree that the domain parser needs. Knows nothing of domains.
 */
#pragma once

#include "model/error.h"

#include <libxml/tree.h>

/* What libvirt itself accepts over its protocol (VIR_NET_MESSAGE_STRING_MAX). */
#define VN_XML_BYTES_MAX (4u << 20)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

/**
 * vn_xml_read:
 * @text: UTF-8, need not end in 0
 * @what: names the document in messages ("domain XML")
 * @error: INVALID: not well-formed, larger than VN_XML_BYTES_MAX, nested deeper than
 *   libxml2's own limit (256), or carrying a DTD
 *
 * Nothing is fetched and no entity is expanded: a document with a DTD is refused before
 * anything in it is looked at.
 */
xmlDoc *vn_xml_read(const char *text, gsize length, const char *what,
                    GError **error) VN_WARN_UNUSED;

/** vn_xml_read_exactly: as vn_xml_read, and CDATA sections stay such: for writing it. */
xmlDoc *vn_xml_read_exactly(const char *text, gsize length, const char *what,
                            GError **error) VN_WARN_UNUSED;

/**
 * vn_xml_is:
 * @space: (nullable): the namespace wanted; NULL: none
 */
gboolean vn_xml_is(const xmlNode *node, const char *space, const char *name);

/** vn_xml_child: (nullable): the first child element of this name, in no namespace. */
const xmlNode *vn_xml_child(const xmlNode *node, const char *name);

/** vn_xml_next: (nullable): the next sibling with the name and namespace of @node. */
const xmlNode *vn_xml_next(const xmlNode *node);

/** vn_xml_child_in: (nullable): as vn_xml_child, in namespace @space. */
const xmlNode *vn_xml_child_in(const xmlNode *node, const char *space, const char *name);

/**
 * vn_xml_attribute: (nullable) (transfer full): the attribute, which is in no
 * namespace.
 */
char *vn_xml_attribute(const xmlNode *node, const char *name);

/** vn_xml_text: (transfer full): the text of the element, without blanks at its ends. */
char *vn_xml_text(const xmlNode *node);

/** vn_xml_shown: (transfer full): @text made fit for a message: one line, 64 bytes. */
char *vn_xml_shown(const char *text);
