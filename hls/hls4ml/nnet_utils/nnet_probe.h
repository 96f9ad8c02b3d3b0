// SPDX-License-Identifier: Apache-2.0
//
// What C simulation may set and see, and hardware has no need of: how many steps of a sample are
// valid (in hardware every step is), and where each layer's spikes and states shall go.
// A project runs a fixed number of steps, so shorter samples are padded, and the padding is idle.
// In synthesis both functions are empty, so that the kernels are the same text for both.

#ifndef NNET_PROBE_H_
#define NNET_PROBE_H_

#ifndef __SYNTHESIS__

namespace nnet {

struct probe_layer {
    unsigned char *spike; // [n_steps][n_out], or null
    long long *u;         // [n_steps][n_out], or null
    long long *v;         // [n_steps][n_out], or null
};

struct probe {
    unsigned steps;
    probe_layer layers[16];
};

inline probe &the_probe() {
    static probe instance = {~0u, {}};
    return instance;
}

// True beyond the last valid step of the current sample.
inline bool idle(unsigned t) { return t >= the_probe().steps; }

template <typename CONFIG_T, class state_T>
void observe(unsigned t, unsigned n, bool spike, const state_T &u, const state_T &v) {
    const probe_layer &layer = the_probe().layers[CONFIG_T::layer];
    const unsigned long at = (unsigned long)t * CONFIG_T::n_out + n;
    if (layer.spike)
        layer.spike[at] = spike;
    if (layer.u) {
        layer.u[at] = u.to_int64();
        layer.v[at] = v.to_int64();
    }
}

} // namespace nnet

extern "C" {

// Valid steps of every sample from now on; ~0 for all of them.
__attribute__((used)) inline void rfssm_set_steps(unsigned steps) { nnet::the_probe().steps = steps; }

// Buffers that receive a layer's spikes and states from now on; null for none.
__attribute__((used)) inline void rfssm_set_probe(unsigned layer, unsigned char *spike, long long *u, long long *v) {
    const nnet::probe_layer buffers = {spike, u, v};
    nnet::the_probe().layers[layer] = buffers;
}
}

#else

namespace nnet {

inline bool idle(unsigned) {
    #pragma HLS INLINE
    return false;
}

template <typename CONFIG_T, class state_T> void observe(unsigned, unsigned, bool, const state_T &, const state_T &) {
    #pragma HLS INLINE
}

} // namespace nnet

#endif

#endif
