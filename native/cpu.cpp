#include "cpu.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <stdexcept>

namespace tocsin {

namespace {
std::atomic<Width> most{Width::avx512};
constexpr std::array<const char *, 3> kNames{"portable", "avx2", "avx512"};

Width detect() {
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
          __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt")))
        return Width::portable;
    const bool wider = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                       __builtin_cpu_supports("avx512bitalg") && __builtin_cpu_supports("avx512vpopcntdq");
    return wider ? Width::avx512 : Width::avx2;
#else
    return Width::portable;
#endif
}
}  // namespace

Width cpu_width() {
    static const Width found = detect();
    return std::min(found, most.load(std::memory_order_relaxed));
}

void use_at_most(Width width) { most.store(width, std::memory_order_relaxed); }

std::string name_of(Width width) { return kNames[static_cast<std::size_t>(width)]; }

Width width_named(const std::string &name) {
    for (std::size_t i = 0; i < kNames.size(); ++i)
        if (name == kNames[i]) return static_cast<Width>(i);
    throw std::invalid_argument("a width is 'portable', 'avx2' or 'avx512'");
}

}  // namespace tocsin
