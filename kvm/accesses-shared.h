/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What accesses.bpf.c and accesses.c share: keys and values of the maps between them.
 * Structures have no padding: the kernel compares keys byte by byte. Whoever includes
 * this has __u16, __u32 and __u64.
 */
#pragma once

/* What a window wants counted. */
#define VN_BPF_WRITES 1u /* pages that the dirty log takes in */
#define VN_BPF_FAULTS 2u /* second-stage faults */

#define VN_BPF_READ 0u
#define VN_BPF_WRITE 1u

/* vCPU threads that are watched at once, of all guests. */
#define VN_BPF_THREADS_MAX 16384u
#define VN_BPF_SLOTS_MAX 8192u

/* The one entry of the map "control". */
struct vn_bpf_control {
    __u32 n_windows; /* open; 0: nothing is counted */
    __u32 page_shift;
    __u32 granule_shift;
    __u32 unused;
};

/* Map "threads", by thread id: vCPU threads of guests that have a window open. */
struct vn_bpf_thread {
    __u32 window;
    __u16 vcpu;
    __u16 wants;
    __u64 faults;      /* second-stage faults of any cause */
    __u64 fault_ns;    /* what they took */
    __u64 fault_began; /* 0: none is being handled */
    __u64 lost;        /* accesses that found the map of counts full */
    __u64 slot_gfn;    /* of the slot that was learnt last */
    __u32 slot;
    __u32 has_slot;
};

/* Map "counts", to __u64. */
struct vn_bpf_count_key {
    __u64 granule;
    __u32 window;
    __u16 vcpu;
    __u16 write;
};

/* Map "slots". */
struct vn_bpf_slot_key {
    __u32 window;
    __u32 slot; /* address space << 16 | number, as in the dirty ring */
};

struct vn_bpf_slot {
    __u64 gfn;
    __u64 pages;
    __u64 hva;
};
