// PDQ's shrinking of one axis as a sparse operator: which inputs each of the 64 outputs weighs, and how much.
#pragma once

#include <cstdint>
#include <vector>

#include "pdq_kernel.hpp"

namespace tocsin::pdq {

// One output: inputs first … first + count - 1. Away from the far edge the weights are whole numbers over `divisor`
// (two boxes of w make a tent that sums to w²); where a box was clipped they are real and `whole` is false.
struct Taps {
    int first, count;
    bool whole;
    float divisor;
    std::size_t at;   // of the first weight, in `whole` or `real`
};

struct Operator {
    std::vector<Taps> taps;               // 64
    std::vector<std::uint8_t> whole;      // each at most 64
    std::vector<float> real;              // each tap's weights sum to 1
};

// The operator for an axis of `n` pixels. `turned`: for the axis read backwards, in terms of the pixels as they lie.
// `block` > 1: each input is the mean of `block` neighbouring pixels, the last of what is left.
Operator make_operator(int n, bool turned, int block = 1);

// The operator laid out for dot products over interleaved channels, with the weights of luma multiplied in.
struct Columns64 {
    int length;                   // floats an output, a multiple of 8
    std::vector<int> first;       // 64, in floats
    std::vector<float> weights;   // 64 x length
    int alike, alike_end;         // outputs that have the same weights

    Weighing weighing() const { return {first.data(), weights.data(), length, alike, alike_end}; }
};

Columns64 lay_out(const Operator &op, int channels);

}  // namespace tocsin::pdq
