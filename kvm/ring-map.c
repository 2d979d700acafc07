/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding, borrowing and mapping the dirty rings of a QEMU. */
#include "kvm/ring-map.h"

#include <dirent.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kvm/proc.h"

G_STATIC_ASSERT(sizeof(VnRingEntry) == sizeof(struct kvm_dirty_gfn));

/* Descriptors of a process that are looked at: the kernel's usual nr_open. */
#define DESCRIPTORS_MAX (1u << 20)

typedef DIR VnDirectory;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnDirectory, closedir)

static void
ring_map_free(gpointer data)
{
    VnRingMap *map = data;
    munmap(map->mapped, map->n_entries * sizeof(VnRingEntry));
    g_free(map);
}

/* Where there is nothing behind a mapping, reading it this way fails without a signal. */
static gboolean
can_read(const guint8 *address)
{
    guint8 byte;
    struct iovec to = {&byte, 1};
    struct iovec from = {(gpointer) address, 1};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1;
}

/* 0: there is no ring. */
static guint
count_entries(const guint8 *mapped)
{
    for (guint n = VN_RING_ENTRIES_MAX; n >= VN_RING_ENTRIES_MIN; n /= 2) {
        if (can_read(mapped + n * sizeof(VnRingEntry) - 1))
            return n;
    }
    return 0;
}

/* NULL with errno 0: this vCPU has no ring. */
static VnRingMap *
map_ring(int file, guint kvm_id)
{
    gsize bytes = VN_RING_ENTRIES_MAX * sizeof(VnRingEntry);
    off_t offset = (off_t) KVM_DIRTY_LOG_PAGE_OFFSET * sysconf(_SC_PAGESIZE);
    guint8 *mapped = mmap(NULL, bytes, PROT_READ, MAP_SHARED, file, offset);
    if (mapped == MAP_FAILED)
        return NULL;
    guint n_entries = count_entries(mapped);
    munmap(mapped + n_entries * sizeof(VnRingEntry),
           bytes - n_entries * sizeof(VnRingEntry));
    errno = 0;
    if (n_entries == 0)
        return NULL;
    VnRingMap *map = g_new0(VnRingMap, 1);
    map->kvm_id = kvm_id;
    map->n_entries = n_entries;
    map->mapped = (VnRingEntry *) mapped;
    return map;
}

/* FALSE with errno: cannot; 0: no ring. */
static gboolean
add_ring(GPtrArray *maps, int pidfd, int descriptor, guint kvm_id)
{
    int file = (int) syscall(SYS_pidfd_getfd, pidfd, descriptor, 0);
    if (file < 0)
        return FALSE;
    VnRingMap *map = map_ring(file, kvm_id);
    int problem = errno;
    close(file);
    if (map)
        g_ptr_array_add(maps, map);
    errno = problem;
    return map != NULL;
}

/* Whether /proc/PID/fd/@name is a vCPU's. */
static gboolean
read_link(int directory, const char *name, guint *ret_kvm_id)
{
    char target[64];
    ssize_t length = readlinkat(directory, name, target, sizeof(target) - 1);
    if (length < 0)
        return FALSE;
    target[length] = '\0';
    return vn_proc_parse_vcpu_link(target, ret_kvm_id);
}

static GPtrArray *
open_all(int pid, int pidfd, GError **error)
{
    char path[64];
    g_snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    g_autoptr(VnDirectory) directory = opendir(path);
    if (!directory) {
        vn_error_set_errno(error, errno, "%s", path);
        return NULL;
    }
    g_autoptr(GPtrArray) maps = g_ptr_array_new_with_free_func(ring_map_free);
    const struct dirent *entry;
    gsize n_entries = 0;
    for (guint i = 0; i < DESCRIPTORS_MAX && (entry = readdir(directory)); i++) {
        guint64 descriptor;
        guint kvm_id;
        if (!g_ascii_string_to_unsigned(entry->d_name, 10, 0, G_MAXINT, &descriptor,
                                        NULL) ||
            !read_link(dirfd(directory), entry->d_name, &kvm_id))
            continue;
        if (!add_ring(maps, pidfd, (int) descriptor, kvm_id)) {
            if (errno == 0)
                break;
            vn_error_set_errno(error, errno, "dirty ring %u of process %d", kvm_id, pid);
            return NULL;
        }
        n_entries += ((const VnRingMap *) maps->pdata[maps->len - 1])->n_entries;
        if (n_entries > VN_RING_MAPS_ENTRIES_MAX) {
            g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED,
                        "process %d: its dirty rings have more than %u entries in all",
                        pid, VN_RING_MAPS_ENTRIES_MAX);
            return NULL;
        }
    }
    return g_steal_pointer(&maps);
}

static gint
compare_kvm_ids(gconstpointer a, gconstpointer b)
{
    const VnRingMap *left = *(VnRingMap *const *) a;
    const VnRingMap *right = *(VnRingMap *const *) b;
    return (left->kvm_id > right->kvm_id) - (left->kvm_id < right->kvm_id);
}

gboolean
vn_ring_maps_number(GPtrArray *maps, const GArray *vcpus)
{
    if (maps->len != vcpus->len)
        return FALSE;
    g_ptr_array_sort(maps, compare_kvm_ids);
    for (guint i = 0; i < maps->len; i++) {
        VnRingMap *map = maps->pdata[i];
        if (i > 0 && map->kvm_id == ((const VnRingMap *) maps->pdata[i - 1])->kvm_id)
            return FALSE;
        map->vcpu = g_array_index(vcpus, guint, i);
    }
    return TRUE;
}

static gint
compare_guints(gconstpointer a, gconstpointer b)
{
    guint left = *(const guint *) a;
    guint right = *(const guint *) b;
    return (left > right) - (left < right);
}

/* Those that have a thread, ascending. */
static GArray *
running_vcpus(const VnGuest *guest)
{
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint i = 0; i < guest->vcpus->len; i++) {
        const VnVcpu *vcpu = guest->vcpus->pdata[i];
        if (vcpu->tid > 0)
            g_array_append_val(ids, vcpu->id);
    }
    g_array_sort(ids, compare_guints);
    return ids;
}

GPtrArray *
vn_ring_maps_open(const VnGuest *guest, int pidfd, GError **error)
{
    g_autoptr(GArray) vcpus = running_vcpus(guest);
    g_autoptr(GPtrArray) maps = open_all(guest->pid, pidfd, error);
    if (!maps)
        return NULL;
    if (maps->len == 0) {
        g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED,
                    "process %d has no dirty rings: the guest was started without "
                    "<kvm><dirty-ring state='on'/></kvm>",
                    guest->pid);
        return NULL;
    }
    if (!vn_ring_maps_number(maps, vcpus)) {
        g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED,
                    "process %d: %u dirty rings for %u vCPUs: after one was unplugged it "
                    "is not known which is whose",
                    guest->pid, maps->len, vcpus->len);
        return NULL;
    }
    return g_steal_pointer(&maps);
}

void
vn_ring_map_copy(const VnRingMap *map, VnRingEntry *ret_entries)
{
    for (guint i = 0; i < map->n_entries; i++) {
        const VnRingEntry *entry = &map->mapped[i];
        /* With its flag an entry is whole; the flag is written last. */
        ret_entries[i].flags = __atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE);
        ret_entries[i].slot = __atomic_load_n(&entry->slot, __ATOMIC_RELAXED);
        ret_entries[i].page = __atomic_load_n(&entry->page, __ATOMIC_RELAXED);
    }
}
