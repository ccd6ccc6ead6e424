// Exact search over a banded block: every leader within the radius, each reported once.
#pragma once

#include <algorithm>
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

// What a radius needs. Let t = radius/16 + 1. The 16 band distances sum to less than 16t, so by the cycle lemma there is a
// band i from which, going round, every partial sum stays below its share: d_i < t, d_i + d_(i+1) < 2t, and so on. The
// first says which buckets to look into, the second which tags to take. Such starts number at least (16t - radius)/t, so
// the last few bands need no look: a radius of 0 takes one bucket, 15 takes 16, 31 takes 16 x 17.
struct Plan {
    int radius, t, bands;
    std::size_t masks;          // buckets a band: the value itself, then those that differ in 1 … t-1 bits; 0: too many
    std::optional<bool> scan;   // tests hold both ways to the same answers; else what costs less
    explicit Plan(int radius, std::optional<bool> scan = {});
};

// The search of one thread; keeps its scratch memory between queries.
class Search {
  public:
    // With a limit, a query stops when this many lie within the radius: more than enough to choose the nearest from.
    static std::size_t enough(std::size_t limit) { return std::max<std::size_t>(16384, 2 * limit); }

    Search(const Plan &plan, std::optional<std::size_t> limit) : plan(plan), limit(limit) {}

    // Fetches what the first step of look() waits for.
    void warm(const Bands &bands, const Code &code) const;
    // Appends the hits of one query; true when it stopped early. Between one bucket and the next only, so the entries at
    // distance 0, all in the first bucket, are always met.
    bool look(const Source &source, const Code &code, std::uint32_t number, std::vector<Hit> &hits);
    // Many queries together: each bucket is read once for all that want it. Sets again[i] for those that look() should do.
    void join(const Source &source, const std::vector<Code> &codes, std::vector<Hit> &hits,
              std::vector<std::uint8_t> &again);
    bool joinable() const { return plan.masks <= 17; }

    const Plan plan;
    const std::optional<std::size_t> limit;

  private:
    struct Probe {
        std::uint32_t begin, end;
        std::uint16_t tag;
        std::uint8_t band, slack;
    };
    struct Survivor {
        std::uint32_t place, band;
    };
    bool cheaper_to_scan(const Bands &bands) const;
    bool scan(const Source &source, const Code &code, std::uint32_t number, std::vector<Hit> &hits);
    void verify(const Source &source, const Code &code, std::uint32_t number, std::vector<Hit> &hits);
    void expand(const Source &source, std::uint32_t ordinal, std::uint32_t number, int distance,
                std::vector<Hit> &hits) const;
    std::vector<Probe> probes_;
    std::vector<Survivor> survivors_;
    std::vector<Pair> pairs_;
    std::vector<std::uint16_t> distances_;
    std::vector<std::uint32_t> places_;
};

}  // namespace tocsin
