// Exact search over a banded block: every leader within the radius, each reported once.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "index_bands.hpp"
#include "index_tombs.hpp"

namespace tocsin {

struct Hit {
    std::uint32_t query;
    std::int32_t distance;
    std::int64_t id;
    auto operator<=>(const Hit &) const = default;  // the order of results: query, distance, id
};

// A block, and how its entries become ids. In the side block an entry's "id" is its position in the order of adding.
struct Source {
    const Bands *bands;
    const std::int64_t *ids_by_position;  // null for the base
    const Tombs *tombs;
};

// What a radius needs of a block with B bands. Let t = radius/B + 1. The B band distances sum to less than Bt, so by the
// cycle lemma there is a band i from which, going round, every partial sum stays below its share: d_i < t,
// d_i + d_(i+1) < 2t, and so on. The first says which buckets to look into; the tag holds the next band of 16 bits, or the
// next two of 8, so the second or third says which tags to take. Such starts number at least (Bt - radius)/t, so the last
// few bands need no look: of 16 bands, a radius of 0 takes one bucket, 15 takes 16, 31 takes 16 x 17.
struct Way {
    int bits, t, bands;
    int reach;                        // the bands that a bucket and a tag cover: 2 or 3
    struct Mask {
        std::uint16_t flips, bits;  // what is turned over, and how many that are
    };
    const Mask *mask;                 // a band's value, changed by each of these, names the buckets
    std::size_t masks;                // the first is 0, then those of 1 … t-1 bits; 0: too many, scan
    Way(int bits, int radius);
    std::uint16_t slack(const Mask &mask) const { return static_cast<std::uint16_t>(reach * t - 1 - mask.bits); }
    bool met_before(const Code &a, const Code &b, int band) const;
};

struct Plan {
    int radius;
    std::optional<bool> scan;  // tests hold both ways to the same answers; else what costs less
    Way wide, narrow;
    explicit Plan(int radius, std::optional<bool> scan = {})
        : radius(radius), scan(scan), wide(16, radius), narrow(8, radius) {}
    const Way &way(const Bands &bands) const { return bands.shape.bits == 16 ? wide : narrow; }
};

// The search of one thread.
class Search {
  public:
    // With a limit, a query stops when this many lie within the radius: more than enough to choose the nearest from.
    static std::size_t enough(std::size_t limit) { return std::max<std::size_t>(16384, 2 * limit); }

    Search(const Plan &plan, std::optional<std::size_t> limit) : plan(plan), limit(limit), room_(room()) {}

    // Fetches what the first step of look() waits for.
    void warm(const Bands &bands, const Code &code) const;
    // Appends the hits of one query; true when it stopped early. The entries at distance 0 are always met: all lie in
    // the first bucket, and where it stops within that, the rest of it is still looked through for them.
    bool look(const Source &source, const Code &code, std::uint32_t number, std::vector<Hit> &hits);
    // Many queries together: each bucket is read once for all that want it. Sets again[i] for those that look() should do.
    void join(const Source &source, const std::vector<Code> &codes, std::vector<Hit> &hits,
              std::vector<std::uint8_t> &again);
    bool joinable() const { return plan.radius < 32 && !plan.scan.value_or(false); }

    const Plan plan;
    const std::optional<std::size_t> limit;

  private:
    static constexpr std::size_t kPiece = 8192;   // tags or codes gone through at once
    static constexpr std::size_t kProbes = 512;   // probes made at once
    static constexpr std::size_t kSettle = 1024;  // survivors waited for before their codes are fetched

    // Scratch memory, kept by the thread from one search to the next.
    struct Room {
        std::array<Probe, kProbes> probes;
        std::array<Survivor, kSettle + kPiece> survivors;
        std::array<std::uint32_t, kPiece> places;
        std::array<std::uint16_t, kPiece> distances;
        std::size_t survived = 0;
    };
    static Room &room();

    bool cheaper_to_scan(const Bands &bands) const;
    bool scan(const Source &source, const Code &code, std::uint32_t number, std::vector<Hit> &hits);
    // Goes on from probe `at` for as long as there is room for what may survive; returns the next probe.
    std::size_t go_on(std::size_t at, std::size_t count, std::size_t fetched);
    template <class Asked, class Near>
    void settle(const Bands &bands, const Code *codes, int radius, Asked asked, Near near);
    void expand(const Source &source, std::uint32_t ordinal, std::uint32_t number, int distance,
                std::vector<Hit> &hits) const;
    Room &room_;
};

}  // namespace tocsin
