/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pins of a guest, compared with what our steps found and left. */
#include "daemon/foreign.h"

#include "model/dict.h"

#include <string.h>

#define VCPU "vcpu "

typedef struct {
    const VnGuest *guest;
    VnIdSet *touched; /* vCPUs that we pinned, and that may be somebody else's */
    VnIdSet *known;   /* as we found or left them */
    gboolean emulator_touched;
    gboolean emulator_known;
} Search;

static gboolean
is_in(GVariant *record, const char *key, const VnIdSet *pinned)
{
    g_autoptr(GVariant) list = g_variant_lookup_value(record, key, NULL);
    g_autoptr(VnIdSet) cpus = vn_dict_read_idset(list);
    return vn_idset_equal(cpus, pinned);
}

/* Whether @pinned is what the step found, or what it left behind. */
static gboolean
had(GVariant *record, const VnIdSet *pinned)
{
    return is_in(record, "after", pinned) || is_in(record, "before", pinned);
}

static void
compare(GVariant *record, gpointer data)
{
    Search *search = data;
    const VnGuest *guest = search->guest;
    const VnVcpu *vcpu = NULL;
    const char *target = "";
    g_variant_lookup(record, "target", "&s", &target);
    if (strcmp(target, "emulator") == 0 && guest->emulator_pinned) {
        search->emulator_touched = TRUE;
        search->emulator_known |= had(record, guest->emulator_pinned);
    } else if (g_str_has_prefix(target, VCPU)) {
        guint64 id = g_ascii_strtoull(target + strlen(VCPU), NULL, 10);
        vcpu = vn_guest_find_vcpu(guest, (guint) MIN(id, VN_ID_MAX));
    }
    if (!vcpu || !vcpu->pinned || vcpu->pin_is_ours)
        return;
    vn_idset_add(search->touched, vcpu->id);
    if (had(record, vcpu->pinned))
        vn_idset_add(search->known, vcpu->id);
}

VnIdSet *
vn_foreign_pins(const VnLedger *ledger, const VnGuest *guest, gboolean *ret_emulator)
{
    g_autoptr(VnIdSet) known = vn_idset_new();
    VnIdSet *touched = vn_idset_new();
    Search search = {.guest = guest, .touched = touched, .known = known};
    vn_ledger_foreach_done(ledger, guest, compare, &search);
    *ret_emulator = search.emulator_touched && !search.emulator_known;
    vn_idset_remove_all(touched, known);
    return touched;
}
