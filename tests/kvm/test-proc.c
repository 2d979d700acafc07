/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Formats of procfs that samplers read, well formed and not. */
#include "kvm/proc.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* Recorded in a two-node lab, on a vCPU's thread. */
static const char sched[] =
    "CPU 1/KVM (1409, #threads: 5)\n"
    "-------------------------------------------------------------------\n"
    "se.exec_start                                :        112233.445566\n"
    "mm->numa_scan_seq                            :                    6\n"
    "numa_pages_migrated                          :                    0\n"
    "current_node=1, numa_group_id=1409\n"
    "numa_faults node=0 task_private=37 task_shared=4 group_private=37 group_shared=9\n"
    "numa_faults node=1 task_private=0 task_shared=512 group_private=0 group_shared=600\n";

static void
test_numa_faults(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) found = vn_proc_parse_numa_faults(sched, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(found->len, ==, 2);
    g_assert_cmpuint(g_array_index(found, VnNumaFaults, 0).host_node, ==, 0);
    g_assert_cmpuint(g_array_index(found, VnNumaFaults, 0).faults, ==, 41);
    g_assert_cmpuint(g_array_index(found, VnNumaFaults, 1).host_node, ==, 1);
    g_assert_cmpuint(g_array_index(found, VnNumaFaults, 1).faults, ==, 512);
}

static void
test_numa_faults_bad(void)
{
    static const struct {
        const char *text;
        int n; /* -1: INVALID */
    } cases[] = {
        {"", 0},
        {"numa_faults\nnuma_faults_x node=1\n", 0},
        {"numa_faults node=65535 task_private=1 task_shared=1", 1},
        {"numa_faults node=65536 task_private=1 task_shared=1", -1},
        {"numa_faults node=-1 task_private=1 task_shared=1", -1},
        {"numa_faults node= task_private=1 task_shared=1", -1},
        {"numa_faults node=1 task_private=1", -1},
        {"numa_faults node=1 task_shared=1", -1},
        {"numa_faults node=1 task_private=x task_shared=1", -1},
        {"numa_faults node=1 task_private=1 task_shared=9223372036854775807", 1},
        {"numa_faults node=1 task_private=1 task_shared=9223372036854775808", -1},
        {"numa_faults node=1 task_shared=1 more=1 task_private=1", 1},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GArray) found = vn_proc_parse_numa_faults(cases[i].text, &error);
        g_test_message("%s", cases[i].text);
        g_assert_cmpint(found ? (int) found->len : -1, ==, cases[i].n);
        if (!found)
            g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    }
}

static void
test_numa_faults_limit(void)
{
    for (guint extra = 0; extra < 2; extra++) {
        g_autoptr(GString) text = g_string_new(NULL);
        for (guint i = 0; i < VN_PROC_NODES_MAX + extra; i++)
            g_string_append_printf(
                text, "numa_faults node=%u task_private=1 task_shared=0\n", i);
        g_autoptr(GArray) found = vn_proc_parse_numa_faults(text->str, NULL);
        g_assert_cmpint(found != NULL, ==, extra == 0);
    }
}

static void
test_huge_share(void)
{
    static const struct {
        const char *text;
        double share;
    } cases[] = {
        {"", 0},
        {"no colon\n:\nRss:\n", 0},
        {"55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss:   1000 kB\nAnonHugePages:  750 kB\n",
         0.75},
        {"Rss: 100 kB\nAnonHugePages: 0 kB\nShmemPmdMapped: 50 kB\n", 0.5},
        {"Rss: 100 kB\nFilePmdMapped: 25 kB\nAnonHugePages: 25 kB\n", 0.5},
        {"Rss: 100 kB\nPrivate_Hugetlb: 300 kB\nShared_Hugetlb: 0 kB\n", 0.75},
        {"Rss: 1 kB\nAnonHugePages: 4 kB\n", 1},
        {"Rss: 100 kB\nAnonHugePages: 99999999999999999999 kB\n", 0},
        {"Rss: -1 kB\n", 0},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].text);
        g_assert_cmpfloat(vn_proc_parse_huge_share(cases[i].text), ==, cases[i].share);
    }
}

static void
test_vcpu_link(void)
{
    static const struct {
        const char *target;
        int vcpu; /* -1: not one */
    } cases[] = {
        {"anon_inode:kvm-vcpu:0", 0},      {"anon_inode:kvm-vcpu:65535", 65535},
        {"anon_inode:kvm-vcpu:65536", -1}, {"anon_inode:kvm-vcpu:", -1},
        {"anon_inode:kvm-vcpu:1 ", -1},    {"anon_inode:kvm-vcpu:-1", -1},
        {"anon_inode:kvm-vm", -1},         {"anon_inode:kvm-vcpu-stats:1", -1},
        {"/anon_inode:kvm-vcpu:1", -1},    {"", -1},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint vcpu = 77;
        gboolean found = vn_proc_parse_vcpu_link(cases[i].target, &vcpu);
        g_assert_cmpint(found, ==, cases[i].vcpu >= 0);
        g_assert_cmpuint(vcpu, ==, found ? (guint) cases[i].vcpu : 77);
    }
}

static void
test_read(void)
{
    g_autofree char *path = NULL;
    int file = g_file_open_tmp("vnumad-test-XXXXXX", &path, NULL);
    g_assert_cmpint(file, >=, 0);
    close(file);
    g_autofree char *content = g_strnfill(10000, 'x');
    g_assert_true(g_file_set_contents(path, content, 10000, NULL));
    g_autofree char *text = vn_proc_read(path, 10000, NULL);
    g_assert_cmpstr(text, ==, content);

    g_autoptr(GError) error = NULL;
    g_assert_null(vn_proc_read(path, 9999, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_clear_error(&error);
    g_unlink(path);
    g_assert_null(vn_proc_read(path, 10000, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_clear_error(&error);
    g_assert_null(vn_proc_read("/", 10000, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_FAILED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/proc/numa-faults", test_numa_faults);
    g_test_add_func("/proc/numa-faults/bad", test_numa_faults_bad);
    g_test_add_func("/proc/numa-faults/limit", test_numa_faults_limit);
    g_test_add_func("/proc/huge-share", test_huge_share);
    g_test_add_func("/proc/vcpu-link", test_vcpu_link);
    g_test_add_func("/proc/read", test_read);
    return g_test_run();
}
