#include "index_snapshot.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <thread>

namespace tocsin {

namespace {
constexpr std::size_t kTail = 1024;  // scanned: a microsecond
constexpr std::size_t kJoin = 3072;  // from so many queries on, reading each bucket once pays

// Cuts the hits of one query, from `first` on, to the nearest `limit`; true when there were more.
bool cut(std::vector<Hit> &hits, std::size_t first, std::optional<std::size_t> limit) {
    const auto begin = hits.begin() + static_cast<std::ptrdiff_t>(first);
    if (!limit || hits.size() - first <= *limit) {
        std::sort(begin, hits.end());
        return false;
    }
    std::partial_sort(begin, begin + static_cast<std::ptrdiff_t>(*limit), hits.end());
    hits.resize(first + *limit);
    return true;
}
}  // namespace

std::vector<Source> Snapshot::sources() const {
    std::vector<Source> out{{base_.get(), nullptr, &tombs_}};
    if (side_) out.push_back({side_->bands.get(), side_->entries.ids.data(), &tombs_});
    return out;
}

void Snapshot::look_in_tail(const Search &search, const Code &code, std::uint32_t number,
                            std::vector<Hit> &hits) const {
    std::array<std::uint32_t, kTail> places;
    std::array<std::uint16_t, kTail> distances;
    const std::size_t found = kernels().near_codes(tail_.codes.data(), tail_.codes.size(), code, search.plan.radius,
                                                   places.data(), distances.data());
    for (std::size_t i = 0; i < found; ++i) {
        const std::int64_t id = tail_.ids[places[i]];
        if (!tombs_.dead(id, static_cast<std::int64_t>(side_entries() + places[i])))
            hits.push_back({number, distances[i], id});
    }
}

void Snapshot::one(Search &search, const Code &code, std::uint32_t number, Answer &answer) const {
    const std::size_t first = answer.hits.size();
    bool stopped = search.look({base_.get(), nullptr, &tombs_}, code, number, answer.hits);
    if (side_)
        stopped |= search.look({side_->bands.get(), side_->entries.ids.data(), &tombs_}, code, number, answer.hits);
    if (!tail_.codes.empty()) look_in_tail(search, code, number, answer.hits);
    answer.truncated[number] = cut(answer.hits, first, search.limit) || stopped;
}

void Snapshot::some(const std::uint8_t *queries, std::size_t count, Search &search, Answer &answer) const {
    std::vector<Code> codes(count);
    for (std::size_t i = 0; i < count; ++i) codes[i] = permuted(queries + 32 * i);
    answer.truncated.assign(count, 0);
    if (count < kJoin || !search.joinable()) {
        if (count) search.warm(*base_, codes[0]);
        for (std::size_t i = 0; i < count; ++i) {
            if (side_) search.warm(*side_->bands, codes[i]);
            if (i + 1 < count) search.warm(*base_, codes[i + 1]);
            one(search, codes[i], static_cast<std::uint32_t>(i), answer);
        }
        return;
    }
    std::vector<std::uint8_t> again(count);
    std::vector<Hit> hits;
    for (const Source &source : sources()) search.join(source, codes, hits, again);
    for (std::size_t i = 0; i < count; ++i) look_in_tail(search, codes[i], static_cast<std::uint32_t>(i), hits);
    std::erase_if(hits, [&](const Hit &hit) { return again[hit.query] != 0; });
    std::sort(hits.begin(), hits.end());
    auto hit = hits.begin();
    for (std::uint32_t q = 0; q < count; ++q) {
        if (again[q]) {
            one(search, codes[q], q, answer);
            continue;
        }
        const std::size_t first = answer.hits.size();
        for (; hit != hits.end() && hit->query == q; ++hit) answer.hits.push_back(*hit);
        answer.truncated[q] = cut(answer.hits, first, search.limit);
    }
}

Answer Snapshot::search(const std::uint8_t *queries, std::size_t count, const Plan &plan,
                        std::optional<std::size_t> limit, unsigned threads) const {
    const auto workers = static_cast<std::size_t>(std::clamp<std::size_t>(threads, 1, std::max<std::size_t>(count / 16, 1)));
    std::vector<Answer> parts(workers);
    std::vector<std::exception_ptr> failed(workers);
    const auto from = [&](std::size_t part) { return count * part / workers; };
    const auto work = [&](std::size_t part) {
        try {
            Search search(plan, limit);
            some(queries + 32 * from(part), from(part + 1) - from(part), search, parts[part]);
        } catch (...) {
            failed[part] = std::current_exception();
        }
    };
    std::vector<std::thread> running;
    running.reserve(workers);
    try {
        while (running.size() + 1 < workers) running.emplace_back(work, running.size() + 1);
    } catch (const std::exception &) {
        // No more threads to be had: their parts are done here.
    }
    work(0);
    for (std::size_t part = running.size() + 1; part < workers; ++part) work(part);
    for (auto &thread : running) thread.join();
    for (const auto &failure : failed)
        if (failure) std::rethrow_exception(failure);
    Answer answer = std::move(parts[0]);
    for (std::size_t part = 1; part < workers; ++part) {
        for (Hit hit : parts[part].hits) {
            hit.query += static_cast<std::uint32_t>(from(part));
            answer.hits.push_back(hit);
        }
        answer.truncated.insert(answer.truncated.end(), parts[part].truncated.begin(), parts[part].truncated.end());
    }
    return answer;
}

Snapshot Snapshot::added(const std::uint8_t *codes, const std::int64_t *ids, std::size_t count) const {
    Snapshot next(*this);
    for (std::size_t i = 0; i < count; ++i) next.tail_.codes.push_back(permuted(codes + 32 * i));
    next.tail_.ids.insert(next.tail_.ids.end(), ids, ids + count);
    if (next.tail_.codes.size() > kTail) next.settle_tail();
    return next;
}

Snapshot Snapshot::without(const std::int64_t *ids, std::size_t count) const {
    Snapshot next(*this);
    next.tombs_ = tombs_.with(ids, count, static_cast<std::int64_t>(added_entries()));
    return next;
}

void Snapshot::settle_tail() {
    auto side = std::make_shared<Side>();
    if (side_) side->entries = side_->entries;
    side->entries.codes.insert(side->entries.codes.end(), tail_.codes.begin(), tail_.codes.end());
    side->entries.ids.insert(side->entries.ids.end(), tail_.ids.begin(), tail_.ids.end());
    tail_ = {};
    const Builder builder(reinterpret_cast<const std::uint8_t *>(side->entries.codes.data()), false, nullptr,
                          side->entries.codes.size());
    side->block = std::make_unique<Block>(Layout(builder.shape).size);
    builder.write(side->block->data());
    side->bands = std::make_unique<Bands>(side->block->data(), side->block->size(), builder.shape);
    side_ = std::move(side);
}

std::uint64_t Snapshot::count() const {
    if (tombs_.empty()) return base_->shape.entries + added_entries();
    std::uint64_t alive = 0;
    for (std::uint64_t entry = 0; entry < base_->shape.entries; ++entry) alive += !tombs_.dead(base_->id_of(entry), -1);
    for (std::size_t p = 0; p < added_entries(); ++p) {
        const std::int64_t id = p < side_entries() ? side_->entries.ids[p] : tail_.ids[p - side_entries()];
        alive += !tombs_.dead(id, static_cast<std::int64_t>(p));
    }
    return alive;
}

Entries Snapshot::live() const {
    Entries out;
    out.codes.reserve(base_->shape.entries + added_entries());
    out.ids.reserve(base_->shape.entries + added_entries());
    const auto keep = [&](const Code &code, std::int64_t id, std::int64_t position) {
        if (!tombs_.empty() && tombs_.dead(id, position)) return;
        out.codes.push_back(code);
        out.ids.push_back(id);
    };
    for (std::uint64_t ordinal = 0; ordinal < base_->shape.leaders; ++ordinal) {
        auto [entry, last] = base_->entries_of(static_cast<std::uint32_t>(ordinal));
        for (; entry < last; ++entry) keep(base_->codes()[ordinal], base_->id_of(entry), -1);
    }
    for (std::size_t p = 0; p < added_entries(); ++p) {
        const bool settled = p < side_entries();
        const Entries &from = settled ? side_->entries : tail_;
        const std::size_t at = settled ? p : p - side_entries();
        keep(from.codes[at], from.ids[at], static_cast<std::int64_t>(p));
    }
    return out;
}

}  // namespace tocsin
