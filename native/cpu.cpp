#include "cpu.hpp"

#include <atomic>

namespace tocsin {

namespace {
std::atomic<bool> portable{false};

bool detect() {
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt");
#else
    return false;
#endif
}
}  // namespace

bool has_avx2() {
    static const bool found = detect();
    return found && !portable.load(std::memory_order_relaxed);
}

void use_portable(bool yes) { portable.store(yes, std::memory_order_relaxed); }

std::string cpu_path() { return has_avx2() ? "avx2" : "portable"; }

}  // namespace tocsin
