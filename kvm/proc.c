/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading procfs, and the formats of three of its files. */
#include "kvm/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "model/idset.h"

char *
vn_proc_read(const char *path, gsize limit_bytes, GError **error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        vn_error_set_errno(error, errno, "%s", path);
        return NULL;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[4096];
    ssize_t length;
    while ((length = read(file, buffer, sizeof(buffer))) > 0 ||
           (length < 0 && errno == EINTR)) {
        g_string_append_len(text, buffer, MAX(length, 0));
        if (text->len > limit_bytes)
            break;
    }
    int failed = length < 0 ? errno : 0;
    close(file);
    if (failed) {
        vn_error_set_errno(error, failed, "%s", path);
        return NULL;
    }
    if (text->len > limit_bytes) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "%s: has more than %zu bytes",
                    path, limit_bytes);
        return NULL;
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* The number behind "KEY=" in one of @words. */
static gboolean
number_of(char *const *words, const char *key, guint64 max, guint64 *ret_number)
{
    for (guint i = 0; words[i]; i++) {
        gsize length = strlen(key);
        if (strncmp(words[i], key, length) == 0 && words[i][length] == '=')
            return g_ascii_string_to_unsigned(words[i] + length + 1, 10, 0, max,
                                              ret_number, NULL);
    }
    return FALSE;
}

GArray *
vn_proc_parse_numa_faults(const char *text, GError **error)
{
    g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(VnNumaFaults));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        guint64 node;
        guint64 private;
        guint64 shared;
        if (!g_str_has_prefix(lines[i], "numa_faults node="))
            continue;
        g_auto(GStrv) words = g_strsplit(lines[i], " ", -1);
        if (!number_of(words, "node", VN_ID_MAX, &node) ||
            !number_of(words, "task_private", G_MAXINT64, &private) ||
            !number_of(words, "task_shared", G_MAXINT64, &shared)) {
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                        "sched: line %u: no valid node, task_private, task_shared",
                        i + 1);
            return NULL;
        }
        if (found->len == VN_PROC_NODES_MAX) {
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "sched: more than %u nodes",
                        VN_PROC_NODES_MAX);
            return NULL;
        }
        VnNumaFaults faults = {.host_node = (guint) node, .faults = private + shared};
        g_array_append_val(found, faults);
    }
    return g_steal_pointer(&found);
}

double
vn_proc_parse_huge_share(const char *text)
{
    /* Pages of hugetlb are not in Rss; huge pages of the page cache are. */
    static const char *const huge_keys[] = {"AnonHugePages", "ShmemPmdMapped",
                                            "FilePmdMapped"};
    static const char *const pool_keys[] = {"Shared_Hugetlb", "Private_Hugetlb"};
    guint64 resident = 0;
    guint64 huge = 0;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        char *colon = strchr(lines[i], ':');
        if (!colon)
            continue;
        *colon = '\0';
        guint64 kib = g_ascii_strtoull(colon + 1, NULL, 10);
        if (kib > G_MAXINT64 / 16)
            continue;
        if (strcmp(lines[i], "Rss") == 0)
            resident += kib;
        for (guint k = 0; k < G_N_ELEMENTS(huge_keys); k++)
            huge += strcmp(lines[i], huge_keys[k]) == 0 ? kib : 0;
        for (guint k = 0; k < G_N_ELEMENTS(pool_keys); k++) {
            gboolean pool = strcmp(lines[i], pool_keys[k]) == 0;
            resident += pool ? kib : 0;
            huge += pool ? kib : 0;
        }
    }
    return resident == 0 ? 0 : MIN((double) huge / (double) resident, 1);
}

gboolean
vn_proc_parse_vcpu_link(const char *target, guint *ret_kvm_id)
{
    static const char prefix[] = "anon_inode:kvm-vcpu:";
    guint64 kvm_id;
    if (!g_str_has_prefix(target, prefix) ||
        !g_ascii_string_to_unsigned(target + strlen(prefix), 10, 0, VN_PROC_KVM_ID_MAX,
                                    &kvm_id, NULL))
        return FALSE;
    *ret_kvm_id = (guint) kvm_id;
    return TRUE;
}
