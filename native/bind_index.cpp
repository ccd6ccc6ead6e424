// The exact index, bound to Python.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_index(nb::module_ &) {}
