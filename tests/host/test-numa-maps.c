/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* numa_maps: what kernels print, what they might, and the join with maps. */
#include "host/numa_maps.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/host/tree.h"

static GPtrArray *
parse(const char *numa_maps, const char *maps)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *list = vn_numa_maps_parse(numa_maps, maps, &error);
    g_assert_no_error(error);
    return list;
}

static const VnNumaMap *
at(const GPtrArray *list, guint i)
{
    g_assert_cmpuint(i, <, list->len);
    return list->pdata[i];
}

static void
assert_refused(const char *numa_maps, const char *maps, const char *where)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(vn_numa_maps_parse(numa_maps, maps, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_assert_true(g_str_has_prefix(error->message, where));
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
}

/* A guest of two cells, as in the lab, and what else a QEMU maps. */
static void
test_guest(void)
{
    g_autoptr(GPtrArray) list = parse(
        "55d0c0a00000 default file=/usr/bin/qemu-system-x86_64 mapped=9 N1=9 "
        "kernelpagesize_kB=4\n"
        "55d0c2b00000 default heap anon=40 dirty=40 active=0 N0=10 N1=30 "
        "kernelpagesize_kB=4\n"
        "7f6a40000000 bind:0 anon=65536 dirty=65536 N0=65000 N3=536 "
        "kernelpagesize_kB=4\n"
        "7f6a60000000 bind:1 file=/dev/hugepages/libvirt/qemu/1-a\\040b/ram\\040(deleted) "
        "huge anon=3 dirty=3 mapmax=2 N1=3 kernelpagesize_kB=2048\n"
        "7f6a80000000 default\n"
        "7ffd00000000 default stack anon=3 dirty=3 N0=3 kernelpagesize_kB=4\n",
        "55d0c0a00000-55d0c0b00000 r-xp 00000000 fe:00 1 /usr/bin/qemu-system-x86_64\n"
        "55d0c2b00000-55d0c2c00000 rw-p 00000000 00:00 0 [heap]\n"
        "7f6a40000000-7f6a60000000 rw-p 00000000 00:00 0 \n"
        "7f6a60000000-7f6a80000000 rw-s 00000000 00:0f 7 /dev/hugepages/x y\n"
        "7f6a80000000-7f6a80001000 ---p 00000000 00:00 0 \n"
        "7ffd00000000-7ffd00100000 rw-p 00000000 00:00 0 [stack]\n"
        "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n");
    g_assert_cmpuint(list->len, ==, 6);

    const VnNumaMap *cell = at(list, 2);
    g_assert_cmphex(cell->start, ==, 0x7f6a40000000);
    g_assert_cmphex(cell->end, ==, 0x7f6a60000000);
    g_assert_cmpstr(cell->permissions, ==, "rw-p");
    g_assert_cmpstr(cell->policy, ==, "bind:0");
    g_assert_null(cell->file);
    g_assert_cmpuint(cell->anon_pages, ==, 65536);
    g_assert_cmpuint(cell->dirty_pages, ==, 65536);
    g_assert_cmpuint(vn_numa_map_bytes_on(cell, 0), ==, 65000 * 4096);
    g_assert_cmpuint(vn_numa_map_bytes_on(cell, 1), ==, 0);
    g_assert_cmpuint(vn_numa_map_bytes_on(cell, 3), ==, 536 * 4096);
    g_assert_cmpuint(vn_numa_map_bytes(cell), ==, 256 << 20);

    const VnNumaMap *huge = at(list, 3);
    g_assert_true(huge->is_huge);
    g_assert_cmpstr(huge->file, ==, "/dev/hugepages/libvirt/qemu/1-a b/ram (deleted)");
    g_assert_cmpuint(vn_numa_map_bytes_on(huge, 1), ==, 6 << 20);
    g_assert_true(at(list, 1)->is_heap);
    g_assert_false(at(list, 1)->is_stack);
    g_assert_true(at(list, 5)->is_stack);
    g_assert_cmpuint(at(list, 4)->resident->len, ==, 0);
    g_assert_cmpuint(vn_numa_map_bytes(at(list, 4)), ==, 0);
}

static void
test_policies(void)
{
    static const struct {
        const char *text;
        const char *policy;
    } cases[] = {
        {"1000 default", "default"},
        {"1000 local anon=1 N0=1 kernelpagesize_kB=4", "local"},
        {"1000 bind=static|balancing:0-3,8 heap", "bind=static|balancing:0-3,8"},
        {"1000 prefer:1 heap", "prefer:1"},
        {"1000 prefer (many):0-1 heap", "prefer (many):0-1"},
        {"1000 weighted interleave:0,2 heap", "weighted interleave:0,2"},
        {"1000 interleave:0-1 heap", "interleave:0-1"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) list = parse(cases[i].text, NULL);
        g_assert_cmpstr(at(list, 0)->policy, ==, cases[i].policy);
        g_assert_cmpint(at(list, 0)->is_heap, ==, i >= 2);
        g_assert_cmpuint(at(list, 0)->end, ==, 0);
        g_assert_cmpstr(at(list, 0)->permissions, ==, "");
    }
}

static void
test_file_names(void)
{
    static const struct {
        const char *text;
        const char *file;
    } cases[] = {
        {"file=/a\\040huge\\011N0\\075x\\012y", "/a huge\tN0=x\ny"},
        {"file=/back\\slash\\041\\", "/back\\slash\\041\\"},
        {"file=", ""},
        {"file=/dev/zero\\040(deleted)", "/dev/zero (deleted)"},
        {"file=/memfd:pc.ram=heap", "/memfd:pc.ram=heap"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *line = g_strdup_printf("1000 default %s", cases[i].text);
        g_autoptr(GPtrArray) list = parse(line, NULL);
        g_assert_cmpstr(at(list, 0)->file, ==, cases[i].file);
        g_assert_false(at(list, 0)->is_huge || at(list, 0)->is_heap);
    }
}

/* Older and newer kernels have words that this one has not. */
static void
test_other_kernels(void)
{
    g_autoptr(GPtrArray) list = parse(
        "1000 default stack:1234 N0=1 kernelpagesize_kB=64 brandnew=x Nonsense word\n"
        "2000 default  swapcache=3 writeback=1 active=2\n",
        NULL);
    g_assert_true(at(list, 0)->is_stack);
    g_assert_cmpuint(vn_numa_map_bytes(at(list, 0)), ==, 65536);
    g_assert_cmpuint(list->len, ==, 2);
}

static void
test_refused(void)
{
    static const char *const lines[] = {
        "",
        "1000",
        "1000 ",
        " default",
        "x000 default",
        "10000000000000000 default",
        "-1 default",
        "1000 default N0=",
        "1000 default N0=x kernelpagesize_kB=4",
        "1000 default N0 kernelpagesize_kB=4",
        "1000 default N0=1",
        "1000 default N1024=1 kernelpagesize_kB=4",
        "1000 default N1=1 N0=1 kernelpagesize_kB=4",
        "1000 default N1=1 N1=1 kernelpagesize_kB=4",
        "1000 default N0=1 kernelpagesize_kB=0",
        "1000 default N0=1 kernelpagesize_kB=-4",
        "1000 default N0=9223372036854775807 kernelpagesize_kB=4",
        "1000 default N0=1125899906842624 N1=1125899906842624 kernelpagesize_kB=4",
        "1000 default anon=18446744073709551616",
        "1000 default dirty=1x",
        "\xff\xfe",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *text =
            g_strdup_printf("500 default\n%s\n2000 default", lines[i]);
        assert_refused(text, NULL, "numa_maps, line 2: malformed");
    }
}

static void
test_maps_refused(void)
{
    static const char *const lines[] = {
        "1000",           "1000-",
        "1000-2000",      "1000-1000 rw-p",
        "2000-1000 rw-p", "1000-2000 rwxpp",
        "1000-2000 rw-",  "1000-2000 wr-p",
        "x-2000 rw-p",    "",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *text = g_strdup_printf("%s\n5000-6000 rw-p", lines[i]);
        assert_refused("1000 default", text, "maps, line 1: malformed");
    }
}

/* The process went on mapping between the two reads, and within the first. */
static void
test_join(void)
{
    g_autoptr(GPtrArray) list = parse("1000 default\n"
                                      "3000 bind:0 N0=1 kernelpagesize_kB=4\n"
                                      "2000 bind:1 N0=2 kernelpagesize_kB=4\n"
                                      "5000 default\n"
                                      "6000 default\n"
                                      "9000 default\n",
                                      "2000-4000 rw-p\n"
                                      "4000-7000 r--p\n"
                                      "8000-9000 rw-p\n");
    g_assert_cmpuint(list->len, ==, 3);
    g_assert_cmphex(at(list, 0)->start, ==, 0x2000);
    g_assert_cmphex(at(list, 0)->end, ==, 0x4000);
    g_assert_cmpstr(at(list, 0)->policy, ==, "bind:1");
    g_assert_cmphex(at(list, 1)->start, ==, 0x5000);
    g_assert_cmphex(at(list, 1)->end, ==, 0x6000);
    g_assert_cmpstr(at(list, 1)->permissions, ==, "r--p");
    g_assert_cmphex(at(list, 2)->end, ==, 0x7000);

    g_autoptr(GPtrArray) none = parse("", "");
    g_assert_cmpuint(none->len, ==, 0);
    g_autoptr(GPtrArray) gone = parse("1000 default\n", "");
    g_assert_cmpuint(gone->len, ==, 0);
}

static void
test_limits(void)
{
    g_autofree char *name =
        g_strnfill(VN_NUMA_MAPS_LINE_BYTES_MAX - strlen("1000 default file="), 'x');
    g_autofree char *full = g_strdup_printf("1000 default file=%s\n", name);
    g_autofree char *over = g_strdup_printf("10000 default file=%s\n", name);
    g_autoptr(GPtrArray) list = parse(full, NULL);
    g_assert_cmpuint(strlen(at(list, 0)->file), ==, strlen(name));
    assert_refused(over, NULL, "numa_maps, line 1: above the limits");

    g_autoptr(GString) many = g_string_new(NULL);
    for (guint i = 1; i <= VN_NUMA_MAPS_MAX; i++)
        g_string_append_printf(many, "%x000 local\n", i);
    g_autoptr(GPtrArray) all = parse(many->str, NULL);
    g_assert_cmpuint(all->len, ==, VN_NUMA_MAPS_MAX);
    g_string_append(many, "ffffffff000 local\n");
    assert_refused(many->str, NULL, "numa_maps, line 1048577: above the limits");
}

static void
test_read(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTree) tree = vn_tree_new();
    vn_tree_write(tree, "proc/12/maps", "1000-2000 rw-p 0 0 0\n");
    g_assert_null(vn_numa_maps_read(tree, 12, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED);
    g_clear_error(&error);

    g_assert_null(vn_numa_maps_read(tree, 13, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_clear_error(&error);

    vn_tree_write(tree, "proc/12/numa_maps", "%s", "");
    g_assert_null(vn_numa_maps_read(tree, 12, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_clear_error(&error);

    vn_tree_write(tree, "proc/12/numa_maps", "1000 default N0=1\n");
    g_assert_null(vn_numa_maps_read(tree, 12, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "proc/12: numa_maps, line 1"));
    g_clear_error(&error);

    vn_tree_write(tree, "proc/12/numa_maps", "1000 default\n");
    g_autofree char *huge = g_build_filename(tree, "proc/12/numa_maps", NULL);
    g_autoptr(GPtrArray) list = vn_numa_maps_read(tree, 12, &error);
    g_assert_no_error(error);
    g_assert_cmphex(at(list, 0)->end, ==, 0x2000);

    g_assert_cmpint(truncate(huge, 200 << 20), ==, 0);
    g_assert_null(vn_numa_maps_read(tree, 12, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
}

/* This process, with 64 pages that it has just written to. */
static void
test_self(void)
{
    g_autoptr(GError) error = NULL;
    gsize length = (gsize) sysconf(_SC_PAGESIZE) * 64;
    char *memory =
        mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(memory != MAP_FAILED);
    memset(memory, 1, length);

    g_autoptr(GPtrArray) list = vn_numa_maps_read("/", getpid(), &error);
    if (g_error_matches(error, VN_ERROR, VN_ERROR_UNSUPPORTED)) {
        g_test_skip("a kernel without NUMA");
        return;
    }
    g_assert_no_error(error);
    const VnNumaMap *found = NULL;
    guint64 last = 0;
    for (guint i = 0; i < list->len; i++) {
        const VnNumaMap *map = at(list, i);
        g_assert_cmphex(map->start, >=, last);
        g_assert_cmphex(map->end, >, map->start);
        last = map->end;
        if (map->start <= (guint64) (guintptr) memory &&
            (guint64) (guintptr) memory < map->end)
            found = map;
    }
    g_assert_nonnull(found);
    g_assert_cmpuint(vn_numa_map_bytes(found), >=, length);
    g_assert_cmpstr(found->permissions, ==, "rw-p");
    g_assert_cmpint(munmap(memory, length), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/numa-maps/guest", test_guest);
    g_test_add_func("/numa-maps/policies", test_policies);
    g_test_add_func("/numa-maps/file-names", test_file_names);
    g_test_add_func("/numa-maps/other-kernels", test_other_kernels);
    g_test_add_func("/numa-maps/refused", test_refused);
    g_test_add_func("/numa-maps/maps-refused", test_maps_refused);
    g_test_add_func("/numa-maps/join", test_join);
    g_test_add_func("/numa-maps/limits", test_limits);
    g_test_add_func("/numa-maps/read", test_read);
    g_test_add_func("/numa-maps/self", test_self);
    return g_test_run();
}
