// SPDX-License-Identifier: Apache-2.0
//
// A driver (DRIVER: bulk.cpp or simulated_board.cpp), and a function that writes what Verilator counted.
#include DRIVER
#include "verilated_cov.h"

extern "C" void write_coverage(CIRCUIT *circuit, const char *file) {
    circuit->context.coveragep()->write(file);
}
