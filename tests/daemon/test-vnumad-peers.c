/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sample with qmp, over D-Bus: the test itself is the QEMU that listens, in a recorded
 * host that says so; and all that is no QEMU, or none that can be believed.
 */
#include "tests/daemon/vnumad-fixture.h"
#include "tests/qmp/fake-peer.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define UUID "00000000-0000-0000-0000-000000000000"
/* vCPU threads of the QEMU. */
#define TID 910000

typedef enum {
    GOOD,
    PAUSED,
    TCG,
    MEASURED,  /* by somebody else */
    MIGRATING, /* ... */
    STRANGER,  /* its vCPUs are another process's threads */
    NONSENSE,
    CLOSES, /* after the first question */
    SILENT, /* after the greeting */
    RUDE,   /* before it */
} Manner;

typedef struct {
    Manner manner;
    char *folder;
    char *path;
    FakePeer *peer;
} Qemu;

static void
say_cpus(FakePeer *peer, int tid)
{
    g_autofree char *cpus =
        g_strdup_printf("\"return\": [{\"cpu-index\": 0, \"thread-id\": %d}, "
                        "{\"cpu-index\": 1, \"thread-id\": %d}]",
                        tid, tid + 1);
    fake_peer_answer(peer, "query-cpus-fast", NULL, cpus);
    fake_peer_answer(peer, "qom-get", "{\"path\":\"/machine\",\"property\":\"type\"}",
                     "\"return\": \"pc-q35-7.2-machine\"");
    fake_peer_answer(peer, "qom-get",
                     "{\"path\":\"/machine\",\"property\":\"max-ram-below-4g\"}",
                     "\"return\": 0");
}

/* It does not tell where its memory lies, by cells and then by address. */
static void
say_memory(FakePeer *peer)
{
    for (guint i = 0; i < 2; i++) {
        g_autofree char *arguments =
            g_strdup_printf("{\"command-line\":\"gpa2hva 0x%x\"}", i ? 0x1000000 : 0);
        fake_peer_answer(peer, "human-monitor-command", arguments,
                         "\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}");
    }
}

#define KVM(enabled)                          \
    fake_peer_answer(peer, "query-kvm", NULL, \
                     "\"return\": {\"enabled\": " enabled ", \"present\": true}")

/* The window: QEMU's own count, as there is no KVM to look at. */
static void
measure(FakePeer *peer, Manner manner)
{
    KVM("true");
    fake_peer_answer(peer, "query-dirty-rate", NULL,
                     manner == MEASURED ? "\"return\": {\"status\": \"measuring\"}"
                                        : "\"return\": {\"status\": \"unstarted\"}");
    if (manner == MEASURED)
        return;
    fake_peer_answer(peer, "query-migrate", NULL,
                     manner == MIGRATING ? "\"return\": {\"status\": \"active\"}"
                                         : "\"return\": {}");
    if (manner == MIGRATING)
        return;
    fake_peer_answer(peer, "calc-dirty-rate",
                     "{\"calc-time\":1,\"mode\":\"dirty-bitmap\"}", "\"return\": {}");
    fake_peer_answer(peer, "query-dirty-rate", NULL,
                     "\"return\": {\"status\": \"measured\", \"dirty-rate\": 3, "
                     "\"vcpu-dirty-rate\": [{\"id\": 1, \"dirty-rate\": 3}]}");
}

static void
script(FakePeer *peer, gpointer data)
{
    const Qemu *qemu = data;
    Manner manner = qemu->manner;
    if (manner == RUDE)
        fake_peer_say(peer, "HTTP/1.1 400 Bad Request\r\n");
    else
        fake_peer_greet(peer);
    if (manner == CLOSES)
        return;
    if (manner == TCG)
        KVM("false");
    if (manner == NONSENSE)
        KVM("7");
    if (manner != RUDE && manner != SILENT && manner != TCG && manner != NONSENSE) {
        KVM("true");
        fake_peer_answer(peer, "query-name", NULL, "\"return\": {}");
        fake_peer_answer(peer, "query-uuid", NULL,
                         "\"return\": {\"UUID\": \"" UUID "\"}");
        fake_peer_answer(peer, "query-status", NULL,
                         manner == PAUSED ? "\"return\": {\"running\": false}"
                                          : "\"return\": {\"running\": true}");
        fake_peer_answer(peer, "query-memory-size-summary", NULL,
                         "\"return\": {\"base-memory\": 1073741824}");
        say_cpus(peer, manner == STRANGER ? TID + 10 : TID);
        if (manner != STRANGER)
            say_memory(peer);
        if (manner != STRANGER && manner != PAUSED)
            measure(peer, manner);
    }
    fake_peer_await_end(peer);
}

/* What the recorded host says of the test's own process. @program: (nullable) */
static void
pose_as(const Fixture *fixture, const char *program)
{
    g_autofree char *folder = g_strdup_printf("proc/%d", getpid());
    g_autofree char *exe = g_strdup_printf("%s/exe", folder);
    g_autofree char *stat = g_strdup_printf("%s/stat", folder);
    vn_tree_remove(fixture->tree, folder);
    if (!program)
        return;
    vn_tree_link(fixture->tree, exe, program);
    vn_tree_write(
        fixture->tree, stat,
        "%d (qemu-system-x86) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 4 0 777 0 0\n",
        getpid());
    g_autofree char *maps = g_strdup_printf("%s/maps", folder);
    g_autofree char *numa_maps = g_strdup_printf("%s/numa_maps", folder);
    vn_tree_write(fixture->tree, maps,
                  "7f0000000000-7f0000001000 rw-p 00000000 00:00 0\n");
    vn_tree_write(fixture->tree, numa_maps,
                  "7f0000000000 default anon=1 dirty=1 N0=1 kernelpagesize_kB=4\n");
    for (int i = 0; i < 2; i++) {
        g_autofree char *status = g_strdup_printf("%s/task/%d/status", folder, TID + i);
        vn_tree_write(fixture->tree, status, "Cpus_allowed_list:\t0-1\n");
    }
}

static void
qemu_start(Qemu *qemu, Manner manner)
{
    g_autoptr(GError) error = NULL;
    qemu->manner = manner;
    qemu->folder = g_dir_make_tmp("vnumad-peers-XXXXXX", &error);
    g_assert_no_error(error);
    qemu->path = g_build_filename(qemu->folder, "qmp", NULL);
    qemu->peer = fake_peer_listen(script, qemu, qemu->path);
}

static void
qemu_end(Qemu *qemu)
{
    fake_peer_join(qemu->peer);
    g_assert_cmpint(g_unlink(qemu->path), ==, 0);
    g_assert_cmpint(g_rmdir(qemu->folder), ==, 0);
    g_free(qemu->path);
    g_free(qemu->folder);
}

/* @source: (nullable) */
static GVariant *
sample(const Fixture *fixture, const char *name, const char *path, const char *source,
       GError **error)
{
    g_autoptr(GVariant) answer = NULL;
    GVariantDict options;
    g_variant_dict_init(&options, NULL);
    g_variant_dict_insert(&options, "qmp", "s", path);
    g_variant_dict_insert(&options, "seconds", "u", 1);
    if (source)
        g_variant_dict_insert(&options, "source", "s", source);
    answer = g_dbus_proxy_call_sync(
        G_DBUS_PROXY(fixture->manager), "Sample",
        g_variant_new("(s@a{sv})", name, g_variant_dict_end(&options)),
        G_DBUS_CALL_FLAGS_NONE, DEADLINE_SECONDS * 1000, NULL, error);
    return answer ? g_variant_get_child_value(answer, 0) : NULL;
}

static void
assert_refused(const Fixture *fixture, const char *name, const char *path,
               const char *code, const char *says)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(sample(fixture, name, path, "dirty-rate", &error));
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_autofree char *expected = g_strconcat("org.vnumad1.Error.", code, NULL);
    g_test_message("%s", error->message);
    g_assert_cmpstr(remote, ==, expected);
    g_assert_nonnull(strstr(error->message, says));
}

/* libvirt is not there, and not missed. */
static void
test_sample(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    Qemu qemu;
    guint64 total = 0;
    const char *text = NULL;
    guint id = 0;
    pose_as(fixture, "/usr/bin/qemu-system-x86_64");
    qemu_start(&qemu, GOOD);
    g_autoptr(GVariant) answer = sample(fixture, "", qemu.path, "dirty-rate", &error);
    g_assert_no_error(error);
    g_autofree char *shown = g_variant_print(answer, FALSE);
    g_test_message("%s", shown);
    g_assert_true(g_variant_lookup(answer, "guest", "&s", &text));
    g_assert_cmpstr(text, ==, qemu.path);
    g_assert_true(g_variant_lookup(answer, "uuid", "&s", &text));
    g_assert_cmpstr(text, ==, UUID);
    g_assert_true(g_variant_lookup(answer, "source", "&s", &text));
    g_assert_cmpstr(text, ==, "dirty-rate");
    g_assert_true(g_variant_lookup(answer, "accesses_total", "t", &total));
    g_assert_cmpuint(total, >=, 3 * 256);
    g_autoptr(GVariant) vcpus =
        g_variant_lookup_value(answer, "vcpus", G_VARIANT_TYPE("aa{sv}"));
    g_assert_cmpuint(g_variant_n_children(vcpus), ==, 1);
    g_autoptr(GVariant) vcpu = g_variant_get_child_value(vcpus, 0);
    g_assert_true(g_variant_lookup(vcpu, "id", "u", &id));
    g_assert_cmpuint(id, ==, 1);
    qemu_end(&qemu);
}

static void
test_refused(Fixture *fixture, gconstpointer unused)
{
    static const struct {
        Manner manner;
        const char *code;
        const char *says;
    } cases[] = {
        {PAUSED, "Busy", "its guest is paused"},
        {TCG, "Unsupported", "without KVM"},
        {MEASURED, "Busy", "somebody measures its dirty rate"},
        {MIGRATING, "Busy", "being migrated (active)"},
        {STRANGER, "Gone", "has no thread 910010"},
        {NONSENSE, "Invalid", "query-kvm: "},
        {CLOSES, "Gone", "closed the connection"},
        {SILENT, "Busy", "no answer to 'query-kvm' within"},
        {RUDE, "Invalid", "QMP "},
    };
    pose_as(fixture, "/usr/bin/qemu-system-x86_64");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Qemu qemu;
        qemu_start(&qemu, cases[i].manner);
        assert_refused(fixture, "", qemu.path, cases[i].code, cases[i].says);
        qemu_end(&qemu);
    }
}

/* Paths, names, and processes that are none. */
static void
test_nobody(Fixture *fixture, gconstpointer unused)
{
    Qemu qemu;
    assert_refused(fixture, "", "/nonexistent/qmp", "Gone", "QMP /nonexistent/qmp: ");
    assert_refused(fixture, "", "qmp", "Invalid", "a path from / on is needed");
    assert_refused(fixture, "", "", "Invalid", "a path from / on is needed");
    assert_refused(fixture, "", "/dev/null", "Invalid", "this is no socket");
    assert_refused(fixture, "db1", "/run/q", "Invalid", "not both");

    static const char *const programs[] = {"/usr/bin/socat", NULL};
    for (gsize i = 0; i < G_N_ELEMENTS(programs); i++) {
        pose_as(fixture, programs[i]);
        qemu_start(&qemu, SILENT); /* nor is it asked */
        assert_refused(fixture, "", qemu.path, programs[i] ? "Refused" : "Gone",
                       programs[i] ? "is no QEMU, but /usr/bin/socat" : "/stat");
        qemu_end(&qemu);
    }
}

static const Wish lonely = {.uri = "test:///nonexistent/guests.xml",
                            .config = "sampling = on-request\n"};

#define ADD(path, func) \
    g_test_add(path, Fixture, &lonely, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    fixture_init(argc, argv);
    ADD("/vnumad-peers/sample", test_sample);
    ADD("/vnumad-peers/refused", test_refused);
    ADD("/vnumad-peers/nobody", test_nobody);
    return g_test_run();
}
