/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A scenario's JSON, checked value by value; what guests have is put where it lies. */
#include "cli/scenario-read.h"

#include "cli/host-read.h"

#include <string.h>

#define NAME_BYTES_MAX 255
#define DEVICES_MAX 1024

/* One document being read. */
typedef struct {
    VnScenario *scenario;
    GHashTable *names;    /* of guests; borrowed from these */
    guint n_vcpus;        /* of all guests so far */
    VnIdSet *with_memory; /* host nodes */
} Reading;

static const VnHost *
host_of(const Reading *reading)
{
    return reading->scenario->snapshot->host;
}

static const char *
read_name(const Reading *reading, const VnJsonAt *guest, GError **error)
{
    VnJsonAt at = vn_json_at_key(guest, "name");
    const char *name = vn_json_at_string(&at, NAME_BYTES_MAX, error);
    if (name && g_hash_table_contains(reading->names, name)) {
        vn_json_at_set_error(&at, error, "'%s' is a guest before it, too", name);
        return NULL;
    }
    return name;
}

/*
 * Those of all guests are counted, so that no document of a few bytes fills the memory.
 */
static gboolean
read_vcpus(Reading *reading, const VnJsonAt *guest, guint *ret_n, GError **error)
{
    VnJsonAt at = vn_json_at_key(guest, "vcpus");
    guint n;
    if (!vn_json_at_uint(&at, 1, VN_VCPUS_MAX, &n, error))
        return FALSE;
    reading->n_vcpus += n;
    if (reading->n_vcpus > VN_SCENARIO_VCPUS_MAX) {
        vn_json_at_set_error(&at, error, "makes more than %u vCPUs of all guests",
                             VN_SCENARIO_VCPUS_MAX);
        return FALSE;
    }
    *ret_n = n;
    return TRUE;
}

/* Memory of a guest or a cell: whole pages. */
static gboolean
read_memory(const VnJsonAt *object, guint64 min, guint64 page_size_bytes,
            guint64 *ret_bytes, GError **error)
{
    VnJsonAt at = vn_json_at_key(object, "memory_bytes");
    guint64 bytes;
    if (!vn_json_at_uint64(&at, min, VN_HOST_MEMORY_MAX, &bytes, error))
        return FALSE;
    if (page_size_bytes && bytes % page_size_bytes) {
        vn_json_at_set_error(&at, error,
                             "is no whole number of pages of %" G_GUINT64_FORMAT " bytes",
                             page_size_bytes);
        return FALSE;
    }
    *ret_bytes = bytes;
    return TRUE;
}

/* 0 for the host's base pages. */
static gboolean
read_page_size(const VnHost *host, const VnJsonAt *guest, guint64 *ret_bytes,
               GError **error)
{
    VnJsonAt at = vn_json_at_key(guest, "page_size_bytes");
    guint64 bytes;
    *ret_bytes = 0;
    if (!vn_json_at_is(&at))
        return TRUE;
    if (!vn_json_at_uint64(&at, host->page_size_bytes, VN_HOST_MEMORY_MAX, &bytes, error))
        return FALSE;
    if (bytes & (bytes - 1)) {
        vn_json_at_set_error(&at, error, "is %" G_GUINT64_FORMAT ", no power of 2",
                             bytes);
        return FALSE;
    }
    *ret_bytes = bytes == host->page_size_bytes ? 0 : bytes;
    return TRUE;
}

static gboolean
read_policy(const VnJsonAt *guest, VnPolicy *ret_policy, GError **error)
{
    g_autoptr(GError) unknown = NULL;
    VnJsonAt at = vn_json_at_key(guest, "policy");
    if (!vn_json_at_is(&at))
        return TRUE;
    const char *name = vn_json_at_string(&at, NAME_BYTES_MAX, error);
    if (!name)
        return FALSE;
    if (vn_policy_parse(name, ret_policy, &unknown))
        return TRUE;
    vn_json_at_set_error(&at, error, "%s", unknown->message);
    return FALSE;
}

static gboolean
check_node(const VnHost *host, const VnJsonAt *at, guint id, GError **error)
{
    if (vn_host_find_node(host, id))
        return TRUE;
    vn_json_at_set_error(at, error, "the host has no node %u", id);
    return FALSE;
}

/* Two devices on one node are that node twice. */
static gboolean
read_devices(const VnHost *host, const VnJsonAt *object, VnGuest *guest, GError **error)
{
    VnJsonAt at = vn_json_at_key(object, "devices_host_nodes");
    if (!vn_json_at_is(&at))
        return TRUE;
    if (!vn_json_at_check_array(&at, DEVICES_MAX, error))
        return FALSE;
    guest->device_nodes = g_array_new(FALSE, FALSE, sizeof(guint));
    for (gsize i = 0; i < vn_json_array_length(at.json); i++) {
        VnJsonAt item = vn_json_at_index(&at, i);
        guint id;
        if (!vn_json_at_uint(&item, 0, VN_HOST_NODES_MAX - 1, &id, error) ||
            !check_node(host, &item, id, error))
            return FALSE;
        g_array_append_val(guest->device_nodes, id);
    }
    return TRUE;
}

static gboolean
read_cell(const VnJsonAt *at, guint64 page_size_bytes, VnGuest *guest, GError **error)
{
    static const char *const keys[] = {"vcpus", "memory_bytes", NULL};
    guint index = guest->cells->len;
    VnJsonAt vcpus = vn_json_at_key(at, "vcpus");
    guint64 bytes;
    if (!vn_json_at_check_object(at, keys, error) ||
        !read_memory(at, 0, page_size_bytes, &bytes, error))
        return FALSE;
    g_autoptr(VnIdSet) set = vn_json_at_idset(&vcpus, guest->vcpus->len - 1, error);
    if (!set)
        return FALSE;
    VN_IDSET_FOREACH (set, id) {
        for (guint i = 0; i < index; i++) {
            const VnCell *other = guest->cells->pdata[i];
            if (!vn_idset_contains(other->vcpus, (guint) id))
                continue;
            vn_json_at_set_error(&vcpus, error, "vCPU %d is in cell %u, too", id, i);
            return FALSE;
        }
        ((VnVcpu *) guest->vcpus->pdata[id])->cell = index;
    }
    VnCell *cell = vn_guest_add_cell(guest, index);
    vn_idset_add_all(cell->vcpus, set);
    cell->memory_bytes = bytes;
    cell->page_size_bytes = page_size_bytes;
    return TRUE;
}

/* All vCPUs are in a cell, and the cells' memory is the guest's. */
static gboolean
check_cells(const VnJsonAt *at, const VnGuest *guest, GError **error)
{
    guint n_vcpus = 0;
    guint64 bytes = 0;
    for (guint i = 0; i < guest->cells->len; i++) {
        const VnCell *cell = guest->cells->pdata[i];
        n_vcpus += vn_idset_count(cell->vcpus);
        bytes += cell->memory_bytes;
    }
    if (n_vcpus != guest->vcpus->len) {
        vn_json_at_set_error(at, error, "have %u vCPUs, the guest %u", n_vcpus,
                             guest->vcpus->len);
        return FALSE;
    }
    if (bytes != guest->memory_bytes) {
        vn_json_at_set_error(at, error,
                             "have %" G_GUINT64_FORMAT " bytes, the guest "
                             "%" G_GUINT64_FORMAT,
                             bytes, guest->memory_bytes);
        return FALSE;
    }
    return TRUE;
}

static gboolean
read_cells(const VnJsonAt *object, VnGuest *guest, VnScenarioGuest *wish, GError **error)
{
    VnJsonAt at = vn_json_at_key(object, "cells");
    VnJsonAt max_cells = vn_json_at_key(object, "max_cells");
    if (vn_json_at_is(&max_cells) &&
        !vn_json_at_uint(&max_cells, 1, VN_CELLS_MAX, &wish->max_cells, error))
        return FALSE;
    if (!vn_json_at_is(&at))
        return TRUE;
    if (!vn_json_at_check_array(&at, VN_CELLS_MAX, error))
        return FALSE;
    if (vn_json_array_length(at.json) == 0) {
        vn_json_at_set_error(&at, error, "has no cell; leave it out to have some chosen");
        return FALSE;
    }
    if (vn_json_at_is(&max_cells) && vn_json_array_length(at.json) > wish->max_cells) {
        vn_json_at_set_error(&max_cells, error, "is %u, and 'cells' has %zu",
                             wish->max_cells, vn_json_array_length(at.json));
        return FALSE;
    }
    wish->max_cells = 0;
    for (gsize i = 0; i < vn_json_array_length(at.json); i++) {
        VnJsonAt item = vn_json_at_index(&at, i);
        if (!read_cell(&item, wish->page_size_bytes, guest, error))
            return FALSE;
    }
    return check_cells(&at, guest, error);
}

/* The host nodes that one cell lies on. */
static VnIdSet *
read_place(const Reading *reading, const VnJsonAt *at, GError **error)
{
    g_autoptr(VnIdSet) nodes = vn_json_at_idset(at, VN_HOST_NODES_MAX - 1, error);
    if (!nodes)
        return NULL;
    if (vn_idset_is_empty(nodes)) {
        vn_json_at_set_error(at, error, "has no host node");
        return NULL;
    }
    VN_IDSET_FOREACH (nodes, id) {
        if (!check_node(host_of(reading), at, (guint) id, error))
            return NULL;
        if (vn_idset_contains(reading->with_memory, (guint) id))
            continue;
        vn_json_at_set_error(at, error, "host node %d has no memory", id);
        return NULL;
    }
    return g_steal_pointer(&nodes);
}

/* A guest that is placed and tells no cells has as many as places. */
static gboolean
read_placed(const Reading *reading, const VnJsonAt *object, VnGuest *guest,
            VnScenarioGuest *wish, GError **error)
{
    g_autoptr(GError) full = NULL;
    VnJsonAt at = vn_json_at_key(object, "placed");
    if (!vn_json_at_is(&at))
        return TRUE;
    if (!vn_json_at_check_array(&at, VN_CELLS_MAX, error))
        return FALSE;
    guint n = (guint) vn_json_array_length(at.json);
    guint n_cells = guest->cells->len;
    if (n == 0 || (n_cells && n != n_cells) || (wish->max_cells && n > wish->max_cells)) {
        vn_json_at_set_error(
            &at, error, "has %u items; it must have one for each cell of the guest", n);
        return FALSE;
    }
    if (!n_cells)
        vn_scenario_split(guest, n, wish->page_size_bytes);
    wish->max_cells = 0;
    for (guint i = 0; i < n; i++) {
        VnJsonAt item = vn_json_at_index(&at, i);
        g_autoptr(VnIdSet) nodes = read_place(reading, &item, error);
        if (!nodes)
            return FALSE;
        if (!vn_scenario_put(reading->scenario, guest, i, nodes, &full)) {
            vn_json_at_set_error(&item, error, "%s", full->message);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
read_guest(Reading *reading, const VnJsonAt *at, GError **error)
{
    static const char *const keys[] = {
        "name",      "vcpus",  "memory_bytes",       "page_size_bytes", "cells",
        "max_cells", "policy", "devices_host_nodes", "placed",          NULL};
    guint64 bytes;
    guint64 page_size_bytes;
    guint n_vcpus;
    if (!vn_json_at_check_object(at, keys, error))
        return FALSE;
    const char *name = read_name(reading, at, error);
    if (!name || !read_vcpus(reading, at, &n_vcpus, error) ||
        !read_page_size(host_of(reading), at, &page_size_bytes, error) ||
        !read_memory(at, 1, page_size_bytes, &bytes, error))
        return FALSE;

    VnScenario *scenario = reading->scenario;
    VnGuest *guest = vn_scenario_add(scenario, name, n_vcpus, bytes);
    VnScenarioGuest *wish = &g_array_index(scenario->guests, VnScenarioGuest,
                                           scenario->snapshot->guests->len - 1);
    g_hash_table_add(reading->names, guest->name);
    wish->page_size_bytes = page_size_bytes;
    return read_policy(at, &guest->policy, error) &&
           read_devices(host_of(reading), at, guest, error) &&
           read_cells(at, guest, wish, error) &&
           read_placed(reading, at, guest, wish, error);
}

static gboolean
read_guests(Reading *reading, const VnJsonAt *document, GError **error)
{
    VnJsonAt at = vn_json_at_key(document, "guests");
    if (!vn_json_at_check_array(&at, VN_SCENARIO_GUESTS_MAX, error))
        return FALSE;
    for (gsize i = 0; i < vn_json_array_length(at.json); i++) {
        VnJsonAt item = vn_json_at_index(&at, i);
        if (!read_guest(reading, &item, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_options(VnScenario *scenario, const VnJsonAt *document, GError **error)
{
    static const char *const keys[] = {"cpu_overcommit_ratio", "smt", NULL};
    VnJsonAt at = vn_json_at_key(document, "options");
    VnJsonAt ratio = vn_json_at_key(&at, "cpu_overcommit_ratio");
    VnJsonAt smt = vn_json_at_key(&at, "smt");
    if (!vn_json_at_is(&at))
        return TRUE;
    return vn_json_at_check_object(&at, keys, error) &&
           (!vn_json_at_is(&ratio) ||
            vn_json_at_double(&ratio, VN_SCENARIO_OVERCOMMIT_MIN,
                              VN_SCENARIO_OVERCOMMIT_MAX, &scenario->cpu_overcommit_ratio,
                              error)) &&
           (!vn_json_at_is(&smt) || vn_json_at_bool(&smt, &scenario->smt, error));
}

static VnScenario *
read_document(const VnJsonAt *document, GError **error)
{
    static const char *const keys[] = {"host", "guests", "options", NULL};
    VnJsonAt host_at = vn_json_at_key(document, "host");
    if (!vn_json_at_check_object(document, keys, error))
        return NULL;
    g_autoptr(VnHost) host = vn_host_read_json(&host_at, error);
    if (!host)
        return NULL;
    g_autoptr(VnIdSet) with_memory = vn_idset_new();
    for (guint i = 0; i < host->nodes->len; i++) {
        const VnHostNode *node = host->nodes->pdata[i];
        if (node->memory_bytes)
            vn_idset_add(with_memory, node->id);
    }
    g_autoptr(VnScenario) scenario = vn_scenario_new(g_steal_pointer(&host));
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    Reading reading = {.scenario = scenario, .names = names, .with_memory = with_memory};
    if (!read_options(scenario, document, error) ||
        !read_guests(&reading, document, error))
        return NULL;
    return g_steal_pointer(&scenario);
}

VnScenario *
vn_scenario_read_json(const char *text, gsize length, GError **error)
{
    g_autoptr(VnJson) json = vn_json_parse(text, length, VN_SCENARIO_BYTES_MAX, error);
    if (!json || !vn_json_check_keys(text, length, error))
        return NULL;
    VnJsonAt document = {.json = json};
    return read_document(&document, error);
}
