// Registers of floats and integers for the loops of pdq_kernel_body.hpp, as wide as the file that includes them is
// compiled for.
#pragma once

#include <cstring>

#include "pdq_kernel.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"   // none crosses a translation unit

namespace {

typedef float f8 __attribute__((vector_size(32)));
typedef int i8 __attribute__((vector_size(32)));

#if defined(__AVX512F__)
constexpr int kWide = 16;
#else
constexpr int kWide = 8;
#endif
typedef float fw __attribute__((vector_size(4 * kWide)));   // as wide as the registers
typedef int iw __attribute__((vector_size(4 * kWide)));

template <typename Vector, typename Item> inline Vector load_as(const Item *p) {
    Vector v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline f8 load(const float *p) { return load_as<f8>(p); }
inline fw load_wide(const float *p) { return load_as<fw>(p); }
inline iw load_order(const int *p) { return load_as<iw>(p); }
inline void store(float *p, const f8 &v) { std::memcpy(p, &v, sizeof v); }
inline void store_wide(float *p, const fw &v) { std::memcpy(p, &v, sizeof v); }

inline f8 size_of(const f8 &v) { return (f8)((i8)v & 0x7fffffff); }
#if defined(__AVX512F__)
inline fw size_of(const fw &v) { return (fw)((iw)v & 0x7fffffff); }
inline fw next_lanes(const fw &v) {
    return __builtin_shufflevector(v, v, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15);
}
#else
inline fw next_lanes(const fw &v) { return __builtin_shufflevector(v, v, 1, 2, 3, 4, 5, 6, 7, 7); }
#endif

}  // namespace

#pragma GCC diagnostic pop
