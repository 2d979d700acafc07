/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client and gpa2hva against a real QEMU in software emulation, without a guest
 * system. QEMU is given a socket that already listens, so that there is nothing to wait
 * for, and waits for us: QEMU 7.2 may never read from a client that comes while its
 * monitor moves to another thread.
 */
#include "qmp/dirty-rate.h"
#include "qmp/guest.h"
#include "qmp/memory.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 60000
#define QEMU "qemu-system-x86_64"
#define CELL_BYTES (32u * 1024 * 1024)

typedef struct {
    char *folder;
    char *path;
    GPid pid;
    VnQmpClient *client;
} Qemu;

static void
die_with_parent(gpointer user_data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static int
listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *) &address, sizeof(address)), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    return fd;
}

/*
 * Starts QEMU with @options; FALSE when there is none on this machine: the test is
 * skipped.
 */
static gboolean
qemu_start(Qemu *qemu, const char *options)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *program = g_find_program_in_path(QEMU);
    if (!program) {
        g_test_skip(QEMU " is not installed");
        return FALSE;
    }
    qemu->folder = g_dir_make_tmp("vnumad-qmp-XXXXXX", &error);
    g_assert_no_error(error);
    qemu->path = g_build_filename(qemu->folder, "qmp", NULL);
    int fd = listen_at(qemu->path);
    const int target_fd = 10;
    g_autofree char *line = g_strdup_printf(
        QEMU
        " -accel tcg -nodefaults -display none "
        "-chardev socket,id=qmp,fd=%d,server=on,wait=on -mon chardev=qmp,mode=control %s",
        target_fd, options);
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);
    gboolean started = g_spawn_async_with_pipes_and_fds(
        NULL, (const char *const *) argv, NULL,
        G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, die_with_parent, NULL, -1, -1,
        -1, &fd, &target_fd, 1, &qemu->pid, NULL, NULL, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(started);
    close(fd);
    qemu->client = vn_qmp_client_connect(qemu->path, TIMEOUT_MS, &error);
    g_assert_no_error(error);
    return TRUE;
}

static void
qemu_quit(Qemu *qemu)
{
    g_autoptr(GError) error = NULL;
    int status;

    g_assert_true(
        vn_qmp_client_execute(qemu->client, "quit", NULL, TIMEOUT_MS, NULL, &error));
    g_assert_no_error(error);
    g_autoptr(VnQmpMessage) event =
        vn_qmp_client_wait_event(qemu->client, TIMEOUT_MS, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(event->event, ==, "SHUTDOWN");
    g_assert_cmpint(event->time_seconds, >, 0);
    g_assert_cmpint(waitpid(qemu->pid, &status, 0), ==, qemu->pid);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    g_assert_null(vn_qmp_client_wait_event(qemu->client, TIMEOUT_MS, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    vn_qmp_client_free(qemu->client);
    g_unlink(qemu->path); /* QEMU may have done so */
    g_assert_cmpint(g_rmdir(qemu->folder), ==, 0);
    g_free(qemu->path);
    g_free(qemu->folder);
}

static void
test_client(void)
{
    Qemu qemu;
    if (!qemu_start(&qemu, "-machine none"))
        return;

    g_autoptr(GError) error = NULL;
    g_autoptr(VnJson) version = NULL;
    g_autoptr(VnJson) schema = NULL;
    int major = 0;
    g_assert_true(vn_qmp_client_execute(qemu.client, "query-version", NULL, TIMEOUT_MS,
                                        &version, &error));
    g_assert_no_error(error);
    const VnJson *numbers = vn_json_get_object(version, "qemu", &error);
    g_assert_true(vn_json_get_int(numbers, "major", &major, &error));
    g_assert_cmpint(vn_qmp_client_get_version(qemu.client)->major, ==, major);

    /* The largest answer that QEMU has by itself. */
    g_assert_true(vn_qmp_client_execute(qemu.client, "query-qmp-schema", NULL, TIMEOUT_MS,
                                        &schema, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(vn_json_array_length(schema), >, 500);

    g_assert_false(
        vn_qmp_client_execute(qemu.client, "no-such", NULL, TIMEOUT_MS, NULL, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED);
    g_test_message("%s", error->message);
    g_clear_error(&error);

    g_autoptr(VnJson) arguments = json_object_new_object();
    json_object_object_add(arguments, "path", json_object_new_string("/no/such"));
    json_object_object_add(arguments, "property", json_object_new_string("x"));
    g_assert_false(vn_qmp_client_execute(qemu.client, "qom-get", arguments, TIMEOUT_MS,
                                         NULL, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_clear_error(&error);

    g_autoptr(VnJson) wrong = json_object_new_object();
    json_object_object_add(wrong, "nonsense", NULL);
    g_assert_false(vn_qmp_client_execute(qemu.client, "query-status", wrong, TIMEOUT_MS,
                                         NULL, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_FAILED);
    g_clear_error(&error);

    /* stop makes an event, which may come before its answer. */
    g_assert_true(
        vn_qmp_client_execute(qemu.client, "stop", NULL, TIMEOUT_MS, NULL, &error));
    g_autoptr(VnQmpMessage) event =
        vn_qmp_client_wait_event(qemu.client, TIMEOUT_MS, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(event->event, ==, "STOP");
    qemu_quit(&qemu);
}

/* A monitor that has a client does not greet a second one. */
static void
test_second_client(void)
{
    Qemu qemu;
    if (!qemu_start(&qemu, "-machine none"))
        return;
    g_autoptr(GError) error = NULL;
    g_assert_null(vn_qmp_client_connect(qemu.path, 100, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_BUSY);
    g_assert_nonnull(strstr(error->message, "one client at a time"));
    qemu_quit(&qemu);
}

/* Whether one writable mapping of @pid has all of [hva, hva + bytes). */
static gboolean
is_mapped(GPid pid, guint64 hva, guint64 bytes)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/maps", pid);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        char *rest;
        guint64 start = g_ascii_strtoull(*line, &rest, 16);
        if (*rest != '-')
            continue;
        guint64 end = g_ascii_strtoull(rest + 1, &rest, 16);
        if (start <= hva && hva + bytes <= end)
            return g_str_has_prefix(rest, " rw-");
    }
    return FALSE;
}

static guint64
peek(GPid pid, guint64 hva)
{
    guint64 value = 0;
    g_autofree char *path = g_strdup_printf("/proc/%d/mem", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pread(fd, &value, sizeof(value), (off_t) hva), ==, sizeof(value));
    close(fd);
    return value;
}

static guint64
hva_of(Qemu *qemu, guint64 gpa, const char *region)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = NULL;
    guint64 hva = 0;
    g_assert_true(vn_qmp_gpa_to_hva(qemu->client, gpa, TIMEOUT_MS, &name, &hva, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(name, ==, region);
    return hva;
}

static void
assert_no_hva(Qemu *qemu, guint64 gpa, VnErrorCode code, const char *message)
{
    g_autoptr(GError) error = NULL;
    guint64 hva = 42;
    g_assert_false(vn_qmp_gpa_to_hva(qemu->client, gpa, TIMEOUT_MS, NULL, &hva, &error));
    g_assert_error(error, VN_ERROR, (gint) code);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, message));
    g_assert_cmpuint(hva, ==, 42);
}

/*
 * Two cells; QEMU itself puts a known word into each, to be found where gpa2hva
 * points.
 */
static void
test_gpa_to_hva(void)
{
    Qemu qemu;
    if (!qemu_start(&qemu,
                    "-machine pc -m 64 -smp 2 -S "
                    "-object memory-backend-ram,id=ram-node0,size=32M "
                    "-object memory-backend-ram,id=ram-node1,size=32M "
                    "-numa node,nodeid=0,cpus=0,memdev=ram-node0 "
                    "-numa node,nodeid=1,cpus=1,memdev=ram-node1 "
                    "-device loader,addr=0x1000000,data=0x1122334455667788,data-len=8 "
                    "-device loader,addr=0x3000000,data=0x99aabbccddeeff00,data-len=8"))
        return;

    guint64 first = hva_of(&qemu, 0, "ram-node0");
    guint64 second = hva_of(&qemu, CELL_BYTES, "ram-node1");
    g_assert_true(is_mapped(qemu.pid, first, CELL_BYTES));
    g_assert_true(is_mapped(qemu.pid, second, CELL_BYTES));
    g_assert_true(first + CELL_BYTES <= second || second + CELL_BYTES <= first);
    g_assert_cmphex(hva_of(&qemu, CELL_BYTES - 1, "ram-node0"), ==,
                    first + CELL_BYTES - 1);
    g_assert_cmphex(peek(qemu.pid, hva_of(&qemu, 0x1000000, "ram-node0")), ==,
                    0x1122334455667788);
    g_assert_cmphex(peek(qemu.pid, hva_of(&qemu, 0x3000000, "ram-node1")), ==,
                    0x99aabbccddeeff00);

    assert_no_hva(&qemu, 2 * CELL_BYTES, VN_ERROR_GONE, "No memory is mapped");
    assert_no_hva(&qemu, G_MAXUINT64, VN_ERROR_GONE, "No memory is mapped");
    assert_no_hva(&qemu, 0xfee00000, VN_ERROR_INVALID, "is not RAM");

    /* What an HMP without gpa2hva would say. */
    g_autoptr(GError) error = NULL;
    g_autoptr(VnJson) arguments = json_object_new_object();
    g_autoptr(VnJson) reply = NULL;
    guint64 hva;
    json_object_object_add(arguments, "command-line",
                           json_object_new_string("no-such 0x0"));
    g_assert_true(vn_qmp_client_execute(qemu.client, "human-monitor-command", arguments,
                                        TIMEOUT_MS, &reply, &error));
    g_assert_false(
        vn_qmp_gpa_to_hva_parse(json_object_get_string(reply), 0, NULL, &hva, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED);
    qemu_quit(&qemu);
}

/*
 * Without KVM there is no dirty log: QEMU 7.2 would crash when asked to measure by it, so
 * it is not asked, and lives on.
 */
static void
test_dirty_rate(void)
{
    Qemu qemu;
    if (!qemu_start(&qemu, "-machine pc -m 64 -smp 2 -S -name db1"))
        return;
    g_autoptr(GError) error = NULL;
    guint64 bytes = 0;
    g_autoptr(VnQmpDirtyRate) rate =
        vn_qmp_dirty_rate_read(qemu.client, TIMEOUT_MS, &error);
    g_assert_no_error(error);
    g_assert_cmpint(rate->state, ==, VN_QMP_DIRTY_RATE_UNSTARTED);
    g_assert_cmpuint(rate->mb_per_second, ==, 0);
    g_assert_true(vn_qmp_dirty_rate_check(qemu.client, TIMEOUT_MS, &error));
    g_assert_no_error(error);
    for (int ring = 0; ring < 2; ring++) {
        g_assert_false(vn_qmp_dirty_rate_start(qemu.client, 1, ring, TIMEOUT_MS, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED);
        g_clear_error(&error);
    }
    g_autofree char *name = NULL;
    guint64 hva;
    g_assert_true(vn_qmp_gpa_to_hva(qemu.client, 0, TIMEOUT_MS, &name, &hva, &error));
    g_assert_true(vn_qmp_memory_bytes(qemu.client, name, TIMEOUT_MS, &bytes, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(bytes, ==, 64u << 20);
    qemu_quit(&qemu);
}

/* What it tells of its guest, with cells and without, of both machines. */
static void
test_guest(void)
{
    static const struct {
        const char *options;
        const char *name;
        const char *machine;
        gboolean told_cells;
    } cases[] = {
        {"-machine pc -m 64 -smp 2 -S -name db1", "db1", "pc-i440fx-", FALSE},
        {"-machine q35 -m 64 -smp 2 -S -object memory-backend-ram,id=a,size=64M "
         "-numa node,cpus=0,memdev=a -numa node,cpus=1",
         "none", "pc-q35-", TRUE},
        {"-machine pc,max-ram-below-4g=1G -m 64 -smp 2 -S", "none", NULL, FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Qemu qemu;
        if (!qemu_start(&qemu, cases[i].options))
            return;
        g_autoptr(GError) error = NULL;
        g_autoptr(VnGuest) guest =
            vn_qmp_guest_read(qemu.client, "none", TIMEOUT_MS, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(guest->name, ==, cases[i].name);
        g_assert_cmpstr(guest->uuid, ==, "00000000-0000-0000-0000-000000000000");
        g_assert_cmpint(guest->state, ==, VN_GUEST_PAUSED);
        g_assert_cmpuint(guest->memory_bytes, ==, 64u << 20);
        g_assert_cmpint(guest->told_cells, ==, cases[i].told_cells);
        if (cases[i].machine)
            g_assert_true(g_str_has_prefix(guest->machine, cases[i].machine));
        else
            g_assert_null(guest->machine);
        g_assert_cmpuint(guest->vcpus->len, ==, 2);
        for (guint n = 0; n < 2; n++) {
            const VnVcpu *vcpu = guest->vcpus->pdata[n];
            g_autofree char *task =
                g_strdup_printf("/proc/%d/task/%d", qemu.pid, vcpu->tid);
            g_assert_true(g_file_test(task, G_FILE_TEST_IS_DIR));
            g_assert_cmpuint(vcpu->cell, ==, cases[i].told_cells ? n : 0);
        }
        qemu_quit(&qemu);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qemu/client", test_client);
    g_test_add_func("/qemu/second-client", test_second_client);
    g_test_add_func("/qemu/gpa-to-hva", test_gpa_to_hva);
    g_test_add_func("/qemu/dirty-rate", test_dirty_rate);
    g_test_add_func("/qemu/guest", test_guest);
    return g_test_run();
}
