/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The questions, and strict reading of their answers. */
#include "qmp/guest.h"

#include <string.h>

#define MACHINE_SUFFIX "-machine"
/* What QEMU sets max-ram-below-4g to where nobody has: i440fx and q35. */
#define PC_LIMIT G_GUINT64_CONSTANT(0xe0000000)
#define Q35_LIMIT (G_GUINT64_CONSTANT(1) << 32)

/* Questions that have one deadline in common. */
typedef struct {
    VnQmpClient *client;
    gint64 deadline_us;
} Asker;

static Asker
asker_new(VnQmpClient *client, guint timeout_ms)
{
    return (Asker){client, g_get_monotonic_time() + (gint64) timeout_ms * 1000};
}

static gboolean
set_invalid(GError **error, const char *command, const char *what)
{
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "%s: %s", command, what);
    return FALSE;
}

/* The answer is no null. */
static VnJson *
ask(const Asker *asker, const char *command, const VnJson *arguments, GError **error)
{
    VnJson *reply = NULL;
    gint64 left_us = MAX(asker->deadline_us - g_get_monotonic_time(), 0);
    if (vn_qmp_client_execute(asker->client, command, arguments, (guint) (left_us / 1000),
                              &reply, error) &&
        !reply)
        set_invalid(error, command, "it answers nothing");
    return reply;
}

/* A member of the answer is not what it has to be; says of which. */
static gboolean
refuse(GError **error, const char *command)
{
    g_prefix_error(error, "%s: ", command);
    return FALSE;
}

gboolean
vn_qmp_check_kvm(VnQmpClient *client, guint timeout_ms, GError **error)
{
    const char *command = "query-kvm";
    gboolean enabled;
    const Asker asker = asker_new(client, timeout_ms);
    g_autoptr(VnJson) reply = ask(&asker, command, NULL, error);
    if (!reply)
        return FALSE;
    if (!vn_json_get_bool(reply, "enabled", &enabled, error))
        return refuse(error, command);
    if (!enabled)
        g_set_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED,
                    "it runs without KVM, which alone tells of a guest's accesses");
    return enabled;
}

/* @name: of one that has none */
static gboolean
read_name(const Asker *asker, const char *name, VnGuest *guest, GError **error)
{
    const char *command = "query-name";
    g_autoptr(VnJson) reply = ask(asker, command, NULL, error);
    if (!reply)
        return FALSE;
    if (!vn_json_get_optional_string(reply, "name", &name, error))
        return refuse(error, command);
    if (strlen(name) > VN_QMP_NAME_BYTES_MAX)
        return set_invalid(error, command, "the name is too long");
    guest->name = g_strdup(name);
    return TRUE;
}

static gboolean
read_uuid(const Asker *asker, VnGuest *guest, GError **error)
{
    const char *command = "query-uuid";
    g_autoptr(VnJson) reply = ask(asker, command, NULL, error);
    if (!reply)
        return FALSE;
    const char *uuid = vn_json_get_string(reply, "UUID", error);
    if (!uuid)
        return refuse(error, command);
    guest->uuid = g_strdup(uuid);
    return g_uuid_string_is_valid(uuid) ||
           set_invalid(error, command, "what it says is no UUID");
}

static gboolean
read_state(const Asker *asker, VnGuest *guest, GError **error)
{
    const char *command = "query-status";
    gboolean running;
    g_autoptr(VnJson) reply = ask(asker, command, NULL, error);
    if (!reply)
        return FALSE;
    if (!vn_json_get_bool(reply, "running", &running, error))
        return refuse(error, command);
    guest->state = running ? VN_GUEST_RUNNING : VN_GUEST_PAUSED;
    return TRUE;
}

static gboolean
read_memory(const Asker *asker, VnGuest *guest, GError **error)
{
    const char *command = "query-memory-size-summary";
    g_autoptr(VnJson) reply = ask(asker, command, NULL, error);
    if (!reply)
        return FALSE;
    if (!vn_json_get_uint64(reply, "base-memory", &guest->memory_bytes, error))
        return refuse(error, command);
    return guest->memory_bytes <= VN_QMP_MEMORY_BYTES_MAX ||
           set_invalid(error, command, "more than x86 can address");
}

static VnJson *
get_property(const Asker *asker, const char *path, const char *property, GError **error)
{
    g_autoptr(VnJson) arguments = json_object_new_object();
    json_object_object_add(arguments, "path", json_object_new_string(path));
    json_object_object_add(arguments, "property", json_object_new_string(property));
    return ask(asker, "qom-get", arguments, error);
}

/* Whether it leaves the machine's layout of RAM as it is. */
static gboolean
is_usual_limit(const char *name, guint64 limit)
{
    return limit == 0 || limit == PC_LIMIT || (limit == Q35_LIMIT && strstr(name, "q35"));
}

/* Without it, less is known: where RAM lies in guest-physical memory. */
static void
read_machine(const Asker *asker, VnGuest *guest)
{
    g_autoptr(VnJson) type = get_property(asker, "/machine", "type", NULL);
    g_autoptr(VnJson) limit = get_property(asker, "/machine", "max-ram-below-4g", NULL);
    const char *name =
        json_object_is_type(type, json_type_string) ? json_object_get_string(type) : "";
    if (g_str_has_suffix(name, MACHINE_SUFFIX) &&
        is_usual_limit(name, json_object_get_uint64(limit)))
        guest->machine = g_strndup(name, strlen(name) - strlen(MACHINE_SUFFIX));
}

static gint
compare_vcpus(gconstpointer a, gconstpointer b)
{
    const VnVcpu *one = *(VnVcpu *const *) a;
    const VnVcpu *other = *(VnVcpu *const *) b;
    return (one->id > other->id) - (one->id < other->id);
}

static gboolean
read_vcpu(const VnJson *json, const char *command, VnGuest *guest, GError **error)
{
    guint64 id;
    int tid;
    guint64 node = G_MAXUINT64;
    const VnJson *props = NULL;
    if (!vn_json_get_uint64(json, "cpu-index", &id, error) ||
        !vn_json_get_int(json, "thread-id", &tid, error) ||
        !vn_json_get_optional_object(json, "props", &props, error) ||
        (props && !vn_json_get_optional_uint64(props, "node-id", &node, error)))
        return refuse(error, command);
    if (id >= VN_VCPUS_MAX || tid <= 0 || vn_guest_find_vcpu(guest, (guint) id))
        return set_invalid(error, command, "a vCPU's number or thread is none");
    guest->told_cells &= node < VN_CELLS_MAX;
    vn_guest_add_vcpu(guest, (guint) id, node < VN_CELLS_MAX ? (guint) node : 0)->tid =
        tid;
    return TRUE;
}

static gboolean
read_vcpus(const Asker *asker, VnGuest *guest, GError **error)
{
    const char *command = "query-cpus-fast";
    g_autoptr(VnJson) reply = ask(asker, command, NULL, error);
    if (!reply)
        return FALSE;
    gsize n = vn_json_array_length(reply);
    if (n == 0 || n > VN_VCPUS_MAX)
        return set_invalid(error, command, "no list of vCPUs, or one above the limit");
    guest->told_cells = TRUE;
    for (gsize i = 0; i < n; i++) {
        if (!read_vcpu(vn_json_array_get(reply, i), command, guest, error))
            return FALSE;
    }
    g_ptr_array_sort(guest->vcpus, compare_vcpus);
    return TRUE;
}

VnGuest *
vn_qmp_guest_read(VnQmpClient *client, const char *name, guint timeout_ms, GError **error)
{
    const Asker asker = asker_new(client, timeout_ms);
    g_autoptr(VnGuest) guest = vn_guest_new(NULL, NULL);
    if (!read_name(&asker, name, guest, error) || !read_uuid(&asker, guest, error) ||
        !read_state(&asker, guest, error) || !read_memory(&asker, guest, error) ||
        !read_vcpus(&asker, guest, error))
        return NULL;
    read_machine(&asker, guest);
    return g_steal_pointer(&guest);
}

gboolean
vn_qmp_memory_bytes(VnQmpClient *client, const char *region, guint timeout_ms,
                    guint64 *ret_bytes, GError **error)
{
    const Asker asker = asker_new(client, timeout_ms);
    /* Old machine types call the region by its whole path. */
    g_autofree char *path = g_strconcat(*region == '/' ? "" : "/objects/", region, NULL);
    g_autoptr(VnJson) size = get_property(&asker, path, "size", error);
    if (!size)
        return FALSE;
    gint64 bytes =
        json_object_is_type(size, json_type_int) ? json_object_get_int64(size) : 0;
    if (bytes <= 0 || (guint64) bytes > VN_QMP_MEMORY_BYTES_MAX) {
        set_invalid(error, path, "its size is none");
        return FALSE;
    }
    *ret_bytes = (guint64) bytes;
    return TRUE;
}
