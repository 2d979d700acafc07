/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnIdSet: a set of small numbers (CPUs, host nodes, vCPUs, cells), read and written in
 * the kernel's list format ("0-3,8"). Grows with its largest member, up to VN_ID_MAX.
 */
#pragma once

#include "model/error.h"

/* The largest id: eight times the kernel's largest NR_CPUS (8192). */
#define VN_ID_MAX 65535u

typedef struct {
    guint64 *words;
    guint n_words;
} VnIdSet;

VnIdSet *vn_idset_new(void);
VnIdSet *vn_idset_new_with(guint id);
VnIdSet *vn_idset_copy(const VnIdSet *set);
void vn_idset_free(VnIdSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnIdSet, vn_idset_free)

/**
 * vn_idset_parse:
 * @text: list format: comma-separated ids and ranges, as "0-3,8"; blanks around an item
 *   and one newline at the end are allowed; an empty text is the empty set. No strides.
 * @error: INVALID, naming the item, when the text is not a list or an id is above
 *   VN_ID_MAX
 *
 * Source of the format: "List format" in cpuset(7).
 */
VnIdSet *vn_idset_parse(const char *text, GError **error) VN_WARN_UNUSED;

/**
 * vn_idset_format:
 *
 * Returns: @set in list format; "" when empty.
 */
char *vn_idset_format(const VnIdSet *set);

/** vn_idset_add: ids above VN_ID_MAX are a programming error. */
void vn_idset_add(VnIdSet *set, guint id);
void vn_idset_remove(VnIdSet *set, guint id);
void vn_idset_add_all(VnIdSet *set, const VnIdSet *other);
void vn_idset_remove_all(VnIdSet *set, const VnIdSet *other);
void vn_idset_keep_all(VnIdSet *set, const VnIdSet *other);

gboolean vn_idset_contains(const VnIdSet *set, guint id);
gboolean vn_idset_is_empty(const VnIdSet *set);
gboolean vn_idset_equal(const VnIdSet *one, const VnIdSet *other);
gboolean vn_idset_is_subset(const VnIdSet *part, const VnIdSet *whole);
gboolean vn_idset_overlaps(const VnIdSet *one, const VnIdSet *other);
guint vn_idset_count(const VnIdSet *set);

/**
 * vn_idset_next:
 * @from: the smallest id wanted
 *
 * Returns: the smallest member that is at least @from, or -1 when there is none.
 */
int vn_idset_next(const VnIdSet *set, guint from);

/** VN_IDSET_FOREACH: visits the members of @set in ascending order, as int @id. */
#define VN_IDSET_FOREACH(set, id)                   \
    for (int id = vn_idset_next((set), 0); id >= 0; \
         id = vn_idset_next((set), (guint) id + 1))
