// SPDX-License-Identifier: Apache-2.0
//
// The readout over a whole sample: one leaky integrator per class, and its scores.
//
//   m' = sat( round(leak * m) + (I << guard_bits) + bias )       I = weight x
//
// Integers throughout, one rounding (rounded_t), one saturation (state_t). Three processes work at once, as in a
// spiking layer, encode -> synapse -> integrators; a step takes as long as the slowest of the three,
//
//   max( e * ceil(n_out / synapse_lanes),  n_out,  e + ceil(n_in / 64) - 1 ),   e = max(1, events)
//
// cycles, plus the depth of that one's pipeline.

#ifndef NNET_READOUT_H_
#define NNET_READOUT_H_

#include "hls_stream.h"
#include "nnet_cell.h"
#include "nnet_common.h"
#include "nnet_probe.h"
#include "nnet_synapse.h"
#include "nnet_types.h"

namespace nnet {

// What becomes of the integrators: one beat of scores per sample, with score_each one per step.
enum readout_score { score_sum, score_last, score_max, score_each };

struct readout_config {
    // Layer
    static const unsigned n_in = 1;
    static const unsigned n_out = 2;
    static const unsigned n_steps = 1;

    // Classes side by side to which one event is added; a power of two. One integrator is updated per cycle
    static const unsigned synapse_lanes = 1;

    static const bool has_bias = false;
    static const readout_score score = score_sum;

    static const unsigned guard_bits = 0;

    // Numbers in each memory; a memory that is not built is one number
    static const unsigned n_weight = 2;
    static const unsigned n_bias = 1;
    static const unsigned n_leak = 2;

    // Types: memories (all integers)
    typedef ap_int<8> weight_t;
    typedef ap_int<2> bias_t;
    typedef ap_uint<15> leak_t;

    // Types: arithmetic
    typedef ap_int<16> accum_t;                             // every partial sum of the currents
    typedef ap_fixed<40, 25> product_t;                     // leak * m, leak_frac fractional bits
    typedef ap_fixed<25, 25, AP_RND, AP_WRAP> rounded_t;    // its rounding
    typedef ap_int<32> sum_t;                               // everything that enters the saturation
    typedef ap_fixed<24, 24, AP_TRN, AP_SAT> state_t;       // its saturation
};

// Currents in, scores out.
template <class word_T, class res_T, typename CONFIG_T>
void integrators(hls::stream<word_T> &currents, hls::stream<res_T> &res,
                 const typename CONFIG_T::bias_t bias[CONFIG_T::n_bias],
                 const typename CONFIG_T::leak_t leak[CONFIG_T::n_leak]) {
    static_assert(CONFIG_T::n_bias == (CONFIG_T::has_bias ? CONFIG_T::n_out : 1),
                  "readout: n_bias is not what is read");
    static_assert(CONFIG_T::n_leak == CONFIG_T::n_out, "readout: n_leak is not what is read");
    typedef typename CONFIG_T::sum_t sum_t;
    typedef ap_int<CONFIG_T::state_t::width> state_t;
    state_t m[CONFIG_T::n_out];
    res_T score;
    PRAGMA_DATA_PACK(score)
Steps:
    for (unsigned t = 0; t < CONFIG_T::n_steps; t++) {
        if (idle(t)) {
            if (CONFIG_T::score == score_each) {
            Silence:
                for (unsigned c = 0; c < CONFIG_T::n_out; c++) {
                    #pragma HLS UNROLL
                    score[c] = 0;
                }
                res.write(score);
            }
            continue;
        }
        word_T current;
    Classes:
        for (unsigned c = 0; c < CONFIG_T::n_out; c++) {
            // II = 1: one class per cycle; its state is next needed one step later
            #pragma HLS PIPELINE II=1
            const unsigned lane = c % CONFIG_T::synapse_lanes;
            if (lane == 0)
                current = currents.read();
            // a sample starts at rest
            const state_t m_old = t == 0 ? state_t(0) : m[c];
            sum_t sum = round_once<CONFIG_T>(leak[c] * m_old);
            sum += sum_t(current[lane]) << CONFIG_T::guard_bits;
            if (CONFIG_T::has_bias)
                sum += bias[c];
            const state_t m_new = fit<CONFIG_T>(sum);
            m[c] = m_new;
            if (CONFIG_T::score == score_sum && t != 0)
                score[c] += m_new;
            else if (CONFIG_T::score != score_max || t == 0 || m_new > score[c])
                score[c] = m_new;
        }
        if (CONFIG_T::score == score_each)
            res.write(score);
    }
    if (CONFIG_T::score != score_each)
        res.write(score);
}

template <class data_T, class res_T, typename CONFIG_T>
void readout(hls::stream<data_T> &data, hls::stream<res_T> &res,
             const typename CONFIG_T::weight_t weight[CONFIG_T::n_weight],
             const typename CONFIG_T::bias_t bias[CONFIG_T::n_bias],
             const typename CONFIG_T::leak_t leak[CONFIG_T::n_leak]) {
    #pragma HLS DATAFLOW
    static_assert(CONFIG_T::n_in > 0 && CONFIG_T::n_out > 0 && CONFIG_T::n_steps > 0, "readout: empty layer");
    static_assert(CONFIG_T::synapse_lanes > 0, "readout: synapse_lanes starts at 1");
    static_assert(data_T::size == CONFIG_T::n_in, "readout: one beat must carry one step of n_in values");
    static_assert(res_T::size == CONFIG_T::n_out, "readout: one beat must carry the scores of all classes");
    static_assert(CONFIG_T::product_t::iwidth == CONFIG_T::rounded_t::width, "readout: rounded_t loses high bits");
    static_assert(res_T::value_type::width >= CONFIG_T::state_t::width, "readout: scores narrower than the state");
    typedef event<typename data_T::value_type> event_t;
    typedef array<typename CONFIG_T::accum_t, CONFIG_T::synapse_lanes> word_t;

    hls::stream<unsigned short> counts("counts");
    hls::stream<event_t> events("events");
    hls::stream<word_t> currents("currents");
    // a step's currents, so that the synapse may finish a step before the integrators have begun it
    const unsigned current_depth = ceil_div(CONFIG_T::n_out, CONFIG_T::synapse_lanes) + 1;
    #pragma HLS STREAM variable=counts depth=2
    #pragma HLS STREAM variable=events depth=event_depth
    #pragma HLS STREAM variable=currents depth=current_depth

    encode<data_T, CONFIG_T>(data, counts, events);
    synapse<event_t, word_t, CONFIG_T>(counts, events, currents, weight);
    integrators<word_t, res_T, CONFIG_T>(currents, res, bias, leak);
}

} // namespace nnet

#endif
