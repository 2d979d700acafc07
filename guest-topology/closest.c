/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Closest places: all combinations of a few, or a bounded search among many. */
#include "guest-topology/closest.h"

/* What the search among many may cost: steps of looking at one place. */
#define STEPS_MAX 1000000u

/* What is better about a set of places: less, less, more. */
typedef struct {
    guint64 apart; /* the sum of their distances */
    guint64 away;  /* from devices */
    guint64 bytes;
} Worth;

typedef struct {
    const VnHostPlaces *places;
    const VnShape *shape;
    GArray *eligible; /* indices of places that hold a cell */
    GArray *chosen;   /* being tried */
    Worth worth;
    GArray *best; /* NULL: none yet */
    Worth best_worth;
} Search;

static guint
apart(const VnHostPlaces *places, guint one, guint other)
{
    return places->apart[one * places->list->len + other];
}

/* What a place may take beyond a smallest cell: whether one more unit of either. */
static void
extras_of(const Search *search, guint index, gboolean *vcpu, gboolean *byte)
{
    VnHostPlace place = *vn_place_at(search->places->list, index);
    place.cells = 1;
    *vcpu = vn_place_vcpu_extras(&place, search->shape) > 0;
    *byte = vn_place_byte_extras(&place, search->shape) > 0;
}

static gboolean
chosen_fit(const Search *search)
{
    guint vcpus = 0;
    guint bytes = 0;
    for (guint i = 0; i < search->chosen->len; i++) {
        gboolean vcpu;
        gboolean byte;
        extras_of(search, g_array_index(search->chosen, guint, i), &vcpu, &byte);
        vcpus += vcpu;
        bytes += byte;
    }
    return vcpus >= search->shape->vcpu_extras && bytes >= search->shape->byte_extras;
}

static gboolean
is_better(const Worth *one, const Worth *other)
{
    if (one->apart != other->apart)
        return one->apart < other->apart;
    return one->away != other->away ? one->away < other->away : one->bytes > other->bytes;
}

/* Earlier sets win where nothing tells them apart: those tried first have lower ids. */
static void
consider(Search *search)
{
    if (search->best && !is_better(&search->worth, &search->best_worth))
        return;
    if (!chosen_fit(search))
        return;
    g_clear_pointer(&search->best, g_array_unref);
    search->best = g_array_copy(search->chosen);
    search->best_worth = search->worth;
}

static void
push(Search *search, guint index)
{
    for (guint i = 0; i < search->chosen->len; i++)
        search->worth.apart +=
            apart(search->places, index, g_array_index(search->chosen, guint, i));
    search->worth.away += vn_place_at(search->places->list, index)->away;
    search->worth.bytes += vn_place_at(search->places->list, index)->bytes;
    g_array_append_val(search->chosen, index);
}

static void
pop(Search *search)
{
    guint last = search->chosen->len - 1;
    guint index = g_array_index(search->chosen, guint, last);
    g_array_set_size(search->chosen, last);
    search->worth.away -= vn_place_at(search->places->list, index)->away;
    search->worth.bytes -= vn_place_at(search->places->list, index)->bytes;
    for (guint i = 0; i < last; i++)
        search->worth.apart -=
            apart(search->places, index, g_array_index(search->chosen, guint, i));
}

/* Every combination, but for those that are farther apart already than the best. */
static void
try_all(Search *search,
        guint from) // NOLINT(misc-no-recursion): VN_CELLS_MAX deep at most
{
    guint missing = search->shape->cells - search->chosen->len;
    if (missing == 0) {
        consider(search);
        return;
    }
    for (guint i = from; i + missing <= search->eligible->len; i++) {
        push(search, g_array_index(search->eligible, guint, i));
        if (!search->best || search->worth.apart <= search->best_worth.apart)
            try_all(search, i + 1);
        pop(search);
    }
}

static void
clear(Search *search)
{
    g_array_set_size(search->chosen, 0);
    search->worth = (Worth){0};
}

/* @cost: by place, its distance to all that are chosen. */
static void
account(const Search *search, guint64 *cost, guint index)
{
    for (guint i = 0; i < search->eligible->len; i++) {
        guint other = g_array_index(search->eligible, guint, i);
        cost[other] += apart(search->places, index, other);
    }
}

/* From @start on, the place nearest to those chosen, then nearest to the devices, ... */
static void
grow(Search *search, guint start, guint64 *cost, gboolean *taken)
{
    guint next = start;
    Worth best;
    while (TRUE) {
        push(search, next);
        taken[next] = TRUE;
        account(search, cost, next);
        if (search->chosen->len == search->shape->cells)
            return;
        gboolean found = FALSE;
        for (guint i = 0; i < search->eligible->len; i++) {
            guint index = g_array_index(search->eligible, guint, i);
            if (taken[index])
                continue;
            const VnHostPlace *place = vn_place_at(search->places->list, index);
            Worth worth = {cost[index], place->away, place->bytes};
            if (found && !is_better(&worth, &best))
                continue;
            best = worth;
            next = index;
            found = TRUE;
        }
    }
}

static void
try_some(Search *search)
{
    guint n_eligible = search->eligible->len;
    guint n = search->places->list->len;
    guint starts = MAX(STEPS_MAX / (search->shape->cells * n_eligible), 1);
    guint stride = (n_eligible + starts - 1) / starts;
    g_autofree guint64 *cost = g_new(guint64, n);
    g_autofree gboolean *taken = g_new(gboolean, n);
    for (guint i = 0; i < n_eligible; i += stride) {
        memset(cost, 0, n * sizeof *cost);
        memset(taken, 0, n * sizeof *taken);
        clear(search);
        grow(search, g_array_index(search->eligible, guint, i), cost, taken);
        consider(search);
    }
}

/*
 * Where only some places can take a unit more, and there are many: any set that has
 * enough of those, places that can take both first.
 */
static void
try_mixed(Search *search)
{
    guint vcpus = search->shape->vcpu_extras;
    guint bytes = search->shape->byte_extras;
    g_autofree gboolean *taken = g_new0(gboolean, search->places->list->len);
    clear(search);
    for (guint round = 0; round < 4; round++) {
        for (guint i = 0; i < search->eligible->len; i++) {
            guint index = g_array_index(search->eligible, guint, i);
            gboolean vcpu;
            gboolean byte;
            extras_of(search, index, &vcpu, &byte);
            gboolean wanted = round == 0   ? vcpu && byte
                              : round == 1 ? vcpu && vcpus > 0
                              : round == 2 ? byte && bytes > 0
                                           : TRUE;
            if (taken[index] || !wanted || search->chosen->len == search->shape->cells)
                continue;
            taken[index] = TRUE;
            vcpus -= vcpu && vcpus > 0;
            bytes -= byte && bytes > 0;
            push(search, index);
        }
    }
    consider(search);
}

/* Those that hold a smallest cell, or with @largest one with a unit more of both. */
static GArray *
list_eligible(const Search *search, gboolean largest)
{
    const VnShape *shape = search->shape;
    guint vcpus = shape->vcpus;
    guint64 bytes = shape->bytes;
    if (largest) {
        vcpus += shape->vcpu_extras > 0 ? shape->vcpu_unit : 0;
        bytes += shape->byte_extras > 0 ? shape->byte_unit : 0;
    }
    GArray *eligible = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint i = 0; i < search->places->list->len; i++) {
        const VnHostPlace *place = vn_place_at(search->places->list, i);
        if (place->cpus >= vcpus && place->bytes >= bytes)
            g_array_append_val(eligible, i);
    }
    return eligible;
}

GArray *
vn_closest_choose(const VnHostPlaces *places, const VnShape *shape)
{
    Search search = {.places = places, .shape = shape};
    g_autoptr(GArray) eligible = list_eligible(&search, FALSE);
    g_autoptr(GArray) roomy = list_eligible(&search, TRUE);
    g_autoptr(GArray) chosen = g_array_new(FALSE, FALSE, sizeof(guint));
    search.chosen = chosen;
    search.eligible = eligible;
    if (eligible->len < shape->cells)
        return NULL;
    if (eligible->len <= VN_CLOSEST_EXACT_MAX || eligible->len == shape->cells) {
        try_all(&search, 0);
    } else if (roomy->len < shape->cells) {
        try_mixed(&search);
    } else {
        search.eligible = roomy;
        try_some(&search);
    }
    return search.best;
}
