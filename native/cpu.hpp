// Which path the kernels take: the widest that the CPU has; the results are the same.
#pragma once

#include <string>

namespace tocsin {

enum class Width { portable, avx2, avx512 };

Width cpu_width();               // as found on this CPU, or less where less was asked for
void use_at_most(Width width);   // for tests

std::string name_of(Width width);
Width width_named(const std::string &name);  // throws std::invalid_argument

}  // namespace tocsin
