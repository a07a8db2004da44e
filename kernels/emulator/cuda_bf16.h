// The emulator's <cuda_bf16.h>: bfloat16 and its pair.
#pragma once

#include "small_float_types.h"

EMULATOR_SMALL_FLOAT(__nv_bfloat16, __nv_bfloat162, bfloat16, to_bfloat16, from_bfloat16)
using nv_bfloat16 = __nv_bfloat16;
using nv_bfloat162 = __nv_bfloat162;
