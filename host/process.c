/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes and their threads, from procfs. Nothing read here is taken for lasting. */
#include "host/process.h"

#include <string.h>
#include <unistd.h>

#include "host/files.h"

#define PID_FILE_BYTES 64u
#define STAT_BYTES 4096u
#define STATUS_BYTES 65536u
#define COMM_BYTES 256u
/* A command line may be a quarter of the stack's limit, commonly 2 MiB. */
#define CMDLINE_BYTES (16u << 20)

/* Fields of /proc/PID/stat behind the comm, counted from its state, field 3. */
#define STAT_STATE 0u
#define STAT_PARENT (4u - 3u)
#define STAT_USER_TICKS (14u - 3u)
#define STAT_SYSTEM_TICKS (15u - 3u)
#define STAT_START_TICKS (22u - 3u)

#define KTHREADD "2"
#define CGROUP_TASKS_BYTES (1u << 20)

/* The text behind "KEY:" on its line, without blanks around; NULL when there is none. */
static char *
find_value(const char *text, const char *key)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        if (g_str_has_prefix(lines[i], key) && lines[i][strlen(key)] == ':')
            return g_strstrip(g_strdup(lines[i] + strlen(key) + 1));
    }
    return NULL;
}

/* The comm is in parentheses and may have any characters: the last ')' is its end. */
static gboolean
parse_stat(const char *text, char *ret_state, guint64 *ret_start_ticks)
{
    const char *end = strrchr(text, ')');
    if (!end || end[1] != ' ')
        return FALSE;
    g_auto(GStrv) fields = g_strsplit(end + 2, " ", -1);
    if (g_strv_length(fields) <= STAT_START_TICKS || strlen(fields[STAT_STATE]) != 1 ||
        !g_ascii_string_to_unsigned(fields[STAT_START_TICKS], 10, 0, G_MAXUINT64,
                                    ret_start_ticks, NULL))
        return FALSE;
    *ret_state = fields[STAT_STATE][0];
    return TRUE;
}

static gboolean
read_process(const VnFiles *files, int pid, VnProcess *ret_process, GError **error)
{
    char state;
    guint64 start_ticks;
    g_autofree char *path = g_strdup_printf("proc/%d/stat", pid);
    g_autofree char *text = vn_files_read(files, path, STAT_BYTES, error);
    if (!text)
        return FALSE;
    if (!parse_stat(text, &state, &start_ticks)) {
        vn_files_set_invalid(files, path, error, "has no valid start time (field 22)");
        return FALSE;
    }
    if (state == 'Z' || state == 'X' || state == 'x') {
        g_set_error(error, VN_ERROR, VN_ERROR_GONE, "process %d has ended", pid);
        return FALSE;
    }
    *ret_process = (VnProcess){.pid = pid, .start_ticks = start_ticks};
    return TRUE;
}

gboolean
vn_process_read(const char *root, int pid, VnProcess *ret_process, GError **error)
{
    g_autoptr(VnFiles) files = vn_files_open(root, error);
    return files && read_process(files, pid, ret_process, error);
}

gboolean
vn_process_check(const char *root, const VnProcess *process, GError **error)
{
    VnProcess now;
    if (!vn_process_read(root, process->pid, &now, error))
        return FALSE;
    if (now.start_ticks == process->start_ticks)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_GONE,
                "process %d has ended, and its id is another process's now",
                process->pid);
    return FALSE;
}

/* Whether a program is called like QEMU: "qemu-system-x86_64", "qemu-kvm", "kvm". */
static gboolean
is_called_qemu(const char *program)
{
    g_autofree char *name = g_path_get_basename(program);
    return strstr(name, "qemu") || strcmp(name, "kvm") == 0;
}

gboolean
vn_process_is_qemu(const char *root, int pid, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/proc/%d/exe", root, pid);
    g_autofree char *program = g_file_read_link(path, NULL);
    if (program && is_called_qemu(program))
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_REFUSED, "process %d is no QEMU, but %s", pid,
                program ? program : "one whose program is not known");
    return FALSE;
}

/* Whether there is an argument "-uuid" and behind it @uuid. */
static gboolean
has_uuid(const GByteArray *cmdline, const char *uuid)
{
    const char *text = (const char *) cmdline->data;
    gboolean expected = FALSE;
    for (gsize i = 0; i < cmdline->len; i += strlen(text + i) + 1) {
        if (expected && g_ascii_strcasecmp(text + i, uuid) == 0)
            return TRUE;
        expected = strcmp(text + i, "-uuid") == 0;
    }
    return FALSE;
}

/* NULL when the process is gone, a kernel thread, or not to be read. */
static GByteArray *
read_cmdline(const VnFiles *files, int pid)
{
    g_autofree char *path = g_strdup_printf("proc/%d/cmdline", pid);
    return vn_files_read_bytes(files, path, CMDLINE_BYTES, NULL);
}

/* The start time first: if the id changes hands between, this is not the command line of
 * the process with that start time, and a later check says that one has gone. */
static gboolean
read_process_of_guest(const VnFiles *files, int pid, const char *uuid,
                      VnProcess *ret_process)
{
    VnProcess process;
    if (!read_process(files, pid, &process, NULL))
        return FALSE;
    g_autoptr(GByteArray) cmdline = read_cmdline(files, pid);
    if (!cmdline || !has_uuid(cmdline, uuid))
        return FALSE;
    *ret_process = process;
    return TRUE;
}

static gboolean
find_by_pid_file(const VnFiles *files, const char *name, const char *uuid,
                 VnProcess *ret_process)
{
    guint64 pid;
    if (*name == '\0' || strchr(name, '/'))
        return FALSE;
    g_autofree char *path = g_strdup_printf("run/libvirt/qemu/%s.pid", name);
    g_autofree char *text = vn_files_read_optional(files, path, PID_FILE_BYTES);
    return text && g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT, &pid, NULL) &&
           read_process_of_guest(files, (int) pid, uuid, ret_process);
}

gboolean
vn_process_find(const char *root, const char *name, const char *uuid,
                VnProcess *ret_process, GError **error)
{
    VnProcess found = {0};
    if (!g_uuid_string_is_valid(uuid)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "guest %s: '%s' is not a UUID",
                    name, uuid);
        return FALSE;
    }
    g_autoptr(VnFiles) files = vn_files_open(root, error);
    if (!files)
        return FALSE;
    if (find_by_pid_file(files, name, uuid, ret_process))
        return TRUE;

    g_autoptr(GArray) pids =
        vn_files_list_numbers(files, "proc", "", "", VN_PROCESS_TASKS_MAX, error);
    if (!pids)
        return FALSE;
    for (guint i = 0; i < pids->len; i++) {
        VnProcess process;
        int pid = (int) g_array_index(pids, guint, i);
        g_autoptr(GByteArray) cmdline = read_cmdline(files, pid);
        if (!cmdline || !is_called_qemu((const char *) cmdline->data) ||
            !has_uuid(cmdline, uuid) ||
            !read_process_of_guest(files, pid, uuid, &process))
            continue;
        if (found.pid == 0 || process.start_ticks < found.start_ticks)
            found = process;
    }
    if (found.pid == 0) {
        g_set_error(error, VN_ERROR, VN_ERROR_GONE,
                    "guest %s: no QEMU process with -uuid %s", name, uuid);
        return FALSE;
    }
    *ret_process = found;
    return TRUE;
}

/* "CPU 12/KVM": QEMU's thread names with debug-threads, accel/kvm/kvm-accel-ops.c and
 * accel/tcg/tcg-accel-ops-mttcg.c. */
static gboolean
parse_vcpu_comm(const char *comm, guint *ret_id)
{
    if (!g_str_has_prefix(comm, "CPU "))
        return FALSE;
    guint64 id;
    g_auto(GStrv) parts = g_strsplit(comm + strlen("CPU "), "/", 2);
    if (g_strv_length(parts) != 2 ||
        !g_ascii_string_to_unsigned(parts[0], 10, 0, G_MAXUINT, &id, NULL) ||
        (strcmp(parts[1], "KVM") != 0 && strcmp(parts[1], "TCG") != 0))
        return FALSE;
    *ret_id = (guint) id;
    return TRUE;
}

static VnThreadKind
kind_of_comm(const char *comm)
{
    if (g_str_has_prefix(comm, "IO "))
        return VN_THREAD_IOTHREAD;
    if (g_str_has_prefix(comm, "vhost-"))
        return VN_THREAD_VHOST;
    return VN_THREAD_EMULATOR;
}

static VnIdSet *
read_affinity(const VnFiles *files, int pid, int tid)
{
    g_autofree char *path = g_strdup_printf("proc/%d/task/%d/status", pid, tid);
    g_autofree char *text = vn_files_read_optional(files, path, STATUS_BYTES);
    g_autofree char *list = text ? find_value(text, "Cpus_allowed_list") : NULL;
    return list ? vn_idset_parse(list, NULL) : NULL;
}

/* A name is any bytes; what is shown of it is text. */
static char *
read_comm(const VnFiles *files, int pid, int tid)
{
    g_autofree char *path = g_strdup_printf("proc/%d/task/%d/comm", pid, tid);
    g_autofree char *text = vn_files_read_optional(files, path, COMM_BYTES);
    return text ? g_utf8_make_valid(text, -1) : NULL;
}

static void
add_thread(const VnFiles *files, VnGuest *guest, int tid)
{
    guint id;
    g_autofree char *comm = read_comm(files, guest->pid, tid);
    if (!comm)
        return;
    if (!parse_vcpu_comm(comm, &id)) {
        VnThread *thread = vn_guest_add_thread(guest, kind_of_comm(comm), tid, comm);
        thread->affinity = read_affinity(files, guest->pid, tid);
        return;
    }
    VnVcpu *vcpu = vn_guest_find_vcpu(guest, id);
    if (!vcpu) {
        vn_guest_add_note(guest, "thread %d runs vCPU %u, which the definition has not",
                          tid, id);
    } else if (vcpu->tid == 0) {
        vcpu->tid = tid;
        vcpu->affinity = read_affinity(files, guest->pid, tid);
    }
}

/*
 * The file that lists the tasks of the control group that QEMU's main thread is in, from
 * /proc/PID/cgroup: "0::PATH" (version 2), or a line with cpuset (version 1); cgroups(7).
 */
static char *
find_cgroup_tasks(const char *text)
{
    g_autofree char *found = NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], ":", 3);
        if (g_strv_length(parts) != 3)
            continue;
        g_auto(GStrv) controllers = g_strsplit(parts[1], ",", -1);
        if (g_strv_contains((const char *const *) controllers, "cpuset"))
            return g_strdup_printf("sys/fs/cgroup/cpuset/%s/tasks", parts[2]);
        if (strcmp(parts[0], "0") == 0 && !found)
            found = g_strdup_printf("sys/fs/cgroup/%s/cgroup.threads", parts[2]);
    }
    return g_steal_pointer(&found);
}

/* Only kernel threads have kthreadd for a parent. */
static gboolean
is_kernel_thread(const VnFiles *files, int tid)
{
    g_autofree char *path = g_strdup_printf("proc/%d/stat", tid);
    g_autofree char *text = vn_files_read_optional(files, path, STAT_BYTES);
    const char *end = text ? strrchr(text, ')') : NULL;
    if (!end || end[1] != ' ')
        return FALSE;
    g_auto(GStrv) fields = g_strsplit(end + 2, " ", STAT_PARENT + 2);
    return g_strv_length(fields) > STAT_PARENT &&
           strcmp(fields[STAT_PARENT], KTHREADD) == 0;
}

/*
 * Before Linux 6.4 a vhost worker is no thread of QEMU but a kernel thread, called by the
 * id of the thread that made it and put into that one's control groups
 * (vhost_dev_set_owner() in drivers/vhost/vhost.c). The group's list spares a look at all
 * processes.
 */
static void
add_vhost_kernel_threads(const VnFiles *files, VnGuest *guest)
{
    g_autofree char *path = g_strdup_printf("proc/%d/cgroup", guest->pid);
    g_autofree char *text = vn_files_read_optional(files, path, STATUS_BYTES);
    g_autofree char *tasks = text ? find_cgroup_tasks(text) : NULL;
    g_autofree char *list =
        tasks ? vn_files_read_optional(files, tasks, CGROUP_TASKS_BYTES) : NULL;
    g_auto(GStrv) lines = g_strsplit(list ? list : "", "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        guint64 tid;
        if (!g_ascii_string_to_unsigned(lines[i], 10, 1, G_MAXINT, &tid, NULL))
            continue;
        g_autofree char *comm = read_comm(files, (int) tid, (int) tid);
        if (!comm || kind_of_comm(comm) != VN_THREAD_VHOST || strchr(comm, '/'))
            continue;
        g_autofree char *owner =
            g_strdup_printf("proc/%d/task/%s", guest->pid, comm + strlen("vhost-"));
        if (!vn_files_exists(files, owner) || !is_kernel_thread(files, (int) tid))
            continue;
        VnThread *thread = vn_guest_add_thread(guest, VN_THREAD_VHOST, (int) tid, comm);
        thread->affinity = read_affinity(files, (int) tid, (int) tid);
    }
}

static void
forget_threads(VnGuest *guest)
{
    g_ptr_array_set_size(guest->threads, 0);
    for (guint i = 0; i < guest->vcpus->len; i++) {
        VnVcpu *vcpu = guest->vcpus->pdata[i];
        vcpu->tid = 0;
        g_clear_pointer(&vcpu->affinity, vn_idset_free);
    }
}

gboolean
vn_process_fill_threads(const char *root, VnGuest *guest, GError **error)
{
    VnProcess before;
    VnProcess after;
    g_autoptr(VnFiles) files = vn_files_open(root, error);
    if (!files || !read_process(files, guest->pid, &before, error))
        return FALSE;
    g_autofree char *tasks = g_strdup_printf("proc/%d/task", guest->pid);
    g_autoptr(GArray) tids =
        vn_files_list_numbers(files, tasks, "", "", VN_PROCESS_TASKS_MAX, error);
    if (!tids)
        return FALSE;
    forget_threads(guest);
    for (guint i = 0; i < tids->len; i++)
        add_thread(files, guest, (int) g_array_index(tids, guint, i));
    add_vhost_kernel_threads(files, guest);

    if (!read_process(files, guest->pid, &after, error))
        return FALSE;
    if (after.start_ticks != before.start_ticks) {
        g_set_error(error, VN_ERROR, VN_ERROR_GONE,
                    "process %d ended while its threads were read", guest->pid);
        return FALSE;
    }
    return TRUE;
}

gboolean
vn_process_read_affinities(const char *root, VnGuest *guest, GError **error)
{
    g_autoptr(VnFiles) files = vn_files_open(root, error);
    if (!files)
        return FALSE;
    for (guint i = 0; i < guest->vcpus->len; i++) {
        VnVcpu *vcpu = guest->vcpus->pdata[i];
        g_clear_pointer(&vcpu->affinity, vn_idset_free);
        vcpu->affinity = read_affinity(files, guest->pid, vcpu->tid);
        if (vcpu->affinity)
            continue;
        g_set_error(error, VN_ERROR, VN_ERROR_GONE,
                    "vCPU %u: process %d has no thread %d", vcpu->id, guest->pid,
                    vcpu->tid);
        return FALSE;
    }
    return TRUE;
}

VnIdSet *
vn_process_allowed_nodes(const char *root, int pid, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(VnFiles) files = vn_files_open(root, error);
    if (!files)
        return NULL;
    g_autofree char *path = g_strdup_printf("proc/%d/status", pid);
    g_autofree char *text = vn_files_read(files, path, STATUS_BYTES, error);
    if (!text)
        return NULL;
    g_autofree char *list = find_value(text, "Mems_allowed_list");
    if (!list) {
        g_autofree char *shown = vn_files_shown(files, path);
        g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED,
                    "%s: has no Mems_allowed_list; the kernel was built without "
                    "CONFIG_CPUSETS",
                    shown);
        return NULL;
    }
    VnIdSet *nodes = vn_idset_parse(list, &problem);
    if (!nodes)
        vn_files_set_invalid(files, path, error, "%s", problem->message);
    return nodes;
}

/* "NS NS_WAITED TIMESLICES"; all 0 where the kernel does not count. */
static gboolean
parse_schedstat(const char *text, guint64 *ret_ns)
{
    g_auto(GStrv) fields = g_strsplit(text, " ", 3);
    return g_strv_length(fields) == 3 &&
           g_ascii_string_to_unsigned(fields[0], 10, 0, G_MAXUINT64, ret_ns, NULL) &&
           *ret_ns > 0;
}

static gboolean
parse_stat_time(const char *text, guint64 *ret_ns)
{
    const guint64 most = G_GUINT64_CONSTANT(1) << 38; /* at 100 a second: 87 years */
    guint64 user;
    guint64 system;
    const char *end = strrchr(text, ')');
    g_auto(GStrv) fields =
        g_strsplit(end && end[1] == ' ' ? end + 2 : "", " ", STAT_SYSTEM_TICKS + 2);
    if (g_strv_length(fields) <= STAT_SYSTEM_TICKS ||
        !g_ascii_string_to_unsigned(fields[STAT_USER_TICKS], 10, 0, most, &user, NULL) ||
        !g_ascii_string_to_unsigned(fields[STAT_SYSTEM_TICKS], 10, 0, most, &system,
                                    NULL))
        return FALSE;
    *ret_ns = (user + system) * (1000000000 / (guint64) sysconf(_SC_CLK_TCK));
    return TRUE;
}

static gboolean
read_thread_time(const VnFiles *files, int pid, int tid, guint64 *ret_ns, GError **error)
{
    g_autofree char *schedstat = g_strdup_printf("proc/%d/task/%d/schedstat", pid, tid);
    g_autofree char *precise = vn_files_read_optional(files, schedstat, STAT_BYTES);
    if (precise && parse_schedstat(precise, ret_ns))
        return TRUE;
    g_autofree char *stat = g_strdup_printf("proc/%d/task/%d/stat", pid, tid);
    g_autofree char *text = vn_files_read(files, stat, STAT_BYTES, error);
    if (!text)
        return FALSE;
    if (parse_stat_time(text, ret_ns))
        return TRUE;
    vn_files_set_invalid(files, stat, error,
                         "has no valid utime and stime (fields 14, "
                         "15)");
    return FALSE;
}

gboolean
vn_process_vcpu_time(const char *root, const VnGuest *guest, guint64 *ret_ns,
                     GError **error)
{
    g_autoptr(VnFiles) files = vn_files_open(root, error);
    if (!files)
        return FALSE;
    guint64 sum_ns = 0;
    guint n = 0;
    for (guint i = 0; i < guest->vcpus->len; i++) {
        const VnVcpu *vcpu = guest->vcpus->pdata[i];
        guint64 ns;
        if (vcpu->tid == 0)
            continue;
        if (!read_thread_time(files, guest->pid, vcpu->tid, &ns, error))
            return FALSE;
        sum_ns += ns;
        n++;
    }
    if (n == 0) {
        g_set_error(error, VN_ERROR, VN_ERROR_GONE,
                    "guest %s: no thread of its vCPUs is known", guest->name);
        return FALSE;
    }
    *ret_ns = sum_ns;
    return TRUE;
}
