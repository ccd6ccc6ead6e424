// The loops of pdq_kernel.hpp, included by pdq_portable.cpp, pdq_avx2.cpp and pdq_avx512.cpp and by nothing else.
//
// Everything here has internal linkage and uses no standard template, so that no wider instruction can leak into code
// that runs where there is none. Additions happen in one order whatever the width of the registers.
#pragma once

#include "pdq_lanes.hpp"
#include "pdq_reference_body.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"   // f8 never crosses a translation unit

namespace {

using namespace tocsin::pdq;

// --- rows ---------------------------------------------------------------------------------------------------------

#if defined(__AVX2__)
// Ask for what will be wanted soon: pictures come from memory, and their rows lie too far apart to be foreseen.
inline void fetch(const std::uint8_t *at, std::ptrdiff_t ahead) {
    _mm_prefetch(reinterpret_cast<const char *>(reinterpret_cast<std::uintptr_t>(at) + static_cast<std::uintptr_t>(ahead)),
                 _MM_HINT_T0);
}

#if defined(__AVX512BW__)
using Bytes = __m512i;
constexpr int kBytes = 64;
inline Bytes no_bytes() { return _mm512_setzero_si512(); }
inline Bytes all_pairs(int pair) { return _mm512_set1_epi16(static_cast<short>(pair)); }
inline Bytes load_bytes(const std::uint8_t *p) { return _mm512_loadu_si512(p); }
inline Bytes weighed_low(Bytes sum, Bytes a, Bytes b, Bytes pair) {
    return _mm512_add_epi16(sum, _mm512_maddubs_epi16(_mm512_unpacklo_epi8(a, b), pair));
}
inline Bytes weighed_high(Bytes sum, Bytes a, Bytes b, Bytes pair) {
    return _mm512_add_epi16(sum, _mm512_maddubs_epi16(_mm512_unpackhi_epi8(a, b), pair));
}
// One fourth of the columns; rows were interleaved within each 16 bytes.
template <int I> inline fw floats_of(Bytes low, Bytes high) {
    const __m128i a = _mm512_extracti32x4_epi32(low, I), b = _mm512_extracti32x4_epi32(high, I);
    return (fw)_mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(_mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1)));
}
#else
using Bytes = __m256i;
constexpr int kBytes = 32;
inline Bytes no_bytes() { return _mm256_setzero_si256(); }
inline Bytes all_pairs(int pair) { return _mm256_set1_epi16(static_cast<short>(pair)); }
inline Bytes load_bytes(const std::uint8_t *p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p)); }
inline Bytes weighed_low(Bytes sum, Bytes a, Bytes b, Bytes pair) {
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), pair));
}
inline Bytes weighed_high(Bytes sum, Bytes a, Bytes b, Bytes pair) {
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), pair));
}
template <int I> inline fw floats_of(Bytes low, Bytes high) {
    const __m128i part = _mm256_extracti128_si256(I % 2 ? high : low, I / 2);
    return (fw)_mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(part));
}
#endif

template <bool More> inline void put_floats(fw sums, float scale, float *out) {
    const fw scaled = sums * scale;
    store_wide(out, More ? load_wide(out) + scaled : scaled);
}

// kBytes columns: two rows are interleaved byte by byte, then multiplied and added in pairs.
template <bool More>
inline void add_block(const std::uint8_t *const *rows, int x, std::ptrdiff_t ahead, const Bytes *pairs, int count,
                      float scale, float *out) {
    Bytes low = no_bytes(), high = low;
    for (int k = 0; k < count; k += 2) {
        const Bytes a = load_bytes(rows[k] + x), b = load_bytes(rows[k + 1] + x);
        fetch(rows[k] + x, ahead);
        fetch(rows[k + 1] + x, ahead);
        low = weighed_low(low, a, b, pairs[k / 2]);
        high = weighed_high(high, a, b, pairs[k / 2]);
    }
    put_floats<More>(floats_of<0>(low, high), scale, out);
    put_floats<More>(floats_of<1>(low, high), scale, out + kWide);
    put_floats<More>(floats_of<2>(low, high), scale, out + 2 * kWide);
    put_floats<More>(floats_of<3>(low, high), scale, out + 3 * kWide);
}

template <bool More>
void add_rows(const std::uint8_t *const *rows, const std::uint8_t *weights, int count, int n, std::ptrdiff_t ahead,
              float scale, float *out) {
    const std::uint8_t *at[kGroup + 1];
    Bytes pairs[kGroup / 2 + 1];
    for (int k = 0; k < count; k++) at[k] = rows[k];
    if (count % 2) at[count] = rows[count - 1];
    for (int k = 0; k < count; k += 2)
        pairs[k / 2] = all_pairs(weights[k] | (k + 1 < count ? weights[k + 1] << 8 : 0));
    const int even = count + count % 2;
    int x = 0;
    for (; x + kBytes <= n; x += kBytes) add_block<More>(at, x, ahead, pairs, even, scale, out + x);
    if (x == n) return;
    if (!More && n >= kBytes) {   // some once more, to the same sums
        add_block<More>(at, n - kBytes, ahead, pairs, even, scale, out + n - kBytes);
        return;
    }
    alignas(64) std::uint8_t tail[kGroup + 1][kBytes] = {};
    for (int k = 0; k < even; k++) {
        std::memcpy(tail[k], at[k] + x, static_cast<std::size_t>(n - x));
        at[k] = tail[k];
    }
    add_block<More>(at, 0, 0, pairs, even, scale, out + x);
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

// The sums of 8 registers, each folded in halves: halves, then even with even of what is left, then the last two.
inline f8 folded(const f8 *v) {
    f8 four[4], two[2];
    for (int i = 0; i < 4; i++)
        four[i] = __builtin_shufflevector(v[i], v[i + 4], 0, 1, 2, 3, 8, 9, 10, 11) +
                  __builtin_shufflevector(v[i], v[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    for (int i = 0; i < 2; i++)
        two[i] = __builtin_shufflevector(four[2 * i], four[2 * i + 1], 0, 1, 8, 9, 4, 5, 12, 13) +
                 __builtin_shufflevector(four[2 * i], four[2 * i + 1], 2, 3, 10, 11, 6, 7, 14, 15);
    return __builtin_shufflevector(two[0], two[1], 0, 2, 8, 10, 4, 6, 12, 14) +
           __builtin_shufflevector(two[0], two[1], 1, 3, 9, 11, 5, 7, 13, 15);
}

// Eight outputs. `Length`: known while compiling, or 0; `Alike`: all eight have the weights of the first.
template <int Length, bool Alike>
inline void dots_of(const float *row, const int *first, const float *weights, int length, float *out) {
    const int n = Length ? Length : length;
    f8 sums[8];
    for (int i = 0; i < 8; i++) {
        const float *at = row + first[i], *by = Alike ? weights : weights + i * n;
        sums[i] = load(at) * load(by);
        for (int k = 8; k < n; k += 8) sums[i] += load(at + k) * load(by + k);
    }
    store(out, folded(sums));
}

template <int Length> void dots_in_eights(const float *row, const Weighing &columns, float *out) {
    for (int j = 0; j < kSide; j += 8) {
        const float *weights = columns.weights + j * columns.length;
        columns.alike <= j && j + 8 <= columns.alike_end
            ? dots_of<Length, true>(row, columns.first + j, weights, columns.length, out + j)
            : dots_of<Length, false>(row, columns.first + j, weights, columns.length, out + j);
    }
}

void dots(const float *row, const Weighing &columns, float *out) {
    switch (columns.length) {
    case 8: return dots_in_eights<8>(row, columns, out);
    case 16: return dots_in_eights<16>(row, columns, out);
    case 24: return dots_in_eights<24>(row, columns, out);
    case 32: return dots_in_eights<32>(row, columns, out);
    default: return dots_in_eights<0>(row, columns, out);
    }
}

inline float total(const f8 &v) { return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7])); }

// A row of cosines times all of 4 registers' columns: the sums, and the sizes of all partial sums added up.
__attribute__((noinline)) void weigh_columns(const float *a, const float *d, float *out, float *sizes) {
    fw sums[4] = {}, met[4] = {};
    for (int k = 0; k < kSide; k++)
        for (int j = 0; j < 4; j++) {
            sums[j] += d[k] * load_wide(a + k * kSide + kWide * j);
            met[j] += size_of(sums[j]);
        }
    for (int j = 0; j < 4; j++) {
        store_wide(out + kWide * j, sums[j]);
        store_wide(sizes + kWide * j, met[j]);
    }
}

void cosines(const float *a, const CosineTable &table, float *b, float *rough) {
    constexpr float kEps = 0x1p-24f, kMost = 0.17678f;   // a rounding's part; the largest cosine, scaled
    alignas(64) float half[kCoefs * kSide], sizes[kSide];
    for (int i = 0; i < kCoefs; i++) {
        for (int at = 0; at < kSide; at += 4 * kWide)
            weigh_columns(a + at, table.by_row + i * kSide, half + i * kSide + at, sizes + at);
        f8 met = {}, left = {};
        for (int j = 0; j < kSide; j += 8) {
            met += load(sizes + j);
            left += size_of(load(half + i * kSide + j));
        }
        // each partial sum rounds once and each product, no larger than the two sums it lies between; the second time
        // no partial sum is larger than all terms together
        rough[i] = 1.01f * kEps * kMost * (3.0f * total(met) + (kSide + 1) * total(left));
    }
    for (int i = 0; i < kCoefs; i += 4) {
        fw sums[4][kCoefs / kWide] = {};
        for (int k = 0; k < kSide; k++)
            for (int j = 0; j < kCoefs / kWide; j++) {
                const fw by = load_wide(table.by_column + k * kCoefs + kWide * j);
                for (int row = 0; row < 4; row++) sums[row][j] += half[(i + row) * kSide + k] * by;
            }
        for (int row = 0; row < 4; row++)
            for (int j = 0; j < kCoefs / kWide; j++) store_wide(b + (i + row) * kCoefs + kWide * j, sums[row][j]);
    }
}

template <bool Exact> inline void step(const fw &u, const fw &v, float slack, iw &sum, iw &unsure) {
    const fw exact = Exact ? (u - v) * 100.0f / 255.0f : (u - v) * (100.0f / 255.0f);
    const fw size = size_of(exact);
    const iw whole = __builtin_convertvector(size, iw);
    sum += whole;
    if constexpr (!Exact) {
        const fw past = size - __builtin_convertvector(whole, fw);
        unsure -= ((past < slack) & (whole > 0)) | (past > 1.0f - slack);   // a true lane is -1
    }
}

inline int total(const iw &v) {
    int sum = 0;
    for (int lane = 0; lane < kWide; lane++) sum += v[lane];
    return sum;
}

template <bool Exact> void steps_of(const float *small, float slack, int enough, int *sum, int *unsure) {
    iw sums = {}, doubts = {};
    for (int i = 0; i < kSide; i++) {
        const float *row = small + i * kSide;
        for (int j = 0; j < kSide; j += kWide) {
            const fw here = load_wide(row + j);
            if (i + 1 < kSide) step<Exact>(here, load_wide(row + kSide + j), slack, sums, doubts);
            const fw right = j + kWide < kSide ? load_wide(row + j + 1) : next_lanes(here);
            step<Exact>(here, right, slack, sums, doubts);
        }
        if (i % 8 == 7) {
            *sum = total(sums);
            *unsure = total(doubts);
            if (*sum - *unsure >= enough) return;
        }
    }
}

void steps(const float *small, float slack, int enough, int *sum, int *unsure) {
    slack == 0.0f ? steps_of<true>(small, slack, enough, sum, unsure)
                  : steps_of<false>(small, slack, enough, sum, unsure);
}

// --- the median and the bits --------------------------------------------------------------------------------------

float ranked(const float *values, int rank) {
    alignas(64) int order[kCoefs * kCoefs];   // the floats as integers that compare as they do
    iw least = iw{} + 0x7fffffff, most = -least;
    for (int k = 0; k < kCoefs * kCoefs; k += kWide) {
        const iw raw = (iw)load_wide(values + k), turned = raw ^ ((raw >> 31) & 0x7fffffff);
        std::memcpy(order + k, &turned, sizeof turned);
        least = turned < least ? turned : least;
        most = turned > most ? turned : most;
    }
    int low = least[0], high = most[0];
    for (int lane = 1; lane < kWide; lane++) {
        low = least[lane] < low ? least[lane] : low;
        high = most[lane] > high ? most[lane] : high;
    }
    while (low < high) {   // the answer is the least value that more than `rank` do not exceed
        const int middle = static_cast<int>((static_cast<long long>(low) + high) >> 1);
        iw count = {};
        for (int k = 0; k < kCoefs * kCoefs; k += kWide) count -= load_order(order + k) <= middle;
        const int under = total(count);
        if (under == rank + 1) {   // it is the largest of these
            iw largest = iw{} + low;
            for (int k = 0; k < kCoefs * kCoefs; k += kWide) {
                const iw at = load_order(order + k);
                largest = (at <= middle) & (at > largest) ? at : largest;
            }
            high = largest[0];
            for (int lane = 1; lane < kWide; lane++) high = largest[lane] > high ? largest[lane] : high;
            break;
        }
        if (under > rank)
            high = middle;
        else
            low = middle + 1;
    }
    const int raw = high ^ ((high >> 31) & 0x7fffffff);
    float out;
    std::memcpy(&out, &raw, sizeof out);
    return out;
}

int split(const float *b, float median, const float *room, const float *rough, std::uint8_t *bits, bool *clear) {
    const f8 far = f8{} + __builtin_inff();
    const i8 places = {1, 2, 4, 8, 16, 32, 64, 128};
    f8 above = far, below = -far;
    int set = 0;
    for (int k = 0; k < kCoefs * kCoefs; k += 8) {
        const f8 at = load(b + k), around = load(room + k) + rough[k / kCoefs];
        const i8 over = at > median;
        const f8 least = over ? at - around : far, most = over ? -far : at + around;
        above = least < above ? least : above;
        below = most > below ? most : below;
        const i8 flags = over & places;
        const int byte = (flags[0] | flags[1] | flags[2] | flags[3]) | (flags[4] | flags[5] | flags[6] | flags[7]);
        bits[31 - k / 8] = static_cast<std::uint8_t>(byte);
        set += __builtin_popcount(static_cast<unsigned>(byte));
    }
    float lowest = above[0], highest = below[0];
    for (int lane = 1; lane < 8; lane++) {
        lowest = above[lane] < lowest ? above[lane] : lowest;
        highest = below[lane] > highest ? below[lane] : highest;
    }
    *clear = lowest > highest;
    return set;
}

constexpr Kernel kKernel = {add_whole, add_real, dots, cosines, steps, ranked, split, reference};

}  // namespace

#pragma GCC diagnostic pop
