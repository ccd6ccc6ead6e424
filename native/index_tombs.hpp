// Which ids were removed, and when.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace tocsin {

// Never changed once made. An entry is dead when its id was removed after it was added; the entries of the base count as
// added before everything (position -1). Old removals lie in one sorted list that is shared, the latest in a short one.
class Tombs {
  public:
    using List = std::vector<std::pair<std::int64_t, std::int64_t>>;  // (id, positions below this are dead), by id

    bool dead(std::int64_t id, std::int64_t position) const {
        if (const auto *tomb = find(recent_, id)) return position < tomb->second;
        if (const auto *tomb = settled_ ? find(*settled_, id) : nullptr) return position < tomb->second;
        return false;
    }
    bool empty() const { return recent_.empty() && !settled_; }
    std::size_t size() const { return recent_.size() + (settled_ ? settled_->size() : 0); }

    Tombs with(const std::int64_t *ids, std::size_t count, std::int64_t below) const {
        constexpr std::size_t kRecent = 1024;
        Tombs next;
        next.settled_ = settled_;
        List fresh;
        for (std::size_t i = 0; i < count; ++i) fresh.emplace_back(ids[i], below);
        std::sort(fresh.begin(), fresh.end());
        fresh.erase(std::unique(fresh.begin(), fresh.end()), fresh.end());
        next.recent_ = merged(recent_, fresh);
        if (next.recent_.size() > kRecent) {
            next.settled_ = std::make_shared<const List>(merged(settled_ ? *settled_ : List{}, next.recent_));
            next.recent_.clear();
        }
        return next;
    }

  private:
    static const List::value_type *find(const List &list, std::int64_t id) {
        const auto at = std::lower_bound(list.begin(), list.end(), id, [](const auto &a, auto b) { return a.first < b; });
        return at != list.end() && at->first == id ? &*at : nullptr;
    }
    // Both by id; where both have one, the newer's.
    static List merged(const List &older, const List &newer) {
        List out;
        out.reserve(older.size() + newer.size());
        auto a = older.begin();
        for (const auto &tomb : newer) {
            while (a != older.end() && a->first < tomb.first) out.push_back(*a++);
            if (a != older.end() && a->first == tomb.first) ++a;
            out.push_back(tomb);
        }
        out.insert(out.end(), a, older.end());
        return out;
    }

    std::shared_ptr<const List> settled_;
    List recent_;
};

}  // namespace tocsin
