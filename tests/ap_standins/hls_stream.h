// SPDX-License-Identifier: Apache-2.0
//
// A stream whose ends are unknown: each read and each write is one call, and where a word comes from or goes to is
// nowhere that a kernel can reach.

#ifndef HLS_STREAM_H_
#define HLS_STREAM_H_

extern "C" __attribute__((malloc)) void *stream_read(const void *stream);
extern "C" __attribute__((malloc)) void *stream_write(const void *stream);

namespace hls {

template <class T> struct stream {
    char port;

    stream(const char *) {}
    T read() { return *(const T *)stream_read(this); }
    void write(const T &value) { *(T *)stream_write(this) = value; }
};

} // namespace hls

#endif
