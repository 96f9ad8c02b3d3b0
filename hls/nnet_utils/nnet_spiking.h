// SPDX-License-Identifier: Apache-2.0
//
// One spiking layer over a whole sample: synapse, second-order cells, spikes.
//
//   u' = sat( round(a u + b v) + (I_u << guard_bits) + bias_u + s * reset_u )      I_u = weight_u x
//   v' = sat( round(c u + d v) + (I_v << guard_bits) + bias_v + s * reset_v )      I_v = weight_v x
//   s' = u' > threshold                                                  y = s', with skip s' + x
//
// Integers throughout. Both products are summed exactly and rounded once (rounded_t), everything else is
// added exactly (sum_t), and the cast to state_t is the only saturation. A step takes
// n_in * reuse_factor + n_out cycles plus the depths of the two pipelines.

#ifndef NNET_SPIKING_H_
#define NNET_SPIKING_H_

#include "hls_stream.h"
#include "nnet_cell.h"
#include "nnet_probe.h"
#include "nnet_types.h"

namespace nnet {

struct spiking_config {
    // Layer
    static const unsigned n_in = 1;
    static const unsigned n_out = 1;
    static const unsigned n_steps = 1;
    static const unsigned layer = 0;

    // Built only where needed
    static const bool complex_input = false;
    static const bool has_bias = false;
    static const bool has_reset = false;
    static const bool skip = false;

    static const unsigned guard_bits = 0;
    static const unsigned reuse_factor = 1;

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

// All cells of one step. Both new states are computed before either is stored.
template <class data_T, class res_T, typename CONFIG_T>
void spiking_cells(const data_T &x, res_T &y, const typename CONFIG_T::accum_t current_u[CONFIG_T::n_out],
                   const typename CONFIG_T::accum_t current_v[CONFIG_T::n_out],
                   ap_int<CONFIG_T::state_t::width> u[CONFIG_T::n_out],
                   ap_int<CONFIG_T::state_t::width> v[CONFIG_T::n_out], bool s[CONFIG_T::n_out],
                   const typename CONFIG_T::bias_t *bias_u,
                   const typename CONFIG_T::bias_t *bias_v, const typename CONFIG_T::transition_t *transition,
                   const typename CONFIG_T::reset_t *reset, const typename CONFIG_T::threshold_t *threshold) {
    #pragma HLS INLINE
    typedef typename CONFIG_T::sum_t sum_t;
Cells:
    for (unsigned n = 0; n < CONFIG_T::n_out; n++) {
        // II = 1: one cell per cycle, four products each; a cell's state is next needed one step later
        #pragma HLS PIPELINE II=1
        sum_t u_sum = round_once<CONFIG_T>(transition[4 * n] * u[n] + transition[4 * n + 1] * v[n]);
        sum_t v_sum = round_once<CONFIG_T>(transition[4 * n + 2] * u[n] + transition[4 * n + 3] * v[n]);
        u_sum += sum_t(current_u[n]) << CONFIG_T::guard_bits;
        if (CONFIG_T::complex_input)
            v_sum += sum_t(current_v[n]) << CONFIG_T::guard_bits;
        if (CONFIG_T::has_bias) {
            u_sum += bias_u[n];
            if (CONFIG_T::complex_input)
                v_sum += bias_v[n];
        }
        if (CONFIG_T::has_reset && s[n]) {
            u_sum += reset[2 * n];
            v_sum += reset[2 * n + 1];
        }
        u[n] = fit<CONFIG_T>(u_sum);
        v[n] = fit<CONFIG_T>(v_sum);
        s[n] = u[n] > threshold[n];
        y[n] = s[n];
        if (CONFIG_T::skip)
            y[n] += x[n];
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void spiking(hls::stream<data_T> &data, hls::stream<res_T> &res,
             const typename CONFIG_T::weight_t weight_u[CONFIG_T::n_in * CONFIG_T::n_out],
             const typename CONFIG_T::weight_t weight_v[CONFIG_T::complex_input ? CONFIG_T::n_in * CONFIG_T::n_out : 1],
             const typename CONFIG_T::bias_t bias_u[CONFIG_T::has_bias ? CONFIG_T::n_out : 1],
             const typename CONFIG_T::bias_t bias_v[CONFIG_T::has_bias && CONFIG_T::complex_input ? CONFIG_T::n_out : 1],
             const typename CONFIG_T::transition_t transition[4 * CONFIG_T::n_out],
             const typename CONFIG_T::reset_t reset[CONFIG_T::has_reset ? 2 * CONFIG_T::n_out : 1],
             const typename CONFIG_T::threshold_t threshold[CONFIG_T::n_out]) {
    static_assert(CONFIG_T::n_in > 0 && CONFIG_T::n_out > 0 && CONFIG_T::n_steps > 0, "spiking: empty layer");
    static_assert(CONFIG_T::reuse_factor > 0, "spiking: reuse_factor starts at 1");
    static_assert(!CONFIG_T::skip || CONFIG_T::n_in == CONFIG_T::n_out, "spiking: skip needs n_in = n_out");
    static_assert(res_T::size == CONFIG_T::n_out, "spiking: one beat must carry one step of n_out values");
    static_assert(CONFIG_T::product_t::iwidth == CONFIG_T::rounded_t::width, "spiking: rounded_t loses high bits");
    static_assert(CONFIG_T::product_t::width > CONFIG_T::transition_t::width + CONFIG_T::state_t::width,
                  "spiking: product_t cannot hold the sum of two products");
    // one row of weights is one word: a whole row per cycle at reuse_factor 1
    const unsigned row_factor_u = CONFIG_T::n_out;
    const unsigned row_factor_v = CONFIG_T::complex_input ? CONFIG_T::n_out : 1;
    const unsigned reset_factor = CONFIG_T::has_reset ? 2 : 1;
    #pragma HLS ARRAY_RESHAPE variable=weight_u cyclic factor=row_factor_u
    #pragma HLS ARRAY_RESHAPE variable=weight_v cyclic factor=row_factor_v
    #pragma HLS ARRAY_RESHAPE variable=transition cyclic factor=4
    #pragma HLS ARRAY_RESHAPE variable=reset cyclic factor=reset_factor

    ap_int<CONFIG_T::state_t::width> u[CONFIG_T::n_out];
    ap_int<CONFIG_T::state_t::width> v[CONFIG_T::n_out];
    bool s[CONFIG_T::n_out];
Rest:
    for (unsigned n = 0; n < CONFIG_T::n_out; n++) {
        // II = 1: once per sample
        #pragma HLS PIPELINE II=1
        u[n] = 0;
        v[n] = 0;
        s[n] = false;
    }
Steps:
    for (unsigned t = 0; t < CONFIG_T::n_steps; t++) {
        const data_T x = data.read();
        typename CONFIG_T::accum_t current_u[CONFIG_T::n_out];
        typename CONFIG_T::accum_t current_v[CONFIG_T::n_out];
        #pragma HLS ARRAY_PARTITION variable=current_u complete
        #pragma HLS ARRAY_PARTITION variable=current_v complete
        res_T y;
#ifndef __SYNTHESIS__
        if (idle(t)) {
            for (unsigned n = 0; n < CONFIG_T::n_out; n++)
                y[n] = 0;
            res.write(y);
            continue;
        }
#endif
    Clear:
        for (unsigned n = 0; n < CONFIG_T::n_out; n++) {
            #pragma HLS UNROLL
            current_u[n] = 0;
            current_v[n] = 0;
        }
    Inputs:
        for (unsigned m = 0; m < CONFIG_T::n_in; m++) {
            // II = reuse_factor: n_out / reuse_factor neurons per cycle. The bound is fixed, so hardware spends the
            // cycles on zeros as well; only C simulation steps over them.
            #pragma HLS PIPELINE II=CONFIG_T::reuse_factor
#ifndef __SYNTHESIS__
            if (x[m] == 0)
                continue;
#endif
            add_row<typename data_T::value_type, CONFIG_T>(x[m], weight_u + m * CONFIG_T::n_out, current_u);
            if (CONFIG_T::complex_input)
                add_row<typename data_T::value_type, CONFIG_T>(x[m], weight_v + m * CONFIG_T::n_out, current_v);
        }
        spiking_cells<data_T, res_T, CONFIG_T>(x, y, current_u, current_v, u, v, s, bias_u, bias_v, transition, reset,
                                               threshold);
#ifndef __SYNTHESIS__
        for (unsigned n = 0; n < CONFIG_T::n_out; n++)
            observe<CONFIG_T>(t, n, s[n], u[n].to_int64(), v[n].to_int64());
#endif
        res.write(y);
    }
}

} // namespace nnet

#endif
