/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Persistent definitions, each call as a job for the connection's caller. */
#include "virt/definitions.h"

#include "virt/session.h"
#include "virt/virt-error.h"

#include <libvirt/virterror.h>
#include <stdlib.h>

/* major * 1,000,000 + minor * 1,000 + release: of libvirt, and of QEMU */
#define LIBVIRT_WITH_DIRTY_RING 8000000ul
#define QEMU_WITH_SOUND_RING 8000000ul

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomain, virDomainFree)

typedef struct {
    char *uuid;
    char *xml; /* in or out */
    gboolean takes_dirty_ring;
} Work;

static void
work_free(gpointer data)
{
    Work *work = data;
    if (!work)
        return;
    g_free(work->uuid);
    g_free(work->xml);
    g_free(work);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Work, work_free)

/* Runs *@work; it is NULL afterwards when the call was abandoned. */
static gboolean
call(VnConnection *connection, Work **work, const VnSessionCall *spec, GError **error)
{
    gpointer data = *work;
    gboolean done = vn_connection_call(connection, spec, &data, error);
    *work = data;
    return done;
}

static gboolean
read_definition(virConnectPtr connect, gpointer data, GError **error)
{
    Work *work = data;
    g_autoptr(virDomain) domain = virDomainLookupByUUIDString(connect, work->uuid);
    if (!domain) {
        vn_virt_error_set(error, "guest %s: read its definition", work->uuid);
        return FALSE;
    }
    g_autofree char *name = g_strdup(virDomainGetName(domain));
    if (virDomainIsPersistent(domain) == 0) {
        g_set_error(error, VN_ERROR, VN_ERROR_GONE,
                    "guest %s: it has no persistent definition", name);
        return FALSE;
    }
    char *xml =
        virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    if (!xml) {
        vn_virt_error_set(error, "guest %s: read its definition", name);
        return FALSE;
    }
    g_free(work->xml);
    work->xml = g_strdup(xml);
    free(xml);
    return TRUE;
}

char *
vn_virt_read_definition(VnConnection *connection, const char *uuid, guint timeout_ms,
                        GError **error)
{
    g_autoptr(Work) work = g_new0(Work, 1);
    work->uuid = g_strdup(uuid);
    g_autofree char *object =
        g_strdup_printf("guest %s", vn_connection_name_of(connection, uuid));
    VnSessionCall spec = {
        .key = uuid,
        .object = object,
        .what = "read its definition",
        .func = read_definition,
        .free_data = work_free,
        .timeout_ms = timeout_ms,
    };
    return call(connection, &work, &spec, error) ? g_steal_pointer(&work->xml) : NULL;
}

static gboolean
define(virConnectPtr connect, gpointer data, GError **error)
{
    const Work *work = data;
    g_autoptr(virDomain) domain = virDomainDefineXML(connect, work->xml);
    if (!domain)
        vn_virt_error_set(error, "libvirt: define the guest");
    return domain != NULL;
}

gboolean
vn_virt_define(VnConnection *connection, const char *xml, guint timeout_ms,
               GError **error)
{
    g_autoptr(Work) work = g_new0(Work, 1);
    work->xml = g_strdup(xml);
    VnSessionCall spec = {
        .key = "define",
        .object = "libvirt",
        .what = "define the guest",
        .func = define,
        .free_data = work_free,
        .timeout_ms = timeout_ms,
    };
    return call(connection, &work, &spec, error);
}

static gboolean
ask_versions(virConnectPtr connect, gpointer data, GError **error)
{
    Work *work = data;
    unsigned long libvirt = 0;
    unsigned long hypervisor = 0;
    if (virConnectGetLibVersion(connect, &libvirt) < 0 ||
        virConnectGetVersion(connect, &hypervisor) < 0) {
        vn_virt_error_set(error, "libvirt: ask for its version");
        return FALSE;
    }
    work->takes_dirty_ring = g_strcmp0(virConnectGetType(connect), "QEMU") == 0 &&
                             libvirt >= LIBVIRT_WITH_DIRTY_RING &&
                             hypervisor >= QEMU_WITH_SOUND_RING;
    return TRUE;
}

gboolean
vn_virt_takes_dirty_ring(VnConnection *connection, guint timeout_ms, gboolean *ret_takes,
                         GError **error)
{
    g_autoptr(Work) work = g_new0(Work, 1);
    VnSessionCall spec = {
        .key = "",
        .object = "libvirt",
        .what = "ask for its version",
        .func = ask_versions,
        .free_data = work_free,
        .timeout_ms = timeout_ms,
    };
    if (!call(connection, &work, &spec, error))
        return FALSE;
    *ret_takes = work->takes_dirty_ring;
    return TRUE;
}
