#include "index_bands.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <random>
#include <stdexcept>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace tocsin {

namespace {
constexpr std::size_t kLine = 64;
constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max() - 1;  // ordinals are 32 bits

std::size_t aligned(std::size_t size) { return (size + kLine - 1) / kLine * kLine; }
}  // namespace

bool Shape::sound() const {
    if (entries > kMost || leaders > entries || singles > leaders || (bits != 8 && bits != 16)) return false;
    if (!listed) return leaders == entries && singles == entries;
    return entries - singles >= 2 * (leaders - singles) && (leaders > singles || entries == singles);
}

Layout::Layout(const Shape &shape) {
    tag_stride = aligned(2 * shape.leaders + kLine);  // a line to spare: near_tags reads whole lines
    ordinal_stride = aligned(4 * shape.leaders);
    codes = 0;
    offsets = codes + aligned(32 * shape.leaders);
    tags = offsets + aligned(4 * shape.bands() * (shape.buckets() + 1));
    ordinals = tags + shape.bands() * tag_stride;
    ids = ordinals + shape.bands() * ordinal_stride;
    starts = ids + (shape.listed ? aligned(8 * shape.entries) : 0);
    size = starts + (shape.leaders > shape.singles ? aligned(4 * (shape.leaders - shape.singles + 1)) : 0);
}

Bands::Bands(const std::uint8_t *block, std::size_t size, const Shape &given)
    : shape(given), layout(given.sound() ? given : throw std::invalid_argument("its counts contradict each other")),
      block_(block) {
    if (size != layout.size) throw std::invalid_argument("its size does not fit its counts");
    if (reinterpret_cast<std::uintptr_t>(block) % alignof(Code)) throw std::invalid_argument("it is not aligned");
    // 4 MB read once, about a millisecond: from here on every bucket lies within its band. Ordinals and groups, too many
    // to look through at each start, are checked when they are used.
    for (int band = 0; band < shape.bands(); ++band) {
        const std::uint32_t *at = offsets(band);
        bool sound = at[0] == 0 && at[shape.buckets()] == shape.leaders;
        for (std::size_t i = 0; i < shape.buckets(); ++i) sound &= at[i] <= at[i + 1];
        if (!sound) throw std::invalid_argument("its bucket offsets are damaged");
    }
}

std::pair<std::uint64_t, std::uint64_t> Bands::entries_of(std::uint32_t ordinal) const {
    if (ordinal < shape.singles) return {ordinal, ordinal + 1ull};
    if (ordinal >= shape.leaders) return {0, 0};
    const auto *at = reinterpret_cast<const std::uint32_t *>(block_ + layout.starts) + (ordinal - shape.singles);
    if (at[0] < shape.singles || at[0] > at[1] || at[1] > shape.entries) return {0, 0};
    return {at[0], at[1]};
}

Builder::Builder(const std::uint8_t *codes, bool raw, const std::int64_t *ids, std::uint64_t count, int bits)
    : codes_(codes), raw_(raw), ids_(ids), count_(count) {
    if (count > kMost) throw std::length_error("an index holds at most 4,294,967,294 entries");
    shape.entries = shape.leaders = shape.singles = count;
    if (count) shape.first_id = id(0);
    for (std::uint64_t i = 0; i < count && !shape.listed; ++i)
        shape.listed = static_cast<std::uint64_t>(id(i)) != static_cast<std::uint64_t>(shape.first_id) + i;
    group();
    if (shape.listed) shape.first_id = 0;
    shape.bits = bits ? bits : shape.leaders < kNarrow ? 8 : 16;
}

// Finds equal codes through a hash table of (fragment, entry) words; a slot is touched only a prefetch after it is known.
void Builder::group() {
    const auto code_at = [&](std::uint64_t i) {
        Code code;
        std::memcpy(&code, codes_ + 32 * i, 32);
        return code;
    };
    // Seeded anew each time, so that no list can be crafted to crowd one part of the table. The groups do not depend on it.
    std::random_device device;
    std::uint64_t seed[4];
    for (auto &s : seed) s = (static_cast<std::uint64_t>(device()) << 32 | device()) | 1;
    const auto hash = [&](const Code &code) {
        std::uint64_t h = 0;
        for (int w = 0; w < 4; ++w) {
            h = (h ^ code.word[w]) * seed[w];
            h ^= h >> 29;
        }
        return h * 0x9e3779b97f4a7c15;
    };
    const std::size_t slots = std::bit_ceil(count_ + count_ / 2 + 2), mask = slots - 1;
    const Block memory(8 * slots);
    auto *table = reinterpret_cast<std::uint64_t *>(memory.data());
    constexpr std::uint64_t kAhead = 16;
    std::uint64_t waiting[kAhead];
    const auto prepare = [&](std::uint64_t i) {
        const std::uint64_t h = waiting[i % kAhead] = hash(code_at(i));
        __builtin_prefetch(table + (h >> 20 & mask), 1);
    };
    for (std::uint64_t i = 0; i < std::min(kAhead, count_); ++i) prepare(i);
    for (std::uint64_t i = 0; i < count_; ++i) {
        const std::uint64_t h = waiting[i % kAhead], fragment = h << 32;
        std::size_t at = h >> 20 & mask;
        while (table[at] && !((table[at] ^ fragment) >> 32 == 0 &&
                              code_at(static_cast<std::uint32_t>(table[at]) - 1) == code_at(i)))
            at = (at + 1) & mask;
        if (!table[at]) {
            table[at] = fragment | (i + 1);
        } else {
            if (leader_.empty()) {  // the first repetition met
                leader_.resize(count_);
                for (std::uint64_t j = 0; j < count_; ++j) leader_[j] = static_cast<std::uint32_t>(j);
            }
            leader_[i] = static_cast<std::uint32_t>(table[at]) - 1;
        }
        if (i + kAhead < count_) prepare(i + kAhead);
    }
    if (leader_.empty()) return;

    // Codes met once come first, so that only real groups need a place in `starts`.
    std::vector<std::uint32_t> members(count_);
    for (std::uint64_t i = 0; i < count_; ++i) ++members[leader_[i]];
    ordinal_.resize(count_);
    std::uint32_t next = 0;
    for (std::uint64_t i = 0; i < count_; ++i)
        if (members[i] == 1) ordinal_[i] = next++;
    shape.listed = true;
    shape.singles = next;
    std::uint32_t start = next;
    for (std::uint64_t i = 0; i < count_; ++i) {
        if (members[i] < 2) continue;
        ordinal_[i] = next++;
        starts_.push_back(start);
        start += members[i];
    }
    starts_.push_back(start);
    shape.leaders = next;
}

void Builder::write(std::uint8_t *block) const {
    const Layout layout(shape);
    const std::uint64_t leaders = shape.leaders;
    auto *codes = reinterpret_cast<Code *>(block + layout.codes);
    auto *ids = reinterpret_cast<std::int64_t *>(block + layout.ids);
    std::vector<std::uint32_t> filled = starts_;
    for (std::uint64_t i = 0; i < count_; ++i) {
        const bool leads = leader_.empty() || leader_[i] == i;
        const std::uint32_t ordinal = leader_.empty() ? static_cast<std::uint32_t>(i) : ordinal_[leader_[i]];
        if (leads) {
            if (raw_) codes[ordinal] = permuted(codes_ + 32 * i);
            else std::memcpy(&codes[ordinal], codes_ + 32 * i, 32);
        }
        if (shape.listed) ids[ordinal < shape.singles ? ordinal : filled[ordinal - shape.singles]++] = id(i);
    }
    if (!starts_.empty()) {
        for (std::size_t g = 0; g + 1 < starts_.size(); ++g) std::sort(ids + starts_[g], ids + starts_[g + 1]);
        std::memcpy(block + layout.starts, starts_.data(), 4 * starts_.size());
    }

    // A counting sort a band: all histograms in one pass, then one pass a band.
    auto *offsets = reinterpret_cast<std::uint32_t *>(block + layout.offsets);
    const std::size_t buckets = shape.buckets();
    for (std::uint64_t i = 0; i < leaders; ++i)
        for (int band = 0; band < shape.bands(); ++band)
            ++offsets[band * (buckets + 1) + codes[i].band(band, shape.bits) + 1];
    std::vector<std::uint32_t> next(buckets);
    for (int band = 0; band < shape.bands(); ++band) {
        std::uint32_t *at = offsets + band * (buckets + 1);
        for (std::size_t b = 0; b < buckets; ++b) at[b + 1] += at[b];
        std::copy(at, at + buckets, next.begin());
        auto *tags = reinterpret_cast<std::uint16_t *>(block + layout.tags + band * layout.tag_stride);
        auto *ordinals = reinterpret_cast<std::uint32_t *>(block + layout.ordinals + band * layout.ordinal_stride);
        constexpr std::uint64_t kAhead = 24;
        for (std::uint64_t i = 0; i < leaders; ++i) {
            if (i + kAhead < leaders) {
                const std::uint32_t soon = next[codes[i + kAhead].band(band, shape.bits)];
                __builtin_prefetch(tags + soon, 1);
                __builtin_prefetch(ordinals + soon, 1);
            }
            const std::uint32_t place = next[codes[i].band(band, shape.bits)]++;
            tags[place] = static_cast<std::uint16_t>(codes[i].tag(band, shape.bits));
            ordinals[place] = static_cast<std::uint32_t>(i);
        }
    }
}

Block::Block(std::size_t size) : size_(size) {
#if defined(__linux__)
    constexpr std::size_t kHuge = 2 << 20;
    void *got = mmap(nullptr, std::max<std::size_t>(size, 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (got == MAP_FAILED) throw std::bad_alloc();
    if (size >= 2 * kHuge) madvise(got, size, MADV_HUGEPAGE);  // only advice
    data_ = static_cast<std::uint8_t *>(got);
#else
    data_ = new (std::align_val_t{kLine}) std::uint8_t[std::max<std::size_t>(size, 1)]();
#endif
}

Block::~Block() {
#if defined(__linux__)
    munmap(data_, std::max<std::size_t>(size_, 1));
#else
    ::operator delete[](data_, std::align_val_t{kLine});
#endif
}

}  // namespace tocsin
