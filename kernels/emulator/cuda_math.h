// CUDA's functions of float and double, with CUDA's overloads and none besides: what is computed
// from a float is a float, and a call for which NVRTC finds two candidates, as exp(1), does not
// compile here either.
//
// Values are the host library's, within an ulp or two: as exact as CUDA's or better. That holds for
// the fast functions, too (__expf, __fdividef and their like, at the end): a GPU's are off by more.
#pragma once

#include <cmath>
#include <cstdlib>
#include <limits>
#include <type_traits>

// What follows takes the place of these headers' overloads in the global namespace.
#ifndef _GLIBCXX_INCLUDE_NEXT_C_HEADERS
#define _GLIBCXX_INCLUDE_NEXT_C_HEADERS
#endif

// Functions that write through pointers are inlined, so that the kernel's line is seen to write.
#define EMULATOR_INLINE inline __attribute__((always_inline))
// In place of a function that the host's library declares.
#define EMULATOR_REPLACES extern "C" inline __attribute__((always_inline, gnu_inline))

// --------------------------------------------------------------- overloads of the host's functions

#define EMULATOR_UNARY(name) \
  inline float name(float x) noexcept { return name##f(x); }
EMULATOR_UNARY(acos) EMULATOR_UNARY(acosh) EMULATOR_UNARY(asin) EMULATOR_UNARY(asinh)
EMULATOR_UNARY(atan) EMULATOR_UNARY(atanh) EMULATOR_UNARY(cbrt) EMULATOR_UNARY(ceil)
EMULATOR_UNARY(cos) EMULATOR_UNARY(cosh) EMULATOR_UNARY(erf) EMULATOR_UNARY(erfc)
EMULATOR_UNARY(exp) EMULATOR_UNARY(exp10) EMULATOR_UNARY(exp2) EMULATOR_UNARY(expm1)
EMULATOR_UNARY(fabs) EMULATOR_UNARY(floor) EMULATOR_UNARY(j0) EMULATOR_UNARY(j1)
EMULATOR_UNARY(lgamma) EMULATOR_UNARY(log) EMULATOR_UNARY(log10) EMULATOR_UNARY(log1p)
EMULATOR_UNARY(log2) EMULATOR_UNARY(logb) EMULATOR_UNARY(nearbyint) EMULATOR_UNARY(rint)
EMULATOR_UNARY(round) EMULATOR_UNARY(sin) EMULATOR_UNARY(sinh) EMULATOR_UNARY(sqrt)
EMULATOR_UNARY(tan) EMULATOR_UNARY(tanh) EMULATOR_UNARY(tgamma) EMULATOR_UNARY(trunc)
EMULATOR_UNARY(y0) EMULATOR_UNARY(y1)

namespace emulator {
// Whether floats and doubles, and nothing else, are mixed.
template <class... T>
constexpr bool mixed = ((std::is_same_v<T, float> || std::is_same_v<T, double>) && ...) &&
                       (std::is_same_v<T, float> || ...) && (std::is_same_v<T, double> || ...);
}  // namespace emulator

// Of a float and a double, g++ would take the function of doubles; NVRTC calls that ambiguous.
#define EMULATOR_AMBIGUOUS(name)                                            \
  template <class A, class B, class = std::enable_if_t<emulator::mixed<A, B>>> \
  double name(A, B) = delete;
#define EMULATOR_BINARY(name)                                               \
  inline float name(float x, float y) noexcept { return name##f(x, y); }    \
  EMULATOR_AMBIGUOUS(name)
EMULATOR_BINARY(atan2) EMULATOR_BINARY(fdim) EMULATOR_BINARY(fmod) EMULATOR_BINARY(hypot)
EMULATOR_BINARY(nextafter) EMULATOR_BINARY(pow) EMULATOR_BINARY(remainder)

inline float copysign(float x, float y) noexcept { return copysignf(x, y); }
inline double copysign(double x, float y) noexcept { return copysign(x, static_cast<double>(y)); }
inline double copysign(float x, double y) noexcept { return copysign(static_cast<double>(x), y); }
inline double pow(double x, int n) noexcept { return pow(x, static_cast<double>(n)); }
inline float pow(float x, int n) noexcept { return static_cast<float>(pow(double(x), n)); }
inline float fma(float x, float y, float z) noexcept { return fmaf(x, y, z); }
template <class A, class B, class C, class = std::enable_if_t<emulator::mixed<A, B, C>>>
double fma(A, B, C) = delete;
inline float jn(int n, float x) noexcept { return jnf(n, x); }
inline float yn(int n, float x) noexcept { return ynf(n, x); }
inline float ldexp(float x, int n) noexcept { return ldexpf(x, n); }
inline float scalbn(float x, int n) noexcept { return scalbnf(x, n); }
inline float scalbln(float x, long n) noexcept { return scalblnf(x, n); }
inline int ilogb(float x) noexcept { return ilogbf(x); }
inline long lrint(float x) noexcept { return lrintf(x); }
inline long lround(float x) noexcept { return lroundf(x); }
inline long long llrint(float x) noexcept { return llrintf(x); }
inline long long llround(float x) noexcept { return llroundf(x); }

inline float abs(float x) noexcept { return fabsf(x); }
inline double abs(double x) noexcept { return fabs(x); }
inline long abs(long x) noexcept { return labs(x); }
inline long long abs(long long x) noexcept { return llabs(x); }

#define EMULATOR_CLASSIFY(T)                                                \
  inline int isnan(T x) noexcept { return __builtin_isnan(x); }             \
  inline int isinf(T x) noexcept { return __builtin_isinf_sign(x) != 0; }   \
  inline int isfinite(T x) noexcept { return __builtin_isfinite(x); }       \
  inline int signbit(T x) noexcept { return __builtin_signbit(x) != 0; }
EMULATOR_CLASSIFY(float)
EMULATOR_CLASSIFY(double)
EMULATOR_CLASSIFY(long double)

#define EMULATOR_THROUGH_POINTERS(T, suffix)                                              \
  EMULATOR_REPLACES T frexp##suffix(T x, int* exponent) noexcept {                        \
    int n;                                                                                \
    const T fraction = __builtin_frexp##suffix(x, &n);                                    \
    *exponent = n;                                                                        \
    return fraction;                                                                      \
  }                                                                                       \
  EMULATOR_REPLACES T modf##suffix(T x, T* whole) noexcept {                              \
    const T integer = trunc##suffix(x);                                                   \
    *whole = integer;                                                                     \
    return copysign##suffix(__builtin_isinf_sign(x) ? T(0) : x - integer, x);             \
  }                                                                                       \
  EMULATOR_REPLACES T remquo##suffix(T x, T y, int* quotient) noexcept {                  \
    int n;                                                                                \
    const T rest = __builtin_remquo##suffix(x, y, &n);                                    \
    *quotient = n;                                                                        \
    return rest;                                                                          \
  }                                                                                       \
  EMULATOR_REPLACES void sincos##suffix(T x, T* sine, T* cosine) noexcept {               \
    *sine = sin##suffix(x);                                                               \
    *cosine = cos##suffix(x);                                                             \
  }
EMULATOR_THROUGH_POINTERS(float, f)
EMULATOR_THROUGH_POINTERS(double, )
EMULATOR_INLINE float frexp(float x, int* exponent) noexcept { return frexpf(x, exponent); }
EMULATOR_INLINE float modf(float x, float* whole) noexcept { return modff(x, whole); }
EMULATOR_INLINE float remquo(float x, float y, int* quotient) noexcept {
  return remquof(x, y, quotient);
}
double remquo(float, double, int*) = delete;
double remquo(double, float, int*) = delete;
EMULATOR_INLINE void sincos(float x, float* sine, float* cosine) noexcept {
  sincosf(x, sine, cosine);
}

// --------------------------------------------------------------------------- minimum and maximum

namespace emulator {
// The argument that is no NaN, if one is; -0 is less than 0.
template <class T>
T smaller(T a, T b) {
  if (a != a || b != b) return a != a ? b : a;
  return a < b || (a == b && __builtin_signbit(a)) ? a : b;
}
template <class T>
T larger(T a, T b) {
  if (a != a || b != b) return a != a ? b : a;
  return a > b || (a == b && !__builtin_signbit(a)) ? a : b;
}
}  // namespace emulator

EMULATOR_REPLACES float fminf(float a, float b) noexcept { return emulator::smaller(a, b); }
EMULATOR_REPLACES float fmaxf(float a, float b) noexcept { return emulator::larger(a, b); }
EMULATOR_REPLACES double fmin(double a, double b) noexcept { return emulator::smaller(a, b); }
EMULATOR_REPLACES double fmax(double a, double b) noexcept { return emulator::larger(a, b); }
inline float fmin(float a, float b) noexcept { return fminf(a, b); }
inline float fmax(float a, float b) noexcept { return fmaxf(a, b); }
EMULATOR_AMBIGUOUS(fmin)
EMULATOR_AMBIGUOUS(fmax)

#define EMULATOR_FLOAT_MIN_MAX(Result, A, B)                                       \
  inline Result min(A a, B b) noexcept { return emulator::smaller<Result>(a, b); } \
  inline Result max(A a, B b) noexcept { return emulator::larger<Result>(a, b); }
EMULATOR_FLOAT_MIN_MAX(float, float, float)
EMULATOR_FLOAT_MIN_MAX(double, double, double)
EMULATOR_FLOAT_MIN_MAX(double, float, double)
EMULATOR_FLOAT_MIN_MAX(double, double, float)

#define EMULATOR_INTEGER_MIN_MAX(Result, A, B)           \
  inline Result min(A a, B b) noexcept {                 \
    const Result x = a, y = b;                           \
    return x < y ? x : y;                                \
  }                                                      \
  inline Result max(A a, B b) noexcept {                 \
    const Result x = a, y = b;                           \
    return x > y ? x : y;                                \
  }
#define EMULATOR_MIXED_MIN_MAX(Signed, Unsigned)         \
  EMULATOR_INTEGER_MIN_MAX(Signed, Signed, Signed)       \
  EMULATOR_INTEGER_MIN_MAX(Unsigned, Unsigned, Unsigned) \
  EMULATOR_INTEGER_MIN_MAX(Unsigned, Signed, Unsigned)   \
  EMULATOR_INTEGER_MIN_MAX(Unsigned, Unsigned, Signed)
EMULATOR_MIXED_MIN_MAX(int, unsigned)
EMULATOR_MIXED_MIN_MAX(long, unsigned long)
EMULATOR_MIXED_MIN_MAX(long long, unsigned long long)

#define EMULATOR_NAMED_MIN_MAX(T, prefix)                             \
  inline T prefix##min(T a, T b) noexcept { return a < b ? a : b; }   \
  inline T prefix##max(T a, T b) noexcept { return a > b ? a : b; }
EMULATOR_NAMED_MIN_MAX(unsigned, u)
EMULATOR_NAMED_MIN_MAX(long long, ll)
EMULATOR_NAMED_MIN_MAX(unsigned long long, ull)

// ------------------------------------------------------- functions that only CUDA has, in double

namespace emulator {

constexpr double pi = 3.14159265358979323846, root_half = 0.70710678118654752440;
constexpr double root_half_rest = -4.8336466567264567e-17;  // of sqrt(1/2), beyond a double
constexpr double two_over_root_pi = 1.12837916709551257390;

// x = n / 2 + rest exactly, with |rest| <= 1/4; n modulo 4, of an |x| without its multiples of 2.
inline double quarter(double x, int* n) {
  const double y = fmod(fabs(x), 2.0), halves = rint(2.0 * y);
  *n = static_cast<int>(halves) & 3;
  return y - 0.5 * halves;
}

// The z that erfc(z) = y for 0 < y <= 1: Halley's steps from Abramowitz and Stegun's 26.2.22.
inline double inverse_erfc(double y) {
  const double t = sqrt(-2.0 * log(0.5 * y));
  double z = root_half * (t - (2.30753 + 0.27061 * t) / (1.0 + t * (0.99229 + 0.04481 * t)));
  for (int i = 0; i < 3; i++) {
    const double step = (erfc(z) - y) / (two_over_root_pi * exp(-z * z));
    z += step / (1.0 - z * step);
  }
  return z;
}

// I_0 or I_1 for x >= 0: the series in x / 2, or, far out, the one in 1 / x times e^x.
inline double bessel_i(int order, double x) {
  if (x < 30.0) {
    double term = order ? 0.5 * x : 1.0, sum = term;
    for (int k = 1; term > 1e-17 * sum; k++) {
      term *= 0.25 * x * x / (k * (k + order));
      sum += term;
    }
    return sum;
  }
  double term = 1.0, sum = 1.0;
  for (int k = 1; k < 30; k++) {
    term *= ((2 * k - 1) * (2 * k - 1) - 4.0 * order) / (8.0 * k * x);
    sum += term;
  }
  return exp(0.5 * x) * (sum / sqrt(2.0 * pi * x)) * exp(0.5 * x);
}

}  // namespace emulator

inline double rsqrt(double x) noexcept { return 1.0 / sqrt(x); }
inline double rcbrt(double x) noexcept { return 1.0 / cbrt(x); }
inline double sinpi(double x) noexcept {
  int n;
  const double y = emulator::pi * emulator::quarter(x, &n), s = n % 2 ? cos(y) : sin(y);
  if (s == 0.0) return copysign(0.0, x);
  return (n >= 2) != (signbit(x) != 0) ? -s : s;
}
inline double cospi(double x) noexcept {
  int n;
  const double y = emulator::pi * emulator::quarter(x, &n), c = n % 2 ? sin(y) : cos(y);
  return c == 0.0 ? 0.0 : n == 1 || n == 2 ? -c : c;
}
inline double erfcinv(double y) noexcept;
inline double erfinv(double y) noexcept {
  if (!(fabs(y) <= 1.0)) return NAN;
  if (fabs(y) > 0.5) return copysign(erfcinv(1.0 - fabs(y)), y);
  double z = y / emulator::two_over_root_pi;
  if (fabs(y) < 1e-9) return z;
  for (int i = 0; i < 4; i++) {
    const double step = (erf(z) - y) / (emulator::two_over_root_pi * exp(-z * z));
    z -= step / (1.0 + z * step);
  }
  return z;
}
inline double erfcinv(double y) noexcept {
  if (!(y >= 0.0 && y <= 2.0)) return NAN;
  if (y == 0.0 || y == 2.0) return y == 0.0 ? INFINITY : -INFINITY;
  if (y >= 0.5 && y <= 1.5) return erfinv(1.0 - y);
  return y < 1.0 ? emulator::inverse_erfc(y) : -emulator::inverse_erfc(2.0 - y);
}
inline double normcdf(double x) noexcept {
  const double z = -x * emulator::root_half;  // erfc changes fast far out: what z was rounded by
  const double rest = fma(-x, emulator::root_half, -z) - x * emulator::root_half_rest;
  const double change = emulator::two_over_root_pi * exp(-z * z) * rest;
  return 0.5 * (isfinite(change) ? erfc(z) - change : erfc(z));
}
inline double normcdfinv(double p) noexcept {
  return 0.0 - 1.41421356237309504880 * erfcinv(2.0 * p);
}
inline double erfcx(double x) noexcept {
  if (x > 26.0) {
    const double r = 1.0 / x / x;
    double sum = 1.0, term = 1.0;
    for (int k = 1; k < 8; k++) sum += term *= -0.5 * (2 * k - 1) * r;
    return 0.5 * emulator::two_over_root_pi / x * sum;
  }
  const double square = x * x, rest = fma(x, x, -square), e = exp(square);
  return isinf(e) ? e : e * (erfc(x) + erfc(x) * rest);
}
inline double cyl_bessel_i0(double x) noexcept {
  return isinf(x) ? fabs(x) : emulator::bessel_i(0, fabs(x));
}
inline double cyl_bessel_i1(double x) noexcept {
  return isinf(x) ? x : copysign(emulator::bessel_i(1, fabs(x)), x);
}

// Those of float are rounded from double.
#define EMULATOR_FROM_DOUBLE(name)                          \
  inline float name##f(float x) noexcept {                  \
    return static_cast<float>(name(static_cast<double>(x))); \
  }
EMULATOR_FROM_DOUBLE(rsqrt) EMULATOR_FROM_DOUBLE(rcbrt) EMULATOR_FROM_DOUBLE(sinpi)
EMULATOR_FROM_DOUBLE(cospi) EMULATOR_FROM_DOUBLE(erfcinv) EMULATOR_FROM_DOUBLE(erfinv)
EMULATOR_FROM_DOUBLE(normcdf) EMULATOR_FROM_DOUBLE(normcdfinv) EMULATOR_FROM_DOUBLE(erfcx)
EMULATOR_FROM_DOUBLE(cyl_bessel_i0) EMULATOR_FROM_DOUBLE(cyl_bessel_i1)
EMULATOR_UNARY(rsqrt) EMULATOR_UNARY(rcbrt) EMULATOR_UNARY(sinpi) EMULATOR_UNARY(cospi)
EMULATOR_UNARY(erfcinv) EMULATOR_UNARY(erfinv) EMULATOR_UNARY(normcdf)
EMULATOR_UNARY(normcdfinv) EMULATOR_UNARY(erfcx) EMULATOR_UNARY(cyl_bessel_i0)
EMULATOR_UNARY(cyl_bessel_i1)

#define EMULATOR_SINCOSPI(T, suffix)                                             \
  EMULATOR_INLINE void sincospi##suffix(T x, T* sine, T* cosine) noexcept {      \
    *sine = sinpi##suffix(x);                                                    \
    *cosine = cospi##suffix(x);                                                  \
  }
EMULATOR_SINCOSPI(float, f)
EMULATOR_SINCOSPI(double, )
EMULATOR_INLINE void sincospi(float x, float* sine, float* cosine) noexcept {
  sincospif(x, sine, cosine);
}

// Lengths: without overflow on the way.
inline double rhypot(double x, double y) noexcept { return 1.0 / hypot(x, y); }
inline double norm3d(double x, double y, double z) noexcept { return hypot(hypot(x, y), z); }
inline double norm4d(double x, double y, double z, double w) noexcept {
  return hypot(hypot(x, y), hypot(z, w));
}
inline double rnorm3d(double x, double y, double z) noexcept { return 1.0 / norm3d(x, y, z); }
inline double rnorm4d(double x, double y, double z, double w) noexcept {
  return 1.0 / norm4d(x, y, z, w);
}
inline float rhypotf(float x, float y) noexcept { return static_cast<float>(rhypot(double(x), y)); }
inline float norm3df(float x, float y, float z) noexcept {
  return static_cast<float>(norm3d(x, y, z));
}
inline float norm4df(float x, float y, float z, float w) noexcept {
  return static_cast<float>(norm4d(x, y, z, w));
}
inline float rnorm3df(float x, float y, float z) noexcept {
  return static_cast<float>(rnorm3d(x, y, z));
}
inline float rnorm4df(float x, float y, float z, float w) noexcept {
  return static_cast<float>(rnorm4d(x, y, z, w));
}
EMULATOR_INLINE double norm(int count, const double* x) noexcept {
  double length = 0.0;
  for (int i = 0; i < count; i++) length = hypot(length, x[i]);
  return length;
}
EMULATOR_INLINE float normf(int count, const float* x) noexcept {
  double length = 0.0;
  for (int i = 0; i < count; i++) length = hypot(length, static_cast<double>(x[i]));
  return static_cast<float>(length);
}
EMULATOR_INLINE double rnorm(int count, const double* x) noexcept { return 1.0 / norm(count, x); }
EMULATOR_INLINE float rnormf(int count, const float* x) noexcept {
  double length = 0.0;
  for (int i = 0; i < count; i++) length = hypot(length, static_cast<double>(x[i]));
  return static_cast<float>(1.0 / length);
}

// -------------------------------------------------------- fast functions, here with exact values

inline double fdivide(double x, double y) noexcept { return x / y; }
inline float fdividef(float x, float y) noexcept { return x / y; }
inline float __fdividef(float x, float y) noexcept { return x / y; }
inline float __expf(float x) noexcept { return expf(x); }
inline float __exp10f(float x) noexcept { return exp10f(x); }
inline float __logf(float x) noexcept { return logf(x); }
inline float __log2f(float x) noexcept { return log2f(x); }
inline float __log10f(float x) noexcept { return log10f(x); }
inline float __sinf(float x) noexcept { return sinf(x); }
inline float __cosf(float x) noexcept { return cosf(x); }
inline float __tanf(float x) noexcept { return tanf(x); }
inline float __tanhf(float x) noexcept { return tanhf(x); }
inline float __powf(float x, float y) noexcept { return powf(x, y); }
EMULATOR_INLINE void __sincosf(float x, float* sine, float* cosine) noexcept {
  sincosf(x, sine, cosine);
}
// 0 for NaN, as on a GPU.
inline float __saturatef(float x) noexcept { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }
