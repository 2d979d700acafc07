/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process behind a socket, by its credentials, and what it says of its guest. */
#include "daemon/peer.h"

#include "daemon/probe.h"
#include "guest-topology/memory-layout.h"
#include "host/numa_maps.h"
#include "host/process.h"
#include "qmp/guest.h"
#include "qmp/memory.h"

#define CONNECT_TIMEOUT_MS 2000u
/* For all that it is asked about its guest; then for where the guest's memory lies. */
#define ASK_TIMEOUT_MS 3000u

/* Questions about memory, with one deadline. */
typedef struct {
    VnQmpClient *client;
    gint64 deadline_us;
} Look;

static guint
left_ms(const Look *look)
{
    return (guint) (MAX(look->deadline_us - g_get_monotonic_time(), 0) / 1000);
}

static gboolean
ask_address(gpointer data, guint64 gpa, char **ret_region, guint64 *ret_hva,
            GError **error)
{
    const Look *look = data;
    return vn_qmp_gpa_to_hva(look->client, gpa, left_ms(look), ret_region, ret_hva,
                             error);
}

/* How long the piece of RAM is that @cell, the last one, begins with. */
static gboolean
ask_size(const Look *look, const VnGuest *guest, const VnCell *cell, guint64 *ret_bytes)
{
    g_autofree char *region = NULL;
    g_autoptr(GError) error = NULL;
    guint64 gpa;
    guint64 hva;
    if (vn_layout_cell_gpa(guest, cell->id, 0, VN_LAYOUT_USUAL, &gpa) &&
        vn_qmp_gpa_to_hva(look->client, gpa, left_ms(look), &region, &hva, &error) &&
        vn_qmp_memory_bytes(look->client, region, left_ms(look), ret_bytes, &error))
        return TRUE;
    g_debug("%s: %s", guest->name, error ? error->message : "its layout is not known");
    return FALSE;
}

/* The last cell has all that is left, until its own size is known. */
static gboolean
find_cells(const Look *look, VnGuest *guest)
{
    for (guint64 left = guest->memory_bytes; left && guest->cells->len < VN_CELLS_MAX;) {
        VnCell *cell = vn_guest_add_cell(guest, guest->cells->len);
        guint64 bytes;
        cell->memory_bytes = left;
        if (!ask_size(look, guest, cell, &bytes) || bytes > left)
            return FALSE;
        cell->memory_bytes = bytes;
        left -= bytes;
        if (left == 0)
            return TRUE;
    }
    return FALSE;
}

/* vCPUs have said of which node they are, and cells are these, where all have memory. */
static void
add_cells(const Look *look, VnGuest *guest)
{
    if (!find_cells(look, guest)) {
        g_ptr_array_set_size(guest->cells, 0);
        vn_guest_add_cell(guest, 0)->memory_bytes = guest->memory_bytes;
    }
    for (guint i = 0; i < guest->vcpus->len; i++) {
        const VnVcpu *vcpu = guest->vcpus->pdata[i];
        guest->told_cells = guest->told_cells && vcpu->cell < guest->cells->len;
    }
    for (guint i = 0; i < guest->vcpus->len; i++) {
        VnVcpu *vcpu = guest->vcpus->pdata[i];
        vcpu->cell = guest->told_cells ? vcpu->cell : 0;
        vn_idset_add(((VnCell *) guest->cells->pdata[vcpu->cell])->vcpus, vcpu->id);
    }
}

/* Where the cells lie in QEMU; what it does not tell stays unknown. */
static void
locate_cells(Look *look, const char *root, VnGuest *guest)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) maps = vn_numa_maps_read(root, guest->pid, &error);
    if (!maps) {
        g_debug("%s", error->message);
        return;
    }
    const VnProbeSource source = {.data = look, .gpa_to_hva = ask_address};
    g_autoptr(GArray) ranges = vn_place_ranges_new(maps);
    g_autoptr(VnPlaces) places = vn_places_new(guest, ranges);
    if (!vn_probe_addresses(guest, places, &source, &error))
        g_debug("%s", error->message);
    for (guint i = 0; i < guest->cells->len; i++) {
        VnCell *cell = guest->cells->pdata[i];
        if (cell->memory_bytes && vn_places_is_decided(places, i, &cell->hva_start))
            cell->hva_end = cell->hva_start + cell->memory_bytes;
    }
}

/* The guest of the process that listens: a QEMU, and the one that has its threads. */
static VnGuest *
read_guest(const char *root, int pid, VnQmpClient *client, const char *path,
           GError **error)
{
    VnProcess process;
    if (!vn_process_read(root, pid, &process, error) ||
        !vn_process_is_qemu(root, pid, error) ||
        !vn_qmp_check_kvm(client, ASK_TIMEOUT_MS, error))
        return NULL;
    g_autoptr(VnGuest) guest = vn_qmp_guest_read(client, path, ASK_TIMEOUT_MS, error);
    if (!guest)
        return NULL;
    guest->pid = process.pid;
    guest->start_ticks = process.start_ticks;
    guest->qmp_path = g_strdup(path);
    guest->managed = TRUE;
    return vn_process_read_affinities(root, guest, error) &&
                   vn_process_check(root, &process, error)
               ? g_steal_pointer(&guest)
               : NULL;
}

VnGuest *
vn_peer_find(const char *root, const char *path, VnQmpClient **ret_client, GError **error)
{
    VnQmpPeer peer;
    g_autoptr(VnQmpClient) client =
        vn_qmp_client_connect_peer(path, CONNECT_TIMEOUT_MS, &peer, error);
    if (!client)
        return NULL;
    g_autoptr(VnGuest) guest = read_guest(root, peer.pid, client, path, error);
    if (!guest) {
        if (error && !g_str_has_prefix((*error)->message, "QMP "))
            g_prefix_error(error, "QMP %s: ", path);
        return NULL;
    }
    Look look = {client, g_get_monotonic_time() + ASK_TIMEOUT_MS * 1000};
    add_cells(&look, guest);
    locate_cells(&look, root, guest);
    *ret_client = g_steal_pointer(&client);
    return g_steal_pointer(&guest);
}

VnQmpClient *
vn_peer_connect(const VnGuest *guest, GError **error)
{
    VnQmpPeer peer;
    g_autoptr(VnQmpClient) client =
        vn_qmp_client_connect_peer(guest->qmp_path, CONNECT_TIMEOUT_MS, &peer, error);
    if (client && peer.pid == guest->pid)
        return g_steal_pointer(&client);
    if (client)
        g_set_error(error, VN_ERROR, VN_ERROR_REFUSED,
                    "QMP %s: process %d listens there, and not %d, which is the guest's",
                    guest->qmp_path, peer.pid, guest->pid);
    return NULL;
}
