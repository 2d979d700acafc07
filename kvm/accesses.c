/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loading accesses.bpf.c, and its maps, through libbpf. */
#include "kvm/accesses.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/types.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kvm/accesses-shared.h"

/* Entries that one system call reads or deletes. */
#define BATCH 4096u

/* accesses.bpf.c, compiled: embed.py makes it. */
extern const unsigned char vn_accesses_object[];
extern const size_t vn_accesses_object_length;

struct VnAccesses {
    struct bpf_object *object;
    GPtrArray *links; /* of struct bpf_link */
    char *no_writes;  /* why; NULL: they are watched */
    char *no_faults;
    int control;
    int threads;
    int counts;
    int slots;
    guint32 last_window;
    GHashTable *windows; /* set of the numbers of those that are open */
};

struct VnAccessesWindow {
    VnAccesses *accesses;
    guint32 number;
    char *name;   /* of the guest */
    GArray *tids; /* of guint32: threads that are watched */
};

/* What libbpf said first of what went wrong; attaching is one thread's business. */
static char said[512];

static int G_GNUC_PRINTF(2, 0)
    on_message(enum libbpf_print_level level, const char *format, va_list arguments)
{
    if (level != LIBBPF_WARN || said[0])
        return 0;
    g_vsnprintf(said, sizeof(said), format, arguments);
    g_strdelimit(g_strchomp(said), "\n", ' ');
    return 0;
}

static void
set_libbpf_error(GError **error, int result, const char *what)
{
    g_autofree char *detail = said[0] ? g_strdup_printf(" (%s)", said) : g_strdup("");
    g_autofree char *valid = g_utf8_make_valid(detail, -1);
    VnErrorCode code = VN_ERROR_FAILED;
    if (result == -EPERM || result == -EACCES)
        code = VN_ERROR_REFUSED;
    else if (result == -ENOENT || result == -ESRCH || result == -EINVAL ||
             result == -EOPNOTSUPP)
        code = VN_ERROR_UNSUPPORTED; /* no such function or type, or no such feature */
    g_set_error(error, VN_ERROR, (gint) code, "BPF: %s: %s%s", what, g_strerror(-result),
                valid);
}

/* Opens and loads it with the programs of @kinds only. */
static struct bpf_object *
load(guint kinds, guint counts_max, GError **error)
{
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "vnumad");
    struct bpf_program *program;
    struct bpf_object *object =
        bpf_object__open_mem(vn_accesses_object, vn_accesses_object_length, &options);
    if (!object) {
        set_libbpf_error(error, -errno, "open the programs");
        return NULL;
    }
    bpf_object__for_each_program(program, object)
    {
        gboolean writes = strcmp(bpf_program__name(program), "vn_page_dirtied") == 0;
        guint kind = writes ? VN_ACCESSES_WRITES : VN_ACCESSES_FAULTS;
        bpf_program__set_autoload(program, (kinds & kind) != 0);
    }
    struct bpf_map *counts = bpf_object__find_map_by_name(object, "counts");
    int result = counts ? bpf_map__set_max_entries(counts, counts_max) : -ENOENT;
    if (result == 0)
        result = bpf_object__load(object);
    if (result == 0)
        return object;
    set_libbpf_error(error, result, "load the programs");
    bpf_object__close(object);
    return NULL;
}

static gboolean
attach(VnAccesses *accesses, GError **error)
{
    struct bpf_program *program;
    bpf_object__for_each_program(program, accesses->object)
    {
        if (!bpf_program__autoload(program))
            continue;
        struct bpf_link *link = bpf_program__attach(program);
        if (!link) {
            set_libbpf_error(error, -errno, bpf_program__section_name(program));
            return FALSE;
        }
        g_ptr_array_add(accesses->links, link);
    }
    return TRUE;
}

static gboolean
set_control(const VnAccesses *accesses, guint n_windows, GError **error)
{
    guint32 zero = 0;
    struct vn_bpf_control control = {
        .n_windows = n_windows,
        .page_shift = (guint) g_bit_nth_lsf((gulong) sysconf(_SC_PAGESIZE), -1),
        .granule_shift = (guint) g_bit_nth_lsf(VN_GRANULE_BYTES, -1),
    };
    int result = bpf_map_update_elem(accesses->control, &zero, &control, BPF_ANY);
    if (result < 0)
        set_libbpf_error(error, result, "switch counting");
    return result == 0;
}

static void
close_link(gpointer link)
{
    bpf_link__destroy(link);
}

static VnAccesses *
try_kinds(guint kinds, guint counts_max, GError **error)
{
    said[0] = '\0';
    struct bpf_object *object = load(kinds, counts_max, error);
    if (!object)
        return NULL;
    g_autoptr(VnAccesses) accesses = g_new0(VnAccesses, 1);
    accesses->object = object;
    accesses->links = g_ptr_array_new_with_free_func(close_link);
    accesses->windows = g_hash_table_new(NULL, NULL);
    accesses->control = bpf_object__find_map_fd_by_name(object, "control");
    accesses->threads = bpf_object__find_map_fd_by_name(object, "threads");
    accesses->counts = bpf_object__find_map_fd_by_name(object, "counts");
    accesses->slots = bpf_object__find_map_fd_by_name(object, "slots");
    if (!set_control(accesses, 0, error) || !attach(accesses, error))
        return NULL;
    return g_steal_pointer(&accesses);
}

/* Why a kind is not there; the failure that is asked about always has its reason. */
static char *
reason_of(const GError *problem)
{
    return g_strdup(problem ? problem->message : "BPF: not attached");
}

/* What of it works is used: both kinds, or one of them. */
VnAccesses *
vn_accesses_attach(guint counts_max, GError **error)
{
    g_autoptr(GError) both = NULL;
    g_autoptr(GError) without = NULL;
    libbpf_print_fn_t print = libbpf_set_print(on_message);
    VnAccesses *accesses =
        try_kinds(VN_ACCESSES_WRITES | VN_ACCESSES_FAULTS, counts_max, &both);
    if (!accesses) {
        accesses = try_kinds(VN_ACCESSES_WRITES, counts_max, &without);
        if (accesses)
            accesses->no_faults = reason_of(both);
    }
    if (!accesses) {
        accesses = try_kinds(VN_ACCESSES_FAULTS, counts_max, NULL);
        if (accesses)
            accesses->no_writes = reason_of(without);
    }
    libbpf_set_print(print);
    if (!accesses)
        g_propagate_error(error, g_steal_pointer(&both));
    return accesses;
}

void
vn_accesses_free(VnAccesses *accesses)
{
    if (!accesses)
        return;
    g_ptr_array_unref(accesses->links);
    bpf_object__close(accesses->object);
    g_hash_table_unref(accesses->windows);
    g_free(accesses->no_writes);
    g_free(accesses->no_faults);
    g_free(accesses);
}

gboolean
vn_accesses_built_in(void)
{
    return TRUE;
}

gboolean
vn_accesses_can(const VnAccesses *accesses, VnAccessesKind kind, char **ret_why)
{
    const char *why =
        kind == VN_ACCESSES_WRITES ? accesses->no_writes : accesses->no_faults;
    if (why)
        *ret_why = g_strdup(why);
    return why == NULL;
}

static void
window_free(VnAccessesWindow *window)
{
    if (!window)
        return;
    g_free(window->name);
    g_array_unref(window->tids);
    g_free(window);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnAccessesWindow, window_free)

/* Reads what the threads did into @sample, and watches them no more. */
static void
forget_threads(const VnAccessesWindow *window, VnSample *sample)
{
    for (guint i = 0; i < window->tids->len; i++) {
        struct vn_bpf_thread thread;
        guint32 tid = g_array_index(window->tids, guint32, i);
        if (sample &&
            bpf_map_lookup_elem(window->accesses->threads, &tid, &thread) == 0) {
            sample->cost.faults += thread.faults;
            sample->cost.fault_us += thread.fault_ns / 1000;
            sample->cost.lost += thread.lost;
        }
        bpf_map_delete_elem(window->accesses->threads, &tid);
    }
}

static gboolean
watch_threads(VnAccessesWindow *window, const VnGuest *guest, VnAccessesKind kind,
              GError **error)
{
    for (guint i = 0; i < guest->vcpus->len; i++) {
        const VnVcpu *vcpu = guest->vcpus->pdata[i];
        guint32 tid = (guint32) vcpu->tid;
        struct vn_bpf_thread thread = {
            .window = window->number,
            .vcpu = (guint16) vcpu->id,
            .wants = (guint16) kind,
        };
        if (tid == 0)
            continue;
        int result =
            bpf_map_update_elem(window->accesses->threads, &tid, &thread, BPF_NOEXIST);
        if (result == 0) {
            g_array_append_val(window->tids, tid);
            continue;
        }
        if (result == -EEXIST)
            g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                        "guest %s: sample: a window of it is open already", guest->name);
        else
            g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                        "guest %s: sample: vCPU %u cannot be watched: %s", guest->name,
                        vcpu->id, g_strerror(-result));
        return FALSE;
    }
    return TRUE;
}

VnAccessesWindow *
vn_accesses_open(VnAccesses *accesses, const VnGuest *guest, VnAccessesKind kind,
                 GError **error)
{
    g_autoptr(VnAccessesWindow) window = g_new0(VnAccessesWindow, 1);
    window->accesses = accesses;
    window->name = g_strdup(guest->name);
    window->tids = g_array_new(FALSE, FALSE, sizeof(guint32));
    do {
        window->number = ++accesses->last_window;
    } while (g_hash_table_contains(accesses->windows, GUINT_TO_POINTER(window->number)));
    said[0] = '\0';
    if (!watch_threads(window, guest, kind, error) ||
        !set_control(accesses, g_hash_table_size(accesses->windows) + 1, error)) {
        forget_threads(window, NULL);
        return NULL;
    }
    g_hash_table_add(accesses->windows, GUINT_TO_POINTER(window->number));
    return g_steal_pointer(&window);
}

static void
delete_keys(const VnAccesses *accesses, const GArray *keys)
{
    for (guint at = 0; at < keys->len; at += BATCH) {
        guint32 n = MIN(keys->len - at, BATCH);
        bpf_map_delete_batch(accesses->counts,
                             &g_array_index(keys, struct vn_bpf_count_key, at), &n, NULL);
    }
}

/*
 * The window's own counts go to @sample; they, and those that a thread added to a window
 * when it was just being closed, are deleted.
 */
static gboolean
take_counts(const VnAccessesWindow *window, VnSample *sample, const VnSlots *memory,
            GError **error)
{
    const VnAccesses *accesses = window->accesses;
    g_autofree struct vn_bpf_count_key *keys = g_new(struct vn_bpf_count_key, BATCH);
    g_autofree guint64 *values = g_new(guint64, BATCH);
    g_autoptr(GArray) old = g_array_new(FALSE, FALSE, sizeof(struct vn_bpf_count_key));
    guint32 place = 0;
    int result = 0;
    for (gboolean first = TRUE; result == 0; first = FALSE) {
        guint32 n = BATCH;
        result = bpf_map_lookup_batch(accesses->counts, first ? NULL : &place, &place,
                                      keys, values, &n, NULL);
        if (result < 0 && result != -ENOENT)
            break;
        for (guint i = 0; i < n; i++) {
            if (keys[i].window == window->number && sample &&
                (!memory || vn_slots_has_granule(memory, keys[i].granule)))
                vn_sample_add(sample, keys[i].granule, keys[i].vcpu,
                              keys[i].write ? VN_ACCESS_WRITE : VN_ACCESS_READ,
                              values[i]);
            if (!g_hash_table_contains(accesses->windows,
                                       GUINT_TO_POINTER(keys[i].window)))
                g_array_append_val(old, keys[i]);
        }
    }
    delete_keys(accesses, old);
    if (result == -ENOENT) /* the end */
        return TRUE;
    vn_error_set_errno(error, -result, "guest %s: sample: read the counts", window->name);
    return FALSE;
}

static void
take_slots(const VnAccessesWindow *window, VnSlots *slots)
{
    int map = window->accesses->slots;
    guint64 page_bytes = (guint64) sysconf(_SC_PAGESIZE);
    g_autoptr(GArray) own = g_array_new(FALSE, FALSE, sizeof(struct vn_bpf_slot_key));
    struct vn_bpf_slot_key key;
    struct vn_bpf_slot_key *before = NULL;
    for (guint i = 0;
         i < VN_BPF_SLOTS_MAX && bpf_map_get_next_key(map, before, &key) == 0; i++) {
        before = &key;
        if (key.window == window->number)
            g_array_append_val(own, key);
    }
    for (guint i = 0; i < own->len; i++) {
        struct vn_bpf_slot found;
        key = g_array_index(own, struct vn_bpf_slot_key, i);
        if (slots && bpf_map_lookup_elem(map, &key, &found) == 0) {
            VnSlot slot = {key.slot, found.gfn * page_bytes, found.pages * page_bytes,
                           found.hva};
            if (found.gfn >= VN_SLOTS_GPA_MAX / page_bytes ||
                found.pages >= VN_SLOTS_GPA_MAX / page_bytes ||
                !vn_slots_add(slots, &slot))
                g_debug("guest %s: slot %u is passed over", window->name, key.slot);
        }
        bpf_map_delete_elem(map, &key);
    }
}

gboolean
vn_accesses_close(VnAccessesWindow *old_window, VnSample *sample, const VnSlots *memory,
                  VnSlots *slots, GError **error)
{
    g_autoptr(VnAccessesWindow) window = old_window;
    VnAccesses *accesses = window->accesses;
    forget_threads(window, sample);
    g_hash_table_remove(accesses->windows, GUINT_TO_POINTER(window->number));
    said[0] = '\0';
    gboolean done = set_control(accesses, g_hash_table_size(accesses->windows), error);
    take_slots(window, slots);
    return take_counts(window, sample, memory, done ? error : NULL) && done;
}
