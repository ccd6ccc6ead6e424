// PDQ's inner loops, compiled for AVX-512 and called only where the CPU has what it needs.
#if defined(__AVX512BW__)
#include "pdq_kernel_body.hpp"
#else
#include "pdq_kernel.hpp"
#endif

namespace tocsin::pdq {

#if defined(__AVX512BW__)
const Kernel &avx512_kernel() { return kKernel; }
#else
const Kernel &avx512_kernel() { return avx2_kernel(); }
#endif

}  // namespace tocsin::pdq
