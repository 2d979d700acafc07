/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Second-stage refaults: the kernel is made to drop the guest's mappings, and BPF counts
 * who makes which of them again, by reading or by writing. Each counts once a window.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "kvm/proc.h"
#include "kvm/source.h"

#define ROLLUP_BYTES 65536u

/* "Clear soft-dirty bits": Documentation/admin-guide/mm/soft-dirty.rst. */
#define CLEAR_SOFT_DIRTY "4"

static char *
clear_refs_path(int pid)
{
    return g_strdup_printf("/proc/%d/clear_refs", pid);
}

static gboolean
can(const VnSampler *sampler, const VnGuest *guest, char **ret_why)
{
    g_autofree char *path = clear_refs_path(guest->pid);
    if (!vn_source_can_watch(sampler, VN_ACCESSES_FAULTS, ret_why))
        return FALSE;
    if (access(path, W_OK) == 0)
        return TRUE;
    *ret_why = errno == ENOENT
                   ? g_strdup_printf("there is no %s: the guest has ended, or the kernel "
                                     "has no CONFIG_PROC_PAGE_MONITOR",
                                     path)
                   : g_strdup_printf("%s: %s", path, g_strerror(errno));
    return FALSE;
}

/* Once open, the file is this process's and nobody's else, if it still runs then. */
static gboolean
drop_mappings(const VnWindow *window, GError **error)
{
    g_autofree char *path = clear_refs_path(window->pid);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) {
        vn_error_set_errno(error, errno, "%s", path);
        return FALSE;
    }
    int problem = ESRCH;
    if (!vn_source_has_ended(window))
        problem = write(file, CLEAR_SOFT_DIRTY, 1) == 1 ? 0 : errno;
    close(file);
    if (problem)
        vn_error_set_errno(error, problem, "%s", path);
    return problem == 0;
}

static void
release(VnWindow *window)
{
    vn_accesses_close(g_steal_pointer(&window->state), NULL, NULL, NULL, NULL);
}

static gboolean
start(VnWindow *window, const VnGuest *guest, GError **error)
{
    window->state = vn_source_watch(window, guest, VN_ACCESSES_FAULTS, error);
    if (!window->state)
        return FALSE;
    if (drop_mappings(window, error))
        return TRUE;
    g_prefix_error(error, "guest %s: sample: ", window->name);
    release(window);
    return FALSE;
}

/*
 * One fault is one mapping: a page, or a granule where the host backs it by huge pages.
 */
static void
set_count_pages(const VnWindow *window)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/smaps_rollup", window->pid);
    g_autofree char *text = vn_proc_read(path, ROLLUP_BYTES, NULL);
    if (text && vn_proc_parse_huge_share(text) > 0.5)
        window->sample->count_pages = VN_SAMPLE_PAGES_MAX;
}

static gboolean
stop(VnWindow *window, VnSlots *slots, GError **error)
{
    set_count_pages(window);
    return vn_accesses_close(g_steal_pointer(&window->state), window->sample,
                             window->memory, slots, error);
}

const VnSourceOps vn_source_refault = {
    .can = can, .start = start, .stop = stop, .release = release};
