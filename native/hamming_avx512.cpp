// The inner loops for CPUs with AVX-512 and its population counts (BW, VL, BITALG, VPOPCNTDQ). Elsewhere this file
// compiles to the portable ones under another name.
#include "hamming.hpp"

#if defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512BITALG__) && defined(__AVX512VPOPCNTDQ__)
#include <immintrin.h>

#include "hamming_probe.hpp"

namespace tocsin {

namespace {

std::size_t near_tags(const Probe *probes, std::size_t first, std::size_t last, std::size_t all, Survivor *out) {
    const Survivor *begin = out;
    for (std::size_t p = first; p < last; ++p) {
        fetch_ahead(probes, p, all);
        const __m512i tag = _mm512_set1_epi16(static_cast<short>(probes[p].tag));
        const __m512i slack = _mm512_set1_epi16(static_cast<short>(probes[p].slack));
        out = walk(probes[p], [&](const std::uint16_t *line) -> std::uint32_t {
            const __m512i apart = _mm512_popcnt_epi16(_mm512_xor_si512(_mm512_load_si512(line), tag));
            return _mm512_cmple_epu16_mask(apart, slack);
        }, out);
    }
    return static_cast<std::size_t>(out - begin);
}

inline int apart_of(const Code &a, const Code &b) {
    const auto load = [](const Code &code) { return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(&code)); };
    const __m256i words = _mm256_popcnt_epi64(_mm256_xor_si256(load(a), load(b)));
    const __m128i two = _mm_add_epi64(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    return static_cast<int>(_mm_cvtsi128_si64(_mm_add_epi64(two, _mm_unpackhi_epi64(two, two))));
}

inline __m512i counts(const void *two_codes, __m512i query) {
    return _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_loadu_si512(two_codes), query));
}

// Eight codes at a time, two a register. Their counts of words are laid side by side, 16 bits each, and summed together.
std::size_t near_codes(const Code *codes, std::size_t count, const Code &query, int radius, std::uint32_t *out,
                       std::uint16_t *distances) {
    const __m512i wanted = _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(&query)));
    const __m128i most = _mm_set1_epi16(static_cast<short>(radius));
    std::size_t found = 0, start = 0;
    for (; start + 8 <= count; start += 8) {
        const Code *at = codes + start;
        __m512i sum = counts(at, wanted);
        sum = _mm512_add_epi64(sum, _mm512_slli_epi64(counts(at + 2, wanted), 16));
        sum = _mm512_add_epi64(sum, _mm512_slli_epi64(counts(at + 4, wanted), 32));
        sum = _mm512_add_epi64(sum, _mm512_slli_epi64(counts(at + 6, wanted), 48));
        sum = _mm512_add_epi64(sum, _mm512_permutex_epi64(sum, 0x4e));
        sum = _mm512_add_epi64(sum, _mm512_permutex_epi64(sum, 0xb1));
        // The low half now holds the distances of codes 0, 2, 4, 6 in every word, the high half those of 1, 3, 5, 7.
        const __m128i apart = _mm_unpacklo_epi16(_mm512_castsi512_si128(sum), _mm512_extracti64x2_epi64(sum, 2));
        unsigned near = _mm_cmple_epu16_mask(apart, most);
        if (!near) [[likely]]
            continue;
        alignas(16) std::uint16_t lanes[8];
        _mm_store_si128(reinterpret_cast<__m128i *>(lanes), apart);
        for (; near; near &= near - 1) {
            const int i = __builtin_ctz(near);
            out[found] = static_cast<std::uint32_t>(start) + static_cast<std::uint32_t>(i);
            distances[found++] = lanes[i];
        }
    }
    for (; start < count; ++start) {
        const int d = apart_of(codes[start], query);
        if (d > radius) continue;
        out[found] = static_cast<std::uint32_t>(start);
        distances[found++] = static_cast<std::uint16_t>(d);
    }
    return found;
}

void distances(const Code *codes, const Code *queries, const Pair *pairs, std::size_t count, std::uint16_t *out) {
    for (std::size_t i = 0; i < count; ++i)
        out[i] = static_cast<std::uint16_t>(apart_of(codes[pairs[i].ordinal], queries[pairs[i].query]));
}

}  // namespace

const Kernels avx512_kernels{near_tags, near_codes, distances};

}  // namespace tocsin

#else

namespace tocsin {
const Kernels avx512_kernels = portable_kernels;  // never chosen: the width is not there where the compiler lacks it
}

#endif
