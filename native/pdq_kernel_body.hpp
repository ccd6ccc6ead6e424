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

// Ask for what will be wanted soon: pictures come from memory, and their rows lie too far apart to be foreseen.
inline void fetch(const std::uint8_t *at, std::ptrdiff_t ahead) {
    _mm_prefetch(reinterpret_cast<const char *>(reinterpret_cast<std::uintptr_t>(at) + static_cast<std::uintptr_t>(ahead)),
                 _MM_HINT_T0);
}

// 32 columns: two rows are interleaved byte by byte, then multiplied and added in pairs.
template <bool More>
inline void add_block(const std::uint8_t *const *rows, int x, std::ptrdiff_t ahead, const __m256i *pairs, int count,
                      __m256 scale, float *out) {
    __m256i low = _mm256_setzero_si256(), high = low;
    for (int k = 0; k < count; k += 2) {
        const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(rows[k] + x));
        const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(rows[k + 1] + x));
        fetch(rows[k] + x, ahead);
        fetch(rows[k + 1] + x, ahead);
        low = _mm256_add_epi16(low, _mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), pairs[k / 2]));
        high = _mm256_add_epi16(high, _mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), pairs[k / 2]));
    }
    to_floats<More>(low, high, scale, out);
}

template <bool More>
void add_rows(const std::uint8_t *const *rows, const std::uint8_t *weights, int count, int n, std::ptrdiff_t ahead,
              float scale, float *out) {
    const std::uint8_t *at[kGroup + 1];
    __m256i pairs[kGroup / 2 + 1];
    for (int k = 0; k < count; k++) at[k] = rows[k];
    if (count % 2) at[count] = rows[count - 1];
    for (int k = 0; k < count; k += 2)
        pairs[k / 2] = _mm256_set1_epi16(static_cast<short>(weights[k] | (k + 1 < count ? weights[k + 1] << 8 : 0)));
    const int even = count + count % 2;
    const __m256 by = _mm256_set1_ps(scale);
    int x = 0;
    for (; x + 32 <= n; x += 32) add_block<More>(at, x, ahead, pairs, even, by, out + x);
    if (x == n) return;
    alignas(32) std::uint8_t tail[kGroup + 1][32] = {};
    for (int k = 0; k < even; k++) {
        std::memcpy(tail[k], at[k] + x, static_cast<std::size_t>(n - x));
        at[k] = tail[k];
    }
    add_block<More>(at, 0, 0, pairs, even, by, out + x);
}
#else
template <bool More>
void add_rows(const std::uint8_t *const *rows, const std::uint8_t *weights, int count, int n, std::ptrdiff_t, float scale,
              float *out) {
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

void add_whole(const std::uint8_t *const *rows, const std::uint8_t *weights, int count, int n, std::ptrdiff_t ahead,
               float scale, bool more, float *out) {
    more ? add_rows<true>(rows, weights, count, n, ahead, scale, out)
         : add_rows<false>(rows, weights, count, n, ahead, scale, out);
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

typedef int i8 __attribute__((vector_size(32)));

inline f8 size_of(const f8 &v) { return (f8)((i8)v & 0x7fffffff); }

inline float total(const f8 &v) {
    return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

void cosines(const float *a, const float *d, float *b, float *rough) {
    constexpr float kEps = 0x1p-24f, kMost = 0.17678f;   // a rounding's part; the largest cosine, scaled
    alignas(32) float turned[kSide * kCoefs], by_column[kSide * kCoefs];   // both transposed: 64 rows of 16
    for (int i = 0; i < kCoefs; i++) {
        f8 sums[kSide / 8] = {}, met = {}, left = {};
        for (int k = 0; k < kSide; k++)
            for (int j = 0; j < kSide / 8; j++) {
                sums[j] += d[i * kSide + k] * load(a + k * kSide + 8 * j);
                met += size_of(sums[j]);
            }
        for (int j = 0; j < kSide; j++) turned[j * kCoefs + i] = sums[j / 8][j % 8];
        for (int k = 0; k < kSide; k++) by_column[k * kCoefs + i] = d[i * kSide + k];
        for (int j = 0; j < kSide / 8; j++) left += size_of(sums[j]);
        // each partial sum rounds once and each product, no larger than the two sums it lies between; the second time
        // no partial sum is larger than all terms together
        rough[i] = 1.01f * kEps * kMost * (3.0f * total(met) + (kSide + 1) * total(left));
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

inline void step(const f8 &u, const f8 &v, float slack, i8 &sum, i8 &unsure) {
    const f8 exact = (u - v) * 100.0f / 255.0f;
    const f8 size = size_of(exact);
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

#if defined(__AVX2__)
// As many pixels of 3 or 4 channels as can be read 8 at a time within their row; the channels become lanes.
template <int Depth> inline int luma_eights(const std::uint8_t *p, int width, float *out) {
    constexpr char d = Depth;
    const __m256i red_green = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 1, -1, d, -1, d + 1, -1, 2 * d, -1, 2 * d + 1,
                                                                        -1, 3 * d, -1, 3 * d + 1, -1));
    const __m256i blue = _mm256_broadcastsi128_si256(_mm_setr_epi8(2, -1, -1, -1, d + 2, -1, -1, -1, 2 * d + 2, -1, -1, -1,
                                                                   3 * d + 2, -1, -1, -1));
    const __m256i by_red_green = _mm256_set1_epi32(299 | 587 << 16), by_blue = _mm256_set1_epi32(114);
    int x = 0;
    for (; x * Depth + 4 * Depth + 16 <= width * Depth; x += 8) {
        const std::uint8_t *at = p + x * Depth;
        const __m256i pixels = _mm256_inserti128_si256(
            _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i *>(at))),
            _mm_loadu_si128(reinterpret_cast<const __m128i *>(at + 4 * Depth)), 1);
        const __m256i sums = _mm256_add_epi32(_mm256_madd_epi16(_mm256_shuffle_epi8(pixels, red_green), by_red_green),
                                              _mm256_madd_epi16(_mm256_shuffle_epi8(pixels, blue), by_blue));
        _mm256_storeu_ps(out + x, _mm256_div_ps(_mm256_cvtepi32_ps(sums), _mm256_set1_ps(1000.0f)));
    }
    return x;
}
#else
template <int Depth> inline int luma_eights(const std::uint8_t *, int, float *) { return 0; }
#endif

// Luma as package pdqhash has it, rounded once: 299 R + 587 G + 114 B is exact, and so is the division's rounding.
template <int Depth> inline void luma_of(const std::uint8_t *p, int width, float *out) {
    for (int x = luma_eights<Depth>(p, width, out); x < width; x++)
        out[x] = static_cast<float>(299 * p[Depth * x] + 587 * p[Depth * x + 1] + 114 * p[Depth * x + 2]) / 1000.0f;
}

void luma_row(const Picture &picture, int y, float *out) {
    const std::uint8_t *p = picture.row(y);
    if (picture.channels == 1)
        for (int x = 0; x < picture.width; x++) out[x] = p[x];
    else if (picture.channels == 3)
        luma_of<3>(p, picture.width, out);
    else
        luma_of<4>(p, picture.width, out);
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

inline void to_lanes(const float *rows, std::size_t wide, float *lanes) {
    for (std::size_t x = 0; x < wide; x += 8)
        for (std::size_t half = 0; half < kLanes; half += 8)
            transpose8(rows + half * wide + x, wide, lanes + kLanes * x + half, kLanes);
}

inline void to_rows(const float *lanes, std::size_t wide, float *rows) {
    for (std::size_t x = 0; x < wide; x += 8)
        for (std::size_t half = 0; half < kLanes; half += 8)
            transpose8(lanes + kLanes * x + half, kLanes, rows + half * wide + x, wide);
}

// A box of `size` along kLanes rows at once, lane by lane; every position goes to emit(position, mean).
template <typename Emit> inline void box_lanes(const float *in, int n, int size, Emit emit) {
    const int half = (size + 2) / 2;
    f8 low = {}, high = {};   // of two registers the additions overlap
    int right = 0, left = 0, at = 0, count = 0;
    const auto add = [&] {
        low += load(in + kLanes * right);
        high += load(in + kLanes * right + 8);
        right++;
    };
    const auto drop = [&] {
        low -= load(in + kLanes * left);
        high -= load(in + kLanes * left + 8);
        left++;
    };
    for (; right < half - 1; count++) add();
    while (right < size) {
        add();
        count++;
        emit(at++, low, high, static_cast<float>(count));
    }
    while (right < n) {
        add();
        drop();
        emit(at++, low, high, static_cast<float>(count));
    }
    while (at < n) {
        drop();
        count--;
        emit(at++, low, high, static_cast<float>(count));
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
    float *slot(int y) { return ring + static_cast<std::size_t>(y % (size + kLanes)) * width; }

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
    const std::size_t wide = padded(width), ring = static_cast<std::size_t>(window(height)) + kLanes;
    float *rows = work, *lanes = rows + kLanes * wide, *boxed = lanes + kLanes * wide, *fresh = boxed + kLanes * wide;
    Columns first(fresh + kLanes * wide, wide, height);
    float *narrow = first.ring + ring * wide;   // 64 columns x kLanes
    Columns second(narrow + kLanes * kSide, kSide, height);
    const int size = window(width);
    int wanted = 0, held = 0, columns[kSide];
    for (int j = 0; j < kSide; j++) columns[j] = taken(j, width);

    const auto keep = [&](int y, const float *sums, float count) {
        for (; wanted < kSide && taken(wanted, height) == y; wanted++)
            for (int x = 0; x < kSide; x++) small[wanted * kSide + x] = sums[x] / count;
    };
    // kLanes rows after the first pass: the second pass along rows, of which only 64 columns are ever looked at.
    const auto flush = [&] {
        to_lanes(rows, wide, lanes);
        int j = 0;
        box_lanes(lanes, width, size, [&](int x, const f8 &low, const f8 &high, float count) {
            for (; j < kSide && columns[j] == x; j++) {
                store(narrow + kLanes * j, low / count);
                store(narrow + kLanes * j + 8, high / count);
            }
        });
        for (int lane = 0; lane < held; lane++) {
            float *to = second.slot(second.next);
            for (int x = 0; x < kSide; x++) to[x] = narrow[kLanes * x + lane];
            second.take(keep);
        }
        held = 0;
    };
    const auto once = [&](int, const float *sums, float count) {
        float *to = rows + static_cast<std::size_t>(held) * wide;
        for (std::size_t x = 0; x < wide; x++) to[x] = sums[x] / count;
        if (++held == kLanes) flush();
    };
    for (int y = 0; y < height; y += kLanes) {
        const int n = height - y < kLanes ? height - y : kLanes;
        for (int lane = 0; lane < n; lane++) luma_row(picture, y + lane, fresh + static_cast<std::size_t>(lane) * wide);
        to_lanes(fresh, wide, lanes);
        box_lanes(lanes, width, size, [&](int x, const f8 &low, const f8 &high, float count) {
            store(boxed + kLanes * x, low / count);
            store(boxed + kLanes * x + 8, high / count);
        });
        to_rows(boxed, wide, fresh);
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
