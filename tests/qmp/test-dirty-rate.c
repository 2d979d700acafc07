/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* calc-dirty-rate and its kin, with a QEMU that answers whatever a test wants. */
#include "qmp/dirty-rate.h"
#include "tests/qmp/fake-peer.h"

#include <string.h>

#define TIMEOUT_MS 60000
#define ERROR(class, desc) "\"error\": {\"class\": \"" class "\", \"desc\": \"" desc "\"}"

/* What is asked, in this order, and answered; it ends at one without a command. */
typedef struct {
    const char *command;
    const char *arguments;
    const char *answer;
} Exchange;

static const Exchange kvm = {"query-kvm", NULL,
                             "\"return\": {\"enabled\": true, \"present\": true}"};
static const Exchange tcg = {"query-kvm", NULL,
                             "\"return\": {\"enabled\": false, \"present\": true}"};
static const Exchange unstarted = {
    "query-dirty-rate", NULL,
    "\"return\": {\"status\": \"unstarted\", \"sample-pages\": 512, \"start-time\": 0, "
    "\"calc-time\": 0, \"mode\": \"page-sampling\"}"};
static const Exchange measuring = {
    "query-dirty-rate", NULL,
    "\"return\": {\"status\": \"measuring\", \"sample-pages\": 0, \"start-time\": 7, "
    "\"calc-time\": 4, \"mode\": \"dirty-bitmap\"}"};
static const Exchange measured = {
    "query-dirty-rate", NULL,
    "\"return\": {\"status\": \"measured\", \"sample-pages\": 0, \"start-time\": 7, "
    "\"calc-time\": 4, \"mode\": \"dirty-ring\", \"dirty-rate\": 30, "
    "\"vcpu-dirty-rate\": [{\"id\": 0, \"dirty-rate\": 29}, "
    "{\"id\": 4095, \"dirty-rate\": -1}]}"};
static const Exchange at_rest = {"query-migrate", NULL, "\"return\": {}"};

static void
script(FakePeer *peer, gpointer data)
{
    fake_peer_greet(peer);
    for (const Exchange *e = data; e->command; e++)
        fake_peer_answer(peer, e->command, e->arguments, e->answer);
    fake_peer_await_end(peer);
}

typedef struct {
    FakePeer *peer;
    VnQmpClient *client;
} Fixture;

static Fixture
start(const Exchange *exchanges)
{
    int fd;
    g_autoptr(GError) error = NULL;
    Fixture fixture = {.peer = fake_peer_start(script, (gpointer) exchanges, &fd)};
    fixture.client = vn_qmp_client_new_for_fd(fd, "fake", TIMEOUT_MS, &error);
    g_assert_no_error(error);
    return fixture;
}

static void
finish(Fixture *fixture)
{
    vn_qmp_client_free(fixture->client);
    fake_peer_join(fixture->peer);
}

static void
test_start(void)
{
    static const char *const modes[] = {"{\"calc-time\":60,\"mode\":\"dirty-bitmap\"}",
                                        "{\"calc-time\":60,\"mode\":\"dirty-ring\"}"};
    static const char *const statuses[] = {"none", "completed", "failed", "cancelled"};
    for (guint ring = 0; ring < 2; ring++) {
        for (gsize i = 0; i < G_N_ELEMENTS(statuses); i++) {
            g_autoptr(GError) error = NULL;
            g_autofree char *status =
                g_strdup_printf("\"return\": {\"status\": \"%s\"}", statuses[i]);
            const Exchange exchanges[] = {
                kvm,
                measured,
                {"query-migrate", NULL, status},
                {"calc-dirty-rate", modes[ring], "\"return\": {}"},
                {0}};
            Fixture fixture = start(exchanges);
            g_assert_true(vn_qmp_dirty_rate_start(fixture.client, 60, ring != 0,
                                                  TIMEOUT_MS, &error));
            g_assert_no_error(error);
            finish(&fixture);
        }
    }
}

/* Nothing is begun but what may be. */
static void
test_start_refused(void)
{
    const struct {
        Exchange exchanges[5];
        VnErrorCode code;
        const char *says;
    } cases[] = {
        {{tcg}, VN_ERROR_UNSUPPORTED, "without KVM"},
        {{kvm, measuring}, VN_ERROR_BUSY, "somebody measures"},
        {{kvm,
          unstarted,
          {"query-migrate", NULL, "\"return\": {\"status\": \"active\", \"ram\": {}}"}},
         VN_ERROR_BUSY,
         "being migrated (active)"},
        {{kvm,
          unstarted,
          {"query-migrate", NULL, "\"return\": {\"status\": \"a later QEMU's\"}"}},
         VN_ERROR_BUSY,
         "being migrated"},
        {{kvm, unstarted, {"query-migrate", NULL, "\"return\": {\"status\": 1}"}},
         VN_ERROR_INVALID,
         "query-migrate: "},
        {{{"query-kvm", NULL, "\"return\": {\"enabled\": \"yes\"}"}},
         VN_ERROR_INVALID,
         "query-kvm: "},
        {{{"query-kvm", NULL, "\"return\": null"}}, VN_ERROR_INVALID, "query-kvm: "},
        {{kvm, {"query-dirty-rate", NULL, ERROR("CommandNotFound", "no")}},
         VN_ERROR_UNSUPPORTED,
         "QMP fake: query-dirty-rate: no"},
        {{kvm,
          unstarted,
          at_rest,
          {"calc-dirty-rate", "{\"calc-time\":1,\"mode\":\"dirty-bitmap\"}",
           ERROR("GenericError", "mode dirty-bitmap is not enabled")}},
         VN_ERROR_FAILED,
         "calc-dirty-rate: mode dirty-bitmap is not enabled"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        Fixture fixture = start(cases[i].exchanges);
        g_assert_false(
            vn_qmp_dirty_rate_start(fixture.client, 1, FALSE, TIMEOUT_MS, &error));
        g_assert_error(error, VN_ERROR, (gint) cases[i].code);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, cases[i].says));
        finish(&fixture);
    }
}

static void
test_seconds(void)
{
    static const guint refused[] = {0, 61, G_MAXUINT};
    static const Exchange nothing = {0};
    Fixture fixture = start(&nothing);
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(vn_qmp_dirty_rate_start(fixture.client, refused[i], FALSE,
                                               TIMEOUT_MS, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    }
    finish(&fixture);
}

static void
test_check(void)
{
    const struct {
        Exchange exchanges[3];
        int code; /* -1: nobody is at it */
    } cases[] = {
        {{unstarted, at_rest}, -1},
        {{measured, at_rest}, -1},
        {{measuring}, VN_ERROR_BUSY},
        {{measured, {"query-migrate", NULL, "\"return\": {\"status\": \"setup\"}"}},
         VN_ERROR_BUSY},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        Fixture fixture = start(cases[i].exchanges);
        gboolean idle = vn_qmp_dirty_rate_check(fixture.client, TIMEOUT_MS, &error);
        g_assert_cmpint(idle, ==, cases[i].code < 0);
        if (!idle)
            g_assert_error(error, VN_ERROR, cases[i].code);
        finish(&fixture);
    }
}

static void
test_read(void)
{
    const Exchange exchanges[] = {unstarted, measuring, measured, {0}};
    static const VnQmpDirtyRateState expected[] = {VN_QMP_DIRTY_RATE_UNSTARTED,
                                                   VN_QMP_DIRTY_RATE_MEASURING,
                                                   VN_QMP_DIRTY_RATE_MEASURED};
    Fixture fixture = start(exchanges);
    for (guint i = 0; i < 3; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnQmpDirtyRate) rate =
            vn_qmp_dirty_rate_read(fixture.client, TIMEOUT_MS, &error);
        g_assert_no_error(error);
        g_assert_cmpint(rate->state, ==, expected[i]);
        g_assert_cmpuint(rate->mb_per_second, ==, i == 2 ? 30 : 0);
        g_assert_cmpuint(rate->vcpus->len, ==, i == 2 ? 2 : 0);
        if (i < 2)
            continue;
        const VnQmpVcpuRate *last = &g_array_index(rate->vcpus, VnQmpVcpuRate, 1);
        g_assert_cmpuint(g_array_index(rate->vcpus, VnQmpVcpuRate, 0).mb_per_second, ==,
                         29);
        g_assert_cmpuint(last->vcpu, ==, 4095);
        g_assert_cmpuint(last->mb_per_second, ==, 0);
    }
    finish(&fixture);
}

static void
test_read_nonsense(void)
{
#define MEASURED "\"return\": {\"status\": \"measured\", "
    static const char *const answers[] = {
        "\"return\": {}",
        "\"return\": []",
        "\"return\": null",
        "\"return\": {\"status\": \"other\"}",
        "\"return\": {\"status\": 2}",
        MEASURED "\"dirty-rate\": \"30\"}",
        MEASURED "\"vcpu-dirty-rate\": {}}",
        MEASURED "\"vcpu-dirty-rate\": [7]}",
        MEASURED "\"vcpu-dirty-rate\": [{\"id\": 4096, \"dirty-rate\": 1}]}",
        MEASURED "\"vcpu-dirty-rate\": [{\"id\": -1, \"dirty-rate\": 1}]}",
        MEASURED "\"vcpu-dirty-rate\": [{\"id\": 1}]}",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autoptr(GError) error = NULL;
        const Exchange exchanges[] = {{"query-dirty-rate", NULL, answers[i]}, {0}};
        Fixture fixture = start(exchanges);
        g_assert_null(vn_qmp_dirty_rate_read(fixture.client, TIMEOUT_MS, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, "query-dirty-rate: "));
        finish(&fixture);
    }
}

/* One entry more than there can be vCPUs. */
static void
test_limit(void)
{
    for (guint n = 4096; n <= 4097; n++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GString) answer = g_string_new(MEASURED "\"vcpu-dirty-rate\": [");
        for (guint i = 0; i < n; i++)
            g_string_append_printf(answer, "%s{\"id\": %u, \"dirty-rate\": 1}",
                                   i ? ", " : "", MIN(i, 4095));
        g_string_append(answer, "]}");
        const Exchange exchanges[] = {{"query-dirty-rate", NULL, answer->str}, {0}};
        Fixture fixture = start(exchanges);
        g_autoptr(VnQmpDirtyRate) rate =
            vn_qmp_dirty_rate_read(fixture.client, TIMEOUT_MS, &error);
        g_assert_cmpint(rate != NULL, ==, n == 4096);
        finish(&fixture);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dirty-rate/start", test_start);
    g_test_add_func("/dirty-rate/start-refused", test_start_refused);
    g_test_add_func("/dirty-rate/seconds", test_seconds);
    g_test_add_func("/dirty-rate/check", test_check);
    g_test_add_func("/dirty-rate/read", test_read);
    g_test_add_func("/dirty-rate/read-nonsense", test_read_nonsense);
    g_test_add_func("/dirty-rate/limit", test_limit);
    return g_test_run();
}
