/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnFiles. Paths are resolved by openat2(2) with RESOLVE_IN_ROOT, so that absolute links
 * of a recorded tree stay in it; where that system call is missing (Linux before 5.6,
 * some sandboxes) the links are followed one by one here, to the same end.
 */
#include "host/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* As many links as the kernel follows in one path (MAXSYMLINKS). */
#define LINKS_MAX 40

#define NUMBER_FILE_BYTES 64

/* closedir() in g_autoptr's clothes. */
typedef DIR VnDirectory;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnDirectory, closedir)

static void
fd_clear(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define autofd __attribute__((cleanup(fd_clear))) int

VnFiles *
vn_files_open(const char *root, GError **error)
{
    autofd fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        g_autofree char *shown = g_filename_display_name(root);
        vn_error_set_errno(error, errno, "root directory %s", shown);
        return NULL;
    }
    VnFiles *files = g_new0(VnFiles, 1);
    files->root = g_strdup(root);
    files->fd = fd;
    fd = -1;
    return files;
}

void
vn_files_free(VnFiles *files)
{
    if (!files)
        return;
    close(files->fd);
    g_free(files->root);
    g_free(files);
}

char *
vn_files_shown(const VnFiles *files, const char *path)
{
    g_autofree char *whole = g_build_filename(files->root, path, NULL);
    return g_filename_display_name(whole);
}

void
vn_files_set_invalid(const VnFiles *files, const char *path, GError **error,
                     const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *shown = vn_files_shown(files, path);
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "%s: %s", shown, message);
}

static void
set_errno(const VnFiles *files, const char *path, int errsv, const char *verb,
          GError **error)
{
    g_autofree char *shown = vn_files_shown(files, path);
    vn_error_set_errno(error, errsv, "%s: %s", shown, verb);
}

/* Puts the parts of @path in front of @todo, the last of them deepest in the queue. */
static void
push_parts(GQueue *todo, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    for (guint i = g_strv_length(parts); i > 0; i--)
        g_queue_push_head(todo, g_strdup(parts[i - 1]));
}

/*
 * The path without links, as seen from the root: absolute links start there, and ".."
 * does not leave it. Not safe against somebody who changes the tree meanwhile; the
 * kernel's own way is, and this is its stand-in only. NULL with errno when there are too
 * many links.
 */
static char *
resolve(int root, const char *path)
{
    g_autoptr(GPtrArray) done = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) resolved = g_string_new(NULL);
    GQueue todo = G_QUEUE_INIT;
    int links = 0;

    push_parts(&todo, path);
    while (!g_queue_is_empty(&todo) && links <= LINKS_MAX) {
        g_autofree char *part = g_queue_pop_head(&todo);
        char target[4096];
        if (*part == '\0' || strcmp(part, ".") == 0)
            continue;
        if (strcmp(part, "..") == 0) {
            if (done->len)
                g_ptr_array_set_size(done, (int) done->len - 1);
            continue;
        }
        g_string_truncate(resolved, 0);
        for (guint i = 0; i < done->len; i++)
            g_string_append_printf(resolved, "%s/", (const char *) done->pdata[i]);
        g_string_append(resolved, part);
        gssize length = readlinkat(root, resolved->str, target, sizeof target - 1);
        if (length < 0) {
            g_ptr_array_add(done, g_steal_pointer(&part));
            continue;
        }
        target[length] = '\0';
        links++;
        if (*target == '/')
            g_ptr_array_set_size(done, 0);
        push_parts(&todo, target);
    }
    g_queue_clear_full(&todo, g_free);
    if (links > LINKS_MAX) {
        errno = ELOOP;
        return NULL;
    }
    g_string_assign(resolved, ".");
    for (guint i = 0; i < done->len; i++)
        g_string_append_printf(resolved, "/%s", (const char *) done->pdata[i]);
    return g_strdup(resolved->str);
}

/* An open descriptor, or -1 with errno. */
static int
open_below(const VnFiles *files, const char *path, int flags)
{
    struct open_how how = {
        .flags = (guint64) (flags | O_CLOEXEC),
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    int fd = (int) syscall(SYS_openat2, files->fd, path, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM && errno != EAGAIN))
        return fd;

    /* EPERM: what older container sandboxes answer to a system call they do not know.
     * EAGAIN: the tree is being changed under us. */
    g_autofree char *resolved = resolve(files->fd, path);
    return resolved ? openat(files->fd, resolved, flags | O_CLOEXEC | O_NOFOLLOW) : -1;
}

/* Reads until the end; FALSE with errno, E2BIG when there is more than the limit. */
static gboolean
read_all(int fd, gsize limit_bytes, GByteArray *bytes)
{
    guint8 chunk[16384];
    for (;;) {
        gssize n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FALSE;
        if (n == 0)
            return TRUE;
        if ((gsize) n > limit_bytes - bytes->len) {
            errno = E2BIG;
            return FALSE;
        }
        g_byte_array_append(bytes, chunk, (guint) n);
    }
}

GByteArray *
vn_files_read_bytes(const VnFiles *files, const char *path, gsize limit_bytes,
                    GError **error)
{
    struct stat status;
    /* Opened without waiting, and looked at before it is read: a FIFO or a device in a
     * tree that is not what it says must not hold us up. */
    autofd fd = open_below(files, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) < 0) {
        set_errno(files, path, errno, "open", error);
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) {
        vn_files_set_invalid(files, path, error, "not a regular file");
        return NULL;
    }
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    if (!read_all(fd, limit_bytes, bytes)) {
        if (errno == E2BIG)
            vn_files_set_invalid(files, path, error, "larger than %zu bytes",
                                 limit_bytes);
        else
            set_errno(files, path, errno, "read", error);
        return NULL;
    }
    g_byte_array_append(bytes, (const guint8 *) "", 1);
    g_byte_array_set_size(bytes, bytes->len - 1);
    return g_steal_pointer(&bytes);
}

char *
vn_files_read(const VnFiles *files, const char *path, gsize limit_bytes, GError **error)
{
    g_autoptr(GByteArray) bytes = vn_files_read_bytes(files, path, limit_bytes, error);
    if (!bytes)
        return NULL;
    gsize length = bytes->len;
    while (length && (bytes->data[length - 1] == '\0' ||
                      g_ascii_isspace((char) bytes->data[length - 1])))
        length--;
    if (memchr(bytes->data, '\0', length)) {
        vn_files_set_invalid(files, path, error, "not a text: it has a NUL byte");
        return NULL;
    }
    return g_strndup((const char *) bytes->data, length);
}

char *
vn_files_read_optional(const VnFiles *files, const char *path, gsize limit_bytes)
{
    return vn_files_read(files, path, limit_bytes, NULL);
}

gboolean
vn_files_read_number(const VnFiles *files, const char *path, guint64 *ret_number)
{
    g_autofree char *text = vn_files_read_optional(files, path, NUMBER_FILE_BYTES);
    return text && g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, ret_number, NULL);
}

gboolean
vn_files_exists(const VnFiles *files, const char *path)
{
    autofd fd = open_below(files, path, O_PATH);
    return fd >= 0;
}

gboolean
vn_files_is_live(const VnFiles *files)
{
    struct statfs status;
    autofd fd = open_below(files, "proc", O_PATH | O_DIRECTORY);
    return fd >= 0 && fstatfs(fd, &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

static VnDirectory *
open_directory(const VnFiles *files, const char *path, GError **error)
{
    autofd fd = open_below(files, path, O_RDONLY | O_NONBLOCK | O_DIRECTORY);
    VnDirectory *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory)
        set_errno(files, path, errno, "open directory", error);
    else
        fd = -1;
    return directory;
}

static gboolean
match_number(const char *name, const char *prefix, const char *suffix, guint *ret_number)
{
    gsize length = strlen(name);
    gsize before = strlen(prefix);
    gsize after = strlen(suffix);
    if (length <= before + after || !g_str_has_prefix(name, prefix) ||
        !g_str_has_suffix(name, suffix))
        return FALSE;

    guint64 number;
    g_autofree char *digits = g_strndup(name + before, length - before - after);
    if ((digits[0] == '0' && digits[1] != '\0') ||
        !g_ascii_string_to_unsigned(digits, 10, 0, G_MAXINT, &number, NULL))
        return FALSE;
    *ret_number = (guint) number;
    return TRUE;
}

static int
compare_numbers(gconstpointer a, gconstpointer b)
{
    guint one = *(const guint *) a;
    guint other = *(const guint *) b;
    return (one > other) - (one < other);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* The next entry but "." and ".."; NULL at the end, with errno 0, or on failure. */
static const struct dirent *
next_entry(VnDirectory *directory)
{
    const struct dirent *entry;
    do {
        errno = 0;
        entry = readdir(directory);
    } while (entry &&
             (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry;
}

GArray *
vn_files_list_numbers(const VnFiles *files, const char *path, const char *prefix,
                      const char *suffix, guint count_max, GError **error)
{
    g_autoptr(VnDirectory) directory = open_directory(files, path, error);
    if (!directory)
        return NULL;
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(guint));
    const struct dirent *entry;
    while ((entry = next_entry(directory))) {
        guint number;
        if (!match_number(entry->d_name, prefix, suffix, &number))
            continue;
        if (numbers->len == count_max) {
            vn_files_set_invalid(files, path, error, "more than %u entries '%s*%s'",
                                 count_max, prefix, suffix);
            return NULL;
        }
        g_array_append_val(numbers, number);
    }
    if (errno) {
        set_errno(files, path, errno, "list", error);
        return NULL;
    }
    g_array_sort(numbers, compare_numbers);
    return g_steal_pointer(&numbers);
}

GPtrArray *
vn_files_list_names(const VnFiles *files, const char *path, guint count_max,
                    GError **error)
{
    g_autoptr(VnDirectory) directory = open_directory(files, path, error);
    if (!directory)
        return NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const struct dirent *entry;
    while ((entry = next_entry(directory))) {
        if (names->len == count_max) {
            vn_files_set_invalid(files, path, error, "more than %u entries", count_max);
            return NULL;
        }
        g_ptr_array_add(names, g_strdup(entry->d_name));
    }
    if (errno) {
        set_errno(files, path, errno, "list", error);
        return NULL;
    }
    g_ptr_array_sort(names, compare_names);
    return g_steal_pointer(&names);
}
