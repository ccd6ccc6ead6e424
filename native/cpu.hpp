// Which path the kernels take: AVX2 where the CPU has it, else portable; the results are the same.
#pragma once

#include <string>

namespace tocsin {

bool has_avx2();                // as found on this CPU and not switched off
void use_portable(bool yes);    // for tests
std::string cpu_path();

}  // namespace tocsin
