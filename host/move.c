/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VnMove: the mover of one address range of another process; see move.h.
 *
 * Theory of operation
 *
 * The range is visited in windows of at most WINDOW_PAGES pages, which are granules in
 * the order that host/move-order.h gives. A window has a to-do bit per page. A visit asks
 * the kernel where the to-do pages lie, strikes off those that are absent or at home,
 * gives each granule with pages elsewhere a target, names these pages to the kernel in
 * one call per target, and strikes off what arrived. What is then left was busy or did
 * not fit:
 * - busy: the window waits in a queue and is visited again, after all fresh ones, or when
 *   the queue is full; visits are bounded, what is left after the last is immovable. So
 *   memory does not grow with the range.
 * - no target has room: the window stays the current one, and the chunk ends in FULL.
 *
 * What move_pages(2) does, as of Linux 6.1 (mm/migrate.c), that shapes this:
 * - It collects pages in a run, and migrates the run when the pages end or one cannot be
 *   collected (absent, already there, busy). Pages that need no move cut runs short,
 *   which is why only pages that need one are named.
 * - When a page of a run fails, the call ends and returns how many were not moved; the
 *   run's statuses are not written (others of the run may well have moved), and later
 *   pages are not tried. The statuses are filled with UNSET before, to tell; the untried
 *   rest is named in a further call, and where the unset ones lie is asked.
 * - Without room on the target it returns ENOMEM in the same way. It never falls back to
 *   another node.
 * - A transparent huge page moves as a whole when any of its pages is named. Its second
 *   page, named in the same call, is found busy and cuts the run. So of a granule that is
 *   all there and all elsewhere the first page is named alone; when the second came
 *   along, so did the others, and they are not named at all.
 * - Every call drains the per-CPU page lists of the whole machine: calls should be few.
 * - A process that has ended but was not reaped yet gives EINVAL, not ESRCH.
 */
#include "host/move.h"

#include "host/move-target.h"
#include "host/pages.h"

#include <errno.h>
#include <limits.h>
#include <numaif.h>

#define WINDOW_PAGES 8192u
#define WORD_PAGES 64u
#define WAITING_MAX 64u /* windows in the queue */
#define VISITS_MAX 10u
#define STALLS_MAX 3u  /* visits in a row that changed nothing */
#define STRIKES_MAX 4u /* calls in a row that moved nothing */
#define LOOK_CHARGE 16u
#define UNSET INT_MIN
#define NOT_ASKED (-ENODATA)
#define NO_GOAL (-1)

typedef struct {
    guint n_pages;
    guint n_todo;
    gboolean seen; /* visited, be it without room */
    guint visits;  /* with room */
    guint stalls;
    guint64 todo[WINDOW_PAGES / WORD_PAGES];
    guint64 granules[]; /* addresses; pages of them may lie outside the range */
} Window;

/* The arguments of one call: pages of the window by their index, in ascending order. */
typedef struct {
    guint n;
    guint index[WINDOW_PAGES];
    void *pages[WINDOW_PAGES];
    int status[WINDOW_PAGES];
} Call;

struct VnMove {
    VnMoveRange range; /* page_size_bytes is set */
    guint granule_pages;
    gboolean may_be_transparent;
    VnMovePagesFunc func;
    gpointer data;
    VnIdSet *home;
    GArray *targets; /* of VnMoveTarget */

    VnMoveOrder *order;
    Window *current; /* stopped half way by full targets, or NULL */
    GQueue waiting;  /* of Window */
    VnMoveTally tally;

    /* About the window being visited: */
    int lies_on[WINDOW_PAGES]; /* host node or -errno, by page */
    int goal[WINDOW_PAGES];    /* index in targets or NO_GOAL, by granule */
    int nodes[WINDOW_PAGES];
    Call ask;
    Call name;
};

/* ---- Windows ---- */

static gboolean
is_todo(const Window *window, guint page)
{
    return (window->todo[page / WORD_PAGES] >> (page % WORD_PAGES)) & 1;
}

static guint64
page_address(const VnMove *move, const Window *window, guint page)
{
    return window->granules[page / move->granule_pages] +
           page % move->granule_pages * move->range.page_size_bytes;
}

/* The next granule joins the window. */
static void
add_granule(const VnMove *move, Window *window, const VnMovePart *part)
{
    guint64 size = move->range.page_size_bytes;
    guint64 granule_bytes = move->granule_pages * size;
    guint first = window->n_pages;
    window->granules[first / move->granule_pages] =
        part->start - part->start % granule_bytes;
    window->n_pages += move->granule_pages;
    for (guint page = first; page < window->n_pages; page++) {
        guint64 address = page_address(move, window, page);
        if (address < part->start || address >= part->end)
            continue;
        window->todo[page / WORD_PAGES] |= G_GUINT64_CONSTANT(1) << (page % WORD_PAGES);
        window->n_todo++;
    }
}

/* NULL when all were visited. */
static Window *
next_window(VnMove *move, guint64 max_bytes)
{
    guint64 wanted = MIN(max_bytes / move->range.page_size_bytes, WINDOW_PAGES);
    guint n = MAX((guint) wanted / move->granule_pages, 1);
    VnMovePart part;
    if (vn_move_order_is_over(move->order))
        return NULL;
    Window *window = g_malloc0(sizeof(Window) + n * sizeof(guint64));
    for (; n > 0 && vn_move_order_next(move->order, &part); n--)
        add_granule(move, window, &part);
    return window;
}

static void
strike_off(VnMove *move, Window *window, guint page, guint64 *account)
{
    window->todo[page / WORD_PAGES] &= ~(G_GUINT64_CONSTANT(1) << (page % WORD_PAGES));
    window->n_todo--;
    *account += move->range.page_size_bytes;
    move->tally.left_bytes -= move->range.page_size_bytes;
}

/* Takes in where a page lies, and strikes it off when that is where it should be. */
static void
settle(VnMove *move, Window *window, guint page, int lies_on, guint64 *account)
{
    move->lies_on[page] = lies_on;
    if (!is_todo(window, page))
        return;
    if (lies_on >= 0 && vn_idset_contains(move->home, (guint) lies_on))
        strike_off(move, window, page, account);
    else if (lies_on == -ENOENT || lies_on == -EFAULT)
        strike_off(move, window, page, &move->tally.absent_bytes);
}

/* ---- Calls ---- */

static void
call_add(const VnMove *move, const Window *window, Call *call, guint page)
{
    call->index[call->n] = page;
    call->pages[call->n] = (void *) (gsize) page_address(move, window, page);
    call->n++;
}

static void
set_call_error(const VnMove *move, const void *page, const VnMoveTarget *target,
               int errsv, GError **error)
{
    int pid = move->range.pid;
    if (errsv == EINVAL || errsv == ESRCH) {
        g_set_error(error, VN_ERROR, VN_ERROR_GONE, "process %d: has ended", pid);
        return;
    }
    if (!target) {
        vn_error_set_errno(
            error, errsv, "process %d: ask where the memory at %p lies%s", pid, page,
            errsv == EPERM ? " (needs CAP_SYS_PTRACE, or the process's own user)" : "");
        return;
    }
    const char *hint = "";
    if (errsv == EPERM)
        hint = " (needs CAP_SYS_NICE, and CAP_SYS_PTRACE or the process's own user)";
    else if (errsv == EACCES)
        hint = " (cpuset.mems of its cgroup does not have this node: add it to "
               "<numatune><memory nodeset>)";
    else if (errsv == ENODEV)
        hint = " (the node has no memory, or is offline)";
    vn_error_set_errno(error, errsv, "process %d: move memory at %p to host node %u%s",
                       pid, page, target->host_node, hint);
}

/* Asks where the pages in move->ask lie, and settles them. */
static gboolean
ask(VnMove *move, Window *window, guint64 *account, GError **error)
{
    Call *call = &move->ask;
    if (call->n == 0)
        return TRUE;
    if (move->func(move->range.pid, call->n, call->pages, NULL, call->status, 0,
                   move->data) < 0) {
        set_call_error(move, call->pages[0], NULL, errno, error);
        return FALSE;
    }
    for (guint i = 0; i < call->n; i++)
        settle(move, window, call->index[i], call->status[i], account);
    call->n = 0;
    return TRUE;
}

/*
 * The first page in [from, n) that a call which ended early did not try: the failed run
 * is unset, then comes the page that ended it, which has a status, then what was not
 * tried. Without that page it was the last run that failed, and all were tried.
 */
static guint
first_untried(const Call *call, guint from)
{
    guint last = call->n;
    while (last > from && call->status[last - 1] == UNSET)
        last--;
    for (guint i = from; i < last; i++) {
        if (call->status[i] == UNSET)
            return last;
    }
    return call->n;
}

/* Takes in the statuses of [from, until), and asks about those that were not written. */
static gboolean
take_statuses(VnMove *move, Window *window, guint from, guint until, GError **error)
{
    const Call *call = &move->name;
    for (guint i = from; i < until; i++) {
        int status = call->status[i];
        if (status == UNSET)
            call_add(move, window, &move->ask, call->index[i]);
        else if (status == -EACCES)
            strike_off(move, window, call->index[i], &move->tally.shared_bytes);
        else if (status >= 0)
            settle(move, window, call->index[i], status, &move->tally.moved_bytes);
        /* Other errors may pass: the page stays to do, and the next visit asks again. */
    }
    return ask(move, window, &move->tally.moved_bytes, error);
}

/*
 * Has the pages in move->name moved to @target, in as many calls as it takes to have all
 * of them tried, unless it gets full.
 */
static gboolean
name(VnMove *move, Window *window, VnMoveTarget *target, GError **error)
{
    Call *call = &move->name;
    int flags = move->range.shared ? MPOL_MF_MOVE_ALL : MPOL_MF_MOVE;
    guint strikes = 0;
    for (guint from = 0; from < call->n && !target->full;) {
        for (guint i = from; i < call->n; i++) {
            call->status[i] = UNSET;
            move->nodes[i] = (int) target->host_node;
        }
        long result =
            move->func(move->range.pid, call->n - from, call->pages + from,
                       move->nodes + from, call->status + from, flags, move->data);
        if (result < 0 && errno != ENOMEM) {
            set_call_error(move, call->pages[from], target, errno, error);
            return FALSE;
        }
        target->full = result < 0;
        guint until = result == 0 ? call->n : first_untried(call, from);
        guint todo_before = window->n_todo;
        if (!take_statuses(move, window, from, until, error))
            return FALSE;
        from = until;

        /* Pages of one huge page that is pinned fail two by two: leave its granule. */
        strikes = window->n_todo < todo_before ? 0 : strikes + 1;
        if (strikes < STRIKES_MAX)
            continue;
        strikes = 0;
        guint granule = call->index[until - 1] / move->granule_pages;
        while (from < call->n && call->index[from] / move->granule_pages == granule)
            from++;
    }
    call->n = 0;
    return TRUE;
}

/* ---- Visits ---- */

/* Gives each granule with pages elsewhere a target. Returns the number of such pages. */
static guint
set_goals(VnMove *move, const Window *window)
{
    guint n_to_move = 0;
    for (guint first = 0; first < window->n_pages; first += move->granule_pages) {
        guint end = first + move->granule_pages;
        guint n_away = 0;
        for (guint page = first; page < end; page++)
            n_away += is_todo(window, page) && move->lies_on[page] >= 0;
        int goal = NO_GOAL;
        if (n_away > 0 && move->targets->len > 1)
            goal = vn_move_targets_find_majority(move->targets, move->lies_on + first,
                                                 move->granule_pages);
        if (n_away > 0 && goal == NO_GOAL) {
            goal = vn_move_targets_pick(move->targets);
            if (goal != NO_GOAL && !window->seen)
                g_array_index(move->targets, VnMoveTarget, goal).given++;
        }
        move->goal[first / move->granule_pages] = goal;
        n_to_move += goal == NO_GOAL ? 0 : n_away;
    }
    return n_to_move;
}

/* May the granule be one transparent huge page that needs to move? */
static gboolean
is_whole_and_away(const VnMove *move, const Window *window, guint first)
{
    guint end = first + move->granule_pages;
    for (guint page = first; page < end; page++) {
        if (!is_todo(window, page) || move->lies_on[page] < 0 ||
            move->lies_on[page] != move->lies_on[first])
            return FALSE;
    }
    return TRUE;
}

/*
 * Moves what are transparent huge pages among the granules of this goal. A first page
 * that does not move may be that of a huge page: its granule is left alone (NO_GOAL) on
 * the window's first visit.
 */
static gboolean
move_whole_granules(VnMove *move, Window *window, int goal, GError **error)
{
    guint heads[WINDOW_PAGES / 4]; /* granule_pages is a power of 2, and above 2 */
    guint n_heads = 0;
    for (guint first = 0; first < window->n_pages; first += move->granule_pages) {
        if (move->goal[first / move->granule_pages] == goal &&
            is_whole_and_away(move, window, first)) {
            heads[n_heads++] = first;
            call_add(move, window, &move->name, first);
        }
    }
    VnMoveTarget *target = &g_array_index(move->targets, VnMoveTarget, goal);
    if (!name(move, window, target, error))
        return FALSE;

    for (guint i = 0; i < n_heads; i++) {
        if (!is_todo(window, heads[i]))
            call_add(move, window, &move->ask, heads[i] + 1);
        else if (!window->seen && !target->full)
            move->goal[heads[i] / move->granule_pages] = NO_GOAL;
    }
    if (!ask(move, window, &move->tally.moved_bytes, error))
        return FALSE;
    for (guint i = 0; i < n_heads; i++) {
        if (is_todo(window, heads[i] + 1))
            continue;
        for (guint page = heads[i] + 2; page < heads[i] + move->granule_pages; page++)
            call_add(move, window, &move->ask, page);
    }
    return ask(move, window, &move->tally.moved_bytes, error);
}

static gboolean
move_single_pages(VnMove *move, Window *window, int goal, GError **error)
{
    for (guint page = 0; page < window->n_pages; page++) {
        if (move->goal[page / move->granule_pages] == goal && is_todo(window, page) &&
            move->lies_on[page] >= 0)
            call_add(move, window, &move->name, page);
    }
    return name(move, window, &g_array_index(move->targets, VnMoveTarget, goal), error);
}

/* Asks about, and tries to move, what is to do in @window. @ret_tried: bytes. */
static gboolean
visit(VnMove *move, Window *window, guint64 *ret_tried, GError **error)
{
    for (guint page = 0; page < window->n_pages; page++) {
        move->lies_on[page] = NOT_ASKED;
        /* With several targets, where the others of the granule lie matters too. */
        guint64 address = page_address(move, window, page);
        if (is_todo(window, page) ||
            (move->targets->len > 1 && address >= move->range.start &&
             address < move->range.end))
            call_add(move, window, &move->ask, page);
    }
    if (!ask(move, window,
             window->seen ? &move->tally.moved_bytes : &move->tally.already_bytes, error))
        return FALSE;

    /* Again only when a target turned out to be full: the others take over. */
    guint n_full;
    guint n_tried = 0;
    do {
        n_full = vn_move_targets_count_full(move->targets);
        n_tried = MAX(n_tried, set_goals(move, window));
        for (int goal = 0; goal < (int) move->targets->len; goal++) {
            if (move->may_be_transparent &&
                !move_whole_granules(move, window, goal, error))
                return FALSE;
            if (!move_single_pages(move, window, goal, error))
                return FALSE;
        }
    } while (window->n_todo > 0 && vn_move_targets_count_full(move->targets) > n_full);
    window->seen = TRUE;
    *ret_tried = n_tried * move->range.page_size_bytes;
    return TRUE;
}

/* ---- The mover ---- */

static gboolean
check_range(const VnMoveRange *range, guint64 page_size, const VnIdSet *targets,
            const VnHost *host, GError **error)
{
    if (page_size == 0 || (page_size & (page_size - 1)) != 0 ||
        range->start >= range->end || range->end > G_MAXINT64 ||
        range->start % page_size != 0 || range->end % page_size != 0) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "process %d: 0x%" G_GINT64_MODIFIER "x to 0x%" G_GINT64_MODIFIER
                    "x is not a range of whole pages of %" G_GUINT64_FORMAT " bytes",
                    range->pid, range->start, range->end, page_size);
        return FALSE;
    }
    if (vn_idset_is_empty(targets)) {
        g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                    "process %d: no host node to move memory to", range->pid);
        return FALSE;
    }
    VN_IDSET_FOREACH (targets, id) {
        if (!vn_host_find_node(host, (guint) id)) {
            g_set_error(error, VN_ERROR, VN_ERROR_INVALID,
                        "process %d: there is no host node %d to move memory to",
                        range->pid, id);
            return FALSE;
        }
    }
    return TRUE;
}

static void
set_order(VnMove *move, const GArray *first, gboolean only)
{
    VnMovePart range = {move->range.start, move->range.end};
    vn_move_order_free(move->order);
    move->order =
        vn_move_order_new(&range, move->granule_pages * move->range.page_size_bytes,
                          move->range.page_size_bytes, first, only);
    move->tally.left_bytes = vn_move_order_bytes(move->order);
}

VnMove *
vn_move_new(const VnMoveRange *range, const VnIdSet *targets, const VnHost *host,
            VnMovePagesFunc func, gpointer data, GError **error)
{
    guint64 base_size = host->page_size_bytes;
    guint64 page_size = range->page_size_bytes ? range->page_size_bytes : base_size;
    if (!check_range(range, page_size, targets, host, error))
        return NULL;

    VnMove *move = g_new0(VnMove, 1);
    move->range = *range;
    move->range.page_size_bytes = page_size;
    move->granule_pages = (guint) MAX(VN_GRANULE_BYTES / page_size, 1);
    move->may_be_transparent = page_size == base_size && move->granule_pages > 2;
    move->func = func ? func : vn_pages_move;
    move->data = data;
    move->home = vn_idset_copy(targets);
    move->targets = vn_move_targets_new(targets, host, page_size);
    g_queue_init(&move->waiting);
    set_order(move, NULL, FALSE);
    return move;
}

void
vn_move_set_parts(VnMove *move, const GArray *parts, gboolean only)
{
    set_order(move, parts, only);
}

void
vn_move_free(VnMove *move)
{
    if (!move)
        return;
    vn_move_order_free(move->order);
    g_queue_clear_full(&move->waiting, g_free);
    g_free(move->current);
    g_array_unref(move->targets);
    vn_idset_free(move->home);
    g_free(move);
}

/* Puts a visited window where it belongs. Returns FALSE when every target is full. */
static gboolean
file_window(VnMove *move, Window *window, guint todo_before)
{
    if (window->n_todo > 0 &&
        vn_move_targets_count_full(move->targets) == move->targets->len) {
        move->current = window;
        return FALSE;
    }
    window->visits++;
    window->stalls = window->n_todo < todo_before ? 0 : window->stalls + 1;
    if (window->n_todo > 0 && window->visits < VISITS_MAX &&
        window->stalls < STALLS_MAX) {
        g_queue_push_tail(&move->waiting, window);
        return TRUE;
    }
    for (guint page = 0; page < window->n_pages && window->n_todo > 0; page++) {
        if (is_todo(window, page))
            strike_off(move, window, page, &move->tally.immovable_bytes);
    }
    g_free(window);
    return TRUE;
}

gboolean
vn_move_chunk(VnMove *move, guint64 max_bytes, VnMoveState *ret_state, GError **error)
{
    vn_move_targets_clear_full(move->targets);

    guint64 charged = 0;
    gboolean retrying = !move->current && vn_move_order_is_over(move->order);
    guint n_retries = g_queue_get_length(&move->waiting);
    while (charged < MAX(max_bytes, 1)) {
        g_autofree Window *window = g_steal_pointer(&move->current);
        if (!window && g_queue_get_length(&move->waiting) >= WAITING_MAX)
            window = g_queue_pop_head(&move->waiting);
        if (!window)
            window = next_window(move, max_bytes);
        if (!window && retrying && n_retries-- > 0)
            window = g_queue_pop_head(&move->waiting);
        if (!window)
            break;

        guint todo_before = window->n_todo;
        guint64 tried_bytes;
        if (!visit(move, window, &tried_bytes, error))
            return FALSE;
        charged += tried_bytes + todo_before * move->range.page_size_bytes / LOOK_CHARGE;
        if (!file_window(move, g_steal_pointer(&window), todo_before)) {
            *ret_state = VN_MOVE_FULL;
            return TRUE;
        }
    }
    if (!vn_move_order_is_over(move->order))
        *ret_state = VN_MOVE_MORE;
    else
        *ret_state = move->waiting.length > 0 ? VN_MOVE_BUSY : VN_MOVE_DONE;
    return TRUE;
}

const VnMoveTally *
vn_move_tally(const VnMove *move)
{
    return &move->tally;
}
