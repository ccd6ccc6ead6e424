#include "pdq_bound.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace tocsin::pdq {

namespace {

constexpr float kShare = 1.0f / 3.0f;   // of the worst that is provable
constexpr float kEps = 0x1p-24f;        // a float's rounding is at most this part of it
constexpr float kMost = 255.9f;         // a mean of luma with its drift, which stays under 1 up to 8,192 pixels a side
constexpr float kDivision = 0x1p-17f;   // the rounding of a mean, of 128 to 255

// Half the distance between floats where `most` lies: what one rounding of a sum up to it can cost.
float rounding(float most) {
    int exponent;
    std::frexp(most, &exponent);
    return std::ldexp(1.0f, exponent - 25);
}

// What the cosines make of an error: of one that may be ±1 at every place, and of one that a running sum makes at some
// place and carries on to the end.
struct Cosines {
    std::array<float, kCoefs> everywhere{};                   // sum of |d|
    std::array<std::array<float, kCoefs>, kSide> carried{};   // |sum of d from j on|
    float largest = 0.0f;

    Cosines() {
        const double scale = std::sqrt(2.0 / kSide);
        for (std::size_t i = 0; i < kCoefs; i++) {
            double sum = 0.0;
            for (std::size_t j = kSide; j-- > 0;) {
                const double d = scale * std::cos((3.14159265358979323846 / 2.0 / kSide) *
                                                  static_cast<double>((i + 1) * (2 * j + 1)));
                sum += d;
                everywhere[i] += static_cast<float>(std::fabs(d));
                carried[j][i] = static_cast<float>(std::fabs(sum));
            }
        }
        largest = static_cast<float>(scale);
    }
};

// One axis of n pixels: a place adds what comes and takes away what goes, so it rounds twice, and what it loses stays
// in the sum to the end. Summed by parts, an error born between two of the 64 samples weighs what the cosines from there
// on sum to.
struct Axis {
    float born;                              // most error of a mean that is born at one place
    std::array<float, kCoefs> carried;       // what that makes of a coefficient at worst, over both passes
    float pixel;                             // and of a pixel

    Axis(int n, const Cosines &cosines) {
        const auto w = static_cast<float>(window(n));
        born = (rounding(kMost * (w + 1.0f)) + rounding(kMost * w)) / w;
        pixel = 2.0f * born * static_cast<float>(n + 2 * window(n));
        // the first pass: near an end fewer are averaged, and an error weighs more
        const float edge = (window(n) % 2 == 0 ? 1.0f / (w * (w - 1.0f)) : 0.0f) + 0.01f;
        std::array<float, kCoefs> sum{};
        for (int j = 0, before = -1; j < kSide; j++) {
            const int at = taken(j, n);
            const auto places = static_cast<float>(at - before);
            before = at;
            const auto &weighs = cosines.carried[static_cast<std::size_t>(j)];
            for (std::size_t i = 0; i < kCoefs; i++) sum[i] += places * weighs[i];
        }
        const float ends = edge * static_cast<float>(n) * cosines.largest;
        for (std::size_t i = 0; i < kCoefs; i++) carried[i] = born * (2.0f * sum[i] + ends);
    }
};

}  // namespace

Bound bound_of(int height, int width, int channels) {
    static const Cosines cosines;
    const Axis x(width, cosines), y(height, cosines);
    // the operator itself: rows one by one, then eight columns at a time; and each mean and the luma of the reference
    const float rows = static_cast<float>(window(height)) + 3.0f;   // partial sums are half of the whole on average
    const float columns = static_cast<float>(window(width) * channels) / 8.0f + 7.0f;
    const float local = kEps * 255.0f * (rows + columns) + 5.0f * kDivision;
    Bound out;
    out.step = kShare * (x.pixel + y.pixel + local);
    for (std::size_t i = 0; i < kCoefs; i++) {
        const float across = kShare * cosines.everywhere[i], along = kShare * y.carried[i], here = across * local;
        for (std::size_t j = 0; j < kCoefs; j++)
            out.coefficient[i * kCoefs + j] =
                x.carried[j] * across + cosines.everywhere[j] * (along + here);
    }
    return out;
}

}  // namespace tocsin::pdq
