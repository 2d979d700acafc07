/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sample and GetHeat, over D-Bus, on guests that cannot be looked at, and the reasons. */
#include "tests/daemon/vnumad-fixture.h"

#include <string.h>

/* What a method is expected to say no with. */
typedef struct {
    const char *guest;
    const char *options;
    const char *code;
    const char *says;
} Refusal;

static void
assert_refused(const Fixture *fixture, const char *method, const Refusal *refusal)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) options = g_variant_ref_sink(
        g_variant_new_parsed(refusal->options ? refusal->options : "@a{sv} {}"));
    g_autoptr(GVariant) answer = g_dbus_proxy_call_sync(
        G_DBUS_PROXY(fixture->manager), method,
        g_variant_new("(s@a{sv})", refusal->guest, options), G_DBUS_CALL_FLAGS_NONE,
        DEADLINE_SECONDS * 1000, NULL, &error);
    g_assert_null(answer);
    g_autofree char *remote = g_dbus_error_get_remote_error(error);
    g_autofree char *expected = g_strconcat("org.vnumad1.Error.", refusal->code, NULL);
    g_test_message("%s %s %s: %s", method, refusal->guest,
                   refusal->options ? refusal->options : "", error->message);
    g_assert_cmpstr(remote, ==, expected);
    g_assert_nonnull(strstr(error->message, refusal->says));
}

static void
test_sample(Fixture *fixture, gconstpointer unused)
{
    static const Refusal refusals[] = {
        {"db3", NULL, "Gone", "guest db3: there is none of this name"},
        {"", NULL, "Gone", "there is none of this name"},
        {"db2", NULL, "Refused", "guest db2: it is not managed"},
        {DB2, "{'seconds': <uint32 61>}", "Refused", "guest db2: it is not managed"},
        {"db1", "{'seconds': <uint32 0>}", "Invalid", "guest db1: sample: seconds = 0"},
        {"db1", "{'seconds': <uint32 61>}", "Invalid", "1 to 60"},
        {DB1, "{'seconds': <'4'>}", "Invalid", "guest db1: sample: seconds = '4'"},
        {"db1", "{'source': <'all'>}", "Invalid", "dirty-log, dirty-ring, refault"},
        {"db1", "{'fast': <true>}", "Invalid", "fast = true"},
        {"db1", "{'source': <'numa-faults'>}", "Refused", "forbids the source numa-f"},
        /* libvirt's test driver does not measure dirty rates. */
        {"db1", "{'source': <'dirty-rate'>}", "Unsupported", "guest db1"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++)
        assert_refused(fixture, "Sample", &refusals[i]);

    /* Its QEMU ends. */
    g_autofree char *folder =
        g_strdup_printf("proc/%s", g_subprocess_get_identifier(fixture->qemu));
    vn_tree_remove(fixture->tree, folder);
    const Refusal gone = {"db1", NULL, "Refused", "guest db1: it is left alone"};
    assert_refused(fixture, "Sample", &gone);
}

static void
test_heat(Fixture *fixture, gconstpointer unused)
{
    static const Refusal refusals[] = {
        {"db3", NULL, "Gone", "guest db3: there is none of this name"},
        {"db1", NULL, "Unsupported", "'vnumactl sample db1' looks now"},
        {DB2, NULL, "Unsupported", "guest db2: nothing has been seen of its accesses"},
        {"db1", "{'columns': <'cell'>}", "Invalid", "columns"},
        {"db1", "{'bins': <uint32 0>}", "Invalid", "bins"},
        {"db1", "{'bins': <uint32 513>}", "Invalid", "bins"},
        {"db1", "{'bins': <64>}", "Invalid", "bins"},
        {"db2", "{'rows': <uint32 1>}", "Invalid", "rows"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++)
        assert_refused(fixture, "GetHeat", &refusals[i]);
}

static void
test_off(Fixture *fixture, gconstpointer unused)
{
    static const Refusal refusals[] = {
        {"db1", NULL, "Refused", "guest db1: sampling is switched off"},
        {"db1", "{'seconds': <uint32 61>}", "Invalid", "1 to 60"},
        {"db2", NULL, "Refused", "guest db2: it is not managed"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++)
        assert_refused(fixture, "Sample", &refusals[i]);

    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) guest = NULL;
    g_assert_true(vn_dbus_manager_call_get_guest_sync(fixture->manager, "db1", &guest,
                                                      NULL, &error));
    g_autoptr(GVariant) sampling = g_variant_lookup_value(guest, "sampling", NULL);
    g_assert_null(sampling);
}

/* What is known of nobody's accesses, in show and list. */
static void
test_unknown(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) guest = NULL;
    g_assert_true(vn_dbus_manager_call_get_guest_sync(fixture->manager, "db1", &guest,
                                                      NULL, &error));
    double locality = 0;
    double confidence = 1;
    g_assert_true(g_variant_lookup(guest, "locality_ratio", "d", &locality));
    g_assert_true(g_variant_lookup(guest, "confidence_ratio", "d", &confidence));
    g_assert_true(locality != locality);
    g_assert_cmpfloat(confidence, ==, 0);
    g_autoptr(GVariant) sampling =
        g_variant_lookup_value(guest, "sampling", G_VARIANT_TYPE_VARDICT);
    g_assert_nonnull(sampling);
    guint64 windows = 1;
    const char *state = NULL;
    g_assert_true(g_variant_lookup(sampling, "windows", "t", &windows));
    g_assert_true(g_variant_lookup(sampling, "state", "&s", &state));
    g_assert_cmpuint(windows, ==, 0);
    g_assert_cmpstr(state, ==, "on request");
}

static const Wish usual = {
    .config = "sampling = on-request\nforbidden_sources = numa-faults\n"};
static const Wish off = {.config = "sampling = off\n"};

#define ADD(path, wish, func) \
    g_test_add(path, Fixture, wish, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
    fixture_init(argc, argv);
    ADD("/vnumad-sample/sample", &usual, test_sample);
    ADD("/vnumad-sample/heat", &usual, test_heat);
    ADD("/vnumad-sample/unknown", &usual, test_unknown);
    ADD("/vnumad-sample/off", &off, test_off);
    return g_test_run();
}
