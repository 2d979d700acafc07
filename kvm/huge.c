/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KVM's counters of huge mappings. */
#include "kvm/huge.h"

#include "kvm/proc.h"

#define COUNTER_BYTES 64u

/* Entries of debugfs that are looked at: each guest has one, KVM itself some tens. */
#define ENTRIES_MAX 65536u

static const char *const counters[] = {"pages_2m", "pages_1g"};

struct VnHuge {
    char *folder; /* of the guest */
    guint64 first[G_N_ELEMENTS(counters)];
    guint64 fewest[G_N_ELEMENTS(counters)];
};

/* The guest's folder in @folder; NULL: there is none. */
static char *
find(const char *folder, int pid)
{
    g_autoptr(GDir) directory = g_dir_open(folder, 0, NULL);
    g_autofree char *prefix = g_strdup_printf("%d-", pid);
    const char *name;
    for (guint i = 0; directory && i < ENTRIES_MAX && (name = g_dir_read_name(directory));
         i++) {
        if (g_str_has_prefix(name, prefix))
            return g_build_filename(folder, name, NULL);
    }
    return NULL;
}

static gboolean
read_counter(const char *folder, const char *name, guint64 *ret_value)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *text = vn_proc_read(path, COUNTER_BYTES, NULL);
    return text && g_ascii_string_to_unsigned(g_strchomp(text), 10, 0, G_MAXINT64,
                                              ret_value, NULL);
}

VnHuge *
vn_huge_new(const char *folder, int pid)
{
    g_autoptr(VnHuge) huge = g_new0(VnHuge, 1);
    huge->folder = find(folder, pid);
    for (guint i = 0; i < G_N_ELEMENTS(counters); i++) {
        if (!huge->folder || !read_counter(huge->folder, counters[i], &huge->first[i]))
            return NULL;
        huge->fewest[i] = huge->first[i];
    }
    return g_steal_pointer(&huge);
}

void
vn_huge_free(VnHuge *huge)
{
    if (!huge)
        return;
    g_free(huge->folder);
    g_free(huge);
}

void
vn_huge_look(VnHuge *huge)
{
    guint64 now;
    for (guint i = 0; i < G_N_ELEMENTS(counters); i++) {
        if (read_counter(huge->folder, counters[i], &now))
            huge->fewest[i] = MIN(huge->fewest[i], now);
    }
}

guint64
vn_huge_splits(const VnHuge *huge)
{
    guint64 splits = 0;
    for (guint i = 0; i < G_N_ELEMENTS(counters); i++)
        splits += huge->first[i] - huge->fewest[i];
    return splits;
}
