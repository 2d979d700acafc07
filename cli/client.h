/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnClient: vnumad over D-Bus, each call with a deadline, and each error in words that
 * say what to do. Shows nothing.
 */
#pragma once

#include "data/vn-dbus.h"
#include "model/error.h"

typedef struct VnClient VnClient;

/**
 * vn_client_new:
 * @bus: "system", "session", or a bus's address
 * @timeout_s: the deadline of every call
 * @error: G_OPTION_ERROR when @bus is none of these
 */
VnClient *vn_client_new(const char *bus, int timeout_s, GError **error) VN_WARN_UNUSED;
void vn_client_free(VnClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnClient, vn_client_free)

/*
 * The manager's methods as in data/org.vnumad1.xml. Errors: what vnumad said, in its
 * own words; or that it is not running, forbids it, or did not answer in time.
 */
GVariant *vn_client_list_guests(VnClient *client, GError **error) VN_WARN_UNUSED;
GVariant *vn_client_get_guest(VnClient *client, const char *name,
                              GError **error) VN_WARN_UNUSED;
char *vn_client_get_definition(VnClient *client, const char *name,
                               GError **error) VN_WARN_UNUSED;
GVariant *vn_client_plan(VnClient *client, char **guests, GError **error) VN_WARN_UNUSED;
GVariant *vn_client_plan_undo(VnClient *client, char **guests,
                              GError **error) VN_WARN_UNUSED;
GVariant *vn_client_why(VnClient *client, const char *name,
                        GError **error) VN_WARN_UNUSED;
GVariant *vn_client_verify(VnClient *client, char **guests,
                           GError **error) VN_WARN_UNUSED;

/**
 * vn_client_sample:
 * @seconds: how long vnumad watches, besides which it has its deadline to answer
 * @source: (nullable): name of a source; NULL: the best there is
 * @qmp: (nullable): a socket's path; @name is "" then
 */
GVariant *vn_client_sample(VnClient *client, const char *name, guint seconds,
                           const char *source, const char *qmp,
                           GError **error) VN_WARN_UNUSED;
GVariant *vn_client_get_heat(VnClient *client, const char *name, gboolean by_time,
                             guint bins, GError **error) VN_WARN_UNUSED;

/** vn_client_rebalance: Returns: the D-Bus path of the job that was started. */
char *vn_client_rebalance(VnClient *client, char **guests, GError **error) VN_WARN_UNUSED;

/** vn_client_undo: likewise. */
char *vn_client_undo(VnClient *client, char **guests, GError **error) VN_WARN_UNUSED;

/**
 * vn_client_open_job:
 * @path: of a job that was started
 *
 * Returns: (transfer full): the job, its properties loaded and kept up to date.
 */
VnDBusJob *vn_client_open_job(VnClient *client, const char *path,
                              GError **error) VN_WARN_UNUSED;

/** vn_client_connection: (transfer none): to see when the bus itself goes away. */
GDBusConnection *vn_client_connection(const VnClient *client);

/** vn_client_explain: replaces a D-Bus error by one in our own words. */
void vn_client_explain(const VnClient *client, GError **error);
