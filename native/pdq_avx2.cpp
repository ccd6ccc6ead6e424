// PDQ's inner loops, compiled for AVX2 and called only where the CPU has it.
#if defined(__AVX2__)
#include "pdq_kernel_body.hpp"
#else
#include "pdq_kernel.hpp"
#endif

namespace tocsin::pdq {

#if defined(__AVX2__)
const Kernel &avx2_kernel() { return kKernel; }
#else
const Kernel &avx2_kernel() { return portable_kernel(); }
#endif

}  // namespace tocsin::pdq
