// The emulator's <cuda_fp16.h>: half and half2.
#pragma once

#include "small_float_types.h"

EMULATOR_SMALL_FLOAT(__half, __half2, half, to_float16, from_float16)
using half = __half;
using half2 = __half2;
