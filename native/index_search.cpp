#include "index_search.hpp"

#include <array>

namespace tocsin {

namespace {

constexpr std::size_t kPiece = 4096;     // tags or codes handed to a kernel at once
constexpr std::size_t kChunk = 512;      // probes resolved at once
constexpr std::size_t kFlush = 1024;     // survivors verified at once
constexpr std::size_t kAhead = 16;       // buckets fetched ahead of the one being read
constexpr int kMostBits = 4;             // a band's buckets up to this distance are in the table: radius to 79 and more

// All values of so many bits by their number of set bits, up to kMostBits.
struct Masks {
    std::vector<std::uint16_t> mask;
    std::array<std::size_t, kMostBits + 1> upto{};
    explicit Masks(int width) {
        for (int bits = 0; bits <= kMostBits; ++bits) {
            for (unsigned value = 0; value < 1u << width; ++value)
                if (std::popcount(value) == bits) mask.push_back(static_cast<std::uint16_t>(value));
            upto[bits] = mask.size();
        }
    }
};

// Fetches [begin, end), the first kilobyte of it at most; the rest the processor foresees by itself.
void fetch(const void *begin, const void *end) {
    constexpr std::ptrdiff_t kMost = 1024;
    const char *at = static_cast<const char *>(begin), *last = static_cast<const char *>(end) - 1;
    // First and last line without asking whether they are one: small buckets straddle a line unpredictably.
    __builtin_prefetch(at);
    __builtin_prefetch(last);
    for (last = std::min(last, at + kMost), at += 64; at < last; at += 64) __builtin_prefetch(at);
}

}  // namespace

Way::Way(int bits, int radius) : bits(bits), t(radius / (256 / bits) + 1), reach(1 + 16 / bits) {
    static const Masks wide(16), narrow(8);
    const Masks &from = bits == 16 ? wide : narrow;
    const int all = 256 / bits;
    bands = all - (all * t - radius + t - 1) / t + 1;
    mask = from.mask.data();
    masks = t - 1 <= kMostBits ? from.upto[t - 1] : 0;
}

// A pair is met in every band that starts a sound round; it is reported in the first of them, so once.
bool Way::met_before(const Code &a, const Code &b, int band) const {
    std::array<std::uint8_t, 32 + 2> d;  // band distances, the first ones once more at the end
    const int all = 256 / bits;
    for (int w = 0; w < 4; ++w) {
        std::uint64_t x = a.word[w] ^ b.word[w];
        x -= x >> 1 & 0x5555555555555555;
        x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
        x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
        if (bits == 16) x = (x + (x >> 8)) & 0x00ff00ff00ff00ff;
        for (int lane = 0; lane < 64 / bits; ++lane)
            d[w * (64 / bits) + lane] = static_cast<std::uint8_t>(x >> (bits * lane));
    }
    d[all] = d[0];
    d[all + 1] = d[1];
    for (int i = 0; i < band; ++i)
        if (d[i] < t && d[i] + d[i + 1] + (reach == 3 ? d[i + 2] : 0) < reach * t) return true;
    return false;
}

bool Search::cheaper_to_scan(const Bands &bands) const {
    const Way &way = plan.way(bands);
    if (!way.masks) return true;
    if (plan.scan) return *plan.scan;
    // Measured, in nanoseconds: a probe waits for a line or two and streams its tags, a code is streamed.
    const double entries = static_cast<double>(bands.shape.leaders), probes = static_cast<double>(way.bands * way.masks);
    // Share of the tags that are near, by t.
    static constexpr double kWide[] = {0.0003, 0.0025, 0.012, 0.045, 0.13}, kNarrowly[] = {0.002, 0.04, 0.25, 0.6, 1};
    const double taken = (way.bits == 16 ? kWide : kNarrowly)[way.t - 1];
    const double streamed = probes * entries / static_cast<double>(bands.shape.buckets());
    const double banded = probes * (entries < 1e6 ? 18 : 35) + streamed * (0.15 + 8 * taken);
    return entries * (entries < 3e5 ? 0.8 : 1.6) < banded;
}

void Search::expand(const Source &source, std::uint32_t ordinal, std::uint32_t number, int distance,
                    std::vector<Hit> &hits) const {
    auto [entry, last] = source.bands->entries_of(ordinal);
    // Ids ascend within a base leader, so no more than limit + 1 of them can matter.
    std::size_t room = limit && !source.ids_by_position ? *limit + 1 : static_cast<std::size_t>(-1);
    for (; entry < last && room; ++entry) {
        std::int64_t id = source.bands->id_of(entry), position = -1;
        if (source.ids_by_position) {
            position = id;
            id = source.ids_by_position[position];
        }
        if (!source.tombs->empty() && source.tombs->dead(id, position)) continue;
        hits.push_back({number, distance, id});
        --room;
    }
}

bool Search::scan(const Source &source, const Code &code, std::uint32_t number, std::vector<Hit> &hits) {
    const std::size_t before = hits.size();
    const std::uint32_t leaders = static_cast<std::uint32_t>(source.bands->shape.leaders);
    bool cut = false;
    places_.resize(kPiece);
    distances_.resize(std::max(distances_.size(), kPiece));
    for (std::uint32_t start = 0; start < leaders; start += kPiece) {
        const std::size_t count = std::min<std::size_t>(kPiece, leaders - start);
        const std::size_t found = kernels().near_codes(source.bands->codes() + start, count, code, plan.radius,
                                                       places_.data(), distances_.data());
        for (std::size_t i = 0; i < found; ++i) expand(source, start + places_[i], number, distances_[i], hits);
        if (limit && hits.size() - before > 2 * enough(*limit)) {  // keep the nearest only
            cut = true;
            const auto first = hits.begin() + static_cast<std::ptrdiff_t>(before);
            std::nth_element(first, first + static_cast<std::ptrdiff_t>(*limit), hits.end());
            hits.resize(before + *limit);
        }
        if (leaders - start <= kPiece) break;  // start + kPiece must not pass the 32 bits
    }
    return cut;
}

void Search::warm(const Bands &bands, const Code &code) const {
    const Way &way = plan.way(bands);
    if (way.bands * way.masks > kChunk || cheaper_to_scan(bands)) return;
    for (int band = 0; band < way.bands; ++band) {
        const std::uint32_t *at = bands.offsets(band);
        const unsigned value = code.band(band, way.bits);
        for (std::size_t m = 0; m < way.masks; ++m) __builtin_prefetch(at + (value ^ way.mask[m]));
    }
}

void Search::verify(const Source &source, const Code &code, std::uint32_t number, std::vector<Hit> &hits) {
    const Bands &bands = *source.bands;
    const Way &way = plan.way(bands);
    constexpr std::size_t kWindow = 256;  // fetched at once: more would push one another out of the cache again
    std::array<Pair, kWindow> pairs;
    std::array<std::uint16_t, kWindow> distances;
    const auto place_of = [&](const Survivor &s) { return bands.ordinals(static_cast<int>(s.band)) + s.place; };
    for (std::size_t i = 0; i < std::min(kWindow, survivors_.size()); ++i) __builtin_prefetch(place_of(survivors_[i]));
    for (std::size_t start = 0; start < survivors_.size(); start += kWindow) {
        const std::size_t count = std::min(kWindow, survivors_.size() - start);
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint32_t ordinal = *place_of(survivors_[start + i]);
            // A damaged file may name an ordinal that is not there; entry 0 is, and is only reported if it is near.
            pairs[i] = {ordinal < bands.shape.leaders ? ordinal : 0, 0};
            __builtin_prefetch(bands.codes() + pairs[i].ordinal);
            if (start + kWindow + i < survivors_.size()) __builtin_prefetch(place_of(survivors_[start + kWindow + i]));
        }
        kernels().distances(bands.codes(), &code, pairs.data(), count, distances.data());
        for (std::size_t i = 0; i < count; ++i) {
            if (distances[i] > plan.radius) continue;
            const int band = static_cast<int>(survivors_[start + i].band);
            if (way.met_before(bands.codes()[pairs[i].ordinal], code, band)) continue;
            expand(source, pairs[i].ordinal, number, distances[i], hits);
        }
    }
    survivors_.clear();
}

bool Search::look(const Source &source, const Code &code, std::uint32_t number, std::vector<Hit> &hits) {
    const Bands &bands = *source.bands;
    if (cheaper_to_scan(bands)) return scan(source, code, number, hits);
    const Kernels &kernel = kernels();
    const Way &way = plan.way(bands);
    const std::size_t before = hits.size(), total = way.bands * way.masks;
    // So many candidates that reading every code in order costs less than fetching these one by one.
    const std::size_t too_many = std::max<std::size_t>(100'000, bands.shape.leaders / 4);
    std::size_t met = 0;
    survivors_.clear();
    places_.resize(kPiece);
    probes_.resize(kChunk);
    for (std::size_t done = 0; done < total;) {
        const std::size_t count = std::min(kChunk, total - done);
        for (std::size_t p = 0; p < count; ++p, ++done) {
            const int band = static_cast<int>(done / way.masks);
            const std::uint16_t mask = way.mask[done % way.masks];
            const std::uint32_t *at = bands.offsets(band) + (code.band(band, way.bits) ^ mask);
            probes_[p] = {at[0], at[1], static_cast<std::uint16_t>(code.tag(band, way.bits)),
                          static_cast<std::uint8_t>(band), static_cast<std::uint8_t>(way.slack(mask))};
        }
        for (std::size_t p = 0; p < std::min(kAhead, count); ++p)
            fetch(bands.tags(probes_[p].band) + probes_[p].begin, bands.tags(probes_[p].band) + probes_[p].end);
        for (std::size_t p = 0; p < count; ++p) {
            if (p + kAhead < count) {
                const Probe &soon = probes_[p + kAhead];
                fetch(bands.tags(soon.band) + soon.begin, bands.tags(soon.band) + soon.end);
            }
            const Probe &probe = probes_[p];
            const std::uint16_t *tags = bands.tags(probe.band);
            for (std::uint64_t start = probe.begin; start < probe.end; start += kPiece) {
                const std::size_t found = kernel.near_tags(tags + start, std::min<std::size_t>(kPiece, probe.end - start),
                                                           probe.tag, probe.slack, places_.data());
                for (std::size_t i = 0; i < found; ++i)
                    survivors_.push_back({static_cast<std::uint32_t>(start + places_[i]), probe.band});
                met += found;
            }
            if (survivors_.size() < kFlush) continue;
            verify(source, code, number, hits);
            if (limit && hits.size() - before > enough(*limit)) return true;
            if (met > too_many) {
                hits.resize(before);
                return scan(source, code, number, hits);
            }
        }
    }
    verify(source, code, number, hits);
    return false;
}

void Search::join(const Source &source, const std::vector<Code> &codes, std::vector<Hit> &hits,
                  std::vector<std::uint8_t> &again) {
    const Bands &bands = *source.bands;
    const Kernels &kernel = kernels();
    const std::size_t queries = codes.size();
    const std::size_t too_many = std::max<std::size_t>(100'000, bands.shape.leaders / 4);
    const Way &way = plan.way(bands);
    const std::size_t buckets = bands.shape.buckets(), leaders = bands.shape.leaders;
    const Code *stored = bands.codes();
    struct Asking {
        std::uint32_t query, met;
        std::uint16_t tag;
    };
    std::vector<Asking> asking(queries);  // the queries in the order of their buckets
    std::vector<std::uint32_t> starts(buckets + 1), met(queries), reported(queries);
    places_.resize(kPiece);
    pairs_.clear();
    for (int band = 0; band < way.bands; ++band) {
        // The queries by bucket, as the entries are; without those that look() will do.
        std::fill(starts.begin(), starts.end(), 0);
        for (std::size_t q = 0; q < queries; ++q) starts[codes[q].band(band, way.bits)] += !again[q];
        for (std::size_t b = 0, sum = 0; b <= buckets; ++b) sum += std::exchange(starts[b], static_cast<std::uint32_t>(sum));
        for (std::size_t q = 0; q < queries; ++q) {
            if (again[q]) continue;
            asking[starts[codes[q].band(band, way.bits)]++] = {static_cast<std::uint32_t>(q), 0,
                                                               static_cast<std::uint16_t>(codes[q].tag(band, way.bits))};
        }
        for (std::size_t b = buckets; b > 0; --b) starts[b] = starts[b - 1];
        starts[0] = 0;

        const auto settle = [&] {
            distances_.resize(std::max(distances_.size(), pairs_.size()));
            kernel.distances(stored, codes.data(), pairs_.data(), pairs_.size(), distances_.data());
            for (std::size_t i = 0; i < pairs_.size(); ++i) {
                const auto [ordinal, q] = pairs_[i];
                if (distances_[i] > plan.radius || again[q]) continue;
                if (way.met_before(stored[ordinal], codes[q], band)) continue;
                const std::size_t had = hits.size();
                expand(source, ordinal, q, distances_[i], hits);
                reported[q] += static_cast<std::uint32_t>(hits.size() - had);
                if (limit && reported[q] > enough(*limit)) again[q] = 1;
            }
            pairs_.clear();
        };

        const std::uint32_t *at = bands.offsets(band), *ordinals = bands.ordinals(band);
        const std::uint16_t *tags = bands.tags(band);
        for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
            const std::uint64_t begin = at[bucket], end = at[bucket + 1];
            if (begin == end) continue;
            if (bucket + 2 < buckets) {
                fetch(tags + at[bucket + 2], tags + at[bucket + 3]);
                fetch(ordinals + at[bucket + 2], ordinals + at[bucket + 3]);
            }
            for (std::size_t m = 0; m < way.masks; ++m) {
                const std::size_t value = bucket ^ way.mask[m];
                const int slack = way.slack(way.mask[m]);
                for (std::uint32_t i = starts[value]; i < starts[value + 1]; ++i) {
                    Asking &asked = asking[i];
                    for (std::uint64_t start = begin; start < end; start += kPiece) {
                        const std::size_t found = kernel.near_tags(
                            tags + start, std::min<std::uint64_t>(kPiece, end - start), asked.tag, slack, places_.data());
                        if (!found) continue;
                        asked.met += static_cast<std::uint32_t>(found);
                        __builtin_prefetch(codes.data() + asked.query);
                        for (std::size_t f = 0; f < found; ++f) {
                            const std::uint32_t ordinal = ordinals[start + places_[f]];
                            pairs_.push_back({ordinal < leaders ? ordinal : 0, asked.query});
                            __builtin_prefetch(stored + pairs_.back().ordinal);
                        }
                    }
                    if (pairs_.size() >= 256) settle();
                }
            }
        }
        settle();
        for (std::uint32_t i = 0; i < starts[buckets]; ++i)
            if ((met[asking[i].query] += asking[i].met) > too_many) again[asking[i].query] = 1;
    }
}

}  // namespace tocsin
