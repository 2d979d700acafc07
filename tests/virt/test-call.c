/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnCaller: ends in time, ends too late, never ends; and nothing waits for it. */
#include "virt/call.h"

/* A call that blocks until it is let go, and says what became of it. */
typedef struct {
    GMutex mutex;
    GCond changed;
    gboolean let_go;
    guint n_freed;
} Gate;

typedef struct {
    Gate *gate; /* NULL: does not block */
    guint runs;
} Call;

static void
call_func(gpointer data)
{
    Call *call = data;
    call->runs++;
    if (!call->gate)
        return;
    g_mutex_lock(&call->gate->mutex);
    while (!call->gate->let_go)
        g_cond_wait(&call->gate->changed, &call->gate->mutex);
    g_mutex_unlock(&call->gate->mutex);
}

static void
call_free(gpointer data)
{
    Call *call = data;
    g_mutex_lock(&call->gate->mutex);
    call->gate->n_freed++;
    g_cond_broadcast(&call->gate->changed);
    g_mutex_unlock(&call->gate->mutex);
    g_free(call);
}

static void
gate_open(Gate *gate, guint n_wanted)
{
    g_mutex_lock(&gate->mutex);
    gate->let_go = TRUE;
    g_cond_broadcast(&gate->changed);
    while (gate->n_freed < n_wanted)
        g_cond_wait(&gate->changed, &gate->mutex);
    g_mutex_unlock(&gate->mutex);
}

static void
test_in_time(void)
{
    g_autoptr(VnCaller) caller = vn_caller_new("test");
    Call call = {0};
    for (guint i = 1; i <= 1000; i++) {
        g_assert_true(vn_caller_run(caller, call_func, &call, NULL, 10000));
        g_assert_cmpuint(call.runs, ==, i);
    }
    g_assert_false(vn_caller_is_stuck(caller));
}

static void
test_too_late(void)
{
    Gate gate = {0};
    VnCaller *caller = vn_caller_new("test");
    Call *call = g_new0(Call, 1);
    call->gate = &gate;

    gint64 begin = g_get_monotonic_time();
    g_assert_false(vn_caller_run(caller, call_func, call, call_free, 50));
    gint64 took_ms = (g_get_monotonic_time() - begin) / 1000;
    g_assert_cmpint(took_ms, >=, 49);
    g_assert_cmpint(took_ms, <, 5000);
    g_assert_true(vn_caller_is_stuck(caller));

    gate_open(&gate, 1);
    while (vn_caller_is_stuck(caller))
        g_usleep(1000);
    g_assert_cmpuint(gate.n_freed, ==, 1);
    vn_caller_free(caller);
}

/* The owner goes first; the thread frees the call's data, and itself, when it can. */
static void
test_freed_while_stuck(void)
{
    Gate gate = {0};
    VnCaller *caller = vn_caller_new("test");
    Call *call = g_new0(Call, 1);
    call->gate = &gate;
    g_assert_false(vn_caller_run(caller, call_func, call, call_free, 0));

    gint64 begin = g_get_monotonic_time();
    vn_caller_free(caller);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, 5 * G_USEC_PER_SEC);
    gate_open(&gate, 1);
}

/* The call ends at about the deadline: either way its data is freed exactly once. */
static void
test_at_the_deadline(void)
{
    for (guint i = 0; i < 300; i++) {
        Gate gate = {.let_go = TRUE};
        g_autoptr(VnCaller) caller = vn_caller_new("test");
        Call *call = g_new0(Call, 1);
        call->gate = &gate;
        if (vn_caller_run(caller, call_func, call, call_free, 0))
            call_free(call);
        else
            gate_open(&gate, 1);
        g_assert_cmpuint(gate.n_freed, ==, 1);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/call/in-time", test_in_time);
    g_test_add_func("/call/too-late", test_too_late);
    g_test_add_func("/call/freed-while-stuck", test_freed_while_stuck);
    g_test_add_func("/call/at-the-deadline", test_at_the_deadline);
    return g_test_run();
}
