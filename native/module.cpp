// tocsin._native: the kernels, bound to Python. One bind_* function a kernel, each in a file of its own.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "cpu.hpp"

namespace nb = nanobind;

void bind_pdq(nb::module_ &m);
void bind_index(nb::module_ &m);

NB_MODULE(_native, m) {
    m.doc() = "Kernels: perceptual hashing and exact search. Called through tocsin.media and tocsin.matching.";
    m.def(
        "cpu", [] { return tocsin::name_of(tocsin::cpu_width()); },
        "Name of the path in use: 'avx512', 'avx2' or 'portable'.");
    m.def(
        "use_at_most", [](const std::string &name) { tocsin::use_at_most(tocsin::width_named(name)); }, nb::arg("name"),
        "Take no wider path than this (tests hold all to the same results).");
    m.def(
        "use_portable",
        [](bool yes) { tocsin::use_at_most(yes ? tocsin::Width::portable : tocsin::Width::avx512); }, nb::arg("yes"),
        "Take the portable path even where a wider one is there, or again the widest.");
    bind_pdq(m);
    bind_index(m);
}
