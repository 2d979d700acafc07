/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gpa2hva's command and its answers, as QEMU 7.2 words them (test-qemu asks a real
 * one).
 */
#include "qmp/memory.h"

#include <string.h>

static void
test_command(void)
{
    g_autofree char *zero = vn_qmp_gpa_to_hva_command(0);
    g_autofree char *last = vn_qmp_gpa_to_hva_command(G_MAXUINT64);
    g_assert_cmpstr(
        zero, ==,
        "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":"
        "\"gpa2hva 0x0\"}}");
    g_assert_nonnull(strstr(last, "\"gpa2hva 0xffffffffffffffff\""));
}

static void
test_answers(void)
{
    static const struct {
        const char *text;
        guint64 gpa;
        const char *region;
        guint64 hva;
    } cases[] = {
        {"Host virtual address for 0x1000 (ram-node0) is 0x7f6991e01000\r\n", 0x1000,
         "ram-node0", 0x7f6991e01000},
        {"Host virtual address for 0x0 (pc.ram) is 0x1", 0, "pc.ram", 1},
        {"Host virtual address for 0x0 (a (b) is 0x2) is 0x3\n", 0, "a (b) is 0x2", 3},
        {"Host virtual address for 0x0 () is 0xffffffffffffffff", 0, "", G_MAXUINT64},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *region = NULL;
        guint64 hva = 0;
        g_assert_true(
            vn_qmp_gpa_to_hva_parse(cases[i].text, cases[i].gpa, &region, &hva, &error));
        g_assert_no_error(error);
        g_assert_cmpstr(region, ==, cases[i].region);
        g_assert_cmphex(hva, ==, cases[i].hva);
        g_assert_true(
            vn_qmp_gpa_to_hva_parse(cases[i].text, cases[i].gpa, NULL, &hva, NULL));
    }
}

static void
test_refused(void)
{
    static const struct {
        const char *text;
        VnErrorCode code;
    } cases[] = {
        {"No memory is mapped at address 0x1000\r\n", VN_ERROR_GONE},
        {"Memory at address 0x1000 is not RAM\r\n", VN_ERROR_INVALID},
        {"unknown command: 'gpa2hva'\r\n", VN_ERROR_UNSUPPORTED},
        {"", VN_ERROR_INVALID},
        {"\xff", VN_ERROR_INVALID},
        {"Host virtual address for 0x1000 (ram-node0) is (nil)\r\n", VN_ERROR_INVALID},
        {"Host virtual address for 0x1000 (ram-node0) is 0x0\r\n", VN_ERROR_INVALID},
        {"Host virtual address for 0x1000 (ram-node0) is 0x\r\n", VN_ERROR_INVALID},
        {"Host virtual address for 0x1000 (ram-node0) is 0x10000000000000000",
         VN_ERROR_INVALID},
        {"Host virtual address for 0x1000 (ram-node0) is 0x7f69 and more",
         VN_ERROR_INVALID},
        {"Host virtual address for 0x2000 (ram-node0) is 0x7f69\r\n", VN_ERROR_INVALID},
        {"Host virtual address for 0x1000 (ram-node0)", VN_ERROR_INVALID},
        {"Host virtual address for 0x1000", VN_ERROR_INVALID},
        {"Host virtual address for ", VN_ERROR_INVALID},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        char *region = (char *) "untouched";
        guint64 hva = 42;
        g_assert_false(
            vn_qmp_gpa_to_hva_parse(cases[i].text, 0x1000, &region, &hva, &error));
        g_assert_error(error, VN_ERROR, (gint) cases[i].code);
        g_assert_true(g_str_has_prefix(error->message, "guest address 0x1000: "));
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        g_assert_cmpstr(region, ==, "untouched");
        g_assert_cmpuint(hva, ==, 42);
    }
}

/* What virDomainQemuMonitorCommand gives. */
static void
test_replies(void)
{
    static const struct {
        const char *reply;
        VnErrorCode code;
    } refused[] = {
        {"{\"return\":\"No memory is mapped at address 0x0\\r\\n\",\"id\":\"libvirt-9\"}",
         VN_ERROR_GONE},
        {"{\"id\":\"libvirt-9\",\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"no\"}}",
         VN_ERROR_UNSUPPORTED},
        {"{\"return\":{}}", VN_ERROR_INVALID},
        {"{\"return\":null}", VN_ERROR_INVALID},
        {"{\"event\":\"STOP\",\"timestamp\":{\"seconds\":1,\"microseconds\":1}}",
         VN_ERROR_INVALID},
        {"", VN_ERROR_INVALID},
    };
    g_autofree char *region = NULL;
    guint64 hva = 0;

    g_assert_true(vn_qmp_gpa_to_hva_parse_reply(
        "{\"return\":\"Host virtual address for 0x0 (ram-node0) is 0x7f00\\r\\n\","
        "\"id\":\"libvirt-9\"}",
        0, &region, &hva, NULL));
    g_assert_cmpstr(region, ==, "ram-node0");
    g_assert_cmphex(hva, ==, 0x7f00);
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(
            vn_qmp_gpa_to_hva_parse_reply(refused[i].reply, 0, NULL, &hva, &error));
        g_assert_error(error, VN_ERROR, (gint) refused[i].code);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memory/command", test_command);
    g_test_add_func("/memory/answers", test_answers);
    g_test_add_func("/memory/refused", test_refused);
    g_test_add_func("/memory/replies", test_replies);
    return g_test_run();
}
