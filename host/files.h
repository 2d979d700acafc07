/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnFiles: reading small files and listing directories below a root directory, which is
 * "/" on the machine itself and anything else for a recorded one. Every read has a limit,
 * never blocks and never follows a link out of the root. It does not know what the files
 * mean.
 */
#pragma once

#include "model/error.h"

typedef struct {
    char *root;
    int fd;
} VnFiles;

/**
 * vn_files_open:
 * @root: the directory that all paths are below
 * @error: GONE when @root does not exist; REFUSED, FAILED
 */
VnFiles *vn_files_open(const char *root, GError **error) VN_WARN_UNUSED;
void vn_files_free(VnFiles *files);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnFiles, vn_files_free)

/**
 * vn_files_shown:
 * @path: relative to the root, without a leading slash, as in all functions here
 *
 * Returns: (transfer full): the path as the user knows it, with the root in front, in
 * UTF-8.
 */
char *vn_files_shown(const VnFiles *files, const char *path);

/**
 * vn_files_set_invalid: sets @error to INVALID, "<shown path>: <message>".
 */
void vn_files_set_invalid(const VnFiles *files, const char *path, GError **error,
                          const char *format, ...) G_GNUC_PRINTF(4, 5);

/**
 * vn_files_read_bytes:
 * @limit_bytes: a file with more is refused
 * @error: GONE when it does not exist (or, in procfs, its process); INVALID when it is
 *   not a regular file or larger than the limit; REFUSED, FAILED
 *
 * Returns: (transfer full): the contents as they are, with a NUL byte behind them that is
 *   not counted in the array's length.
 */
GByteArray *vn_files_read_bytes(const VnFiles *files, const char *path, gsize limit_bytes,
                                GError **error) VN_WARN_UNUSED;

/**
 * vn_files_read:
 * @error: as vn_files_read_bytes(); also INVALID when there is a NUL byte in the text
 *
 * Returns: (transfer full): the text without blanks, newlines and NUL bytes at its end
 *   (cpulist of Linux 5.15 to 6.0 ends in one).
 */
char *vn_files_read(const VnFiles *files, const char *path, gsize limit_bytes,
                    GError **error) VN_WARN_UNUSED;

/**
 * vn_files_read_optional: as vn_files_read(), but whatever is wrong makes it absent.
 *
 * Returns: (transfer full) (nullable): the text.
 */
char *vn_files_read_optional(const VnFiles *files, const char *path, gsize limit_bytes);

/**
 * vn_files_read_number:
 * @ret_number: 0 to G_MAXINT64; untouched on failure
 *
 * Reads a file that holds one decimal number; whatever is wrong makes it absent.
 *
 * Returns: whether there is such a file, holding such a number.
 */
gboolean vn_files_read_number(const VnFiles *files, const char *path,
                              guint64 *ret_number);

/** vn_files_exists: whether the path leads to anything, of any type. */
gboolean vn_files_exists(const VnFiles *files, const char *path);

/** vn_files_is_live: whether <root>/proc is a running kernel's, not a recorded one. */
gboolean vn_files_is_live(const VnFiles *files);

/**
 * vn_files_list_numbers:
 * @prefix: what the names start with: "node" matches "node0" and "node12"
 * @suffix: what follows the number
 * @count_max: a directory with more matching entries is refused
 * @error: GONE when @path does not exist; INVALID when above @count_max; REFUSED, FAILED
 *
 * Names with anything else than a decimal number up to G_MAXINT between prefix and
 * suffix, or with leading zeros, are passed over.
 *
 * Returns: (transfer full): the numbers as guint, ascending.
 */
GArray *vn_files_list_numbers(const VnFiles *files, const char *path, const char *prefix,
                              const char *suffix, guint count_max,
                              GError **error) VN_WARN_UNUSED;

/**
 * vn_files_list_names: all names in a directory but "." and "..", in byte order.
 * @error: as vn_files_list_numbers()
 *
 * Returns: (transfer full): of char*, not NULL-terminated.
 */
GPtrArray *vn_files_list_names(const VnFiles *files, const char *path, guint count_max,
                               GError **error) VN_WARN_UNUSED;
