// Thin wrappers of the PTX instructions that kernels use beyond CUDA C++, one instruction each.
//
// Sources: the PTX ISA manual, sections "cp.async", "ldmatrix", "mma" and "cvt"; fragment layouts
// are those of "Matrix Fragments for mma.m16n8k8" and "... for mma.m16n8k16". On a CPU the same
// names come from emulator/ptx.h; tests/test_ptx.py runs these, from the compiler's PTX.
#pragma once

#ifdef TINYGAN_EMULATOR
#include "ptx.h"
#else

namespace ptx {

__device__ __forceinline__ unsigned shared_address(const void* pointer) {
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}

// Copies 4, 8 or 16 bytes from global to shared memory without a register, aligned to as many.
// When not valid, zeros are written and nothing is read.
template <int bytes>
__device__ __forceinline__ void cp_async(void* shared, const void* global, bool valid = true) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  const int read = valid ? bytes : 0;
  if constexpr (bytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(shared)),
                 "l"(global), "r"(read) : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;\n" ::"r"(shared_address(shared)),
                 "l"(global), "n"(bytes), "r"(read) : "memory");
  }
}

// Closes a group of copies.
__device__ __forceinline__ void cp_async_commit() {
  asm volatile("cp.async.commit_group;\n" ::: "memory");
}

// Waits until at most `groups` of this thread's groups are still on their way. Other threads see
// the data after a barrier.
template <int groups>
__device__ __forceinline__ void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(groups) : "memory");
}

// Loads four 8x8 matrices of 16-bit values. Lane 8 i + r gives the address of row r of matrix i;
// registers[i] then holds elements (lane / 4, 2 (lane % 4) + {0, 1}) of matrix i.
__device__ __forceinline__ void ldmatrix(unsigned (&registers)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(shared_address(row)) : "memory");
}

// The same of the transposed matrices: elements (2 (lane % 4) + {0, 1}, lane / 4).
__device__ __forceinline__ void ldmatrix_transposed(unsigned (&registers)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(shared_address(row)) : "memory");
}

// Rounds to the nearest tf32 (10 bits of mantissa), ties away from zero.
__device__ __forceinline__ unsigned to_tf32(float x) {
  unsigned result;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(result) : "f"(x));
  return result;
}

// Two values, rounded to the nearest (ties to even), the first in the lower half.
__device__ __forceinline__ unsigned pack_bf16(float low, float high) {
  unsigned result;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
  return result;
}
__device__ __forceinline__ unsigned pack_f16(float low, float high) {
  unsigned result;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
  return result;
}

// d += a b for a 16x8 tile d, by one warp. With group = lane / 4 and member = lane % 4:
//   d[i]: row group + 8 (i / 2), column 2 member + i % 2
// and, for tf32 (a 16x8, b 8x8):
//   a[i]: row group + 8 (i % 2), column member + 4 (i / 2);   b[i]: row member + 4 i, column group
// for bf16 and f16 (a 16x16, b 16x8), each register two neighbouring columns of a, rows of b:
//   a[i]: row group + 8 (i % 2), columns 2 member + 8 (i / 2) + {0, 1}
//   b[i]: rows 2 member + 8 i + {0, 1}, column group
__device__ __forceinline__ void mma_tf32(float (&d)[4], const unsigned (&a)[4],
                                         const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ __forceinline__ void mma_bf16(float (&d)[4], const unsigned (&a)[4],
                                         const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ __forceinline__ void mma_f16(float (&d)[4], const unsigned (&a)[4],
                                        const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

}  // namespace ptx

#endif
