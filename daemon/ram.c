/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guest RAM, piece by piece, and the kernel's answers about its pages. */
#include "daemon/ram.h"

#include "guest-topology/memory-layout.h"
#include "host/pages.h"

#include <errno.h>

#define PROBES 4u
#define BATCH_GRANULES 1024u
#define PLACES_MAX (64u << 10)

/* Below a megabyte, PCs have video memory and firmware between two pieces of RAM. */
#define LOW_END 0xa0000u
#define SHADOW_START 0xc0000u
#define SHADOW_END 0x100000u

static void
add_piece(VnSlots *ram, guint64 gpa, guint64 bytes, guint64 hva)
{
    const VnSlot piece = {VN_SLOT_UNKNOWN, gpa, bytes, hva};
    if (gpa == 0 && bytes > SHADOW_END) {
        add_piece(ram, 0, LOW_END, hva);
        add_piece(ram, SHADOW_START, SHADOW_END - SHADOW_START,
                  hva ? hva + SHADOW_START : 0);
        add_piece(ram, SHADOW_END, bytes - SHADOW_END, hva ? hva + SHADOW_END : 0);
        return;
    }
    /* What does not fit is not known, like any other memory. */
    (void) !vn_slots_add(ram, &piece);
}

VnSlots *
vn_ram_new(const VnGuest *guest)
{
    VnSlots *ram = vn_slots_new();
    guint64 low = vn_layout_guest_low_ram(guest);
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        guint64 offset = 0;
        guint64 gpa;
        while (vn_layout_cell_gpa(guest, i, offset, VN_LAYOUT_USUAL, &gpa)) {
            guint64 bytes = cell->memory_bytes - offset;
            if (gpa < low)
                bytes = MIN(bytes, low - gpa);
            add_piece(ram, gpa, bytes, cell->hva_start ? cell->hva_start + offset : 0);
            offset += bytes;
        }
    }
    return ram;
}

static gboolean
find_cell(const VnGuest *guest, guint64 hva, guint64 bytes, guint *ret_cell)
{
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        if (hva < cell->hva_start || hva >= cell->hva_end || bytes > cell->hva_end - hva)
            continue;
        *ret_cell = i;
        return TRUE;
    }
    return FALSE;
}

static gboolean
overlap(guint64 a, guint64 a_bytes, guint64 b, guint64 b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes;
}

/*
 * Takes out pieces that have @slot's place in the guest or in QEMU, and another in the
 * other. Returns: whether one says the same as @slot.
 */
static gboolean
make_way(VnSlots *ram, const VnSlot *slot, gboolean *changed)
{
    gboolean known = FALSE;
    for (guint i = ram->array->len; i-- > 0;) {
        const VnSlot *piece = &g_array_index(ram->array, VnSlot, i);
        if (!overlap(piece->gpa, piece->bytes, slot->gpa, slot->bytes) &&
            (!piece->hva || !overlap(piece->hva, piece->bytes, slot->hva, slot->bytes)))
            continue;
        if (piece->hva - piece->gpa != slot->hva - slot->gpa) {
            g_array_remove_index(ram->array, i);
            *changed = TRUE;
        } else if (piece->gpa <= slot->gpa &&
                   slot->gpa + slot->bytes <= piece->gpa + piece->bytes) {
            known = TRUE;
        }
    }
    return known;
}

static int
compare_gpa(gconstpointer a, gconstpointer b)
{
    const VnSlot *one = a;
    const VnSlot *other = b;
    return one->gpa < other->gpa ? -1 : one->gpa > other->gpa;
}

gboolean
vn_ram_learn(VnSlots *ram, const VnGuest *guest, const VnSlots *learnt)
{
    gboolean changed = FALSE;
    for (guint i = 0; i < learnt->array->len; i++) {
        VnSlot slot = g_array_index(learnt->array, VnSlot, i);
        guint cell;
        /* In system management mode, the second address space, RAM may lie elsewhere. */
        gboolean other_space = slot.id != VN_SLOT_UNKNOWN && slot.id >> 16;
        if (other_space || !slot.hva || !find_cell(guest, slot.hva, slot.bytes, &cell))
            continue;
        slot.id = VN_SLOT_UNKNOWN;
        if (!make_way(ram, &slot, &changed) && vn_slots_add(ram, &slot))
            changed = TRUE;
    }
    if (changed)
        g_array_sort(ram->array, compare_gpa);
    return changed;
}

gboolean
vn_ram_find(const VnSlots *ram, const VnGuest *guest, guint64 gpa, guint64 *ret_hva,
            guint *ret_cell)
{
    const VnSlot *piece = vn_slots_find_gpa(ram, gpa);
    if (!piece || !piece->hva)
        return FALSE;
    *ret_hva = piece->hva + (gpa - piece->gpa);
    return find_cell(guest, *ret_hva, 1, ret_cell);
}

/* Granules whose pages are asked about together. */
typedef struct {
    guint64 granule;
    guint64 n_granules;
    guint cell;
    guint n_pages;
} Asked;

typedef struct {
    const VnGuest *guest;
    const VnSlots *ram;
    VnMovePagesFunc func;
    gpointer data;
    VnPlacement *placement;
    GArray *asked;    /* of Asked */
    GPtrArray *pages; /* addresses, those of one Asked after those of another */
} Reader;

/* The host node that most pages lie on; -1: none of them is there. */
static int
most_common(const int *nodes, guint n)
{
    int best = -1;
    guint best_count = 0;
    for (guint i = 0; i < n; i++) {
        guint count = 0;
        for (guint k = 0; k < n; k++)
            count += nodes[k] == nodes[i];
        if (nodes[i] >= 0 && count > best_count) {
            best = nodes[i];
            best_count = count;
        }
    }
    return best;
}

static gboolean
ask(Reader *reader, GError **error)
{
    g_autofree int *status = g_new0(int, reader->pages->len + 1);
    for (guint i = 0; i < reader->pages->len; i++)
        status[i] = -ENOENT;
    if (reader->pages->len &&
        reader->func(reader->guest->pid, reader->pages->len, reader->pages->pdata, NULL,
                     status, 0, reader->data) < 0) {
        vn_error_set_errno(error, errno, "guest %s: ask where its pages lie",
                           reader->guest->name);
        return FALSE;
    }
    guint page = 0;
    for (guint i = 0; i < reader->asked->len; i++) {
        const Asked *asked = &g_array_index(reader->asked, Asked, i);
        vn_placement_add(reader->placement, asked->granule, asked->n_granules,
                         most_common(status + page, asked->n_pages), asked->cell);
        page += asked->n_pages;
    }
    g_array_set_size(reader->asked, 0);
    g_ptr_array_set_size(reader->pages, 0);
    return TRUE;
}

static gboolean
look_at(Reader *reader, guint64 granule, guint64 n_granules, GError **error)
{
    Asked asked = {granule, n_granules, 0, 0};
    guint64 step = n_granules * VN_GRANULE_BYTES / PROBES;
    for (guint i = 0; i < PROBES; i++) {
        guint64 hva;
        guint cell;
        if (!vn_ram_find(reader->ram, reader->guest,
                         granule * VN_GRANULE_BYTES + i * step, &hva, &cell) ||
            (asked.n_pages && cell != asked.cell))
            continue;
        asked.cell = cell;
        asked.n_pages++;
        g_ptr_array_add(reader->pages, (gpointer) (gsize) hva);
    }
    if (!asked.n_pages)
        return TRUE;
    g_array_append_val(reader->asked, asked);
    return reader->asked->len < BATCH_GRANULES || ask(reader, error);
}

/* How many granules to look at as one, so that @n are PLACES_MAX at most. */
static guint64
unit_for(guint64 n)
{
    return (n + PLACES_MAX - 1) / PLACES_MAX;
}

static gboolean
look_at_known(Reader *reader, const VnHeat *heat, GError **error)
{
    VnHeatIter iter;
    VnHeatGranule granule;
    guint64 n = 0;
    guint64 next = 0;
    vn_heat_iter_init(&iter, heat, 0);
    while (vn_heat_iter_next(&iter, &granule))
        n++;
    guint64 unit = MAX(unit_for(n), 1) * vn_heat_unit_granules(heat);
    vn_heat_iter_init(&iter, heat, 0);
    while (vn_heat_iter_next(&iter, &granule)) {
        if (granule.granule < next)
            continue;
        guint64 first = granule.granule - granule.granule % unit;
        next = first + unit;
        if (!look_at(reader, first, unit, error))
            return FALSE;
    }
    return ask(reader, error);
}

static gboolean
look_at_all(Reader *reader, GError **error)
{
    guint64 total = 0;
    guint64 next = 0;
    for (guint i = 0; i < reader->ram->array->len; i++)
        total += g_array_index(reader->ram->array, VnSlot, i).bytes / VN_GRANULE_BYTES;
    guint64 unit = MAX(unit_for(total), 1);
    for (guint i = 0; i < reader->ram->array->len; i++) {
        const VnSlot *piece = &g_array_index(reader->ram->array, VnSlot, i);
        guint64 end =
            (piece->gpa + piece->bytes + VN_GRANULE_BYTES - 1) / VN_GRANULE_BYTES;
        for (next = MAX(next, piece->gpa / VN_GRANULE_BYTES); next < end;) {
            guint64 n = MIN(unit, end - next);
            if (!look_at(reader, next, n, error))
                return FALSE;
            next += n;
        }
    }
    return ask(reader, error);
}

static int
node_of(const VnVcpu *vcpu, const VnHost *host)
{
    for (guint i = 0; vcpu->affinity && i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        if (!vn_idset_is_empty(vcpu->affinity) &&
            vn_idset_is_subset(vcpu->affinity, node->cpus))
            return (int) node->id;
    }
    return -1;
}

int *
vn_vcpu_nodes(const VnGuest *guest, const VnHost *host, guint n)
{
    int *nodes = g_new(int, MAX(n, 1));
    for (guint i = 0; i < n; i++)
        nodes[i] = -1;
    for (guint i = 0; i < guest->vcpus->len; i++) {
        const VnVcpu *vcpu = guest->vcpus->pdata[i];
        if (vcpu->id < n)
            nodes[vcpu->id] = node_of(vcpu, host);
    }
    return nodes;
}

VnPlacement *
vn_placement_read(const VnGuest *guest, const VnHost *host, const VnSlots *ram,
                  const VnHeat *heat, VnMovePagesFunc func, gpointer data, GError **error)
{
    const VnVcpu *last =
        guest->vcpus->len ? guest->vcpus->pdata[guest->vcpus->len - 1] : NULL;
    guint n_vcpus = last ? last->id + 1 : 0;
    g_autofree int *nodes = vn_vcpu_nodes(guest, host, n_vcpus);
    g_autoptr(VnPlacement) placement = vn_placement_new(n_vcpus);
    g_autoptr(GArray) asked = g_array_new(FALSE, FALSE, sizeof(Asked));
    g_autoptr(GPtrArray) pages = g_ptr_array_new();
    Reader reader = {.guest = guest,
                     .ram = ram,
                     .func = func ? func : vn_pages_move,
                     .data = data,
                     .placement = placement,
                     .asked = asked,
                     .pages = pages};
    for (guint i = 0; i < n_vcpus; i++)
        vn_placement_set_vcpu(placement, i, nodes[i]);
    for (guint i = 0; i < ram->array->len; i++) {
        const VnSlot *piece = &g_array_index(ram->array, VnSlot, i);
        guint cell;
        if (piece->hva && find_cell(guest, piece->hva, piece->bytes, &cell))
            vn_placement_add_ram(
                placement, piece->gpa, piece->bytes, cell,
                piece->hva - ((const VnCell *) guest->cells->pdata[cell])->hva_start);
    }
    if (heat ? !look_at_known(&reader, heat, error) : !look_at_all(&reader, error))
        return NULL;
    return g_steal_pointer(&placement);
}
