// SPDX-License-Identifier: Apache-2.0
//
// The readout over a whole sample: one leaky integrator per class, and its scores.
//
//   m' = sat( round(leak * m) + (I << guard_bits) + bias )       I = weight_u x
//
// Integers throughout, one rounding (rounded_t), one saturation (state_t). A step takes
// n_in * reuse_factor + n_out cycles plus the depths of the two pipelines.

#ifndef NNET_READOUT_H_
#define NNET_READOUT_H_

#include "hls_stream.h"
#include "nnet_cell.h"
#include "nnet_probe.h"
#include "nnet_types.h"

namespace nnet {

// What becomes of the integrators: one beat of scores per sample, with score_each one per step.
enum readout_score { score_sum, score_last, score_max, score_each };

struct readout_config {
    // Layer
    static const unsigned n_in = 1;
    static const unsigned n_out = 2;
    static const unsigned n_steps = 1;

    static const bool has_bias = false;
    static const readout_score score = score_sum;

    static const unsigned guard_bits = 0;
    static const unsigned reuse_factor = 1;

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

template <class data_T, class res_T, typename CONFIG_T>
void readout(hls::stream<data_T> &data, hls::stream<res_T> &res,
             const typename CONFIG_T::weight_t weight_u[CONFIG_T::n_in * CONFIG_T::n_out],
             const typename CONFIG_T::bias_t bias_u[CONFIG_T::has_bias ? CONFIG_T::n_out : 1],
             const typename CONFIG_T::leak_t leak[CONFIG_T::n_out]) {
    typedef typename CONFIG_T::sum_t sum_t;
    static_assert(CONFIG_T::n_in > 0 && CONFIG_T::n_out > 0 && CONFIG_T::n_steps > 0, "readout: empty layer");
    static_assert(CONFIG_T::reuse_factor > 0, "readout: reuse_factor starts at 1");
    static_assert(res_T::size == CONFIG_T::n_out, "readout: one beat must carry the scores of all classes");
    static_assert(CONFIG_T::product_t::iwidth == CONFIG_T::rounded_t::width, "readout: rounded_t loses high bits");
    static_assert(res_T::value_type::width >= CONFIG_T::state_t::width, "readout: scores narrower than the state");
    // one row of weights is one word: a whole row per cycle at reuse_factor 1
    const unsigned row_factor = CONFIG_T::n_out;
    #pragma HLS ARRAY_RESHAPE variable=weight_u cyclic factor=row_factor

    ap_int<CONFIG_T::state_t::width> m[CONFIG_T::n_out];
    res_T score;
Rest:
    for (unsigned c = 0; c < CONFIG_T::n_out; c++) {
        // II = 1: once per sample
        #pragma HLS PIPELINE II=1
        m[c] = 0;
        score[c] = 0;
    }
Steps:
    for (unsigned t = 0; t < CONFIG_T::n_steps; t++) {
        const data_T x = data.read();
        typename CONFIG_T::accum_t current[CONFIG_T::n_out];
        #pragma HLS ARRAY_PARTITION variable=current complete
#ifndef __SYNTHESIS__
        if (idle(t)) {
            if (CONFIG_T::score == score_each) {
                for (unsigned c = 0; c < CONFIG_T::n_out; c++)
                    score[c] = 0;
                res.write(score);
            }
            continue;
        }
#endif
    Clear:
        for (unsigned c = 0; c < CONFIG_T::n_out; c++) {
            #pragma HLS UNROLL
            current[c] = 0;
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
            add_row<typename data_T::value_type, CONFIG_T>(x[m], weight_u + m * CONFIG_T::n_out, current);
        }
    Classes:
        for (unsigned c = 0; c < CONFIG_T::n_out; c++) {
            // II = 1: one class per cycle; its state is next needed one step later
            #pragma HLS PIPELINE II=1
            sum_t sum = round_once<CONFIG_T>(leak[c] * m[c]);
            sum += sum_t(current[c]) << CONFIG_T::guard_bits;
            if (CONFIG_T::has_bias)
                sum += bias_u[c];
            m[c] = fit<CONFIG_T>(sum);
            if (CONFIG_T::score == score_sum)
                score[c] += m[c];
            else if (CONFIG_T::score != score_max || t == 0 || m[c] > score[c])
                score[c] = m[c];
        }
        if (CONFIG_T::score == score_each)
            res.write(score);
    }
    if (CONFIG_T::score != score_each)
        res.write(score);
}

} // namespace nnet

#endif
