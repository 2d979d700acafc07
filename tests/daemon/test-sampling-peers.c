/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sampling guests that are known by their QMP sockets only, and asking those of libvirt's
 * guests where libvirt cannot; time is the test's own.
 */
#include "daemon/sampling.h"
#include "tests/daemon/answer.h"
#include "tests/daemon/fake-sampler.h"
#include "tests/support/scenario.h"

#include <string.h>

#define SECOND ((gint64) G_USEC_PER_SEC)

typedef struct {
    VnSampling *sampling;
    VnSnapshot *snapshot; /* with one guest of libvirt's, fake guest 0 */
    FakeGuest *peer;      /* fake guest 1 */
} Fixture;

static VnGuest *
add_guest(VnSnapshot *snapshot, const char *name)
{
    VnGuest *guest = scenario_guest(snapshot, name, 2, 2, 512);
    guest->machine = g_strdup("pc");
    guest->dirty_ring = TRUE;
    for (guint i = 0; i < guest->vcpus->len; i++)
        ((VnVcpu *) guest->vcpus->pdata[i])->affinity = scenario_idset("0-3");
    return guest;
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
    const VnConfigSampling *wanted = data;
    const VnConfig config = {.sampling = *wanted,
                             .sample_budget_ratio = 0.01,
                             .sample_host_budget_ratio = 0.01};
    fake_reset();
    fixture->sampling = vn_sampling_new(&config, "/nonexistent", NULL);
    fixture->snapshot = scenario_new(2, 4, 4096);
    fake_guest(add_guest(fixture->snapshot, "g0"));
    g_autoptr(VnSnapshot) others = scenario_new(2, 4, 4096);
    VnGuest *peer = add_guest(others, "g1");
    fixture->peer = fake_guest(peer);
    fake.peer = vn_guest_clone(peer);
    vn_sampling_see(fixture->sampling, fixture->snapshot);
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    vn_sampling_free(fixture->sampling);
    vn_snapshot_unref(fixture->snapshot);
    fake_end();
}

static void
pass(const Fixture *fixture, gint64 us)
{
    gint64 end_us = fake.now_us + us;
    for (guint i = 0; i < 10000; i++) {
        gint64 next_us = vn_sampling_tick(fixture->sampling);
        g_assert_cmpuint(fake.n_open, <=, VN_SAMPLING_WINDOWS_MAX);
        if (next_us > end_us) {
            fake.now_us = end_us;
            return;
        }
        fake.now_us = MAX(next_us, fake.now_us);
    }
    g_assert_not_reached();
}

static gboolean
try_request(const Fixture *fixture, const char *path, const char *options, Answer *answer,
            GError **error)
{
    g_autoptr(GVariant) parsed = g_variant_ref_sink(g_variant_new_parsed(options));
    g_autoptr(VnSnapshot) host = scenario_new(2, 4, 4096);
    return vn_sampling_request_peer(fixture->sampling, g_steal_pointer(&host->host), path,
                                    parsed, answer_take, answer, error);
}

static void
request(const Fixture *fixture, const char *options, Answer *answer)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(try_request(fixture, "/run/peer", options, answer, &error));
    g_assert_no_error(error);
}

static void
refuse(const Fixture *fixture, const char *path, const char *options, VnErrorCode code,
       const char *says)
{
    g_autoptr(GError) error = NULL;
    Answer never = {0};
    guint n_clients = fake.n_clients;
    g_assert_false(try_request(fixture, path, options, &never, &error));
    g_assert_error(error, VN_ERROR, (int) code);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, says));
    g_assert_cmpuint(fake.n_clients, ==, n_clients);
}

/* One window; then nothing is left of it, and nothing is due. */
static void
test_window(Fixture *fixture, gconstpointer unused)
{
    g_auto(Answer) answer = {0};
    guint64 granules = 0;
    double locality = 0;
    const char *name = NULL;
    request(fixture, "{'qmp': <'/run/peer'>, 'seconds': <uint32 3>}", &answer);
    pass(fixture, SECOND);
    g_assert_nonnull(fixture->peer->window);
    g_assert_cmpuint(fixture->peer->seconds, ==, 3);
    g_assert_cmpuint(fake.n_clients, ==, 1);

    /* Who looks at libvirt's guests does not see it. */
    vn_sampling_see(fixture->sampling, fixture->snapshot);
    pass(fixture, 3 * SECOND);
    g_assert_no_error(answer.error);
    g_assert_cmpuint(answer.n_calls, ==, 1);
    g_assert_true(g_variant_lookup(answer.sample, "guest", "&s", &name));
    g_assert_cmpstr(name, ==, "g1");
    g_assert_true(g_variant_lookup(answer.sample, "granules_total", "t", &granules));
    g_assert_cmpuint(granules, ==, 100);
    g_assert_true(g_variant_lookup(answer.sample, "locality_ratio", "d", &locality));
    g_assert_cmpfloat(locality, ==, 1);
    g_assert_cmpuint(fake.n_clients, ==, 0);
    g_assert_cmpuint(fake.n_libvirt, ==, 0);
    g_assert_cmpint(vn_sampling_tick(fixture->sampling), ==, G_MAXINT64);
}

/* QEMU's own count, where nothing else is to be had. */
static void
test_rate(Fixture *fixture, gconstpointer unused)
{
    g_auto(Answer) answer = {0};
    guint64 total = 0;
    fake.sources = 1u << VN_SAMPLE_DIRTY_RATE;
    fixture->peer->mb_per_second = 1;
    request(fixture, "{'seconds': <uint32 1>, 'source': <'dirty-rate'>}", &answer);
    pass(fixture, 2 * SECOND);
    g_assert_no_error(answer.error);
    g_assert_true(g_variant_lookup(answer.sample, "accesses_total", "t", &total));
    g_assert_cmpuint(total, >=, 256);

    g_auto(Answer) late = {0};
    request(fixture, "{'seconds': <uint32 1>, 'source': <'dirty-rate'>}", &late);
    pass(fixture, SECOND / 2);
    fixture->peer->measured_until += 10 * SECOND;
    pass(fixture, 2 * SECOND);
    answer_assert_fails(&late, VN_ERROR_BUSY, "guest g1: QEMU still measures");
    g_assert_cmpuint(fake.n_clients, ==, 0);
}

/* Somebody measures: nothing is begun, by whatever source. */
static void
test_busy(Fixture *fixture, gconstpointer unused)
{
    static const char *const sources[] = {"dirty-log", "dirty-ring", "refault",
                                          "dirty-rate"};
    fixture->peer->measured_until = fake.now_us + 100 * SECOND;
    for (gsize i = 0; i < G_N_ELEMENTS(sources); i++) {
        g_auto(Answer) answer = {0};
        g_autofree char *options = g_strdup_printf("{'source': <'%s'>}", sources[i]);
        request(fixture, options, &answer);
        pass(fixture, SECOND);
        answer_assert_fails(&answer, VN_ERROR_BUSY, "somebody measures");
        g_assert_cmpuint(fake.n_clients, ==, 0);
    }
    g_assert_cmpuint(fixture->peer->n_measured, ==, 0);
}

static void
test_ends(Fixture *fixture, gconstpointer unused)
{
    g_auto(Answer) within = {0};
    g_auto(Answer) before = {0};
    request(fixture, "@a{sv} {}", &within);
    pass(fixture, SECOND);
    fixture->peer->ended = TRUE;
    request(fixture, "@a{sv} {}", &before);
    pass(fixture, 5 * SECOND);
    answer_assert_fails(&within, VN_ERROR_GONE, "ended within");
    answer_assert_fails(&before, VN_ERROR_GONE, "it ended");
    g_assert_cmpuint(fake.n_clients, ==, 0);
}

static void
test_refused(Fixture *fixture, gconstpointer unused)
{
    refuse(fixture, "/run/other", "@a{sv} {}", VN_ERROR_GONE, "nobody listens");
    refuse(fixture, "/run/peer", "{'qmp': <1>}", VN_ERROR_INVALID, "QMP /run/peer: ");
    refuse(fixture, "/run/peer", "{'seconds': <uint32 61>}", VN_ERROR_INVALID, "1 to 60");
    fake.peer->state = VN_GUEST_PAUSED;
    refuse(fixture, "/run/peer", "@a{sv} {}", VN_ERROR_BUSY, "its guest is paused");
}

/* As many as may wait, one more, and an end while they do. */
static void
test_many(Fixture *fixture, gconstpointer unused)
{
    Answer answers[VN_SAMPLING_REQUESTS_MAX] = {0};
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++)
        request(fixture, "@a{sv} {}", &answers[i]);
    refuse(fixture, "/run/peer", "@a{sv} {}", VN_ERROR_BUSY, "16 other sockets");
    g_assert_cmpuint(fake.n_clients, ==, VN_SAMPLING_REQUESTS_MAX);
    g_clear_pointer(&fixture->sampling, vn_sampling_free);
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++) {
        answer_assert_fails(&answers[i], VN_ERROR_BUSY, "vnumad is stopping");
        answer_clear(&answers[i]);
    }
}

static void
test_off(Fixture *fixture, gconstpointer unused)
{
    refuse(fixture, "/run/peer", "@a{sv} {}", VN_ERROR_REFUSED, "sampling = off");
}

/* libvirt's guest, whose libvirt cannot: its own socket can, where it has one. */
static void
test_fallback(Fixture *fixture, gconstpointer unused)
{
    VnGuest *guest = fixture->snapshot->guests->pdata[0];
    g_autoptr(GVariant) options = g_variant_ref_sink(g_variant_new_parsed("@a{sv} {}"));
    g_auto(Answer) without = {0};
    g_auto(Answer) with = {0};
    fake.rate_error = VN_ERROR_UNSUPPORTED;
    g_assert_true(vn_sampling_request(fixture->sampling, guest, options, answer_take,
                                      &without, NULL));
    pass(fixture, 6 * SECOND);
    answer_assert_fails(&without, VN_ERROR_UNSUPPORTED, "libvirt says no");

    guest->qmp_path = g_strdup("/run/own");
    g_assert_true(
        vn_sampling_request(fixture->sampling, guest, options, answer_take, &with, NULL));
    pass(fixture, SECOND);
    g_assert_cmpuint(fake.n_clients, ==, 1);
    pass(fixture, 5 * SECOND);
    g_assert_no_error(with.error);
    g_assert_nonnull(with.sample);
    g_assert_cmpuint(fake.n_clients, ==, 0);
}

static const VnConfigSampling on_request = VN_SAMPLING_ON_REQUEST;
static const VnConfigSampling off = VN_SAMPLING_OFF;

#define ADD(path, wish, func) g_test_add(path, Fixture, wish, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/sampling-peers/window", &on_request, test_window);
    ADD("/sampling-peers/rate", &on_request, test_rate);
    ADD("/sampling-peers/busy", &on_request, test_busy);
    ADD("/sampling-peers/ends", &on_request, test_ends);
    ADD("/sampling-peers/refused", &on_request, test_refused);
    ADD("/sampling-peers/many", &on_request, test_many);
    ADD("/sampling-peers/off", &off, test_off);
    ADD("/sampling-peers/fallback", &on_request, test_fallback);
    return g_test_run();
}
