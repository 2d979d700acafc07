/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration file: one table of keys, each with its parser; nothing else is
 * known.
 */
#include "daemon/config.h"

#include "model/sample.h"

#include <string.h>

#define GROUP "vnumad"
/* A configuration of a few keys; more is a mistake. */
#define FILE_BYTES_MAX (1u << 20)
/* Of a cap on moving, in bytes per second. */
#define CAP_MIN G_GUINT64_CONSTANT(1000000)
#define CAP_MAX G_GUINT64_CONSTANT(1000000000000)
#define CAP_ALLOWED "0, or a whole number from 1000000 to 1000000000000"

typedef struct {
    const char *key;
    const char *allowed;
    gboolean (*set)(VnConfig *config, const char *value);
} Key;

static gboolean
parse_choice(const char *value, const char *no, const char *yes, gboolean *ret_value)
{
    if (strcmp(value, no) != 0 && strcmp(value, yes) != 0)
        return FALSE;
    *ret_value = strcmp(value, yes) == 0;
    return TRUE;
}

static gboolean
parse_uint(const char *value, guint min, guint max, guint *ret_value)
{
    guint64 number;
    if (!g_ascii_string_to_unsigned(value, 10, min, max, &number, NULL))
        return FALSE;
    *ret_value = (guint) number;
    return TRUE;
}

static gboolean
set_manage(VnConfig *config, const char *value)
{
    return parse_choice(value, "tagged", "all", &config->manage_all);
}

static gboolean
set_policy(VnConfig *config, const char *value)
{
    return vn_policy_parse(value, &config->policy, NULL);
}

static gboolean
set_monitor(VnConfig *config, const char *value)
{
    return parse_choice(value, "forbid", "allow", &config->allow_monitor);
}

static gboolean
set_complete(VnConfig *config, const char *value)
{
    return parse_choice(value, "no", "yes", &config->complete);
}

static gboolean
set_interval(VnConfig *config, const char *value)
{
    return parse_uint(value, 0, 86400, &config->interval_seconds);
}

static gboolean
parse_number(const char *value, double min, double max, double *ret_value)
{
    char *end;
    double number = g_ascii_strtod(value, &end);
    if (end == value || *end || !(number >= min && number <= max))
        return FALSE;
    *ret_value = number;
    return TRUE;
}

static gboolean
set_reserve(VnConfig *config, const char *value)
{
    return parse_number(value, 0, 0.9, &config->reserve_ratio);
}

static gboolean
set_sampling(VnConfig *config, const char *value)
{
    static const char *const names[] = {
        [VN_SAMPLING_AUTO] = "auto",
        [VN_SAMPLING_ON_REQUEST] = "on-request",
        [VN_SAMPLING_OFF] = "off",
    };
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(value, names[i]) != 0)
            continue;
        config->sampling = (VnConfigSampling) i;
        return TRUE;
    }
    return FALSE;
}

static gboolean
set_forbidden(VnConfig *config, const char *value)
{
    guint forbidden = 0;
    g_auto(GStrv) names = g_strsplit(value, " ", -1);
    for (char **name = names; *name; name++) {
        VnSampleSource source;
        if (!**name)
            continue;
        if (!vn_sample_source_from_name(*name, &source))
            return FALSE;
        forbidden |= 1u << source;
    }
    config->forbidden_sources = forbidden;
    return TRUE;
}

static gboolean
set_budget(VnConfig *config, const char *value)
{
    return parse_number(value, 0.0001, 1, &config->sample_budget_ratio);
}

static gboolean
set_host_budget(VnConfig *config, const char *value)
{
    return parse_number(value, 0.0001, 1, &config->sample_host_budget_ratio);
}

static gboolean
set_margin(VnConfig *config, const char *value)
{
    return parse_number(value, 0, 10, &config->gain_margin);
}

static gboolean
set_cooldown(VnConfig *config, const char *value)
{
    return parse_uint(value, 0, 86400, &config->cooldown_seconds);
}

/* Less than CAP_MIN is no rate to move memory by; 0 is no cap. */
static gboolean
parse_cap(const char *value, guint64 *ret_cap)
{
    guint64 cap;
    if (!g_ascii_string_to_unsigned(value, 10, 0, CAP_MAX, &cap, NULL) ||
        (cap > 0 && cap < CAP_MIN))
        return FALSE;
    *ret_cap = cap;
    return TRUE;
}

static gboolean
set_host_cap(VnConfig *config, const char *value)
{
    return parse_cap(value, &config->host_bytes_per_second);
}

static gboolean
set_guest_cap(VnConfig *config, const char *value)
{
    return parse_cap(value, &config->guest_bytes_per_second);
}

static gboolean
set_step_timeout(VnConfig *config, const char *value)
{
    return parse_uint(value, 1, 86400, &config->step_timeout_seconds);
}

static gboolean
set_trace(VnConfig *config, const char *value)
{
    return (*value == '\0' || g_path_is_absolute(value)) &&
           g_strlcpy(config->trace_file, value, sizeof config->trace_file) <
               sizeof config->trace_file;
}

static const Key keys[] = {
    {"manage", "'tagged' or 'all'", set_manage},
    {"policy", "one of " VN_POLICY_NAMES, set_policy},
    {"monitor_commands", "'forbid' or 'allow'", set_monitor},
    {"complete_definitions", "'yes' or 'no'", set_complete},
    {"interval_seconds", "a whole number from 0 to 86400", set_interval},
    {"reserve_ratio", "a number from 0 to 0.9", set_reserve},
    {"step_timeout_seconds", "a whole number from 1 to 86400", set_step_timeout},
    {"gain_margin", "a number from 0 to 10", set_margin},
    {"cooldown_seconds", "a whole number from 0 to 86400", set_cooldown},
    {"host_bytes_per_second", CAP_ALLOWED, set_host_cap},
    {"guest_bytes_per_second", CAP_ALLOWED, set_guest_cap},
    {"sampling", "'auto', 'on-request' or 'off'", set_sampling},
    {"forbidden_sources",
     "words out of 'dirty-log', 'dirty-ring', 'refault', 'numa-faults', 'dirty-rate'",
     set_forbidden},
    {"sample_budget_ratio", "a number from 0.0001 to 1", set_budget},
    {"sample_host_budget_ratio", "a number from 0.0001 to 1", set_host_budget},
    {"trace_file", "an absolute path of at most 255 bytes", set_trace},
};

VnConfig
vn_config_defaults(void)
{
    return (VnConfig){.complete = TRUE,
                      .reserve_ratio = 0.02,
                      .step_timeout_seconds = 600,
                      .gain_margin = 0.01,
                      .cooldown_seconds = 15,
                      .sample_budget_ratio = 0.01,
                      .sample_host_budget_ratio = 0.01};
}

static gboolean
set_key(VnConfig *config, const char *name, const char *key, const char *value,
        GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (strcmp(keys[i].key, key) != 0)
            continue;
        if (keys[i].set(config, value))
            return TRUE;
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "%s: %s = %s: it must be %s", name,
                    key, value, keys[i].allowed);
        return FALSE;
    }
    g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                "%s: unknown key '%s'; vnumad.conf(5) lists those there are", name, key);
    return FALSE;
}

gboolean
vn_config_parse(const char *text, gsize length, const char *name, VnConfig *ret_config,
                GError **error)
{
    VnConfig config = vn_config_defaults();
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) wrong = NULL;

    if (!g_key_file_load_from_data(file, text, length, G_KEY_FILE_NONE, &wrong)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "%s: %s", name, wrong->message);
        return FALSE;
    }
    g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
    for (char **group = groups; *group; group++) {
        if (strcmp(*group, GROUP) != 0) {
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                        "%s: unknown group [%s]; there is only [" GROUP "]", name,
                        *group);
            return FALSE;
        }
    }
    g_auto(GStrv) found = g_key_file_get_keys(file, GROUP, NULL, NULL);
    for (char **key = found; key && *key; key++) {
        g_autofree char *value = g_key_file_get_string(file, GROUP, *key, &wrong);
        if (!value) {
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "%s: %s: %s", name, *key,
                        wrong->message);
            return FALSE;
        }
        g_strchomp(value);
        if (!set_key(&config, name, *key, value, error))
            return FALSE;
    }
    *ret_config = config;
    return TRUE;
}

gboolean
vn_config_read(const char *path, gboolean optional, VnConfig *ret_config, GError **error)
{
    g_autoptr(GError) wrong = NULL;
    g_autoptr(GMappedFile) file = g_mapped_file_new(path, FALSE, &wrong);
    if (!file) {
        if (optional && g_error_matches(wrong, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
            *ret_config = vn_config_defaults();
            return TRUE;
        }
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID, "%s", wrong->message);
        return FALSE;
    }
    gsize length = g_mapped_file_get_length(file);
    if (length > FILE_BYTES_MAX) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "%s: %zu bytes are too many for a configuration of a few keys", path,
                    length);
        return FALSE;
    }
    const char *text = g_mapped_file_get_contents(file);
    return vn_config_parse(text ? text : "", length, path, ret_config, error);
}
