/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our metadata element: what is understood, and that all else is trouble, never a guess.
 * The installed schema says the same of every sample, but for what a schema cannot say.
 */
#include "guest-topology/domain.h"

#include <libxml/relaxng.h>
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
    g_assert_null(none->tag);
    g_assert_null(none->trouble);

    g_autoptr(VnGuest) bare = parse_with("<v:guest/>");
    g_assert_null(bare->trouble);
    g_assert_null(bare->tag->policy);
    g_assert_cmpuint(bare->tag->cells, ==, 0);
    g_assert_cmpint(bare->tag->binding, ==, VN_BINDING_NONE);
    g_assert_cmpuint(bare->tag->max_vcpus_per_cell, ==, 0);
    g_assert_true(bare->tag->smt);
    g_assert_cmpint(bare->tag->distances, ==, VN_DISTANCES_HOST);
    g_assert_true(bare->tag->hmat);
    g_assert_true(vn_idset_is_empty(bare->tag->exclude_nodes));

    g_autoptr(VnGuest) full = parse_with(
        "<o:thing/><v:guest policy='align' cells='2' binding='restrictive' smt='no' "
        "max-vcpus-per-cell='16' distances='10,21;31,10' hmat='off' "
        "exclude-nodes='2-3,9'>\n<!-- why --></v:guest>");
    g_assert_null(full->trouble);
    g_assert_cmpstr(full->tag->policy, ==, "align");
    g_assert_cmpuint(full->tag->cells, ==, 2);
    g_assert_cmpint(full->tag->binding, ==, VN_BINDING_RESTRICTIVE);
    g_assert_cmpuint(full->tag->max_vcpus_per_cell, ==, 16);
    g_assert_false(full->tag->smt);
    g_assert_false(full->tag->hmat);
    g_assert_cmpint(full->tag->distances, ==, VN_DISTANCES_EXPLICIT);
    g_assert_cmpuint(full->tag->matrix_cells, ==, 2);
    static const guint matrix[] = {10, 21, 31, 10};
    g_assert_cmpmem(full->tag->matrix, sizeof(matrix), matrix, sizeof(matrix));
    g_autofree char *excluded = vn_idset_format(full->tag->exclude_nodes);
    g_assert_cmpstr(excluded, ==, "2-3,9");
}

static void
test_trouble(void)
{
    static const struct {
        const char *metadata;
        const char *says;
    } cases[] = {
        {"<v:guest polcy='align'/>",
         "metadata: unknown attribute 'polcy'; known are policy, cells, "},
        {"<v:guest policy='faster'/>",
         "policy='faster' is not understood; possible: align, pack, "},
        {"<v:guest policy=''/>", "policy='' is not understood"},
        {"<v:guest cells='many'/>", "auto, or a number from 1 to 128"},
        {"<v:guest smt='maybe'/>", "possible: yes, no"},
        {"<v:guest distances='9'/>", "possible: host, flat, or a row for each cell"},
        {"<v:guest v:policy='align'/>", "unknown attribute 'policy'"},
        {"<v:guests/>", "unknown element 'guests'; known is guest"},
        {"<v:guest><v:cell/></v:guest>", "unknown element 'cell'"},
        {"<v:guest>align</v:guest>", "attributes only"},
        {"<v:guest/><v:guest/>", "more than one"},
        {"<v:guest policy='a\nb'/>", "policy='a b'"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(VnGuest) guest = parse_with(cases[i].metadata);
        g_assert_nonnull(guest->tag);
        g_assert_nonnull(guest->trouble);
        g_assert_nonnull(strstr(guest->trouble, cases[i].says));
        g_assert_null(strchr(guest->trouble, '\n'));
        g_assert_null(guest->tag->policy);
    }
}

/* @element: "<v:guest ...>" without its namespace's declaration */
static int
validate(xmlRelaxNGValidCtxt *schema, const char *element)
{
    g_autofree char *xml = g_strdup_printf("<v:guest xmlns:v='urn:vnumad:guest:1' %s",
                                           element + strlen("<v:guest"));
    xmlDoc *document =
        xmlReadMemory(xml, (int) strlen(xml), NULL, NULL, XML_PARSE_NOERROR);
    g_assert_nonnull(document);
    int result = xmlRelaxNGValidateDoc(schema, document);
    xmlFreeDoc(document);
    return result;
}

static void
be_silent(void *unused, const char *format, ...)
{
}

/* What the schema and we say of one attribute's value. */
static const struct {
    const char *attribute; /* NULL: as the one before */
    const char *value;
    gboolean good;
    gboolean beyond_schema; /* bad, but no schema can say so */
} values[] = {
    {"policy", "align", TRUE},
    {NULL, "pack", TRUE},
    {NULL, "spread", TRUE},
    {NULL, "balance", TRUE},
    {NULL, "mirror", TRUE},
    {NULL, "interleave", TRUE},
    {NULL, "tier", TRUE},
    {NULL, "manual", TRUE},
    {NULL, "align,pack"},
    {NULL, "Align"},
    {NULL, ""},
    {NULL, " align"},
    {"cells", "auto", TRUE},
    {NULL, "1", TRUE},
    {NULL, "9", TRUE},
    {NULL, "10", TRUE},
    {NULL, "99", TRUE},
    {NULL, "100", TRUE},
    {NULL, "128", TRUE},
    {NULL, "007", TRUE},
    {NULL, "0"},
    {NULL, "129"},
    {NULL, "130"},
    {NULL, "1000"},
    {NULL, "+2"},
    {NULL, "-2"},
    {NULL, "2.0"},
    {NULL, ""},
    {"binding", "strict", TRUE},
    {NULL, "preferred", TRUE},
    {NULL, "restrictive", TRUE},
    {NULL, "interleave"},
    {NULL, "none"},
    {NULL, ""},
    {"max-vcpus-per-cell", "1", TRUE},
    {NULL, "999", TRUE},
    {NULL, "1000", TRUE},
    {NULL, "3999", TRUE},
    {NULL, "4000", TRUE},
    {NULL, "4089", TRUE},
    {NULL, "4096", TRUE},
    {NULL, "0"},
    {NULL, "4097"},
    {NULL, "4100"},
    {NULL, "auto"},
    {"smt", "yes", TRUE},
    {NULL, "no", TRUE},
    {NULL, "auto"},
    {NULL, "YES"},
    {"hmat", "auto", TRUE},
    {NULL, "off", TRUE},
    {NULL, "on"},
    {NULL, "yes"},
    {"distances", "host", TRUE},
    {NULL, "flat", TRUE},
    {NULL, "10", TRUE},
    {NULL, "10,21;21,10", TRUE},
    {NULL, "10,255,11;254,10,99;100,200,10", TRUE},
    {NULL, "10,9;9,10"},
    {NULL, "10,256;20,10"},
    {NULL, "10,21;21,10;"},
    {NULL, "10 21;21 10"},
    {NULL, "auto"},
    {NULL, ""},
    {NULL, "10,21", FALSE, TRUE},
    {NULL, "10,21;21", FALSE, TRUE},
    {NULL, "10,21,22;21,10", FALSE, TRUE},
    {NULL, "10,10;21,10", FALSE, TRUE},
    {NULL, "11,21;21,10", FALSE, TRUE},
    {"exclude-nodes", "0", TRUE},
    {NULL, "0-3,8", TRUE},
    {NULL, "8,0-3", TRUE},
    {NULL, ""},
    {NULL, "1-"},
    {NULL, "1,,2"},
    {NULL, "1, 2"},
    {NULL, "^1"},
    {NULL, "0-8:2/4"},
    {NULL, "3-1", FALSE, TRUE},
    {NULL, "65536", FALSE, TRUE},
    {"tier", "1"},
};

static void
test_schema(void)
{
    g_autofree char *path =
        g_test_build_filename(G_TEST_DIST, "..", "data", "vnumad-guest.rng", NULL);
    xmlRelaxNGParserCtxt *parser = xmlRelaxNGNewParserCtxt(path);
    xmlRelaxNG *grammar = xmlRelaxNGParse(parser);
    g_assert_nonnull(grammar);
    xmlRelaxNGValidCtxt *schema = xmlRelaxNGNewValidCtxt(grammar);
    xmlRelaxNGSetValidErrors(schema, be_silent, be_silent, NULL);

    const char *attribute = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
        attribute = values[i].attribute ? values[i].attribute : attribute;
        g_autofree char *element =
            g_strdup_printf("<v:guest %s='%s'/>", attribute, values[i].value);
        g_test_message("%s", element);
        g_autoptr(VnGuest) guest = parse_with(element);
        g_assert_cmpint(guest->trouble == NULL, ==, values[i].good);
        g_assert_cmpint(validate(schema, element) == 0, ==,
                        values[i].good || values[i].beyond_schema);
    }
    static const char *const shapes[] = {"<v:guest >text</v:guest>",
                                         "<v:guest ><v:cell/></v:guest>",
                                         "<v:guest v:policy='align'/>"};
    for (gsize i = 0; i < G_N_ELEMENTS(shapes); i++)
        g_assert_cmpint(validate(schema, shapes[i]), !=, 0);
    g_assert_cmpint(validate(schema, "<v:guest ><!-- why --> </v:guest>"), ==, 0);
    g_assert_cmpint(validate(schema, "<v:guest/>"), ==, 0);
    xmlRelaxNGFreeValidCtxt(schema);
    xmlRelaxNGFree(grammar);
    xmlRelaxNGFreeParserCtxt(parser);
}

/* The largest matrix, and one row more. */
static void
test_matrix_limit(void)
{
    for (guint n = VN_CELLS_MAX; n <= VN_CELLS_MAX + 1; n++) {
        g_autoptr(GString) matrix = g_string_new("<v:guest distances='");
        for (guint from = 0; from < n; from++) {
            for (guint to = 0; to < n; to++)
                g_string_append_printf(matrix, "%s%u",
                                       to     ? ","
                                       : from ? ";"
                                              : "",
                                       from == to ? 10 : 20);
        }
        g_string_append(matrix, "'/>");
        g_autoptr(VnGuest) guest = parse_with(matrix->str);
        g_assert_cmpint(guest->trouble == NULL, ==, n == VN_CELLS_MAX);
        g_assert_cmpuint(guest->tag->matrix_cells, ==, n == VN_CELLS_MAX ? n : 0);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tag/understood", test_understood);
    g_test_add_func("/tag/trouble", test_trouble);
    g_test_add_func("/tag/schema", test_schema);
    g_test_add_func("/tag/matrix-limit", test_matrix_limit);
    return g_test_run();
}
