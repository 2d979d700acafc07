/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The mapping of libvirt's error codes. */
#include "virt/virt-error.h"

#include <libvirt/virterror.h>

/*
 * libvirt reports what a system call said: its errno is in int1
 * (virReportSystemError).
 */
static VnErrorCode
code_of_system_error(const virError *last)
{
    if (last->domain == VIR_FROM_RPC || last->domain == VIR_FROM_REMOTE ||
        last->int1 <= 0)
        return VN_ERROR_BUSY;
    g_autoptr(GError) mapped = NULL;
    vn_error_set_errno(&mapped, last->int1, "libvirt");
    return (VnErrorCode) mapped->code;
}

static VnErrorCode
code_of(const virError *last)
{
    switch (last->code) {
    case VIR_ERR_NO_DOMAIN:
    case VIR_ERR_INVALID_DOMAIN:
        return VN_ERROR_GONE;
    case VIR_ERR_AUTH_FAILED:
    case VIR_ERR_AUTH_CANCELLED:
    case VIR_ERR_AUTH_UNAVAILABLE:
    case VIR_ERR_ACCESS_DENIED:
    case VIR_ERR_OPERATION_DENIED:
        return VN_ERROR_REFUSED;
    case VIR_ERR_RPC:
    case VIR_ERR_NO_CONNECT:
    case VIR_ERR_INVALID_CONN:
    case VIR_ERR_OPERATION_TIMEOUT:
    case VIR_ERR_OPERATION_ABORTED:
    case VIR_ERR_OPERATION_INVALID:
    case VIR_ERR_RESOURCE_BUSY:
        return VN_ERROR_BUSY;
    case VIR_ERR_SYSTEM_ERROR:
        return code_of_system_error(last);
    case VIR_ERR_NO_SUPPORT:
    case VIR_ERR_CONFIG_UNSUPPORTED:
    case VIR_ERR_ARGUMENT_UNSUPPORTED:
    case VIR_ERR_OPERATION_UNSUPPORTED:
        return VN_ERROR_UNSUPPORTED;
    case VIR_ERR_INVALID_ARG:
    case VIR_ERR_XML_ERROR:
    case VIR_ERR_XML_DETAIL:
    case VIR_ERR_XML_INVALID_SCHEMA:
    case VIR_ERR_OVERFLOW:
        return VN_ERROR_INVALID;
    default:
        return VN_ERROR_FAILED;
    }
}

void
vn_virt_error_set(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *tried = g_strdup_vprintf(format, arguments);
    va_end(arguments);

    const virError *last = virGetLastError();
    VnErrorCode code = last ? code_of(last) : VN_ERROR_FAILED;
    g_autofree char *message = g_utf8_make_valid(
        last && last->message ? last->message : "libvirt does not say why", -1);
    g_strdelimit(g_strchomp(message), "\n\r", ' ');
    g_set_error(error, VN_ERROR, (gint) code, "%s: %s", tried, message);
}
