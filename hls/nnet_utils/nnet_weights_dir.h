// SPDX-License-Identifier: Apache-2.0
//
// Where C simulation finds the weights: beside the library that asks, wherever that has been moved to.
// Compile with -include of this file and -DWEIGHTS_DIR=nnet::weights_dir().

#ifndef NNET_WEIGHTS_DIR_H_
#define NNET_WEIGHTS_DIR_H_

#include <dlfcn.h>
#include <string>

namespace nnet {

inline std::string weights_dir() {
    Dl_info library;
    dladdr(reinterpret_cast<void *>(&weights_dir), &library);
    const std::string path(library.dli_fname);
    return path.substr(0, path.rfind('/')) + "/weights";
}

} // namespace nnet

#endif
