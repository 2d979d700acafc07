/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose a granule is: what follows from its accessors alone. */
#include "model/heat.h"

VnHeatOwner
vn_heat_owner(const VnHeatGranule *granule, guint *ret_cell)
{
    guint cell = 0;
    double most = 0;
    for (guint i = 0; i < granule->n_accessors; i++) {
        double rate = 0;
        for (guint k = 0; k < granule->n_accessors; k++) {
            if (granule->accessors[k].cell == granule->accessors[i].cell)
                rate += granule->accessors[k].rate;
        }
        if (rate <= most)
            continue;
        most = rate;
        cell = granule->accessors[i].cell;
    }
    if (ret_cell)
        *ret_cell = cell;
    if (granule->n_accessors > 0 && granule->accessors[0].vcpu >= 0 &&
        granule->accessors[0].rate >= VN_HEAT_PRIVATE_SHARE * granule->rate)
        return VN_HEAT_PRIVATE_VCPU;
    return most > 0 && most >= VN_HEAT_PRIVATE_SHARE * granule->rate
               ? VN_HEAT_PRIVATE_CELL
               : VN_HEAT_SHARED;
}

const char *
vn_heat_owner_name(VnHeatOwner owner)
{
    static const char *const names[] = {
        [VN_HEAT_PRIVATE_VCPU] = "vcpu",
        [VN_HEAT_PRIVATE_CELL] = "cell",
        [VN_HEAT_SHARED] = "shared",
    };
    return names[owner];
}
