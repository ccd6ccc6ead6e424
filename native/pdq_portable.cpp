// PDQ's inner loops for any CPU.
#include "pdq_kernel_body.hpp"

namespace tocsin::pdq {

const Kernel &portable_kernel() { return kKernel; }

}  // namespace tocsin::pdq
