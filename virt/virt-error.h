/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's errors to ours, in this one place. Private to virt/. */
#pragma once

#include "model/error.h"

/**
 * vn_virt_error_set:
 * @format: what was tried, naming the object first, without a colon at the end
 *
 * Sets @error from libvirt's last error in this thread to "<what was tried>: <libvirt's
 * message>": GONE: no such domain; REFUSED: authentication, access; BUSY: time-out, held
 * by somebody, not possible in this state, or the connection failed; UNSUPPORTED,
 * INVALID, FAILED as the names say.
 */
void vn_virt_error_set(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
