/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnCordons: which host nodes are cordoned, since when; kept on disk, so that a restart
 * knows of them. What a cordon means is the policies' business (VnHostNode.cordoned).
 */
#pragma once

#include "model/host.h"

/* Where vnumad keeps its state, unless systemd says otherwise. */
#define VN_STATE_FOLDER "/var/lib/vnumad"

typedef struct VnCordons VnCordons;

/** vn_cordons_open: @error: as vn_state_file_read(). A missing file has none. */
VnCordons *vn_cordons_open(const char *folder, GError **error) VN_WARN_UNUSED;
void vn_cordons_free(VnCordons *cordons);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnCordons, vn_cordons_free)

/**
 * vn_cordons_try: what vn_cordons_mark() marks as well, without keeping it.
 * @node: -1: none
 */
void vn_cordons_try(VnCordons *cordons, int node);

/** vn_cordons_add: on the disk when it returns TRUE; one that is there already stays. */
gboolean vn_cordons_add(VnCordons *cordons, guint node, GError **error) VN_WARN_UNUSED;

/** vn_cordons_remove: @error: GONE: it is not cordoned. */
gboolean vn_cordons_remove(VnCordons *cordons, guint node, GError **error) VN_WARN_UNUSED;

/** vn_cordons_since: real time, microseconds; -1: @node is not cordoned. */
gint64 vn_cordons_since(const VnCordons *cordons, guint node);

/** vn_cordons_nodes: (transfer full): also those that the host does not have now. */
VnIdSet *vn_cordons_nodes(const VnCordons *cordons);

/** vn_cordons_mark: sets VnHostNode.cordoned. */
void vn_cordons_mark(const VnCordons *cordons, VnHost *host);
