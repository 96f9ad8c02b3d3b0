// SPDX-License-Identifier: Apache-2.0
//
// What C simulation has in common for all networks: third-party headers, where the weights are, how they are read, and
// a stream that compiles fast.
// Included before the project (-include), with -DWEIGHTS_DIR=nnet::weights_dir(); precompiled for small networks,
// where parsing these headers is half of the work.

#ifndef NNET_HOST_H_
#define NNET_HOST_H_

#include "ap_fixed.h"
#include "ap_int.h"
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

#define X_HLS_STREAM_SIM_H // in place of hls_stream.h: its std::deque took a third of a small network's compilation

namespace hls {

// A queue without end, in which processes that run one after the other leave what they have to say.
template <class T> class stream {
  public:
    explicit stream(const char *name = "") : name(name), kept(0), first(0), end(0), room(0) {}
    ~stream() {
        if (first != end)
            std::cerr << "hls::stream " << name << ": " << end - first << " left over\n";
        delete[] kept;
    }
    bool empty() const { return first == end; }
    void write(const T &value) {
        if (end == room)
            grow();
        kept[end++] = value;
    }
    T read() {
        if (first == end) {
            std::cerr << "hls::stream " << name << ": read while empty\n";
            return T();
        }
        const T &value = kept[first++];
        if (first == end)
            first = end = 0;
        return value;
    }

  private:
    stream(const stream &);
    void operator=(const stream &);
    void grow() {
        room = 2 * room + 64;
        T *more = new T[room];
        std::copy(kept, kept + end, more);
        delete[] kept;
        kept = more;
    }

    const char *name;
    T *kept;
    std::size_t first, end, room;
};

} // namespace hls

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
