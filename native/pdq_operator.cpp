#include "pdq_operator.hpp"

#include <algorithm>

#include "pdq_kernel.hpp"

namespace tocsin::pdq {

namespace {

constexpr int kMaxWeight = 64;   // two of them times 255 fit 16 bits with a sign

// Where a box of `size` at `at` begins and ends (one past), clipped to 0 … n.
struct Box {
    int low, high;
    Box(int at, int size, int n) {
        const int half = (size + 2) / 2;
        low = std::max(at - (size - half), 0);
        high = std::min(at + half, n);
    }
    int count() const { return high - low; }
};

// The weights of pixels low … low + weights.size() - 1 in output `at`: a box of boxes. Returns what they are to be
// divided by: w² when no box was clipped (the weights are then whole numbers, a tent), else 1.
double weigh(int at, int n, int &low, std::vector<double> &weights) {
    const int size = window(n), half = (size + 2) / 2;
    low = at - 2 * (size - half);
    if (low >= 0 && at + 2 * (half - 1) < n) {
        weights.resize(static_cast<std::size_t>(2 * size - 1));
        for (int k = 0; k < 2 * size - 1; k++)
            weights[static_cast<std::size_t>(k)] = std::min(k + 1, 2 * size - 1 - k);
        return static_cast<double>(size) * size;
    }
    const Box outer(at, size, n);
    low = Box(outer.low, size, n).low;
    weights.assign(static_cast<std::size_t>(Box(outer.high - 1, size, n).high - low) + 1, 0.0);
    for (int q = outer.low; q < outer.high; q++) {   // as differences, summed up below
        const Box inner(q, size, n);
        const double share = 1.0 / inner.count() / outer.count();
        weights[static_cast<std::size_t>(inner.low - low)] += share;
        weights[static_cast<std::size_t>(inner.high - low)] -= share;
    }
    for (std::size_t i = 1; i < weights.size(); i++) weights[i] += weights[i - 1];
    weights.pop_back();
    return 1.0;
}

}  // namespace

Operator make_operator(int n, bool turned, int block) {
    Operator op;
    op.taps.reserve(kSide);
    op.whole.reserve(static_cast<std::size_t>(kSide) * static_cast<std::size_t>(2 * window(n)));
    op.real.reserve(op.whole.capacity());
    std::vector<double> pixel, input;
    const Taps *tent = nullptr;   // taken over by all outputs whose weights are the same
    const int size = window(n), reach = 2 * (size - (size + 2) / 2);
    for (int i = 0; i < kSide; i++) {
        const int at = taken(i, n);
        int low = at - reach;
        if (tent && low >= 0 && low + 2 * size - 1 <= n) {
            op.taps.push_back(*tent);
            op.taps.back().first = turned ? n - low - (2 * size - 1) : low;
            continue;
        }
        const double divisor = weigh(at, n, low, pixel);
        const int length = static_cast<int>(pixel.size());
        if (turned) {
            low = n - low - length;
            std::reverse(pixel.begin(), pixel.end());
        }
        const int first = low / block, last = (low + length - 1) / block;
        input.assign(static_cast<std::size_t>(last - first) + 1, 0.0);
        for (int p = 0, left = block - low % block, to = 0; p < length; p++, left--) {
            if (left == 0) left = block, to++;
            input[static_cast<std::size_t>(to)] += pixel[static_cast<std::size_t>(p)];
        }
        const bool whole = divisor != 1.0 || length == 1;
        const bool fits = whole && *std::max_element(input.begin(), input.end()) <= kMaxWeight;
        op.taps.push_back({first, static_cast<int>(input.size()), fits, static_cast<float>(divisor), op.real.size()});
        if (whole && block == 1) tent = &op.taps.back();   // `taps` has its room already
        for (double weight : input) {
            op.whole.push_back(fits ? static_cast<std::uint8_t>(weight) : 0);
            op.real.push_back(static_cast<float>(weight / divisor));
        }
    }
    return op;
}

Columns64 lay_out(const Operator &op, int channels) {
    static constexpr double kLuma[4] = {0.299, 0.587, 0.114, 0.0};
    int most = 0;
    for (const Taps &taps : op.taps) most = std::max(most, taps.count);
    Columns64 out;
    out.alike = out.alike_end = 0;
    out.length = (most * channels + 7) / 8 * 8;
    out.weights.assign(static_cast<std::size_t>(kSide) * static_cast<std::size_t>(out.length), 0.0f);
    out.first.reserve(kSide);
    for (std::size_t j = 0; j < kSide; j++) {
        const Taps &taps = op.taps[j];
        out.first.push_back(taps.first * channels);
        float *to = out.weights.data() + j * static_cast<std::size_t>(out.length);
        if (j > 0 && taps.at == op.taps[j - 1].at) {   // the same tent
            std::copy(to - out.length, to, to);
            out.alike_end = static_cast<int>(j) + 1;
            continue;
        }
        if (out.alike_end == 0) out.alike = static_cast<int>(j);
        for (int k = 0; k < taps.count; k++)
            for (int c = 0; c < channels; c++)
                *to++ = static_cast<float>((channels == 1 ? 1.0 : kLuma[c]) *
                                           static_cast<double>(op.real[taps.at + static_cast<std::size_t>(k)]));
    }
    return out;
}

}  // namespace tocsin::pdq
