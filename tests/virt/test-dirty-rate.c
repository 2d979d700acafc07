/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measuring the dirty rate: what libvirt's parameters say, and errors. libvirt's test
 * driver cannot measure; tests/lab/test-sampling.sh has guests that can.
 */
#include "virt/dirty-rate-parameters.h"

#include "model/vnuma.h"

#include <string.h>

#define RUNNING "6695eb01-f6a4-8304-79aa-97f2502e193f" /* of test:///default */
#define GONE "11111111-2222-3333-4444-000000000009"

typedef struct {
    virTypedParameterPtr array;
    int n;
    int room;
} Parameters;

static void
add_int(Parameters *parameters, const char *name, int value)
{
    g_assert_cmpint(virTypedParamsAddInt(&parameters->array, &parameters->n,
                                         &parameters->room, name, value),
                    ==, 0);
}

static void
add_rate(Parameters *parameters, long long value)
{
    g_assert_cmpint(virTypedParamsAddLLong(&parameters->array, &parameters->n,
                                           &parameters->room,
                                           "dirtyrate.megabytes_per_second", value),
                    ==, 0);
}

static void
add_vcpu(Parameters *parameters, const char *number, unsigned long long value)
{
    g_autofree char *name =
        g_strdup_printf("dirtyrate.vcpu.%s.megabytes_per_second", number);
    g_assert_cmpint(virTypedParamsAddULLong(&parameters->array, &parameters->n,
                                            &parameters->room, name, value),
                    ==, 0);
}

static void
test_measured(void)
{
    Parameters parameters = {0};
    add_int(&parameters, "dirtyrate.calc_status", VIR_DOMAIN_DIRTYRATE_MEASURED);
    add_rate(&parameters, 44);
    add_vcpu(&parameters, "0", 40);
    add_vcpu(&parameters, "4095", 4);
    add_vcpu(&parameters, "4096", 9); /* no vCPU */
    add_vcpu(&parameters, "x", 9);
    add_vcpu(&parameters, "", 9);
    add_int(&parameters, "dirtyrate.vcpu.7.megabytes_per_second", 9); /* not a ullong */
    add_int(&parameters, "dirtyrate.later", 1);
    g_autoptr(VnVirtDirtyRate) rate =
        vn_virt_dirty_rate_parse(parameters.array, parameters.n);
    virTypedParamsFree(parameters.array, parameters.n);
    g_assert_cmpint(rate->state, ==, VN_VIRT_DIRTY_RATE_MEASURED);
    g_assert_cmpuint(rate->mb_per_second, ==, 44);
    g_assert_cmpuint(rate->vcpus->len, ==, 2);
    const VnVirtVcpuRate *last = &g_array_index(rate->vcpus, VnVirtVcpuRate, 1);
    g_assert_cmpuint(last->vcpu, ==, 4095);
    g_assert_cmpuint(last->mb_per_second, ==, 4);
}

static void
test_not_measured(void)
{
    static const struct {
        int status;
        gboolean known;
    } cases[] = {{VIR_DOMAIN_DIRTYRATE_UNSTARTED, TRUE},
                 {VIR_DOMAIN_DIRTYRATE_MEASURING, TRUE},
                 {-1, FALSE},
                 {VIR_DOMAIN_DIRTYRATE_MEASURED + 1, FALSE}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Parameters parameters = {0};
        add_int(&parameters, "dirtyrate.calc_status", cases[i].status);
        add_rate(&parameters, 44);
        g_autoptr(VnVirtDirtyRate) rate =
            vn_virt_dirty_rate_parse(parameters.array, parameters.n);
        virTypedParamsFree(parameters.array, parameters.n);
        g_assert_cmpint(rate != NULL, ==, cases[i].known);
        if (!rate)
            continue;
        g_assert_cmpint((int) rate->state, ==, cases[i].status);
        g_assert_cmpuint(rate->mb_per_second, ==, 0);
    }
    g_assert_null(vn_virt_dirty_rate_parse(NULL, 0));
}

static void
test_errors(void)
{
    g_autoptr(VnConnection) connection = vn_connection_new("test:///default", NULL, NULL);
    static const struct {
        const char *uuid;
        guint seconds;
        VnErrorCode code;
        const char *says;
    } cases[] = {
        {RUNNING, 0, VN_ERROR_INVALID, "for 0 seconds, but 1 to 60"},
        {RUNNING, 61, VN_ERROR_INVALID, "for 61 seconds, but 1 to 60"},
        {RUNNING, 60, VN_ERROR_UNSUPPORTED, "guest test: measure its dirty rate: "},
        {GONE, 1, VN_ERROR_GONE, "guest " GONE ": measure its dirty rate: "},
        {"no uuid", 1, VN_ERROR_INVALID, "guest no uuid: measure its dirty rate: "},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(vn_virt_dirty_rate_start(connection, cases[i].uuid,
                                                cases[i].seconds, FALSE, 0, &error));
        g_test_message("%s", error->message);
        g_assert_error(error, VN_ERROR, (gint) cases[i].code);
        g_assert_nonnull(strstr(error->message, cases[i].says));
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(vn_virt_dirty_rate_read(connection, RUNNING, 0, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_UNSUPPORTED);
}

static void
test_check(void)
{
    g_autoptr(VnConnection) connection = vn_connection_new("test:///default", NULL, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_true(vn_virt_dirty_rate_check(connection, RUNNING, 0, &error));
    g_assert_no_error(error);
    g_assert_false(vn_virt_dirty_rate_check(connection, GONE, 0, &error));
    g_assert_error(error, VN_ERROR, VN_ERROR_GONE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(virInitialize(), ==, 0);
    g_test_add_func("/dirty-rate/measured", test_measured);
    g_test_add_func("/dirty-rate/not-measured", test_not_measured);
    g_test_add_func("/dirty-rate/errors", test_errors);
    g_test_add_func("/dirty-rate/check", test_check);
    return g_test_run();
}
