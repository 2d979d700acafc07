/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our metadata element: what is understood, and that all else is trouble, never a
 * guess.
 */
#include "guest-topology/domain.h"

#include <string.h>

static VnGuest *
parse_with(const char *metadata)
{
    g_autofree char *xml = g_strdup_printf(
        "<domain><name>db1</name><uuid>11111111-2222-3333-4444-555555555555</uuid>"
        "<memory>1024</memory><metadata xmlns:v='urn:vnumad:guest:1' xmlns:o='urn:o'>%s"
        "</metadata></domain>",
        metadata);
    g_autoptr(GError) error = NULL;
    VnGuest *guest = vn_domain_parse(xml, strlen(xml), &error);
    g_assert_no_error(error);
    return guest;
}

static void
test_understood(void)
{
    g_autoptr(VnGuest) none = parse_with("<o:thing policy='x'/><plain/>");
    g_assert_false(none->tagged);
    g_assert_null(none->trouble);

    g_autoptr(VnGuest) bare = parse_with("<v:guest/>");
    g_assert_true(bare->tagged);
    g_assert_null(bare->trouble);
    g_assert_null(bare->policy);

    g_autoptr(VnGuest) full = parse_with(
        "<o:thing/><v:guest policy='align' cells='auto' binding='restrictive' smt='no' "
        "max-vcpus-per-cell='16' distances='auto' hmat='yes' exclude-nodes='2-3,9'>\n"
        "<!-- why --></v:guest>");
    g_assert_true(full->tagged);
    g_assert_null(full->trouble);
    g_assert_cmpstr(full->policy, ==, "align");
}

static void
test_trouble(void)
{
    static const struct {
        const char *metadata;
        const char *says;
    } cases[] = {
        {"<v:guest polcy='align'/>",
         "guest db1: metadata: unknown attribute 'polcy'; known are policy, cells, "},
        {"<v:guest policy='faster'/>", "policy='faster' is not understood"},
        {"<v:guest policy=''/>", "policy='' is not understood"},
        {"<v:guest cells='0'/>", "cells='0'"},
        {"<v:guest cells='129'/>", "cells='129'"},
        {"<v:guest cells='many'/>", "auto, or a number from 1 to 128"},
        {"<v:guest binding='interleave'/>", "binding='interleave'"},
        {"<v:guest max-vcpus-per-cell='-1'/>", "max-vcpus-per-cell='-1'"},
        {"<v:guest smt='maybe'/>", "possible: auto, yes, no"},
        {"<v:guest exclude-nodes='1-'/>", "exclude-nodes='1-'"},
        {"<v:guest v:policy='align'/>", "unknown attribute 'policy'"},
        {"<v:guests/>", "unknown element 'guests'; known is guest"},
        {"<v:guest><v:cell/></v:guest>", "unknown element 'cell'"},
        {"<v:guest>align</v:guest>", "attributes only"},
        {"<v:guest/><v:guest/>", "more than one"},
        {"<v:guest policy='a\nb'/>", "policy='a b'"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnGuest) guest = parse_with(cases[i].metadata);
        g_assert_true(guest->tagged);
        g_assert_nonnull(guest->trouble);
        g_assert_nonnull(strstr(guest->trouble, cases[i].says));
        g_assert_null(strchr(guest->trouble, '\n'));
        g_assert_null(guest->policy);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tag/understood", test_understood);
    g_test_add_func("/tag/trouble", test_trouble);
    return g_test_run();
}
