/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Figures and sets as text. */
#include "model/text.h"

#include <string.h>

char *
vn_text_bytes(guint64 bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024)
        return g_strdup_printf("%" G_GUINT64_FORMAT " B", bytes);
    double value = (double) bytes / 1024;
    gsize unit = 0;
    /* 1023.95 would be shown as 1024.0 of the smaller unit. */
    for (; value >= 1023.95 && unit + 1 < G_N_ELEMENTS(units); unit++)
        value /= 1024;
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(number, sizeof(number), "%.1f", value);
    return g_strdup_printf("%s %s", number, units[unit]);
}

char *
vn_text_host_nodes(const VnIdSet *nodes)
{
    g_autofree char *list = vn_idset_format(nodes);
    return g_strdup_printf("host node%s %s", vn_idset_count(nodes) == 1 ? "" : "s", list);
}

char *
vn_text_vcpus(const VnIdSet *vcpus)
{
    g_autofree char *list = vn_idset_format(vcpus);
    const char *several = vn_idset_count(vcpus) == 1 ? "" : "s";
    char *last = strrchr(list, ',');
    if (!last)
        return g_strdup_printf("vCPU%s %s", several, list);
    *last = '\0';
    g_auto(GStrv) items = g_strsplit(list, ",", -1);
    g_autofree char *first = g_strjoinv(", ", items);
    return g_strdup_printf("vCPU%s %s and %s", several, first, last + 1);
}
