/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which entries of a dirty ring are new: see ring.h. */
#include "kvm/ring.h"

#include <string.h>

/* KVM_DIRTY_GFN_F_DIRTY, KVM_DIRTY_GFN_F_RESET of linux/kvm.h. */
#define IN_USE 3u

struct VnRing {
    VnRingEntry *last;
    guint n_entries;
    guint head; /* the entry that is written next */
    gboolean has_head;
};

/* The end of the only run of flags, if there is one. */
static void
find_head_by_flags(VnRing *ring)
{
    guint n = ring->n_entries;
    ring->has_head = FALSE;
    for (guint i = 0; i < n && !ring->has_head; i++) {
        guint next = (i + 1) % n;
        if (ring->last[i].flags & IN_USE && !(ring->last[next].flags & IN_USE)) {
            ring->head = next;
            ring->has_head = TRUE;
        }
    }
}

VnRing *
vn_ring_new(const VnRingEntry *now, guint n_entries)
{
    VnRing *ring = g_new0(VnRing, 1);
    ring->last = g_new(VnRingEntry, n_entries);
    memcpy(ring->last, now, n_entries * sizeof(VnRingEntry));
    ring->n_entries = n_entries;
    find_head_by_flags(ring);
    return ring;
}

void
vn_ring_free(VnRing *ring)
{
    if (!ring)
        return;
    g_free(ring->last);
    g_free(ring);
}

static gboolean
is_new(const VnRing *ring, const VnRingEntry *now, guint i)
{
    const VnRingEntry *before = &ring->last[i];
    return before->slot != now[i].slot || before->page != now[i].page ||
           (!(before->flags & IN_USE) && now[i].flags & IN_USE);
}

/*
 * Where the run of new entries begins: behind the longest stretch of old ones, for an
 * entry within the run that was written as it was before looks old, too. FALSE: there is
 * no old one, or no new one.
 */
static gboolean
find_head(VnRing *ring, const VnRingEntry *now)
{
    guint n = ring->n_entries;
    guint stretch = 0;
    guint longest = 0;
    for (guint i = 0; i < 2 * n; i++) {
        if (!is_new(ring, now, i % n)) {
            stretch++;
            continue;
        }
        if (stretch > longest) {
            longest = stretch;
            ring->head = i % n;
            ring->has_head = TRUE;
        }
        stretch = 0;
    }
    return ring->has_head;
}

/*
 * How many entries from the head on are up to the last new one; it may be half written.
 */
static guint
run_length(const VnRing *ring, const VnRingEntry *now)
{
    for (guint length = ring->n_entries; length > 0; length--) {
        if (is_new(ring, now, (ring->head + length - 1) % ring->n_entries))
            return length;
    }
    return 0;
}

/* All of it is new: what comes next may be half written, all else is taken. */
static guint
take_all(VnRing *ring, const VnRingEntry *now, VnRingFunc func, gpointer data)
{
    memcpy(ring->last, now, ring->n_entries * sizeof(VnRingEntry));
    find_head_by_flags(ring);
    for (guint step = 0; step < ring->n_entries; step++) {
        guint i = (ring->head + step) % ring->n_entries;
        if (step > 0 || now[i].flags & IN_USE)
            func(data, &now[i]);
    }
    return ring->n_entries;
}

guint
vn_ring_advance(VnRing *ring, const VnRingEntry *now, VnRingFunc func, gpointer data)
{
    /* No head and no beginning: nothing is new, or all of it. */
    gboolean found = ring->has_head || find_head(ring, now);
    if (!found && !is_new(ring, now, 0))
        return 0;
    guint length = found ? run_length(ring, now) : ring->n_entries;
    if (length == ring->n_entries)
        return take_all(ring, now, func, data);
    if (length > 0 && !(now[(ring->head + length - 1) % ring->n_entries].flags & IN_USE))
        length--;
    for (guint step = 0; step < length; step++)
        func(data, &now[(ring->head + step) % ring->n_entries]);
    /* An entry that may be half written stays as it was, to be new the next time. */
    for (guint step = 0; step < ring->n_entries; step++) {
        guint i = (ring->head + step) % ring->n_entries;
        if (step < length || !is_new(ring, now, i))
            ring->last[i] = now[i];
    }
    ring->head = (ring->head + length) % ring->n_entries;
    return 0;
}
