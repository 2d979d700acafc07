/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Promised memory: what counts of it, for whom, and until when. */
#include "model/reservation.h"
#include "tests/support/scenario.h"

#include <string.h>

#define NOW_US (G_GINT64_CONSTANT(1000000) * G_USEC_PER_SEC)
#define MINUTE_US (60 * G_USEC_PER_SEC)
#define HUGE_BYTES (2 * MIB)

/* Two nodes, 2048 MiB free each, and of huge pages 100; nothing that can be reclaimed. */
static VnSnapshot *
two_nodes(void)
{
    VnSnapshot *snapshot = scenario_new(2, 4, 4096);
    for (guint i = 0; i < 2; i++) {
        const VnHugePages pages = {.size_bytes = HUGE_BYTES, .total = 200, .free = 100};
        const VnHostNode *node = snapshot->host->nodes->pdata[i];
        g_array_append_val(node->huge_pages, pages);
    }
    return snapshot;
}

static VnGuest *
stopped_guest(VnSnapshot *snapshot, const char *name, const char *nodes, guint64 mib)
{
    VnGuest *guest = scenario_guest(snapshot, name, 1, 2, mib);
    guest->state = VN_GUEST_STOPPED;
    scenario_bind(guest, 0, VN_BINDING_STRICT, nodes);
    return guest;
}

static VnHostNode *
node_at(const VnSnapshot *snapshot, guint id)
{
    return snapshot->host->nodes->pdata[id];
}

static guint64
huge_free(const VnSnapshot *snapshot, guint id)
{
    return g_array_index(node_at(snapshot, id)->huge_pages, VnHugePages, 0).free;
}

static void
test_taken_from_room(void)
{
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    g_autoptr(GPtrArray) list = vn_reservations_new();
    VnGuest *guest = stopped_guest(snapshot, "g1", "0-1", 1024);
    VnGuest *huge = stopped_guest(snapshot, "g2", "1", 101);
    scenario_cell(huge, 0)->page_size_bytes = HUGE_BYTES;
    vn_reservations_promise(list, guest, 4096, NOW_US);
    vn_reservations_promise(list, guest, 4096, NOW_US); /* twice is once */
    vn_reservations_promise(list, huge, 4096, NOW_US);
    g_assert_cmpuint(list->len, ==, 2);
    vn_reservations_apply(list, snapshot);
    for (guint i = 0; i < 2; i++) {
        g_assert_cmpuint(node_at(snapshot, i)->free_bytes, ==, 1536 * MIB);
        g_assert_cmpuint(node_at(snapshot, i)->promised_bytes, ==, 512 * MIB);
    }
    g_assert_cmpuint(huge_free(snapshot, 0), ==, 100);
    g_assert_cmpuint(huge_free(snapshot, 1), ==, 49); /* 50 whole ones and one half */

    g_autoptr(GArray) own = g_array_new(FALSE, TRUE, sizeof(guint64));
    vn_reservations_add_own(list, snapshot, guest->uuid, own);
    g_assert_cmpuint(own->len, ==, 2);
    g_assert_cmpuint(g_array_index(own, guint64, 1), ==, 512 * MIB);
    g_autofree char *others =
        vn_reservations_text(list, snapshot, guest->uuid, NOW_US + MINUTE_US);
    g_assert_cmpstr(others, ==,
                    "101.0 MiB of host node 1 are promised to guest g2 in huge pages for "
                    "10 min at most");
}

/* More than is free: the kernel has to reclaim; never less than nothing. */
static void
test_more_than_there_is(void)
{
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    g_autoptr(GPtrArray) list = vn_reservations_new();
    node_at(snapshot, 0)->reclaimable_bytes = 100 * MIB;
    vn_reservations_promise(list, stopped_guest(snapshot, "g1", "0", 4000), 4096, NOW_US);
    vn_reservations_apply(list, snapshot);
    g_assert_cmpuint(vn_host_node_available(node_at(snapshot, 0)), ==, 0);
    g_assert_cmpuint(node_at(snapshot, 0)->promised_bytes, ==, 2148 * MIB);
    g_assert_cmpuint(node_at(snapshot, 1)->free_bytes, ==, 2048 * MIB);
}

/* As the guest gets its memory, less of the promise is left; wherever it gets it. */
static void
test_filled(void)
{
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    g_autoptr(GPtrArray) list = vn_reservations_new();
    VnGuest *guest = stopped_guest(snapshot, "g1", "0", 1024);
    vn_reservations_promise(list, guest, 4096, NOW_US);
    guest->state = VN_GUEST_RUNNING;
    vn_cell_set_resident(scenario_cell(guest, 0), 0, 600 * MIB);
    g_assert_false(vn_reservations_expire(list, snapshot, NOW_US + MINUTE_US));
    vn_reservations_apply(list, snapshot);
    g_assert_cmpuint(node_at(snapshot, 0)->promised_bytes, ==, 424 * MIB);

    vn_cell_set_resident(scenario_cell(guest, 0), 1, 400 * MIB);
    g_autoptr(GArray) own = g_array_new(FALSE, TRUE, sizeof(guint64));
    vn_reservations_add_own(list, snapshot, guest->uuid, own);
    g_assert_cmpuint(g_array_index(own, guint64, 0), ==, 24 * MIB);
    vn_cell_set_resident(scenario_cell(guest, 0), 1, 424 * MIB);
    g_assert_true(vn_reservations_expire(list, snapshot, NOW_US + MINUTE_US));
    g_assert_cmpuint(list->len, ==, 0);
}

/* Its time is over, the guest is gone, or the clock was put back. */
static void
test_over(void)
{
    gint64 longest_us = VN_RESERVATION_SECONDS * G_USEC_PER_SEC;
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    g_autoptr(VnSnapshot) empty = two_nodes();
    VnGuest *guest = stopped_guest(snapshot, "g1", "0", 1024);
    const struct {
        const VnSnapshot *snapshot;
        gint64 now_us;
        gboolean over;
    } cases[] = {
        {snapshot, NOW_US + longest_us - 1, FALSE},
        {snapshot, NOW_US + longest_us, TRUE},
        {empty, NOW_US, TRUE},
        {snapshot, NOW_US - 1, TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) list = vn_reservations_new();
        vn_reservations_promise(list, guest, 4096, NOW_US);
        g_assert_cmpint(vn_reservations_expire(list, cases[i].snapshot, cases[i].now_us),
                        ==, cases[i].over);
        g_assert_cmpuint(list->len, ==, cases[i].over ? 0 : 1);
    }
    g_autoptr(GPtrArray) list = vn_reservations_new();
    vn_reservations_promise(list, guest, 4096, NOW_US);
    g_assert_false(vn_reservations_forget(list, "uuid-of-g2"));
    g_assert_true(vn_reservations_forget(list, guest->uuid));
}

/* Without a binding nothing is promised on any node. */
static void
test_unbound(void)
{
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    g_autoptr(GPtrArray) list = vn_reservations_new();
    vn_reservations_promise(list, scenario_guest(snapshot, "g1", 2, 1, 512), 4096,
                            NOW_US);
    g_assert_cmpuint(list->len, ==, 0);
    g_autofree char *text = vn_reservations_text(list, snapshot, "", NOW_US);
    g_assert_null(text);
}

static void
test_variant(void)
{
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    g_autoptr(GPtrArray) list = vn_reservations_new();
    vn_reservations_promise(list, stopped_guest(snapshot, "g1", "0-1", 1024), 4096,
                            NOW_US);
    g_autoptr(GVariant) described = g_variant_ref_sink(vn_reservations_to_variant(list));
    g_autoptr(GPtrArray) again = vn_reservations_from_variant(described);
    g_assert_cmpuint(again->len, ==, 1);
    vn_reservations_apply(again, snapshot);
    g_assert_cmpuint(node_at(snapshot, 1)->free_bytes, ==, 1536 * MIB);
    g_assert_false(vn_reservations_expire(again, snapshot, NOW_US));

    static const char *const wrong[] = {
        "[<5>]",
        "[<{'uuid': <'u'>}>]",
        "[<{'uuid': <'u'>, 'guest': <'g'>, 'until_us': <-1>, 'page_size_bytes': <0>, "
        "'bytes': <{'0': <1>}>}>]",
        "[<{'uuid': <'u'>, 'guest': <'g'>, 'until_us': <1>, 'page_size_bytes': <0>, "
        "'bytes': <'much'>}>]",
        "'nothing'",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GVariant) variant = g_variant_parse(NULL, wrong[i], NULL, NULL, NULL);
        g_assert_nonnull(variant);
        g_autoptr(GPtrArray) none = vn_reservations_from_variant(variant);
        g_assert_cmpuint(none->len, ==, 0);
    }
    g_autoptr(GVariant) odd = g_variant_parse(
        NULL,
        "[<{'uuid': <'u'>, 'guest': <'g'>, 'until_us': <1>, 'page_size_bytes': <0>, "
        "'bytes': <{'0': <1>, '1024': <2>, 'x': <3>, '2': <-4>}>}>]",
        NULL, NULL, NULL);
    g_autoptr(GPtrArray) some = vn_reservations_from_variant(odd);
    g_assert_cmpuint(((const VnReservation *) some->pdata[0])->bytes->len, ==, 1);
}

/* No more than a limit, whoever asks for it. */
static void
test_limit(void)
{
    g_autoptr(VnSnapshot) snapshot = two_nodes();
    g_autoptr(GPtrArray) list = vn_reservations_new();
    VnGuest *guest = stopped_guest(snapshot, "g1", "0", 1);
    for (guint i = 0; i <= VN_RESERVATIONS_MAX; i++) {
        g_free(guest->uuid);
        guest->uuid = g_strdup_printf("%u", i);
        vn_reservations_promise(list, guest, 4096, NOW_US);
    }
    g_assert_cmpuint(list->len, ==, VN_RESERVATIONS_MAX);
    g_autofree char *text = vn_reservations_text(list, snapshot, "", NOW_US);
    g_assert_true(g_str_has_suffix(text, ", and 4092 more"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/reservation/taken-from-room", test_taken_from_room);
    g_test_add_func("/reservation/more-than-there-is", test_more_than_there_is);
    g_test_add_func("/reservation/filled", test_filled);
    g_test_add_func("/reservation/over", test_over);
    g_test_add_func("/reservation/unbound", test_unbound);
    g_test_add_func("/reservation/variant", test_variant);
    g_test_add_func("/reservation/limit", test_limit);
    return g_test_run();
}
