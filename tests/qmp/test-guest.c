/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a QEMU says of its guest, and what of it is not believed. */
#include "qmp/guest.h"
#include "tests/qmp/fake-peer.h"

#include <string.h>

#define TIMEOUT_MS 60000
#define UUID "11111111-2222-3333-4444-000000000001"
#define FAILS "\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}"

/* The answers, in the order of the questions. */
typedef enum {
    NAME,
    UUID_OF,
    STATUS,
    MEMORY,
    CPUS,
    TYPE,
    LIMIT,
    QUESTIONS,
} Question;

typedef struct {
    const char *answers[QUESTIONS]; /* NULL: the usual one */
} Answers;

static const struct {
    const char *command;
    const char *arguments;
    const char *usual;
} questions[] = {
    {"query-name", NULL, "\"return\": {\"name\": \"db1\"}"},
    {"query-uuid", NULL, "\"return\": {\"UUID\": \"" UUID "\"}"},
    {"query-status", NULL,
     "\"return\": {\"running\": true, \"singlestep\": false, \"status\": \"running\"}"},
    {"query-memory-size-summary", NULL,
     "\"return\": {\"base-memory\": 301989888, \"plugged-memory\": 0}"},
    {"query-cpus-fast", NULL,
     "\"return\": [{\"cpu-index\": 1, \"thread-id\": 42, \"props\": {\"node-id\": 1, "
     "\"socket-id\": 1}, \"target\": \"x86_64\"}, {\"cpu-index\": 0, \"thread-id\": 41, "
     "\"props\": {\"node-id\": 0}}]"},
    {"qom-get", "{\"path\":\"/machine\",\"property\":\"type\"}",
     "\"return\": \"pc-q35-7.2-machine\""},
    {"qom-get", "{\"path\":\"/machine\",\"property\":\"max-ram-below-4g\"}",
     "\"return\": 4294967296"},
};

static void
script(FakePeer *peer, gpointer data)
{
    const Answers *answers = data;
    fake_peer_greet(peer);
    for (guint i = 0; i < QUESTIONS; i++) {
        const char *answer = answers->answers[i];
        fake_peer_answer(peer, questions[i].command, questions[i].arguments,
                         answer ? answer : questions[i].usual);
        if (answer && i < TYPE && (strstr(answer, "bad") || strstr(answer, "error")))
            break; /* no more is asked */
    }
    fake_peer_await_end(peer);
}

/* A fake QEMU and its client, for the length of one test. */
static VnGuest *
read_guest(const Answers *answers, GError **error)
{
    int fd;
    FakePeer *peer = fake_peer_start(script, (gpointer) answers, &fd);
    VnQmpClient *client = vn_qmp_client_new_for_fd(fd, "fake", TIMEOUT_MS, error);
    g_assert_nonnull(client);
    VnGuest *guest = vn_qmp_guest_read(client, "/run/q", TIMEOUT_MS, error);
    vn_qmp_client_free(client);
    fake_peer_join(peer);
    return guest;
}

static void
test_read(void)
{
    static const Answers usual = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(VnGuest) guest = read_guest(&usual, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(guest->name, ==, "db1");
    g_assert_cmpstr(guest->uuid, ==, UUID);
    g_assert_cmpstr(guest->machine, ==, "pc-q35-7.2");
    g_assert_cmpint(guest->state, ==, VN_GUEST_RUNNING);
    g_assert_cmpuint(guest->memory_bytes, ==, 288u << 20);
    g_assert_true(guest->told_cells);
    g_assert_cmpuint(guest->vcpus->len, ==, 2);
    for (guint i = 0; i < 2; i++) {
        const VnVcpu *vcpu = guest->vcpus->pdata[i];
        g_assert_cmpuint(vcpu->id, ==, i);
        g_assert_cmpuint(vcpu->cell, ==, i);
        g_assert_cmpint(vcpu->tid, ==, 41 + (int) i);
    }
}

/* Without name, cells, or a machine whose layout can be known. */
static void
test_plain(void)
{
    static const char *const layouts[][2] = {
        {FAILS, NULL},
        {"\"return\": 7", NULL},
        {"\"return\": \"pc\"", NULL},
        {NULL, "\"return\": 1073741824"},
        {"\"return\": \"pc-i440fx-7.2-machine\"", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(layouts); i++) {
        const Answers answers = {
            {[NAME] = "\"return\": {}",
             [STATUS] = "\"return\": {\"running\": false}",
             [CPUS] = "\"return\": [{\"cpu-index\": 4095, \"thread-id\": 42}]",
             [TYPE] = layouts[i][0],
             [LIMIT] = layouts[i][1]}};
        g_autoptr(GError) error = NULL;
        g_autoptr(VnGuest) guest = read_guest(&answers, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(guest->name, ==, "/run/q");
        g_assert_cmpint(guest->state, ==, VN_GUEST_PAUSED);
        g_assert_null(guest->machine);
        g_assert_false(guest->told_cells);
    }
    static const Answers other = {{[LIMIT] = FAILS}};
    g_autoptr(VnGuest) guest = read_guest(&other, NULL);
    g_assert_cmpstr(guest->machine, ==, "pc-q35-7.2");
}

static void
test_refused(void)
{
#define CPU(members) "\"return\": [{" members ", \"bad\": 0}]"
    static const struct {
        Question question;
        const char *answer;
        VnErrorCode code;
        const char *says;
    } cases[] = {
        {NAME, FAILS, VN_ERROR_FAILED, "QMP fake: query-name: no"},
        {NAME, "\"return\": {\"name\": 7, \"bad\": 0}", VN_ERROR_INVALID, "query-name: "},
        {UUID_OF, "\"return\": {\"UUID\": \"bad\"}", VN_ERROR_INVALID, "no UUID"},
        {UUID_OF, "\"return\": {\"bad\": 0}", VN_ERROR_INVALID, "query-uuid: "},
        {STATUS, "\"return\": {\"running\": \"bad\"}", VN_ERROR_INVALID, "query-status"},
        {MEMORY, "\"return\": {\"base-memory\": -1, \"bad\": 0}", VN_ERROR_INVALID,
         "query-memory-size-summary: "},
        {MEMORY, "\"return\": {\"base-memory\": 4503599627370497, \"bad\": 0}",
         VN_ERROR_INVALID, "more than x86"},
        {CPUS, "\"return\": [\"bad\"]", VN_ERROR_INVALID, "query-cpus-fast: "},
        {CPUS, "\"return\": {\"bad\": 0}", VN_ERROR_INVALID, "no list"},
        {CPUS, CPU("\"cpu-index\": 4096, \"thread-id\": 1"), VN_ERROR_INVALID, "none"},
        {CPUS, CPU("\"cpu-index\": 0, \"thread-id\": 0"), VN_ERROR_INVALID, "none"},
        {CPUS, CPU("\"cpu-index\": 0, \"thread-id\": 2147483648"), VN_ERROR_INVALID,
         "thread-id"},
        {CPUS, CPU("\"cpu-index\": 0"), VN_ERROR_INVALID, "thread-id"},
        {CPUS, CPU("\"cpu-index\": 0, \"thread-id\": 1, \"props\": 1"), VN_ERROR_INVALID,
         "props"},
        {CPUS,
         "\"return\": [{\"cpu-index\": 0, \"thread-id\": 1}, "
         "{\"cpu-index\": 0, \"thread-id\": 2, \"bad\": 0}]",
         VN_ERROR_INVALID, "none"},
        {CPUS, "\"return\": null, \"bad\": 0", VN_ERROR_INVALID, "answers nothing"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Answers answers = {0};
        g_autoptr(GError) error = NULL;
        answers.answers[cases[i].question] = cases[i].answer;
        g_assert_null(read_guest(&answers, &error));
        g_test_message("%s", error->message);
        g_assert_error(error, VN_ERROR, (gint) cases[i].code);
        g_assert_nonnull(strstr(error->message, cases[i].says));
    }
}

static void
test_name_limit(void)
{
    for (guint length = VN_QMP_NAME_BYTES_MAX; length <= VN_QMP_NAME_BYTES_MAX + 1;
         length++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *name = g_strnfill(length, 'n');
        g_autofree char *answer =
            g_strdup_printf("\"return\": {\"name\": \"%s\"%s}", name,
                            length > VN_QMP_NAME_BYTES_MAX ? ", \"bad\": 0" : "");
        const Answers answers = {{[NAME] = answer}};
        g_autoptr(VnGuest) guest = read_guest(&answers, &error);
        g_assert_cmpint(guest != NULL, ==, length == VN_QMP_NAME_BYTES_MAX);
    }
}

typedef struct {
    const char *path;
    const char *answer;
} Size;

static void
size_script(FakePeer *peer, gpointer data)
{
    const Size *size = data;
    g_autofree char *arguments =
        g_strdup_printf("{\"path\":\"%s\",\"property\":\"size\"}", size->path);
    fake_peer_greet(peer);
    fake_peer_answer(peer, "qom-get", arguments, size->answer);
    fake_peer_await_end(peer);
}

static void
test_memory(void)
{
    static const struct {
        const char *region;
        Size size;
        guint64 bytes; /* 0: refused */
    } cases[] = {
        {"ram-node0", {"/objects/ram-node0", "\"return\": 33554432"}, 33554432},
        {"/objects/m0",
         {"/objects/m0", "\"return\": 4503599627370496"},
         G_GUINT64_CONSTANT(1) << 52},
        {"m", {"/objects/m", "\"return\": 4503599627370497"}, 0},
        {"m", {"/objects/m", "\"return\": 0"}, 0},
        {"m", {"/objects/m", "\"return\": -1"}, 0},
        {"m", {"/objects/m", "\"return\": \"1\""}, 0},
        {"m", {"/objects/m", FAILS}, 0},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        int fd;
        guint64 bytes = 42;
        g_autoptr(GError) error = NULL;
        FakePeer *peer = fake_peer_start(size_script, (gpointer) &cases[i].size, &fd);
        VnQmpClient *client = vn_qmp_client_new_for_fd(fd, "fake", TIMEOUT_MS, &error);
        gboolean done =
            vn_qmp_memory_bytes(client, cases[i].region, TIMEOUT_MS, &bytes, &error);
        g_assert_cmpint(done, ==, cases[i].bytes != 0);
        g_assert_cmpuint(bytes, ==, done ? cases[i].bytes : 42);
        vn_qmp_client_free(client);
        fake_peer_join(peer);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/guest/read", test_read);
    g_test_add_func("/guest/plain", test_plain);
    g_test_add_func("/guest/refused", test_refused);
    g_test_add_func("/guest/name-limit", test_name_limit);
    g_test_add_func("/guest/memory", test_memory);
    return g_test_run();
}
