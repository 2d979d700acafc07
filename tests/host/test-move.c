/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnMove against a strict fake of move_pages(2); host/move-real.c has the real one. */
#include "host/move.h"
#include "tests/host/fake-pages.h"

#include <errno.h>
#include <malloc.h>

#define PAGE G_GUINT64_CONSTANT(4096)
#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define GRANULE FAKE_GRANULE_PAGES

/* More chunks than any test needs: a mover that does not end fails instead of hanging. */
#define CHUNKS_MAX 100000

static VnHost *
make_host(void)
{
    VnHost *host = vn_host_new();
    host->page_size_bytes = PAGE;
    for (guint id = 0; id < FAKE_NODES; id++)
        vn_host_add_node(host, id)->free_bytes = 1024 * MIB;
    return host;
}

static VnMove *
make_move(FakeView *view, const VnHost *host, guint first, guint n, gboolean shared)
{
    guint64 size = view->fake->page_size_bytes;
    VnMoveRange range = {
        .pid = FAKE_PID,
        .start = FAKE_BASE + first * size,
        .end = FAKE_BASE + (first + n) * size,
        .page_size_bytes = size == PAGE ? 0 : size,
        .shared = shared,
    };
    g_autoptr(GError) error = NULL;
    VnMove *move =
        vn_move_new(&range, view->targets, host, fake_move_pages, view, &error);
    g_assert_no_error(error);
    g_assert_nonnull(move);
    return move;
}

static guint64
tally_sum(const VnMoveTally *tally)
{
    return tally->moved_bytes + tally->already_bytes + tally->absent_bytes +
           tally->shared_bytes + tally->immovable_bytes + tally->left_bytes;
}

/* Runs the mover until it is done, or full without progress. */
static VnMoveState
run(VnMove *move, guint64 max_bytes, guint64 range_bytes)
{
    for (int i = 0; i < CHUNKS_MAX; i++) {
        VnMoveState state;
        g_autoptr(GError) error = NULL;
        guint64 left = vn_move_tally(move)->left_bytes;
        g_assert_true(vn_move_chunk(move, max_bytes, &state, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(tally_sum(vn_move_tally(move)), ==, range_bytes);
        if (state == VN_MOVE_DONE)
            g_assert_cmpuint(vn_move_tally(move)->left_bytes, ==, 0);
        if (state == VN_MOVE_DONE ||
            (state == VN_MOVE_FULL && vn_move_tally(move)->left_bytes == left))
            return state;
    }
    g_assert_not_reached();
}

/* Moves all of @fake to @targets. Returns the tally. */
static VnMoveTally
run_all(FakePages *fake, const char *targets, VnMoveState expected)
{
    g_autoptr(VnHost) host = make_host();
    g_autoptr(VnIdSet) set = vn_idset_parse(targets, NULL);
    FakeView view = {fake, set};
    g_autoptr(VnMove) move = make_move(&view, host, 0, fake->n_pages, FALSE);
    g_assert_cmpint(run(move, 32 * MIB, fake->n_pages * fake->page_size_bytes), ==,
                    expected);
    return *vn_move_tally(move);
}

static guint
max_named(const FakePages *fake)
{
    guint most = 0;
    for (guint i = 0; i < fake->n_pages; i++)
        most = MAX(most, fake->pages[i].n_named);
    return most;
}

static void
test_small_pages(void)
{
    g_autoptr(FakePages) fake = fake_pages_new(20000, PAGE);
    fake_pages_place(fake, 0, 9000, 0);
    fake_pages_place(fake, 9000, 1000, 1);
    fake_pages_place(fake, 12000, 1, -EFAULT);
    fake_pages_place(fake, 15000, 5000, 3);
    VnMoveTally tally = run_all(fake, "1", VN_MOVE_DONE);
    g_assert_cmpuint(tally.moved_bytes, ==, 14000 * PAGE);
    g_assert_cmpuint(tally.already_bytes, ==, 1000 * PAGE);
    g_assert_cmpuint(tally.absent_bytes, ==, 5000 * PAGE);
    g_assert_cmpuint(fake_pages_count(fake, 1), ==, 15000);
    g_assert_cmpuint(max_named(fake), ==, 1);
}

/* A huge page is named once, by its first page, and never split. */
static void
test_huge_pages(void)
{
    g_autoptr(FakePages) fake = fake_pages_new(40 * GRANULE, PAGE);
    fake_pages_place(fake, 0, fake->n_pages, 2);
    for (guint i = 0; i < 40; i += 2)
        fake_pages_make_huge(fake, i * GRANULE);
    VnMoveTally tally = run_all(fake, "5", VN_MOVE_DONE);
    g_assert_cmpuint(tally.moved_bytes, ==, 40 * GRANULE * PAGE);
    g_assert_cmpuint(max_named(fake), ==, 1);
    g_assert_cmpuint(fake->n_splits, ==, 0);
    for (guint i = 0; i < fake->n_pages; i++) {
        gboolean tail = fake->pages[i].huge && i % GRANULE != 0;
        g_assert_cmpuint(fake->pages[i].n_named, ==, tail ? 0 : 1);
    }
    /* Three windows: the first pages and the others of each. */
    g_assert_cmpuint(fake->n_calls, ==, 6);
}

static void
test_hugetlb(void)
{
    g_autoptr(FakePages) fake = fake_pages_new(3000, 2 * MIB);
    fake_pages_place(fake, 0, 2500, 0);
    fake->pages[7].collect_busy = 1;
    VnMoveTally tally = run_all(fake, "1-2", VN_MOVE_DONE);
    g_assert_cmpuint(tally.moved_bytes, ==, 2500 * 2 * MIB);
    g_assert_cmpuint(tally.absent_bytes, ==, 500 * 2 * MIB);
    /* The host says of neither that it has any: shared evenly, but for the busy one. */
    g_assert_cmpuint(fake_pages_count(fake, 1), >=, 1249);
    g_assert_cmpuint(fake_pages_count(fake, 2), >=, 1249);
}

/* Of several targets: what is home stays, a granule is kept together, by free memory. */
static void
test_several_targets(void)
{
    g_autoptr(FakePages) fake = fake_pages_new(100 * GRANULE, PAGE);
    fake_pages_place(fake, 0, fake->n_pages, 0);
    fake_pages_place(fake, 0, GRANULE - 1, 3);
    fake_pages_place(fake, GRANULE, GRANULE, 1);
    g_autoptr(VnHost) host = make_host();
    ((VnHostNode *) g_ptr_array_index(host->nodes, 3))->free_bytes = 3 * 1024 * MIB;
    g_autoptr(VnIdSet) set = vn_idset_parse("1,3", NULL);
    FakeView view = {fake, set};
    g_autoptr(VnMove) move = make_move(&view, host, 0, fake->n_pages, FALSE);
    g_assert_cmpint(run(move, 32 * MIB, fake->n_pages * PAGE), ==, VN_MOVE_DONE);

    guint granules[FAKE_NODES] = {0};
    for (guint i = 0; i < fake->n_pages; i++) {
        int first = fake->pages[i - i % GRANULE].lies_on;
        g_assert_cmpint(fake->pages[i].lies_on, ==, first);
        granules[first] += i % GRANULE == 0 ? 1 : 0;
    }
    g_assert_cmpint(fake->pages[0].lies_on, ==, 3);
    g_assert_cmpint(fake->pages[GRANULE].lies_on, ==, 1);
    g_assert_cmpuint(granules[1] + granules[3], ==, 100);
    g_assert_cmpuint(granules[1], >=, 24);
    g_assert_cmpuint(granules[1], <=, 26);
    g_assert_cmpuint(vn_move_tally(move)->already_bytes, ==, (2 * GRANULE - 1) * PAGE);
}

static void
test_full_target_falls_over(void)
{
    g_autoptr(FakePages) fake = fake_pages_new(20 * GRANULE, PAGE);
    fake_pages_place(fake, 0, fake->n_pages, 0);
    fake->free_pages[1] = 1000;
    VnMoveTally tally = run_all(fake, "1,2", VN_MOVE_DONE);
    g_assert_cmpuint(tally.moved_bytes, ==, 20 * GRANULE * PAGE);
    g_assert_cmpuint(fake_pages_count(fake, 1), ==, 1000);
    g_assert_cmpuint(fake_pages_count(fake, 2), ==, 20 * GRANULE - 1000);
}

static void
test_all_targets_full(void)
{
    g_autoptr(FakePages) fake = fake_pages_new(20 * GRANULE, PAGE);
    fake_pages_place(fake, 0, fake->n_pages, 0);
    fake->free_pages[1] = 1000;
    fake->free_pages[2] = 300;
    VnMoveTally tally = run_all(fake, "1,2", VN_MOVE_FULL);
    g_assert_cmpuint(tally.moved_bytes, ==, 1300 * PAGE);
    g_assert_cmpuint(tally.left_bytes, ==, (20 * GRANULE - 1300) * PAGE);
    g_assert_cmpuint(fake_pages_count(fake, 0), ==, 20 * GRANULE - 1300);
}

static void
test_busy_pages(void)
{
    g_autoptr(FakePages) fake = fake_pages_new(30 * GRANULE, PAGE);
    fake_pages_place(fake, 0, fake->n_pages, 0);
    for (guint i = 0; i < fake->n_pages; i += 3)
        fake->pages[i].collect_busy = 1;
    for (guint i = 1; i < fake->n_pages; i += 100)
        fake->pages[i].migrate_busy = 2;
    for (guint i = 4 * GRANULE; i < 6 * GRANULE; i++)
        fake->pages[i].collect_busy = 0;
    fake_pages_make_huge(fake, 4 * GRANULE);
    fake_pages_make_huge(fake, 5 * GRANULE);
    fake->pages[4 * GRANULE].migrate_busy = 1;
    fake->pages[5 * GRANULE].collect_busy = 1;
    VnMoveTally tally = run_all(fake, "1", VN_MOVE_DONE);
    g_assert_cmpuint(tally.moved_bytes, ==, 30 * GRANULE * PAGE);
    g_assert_cmpuint(fake->n_splits, ==, 0);
}

/* Pinned pages hide no others, are given up after a bounded number of calls. */
static void
test_pinned_pages(void)
{
    g_autoptr(FakePages) fake = fake_pages_new(64 * GRANULE, PAGE);
    fake_pages_place(fake, 0, fake->n_pages, 0);
    guint n_pinned = 0;
    for (guint i = 0; i < 16 * GRANULE; i += 7, n_pinned++)
        fake->pages[i].pinned = TRUE;
    for (guint i = 16 * GRANULE; i < 32 * GRANULE; i++, n_pinned++)
        fake->pages[i].pinned = TRUE;
    for (guint granule = 16; granule < 24; granule++)
        fake_pages_make_huge(fake, granule * GRANULE);
    fake->pages[40 * GRANULE].error = EIO;
    fake->pages[41 * GRANULE].error = EINVAL;
    n_pinned += 2;
    VnMoveTally tally = run_all(fake, "1", VN_MOVE_DONE);
    g_assert_cmpuint(tally.immovable_bytes, ==, n_pinned * PAGE);
    g_assert_cmpuint(tally.moved_bytes, ==, (fake->n_pages - n_pinned) * PAGE);
    g_assert_cmpuint(fake->n_calls, <, 200);
}

static void
test_shared_pages(void)
{
    for (int all = 0; all < 2; all++) {
        g_autoptr(FakePages) fake = fake_pages_new(4 * GRANULE, PAGE);
        fake_pages_place(fake, 0, fake->n_pages, 0);
        for (guint i = 0; i < 2 * GRANULE; i++)
            fake->pages[i].shared = TRUE;
        fake_pages_make_huge(fake, GRANULE);
        g_autoptr(VnHost) host = make_host();
        g_autoptr(VnIdSet) set = vn_idset_parse("1", NULL);
        FakeView view = {fake, set};
        g_autoptr(VnMove) move = make_move(&view, host, 0, fake->n_pages, all);
        g_assert_cmpint(run(move, 8 * MIB, 4 * GRANULE * PAGE), ==, VN_MOVE_DONE);
        g_assert_cmpuint(vn_move_tally(move)->shared_bytes, ==,
                         all ? 0 : 2 * GRANULE * PAGE);
        g_assert_cmpuint(fake_pages_count(fake, 1), ==, all ? 4 * GRANULE : 2 * GRANULE);
    }
}

static void
assert_chunk_fails(FakePages *fake, VnErrorCode code, const char *part)
{
    g_autoptr(VnHost) host = make_host();
    g_autoptr(VnIdSet) set = vn_idset_parse("1", NULL);
    FakeView view = {fake, set};
    g_autoptr(VnMove) move = make_move(&view, host, 0, fake->n_pages, FALSE);
    g_autoptr(GError) error = NULL;
    VnMoveState state = VN_MOVE_BUSY;
    while (vn_move_chunk(move, 2 * MIB, &state, &error))
        g_assert_cmpint(state, ==, VN_MOVE_MORE);
    g_assert_error(error, VN_ERROR, (gint) code);
    g_assert_nonnull(strstr(error->message, "process 4711"));
    g_assert_nonnull(strstr(error->message, part));
    g_assert_cmpuint(tally_sum(vn_move_tally(move)), ==, fake->n_pages * PAGE);
}

static void
test_cpuset(void)
{
    g_autoptr(FakePages) fake = fake_pages_new(4 * GRANULE, PAGE);
    fake_pages_place(fake, 0, fake->n_pages, 0);
    vn_idset_remove(fake->cpuset, 1);
    assert_chunk_fails(fake, VN_ERROR_REFUSED, "host node 1 (cpuset.mems");
    g_assert_cmpuint(fake_pages_count(fake, 0), ==, fake->n_pages);
}

static void
test_call_fails(void)
{
    static const struct {
        int errsv;
        VnErrorCode code;
        const char *part;
    } cases[] = {
        {ESRCH, VN_ERROR_GONE, "has ended"},
        {EINVAL, VN_ERROR_GONE, "has ended"},
        {EPERM, VN_ERROR_REFUSED, "CAP_SYS_PTRACE"},
        {ENOSYS, VN_ERROR_UNSUPPORTED, "memory at 0x7f"},
        {EFAULT, VN_ERROR_FAILED, "memory at 0x7f"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (guint after = 1; after < 12; after++) {
            g_autoptr(FakePages) fake = fake_pages_new(8 * GRANULE, PAGE);
            fake_pages_place(fake, 0, fake->n_pages, 0);
            fake->ends_after = after;
            fake->ends_with = cases[i].errsv;
            assert_chunk_fails(fake, cases[i].code, cases[i].part);
        }
    }
}

static void
test_bad_ranges(void)
{
    static const struct {
        guint64 start, end, page_size;
        const char *targets;
    } cases[] = {
        {0x1000, 0x1000, 0, "1"},    {0x2000, 0x1000, 0, "1"},
        {0x1001, 0x3000, 0, "1"},    {0x1000, 0x3001, 0, "1"},
        {0x1000, 0x3000, 3000, "1"}, {0x1000, 0x400000, 2 * MIB, "1"},
        {0x1000, 0x3000, 0, ""},     {0x1000, 0x3000, 0, "1,99"},
        {0x1000, -PAGE, 0, "1"},
    };
    g_autoptr(VnHost) host = make_host();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnIdSet) targets = vn_idset_parse(cases[i].targets, NULL);
        VnMoveRange range = {FAKE_PID, cases[i].start, cases[i].end, cases[i].page_size,
                             FALSE};
        g_autoptr(GError) error = NULL;
        g_assert_null(vn_move_new(&range, targets, host, NULL, NULL, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    }
}

/* Any layout: all that can move ends up on a target, nothing elsewhere, all accounted. */
static void
scatter(FakePages *fake, VnMoveTally *ret_expected, const VnIdSet *targets)
{
    VnMoveTally expected = {0};
    for (guint first = 0; first < fake->n_pages; first += GRANULE) {
        guint n = MIN(GRANULE, fake->n_pages - first);
        int kind = g_test_rand_int_range(0, 6);
        int node = g_test_rand_int_range(0, FAKE_NODES);
        fake_pages_place(fake, first, n, kind == 0 ? -ENOENT : node);
        gboolean huge = kind == 1 && n == GRANULE;
        if (huge)
            fake_pages_make_huge(fake, first);
        for (guint i = first; i < first + n; i++) {
            FakePage *page = &fake->pages[i];
            int dice = g_test_rand_int_range(0, 100);
            if (kind >= 4 && dice < 50)
                page->lies_on = g_test_rand_int_range(0, FAKE_NODES);
            if (kind >= 3 && dice >= 90)
                page->lies_on = dice >= 95 ? -ENOENT : -EFAULT;
            page->collect_busy = dice % 31 == 0 ? 1 : 0;
            page->migrate_busy = dice % 37 == 0 ? 2 : 0;
            page->pinned = !huge && dice % 41 == 1;
            page->shared = !huge && dice % 43 == 2;
            if (page->lies_on < 0)
                expected.absent_bytes += PAGE;
            else if (vn_idset_contains(targets, (guint) page->lies_on))
                expected.already_bytes += PAGE;
            else if (page->shared)
                expected.shared_bytes += PAGE;
            else if (page->pinned)
                expected.immovable_bytes += PAGE;
            else
                expected.moved_bytes += PAGE;
        }
    }
    *ret_expected = expected;
}

static void
test_any_layout(void)
{
    static const char *const targets[] = {"0", "7", "1,3", "0-2", "0-7"};
    g_autoptr(VnHost) host = make_host();
    for (int round = 0; round < 100; round++) {
        g_autoptr(FakePages) fake =
            fake_pages_new((guint) g_test_rand_int_range(1, 24 * GRANULE), PAGE);
        g_autoptr(VnIdSet) set =
            vn_idset_parse(targets[round % G_N_ELEMENTS(targets)], NULL);
        VnMoveTally expected;
        scatter(fake, &expected, set);
        g_autofree FakePage *before =
            g_memdup2(fake->pages, fake->n_pages * sizeof(FakePage));

        FakeView view = {fake, set};
        g_autoptr(VnMove) move = make_move(&view, host, 0, fake->n_pages, FALSE);
        guint64 max_bytes = (guint64) g_test_rand_int_range(0, 64 * 1024 * 1024);
        run(move, max_bytes, fake->n_pages * PAGE);

        const VnMoveTally *tally = vn_move_tally(move);
        g_assert_cmpmem(tally, sizeof(*tally), &expected, sizeof(expected));
        for (guint i = 0; i < fake->n_pages; i++) {
            int now = fake->pages[i].lies_on;
            gboolean stays = before[i].lies_on < 0 || before[i].pinned ||
                             before[i].shared ||
                             vn_idset_contains(set, (guint) before[i].lies_on);
            if (stays)
                g_assert_cmpint(now, ==, before[i].lies_on);
            else
                g_assert_true(vn_idset_contains(set, (guint) now));
        }
    }
}

/* A range that begins and ends within granules touches nothing outside. */
static void
test_part_of_a_mapping(void)
{
    g_autoptr(FakePages) fake = fake_pages_new(8 * GRANULE, PAGE);
    fake_pages_place(fake, 0, fake->n_pages, 0);
    g_autoptr(VnHost) host = make_host();
    g_autoptr(VnIdSet) set = vn_idset_parse("1", NULL);
    FakeView view = {fake, set};
    g_autoptr(VnMove) move = make_move(&view, host, 300, 3 * GRANULE, FALSE);
    g_assert_cmpint(run(move, MIB, 3 * GRANULE * PAGE), ==, VN_MOVE_DONE);
    for (guint i = 0; i < fake->n_pages; i++)
        g_assert_cmpint(fake->pages[i].lies_on, ==, i >= 300 && i < 300 + 3 * GRANULE);
}

static GArray *
make_parts(const guint (*parts)[2], guint n)
{
    GArray *made = g_array_new(FALSE, FALSE, sizeof(VnMovePart));
    for (guint i = 0; i < n; i++) {
        VnMovePart part = {FAKE_BASE + parts[i][0] * PAGE,
                           FAKE_BASE + parts[i][1] * PAGE};
        g_array_append_val(made, part);
    }
    return made;
}

/* Granules come first in the order that is asked for, each once, then the rest. */
static void
test_parts_first(void)
{
    static const guint parts[][2] = {{6 * GRANULE, 7 * GRANULE},
                                     {2 * GRANULE, 4 * GRANULE},
                                     {6 * GRANULE + 9, 6 * GRANULE + 10},
                                     {9 * GRANULE, 11 * GRANULE},
                                     {0, 3}};
    static const guint order[] = {6, 2, 3, 1, 4, 5, 7};
    g_autoptr(FakePages) fake = fake_pages_new(10 * GRANULE, PAGE);
    fake_pages_place(fake, 0, fake->n_pages, 0);
    g_autoptr(VnHost) host = make_host();
    g_autoptr(VnIdSet) set = vn_idset_parse("1", NULL);
    g_autoptr(GArray) wanted = make_parts(parts, G_N_ELEMENTS(parts));
    FakeView view = {fake, set};
    g_autoptr(VnMove) move = make_move(&view, host, GRANULE, 7 * GRANULE - 5, FALSE);
    vn_move_set_parts(move, wanted, FALSE);
    for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
        VnMoveState state;
        g_autoptr(GError) error = NULL;
        g_assert_true(vn_move_chunk(move, 1, &state, &error));
        g_assert_cmpint(fake->pages[order[i] * GRANULE].lies_on, ==, 1);
        g_assert_cmpint(state, ==, i == 6 ? VN_MOVE_DONE : VN_MOVE_MORE);
        g_assert_cmpuint(tally_sum(vn_move_tally(move)), ==, (7 * GRANULE - 5) * PAGE);
    }
    g_assert_cmpuint(fake_pages_count(fake, 1), ==, 7 * GRANULE - 5);
    g_assert_cmpuint(vn_move_tally(move)->moved_bytes, ==, (7 * GRANULE - 5) * PAGE);
    g_assert_cmpuint(max_named(fake), ==, 1);
}

/* Scattered granules go in few calls, and nothing else does. */
static void
test_parts_only(void)
{
    static const guint parts[][2] = {{40 * GRANULE, 41 * GRANULE},
                                     {2 * GRANULE, 3 * GRANULE},
                                     {70 * GRANULE, 71 * GRANULE},
                                     {30 * GRANULE + 100, 31 * GRANULE + 100},
                                     {99 * GRANULE, 200 * GRANULE}};
    g_autoptr(FakePages) fake = fake_pages_new(80 * GRANULE, PAGE);
    fake_pages_place(fake, 0, fake->n_pages, 0);
    for (guint i = 0; i < 80; i += 2)
        fake_pages_make_huge(fake, i * GRANULE);
    g_autoptr(VnHost) host = make_host();
    g_autoptr(VnIdSet) set = vn_idset_parse("1", NULL);
    g_autoptr(GArray) wanted = make_parts(parts, G_N_ELEMENTS(parts));
    FakeView view = {fake, set};
    g_autoptr(VnMove) move = make_move(&view, host, 0, fake->n_pages, FALSE);
    vn_move_set_parts(move, wanted, TRUE);
    g_assert_cmpint(run(move, 32 * MIB, 4 * GRANULE * PAGE), ==, VN_MOVE_DONE);
    for (guint i = 0; i < 3; i++) {
        for (guint page = parts[i][0]; page < parts[i][1]; page++)
            g_assert_cmpint(fake->pages[page].lies_on, ==, 1);
    }
    /* The fourth begins in a huge page, which goes as a whole. */
    g_assert_cmpuint(fake_pages_count(fake, 1), ==, 4 * GRANULE + 100);
    g_assert_cmpuint(fake->n_calls, <, 8);

    g_autoptr(GArray) nothing = make_parts(NULL, 0);
    g_autoptr(VnMove) none = make_move(&view, host, 0, fake->n_pages, FALSE);
    vn_move_set_parts(none, nothing, TRUE);
    g_assert_cmpint(run(none, 32 * MIB, 0), ==, VN_MOVE_DONE);
    g_autoptr(VnMove) all = make_move(&view, host, 0, fake->n_pages, FALSE);
    vn_move_set_parts(all, nothing, FALSE);
    g_assert_cmpint(run(all, 32 * MIB, 80 * GRANULE * PAGE), ==, VN_MOVE_DONE);
    g_assert_cmpuint(fake_pages_count(fake, 1), ==, 80 * GRANULE);
}

/* Two ranges on each other's nodes change places through little room. */
static void
exchange(guint n, guint n_free, gboolean huge)
{
    g_autoptr(FakePages) fake = fake_pages_new(2 * n, PAGE);
    fake_pages_place(fake, 0, n, 1);
    fake_pages_place(fake, n, n, 0);
    for (guint i = 0; huge && i < 2 * n; i += GRANULE)
        fake_pages_make_huge(fake, i);
    fake->free_pages[0] = fake->free_pages[1] = n_free;
    g_autoptr(VnHost) host = make_host();
    g_autoptr(VnIdSet) zero = vn_idset_new_with(0);
    g_autoptr(VnIdSet) one = vn_idset_new_with(1);
    FakeView views[] = {{fake, zero}, {fake, one}};
    g_autoptr(VnMove) first = make_move(&views[0], host, 0, n, FALSE);
    g_autoptr(VnMove) second = make_move(&views[1], host, n, n, FALSE);
    VnMove *moves[] = {first, second};

    VnMoveState states[2] = {VN_MOVE_MORE, VN_MOVE_MORE};
    for (guint turn = 0; states[0] != VN_MOVE_DONE || states[1] != VN_MOVE_DONE; turn++) {
        g_assert_cmpuint(turn, <, CHUNKS_MAX);
        g_autoptr(GError) error = NULL;
        g_assert_true(vn_move_chunk(moves[turn % 2], 8 * MIB, &states[turn % 2], &error));
        g_assert_no_error(error);
    }
    for (guint i = 0; i < 2 * n; i++)
        g_assert_cmpint(fake->pages[i].lies_on, ==, i < n ? 0 : 1);
    g_assert_cmpuint(vn_move_tally(first)->moved_bytes, ==, n * PAGE);
    g_assert_cmpuint(vn_move_tally(second)->moved_bytes, ==, n * PAGE);
    g_assert_cmpuint(vn_move_tally(first)->immovable_bytes, ==, 0);
    if (huge && n_free >= GRANULE)
        g_assert_cmpuint(fake->n_splits, <, 2 * n / GRANULE);
}

static void
test_exchange(void)
{
    exchange(10 * GRANULE, 37, FALSE);
    exchange(40 * GRANULE, 2 * GRANULE, FALSE);
    exchange(40 * GRANULE, 2 * GRANULE, TRUE);
    exchange(40 * GRANULE, 100, TRUE);
}

/* Everything pinned, as in a guest with an assigned device; computed, not stored. */
static long
move_nothing(int pid, gulong n_pages, void **pages, const int *nodes, int *status,
             int flags, gpointer data)
{
    for (gulong i = 0; !nodes && i < n_pages; i++)
        status[i] = 0;
    return nodes ? (long) n_pages : 0;
}

static void
test_memory_is_bounded(void)
{
    VnMoveRange range = {FAKE_PID, FAKE_BASE, FAKE_BASE + 16384 * MIB, 0, FALSE};
    g_autoptr(VnHost) host = make_host();
    g_autoptr(VnIdSet) set = vn_idset_new_with(1);
    g_autoptr(VnMove) move = vn_move_new(&range, set, host, move_nothing, NULL, NULL);
    g_assert_nonnull(move);
    gsize before = mallinfo2().uordblks;
    VnMoveState state = VN_MOVE_MORE;
    while (state != VN_MOVE_DONE) {
        g_assert_true(vn_move_chunk(move, 1024 * MIB, &state, NULL));
        gsize now = mallinfo2().uordblks;
        g_assert_cmpuint(MAX(now, before) - before, <, MIB);
    }
    g_assert_cmpuint(vn_move_tally(move)->immovable_bytes, ==, 16384 * MIB);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/move/small-pages", test_small_pages);
    g_test_add_func("/move/huge-pages", test_huge_pages);
    g_test_add_func("/move/hugetlb", test_hugetlb);
    g_test_add_func("/move/several-targets", test_several_targets);
    g_test_add_func("/move/full-target-falls-over", test_full_target_falls_over);
    g_test_add_func("/move/all-targets-full", test_all_targets_full);
    g_test_add_func("/move/busy-pages", test_busy_pages);
    g_test_add_func("/move/pinned-pages", test_pinned_pages);
    g_test_add_func("/move/shared-pages", test_shared_pages);
    g_test_add_func("/move/cpuset", test_cpuset);
    g_test_add_func("/move/call-fails", test_call_fails);
    g_test_add_func("/move/bad-ranges", test_bad_ranges);
    g_test_add_func("/move/any-layout", test_any_layout);
    g_test_add_func("/move/part-of-a-mapping", test_part_of_a_mapping);
    g_test_add_func("/move/parts-first", test_parts_first);
    g_test_add_func("/move/parts-only", test_parts_only);
    g_test_add_func("/move/exchange", test_exchange);
    g_test_add_func("/move/memory-is-bounded", test_memory_is_bounded);
    return g_test_run();
}
