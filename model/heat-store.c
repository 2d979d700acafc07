/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bounded table behind VnHeat: slots, blocks and coarsening. */
#include "model/heat-store.h"

#include "model/vnuma.h"

#define SHARE_ONE 65535.0

/* Less than this share of a slot's total, and an accessor may give way. */
#define SHARE_SMALL (1.0 / 256)

guint8
vn_heat_cell_of(const guint8 *cell_of, guint16 who)
{
    return who & VN_HEAT_CELL ? (guint8) (who & ~VN_HEAT_CELL) : cell_of[who];
}

void
vn_heat_load_read(VnHeatLoad *load, const VnHeatSlot *slot)
{
    *load = (VnHeatLoad){.cell = VN_HEAT_CELL_NONE};
    if (!(slot->total > 0))
        return;
    load->total = slot->total;
    load->flips = slot->flips;
    load->writes = slot->writes / SHARE_ONE * load->total;
    load->cell = slot->cell;
    load->n = slot->n;
    double left = load->total;
    for (guint i = 0; i < slot->n; i++) {
        load->who[i] = slot->who[i];
        load->amounts[i] = MIN(slot->shares[i] / SHARE_ONE * load->total, left);
        left -= load->amounts[i];
    }
}

static guint16
share_of(double part, double total)
{
    return (guint16) (CLAMP(part / total, 0.0, 1.0) * SHARE_ONE + 0.5);
}

void
vn_heat_load_write(const VnHeatLoad *load, VnHeatSlot *slot)
{
    *slot = (VnHeatSlot){
        .total = (float) load->total, .flips = (float) load->flips, .cell = load->cell};
    if (!(slot->total > 0))
        return;
    slot->writes = share_of(load->writes, load->total);
    for (guint i = 0; i < load->n; i++) {
        guint16 share = share_of(load->amounts[i], load->total);
        if (share == 0)
            continue;
        slot->who[slot->n] = load->who[i];
        slot->shares[slot->n++] = share;
    }
}

static int
find_accessor(const VnHeatLoad *load, guint16 who)
{
    for (guint i = 0; i < load->n; i++) {
        if (load->who[i] == who)
            return (int) i;
    }
    return -1;
}

static guint
smallest(const VnHeatLoad *load)
{
    guint least = 0;
    for (guint i = 1; i < load->n; i++)
        least = load->amounts[i] < load->amounts[least] ? i : least;
    return least;
}

static void
remove_accessor(VnHeatLoad *load, guint i)
{
    load->n--;
    load->who[i] = load->who[load->n];
    load->amounts[i] = load->amounts[load->n];
}

/* Of the accessors, and a new one, those of the cell that has most become that cell. */
static gboolean
join_cell(VnHeatLoad *load, const guint8 *cell_of, guint16 newcomer)
{
    guint best = 0;
    guint8 cell = VN_HEAT_CELL_NONE;
    for (guint i = 0; i < load->n; i++) {
        guint8 one = vn_heat_cell_of(cell_of, load->who[i]);
        guint members = vn_heat_cell_of(cell_of, newcomer) == one;
        for (guint k = 0; k < load->n; k++)
            members += vn_heat_cell_of(cell_of, load->who[k]) == one;
        if (members <= best)
            continue;
        best = members;
        cell = one;
    }
    if (best < 2)
        return FALSE;
    double amount = 0;
    for (guint i = load->n; i-- > 0;) {
        if (vn_heat_cell_of(cell_of, load->who[i]) != cell)
            continue;
        amount += load->amounts[i];
        remove_accessor(load, i);
    }
    load->who[load->n] = (guint16) (VN_HEAT_CELL | cell);
    load->amounts[load->n++] = amount;
    return TRUE;
}

/* The accessor at @i makes room: it is counted with its cell, or among the others. */
static void
give_way(VnHeatLoad *load, const guint8 *cell_of, guint i)
{
    guint8 cell = vn_heat_cell_of(cell_of, load->who[i]);
    int joined = find_accessor(load, (guint16) (VN_HEAT_CELL | cell));
    if (joined >= 0 && joined != (int) i)
        load->amounts[joined] += load->amounts[i];
    remove_accessor(load, i);
}

/* All places are taken: the one where @who is to be counted, or -1: among the others. */
static int
make_place(VnHeatLoad *load, const guint8 *cell_of, guint16 who, double amount)
{
    guint8 cell = vn_heat_cell_of(cell_of, who);
    int found = find_accessor(load, (guint16) (VN_HEAT_CELL | cell));
    guint least = smallest(load);
    gboolean small = load->amounts[least] < SHARE_SMALL * load->total;
    if (found >= 0 && !(small && load->amounts[least] < amount))
        return found;
    if (small && found < 0 && vn_heat_cell_of(cell_of, load->who[least]) == cell) {
        load->who[least] = (guint16) (VN_HEAT_CELL | cell);
        return (int) least;
    }
    if (!small && join_cell(load, cell_of, who))
        return find_accessor(load, (guint16) (VN_HEAT_CELL | cell));
    if (small || load->amounts[least] < amount)
        give_way(load, cell_of, least);
    return -1;
}

/* The place where @who is to be counted, or -1: among the others. */
static int
place_accessor(VnHeatLoad *load, const guint8 *cell_of, guint16 who, double amount)
{
    int found = find_accessor(load, who);
    if (found < 0 && load->n == VN_HEAT_ACCESSORS) {
        found = make_place(load, cell_of, who, amount);
        if (load->n == VN_HEAT_ACCESSORS)
            return found;
    }
    if (found >= 0)
        return found;
    load->who[load->n] = who;
    load->amounts[load->n] = 0;
    return (int) load->n++;
}

void
vn_heat_load_add(VnHeatLoad *load, const guint8 *cell_of, guint16 who, double amount,
                 double writes)
{
    int place = place_accessor(load, cell_of, who, amount);
    load->total += amount;
    load->writes += writes;
    if (place >= 0)
        load->amounts[place] += amount;
}

void
vn_heat_load_merge(VnHeatLoad *load, const guint8 *cell_of, const VnHeatLoad *other)
{
    double others = other->total;
    gboolean alike = load->total == 0 || other->total == 0 || load->cell == other->cell;
    for (guint i = 0; i < other->n; i++) {
        vn_heat_load_add(load, cell_of, other->who[i], other->amounts[i], 0);
        others -= other->amounts[i];
    }
    load->cell = !alike                            ? VN_HEAT_CELL_NONE
                 : load->cell == VN_HEAT_CELL_NONE ? other->cell
                                                   : load->cell;
    load->total += MAX(others, 0);
    load->writes += other->writes;
    load->flips = MAX(load->flips, other->flips);
}

void
vn_heat_store_init(VnHeatStore *store, const guint8 *cell_of)
{
    *store = (VnHeatStore){.blocks = g_ptr_array_new_with_free_func(g_free),
                           .cell_of = cell_of};
}

void
vn_heat_store_clear(VnHeatStore *store)
{
    g_clear_pointer(&store->blocks, g_ptr_array_unref);
}

gsize
vn_heat_store_bytes(const VnHeatStore *store)
{
    /* A pointer array grows by doubling, and malloc keeps a size with each block. */
    return store->blocks->len *
           (sizeof(VnHeatBlock) + 2 * sizeof(void *) + sizeof(gsize));
}

static VnHeatBlock *
block_at(const VnHeatStore *store, guint i)
{
    return store->blocks->pdata[i];
}

/* Place of the first block whose index is at least @index. */
static guint
find_block(const VnHeatStore *store, guint64 index)
{
    guint low = 0;
    guint high = store->blocks->len;
    while (low < high) {
        guint middle = (low + high) / 2;
        if (block_at(store, middle)->index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Doubles the units. */
static void
coarsen(VnHeatStore *store)
{
    GPtrArray *fine = store->blocks;
    store->blocks = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < fine->len; i++) {
        VnHeatBlock *block = fine->pdata[i];
        VnHeatBlock *coarse =
            store->blocks->len ? block_at(store, store->blocks->len - 1) : NULL;
        if (!coarse || coarse->index != block->index / 2) {
            coarse = g_new0(VnHeatBlock, 1);
            coarse->index = block->index / 2;
            g_ptr_array_add(store->blocks, coarse);
        }
        VnHeatSlot *slots = coarse->slots + block->index % 2 * (VN_HEAT_SLOTS / 2);
        for (guint k = 0; k < VN_HEAT_SLOTS; k += 2) {
            VnHeatLoad load;
            VnHeatLoad other;
            vn_heat_load_read(&load, &block->slots[k]);
            vn_heat_load_read(&other, &block->slots[k + 1]);
            vn_heat_load_merge(&load, store->cell_of, &other);
            vn_heat_load_write(&load, &slots[k / 2]);
        }
        g_free(g_steal_pointer(&fine->pdata[i])); /* both tables would be too much */
    }
    g_ptr_array_unref(fine);
    store->shift++;
}

VnHeatSlot *
vn_heat_store_get(VnHeatStore *store, guint32 granule)
{
    for (;;) {
        guint32 unit = granule >> store->shift;
        guint32 index = unit / VN_HEAT_SLOTS;
        if (store->recent >= store->blocks->len ||
            block_at(store, store->recent)->index != index)
            store->recent = find_block(store, index);
        if (store->recent < store->blocks->len &&
            block_at(store, store->recent)->index == index)
            return &block_at(store, store->recent)->slots[unit % VN_HEAT_SLOTS];
        if (store->blocks->len < VN_HEAT_BLOCKS_MAX) {
            VnHeatBlock *block = g_new0(VnHeatBlock, 1);
            block->index = index;
            g_ptr_array_insert(store->blocks, (int) store->recent, block);
            return &block->slots[unit % VN_HEAT_SLOTS];
        }
        coarsen(store);
    }
}

const VnHeatSlot *
vn_heat_store_next(const VnHeatStore *store, guint *place, guint64 from,
                   guint64 *ret_granule)
{
    /* A unit that begins before @from is not wanted any more. */
    guint64 unit = (from + (1u << store->shift) - 1) >> store->shift;
    if (*place >= store->blocks->len ||
        block_at(store, *place)->index != unit / VN_HEAT_SLOTS)
        *place = find_block(store, unit / VN_HEAT_SLOTS);
    for (; *place < store->blocks->len; ++*place) {
        const VnHeatBlock *block = block_at(store, *place);
        guint64 first = (guint64) block->index * VN_HEAT_SLOTS;
        guint k = unit > first ? (guint) (unit - first) : 0;
        for (; k < VN_HEAT_SLOTS; k++) {
            if (!(block->slots[k].total > 0))
                continue;
            *ret_granule = (first + k) << store->shift;
            return &block->slots[k];
        }
    }
    return NULL;
}

void
vn_heat_store_scale(VnHeatStore *store, double factor, double least)
{
    guint kept = 0;
    for (guint i = 0; i < store->blocks->len; i++) {
        VnHeatBlock *block = block_at(store, i);
        gboolean empty = TRUE;
        for (guint k = 0; k < VN_HEAT_SLOTS; k++) {
            VnHeatSlot *slot = &block->slots[k];
            slot->total = (float) (slot->total * factor);
            slot->flips = (float) (slot->flips * factor);
            if (slot->total < least)
                *slot = (VnHeatSlot){0};
            empty = empty && !(slot->total > 0);
        }
        store->blocks->pdata[i] = NULL;
        if (empty)
            g_free(block);
        else
            store->blocks->pdata[kept++] = block;
    }
    g_ptr_array_set_size(store->blocks, (int) kept);
    if (kept == 0)
        store->shift = 0;
}

static void
rename_slot(VnHeatSlot *slot, const guint8 *cell_of, const guint8 *names)
{
    VnHeatLoad old;
    vn_heat_load_read(&old, slot);
    VnHeatLoad load = {.cell = old.cell};
    if (old.cell != VN_HEAT_CELL_NONE)
        load.cell = names[old.cell];
    for (guint i = 0; i < old.n; i++) {
        guint16 who = old.who[i];
        guint8 name = who & VN_HEAT_CELL ? names[who & ~VN_HEAT_CELL] : 0;
        if (name == VN_HEAT_CELL_NONE)
            continue;
        if (who & VN_HEAT_CELL)
            who = VN_HEAT_CELL | name;
        vn_heat_load_add(&load, cell_of, who, old.amounts[i], 0);
    }
    load.total = old.total;
    load.writes = old.writes;
    load.flips = old.flips;
    vn_heat_load_write(&load, slot);
}

void
vn_heat_store_rename(VnHeatStore *store, const guint8 *names)
{
    for (guint i = 0; i < store->blocks->len; i++) {
        for (guint k = 0; k < VN_HEAT_SLOTS; k++) {
            if (block_at(store, i)->slots[k].total > 0)
                rename_slot(&block_at(store, i)->slots[k], store->cell_of, names);
        }
    }
}
