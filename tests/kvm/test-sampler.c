/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the sampler says where it cannot sample: reasons in words, and no window. What it
 * does where it can needs real guests: tests/lab/test-sampling.sh.
 */
#include "kvm/sampler.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kvm/accesses.h"

static void
put(const char *root, const char *path, const char *text)
{
    g_autofree char *whole = g_build_filename(root, path, NULL);
    g_autofree char *folder = g_path_get_dirname(whole);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_assert_true(g_file_set_contents(whole, text, -1, NULL));
}

/* Files of a machine ("PATH=TEXT"), and the reason that speaks against BPF there. */
static const struct {
    const char *files[6];
    const char *why; /* NULL: none */
} missing_cases[] = {
    {{NULL}, "KVM is not loaded"},
    {{"sys/module/kvm/x="}, "CONFIG_DEBUG_INFO_BTF)"},
    {{"sys/module/kvm/initstate=live", "sys/kernel/btf/vmlinux="},
     "CONFIG_DEBUG_INFO_BTF_MODULES"},
    {{"sys/module/kvm/initstate=live", "sys/kernel/btf/vmlinux=", "sys/kernel/btf/kvm="},
     NULL},
    {{"sys/module/kvm/x=", "sys/kernel/btf/vmlinux="}, NULL}, /* built in */
    {{"sys/module/kvm/x=", "sys/kernel/btf/vmlinux=",
      "sys/kernel/security/lockdown=none integrity [confidentiality]\n"},
     "locked down"},
    {{"sys/module/kvm/x=", "sys/kernel/btf/vmlinux=",
      "sys/kernel/security/lockdown=none [integrity] confidentiality\n"},
     NULL},
    {{"sys/module/kvm/x=", "sys/kernel/btf/vmlinux=",
      "proc/self/status=Name:\tx\nCapEff:\t0000000000000000\n"},
     "no right to use BPF"},
    {{"sys/module/kvm/x=", "sys/kernel/btf/vmlinux=",
      "proc/self/status=Name:\tx\nCapEff:\t000000c000000000\n"},
     NULL},
    {{"sys/module/kvm/x=", "sys/kernel/btf/vmlinux=",
      "proc/self/status=Name:\tx\nCapEff:\t0000008000000000\n"},
     "no right to use BPF"},
    {{"sys/module/kvm/x=", "sys/kernel/btf/vmlinux=",
      "proc/self/status=Name:\tx\nCapEff:\t0000000000200000\n"},
     NULL},
    {{"sys/module/kvm/x=", "sys/kernel/btf/vmlinux=", "proc/self/status=CapEff"}, NULL},
};

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    const char *name;
    while (directory && (name = g_dir_read_name(directory))) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    g_remove(path);
}

static void
test_missing(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(missing_cases); i++) {
        g_autofree char *root = g_dir_make_tmp("vnumad-test-XXXXXX", NULL);
        for (guint n = 0; n < 6 && missing_cases[i].files[n]; n++) {
            g_auto(GStrv) parts = g_strsplit(missing_cases[i].files[n], "=", 2);
            put(root, parts[0], parts[1]);
        }
        g_autofree char *why = vn_accesses_missing(root);
        remove_tree(root);
        g_test_message("%zu: %s", i, why ? why : "nothing");
        g_assert_cmpint(why != NULL, ==, missing_cases[i].why != NULL);
        if (why)
            g_assert_nonnull(strstr(why, missing_cases[i].why));
    }
}

/* This process is no QEMU, though its threads are said to be vCPUs. */
static VnGuest *
no_guest(int pid)
{
    VnGuest *guest = vn_guest_new("db1", "11111111-2222-3333-4444-000000000001");
    guest->pid = pid;
    vn_guest_add_vcpu(guest, 0, 0)->tid = pid;
    return guest;
}

static void
test_cannot(void)
{
    g_autoptr(VnSampler) sampler = vn_sampler_new(0);
    g_autoptr(VnGuest) stopped = no_guest(0);
    g_autoptr(VnGuest) guest = no_guest(getpid());
    static const VnSampleSource none[] = {VN_SAMPLE_DIRTY_LOG_BPF, VN_SAMPLE_DIRTY_RING,
                                          VN_SAMPLE_REFAULT, VN_SAMPLE_DIRTY_RATE};
    for (gsize i = 0; i < G_N_ELEMENTS(none); i++) {
        g_autofree char *why = NULL;
        g_autofree char *why_stopped = NULL;
        g_autoptr(GError) error = NULL;
        g_assert_false(vn_sampler_can(sampler, guest, none[i], &why));
        g_assert_cmpuint(strlen(why), >, 0);
        g_assert_false(vn_sampler_can(sampler, stopped, none[i], &why_stopped));
        g_assert_cmpuint(strlen(why_stopped), >, 0);
        g_assert_null(vn_window_start(sampler, guest, NULL, none[i], &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED);
        g_assert_true(g_str_has_prefix(error->message, "guest db1: sample: "));
        g_test_message("%s: %s", why, error->message);
        g_clear_error(&error);
        g_assert_null(vn_window_start(sampler, stopped, NULL, none[i], &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED);
    }
}

#define ONLY(source) (~(1u << (source)))

static void
test_choose(void)
{
    static const struct {
        gboolean runs;
        guint forbidden;
        int source; /* -1: none */
        const char *says;
    } cases[] = {
        {TRUE, ONLY(VN_SAMPLE_DIRTY_RATE), VN_SAMPLE_DIRTY_RATE,
         "dirty-log: the configuration forbids it; dirty-ring: the conf"},
        {TRUE, 1u << VN_SAMPLE_NUMA_FAULTS, VN_SAMPLE_DIRTY_RATE,
         "; dirty-ring: process "},
        {TRUE, ~0u, -1, "; dirty-rate: the configuration forbids it"},
        {TRUE, ONLY(VN_SAMPLE_REFAULT), -1, "; refault: "},
        {FALSE, 0, -1, "dirty-log: it does not run"},
        {FALSE, ONLY(VN_SAMPLE_DIRTY_RATE), -1, "dirty-rate: "},
    };
    g_autoptr(VnSampler) sampler = vn_sampler_new(0);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnGuest) guest = no_guest(cases[i].runs ? getpid() : 0);
        g_autofree char *why = NULL;
        VnSampleSource source;
        gboolean found =
            vn_sampler_choose(sampler, guest, cases[i].forbidden, NULL, &source, &why);
        g_test_message("%s", why);
        g_assert_cmpint(found ? (int) source : -1, ==, cases[i].source);
        g_assert_nonnull(strstr(why, cases[i].says));
    }
}

/* One that failed is passed over, and says why itself. */
static void
test_choose_another(void)
{
    g_autoptr(VnSampler) sampler = vn_sampler_new(0);
    g_autoptr(VnGuest) guest = no_guest(getpid());
    char reason[] = "it was refused";
    char *failed[VN_SAMPLE_SOURCES] = {[VN_SAMPLE_NUMA_FAULTS] = reason};
    g_autofree char *why = NULL;
    VnSampleSource source;
    g_assert_true(vn_sampler_choose(sampler, guest, 1u << VN_SAMPLE_REFAULT, failed,
                                    &source, &why));
    g_assert_cmpint(source, ==, VN_SAMPLE_DIRTY_RATE);
    g_assert_nonnull(strstr(why, "; numa-faults: it was refused"));
}

/* A process that has ended, and been waited for. */
static void
test_gone(void)
{
    g_autoptr(VnSampler) sampler = vn_sampler_new(0);
    g_autoptr(GError) error = NULL;
    g_autofree char *why = NULL;
    const char *const command[] = {"true", NULL};
    GPid pid;
    g_assert_true(g_spawn_async(NULL, (char **) command, NULL,
                                G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL,
                                NULL, &pid, NULL));
    g_autoptr(VnGuest) guest = no_guest(pid);
    g_autoptr(VnWindow) window =
        vn_window_start(sampler, guest, NULL, VN_SAMPLE_NUMA_FAULTS, &error);
    g_assert_no_error(error);
    /* Until it is a zombie: its end is seen before anybody waits for it. */
    siginfo_t info;
    g_assert_cmpint(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), ==, 0);
    g_assert_null(vn_window_stop(g_steal_pointer(&window), NULL, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_assert_cmpstr(error->message, ==, "guest db1: sample: it ended within the window");
    g_clear_error(&error);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);

    g_assert_null(vn_window_start(sampler, guest, NULL, VN_SAMPLE_NUMA_FAULTS, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
    g_assert_false(vn_sampler_can(sampler, guest, VN_SAMPLE_DIRTY_RING, &why));
}

/* AutoNUMA's counters need nothing: a window of this very process. */
static void
test_numa_faults(void)
{
    g_autoptr(VnSampler) sampler = vn_sampler_new(0);
    g_autoptr(VnGuest) guest = no_guest(getpid());
    g_autoptr(VnSlots) slots = NULL;
    g_autoptr(GError) error = NULL;
    VnWindow *window =
        vn_window_start(sampler, guest, NULL, VN_SAMPLE_NUMA_FAULTS, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(vn_window_poll_ms(window), ==, 0);
    vn_window_poll(window);
    g_autoptr(VnSample) sample = vn_window_stop(window, &slots, &error);
    g_assert_no_error(error);
    g_assert_true(sample->sealed);
    g_assert_cmpuint(sample->counts->len, ==, 0);
    g_assert_cmpuint(slots->array->len, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sampler/missing", test_missing);
    g_test_add_func("/sampler/cannot", test_cannot);
    g_test_add_func("/sampler/choose", test_choose);
    g_test_add_func("/sampler/choose-another", test_choose_another);
    g_test_add_func("/sampler/gone", test_gone);
    g_test_add_func("/sampler/numa-faults", test_numa_faults);
    return g_test_run();
}
