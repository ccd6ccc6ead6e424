// PDQ, bit for bit as package pdqhash (the reference C++ on luma rounded once) gives it.
//
// The blur and decimation are computed as one sparse operator an axis, some forty times as fast as the reference. Its
// running float sums differ from that in the last digits only; where those could decide (a coefficient next to the
// median, a gradient next to a step of the quality metric; pdq_bound.hpp) the picture is hashed again in its own order.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "pdq_kernel.hpp"

namespace tocsin::pdq {

struct Hash {
    std::array<std::uint8_t, 32> bits{};   // most significant first
    int quality = 0;
    bool again = false;                    // hashed in the reference's order
    float margin = 0.0f;                   // all coefficients but ten lie at least so far from the threshold
};

// What stands between pixels and bits; for tests and measurements.
struct Stages {
    std::array<float, kSide * kSide> small{};
    std::array<float, kCoefs * kCoefs> coefficients{};
    std::array<float, kCoefs * kCoefs> rooms{};   // by how much the two ways may differ at most
};

// A full-resolution picture; sides under 5 give zero bits and quality 0.
Hash hash(const Picture &picture);

// The picture in 8 orientations: original, rotated 90, 180, 270 degrees counter-clockwise, flipped top to bottom, left
// to right, transposed, anti-transposed. Each is the hash of the pixels really turned.
std::array<Hash, 8> turns(const Picture &picture);

// A picture that a decoder shrank by `factor` (1, 2, 4 or 8, sides rounded up), hashed by the operator of the full size.
// Close to the full hash, not equal to it: nothing is done again.
Hash hash_scaled(const Picture &shrunk, int height, int width, int factor);
std::array<Hash, 8> turns_scaled(const Picture &shrunk, int height, int width, int factor);

Stages stages(const Picture &picture, bool in_reference_order);

}  // namespace tocsin::pdq
