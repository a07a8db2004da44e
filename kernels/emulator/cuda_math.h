// CUDA's mathematical functions of float and double, in CUDA's types.
//
// Most are the host's: <math.h>, in C++, has an overload for float beside that for double. It also
// takes integers, and a float with a double, as nvcc does and NVRTC does not. (<cmath> alone leaves
// C's functions in the global namespace, where abs(-0.5f) is abs(int).) Fast functions, such as __expf, have exact values here; a GPU's
// differ in the last bits, and more far from zero.
#pragma once

#include <cfenv>
#include <cfloat>
#include <limits>
#include <type_traits>

#include <math.h>
#include <stdlib.h>

// ------------------------------------------------------------------------- what C++ does not have

// Names that some hosts' <math.h> has, too.
#define exp10 emulator_exp10
#define exp10f emulator_exp10f
#define rsqrt emulator_rsqrt
#define rsqrtf emulator_rsqrtf
#define sinpi emulator_sinpi
#define sinpif emulator_sinpif
#define cospi emulator_cospi
#define cospif emulator_cospif
#define sincos emulator_sincos
#define sincosf emulator_sincosf

namespace emulator {

constexpr double pi = 3.14159265358979323846;

// sin and cos of pi x, exact where the result is 0, 1/2 or 1: the argument is reduced before it is
// multiplied.
inline double sin_pi(double x) {
  if (!isfinite(x)) return x - x;
  const double rest = remainder(x, 2.0);  // in [-1, 1]
  if (fabs(rest) == 1.0 || rest == 0.0) return copysign(0.0, x);
  if (fabs(rest) <= 0.25) return sin(pi * rest);
  if (fabs(rest) >= 0.75) return sin(pi * (copysign(1.0, rest) - rest));
  return copysign(cos(pi * (fabs(rest) - 0.5)), rest);
}
inline double cos_pi(double x) {
  if (!isfinite(x)) return x - x;
  const double rest = fabs(remainder(x, 2.0));  // in [0, 1]
  if (rest == 0.5) return 0.0;
  if (rest <= 0.25) return cos(pi * rest);
  if (rest >= 0.75) return -cos(pi * (1.0 - rest));
  return sin(pi * (0.5 - rest));
}

// e^(x^2) erfc(x); beyond 25 by the first terms of its expansion in 1 / x^2.
inline double scaled_erfc(double x) {
  if (x < 25.0) return static_cast<double>(expl(static_cast<long double>(x) * x) *
                                           erfcl(static_cast<long double>(x)));
  const double t = 0.5 / x / x;
  return (1.0 - t * (1.0 - 3.0 * t * (1.0 - 5.0 * t))) / x / 1.7724538509055160273;
}

// The x with erfc(x) = p, by Newton's steps for ln erfc, whose curve is almost a parabola.
inline double inverse_erfc(double p) {
  if (!(p >= 0.0 && p <= 2.0)) return std::numeric_limits<double>::quiet_NaN();
  if (p == 0.0 || p == 2.0) return p == 0.0 ? HUGE_VAL : -HUGE_VAL;
  if (p > 1.0) return -inverse_erfc(2.0 - p);
  long double x = p > 0.5 ? (1.0L - p) * 0.8862269254527580L : sqrtl(-logl(p * 1.5L));
  for (int i = 0; i < 40; i++) {
    const long double value = erfcl(x), slope = -1.1283791670955126L * expl(-x * x);
    const long double step = p > 0.5 ? (value - p) / slope : value * logl(value / p) / slope;
    x -= step;
    if (fabsl(step) <= 1e-19L * fabsl(x)) break;
  }
  return static_cast<double>(x);
}
inline double inverse_erf(double x) {
  if (fabs(x) > 0.5) return copysign(inverse_erfc(1.0 - fabs(x)), x);
  long double y = x * 0.8862269254527580L;
  for (int i = 0; i < 40 && x != 0.0; i++) {
    const long double step = (erfl(y) - x) / (1.1283791670955126L * expl(-y * y));
    y -= step;
    if (fabsl(step) <= 1e-19L * fabsl(y)) break;
  }
  return x == 0.0 || x != x ? x : static_cast<double>(y);
}
inline double normal_cdf(double x) { return 0.5 * erfc(x * -0.70710678118654752440); }
inline double inverse_normal_cdf(double p) {
  return p == 0.5 ? 0.0 : -1.4142135623730950488 * inverse_erfc(2.0 * p);
}

}  // namespace emulator

// CUDA's return int.
#define EMULATOR_TEST(name)                               \
  inline int emulator_##name(float x) { return name(x); } \
  inline int emulator_##name(double x) { return name(x); }
EMULATOR_TEST(isnan)
EMULATOR_TEST(isinf)
EMULATOR_TEST(isfinite)
EMULATOR_TEST(signbit)
#define isnan emulator_isnan
#define isinf emulator_isinf
#define isfinite emulator_isfinite
#define signbit emulator_signbit

// A function of one number: name for both types and for integers, and namef.
#define EMULATOR_UNARY(name, value) EMULATOR_UNARY_OF(name, name##f, value)
#define EMULATOR_UNARY_OF(name, namef, value)                                          \
  inline double name(double x) { return value; }                                       \
  inline float namef(float f) { const double x = f; return static_cast<float>(value); } \
  inline float name(float f) { return namef(f); }                                      \
  template <class T>                                                                   \
  inline std::enable_if_t<std::is_integral_v<T>, double> name(T x) {                   \
    return name(static_cast<double>(x));                                               \
  }
EMULATOR_UNARY(rsqrt, 1.0 / sqrt(x))
EMULATOR_UNARY(rcbrt, 1.0 / cbrt(x))
EMULATOR_UNARY(sinpi, emulator::sin_pi(x))
EMULATOR_UNARY(cospi, emulator::cos_pi(x))
EMULATOR_UNARY(erfcx, emulator::scaled_erfc(x))
EMULATOR_UNARY(erfinv, emulator::inverse_erf(x))
EMULATOR_UNARY(erfcinv, emulator::inverse_erfc(x))
EMULATOR_UNARY(normcdf, emulator::normal_cdf(x))
EMULATOR_UNARY(normcdfinv, emulator::inverse_normal_cdf(x))

EMULATOR_UNARY(exp10, static_cast<double>(powl(10.0L, x)))

namespace emulator {
inline double norm(double a, double b, double c, double d) {
  return static_cast<double>(hypotl(hypotl(a, b), hypotl(c, d)));
}
}  // namespace emulator
inline float norm3df(float a, float b, float c) {
  return static_cast<float>(emulator::norm(a, b, c, 0));
}
inline double norm3d(double a, double b, double c) { return emulator::norm(a, b, c, 0); }
inline float norm4df(float a, float b, float c, float d) {
  return static_cast<float>(emulator::norm(a, b, c, d));
}
inline double norm4d(double a, double b, double c, double d) { return emulator::norm(a, b, c, d); }
inline float rnorm3df(float a, float b, float c) {
  return static_cast<float>(1.0 / emulator::norm(a, b, c, 0));
}
inline double rnorm3d(double a, double b, double c) { return 1.0 / emulator::norm(a, b, c, 0); }
inline float rhypotf(float a, float b) { return static_cast<float>(1.0 / hypot(double(a), b)); }
inline double rhypot(double a, double b) { return 1.0 / hypot(a, b); }
inline float rhypot(float a, float b) { return rhypotf(a, b); }
inline float fdividef(float x, float y) { return x / y; }
inline void sincospif(float x, float* s, float* c) { *s = sinpif(x); *c = cospif(x); }
inline void sincospi(double x, double* s, double* c) { *s = sinpi(x); *c = cospi(x); }
inline void sincosf(float x, float* s, float* c) { *s = sinf(x); *c = cosf(x); }
inline void sincos(float x, float* s, float* c) { sincosf(x, s, c); }
inline void sincos(double x, double* s, double* c) { *s = sin(x); *c = cos(x); }

// CUDA's overloads, which are not C++'s: what is not listed is ambiguous, as with NVIDIA's compiler.
// Of a NaN and a number the number is returned.
#define EMULATOR_MIN_MAX(result, A, B)                                                        \
  inline result min(A a, B b) {                                                               \
    return static_cast<result>(a) < static_cast<result>(b) ? static_cast<result>(a)           \
                                                           : static_cast<result>(b);          \
  }                                                                                           \
  inline result max(A a, B b) {                                                               \
    return static_cast<result>(a) > static_cast<result>(b) ? static_cast<result>(a)           \
                                                           : static_cast<result>(b);          \
  }
#define EMULATOR_MIN_MAX_BOTH(S, U) \
  EMULATOR_MIN_MAX(S, S, S)         \
  EMULATOR_MIN_MAX(U, U, U)         \
  EMULATOR_MIN_MAX(U, S, U)         \
  EMULATOR_MIN_MAX(U, U, S)
EMULATOR_MIN_MAX_BOTH(int, unsigned int)
EMULATOR_MIN_MAX_BOTH(long, unsigned long)
EMULATOR_MIN_MAX_BOTH(long long, unsigned long long)
#define EMULATOR_FLOAT_MIN_MAX(result, A, B)                        \
  inline result min(A a, B b) { return fmin(result(a), result(b)); } \
  inline result max(A a, B b) { return fmax(result(a), result(b)); }
EMULATOR_FLOAT_MIN_MAX(float, float, float)
EMULATOR_FLOAT_MIN_MAX(double, double, double)
EMULATOR_FLOAT_MIN_MAX(double, float, double)
EMULATOR_FLOAT_MIN_MAX(double, double, float)

// ------------------------------------------------------------------------------- fast functions

inline float __expf(float x) { return expf(x); }
inline float __exp10f(float x) { return exp10f(x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __log10f(float x) { return log10f(x); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __tanf(float x) { return tanf(x); }
inline void __sincosf(float x, float* s, float* c) { *s = sinf(x); *c = cosf(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __saturatef(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }
inline float __frsqrt_rn(float x) { return rsqrtf(x); }

// --------------------------------------------------------------- arithmetic with a given rounding

namespace emulator {
// The result of `compute` while the host rounds so. The operands go through volatile variables, so
// that nothing is computed before or after.
template <int mode, class T, class F>
T rounded(F compute, T a, T b = T(), T c = T()) {
  volatile T x = a, y = b, z = c;
  const int outer = fegetround();
  fesetround(mode);
  volatile T result = compute(x, y, z);
  fesetround(outer);
  return result;
}
}  // namespace emulator

#define EMULATOR_ROUNDED(prefix, T, suffix, mode)                                                  \
  inline T __##prefix##add_##suffix(T a, T b) {                                                    \
    return emulator::rounded<mode, T>([](T x, T y, T) { return x + y; }, a, b);                    \
  }                                                                                                \
  inline T __##prefix##sub_##suffix(T a, T b) {                                                    \
    return emulator::rounded<mode, T>([](T x, T y, T) { return x - y; }, a, b);                    \
  }                                                                                                \
  inline T __##prefix##mul_##suffix(T a, T b) {                                                    \
    return emulator::rounded<mode, T>([](T x, T y, T) { return x * y; }, a, b);                    \
  }                                                                                                \
  inline T __##prefix##div_##suffix(T a, T b) {                                                    \
    return emulator::rounded<mode, T>([](T x, T y, T) { return x / y; }, a, b);                    \
  }                                                                                                \
  inline T __##prefix##rcp_##suffix(T a) { return __##prefix##div_##suffix(T(1), a); }             \
  inline T __##prefix##sqrt_##suffix(T a) {                                                        \
    return emulator::rounded<mode, T>([](T x, T, T) { return sqrt(x); }, a);                       \
  }
#define EMULATOR_ROUNDINGS(prefix, T)              \
  EMULATOR_ROUNDED(prefix, T, rn, FE_TONEAREST)    \
  EMULATOR_ROUNDED(prefix, T, rz, FE_TOWARDZERO)   \
  EMULATOR_ROUNDED(prefix, T, ru, FE_UPWARD)       \
  EMULATOR_ROUNDED(prefix, T, rd, FE_DOWNWARD)
EMULATOR_ROUNDINGS(f, float)
EMULATOR_ROUNDINGS(d, double)
#define EMULATOR_FMA(suffix, mode)                                                           \
  inline float __fmaf_##suffix(float a, float b, float c) {                                  \
    return emulator::rounded<mode, float>(                                                   \
        [](float x, float y, float z) { return fmaf(x, y, z); }, a, b, c);                   \
  }                                                                                          \
  inline double __fma_##suffix(double a, double b, double c) {                               \
    return emulator::rounded<mode, double>(                                                  \
        [](double x, double y, double z) { return fma(x, y, z); }, a, b, c);                 \
  }
EMULATOR_FMA(rn, FE_TONEAREST)
EMULATOR_FMA(rz, FE_TOWARDZERO)
EMULATOR_FMA(ru, FE_UPWARD)
EMULATOR_FMA(rd, FE_DOWNWARD)
