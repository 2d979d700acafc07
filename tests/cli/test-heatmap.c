/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Heat maps as they are read, as text, and as pictures; and what is wrong with some. */
#include "cli/format.h"
#include "cli/heat-picture.h"
#include "cli/heat-text.h"
#include "tests/cli/heat-scenes.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

static VnHeatView *
view_of(const char *scene, guint bins)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) heat = heat_scene(scene, bins);
    VnHeatView *view = vn_heat_view_new(heat, heat_scene_is_by_time(scene), &error);
    g_assert_no_error(error);
    return view;
}

static char *
text_of(const VnHeatView *view, guint width, gboolean color, gboolean utf8)
{
    GString *text = g_string_new(NULL);
    vn_heat_text_append(text, view, &(VnHeatTextStyle){width, color, utf8});
    return g_string_free(text, FALSE);
}

static void
test_read(void)
{
    g_autoptr(VnHeatView) view = view_of("two-cells", 4);
    g_assert_cmpstr(view->guest, ==, "db1");
    g_assert_cmpuint(view->rows->len, ==, 4);
    g_assert_cmpuint(view->columns->len, ==, 4);
    g_assert_cmpuint(vn_heat_view_row(view, 3)->address, ==, G_GUINT64_CONSTANT(4) << 30);
    g_assert_cmpint(vn_heat_view_row(view, 3)->cell, ==, 1);
    g_assert_cmpint(vn_heat_view_row(view, 3)->host_node, ==, 0);
    g_assert_cmpint(vn_heat_view_row(view, 3)->from, ==, 1);
    g_assert_cmpint(vn_heat_view_column(view, 2)->host_node, ==, 1);
    g_assert_cmpfloat(vn_heat_view_hottest(view), >, 1);
    g_assert_cmpuint(vn_heat_view_rank(view, 1), ==, 1);
    g_assert_cmpfloat(vn_heat_level(1, 100), ==, 0.1);
    g_assert_cmpfloat(vn_heat_level(1, 0), ==, 0);
}

static void
test_rates(void)
{
    static const struct {
        double rate;
        const char *text;
    } cases[] = {{0, "0"},        {0.04, "0.0"},   {9.94, "9.9"},    {9.96, "10"},
                 {9999, "9999"},  {9999.6, "10k"}, {123456, "123k"}, {3.1e7, "31M"},
                 {1e15, "1000T"}, {1e21, "1000E"}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = vn_heat_rate_text(cases[i].rate);
        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

/* The a{sv} with @key as @value; NULL: without it. */
static GVariant *
changed(GVariant *heat, const char *key, GVariant *value)
{
    GVariantDict dict;
    g_variant_dict_init(&dict, heat);
    g_variant_dict_remove(&dict, key);
    if (value)
        g_variant_dict_insert_value(&dict, key, value);
    return g_variant_ref_sink(g_variant_dict_end(&dict));
}

/* The same of entry @i of the list @list. */
static GVariant *
changed_in(GVariant *heat, const char *list, gsize at, const char *key, GVariant *value)
{
    GVariantBuilder builder;
    g_autoptr(GVariant) old = g_variant_lookup_value(heat, list, NULL);
    g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
    for (gsize i = 0; i < g_variant_n_children(old); i++) {
        g_autoptr(GVariant) entry = g_variant_get_child_value(old, i);
        g_autoptr(GVariant) other = i == at ? changed(entry, key, value) : NULL;
        g_variant_builder_add_value(&builder, other ? other : entry);
    }
    return changed(heat, list, g_variant_builder_end(&builder));
}

static void
assert_refused(GVariant *heat, gboolean by_time, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VnHeatView) view = vn_heat_view_new(heat, by_time, &error);
    g_assert_null(view);
    g_assert_error(error, VN_ERROR, VN_ERROR_FAILED);
    g_assert_true(g_str_has_prefix(error->message, "vnumad's answer: "));
    g_assert_null(strchr(error->message, '\n'));
    if (expected && !strstr(error->message, expected))
        g_error("'%s' is not in '%s'", expected, error->message);
}

static void
test_missing_keys(void)
{
    static const char *const keys[] = {
        "guest", "source",  "locality_ratio", "remote_cost", "confidence_ratio",
        "cells", "columns", "granule_bytes",  "host_nodes",  "bins",
        "rates", "nodes",
    };
    static const struct {
        const char *list;
        const char *key;
    } inner[] = {{"bins", "granule"},      {"bins", "granules"},
                 {"bins", "host_node"},    {"bins", "owner"},
                 {"cells", "home"},        {"columns", "vcpus"},
                 {"columns", "host_node"}, {"bins", "rate_pages_per_second"}};
    g_autoptr(GVariant) heat = heat_scene("two-cells", 4);
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autoptr(GVariant) without = changed(heat, keys[i], NULL);
        g_autoptr(GVariant) other = changed(heat, keys[i], g_variant_new("(s)", "x"));
        assert_refused(without, FALSE, "is missing: see");
        assert_refused(other, FALSE, "is not of type");
    }
    for (gsize i = 0; i < G_N_ELEMENTS(inner); i++) {
        g_autoptr(GVariant) without =
            changed_in(heat, inner[i].list, 1, inner[i].key, NULL);
        g_autoptr(GVariant) other =
            changed_in(heat, inner[i].list, 1, inner[i].key, g_variant_new_boolean(TRUE));
        assert_refused(without, FALSE, inner[i].key);
        assert_refused(other, FALSE, inner[i].key);
    }
    /* vCPUs where windows were asked for, and nothing at all. */
    assert_refused(heat, TRUE, "age_ms (t) is missing");
    g_autoptr(GVariant) nothing = g_variant_ref_sink(g_variant_new("a{sv}", NULL));
    assert_refused(nothing, FALSE, "guest (s) is missing");
}

static GVariant *
numbers(const char *type, gsize n, double value)
{
    GVariantBuilder builder;
    g_autofree char *array = g_strconcat("a", type, NULL);
    g_variant_builder_init(&builder, G_VARIANT_TYPE(array));
    for (gsize i = 0; i < n; i++)
        g_variant_builder_add_value(&builder, *type == 'd'
                                                  ? g_variant_new_double(value)
                                                  : g_variant_new_int32((int) value));
    return g_variant_builder_end(&builder);
}

static void
test_bad_numbers(void)
{
    g_autoptr(GVariant) heat = heat_scene("two-cells", 4);
    const struct {
        const char *list; /* NULL: of the whole */
        const char *key;
        GVariant *value;
        const char *expected;
    } cases[] = {
        {NULL, "rates", numbers("d", 15, 1), "4 bins and 4 columns with 15 rates"},
        {NULL, "rates", numbers("d", 17, 1), "with 17 rates and 16 nodes"},
        {NULL, "nodes", numbers("i", 0, 0), "with 16 rates and 0 nodes"},
        {NULL, "rates", numbers("d", 16, (double) NAN), "rates has nan"},
        {NULL, "rates", numbers("d", 16, -1), "rates has -1"},
        {NULL, "rates", numbers("d", 16, (double) INFINITY), "rates has inf"},
        {NULL, "nodes", numbers("i", 16, -2), "nodes has -2"},
        {NULL, "nodes", numbers("i", 16, 1024), "nodes has 1024"},
        {NULL, "locality_ratio", g_variant_new_double(1.5), "locality_ratio is 1.5"},
        {NULL, "granule_bytes", g_variant_new_uint64(G_MAXUINT64), "granule_bytes is"},
        {NULL, "host_nodes", g_variant_new_parsed("[@u 1024]"), "host_nodes has 1024"},
        {"bins", "granule", g_variant_new_uint64(0), "do not ascend"},
        {"bins", "granules", g_variant_new_uint64(0), "one is empty"},
        {"bins", "granules", g_variant_new_uint64(G_MAXUINT64), "granules is"},
        {"bins", "host_node", g_variant_new_int32(-2), "host_node is -2"},
        {"bins", "cell", g_variant_new_uint32(128), "cell is 128"},
        {"bins", "rate_pages_per_second", g_variant_new_double((double) NAN),
         "rate_pages_per_second is nan"},
        {"columns", "vcpus", g_variant_new_parsed("[@u 4096]"), "vcpus has 4096"},
        {"columns", "host_node", g_variant_new_int32(1024), "host_node is 1024"},
        {"cells", "home", g_variant_new_parsed("[@u 4000000000]"), "home has 4000000000"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GVariant) bad =
            cases[i].list
                ? changed_in(heat, cases[i].list, 1, cases[i].key, cases[i].value)
                : changed(heat, cases[i].key, cases[i].value);
        assert_refused(bad, FALSE, cases[i].expected);
    }
}

/* As many rows and columns as there may be, and one more of each. */
static void
test_limits(void)
{
    g_autoptr(VnHeatView) view = view_of("largest", 0);
    g_assert_cmpuint(view->rows->len, ==, VN_HEAT_BINS_MAX);
    g_assert_cmpuint(view->columns->len, ==, VN_HEATMAP_COLUMNS_MAX);
    static const struct {
        const char *key;
        guint max;
    } cases[] = {{"bins", 512}, {"columns", 256}, {"cells", 128}};
    g_autoptr(GVariant) heat = heat_scene("two-cells", 4);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        GVariantBuilder builder;
        g_autoptr(GVariant) old = g_variant_lookup_value(heat, cases[i].key, NULL);
        g_autoptr(GVariant) entry = g_variant_get_child_value(old, 0);
        g_autofree char *expected = g_strdup_printf("%s: %u, %u at most", cases[i].key,
                                                    cases[i].max + 1, cases[i].max);
        g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
        for (guint k = 0; k <= cases[i].max; k++)
            g_variant_builder_add_value(&builder, entry);
        g_autoptr(GVariant) bad =
            changed(heat, cases[i].key, g_variant_builder_end(&builder));
        assert_refused(bad, FALSE, expected);
    }
}

static void
draw_on_image(const VnHeatView *view)
{
    int width;
    int height;
    vn_heat_picture_size(view, &width, &height);
    g_assert_cmpint(width, <, 2000);
    g_assert_cmpint(height, <, 2000);
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    cairo_t *cr = cairo_create(surface);
    vn_heat_picture_draw(view, cr);
    g_assert_cmpint(cairo_status(cr), ==, CAIRO_STATUS_SUCCESS);
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
}

/* Bytes of good replies that were changed: refused in one line, or drawn; no crash. */
static void
test_mutations(void)
{
    guint drawn = 0;
    g_autoptr(GVariant) by_vcpu = heat_scene("two-cells", 4);
    g_autoptr(GVariant) in_time = heat_scene("time", 4);
    for (guint i = 0; i < 4000; i++) {
        gboolean by_time = i % 2;
        g_autoptr(GError) error = NULL;
        GVariant *heat = by_time ? in_time : by_vcpu;
        gsize size = g_variant_get_size(heat);
        g_autofree guint8 *bytes = g_memdup2(g_variant_get_data(heat), size);
        for (int k = g_test_rand_int_range(1, 4); k > 0; k--)
            bytes[g_test_rand_int_range(0, (gint32) size)] =
                (guint8) g_test_rand_int_range(0, 256);
        g_autoptr(GBytes) whole = g_bytes_new(bytes, size);
        g_autoptr(GVariant) mutant = g_variant_ref_sink(
            g_variant_new_from_bytes(G_VARIANT_TYPE_VARDICT, whole, FALSE));
        g_autoptr(GVariant) normal = g_variant_get_normal_form(mutant);
        g_autoptr(VnHeatView) view = vn_heat_view_new(normal, by_time, &error);
        g_assert_true((view != NULL) == (error == NULL));
        if (!view)
            continue;
        g_autofree char *text = text_of(view, 80, i % 3 == 0, TRUE);
        g_assert_true(g_utf8_validate(text, -1, NULL));
        if (drawn++ % 32 == 0)
            draw_on_image(view);
    }
    g_test_message("%u of 4000 could be drawn", drawn);
    g_assert_cmpuint(drawn, >, 100);
}

static void
test_text(void)
{
    g_autoptr(VnHeatView) view = view_of("two-cells", 8);
    g_autofree char *text = text_of(view, 80, FALSE, TRUE);
    g_autofree char *expected = NULL;
    g_autofree char *path =
        g_test_build_filename(G_TEST_DIST, "cli", "expected", "heatmap.txt", NULL);
    g_assert_true(g_file_get_contents(path, &expected, NULL, NULL));
    g_assert_cmpstr(text, ==, expected);

    /* In colour: blue blocks of host node 0, orange ones of 1, and letters in ASCII. */
    g_autofree char *colored = text_of(view, 80, TRUE, TRUE);
    g_assert_nonnull(strstr(colored, "\033[38;5;32m\u2588"));
    g_assert_nonnull(strstr(colored, "\033[38;5;214m\u2588"));
    g_autofree char *ascii = text_of(view, 80, TRUE, FALSE);
    g_assert_true(g_str_is_ascii(ascii));
    g_assert_nonnull(strstr(ascii, "\033[38;5;32m0000"));
    /* More host nodes than colours: letters. */
    g_autoptr(VnHeatView) wide = view_of("sixteen-nodes", 16);
    g_autofree char *letters = text_of(wide, 120, TRUE, TRUE);
    g_assert_nonnull(strstr(letters, "mf\033[0m"));
}

/* Lines of the map are no wider than the terminal, or than the least that is taken. */
static void
test_text_width(void)
{
    static const guint widths[] = {0, 60, 80, 81, 132, 400};
    for (const char *const *name = heat_scene_names(); *name; name++) {
        g_autoptr(VnHeatView) view = view_of(*name, 16);
        for (gsize i = 0; i < G_N_ELEMENTS(widths); i++) {
            g_autofree char *text = text_of(view, widths[i], FALSE, TRUE);
            g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
            guint n = 0;
            for (char **line = lines; *line; line++) {
                if (!g_str_has_prefix(*line, "0x"))
                    continue;
                g_assert_cmpuint(vn_format_width(*line), <=, MAX(widths[i], 60));
                n++;
            }
            g_assert_cmpuint(n, ==, view->rows->len);
        }
    }
}

static void
test_text_unknown(void)
{
    g_autoptr(VnHeatView) view = view_of("unknown", 64);
    g_autofree char *text = text_of(view, 80, FALSE, TRUE);
    g_assert_cmpstr(text, ==,
                    "Guest     new\n"
                    "Source    none: it was not sampled yet\n"
                    "Accesses  locality -, remote cost -, confidence 0.0 %\n"
                    "\n"
                    "Nothing is known of its memory yet.\n");
    g_autoptr(VnHeatView) long_name = view_of("long-name", 2);
    g_autofree char *escaped = text_of(long_name, 80, FALSE, TRUE);
    g_assert_null(strchr(escaped, '\033'));
}

typedef gboolean (*Writer)(const VnHeatView *view, const char *path, GError **error);

static char *
contents_of(const char *path, gsize *ret_length)
{
    g_autoptr(GError) error = NULL;
    char *contents = NULL;
    g_file_get_contents(path, &contents, ret_length, &error);
    g_assert_no_error(error);
    return contents;
}

static void
test_pictures(void)
{
    static const Writer writers[] = {vn_heat_picture_write_svg,
                                     vn_heat_picture_write_png};
    static const char *const starts[] = {"<?xml", "\x89PNG"};
    g_autofree char *folder = g_dir_make_tmp("vnumad-heatmap-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "picture", NULL);
    for (const char *const *name = heat_scene_names(); *name; name++) {
        g_autoptr(VnHeatView) view = view_of(*name, 0);
        for (gsize i = 0; i < G_N_ELEMENTS(writers); i++) {
            g_autoptr(GError) error = NULL;
            gsize first = 0;
            gsize second = 0;
            g_assert_true(writers[i](view, path, &error));
            g_autofree char *one = contents_of(path, &first);
            g_assert_true(writers[i](view, path, &error));
            g_autofree char *other = contents_of(path, &second);
            g_assert_true(g_str_has_prefix(one, starts[i]));
            /* cairo numbers a process's surfaces, and an SVG's parts by them. */
            if (writers[i] == vn_heat_picture_write_png)
                g_assert_cmpmem(one, (int) first, other, (int) second);
            g_assert_cmpuint(first, <, 4 << 20);
        }
    }
    g_assert_cmpint(g_unlink(path), ==, 0);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

static void
assert_not_written(const VnHeatView *view, const char *path, VnErrorCode code,
                   const char *why)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *expected = g_strconcat(path, why, NULL);
    g_assert_false(vn_heat_picture_write_png(view, path, &error));
    g_assert_error(error, VN_ERROR, (gint) code);
    g_assert_true(g_str_has_prefix(error->message, expected));
}

static void
test_files(void)
{
    g_autoptr(VnHeatView) view = view_of("two-cells", 4);
    g_autofree char *folder = g_dir_make_tmp("vnumad-heatmap-XXXXXX", NULL);
    g_autofree char *nowhere = g_build_filename(folder, "no", "such.png", NULL);
    g_autofree char *below_file = g_build_filename(folder, "file", "such.png", NULL);
    g_autofree char *file = g_build_filename(folder, "file", NULL);
    g_assert_true(g_file_set_contents(file, "old", -1, NULL));
    assert_not_written(view, nowhere, VN_ERROR_GONE, ": there is no folder ");
    assert_not_written(view, below_file, VN_ERROR_GONE, ": there is no folder ");
    assert_not_written(view, folder, VN_ERROR_REFUSED, ": it exists and is no regular ");
    assert_not_written(view, "/dev/null", VN_ERROR_REFUSED, ": it exists and is no ");
    /* Not even root can write there. */
    assert_not_written(view, "/proc/such.png", VN_ERROR_GONE, ": ");
    g_assert_cmpint(g_unlink(file), ==, 0);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/heatmap/read", test_read);
    g_test_add_func("/heatmap/rates", test_rates);
    g_test_add_func("/heatmap/missing-keys", test_missing_keys);
    g_test_add_func("/heatmap/bad-numbers", test_bad_numbers);
    g_test_add_func("/heatmap/limits", test_limits);
    g_test_add_func("/heatmap/mutations", test_mutations);
    g_test_add_func("/heatmap/text", test_text);
    g_test_add_func("/heatmap/text-width", test_text_width);
    g_test_add_func("/heatmap/text-unknown", test_text_unknown);
    g_test_add_func("/heatmap/pictures", test_pictures);
    g_test_add_func("/heatmap/files", test_files);
    return g_test_run();
}
