// SPDX-License-Identifier: Apache-2.0
//
// One spiking layer over a whole sample: synapse, second-order cells, spikes.
//
//   u' = sat( round(a u + b v) + (I_u << guard_bits) + bias_u + s * reset_u )      I_u = weight_u x
//   v' = sat( round(c u + d v) + (I_v << guard_bits) + bias_v + s * reset_v )      I_v = weight_v x
//   s' = u' > threshold                                                  y = s', with skip s' + x
//
// Integers throughout. Both products are summed exactly and rounded once (rounded_t), everything else is
// added exactly (sum_t), and the cast to state_t is the only saturation.
//
// Three processes work at once, encode -> synapse -> cells, each on a step of its own: the cells of step t while the
// synapse adds step t + 1 and encode reads step t + 2. So a step takes as long as the slowest of the three,
//
//   max( e * ceil(n_out / synapse_lanes),  ceil(n_out / neuron_lanes),  e + ceil(n_in / 64) - 1 ),   e = max(1, events)
//
// cycles, plus the depth of that one's pipeline; the layers of a network do the same, one behind the other.

#ifndef NNET_SPIKING_H_
#define NNET_SPIKING_H_

#include "hls_stream.h"
#include "nnet_cell.h"
#include "nnet_common.h"
#include "nnet_probe.h"
#include "nnet_synapse.h"
#include "nnet_types.h"

namespace nnet {

struct spiking_config {
    // Layer
    static const unsigned n_in = 1;
    static const unsigned n_out = 1;
    static const unsigned n_steps = 1;
    static const unsigned layer = 0;

    // Neurons side by side: to which one event is added, whose state is updated; powers of two
    static const unsigned synapse_lanes = 1;
    static const unsigned neuron_lanes = 1;

    // Built only where needed
    static const bool complex_input = false;
    static const bool has_bias = false;
    static const bool has_reset = false;

    static const unsigned guard_bits = 0;

    // Numbers in each memory; a memory that is not built is one number
    static const unsigned n_weight = 1;
    static const unsigned n_bias = 1;
    static const unsigned n_transition = 4;
    static const unsigned n_reset = 1;
    static const unsigned n_threshold = 1;

    // Types: memories (all integers)
    typedef ap_int<6> weight_t;
    typedef ap_int<2> bias_t;
    typedef ap_int<16> transition_t;
    typedef ap_int<16> reset_t;
    typedef ap_int<16> threshold_t;

    // Types: arithmetic
    typedef ap_int<16> accum_t;                             // every partial sum of the currents
    typedef ap_fixed<33, 19> product_t;                     // sum of both products, transition_frac fractional bits
    typedef ap_fixed<19, 19, AP_RND, AP_WRAP> rounded_t;    // its rounding
    typedef ap_int<24> sum_t;                               // everything that enters the saturation
    typedef ap_fixed<16, 16, AP_TRN, AP_SAT> state_t;       // its saturation
};

// Currents in, spikes out, neuron_lanes cells per cycle. Both new states are computed before either is stored. The
// memories hold a whole number of chunks: what lies beyond n_out is zero, and its spikes go nowhere.
template <class word_T, class res_T, typename CONFIG_T>
void spiking_cells(hls::stream<word_T> &currents, hls::stream<res_T> &res,
                   const typename CONFIG_T::bias_t bias[CONFIG_T::n_bias],
                   const typename CONFIG_T::transition_t transition[CONFIG_T::n_transition],
                   const typename CONFIG_T::reset_t reset[CONFIG_T::n_reset],
                   const typename CONFIG_T::threshold_t threshold[CONFIG_T::n_threshold]) {
    typedef typename CONFIG_T::sum_t sum_t;
    typedef ap_int<CONFIG_T::state_t::width> state_t;
    const unsigned lanes = CONFIG_T::neuron_lanes;
    const unsigned n_chunks = ceil_div(CONFIG_T::n_out, lanes);
    const unsigned chunks_per_word = CONFIG_T::synapse_lanes / lanes;
    const unsigned parts = CONFIG_T::complex_input ? 2 : 1;
    // a chunk of every memory is one word
    const unsigned bias_factor = CONFIG_T::has_bias ? parts * lanes : 1;
    const unsigned transition_factor = 4 * lanes;
    const unsigned reset_factor = CONFIG_T::has_reset ? 2 * lanes : 1;
    #pragma HLS ARRAY_RESHAPE variable=bias cyclic factor=bias_factor
    #pragma HLS ARRAY_RESHAPE variable=transition cyclic factor=transition_factor
    #pragma HLS ARRAY_RESHAPE variable=reset cyclic factor=reset_factor
    #pragma HLS ARRAY_RESHAPE variable=threshold cyclic factor=lanes

    const unsigned padded = n_chunks * lanes;
    static_assert(CONFIG_T::n_bias == (CONFIG_T::has_bias ? parts * padded : 1), "spiking: n_bias is not what is read");
    static_assert(CONFIG_T::n_transition == 4 * padded, "spiking: n_transition is not what is read");
    static_assert(CONFIG_T::n_reset == (CONFIG_T::has_reset ? 2 * padded : 1), "spiking: n_reset is not what is read");
    static_assert(CONFIG_T::n_threshold == padded, "spiking: n_threshold is not what is read");

    state_t u[n_chunks * lanes];
    state_t v[n_chunks * lanes];
    bool s[n_chunks * lanes];
    #pragma HLS ARRAY_PARTITION variable=u cyclic factor=lanes
    #pragma HLS ARRAY_PARTITION variable=v cyclic factor=lanes
    #pragma HLS ARRAY_PARTITION variable=s cyclic factor=lanes
Steps:
    for (unsigned t = 0; t < CONFIG_T::n_steps; t++) {
        res_T y;
        PRAGMA_DATA_PACK(y)
    Silence:
        for (unsigned n = 0; n < CONFIG_T::n_out; n++) {
            #pragma HLS UNROLL
            y[n] = 0;
        }
        if (idle(t)) {
            res.write(y);
            continue;
        }
        word_T current;
    Chunks:
        for (unsigned k = 0; k < n_chunks; k++) {
            // II = 1: neuron_lanes cells per cycle, four products each; their states are next needed one step later
            #pragma HLS PIPELINE II=1
            const unsigned first = k % chunks_per_word * lanes;
            if (first == 0)
                current = currents.read();
        Lanes:
            for (unsigned l = 0; l < lanes; l++) {
                #pragma HLS UNROLL
                const unsigned n = k * lanes + l;
                // a sample starts at rest
                const state_t u_old = t == 0 ? state_t(0) : u[n];
                const state_t v_old = t == 0 ? state_t(0) : v[n];
                const bool spiked = t != 0 && s[n];
                sum_t u_sum = round_once<CONFIG_T>(transition[4 * n] * u_old + transition[4 * n + 1] * v_old);
                sum_t v_sum = round_once<CONFIG_T>(transition[4 * n + 2] * u_old + transition[4 * n + 3] * v_old);
                u_sum += sum_t(current[first + l]) << CONFIG_T::guard_bits;
                if (CONFIG_T::complex_input)
                    v_sum += sum_t(current[(parts - 1) * CONFIG_T::synapse_lanes + first + l]) << CONFIG_T::guard_bits;
                if (CONFIG_T::has_bias) {
                    u_sum += bias[parts * n];
                    if (CONFIG_T::complex_input)
                        v_sum += bias[parts * n + parts - 1];
                }
                if (CONFIG_T::has_reset && spiked) {
                    u_sum += reset[2 * n];
                    v_sum += reset[2 * n + 1];
                }
                const state_t u_new = fit<CONFIG_T>(u_sum);
                const state_t v_new = fit<CONFIG_T>(v_sum);
                const bool spike = u_new > threshold[n];
                u[n] = u_new;
                v[n] = v_new;
                s[n] = spike;
                if (n < CONFIG_T::n_out) {
                    y[n] = spike;
                    observe<CONFIG_T>(t, n, spike, u_new, v_new);
                }
            }
        }
        res.write(y);
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void spiking(hls::stream<data_T> &data, hls::stream<res_T> &res,
             const typename CONFIG_T::weight_t weight[CONFIG_T::n_weight],
             const typename CONFIG_T::bias_t bias[CONFIG_T::n_bias],
             const typename CONFIG_T::transition_t transition[CONFIG_T::n_transition],
             const typename CONFIG_T::reset_t reset[CONFIG_T::n_reset],
             const typename CONFIG_T::threshold_t threshold[CONFIG_T::n_threshold]) {
    #pragma HLS DATAFLOW
    static_assert(CONFIG_T::n_in > 0 && CONFIG_T::n_out > 0 && CONFIG_T::n_steps > 0, "spiking: empty layer");
    static_assert(CONFIG_T::neuron_lanes > 0 && CONFIG_T::synapse_lanes % CONFIG_T::neuron_lanes == 0,
                  "spiking: synapse_lanes must be a multiple of neuron_lanes");
    static_assert(data_T::size == CONFIG_T::n_in, "spiking: one beat must carry one step of n_in values");
    static_assert(res_T::size == CONFIG_T::n_out, "spiking: one beat must carry one step of n_out values");
    static_assert(CONFIG_T::product_t::iwidth == CONFIG_T::rounded_t::width, "spiking: rounded_t loses high bits");
    static_assert(CONFIG_T::product_t::width > CONFIG_T::transition_t::width + CONFIG_T::state_t::width,
                  "spiking: product_t cannot hold the sum of two products");
    typedef event<typename data_T::value_type> event_t;
    typedef array<typename CONFIG_T::accum_t, (CONFIG_T::complex_input ? 2 : 1) * CONFIG_T::synapse_lanes> word_t;

    hls::stream<unsigned short> counts("counts");
    hls::stream<event_t> events("events");
    hls::stream<word_t> currents("currents");
    // a step's currents, so that the synapse may finish a step before the cells have begun it
    const unsigned current_depth = ceil_div(CONFIG_T::n_out, CONFIG_T::synapse_lanes) + 1;
    #pragma HLS STREAM variable=counts depth=2
    #pragma HLS STREAM variable=events depth=event_depth
    #pragma HLS STREAM variable=currents depth=current_depth

    encode<data_T, CONFIG_T>(data, counts, events);
    synapse<event_t, word_t, CONFIG_T>(counts, events, currents, weight);
    spiking_cells<word_t, res_T, CONFIG_T>(currents, res, bias, transition, reset, threshold);
}

// -- skip: the layer, and a way around it --------------------------------------------------------------------------

template <class data_T, typename CONFIG_T>
void fork(hls::stream<data_T> &data, hls::stream<data_T> &through, hls::stream<data_T> &around) {
Steps:
    for (unsigned t = 0; t < CONFIG_T::n_steps; t++) {
        // II = 1: one step per cycle
        #pragma HLS PIPELINE II=1
        const data_T x = data.read();
        PRAGMA_DATA_PACK(x)
        through.write(x);
        around.write(x);
    }
}

template <class spikes_T, class data_T, class res_T, typename CONFIG_T>
void join(hls::stream<spikes_T> &spikes, hls::stream<data_T> &around, hls::stream<res_T> &res) {
Steps:
    for (unsigned t = 0; t < CONFIG_T::n_steps; t++) {
        // II = 1: one step per cycle, one adder per neuron
        #pragma HLS PIPELINE II=1
        const spikes_T s = spikes.read();
        const data_T x = around.read();
        res_T y;
        PRAGMA_DATA_PACK(y)
    Neurons:
        for (unsigned n = 0; n < CONFIG_T::n_out; n++) {
            #pragma HLS UNROLL
            y[n] = s[n] + x[n];
        }
        res.write(y);
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void spiking_skip(hls::stream<data_T> &data, hls::stream<res_T> &res,
                  const typename CONFIG_T::weight_t weight[CONFIG_T::n_weight],
                  const typename CONFIG_T::bias_t bias[CONFIG_T::n_bias],
                  const typename CONFIG_T::transition_t transition[CONFIG_T::n_transition],
                  const typename CONFIG_T::reset_t reset[CONFIG_T::n_reset],
                  const typename CONFIG_T::threshold_t threshold[CONFIG_T::n_threshold]) {
    #pragma HLS DATAFLOW
    static_assert(CONFIG_T::n_in == CONFIG_T::n_out, "spiking: skip needs n_in = n_out");
    typedef array<ap_uint<1>, CONFIG_T::n_out> spikes_t;

    hls::stream<data_T> through("through");
    hls::stream<data_T> around("around");
    hls::stream<spikes_t> spikes("spikes");
    // the cells of one step are at work while the next is in the layer: more places around it gain nothing
    #pragma HLS STREAM variable=through depth=2
    #pragma HLS STREAM variable=around depth=2
    #pragma HLS STREAM variable=spikes depth=2

    fork<data_T, CONFIG_T>(data, through, around);
    spiking<data_T, spikes_t, CONFIG_T>(through, spikes, weight, bias, transition, reset, threshold);
    join<spikes_t, data_T, res_T, CONFIG_T>(spikes, around, res);
}

} // namespace nnet

#endif
