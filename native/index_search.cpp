#include "index_search.hpp"

#include <memory>

#include "hamming_probe.hpp"

namespace tocsin {

namespace {

constexpr int kMostBits = 4;  // a band's buckets up to this distance are in the table: radius to 79 and more

// All values of so many bits by their number of set bits, up to kMostBits.
struct Masks {
    std::vector<Way::Mask> mask;
    std::array<std::size_t, kMostBits + 1> upto{};
    explicit Masks(int width) {
        for (int bits = 0; bits <= kMostBits; ++bits) {
            for (unsigned value = 0; value < 1u << width; ++value)
                if (std::popcount(value) == bits)
                    mask.push_back({static_cast<std::uint16_t>(value), static_cast<std::uint16_t>(bits)});
            upto[bits] = mask.size();
        }
    }
};

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
    for (std::uint32_t start = 0; start < leaders; start += kPiece) {
        const std::size_t count = std::min<std::size_t>(kPiece, leaders - start);
        const std::size_t found = kernels().near_codes(source.bands->codes() + start, count, code, plan.radius,
                                                       room_.places.data(), room_.distances.data());
        for (std::size_t i = 0; i < found; ++i)
            expand(source, start + room_.places[i], number, room_.distances[i], hits);
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
    if (way.bands * way.masks > kProbes || cheaper_to_scan(bands)) return;
    for (int band = 0; band < way.bands; ++band) {
        const std::uint32_t *at = bands.offsets(band);
        const unsigned value = code.band(band, way.bits);
        for (std::size_t m = 0; m < way.masks; ++m) __builtin_prefetch(at + (value ^ way.mask[m].flips));
    }
}

Search::Room &Search::room() {
    static thread_local const auto kept = std::make_unique_for_overwrite<Room>();
    kept->survived = 0;
    return *kept;
}

std::size_t Search::go_on(std::size_t at, std::size_t count, std::size_t fetched) {
    std::size_t last = at, tags = 0;
    while (last < count && tags + room_.probes[last].count <= kPiece) tags += room_.probes[last++].count;
    Survivor *out = room_.survivors.data() + room_.survived;
    if (last > at) {
        room_.survived += kernels().near_tags(room_.probes.data(), at, last, fetched, out);
        return last;
    }
    Probe &crowded = room_.probes[at], piece = crowded;
    piece.count = kPiece;
    room_.survived += kernels().near_tags(&piece, 0, 1, 0, out);
    crowded.tags += kPiece;
    crowded.ordinals += kPiece;
    crowded.count -= kPiece;
    return at;
}

// Reads the codes of all survivors, and calls near(from, ordinal, code, distance) for those within the radius.
// asked(from) says which of `codes` one is to be compared with.
template <class Asked, class Near>
void Search::settle(const Bands &bands, const Code *codes, int radius, Asked asked, Near near) {
    constexpr std::size_t kWindow = 256;  // fetched at once: more would push one another out of the cache again
    std::array<Pair, kWindow> pairs;
    std::array<std::uint16_t, kWindow> distances;
    const Survivor *survivors = room_.survivors.data();
    for (std::size_t start = 0; start < room_.survived; start += kWindow) {
        const std::size_t count = std::min(kWindow, room_.survived - start);
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint32_t ordinal = *survivors[start + i].ordinal;
            // A damaged file may name an ordinal that is not there; entry 0 is, and is only reported if it is near.
            pairs[i] = {ordinal < bands.shape.leaders ? ordinal : 0, asked(survivors[start + i].from)};
            __builtin_prefetch(bands.codes() + pairs[i].ordinal);
            __builtin_prefetch(codes + pairs[i].query);
        }
        kernels().distances(bands.codes(), codes, pairs.data(), count, distances.data());
        for (std::size_t i = 0; i < count; ++i)
            if (distances[i] <= radius) near(survivors[start + i].from, pairs[i], distances[i]);
    }
    room_.survived = 0;
}

bool Search::look(const Source &source, const Code &code, std::uint32_t number, std::vector<Hit> &hits) {
    const Bands &bands = *source.bands;
    if (cheaper_to_scan(bands)) return scan(source, code, number, hits);
    const Way &way = plan.way(bands);
    const std::size_t before = hits.size();
    // So many candidates that reading every code in order costs less than fetching these one by one.
    const std::size_t too_many = std::max<std::size_t>(100'000, bands.shape.leaders / 4);
    std::size_t met = 0;
    const auto verify = [&](int radius) {
        met += room_.survived;
        settle(bands, &code, radius, [](std::uint32_t) { return 0u; },
               [&](std::uint32_t band, const Pair &pair, int distance) {
                   if (!way.met_before(bands.codes()[pair.ordinal], code, static_cast<int>(band)))
                       expand(source, pair.ordinal, number, distance, hits);
               });
    };
    int band = 0;
    std::size_t m = 0;
    for (bool first = true; band < way.bands; first = false) {
        std::size_t count = 0;
        for (; band < way.bands && count < kProbes; ++band, m = 0) {
            const std::uint32_t *at = bands.offsets(band);
            const std::uint16_t *tags = bands.tags(band);
            const std::uint32_t *ordinals = bands.ordinals(band);
            const unsigned value = code.band(band, way.bits), tag = code.tag(band, way.bits);
            for (; m < way.masks && count < kProbes; ++m) {
                const std::uint32_t *bucket = at + (value ^ way.mask[m].flips);
                room_.probes[count++] = {tags + bucket[0], ordinals + bucket[0], bucket[1] - bucket[0],
                                         static_cast<std::uint32_t>(band), static_cast<std::uint16_t>(tag),
                                         way.slack(way.mask[m])};
            }
            if (m < way.masks) break;
        }
        for (std::size_t p = 0; p < count;) {
            p = go_on(p, count, count);
            if (room_.survived < kSettle) continue;
            verify(plan.radius);
            if (limit && hits.size() - before > enough(*limit)) {
                if (!first) return true;
                room_.probes[0].slack = 0;
                while (p == 0) {
                    p = go_on(0, 1, 0);
                    verify(0);
                }
                return true;
            }
            if (met > too_many) {
                hits.resize(before);
                return scan(source, code, number, hits);
            }
        }
    }
    verify(plan.radius);
    return false;
}

void Search::join(const Source &source, const std::vector<Code> &codes, std::vector<Hit> &hits,
                  std::vector<std::uint8_t> &again) {
    const Bands &bands = *source.bands;
    const std::size_t queries = codes.size();
    const std::size_t too_many = std::max<std::size_t>(100'000, bands.shape.leaders / 4);
    const Way &way = plan.way(bands);
    const std::size_t buckets = bands.shape.buckets();
    struct Asking {
        std::uint32_t query, met;
        std::uint16_t tag;
    };
    std::vector<Asking> asking(queries);  // the queries in the order of their buckets
    std::vector<std::uint32_t> starts(buckets + 1), met(queries), reported(queries);
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

        const auto verify = [&] {
            settle(bands, codes.data(), plan.radius,
                   [&](std::uint32_t from) {
                       ++asking[from].met;
                       return asking[from].query;
                   },
                   [&](std::uint32_t, const Pair &pair, int distance) {
                       const std::uint32_t q = pair.query;
                       if (again[q] || way.met_before(bands.codes()[pair.ordinal], codes[q], band)) return;
                       const std::size_t had = hits.size();
                       expand(source, pair.ordinal, q, distance, hits);
                       reported[q] += static_cast<std::uint32_t>(hits.size() - had);
                       if (limit && reported[q] > enough(*limit)) again[q] = 1;
                   });
        };
        std::size_t count = 0;
        const auto answer = [&] {
            for (std::size_t p = 0; p < count;) {
                p = go_on(p, count, 0);
                if (room_.survived >= kSettle) verify();
            }
            count = 0;
        };

        const std::uint32_t *at = bands.offsets(band), *ordinals = bands.ordinals(band);
        const std::uint16_t *tags = bands.tags(band);
        for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
            const std::uint32_t begin = at[bucket], size = at[bucket + 1] - begin;
            if (!size) continue;
            if (bucket + 2 < buckets) {
                fetch(tags + at[bucket + 2], tags + at[bucket + 3]);
                fetch(ordinals + at[bucket + 2], ordinals + at[bucket + 3]);
            }
            for (std::size_t m = 0; m < way.masks; ++m) {
                const std::size_t value = bucket ^ way.mask[m].flips;
                for (std::uint32_t i = starts[value]; i < starts[value + 1]; ++i) {
                    room_.probes[count++] = {tags + begin, ordinals + begin, size, i, asking[i].tag,
                                             way.slack(way.mask[m])};
                    if (count == kProbes) answer();
                }
            }
            answer();
        }
        verify();
        for (std::uint32_t i = 0; i < starts[buckets]; ++i)
            if ((met[asking[i].query] += asking[i].met) > too_many) again[asking[i].query] = 1;
    }
}

}  // namespace tocsin
