// SPDX-License-Identifier: Apache-2.0

#ifndef AP_FIXED_H_
#define AP_FIXED_H_

#include "ap_int.h"

enum ap_q_mode { AP_TRN, AP_RND, AP_RND_CONV };
enum ap_o_mode { AP_WRAP, AP_SAT };

template <int W, int I, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP, int N = 0> using ap_fixed = standin<W, I, true>;
template <int W, int I, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP, int N = 0> using ap_ufixed = standin<W, I, false>;

#endif
