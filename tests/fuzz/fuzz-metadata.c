/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our metadata element: what is understood is in range, all else is trouble. */
#include "guest-topology/domain.h"
#include "tests/fuzz/fuzz.h"

static void
check_tag(const VnTag *tag)
{
    g_assert(tag->cells <= VN_CELLS_MAX && tag->max_vcpus_per_cell <= VN_VCPUS_MAX);
    g_assert(tag->binding != VN_BINDING_INTERLEAVE);
    VnPolicy policy;
    g_assert(!tag->policy || vn_policy_parse(tag->policy, &policy, NULL));
    g_assert((tag->matrix != NULL) == (tag->matrix_cells > 0));
    g_assert(tag->distances != VN_DISTANCES_EXPLICIT || tag->matrix);
    for (guint i = 0; i < tag->matrix_cells * tag->matrix_cells; i++) {
        gboolean to_itself = i / tag->matrix_cells == i % tag->matrix_cells;
        g_assert((tag->matrix[i] == VN_DISTANCE_LOCAL) == to_itself);
        g_assert(tag->matrix[i] >= VN_DISTANCE_LOCAL &&
                 tag->matrix[i] <= VN_DISTANCE_UNREACHABLE);
    }
}

/* @data: the attributes and whatever follows them */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) xml = g_string_new(
        "<domain><name>a</name><uuid>11111111-2222-3333-4444-555555555555</uuid>"
        "<memory>1024</memory><metadata><v:guest xmlns:v='urn:vnumad:guest:1' ");
    g_string_append_len(xml, (const char *) data, (gssize) size);
    g_string_append(xml, "/></metadata></domain>");
    g_autoptr(VnGuest) guest = vn_domain_parse(xml->str, xml->len, &error);
    if (!guest) {
        g_assert(error && g_utf8_validate(error->message, -1, NULL));
        return 0;
    }
    if (guest->trouble)
        g_assert(g_utf8_validate(guest->trouble, -1, NULL));
    if (guest->tag) {
        check_tag(guest->tag);
        g_autoptr(VnTag) copy = vn_tag_copy(guest->tag);
        check_tag(copy);
    }
    return 0;
}
