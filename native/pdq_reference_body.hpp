// PDQ in the reference's own order of roundings; part of pdq_kernel_body.hpp.
#pragma once

#include "pdq_lanes.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"   // f8 never crosses a translation unit

namespace {

using namespace tocsin::pdq;

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

}  // namespace

#pragma GCC diagnostic pop
