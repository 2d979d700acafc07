/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening and closing a libvirt connection, and its events on their way to the sink. */
#include "virt/session.h"

#include "virt/virt-error.h"

#include <libvirt-glib/libvirt-glib-event.h>
#include <libvirt/virterror.h>
#include <signal.h>

/* A libvirtd that is silent for so long is taken for dead: seconds, and how often. */
#define KEEPALIVE_SECONDS 5
#define KEEPALIVE_COUNT 3

#define N_CALLBACKS 4

struct VnSession {
    virConnectPtr connect;
    int callbacks[N_CALLBACKS]; /* -1: not registered */
    VnEventSink *sink;          /* of the close callback */
};

VnEventSink *
vn_event_sink_new(VnVirtEventFunc func, gpointer data)
{
    VnEventSink *sink = g_new0(VnEventSink, 1);
    g_atomic_ref_count_init(&sink->references);
    sink->func = func;
    sink->data = data;
    return sink;
}

VnEventSink *
vn_event_sink_ref(VnEventSink *sink)
{
    g_atomic_ref_count_inc(&sink->references);
    return sink;
}

void
vn_event_sink_unref(VnEventSink *sink)
{
    if (g_atomic_ref_count_dec(&sink->references))
        g_free(sink);
}

static void
sink_free(void *opaque)
{
    vn_event_sink_unref(opaque);
}

static void
tell(VnEventSink *sink, VnVirtEventKind kind, virDomainPtr domain)
{
    char uuid[VIR_UUID_STRING_BUFLEN];
    if (!sink->func || (domain && virDomainGetUUIDString(domain, uuid) < 0))
        return;
    VnVirtEvent event = {
        .kind = kind,
        .name = domain ? virDomainGetName(domain) : NULL,
        .uuid = domain ? uuid : NULL,
    };
    sink->func(&event, sink->data);
}

static int
on_lifecycle(virConnectPtr connect, virDomainPtr domain, int event, int detail,
             void *opaque)
{
    switch (event) {
    case VIR_DOMAIN_EVENT_DEFINED:
        tell(opaque, VN_VIRT_EVENT_DEFINED, domain);
        break;
    case VIR_DOMAIN_EVENT_UNDEFINED:
        tell(opaque, VN_VIRT_EVENT_UNDEFINED, domain);
        break;
    case VIR_DOMAIN_EVENT_STARTED:
        tell(opaque, VN_VIRT_EVENT_STARTED, domain);
        break;
    case VIR_DOMAIN_EVENT_SUSPENDED:
    case VIR_DOMAIN_EVENT_PMSUSPENDED:
        tell(opaque, VN_VIRT_EVENT_PAUSED, domain);
        break;
    case VIR_DOMAIN_EVENT_RESUMED:
        tell(opaque, VN_VIRT_EVENT_RESUMED, domain);
        break;
    case VIR_DOMAIN_EVENT_STOPPED:
    case VIR_DOMAIN_EVENT_SHUTDOWN:
    case VIR_DOMAIN_EVENT_CRASHED:
        tell(opaque, VN_VIRT_EVENT_STOPPED, domain);
        break;
    default: /* a later libvirt's */
        break;
    }
    return 0;
}

static void
on_metadata(virConnectPtr connect, virDomainPtr domain, int type, const char *space,
            void *opaque)
{
    tell(opaque, VN_VIRT_EVENT_METADATA, domain);
}

static void
on_device(virConnectPtr connect, virDomainPtr domain, const char *alias, void *opaque)
{
    tell(opaque, VN_VIRT_EVENT_DEVICE, domain);
}

static void
on_close(virConnectPtr connect, int reason, void *opaque)
{
    tell(opaque, VN_VIRT_EVENT_LOST, NULL);
}

static void
be_silent(void *opaque, virErrorPtr error)
{
}

void
vn_session_prepare(void)
{
    static gsize done;
    if (g_once_init_enter(&done)) {
        gvir_event_register();
        virSetErrorFunc(NULL, be_silent);
        /* A libvirtd that ends while it is written to must not end us. */
        struct sigaction action;
        if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
            signal(SIGPIPE, SIG_IGN);
        g_once_init_leave(&done, 1);
    }
}

/*
 * An event that a driver does not have is done without: the cycle sees it all the
 * same.
 */
static int
watch(virConnectPtr connect, int id, virConnectDomainEventGenericCallback callback,
      VnEventSink *sink)
{
    int handle = virConnectDomainEventRegisterAny(connect, NULL, id, callback,
                                                  vn_event_sink_ref(sink), sink_free);
    if (handle < 0)
        vn_event_sink_unref(sink);
    return handle;
}

VnSession *
vn_session_open(const char *uri, VnEventSink *sink, GError **error)
{
    virConnectPtr connect = virConnectOpen(uri);
    if (!connect) {
        vn_virt_error_set(error, "libvirt cannot be reached at %s", uri);
        if (error && *error && (*error)->code == VN_ERROR_BUSY) {
            g_autofree char *said = g_steal_pointer(&(*error)->message);
            (*error)->message = g_strconcat(said, "; is libvirtd running?", NULL);
        }
        return NULL;
    }

    VnSession *session = g_new0(VnSession, 1);
    session->connect = connect;
    virConnectSetKeepAlive(connect, KEEPALIVE_SECONDS, KEEPALIVE_COUNT);
    session->callbacks[0] = watch(connect, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                  VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), sink);
    session->callbacks[1] = watch(connect, VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
                                  VIR_DOMAIN_EVENT_CALLBACK(on_metadata), sink);
    session->callbacks[2] = watch(connect, VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
                                  VIR_DOMAIN_EVENT_CALLBACK(on_device), sink);
    session->callbacks[3] = watch(connect, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
                                  VIR_DOMAIN_EVENT_CALLBACK(on_device), sink);
    /* Most drivers take this callback and forget it, without ever freeing its data. */
    session->sink = vn_event_sink_ref(sink);
    virConnectRegisterCloseCallback(connect, on_close, sink, NULL);
    return session;
}

void
vn_session_close(VnSession *session)
{
    if (!session)
        return;
    /* Each callback holds the connection: without this it would stay open. */
    for (int i = 0; i < N_CALLBACKS; i++) {
        if (session->callbacks[i] >= 0)
            virConnectDomainEventDeregisterAny(session->connect, session->callbacks[i]);
    }
    virConnectUnregisterCloseCallback(session->connect, on_close);
    virConnectClose(session->connect);
    vn_event_sink_unref(session->sink);
    g_free(session);
}

virConnectPtr
vn_session_connect(const VnSession *session)
{
    return session->connect;
}

gboolean
vn_session_is_alive(const VnSession *session)
{
    return virConnectIsAlive(session->connect) != 0;
}
