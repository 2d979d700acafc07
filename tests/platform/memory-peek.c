/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory-peek DOMAIN GPA PID ADDRESS: reading a guest's physical memory through libvirt
 * (virDomainMemoryPeek with VIR_MEMORY_PHYSICAL, see libvirt's libvirt-domain.html) gives
 * what lies at the matching address of QEMU (man 2 process_vm_readv), and does not taint
 * the domain. The page must not change meanwhile; memory-peek.sh sees to a guest that has
 * one.
 */
#include "platform.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

static int
taints(virDomainPtr domain)
{
    char **messages = NULL;
    int count = virDomainGetMessages(domain, &messages, VIR_DOMAIN_MESSAGE_TAINTING);

    for (int i = 0; i < count; i++) {
        platform_note("taint: %s", messages[i]);
        free(messages[i]);
    }
    free(messages);
    return count;
}

int
main(int argc, char **argv)
{
    char peeked[PLATFORM_PAGE];
    char read[PLATFORM_PAGE];
    struct iovec here = {read, sizeof(read)};
    struct iovec there = {NULL, sizeof(read)};
    virConnectPtr connection;
    virDomainPtr domain;

    platform_require(argc == 5, "usage: memory-peek DOMAIN GPA PID ADDRESS");
    connection = virConnectOpen(NULL);
    platform_require(connection, "libvirt");
    domain = virDomainLookupByName(connection, argv[1]);
    platform_require(domain, argv[1]);
    there.iov_base = (void *) (uintptr_t) strtoull(argv[4], NULL, 0);
    platform_require(process_vm_readv(atoi(argv[3]), &here, 1, &there, 1, 0) ==
                         sizeof(read),
                     "process_vm_readv");
    platform_fact(virDomainMemoryPeek(domain, strtoull(argv[2], NULL, 0), sizeof(peeked),
                                      peeked, VIR_MEMORY_PHYSICAL) == 0,
                  "libvirt reads guest-physical memory");
    platform_fact(memcmp(peeked, read, sizeof(read)) == 0,
                  "it is what QEMU has mapped there, all of the page");
    platform_fact(taints(domain) == 0, "reading does not taint the domain");
    virDomainFree(domain);
    virConnectClose(connection);
    return platform_end();
}
