/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMUs that are spoken to by their QMP sockets, made by the test: in the place of
 * daemon/peer.c, qmp/dirty-rate.c and qmp/client.c. See fake-sampler.h.
 */
#include "daemon/peer.h"
#include "qmp/dirty-rate.h"
#include "tests/daemon/fake-sampler.h"

#include <string.h>

struct VnQmpClient {
    FakeGuest *guest;
};

static VnQmpClient *
connect_to(int pid)
{
    VnQmpClient *client = g_new(VnQmpClient, 1);
    client->guest = fake_find(pid);
    fake.n_clients++;
    return client;
}

void
vn_qmp_client_free(VnQmpClient *client)
{
    if (!client)
        return;
    fake.n_clients--;
    g_free(client);
}

VnGuest *
vn_peer_find(const char *root, const char *path, VnQmpClient **ret_client, GError **error)
{
    if (strcmp(path, "/run/peer") != 0) {
        g_set_error(error, VN_ERROR, VN_ERROR_GONE, "QMP %s: nobody listens there", path);
        return NULL;
    }
    *ret_client = connect_to(fake.peer->pid);
    return vn_guest_clone(fake.peer);
}

VnQmpClient *
vn_peer_connect(const VnGuest *guest, GError **error)
{
    g_assert_cmpstr(guest->qmp_path, ==, "/run/own");
    return connect_to(guest->pid);
}

gboolean
vn_qmp_dirty_rate_start(VnQmpClient *client, guint seconds, gboolean ring,
                        guint timeout_ms, GError **error)
{
    return fake_measure(client->guest, seconds, error);
}

gboolean
vn_qmp_dirty_rate_check(VnQmpClient *client, guint timeout_ms, GError **error)
{
    if (fake.now_us >= client->guest->measured_until)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_BUSY, "somebody measures");
    return FALSE;
}

VnQmpDirtyRate *
vn_qmp_dirty_rate_read(VnQmpClient *client, guint timeout_ms, GError **error)
{
    VnQmpDirtyRate *rate = g_new0(VnQmpDirtyRate, 1);
    rate->state = fake.now_us < client->guest->measured_until
                      ? VN_QMP_DIRTY_RATE_MEASURING
                      : VN_QMP_DIRTY_RATE_MEASURED;
    rate->vcpus = g_array_new(FALSE, FALSE, sizeof(VnQmpVcpuRate));
    const VnQmpVcpuRate one = {0, client->guest->mb_per_second};
    g_array_append_val(rate->vcpus, one);
    return rate;
}

void
vn_qmp_dirty_rate_free(VnQmpDirtyRate *rate)
{
    if (!rate)
        return;
    g_array_unref(rate->vcpus);
    g_free(rate);
}
