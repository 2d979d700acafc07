/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnMeter: what is left out while it is not known, and figures that do not fit. */
#include "cli/meter.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)

static void
test_line(void)
{
    static const struct {
        VnMeter meter;
        gboolean with_bar;
        const char *line;
    } cases[] = {
        {{"/1", "queued", "", 0, 0, 0}, FALSE, "queued"},
        {{"/1", "planning", "looks", 0, 0, 0}, TRUE, "planning  looks"},
        {{"/1", "acting", "", 4 * MIB, 0, 0},
         TRUE,
         "acting    [..........]  0.0 %  0 B of 4.0 MiB"},
        {{"/1", "acting", "cell 0", 4 * MIB, 1 * MIB, 2 * MIB},
         FALSE,
         "acting    25.0 %  1.0 MiB of 4.0 MiB  2.0 MiB/s  1.5 s left  cell 0"},
        {{"/1", "checking", "", 4 * MIB, 4 * MIB, 2 * MIB},
         TRUE,
         "checking  [##########]  100.0 %  4.0 MiB of 4.0 MiB  2.0 MiB/s"},
        {{"/1", "acting", "", 4 * MIB, 8 * MIB, 2 * MIB},
         FALSE,
         "acting    100.0 %  8.0 MiB of 4.0 MiB  2.0 MiB/s"},
        {{"/1", "a\033c", "b\nc", 0, 0, 0}, FALSE, "a\\u{1b}c  b\\nc"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *line = vn_meter_line(&cases[i].meter, cases[i].with_bar);
        g_assert_cmpstr(line, ==, cases[i].line);
    }
}

static void
test_variant(void)
{
    VnMeter meter = {"/1", "acting", "cell 0", 4, 3, 2};
    g_autoptr(GVariant) variant = g_variant_ref_sink(vn_meter_to_variant(&meter));
    guint64 done = 0;
    const char *event = NULL;
    g_assert_true(g_variant_lookup(variant, "bytes_done", "t", &done));
    g_assert_true(g_variant_lookup(variant, "event", "&s", &event));
    g_assert_cmpuint(done, ==, 3);
    g_assert_cmpstr(event, ==, "progress");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/meter/line", test_line);
    g_test_add_func("/meter/variant", test_variant);
    return g_test_run();
}
