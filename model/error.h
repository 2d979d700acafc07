/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one error domain. A code says what the caller does next, the message names the
 * object first, then what was wrong, then what to do about it.
 */
#pragma once

#include <glib.h>

#define VN_ERROR (vn_error_quark())

typedef enum {
    VN_ERROR_INVALID,     /* the input is wrong: mend it; the same call fails again */
    VN_ERROR_UNSUPPORTED, /* this host, kernel, QEMU or libvirt cannot: do without */
    VN_ERROR_GONE,        /* the object no longer exists: drop it */
    VN_ERROR_BUSY,        /* somebody or something holds it: try later */
    VN_ERROR_REFUSED,     /* permission, policy or a limit forbids it: tell the user */
    VN_ERROR_FAILED,      /* anything else */
} VnErrorCode;

/**
 * VN_WARN_UNUSED:
 *
 * Marks a fallible function, whose result must be looked at.
 */
#define VN_WARN_UNUSED __attribute__((warn_unused_result))

GQuark vn_error_quark(void);

/**
 * vn_error_code_name:
 *
 * Returns: the code's lower-case name, as JSON and D-Bus show it ("gone").
 */
const char *vn_error_code_name(VnErrorCode code);

/**
 * vn_error_set_errno:
 * @errsv: an errno value
 * @format: what was tried, naming the object first, without a colon at the end
 *
 * Sets @error to "<what was tried>: <strerror>", with the code that @errsv maps to:
 * ESRCH, ENOENT, ENODEV GONE; EPERM, EACCES REFUSED; EAGAIN, EBUSY, EINTR, ETIMEDOUT
 * BUSY; ENOSYS, ENOTSUP UNSUPPORTED; EINVAL, ENAMETOOLONG INVALID; others FAILED.
 */
void vn_error_set_errno(GError **error, int errsv, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
