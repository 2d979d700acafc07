/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where guest RAM lies: by the machine, by what KVM says, and on which host nodes. */
#include "daemon/ram.h"
#include "tests/support/scenario.h"

#include <errno.h>

#define GIB (MIB << 10)

/* A machine, its two cells, and the pieces that come of them: ends with 0 bytes. */
typedef struct {
    const char *machine;
    guint64 cell_mib[2];
    struct {
        guint64 gpa;
        guint64 bytes;
        guint cell;
        guint64 offset; /* in the cell */
    } pieces[8];
} Layout;

#define FIRST                        \
    {0, 0xa0000, 0, 0},              \
    {                                \
        0xc0000, 0x40000, 0, 0xc0000 \
    }

static const Layout layouts[] = {
    {"pc-i440fx-7.2",
     {512, 512},
     {FIRST, {MIB, 511 * MIB, 0, MIB}, {512 * MIB, 512 * MIB, 1, 0}}},
    {"pc-q35-7.2", {1024, 1024}, {FIRST, {MIB, 1023 * MIB, 0, MIB}, {GIB, GIB, 1, 0}}},
    /* 3 GiB below the hole: in the first cell, between both, and in the second. */
    {"pc-i440fx-7.2",
     {4096, 4096},
     {FIRST,
      {MIB, 3071 * MIB, 0, MIB},
      {4 * GIB, GIB, 0, 3 * GIB},
      {5 * GIB, 4 * GIB, 1, 0}}},
    {"pc-i440fx-7.2",
     {3072, 3072},
     {FIRST, {MIB, 3071 * MIB, 0, MIB}, {4 * GIB, 3 * GIB, 1, 0}}},
    {"pc-i440fx-7.2",
     {1024, 4096},
     {FIRST,
      {MIB, 1023 * MIB, 0, MIB},
      {GIB, 2 * GIB, 1, 0},
      {4 * GIB, 2 * GIB, 1, 2 * GIB}}},
    /* 2 GiB below the hole. */
    {"pc-q35-7.2",
     {1024, 3072},
     {FIRST, {MIB, 1023 * MIB, 0, MIB}, {GIB, GIB, 1, 0}, {4 * GIB, 2 * GIB, 1, GIB}}},
    {"microvm", {512, 512}, {{0}}},
    {NULL, {512, 512}, {{0}}},
};

static VnGuest *
new_guest(VnSnapshot *snapshot, const char *machine, guint64 first_mib,
          guint64 second_mib)
{
    const guint64 mib[] = {first_mib, second_mib};
    VnGuest *guest = scenario_guest(snapshot, "g1", 2, 2, 512);
    guest->machine = g_strdup(machine);
    guest->memory_bytes = (first_mib + second_mib) * MIB;
    for (guint i = 0; i < 2; i++) {
        VnCell *cell = scenario_cell(guest, i);
        cell->memory_bytes = mib[i] * MIB;
        cell->hva_start =
            G_GUINT64_CONSTANT(0x7f0000000000) + i * (G_GUINT64_CONSTANT(1) << 43);
        cell->hva_end = cell->hva_start + cell->memory_bytes;
    }
    return guest;
}

static void
test_pieces(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(layouts); i++) {
        const Layout *layout = &layouts[i];
        g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
        const VnGuest *guest = new_guest(snapshot, layout->machine, layout->cell_mib[0],
                                         layout->cell_mib[1]);
        g_autoptr(VnSlots) ram = vn_ram_new(guest);
        guint n = 0;
        for (; layout->pieces[n].bytes; n++) {
            g_assert_cmpuint(n, <, ram->array->len);
            const VnSlot *piece = &g_array_index(ram->array, VnSlot, n);
            const VnCell *cell = scenario_cell(guest, layout->pieces[n].cell);
            g_assert_cmpuint(piece->id, ==, VN_SLOT_UNKNOWN);
            g_assert_cmphex(piece->gpa, ==, layout->pieces[n].gpa);
            g_assert_cmphex(piece->bytes, ==, layout->pieces[n].bytes);
            g_assert_cmphex(piece->hva, ==, cell->hva_start + layout->pieces[n].offset);
        }
        g_assert_cmpuint(ram->array->len, ==, n);
    }
}

/* A cell that nobody has found in QEMU has pieces without an address there. */
static void
test_unknown_ranges(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    VnGuest *guest = new_guest(snapshot, "pc", 512, 512);
    VnCell *second = scenario_cell(guest, 1);
    second->hva_start = second->hva_end = 0;
    g_autoptr(VnSlots) ram = vn_ram_new(guest);
    guint64 hva = 4711;
    guint cell = 4711;
    g_assert_true(vn_ram_find(ram, guest, 512 * MIB - 1, &hva, &cell));
    g_assert_cmphex(hva, ==, scenario_cell(guest, 0)->hva_end - 1);
    g_assert_cmpuint(cell, ==, 0);
    hva = cell = 4711;
    g_assert_false(vn_ram_find(ram, guest, 512 * MIB, &hva, &cell));
    g_assert_cmpuint(hva, ==, 4711);
    g_assert_cmpuint(cell, ==, 4711);
}

static void
test_find(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    const VnGuest *guest = new_guest(snapshot, "q35", 1024, 3072);
    g_autoptr(VnSlots) ram = vn_ram_new(guest);
    static const struct {
        guint64 gpa;
        int cell; /* -1: it is no RAM */
        guint64 offset;
    } cases[] = {
        {0, 0, 0},
        {0x9ffff, 0, 0x9ffff},
        {0xa0000, -1, 0},
        {0xbffff, -1, 0},
        {0xc0000, 0, 0xc0000},
        {MIB, 0, MIB},
        {GIB, 1, 0},
        {2 * GIB - 1, 1, GIB - 1},
        {2 * GIB, -1, 0},
        {4 * GIB - 1, -1, 0},
        {4 * GIB, 1, GIB},
        {6 * GIB - 1, 1, 3 * GIB - 1},
        {6 * GIB, -1, 0},
        {G_MAXUINT64, -1, 0},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint64 hva = 0;
        guint cell = 0;
        gboolean found = vn_ram_find(ram, guest, cases[i].gpa, &hva, &cell);
        g_assert_cmpint(found ? (int) cell : -1, ==, cases[i].cell);
        if (found)
            g_assert_cmphex(hva, ==,
                            scenario_cell(guest, cell)->hva_start + cases[i].offset);
    }
}

/* What KVM says of one slot. */
static gboolean
learn(VnSlots *ram, const VnGuest *guest, guint64 gpa, guint64 bytes, guint64 hva)
{
    g_autoptr(VnSlots) learnt = vn_slots_new();
    const VnSlot slot = {3, gpa, bytes, hva};
    g_assert_true(vn_slots_add(learnt, &slot));
    return vn_ram_learn(ram, guest, learnt);
}

static void
assert_lies(const VnSlots *ram, const VnGuest *guest, guint64 gpa, guint64 hva)
{
    guint64 found = 0;
    guint cell;
    g_assert_cmpint(vn_ram_find(ram, guest, gpa, &found, &cell), ==, hva != 0);
    g_assert_cmphex(found, ==, hva);
}

static void
test_learn_the_same(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    const VnGuest *guest = new_guest(snapshot, "pc", 1024, 1024);
    const VnCell *first = scenario_cell(guest, 0);
    g_autoptr(VnSlots) ram = vn_ram_new(guest);
    g_assert_false(learn(ram, guest, MIB, 1023 * MIB, first->hva_start + MIB));
    g_assert_false(learn(ram, guest, 8 * MIB, MIB, first->hva_start + 8 * MIB));
    g_assert_cmpuint(ram->array->len, ==, 4);

    /* A slot over two pieces says something new, once; no id is kept. */
    g_assert_true(learn(ram, guest, 0xc0000, 512 * MIB, first->hva_start + 0xc0000));
    g_assert_false(learn(ram, guest, 0xc0000, 512 * MIB, first->hva_start + 0xc0000));
    g_assert_null(vn_slots_find(ram, 3));
    assert_lies(ram, guest, 0xc0000, first->hva_start + 0xc0000);
    assert_lies(ram, guest, 1023 * MIB, first->hva_start + 1023 * MIB);
}

/* The two cells lie the other way round, as KVM has it. */
static void
test_learn_another(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    const VnGuest *guest = new_guest(snapshot, "pc", 1024, 1024);
    const VnCell *first = scenario_cell(guest, 0);
    const VnCell *second = scenario_cell(guest, 1);
    g_autoptr(VnSlots) ram = vn_ram_new(guest);
    g_assert_true(learn(ram, guest, 0, GIB, second->hva_start));
    assert_lies(ram, guest, 0, second->hva_start);
    assert_lies(ram, guest, GIB, 0);
    g_assert_true(learn(ram, guest, GIB, GIB, first->hva_start));
    assert_lies(ram, guest, GIB, first->hva_start);
    g_assert_cmpuint(ram->array->len, ==, 2);
    g_assert_false(learn(ram, guest, GIB, GIB, first->hva_start));
}

/*
 * RAM above 4 GiB begins elsewhere than it was thought to: it does not lie in both
 * places.
 */
static void
test_learn_a_higher_place(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    const VnGuest *guest = new_guest(snapshot, "pc", 3072, 1024);
    const VnCell *second = scenario_cell(guest, 1);
    g_autoptr(VnSlots) ram = vn_ram_new(guest);
    assert_lies(ram, guest, 4 * GIB, second->hva_start);
    g_assert_true(learn(ram, guest, 1024 * GIB, GIB, second->hva_start));
    assert_lies(ram, guest, 1024 * GIB, second->hva_start);
    assert_lies(ram, guest, 4 * GIB, 0);
}

/* Devices' memory, what reaches out of a cell, and what has no address. */
static void
test_learn_nothing(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    const VnGuest *guest = new_guest(snapshot, NULL, 1024, 1024);
    const VnCell *first = scenario_cell(guest, 0);
    g_autoptr(VnSlots) ram = vn_ram_new(guest);
    g_assert_false(learn(ram, guest, 0, MIB, 0));
    g_assert_false(learn(ram, guest, 0, MIB, first->hva_start - MIB));
    g_assert_false(learn(ram, guest, 0, 2 * MIB, first->hva_end - MIB));
    g_assert_false(learn(ram, guest, 0, GIB + 4096, first->hva_start));
    g_autoptr(VnSlots) managed = vn_slots_new();
    const VnSlot slot = {1u << 16 | 3, 0, GIB, first->hva_start};
    g_assert_true(vn_slots_add(managed, &slot));
    g_assert_false(vn_ram_learn(ram, guest, managed));
    g_assert_cmpuint(ram->array->len, ==, 0);
    g_assert_true(learn(ram, guest, 0, GIB, first->hva_start));
    assert_lies(ram, guest, GIB - 1, first->hva_end - 1);
}

/* One slot more than there is room for is not known, and does no harm. */
static void
test_learn_too_many(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    const VnGuest *guest = new_guest(snapshot, NULL, 1024, 1024);
    const VnCell *first = scenario_cell(guest, 0);
    g_autoptr(VnSlots) ram = vn_ram_new(guest);
    g_autoptr(VnSlots) learnt = vn_slots_new();
    for (guint i = 0; i < VN_SLOTS_MAX; i++) {
        const VnSlot slot = {i, i * 8192, 4096, first->hva_start + i * 8192};
        g_assert_true(vn_slots_add(learnt, &slot));
    }
    g_assert_true(vn_ram_learn(ram, guest, learnt));
    g_assert_cmpuint(ram->array->len, ==, VN_SLOTS_MAX);
    g_assert_false(learn(ram, guest, 4096, 4096, first->hva_start + 4096));
    assert_lies(ram, guest, 4096, 0);
    assert_lies(ram, guest, 8192, first->hva_start + 8192);
}

/* A kernel that knows where the pages of the two cells lie. */
typedef struct {
    const VnGuest *guest;
    int nodes[2];      /* of the cells' pages; or the errno as the status, negative */
    int odd;           /* of every fourth page, when it is not 0 */
    int fails;         /* errno; 0: does not */
    guint fails_after; /* calls that work */
    guint n_calls;
    gulong n_pages;
    gulong n_most; /* in one call */
} Kernel;

static long
ask_kernel(int pid, gulong n_pages, void **pages, const int *nodes, int *status,
           int flags, gpointer data)
{
    Kernel *kernel = data;
    g_assert_cmpint(pid, ==, kernel->guest->pid);
    g_assert_null(nodes);
    g_assert_cmpuint(n_pages, >, 0);
    if (kernel->fails && kernel->n_calls >= kernel->fails_after) {
        errno = kernel->fails;
        return -1;
    }
    kernel->n_calls++;
    kernel->n_pages += n_pages;
    kernel->n_most = MAX(kernel->n_most, n_pages);
    for (gulong i = 0; i < n_pages; i++) {
        guint64 hva = (guint64) (gsize) pages[i];
        const VnCell *first = scenario_cell(kernel->guest, 0);
        const VnCell *second = scenario_cell(kernel->guest, 1);
        gboolean in_first = hva >= first->hva_start && hva < first->hva_end;
        g_assert_true(in_first || (hva >= second->hva_start && hva < second->hva_end));
        status[i] = kernel->odd && i % 4 == 0 ? kernel->odd : kernel->nodes[!in_first];
    }
    return 0;
}

static VnPlacement *
read_placement(const VnSnapshot *snapshot, Kernel *kernel, const VnHeat *heat)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnSlots) ram = vn_ram_new(kernel->guest);
    VnPlacement *placement = vn_placement_read(kernel->guest, snapshot->host, ram, heat,
                                               ask_kernel, kernel, &error);
    g_assert_no_error(error);
    return placement;
}

static void
assert_place(const VnPlacement *placement, guint64 granule, int host_node, guint cell)
{
    const VnPlace *place = vn_placement_find(placement, granule);
    g_assert_nonnull(place);
    g_assert_cmpint(place->host_node, ==, host_node);
    g_assert_cmpuint(place->cell, ==, cell);
}

static void
test_placement(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    const VnGuest *guest = new_guest(snapshot, "pc", 4096, 4096);
    Kernel kernel = {.guest = guest, .nodes = {1, 0}, .odd = 0};
    g_autoptr(VnPlacement) placement = read_placement(snapshot, &kernel, NULL);
    g_assert_cmpuint(placement->places->len, ==, 3);
    assert_place(placement, 0, 1, 0);
    assert_place(placement, 1535, 1, 0);
    g_assert_null(vn_placement_find(placement, 1536));
    g_assert_null(vn_placement_find(placement, 2047));
    assert_place(placement, 2048, 1, 0);
    assert_place(placement, 2560, 0, 1);
    assert_place(placement, 4607, 0, 1);
    g_assert_null(vn_placement_find(placement, 4608));

    /* 4096 granules of 4 pages (the first granule has the hole), 1024 at a time. */
    g_assert_cmpuint(kernel.n_pages, ==, 4 * 4096);
    g_assert_cmpuint(kernel.n_most, ==, 4 * 1024);
    g_assert_cmpuint(kernel.n_calls, ==, 4);
}

/* What most pages of a granule say; absent ones say nothing. */
static void
test_majority(void)
{
    static const struct {
        int usual;
        int odd;
        int says;
    } cases[] = {
        {1, 3, 1},        {1, -ENOENT, 1},        {-ENOENT, 1, 1},
        {-EFAULT, 0, -1}, {-ENOENT, -ENOENT, -1},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnSnapshot) snapshot = scenario_new(4, 2, 1024);
        const VnGuest *guest = new_guest(snapshot, "pc", 512, 512);
        Kernel kernel = {.guest = guest,
                         .nodes = {cases[i].usual, cases[i].usual},
                         .odd = cases[i].odd};
        g_autoptr(VnPlacement) placement = read_placement(snapshot, &kernel, NULL);
        /* An odd node 0 stands for "none is odd". */
        assert_place(placement, 100, cases[i].says, 0);
        assert_place(placement, 300, cases[i].says, 1);
    }
}

static void
test_placement_fails(void)
{
    static const struct {
        int number;
        VnErrorCode code;
    } cases[] = {{ESRCH, VN_ERROR_GONE}, {EPERM, VN_ERROR_REFUSED}};
    for (guint i = 0; i < G_N_ELEMENTS(cases) * 2; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
        const VnGuest *guest = new_guest(snapshot, "pc", 4096, 4096);
        g_autoptr(VnSlots) ram = vn_ram_new(guest);
        Kernel kernel = {
            .guest = guest, .fails = cases[i / 2].number, .fails_after = i % 2 * 3};
        g_autoptr(VnPlacement) placement = vn_placement_read(
            guest, snapshot->host, ram, NULL, ask_kernel, &kernel, &error);
        g_assert_null(placement);
        g_assert_error(error, VN_ERROR, (int) cases[i / 2].code);
        g_assert_true(g_str_has_prefix(error->message, "guest g1: "));
    }
}

/* Heat of @n granules, each @stride-th of the RAM from 4 GiB on. */
static VnHeat *
new_heat(guint n, guint stride)
{
    const guint cells[] = {0, 0, 1, 1};
    VnHeat *heat = vn_heat_new(cells, 4, VN_HEAT_HALF_LIFE_US);
    g_autoptr(VnSample) sample = vn_sample_new(VN_SAMPLE_DIRTY_LOG_BPF, 1);
    for (guint i = 0; i < n; i++)
        vn_sample_add(sample, 2048 + (guint64) i * stride, 0, VN_ACCESS_WRITE, 9);
    vn_sample_seal(sample, 2);
    vn_heat_feed(heat, sample);
    return heat;
}

/* Only what is known to be accessed is asked about. */
static void
test_placement_of_heat(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    const VnGuest *guest = new_guest(snapshot, "pc", 4096, 4096);
    Kernel kernel = {.guest = guest, .nodes = {0, 1}, .odd = 0};
    g_autoptr(VnHeat) heat = new_heat(3, 1000);
    g_autoptr(VnPlacement) placement = read_placement(snapshot, &kernel, heat);
    g_assert_cmpuint(kernel.n_pages, ==, 12);
    assert_place(placement, 2048, 0, 0);
    g_assert_null(vn_placement_find(placement, 2049));
    assert_place(placement, 3048, 1, 1);
    assert_place(placement, 4048, 1, 1);

    /* Outside of RAM: no question, and no place. */
    g_autoptr(VnHeat) outside = new_heat(2, 1u << 20);
    Kernel again = {.guest = guest};
    g_autoptr(VnPlacement) one = read_placement(snapshot, &again, outside);
    g_assert_cmpuint(again.n_pages, ==, 4);
    g_assert_cmpuint(one->places->len, ==, 1);
}

/* A guest of 4 TiB: what is asked stays bounded, and quick. */
static void
test_large(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(2, 2, 1024);
    const VnGuest *guest = new_guest(snapshot, "pc", 2 << 20, 2 << 20);
    for (guint i = 0; i < 2; i++) {
        /* Neighbours differ, so that none are joined. */
        Kernel kernel = {.guest = guest, .nodes = {0, 1}};
        g_autoptr(VnHeat) heat = i ? new_heat(2 << 20, 1) : NULL;
        g_test_timer_start();
        g_autoptr(VnPlacement) placement = read_placement(snapshot, &kernel, heat);
        g_test_message("%s: %lu pages, %.3f s", heat ? "its heat" : "all of it",
                       kernel.n_pages, g_test_timer_elapsed());
        g_assert_cmpuint(kernel.n_pages, <=, 4 * ((64 << 10) + 8));
        g_assert_cmpuint(kernel.n_pages, >, 4 * (32 << 10));
        g_assert_cmpfloat(g_test_timer_last(), <, 5);
        assert_place(placement, 100 << 10, 0, 0);
        assert_place(placement, 2000 << 10, 1, 1);
    }
}

static void
test_vcpu_nodes(void)
{
    g_autoptr(VnSnapshot) snapshot = scenario_new(3, 2, 1024);
    VnGuest *guest = scenario_guest(snapshot, "g1", 1, 6, 512);
    static const char *const allowed[] = {"0-1", "3", "1-2", "", NULL, "4-5"};
    static const int expected[] = {0, 1, -1, -1, -1, 2, -1};
    for (guint i = 0; i < G_N_ELEMENTS(allowed); i++) {
        VnVcpu *vcpu = guest->vcpus->pdata[i];
        vcpu->affinity = allowed[i] && !*allowed[i] ? vn_idset_new()
                         : allowed[i]               ? scenario_idset(allowed[i])
                                                    : NULL;
    }
    /* One that the guest does not have, and fewer than it has. */
    for (guint n = 0; n <= G_N_ELEMENTS(expected); n++) {
        g_autofree int *nodes = vn_vcpu_nodes(guest, snapshot->host, n);
        for (guint i = 0; i < n; i++)
            g_assert_cmpint(nodes[i], ==, i < 6 ? expected[i] : -1);
    }
    g_autoptr(VnSlots) none = vn_slots_new();
    g_autoptr(GError) error = NULL;
    Kernel kernel = {.guest = guest, .fails = EPERM};
    g_autoptr(VnPlacement) placement =
        vn_placement_read(guest, snapshot->host, none, NULL, ask_kernel, &kernel, &error);
    g_assert_no_error(error); /* where there is nothing to ask, nobody is asked */
    g_assert_cmpuint(placement->n_vcpus, ==, 6);
    g_assert_cmpint(placement->vcpus[5], ==, 2);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ram/pieces", test_pieces);
    g_test_add_func("/ram/unknown-ranges", test_unknown_ranges);
    g_test_add_func("/ram/find", test_find);
    g_test_add_func("/ram/learn-the-same", test_learn_the_same);
    g_test_add_func("/ram/learn-another", test_learn_another);
    g_test_add_func("/ram/learn-a-higher-place", test_learn_a_higher_place);
    g_test_add_func("/ram/learn-nothing", test_learn_nothing);
    g_test_add_func("/ram/learn-too-many", test_learn_too_many);
    g_test_add_func("/ram/placement", test_placement);
    g_test_add_func("/ram/majority", test_majority);
    g_test_add_func("/ram/placement-fails", test_placement_fails);
    g_test_add_func("/ram/placement-of-heat", test_placement_of_heat);
    g_test_add_func("/ram/large", test_large);
    g_test_add_func("/ram/vcpu-nodes", test_vcpu_nodes);
    return g_test_run();
}
