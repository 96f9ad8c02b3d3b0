// SPDX-License-Identifier: Apache-2.0
//
// Stand-ins for the AP types, for the analysis of dependences alone: every number is one plain 64-bit integer, which
// neither wraps, rounds nor saturates. What is read, written and fed back, and in which order, is as with the real
// types; the values are not.

#ifndef AP_INT_H_
#define AP_INT_H_

template <int W, int I, bool S> struct __attribute__((packed)) standin { // without gaps in structs of them
    static const int width = W;
    static const int iwidth = I;
    long long V;

    standin() = default;
    template <class T> standin(const T &value) : V((long long)value) {}
    operator long long() const { return V; }
    template <class T> standin &operator+=(const T &value) {
        V += (long long)value;
        return *this;
    }
};

template <int W> using ap_int = standin<W, W, true>;
template <int W> using ap_uint = standin<W, W, false>;

#endif
