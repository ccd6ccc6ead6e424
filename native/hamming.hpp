// 256-bit codes and the inner loops of the exact index: in a portable form, one for AVX2 and one for AVX-512.
// They take plain pointers only, so that no inline function built with such flags can be linked into the portable path.
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

// A run of tags, the ordinals beside them, and which tags are wanted: those that differ from `tag` in `slack` bits at most.
struct Probe {
    const std::uint16_t *tags;
    const std::uint32_t *ordinals;
    std::uint32_t count;
    std::uint32_t from;  // what the caller knows it by
    std::uint16_t tag;
    std::uint16_t slack;
};

struct Survivor {
    const std::uint32_t *ordinal;  // where it is; fetched, not read
    std::uint32_t from;
};

struct Kernels {
    // Goes through probes [first, last) and writes the survivors in order to `out`, which must have room for all tags of
    // these; returns how many. Fetches what lies ahead, up to probe `all`. Reads whole lines of 64 bytes, so up to 62
    // bytes before the first tag of a probe and past the last.
    std::size_t (*near_tags)(const Probe *probes, std::size_t first, std::size_t last, std::size_t all, Survivor *out);
    // Which of `count` codes lie within `radius`: places and distances (room for `count` each), returns how many.
    std::size_t (*near_codes)(const Code *codes, std::size_t count, const Code &query, int radius, std::uint32_t *out,
                              std::uint16_t *distances);
    // The distance of each pair.
    void (*distances)(const Code *codes, const Code *queries, const Pair *pairs, std::size_t count, std::uint16_t *out);
};

extern const Kernels portable_kernels, avx2_kernels, avx512_kernels;
const Kernels &kernels();  // those for this CPU

// A fixed permutation of the 256 bits. Neighbouring bits of real PDQ hashes are correlated; spread over the bands, fewer
// entries share a bucket. Distances do not change. Part of the file format: version 1 means this permutation.
Code permuted(const std::uint8_t *bytes);

}  // namespace tocsin
