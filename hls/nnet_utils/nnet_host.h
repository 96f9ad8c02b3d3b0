// SPDX-License-Identifier: Apache-2.0
//
// What C simulation has in common for all networks: third-party headers, where the weights are, and how they are read.
// Included before the project (-include), with -DWEIGHTS_DIR=nnet::weights_dir(); precompiled for small networks,
// where parsing these headers is half of the work.

#ifndef NNET_HOST_H_
#define NNET_HOST_H_

#include "ap_fixed.h"
#include "ap_int.h"
#include "hls_stream.h"
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <dlfcn.h>
#include <fstream>
#include <iostream>
#include <map>
#include <math.h>
#include <stdlib.h>
#include <string>
#include <tuple>
#include <vector>

namespace nnet {

// Beside the library that asks, wherever that has been moved to.
inline std::string weights_dir() {
    Dl_info library;
    dladdr(reinterpret_cast<void *>(&weights_dir), &library);
    const std::string path(library.dli_fname);
    return path.substr(0, path.rfind('/')) + "/weights";
}

} // namespace nnet

// ap_int reads numbers of any width, digit by digit; these are at most 32 bits wide.
template <int W> std::istream &operator>>(std::istream &in, ap_int<W> &value) {
    long long number = 0;
    in >> number;
    value = number;
    return in;
}

template <int W> std::istream &operator>>(std::istream &in, ap_uint<W> &value) {
    long long number = 0;
    in >> number;
    value = number;
    return in;
}

#endif
