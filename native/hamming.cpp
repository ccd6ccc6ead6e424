#include "hamming.hpp"

#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "cpu.hpp"
#include "hamming_probe.hpp"

namespace tocsin {

namespace {

// Which tags of a line are near. Taking the lowest set bit away `slack` times leaves nothing just where at most `slack`
// bits differ. No branch, so compilers turn it into vector code of whatever width is at hand.
inline std::uint32_t near_line(const std::uint16_t *tags, std::uint16_t tag, int slack) {
    std::uint16_t left[kLineTags];
    for (std::size_t i = 0; i < kLineTags; ++i) left[i] = tags[i] ^ tag;
    for (int s = 0; s < slack; ++s)
        for (std::size_t i = 0; i < kLineTags; ++i) left[i] &= static_cast<std::uint16_t>(left[i] - 1);
    unsigned any = 0;
    for (std::size_t i = 0; i < kLineTags; ++i) any |= left[i] == 0;
    if (!any) return 0;
    std::uint32_t mask = 0;
    for (std::size_t i = 0; i < kLineTags; ++i) mask |= static_cast<std::uint32_t>(left[i] == 0) << i;
    return mask;
}

std::size_t near_tags(const Probe *probes, std::size_t first, std::size_t last, std::size_t all, Survivor *out) {
    const Survivor *begin = out;
    for (std::size_t p = first; p < last; ++p) {
        fetch_ahead(probes, p, all);
        const Probe &probe = probes[p];
        out = walk(probe, [&](const std::uint16_t *line) { return near_line(line, probe.tag, probe.slack); }, out);
    }
    return static_cast<std::size_t>(out - begin);
}

std::size_t near_codes(const Code *codes, std::size_t count, const Code &query, int radius, std::uint32_t *out,
                       std::uint16_t *distances) {
    std::size_t found = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const int apart = distance(codes[i], query);
        out[found] = static_cast<std::uint32_t>(i);
        distances[found] = static_cast<std::uint16_t>(apart);
        found += apart <= radius;
    }
    return found;
}

void distances(const Code *codes, const Code *queries, const Pair *pairs, std::size_t count, std::uint16_t *out) {
    for (std::size_t i = 0; i < count; ++i)
        out[i] = static_cast<std::uint16_t>(distance(codes[pairs[i].ordinal], queries[pairs[i].query]));
}

// What each value of each of the 64 nibbles contributes to the permuted code: 32 KiB, which stays in the nearest cache.
struct Permutation {
    std::array<std::array<Code, 16>, 64> nibble{};

    Permutation() {
        std::array<unsigned char, 256> to;
        for (int i = 0; i < 256; ++i) to[i] = static_cast<unsigned char>(i);
        std::uint64_t state = 0x746f6373696e3031;  // "tocsin01": never change it, files hold permuted codes
        for (int i = 255; i > 0; --i) {            // Fisher-Yates by SplitMix64
            std::uint64_t z = state += 0x9e3779b97f4a7c15;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            std::swap(to[i], to[(z ^ (z >> 31)) % (i + 1)]);
        }
        for (int bit = 0; bit < 256; ++bit)
            for (int value = 0; value < 16; ++value)
                if (value >> (bit & 3) & 1) nibble[bit >> 2][value].word[to[bit] >> 6] |= 1ull << (to[bit] & 63);
    }
};

}  // namespace

const Kernels portable_kernels{near_tags, near_codes, distances};

const Kernels &kernels() {
    switch (cpu_width()) {
        case Width::avx512: return avx512_kernels;
        case Width::avx2: return avx2_kernels;
        default: return portable_kernels;
    }
}

Code permuted(const std::uint8_t *bytes) {
    static const auto table = std::make_unique<const Permutation>();
    Code out{};
    for (int i = 0; i < 32; ++i) {
        const Code &low = table->nibble[2 * i][bytes[i] & 15], &high = table->nibble[2 * i + 1][bytes[i] >> 4];
        for (int w = 0; w < 4; ++w) out.word[w] |= low.word[w] | high.word[w];
    }
    return out;
}

}  // namespace tocsin
