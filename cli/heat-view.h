/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnHeatView: a heat map as vnumad sent it, checked from top to bottom, so that who draws
 * it need not be. What GetHeat answers is in data/org.vnumad1.xml. Draws nothing.
 */
#pragma once

#include "model/heatmap.h"

typedef struct {
    guint64 address; /* guest-physical, of the first byte */
    guint64 bytes;
    guint64 granules;
    int cell;      /* whose memory it is; -1: not known */
    int host_node; /* that most of it lies on; -1: not known */
    int from;      /* host node that most accesses come from; -1: none, or not known */
    double rate;   /* 4 KiB pages accessed per second */
    char *owner;   /* "vcpu", "cell", "shared", "" */
} VnHeatRow;

typedef struct {
    VnIdSet *vcpus; /* NULL on the time axis */
    int cell;
    int host_node; /* where they run; -1: on several, or not known */
    guint64 age_ms;
    guint64 duration_ms;
} VnHeatColumn;

typedef struct {
    char *guest;
    char *source;    /* "": none yet */
    double locality; /* these three: NaN: not known */
    double remote_cost;
    double confidence;
    char *sharing; /* in words: whose memory is accessed; NULL: not known */
    guint64 granule_bytes;
    gboolean by_time;
    VnIdSet *host_nodes; /* all that there are, or are named */
    GPtrArray *homes;    /* of VnIdSet, by cell */
    GPtrArray *rows;     /* of VnHeatRow, ascending */
    GPtrArray *columns;  /* of VnHeatColumn */
    double *rates;       /* rows * columns: pages per second */
    int *nodes;          /* likewise: where most of it came from; -1 */
} VnHeatView;

/**
 * vn_heat_view_new:
 * @heat: the reply
 * @by_time: which columns were asked for
 * @error: FAILED, saying what is wrong in it
 */
VnHeatView *vn_heat_view_new(GVariant *heat, gboolean by_time,
                             GError **error) VN_WARN_UNUSED;
void vn_heat_view_free(VnHeatView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnHeatView, vn_heat_view_free)

const VnHeatRow *vn_heat_view_row(const VnHeatView *view, guint i);
const VnHeatColumn *vn_heat_view_column(const VnHeatView *view, guint i);

/** vn_heat_view_home: (nullable) (transfer none): @cell may be -1. */
const VnIdSet *vn_heat_view_home(const VnHeatView *view, int cell);

/** vn_heat_view_rank: how many host nodes are before @node: what it is coloured by. */
guint vn_heat_view_rank(const VnHeatView *view, int node);

/** vn_heat_view_density: pages per second and granule of a place. */
double vn_heat_view_density(const VnHeatView *view, guint row, guint column);

/** vn_heat_view_hottest: the highest density of all places; 0: nothing was accessed. */
double vn_heat_view_hottest(const VnHeatView *view);

/**
 * vn_heat_level: how strong to draw @density: 0 for none, else its square root as a share
 * of @hottest's, so that a hundredth is still seen.
 */
double vn_heat_level(double density, double hottest);

/**
 * vn_heat_view_figures: "locality 97.1 %, remote cost 1.03, confidence 88.0 %"; not known
 * is "-".
 */
char *vn_heat_view_figures(const VnHeatView *view);

/** vn_heat_view_ages: of the time axis: from when to when, as "4 min 05 s ago to now". */
char *vn_heat_view_ages(const VnHeatView *view);

/** vn_heat_rate_text: "0.4", "850", "12k", "3.1M". */
char *vn_heat_rate_text(double rate);
