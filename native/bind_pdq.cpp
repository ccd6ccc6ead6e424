// PDQ, bound to Python. Called through tocsin.media.pdq.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <limits>
#include <tuple>

#include "pdq.hpp"

namespace nb = nanobind;
using namespace nb::literals;
namespace pdq = tocsin::pdq;

namespace {

using Pixels = nb::ndarray<const std::uint8_t, nb::device::cpu>;
using Answer = std::tuple<nb::bytes, int, bool, float>;   // 32 bytes, quality, whether done again, margin

pdq::Picture view(const Pixels &array) {
    constexpr std::size_t kMost = std::size_t{1} << 28;   // a side; rows of 4 channels still count in an int
    const bool grey = array.ndim() == 2;
    if (!grey && array.ndim() != 3) throw nb::value_error("pixels must be (height, width) or (height, width, channels)");
    const std::size_t channels = grey ? 1 : array.shape(2);
    if (channels != 1 && channels != 3 && channels != 4) throw nb::value_error("pixels must have 1, 3 or 4 channels");
    if (array.shape(0) > kMost || array.shape(1) > kMost) throw nb::value_error("the picture is too large");
    const auto depth = static_cast<std::int64_t>(channels);
    if (array.size() > 0 && ((array.shape(1) > 1 && array.stride(1) != depth) || (!grey && depth > 1 && array.stride(2) != 1)))
        throw nb::value_error("the pixels of a row must lie one after the other");
    return {array.data(), array.size() > 0 ? array.stride(0) : 0, static_cast<int>(array.shape(0)),
            static_cast<int>(array.shape(1)), static_cast<int>(channels)};
}

pdq::Picture view_scaled(const Pixels &array, int height, int width, int factor) {
    const pdq::Picture shrunk = view(array);
    if (factor != 1 && factor != 2 && factor != 4 && factor != 8) throw nb::value_error("the factor must be 1, 2, 4 or 8");
    if (height < 1 || width < 1 || shrunk.height != (height - 1) / factor + 1 || shrunk.width != (width - 1) / factor + 1)
        throw nb::value_error("the shrunk picture does not have the full size divided by the factor");
    return shrunk;
}

Answer answer(const pdq::Hash &hash) {
    return {nb::bytes(reinterpret_cast<const char *>(hash.bits.data()), hash.bits.size()), hash.quality, hash.again, hash.margin};
}

template <std::size_t N> std::vector<Answer> answers(const std::array<pdq::Hash, N> &hashes) {
    std::vector<Answer> out;
    for (const pdq::Hash &hash : hashes) out.push_back(answer(hash));
    return out;
}

template <typename Work> auto unlocked(Work work) {
    nb::gil_scoped_release release;
    return work();
}

using Found = std::tuple<std::vector<float>, std::vector<float>, std::vector<float>>;

Found stages(const Pixels &array, bool reference) {
    const pdq::Picture picture = view(array);
    const pdq::Stages found = unlocked([&] { return pdq::stages(picture, reference); });
    return {{found.small.begin(), found.small.end()},
            {found.coefficients.begin(), found.coefficients.end()},
            {found.rooms.begin(), found.rooms.end()}};
}

}  // namespace

void bind_pdq(nb::module_ &m) {
    m.def(
        "pdq_hash",
        [](const Pixels &pixels) {
            const pdq::Picture picture = view(pixels);
            return answer(unlocked([&] { return pdq::hash(picture); }));
        },
        "pixels"_a, "PDQ of luma, RGB or RGBA pixels: (32 bytes, quality, whether the reference's order was needed, margin).");
    m.def(
        "pdq_turns",
        [](const Pixels &pixels) {
            const pdq::Picture picture = view(pixels);
            return answers(unlocked([&] { return pdq::turns(picture); }));
        },
        "pixels"_a, "PDQ in 8 orientations, each as if the pixels were turned.");
    m.def(
        "pdq_hash_scaled",
        [](const Pixels &pixels, int height, int width, int factor) {
            const pdq::Picture picture = view_scaled(pixels, height, width, factor);
            return answer(unlocked([&] { return pdq::hash_scaled(picture, height, width, factor); }));
        },
        "pixels"_a, "height"_a, "width"_a, "factor"_a, "PDQ of a picture shrunk by 2, 4 or 8 while decoding.");
    m.def(
        "pdq_turns_scaled",
        [](const Pixels &pixels, int height, int width, int factor) {
            const pdq::Picture picture = view_scaled(pixels, height, width, factor);
            return answers(unlocked([&] { return pdq::turns_scaled(picture, height, width, factor); }));
        },
        "pixels"_a, "height"_a, "width"_a, "factor"_a, "The same in 8 orientations.");
    m.def("pdq_stages", &stages, "pixels"_a, "reference"_a,
          "The 64 x 64 picture and the 16 x 16 coefficients, by the operator or in the reference's order, and by how much "
          "the two may differ.");
}
