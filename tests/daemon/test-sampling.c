/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sampling: whose turn it is, what becomes of requests, and what of guests that change
 * or end meanwhile; time is the test's own.
 */
#include "daemon/sampling.h"
#include "tests/daemon/answer.h"
#include "tests/daemon/fake-sampler.h"
#include "tests/support/scenario.h"

#include <string.h>

#define SECOND ((gint64) G_USEC_PER_SEC)
#define MINUTE (60 * SECOND)

typedef struct {
    VnSampling *sampling;
    VnSnapshot *snapshot; /* that was seen last */
} Fixture;

/* How a test wants its sampling. */
typedef struct {
    guint n_guests; /* 0: one */
    VnConfigSampling sampling;
    guint forbidden;
    gboolean no_ring;
} Wish;

static VnGuest *
guest_at(const Fixture *fixture, guint i)
{
    return fixture->snapshot->guests->pdata[i];
}

static FakeGuest *
fake_at(guint i)
{
    return fake.guests->pdata[i];
}

/* A guest of two cells with two vCPUs each, those of cell 0 on host node 0. */
static VnGuest *
add_guest(VnSnapshot *snapshot, guint i)
{
    g_autofree char *name = g_strdup_printf("g%u", i);
    VnGuest *guest = scenario_guest(snapshot, name, 2, 2, 512);
    guest->machine = g_strdup("pc");
    for (guint vcpu = 0; vcpu < 4; vcpu++)
        ((VnVcpu *) guest->vcpus->pdata[vcpu])->affinity =
            scenario_idset(vcpu < 2 ? "0-3" : "4-7");
    return guest;
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
    const Wish *wish = data;
    VnConfig config = {.sampling = wish->sampling,
                       .forbidden_sources = wish->forbidden,
                       .sample_budget_ratio = 0.01,
                       .sample_host_budget_ratio = 0.01};
    fake_reset();
    fixture->sampling = vn_sampling_new(&config, "/nonexistent", NULL);
    fixture->snapshot = scenario_new(2, 4, 4096);
    for (guint i = 0; i < MAX(wish->n_guests, 1); i++) {
        VnGuest *guest = add_guest(fixture->snapshot, i);
        guest->dirty_ring = !wish->no_ring;
        fake_guest(guest);
    }
    vn_sampling_see(fixture->sampling, fixture->snapshot);
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    vn_sampling_free(fixture->sampling);
    vn_snapshot_unref(fixture->snapshot);
    fake_end();
}

/* Another snapshot, with copies of the guests; the old one is gone unless it is held. */
static void
look_again(Fixture *fixture)
{
    VnSnapshot *now = scenario_new(2, 4, 4096);
    for (guint i = 0; i < fixture->snapshot->guests->len; i++)
        g_ptr_array_add(now->guests, vn_guest_clone(guest_at(fixture, i)));
    vn_snapshot_unref(fixture->snapshot);
    fixture->snapshot = now;
}

/* Ticks as the worker does, for so long; what wants to be called at once is, but ends. */
static void
pass(const Fixture *fixture, gint64 us)
{
    gint64 end_us = fake.now_us + us;
    guint n_at_once = 0;
    while (fake.now_us <= end_us) {
        guint n_libvirt = fake.n_libvirt;
        gint64 before_us = fake.now_us;
        gint64 next_us = vn_sampling_tick(fixture->sampling);
        g_assert_cmpuint(fake.n_libvirt - n_libvirt, <=, 1);
        g_assert_cmpuint(fake.n_open, <=, VN_SAMPLING_WINDOWS_MAX);
        n_at_once = next_us || fake.now_us > before_us ? 0 : n_at_once + 1;
        g_assert_cmpuint(n_at_once, <=, 1000);
        if (next_us == 0)
            continue;
        g_assert_cmpint(next_us, >, fake.now_us);
        if (next_us > end_us)
            break;
        fake.now_us = next_us;
    }
    fake.now_us = MAX(fake.now_us, end_us);
}

static void
request(const Fixture *fixture, guint guest, const char *options, Answer *answer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) parsed = g_variant_ref_sink(g_variant_new_parsed(options));
    g_assert_true(vn_sampling_request(fixture->sampling, guest_at(fixture, guest), parsed,
                                      answer_take, answer, &error));
    g_assert_no_error(error);
}

static void
refuse(const Fixture *fixture, guint guest, const char *options, VnErrorCode code,
       const char *says)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) parsed = g_variant_ref_sink(g_variant_new_parsed(options));
    Answer never = {0};
    g_assert_false(vn_sampling_request(fixture->sampling, guest_at(fixture, guest),
                                       parsed, answer_take, &never, &error));
    g_assert_error(error, VN_ERROR, (int) code);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, says));
    g_assert_cmpuint(never.n_calls, ==, 0);
}

/* What `show` would say: "sampling". */
static GVariant *
describe(const Fixture *fixture, guint guest)
{
    g_auto(VnDict) dict;
    vn_dict_init(&dict, NULL);
    vn_sampling_describe(fixture->sampling, guest_at(fixture, guest), &dict);
    g_autoptr(GVariant) all = g_variant_ref_sink(vn_dict_end(&dict));
    return g_variant_lookup_value(all, "sampling", G_VARIANT_TYPE_VARDICT);
}

static void
assert_says(const Fixture *fixture, guint guest, const char *key, const char *says)
{
    g_autoptr(GVariant) sampling = describe(fixture, guest);
    const char *text = NULL;
    g_assert_true(g_variant_lookup(sampling, key, "&s", &text));
    g_test_message("%s: %s", key, text);
    g_assert_nonnull(strstr(text, says));
}

/* Windows, one after the other, ever more rarely as the guest's accesses are local. */
static void
test_timetable(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    assert_says(fixture, 0, "state", "nobody has looked");
    pass(fixture, SECOND / 2);
    assert_says(fixture, 0, "state", "a window is open");
    pass(fixture, SECOND);
    g_assert_cmpuint(fake.n_open, ==, 0);
    g_assert_nonnull(vn_sampling_heat(fixture->sampling, guest_at(fixture, 0)));
    assert_says(fixture, 0, "source", "dirty-log");

    pass(fixture, 5 * MINUTE);
    g_autoptr(VnPlacement) placement = vn_sampling_placement(
        fixture->sampling, guest_at(fixture, 0), fixture->snapshot->host, &error);
    g_assert_no_error(error);
    g_assert_cmpint(vn_placement_find(placement, 100)->host_node, ==, 0);
    g_assert_true(vn_sampling_is_settled(fixture->sampling, guest_at(fixture, 0)));
    guint early = fake_at(0)->n_windows;
    g_assert_cmpuint(early, >=, 8);
    pass(fixture, 60 * MINUTE);
    guint late = fake_at(0)->n_windows - early;
    g_test_message("%u windows in 5 minutes, %u in an hour", early, late);
    g_assert_cmpuint(late, >=, 11);
    g_assert_cmpuint(late, <=, 60);
    assert_says(fixture, 0, "state", "stable and local");
    g_assert_cmpuint(fake.n_attached, ==, 1);
}

static void
test_hundred(Fixture *fixture, gconstpointer unused)
{
    pass(fixture, 30 * SECOND);
    g_assert_cmpuint(fake.n_most_open, ==, VN_SAMPLING_WINDOWS_MAX);
    for (guint i = 0; i < 100; i++)
        g_assert_cmpuint(fake_at(i)->n_windows, >=, 1);
    pass(fixture, 10 * MINUTE);
    guint least = G_MAXUINT;
    guint most = 0;
    for (guint i = 0; i < 100; i++) {
        least = MIN(least, fake_at(i)->n_windows);
        most = MAX(most, fake_at(i)->n_windows);
    }
    g_test_message("%u to %u windows", least, most);
    g_assert_cmpuint(least, >=, 4);
    g_assert_cmpuint(most, <=, least + 2);
}

/* libvirt takes seconds to say no: still one call a tick (pass()), and nobody starves. */
static void
test_libvirt_hangs(Fixture *fixture, gconstpointer unused)
{
    fake.rate_takes_us = 3 * SECOND;
    fake.rate_error = VN_ERROR_BUSY;
    pass(fixture, 10 * MINUTE);
    g_assert_cmpuint(fake.n_libvirt, >=, 190);
    for (guint i = 0; i < 100; i++)
        g_assert_cmpuint(fake_at(i)->n_windows, >=, 1);
    fake.rate_takes_us = 0;
    fake.rate_error = -1;
    pass(fixture, MINUTE);
    for (guint i = 0; i < 100; i++)
        g_assert_cmpuint(fake_at(i)->n_measured, >=, 1);
}

/* Whose vCPUs do not run is looked at once, when nothing is known of it, and no more. */
static void
test_idle(Fixture *fixture, gconstpointer unused)
{
    fake_at(0)->idle = TRUE;
    pass(fixture, 60 * MINUTE);
    g_assert_cmpuint(fake_at(0)->n_windows, ==, 1);
    assert_says(fixture, 0, "state", "idle");
    fake_at(0)->idle = FALSE;
    pass(fixture, 10 * MINUTE);
    g_assert_cmpuint(fake_at(0)->n_windows, >, 1);
}

/* Somebody else measures: nothing is begun, and later it is. */
static void
test_busy(Fixture *fixture, gconstpointer unused)
{
    fake_at(0)->measured_until = fake.now_us + 25 * SECOND;
    g_auto(Answer) answer = {0};
    request(fixture, 0, "@a{sv} {}", &answer);
    pass(fixture, 20 * SECOND);
    answer_assert_fails(&answer, VN_ERROR_BUSY, "somebody measures");
    assert_says(fixture, 0, "state", "somebody measures");
    g_assert_cmpuint(fake_at(0)->n_measured, ==, 0);
    g_assert_cmpuint(fake.n_open, ==, 0);
    pass(fixture, 20 * SECOND);
    g_assert_cmpuint(fake_at(0)->n_measured, >=, 1);
    assert_says(fixture, 0, "source", "dirty-log");
    assert_says(fixture, 0, "source_reason", "");
}

/* A source that does not work is passed over from then on, and show says why. */
static void
test_next_source(Fixture *fixture, gconstpointer unused)
{
    fake.start_fails = 1u << VN_SAMPLE_DIRTY_LOG_BPF | 1u << VN_SAMPLE_DIRTY_RING;
    fake.start_error = VN_ERROR_UNSUPPORTED;
    pass(fixture, MINUTE);
    g_assert_cmpuint(fake_at(0)->n_windows, >=, 1);
    assert_says(fixture, 0, "source", "refault");
    assert_says(fixture, 0, "source_reason", "no dirty-log today");
    assert_says(fixture, 0, "source_reason", "no dirty-ring today");

    /* What is asked for by name is tried all the same. */
    g_auto(Answer) answer = {0};
    request(fixture, 0, "{'source': <'dirty-ring'>}", &answer);
    pass(fixture, SECOND);
    answer_assert_fails(&answer, VN_ERROR_UNSUPPORTED, "no dirty-ring today");
}

static void
test_no_source(Fixture *fixture, gconstpointer unused)
{
    fake.sources = 1u << VN_SAMPLE_DIRTY_RATE;
    g_auto(Answer) answer = {0};
    request(fixture, 0, "@a{sv} {}", &answer);
    pass(fixture, 10 * MINUTE);
    answer_assert_fails(&answer, VN_ERROR_UNSUPPORTED, "dirty-rate: without dirty rings");
    g_assert_cmpuint(fake_at(0)->n_windows, ==, 0);
}

/* Neither address nor cell: amounts by vCPU, however large, and no locality. */
static void
test_rate_only(Fixture *fixture, gconstpointer unused)
{
    fake.sources = 1u << VN_SAMPLE_DIRTY_RATE;
    fake_at(0)->mb_per_second = G_MAXUINT64;
    g_auto(Answer) answer = {0};
    request(fixture, 0, "{'seconds': <uint32 2>}", &answer);
    pass(fixture, 3 * SECOND);
    g_assert_no_error(answer.error);
    guint64 total = 0;
    double locality = 0;
    g_assert_true(g_variant_lookup(answer.sample, "accesses_total", "t", &total));
    g_assert_cmpuint(total, ==, G_MAXUINT32);
    g_assert_true(g_variant_lookup(answer.sample, "locality_ratio", "d", &locality));
    g_assert_true(locality != locality);
    g_assert_cmpuint(fake_at(0)->n_windows, ==, 0);

    /* Somebody else began to measure just when ours was over. */
    g_auto(Answer) late = {0};
    request(fixture, 0, "{'source': <'dirty-rate'>}", &late);
    pass(fixture, 3 * SECOND);
    fake_at(0)->measured_until += 10 * SECOND;
    pass(fixture, 3 * SECOND);
    answer_assert_fails(&late, VN_ERROR_BUSY, "still measures");
}

static void
test_polls(Fixture *fixture, gconstpointer unused)
{
    fake.poll_ms = 10;
    pass(fixture, 2 * SECOND);
    g_assert_cmpuint(fake_at(0)->n_polls, >=, 110);
    g_assert_cmpuint(fake_at(0)->n_polls, <=, 121);
    fake.poll_ms = 0;
    guint n_polls = fake_at(0)->n_polls;
    pass(fixture, MINUTE);
    g_assert_cmpuint(fake_at(0)->n_polls, ==, n_polls);
}

/* Ends within the window: whoever asked is told; nobody else's turn is lost. */
static void
test_gone_within(Fixture *fixture, gconstpointer unused)
{
    g_auto(Answer) answer = {0};
    request(fixture, 0, "{'seconds': <uint32 3>}", &answer);
    pass(fixture, 2 * SECOND);
    g_assert_nonnull(fake_at(0)->window);
    fake_at(0)->ended = TRUE;
    pass(fixture, 2 * SECOND);
    answer_assert_fails(&answer, VN_ERROR_GONE, "ended within");
    g_assert_null(fake_at(0)->window);

    /* And before anybody has noticed. */
    g_auto(Answer) again = {0};
    request(fixture, 0, "@a{sv} {}", &again);
    pass(fixture, 20 * SECOND);
    answer_assert_fails(&again, VN_ERROR_GONE, "it ended");
    g_assert_cmpuint(fake_at(0)->n_windows, ==, 1);
    g_assert_cmpuint(fake_at(1)->n_windows, >=, 2);
}

/* Starts anew in the middle of a window: what was known of it is forgotten. */
static void
test_restart(Fixture *fixture, gconstpointer unused)
{
    pass(fixture, 2 * SECOND);
    g_assert_nonnull(vn_sampling_heat(fixture->sampling, guest_at(fixture, 0)));
    g_auto(Answer) open = {0};
    g_auto(Answer) waits = {0};
    request(fixture, 0, "{'seconds': <uint32 30>}", &open);
    request(fixture, 0, "@a{sv} {}", &waits);
    pass(fixture, 2 * SECOND);
    g_assert_nonnull(fake_at(0)->window);

    look_again(fixture);
    guest_at(fixture, 0)->start_ticks = fake_at(0)->start_ticks = 8;
    vn_sampling_see(fixture->sampling, fixture->snapshot);
    answer_assert_fails(&open, VN_ERROR_GONE, "it ended");
    answer_assert_fails(&waits, VN_ERROR_GONE, "it ended");
    g_assert_cmpuint(fake.n_open, ==, 0);
    g_assert_null(vn_sampling_heat(fixture->sampling, guest_at(fixture, 0)));
    pass(fixture, MINUTE);
    g_assert_nonnull(vn_sampling_heat(fixture->sampling, guest_at(fixture, 0)));
}

/* Snapshots come and go while windows are open: only the newest is read. */
static void
test_new_snapshots(Fixture *fixture, gconstpointer unused)
{
    g_auto(Answer) answer = {0};
    request(fixture, 1, "{'seconds': <uint32 5>}", &answer);
    for (guint i = 0; i < 80; i++) {
        look_again(fixture);
        vn_sampling_see(fixture->sampling, fixture->snapshot);
        pass(fixture, SECOND / 10);
    }
    g_assert_no_error(answer.error);
    g_assert_cmpuint(answer.n_calls, ==, 1);
    /* Nor is anything lost where an address range is not known for a moment. */
    look_again(fixture);
    VnCell *cell = scenario_cell(guest_at(fixture, 1), 0);
    cell->hva_start = cell->hva_end = 0;
    vn_sampling_see(fixture->sampling, fixture->snapshot);
    pass(fixture, 2 * MINUTE);
    g_assert_nonnull(vn_sampling_heat(fixture->sampling, guest_at(fixture, 1)));
}

/* Where its memory lies cannot be read: it is sampled, but not judged. */
static void
test_pages_gone(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    fake.pages_gone = TRUE;
    pass(fixture, MINUTE);
    g_assert_nonnull(vn_sampling_heat(fixture->sampling, guest_at(fixture, 0)));
    g_assert_null(vn_sampling_placement(fixture->sampling, guest_at(fixture, 0),
                                        fixture->snapshot->host, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
}

/* A guest that is paused, left alone, or not ours any more. */
static void
test_not_now(Fixture *fixture, gconstpointer unused)
{
    pass(fixture, 2 * SECOND);
    g_auto(Answer) paused = {0};
    g_auto(Answer) troubled = {0};
    g_auto(Answer) dropped = {0};
    Answer *const answers[] = {&paused, &troubled, &dropped};
    for (guint i = 0; i < 3; i++)
        request(fixture, i, "@a{sv} {}", answers[i]);
    look_again(fixture);
    guest_at(fixture, 0)->state = VN_GUEST_PAUSED;
    guest_at(fixture, 1)->trouble = g_strdup("its cells are odd");
    guest_at(fixture, 2)->managed = FALSE;
    vn_sampling_see(fixture->sampling, fixture->snapshot);
    answer_assert_fails(&dropped, VN_ERROR_GONE, "not managed any more");
    guint windows = fake_at(0)->n_windows + fake_at(1)->n_windows;
    pass(fixture, 10 * MINUTE);
    answer_assert_fails(&paused, VN_ERROR_BUSY, "it is paused; try later");
    answer_assert_fails(&troubled, VN_ERROR_BUSY,
                        "guest g1: its cells are odd; try later");
    g_assert_cmpuint(fake_at(0)->n_windows + fake_at(1)->n_windows, ==, windows);
    g_assert_nonnull(vn_sampling_heat(fixture->sampling, guest_at(fixture, 0)));
    g_assert_null(describe(fixture, 2));
    refuse(fixture, 0, "@a{sv} {}", VN_ERROR_GONE, "it does not run");
}

/* One after the other, in the order they came; one too many is refused. */
static void
test_requests(Fixture *fixture, gconstpointer unused)
{
    Answer answers[VN_SAMPLING_REQUESTS_MAX] = {0};
    for (guint i = 0; i < VN_SAMPLING_REQUESTS_MAX; i++) {
        g_autofree char *options = g_strdup_printf("{'seconds': <uint32 %u>}", 2 + i);
        request(fixture, 0, options, &answers[i]);
    }
    refuse(fixture, 0, "@a{sv} {}", VN_ERROR_BUSY, "16 already wait");
    for (guint i = 0; i < VN_SAMPLING_REQUESTS_MAX; i++) {
        double seconds = 0;
        pass(fixture, (3 + i) * SECOND);
        g_assert_cmpuint(answers[i].n_calls, ==, 1);
        g_assert_no_error(answers[i].error);
        g_assert_true(
            g_variant_lookup(answers[i].sample, "duration_seconds", "d", &seconds));
        g_assert_cmpfloat(seconds, >=, 2 + i);
        g_assert_cmpfloat(seconds, <, 3 + i);
        answer_clear(&answers[i]);
    }
}

static void
test_options(Fixture *fixture, gconstpointer unused)
{
    static const char *const bad[] = {
        "{'seconds': <uint32 0>}", "{'seconds': <uint32 61>}",
        "{'seconds': <4>}",        "{'seconds': <'4'>}",
        "{'source': <'dirty'>}",   "{'source': <uint32 1>}",
        "{'source': <''>}",        "{'second': <uint32 4>}",
        "{'': <uint32 4>}",        "{'seconds': <uint32 4>, 'x': <true>}",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        refuse(fixture, 0, bad[i], VN_ERROR_INVALID, "there are seconds, 1 to 60");

    g_auto(Answer) longest = {0};
    request(fixture, 0, "{'seconds': <uint32 60>, 'source': <'dirty-log'>}", &longest);
    pass(fixture, 62 * SECOND);
    g_assert_no_error(longest.error);
    double seconds = 0;
    g_assert_true(g_variant_lookup(longest.sample, "duration_seconds", "d", &seconds));
    g_assert_cmpfloat(seconds, >=, 60);
    const char *why = NULL;
    g_assert_true(g_variant_lookup(longest.sample, "source_reason", "&s", &why));
    g_assert_cmpstr(why, ==, "it was asked for");

    g_auto(Answer) missing = {0};
    request(fixture, 0, "{'source': <'numa-faults'>}", &missing);
    pass(fixture, 2 * SECOND);
    answer_assert_fails(&missing, VN_ERROR_UNSUPPORTED, "numa-faults: it is not there");
    refuse(fixture, 0, "{'source': <'refault'>}", VN_ERROR_REFUSED,
           "forbids the source refault");
}

static void
test_off(Fixture *fixture, gconstpointer unused)
{
    refuse(fixture, 0, "@a{sv} {}", VN_ERROR_REFUSED, "sampling = off");
    g_assert_cmpint(vn_sampling_tick(fixture->sampling), ==, G_MAXINT64);
    g_assert_null(describe(fixture, 0));
    g_assert_cmpuint(fake.n_attached, ==, 0);
}

static void
test_on_request(Fixture *fixture, gconstpointer unused)
{
    g_assert_cmpint(vn_sampling_tick(fixture->sampling), ==, G_MAXINT64);
    assert_says(fixture, 0, "state", "on request");
    g_auto(Answer) answer = {0};
    request(fixture, 0, "@a{sv} {}", &answer);
    pass(fixture, 60 * MINUTE);
    g_assert_no_error(answer.error);
    g_assert_cmpuint(fake_at(0)->n_windows, ==, 1);
    g_assert_cmpuint(fake_at(0)->seconds, ==, 4);
}

/* It ends with windows open, and others waiting. */
static void
test_free(Fixture *fixture, gconstpointer unused)
{
    Answer answers[12] = {0};
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++)
        request(fixture, i, "@a{sv} {}", &answers[i]);
    pass(fixture, 2 * SECOND);
    g_assert_cmpuint(fake.n_open, ==, VN_SAMPLING_WINDOWS_MAX);
    g_clear_pointer(&fixture->sampling, vn_sampling_free);
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++) {
        answer_assert_fails(&answers[i], VN_ERROR_BUSY, "vnumad is stopping");
        answer_clear(&answers[i]);
    }
}

static const Wish usual;
static const Wish hundred = {.n_guests = 100};
static const Wish dozen = {.n_guests = 12};
static const Wish three = {.n_guests = 3};
static const Wish no_ring = {.no_ring = TRUE};
static const Wish off = {.sampling = VN_SAMPLING_OFF};
static const Wish on_request = {.sampling = VN_SAMPLING_ON_REQUEST};
static const Wish no_refaults = {.forbidden = 1u << VN_SAMPLE_REFAULT};

#define ADD(path, wish, func) g_test_add(path, Fixture, wish, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/sampling/timetable", &usual, test_timetable);
    ADD("/sampling/hundred", &hundred, test_hundred);
    ADD("/sampling/libvirt-hangs", &hundred, test_libvirt_hangs);
    ADD("/sampling/idle", &usual, test_idle);
    ADD("/sampling/busy", &usual, test_busy);
    ADD("/sampling/next-source", &usual, test_next_source);
    ADD("/sampling/no-source", &no_ring, test_no_source);
    ADD("/sampling/rate-only", &usual, test_rate_only);
    ADD("/sampling/polls", &usual, test_polls);
    ADD("/sampling/gone-within", &three, test_gone_within);
    ADD("/sampling/restart", &usual, test_restart);
    ADD("/sampling/new-snapshots", &three, test_new_snapshots);
    ADD("/sampling/pages-gone", &usual, test_pages_gone);
    ADD("/sampling/not-now", &three, test_not_now);
    ADD("/sampling/requests", &usual, test_requests);
    ADD("/sampling/options", &no_refaults, test_options);
    ADD("/sampling/off", &off, test_off);
    ADD("/sampling/on-request", &on_request, test_on_request);
    ADD("/sampling/free", &dozen, test_free);
    return g_test_run();
}
