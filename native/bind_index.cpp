// The exact index, bound to Python. Arrays are checked here; what they mean is in index_*.hpp.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>

#include "index_snapshot.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using namespace tocsin;
using Codes = nb::ndarray<const std::uint8_t, nb::shape<-1, 32>, nb::c_contig, nb::device::cpu>;
using Ids = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// A Python buffer, held for as long as this lives. Made and destroyed with the GIL held.
struct Buffer {
    Py_buffer view{};
    Buffer(nb::handle from, int flags) {
        if (PyObject_GetBuffer(from.ptr(), &view, flags)) throw nb::python_error();
    }
    ~Buffer() { PyBuffer_Release(&view); }
    Buffer(const Buffer &) = delete;
    std::uint8_t *at(std::size_t offset) const {
        if (offset > static_cast<std::size_t>(view.len)) throw nb::value_error("the offset is past the end");
        return static_cast<std::uint8_t *>(view.buf) + offset;
    }
    std::size_t after(std::size_t offset) const { return static_cast<std::size_t>(view.len) - offset; }
};

struct BoundBands {
    Buffer buffer;
    Bands bands;
    BoundBands(nb::handle from, std::size_t offset, const Shape &shape)
        : buffer(from, PyBUF_SIMPLE), bands(buffer.at(offset), buffer.after(offset), shape) {}
};

Shape shape_of(std::uint64_t entries, std::uint64_t leaders, std::uint64_t singles, bool listed, std::int64_t first,
               int bits) {
    const Shape shape{entries, leaders, singles, listed, first, bits};
    if (!shape.sound()) throw nb::value_error("its counts contradict each other");
    return shape;
}

struct BoundBuilder {
    Codes codes;
    std::optional<Ids> ids;
    std::optional<Builder> builder;
};

template <class T>
nb::object array_of(std::vector<T> &&values) {
    auto *kept = new std::vector<T>(std::move(values));
    nb::capsule owner(kept, [](void *p) noexcept { delete static_cast<std::vector<T> *>(p); });
    return nb::cast(nb::ndarray<nb::numpy, T, nb::ndim<1>>(kept->data(), {kept->size()}, owner));
}

nb::object search(const Snapshot &snapshot, const Codes &queries, int radius, std::optional<std::size_t> limit,
                  unsigned threads, std::optional<bool> scan) {
    Answer answer;
    {
        nb::gil_scoped_release release;
        answer = snapshot.search(queries.data(), queries.shape(0), Plan(radius, scan), limit, threads);
    }
    // Nothing near is what nearly every query finds: no arrays are made for it. (Truncated without hits: limit 0.)
    if (answer.hits.empty() && (!limit || *limit)) return nb::none();
    std::vector<std::int64_t> query, id;
    std::vector<std::int32_t> distance;
    {
        nb::gil_scoped_release release;
        query.reserve(answer.hits.size());
        id.reserve(answer.hits.size());
        distance.reserve(answer.hits.size());
        for (const Hit &hit : answer.hits) {
            query.push_back(hit.query);
            id.push_back(hit.id);
            distance.push_back(hit.distance);
        }
    }
    return nb::make_tuple(array_of(std::move(query)), array_of(std::move(id)), array_of(std::move(distance)),
                          array_of(std::move(answer.truncated)));
}

void same_length(const Codes &codes, const Ids &ids) {
    if (codes.shape(0) != ids.shape(0)) throw nb::value_error("as many ids as hashes are needed");
}

}  // namespace

void bind_index(nb::module_ &m) {
    nb::class_<BoundBands>(m, "IndexBands", "A read-only view of a banded block in any buffer (a mapped file, bytes).")
        .def(
            "__init__",
            [](BoundBands *self, nb::handle buffer, std::size_t offset, std::uint64_t entries, std::uint64_t leaders,
               std::uint64_t singles, bool listed, std::int64_t first_id, int bits) {
                new (self) BoundBands(buffer, offset, shape_of(entries, leaders, singles, listed, first_id, bits));
            },
            "buffer"_a, "offset"_a, "entries"_a, "leaders"_a, "singles"_a, "listed"_a, "first_id"_a, "bits"_a);

    m.def(
        "index_block_size",
        [](std::uint64_t entries, std::uint64_t leaders, std::uint64_t singles, bool listed, std::int64_t first_id,
           int bits) { return Layout(shape_of(entries, leaders, singles, listed, first_id, bits)).size; },
        "entries"_a, "leaders"_a, "singles"_a, "listed"_a, "first_id"_a, "bits"_a, "Bytes that a block of this shape takes.");

    nb::class_<BoundBuilder>(m, "IndexBuilder", "Groups (n, 32) codes, then writes them as a banded block.")
        .def(
            "__init__",
            [](BoundBuilder *self, Codes codes, std::optional<Ids> ids, bool raw, int bits) {
                if (bits != 0 && bits != 8 && bits != 16) throw nb::value_error("bands have 8 or 16 bits");
                if (ids) same_length(codes, *ids);
                new (self) BoundBuilder{codes, ids, std::nullopt};
                nb::gil_scoped_release release;
                self->builder.emplace(codes.data(), raw, ids ? ids->data() : nullptr, codes.shape(0), bits);
            },
            "codes"_a, "ids"_a.none(), "raw"_a = true, "bits"_a = 0)
        .def_prop_ro("shape",
                     [](const BoundBuilder &self) {
                         const Shape &s = self.builder->shape;
                         return nb::make_tuple(s.entries, s.leaders, s.singles, s.listed, s.first_id, s.bits);
                     })
        .def(
            "write",
            [](const BoundBuilder &self, nb::handle into, std::size_t offset) {
                const Buffer buffer(into, PyBUF_WRITABLE);
                std::uint8_t *at = buffer.at(offset);
                if (buffer.after(offset) != Layout(self.builder->shape).size)
                    throw nb::value_error("the buffer has another size than the block");
                nb::gil_scoped_release release;
                self.builder->write(at);
            },
            "into"_a, "offset"_a, "Write the block; the buffer must be all zero from the offset on.");

    nb::class_<Snapshot>(m, "IndexSnapshot", "What one search sees: a base, what was added since, what was removed.")
        .def(
            "__init__",
            [](Snapshot *self, std::shared_ptr<BoundBands> base) {
                new (self) Snapshot(std::shared_ptr<const Bands>(base, &base->bands));
            },
            "base"_a)
        .def("search", &search, "queries"_a, "radius"_a, "limit"_a.none(), "threads"_a,
             "scan"_a.none() = nb::none())
        .def(
            "added",
            [](const Snapshot &self, const Codes &codes, const Ids &ids) {
                same_length(codes, ids);
                nb::gil_scoped_release release;
                return self.added(codes.data(), ids.data(), codes.shape(0));
            },
            "codes"_a, "ids"_a)
        .def(
            "without",
            [](const Snapshot &self, const Ids &ids) {
                nb::gil_scoped_release release;
                return self.without(ids.data(), ids.shape(0));
            },
            "ids"_a)
        .def("count", &Snapshot::count, nb::call_guard<nb::gil_scoped_release>())
        .def_prop_ro("added_entries", &Snapshot::added_entries)
        .def_prop_ro("removals", &Snapshot::removals)
        .def("live", [](const Snapshot &self) {
            auto *kept = new Entries;
            {
                nb::gil_scoped_release release;
                *kept = self.live();
            }
            nb::capsule owner(kept, [](void *p) noexcept { delete static_cast<Entries *>(p); });
            const std::size_t count = kept->ids.size();
            return nb::make_tuple(
                nb::cast(nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<2>>(
                    reinterpret_cast<std::uint8_t *>(kept->codes.data()), {count, 32}, owner)),
                nb::cast(nb::ndarray<nb::numpy, std::int64_t, nb::ndim<1>>(kept->ids.data(), {count}, owner)));
        }, "Permuted codes (n, 32) and ids of all entries that were not removed.");
}
