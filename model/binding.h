/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnBinding: how a guest's memory is bound to host nodes, in libvirt's words. */
#pragma once

#include <glib.h>

/* libvirt's <numatune> modes, and none: the memory follows whoever touches it first. */
typedef enum {
    VN_BINDING_NONE,
    VN_BINDING_STRICT,
    VN_BINDING_PREFERRED,
    VN_BINDING_INTERLEAVE,
    VN_BINDING_RESTRICTIVE,
} VnBinding;

const char *vn_binding_name(VnBinding binding);

/**
 * vn_binding_from_name:
 *
 * Returns: FALSE when @name is none of libvirt's modes; @ret_binding is then untouched.
 */
gboolean vn_binding_from_name(const char *name, VnBinding *ret_binding);
