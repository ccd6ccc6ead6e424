// How probes are walked, the same at every width. Included by each hamming*.cpp; the unnamed namespace keeps what one of
// them compiles with its flags out of the others.
#pragma once

#include "hamming.hpp"

namespace tocsin {

namespace {

constexpr std::size_t kLineBytes = 64, kLineTags = kLineBytes / sizeof(std::uint16_t);
constexpr std::size_t kAhead = 40;  // probes fetched ahead of the one being read

// Always inlined: GCC takes a function that only fetches for one that does nothing, and drops calls to it.
#define TOCSIN_FETCHES __attribute__((always_inline)) inline void

// Fetches [begin, end), the first kilobyte of it at most; the rest the processor foresees by itself.
TOCSIN_FETCHES fetch(const void *begin, const void *end) {
    const char *at = static_cast<const char *>(begin), *last = static_cast<const char *>(end) - 1;
    // First and last line without asking whether they are one: small buckets straddle a line unpredictably.
    __builtin_prefetch(at);
    __builtin_prefetch(last);
    if (last - at > 1024) last = at + 1024;
    for (at += kLineBytes; at < last; at += kLineBytes) __builtin_prefetch(at);
}

// Fetches what is read a while after probe p; to begin with, all before that.
TOCSIN_FETCHES fetch_ahead(const Probe *probes, std::size_t p, std::size_t all) {
    if (p == 0)
        for (std::size_t soon = 0; soon < kAhead && soon < all; ++soon)
            fetch(probes[soon].tags, probes[soon].tags + probes[soon].count);
    if (p + kAhead < all) fetch(probes[p + kAhead].tags, probes[p + kAhead].tags + probes[p + kAhead].count);
}

// Goes through one probe line by line. `near` says for the 32 tags of a line which are near, a bit each: whole lines, so
// that none is read that was not fetched.
template <class Near>
inline Survivor *walk(const Probe &probe, Near near, Survivor *out) {
    if (!probe.count) return out;
    const std::size_t lead = reinterpret_cast<std::uintptr_t>(probe.tags) % kLineBytes / sizeof(std::uint16_t);
    const std::size_t end = lead + probe.count;
    const std::uint16_t *line = probe.tags - lead;
    const std::uint32_t *ordinals = probe.ordinals - lead;
    const auto take = [&](std::size_t start, std::uint32_t wanted) {
        for (std::uint32_t mask = near(line + start) & wanted; mask; mask &= mask - 1) {
            const std::uint32_t *ordinal = ordinals + start + __builtin_ctz(mask);
            __builtin_prefetch(ordinal);
            *out++ = {ordinal, probe.from};
        }
    };
    std::size_t start = 0;
    std::uint32_t wanted = ~0u << lead;
    for (; end - start > kLineTags; start += kLineTags, wanted = ~0u) take(start, wanted);
    take(start, wanted & ~0u >> (kLineTags - (end - start)));
    return out;
}

}  // namespace

}  // namespace tocsin
