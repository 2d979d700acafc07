/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one error domain, and errno mapped to it. Nothing else maps errno. */
#include "model/error.h"

#include <errno.h>

GQuark
vn_error_quark(void)
{
    return g_quark_from_static_string("vn-error-quark");
}

const char *
vn_error_code_name(VnErrorCode code)
{
    switch (code) {
    case VN_ERROR_INVALID:
        return "invalid";
    case VN_ERROR_UNSUPPORTED:
        return "unsupported";
    case VN_ERROR_GONE:
        return "gone";
    case VN_ERROR_BUSY:
        return "busy";
    case VN_ERROR_REFUSED:
        return "refused";
    case VN_ERROR_FAILED:
        return "failed";
    }
    g_assert_not_reached();
}

static VnErrorCode
code_of_errno(int errsv)
{
    switch (errsv) {
    case ESRCH:
    case ENOENT:
    case ENODEV:
        return VN_ERROR_GONE;
    case EPERM:
    case EACCES:
        return VN_ERROR_REFUSED;
    case EAGAIN:
    case EBUSY:
    case EINTR:
    case ETIMEDOUT:
        return VN_ERROR_BUSY;
    case ENOSYS:
    case ENOTSUP:
        return VN_ERROR_UNSUPPORTED;
    case EINVAL:
    case ENAMETOOLONG:
        return VN_ERROR_INVALID;
    default:
        return VN_ERROR_FAILED;
    }
}

void
vn_error_set_errno(GError **error, int errsv, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *tried = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, VN_ERROR, (gint) code_of_errno(errsv), "%s: %s", tried,
                g_strerror(errsv));
}
