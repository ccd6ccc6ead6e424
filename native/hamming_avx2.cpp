// The inner loops for CPUs with AVX2 and POPCNT. Elsewhere this file compiles to the portable ones under another name.
#include "hamming.hpp"

#if defined(__AVX2__)
#include <immintrin.h>

#include "hamming_probe.hpp"

namespace tocsin {

namespace {

// As in the portable form: take the lowest set bit away `Slack` times and see what is nothing.
template <int Slack>
inline __m256i near16(const std::uint16_t *tags, __m256i tag, int slack) {
    const __m256i ones = _mm256_set1_epi16(-1);
    __m256i left = _mm256_xor_si256(_mm256_load_si256(reinterpret_cast<const __m256i *>(tags)), tag);
    for (int s = 0; s < (Slack < 0 ? slack : Slack); ++s) left = _mm256_and_si256(left, _mm256_add_epi16(left, ones));
    return _mm256_cmpeq_epi16(left, _mm256_setzero_si256());
}

template <int Slack>
inline Survivor *walk_with(const Probe &probe, Survivor *out) {
    const __m256i tag = _mm256_set1_epi16(static_cast<short>(probe.tag));
    return walk(probe, [&](const std::uint16_t *line) {
        const __m256i both = _mm256_packs_epi16(near16<Slack>(line, tag, probe.slack),
                                                near16<Slack>(line + 16, tag, probe.slack));
        // packs works within 128-bit lanes: put the quarters back in order before taking one bit a tag.
        return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_permute4x64_epi64(both, 0xd8)));
    }, out);
}

std::size_t near_tags(const Probe *probes, std::size_t first, std::size_t last, std::size_t all, Survivor *out) {
    const Survivor *begin = out;
    for (std::size_t p = first; p < last; ++p) {
        fetch_ahead(probes, p, all);
        switch (probes[p].slack) {  // the common ones with the loop unrolled
            case 2: out = walk_with<2>(probes[p], out); break;
            case 3: out = walk_with<3>(probes[p], out); break;
            default: out = walk_with<-1>(probes[p], out);
        }
    }
    return static_cast<std::size_t>(out - begin);
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
const Kernels avx2_kernels = portable_kernels;  // never chosen: the width is not there where the compiler lacks it
}

#endif
