/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of policies: there and back, all told, no others taken. */
#include "model/policy.h"

#include <string.h>

static void
test_names(void)
{
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < VN_POLICIES; i++) {
        g_autoptr(GError) error = NULL;
        VnPolicy policy = VN_POLICIES;
        g_assert_true(vn_policy_parse(vn_policy_name((VnPolicy) i), &policy, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(policy, ==, i);
        g_string_append_printf(names, "%s%s", i ? ", " : "",
                               vn_policy_name((VnPolicy) i));
    }
    g_assert_cmpstr(names->str, ==, VN_POLICY_NAMES);
    g_assert_cmpstr(vn_policy_name((VnPolicy) 0), ==, "align");
}

static void
test_unknown(void)
{
    static const char *const cases[] = {"", "Align", "align ", "packed", "(null)"};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        VnPolicy policy = VN_POLICIES;
        g_assert_false(vn_policy_parse(cases[i], &policy, &error));
        g_assert_error(error, VN_ERROR, VN_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, VN_POLICY_NAMES));
        g_assert_cmpuint(policy, ==, VN_POLICIES);
    }
}

static void
test_list(void)
{
    g_autofree char *text = vn_policy_list_text();
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, VN_POLICIES + 1);
    for (guint i = 0; i < VN_POLICIES; i++) {
        g_assert_nonnull(strstr(lines[i], vn_policy_summary((VnPolicy) i)));
        g_assert_cmpuint(strlen(lines[i]), <=, 80);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/names", test_names);
    g_test_add_func("/policy/unknown", test_unknown);
    g_test_add_func("/policy/list", test_list);
    return g_test_run();
}
