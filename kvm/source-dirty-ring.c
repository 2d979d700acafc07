/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * KVM's dirty rings, read in place, where BPF is not to be had. The ring names slots;
 * where these lie is found out from the guest's RAM (vn_slots_match()). Pages of slots
 * that are not known yet are kept aside, some of them; what stays unknown is lost.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kvm/ring-map.h"
#include "kvm/source.h"

#define PAGE_BYTES 4096u

/*
 * How often rings are looked at, in ms: oftener when a good part of one is new each time,
 * seldom when little is. QEMU empties them once a second, or when one is full.
 */
#define POLL_MS_MIN 5u
#define POLL_MS_START 20u
#define POLL_MS_MAX 160u

/* Pages that are kept aside: 3 MiB. */
#define PENDING_MAX (128u << 10)

/* Slots that rings name: past it they are not learnt. */
#define USES_MAX 256u

typedef struct {
    VnRingMap *map; /* borrowed */
    VnRing *ring;
} Follower;

typedef struct {
    guint vcpu;
    VnRingEntry entry;
} Pending;

/* Its key comes first, so that it is its own key. */
typedef struct {
    guint64 key; /* vCPU << 32 | granule */
    guint64 count;
} Count;

typedef struct {
    VnSample *sample; /* borrowed: the window's */
    VnSlots *memory;
    GPtrArray *maps;    /* of VnRingMap */
    GArray *followers;  /* of Follower */
    VnRingEntry *copy;  /* of one ring */
    GArray *uses;       /* of VnSlotUse */
    GArray *pending;    /* of Pending */
    GHashTable *counts; /* set of Count */
    guint vcpu;         /* whose ring is being looked at */
    gboolean learnt;    /* a slot was seen further than before */
} RingState;

static void
state_free(RingState *state)
{
    if (!state)
        return;
    for (guint i = 0; i < state->followers->len; i++)
        vn_ring_free(g_array_index(state->followers, Follower, i).ring);
    g_array_unref(state->followers);
    g_ptr_array_unref(state->maps);
    g_free(state->copy);
    g_array_unref(state->uses);
    g_array_unref(state->pending);
    g_hash_table_unref(state->counts);
    vn_slots_free(state->memory);
    g_free(state);
}

static gboolean
can(const VnSampler *sampler, const VnGuest *guest, char **ret_why)
{
    g_autoptr(GError) problem = NULL;
    int pidfd = (int) syscall(SYS_pidfd_open, guest->pid, 0);
    if (pidfd < 0) {
        *ret_why = g_strdup_printf("process %d: %s", guest->pid, g_strerror(errno));
        return FALSE;
    }
    g_autoptr(GPtrArray) maps = vn_ring_maps_open(guest, pidfd, &problem);
    close(pidfd);
    if (!maps)
        *ret_why = g_strdup(problem->message);
    return maps != NULL;
}

/* Remembers how far a slot reaches. */
static void
note_use(RingState *state, const VnRingEntry *entry)
{
    if (entry->page >= VN_SLOTS_GPA_MAX / PAGE_BYTES)
        return;
    for (guint i = 0; i < state->uses->len; i++) {
        VnSlotUse *use = &g_array_index(state->uses, VnSlotUse, i);
        if (use->id != entry->slot)
            continue;
        if (entry->page >= use->pages) {
            use->pages = entry->page + 1;
            state->learnt = TRUE;
        }
        return;
    }
    VnSlotUse use = {.id = entry->slot, .pages = entry->page + 1};
    if (state->uses->len == USES_MAX)
        return;
    g_array_append_val(state->uses, use);
    state->learnt = TRUE;
}

/* FALSE: it is not known where its slot lies. */
static gboolean
count_entry(RingState *state, guint vcpu, const VnRingEntry *entry)
{
    const VnSlot *slot = state->memory ? vn_slots_find(state->memory, entry->slot) : NULL;
    if (!slot || entry->page >= slot->bytes / PAGE_BYTES)
        return FALSE;
    guint64 granule = (slot->gpa + entry->page * PAGE_BYTES) / VN_GRANULE_BYTES;
    Count wanted = {.key = (guint64) vcpu << 32 | granule};
    Count *count = g_hash_table_lookup(state->counts, &wanted);
    if (!count) {
        count = g_memdup2(&wanted, sizeof(wanted));
        g_hash_table_add(state->counts, count);
    }
    count->count++;
    return TRUE;
}

static void
on_entry(gpointer data, const VnRingEntry *entry)
{
    RingState *state = data;
    Pending pending = {.vcpu = state->vcpu, .entry = *entry};
    state->sample->cost.faults++;
    note_use(state, entry);
    if (count_entry(state, state->vcpu, entry))
        return;
    if (state->pending->len < PENDING_MAX)
        g_array_append_val(state->pending, pending);
    else
        state->sample->cost.lost++;
}

/* Looks again at what was kept aside, once more is known of the slots. */
static void
learn(RingState *state)
{
    if (!state->learnt || !state->memory)
        return;
    state->learnt = FALSE;
    vn_slots_match(state->memory, state->uses);
    guint kept = 0;
    for (guint i = 0; i < state->pending->len; i++) {
        Pending *pending = &g_array_index(state->pending, Pending, i);
        if (!count_entry(state, pending->vcpu, &pending->entry))
            g_array_index(state->pending, Pending, kept++) = *pending;
    }
    g_array_set_size(state->pending, kept);
}

/* @most: of one ring's entries, in eighths, that were new. */
static void
adapt(VnWindow *window, guint most)
{
    if (most >= 4)
        window->poll_ms = MAX(window->poll_ms / 2, POLL_MS_MIN);
    else if (most == 0)
        window->poll_ms = MIN(window->poll_ms * 2, POLL_MS_MAX);
}

static void
poll_rings(VnWindow *window)
{
    RingState *state = window->state;
    guint64 most = 0;
    for (guint i = 0; i < state->followers->len; i++) {
        Follower *follower = &g_array_index(state->followers, Follower, i);
        guint64 before = window->sample->cost.faults;
        state->vcpu = follower->map->vcpu;
        vn_ring_map_copy(follower->map, state->copy);
        window->sample->cost.lost +=
            vn_ring_advance(follower->ring, state->copy, on_entry, state);
        guint64 taken = window->sample->cost.faults - before;
        most = MAX(most, 8 * taken / follower->map->n_entries);
    }
    learn(state);
    adapt(window, (guint) most);
}

static gboolean
start(VnWindow *window, const VnGuest *guest, GError **error)
{
    g_autoptr(GPtrArray) maps = vn_ring_maps_open(guest, window->pidfd, error);
    if (!maps) {
        g_prefix_error(error, "guest %s: sample: ", window->name);
        return FALSE;
    }
    RingState *state = g_new0(RingState, 1);
    window->state = state;
    state->sample = window->sample;
    state->memory = window->memory ? vn_slots_copy(window->memory) : NULL;
    state->maps = g_steal_pointer(&maps);
    state->followers = g_array_new(FALSE, FALSE, sizeof(Follower));
    state->uses = g_array_new(FALSE, FALSE, sizeof(VnSlotUse));
    state->pending = g_array_new(FALSE, FALSE, sizeof(Pending));
    state->counts = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    state->copy = g_new(VnRingEntry, VN_RING_ENTRIES_MAX);
    for (guint i = 0; i < state->maps->len; i++) {
        Follower follower = {.map = state->maps->pdata[i]};
        vn_ring_map_copy(follower.map, state->copy);
        follower.ring = vn_ring_new(state->copy, follower.map->n_entries);
        g_array_append_val(state->followers, follower);
        /* What was written long ago tells how far slots reach, too; zeros nothing. */
        for (guint n = 0; n < follower.map->n_entries; n++) {
            if (state->copy[n].slot != 0 || state->copy[n].page != 0)
                note_use(state, &state->copy[n]);
        }
    }
    learn(state);
    return TRUE;
}

static gboolean
stop(VnWindow *window, VnSlots *slots, GError **error)
{
    RingState *state = window->state;
    VnSampleCost *cost = &window->sample->cost;
    GHashTableIter iterator;
    gpointer entry;
    poll_rings(window);
    g_hash_table_iter_init(&iterator, state->counts);
    while (g_hash_table_iter_next(&iterator, &entry, NULL)) {
        const Count *count = entry;
        vn_sample_add(window->sample, count->key & G_MAXUINT32,
                      (guint) (count->key >> 32), VN_ACCESS_WRITE, count->count);
    }
    cost->lost += state->pending->len;
    cost->fault_us += cost->faults * VN_SOURCE_FAULT_NS / 1000;
    for (guint i = 0; state->memory && i < state->memory->array->len; i++) {
        const VnSlot *slot = &g_array_index(state->memory->array, VnSlot, i);
        if (slot->id != VN_SLOT_UNKNOWN && !vn_slots_add(slots, slot))
            g_debug("guest %s: slot %u is passed over", window->name, slot->id);
    }
    return TRUE;
}

static void
release(VnWindow *window)
{
    state_free(window->state);
    window->state = NULL;
}

const VnSourceOps vn_source_dirty_ring = {.can = can,
                                          .start = start,
                                          .poll = poll_rings,
                                          .poll_ms = POLL_MS_START,
                                          .splits = TRUE,
                                          .stop = stop,
                                          .release = release};
