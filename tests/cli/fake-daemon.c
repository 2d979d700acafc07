/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A daemon that says what a test wants. */
#include "tests/cli/fake-daemon.h"

#include "model/dict.h"
#include "qmp/json.h"
#include "tests/cli/heat-scenes.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define JOB_PATH "/org/vnumad1/job/1"

/* Two cells on each other's nodes; the name carries what a terminal must not see. */
static VnGuest *
swapped_guest(void)
{
    VnGuest *guest = vn_guest_new("db1\033[2J", "6b8b4567-327b-23c6-643c-986966334873");
    guest->state = VN_GUEST_RUNNING;
    guest->managed = TRUE;
    guest->pid = 4711;
    guest->machine = g_strdup("pc-q35-7.2");
    guest->memory_bytes = 512 * MIB;
    guest->told_cells = TRUE;
    guest->allowed_nodes = vn_idset_parse("0-1", NULL);
    for (guint i = 0; i < 2; i++) {
        VnCell *cell = vn_guest_add_cell(guest, i);
        VnVcpu *vcpu = vn_guest_add_vcpu(guest, i, i);
        vn_idset_add(cell->vcpus, i);
        cell->memory_bytes = 256 * MIB;
        cell->binding = VN_BINDING_STRICT;
        cell->bound = vn_idset_new_with(i);
        vn_cell_set_resident(cell, 1 - i, 192 * MIB);
        vn_cell_set_resident(cell, i, 64 * MIB);
        vcpu->tid = 4720 + (int) i;
        vcpu->pinned = vn_idset_new_with(i);
        vcpu->affinity = vn_idset_new_with(i);
    }
    ((VnCell *) guest->cells->pdata[1])->hva_unknown = g_strdup("two ranges look alike");
    vn_guest_add_thread(guest, VN_THREAD_EMULATOR, 4711, "qemu\tx");
    vn_guest_add_device(guest, "0000:3b:00.1")->host_node = 1;
    vn_guest_add_device(guest, "0000:5e:00.0");
    vn_guest_add_note(guest, "cell 1 has\nno hugepages");
    return guest;
}

/* Not managed, and in trouble; nothing is known about where it lies. */
static VnGuest *
odd_guest(void)
{
    VnGuest *guest = vn_guest_new("web", "00000000-0000-0000-0000-000000000001");
    guest->state = VN_GUEST_PAUSED;
    guest->memory_bytes = 1024 * MIB;
    guest->trouble = g_strdup("its QEMU process was not found");
    vn_guest_add_cell(guest, 0);
    return guest;
}

static VnPlan *
make_plan(FakeDaemon *daemon, const VnGuest *guest)
{
    VnPlan *plan = vn_plan_new();
    VnDecision *decision = vn_plan_add_decision(plan, guest->name);
    vn_decision_set_reason(decision,
                           daemon->empty ? "all is at home" : "vCPUs are pinned there");
    for (guint i = 0; i < 2; i++)
        g_ptr_array_add(decision->homes, vn_idset_new_with(i));
    for (guint i = 0; i < 2 && !daemon->empty; i++) {
        VnStep *step = vn_plan_add_step(plan, VN_STEP_MOVE_MEMORY, guest, i,
                                        vn_idset_new_with(1 - i), vn_idset_new_with(i));
        step->bytes = 192 * MIB;
        step->expected_gain = 0.375;
        step->reason = g_strdup("its vCPUs run there");
    }
    return plan;
}

static GVariant *
make_record(VnStep *step, const char *event, guint minute)
{
    g_autoptr(GVariant) described = g_variant_ref_sink(vn_step_to_variant(step));
    g_auto(GVariantDict) record;
    g_variant_dict_init(&record, described);
    g_variant_dict_insert(&record, "event", "s", event);
    g_variant_dict_insert(&record, "time_us", "t", minute * 60 * G_TIME_SPAN_SECOND);
    return g_variant_dict_end(&record);
}

/* One that ended, and one that did not. The first has been through JSON, as it is
 * when the daemon has been started anew. */
static GVariant *
make_past_steps(const VnGuest *guest, const VnPlan *plan)
{
    g_auto(GVariantBuilder) list;
    VnStep *first = plan->steps->pdata[0];
    VnStep *second = plan->steps->pdata[1];
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_add_value(&list, make_record(first, "begin", 1));
    g_variant_builder_add_value(&list, make_record(second, "begin", 2));
    vn_step_set_outcome(first, VN_OUTCOME_PENDING, "64 pages are in use");
    first->bytes_moved = 191 * MIB;
    g_autoptr(GVariant) record = g_variant_ref_sink(make_record(first, "end", 3));
    g_autoptr(VnJson) json = vn_json_from_variant(record);
    g_autoptr(GVariant) again = vn_json_to_variant(json);
    g_variant_builder_add_value(&list, again);
    return g_variant_builder_end(&list);
}

static GVariant *
make_finding(const char *severity, const char *object, const char *text,
             const char *remedy)
{
    g_auto(GVariantDict) finding;
    g_variant_dict_init(&finding, NULL);
    g_variant_dict_insert(&finding, "severity", "s", severity);
    g_variant_dict_insert(&finding, "object", "s", object);
    g_variant_dict_insert(&finding, "kind", "s", "memory-elsewhere");
    g_variant_dict_insert(&finding, "text", "s", text);
    if (remedy)
        g_variant_dict_insert(&finding, "remedy", "s", remedy);
    return g_variant_dict_end(&finding);
}

/* What is told of the first guest differs, of the second it is not known. */
static void
insert_verdict(FakeDaemon *daemon, GVariantDict *dict, guint i)
{
    g_auto(GVariantBuilder) findings;
    const char *const unknown[] = {"cell 0: its home\nis not known", NULL};
    g_variant_builder_init(&findings, G_VARIANT_TYPE("aa{sv}"));
    if (i == 0 && !daemon->benign)
        g_variant_builder_add_value(&findings, make_finding("warning", "cell 0",
                                                            "75 % of it\tlie elsewhere",
                                                            "vnumactl rebalance db1"));
    if (i == 1 && !daemon->empty)
        g_variant_builder_add_value(
            &findings, make_finding("info", "cells 0 and 1", "told no distances", NULL));
    g_variant_dict_insert(dict, "told_state", "s", i ? "unknown" : "differs");
    g_variant_dict_insert_value(dict, "findings", g_variant_builder_end(&findings));
    g_variant_dict_insert_value(dict, "unknown", g_variant_new_strv(unknown, i ? 1 : 0));
}

/* Of a guest whose two cells use each other's memory alike. */
static VnLocality *
make_locality(void)
{
    VnLocality *locality = g_new0(VnLocality, 1);
    locality->guest = (VnLocalityFigures){0.5, 1.55, 0.9375, 1000};
    locality->cells = g_array_new(FALSE, FALSE, sizeof(VnLocalityFigures));
    return locality;
}

static void
insert_sampling(GVariantDict *dict)
{
    g_auto(GVariantDict) sampling;
    g_variant_dict_init(&sampling, NULL);
    g_variant_dict_insert(&sampling, "state", "s", "every 40 s: remote,\n50 %");
    g_variant_dict_insert(&sampling, "source", "s", "dirty-ring");
    g_variant_dict_insert(&sampling, "source_reason", "s", "dirty-log: no BPF here");
    g_variant_dict_insert(&sampling, "period_seconds", "d", 40.0);
    g_variant_dict_insert(&sampling, "overhead_ratio", "d", 0.002);
    g_variant_dict_insert(&sampling, "windows", "t", G_GUINT64_CONSTANT(7));
    g_variant_dict_insert(&sampling, "confidence_ratio", "d", 0.9375);
    g_variant_dict_insert_value(dict, "sampling", g_variant_dict_end(&sampling));
}

static GVariant *
make_guest(FakeDaemon *daemon, gboolean whole)
{
    g_autoptr(VnGuest) guest = swapped_guest();
    g_autoptr(VnPlan) plan = make_plan(daemon, guest);
    g_autoptr(VnLocality) locality = daemon->sampled ? make_locality() : NULL;
    g_autoptr(GVariant) described = g_variant_ref_sink(
        vn_guest_to_variant(guest, plan->decisions->pdata[0], locality, whole));
    g_auto(GVariantDict) dict;
    g_variant_dict_init(&dict, described);
    insert_verdict(daemon, &dict, 0);
    if (whole && daemon->sampled)
        insert_sampling(&dict);
    if (whole)
        g_variant_dict_insert_value(&dict, "past_steps", make_past_steps(guest, plan));
    return g_variant_dict_end(&dict);
}

static GVariant *
make_snapshot(FakeDaemon *daemon)
{
    g_auto(GVariantBuilder) guests;
    g_auto(GVariantDict) snapshot;
    g_variant_builder_init(&guests, G_VARIANT_TYPE("aa{sv}"));
    g_variant_dict_init(&snapshot, NULL);
    if (!daemon->empty) {
        g_autoptr(VnGuest) odd = odd_guest();
        g_variant_builder_add_value(&guests, make_guest(daemon, FALSE));
        g_variant_builder_add_value(&guests, vn_guest_to_variant(odd, NULL, NULL, FALSE));
    }
    g_variant_dict_insert_value(&snapshot, "guests", g_variant_builder_end(&guests));
    g_variant_dict_insert(&snapshot, "age_ms", "t", (guint64) 2500);
    return g_variant_dict_end(&snapshot);
}

static void
note_asked(FakeDaemon *daemon, const char *method, const char *const *guests)
{
    g_autofree char *names = guests ? g_strjoinv(" ", (char **) guests) : g_strdup("");
    g_free(daemon->asked);
    daemon->asked = g_strchomp(g_strjoin(" ", method, names, NULL));
}

/* Returns: TRUE when the method is not to be answered as usual. */
static gboolean
answer_otherwise(FakeDaemon *daemon, GDBusMethodInvocation *invocation)
{
    if (daemon->silent) {
        g_ptr_array_add(daemon->pending, g_object_ref(invocation));
        return TRUE;
    }
    if (daemon->error) {
        g_dbus_method_invocation_return_dbus_error(
            invocation, daemon->error, "guest db9: no such guest: see 'vnumactl list'");
        return TRUE;
    }
    return FALSE;
}

static gboolean
on_list_guests(VnDBusManager *manager, GDBusMethodInvocation *invocation,
               FakeDaemon *daemon)
{
    note_asked(daemon, "ListGuests", NULL);
    if (!answer_otherwise(daemon, invocation))
        vn_dbus_manager_complete_list_guests(manager, invocation, make_snapshot(daemon));
    return TRUE;
}

static gboolean
on_get_guest(VnDBusManager *manager, GDBusMethodInvocation *invocation, const char *name,
             FakeDaemon *daemon)
{
    note_asked(daemon, "GetGuest", (const char *[]){name, NULL});
    if (answer_otherwise(daemon, invocation))
        return TRUE;
    vn_dbus_manager_complete_get_guest(manager, invocation, make_guest(daemon, TRUE));
    return TRUE;
}

/* Without cells it is told of nothing. */
static gboolean
on_get_definition(VnDBusManager *manager, GDBusMethodInvocation *invocation,
                  const char *name, FakeDaemon *daemon)
{
    note_asked(daemon, "GetDefinition", (const char *[]){name, NULL});
    if (answer_otherwise(daemon, invocation))
        return TRUE;
    g_autofree char *xml = g_strdup_printf(
        "<domain><name>db1</name><uuid>6b8b4567-327b-23c6-643c-986966334873</uuid>"
        "<memory>1024</memory><os><type machine='q35'>hvm</type></os><cpu><numa>%s</numa>"
        "</cpu></domain>",
        daemon->empty ? "" : "<cell cpus='0' memory='1024'/>");
    vn_dbus_manager_complete_get_definition(manager, invocation, xml);
    return TRUE;
}

/* NULL: it was answered otherwise. */
static GVariant *
answer_plan(FakeDaemon *daemon, GDBusMethodInvocation *invocation, const char *method,
            const char *const *guests)
{
    note_asked(daemon, method, guests);
    if (answer_otherwise(daemon, invocation))
        return NULL;
    g_autoptr(VnGuest) guest = swapped_guest();
    g_autoptr(VnPlan) plan = make_plan(daemon, guest);
    return vn_plan_to_variant(plan);
}

static gboolean
on_plan(VnDBusManager *manager, GDBusMethodInvocation *invocation,
        const char *const *guests, FakeDaemon *daemon)
{
    GVariant *plan = answer_plan(daemon, invocation, "Plan", guests);
    if (plan)
        vn_dbus_manager_complete_plan(manager, invocation, plan);
    return TRUE;
}

static gboolean
on_plan_undo(VnDBusManager *manager, GDBusMethodInvocation *invocation,
             const char *const *guests, FakeDaemon *daemon)
{
    GVariant *plan = answer_plan(daemon, invocation, "PlanUndo", guests);
    if (plan)
        vn_dbus_manager_complete_plan_undo(manager, invocation, plan);
    return TRUE;
}

static gboolean
on_why(VnDBusManager *manager, GDBusMethodInvocation *invocation, const char *name,
       FakeDaemon *daemon)
{
    const char *const sentences[] = {"It rests, as it was\nundone.", "The guard refused.",
                                     NULL};
    note_asked(daemon, "Why", (const char *[]){name, NULL});
    if (answer_otherwise(daemon, invocation))
        return TRUE;
    GVariant *told =
        g_variant_new_parsed("{'guest': <%s>, 'sentences': <%^as>, 'history': <["
                             "{'time_us': <@t 60000000>, 'reason': <'away'>},"
                             "{'time_us': <@t 120000000>, 'reason': <'at home'>},"
                             "{'time_us': <@t 180000000>, 'reason': <'away'>}]>}",
                             name, sentences);
    vn_dbus_manager_complete_why(manager, invocation, told);
    return TRUE;
}

static gboolean
on_verify(VnDBusManager *manager, GDBusMethodInvocation *invocation,
          const char *const *guests, FakeDaemon *daemon)
{
    note_asked(daemon, "Verify", guests);
    if (answer_otherwise(daemon, invocation))
        return TRUE;
    g_auto(GVariantBuilder) verdicts;
    g_variant_builder_init(&verdicts, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = daemon->empty ? 1 : 0; i < 2; i++) {
        g_auto(GVariantDict) dict;
        g_variant_dict_init(&dict, NULL);
        g_variant_dict_insert(&dict, "name", "s", i ? "web" : "db1\033[2J");
        g_variant_dict_insert(&dict, "state", "s", i ? "paused" : "running");
        insert_verdict(daemon, &dict, i);
        g_variant_builder_add_value(&verdicts, g_variant_dict_end(&dict));
    }
    vn_dbus_manager_complete_verify(manager, invocation,
                                    g_variant_builder_end(&verdicts));
    return TRUE;
}

/* A second of two vCPUs, of which one is not placed. */
static GVariant *
make_sample(FakeDaemon *daemon)
{
    g_auto(VnDict) dict;
    g_auto(GVariantBuilder) vcpus;
    g_variant_builder_init(&vcpus, G_VARIANT_TYPE("aa{sv}"));
    for (guint i = 0; i < 2 && !daemon->empty; i++) {
        g_auto(VnDict) vcpu;
        vn_dict_init(&vcpu, NULL);
        vn_dict_insert(&vcpu, "id", "u", i);
        vn_dict_insert(&vcpu, "reads", "t", (guint64) i * 7);
        vn_dict_insert(&vcpu, "writes", "t", G_GUINT64_CONSTANT(13526));
        vn_dict_insert(&vcpu, "accesses", "t", 13526 + (guint64) i * 7);
        vn_dict_insert_ratio(&vcpu, "locality_ratio", i ? -1 : 0.986);
        g_variant_builder_add_value(&vcpus, vn_dict_end(&vcpu));
    }
    vn_dict_init(&dict, NULL);
    vn_dict_insert(&dict, "guest", "s", "db1\033[2J");
    vn_dict_insert(&dict, "source", "s", "dirty-ring");
    vn_dict_insert(&dict, "source_reason", "s",
                   daemon->empty ? "" : "dirty-log: BPF is not permitted");
    vn_dict_insert(&dict, "duration_seconds", "d", 1.002);
    vn_dict_insert(&dict, "accesses_total", "t", G_GUINT64_CONSTANT(27059));
    vn_dict_insert(&dict, "lost", "t", (guint64) (daemon->empty ? 0 : 12));
    vn_dict_insert(&dict, "faults", "t", G_GUINT64_CONSTANT(27071));
    vn_dict_insert(&dict, "splits", "t", G_GUINT64_CONSTANT(3));
    vn_dict_insert(&dict, "fault_seconds", "d", 0.027);
    vn_dict_insert(&dict, "cpu_seconds", "d", 0.004);
    vn_dict_insert(&dict, "overhead_ratio", "d", 0.0135);
    vn_dict_insert(&dict, "granules_total", "t", G_GUINT64_CONSTANT(128));
    vn_dict_insert_value(&dict, "vcpus", g_variant_builder_end(&vcpus));
    vn_dict_insert_ratio(&dict, "locality_ratio", daemon->empty ? -1 : 0.985);
    vn_dict_insert_ratio(&dict, "remote_cost", daemon->empty ? -1 : 1.0165);
    vn_dict_insert(&dict, "confidence_ratio", "d", daemon->empty ? 0.1 : 0.99);
    return vn_dict_end(&dict);
}

static void
note_asked_with(FakeDaemon *daemon, const char *method, const char *name,
                GVariant *options)
{
    g_autofree char *text = g_variant_print(options, FALSE);
    note_asked(daemon, method, (const char *[]){name, text, NULL});
}

static gboolean
on_sample(VnDBusManager *manager, GDBusMethodInvocation *invocation, const char *name,
          GVariant *options, FakeDaemon *daemon)
{
    note_asked_with(daemon, "Sample", name, options);
    if (!answer_otherwise(daemon, invocation))
        vn_dbus_manager_complete_sample(manager, invocation, make_sample(daemon));
    return TRUE;
}

static gboolean
on_get_heat(VnDBusManager *manager, GDBusMethodInvocation *invocation, const char *name,
            GVariant *options, FakeDaemon *daemon)
{
    const char *columns = "";
    g_autoptr(GVariant) heat = NULL;
    guint bins = 0;
    note_asked_with(daemon, "GetHeat", name, options);
    if (answer_otherwise(daemon, invocation))
        return TRUE;
    g_assert_true(g_variant_lookup(options, "columns", "&s", &columns));
    g_assert_true(g_variant_lookup(options, "bins", "u", &bins));
    heat = heat_scene(g_str_equal(columns, "time") ? "time" : "two-cells", bins);
    if (daemon->broken) {
        g_auto(GVariantDict) dict;
        g_variant_dict_init(&dict, heat);
        g_variant_dict_remove(&dict, "rates");
        vn_dbus_manager_complete_get_heat(manager, invocation, g_variant_dict_end(&dict));
        return TRUE;
    }
    vn_dbus_manager_complete_get_heat(manager, invocation, heat);
    return TRUE;
}

static GVariant *
make_result(FakeDaemon *daemon, gboolean done)
{
    g_autoptr(VnGuest) guest = swapped_guest();
    g_autoptr(VnPlan) plan = make_plan(daemon, guest);
    g_auto(GVariantDict) result;
    for (guint i = 0; i < plan->steps->len; i++) {
        VnStep *step = plan->steps->pdata[i];
        step->bytes_moved = step->bytes;
        vn_step_set_outcome(step, VN_OUTCOME_DONE, NULL);
        if (!done && i == 1) {
            step->bytes_moved = 0;
            vn_step_set_outcome(step, VN_OUTCOME_FAILED, "host node 1 is full");
        }
    }
    g_variant_dict_init(&result, vn_plan_to_variant(plan));
    g_variant_dict_insert(&result, "bytes_moved", "t", (done ? 384 : 192) * MIB);
    g_variant_dict_insert(&result, "seconds", "d", 4.25);
    if (done)
        g_variant_dict_insert(&result, "summary", "s", "all at home");
    else
        g_variant_dict_insert(&result, "error", "s", "guest db1, cell 1: node full");
    return g_variant_dict_end(&result);
}

static void
end_job(FakeDaemon *daemon, gboolean done)
{
    g_autoptr(GVariant) result = g_variant_ref_sink(make_result(daemon, done));
    vn_dbus_job_set_result(daemon->job, result);
    vn_dbus_job_set_state(daemon->job, done ? "done" : "failed");
    vn_dbus_job_emit_finished(daemon->job, done, result);
}

static void
act(FakeDaemon *daemon)
{
    vn_dbus_job_set_activity(daemon->job, "guest db1, cell 0: to host node 0");
    vn_dbus_job_set_bytes_total(daemon->job, 384 * MIB);
    vn_dbus_job_set_bytes_done(daemon->job, 96 * MIB);
    vn_dbus_job_set_rate_bytes_per_second(daemon->job, 96 * MIB);
    vn_dbus_job_set_state(daemon->job, "acting");
}

void
fake_daemon_advance(FakeDaemon *daemon)
{
    switch (daemon->stage++) {
    case 0:
        vn_dbus_job_set_state(daemon->job, "planning");
        break;
    case 1:
        act(daemon);
        break;
    case 2:
        if (daemon->kind == FAKE_JOB_VANISHES) {
            g_assert_true(g_dbus_connection_close_sync(daemon->connection, NULL, NULL));
            return;
        }
        if (daemon->kind == FAKE_JOB_DONE || daemon->kind == FAKE_JOB_FAILED)
            end_job(daemon, daemon->kind == FAKE_JOB_DONE);
        break;
    default:
        break;
    }
    g_dbus_interface_skeleton_flush(G_DBUS_INTERFACE_SKELETON(daemon->job));
}

static gboolean
on_cancel(VnDBusJob *job, GDBusMethodInvocation *invocation, FakeDaemon *daemon)
{
    daemon->cancels++;
    if (daemon->kind == FAKE_JOB_UNTIL_CANCELLED)
        end_job(daemon, FALSE);
    vn_dbus_job_complete_cancel(job, invocation);
    return TRUE;
}

static void export(GDBusConnection *connection, gpointer skeleton, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_dbus_interface_skeleton_export(skeleton, connection, path, &error);
    g_assert_no_error(error);
}

/* FALSE: it was answered otherwise. */
static gboolean
begin_job(FakeDaemon *daemon, GDBusMethodInvocation *invocation, const char *method,
          const char *const *guests, GVariant *options)
{
    note_asked(daemon, method, guests);
    g_assert_cmpuint(g_variant_n_children(options), ==, 0);
    if (answer_otherwise(daemon, invocation))
        return FALSE;
    vn_dbus_job_set_state(daemon->job, "queued");
    vn_dbus_job_set_activity(daemon->job, "");
    vn_dbus_job_set_result(daemon->job,
                           g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0));
    if (daemon->kind == FAKE_JOB_OVER)
        end_job(daemon, TRUE);
    if (daemon->kind != FAKE_JOB_MISSING)
        export(daemon->connection, daemon->job, JOB_PATH);
    return TRUE;
}

static gboolean
on_rebalance(VnDBusManager *manager, GDBusMethodInvocation *invocation,
             const char *const *guests, GVariant *options, FakeDaemon *daemon)
{
    if (begin_job(daemon, invocation, "Rebalance", guests, options))
        vn_dbus_manager_complete_rebalance(manager, invocation, JOB_PATH);
    return TRUE;
}

static gboolean
on_undo(VnDBusManager *manager, GDBusMethodInvocation *invocation,
        const char *const *guests, GVariant *options, FakeDaemon *daemon)
{
    if (begin_job(daemon, invocation, "Undo", guests, options))
        vn_dbus_manager_complete_undo(manager, invocation, JOB_PATH);
    return TRUE;
}

static void
on_name(GDBusConnection *connection, const char *name, gpointer data)
{
    *(gboolean *) data = TRUE;
}

FakeDaemon *
fake_daemon_new(const char *address)
{
    FakeDaemon *daemon = g_new0(FakeDaemon, 1);
    g_autoptr(GError) error = NULL;
    gboolean owned = FALSE;
    daemon->pending = g_ptr_array_new_with_free_func(g_object_unref);
    daemon->connection = g_dbus_connection_new_for_address_sync(
        address,
        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
            G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
        NULL, NULL, &error);
    g_assert_no_error(error);
    daemon->manager = vn_dbus_manager_skeleton_new();
    daemon->job = vn_dbus_job_skeleton_new();
    g_signal_connect(daemon->manager, "handle-list-guests", G_CALLBACK(on_list_guests),
                     daemon);
    g_signal_connect(daemon->manager, "handle-get-guest", G_CALLBACK(on_get_guest),
                     daemon);
    g_signal_connect(daemon->manager, "handle-get-definition",
                     G_CALLBACK(on_get_definition), daemon);
    g_signal_connect(daemon->manager, "handle-plan", G_CALLBACK(on_plan), daemon);
    g_signal_connect(daemon->manager, "handle-verify", G_CALLBACK(on_verify), daemon);
    g_signal_connect(daemon->manager, "handle-sample", G_CALLBACK(on_sample), daemon);
    g_signal_connect(daemon->manager, "handle-get-heat", G_CALLBACK(on_get_heat), daemon);
    g_signal_connect(daemon->manager, "handle-rebalance", G_CALLBACK(on_rebalance),
                     daemon);
    g_signal_connect(daemon->manager, "handle-undo", G_CALLBACK(on_undo), daemon);
    g_signal_connect(daemon->manager, "handle-plan-undo", G_CALLBACK(on_plan_undo),
                     daemon);
    g_signal_connect(daemon->manager, "handle-why", G_CALLBACK(on_why), daemon);
    g_signal_connect(daemon->job, "handle-cancel", G_CALLBACK(on_cancel), daemon);
    export(daemon->connection, daemon->manager, "/org/vnumad1");
    daemon->name = g_bus_own_name_on_connection(daemon->connection, "org.vnumad1",
                                                G_BUS_NAME_OWNER_FLAGS_NONE, on_name,
                                                NULL, &owned, NULL);
    while (!owned)
        g_main_context_iteration(NULL, TRUE);
    return daemon;
}

void
fake_daemon_free(FakeDaemon *daemon)
{
    g_bus_unown_name(daemon->name);
    g_dbus_interface_skeleton_unexport(G_DBUS_INTERFACE_SKELETON(daemon->manager));
    if (!g_dbus_connection_is_closed(daemon->connection))
        g_assert_true(g_dbus_connection_close_sync(daemon->connection, NULL, NULL));
    g_ptr_array_unref(daemon->pending);
    g_object_unref(daemon->manager);
    g_object_unref(daemon->job);
    g_object_unref(daemon->connection);
    g_free(daemon->asked);
    g_free(daemon);
}
