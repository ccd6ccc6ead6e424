// How far the reference's running sums may lead it from the true hash.
//
// At worst every rounding of a sum goes the same way and none makes up for another: that is proven for every picture of
// a size, and grows with the side. A third of it is allowed for: pictures drawn to add up roundings (stripes, checkers,
// periods of the window, steps between powers of two) reach an eighth, photographs far less.
#pragma once

#include <array>

#include "pdq_kernel.hpp"

namespace tocsin::pdq {

struct Bound {
    std::array<float, kCoefs * kCoefs> coefficient;   // most that each may differ from the operator's
    float step;                                       // the same for a pixel of the 64 x 64 picture, in units of luma
};

Bound bound_of(int height, int width, int channels);

}  // namespace tocsin::pdq
