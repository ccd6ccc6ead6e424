#include "pdq.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpu.hpp"
#include "pdq_bound.hpp"
#include "pdq_operator.hpp"

namespace tocsin::pdq {

namespace {

constexpr int kSmallest = 5;
constexpr float kStepRounding = 4e-5f;   // a step's own three roundings, twice: up to 100 steps

using Small = std::array<float, kSide * kSide>;
using Coefficients = std::array<float, kCoefs * kCoefs>;

const Kernel &kernel() {
    switch (cpu_width()) {
    case Width::avx512: return avx512_kernel();
    case Width::avx2: return avx2_kernel();
    default: return portable_kernel();
    }
}

const CosineTable &cosine_table() {
    static const CosineTable table = [] {
        CosineTable d{};
        const float scale = static_cast<float>(std::sqrt(2.0 / kSide));
        for (int i = 0; i < kCoefs; i++)
            for (int j = 0; j < kSide; j++)
                d.by_row[i * kSide + j] = d.by_column[j * kCoefs + i] = static_cast<float>(
                    scale * std::cos((3.14159265358979323846 / 2.0 / kSide) * (i + 1) * (2 * j + 1)));
        return d;
    }();
    return table;
}

// One output row before its columns are weighed: the sum of the rows it takes, each by its weight.
void sum_rows(const Picture &picture, const Operator &op, const Taps &taps, std::ptrdiff_t ahead,
              std::vector<float> &row) {
    const int n = picture.width * picture.channels;
    if (!taps.whole) std::fill(row.begin(), row.begin() + n, 0.0f);
    const std::uint8_t *rows[kGroup];
    for (int k = 0; k < taps.count;) {
        int count = 0, total = 0;
        const int begin = k;
        for (; k < taps.count && count < kGroup; k++, count++) {
            if (taps.whole && (total += op.whole[taps.at + static_cast<std::size_t>(k)]) > 257) break;
            rows[count] = picture.row(taps.first + k);
        }
        const std::size_t at = taps.at + static_cast<std::size_t>(begin);
        if (taps.whole)
            kernel().add_whole(rows, op.whole.data() + at, count, n, ahead, 1.0f / taps.divisor, begin > 0, row.data());
        else
            kernel().add_real(rows, op.real.data() + at, count, n, row.data());
    }
}

// The 64 x 64 picture by `rows` and each of `columns`.
void shrink(const Picture &picture, const Operator &rows, const Columns64 *const *columns, Small *const *out, int many) {
    int length = 0;
    for (int m = 0; m < many; m++) length = std::max(length, columns[m]->length);
    std::vector<float> row(static_cast<std::size_t>(picture.width * picture.channels + length + 2 * kPad));
    for (std::size_t i = 0; i < kSide; i++) {
        const Taps &taps = rows.taps[i];
        const int next = i + 1 < kSide ? rows.taps[i + 1].first - taps.first : 0;
        sum_rows(picture, rows, taps, next * picture.stride, row);
        for (int m = 0; m < many; m++)
            kernel().dots(row.data(), columns[m]->weighing(), out[m]->data() + i * kSide);
    }
}

// The reference's metric from its sum of steps, and whether no doubtful step could change it.
int quality_of(const Small &small, const Bound *bound, bool &sure) {
    const float slack = bound ? 2.0f * bound->step * 100.0f / 255.0f + kStepRounding : 0.0f;
    static constexpr int kPart = 90, kMost = 100;
    int sum, unsure;
    kernel().steps(small.data(), slack, kPart * kMost, &sum, &unsure);
    const auto quality = [](int steps) { return std::min(steps / kPart, kMost); };
    sure = slack < 1.0f && quality(sum - unsure) == quality(sum + unsure);
    return quality(sum);
}

// How far from the threshold all but the ten nearest coefficients lie: a disturbance of less moves at most ten bits.
float margin_of(const Coefficients &b) {
    constexpr int kMayMove = 10;
    const float threshold = (kernel().ranked(b.data(), 128) + kernel().ranked(b.data(), 127)) / 2;
    Coefficients away;
    for (std::size_t k = 0; k < b.size(); k++) away[k] = std::fabs(b[k] - threshold);
    return kernel().ranked(away.data(), kMayMove);
}

struct Transformed {
    Coefficients at;
    std::array<float, kCoefs> rough;   // by how much roundings here may have moved each row's
};

Transformed transform(const Small &small) {
    Transformed out;
    kernel().cosines(small.data(), cosine_table(), out.at.data(), out.rough.data());
    return out;
}

// Bits of the coefficients above the lower median, and whether all stay on their side wherever the reference may have
// put them: its running sums may drift, and its cosines round as ours do, but elsewhere.
std::array<std::uint8_t, 32> bits_of(const Transformed &b, const Bound *bound, bool &sure) {
    static constexpr Coefficients kExact{};
    const float *room = bound ? bound->coefficient.data() : kExact.data();
    std::array<std::uint8_t, 32> bits;
    const float median = kernel().ranked(b.at.data(), 127);
    const int set = kernel().split(b.at.data(), median, room, b.rough.data(), bits.data(), &sure);
    sure = sure && set == 128;   // with ties at the median, fewer are above it
    return bits;
}

Small transposed(const Small &small) {
    Small out;
    for (std::size_t i = 0; i < kSide; i++)
        for (std::size_t j = 0; j < kSide; j++) out[j * kSide + i] = small[i * kSide + j];
    return out;
}

Small reference_small(const Picture &picture) {
    Small small;
    std::vector<float> work(reference_room(picture.height, picture.width));
    kernel().reference(picture, small.data(), work.data());
    return small;
}

// The hash from the 64 x 64 picture; `sure` where nothing within `bound` gives another. Without a bound all is sure.
Hash finish(const Small &small, const Bound *bound, bool &sure) {
    Hash out;
    bool bits_sure, quality_sure;
    out.quality = quality_of(small, bound, quality_sure);
    const Transformed coefficients = transform(small);
    out.bits = bits_of(coefficients, bound, bits_sure);
    out.margin = margin_of(coefficients.at);
    sure = bits_sure && quality_sure;
    return out;
}

Hash in_reference_order(const Picture &picture) {
    bool sure;
    Hash out = finish(reference_small(picture), nullptr, sure);
    out.again = true;
    return out;
}

bool too_small(int height, int width) { return height < kSmallest || width < kSmallest; }

// Each orientation: whether rows and columns are read backwards, and whether the result is transposed.
struct Turn {
    bool rows, columns, transposed;
};
constexpr Turn kTurns[8] = {{false, false, false}, {false, true, true}, {true, true, false}, {true, false, true},
                            {true, false, false},  {false, true, false}, {false, false, true}, {true, true, true}};

// The pixels as they lie after the turn, in tiles: a transposed picture is written across its rows.
template <std::size_t Depth> std::vector<std::uint8_t> turned(const Picture &picture, const Turn &turn) {
    constexpr int kTile = 32;
    const auto height = static_cast<std::size_t>(picture.height), width = static_cast<std::size_t>(picture.width);
    std::vector<std::uint8_t> out(height * width * Depth);
    for (int top = 0; top < picture.height; top += kTile)
        for (int left = 0; left < picture.width; left += kTile)
            for (int y = top; y < std::min(top + kTile, picture.height); y++)
                for (int x = left; x < std::min(left + kTile, picture.width); x++) {
                    const auto row = static_cast<std::size_t>(turn.rows ? picture.height - 1 - y : y);
                    const auto column = static_cast<std::size_t>(turn.columns ? picture.width - 1 - x : x);
                    const std::size_t to = turn.transposed ? column * height + row : row * width + column;
                    std::memcpy(out.data() + to * Depth, picture.row(y) + static_cast<std::size_t>(x) * Depth, Depth);
                }
    return out;
}

Hash turned_in_reference_order(const Picture &picture, const Turn &turn) {
    const std::vector<std::uint8_t> pixels = picture.channels == 1   ? turned<1>(picture, turn)
                                             : picture.channels == 3 ? turned<3>(picture, turn)
                                                                     : turned<4>(picture, turn);
    const int height = turn.transposed ? picture.width : picture.height;
    const int width = turn.transposed ? picture.height : picture.width;
    return in_reference_order({pixels.data(), static_cast<std::ptrdiff_t>(width) * picture.channels, height, width,
                               picture.channels});
}

// All orientations; where `faithful`, what is unsure is done again.
std::array<Hash, 8> all_turns(const Picture &picture, int height, int width, int factor, bool faithful) {
    std::array<Hash, 8> out{};
    if (too_small(height, width)) return out;
    const Columns64 forward = lay_out(make_operator(width, false, factor), picture.channels);
    const Columns64 backward = lay_out(make_operator(width, true, factor), picture.channels);
    const Columns64 *columns[2] = {&forward, &backward};
    Small small[2][2];
    for (int rows = 0; rows < 2; rows++) {
        Small *to[2] = {&small[rows][0], &small[rows][1]};
        shrink(picture, make_operator(height, rows == 1, factor), columns, to, 2);
    }
    const Bound bounds[2] = {bound_of(height, width, picture.channels), bound_of(width, height, picture.channels)};
    for (std::size_t t = 0; t < 8; t++) {
        const Turn &turn = kTurns[t];
        const Small &found = small[turn.rows][turn.columns];
        bool sure;
        out[t] = finish(turn.transposed ? transposed(found) : found, faithful ? &bounds[turn.transposed] : nullptr, sure);
        if (!sure && faithful) out[t] = turned_in_reference_order(picture, turn);
    }
    return out;
}

Small fast_small(const Picture &picture, int height, int width, int factor) {
    const Columns64 columns = lay_out(make_operator(width, false, factor), picture.channels);
    const Columns64 *one[1] = {&columns};
    Small small;
    Small *to[1] = {&small};
    shrink(picture, make_operator(height, false, factor), one, to, 1);
    return small;
}

}  // namespace

Hash hash(const Picture &picture) {
    if (too_small(picture.height, picture.width)) return {};
    bool sure;
    const Bound bound = bound_of(picture.height, picture.width, picture.channels);
    const Hash out = finish(fast_small(picture, picture.height, picture.width, 1), &bound, sure);
    return sure ? out : in_reference_order(picture);
}

std::array<Hash, 8> turns(const Picture &picture) { return all_turns(picture, picture.height, picture.width, 1, true); }

Hash hash_scaled(const Picture &shrunk, int height, int width, int factor) {
    if (too_small(height, width)) return {};
    bool sure;
    return finish(fast_small(shrunk, height, width, factor), nullptr, sure);
}

std::array<Hash, 8> turns_scaled(const Picture &shrunk, int height, int width, int factor) {
    return all_turns(shrunk, height, width, factor, false);
}

Stages stages(const Picture &picture, bool in_reference_order) {
    Stages out;
    if (too_small(picture.height, picture.width)) return out;
    out.small = in_reference_order ? reference_small(picture) : fast_small(picture, picture.height, picture.width, 1);
    const Transformed found = transform(out.small);
    out.coefficients = found.at;
    const Bound bound = bound_of(picture.height, picture.width, picture.channels);
    for (std::size_t k = 0; k < out.rooms.size(); k++) out.rooms[k] = bound.coefficient[k] + found.rough[k / kCoefs];
    return out;
}

}  // namespace tocsin::pdq
