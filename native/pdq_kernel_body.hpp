// The loops of pdq_kernel.hpp, included by pdq_portable.cpp and pdq_avx2.cpp and by nothing else.
//
// Everything here has internal linkage and uses no standard template, so that no AVX2 instruction can leak into code
// that runs where there is none. Additions happen in one order whatever the width of the registers.
#pragma once

#include <cstring>

#include "pdq_kernel.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"   // f8 never crosses a translation unit

namespace {

using namespace tocsin::pdq;

typedef float f4 __attribute__((vector_size(16)));
typedef float f8 __attribute__((vector_size(32)));

// --- rows ---------------------------------------------------------------------------------------------------------

#if defined(__AVX2__)
template <bool More> inline void to_floats(__m256i low, __m256i high, __m256 scale, float *out) {
    const __m128i parts[4] = {_mm256_castsi256_si128(low), _mm256_castsi256_si128(high),
                              _mm256_extracti128_si256(low, 1), _mm256_extracti128_si256(high, 1)};
    for (int i = 0; i < 4; i++) {
        __m256 sums = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(parts[i])), scale);
        if constexpr (More) sums = _mm256_add_ps(_mm256_loadu_ps(out + 8 * i), sums);
        _mm256_storeu_ps(out + 8 * i, sums);
    }
}

// 32 columns: two rows are interleaved byte by byte, then multiplied and added in pairs.
template <bool More>
inline void add_block(const std::uint8_t *const *rows, int x, const __m256i *pairs, int count, __m256 scale, float *out) {
    __m256i low = _mm256_setzero_si256(), high = low;
    for (int k = 0; k < count; k += 2) {
        const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(rows[k] + x));
        const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(rows[k + 1] + x));
        low = _mm256_add_epi16(low, _mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), pairs[k / 2]));
        high = _mm256_add_epi16(high, _mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), pairs[k / 2]));
    }
    to_floats<More>(low, high, scale, out);
}

template <bool More>
void add_rows(const std::uint8_t *const *rows, const std::uint8_t *weights, int count, int n, float scale, float *out) {
    const std::uint8_t *at[kGroup + 1];
    __m256i pairs[kGroup / 2 + 1];
    for (int k = 0; k < count; k++) at[k] = rows[k];
    if (count % 2) at[count] = rows[count - 1];
    for (int k = 0; k < count; k += 2)
        pairs[k / 2] = _mm256_set1_epi16(static_cast<short>(weights[k] | (k + 1 < count ? weights[k + 1] << 8 : 0)));
    const int even = count + count % 2;
    const __m256 by = _mm256_set1_ps(scale);
    int x = 0;
    for (; x + 32 <= n; x += 32) add_block<More>(at, x, pairs, even, by, out + x);
    if (x == n) return;
    alignas(32) std::uint8_t tail[kGroup + 1][32] = {};
    for (int k = 0; k < even; k++) {
        std::memcpy(tail[k], at[k] + x, static_cast<std::size_t>(n - x));
        at[k] = tail[k];
    }
    add_block<More>(at, 0, pairs, even, by, out + x);
}
#else
template <bool More>
void add_rows(const std::uint8_t *const *rows, const std::uint8_t *weights, int count, int n, float scale, float *out) {
    for (int x = 0; x < n; x += 256) {
        const int m = n - x < 256 ? n - x : 256;
        std::uint16_t sums[256] = {};
        for (int k = 0; k < count; k++) {
            const std::uint8_t *row = rows[k] + x;
            const std::uint16_t weight = weights[k];
            for (int i = 0; i < m; i++) sums[i] = static_cast<std::uint16_t>(sums[i] + weight * row[i]);
        }
        for (int i = 0; i < m; i++) out[x + i] = (More ? out[x + i] : 0.0f) + static_cast<float>(sums[i]) * scale;
    }
}
#endif

void add_whole(const std::uint8_t *const *rows, const std::uint8_t *weights, int count, int n, float scale, bool more,
               float *out) {
    more ? add_rows<true>(rows, weights, count, n, scale, out) : add_rows<false>(rows, weights, count, n, scale, out);
}

void add_real(const std::uint8_t *const *rows, const float *weights, int count, int n, float *__restrict out) {
    int k = 0;
    for (; k + 4 <= count; k += 4) {
        const std::uint8_t *a = rows[k], *b = rows[k + 1], *c = rows[k + 2], *d = rows[k + 3];
        const float u = weights[k], v = weights[k + 1], w = weights[k + 2], z = weights[k + 3];
        for (int x = 0; x < n; x++) out[x] = (((out[x] + u * a[x]) + v * b[x]) + w * c[x]) + z * d[x];
    }
    for (; k < count; k++) {
        const std::uint8_t *a = rows[k];
        const float u = weights[k];
        for (int x = 0; x < n; x++) out[x] += u * a[x];
    }
}

// --- columns and cosines ------------------------------------------------------------------------------------------

inline f8 load(const float *p) {
    f8 v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

inline void store(float *p, const f8 &v) { std::memcpy(p, &v, sizeof v); }

void dots(const float *row, const int *first, const float *weights, int length, float *out) {
    for (int j = 0; j < kSide; j++, weights += length) {
        const float *at = row + first[j];
        f8 sum = load(at) * load(weights);
        for (int k = 8; k < length; k += 8) sum += load(at + k) * load(weights + k);
        const f4 four = __builtin_shufflevector(sum, sum, 0, 1, 2, 3) + __builtin_shufflevector(sum, sum, 4, 5, 6, 7);
        out[j] = (four[0] + four[2]) + (four[1] + four[3]);
    }
}

void cosines(const float *a, const float *d, float *b) {
    alignas(32) float turned[kSide * kCoefs], by_column[kSide * kCoefs];   // both transposed: 64 rows of 16
    for (int i = 0; i < kCoefs; i++) {
        f8 sums[kSide / 8] = {};
        for (int k = 0; k < kSide; k++)
            for (int j = 0; j < kSide / 8; j++) sums[j] += d[i * kSide + k] * load(a + k * kSide + 8 * j);
        for (int j = 0; j < kSide; j++) turned[j * kCoefs + i] = sums[j / 8][j % 8];
        for (int k = 0; k < kSide; k++) by_column[k * kCoefs + i] = d[i * kSide + k];
    }
    for (int i = 0; i < kCoefs; i++) {
        f8 low = {}, high = {};
        for (int k = 0; k < kSide; k++) {
            low += turned[k * kCoefs + i] * load(by_column + k * kCoefs);
            high += turned[k * kCoefs + i] * load(by_column + k * kCoefs + 8);
        }
        store(b + i * kCoefs, low);
        store(b + i * kCoefs + 8, high);
    }
}

typedef int i8 __attribute__((vector_size(32)));

inline void step(const f8 &u, const f8 &v, float slack, i8 &sum, i8 &unsure) {
    const f8 exact = (u - v) * 100.0f / 255.0f;
    const f8 size = exact < 0.0f ? -exact : exact;
    const i8 whole = __builtin_convertvector(size, i8);
    const f8 past = size - __builtin_convertvector(whole, f8);
    sum += whole;
    unsure -= ((past < slack) & (whole > 0)) | (past > 1.0f - slack);   // a true lane is -1
}

void steps(const float *small, float slack, int *sum, int *unsure) {
    i8 sums = {}, doubts = {};
    alignas(32) float last[kSide + 8] = {};   // a row with room behind: the last column has no right neighbour
    for (int i = 0; i < kSide; i++) {
        const float *row = small + i * kSide;
        std::memcpy(last, row, kSide * sizeof(float));
        last[kSide] = last[kSide - 1];
        for (int j = 0; j < kSide; j += 8) {
            if (i + 1 < kSide) step(load(row + j), load(row + kSide + j), slack, sums, doubts);
            step(load(last + j), load(last + j + 1), slack, sums, doubts);
        }
    }
    *sum = *unsure = 0;
    for (int lane = 0; lane < 8; lane++) {
        *sum += sums[lane];
        *unsure += doubts[lane];
    }
}

// --- the reference's own order ------------------------------------------------------------------------------------

// Luma as package pdqhash has it, rounded once: 299 R + 587 G + 114 B is exact, and so is the division's rounding.
void luma_row(const Picture &picture, int y, float *out) {
    const std::uint8_t *p = picture.row(y);
    if (picture.channels == 1)
        for (int x = 0; x < picture.width; x++) out[x] = p[x];
    else if (picture.channels == 3)
        for (int x = 0; x < picture.width; x++)
            out[x] = static_cast<float>(299 * p[3 * x] + 587 * p[3 * x + 1] + 114 * p[3 * x + 2]) / 1000.0f;
    else
        for (int x = 0; x < picture.width; x++)
            out[x] = static_cast<float>(299 * p[4 * x] + 587 * p[4 * x + 1] + 114 * p[4 * x + 2]) / 1000.0f;
}

// 8 x 8 blocks: rows of `in` (each `width` apart) become lanes of `out`, and back.
inline void transpose8(const float *in, std::size_t in_step, float *out, std::size_t out_step) {
    f8 r[8], s[8];
    for (int i = 0; i < 8; i++) r[i] = load(in + i * in_step);
    for (int i = 0; i < 4; i++) {
        s[2 * i] = __builtin_shufflevector(r[i], r[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
        s[2 * i + 1] = __builtin_shufflevector(r[i], r[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
    }
    // s[2i], s[2i+1]: rows i and i+4 interleaved, columns 0-3 and 4-7
    for (int half = 0; half < 2; half++) {
        const f8 a = s[half], b = s[2 + half], c = s[4 + half], d = s[6 + half];
        const f8 ac0 = __builtin_shufflevector(a, c, 0, 8, 1, 9, 2, 10, 3, 11);
        const f8 ac1 = __builtin_shufflevector(a, c, 4, 12, 5, 13, 6, 14, 7, 15);
        const f8 bd0 = __builtin_shufflevector(b, d, 0, 8, 1, 9, 2, 10, 3, 11);
        const f8 bd1 = __builtin_shufflevector(b, d, 4, 12, 5, 13, 6, 14, 7, 15);
        float *to = out + 4 * half * out_step;
        store(to, __builtin_shufflevector(ac0, bd0, 0, 8, 1, 9, 2, 10, 3, 11));
        store(to + out_step, __builtin_shufflevector(ac0, bd0, 4, 12, 5, 13, 6, 14, 7, 15));
        store(to + 2 * out_step, __builtin_shufflevector(ac1, bd1, 0, 8, 1, 9, 2, 10, 3, 11));
        store(to + 3 * out_step, __builtin_shufflevector(ac1, bd1, 4, 12, 5, 13, 6, 14, 7, 15));
    }
}

// A box of `size` along 8 rows at once, lane by lane; every position goes to emit(position, mean).
template <typename Emit> inline void box_lanes(const float *in, int n, int size, Emit emit) {
    const int half = (size + 2) / 2;
    f8 sum = {};
    int right = 0, left = 0, at = 0, count = 0;
    for (; right < half - 1; right++, count++) sum += load(in + 8 * right);
    for (; right < size; right++) {
        sum += load(in + 8 * right);
        count++;
        emit(at++, sum, static_cast<float>(count));
    }
    for (; right < n; right++, left++) {
        sum += load(in + 8 * right);
        sum -= load(in + 8 * left);
        emit(at++, sum, static_cast<float>(count));
    }
    for (; at < n; left++) {
        sum -= load(in + 8 * left);
        count--;
        emit(at++, sum, static_cast<float>(count));
    }
}

// A box of `size` along columns, fed row by row through a ring of the last rows.
struct Columns {
    float *sum, *ring;
    std::size_t width;
    int height, size, half, next = 0;

    Columns(float *at, std::size_t wide, int high)
        : sum(at), ring(at + wide), width(wide), height(high), size(window(high)), half((size + 2) / 2) {
        std::memset(sum, 0, width * sizeof(float));
    }
    float *slot(int y) { return ring + static_cast<std::size_t>(y % (size + 8)) * width; }

    // Take row `next` (already written to its slot); emit(y, sums, count) for the position that is now complete.
    template <typename Emit> void take(Emit emit) {
        const int y = next++;
        const float *in = slot(y);
        if (y >= size) {
            const float *old = slot(y - size);
            for (std::size_t x = 0; x < width; x++) sum[x] = (sum[x] + in[x]) - old[x];
        } else {
            for (std::size_t x = 0; x < width; x++) sum[x] += in[x];
        }
        if (y >= half - 1) emit(y - (half - 1), sum, static_cast<float>(y < size ? y + 1 : size));
    }
    // After the last row: the positions whose window reaches past the edge.
    template <typename Emit> void finish(Emit emit) {
        for (int k = 0; k < half - 1; k++) {
            const float *old = slot(height - size + k);
            for (std::size_t x = 0; x < width; x++) sum[x] -= old[x];
            emit(height - (half - 1) + k, sum, static_cast<float>(size - 1 - k));
        }
    }
};

void reference(const Picture &picture, float *small, float *work) {
    const int height = picture.height, width = picture.width;
    if (height == kSide && width == kSide) {   // taken as it is
        for (int y = 0; y < kSide; y++) luma_row(picture, y, small + y * kSide);
        return;
    }
    const std::size_t wide = padded(width), ring = static_cast<std::size_t>(window(height)) + 8;
    float *rows = work, *lanes = rows + 8 * wide, *boxed = lanes + 8 * wide, *fresh = boxed + 8 * wide;
    Columns first(fresh + 8 * wide, wide, height);
    float *narrow = first.ring + ring * wide;   // 64 columns x 8 lanes
    Columns second(narrow + 8 * kSide, kSide, height);
    const int size = window(width);
    int wanted = 0, held = 0, columns[kSide];
    for (int j = 0; j < kSide; j++) columns[j] = taken(j, width);

    const auto keep = [&](int y, const float *sums, float count) {
        for (; wanted < kSide && taken(wanted, height) == y; wanted++)
            for (int x = 0; x < kSide; x++) small[wanted * kSide + x] = sums[x] / count;
    };
    // 8 rows after the first pass: the second pass along rows, of which only 64 columns are ever looked at.
    const auto flush = [&] {
        for (std::size_t x = 0; x < wide; x += 8) transpose8(rows + x, wide, lanes + 8 * x, 8);
        int j = 0;
        box_lanes(lanes, width, size, [&](int x, const f8 &sum, float count) {
            for (; j < kSide && columns[j] == x; j++) store(narrow + 8 * j, sum / count);
        });
        for (int lane = 0; lane < held; lane++) {
            float *to = second.slot(second.next);
            for (int x = 0; x < kSide; x++) to[x] = narrow[8 * x + lane];
            second.take(keep);
        }
        held = 0;
    };
    const auto once = [&](int, const float *sums, float count) {
        float *to = rows + static_cast<std::size_t>(held) * wide;
        for (std::size_t x = 0; x < wide; x++) to[x] = sums[x] / count;
        if (++held == 8) flush();
    };
    for (int y = 0; y < height; y += 8) {
        const int n = height - y < 8 ? height - y : 8;
        for (int lane = 0; lane < n; lane++) luma_row(picture, y + lane, fresh + static_cast<std::size_t>(lane) * wide);
        for (std::size_t x = 0; x < wide; x += 8) transpose8(fresh + x, wide, lanes + 8 * x, 8);
        box_lanes(lanes, width, size, [&](int x, const f8 &sum, float count) { store(boxed + 8 * x, sum / count); });
        for (std::size_t x = 0; x < wide; x += 8) transpose8(boxed + 8 * x, 8, fresh + x, wide);
        for (int lane = 0; lane < n; lane++) {
            std::memcpy(first.slot(y + lane), fresh + static_cast<std::size_t>(lane) * wide, wide * sizeof(float));
            first.take(once);
        }
    }
    first.finish(once);
    if (held) flush();
    second.finish(keep);
}

constexpr Kernel kKernel = {add_whole, add_real, dots, cosines, steps, reference};

}  // namespace

#pragma GCC diagnostic pop
