/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a host's nodes offer to a guest, and where in them cells of a given shape go, as
 * near to each other as can be. Pure. The rules are vn_build()'s.
 */
#pragma once

#include "guest-topology/shape.h"

/* A host node, or several neighbours, as a place for cells. */
typedef struct {
    VnIdSet *nodes;
    guint cpus; /* what vCPUs may count on */
    guint64 bytes;
    int package;
    guint64 away; /* from the guest's devices: vn_host_places_away() */
    guint cells;  /* that go there */
} VnHostPlace;

typedef struct {
    GPtrArray *list; /* of VnHostPlace, one a host node, ascending in id */
    guint *apart;    /* sum of the distances there and back, row by row */
    guint threads;   /* siblings of every core; 1: no SMT, or not alike */
    guint cpus;      /* the sum, in this and the next */
    guint64 bytes;
} VnHostPlaces;

/**
 * vn_host_places_new:
 * @far: with nodes that have memory and no CPUs
 */
VnHostPlaces *vn_host_places_new(const VnHost *host, const VnBuildSize *size,
                                 const VnTag *tag, gboolean far);
void vn_host_places_free(VnHostPlaces *places);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VnHostPlaces, vn_host_places_free)

/**
 * vn_host_places_away: the sum of the distances from host node number @index, of
 * VnHost.nodes, to the nodes of these devices and back.
 * @device_nodes: (nullable): their ids, of guint; those that the host has not count not
 */
guint64 vn_host_places_away(const VnHost *host, guint index, const GArray *device_nodes);

/** vn_host_places_join: (nullable): @nodes as one place; NULL when one is none. */
VnHostPlace *vn_host_places_join(const VnHostPlaces *places, const VnIdSet *nodes);

/** vn_host_places_package: of the node's first CPU; -1 when not known. */
int vn_host_places_package(const VnHost *host, const VnHostNode *node);

/** vn_host_places_holding: how many of them alone hold the largest cell of @shape. */
guint vn_host_places_holding(const VnHostPlaces *places, const VnShape *shape);

/**
 * vn_host_places_fit: whether @chosen, with VnHostPlace.cells set, holds cells of @shape,
 * those with a unit more among them.
 */
gboolean vn_host_places_fit(const GPtrArray *chosen, const VnShape *shape);

/** vn_host_places_checked: @chosen in order if it fits; else it is freed, and NULL. */
GPtrArray *vn_host_places_checked(GPtrArray *chosen, const VnShape *shape);

/** vn_host_places_list_new: an empty list of VnHostPlace, which it frees. */
GPtrArray *vn_host_places_list_new(void);

/** vn_place_at: of a list of VnHostPlace. */
const VnHostPlace *vn_place_at(const GPtrArray *list, guint i);

/** vn_place_vcpu_extras: how many of its cells may have a unit of vCPUs more. */
guint vn_place_vcpu_extras(const VnHostPlace *place, const VnShape *shape);
guint vn_place_byte_extras(const VnHostPlace *place, const VnShape *shape);

/*
 * The ways to place cells. Each returns (transfer full) the chosen places, of VnHostPlace
 * with cells set, those of one package one after the other, else ascending in id; NULL
 * when there is none.
 */

/** vn_host_places_one_each: a host node for each cell; closest.h chooses. */
GPtrArray *vn_host_places_one_each(const VnHostPlaces *places, const VnShape *shape);

/** vn_host_places_shared: several cells to a host node, spread evenly. */
GPtrArray *vn_host_places_shared(const VnHostPlaces *places, const VnShape *shape);

/** vn_host_places_grouped: a group of neighbouring nodes for each cell. */
GPtrArray *vn_host_places_grouped(const VnHostPlaces *places, const VnShape *shape);

/** vn_host_places_all: all nodes for every cell. */
GPtrArray *vn_host_places_all(const VnHostPlaces *places, const VnShape *shape);
