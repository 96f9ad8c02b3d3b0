// The recurrence and its adjoint, fused: one pass over memory each.  Plain C interface for ctypes.
//
// Arrays are contiguous: current (B, T, P, N), states (B, T, 2, N), spikes (B, T, N).
// Real mode adds and multiplies in the oracle's order, unfused, so that no spike differs from it.
// Exact mode computes integers, in int32 where the caller has shown that nothing overflows,
// otherwise in double, which holds every product.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace {

constexpr int64_t BLOCK = 512;   // neurons whose states, constants and sums stay in cache
constexpr int64_t CHUNK = 64;    // neurons between two rounds of prefetching
constexpr int64_t AHEAD = 512;   // neurons that prefetching is ahead, at least
constexpr int64_t FLUSH = 64;    // steps summed in the gradient's precision; double takes over
constexpr double MAX_CURRENT = double(1 << 30);  // larger currents saturate any int32 state

enum Type { INT16, INT32, FLOAT, DOUBLE };
enum Rounding { TRN, TRN_ZERO, RND, RND_CONV };
enum Surrogate { MULTI_GAUSSIAN, BOXCAR, ARCTAN };
enum Sum { A, B, C, D, RESET_U, RESET_V, BIAS_U, BIAS_V, SUMS };

#ifdef FAULT_ROUNDING  // planted by a test, which must then fail
constexpr int32_t FAULT = 1;
#else
constexpr int32_t FAULT = 0;
#endif

}  // namespace

extern "C" {

// Mirrored by ``_Problem`` in cpu.py.
struct Problem {
    int64_t samples, steps, planes, neurons;
    int64_t low, high;                                  // saturation, exact mode
    int32_t current_type, state_type, arithmetic;       // arithmetic: INT32 or DOUBLE, or FLOAT or
    int32_t exact;                                      //   DOUBLE where not exact
    int32_t rounding, frac, guard_bits, surrogate, threads;
    const void *transition;  // a, b, c, d      (4, N), in the arithmetic's type; int32: integers
    const void *threshold;   //                 (N,),   the same; backward, exact: int32
    const void *reset;       // or null         (2, N), in the arithmetic's type
    const void *bias;        // or null         (P, N), in the arithmetic's type
    const void *current;
    void *states;
    void *spikes;            // double where the current is, else float; so are the gradients
    const void *slope_unit;  //                 (N,)   backward: thresholds per unit of u
    const void *spike_grad;  //                 (B, T, N)
    void *current_grad;      //                 (B, T, P, N)
    double *sums;            // gradients, enum Sum    (8, N)
};
}

namespace {

// How one step is computed: load what enters, settle what comes out.

template <class T> struct Real {
    using Value = T;
    explicit Real(const Problem &) {}
    T settle(T linear, T drive) const { return linear + drive; }
    template <class From> T load(From x) const { return T(x); }
};

template <bool PLAIN> struct Int32 {  // PLAIN: rounds by TRN or RND
    using Value = int32_t;
    int32_t shift, guard, add, fill, odd, low, high;

    explicit Int32(const Problem &p)
        : shift(p.frac), guard(p.guard_bits), add(0), fill(0), odd(0), low(int32_t(p.low)),
          high(int32_t(p.high)) {
        const int32_t half = shift ? int32_t(1) << (shift - 1) : 0;
        if (p.rounding == RND) add = half;
        if (p.rounding == TRN_ZERO) fill = (int32_t(1) << shift) - 1;  // added to negative sums
        if (p.rounding == RND_CONV && shift) add = half - 1, odd = 1;  // 1 more for odd results
        add -= FAULT;
    }
    int32_t settle(int32_t linear, int32_t drive) const {
        int32_t sum = linear + add;
        if (!PLAIN) sum += ((linear >> 31) & fill) + ((linear >> shift) & odd);
        return std::min(std::max((sum >> shift) + drive, low), high);
    }
    template <class From> int32_t load(From x) const {
        if constexpr (std::is_integral_v<From>) return int32_t(uint32_t(x) << guard);
        return int32_t(uint32_t(int32_t(std::min(std::max(x, From(-MAX_CURRENT)), From(MAX_CURRENT)))) << guard);
    }
};

template <bool PLAIN> struct Wide {
    using Value = double;
    double gain, add, fill, odd, low, high;

    explicit Wide(const Problem &p)
        : gain(std::ldexp(1.0, p.guard_bits)), add(0), fill(0), odd(0), low(double(p.low)),
          high(double(p.high)) {
        const double lsb = std::ldexp(1.0, -p.frac), half = p.frac ? 0.5 : 0.0;
        if (p.rounding == RND) add = half;
        if (p.rounding == TRN_ZERO) fill = 1 - lsb;
        if (p.rounding == RND_CONV && p.frac) add = half - lsb, odd = lsb;
        add -= FAULT;
    }
    double settle(double linear, double drive) const {
        double sum = linear + add;
        if (!PLAIN) {
            const double down = std::floor(linear), parity = down - 2 * std::floor(down * 0.5);
            sum += (linear < 0 ? fill : 0.0) + parity * odd;
        }
        return std::min(std::max(std::floor(sum) + drive, low), high);
    }
    template <class From> double load(From x) const { return double(x) * gain; }
};

template <class T> const T *row(const void *array, int64_t index) {
    return static_cast<const T *>(array) + index;
}
template <class T> T *row(void *array, int64_t index) { return static_cast<T *>(array) + index; }

// Rows are visited one after the other, or backwards: the processor does not guess that alone.
template <int WRITE, class T> void prefetch(const T *from, int64_t count) {
    constexpr int64_t LINE = 64 / sizeof(T);
    for (int64_t i = 0; i < count; i += LINE) __builtin_prefetch(from + i, WRITE);
}

// A copy of a row of constants, zeros where there is none.
template <class T> void fetch(T *to, const void *array, int64_t offset, int64_t count) {
    if (array)
        std::copy_n(row<T>(array, offset), count, to);
    else
        std::fill_n(to, count, T(0));
}

template <class Step, class Current, class State, class Spike>
void forward_block(const Problem &p, int64_t sample, int64_t first, int64_t count) {
    using V = typename Step::Value;
    const Step step(p);
    const int64_t n = p.neurons;
    alignas(64) V a[BLOCK], b[BLOCK], c[BLOCK], d[BLOCK], threshold[BLOCK];
    alignas(64) V reset_u[BLOCK], reset_v[BLOCK], bias_u[BLOCK], bias_v[BLOCK];
    alignas(64) V u[BLOCK] = {}, v[BLOCK] = {};
    alignas(64) const Current nothing[BLOCK] = {};
    const bool two = p.planes == 2;
    fetch(a, p.transition, first, count);
    fetch(b, p.transition, n + first, count);
    fetch(c, p.transition, 2 * n + first, count);
    fetch(d, p.transition, 3 * n + first, count);
    fetch(threshold, p.threshold, first, count);
    fetch(reset_u, p.reset, first, count);
    fetch(reset_v, p.reset, n + first, count);
    fetch(bias_u, p.bias, first, count);
    fetch(bias_v, two ? p.bias : nullptr, n + first, count);
    const int64_t rows = 1 + AHEAD / n;
    for (int64_t t = 0; t < p.steps; ++t) {
        const int64_t at = sample * p.steps + t;
        const Current *__restrict into_u = row<Current>(p.current, at * p.planes * n + first);
        const Current *__restrict into_v = two ? into_u + n : nothing;
        State *__restrict out_u = row<State>(p.states, at * 2 * n + first);
        State *__restrict out_v = row<State>(p.states, at * 2 * n + n + first);
        Spike *__restrict spikes = row<Spike>(p.spikes, at * n + first);
        for (int64_t from = 0; from < count; from += CHUNK) {
            const int64_t to = std::min(from + CHUNK, count);
            if (t + rows < p.steps) {
                prefetch<0>(into_u + rows * p.planes * n + from, to - from);
                if (two) prefetch<0>(into_v + rows * p.planes * n + from, to - from);
                prefetch<1>(out_u + rows * 2 * n + from, to - from);
                prefetch<1>(out_v + rows * 2 * n + from, to - from);
                prefetch<1>(spikes + rows * n + from, to - from);
            }
#pragma GCC ivdep
            for (int64_t i = from; i < to; ++i) {
                const V x = u[i], y = v[i];
                const bool spiked = x > threshold[i];
                const V kick_u = spiked ? reset_u[i] : V(0), kick_v = spiked ? reset_v[i] : V(0);
                const V drive_u = step.load(into_u[i]) + bias_u[i] + kick_u;
                const V drive_v = step.load(into_v[i]) + bias_v[i] + kick_v;
                const V next_u = step.settle(a[i] * x + b[i] * y, drive_u);
                const V next_v = step.settle(c[i] * x + d[i] * y, drive_v);
                u[i] = next_u;
                v[i] = next_v;
                out_u[i] = State(next_u);
                out_v[i] = State(next_v);
#ifdef FAULT_THRESHOLD  // planted by a test, which must then fail
                spikes[i] = next_u >= threshold[i] ? Spike(1) : Spike(0);
#else
                spikes[i] = next_u > threshold[i] ? Spike(1) : Spike(0);
#endif
            }
        }
    }
}

// Samples and blocks of neurons are independent: no result depends on the number of threads.
template <class Block> void for_all_blocks(const Problem &p, Block block) {
    const int64_t blocks = (p.neurons + BLOCK - 1) / BLOCK, jobs = p.samples * blocks;
#pragma omp parallel for schedule(static) num_threads(p.threads) if (p.threads > 1)
    for (int64_t job = 0; job < jobs; ++job) {
        const int64_t first = job % blocks * BLOCK;
        block(job / blocks, first, std::min(BLOCK, p.neurons - first));
    }
}

template <class Step, class Current, class State, class Spike> void forward(const Problem &p) {
    for_all_blocks(p, [&p](int64_t sample, int64_t first, int64_t count) {
        forward_block<Step, Current, State, Spike>(p, sample, first, count);
    });
}

template <class Step> void forward_rounded(const Problem &p) {
    const bool small = p.state_type == INT16;
    if (p.current_type == INT32)
        small ? forward<Step, int32_t, int16_t, float>(p)
              : forward<Step, int32_t, int32_t, float>(p);
    else if (p.current_type == FLOAT)
        small ? forward<Step, float, int16_t, float>(p) : forward<Step, float, int32_t, float>(p);
    else
        forward<Step, double, int32_t, double>(p);
}

template <template <bool> class Step> void forward_exact(const Problem &p) {
    const bool plain = p.rounding == TRN || p.rounding == RND;
    plain ? forward_rounded<Step<true>>(p) : forward_rounded<Step<false>>(p);
}

// x * y + z, fused where that is one instruction: for gradients only.
inline float mad(float x, float y, float z) {
#ifdef __FP_FAST_FMAF
    return __builtin_fmaf(x, y, z);
#else
    return x * y + z;
#endif
}
inline double mad(double x, double y, double z) {
#ifdef __FP_FAST_FMA
    return __builtin_fma(x, y, z);
#else
    return x * y + z;
#endif
}

// 2^r for |r| <= 1/2, to 5e-6 of it, and far better near 0, where its 36th power is not next to
// nothing: the two first coefficients are exact.
inline float exp2_near_0(float r) {
    float y = 9.5283390e-3f;
    y = mad(y, r, 5.5793363e-2f);
    y = mad(y, r, 2.4025109e-1f);
    y = mad(y, r, 6.9314718e-1f);
    return mad(y, r, 1.0f);
}

// x 2^n for a float in whose lowest bits stands n.
inline float scale(float x, float n) {
    uint32_t bits, exponent;
    std::memcpy(&bits, &x, 4);
    std::memcpy(&exponent, &n, 4);
    bits += exponent << 23;
    std::memcpy(&x, &bits, 4);
    return x;
}

// See rfssm.model.surrogate, at distance x / WIDTH from the threshold and divided by HEIGHT.

// With e = exp(-distance^2 / 18) = 2^-x^2, the centre is e^36, the wings a constant times
// e cosh(distance / 18): one exponential for three.
struct MultiGaussian {
    static constexpr double WIDTH = 0.283107266762673, HEIGHT = 1.15;  // sqrt(log2(e) / 18)

    static float at(float x) {
        const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
        const float square = std::min(x * x, 126.0f);
        const float shifted = magic - square, whole = shifted - magic;
        const float y = exp2_near_0(-square - whole), e = scale(y, shifted);
        const float y2 = y * y, y4 = y2 * y2, y8 = y4 * y4, y16 = y8 * y8, y32 = y16 * y16;
        const float centre = whole == 0 ? y32 * y4 : 0;  // elsewhere e^36 < 4e-6
        float wings = mad(square, -2.0404122e-8f, -1.5895940e-5f);  // cosh as a polynomial
        wings = mad(wings, square, -4.9535267e-3f);
        wings = mad(wings, square, -2.5727142e-1f);
        return mad(e, wings, centre);
    }
    static double at(double x) {
        x = std::min(std::max(x, -50 * WIDTH), 50 * WIDTH);
        const double square = x * x;
        return std::exp2(-36 * square) -
               0.2572714217592825 * std::exp2(-square) * std::cosh(x / (18 * WIDTH));
    }
};

struct Boxcar {
    static constexpr double WIDTH = 1, HEIGHT = 1;

    template <class G> static G at(G x) { return x > G(-0.5) && x <= G(0.5) ? G(1) : G(0); }
};

struct Arctan {
    static constexpr double WIDTH = 3.14159265358979323846, HEIGHT = 1;

    template <class G> static G at(G x) { return 1 / (1 + x * x); }
};

// G: the gradient's type.  MORE: there is a reset or a bias.  Sums go to ``sums`` (8, N), of this
// sample alone.
template <class Surrogate, class G, class State, bool MORE>
void backward_block(const Problem &p, int64_t sample, int64_t first, int64_t count, double *sums) {
    constexpr bool EXACT = std::is_integral_v<State>;
    const int64_t n = p.neurons;
    const State lowest = EXACT ? State(p.low) : State(0);
    const State highest = EXACT ? State(p.high) : State(0);
    alignas(64) G a[BLOCK], b[BLOCK], c[BLOCK], d[BLOCK], wide[BLOCK], high[BLOCK];
    alignas(64) G reset_u[BLOCK], reset_v[BLOCK];
    alignas(64) std::conditional_t<EXACT, int32_t, G> threshold[BLOCK];
    alignas(64) G sum[SUMS][BLOCK] = {};
    alignas(64) const G no_grad[BLOCK] = {};
    alignas(64) G only_plane_v[BLOCK] = {};
    const bool two = p.planes == 2;
    fetch(a, p.transition, first, count);
    fetch(b, p.transition, n + first, count);
    fetch(c, p.transition, 2 * n + first, count);
    fetch(d, p.transition, 3 * n + first, count);
    for (int64_t i = 0; i < count; ++i) {
        const G unit = row<G>(p.slope_unit, first)[i];
        wide[i] = G(Surrogate::WIDTH) * unit;
        high[i] = G(Surrogate::HEIGHT) * unit;
    }
    fetch(threshold, p.threshold, first, count);
    fetch(reset_u, p.reset, first, count);
    fetch(reset_v, p.reset, n + first, count);
    const int64_t rows = 1 + AHEAD / n;
    for (int64_t t = p.steps - 1; t >= 0; --t) {
        const int64_t at = sample * p.steps + t;
        const State *__restrict u = row<State>(p.states, at * 2 * n + first);
        const State *__restrict v = u + n;
        const G *__restrict kick = row<G>(p.spike_grad, at * n + first);
        G *out_u = row<G>(p.current_grad, at * p.planes * n + first);
        G *out_v = two ? out_u + n : only_plane_v;
        const bool last = t + 1 == p.steps;
        const G *later_u = last ? no_grad : out_u + p.planes * n;
        const G *later_v = last ? no_grad : two ? out_v + p.planes * n : only_plane_v;
        for (int64_t from = 0; from < count; from += CHUNK) {
            const int64_t to = std::min(from + CHUNK, count);
            if (t > rows) {
                prefetch<0>(u - (rows + 1) * 2 * n + from, to - from);
                prefetch<0>(v - (rows + 1) * 2 * n + from, to - from);
                prefetch<0>(kick - rows * n + from, to - from);
                prefetch<1>(out_u - rows * p.planes * n + from, to - from);
                if (two) prefetch<1>(out_v - rows * p.planes * n + from, to - from);
            }
#pragma GCC ivdep
            for (int64_t i = from; i < to; ++i) {
                const G x = later_u[i], y = later_v[i];
                const G distance = mad(G(u[i]), wide[i], G(-Surrogate::WIDTH));
                G spike = kick[i];
                if (MORE) spike = mad(x, reset_u[i], mad(y, reset_v[i], spike));
                const G slope = high[i] * Surrogate::at(distance);
                G grad_u = mad(a[i], x, mad(c[i], y, spike * slope));
                G grad_v = mad(b[i], x, d[i] * y);
                if (EXACT) {
                    grad_u = u[i] > lowest && u[i] < highest ? grad_u : G(0);
                    grad_v = v[i] > lowest && v[i] < highest ? grad_v : G(0);
                }
                sum[A][i] = mad(x, G(u[i]), sum[A][i]);
                sum[B][i] = mad(x, G(v[i]), sum[B][i]);
                sum[C][i] = mad(y, G(u[i]), sum[C][i]);
                sum[D][i] = mad(y, G(v[i]), sum[D][i]);
                if (MORE) {
                    sum[BIAS_U][i] += grad_u;
                    sum[BIAS_V][i] += grad_v;
                    const bool spiked = u[i] > threshold[i];
                    sum[RESET_U][i] += spiked ? x : G(0);
                    sum[RESET_V][i] += spiked ? y : G(0);
                }
                out_u[i] = grad_u;
                out_v[i] = grad_v;
            }
        }
        if (t % FLUSH == 0)
            for (int k = 0; k < (MORE ? SUMS : RESET_U); ++k)
                for (int64_t i = 0; i < count; ++i) {
                    sums[k * n + first + i] += double(sum[k][i]);
                    sum[k][i] = 0;
                }
    }
}

// Runs a backward block for every sample, then adds up the samples' sums in their order.
template <class Block> void sum_over_samples(const Problem &p, int64_t size, Block block) {
    std::vector<double> parts(size_t(p.samples * size), 0.0);
    for_all_blocks(p, [&](int64_t sample, int64_t first, int64_t count) {
        block(p, sample, first, count, &parts[size_t(sample * size)]);
    });
    std::fill_n(p.sums, size, 0.0);
    for (int64_t sample = 0; sample < p.samples; ++sample)
        for (int64_t i = 0; i < size; ++i) p.sums[i] += parts[size_t(sample * size + i)];
}

template <class Surrogate, class G, class State> void backward(const Problem &p) {
    const bool more = p.reset || p.bias;
    const auto block = more ? backward_block<Surrogate, G, State, true>
                            : backward_block<Surrogate, G, State, false>;
    sum_over_samples(p, SUMS * p.neurons, block);
}

template <class G, class State> void backward(const Problem &p) {
    switch (p.surrogate) {
    case MULTI_GAUSSIAN: backward<MultiGaussian, G, State>(p); break;
    case BOXCAR: backward<Boxcar, G, State>(p); break;
    default: backward<Arctan, G, State>(p);
    }
}

// Leaky integrators: the leak stands where the transition was, and states have one plane.

template <class Step>
void integrate_block(const Problem &p, int64_t sample, int64_t first, int64_t count) {
    using V = typename Step::Value;
    const Step step(p);
    V m[BLOCK] = {}, leak[BLOCK];
    fetch(leak, p.transition, first, count);
    for (int64_t t = 0; t < p.steps; ++t) {
        const int64_t at = (sample * p.steps + t) * p.neurons + first;
        const V *__restrict current = row<V>(p.current, at);
        V *__restrict states = row<V>(p.states, at);
        for (int64_t i = 0; i < count; ++i)
            states[i] = m[i] = step.settle(leak[i] * m[i], current[i]);
    }
}

template <class V>
void integrate_back(const Problem &p, int64_t sample, int64_t first, int64_t count, double *sums) {
    V later[BLOCK] = {}, leak[BLOCK];
    fetch(leak, p.transition, first, count);
    const V low = V(p.low), high = V(p.high);
    for (int64_t t = p.steps - 1; t >= 0; --t) {
        const int64_t at = (sample * p.steps + t) * p.neurons + first;
        const V *__restrict states = row<V>(p.states, at);
        const V *__restrict kick = row<V>(p.spike_grad, at);
        V *__restrict out = row<V>(p.current_grad, at);
        for (int64_t i = 0; i < count; ++i) {
            const bool inside = !p.exact || (states[i] > low && states[i] < high);
            out[i] = later[i] = inside ? mad(later[i], leak[i], kick[i]) : V(0);
            if (t) sums[first + i] += double(later[i]) * double(states[i - p.neurons]);
        }
    }
}

}  // namespace

extern "C" {

void rfssm_forward(const Problem *p) {
    if (p->exact)
        p->arithmetic == INT32 ? forward_exact<Int32>(*p) : forward_exact<Wide>(*p);
    else
        p->arithmetic == FLOAT ? forward<Real<float>, float, float, float>(*p)
                               : forward<Real<double>, double, double, double>(*p);
}

// The constants are those of the forward pass, all in the gradient's type.
void rfssm_backward(const Problem *p) {
    const bool single = p->arithmetic == FLOAT;
    switch (p->state_type) {
    case INT16: backward<float, int16_t>(*p); break;
    case INT32: single ? backward<float, int32_t>(*p) : backward<double, int32_t>(*p); break;
    case FLOAT: backward<float, float>(*p); break;
    default: backward<double, double>(*p);
    }
}

void rfssm_integrate(const Problem *p) {
    const auto block = p->exact                 ? integrate_block<Wide<false>>
                       : p->arithmetic == FLOAT ? integrate_block<Real<float>>
                                                : integrate_block<Real<double>>;
    for_all_blocks(*p, [&](int64_t sample, int64_t first, int64_t count) {
        block(*p, sample, first, count);
    });
}

// The gradient of the states comes in ``spike_grad``.
void rfssm_integrate_backward(const Problem *p) {
    const auto block = p->arithmetic == FLOAT ? integrate_back<float> : integrate_back<double>;
    sum_over_samples(*p, p->neurons, block);
}
}
