// The banded form of a set of codes: one block of memory, the same in a file and in memory.
//
// Codes that are equal share one *leader*; its ordinal stands for all of them. For each band the leaders are sorted into
// buckets by the band's value, and in bucket order lie each leader's *tag* (the 16 bits after the band, going round) and
// its ordinal. A search streams tags and touches ordinals and codes only where the tag is near.
//
// Two forms: 16 bands of 16 bits, and for fewer than kNarrow leaders 32 bands of 8. The second needs 32 probes instead of
// 272 and streams more tags in each, which costs less while there are few.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "hamming.hpp"

namespace tocsin {

constexpr std::uint64_t kNarrow = 250'000;

// What the header of a file says about the block.
struct Shape {
    std::uint64_t entries = 0;
    std::uint64_t leaders = 0;
    std::uint64_t singles = 0;   // leaders of one entry; these have the lowest ordinals
    bool listed = false;         // ids are listed; else entry i has id first_id + i, and all are singles
    std::int64_t first_id = 0;
    int bits = 16;               // of a band

    int bands() const { return 256 / bits; }
    std::size_t buckets() const { return std::size_t{1} << bits; }
    bool sound() const;
};

// Where the parts lie in the block; follows from the shape alone.
struct Layout {
    std::size_t codes, offsets, tags, tag_stride, ordinals, ordinal_stride, ids, starts, size;
    explicit Layout(const Shape &shape);
};

// A read-only view of a block. The bytes may be hostile: whatever is not checked by the constructor is checked in use.
class Bands {
  public:
    // Throws std::invalid_argument when the block is not what the shape says.
    Bands(const std::uint8_t *block, std::size_t size, const Shape &shape);

    const Shape shape;
    const Layout layout;

    const Code *codes() const { return reinterpret_cast<const Code *>(block_ + layout.codes); }
    const std::uint32_t *offsets(int band) const {
        return reinterpret_cast<const std::uint32_t *>(block_ + layout.offsets) + band * (shape.buckets() + 1);
    }
    const std::uint16_t *tags(int band) const {
        return reinterpret_cast<const std::uint16_t *>(block_ + layout.tags + band * layout.tag_stride);
    }
    const std::uint32_t *ordinals(int band) const {
        return reinterpret_cast<const std::uint32_t *>(block_ + layout.ordinals + band * layout.ordinal_stride);
    }

    // Entries of a leader: numbers [first, last) for id_of. Ascending ids within a leader.
    std::pair<std::uint64_t, std::uint64_t> entries_of(std::uint32_t ordinal) const;
    std::int64_t id_of(std::uint64_t entry) const {
        return shape.listed ? reinterpret_cast<const std::int64_t *>(block_ + layout.ids)[entry]
                            : static_cast<std::int64_t>(static_cast<std::uint64_t>(shape.first_id) + entry);
    }

  private:
    const std::uint8_t *block_;
};

// Makes a block from codes in any order. `raw` codes are permuted on the way; those from another index already are.
class Builder {
  public:
    // `ids` null: 0 … count-1. `bits` 0: the form that suits the size. The arrays are read again by write().
    Builder(const std::uint8_t *codes, bool raw, const std::int64_t *ids, std::uint64_t count, int bits = 0);

    Shape shape;
    void write(std::uint8_t *block) const;  // Layout(shape).size bytes, 64-byte aligned or nearly, all zero before

  private:
    void group();
    const std::uint8_t *codes_;
    const bool raw_;
    const std::int64_t *ids_;
    const std::uint64_t count_;
    std::vector<std::uint32_t> leader_;    // of each entry, the first entry with that code; empty when all differ
    std::vector<std::uint32_t> ordinal_;   // of each leading entry
    std::vector<std::uint32_t> starts_;    // of each group of two or more, into the listed ids; and their end
    std::int64_t id(std::uint64_t entry) const { return ids_ ? ids_[entry] : static_cast<std::int64_t>(entry); }
};

// Zeroed memory of its own, on huge pages where the system has them: a search reads all over it.
class Block {
  public:
    explicit Block(std::size_t size);
    ~Block();
    Block(const Block &) = delete;
    Block &operator=(const Block &) = delete;
    std::uint8_t *data() const { return data_; }
    std::size_t size() const { return size_; }

  private:
    std::uint8_t *data_;
    std::size_t size_;
};

}  // namespace tocsin
