/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cycle: what vnumad's cycle costs on a host of 8 nodes and 256 CPUs with 256 guests
 * of 16 vCPUs: CPU time, and memory. Host and processes are files, guests are those of
 * libvirt's test driver. Fails where a settled host does not stay as it is, or memory
 * grows.
 */
#include "daemon/cycle.h"
#include "daemon/caution.h"
#include "daemon/guard.h"
#include "host/topology.h"
#include "policies/align.h"
#include "tests/host/tree.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define N_NODES 8u
#define CPUS_A_NODE 32u
#define N_CPUS (N_NODES * CPUS_A_NODE)
#define N_GUESTS 256u
#define N_VCPUS 16u
#define N_THREADS 6u    /* of a QEMU, besides those of its vCPUs */
#define N_MAPPINGS 300u /* of a QEMU, besides its guest's RAM */
#define CELL_GIB 4u
#define PAGES_A_CELL (CELL_GIB << 18)
#define FIRST_PID 5000000u /* no kernel gives a process such an id */
#define CYCLES 100u
#define UNSETTLED_CYCLES 10u
#define GROWTH_BYTES_MAX (1u << 20)

static double
cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

static guint64
resident_bytes(void)
{
    g_autofree char *text = NULL;
    guint64 pages = 0;
    g_assert_true(g_file_get_contents("/proc/self/statm", &text, NULL, NULL));
    g_assert_cmpint(sscanf(text, "%*u %" G_GUINT64_FORMAT, &pages), ==, 1);
    return pages * (guint64) sysconf(_SC_PAGESIZE);
}

static double
mib(guint64 bytes)
{
    return (double) bytes / (1 << 20);
}

static void
write_node(const VnTree *tree, guint node)
{
    g_autofree char *folder = g_strdup_printf("sys/devices/system/node/node%u", node);
    g_autofree char *cpus = g_build_filename(folder, "cpulist", NULL);
    g_autofree char *memory = g_build_filename(folder, "meminfo", NULL);
    g_autofree char *distance = g_build_filename(folder, "distance", NULL);
    g_autoptr(GString) row = g_string_new(NULL);
    for (guint i = 0; i < N_NODES; i++)
        g_string_append_printf(row, "%s%u", i ? " " : "", i == node ? 10 : 21);
    vn_tree_write(tree, distance, "%s\n", row->str);
    vn_tree_write(tree, cpus, "%u-%u\n", node * CPUS_A_NODE,
                  (node + 1) * CPUS_A_NODE - 1);
    vn_tree_write(tree, memory, "Node %u MemTotal: %u kB\nNode %u MemFree: %u kB\n", node,
                  1024u << 20, node, 512u << 20);
}

static void
write_host(const VnTree *tree)
{
    vn_tree_write(tree, "sys/devices/system/cpu/online", "0-%u\n", N_CPUS - 1);
    vn_tree_write(tree, "sys/devices/system/cpu/present", "0-%u\n", N_CPUS - 1);
    vn_tree_write(tree, "sys/devices/system/cpu/possible", "0-%u\n", N_CPUS - 1);
    vn_tree_write(tree, "sys/devices/system/node/online", "0-%u\n", N_NODES - 1);
    vn_tree_write(tree, "proc/meminfo", "MemTotal: 8589934592 kB\n");
    for (guint i = 0; i < N_NODES; i++)
        write_node(tree, i);
    for (guint i = 0; i < N_CPUS; i++) {
        g_autofree char *folder =
            g_strdup_printf("sys/devices/system/cpu/cpu%u/topology", i);
        g_autofree char *siblings = g_build_filename(folder, "core_cpus_list", NULL);
        g_autofree char *core = g_build_filename(folder, "core_id", NULL);
        g_autofree char *package = g_build_filename(folder, "physical_package_id", NULL);
        vn_tree_write(tree, siblings, "%u-%u\n", i & ~1u, i | 1);
        vn_tree_write(tree, core, "%u\n", i % CPUS_A_NODE / 2);
        vn_tree_write(tree, package, "%u\n", i / CPUS_A_NODE);
    }
}

/* One of the guests, and the steps of @plan that it has behind it (NULL: none). */
typedef struct {
    guint number;
    guint n_cells;
    char name[16];
    char uuid[40];
    const VnPlan *plan;
} Guest;

static Guest
guest_of(guint number, const VnPlan *plan)
{
    Guest guest = {.number = number, .n_cells = 2 + number % 3, .plan = plan};
    g_snprintf(guest.name, sizeof guest.name, "guest%u", number);
    g_snprintf(guest.uuid, sizeof guest.uuid, "11111111-2222-3333-4444-%012u", number);
    return guest;
}

/* What the guest's step has brought about, as a list; @otherwise without such a step. */
static char *
after(const Guest *guest, VnStepKind kind, guint target, const char *otherwise)
{
    for (guint i = 0; guest->plan && i < guest->plan->steps->len; i++) {
        const VnStep *step = guest->plan->steps->pdata[i];
        if (step->kind == kind && step->target == target &&
            strcmp(step->uuid, guest->uuid) == 0)
            return vn_idset_format(step->after);
    }
    return g_strdup(otherwise);
}

static void
append_xml(const Guest *guest, GString *xml)
{
    g_autofree char *emulator = after(guest, VN_STEP_PIN_EMULATOR, 0, NULL);
    g_string_append_printf(xml,
                           "<domain type='test'><name>%s</name><uuid>%s</uuid>"
                           "<memory unit='GiB'>%u</memory><vcpu>%u</vcpu><cputune>",
                           guest->name, guest->uuid, guest->n_cells * CELL_GIB, N_VCPUS);
    for (guint i = 0; i < N_VCPUS; i++) {
        g_autofree char *cpus = after(guest, VN_STEP_PIN_VCPU, i, NULL);
        if (cpus)
            g_string_append_printf(xml, "<vcpupin vcpu='%u' cpuset='%s'/>", i, cpus);
    }
    if (emulator)
        g_string_append_printf(xml, "<emulatorpin cpuset='%s'/>", emulator);
    g_string_append(xml, "</cputune><os><type>hvm</type></os><cpu><numa>");
    for (guint i = 0; i < guest->n_cells; i++)
        g_string_append_printf(xml, "<cell id='%u' cpus='%u-%u' memory='%u' unit='GiB'/>",
                               i, i * N_VCPUS / guest->n_cells,
                               (i + 1) * N_VCPUS / guest->n_cells - 1, CELL_GIB);
    g_string_append(xml, "</numa></cpu></domain>");
}

/* Half of each cell is on one host node and half on another, until it is moved. */
static void
write_mappings(const VnTree *tree, const Guest *guest, const char *folder)
{
    g_autofree char *maps_path = g_build_filename(folder, "maps", NULL);
    g_autofree char *numa_path = g_build_filename(folder, "numa_maps", NULL);
    g_autoptr(GString) maps = g_string_new(NULL);
    g_autoptr(GString) numa = g_string_new(NULL);
    for (guint i = 0; i < N_MAPPINGS + guest->n_cells; i++) {
        gboolean is_ram = i >= N_MAPPINGS;
        guint cell = is_ram ? i - N_MAPPINGS : 0;
        guint64 start = G_GUINT64_CONSTANT(0x7e0000000000) + ((guint64) i << 33);
        guint64 bytes = is_ram ? (guint64) CELL_GIB << 30 : 65536;
        g_string_append_printf(maps,
                               "%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER
                               "x rw-%c 00000000 00:00 0\n",
                               start, start + bytes, is_ram ? 's' : 'p');
        g_string_append_printf(numa, "%" G_GINT64_MODIFIER "x default ", start);
        if (!is_ram) {
            g_string_append(numa, "anon=2 dirty=2 N0=2 kernelpagesize_kB=4\n");
            continue;
        }
        g_autofree char *home = after(guest, VN_STEP_MOVE_MEMORY, cell, NULL);
        guint one = (guest->number * 3 + cell) % N_NODES;
        guint other = (one + 5) % N_NODES;
        g_string_append_printf(numa,
                               "file=/dev/shm/qemu_back_mem._objects_ram-node%u.Ab12Cd "
                               "dirty=%u mapmax=1 ",
                               cell, PAGES_A_CELL);
        if (home)
            g_string_append_printf(numa, "N%s=%u", home, PAGES_A_CELL);
        else
            g_string_append_printf(numa, "N%u=%u N%u=%u", MIN(one, other),
                                   PAGES_A_CELL / 2, MAX(one, other), PAGES_A_CELL / 2);
        g_string_append(numa, " kernelpagesize_kB=4\n");
    }
    vn_tree_write(tree, maps_path, "%s", maps->str);
    vn_tree_write(tree, numa_path, "%s", numa->str);
}

static void
write_process(const VnTree *tree, const Guest *guest)
{
    const guint pid = FIRST_PID + guest->number * 100;
    g_autofree char *anywhere = g_strdup_printf("0-%u", N_CPUS - 1);
    g_autofree char *folder = g_strdup_printf("proc/%u", pid);
    g_autofree char *cmdline = g_build_filename(folder, "cmdline", NULL);
    g_autofree char *status = g_build_filename(folder, "status", NULL);
    g_autofree char *stat = g_build_filename(folder, "stat", NULL);
    g_autofree char *pid_file = g_strdup_printf("run/libvirt/qemu/%s.pid", guest->name);
    g_autofree char *arguments =
        g_strdup_printf("/usr/bin/qemu-system-x86_64|-uuid|%s|", guest->uuid);
    gsize length = strlen(arguments);
    g_strdelimit(arguments, "|", '\0');
    vn_tree_write_bytes(tree, cmdline, arguments, length);
    vn_tree_write(tree, pid_file, "%u", pid);
    vn_tree_write(tree, status, "Cpus_allowed_list:\t%s\nMems_allowed_list:\t0-%u\n",
                  anywhere, N_NODES - 1);
    vn_tree_write(
        tree, stat,
        "%u (qemu-system-x86) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 4 0 12345 0 0\n", pid);
    for (guint i = 0; i < N_THREADS + N_VCPUS; i++) {
        gboolean is_vcpu = i >= N_THREADS;
        g_autofree char *comm = g_strdup_printf("%s/task/%u/comm", folder, pid + i);
        g_autofree char *allowed = g_strdup_printf("%s/task/%u/status", folder, pid + i);
        g_autofree char *cpus =
            after(guest, is_vcpu ? VN_STEP_PIN_VCPU : VN_STEP_PIN_EMULATOR,
                  is_vcpu ? i - N_THREADS : 0, anywhere);
        g_autofree char *name = is_vcpu ? g_strdup_printf("CPU %u/KVM", i - N_THREADS)
                                        : g_strdup(i ? "worker" : "qemu-system-x86");
        vn_tree_write(tree, comm, "%s\n", name);
        vn_tree_write(tree, allowed, "Cpus_allowed_list:\t%s\n", cpus);
    }
    write_mappings(tree, guest, folder);
}

/* All of them, once @plan (NULL: none) has been carried out. */
static void
write_guests(const VnTree *tree, const VnPlan *plan)
{
    g_autoptr(GString) xml = g_string_new(
        "<node><cpu><mhz>1000</mhz><model>x</model><active>256</active><nodes>8</nodes>"
        "<sockets>1</sockets><cores>32</cores><threads>1</threads></cpu>"
        "<memory>8589934592</memory>");
    for (guint i = 0; i < N_GUESTS; i++) {
        const Guest guest = guest_of(i, plan);
        append_xml(&guest, xml);
        write_process(tree, &guest);
    }
    g_string_append(xml, "</node>");
    vn_tree_write(tree, "guests.xml", "%s", xml->str);
}

/* The daemon's own cycle: nobody has asked for it. */
static VnPlan *
decide(VnCycle *cycle, VnSnapshot **ret_snapshot)
{
    g_autoptr(GError) error = NULL;
    VnPlan *plan = vn_cycle_plan(cycle, NULL, ret_snapshot, &error);
    g_assert_no_error(error);
    return plan;
}

/* Once more without what observing takes. */
static void
print_parts(const VnTree *tree, const VnConfig *config, const VnSnapshot *snapshot)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnCaution) caution = vn_caution_new();
    const VnGuardView view = {.caution = caution, .now_us = g_get_monotonic_time()};
    double start = cpu_ms();
    VnHost *host = vn_topology_read(tree, &error);
    g_assert_no_error(error);
    vn_host_free(host);
    double read = cpu_ms();
    g_autoptr(VnPlan) plan = vn_align_decide(snapshot);
    double decided = cpu_ms();
    vn_guard_with(snapshot, config, &view, plan);
    double guarded = cpu_ms();
    g_autoptr(GVariant) variant = g_variant_ref_sink(vn_plan_to_variant(plan));
    gsize bytes = g_variant_get_size(variant);
    printf("  of that: host %.1f ms, decide %.1f ms, guard %.1f ms; as a variant "
           "%.1f ms, %.2f MiB\n",
           read - start, decided - read, guarded - decided, cpu_ms() - guarded,
           mib(bytes));
}

/* All steps done, and recorded as the daemon does. */
static void
record(const char *folder, const VnSnapshot *snapshot, VnPlan *plan)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnLedger) ledger = vn_ledger_open(folder, &error);
    g_assert_no_error(error);
    double start = cpu_ms();
    gint64 start_us = g_get_monotonic_time();
    gboolean good = vn_ledger_plan(ledger, snapshot, plan, &error);
    for (guint i = 0; good && i < plan->steps->len; i++) {
        VnStep *step = plan->steps->pdata[i];
        good = vn_ledger_append(ledger, "begin", step, &error);
        step->bytes_moved = step->bytes;
        vn_step_set_outcome(step, VN_OUTCOME_DONE, NULL);
        good = good && vn_ledger_append(ledger, "end", step, &error);
    }
    for (guint i = 0; good && i < N_GUESTS; i++) {
        const VnGuest *guest = snapshot->guests->pdata[i];
        const VnStep *step = plan->steps->pdata[0];
        good = vn_ledger_close(ledger, step->plan_id, guest->name, guest->uuid, "done",
                               &error);
    }
    g_assert_no_error(error);
    printf("ledger: %u steps recorded in %.0f ms of CPU time, %.1f s\n", plan->steps->len,
           cpu_ms() - start, (double) (g_get_monotonic_time() - start_us) / 1e6);
}

static VnCycle *
open_cycle(const VnConfig *config, const VnTree *tree, const char *folder,
           VnConnection *virt)
{
    g_autoptr(GError) error = NULL;
    VnLedger *ledger = vn_ledger_open(folder, &error);
    g_assert_no_error(error);
    return vn_cycle_new(config, tree, virt, ledger);
}

/* Returns: the last cycle's plan. */
static VnPlan *
unsettled(const VnConfig *config, const VnTree *tree, const char *uri, const char *folder,
          VnSnapshot **ret_snapshot)
{
    g_autoptr(VnConnection) virt = vn_connection_new(uri, NULL, NULL);
    g_autoptr(VnCycle) cycle = open_cycle(config, tree, folder, virt);
    VnPlan *plan = decide(cycle, ret_snapshot);
    double start = cpu_ms();
    for (guint i = 0; i < UNSETTLED_CYCLES; i++) {
        vn_plan_unref(plan);
        vn_snapshot_unref(*ret_snapshot);
        plan = decide(cycle, ret_snapshot);
    }
    printf("unsettled: %.1f ms of CPU time a cycle, %u steps\n",
           (cpu_ms() - start) / UNSETTLED_CYCLES, plan->steps->len);
    print_parts(tree, config, *ret_snapshot);
    return plan;
}

/* Returns: whether nothing was planned, and memory stayed. */
static gboolean
settled(const VnConfig *config, const VnTree *tree, const char *uri, const char *folder)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnConnection) virt = vn_connection_new(uri, NULL, NULL);
    g_autoptr(VnCycle) cycle = open_cycle(config, tree, folder, virt);
    gboolean good = vn_connection_open(virt, 0, &error);
    g_assert_no_error(error);
    guint n_steps = 0;
    guint64 first = 0;
    printf("resident: %.1f MiB before the first settled cycle\n", mib(resident_bytes()));
    double start = 0;
    for (guint i = 0; i <= CYCLES; i++) {
        g_autoptr(VnSnapshot) snapshot = NULL;
        g_autoptr(VnPlan) plan = decide(cycle, &snapshot);
        n_steps += plan->steps->len;
        if (i == 0) {
            first = resident_bytes();
            print_parts(tree, config, snapshot);
            start = cpu_ms();
        } else if (i % 25 == 0) {
            printf("  %u cycles: %.1f ms each, %.1f MiB resident\n", i,
                   (cpu_ms() - start) / i, mib(resident_bytes()));
        }
    }
    double ms = (cpu_ms() - start) / CYCLES;
    guint64 last = resident_bytes();
    printf("settled: %.1f ms of CPU time a cycle, %u steps in %u cycles; of a core "
           "%.3f %% at 60 s, %.4f %% at 600 s\n",
           ms, n_steps, CYCLES, ms / 600, ms / 6000);
    printf("resident: %.1f MiB after the first, %.1f MiB after %u more\n", mib(first),
           mib(last), CYCLES);
    start = cpu_ms();
    g_autoptr(GVariant) list =
        g_variant_ref_sink(vn_cycle_describe_guests(cycle, &error));
    printf("list: %.1f ms, %.2f MiB\n", cpu_ms() - start, mib(g_variant_get_size(list)));
    return good && n_steps == 0 && last <= first + GROWTH_BYTES_MAX;
}

int
main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    VnConfig config = vn_config_defaults();
    config.manage_all = TRUE;
    g_autoptr(VnTree) tree = vn_tree_new();
    g_autofree char *uri = g_strdup_printf("test://%s/guests.xml", tree);
    g_autofree char *folder = g_build_filename(tree, "state", NULL);
    write_host(tree);
    write_guests(tree, NULL);
    printf("resident: %.1f MiB at the start\n", mib(resident_bytes()));
    g_autoptr(VnSnapshot) snapshot = NULL;
    g_autoptr(VnPlan) plan = unsettled(&config, tree, uri, folder, &snapshot);
    gboolean good = plan->steps->len > 0;
    if (good) {
        record(folder, snapshot, plan);
        write_guests(tree, plan);
        good = settled(&config, tree, uri, folder);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("resident: %.1f MiB at most\n", (double) usage.ru_maxrss / 1024);
    return good ? 0 : 1;
}
