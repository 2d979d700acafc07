/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnBinding: libvirt's words, there and back. */
#include "model/binding.h"

static void
test_names(void)
{
    static const struct {
        VnBinding binding;
        const char *name;
    } cases[] = {
        {VN_BINDING_STRICT, "strict"},
        {VN_BINDING_PREFERRED, "preferred"},
        {VN_BINDING_INTERLEAVE, "interleave"},
        {VN_BINDING_RESTRICTIVE, "restrictive"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        VnBinding binding = VN_BINDING_NONE;
        g_assert_cmpstr(vn_binding_name(cases[i].binding), ==, cases[i].name);
        g_assert_true(vn_binding_from_name(cases[i].name, &binding));
        g_assert_cmpint(binding, ==, cases[i].binding);
    }
    g_assert_cmpstr(vn_binding_name(VN_BINDING_NONE), ==, "none");
}

/* "none" is our word, not one of libvirt's. */
static void
test_unknown(void)
{
    static const char *const names[] = {"", "none", "Strict", "strict ", "bind"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        VnBinding binding = VN_BINDING_INTERLEAVE;
        g_assert_false(vn_binding_from_name(names[i], &binding));
        g_assert_cmpint(binding, ==, VN_BINDING_INTERLEAVE);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/binding/names", test_names);
    g_test_add_func("/binding/unknown", test_unknown);
    return g_test_run();
}
