/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why BPF cannot watch KVM here, as far as it can be told without trying. */
#include <string.h>
#include <unistd.h>

#include "kvm/accesses.h"
#include "kvm/proc.h"

#define STATUS_BYTES 65536u
#define LOCKDOWN_BYTES 4096u

/* From linux/capability.h. */
#define CAP_SYS_ADMIN 21
#define CAP_PERFMON 38
#define CAP_BPF 39

static gboolean
has(const char *root, const char *path)
{
    g_autofree char *whole = g_build_filename(root, path, NULL);
    return access(whole, F_OK) == 0;
}

static char *
read_below(const char *root, const char *path, gsize limit_bytes)
{
    g_autofree char *whole = g_build_filename(root, path, NULL);
    return vn_proc_read(whole, limit_bytes, NULL);
}

/* CapEff in /proc/self/status, proc(5). What cannot be read speaks against nothing. */
static gboolean
may_use_bpf(const char *root)
{
    g_autofree char *status = read_below(root, "proc/self/status", STATUS_BYTES);
    const char *line = status ? strstr(status, "\nCapEff:") : NULL;
    if (!line)
        return TRUE;
    guint64 effective = g_ascii_strtoull(line + strlen("\nCapEff:"), NULL, 16);
    guint64 both = G_GUINT64_CONSTANT(1) << CAP_PERFMON | G_GUINT64_CONSTANT(1)
                                                              << CAP_BPF;
    return effective >> CAP_SYS_ADMIN & 1 || (effective & both) == both;
}

char *
vn_accesses_missing(const char *root)
{
    if (!has(root, "sys/module/kvm"))
        return g_strdup("KVM is not loaded");
    if (!has(root, "sys/kernel/btf/vmlinux"))
        return g_strdup("the kernel has no type information (CONFIG_DEBUG_INFO_BTF)");
    /* Built in, it has no state of its own, and its types are the kernel's. */
    if (has(root, "sys/module/kvm/initstate") && !has(root, "sys/kernel/btf/kvm"))
        return g_strdup("the module kvm has no type information "
                        "(CONFIG_DEBUG_INFO_BTF_MODULES)");
    g_autofree char *lockdown =
        read_below(root, "sys/kernel/security/lockdown", LOCKDOWN_BYTES);
    if (lockdown && strstr(lockdown, "[confidentiality]"))
        return g_strdup("the kernel is locked down (confidentiality): BPF may not read "
                        "its memory");
    if (!may_use_bpf(root))
        return g_strdup("no right to use BPF: needs CAP_BPF and CAP_PERFMON, or "
                        "CAP_SYS_ADMIN");
    return NULL;
}
