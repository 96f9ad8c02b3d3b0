// SPDX-License-Identifier: Apache-2.0
//
// What spiking layers and the readout share: adding one row of weights to the currents, and the one
// rounding of a product.

#ifndef NNET_CELL_H_
#define NNET_CELL_H_

#include "ap_fixed.h"
#include "ap_int.h"

namespace nnet {

// current[n] += weight[n] * x for all neurons at once: one input's row of weights. Exact, because accum_t holds
// every partial sum.
template <class x_T, typename CONFIG_T>
void add_row(const x_T &x, const typename CONFIG_T::weight_t row[CONFIG_T::n_out],
             typename CONFIG_T::accum_t current[CONFIG_T::n_out]) {
    #pragma HLS INLINE
Neurons:
    for (unsigned n = 0; n < CONFIG_T::n_out; n++) {
        #pragma HLS UNROLL
        current[n] += row[n] * x;
    }
}

// The integer `product` in units of 2^-frac, rounded to an integer once; the mode is rounded_t's.
template <typename CONFIG_T, class product_T> typename CONFIG_T::rounded_t round_once(const product_T &product) {
    #pragma HLS INLINE
    typename CONFIG_T::product_t scaled;
    const ap_int<CONFIG_T::product_t::width> wide = product;
    scaled.range() = wide;
    return typename CONFIG_T::rounded_t(scaled);
}

} // namespace nnet

#endif
