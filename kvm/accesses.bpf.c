/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In the kernel: counts, per vCPU and granule, the pages that KVM's dirty log takes in
 * and the second-stage faults, for guests that have a window open; and notes KVM's memory
 * slots as they come by. Attached once, switched on and off by the maps: with no window
 * open a fault costs a look at one word more. Only what a vCPU's own thread does is
 * counted, so no two CPUs ever write the same value.
 *
 * The few fields of kernel structures are found by their names when it is loaded (CO-RE);
 * both functions are exported by KVM, with the same first three arguments since Linux
 * 5.12.
 */
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed short __s16;
typedef signed int __s32;
typedef signed long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

#include <bpf/bpf_helpers.h>

#include "kvm/accesses-shared.h"

/* From linux/bpf.h, which wants an architecture's headers. */
enum {
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
};
enum {
    BPF_ANY = 0,
    BPF_NOEXIST = 1,
};

/* From linux/kvm.h and asm/kvm_host.h. */
#define KVM_MEM_LOG_DIRTY_PAGES 1u
#define PFERR_WRITE_MASK 2u
#define PFERR_RSVD_MASK 8u /* of no memory: what KVM marks devices with */

struct kvm_memory_slot {
    __u64 base_gfn;
    unsigned long npages;
    unsigned long userspace_addr;
    __u32 flags;
    short id;
    __u16 as_id;
} __attribute__((preserve_access_index));

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct vn_bpf_control);
} control SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, VN_BPF_THREADS_MAX);
    __type(key, __u32);
    __type(value, struct vn_bpf_thread);
} threads SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1); /* accesses.c says how many */
    __type(key, struct vn_bpf_count_key);
    __type(value, __u64);
} counts SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, VN_BPF_SLOTS_MAX);
    __type(key, struct vn_bpf_slot_key);
    __type(value, struct vn_bpf_slot);
} slots SEC(".maps");

char vn_license[] SEC("license") = "GPL";

/* NULL: no window is open, or not one of this thread's guest. */
static __always_inline struct vn_bpf_thread *
watched_thread(struct vn_bpf_control **ret_control)
{
    __u32 zero = 0;
    struct vn_bpf_control *found = bpf_map_lookup_elem(&control, &zero);
    if (!found || found->n_windows == 0)
        return 0;
    *ret_control = found;
    __u32 thread_id = (__u32) bpf_get_current_pid_tgid();
    return bpf_map_lookup_elem(&threads, &thread_id);
}

static __always_inline void
count(struct vn_bpf_thread *thread, __u64 granule, __u16 write)
{
    struct vn_bpf_count_key key = {
        .granule = granule,
        .window = thread->window,
        .vcpu = thread->vcpu,
        .write = write,
    };
    __u64 *found = bpf_map_lookup_elem(&counts, &key);
    __u64 one = 1;
    if (found)
        *found += 1;
    else if (bpf_map_update_elem(&counts, &key, &one, BPF_NOEXIST))
        thread->lost += 1;
}

/* Most pages are of the slot of the page before. */
static __always_inline void
learn_slot(struct vn_bpf_thread *thread, const struct kvm_memory_slot *memslot)
{
    struct vn_bpf_slot_key key = {
        .window = thread->window,
        .slot = (__u32) memslot->as_id << 16 | (__u16) memslot->id,
    };
    struct vn_bpf_slot slot = {
        .gfn = memslot->base_gfn,
        .pages = memslot->npages,
        .hva = memslot->userspace_addr,
    };
    if (thread->has_slot && thread->slot == key.slot && thread->slot_gfn == slot.gfn)
        return;
    thread->has_slot = 1;
    thread->slot = key.slot;
    thread->slot_gfn = slot.gfn;
    struct vn_bpf_slot *known = bpf_map_lookup_elem(&slots, &key);
    if (known && known->gfn == slot.gfn && known->pages == slot.pages &&
        known->hva == slot.hva)
        return;
    bpf_map_update_elem(&slots, &key, &slot, BPF_ANY);
}

/* void mark_page_dirty_in_slot(struct kvm *, const struct kvm_memory_slot *, gfn_t) */
SEC("fentry/mark_page_dirty_in_slot")
int
vn_page_dirtied(__u64 *arguments)
{
    const struct kvm_memory_slot *memslot = (const struct kvm_memory_slot *) arguments[1];
    __u64 gfn = arguments[2];
    struct vn_bpf_control *settings;
    struct vn_bpf_thread *thread = watched_thread(&settings);
    if (!thread || !(thread->wants & VN_BPF_WRITES) || !memslot ||
        !(memslot->flags & KVM_MEM_LOG_DIRTY_PAGES))
        return 0;
    learn_slot(thread, memslot);
    count(thread, gfn << (settings->page_shift & 31) >> (settings->granule_shift & 63),
          VN_BPF_WRITE);
    return 0;
}

/* int kvm_mmu_page_fault(struct kvm_vcpu *, gpa_t, u64 error_code, void *, int) */
SEC("fentry/kvm_mmu_page_fault")
int
vn_fault_begins(__u64 *arguments)
{
    __u64 gpa = arguments[1];
    __u64 error_code = arguments[2];
    struct vn_bpf_control *settings;
    struct vn_bpf_thread *thread = watched_thread(&settings);
    if (!thread || error_code & PFERR_RSVD_MASK)
        return 0;
    thread->faults += 1;
    thread->fault_began = bpf_ktime_get_ns();
    if (thread->wants & VN_BPF_FAULTS)
        count(thread, gpa >> (settings->granule_shift & 63),
              error_code & PFERR_WRITE_MASK ? VN_BPF_WRITE : VN_BPF_READ);
    return 0;
}

SEC("fexit/kvm_mmu_page_fault")
int
vn_fault_ends(void *arguments)
{
    struct vn_bpf_control *settings;
    struct vn_bpf_thread *thread = watched_thread(&settings);
    if (!thread || thread->fault_began == 0)
        return 0;
    thread->fault_ns += bpf_ktime_get_ns() - thread->fault_began;
    thread->fault_began = 0;
    return 0;
}
