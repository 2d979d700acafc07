/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One thread, one call at a time, and leaving it behind: see call.h. */
#include "virt/call.h"

struct VnCaller {
    gatomicrefcount references; /* one of its owner, one of its thread */
    GMutex mutex;               /* guards all below */
    GCond changed;
    GThread *thread;
    VnCallFunc func; /* NULL: nothing to do */
    gpointer data;
    GDestroyNotify free_data;
    gboolean quit;
    gboolean abandoned;
};

static void
caller_unref(VnCaller *caller)
{
    if (!g_atomic_ref_count_dec(&caller->references))
        return;
    g_mutex_clear(&caller->mutex);
    g_cond_clear(&caller->changed);
    g_free(caller);
}

static gpointer
caller_main(gpointer data)
{
    VnCaller *caller = data;

    g_mutex_lock(&caller->mutex);
    while (!caller->abandoned) {
        if (caller->func) {
            g_mutex_unlock(&caller->mutex);
            caller->func(caller->data);
            g_mutex_lock(&caller->mutex);
            if (caller->abandoned)
                break;
            caller->func = NULL;
            g_cond_broadcast(&caller->changed);
        } else if (caller->quit) {
            break;
        } else {
            g_cond_wait(&caller->changed, &caller->mutex);
        }
    }
    gboolean late = caller->abandoned;
    g_mutex_unlock(&caller->mutex);

    /* Freeing may block as well, so it still counts as stuck. */
    if (late) {
        caller->free_data(caller->data);
        g_mutex_lock(&caller->mutex);
        caller->func = NULL;
        g_mutex_unlock(&caller->mutex);
    }
    caller_unref(caller);
    return NULL;
}

VnCaller *
vn_caller_new(const char *name)
{
    VnCaller *caller = g_new0(VnCaller, 1);
    g_atomic_ref_count_init(&caller->references);
    g_atomic_ref_count_inc(&caller->references);
    g_mutex_init(&caller->mutex);
    g_cond_init(&caller->changed);
    caller->thread = g_thread_new(name, caller_main, caller);
    return caller;
}

void
vn_caller_free(VnCaller *caller)
{
    if (!caller)
        return;
    g_mutex_lock(&caller->mutex);
    gboolean abandoned = caller->abandoned;
    caller->quit = TRUE;
    g_cond_broadcast(&caller->changed);
    g_mutex_unlock(&caller->mutex);
    /* An idle thread ends at once; an abandoned one when it can. */
    if (abandoned)
        g_thread_unref(caller->thread);
    else
        g_thread_join(caller->thread);
    caller_unref(caller);
}

gboolean
vn_caller_run(VnCaller *caller, VnCallFunc func, gpointer data, GDestroyNotify free_data,
              guint timeout_ms)
{
    gint64 deadline = g_get_monotonic_time() + (gint64) timeout_ms * 1000;

    g_mutex_lock(&caller->mutex);
    g_assert(!caller->abandoned && !caller->func);
    caller->func = func;
    caller->data = data;
    caller->free_data = free_data;
    g_cond_broadcast(&caller->changed);
    while (caller->func && !caller->abandoned) {
        if (!g_cond_wait_until(&caller->changed, &caller->mutex, deadline))
            caller->abandoned = caller->func != NULL;
    }
    gboolean ended = !caller->abandoned;
    g_mutex_unlock(&caller->mutex);
    return ended;
}

gboolean
vn_caller_is_stuck(VnCaller *caller)
{
    g_mutex_lock(&caller->mutex);
    gboolean stuck = caller->abandoned && caller->func != NULL;
    g_mutex_unlock(&caller->mutex);
    return stuck;
}
