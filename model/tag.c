/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What our metadata element asks for: making and copying it. */
#include "model/tag.h"

VnTag *
vn_tag_new(void)
{
    VnTag *tag = g_new0(VnTag, 1);
    tag->smt = TRUE;
    tag->hmat = TRUE;
    tag->exclude_nodes = vn_idset_new();
    return tag;
}

void
vn_tag_free(VnTag *tag)
{
    if (!tag)
        return;
    g_free(tag->policy);
    g_free(tag->matrix);
    vn_idset_free(tag->exclude_nodes);
    g_free(tag);
}

VnTag *
vn_tag_copy(const VnTag *tag)
{
    VnTag *copy = g_memdup2(tag, sizeof *tag);
    copy->policy = g_strdup(tag->policy);
    copy->exclude_nodes = vn_idset_copy(tag->exclude_nodes);
    if (tag->matrix)
        copy->matrix = g_memdup2(tag->matrix, (gsize) tag->matrix_cells *
                                                  tag->matrix_cells * sizeof(guint));
    return copy;
}
