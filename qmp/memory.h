/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where guest-physical memory lies in QEMU's address space: HMP's gpa2hva by way of QMP's
 * human-monitor-command, as text, so that it goes through our client and through
 * libvirt's passthrough alike.
 *
 * QMP has no such command of its own. The texts are those of hmp_gpa2hva() and gpa2hva()
 * in QEMU's monitor/misc.c; tests/qmp asks a real QEMU for them.
 */
#pragma once

#include "qmp/client.h"

/**
 * vn_qmp_gpa_to_hva_command: Returns: (transfer full): the command as JSON, without
 * id.
 */
char *vn_qmp_gpa_to_hva_command(guint64 gpa);

/**
 * vn_qmp_gpa_to_hva_parse:
 * @text: what HMP answered
 * @gpa: what it was asked for
 * @ret_region: (transfer full) (nullable): the name of the memory region, as "ram-node0"
 * @ret_hva: the address in QEMU's own address space
 * @error: GONE no memory is there; INVALID what is there is no RAM, or the text is none
 *   of those known; UNSUPPORTED this QEMU has no gpa2hva
 */
gboolean vn_qmp_gpa_to_hva_parse(const char *text, guint64 gpa, char **ret_region,
                                 guint64 *ret_hva, GError **error) VN_WARN_UNUSED;

/**
 * vn_qmp_gpa_to_hva_parse_reply:
 * @reply: QMP's whole reply, {"return": "Host virtual address ...", "id": ...}, as
 *   virDomainQemuMonitorCommand gives it
 *
 * As vn_qmp_gpa_to_hva_parse(); QEMU's errors are mapped by vn_qmp_error_code().
 */
gboolean vn_qmp_gpa_to_hva_parse_reply(const char *reply, guint64 gpa, char **ret_region,
                                       guint64 *ret_hva, GError **error) VN_WARN_UNUSED;

/** vn_qmp_gpa_to_hva: asks @client; errors of it and of vn_qmp_gpa_to_hva_parse(). */
gboolean vn_qmp_gpa_to_hva(VnQmpClient *client, guint64 gpa, guint timeout_ms,
                           char **ret_region, guint64 *ret_hva,
                           GError **error) VN_WARN_UNUSED;
