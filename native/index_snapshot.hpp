// What one search sees: a base block, the entries added since, and the removals. Never changed once made: adding or
// removing makes the next snapshot, which shares all that is the same, so searches on other threads need no lock.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "index_search.hpp"

namespace tocsin {

struct Answer {
    std::vector<Hit> hits;               // sorted by (query, distance, id)
    std::vector<std::uint8_t> truncated;  // per query: more than `limit` lie within the radius
};

struct Entries {
    std::vector<Code> codes;  // permuted
    std::vector<std::int64_t> ids;
};

class Snapshot {
  public:
    explicit Snapshot(std::shared_ptr<const Bands> base) : base_(std::move(base)) {}

    // With a limit, the nearest (by distance, then id) of those within the radius; where more than Search::enough(limit)
    // are, the nearest of those met first, among them every one at distance 0 that fits.
    Answer search(const std::uint8_t *queries, std::size_t count, const Plan &plan, std::optional<std::size_t> limit,
                  unsigned threads) const;
    Snapshot added(const std::uint8_t *codes, const std::int64_t *ids, std::size_t count) const;
    Snapshot without(const std::int64_t *ids, std::size_t count) const;

    std::size_t added_entries() const { return side_entries() + tail_.codes.size(); }
    std::size_t removals() const { return tombs_.size(); }
    std::uint64_t count() const;  // of live entries; looks at all of them when anything was removed
    Entries live() const;

  private:
    // The entries added since, but for the latest, in a banded block of their own.
    struct Side {
        Entries entries;  // by position
        std::unique_ptr<Block> block;
        std::unique_ptr<Bands> bands;
    };
    std::size_t side_entries() const { return side_ ? side_->entries.codes.size() : 0; }
    void settle_tail();
    void one(Search &search, const Code &code, std::uint32_t number, Answer &answer) const;
    void some(const std::uint8_t *queries, std::size_t count, Search &search, Answer &answer) const;
    void look_in_tail(const Search &search, const Code &code, std::uint32_t number, std::vector<Hit> &hits) const;
    std::vector<Source> sources() const;

    std::shared_ptr<const Bands> base_;
    std::shared_ptr<const Side> side_;
    Entries tail_;
    Tombs tombs_;
};

}  // namespace tocsin
