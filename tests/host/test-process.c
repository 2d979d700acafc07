/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's process and threads: in trees made to look like procfs, and of this very
 * process.
 */
#include "host/process.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/host/tree.h"

#define UUID "3d2a4bb5-6f5c-4d0e-9a3e-0123456789ab"
#define OTHER_UUID "00000000-6f5c-4d0e-9a3e-0123456789ab"

/* comm as it stands between the parentheses of /proc/PID/stat. */
static void
add_process(const VnTree *tree, int pid, const char *comm, char state,
            guint64 start_ticks, const char *program, const char *uuid)
{
    g_autofree char *stat = g_strdup_printf("proc/%d/stat", pid);
    g_autofree char *cmdline = g_strdup_printf("proc/%d/cmdline", pid);
    vn_tree_write(tree, stat,
                  "%d (%s) %c 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 "
                  "%" G_GUINT64_FORMAT " 12345 678 18446744073709551615 1 1\n",
                  pid, comm, state, start_ticks);
    g_autoptr(GString) arguments = g_string_new(program);
    g_string_append_len(arguments, "\0-name\0guest=db1,debug-threads=on", 32);
    if (uuid) {
        g_string_append_len(arguments, "\0-uuid\0", 7);
        g_string_append(arguments, uuid);
    }
    g_string_append_len(arguments, "\0-S", 4);
    vn_tree_write_bytes(tree, cmdline, arguments->str, arguments->len);
}

static void
add_thread(const VnTree *tree, int pid, int tid, const char *comm, const char *cpus)
{
    g_autofree char *comm_path = g_strdup_printf("proc/%d/task/%d/comm", pid, tid);
    g_autofree char *status_path = g_strdup_printf("proc/%d/task/%d/status", pid, tid);
    vn_tree_write(tree, comm_path, "%s\n", comm);
    vn_tree_write(tree, status_path,
                  "Name:\t%s\nCpus_allowed:\tff\nCpus_allowed_list:\t%s\n"
                  "Mems_allowed:\t3\nMems_allowed_list:\t0-1\n",
                  comm, cpus);
}

static void
assert_gone(const VnTree *tree, const char *name)
{
    g_autoptr(GError) error = NULL;
    VnProcess process = {7, 7};
    g_assert_false(vn_process_find(tree, name, UUID, &process, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_assert_cmpint(process.pid, ==, 7);
}

static void
assert_found(const VnTree *tree, const char *name, int pid, guint64 start_ticks)
{
    g_autoptr(GError) error = NULL;
    VnProcess process;
    gboolean found = vn_process_find(tree, name, UUID, &process, &error);
    g_assert_no_error(error);
    g_assert_true(found);
    g_assert_cmpint(process.pid, ==, pid);
    g_assert_cmpuint(process.start_ticks, ==, start_ticks);
}

static void
test_pid_file(void)
{
    static const char *const names[] = {"db1", "a b", "\"odd\" $(name)\\x2d", "..",
                                        "\xc3\xa9"};
    g_autoptr(VnTree) tree = vn_tree_new();
    add_process(tree, 40, "wrapped", 'S', 400, "/opt/emulator", UUID);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strdup_printf("run/libvirt/qemu/%s.pid", names[i]);
        vn_tree_write(tree, path, "40\n");
        assert_found(tree, names[i], 40, 400);
    }
}

/*
 * The pid file may be of a guest that is no more, or no pid file: then all are looked
 * at.
 */
static void
test_scan(void)
{
    static const char *const pid_files[] = {
        "41", "99", "", "x", "-1", "0", "99999999999999"};
    g_autoptr(VnTree) tree = vn_tree_new();
    vn_tree_write(tree, "proc/meminfo", "MemTotal: 1 kB\n");
    vn_tree_write_bytes(tree, "proc/2/cmdline", "", 0);
    add_process(tree, 41, "qemu", 'S', 100, "/usr/bin/qemu-system-x86_64", OTHER_UUID);
    add_process(tree, 42, "qemu", 'S', 100, "/usr/bin/qemu-system-x86_64", NULL);
    add_process(tree, 43, "sudo", 'S', 50, "/usr/bin/sudo", UUID);
    assert_gone(tree, "db1");
    assert_gone(tree, "");
    add_process(tree, 44, "kvm) R 1 (", 'R', 300, "/usr/bin/kvm", UUID);
    add_process(tree, 45, "qemu-kvm", 'S', 200, "/usr/libexec/qemu-kvm", UUID);
    add_process(tree, 46, "qemu-kvm", 'Z', 100, "/usr/libexec/qemu-kvm", UUID);
    assert_found(tree, "db1", 45, 200);
    assert_found(tree, "../../../proc", 45, 200);
    assert_found(tree, "", 45, 200);
    for (gsize i = 0; i < G_N_ELEMENTS(pid_files); i++) {
        vn_tree_write(tree, "run/libvirt/qemu/db1.pid", "%s\n", pid_files[i]);
        assert_found(tree, "db1", 45, 200);
    }
    g_autofree char *long_name = g_strnfill(5000, 'n');
    assert_found(tree, long_name, 45, 200);
}

static void
test_find_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTree) tree = vn_tree_new();
    VnProcess process;
    g_assert_false(vn_process_find(tree, "db1", "not a uuid", &process, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_false(vn_process_find(tree, "db1", UUID, &process, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
}

static void
test_stat(void)
{
    static const char *const bad[] = {
        "",
        "40",
        "40 (qemu",
        "40 (qemu)",
        "40 (qemu) ",
        "40 (qemu) S 1 2 3",
        "40 (qemu) S 1 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 9 0 soon",
        "40 (qemu) SS 1 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 9 0 77",
    };
    static const char *const comms[] = {"qemu", "a b) S (c", ")", "", "new\nline"};
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTree) tree = vn_tree_new();
    VnProcess process;
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        vn_tree_write(tree, "proc/40/stat", "%s\n", bad[i]);
        g_assert_false(vn_process_read(tree, 40, &process, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, "proc/40/stat"));
        g_clear_error(&error);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(comms); i++) {
        add_process(tree, 40, comms[i], 'S', 77 + i, "qemu", UUID);
        g_assert_true(vn_process_read(tree, 40, &process, &error));
        g_assert_cmpuint(process.start_ticks, ==, 77 + i);
    }
    g_assert_true(vn_process_check(tree, &process, &error));
    process.start_ticks++;
    g_assert_false(vn_process_check(tree, &process, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
}

static VnGuest *
guest_of(int pid, guint n_vcpus)
{
    VnGuest *guest = vn_guest_new("db1", UUID);
    guest->pid = pid;
    for (guint i = 0; i < n_vcpus; i++)
        vn_guest_add_vcpu(guest, i, 0);
    return guest;
}

static void
assert_affinity(const VnIdSet *affinity, const char *expected)
{
    g_autofree char *text = affinity ? vn_idset_format(affinity) : NULL;
    g_assert_cmpstr(text, ==, expected);
}

static void
test_threads(void)
{
    static const struct {
        VnThreadKind kind;
        int tid;
        const char *name;
    } expected[] = {
        {VN_THREAD_EMULATOR, 40, "qemu-system-x86"},
        {VN_THREAD_IOTHREAD, 44, "IO iothread1"},
        {VN_THREAD_VHOST, 45, "vhost-40"},
        {VN_THREAD_EMULATOR, 46, "CPU x/KVM"},
        {VN_THREAD_EMULATOR, 47, "CPU 0/KVMX"},
        {VN_THREAD_EMULATOR, 48, ""},
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTree) tree = vn_tree_new();
    add_process(tree, 40, "qemu", 'S', 400, "qemu", UUID);
    for (gsize i = 0; i < G_N_ELEMENTS(expected); i++)
        add_thread(tree, 40, expected[i].tid, expected[i].name, "0-7");
    add_thread(tree, 40, 41, "CPU 0/KVM", "0-3,8");
    add_thread(tree, 40, 42, "CPU 2/TCG", "nonsense");
    add_thread(tree, 40, 43, "CPU 9/KVM", "0");
    add_thread(tree, 40, 49, "CPU 0/KVM", "7");
    vn_tree_make_directory(tree, "proc/40/task/50");

    g_autoptr(VnGuest) guest = guest_of(40, 3);
    for (int round = 0; round < 2; round++) {
        g_assert_true(vn_process_fill_threads(tree, guest, &error));
        g_assert_no_error(error);
        g_assert_cmpint(vn_guest_find_vcpu(guest, 0)->tid, ==, 41);
        assert_affinity(vn_guest_find_vcpu(guest, 0)->affinity, "0-3,8");
        g_assert_cmpint(vn_guest_find_vcpu(guest, 1)->tid, ==, 0);
        g_assert_null(vn_guest_find_vcpu(guest, 1)->affinity);
        g_assert_cmpint(vn_guest_find_vcpu(guest, 2)->tid, ==, 42);
        g_assert_null(vn_guest_find_vcpu(guest, 2)->affinity);
        g_assert_cmpuint(guest->threads->len, ==, G_N_ELEMENTS(expected));
        for (guint i = 0; i < guest->threads->len; i++) {
            const VnThread *thread = guest->threads->pdata[i];
            g_assert_cmpint(thread->kind, ==, expected[i].kind);
            g_assert_cmpint(thread->tid, ==, expected[i].tid);
            g_assert_cmpstr(thread->name, ==, expected[i].name);
            assert_affinity(thread->affinity, "0-7");
        }
        g_assert_cmpuint(guest->notes->len, ==, (guint) round + 1);
    }
}

/* As before Linux 6.4, in both versions of control groups; others only look like it. */
static void
test_vhost_kernel_threads(void)
{
    static const struct {
        const char *cgroup;
        const char *tasks;
    } cases[] = {
        {"0::/machine.slice/machine-qemu\\x2d1.scope/libvirt/emulator",
         "sys/fs/cgroup/machine.slice/machine-qemu\\x2d1.scope/libvirt/emulator/"
         "cgroup.threads"},
        {"12:cpu,cpuacct:/elsewhere\n4:cpuset:/machine/qemu-1/emulator\n0::/user.slice",
         "sys/fs/cgroup/cpuset/machine/qemu-1/emulator/tasks"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnTree) tree = vn_tree_new();
        g_autoptr(VnGuest) guest = guest_of(40, 0);
        add_process(tree, 40, "qemu", 'S', 400, "qemu", UUID);
        add_thread(tree, 40, 40, "qemu", "0-7");
        vn_tree_write(tree, "proc/40/cgroup", "%s\n", cases[i].cgroup);
        vn_tree_write(tree, cases[i].tasks, "40\n60\n61\n62\n63\nx\n-1\n");
        add_thread(tree, 60, 60, "vhost-40", "4-7");
        vn_tree_write(tree, "proc/60/stat", "60 (vhost-40) S 2 0 0\n");
        add_thread(tree, 61, 61, "vhost-39", "4-7");
        vn_tree_write(tree, "proc/61/stat", "61 (vhost-39) S 2 0 0\n");
        add_thread(tree, 62, 62, "vhost-40", "4-7");
        vn_tree_write(tree, "proc/62/stat", "62 (vhost-40) S 1 2 2\n");

        g_assert_true(vn_process_fill_threads(tree, guest, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(guest->threads->len, ==, 2);
        const VnThread *worker = guest->threads->pdata[1];
        g_assert_cmpint(worker->tid, ==, 60);
        g_assert_cmpint(worker->kind, ==, VN_THREAD_VHOST);
        assert_affinity(worker->affinity, "4-7");
    }
}

static void
test_threads_gone(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTree) tree = vn_tree_new();
    g_autoptr(VnGuest) guest = guest_of(40, 1);
    g_assert_false(vn_process_fill_threads(tree, guest, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_clear_error(&error);
    add_process(tree, 40, "qemu", 'S', 400, "qemu", UUID);
    g_assert_false(vn_process_fill_threads(tree, guest, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_clear_error(&error);
    add_thread(tree, 40, 40, "qemu", "0");
    g_assert_true(vn_process_fill_threads(tree, guest, &error));
    add_process(tree, 40, "qemu", 'Z', 400, "qemu", UUID);
    g_assert_false(vn_process_fill_threads(tree, guest, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
}

static void
test_allowed_nodes(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTree) tree = vn_tree_new();
    g_assert_null(vn_process_allowed_nodes(tree, 40, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_clear_error(&error);
    vn_tree_write(tree, "proc/40/status", "Name:\tMems_allowed_list\nState:\tS\n");
    g_assert_null(vn_process_allowed_nodes(tree, 40, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    vn_tree_write(tree, "proc/40/status", "Name:\tx\nMems_allowed_list:\tall\n");
    g_assert_null(vn_process_allowed_nodes(tree, 40, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
    g_clear_error(&error);
    vn_tree_write(tree, "proc/40/status", "Name:\tx\nMems_allowed_list:\t0-1,33\n");
    g_autoptr(VnIdSet) nodes = vn_process_allowed_nodes(tree, 40, &error);
    g_assert_no_error(error);
    assert_affinity(nodes, "0-1,33");
}

static void
test_is_qemu(void)
{
    static const struct {
        const char *program; /* NULL: not to be read */
        gboolean is;
    } cases[] = {
        {"/usr/bin/qemu-system-x86_64", TRUE},
        {"/usr/libexec/qemu-kvm (deleted)", TRUE},
        {"/usr/bin/kvm", TRUE},
        {"/usr/bin/kvmtool", FALSE},
        {"/opt/qemu/bin/socat", FALSE},
        {NULL, FALSE},
    };
    g_autoptr(VnTree) tree = vn_tree_new();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = g_strdup_printf("proc/%u/exe", 40 + (guint) i);
        if (cases[i].program)
            vn_tree_link(tree, path, cases[i].program);
        g_assert_cmpint(vn_process_is_qemu(tree, 40 + (int) i, &error), ==, cases[i].is);
        if (!cases[i].is)
            g_assert_error(error, VN_ERROR, VN_ERROR_REFUSED);
    }
}

/* Threads as QEMU has told them, however they are called. */
static void
test_read_affinities(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTree) tree = vn_tree_new();
    g_autoptr(VnGuest) guest = vn_guest_new("db1", UUID);
    guest->pid = 40;
    vn_guest_add_vcpu(guest, 0, 0)->tid = 41;
    vn_guest_add_vcpu(guest, 1, 0)->tid = 42;
    add_thread(tree, 40, 41, "qemu-system-x86", "0-3");
    add_thread(tree, 43, 42, "qemu-system-x86", "4-7"); /* another process's */
    g_assert_false(vn_process_read_affinities(tree, guest, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_assert_nonnull(strstr(error->message, "process 40 has no thread 42"));
    g_clear_error(&error);
    add_thread(tree, 40, 42, "qemu-system-x86", "4-7");
    g_assert_true(vn_process_read_affinities(tree, guest, &error));
    g_assert_no_error(error);
    assert_affinity(((VnVcpu *) guest->vcpus->pdata[0])->affinity, "0-3");
    assert_affinity(((VnVcpu *) guest->vcpus->pdata[1])->affinity, "4-7");
    g_assert_cmpint(((VnVcpu *) guest->vcpus->pdata[1])->tid, ==, 42);
}

/* Files as a running guest's were; /proc/PID/task/TID/stat has 52 fields. */
static void
add_times(const VnTree *tree, int tid, const char *schedstat, const char *ticks)
{
    g_autofree char *precise = g_strdup_printf("proc/40/task/%d/schedstat", tid);
    g_autofree char *stat = g_strdup_printf("proc/40/task/%d/stat", tid);
    if (schedstat)
        vn_tree_write(tree, precise, "%s\n", schedstat);
    vn_tree_write(tree, stat,
                  "%d (CPU 0/KVM) S 1 40 40 0 -1 1077936192 205 0 0 0 %s 0 0 20 0 5 0 "
                  "1723 1010393088 12894 18446744073709551615 1 1 0 0 0 0 268444224 4096 "
                  "16963 0 0 0 -1 2 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
                  tid, ticks);
}

static void
test_vcpu_time(void)
{
    static const struct {
        const char *schedstat;
        const char *ticks;
        guint64 ns; /* 0: INVALID */
    } cases[] = {
        {"6513228871 5148411 2211", "1 1", 6513228871},
        {"18446744073709551614 1 1", "1 1", G_MAXUINT64 - 1},
        {"0 0 0", "612 39", 651},
        {NULL, "612 39", 651},
        {"", "0 7", 7},
        {"-5 0 0", "7 0", 7},
        {"5", "2 2", 4},
        {NULL, "x 39", 0},
        {NULL, "39 -1", 0},
        {NULL, "300000000000 1", 0},
    };
    const guint64 tick_ns = 1000000000 / (guint64) sysconf(_SC_CLK_TCK);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(VnTree) tree = vn_tree_new();
        g_autoptr(VnGuest) guest = guest_of(40, 3);
        guint64 ns = 3;
        g_assert_false(vn_process_vcpu_time(tree, guest, &ns, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_GONE); /* no thread known */
        g_clear_error(&error);
        vn_guest_find_vcpu(guest, 1)->tid = 42;
        g_assert_false(vn_process_vcpu_time(tree, guest, &ns, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_GONE); /* not there any more */
        g_clear_error(&error);
        add_times(tree, 42, cases[i].schedstat, cases[i].ticks);
        gboolean worked = vn_process_vcpu_time(tree, guest, &ns, &error);
        if (!cases[i].ns) {
            g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
            g_assert_nonnull(strstr(error->message, "task/42/stat"));
            g_assert_cmpuint(ns, ==, 3);
            continue;
        }
        g_assert_no_error(error);
        g_assert_true(worked);
        g_assert_cmpuint(ns, ==,
                         cases[i].ns < 1000 ? cases[i].ns * tick_ns : cases[i].ns);
    }
}

/* All threads count. */
static void
test_vcpu_time_sum(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnTree) tree = vn_tree_new();
    g_autoptr(VnGuest) guest = guest_of(40, 3);
    guint64 ns;
    for (guint i = 0; i < 2; i++) {
        vn_guest_find_vcpu(guest, i)->tid = 41 + (int) i;
        add_times(tree, 41 + (int) i, i ? "2000 1 1" : "1000000 1 1", "0 0");
    }
    g_assert_true(vn_process_vcpu_time(tree, guest, &ns, &error));
    g_assert_cmpuint(ns, ==, 1002000);
}

static void *
run_thread(void *barrier)
{
    g_assert_cmpint(pthread_setname_np(pthread_self(), "CPU 1/KVM"), ==, 0);
    pthread_barrier_wait(barrier);
    pthread_barrier_wait(barrier);
    return NULL;
}

/* This process, with a thread that is called like a vCPU's. */
static void
test_self(void)
{
    g_autoptr(GError) error = NULL;
    pthread_t thread;
    pthread_barrier_t barrier;
    g_assert_cmpint(pthread_barrier_init(&barrier, NULL, 2), ==, 0);
    g_assert_cmpint(pthread_create(&thread, NULL, run_thread, &barrier), ==, 0);
    pthread_barrier_wait(&barrier);

    g_autoptr(VnGuest) guest = guest_of(getpid(), 2);
    g_assert_true(vn_process_fill_threads("/", guest, &error));
    g_assert_no_error(error);
    g_assert_cmpint(vn_guest_find_vcpu(guest, 1)->tid, >, 0);
    g_assert_false(vn_idset_is_empty(vn_guest_find_vcpu(guest, 1)->affinity));
    g_assert_cmpuint(guest->threads->len, >=, 1);
    const VnThread *first = guest->threads->pdata[0];
    g_assert_cmpint(first->tid, ==, getpid());
    guint64 ns = G_MAXUINT64;
    g_assert_true(vn_process_vcpu_time("/", guest, &ns, &error));
    g_assert_cmpuint(ns, <, 60 * G_GUINT64_CONSTANT(1000000000));
    pthread_barrier_wait(&barrier);
    g_assert_cmpint(pthread_join(thread, NULL), ==, 0);
    g_assert_cmpint(pthread_barrier_destroy(&barrier), ==, 0);

    g_autoptr(VnIdSet) nodes = vn_process_allowed_nodes("/", getpid(), &error);
    g_assert_true(nodes || g_error_matches(error, VN_ERROR, VN_ERROR_UNSUPPORTED));
    g_assert_true(!nodes || !vn_idset_is_empty(nodes));
}

/* A child that runs, is dead but not waited for, and is no more. */
static void
test_child(void)
{
    g_autoptr(GError) error = NULL;
    VnProcess process;
    siginfo_t info;
    pid_t pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        for (;;)
            pause();
    }
    g_assert_true(vn_process_read("/", pid, &process, &error));
    g_assert_true(vn_process_check("/", &process, &error));
    g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
    g_assert_cmpint(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), ==, 0);
    g_assert_false(vn_process_check("/", &process, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_clear_error(&error);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    g_assert_false(vn_process_check("/", &process, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/process/pid-file", test_pid_file);
    g_test_add_func("/process/scan", test_scan);
    g_test_add_func("/process/find-refused", test_find_refused);
    g_test_add_func("/process/stat", test_stat);
    g_test_add_func("/process/threads", test_threads);
    g_test_add_func("/process/vhost-kernel-threads", test_vhost_kernel_threads);
    g_test_add_func("/process/threads-gone", test_threads_gone);
    g_test_add_func("/process/allowed-nodes", test_allowed_nodes);
    g_test_add_func("/process/is-qemu", test_is_qemu);
    g_test_add_func("/process/read-affinities", test_read_affinities);
    g_test_add_func("/process/vcpu-time", test_vcpu_time);
    g_test_add_func("/process/vcpu-time-sum", test_vcpu_time_sum);
    g_test_add_func("/process/self", test_self);
    g_test_add_func("/process/child", test_child);
    return g_test_run();
}
