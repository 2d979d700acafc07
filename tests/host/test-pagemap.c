/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host/pagemap: which pages are present, asked of this very process. */
#include "host/pagemap.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* More than one batch, with an odd rest. */
#define PAGES 1111u

static void
test_present(void)
{
    gsize page_bytes = (gsize) sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, PAGES * page_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(memory != MAP_FAILED);
    g_assert_no_errno(madvise(memory, PAGES * page_bytes, MADV_NOHUGEPAGE));
    for (guint i = 0; i < PAGES; i += 3)
        memory[i * page_bytes] = 1;

    int file = vn_pagemap_open(getpid());
    g_assert_cmpint(file, >=, 0);
    gboolean present[PAGES];
    g_assert_true(
        vn_pagemap_read(file, (guint64) (gsize) memory / page_bytes, PAGES, present));
    for (guint i = 0; i < PAGES; i++)
        g_assert_cmpint(present[i], ==, i % 3 == 0);
    close(file);
    munmap(memory, PAGES * page_bytes);
}

static void
test_nobody(void)
{
    gboolean present = TRUE;
    g_assert_cmpint(vn_pagemap_open(-1), ==, -1);
    g_assert_cmpint(errno, ==, ENOENT);
    g_assert_false(vn_pagemap_read(-1, 0, 1, &present));
    g_assert_true(present);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pagemap/present", test_present);
    g_test_add_func("/pagemap/nobody", test_nobody);
    return g_test_run();
}
