// Memory traffic of the fused kernels with almost no arithmetic, on one thread: the limit that memory sets.
// Exact mode, two planes: current and its gradient have 4 bytes, states are int16, spikes float.

#include <cstdint>

extern "C" {

void probe_forward(const int32_t *current, int16_t *states, float *spikes, int64_t rows,
                   int64_t neurons) {
    for (int64_t row = 0; row < rows; ++row, current += 2 * neurons, states += 2 * neurons,
                 spikes += neurons)
#pragma GCC ivdep
        for (int64_t i = 0; i < neurons; ++i) {
            const int32_t u = current[i], v = current[neurons + i];
            states[i] = int16_t(u);
            states[neurons + i] = int16_t(v);
            spikes[i] = float(u);
        }
}

void probe_backward(const int16_t *states, const float *spikes, float *current, int64_t rows,
                    int64_t neurons) {
    for (int64_t row = 0; row < rows; ++row, current += 2 * neurons, states += 2 * neurons,
                 spikes += neurons)
#pragma GCC ivdep
        for (int64_t i = 0; i < neurons; ++i) {
            current[i] = float(states[i]) + spikes[i];
            current[neurons + i] = float(states[neurons + i]) - spikes[i];
        }
}
}
