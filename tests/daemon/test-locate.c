/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding cells in QEMU's address space: what made-up memories and a made-up QEMU tell,
 * and above all when to say that it is not known.
 */
#include "daemon/locate.h"
#include "daemon/probe.h"
#include "guest-topology/memory-layout.h"
#include "tests/daemon/mappings.h"

#include <string.h>
#include <unistd.h>

#define GIB (G_GUINT64_CONSTANT(1) << 30)
#define PAGE 4096u

/* --- Made-up memories --------------------------------------------------------------- */

#define BLOCKS_MAX 16

/* A block of RAM: cell i of the guest is block i. */
typedef struct {
    guint64 start;
    guint64 size;
    guint content;        /* blocks of one content are equal; 0: zeros */
    guint present_one_in; /* one page in so many is present; 0: none */
    gboolean is_plain;
} Block;

typedef struct {
    VnGuest *guest;
    Block blocks[BLOCKS_MAX];
    guint n_blocks;
    guint swapped_content; /* what peek sees of cell 0 now and then; 0: the truth */
    gboolean changing;     /* every read sees something new */
    gboolean fails;
    guint n_peeks;
    guint clock;
} Memory;

static void
memory_clear(Memory *memory)
{
    vn_guest_free(memory->guest);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Memory, memory_clear)

static const Block *
block_at(const Memory *memory, guint64 hva)
{
    for (guint i = 0; i < memory->n_blocks; i++) {
        if (hva >= memory->blocks[i].start &&
            hva < memory->blocks[i].start + memory->blocks[i].size)
            return &memory->blocks[i];
    }
    return NULL;
}

static gboolean
is_there(const Block *block, guint64 offset)
{
    return block->present_one_in && offset / PAGE % block->present_one_in == 0;
}

static void
fill(guint content, guint64 offset, gpointer buffer)
{
    guint32 *words = buffer;
    guint32 state = content * 2654435761u ^ (guint32) (offset / PAGE) * 40503u;
    for (guint i = 0; i < PAGE / sizeof(*words); i++) {
        state = state * 1664525u + 1013904223u;
        words[i] = content ? state : 0;
    }
}

static gboolean
fake_read(gpointer data, guint64 hva, gpointer buffer, gsize length)
{
    Memory *memory = data;
    const Block *block = block_at(memory, hva);
    g_assert_cmpuint(length, ==, PAGE);
    g_assert_nonnull(block);
    g_assert_true(is_there(block, hva - block->start)); /* or it would be allocated */
    fill(block->content, hva - block->start, buffer);
    if (memory->changing)
        ((guint *) buffer)[7] = ++memory->clock;
    return TRUE;
}

static gboolean
fake_present(gpointer data, const guint64 *hvas, guint n_hvas, gboolean *ret_present)
{
    const Memory *memory = data;
    for (guint i = 0; i < n_hvas; i++) {
        const Block *block = block_at(memory, hvas[i]);
        ret_present[i] = block && is_there(block, hvas[i] - block->start);
    }
    return TRUE;
}

/* The block, and the offset in it, that guest-physical @gpa is. */
static const Block *
block_of_gpa(const Memory *memory, guint64 gpa, guint64 *ret_offset)
{
    guint64 low = vn_layout_guest_low_ram(memory->guest);
    guint64 linear = gpa < 4 * GIB ? gpa : gpa - 4 * GIB + low;
    g_assert_true(gpa < low || gpa >= 4 * GIB);
    for (guint i = 0; i < memory->n_blocks; i++) {
        if (linear < memory->blocks[i].size) {
            *ret_offset = linear;
            return &memory->blocks[i];
        }
        linear -= memory->blocks[i].size;
    }
    g_assert_not_reached();
}

static gboolean
fake_peek(gpointer data, guint64 gpa, gpointer buffer, gsize length, GError **error)
{
    Memory *memory = data;
    guint64 offset;
    const Block *block = block_of_gpa(memory, gpa, &offset);
    memory->n_peeks++;
    if (memory->fails) {
        g_set_error(error, VN_ERROR, VN_ERROR_BUSY, "guest db1: made up");
        return FALSE;
    }
    g_assert_true(is_there(block, offset) || block->is_plain);
    fill(is_there(block, offset) ? block->content : 0, offset, buffer);
    if (memory->swapped_content && memory->n_peeks % 2 == 0)
        fill(memory->swapped_content, offset, buffer);
    if (memory->changing)
        ((guint *) buffer)[7] = ++memory->clock;
    return TRUE;
}

/* @n equal cells of @size_mib, without policies, at places in no order of theirs. */
static void
make_memory(Memory *memory, guint n, guint size_mib, guint present_one_in)
{
    guint sizes[BLOCKS_MAX];
    for (guint i = 0; i < n; i++) {
        sizes[i] = size_mib;
        memory->blocks[i] = (Block){
            .start = start_of(10 + (i * 5 % n) * (size_mib + 3)),
            .size = size_mib * MIB,
            .content = i + 1,
            .present_one_in = present_one_in,
            .is_plain = TRUE,
        };
    }
    memory->n_blocks = n;
    memory->guest = make_guest(sizes, n, NULL);
}

static GArray *
make_ranges(const Memory *memory)
{
    GArray *ranges = g_array_new(FALSE, TRUE, sizeof(VnPlaceRange));
    for (guint i = 0; i < memory->n_blocks; i++) {
        VnPlaceRange range = {
            .start = memory->blocks[i].start,
            .end = memory->blocks[i].start + memory->blocks[i].size,
            .is_plain = memory->blocks[i].is_plain,
        };
        g_array_append_val(ranges, range);
    }
    return ranges;
}

/* Probes, and says how many cells it found, all of them where they are. */
static guint
probe(Memory *memory, const GArray *ranges, guint max_peeks, const char *reason)
{
    VnProbeSource source = {
        .data = memory, .read = fake_read, .present = fake_present, .peek = fake_peek};
    g_autoptr(VnPlaces) places = vn_places_new(memory->guest, ranges);
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    guint peeks = max_peeks;
    guint n_found = 0;
    memory->n_peeks = 0;
    g_ptr_array_set_size(reasons, (gint) memory->guest->cells->len);
    gboolean done =
        vn_probe_content(memory->guest, places, &source, &peeks, reasons, &error);
    g_assert_true(done == (error == NULL));
    g_assert_true(done == !memory->fails);
    g_assert_cmpuint(memory->n_peeks + peeks, ==, max_peeks);
    for (guint i = 0; i < memory->guest->cells->len; i++) {
        guint64 start;
        if (vn_places_is_decided(places, i, &start)) {
            g_assert_cmphex(start, ==, memory->blocks[i].start);
            n_found++;
        } else if (done) {
            g_assert_cmpstr(reasons->pdata[i], ==, reason);
        }
    }
    return n_found;
}

static void
test_content_tells(void)
{
    static const struct {
        guint n;
        guint size_mib;
        guint present_one_in;
        guint max_peeks; /* that it may take */
    } cases[] = {
        {2, 256, 1, 2},  {2, 256, 3, 8},  {3, 256, 1, 4},   {8, 64, 1, 14},
        {16, 96, 1, 30}, {2, 2048, 1, 2}, {4, 1024, 7, 24}, {2, 256, 100, 24},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Memory) memory = {0};
        make_memory(&memory, cases[i].n, cases[i].size_mib, cases[i].present_one_in);
        g_autoptr(GArray) ranges = make_ranges(&memory);
        guint n_found = probe(&memory, ranges, 64, NULL);
        g_assert_cmpuint(n_found, ==, cases[i].n);
        g_assert_cmpuint(memory.n_peeks, <=, cases[i].max_peeks);
    }
}

/* Two blocks that became one mapping: which half is which, memory says. */
static void
test_content_tells_merged(void)
{
    for (int swapped = 0; swapped < 2; swapped++) {
        g_auto(Memory) memory = {0};
        make_memory(&memory, 2, 256, 1);
        memory.blocks[swapped].start = start_of(100);
        memory.blocks[!swapped].start = start_of(356);
        g_autoptr(GArray) ranges = g_array_new(FALSE, TRUE, sizeof(VnPlaceRange));
        VnPlaceRange whole = {
            .start = start_of(100), .end = start_of(612), .is_plain = TRUE};
        g_array_append_val(ranges, whole);
        g_assert_cmpuint(probe(&memory, ranges, 64, NULL), ==, 2);
    }
}

/* Only some pages of one cell are present: enough, where touching the other is free. */
static void
test_content_of_one_cell(void)
{
    g_auto(Memory) memory = {0};
    make_memory(&memory, 2, 256, 1);
    memory.blocks[1].present_one_in = 0;
    g_autoptr(GArray) ranges = make_ranges(&memory);
    g_assert_cmpuint(probe(&memory, ranges, 64, NULL), ==, 2);

    /* Huge or shared pages would be allocated by a peek: nothing is peeked at. */
    memory.blocks[0].is_plain = memory.blocks[1].is_plain = FALSE;
    g_autoptr(GArray) shared = make_ranges(&memory);
    g_assert_cmpuint(probe(&memory, shared, 64, "no distinctive page yet"), ==, 0);
    g_assert_cmpuint(memory.n_peeks, ==, 0);
}

static void
test_content_in_doubt(void)
{
    g_auto(Memory) memory = {0};
    make_memory(&memory, 2, 256, 1);
    g_autoptr(GArray) ranges = make_ranges(&memory);

    memory.blocks[0].content = memory.blocks[1].content = 7; /* alike */
    g_assert_cmpuint(probe(&memory, ranges, 64, "no distinctive page yet"), ==, 0);
    memory.blocks[0].content = memory.blocks[1].content = 0; /* zeros */
    g_assert_cmpuint(probe(&memory, ranges, 64, "no distinctive page yet"), ==, 0);
    g_assert_cmpuint(memory.n_peeks, ==, 0);
    memory.blocks[0].present_one_in = memory.blocks[1].present_one_in = 0;
    g_assert_cmpuint(probe(&memory, ranges, 64, "no distinctive page yet"), ==, 0);

    memory.blocks[0].present_one_in = memory.blocks[1].present_one_in = 1;
    memory.blocks[0].content = 1;
    memory.blocks[1].content = 2;
    memory.changing = TRUE;
    g_assert_cmpuint(probe(&memory, ranges, 64, "no distinctive page yet"), ==, 0);
    g_assert_cmpuint(memory.n_peeks, <=, 24);
    memory.changing = FALSE;
    memory.swapped_content = 2;
    g_assert_cmpuint(probe(&memory, ranges, 64, "pages contradict each other"), ==, 0);
    memory.swapped_content = 0;
    memory.fails = TRUE;
    g_assert_cmpuint(probe(&memory, ranges, 64, NULL), ==, 0);
    g_assert_cmpuint(memory.n_peeks, ==, 1);
    memory.fails = FALSE;
    g_assert_cmpuint(probe(&memory, ranges, 1, "looked at again later"), ==, 0);
    g_free(memory.guest->machine);
    memory.guest->machine = g_strdup("virt-7.2");
    g_assert_cmpuint(
        probe(&memory, ranges, 64, "the memory layout of this machine type is not known"),
        ==, 0);
}

/* --- A made-up QEMU ----------------------------------------------------------------- */

typedef struct {
    Memory *memory;
    const char *region;  /* NULL: the right one */
    gint64 shift;        /* of every second answer */
    VnErrorCode failure; /* with @fails */
    gboolean fails;
    guint n_asked;
} Qemu;

static gboolean
fake_gpa_to_hva(gpointer data, guint64 gpa, char **ret_region, guint64 *ret_hva,
                GError **error)
{
    Qemu *qemu = data;
    guint64 offset;
    qemu->n_asked++;
    if (qemu->fails || gpa >= 1024 * GIB) {
        g_set_error(error, VN_ERROR, (gint) (qemu->fails ? qemu->failure : VN_ERROR_GONE),
                    "made up");
        return FALSE;
    }
    const Block *block = block_of_gpa(qemu->memory, gpa, &offset);
    *ret_hva = block->start + offset;
    if (qemu->n_asked % 2 == 0)
        *ret_hva += (guint64) qemu->shift;
    *ret_region = qemu->region ? g_strdup(qemu->region)
                               : g_strdup_printf("ram-node%u",
                                                 (guint) (block - qemu->memory->blocks));
    return TRUE;
}

static guint
ask(Qemu *qemu, const GArray *ranges)
{
    VnProbeSource source = {.data = qemu, .gpa_to_hva = fake_gpa_to_hva};
    g_autoptr(VnPlaces) places = vn_places_new(qemu->memory->guest, ranges);
    g_autoptr(GError) error = NULL;
    guint n_found = 0;
    qemu->n_asked = 0;
    gboolean done = vn_probe_addresses(qemu->memory->guest, places, &source, &error);
    g_assert_true(done == (error == NULL));
    g_assert_true(done || qemu->fails);
    for (guint i = 0; i < qemu->memory->guest->cells->len; i++) {
        guint64 start;
        if (vn_places_is_decided(places, i, &start)) {
            g_assert_cmphex(start, ==, qemu->memory->blocks[i].start);
            n_found++;
        }
    }
    return n_found;
}

static void
test_addresses(void)
{
    g_auto(Memory) memory = {0};
    make_memory(&memory, 4, 1024, 0);
    g_autoptr(GArray) ranges = make_ranges(&memory);
    Qemu qemu = {.memory = &memory};
    g_assert_cmpuint(ask(&qemu, ranges), ==, 4);

    qemu.region = "ram-node9"; /* the layout is not what we think */
    g_assert_cmpuint(ask(&qemu, ranges), ==, 0);
    qemu.region = "pc.ram"; /* says nothing against it */
    g_assert_cmpuint(ask(&qemu, ranges), ==, 4);
    qemu.region = NULL;
    qemu.shift = 4096; /* the two ends do not fit together */
    g_assert_cmpuint(ask(&qemu, ranges), ==, 0);
    qemu.shift = 0;
    qemu.fails = TRUE;
    qemu.failure = VN_ERROR_GONE; /* no RAM there: no error, and nothing found */
    g_assert_cmpuint(ask(&qemu, ranges), ==, 0);
    qemu.failure = VN_ERROR_BUSY; /* cannot be asked: not asked again and again */
    g_assert_cmpuint(ask(&qemu, ranges), ==, 0);
    g_assert_cmpuint(qemu.n_asked, ==, 1);
    qemu.fails = FALSE;

    /* An address where there is no such mapping is not believed. */
    g_array_index(ranges, VnPlaceRange, 3).end -= MIB;
    g_assert_cmpuint(ask(&qemu, ranges), ==, 3);
}

/* --- The locator -------------------------------------------------------------------- */

static void
test_locator(void)
{
    static const guint alike[] = {256, 256};
    static const guint unlike[] = {256, 128};
    static const Mapping mappings[] = {{64, 256, NULL, NULL}, {640, 256, NULL, NULL}};
    static const Mapping others[] = {{64, 256, NULL, NULL}, {640, 128, NULL, NULL}};
    g_autoptr(GPtrArray) maps = make_maps(mappings, G_N_ELEMENTS(mappings));
    g_autoptr(GPtrArray) other_maps = make_maps(others, G_N_ELEMENTS(others));
    g_autoptr(VnLocator) locator = vn_locator_new(NULL, FALSE);

    g_autoptr(VnGuest) doubtful = make_guest(alike, 2, NULL);
    doubtful->pid = getpid();
    doubtful->start_ticks = 1;
    for (int i = 0; i < 2; i++) {
        vn_locator_locate(locator, doubtful, maps);
        const VnCell *cell = doubtful->cells->pdata[1];
        g_assert_cmphex(cell->hva_start, ==, 0);
        g_assert_cmphex(cell->hva_end, ==, 0);
        g_assert_cmpstr(cell->hva_unknown, ==, "cells 0-1 look alike");
    }

    /* Another process with that id, and what was found stays without being looked for. */
    g_autoptr(VnGuest) clear = make_guest(unlike, 2, NULL);
    clear->pid = doubtful->pid;
    clear->start_ticks = 2;
    g_autoptr(GPtrArray) nothing = g_ptr_array_new();
    for (int i = 0; i < 2; i++) {
        vn_locator_locate(locator, clear, i == 0 ? other_maps : nothing);
        const VnCell *cell = clear->cells->pdata[1];
        g_assert_cmphex(cell->hva_start, ==, start_of(640));
        g_assert_cmphex(cell->hva_end, ==, start_of(768));
        g_assert_null(cell->hva_unknown);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/locate/content-tells", test_content_tells);
    g_test_add_func("/locate/content-tells-merged", test_content_tells_merged);
    g_test_add_func("/locate/content-of-one-cell", test_content_of_one_cell);
    g_test_add_func("/locate/content-in-doubt", test_content_in_doubt);
    g_test_add_func("/locate/addresses", test_addresses);
    g_test_add_func("/locate/locator", test_locator);
    return g_test_run();
}
