// SPDX-License-Identifier: Apache-2.0
//
// What the cells of spiking layers and of the readout share: the one rounding and the one saturation. Values are
// integers throughout; ap_fixed appears where its modes are at work.

#ifndef NNET_CELL_H_
#define NNET_CELL_H_

#include "ap_fixed.h"
#include "ap_int.h"

namespace nnet {

// The integer `product` in units of 2^-frac, rounded to an integer once; the mode is rounded_t's. V moves the bits
// themselves from one type to the next: nothing but the conversion to rounded_t computes.
template <typename CONFIG_T>
typename CONFIG_T::sum_t round_once(const ap_int<CONFIG_T::product_t::width> &product) {
    #pragma HLS INLINE
    typename CONFIG_T::product_t scaled;
    scaled.V = product.V;
    const typename CONFIG_T::rounded_t rounded = scaled;
    ap_int<CONFIG_T::rounded_t::width> whole;
    whole.V = rounded.V;
    return whole;
}

// The sum as a state, saturated or wrapped; the mode is state_t's.
template <typename CONFIG_T> ap_int<CONFIG_T::state_t::width> fit(const typename CONFIG_T::sum_t &sum) {
    #pragma HLS INLINE
    const typename CONFIG_T::state_t fitted = sum;
    ap_int<CONFIG_T::state_t::width> state;
    state.V = fitted.V;
    return state;
}

} // namespace nnet

#endif
