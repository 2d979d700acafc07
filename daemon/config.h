/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VnConfig: what the administrator decides, from vnumad.conf(5). */
#pragma once

#include "model/policy.h"

#define VN_CONFIG_PATH_BYTES 256

typedef enum {
    VN_SAMPLING_AUTO,       /* managed guests, from time to time */
    VN_SAMPLING_ON_REQUEST, /* when `vnumactl sample` asks */
    VN_SAMPLING_OFF,
} VnConfigSampling;

typedef struct {
    gboolean manage_all;        /* manage = all: also guests without our metadata */
    VnPolicy policy;            /* of guests whose metadata names none */
    gboolean allow_monitor;     /* monitor_commands = allow: may taint a guest */
    gboolean complete;          /* complete_definitions = yes */
    guint interval_seconds;     /* between cycles; 0: only on request */
    double reserve_ratio;       /* of a host node's memory, never filled by moving */
    guint step_timeout_seconds; /* spent on one step at most */
    double gain_margin; /* of remote cost: by so much a guest's gain is above the price */
    guint cooldown_seconds; /* after a move the daemon itself leaves a guest alone */
    guint64 host_bytes_per_second;  /* moved at most; 0: no cap */
    guint64 guest_bytes_per_second; /* of one guest */
    VnConfigSampling sampling;
    guint forbidden_sources;               /* 1 << VnSampleSource, or-ed */
    double sample_budget_ratio;            /* of a guest's time that sampling may take */
    char trace_file[VN_CONFIG_PATH_BYTES]; /* what was decided on is written there; "":
                                              nowhere */
    double sample_host_budget_ratio;       /* of the time of all the host's CPUs */
} VnConfig;

/** vn_config_defaults: what holds where the file says nothing. */
VnConfig vn_config_defaults(void);

/**
 * vn_config_parse:
 * @text: a key file with one group, [vnumad]; keys that are missing keep their defaults
 * @name: what to call it in messages
 * @error: INVALID, naming file, key and what is allowed: unknown groups and keys, values
 *   out of range
 */
gboolean vn_config_parse(const char *text, gsize length, const char *name,
                         VnConfig *ret_config, GError **error) VN_WARN_UNUSED;

/**
 * vn_config_read:
 * @path: the file
 * @optional: whether a file that does not exist means the defaults
 */
gboolean vn_config_read(const char *path, gboolean optional, VnConfig *ret_config,
                        GError **error) VN_WARN_UNUSED;
