// PDQ in the reference's own order of roundings; part of pdq_kernel_body.hpp.
#pragma once

#include "pdq_lanes.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"   // f8 never crosses a translation unit

namespace {

using namespace tocsin::pdq;

#if defined(__AVX2__)
// As many pixels of 3 or 4 channels as can be read many at a time within their row; the channels become lanes.
template <int Depth> inline int luma_of_many(const std::uint8_t *p, int width, float *out) {
    constexpr char d = Depth;
    const __m128i red_green_of = _mm_setr_epi8(0, -1, 1, -1, d, -1, d + 1, -1, 2 * d, -1, 2 * d + 1, -1, 3 * d, -1,
                                               3 * d + 1, -1);
    const __m128i blue_of = _mm_setr_epi8(2, -1, -1, -1, d + 2, -1, -1, -1, 2 * d + 2, -1, -1, -1, 3 * d + 2, -1, -1, -1);
    int x = 0;
#if defined(__AVX512BW__)
    const __m512i fours = Depth == 3 ? _mm512_setr_epi32(0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 12)
                                     : _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (; x * Depth + 64 <= width * Depth; x += 16) {   // 16 while 64 bytes can be read
        const __m512i pixels = _mm512_permutexvar_epi32(fours, _mm512_loadu_si512(p + x * Depth));
        const __m512i red_green = _mm512_shuffle_epi8(pixels, _mm512_broadcast_i32x4(red_green_of));
        const __m512i blue = _mm512_shuffle_epi8(pixels, _mm512_broadcast_i32x4(blue_of));
        const __m512i sums = _mm512_add_epi32(_mm512_madd_epi16(red_green, _mm512_set1_epi32(299 | 587 << 16)),
                                              _mm512_madd_epi16(blue, _mm512_set1_epi32(114)));
        _mm512_storeu_ps(out + x, _mm512_div_ps(_mm512_cvtepi32_ps(sums), _mm512_set1_ps(1000.0f)));
    }
#endif
    const __m256i red_green = _mm256_broadcastsi128_si256(red_green_of), blue = _mm256_broadcastsi128_si256(blue_of);
    const __m256i by_red_green = _mm256_set1_epi32(299 | 587 << 16), by_blue = _mm256_set1_epi32(114);
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
template <int Depth> inline int luma_of_many(const std::uint8_t *, int, float *) { return 0; }
#endif

// Luma as package pdqhash has it, rounded once: 299 R + 587 G + 114 B is exact, and so is the division's rounding.
template <int Depth> inline void luma_of(const std::uint8_t *p, int width, float *out) {
    for (int x = luma_of_many<Depth>(p, width, out); x < width; x++)
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

#if defined(__AVX512F__)
// Rows to columns: within each 4 lanes, then the lanes by fours.
inline void transpose(fw *r) {
    fw s[16];
    for (int i = 0; i < 16; i += 2) {
        s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
        s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    }
    fw q[16];   // four columns of four rows each, lanes apart
    for (int i = 0; i < 16; i += 4)
        for (int half = 0; half < 2; half++) {
            const fw u = s[i + half], v = s[i + 2 + half];
            q[i + 2 * half] = __builtin_shufflevector(u, v, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
            q[i + 2 * half + 1] = __builtin_shufflevector(u, v, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
        }
    for (int c = 0; c < 4; c++) {
        const auto even = [](fw u, fw v) {
            return __builtin_shufflevector(u, v, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
        };
        const auto odd = [](fw u, fw v) {
            return __builtin_shufflevector(u, v, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
        };
        const fw e = even(q[c], q[4 + c]), o = odd(q[c], q[4 + c]);
        const fw f = even(q[8 + c], q[12 + c]), g = odd(q[8 + c], q[12 + c]);
        r[c] = even(e, f);
        r[4 + c] = even(o, g);
        r[8 + c] = odd(e, f);
        r[12 + c] = odd(o, g);
    }
}
#else
inline void transpose(fw *r) {
    fw s[8], q[8];
    for (int i = 0; i < 8; i += 2) {
        s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < 8; i += 4)
        for (int half = 0; half < 2; half++) {
            const fw u = s[i + half], v = s[i + 2 + half];
            q[i + 2 * half] = __builtin_shufflevector(u, v, 0, 1, 8, 9, 4, 5, 12, 13);
            q[i + 2 * half + 1] = __builtin_shufflevector(u, v, 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int c = 0; c < 4; c++) {
        r[c] = __builtin_shufflevector(q[c], q[4 + c], 0, 1, 2, 3, 8, 9, 10, 11);
        r[4 + c] = __builtin_shufflevector(q[c], q[4 + c], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}
#endif

// A block of kWide columns from kLanes rows, each `wide` apart, to lanes; `rows` and `lanes` point at its first column.
__attribute__((noinline)) void to_lanes(const float *rows, std::size_t wide, float *lanes) {
    for (int from = 0; from < kLanes; from += kWide) {
        fw block[kWide];
#pragma GCC unroll 16
        for (int i = 0; i < kWide; i++) block[i] = load_wide(rows + static_cast<std::size_t>(from + i) * wide);
        transpose(block);
#pragma GCC unroll 16
        for (int i = 0; i < kWide; i++) store_wide(lanes + kLanes * i + from, block[i]);
    }
}

// And back, to row(i) each.
template <typename Row> inline void to_rows(const float *lanes, Row row) {
    for (int from = 0; from < kLanes; from += kWide) {
        fw block[kWide];
#pragma GCC unroll 16
        for (int i = 0; i < kWide; i++) block[i] = load_wide(lanes + kLanes * i + from);
        transpose(block);
#pragma GCC unroll 16
        for (int i = 0; i < kWide; i++) store_wide(row(from + i), block[i]);
    }
}

// A number of each of kLanes rows.
#if defined(__AVX512F__)
struct Lanes {
    fw all = {};

    void add(const float *p) { all += load_wide(p); }
    void drop(const float *p) { all -= load_wide(p); }
    void put_mean(float count, float *p) const { store_wide(p, all / count); }
};
#else
struct Lanes {
    f8 low = {}, high = {};   // of two registers the additions overlap

    void add(const float *p) {
        low += load(p);
        high += load(p + 8);
    }
    void drop(const float *p) {
        low -= load(p);
        high -= load(p + 8);
    }
    void put_mean(float count, float *p) const {
        store(p, low / count);
        store(p + 8, high / count);
    }
};
#endif

// A box of `size` along kLanes rows at once, lane by lane. Columns are taken from `rows` to `lanes` block by block, as
// they are wanted: the additions wait for each other, and shuffles fill the time. Every position goes to
// emit(position, sums, count).
template <typename Emit>
inline void box_lanes(const float *rows, std::size_t wide, float *lanes, int n, int size, Emit emit) {
    const int half = (size + 2) / 2;
    Lanes sums;
    int right = 0, left = 0, at = 0, count = 0;
    const auto add = [&] {
        if (right % kWide == 0) to_lanes(rows + right, wide, lanes + kLanes * right);
        sums.add(lanes + kLanes * right++);
    };
    const auto drop = [&] { sums.drop(lanes + kLanes * left++); };
    for (; right < half - 1; count++) add();
    while (right < size) {
        add();
        count++;
        emit(at++, sums, static_cast<float>(count));
    }
    while (right < n) {
        add();
        drop();
        emit(at++, sums, static_cast<float>(count));
    }
    while (at < n) {
        drop();
        count--;
        emit(at++, sums, static_cast<float>(count));
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
    float *rows = work, *lanes = rows + kLanes * wide, *block = lanes + kLanes * wide, *fresh = block + kLanes * kSide;
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
        int j = 0;
        const auto mean = [&](int x, const Lanes &sums, float count) __attribute__((always_inline)) {
            for (; j < kSide && columns[j] == x; j++) sums.put_mean(count, narrow + kLanes * j);
        };
        box_lanes(rows, wide, lanes, width, size, mean);
        for (int x = 0; x < kSide; x += kWide)
            to_rows(narrow + kLanes * x, [&](int lane) { return block + lane * kSide + x; });
        for (int lane = 0; lane < held; lane++) {
            std::memcpy(second.slot(second.next), block + lane * kSide, kSide * sizeof(float));
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
        float *slots[kLanes];   // those past the last row are written as well, where nothing is wanted any more
        for (int lane = 0; lane < kLanes; lane++) slots[lane] = first.slot(y + lane);
        // kept apart and the next one in its place, so that the sums stay in registers
        const auto boxed = [&](int x) __attribute__((noinline)) {
            to_rows(block, [&](int lane) { return slots[lane] + x; });
        };
        const auto mean = [&](int x, const Lanes &sums, float count) __attribute__((always_inline)) {
            sums.put_mean(count, block + kLanes * (x % kWide));
            if (x % kWide == kWide - 1) boxed(x - (kWide - 1));
        };
        box_lanes(fresh, wide, lanes, width, size, mean);
        if (width % kWide) boxed(width / kWide * kWide);
        for (int lane = 0; lane < n; lane++) first.take(once);
    }
    first.finish(once);
    if (held) flush();
    second.finish(keep);
}

}  // namespace

#pragma GCC diagnostic pop
