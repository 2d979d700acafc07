/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names of libvirt's modes. */
#include "model/binding.h"

#include <string.h>

static const char *const binding_names[] = {
    [VN_BINDING_NONE] = "none",
    [VN_BINDING_STRICT] = "strict",
    [VN_BINDING_PREFERRED] = "preferred",
    [VN_BINDING_INTERLEAVE] = "interleave",
    [VN_BINDING_RESTRICTIVE] = "restrictive",
};

const char *
vn_binding_name(VnBinding binding)
{
    return binding_names[binding];
}

gboolean
vn_binding_from_name(const char *name, VnBinding *ret_binding)
{
    for (guint i = VN_BINDING_STRICT; i < G_N_ELEMENTS(binding_names); i++) {
        if (strcmp(name, binding_names[i]) == 0) {
            *ret_binding = (VnBinding) i;
            return TRUE;
        }
    }
    return FALSE;
}
