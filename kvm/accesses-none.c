/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In the place of accesses.c where BPF is not built in: says so. */
#include "kvm/accesses.h"

#define REASON "built without BPF (libbpf and clang were missing, or -Dbpf=disabled)"

VnAccesses *
vn_accesses_attach(guint counts_max, GError **error)
{
    g_set_error_literal(error, VN_ERROR, VN_ERROR_UNSUPPORTED, REASON);
    return NULL;
}

void
vn_accesses_free(VnAccesses *accesses)
{
}

gboolean
vn_accesses_can(const VnAccesses *accesses, VnAccessesKind kind, char **ret_why)
{
    *ret_why = g_strdup(REASON);
    return FALSE;
}

gboolean
vn_accesses_built_in(void)
{
    return FALSE;
}

VnAccessesWindow *
vn_accesses_open(VnAccesses *accesses, const VnGuest *guest, VnAccessesKind kind,
                 GError **error)
{
    g_set_error_literal(error, VN_ERROR, VN_ERROR_UNSUPPORTED, REASON);
    return NULL;
}

gboolean
vn_accesses_close(VnAccessesWindow *window, VnSample *sample, const VnSlots *memory,
                  VnSlots *slots, GError **error)
{
    g_set_error_literal(error, VN_ERROR, VN_ERROR_UNSUPPORTED, REASON);
    return FALSE;
}
