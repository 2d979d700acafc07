/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order of evidence, its real sources, and the memory of what was found. */
#include "daemon/locate.h"

#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "daemon/probe.h"
#include "host/pagemap.h"
#include "host/process.h"
#include "qmp/memory.h"
#include "virt/domains.h"

#define ASK_TIMEOUT_MS 3000u
#define PEEKS_MAX 64u
/* For all peeks and questions of one guest together. */
#define LOOK_SECONDS 10

#define RETRY_FIRST_SECONDS 2u
#define RETRY_LAST_SECONDS 60u

/* What is kept for processes that have ended, before it is thrown away. */
#define KNOWN_MAX 4096u

/* What is known of one QEMU process. */
typedef struct {
    guint64 start_ticks;
    GArray *sizes;      /* of guint64, by cell: another definition is another guest */
    GArray *starts;     /* of guint64, by cell; 0: not found */
    GPtrArray *reasons; /* of char*, by cell; NULL: found */
    gint64 retry_at_us; /* monotonic */
    guint retry_seconds;
} Known;

struct VnLocator {
    VnConnection *virt;
    gboolean allow_monitor;
    GHashTable *known; /* of Known, by pid */
};

/* Where the sources of a probe get it from: one guest, while it is looked at. */
typedef struct {
    VnConnection *virt;
    const VnGuest *guest;
    VnQmpClient *qmp;
    int pagemap;
    gint64 deadline_us;
} Look;

static void
known_free(gpointer data)
{
    Known *known = data;
    g_array_unref(known->sizes);
    g_array_unref(known->starts);
    g_ptr_array_unref(known->reasons);
    g_free(known);
}

VnLocator *
vn_locator_new(VnConnection *virt, gboolean allow_monitor)
{
    VnLocator *locator = g_new0(VnLocator, 1);
    locator->virt = virt;
    locator->allow_monitor = allow_monitor;
    locator->known = g_hash_table_new_full(NULL, NULL, NULL, known_free);
    return locator;
}

void
vn_locator_free(VnLocator *locator)
{
    if (!locator)
        return;
    g_hash_table_unref(locator->known);
    g_free(locator);
}

/* --- Sources ------------------------------------------------------------------------ */

static gboolean
read_memory(gpointer data, guint64 hva, gpointer buffer, gsize length)
{
    const Look *look = data;
    struct iovec here = {.iov_base = buffer, .iov_len = length};
    struct iovec there = {.iov_base = GSIZE_TO_POINTER((gsize) hva), .iov_len = length};
    return process_vm_readv(look->guest->pid, &here, 1, &there, 1, 0) == (gssize) length;
}

static gboolean
are_present(gpointer data, const guint64 *hvas, guint n_hvas, gboolean *ret_present)
{
    const Look *look = data;
    guint64 page_bytes = (guint64) sysconf(_SC_PAGESIZE);
    for (guint i = 0; i < n_hvas; i++) {
        if (!vn_pagemap_read(look->pagemap, hvas[i] / page_bytes, 1, &ret_present[i]))
            return FALSE;
    }
    return TRUE;
}

static gboolean
has_time(const Look *look, GError **error)
{
    if (g_get_monotonic_time() < look->deadline_us)
        return TRUE;
    g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                "guest %s: %d s of looking for its cells are over", look->guest->name,
                LOOK_SECONDS);
    return FALSE;
}

static gboolean
peek(gpointer data, guint64 gpa, gpointer buffer, gsize length, GError **error)
{
    const Look *look = data;
    return has_time(look, error) && vn_virt_peek(look->virt, look->guest->uuid, gpa,
                                                 buffer, length, ASK_TIMEOUT_MS, error);
}

static gboolean
ask_qmp(gpointer data, guint64 gpa, char **ret_region, guint64 *ret_hva, GError **error)
{
    const Look *look = data;
    return has_time(look, error) &&
           vn_qmp_gpa_to_hva(look->qmp, gpa, ASK_TIMEOUT_MS, ret_region, ret_hva, error);
}

static gboolean
ask_libvirt(gpointer data, guint64 gpa, char **ret_region, guint64 *ret_hva,
            GError **error)
{
    const Look *look = data;
    g_autofree char *command = vn_qmp_gpa_to_hva_command(gpa);
    g_autofree char *reply = NULL;
    return has_time(look, error) &&
           vn_virt_monitor_command(look->virt, look->guest->uuid, command, &reply,
                                   ASK_TIMEOUT_MS, error) &&
           vn_qmp_gpa_to_hva_parse_reply(reply, gpa, ret_region, ret_hva, error);
}

/* --- The order of evidence ---------------------------------------------------------- */

static gboolean
is_complete(const VnGuest *guest, const VnPlaces *places)
{
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        if (cell->memory_bytes > 0 && !vn_places_is_decided(places, i, NULL))
            return FALSE;
    }
    return TRUE;
}

static void
give_reasons(const VnPlaces *places, GPtrArray *reasons, const char *why)
{
    for (guint i = 0; i < reasons->len; i++) {
        if (reasons->pdata[i] || vn_places_is_decided(places, i, NULL))
            continue;
        reasons->pdata[i] = g_strdup(why);
    }
}

static void
look_by_socket(Look *look, VnPlaces *places)
{
    VnProbeSource source = {.data = look, .gpa_to_hva = ask_qmp};
    g_autoptr(GError) error = NULL;
    g_autoptr(VnQmpClient) client =
        vn_qmp_client_connect(look->guest->qmp_path, ASK_TIMEOUT_MS, &error);
    look->qmp = client;
    if (!client || !vn_probe_addresses(look->guest, places, &source, &error))
        g_debug("%s", error->message); /* there are other ways */
    look->qmp = NULL;
}

static void
look_at_content(Look *look, VnPlaces *places, GPtrArray *reasons)
{
    VnProbeSource source = {
        .data = look, .read = read_memory, .present = are_present, .peek = peek};
    g_autoptr(GError) error = NULL;
    guint peeks = PEEKS_MAX;
    look->pagemap = vn_pagemap_open(look->guest->pid);
    if (look->pagemap < 0) {
        give_reasons(places, reasons, "QEMU's memory cannot be read");
        return;
    }
    if (!vn_probe_content(look->guest, places, &source, &peeks, reasons, &error))
        give_reasons(places, reasons, error->message);
    close(look->pagemap);
}

/* Tries one kind of evidence after the other. */
static void
look_for(VnLocator *locator, const VnGuest *guest, VnPlaces *places, GPtrArray *reasons)
{
    Look look = {
        .virt = locator->virt,
        .guest = guest,
        .deadline_us = g_get_monotonic_time() + LOOK_SECONDS * G_USEC_PER_SEC,
    };
    VnProcess process = {.pid = guest->pid, .start_ticks = guest->start_ticks};
    /* With a recorded host the pid is of no process here, or of somebody else's. */
    if (is_complete(guest, places) || !vn_process_check("/", &process, NULL))
        return;
    if (guest->qmp_path)
        look_by_socket(&look, places);
    if (!is_complete(guest, places) && locator->virt)
        look_at_content(&look, places, reasons);
    if (!is_complete(guest, places) && locator->virt && locator->allow_monitor) {
        VnProbeSource source = {.data = &look, .gpa_to_hva = ask_libvirt};
        g_autoptr(GError) error = NULL;
        if (!vn_probe_addresses(guest, places, &source, &error))
            g_debug("%s", error->message);
    }
}

/* --- Remembering -------------------------------------------------------------------- */

static gboolean
is_same(const Known *known, const VnGuest *guest)
{
    if (known->start_ticks != guest->start_ticks ||
        known->sizes->len != guest->cells->len)
        return FALSE;
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        if (g_array_index(known->sizes, guint64, i) != cell->memory_bytes)
            return FALSE;
    }
    return TRUE;
}

static Known *
find_known(VnLocator *locator, const VnGuest *guest)
{
    Known *known = g_hash_table_lookup(locator->known, GINT_TO_POINTER(guest->pid));
    if (known && is_same(known, guest))
        return known;
    if (g_hash_table_size(locator->known) >= KNOWN_MAX)
        g_hash_table_remove_all(locator->known);
    known = g_new0(Known, 1);
    known->start_ticks = guest->start_ticks;
    known->sizes = g_array_new(FALSE, TRUE, sizeof(guint64));
    known->starts = g_array_new(FALSE, TRUE, sizeof(guint64));
    known->reasons = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        guint64 nowhere = 0;
        g_array_append_val(known->sizes, cell->memory_bytes);
        g_array_append_val(known->starts, nowhere);
        g_ptr_array_add(known->reasons, NULL);
    }
    g_hash_table_replace(locator->known, GINT_TO_POINTER(guest->pid), known);
    return known;
}

/* Gives the cells what is known. Returns: whether that is all. */
static gboolean
recall(const Known *known, VnGuest *guest)
{
    gboolean complete = TRUE;
    for (guint i = 0; i < guest->cells->len; i++) {
        VnCell *cell = guest->cells->pdata[i];
        cell->hva_start = g_array_index(known->starts, guint64, i);
        cell->hva_end = cell->hva_start ? cell->hva_start + cell->memory_bytes : 0;
        g_free(cell->hva_unknown);
        cell->hva_unknown = g_strdup(known->reasons->pdata[i]);
        complete &= cell->hva_start != 0 || cell->memory_bytes == 0;
    }
    return complete;
}

static void
remember(Known *known, const VnGuest *guest, const VnPlaces *places,
         const GPtrArray *reasons)
{
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        g_clear_pointer(&known->reasons->pdata[i], g_free);
        if (cell->memory_bytes == 0) {
            known->reasons->pdata[i] = g_strdup("it has no memory");
        } else if (!vn_places_is_decided(places, i,
                                         &g_array_index(known->starts, guint64, i))) {
            g_autofree char *doubt = vn_places_doubt(places, i);
            const char *why = reasons->pdata[i];
            known->reasons->pdata[i] = g_strjoin(why ? ": " : NULL, doubt, why, NULL);
        }
    }
    known->retry_seconds = known->retry_seconds == 0
                               ? RETRY_FIRST_SECONDS
                               : MIN(known->retry_seconds * 2, RETRY_LAST_SECONDS);
    known->retry_at_us =
        g_get_monotonic_time() + (gint64) known->retry_seconds * G_USEC_PER_SEC;
}

void
vn_locator_locate(VnLocator *locator, VnGuest *guest, const GPtrArray *maps)
{
    Known *known = find_known(locator, guest);
    if (recall(known, guest) || g_get_monotonic_time() < known->retry_at_us)
        return;

    g_autoptr(GArray) ranges = vn_place_ranges_new(maps);
    g_autoptr(VnPlaces) places = vn_places_new(guest, ranges);
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_set_size(reasons, (gint) guest->cells->len);
    look_for(locator, guest, places, reasons);
    remember(known, guest, places, reasons);
    recall(known, guest);
}
