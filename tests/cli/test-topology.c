/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vnumactl topology of files: tables, XML, arguments, ACPI there and back, bad input. */
#include "tests/cli/run.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define HEAD                              \
    "<domain type='kvm'><name>db1</name>" \
    "<uuid>11111111-2222-3333-4444-555555555555</uuid>"

/* Everything that there can be; @line: of the memory-side cache. */
#define WHOLE(line)                                                                      \
    HEAD                                                                                 \
        "<maxMemory slots='4' unit='GiB'>16</maxMemory><vcpu>8</vcpu>"                   \
        "<memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages>"              \
        "</memoryBacking><numatune><memory mode='strict' nodeset='0-3'/>"                \
        "<memnode cellid='0' mode='strict' nodeset='2'/>"                                \
        "<memnode cellid='1' mode='strict' nodeset='0,3'/></numatune>"                   \
        "<os><type machine='pc-q35-7.2'>hvm</type></os><cpu>"                            \
        "<topology sockets='2' cores='2' threads='2'/><numa>"                            \
        "<cell cpus='0-3' memory='4' unit='GiB'><distances><sibling id='1' value='21'/>" \
        "</distances><cache level='1' associativity='direct' policy='writeback'>"        \
        "<size value='512' unit='KiB'/><line value='" line "'/></cache></cell>"          \
        "<cell cpus='4-7' memory='2' unit='GiB'/><interconnects>"                        \
        "<latency initiator='0' target='0' type='access' value='90'/>"                   \
        "<latency initiator='0' target='1' type='access' value='130'/>"                  \
        "<bandwidth initiator='0' target='0' type='read' value='20' unit='GiB'/>"        \
        "</interconnects></numa></cpu></domain>"

#define SMALL                                                                     \
    HEAD "<vcpu>2</vcpu><os><type machine='q35'>hvm</type></os><features><acpi/>" \
         "</features><cpu><numa><cell cpus='0' memory='1048576'/>"                \
         "<cell cpus='1' memory='1048576'/></numa></cpu></domain>"

typedef struct {
    char *folder;
    char *path; /* of the definition */
    char *acpi; /* folder for tables */
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer definition)
{
    g_autoptr(GError) error = NULL;
    fixture->folder = g_dir_make_tmp("vnumactl-XXXXXX", &error);
    g_assert_no_error(error);
    fixture->path = g_build_filename(fixture->folder, "definition", NULL);
    fixture->acpi = g_build_filename(fixture->folder, "acpi", NULL);
    g_file_set_contents(fixture->path, definition, -1, &error);
    g_assert_no_error(error);
}

static void
tear_down(Fixture *fixture, gconstpointer definition)
{
    static const char *const tables[] = {"SRAT", "SLIT", "HMAT"};
    for (gsize i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autofree char *path = g_build_filename(fixture->acpi, tables[i], NULL);
        g_assert_true(g_unlink(path) == 0 || errno == ENOENT);
    }
    g_assert_true(g_rmdir(fixture->acpi) == 0 || errno == ENOENT);
    g_assert_cmpint(g_unlink(fixture->path), ==, 0);
    g_assert_cmpint(g_rmdir(fixture->folder), ==, 0);
    g_free(fixture->folder);
    g_free(fixture->path);
    g_free(fixture->acpi);
}

/* vnumactl topology with the words of @options, then the definition's path. */
static Run *
go(const Fixture *fixture, const char *options)
{
    g_autofree char *line =
        g_strjoin(" ", "topology", fixture->path, *options ? options : NULL, NULL);
    return run_simply(line);
}

static void
assert_failed(const Run *run, const char *says)
{
    g_assert_cmpstr(run->out->str, ==, "");
    g_assert_cmpint(run->status, ==, 1);
    g_assert_cmpuint(strcspn(run->err->str, "\n") + 1, ==, run->err->len);
    if (!strstr(run->err->str, says))
        g_error("\"%s\" lacks \"%s\"", run->err->str, says);
}

static void
test_table(Fixture *fixture, gconstpointer definition)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *expected = NULL;
    g_autofree char *path =
        g_test_build_filename(G_TEST_DIST, "cli", "expected", "topology.txt", NULL);
    g_file_get_contents(path, &expected, NULL, &error);
    g_assert_no_error(error);
    g_autoptr(Run) run = go(fixture, "");
    run_assert_printed(run, expected);

    /* What QEMU refuses is shown, but no arguments and no tables are made of it. */
    g_autoptr(Run) arguments = go(fixture, "--qemu");
    g_autofree char *acpi = g_strdup_printf("--acpi %s", fixture->acpi);
    g_autoptr(Run) tables = go(fixture, acpi);
    assert_failed(arguments, "longer than 65535 bytes");
    assert_failed(tables, "longer than 65535 bytes");
    g_assert_false(g_file_test(fixture->acpi, G_FILE_TEST_EXISTS));
}

static void
test_json(Fixture *fixture, gconstpointer definition)
{
    static const char *const keys[] = {
        "machine",          "vcpus",        "topology",      "page_size_bytes",
        "memory_max_bytes", "memory_slots", "has_distances", "cells",
        "interconnects",    "caches",       "reasons"};
    g_autoptr(Run) run = go(fixture, "--json");
    g_autoptr(VnJson) json = run_json(run);
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        g_assert_true(vn_json_has(json, keys[i]));
    const VnJson *cells = vn_json_get_array(json, "cells", NULL);
    const VnJson *cell = vn_json_array_get(cells, 1);
    guint64 bytes = 0;
    g_assert_cmpuint(vn_json_array_length(cells), ==, 2);
    g_assert_true(vn_json_get_uint64(cell, "memory_bytes", &bytes, NULL));
    g_assert_cmpuint(bytes, ==, G_GUINT64_CONSTANT(2) << 30);
    g_assert_cmpuint(vn_json_array_length(vn_json_get_array(cell, "distances", NULL)), ==,
                     2);
    g_assert_cmpuint(vn_json_array_length(vn_json_get_array(cell, "home", NULL)), ==, 2);
}

static void
test_xml(Fixture *fixture, gconstpointer definition)
{
    g_autoptr(Run) run = go(fixture, "--xml");
    run_assert_printed(run, "<cpu>\n"
                            "  <topology sockets='2' dies='1' cores='1' threads='1'/>\n"
                            "  <numa>\n"
                            "    <cell id='0' cpus='0' memory='1048576' unit='KiB'>\n"
                            "    </cell>\n"
                            "    <cell id='1' cpus='1' memory='1048576' unit='KiB'>\n"
                            "    </cell>\n"
                            "  </numa>\n"
                            "</cpu>\n");
    g_autoptr(Run) machine = go(fixture, "--xml --json");
    g_autoptr(VnJson) json = run_json(machine);
    g_assert_cmpstr(vn_json_get_string(json, "xml", NULL), ==, run->out->str);
}

static void
test_arguments(Fixture *fixture, gconstpointer definition)
{
    g_autoptr(Run) run = go(fixture, "--qemu");
    run_assert_printed(run, "-machine q35\n"
                            "-smp 2,maxcpus=2,sockets=2,dies=1,cores=1,threads=1\n"
                            "-m size=2097152k\n"
                            "-object memory-backend-ram,id=ram-node0,size=1073741824\n"
                            "-numa node,nodeid=0,cpus=0,memdev=ram-node0\n"
                            "-object memory-backend-ram,id=ram-node1,size=1073741824\n"
                            "-numa node,nodeid=1,cpus=1,memdev=ram-node1\n");
    g_autoptr(Run) machine = go(fixture, "--qemu --json");
    g_autoptr(VnJson) json = run_json(machine);
    g_assert_cmpuint(vn_json_array_length(vn_json_get_array(json, "arguments", NULL)), ==,
                     14);
}

static void
test_acpi(Fixture *fixture, gconstpointer definition)
{
    g_autofree char *option = g_strdup_printf("--acpi %s", fixture->acpi);
    g_autofree char *expected =
        g_strdup_printf("%1$s/SRAT: 376 bytes\n%1$s/SLIT: 48 bytes\n"
                        "%1$s/HMAT: 264 bytes\n",
                        fixture->acpi);
    g_autoptr(Run) written = go(fixture, option);
    run_assert_printed(written, expected);
    g_autoptr(Run) again = go(fixture, option);
    run_assert_printed(again, expected);

    g_autofree char *decode =
        g_strdup_printf("topology --decode %1$s/SLIT %1$s/HMAT %1$s/SRAT", fixture->acpi);
    g_autoptr(Run) decoded = run_simply(decode);
    g_autofree char *slit =
        g_strdup_printf("%s/SLIT: SLIT, revision 1, 48 bytes, of BOCHS BXPC\n"
                        "\n"
                        "FROM\\TO   0   1\n"
                        "      0  10  21\n"
                        "      1  21  10\n"
                        "\n",
                        fixture->acpi);
    g_assert_true(g_str_has_prefix(decoded->out->str, slit));
    g_assert_nonnull(
        strstr(decoded->out->str, "\n     1     4  4-7       APIC  enabled\n"));
    g_assert_nonnull(strstr(decoded->out->str, "14.0 GiB  enabled, for hot-plugging\n"));
    g_assert_nonnull(strstr(decoded->out->str, "\n      0  90 ns  130 ns\n"));

    g_autofree char *line = g_strconcat(decode, " --json", NULL);
    g_autoptr(Run) machine = run_simply(line);
    g_autoptr(VnJson) json = run_json(machine);
    const VnJson *tables = vn_json_get_array(json, "tables", NULL);
    g_assert_cmpuint(vn_json_array_length(tables), ==, 3);
    g_assert_cmpstr(vn_json_get_string(vn_json_array_get(tables, 2), "signature", NULL),
                    ==, "SRAT");
}

/* Tables of another guest must not be taken for this one's. */
static void
test_stale_table(Fixture *fixture, gconstpointer definition)
{
    g_autofree char *option = g_strdup_printf("--acpi %s", fixture->acpi);
    g_autofree char *path = g_build_filename(fixture->acpi, "SLIT", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(g_mkdir(fixture->acpi, 0700), ==, 0);
    g_file_set_contents(path, "", -1, &error);
    g_assert_no_error(error);
    g_autoptr(Run) run = go(fixture, option);
    assert_failed(run, "the guest is told no SLIT");
    g_assert_cmpint(g_unlink(path), ==, 0);

    g_autofree char *below = g_strdup_printf("--acpi %s/not/there", fixture->acpi);
    g_autoptr(Run) nowhere = go(fixture, below);
    assert_failed(nowhere, "create folder: No such file");
}

static void
test_bad_definitions(Fixture *fixture, gconstpointer definition)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", "it is empty"},
        {"<domain>", "line 1"},
        {"<!DOCTYPE domain [<!ENTITY a SYSTEM '/etc/passwd'>]>" HEAD "&a;</domain>",
         "<!DOCTYPE>"},
        {HEAD "<memory>1024</memory></domain>",
         "guest db1: it is told of no cells, and does not ask for any: give its "},
        {HEAD
         "<vcpu>1</vcpu><cpu><numa><cell cpus='0-3' memory='1'/></numa></cpu></domain>",
         "cell 0: there is no vCPU 1"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_file_set_contents(fixture->path, cases[i].text, -1, &error);
        g_assert_no_error(error);
        g_autoptr(Run) run = go(fixture, "");
        assert_failed(run, cases[i].says);
    }
    g_autoptr(Run) missing = run_simply("topology /nonexistent/a.xml");
    assert_failed(missing, "/nonexistent/a.xml");
    g_autoptr(Run) folder = run_simply("topology /tmp/");
    assert_failed(folder, "/tmp");

    /* 50 MB are not even read. */
    g_assert_cmpint(truncate(fixture->path, 50000000), ==, 0);
    g_autoptr(Run) large = go(fixture, "");
    assert_failed(large, "larger than 4 MiB");
}

/* A checksum that is wrong, a structure that is not known, and one that is too short. */
static void
test_strange_table(Fixture *fixture, gconstpointer definition)
{
    static const char table[58] = "SRAT\72\0\0\0\3\0OEM\033  TABLE   "
                                  "\1\0\0\0ASL \1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0"
                                  "\310\4\0\0\0\6\0\0\0\0";
    g_autoptr(GError) error = NULL;
    g_file_set_contents(fixture->path, table, sizeof table, &error);
    g_assert_no_error(error);
    g_autofree char *line = g_strdup_printf("topology --decode %s", fixture->path);
    g_autofree char *expected = g_strdup_printf(
        "%s: SRAT, revision 3, 58 bytes, of OEM TABLE\n"
        "\n"
        "Offset 48: structure of type 200 (not known), 4 bytes: not shown\n"
        "Offset 52: structure of type 0 (processor local APIC affinity), 6 bytes: not "
        "shown\n"
        "Warning: offset 9: the checksum is not right\n"
        "Warning: offset 52: the structure 'processor local APIC affinity' has 6 bytes "
        "but needs 16: passed over\n",
        fixture->path);
    g_autoptr(Run) run = run_simply(line);
    run_assert_printed(run, expected);
}

static void
test_bad_tables(Fixture *fixture, gconstpointer definition)
{
    g_autofree char *line = g_strdup_printf("topology --decode %s", fixture->path);
    g_autoptr(Run) no_table = run_simply(line);
    assert_failed(no_table, "at offset 4 its length is");
    g_autoptr(GError) error = NULL;
    g_file_set_contents(fixture->path, "SRAT", -1, &error);
    g_assert_no_error(error);
    g_autoptr(Run) truncated = run_simply(line);
    assert_failed(truncated, "definition: ACPI table: truncated: at offset 0");
    g_assert_cmpint(g_unlink(fixture->path), ==, 0);
    g_assert_cmpint(mkfifo(fixture->path, 0600), ==, 0);
    g_autoptr(Run) fifo = run_simply(line);
    assert_failed(fifo, "definition");
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        const char *definition;
        void (*test)(Fixture *fixture, gconstpointer definition);
    } tests[] = {
        {"/topology/table", WHOLE("65536"), test_table},
        {"/topology/json", WHOLE("64"), test_json},
        {"/topology/xml", SMALL, test_xml},
        {"/topology/arguments", SMALL, test_arguments},
        {"/topology/acpi", WHOLE("64"), test_acpi},
        {"/topology/stale-table", SMALL, test_stale_table},
        {"/topology/bad-definitions", "", test_bad_definitions},
        {"/topology/strange-table", SMALL, test_strange_table},
        {"/topology/bad-tables", SMALL, test_bad_tables},
    };
    g_test_init(&argc, &argv, NULL);
    run_init(argv[1]);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, Fixture, tests[i].definition, set_up, tests[i].test,
                   tear_down);
    return g_test_run();
}
