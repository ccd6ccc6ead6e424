// 256-bit codes and the three inner loops of the exact index, each in a portable form and in one for AVX2.
// They take plain pointers only, so that no inline function built with AVX2 flags can be linked into the portable path.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace tocsin {

static_assert(std::endian::native == std::endian::little, "the index file is little-endian");

struct Code {
    std::uint64_t word[4];

    // Band i of `bits` (8 or 16) bits, and the 16 bits that follow it, going round.
    unsigned band(int i, int bits) const { return word[i * bits >> 6] >> (i * bits & 63) & ((1u << bits) - 1); }
    unsigned tag(int i, int bits) const {
        if (bits == 16) return band((i + 1) & 15, 16);
        return band((i + 1) & 31, 8) | band((i + 2) & 31, 8) << 8;
    }
    bool operator==(const Code &) const = default;
};

inline int distance(const Code &a, const Code &b) {
    return std::popcount(a.word[0] ^ b.word[0]) + std::popcount(a.word[1] ^ b.word[1]) +
           std::popcount(a.word[2] ^ b.word[2]) + std::popcount(a.word[3] ^ b.word[3]);
}

struct Pair {
    std::uint32_t ordinal;  // of a code
    std::uint32_t query;
};

struct Kernels {
    // Which of `count` tags differ from `tag` in at most `slack` bits. Writes their places to `out` (room for `count`),
    // returns how many. May read, but not use, up to 62 bytes past the last tag.
    std::size_t (*near_tags)(const std::uint16_t *tags, std::size_t count, std::uint16_t tag, int slack,
                             std::uint32_t *out);
    // Which of `count` codes lie within `radius`: places and distances (room for `count` each), returns how many.
    std::size_t (*near_codes)(const Code *codes, std::size_t count, const Code &query, int radius, std::uint32_t *out,
                              std::uint16_t *distances);
    // The distance of each pair.
    void (*distances)(const Code *codes, const Code *queries, const Pair *pairs, std::size_t count, std::uint16_t *out);
};

extern const Kernels portable_kernels, avx2_kernels;
const Kernels &kernels();  // those for this CPU

// A fixed permutation of the 256 bits. Neighbouring bits of real PDQ hashes are correlated; spread over the bands, fewer
// entries share a bucket. Distances do not change. Part of the file format: version 1 means this permutation.
Code permuted(const std::uint8_t *bytes);

}  // namespace tocsin
