/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libFuzzer calls; each fuzz-TARGET.c defines it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/**
 * LLVMFuzzerTestOneInput: aborts when @size bytes of @data break a promise. Returns:
 * 0.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
