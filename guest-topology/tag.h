/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our own element in a definition's <metadata>: what the administrator asks of vnumad for
 * this guest. Not what libvirt itself knows of NUMA: that is domain.c's.
 */
#pragma once

#include "guest-topology/xml.h"
#include "model/guest.h"

/* The namespace, and the element's name in it. */
#define VN_TAG_NAMESPACE "urn:vnumad:guest:1"
#define VN_TAG_ELEMENT "guest"

/**
 * vn_tag_parse:
 * @domain: the <domain> element
 * @guest: gets tag and, where the element cannot be followed as it stands, trouble: one
 *   sentence. A guest that is asked for in words we do not know is left alone; what was
 *   not understood has its default in the tag.
 *
 * data/vnumad-guest.rng says the same to XML tools, as far as a schema can.
 */
void vn_tag_parse(const xmlNode *domain, VnGuest *guest);
