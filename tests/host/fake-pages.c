/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* FakePages: see fake-pages.h. */
#include "tests/host/fake-pages.h"

#include <errno.h>
#include <numaif.h>

#define CALL_MAX 8192u

FakePages *
fake_pages_new(guint n_pages, guint64 page_size_bytes)
{
    FakePages *fake = g_new0(FakePages, 1);
    fake->pages = g_new0(FakePage, n_pages);
    fake->n_pages = n_pages;
    fake->page_size_bytes = page_size_bytes;
    fake->cpuset = vn_idset_new();
    for (guint node = 0; node < FAKE_NODES; node++) {
        fake->free_pages[node] = n_pages;
        vn_idset_add(fake->cpuset, node);
    }
    fake_pages_place(fake, 0, n_pages, -ENOENT);
    return fake;
}

void
fake_pages_free(FakePages *fake)
{
    if (!fake)
        return;
    vn_idset_free(fake->cpuset);
    g_free(fake->pages);
    g_free(fake);
}

void
fake_pages_place(FakePages *fake, guint first, guint n, int lies_on)
{
    g_assert_cmpuint(first + n, <=, fake->n_pages);
    for (guint i = first; i < first + n; i++)
        fake->pages[i].lies_on = lies_on;
}

void
fake_pages_make_huge(FakePages *fake, guint first)
{
    g_assert_cmpuint(first % FAKE_GRANULE_PAGES, ==, 0);
    for (guint i = first; i < first + FAKE_GRANULE_PAGES; i++)
        fake->pages[i].huge = TRUE;
}

guint
fake_pages_count(const FakePages *fake, int lies_on)
{
    guint count = 0;
    for (guint i = 0; i < fake->n_pages; i++)
        count += fake->pages[i].lies_on == lies_on ? 1 : 0;
    return count;
}

/* The first page, and the number, of what moves together with @page. */
static guint
folio_of(const FakePages *fake, guint page, guint *ret_n)
{
    gboolean huge = fake->pages[page].huge;
    *ret_n = huge ? FAKE_GRANULE_PAGES : 1;
    return huge ? page - page % FAKE_GRANULE_PAGES : page;
}

/* Returns 1 when the page is now in the run, 0 when it is there already, or -errno. */
static int
collect(FakePages *fake, guint page, int node, gboolean all, GArray *run)
{
    guint n;
    guint first = folio_of(fake, page, &n);
    FakePage *head = &fake->pages[first];
    if (fake->pages[page].lies_on < 0)
        return fake->pages[page].lies_on;
    if (fake->pages[page].lies_on == node)
        return 0;
    if (fake->pages[page].error != 0)
        return -(int) fake->pages[page].error;
    if (fake->pages[page].shared && !all)
        return -EACCES;
    if (head->was_collected)
        return -EBUSY;
    if (head->collect_busy > 0) {
        head->collect_busy--;
        return -EBUSY;
    }
    head->was_collected = TRUE;
    g_array_append_val(run, first);
    return 1;
}

static gboolean
move_folio(FakePages *fake, guint first, guint n, int node)
{
    if (fake->free_pages[node] < n)
        return FALSE;
    fake->free_pages[node] -= n;
    fake->free_pages[fake->pages[first].lies_on] += n;
    fake_pages_place(fake, first, n, node);
    return TRUE;
}

/* Returns pages that failed, or -ENOMEM. */
static long
migrate(FakePages *fake, GArray *run, int node)
{
    long failed = 0;
    for (guint i = 0; i < run->len && failed >= 0; i++) {
        guint n;
        guint first = folio_of(fake, g_array_index(run, guint, i), &n);
        FakePage *head = &fake->pages[first];
        if (head->pinned || head->migrate_busy > 0) {
            head->migrate_busy -= head->migrate_busy > 0 ? 1 : 0;
            failed += n;
            continue;
        }
        if (move_folio(fake, first, n, node))
            continue;
        fake->n_splits += n > 1 ? 1 : 0;
        for (guint page = first; page < first + n; page++) {
            fake->pages[page].huge = FALSE;
            if (!move_folio(fake, page, 1, node))
                failed = -ENOMEM;
        }
    }
    for (guint i = 0; i < run->len; i++)
        fake->pages[g_array_index(run, guint, i)].was_collected = FALSE;
    g_array_set_size(run, 0);
    return failed;
}

/* Migrates the run, and writes the statuses of [from, until) when all went well. */
static long
flush(FakePages *fake, GArray *run, int node, int *status, gulong from, gulong until)
{
    if (run->len == 0)
        return 0;
    long result = migrate(fake, run, node);
    for (gulong i = from; i < until && result == 0; i++)
        status[i] = node;
    return result;
}

static guint
page_of(const FakePages *fake, const void *address)
{
    guint64 offset = (guint64) (gsize) address - FAKE_BASE;
    g_assert_cmpuint(offset % fake->page_size_bytes, ==, 0);
    g_assert_cmpuint(offset / fake->page_size_bytes, <, fake->n_pages);
    return (guint) (offset / fake->page_size_bytes);
}

static void
be_strict(FakeView *view, guint page, int node)
{
    FakePage *named = &view->fake->pages[page];
    g_assert_true(vn_idset_contains(view->targets, (guint) node));
    named->n_named++;
    /* The rest of a huge page may come along with one that was named before. */
    if (!named->huge) {
        g_assert_cmpint(named->lies_on, >=, 0);
        g_assert_false(vn_idset_contains(view->targets, (guint) named->lies_on));
    }
}

static long
move(FakeView *view, gulong n_pages, void **pages, const int *nodes, int *status,
     gboolean all)
{
    FakePages *fake = view->fake;
    g_autoptr(GArray) run = g_array_new(FALSE, FALSE, sizeof(guint));
    int node = nodes[0];
    gulong start = 0;
    for (gulong i = 0; i < n_pages; i++)
        be_strict(view, page_of(fake, pages[i]), nodes[i]);
    for (gulong i = 0; i < n_pages; i++) {
        g_assert_cmpint(nodes[i], ==, node);
        if (!vn_idset_contains(fake->cpuset, (guint) node))
            return -EACCES;
        if (run->len == 0)
            start = i;
        int result = collect(fake, page_of(fake, pages[i]), node, all, run);
        if (result > 0)
            continue;
        status[i] = result < 0 ? result : node;
        long failed = flush(fake, run, node, status, start, i);
        if (failed < 0)
            return failed;
        if (failed > 0)
            return failed + (long) (n_pages - i - 1);
    }
    return flush(fake, run, node, status, start, n_pages);
}

long
fake_move_pages(int pid, gulong n_pages, void **pages, const int *nodes, int *status,
                int flags, gpointer data)
{
    FakeView *view = data;
    FakePages *fake = view->fake;
    g_assert_cmpint(pid, ==, FAKE_PID);
    g_assert_cmpuint(n_pages, >, 0);
    g_assert_cmpuint(n_pages, <=, CALL_MAX);
    if (fake->ends_after > 0 && fake->n_calls + fake->n_asks >= fake->ends_after) {
        errno = fake->ends_with;
        return -1;
    }
    if (!nodes) {
        g_assert_cmpint(flags, ==, 0);
        fake->n_asks++;
        for (gulong i = 0; i < n_pages; i++)
            status[i] = fake->pages[page_of(fake, pages[i])].lies_on;
        return 0;
    }
    g_assert_true(flags == MPOL_MF_MOVE || flags == MPOL_MF_MOVE_ALL);
    fake->n_calls++;
    long result = move(view, n_pages, pages, nodes, status, flags == MPOL_MF_MOVE_ALL);
    if (result >= 0)
        return result;
    errno = (int) -result;
    return -1;
}
