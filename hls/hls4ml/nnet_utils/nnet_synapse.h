// SPDX-License-Identifier: Apache-2.0
//
// What spiking layers and the readout do with their inputs: two processes of a DATAFLOW region.
//
//   encode     finds the inputs of a step that are not zero ("events"), so that zeros cost nothing
//   synapse    adds one row of weights per event: I = W x, synapse_lanes neurons at a time
//
// The currents leave in words of synapse_lanes neurons as soon as a word is complete; the sums of a word stay in
// registers while its events pass, and no memory of currents exists. Cycles per step, each process by itself, d being
// the depth of its pipeline (a few cycles, in the tool's report):
//
//   encode     max(1, events) + ceil(n_in / 64) - 1 + d
//   synapse    max(1, events) * ceil(n_out / synapse_lanes) + d
//
// Both work at once, and at the same time as the cells behind them: encode finds the events of step t + 1 while the
// synapse goes over those of step t a second, third ... time, for its later words.

#ifndef NNET_SYNAPSE_H_
#define NNET_SYNAPSE_H_

#include "ap_int.h"
#include "hls_stream.h"
#include "nnet_common.h"
#include "nnet_probe.h"
#include "nnet_types.h"

namespace nnet {

constexpr unsigned ceil_div(unsigned n, unsigned d) { return (n + d - 1) / d; }

// An input that is not zero: which, and its value. n_in is at most 4096.
template <class value_T> struct event {
    unsigned short input;
    value_T value;
};

// Depth of the FIFO of events: how far encode may run ahead of the synapse.
const unsigned event_depth = 16;

// Where the only 1 of a word is: bit j of its position is set if it is among the bits whose position has bit j set.
inline unsigned short position(unsigned long long one) {
    #pragma HLS INLINE
    return ((one & 0xaaaaaaaaaaaaaaaaULL) != 0) | ((one & 0xccccccccccccccccULL) != 0) << 1 |
           ((one & 0xf0f0f0f0f0f0f0f0ULL) != 0) << 2 | ((one & 0xff00ff00ff00ff00ULL) != 0) << 3 |
           ((one & 0xffff0000ffff0000ULL) != 0) << 4 | ((one & 0xffffffff00000000ULL) != 0) << 5;
}

// Steps in, events out: first a step's number of events, then the events by rising input. A silent step has one event
// of value 0, so that every step moves on.
template <class data_T, typename CONFIG_T>
void encode(hls::stream<data_T> &data, hls::stream<unsigned short> &counts,
            hls::stream<event<typename data_T::value_type> > &events) {
    typedef typename data_T::value_type value_t;
    const unsigned n_masks = ceil_div(CONFIG_T::n_in, 64);
    const unsigned least = n_masks;
    const unsigned most = n_masks - 1 + CONFIG_T::n_in;
Steps:
    for (unsigned t = 0; t < CONFIG_T::n_steps; t++) {
        const data_T x = data.read();
        if (idle(t))
            continue;
        unsigned long long mask[n_masks];
        #pragma HLS ARRAY_PARTITION variable=mask complete
        unsigned short count = 0;
    Clear:
        for (unsigned w = 0; w < n_masks; w++) {
            #pragma HLS UNROLL
            mask[w] = 0;
        }
    Inputs:
        for (unsigned m = 0; m < CONFIG_T::n_in; m++) {
            // all at once: one comparison per input, one tree that counts
            #pragma HLS UNROLL
            const bool here = x[m] != 0;
            mask[m / 64] |= (unsigned long long)here << (m % 64);
            count += here;
        }
        const bool silent = count == 0;
        if (silent)
            count = 1;
        counts.write(count);
        unsigned long long rest = mask[0];
        unsigned w = 0;
    Events:
        for (unsigned k = 0; k < n_masks - 1 + count; k++) {
            // II = 1: one event, or on to the next 64 inputs; what feeds back is rest & (rest - 1)
            #pragma HLS PIPELINE II=1
            #pragma HLS LOOP_TRIPCOUNT min=least max=most
            if (rest == 0 && w + 1 < n_masks) {
                w++;
                rest = mask[w];
            } else {
                event<value_t> next;
                PRAGMA_DATA_PACK(next)
                next.input = 64 * w + position(rest & (~rest + 1));
                next.value = 0;
                // one bit that is not 0 has one value: no need to select it
                if (!silent)
                    next.value = value_t::width == 1 ? value_t(1) : x[next.input];
                events.write(next);
                rest &= rest - 1;
            }
        }
    }
}

// Events in, words of currents out: ceil(n_out / synapse_lanes) a step. A word of weights holds, for one input, what
// it adds to one word of currents, which is the first of them for each of synapse_lanes neurons, and with complex
// input the second behind them. Exact, because accum_t holds every partial sum.
template <class event_T, class word_T, typename CONFIG_T>
void synapse(hls::stream<unsigned short> &counts, hls::stream<event_T> &events, hls::stream<word_T> &currents,
             const typename CONFIG_T::weight_t weight[CONFIG_T::n_weight]) {
    const unsigned n_words = ceil_div(CONFIG_T::n_out, CONFIG_T::synapse_lanes);
    const unsigned most = n_words * CONFIG_T::n_in;
    const unsigned lanes = word_T::size;
    static_assert(CONFIG_T::n_weight == CONFIG_T::n_in * n_words * lanes, "synapse: n_weight is not what is read");
    #pragma HLS ARRAY_RESHAPE variable=weight cyclic factor=lanes
    event_T kept[CONFIG_T::n_in];
Steps:
    for (unsigned t = 0; t < CONFIG_T::n_steps; t++) {
        if (idle(t))
            continue;
        const unsigned count = counts.read();
        unsigned e = 0;
        unsigned w = 0;
        word_T sum;
        PRAGMA_DATA_PACK(sum)
    Events:
        for (unsigned k = 0; k < count * n_words; k++) {
            // II = 1: one event meets one word of weights; what feeds back is one addition per lane
            #pragma HLS PIPELINE II=1
            #pragma HLS LOOP_TRIPCOUNT min=n_words max=most
            event_T next;
            if (w == 0) {
                next = events.read();
                kept[e] = next;
            } else {
                next = kept[e];
            }
            if (e == 0) {
            Clear:
                for (unsigned l = 0; l < lanes; l++) {
                    #pragma HLS UNROLL
                    sum[l] = 0;
                }
            }
            const unsigned at = (next.input * n_words + w) * lanes;
        Lanes:
            for (unsigned l = 0; l < lanes; l++) {
                #pragma HLS UNROLL
                sum[l] += weight[at + l] * next.value;
            }
            e++;
            if (e == count) {
                currents.write(sum);
                e = 0;
                w++;
            }
        }
    }
}

} // namespace nnet

#endif
