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

// In place of hls4ml's templates for files of weights and for numbers from Python, which took as long to compile as a
// layer each: here all are integers of at most 64 bits.
namespace nnet {

inline std::vector<long long> numbers_in(const char *name, std::size_t size) {
    const std::string path = weights_dir() + "/" + name;
    std::ifstream file(path.c_str());
    std::vector<long long> numbers;
    long long number;
    char comma = ',';
    while (comma == ',' && file >> number) {
        numbers.push_back(number);
        comma = 0;
        file >> comma;
    }
    if (numbers.size() != size) {
        std::cerr << "ERROR: " << path << " holds " << numbers.size() << " values, expected " << size << std::endl;
        exit(1);
    }
    return numbers;
}

template <class value_T, std::size_t size, int W> void load_weights_from_txt(ap_int<W> *memory, const char *name) {
    const std::vector<long long> numbers = numbers_in(name, size);
    for (std::size_t i = 0; i < size; i++)
        memory[i] = numbers[i];
}

template <class value_T, std::size_t size, int W> void load_weights_from_txt(ap_uint<W> *memory, const char *name) {
    const std::vector<long long> numbers = numbers_in(name, size);
    for (std::size_t i = 0; i < size; i++)
        memory[i] = numbers[i];
}

template <class value_T, class beat_T> void send(const value_T *values, std::size_t size, hls::stream<beat_T> &beats) {
    for (std::size_t i = 0; i < size; i += beat_T::size) {
        beat_T beat;
        for (std::size_t j = 0; j < beat_T::size; j++)
            beat[j] = (long long)values[i + j];
        beats.write(beat);
    }
}

template <class value_T, class beat_T> void receive(hls::stream<beat_T> &beats, std::size_t size, value_T *values) {
    for (std::size_t i = 0; i < size; i += beat_T::size) {
        const beat_T beat = beats.read();
        for (std::size_t j = 0; j < beat_T::size; j++)
            values[i + j] = beat[j].to_int64();
    }
}

template <class value_T, class beat_T, std::size_t size> void convert_data(float *values, hls::stream<beat_T> &beats) {
    send(values, size, beats);
}

template <class value_T, class beat_T, std::size_t size> void convert_data(double *values, hls::stream<beat_T> &beats) {
    send(values, size, beats);
}

template <class beat_T, class value_T, std::size_t size> void convert_data(hls::stream<beat_T> &beats, float *values) {
    receive(beats, size, values);
}

template <class beat_T, class value_T, std::size_t size> void convert_data(hls::stream<beat_T> &beats, double *values) {
    receive(beats, size, values);
}

} // namespace nnet

#endif
