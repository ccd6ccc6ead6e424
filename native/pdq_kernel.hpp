// The inner loops of PDQ as a table: compiled portably, for AVX2 and for AVX-512. All give the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tocsin::pdq {

inline constexpr int kSide = 64;    // PDQ shrinks every picture to 64 x 64 …
inline constexpr int kCoefs = 16;   // … and keeps 16 x 16 cosine coefficients of it
inline constexpr int kGroup = 16;   // most rows that one call of add_whole takes
inline constexpr int kLanes = 16;   // rows that the reference's order is followed along at once
inline constexpr int kPad = 64;     // floats of room behind a row buffer

// A view of decoded pixels: 8 bits a channel; 1 channel is luma, 3 are RGB, 4 are RGB and one that is dropped.
struct Picture {
    const std::uint8_t *pixels;
    std::ptrdiff_t stride;   // bytes from one row to the next, may be negative
    int height, width, channels;

    const std::uint8_t *row(int y) const { return pixels + y * stride; }
};

// What 64 outputs take of a row of floats. Outputs alike … alike_end - 1 have the same weights.
struct Weighing {
    const int *first;
    const float *weights;
    int length, alike, alike_end;   // length: a multiple of 8
};

// The 16 x 64 scaled cosines that a coefficient weighs by, and the same transposed.
struct CosineTable {
    alignas(64) float by_row[kCoefs * kSide], by_column[kSide * kCoefs];
};

struct Kernel {
    // out[x] = scale * sum over k of weights[k] * rows[k][x], x < n, or += where `more`. Exact before scaling: weights
    // at most 64 each and 257 together. `out` is written up to n rounded up to kPad.
    // What lies `ahead` bytes behind each row is wanted next.
    void (*add_whole)(const std::uint8_t *const *rows, const std::uint8_t *weights, int count, int n,
                      std::ptrdiff_t ahead, float scale, bool more, float *out);
    // out[x] += the same for any weights, in float, row by row.
    void (*add_real)(const std::uint8_t *const *rows, const float *weights, int count, int n, float *out);
    // out[j] = dot product of row[first[j] …] with weights[j * length …], j < 64.
    void (*dots)(const float *row, const Weighing &columns, float *out);
    // B = D A Dᵀ in the reference's order of additions; D is 16 x 64. `rough`: by how much roundings may have moved the
    // coefficients of each of the 16 rows.
    void (*cosines)(const float *a, const CosineTable &d, float *b, float *rough);
    // Whole steps of 100/255 between neighbours of a 64 x 64 picture, toward zero, summed; `unsure` counts those that
    // `slack` more or less of a step would change. Stops where `enough` are sure. Without slack it rounds as the
    // reference does.
    void (*steps)(const float *small, float slack, int enough, int *sum, int *unsure);
    // Of 256 values, the one that `rank` come before when sorted.
    float (*ranked)(const float *values, int rank);
    // The bits of coefficients above the median, most significant byte first; returns how many are set. `clear` where
    // all stay on their side though each may be off by its room and its row's roughness.
    int (*split)(const float *b, float median, const float *room, const float *rough, std::uint8_t *bits, bool *clear);
    // The reference's own order: luma, two passes of running sums along rows and columns, decimation to `small`.
    // `work` holds reference_room(height, width) floats, zero at first.
    void (*reference)(const Picture &picture, float *small, float *work);
};

const Kernel &portable_kernel();
// The widest that this build has up to that width:
const Kernel &avx2_kernel();
const Kernel &avx512_kernel();

inline int window(int n) { return (n + 2 * kSide - 1) / (2 * kSide); }
inline int taken(int i, int n) { return static_cast<int>((i + 0.5) * n / kSide); }

inline std::size_t padded(int width) { return (static_cast<std::size_t>(width) + kLanes - 1) / kLanes * kLanes; }

inline std::size_t reference_room(int height, int width) {
    const std::size_t w = padded(width), ring = static_cast<std::size_t>(window(height)) + kLanes;
    return w * (3 * kLanes + 1 + ring) + kSide * (2 * kLanes + 1 + ring + 1) + 64;
}

}  // namespace tocsin::pdq
