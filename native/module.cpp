// tocsin._native: the kernels, bound to Python. One bind_* function a kernel, each in a file of its own.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "cpu.hpp"

namespace nb = nanobind;

void bind_pdq(nb::module_ &m);
void bind_index(nb::module_ &m);

NB_MODULE(_native, m) {
    m.doc() = "Kernels: perceptual hashing and exact search. Called through tocsin.media and tocsin.matching.";
    m.def("cpu", &tocsin::cpu_path, "Name of the path in use: 'avx2' or 'portable'.");
    m.def("use_portable", &tocsin::use_portable, nb::arg("yes"),
          "Take the portable path even where AVX2 is there (tests hold both to the same results).");
    bind_pdq(m);
    bind_index(m);
}
