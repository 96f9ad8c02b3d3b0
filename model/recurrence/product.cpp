// The products of the backward pass: dX = dI W and dW = dI^T X.  Plain C interface for ctypes.
//
// Matrices are contiguous: dI (rows, columns), W (columns, inputs), X (rows, inputs).
// The order of every sum is fixed: it does not depend on the number of threads.

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace {

#ifdef __AVX512BW__
constexpr int64_t BYTES = 64, HEIGHT = 14;  // of a vector; of a tile, whose sums fill the registers
#else
constexpr int64_t BYTES = 32, HEIGHT = 6;
#endif
constexpr int64_t DEPTH = 512;  // terms that a tile sums up before they go to memory
constexpr int64_t STRIDE = DEPTH + 16;  // so that a tile's rows do not contend for cache lines
constexpr int64_t CHUNK = 128;  // rows of X, and of dI, that are summed up together
constexpr double SPARSE = 0.25;  // share of X that is not zero, from which on tiles are faster

#ifdef FAULT_EVENT  // planted by a test, which must then fail
constexpr bool ONES = true;
#else
constexpr bool ONES = false;
#endif
#ifdef FAULT_TRUNCATED  // another
constexpr bool TRUNCATED = true;
#else
constexpr bool TRUNCATED = false;
#endif
#ifdef FAULT_TILE  // another
constexpr int64_t LEFT_OUT = 1;
#else
constexpr int64_t LEFT_OUT = 0;
#endif

template <class G> struct Of {
    static constexpr int64_t LANES = BYTES / sizeof(G);
    typedef G Vector __attribute__((vector_size(BYTES), aligned(sizeof(G)), may_alias));
    struct alignas(BYTES) Line {
        G lane[LANES];
    };
};

template <class G> struct Matrix {  // element (i, k) is at[i * by_i + k * by_k]
    const G *at;
    int64_t by_i, by_k;

    Matrix from(int64_t i, int64_t k) const { return {at + i * by_i + k * by_k, by_i, by_k}; }
};

// How a product is computed: what is packed from the matrices, and how it is summed up.
//
// A panel of the right one has some i next to each other for each k, and zeros up to WIDTH.
// A strip of the left one has HEIGHT i, STRIDE apart, each with its k next to each other, or zeros.
// The units are what the sums of each i are worth.
template <class G> struct Plain {
    using Real = G;
    using Term = G;
    using Vector = typename Of<G>::Vector;
    static constexpr int64_t WIDTH = 2 * Of<G>::LANES, TERMS = 1;

    static void pack_panel(Term *to, const Matrix<Real> &of, int64_t count, int64_t depth) {
        for (int64_t k = 0; k < depth; ++k)
            for (int64_t i = 0; i < WIDTH; ++i)
                to[k * WIDTH + i] = i < count ? of.at[i * of.by_i + k * of.by_k] : Real(0);
    }

    static void pack_strip(Term *to, Real *, const Matrix<Real> &of, int64_t count, int64_t depth) {
        for (int64_t i = 0; i < HEIGHT; ++i, to += STRIDE)
            if (i >= count)
                std::fill_n(to, depth, Real(0));
            else if (of.by_k == 1)
                std::copy_n(of.at + i * of.by_i, depth, to);
            else
                for (int64_t k = 0; k < depth; ++k) to[k] = of.at[i * of.by_i + k * of.by_k];
    }

    static Vector plus_product(Vector sum, Term a, Vector b) { return sum + a * b; }
    static Vector real(Vector sum, Real unit) { return unit * sum; }
};

// The left matrix is rounded to 16 bits, each row (of DEPTH terms) in a unit of its own; the right
// one has integers of 8 bits.  No sum of DEPTH products leaves 32 bits, so none is rounded, and the
// result is the same with vectors of any width.  A term is a pair of numbers for k and k + 1, the
// first in its low half.
#ifdef __AVX2__
struct Rounded {
    using Real = float;
    using Term = int32_t;
    using Vector = Of<Term>::Vector;
    static constexpr int64_t WIDTH = 2 * Of<Term>::LANES, TERMS = 2;

    static void pack_panel(Term *to, const Matrix<Real> &of, int64_t count, int64_t depth) {
        const auto at = [&](int64_t i, int64_t k) {
            return i < count && k < depth ? int32_t(of.at[i * of.by_i + k * of.by_k]) : 0;
        };
        for (int64_t k = 0; k < depth; k += TERMS, to += WIDTH)
            for (int64_t i = 0; i < WIDTH; ++i) to[i] = (at(i, k) & 0xffff) | at(i, k + 1) << 16;
    }

    static void pack_strip(Term *to, Real *units, const Matrix<Real> &of, int64_t count,
                           int64_t depth) {
        for (int64_t i = 0; i < HEIGHT; ++i, to += STRIDE) {
            std::fill_n(to, (depth + 1) / TERMS, 0);
            if (i < count) units[i] *= round((int16_t *)to, of.at + i * of.by_i, depth);
        }
    }

    // Returns the unit: what is rounded to 1, a power of two.  Not a number where an x is not, or
    // infinite; 0 where all are 0, or almost.
    static float round(int16_t *to, const float *x, int64_t count) {
        constexpr uint32_t INFINITE = 0x7f800000;
        uint32_t bits = 0;  // those of floats are in the order of their magnitudes
        for (int64_t k = 0; k < count; ++k) {
            uint32_t word;
            std::memcpy(&word, x + k, sizeof word);
            bits = std::max(bits, word & 0x7fffffffu);
        }
        if (bits >= INFINITE) return std::numeric_limits<float>::quiet_NaN();
        bits &= INFINITE;  // the largest's power of two
        float unit;
        std::memcpy(&unit, &bits, sizeof unit);
        unit *= 1.0f / (1 << 14);
        if (unit < std::numeric_limits<float>::min()) return 0;
        const float per_x = 1 / unit;
        for (int64_t k = 0; k < count; ++k) {
            const float real = std::min(x[k] * per_x, 32767.0f);
            const auto rounded = int16_t(TRUNCATED ? real : std::nearbyint(real));
            std::memcpy(to + k, &rounded, sizeof rounded);
        }
        return unit;
    }

    static Vector plus_product(Vector sum, Term a, Vector b) {
#if defined __AVX512VNNI__
        return (Vector)_mm512_dpwssd_epi32((__m512i)sum, _mm512_set1_epi32(a), (__m512i)b);
#elif defined __AVX512BW__
        return sum + (Vector)_mm512_madd_epi16(_mm512_set1_epi32(a), (__m512i)b);
#else
        return sum + (Vector)_mm256_madd_epi16(_mm256_set1_epi32(a), (__m256i)b);
#endif
    }

    static Of<float>::Vector real(Vector sum, float unit) {
        return unit * __builtin_convertvector(sum, Of<float>::Vector);
    }
};
#else  // other processors are not faster with it
using Rounded = Plain<float>;
#endif

// out (HEIGHT, two vectors), rows ``by_row`` apart, = sum over k of a(i, k) b(j, k), in units, or
// more by that
template <class A>
__attribute__((noinline)) void tile(typename A::Real *out, int64_t by_row, bool more,
                                    const typename A::Term *a, const typename A::Real *units,
                                    const typename A::Term *b, int64_t terms) {
    using Vector = typename A::Vector;
    using RealVector = typename Of<typename A::Real>::Vector;
    Vector sum[HEIGHT][2] = {};
    for (int64_t k = 0; k < terms - LEFT_OUT; ++k, b += A::WIDTH) {
        const Vector left = *(const Vector *)b, right = *(const Vector *)(b + A::WIDTH / 2);
#pragma GCC unroll 16
        for (int64_t i = 0; i < HEIGHT; ++i) {
            sum[i][0] = A::plus_product(sum[i][0], a[i * STRIDE + k], left);
            sum[i][1] = A::plus_product(sum[i][1], a[i * STRIDE + k], right);
        }
    }
#pragma GCC unroll 16
    for (int64_t i = 0; i < HEIGHT; ++i, out += by_row) {
        RealVector *const row = (RealVector *)out;
        const RealVector left = A::real(sum[i][0], units[i]), right = A::real(sum[i][1], units[i]);
        row[0] = more ? row[0] + left : left;
        row[1] = more ? row[1] + right : right;
    }
}

// out (rows, columns) = gain times the sum over k of a(i, k) b(j, k)
template <class A>
void product(typename A::Real *out, double gain, const Matrix<typename A::Real> &a,
             const Matrix<typename A::Real> &b, int64_t rows, int64_t columns, int64_t depth,
             int32_t threads) {
    using Real = typename A::Real;
    using Term = typename A::Term;
    constexpr int64_t WIDTH = A::WIDTH, ROOM = DEPTH / A::TERMS;  // of a panel's line
    std::vector<typename Of<Term>::Line> room(size_t((columns + WIDTH - 1) / WIDTH * ROOM * 2));
    Term *const panels = room.empty() ? nullptr : room[0].lane;
    for (int64_t k = 0; k < depth; k += DEPTH) {
        const int64_t some = std::min(DEPTH, depth - k), terms = (some + A::TERMS - 1) / A::TERMS;
        for (int64_t j = 0; j < columns; j += WIDTH)
            A::pack_panel(panels + j * ROOM, b.from(j, k), std::min(WIDTH, columns - j), some);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
        for (int64_t i = 0; i < rows; i += HEIGHT) {
            alignas(64) Term strip[HEIGHT * STRIDE];
            alignas(64) Real sums[HEIGHT * WIDTH], units[HEIGHT];
            std::fill_n(units, HEIGHT, Real(gain));
            const int64_t high = std::min(HEIGHT, rows - i);
            A::pack_strip(strip, units, a.from(i, k), high, some);
            for (int64_t j = 0; j < columns; j += WIDTH) {
                const int64_t wide = std::min(WIDTH, columns - j);
                Real *const to = out + i * columns + j;
                if (high == HEIGHT && wide == WIDTH) {
                    tile<A>(to, columns, k > 0, strip, units, panels + j * ROOM, terms);
                    continue;
                }
                tile<A>(sums, WIDTH, false, strip, units, panels + j * ROOM, terms);
                for (int64_t r = 0; r < high; ++r)
                    for (int64_t c = 0; c < wide; ++c) {
                        Real &total = to[r * columns + c];
                        total = (k ? total : Real(0)) + sums[r * WIDTH + c];
                    }
            }
        }
    }
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bytes are taken from words below");

// Where ``count`` (at most 64) numbers are not zero: a bit each.
template <class G> uint64_t not_zero(const G *x, int64_t count) {
    alignas(64) uint8_t flags[64] = {};
    for (int64_t i = 0; i < count; ++i) flags[i] = x[i] != 0;
    uint64_t bits = 0, eight;
    for (int64_t i = 0; i < 64; i += 8) {
        std::copy_n(flags + i, 8, (uint8_t *)&eight);
        bits |= eight * 0x0102040810204080u >> 56 << i;  // byte k to bit k
    }
    return bits;
}

// Whether few of X are not zero, by a look at some rows.
template <class G> bool sparse(const G *x, int64_t rows, int64_t inputs) {
    constexpr int64_t APART = 16;
    int64_t count = 0, seen = 0;
    for (int64_t t = 0; t < rows; t += APART, seen += inputs)
        for (int64_t m = 0; m < inputs; ++m) count += x[t * inputs + m] != 0;
    return double(count) <= SPARSE * double(seen);
}

// What is not zero in a chunk of X, by input, then by row.
template <class G> struct Events {
    struct Event {
        int32_t row;
        G value;
    };
    std::vector<Event> events;
    std::vector<int32_t> starts;  // of each input, and the end

    Events(const G *x, int64_t rows, int64_t inputs) : starts(size_t(inputs + 2)) {  // zeros
        std::vector<std::pair<int32_t, Event>> found;  // with their inputs, by row
        found.reserve(size_t(rows * inputs / 8));
        for (int64_t t = 0; t < rows; ++t, x += inputs)
            for (int64_t m = 0; m < inputs; m += 64) {
                uint64_t bits = not_zero(x + m, std::min<int64_t>(64, inputs - m));
                for (; bits; bits &= bits - 1) {
                    const int64_t input = m + __builtin_ctzll(bits);
                    found.push_back({int32_t(input), {int32_t(t), ONES ? G(1) : x[input]}});
                    ++starts[size_t(input + 2)];
                }
            }
        for (size_t m = 2; m < starts.size(); ++m) starts[m] += starts[m - 1];
        events.resize(found.size());
        for (const auto &[input, event] : found)
            events[size_t(starts[size_t(input + 1)]++)] = event;
    }
};

// dW from the events of X: each adds a row of dI, times its value.
template <class G>
void add_rows(G *weight_grad, const G *grad, const G *x, int64_t rows, int64_t columns,
              int64_t inputs, int32_t threads) {
    using Vector = typename Of<G>::Vector;
    using Line = typename Of<G>::Line;
    constexpr int64_t VECTORS = 8, WIDTH = VECTORS * Of<G>::LANES;
    std::vector<std::unique_ptr<Events<G>>> chunks(size_t((rows + CHUNK - 1) / CHUNK));
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (int64_t first = 0; first < rows; first += CHUNK)
        chunks[size_t(first / CHUNK)] = std::make_unique<Events<G>>(
            x + first * inputs, std::min(CHUNK, rows - first), inputs);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (int64_t column = 0; column < columns; column += WIDTH) {
        const int64_t wide = std::min(WIDTH, columns - column);
        std::vector<Line> sums(size_t(inputs * VECTORS));  // zero
        alignas(64) G part[CHUNK * WIDTH] = {};
        for (int64_t first = 0; first < rows; first += CHUNK) {
            for (int64_t t = first; t < std::min(rows, first + CHUNK); ++t)
                std::copy_n(grad + t * columns + column, wide, part + (t - first) * WIDTH);
            const auto &chunk = *chunks[size_t(first / CHUNK)];
            const auto *event = chunk.events.data(), *const all = event;
            for (int64_t m = 0; m < inputs; ++m) {
                const auto *const end = all + chunk.starts[size_t(m + 1)];
                if (event == end) continue;
                Vector *const total = (Vector *)(sums.data() + m * VECTORS);
                Vector sum[VECTORS] = {};
                for (; event < end; ++event) {
                    const Vector *const row = (const Vector *)(part + event->row * WIDTH);
#pragma GCC unroll 8
                    for (int64_t i = 0; i < VECTORS; ++i) sum[i] += event->value * row[i];
                }
                for (int64_t i = 0; i < VECTORS; ++i) total[i] += sum[i];
            }
        }
        const G *const total = (const G *)sums.data();
        for (int64_t i = 0; i < wide; ++i)
            for (int64_t m = 0; m < inputs; ++m)
                weight_grad[(column + i) * inputs + m] = total[m * WIDTH + i];
    }
}

template <class A, class G = typename A::Real>
void input_gradient(void *x_grad, const void *grad, const void *weight, double gain, int64_t rows,
                    int64_t columns, int64_t inputs, int32_t threads) {
    product<A>((G *)x_grad, gain, {(const G *)grad, columns, 1}, {(const G *)weight, 1, inputs},
               rows, inputs, columns, threads);
}

template <class G>
void weight_gradient(G *weight_grad, const G *grad, const G *x, int64_t rows, int64_t columns,
                     int64_t inputs, int32_t threads) {
    if (sparse(x, rows, inputs))
        add_rows(weight_grad, grad, x, rows, columns, inputs, threads);
    else
        product<Plain<G>>(weight_grad, 1, {grad, 1, columns}, {x, 1, inputs}, columns, inputs, rows,
                          threads);
}

}  // namespace

extern "C" {

// single: the matrices are float, else double.

// Times gain.  rounded: they are float, and may be rounded, see Rounded.
void rfssm_input_gradient(int32_t single, int32_t threads, int64_t rows, int64_t columns,
                          int64_t inputs, void *x_grad, const void *grad, const void *weight,
                          double gain, int32_t rounded) {
    const auto compute = rounded  ? input_gradient<Rounded>
                         : single ? input_gradient<Plain<float>>
                                  : input_gradient<Plain<double>>;
    compute(x_grad, grad, weight, gain, rows, columns, inputs, threads);
}

void rfssm_weight_gradient(int32_t single, int32_t threads, int64_t rows, int64_t columns,
                           int64_t inputs, void *weight_grad, const void *grad, const void *x) {
    if (single)
        weight_gradient((float *)weight_grad, (const float *)grad, (const float *)x, rows, columns,
                        inputs, threads);
    else
        weight_gradient((double *)weight_grad, (const double *)grad, (const double *)x, rows,
                        columns, inputs, threads);
}
}
