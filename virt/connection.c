/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeping a session open, with deadlines. There is one session and one caller for it; a
 * call that does not end in time takes both with it, and the next call gets new ones.
 * What is stuck is remembered by key, so that a guest that hangs costs one thread, not
 * one per cycle, and never keeps others from being served.
 */
#include "virt/call.h"
#include "virt/session.h"

#define BACK_OFF_FIRST_MS 250
#define BACK_OFF_LAST_MS 8000
#define CLOSE_TIMEOUT_MS 2000
#define NAMES_MAX 65536

/* The key of opening a session: no guest's. */
#define KEY_OPEN "open"

struct VnConnection {
    char *uri;
    VnEventSink *sink;
    VnSession *session; /* NULL: not connected */
    VnCaller *caller;   /* NULL: needs a new one */
    GHashTable *stuck;  /* of abandoned VnCaller, by key */
    GHashTable *names;  /* of guests, by UUID */
    GError *failure;    /* why it could not be opened last time; NULL: it could */
    gint64 retry_at_us; /* monotonic; not tried again before */
    guint back_off_ms;
};

/* What a caller's thread works on. */
typedef struct {
    char *uri; /* opening: where to */
    VnEventSink *sink;
    VnSession *session;
    VnSessionFunc func; /* NULL: open a session */
    gpointer data;
    GDestroyNotify free_data;
    gboolean done;
    gboolean lost;  /* the connection is broken */
    gboolean begun; /* func was entered */
    GError *error;
} Job;

static void
job_free(gpointer data)
{
    Job *job = data;
    if (job->data && job->free_data)
        job->free_data(job->data);
    vn_session_close(job->session);
    if (job->sink)
        vn_event_sink_unref(job->sink);
    g_clear_error(&job->error);
    g_free(job->uri);
    g_free(job);
}

static void
job_run(gpointer data)
{
    Job *job = data;
    if (!job->func) {
        job->session = vn_session_open(job->uri, job->sink, &job->error);
        job->done = job->session != NULL;
        return;
    }
    if (!vn_session_is_alive(job->session)) {
        job->lost = TRUE;
        return;
    }
    job->begun = TRUE;
    job->done = job->func(vn_session_connect(job->session), job->data, &job->error);
    if (!job->done)
        job->lost = !vn_session_is_alive(job->session);
}

static void
job_close(gpointer data)
{
    Job *job = data;
    g_clear_pointer(&job->session, vn_session_close);
}

VnConnection *
vn_connection_new(const char *uri, VnVirtEventFunc func, gpointer data)
{
    vn_session_prepare();
    VnConnection *connection = g_new0(VnConnection, 1);
    connection->uri = g_strdup(uri);
    connection->sink = vn_event_sink_new(func, data);
    connection->stuck = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                              (GDestroyNotify) vn_caller_free);
    connection->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return connection;
}

/* Remembers the caller that did not come back, and what it was doing. */
static void
abandon(VnConnection *connection, const char *key)
{
    g_hash_table_replace(connection->stuck, g_strdup(key),
                         g_steal_pointer(&connection->caller));
}

/* Closes the session, in the caller's thread, because that may block as well. */
static void
close_session(VnConnection *connection)
{
    if (!connection->session)
        return;
    Job *job = g_new0(Job, 1);
    job->session = g_steal_pointer(&connection->session);
    if (vn_caller_run(connection->caller, job_close, job, job_free, CLOSE_TIMEOUT_MS))
        job_free(job);
    else
        g_clear_pointer(&connection->caller, vn_caller_free);
}

void
vn_connection_free(VnConnection *connection)
{
    if (!connection)
        return;
    connection->sink->func = NULL;
    close_session(connection);
    vn_caller_free(connection->caller);
    g_hash_table_unref(connection->stuck);
    g_hash_table_unref(connection->names);
    vn_event_sink_unref(connection->sink);
    g_clear_error(&connection->failure);
    g_free(connection->uri);
    g_free(connection);
}

const char *
vn_connection_uri(const VnConnection *connection)
{
    return connection->uri;
}

void
vn_connection_note_name(VnConnection *connection, const char *uuid, const char *name)
{
    if (g_hash_table_size(connection->names) >= NAMES_MAX)
        g_hash_table_remove_all(connection->names); /* of guests long gone */
    g_hash_table_replace(connection->names, g_strdup(uuid), g_strdup(name));
}

const char *
vn_connection_name_of(const VnConnection *connection, const char *uuid)
{
    const char *name = g_hash_table_lookup(connection->names, uuid);
    return name ? name : uuid;
}

const char *
vn_virt_event_name(VnVirtEventKind kind)
{
    switch (kind) {
    case VN_VIRT_EVENT_DEFINED:
        return "defined";
    case VN_VIRT_EVENT_UNDEFINED:
        return "undefined";
    case VN_VIRT_EVENT_STARTED:
        return "started";
    case VN_VIRT_EVENT_PAUSED:
        return "paused";
    case VN_VIRT_EVENT_RESUMED:
        return "resumed";
    case VN_VIRT_EVENT_STOPPED:
        return "stopped";
    case VN_VIRT_EVENT_METADATA:
        return "metadata";
    case VN_VIRT_EVENT_DEVICE:
        return "device";
    case VN_VIRT_EVENT_LOST:
        return "lost";
    }
    g_assert_not_reached();
}

static gboolean
is_stuck(VnConnection *connection, const char *key)
{
    VnCaller *caller = g_hash_table_lookup(connection->stuck, key);
    if (caller && !vn_caller_is_stuck(caller)) {
        g_hash_table_remove(connection->stuck, key);
        caller = NULL;
    }
    return caller != NULL;
}

static guint
left_ms(gint64 deadline_us)
{
    gint64 left = (deadline_us - g_get_monotonic_time()) / 1000;
    return (guint) CLAMP(left, 0, G_MAXINT32);
}

/*
 * Not to hammer on a libvirtd that is down: each failure doubles the wait for the
 * next.
 */
static void
remember_failure(VnConnection *connection, const GError *failure)
{
    connection->back_off_ms = connection->back_off_ms == 0
                                  ? BACK_OFF_FIRST_MS
                                  : MIN(connection->back_off_ms * 2, BACK_OFF_LAST_MS);
    connection->retry_at_us =
        g_get_monotonic_time() + (gint64) connection->back_off_ms * 1000;
    g_clear_error(&connection->failure);
    connection->failure = g_error_copy(failure);
}

static gboolean
try_open(VnConnection *connection, gint64 deadline_us, GError **error)
{
    if (is_stuck(connection, KEY_OPEN)) {
        g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                    "libvirt at %s: an earlier attempt to connect has not been answered "
                    "yet; is libvirtd hung?",
                    connection->uri);
        return FALSE;
    }
    if (!connection->caller)
        connection->caller = vn_caller_new("vn-libvirt");
    Job *job = g_new0(Job, 1);
    job->uri = g_strdup(connection->uri);
    job->sink = vn_event_sink_ref(connection->sink);
    guint timeout_ms = left_ms(deadline_us);
    if (!vn_caller_run(connection->caller, job_run, job, job_free, timeout_ms)) {
        abandon(connection, KEY_OPEN);
        g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                    "libvirt cannot be reached at %s: no answer within %.1f s; is "
                    "libvirtd hung?",
                    connection->uri, timeout_ms / 1000.0);
        return FALSE;
    }
    connection->session = g_steal_pointer(&job->session);
    if (!connection->session)
        g_propagate_error(error, g_steal_pointer(&job->error));
    job_free(job);
    return connection->session != NULL;
}

static gboolean
ensure_open(VnConnection *connection, gint64 deadline_us, GError **error)
{
    if (connection->session)
        return TRUE;
    if (connection->failure && g_get_monotonic_time() < connection->retry_at_us) {
        g_propagate_error(error, g_error_copy(connection->failure));
        return FALSE;
    }
    g_autoptr(GError) failure = NULL;
    if (!try_open(connection, deadline_us, &failure)) {
        remember_failure(connection, failure);
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    connection->back_off_ms = 0;
    g_clear_error(&connection->failure);
    return TRUE;
}

static gint64
deadline_of(guint timeout_ms)
{
    return g_get_monotonic_time() +
           (gint64) (timeout_ms ? timeout_ms : VN_CONNECTION_TIMEOUT_MS) * 1000;
}

gboolean
vn_connection_open(VnConnection *connection, guint timeout_ms, GError **error)
{
    return ensure_open(connection, deadline_of(timeout_ms), error);
}

typedef enum {
    CALL_DONE,
    CALL_FAILED,
    CALL_AGAIN,
} CallResult;

/*
 * One try, on the session that is open. CALL_AGAIN: it was broken, and may be repeated.
 * The job owns the session meanwhile: an abandoned call closes it when it returns.
 */
static CallResult
call_once(VnConnection *connection, const VnSessionCall *call, gint64 deadline_us,
          gpointer *data, GError **error)
{
    Job *job = g_new0(Job, 1);
    job->session = g_steal_pointer(&connection->session);
    job->func = call->func;
    job->data = *data;
    job->free_data = call->free_data;
    if (!vn_caller_run(connection->caller, job_run, job, job_free,
                       left_ms(deadline_us))) {
        *data = NULL;
        abandon(connection, call->key);
        guint timeout_ms = call->timeout_ms ? call->timeout_ms : VN_CONNECTION_TIMEOUT_MS;
        g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                    "%s: %s: libvirt did not answer within %.0f s", call->object,
                    call->what, timeout_ms / 1000.0);
        return CALL_FAILED;
    }
    job->data = NULL; /* stays with whoever asked */
    connection->session = g_steal_pointer(&job->session);

    CallResult result = job->done ? CALL_DONE : CALL_FAILED;
    if (job->lost && (!job->begun || !call->once))
        result = CALL_AGAIN;
    if (result != CALL_DONE && job->lost)
        g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                    "%s: %s: the connection to libvirt at %s broke", call->object,
                    call->what, connection->uri);
    else if (result == CALL_FAILED)
        g_propagate_error(error, g_steal_pointer(&job->error));
    gboolean lost = job->lost;
    job_free(job);
    if (lost)
        close_session(connection);
    return result;
}

gboolean
vn_connection_call(VnConnection *connection, const VnSessionCall *call, gpointer *data,
                   GError **error)
{
    gint64 deadline_us = deadline_of(call->timeout_ms);
    CallResult result = CALL_AGAIN;

    if (is_stuck(connection, call->key)) {
        g_set_error(error, VN_ERROR, VN_ERROR_BUSY,
                    "%s: %s: not tried, because an earlier call to libvirt has not "
                    "returned yet",
                    call->object, call->what);
        return FALSE;
    }
    for (int tries = 0; tries < 2 && result == CALL_AGAIN; tries++) {
        g_clear_error(error);
        if (!ensure_open(connection, deadline_us, error)) {
            g_prefix_error(error, "%s: %s: ", call->object, call->what);
            return FALSE;
        }
        result = call_once(connection, call, deadline_us, data, error);
    }
    return result == CALL_DONE;
}
