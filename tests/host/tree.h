/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A directory tree to read a host from: written by hand, or from a recording. */
#pragma once

#include <glib.h>

typedef char VnTree;

/** vn_tree_new: an empty tree in a temporary directory; the value is its path. */
VnTree *vn_tree_new(void);

/** vn_tree_load: tests/data/hosts/NAME.host as a tree; record-host says what is in it. */
VnTree *vn_tree_load(const char *name);

/** vn_tree_free: removes the tree. */
void vn_tree_free(VnTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnTree, vn_tree_free)

/** vn_tree_write: a file with what @format makes, and the directories on its path. */
void vn_tree_write(const VnTree *tree, const char *path, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
void vn_tree_write_bytes(const VnTree *tree, const char *path, gconstpointer bytes,
                         gsize length);
void vn_tree_make_directory(const VnTree *tree, const char *path);
void vn_tree_link(const VnTree *tree, const char *path, const char *target);

/** vn_tree_remove: whatever is there, with what is in it; it need not exist. */
void vn_tree_remove(const VnTree *tree, const char *path);

/**
 * vn_tree_files: the paths of all regular files below @path, as char*, without the
 * root.
 */
GPtrArray *vn_tree_files(const VnTree *tree, const char *path);
