/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Regions and their pages: mapped in a cell, filled, verified, rewritten, and found in
 * guest-physical memory. Knows nothing of who visits when.
 */
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    LINE_WORDS = 8,
    MISMATCH_LINES_MAX = 100,
};

#define PAGE_MAGIC UINT64_C(0x564e554d41504147) /* "GAPAMUNV" in memory order */

static uint64_t
mix(uint64_t value)
{
    value = (value ^ (value >> 31)) * UINT64_C(0x9e3779b97f4a7c15);
    return value ^ (value >> 29);
}

/* Every word counts with an odd factor of its own: any single changed word changes the
 * sum, and the sum can follow a changed word without reading the others. */
static uint64_t
weigh(const struct page *page, unsigned word)
{
    return ((const uint64_t *) page)[word] * (2 * (uint64_t) word + 1);
}

static uint64_t
checksum(const struct page *page)
{
    const unsigned own = offsetof(struct page, checksum) / 8;
    uint64_t sum = 0;

    for (unsigned word = 0; word < PAGE_WORDS; word++) {
        sum += weigh(page, word);
    }
    return sum - weigh(page, own);
}

static uint64_t
index_of(const struct region *region, uint64_t number)
{
    return (uint64_t) region->id << 32 | number;
}

static void
page_fill(struct region *region, uint64_t number)
{
    struct page *page = &region->pages[number];
    uint32_t generation = ++region->generations[number];

    page->magic = PAGE_MAGIC;
    page->index = index_of(region, number);
    page->generation = generation;
    for (unsigned word = 0; word < PAGE_WORDS - HEADER_WORDS; word++) {
        page->body[word] = mix(page->index * PAGE_WORDS + word + generation);
    }
    page->checksum = checksum(page);
}

/* The next generation: one cache line of new content, and the header. */
static void
page_rewrite(struct region *region, uint64_t number)
{
    struct page *page = &region->pages[number];
    uint32_t generation = ++region->generations[number];
    unsigned line = generation % ((PAGE_WORDS - HEADER_WORDS) / LINE_WORDS) * LINE_WORDS;
    uint64_t sum = page->checksum;

    sum -= weigh(page, offsetof(struct page, generation) / 8);
    page->generation = generation;
    sum += weigh(page, offsetof(struct page, generation) / 8);
    for (unsigned word = line; word < line + LINE_WORDS; word++) {
        sum -= weigh(page, HEADER_WORDS + word);
        page->body[word] = mix(page->index * PAGE_WORDS + word + generation);
        sum += weigh(page, HEADER_WORDS + word);
    }
    page->checksum = sum;
}

static void
report_mismatch(const struct region *region, uint64_t number, const char *what,
                uint64_t want, uint64_t got)
{
    unsigned long count = atomic_fetch_add(&workload.mismatches, 1) + 1;

    if (count <= MISMATCH_LINES_MAX) {
        say("MISMATCH region=%u page=%" PRIu64 " what=%s expected=%#" PRIx64
            " found=%#" PRIx64,
            region->id, number, what, want, got);
    }
    if (count == MISMATCH_LINES_MAX) {
        say("MISMATCH further ones are counted, not shown");
    }
}

/* True if the page is what was last written there; otherwise it is reported, and made
 * good so that one fault is one report. Call with the page's lock held. */
static bool
page_check(struct region *region, uint64_t number)
{
    const struct page *page = &region->pages[number];
    uint64_t sum = checksum(page);

    if (page->magic != PAGE_MAGIC) {
        report_mismatch(region, number, "magic", PAGE_MAGIC, page->magic);
    } else if (page->index != index_of(region, number)) {
        report_mismatch(region, number, "index", index_of(region, number), page->index);
    } else if (page->generation != region->generations[number]) {
        report_mismatch(region, number, "generation", region->generations[number],
                        page->generation);
    } else if (page->checksum != sum) {
        report_mismatch(region, number, "checksum", page->checksum, sum);
    } else {
        return true;
    }
    page_fill(region, number);
    return false;
}

void
region_fill(struct region *region)
{
    for (uint64_t number = 0; number < region->page_count; number++) {
        page_fill(region, number);
    }
}

void
region_visit(struct region *region, uint64_t number, bool write)
{
    pthread_mutex_t *lock = &region->locks[number / CHUNK_PAGES];

    pthread_mutex_lock(lock);
    if (page_check(region, number) && write) {
        page_rewrite(region, number);
    }
    pthread_mutex_unlock(lock);
}

/* Memory that will lie in the given cell, whoever touches it first. */
static void *
map_in_cell(size_t bytes, int cell)
{
    enum {
        POLICY_BIND = 2 /* MPOL_BIND of mbind(2) */
    };
    void *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        return NULL;
    }
    if (cell != CELL_NONE) {
        unsigned long mask = 1UL << cell;

        if (syscall(SYS_mbind, memory, bytes, POLICY_BIND, &mask, CELLS_MAX + 1, 0) !=
            0) {
            return NULL;
        }
    }
    return memory;
}

bool
region_map(struct region *region, const struct job *job)
{
    uint64_t chunks;

    region->id = job->id;
    region->page_count = job->mb * PAGES_PER_MB;
    chunks = (region->page_count + CHUNK_PAGES - 1) / CHUNK_PAGES;
    region->pages = map_in_cell(region->page_count * PAGE_BYTES, job->cell);
    region->generations =
        map_in_cell(region->page_count * sizeof(*region->generations), job->cell);
    region->locks = calloc(chunks, sizeof(*region->locks));
    if (!region->pages || !region->generations || !region->locks) {
        say("ERROR job %u: %" PRIu64 " MiB in cell %d: %s", job->id, job->mb, job->cell,
            strerror(errno));
        return false;
    }
    for (uint64_t i = 0; i < chunks; i++) {
        pthread_mutex_init(&region->locks[i], NULL);
    }
    return true;
}

/* The frame number of a page, or 0: bits 0 to 54 of its entry, where bit 63 says that
 * there is one (Documentation/admin-guide/mm/pagemap.rst). */
static uint64_t
frame_of(int pagemap, const void *address)
{
    uint64_t entry = 0;

    if (pread(pagemap, &entry, sizeof(entry),
              (off_t) ((uintptr_t) address / PAGE_BYTES * 8)) != sizeof(entry)) {
        return 0;
    }
    return entry >> 63 ? entry & ((UINT64_C(1) << 55) - 1) : 0;
}

/* One line for each run of pages that lie side by side. */
bool
region_say_frames(const struct region *region, uint64_t first, uint64_t count)
{
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    uint64_t begin = first;
    uint64_t begin_frame;

    if (pagemap < 0) {
        return false;
    }
    begin_frame = frame_of(pagemap, &region->pages[first]);
    for (uint64_t i = first + 1; i <= first + count; i++) {
        uint64_t frame = i < first + count ? frame_of(pagemap, &region->pages[i]) : 0;

        if (frame == 0 || frame != begin_frame + (i - begin)) {
            say("FRAMES region=%u page=%" PRIu64 " pages=%" PRIu64 " gpa=%#" PRIx64,
                region->id, begin, i - begin, begin_frame * PAGE_BYTES);
            begin = i;
            begin_frame = frame;
        }
    }
    close(pagemap);
    return true;
}
