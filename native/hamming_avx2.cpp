// The inner loops for CPUs with AVX2 and POPCNT. Elsewhere this file compiles to the portable ones under another name.
#include "hamming.hpp"

#if defined(__AVX2__)
#include <immintrin.h>

namespace tocsin {

namespace {

// As in the portable form: take the lowest set bit away `Slack` times and see what is nothing.
template <int Slack>
inline __m256i near16(const std::uint16_t *tags, __m256i tag, int slack) {
    const __m256i ones = _mm256_set1_epi16(-1);
    __m256i left = _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(tags)), tag);
    for (int s = 0; s < (Slack < 0 ? slack : Slack); ++s) left = _mm256_and_si256(left, _mm256_add_epi16(left, ones));
    return _mm256_cmpeq_epi16(left, _mm256_setzero_si256());
}

template <int Slack>
std::size_t near_tags_of(const std::uint16_t *tags, std::size_t count, std::uint16_t tag, int slack,
                         std::uint32_t *out) {
    const __m256i wanted = _mm256_set1_epi16(static_cast<short>(tag));
    std::size_t found = 0;
    for (std::size_t start = 0; start < count; start += 32) {
        const __m256i both = _mm256_packs_epi16(near16<Slack>(tags + start, wanted, slack),
                                                near16<Slack>(tags + start + 16, wanted, slack));
        // packs works within 128-bit lanes: put the quarters back in order before taking one bit a tag.
        auto mask = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_permute4x64_epi64(both, 0xd8)));
        if (count - start < 32) mask &= (1u << (count - start)) - 1;
        for (; mask; mask &= mask - 1) out[found++] = static_cast<std::uint32_t>(start + __builtin_ctz(mask));
    }
    return found;
}

std::size_t near_tags(const std::uint16_t *tags, std::size_t count, std::uint16_t tag, int slack, std::uint32_t *out) {
    switch (slack) {  // the common ones with the loop unrolled
        case 1: return near_tags_of<1>(tags, count, tag, slack, out);
        case 2: return near_tags_of<2>(tags, count, tag, slack, out);
        case 3: return near_tags_of<3>(tags, count, tag, slack, out);
        default: return near_tags_of<-1>(tags, count, tag, slack, out);
    }
}

// Four scalar POPCNTs a code keep up with the loads; a shuffle-based vector count was no faster.
inline int apart(const Code &a, const Code &b) {
    return static_cast<int>(_mm_popcnt_u64(a.word[0] ^ b.word[0]) + _mm_popcnt_u64(a.word[1] ^ b.word[1]) +
                            _mm_popcnt_u64(a.word[2] ^ b.word[2]) + _mm_popcnt_u64(a.word[3] ^ b.word[3]));
}

std::size_t near_codes(const Code *codes, std::size_t count, const Code &query, int radius, std::uint32_t *out,
                       std::uint16_t *distances) {
    const Code wanted = query;
    std::size_t found = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const int d = apart(codes[i], wanted);
        if (d > radius) [[likely]]
            continue;
        out[found] = static_cast<std::uint32_t>(i);
        distances[found++] = static_cast<std::uint16_t>(d);
    }
    return found;
}

void distances(const Code *codes, const Code *queries, const Pair *pairs, std::size_t count, std::uint16_t *out) {
    for (std::size_t i = 0; i < count; ++i)
        out[i] = static_cast<std::uint16_t>(apart(codes[pairs[i].ordinal], queries[pairs[i].query]));
}

}  // namespace

const Kernels avx2_kernels{near_tags, near_codes, distances};

}  // namespace tocsin

#else

namespace tocsin {
const Kernels avx2_kernels = portable_kernels;  // never chosen: has_avx2() is false where the compiler has no AVX2
}

#endif
