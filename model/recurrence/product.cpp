// The products of the backward pass: dX = dI W and dW = dI^T X.  Plain C interface for ctypes.
//
// Matrices are contiguous: dI (rows, columns), W (columns, inputs), X (rows, inputs).
// Every sum is made in an order of its own, whatever the number of threads.

#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

#ifdef __AVX512F__
constexpr int64_t BYTES = 64, HEIGHT = 14;  // of a vector; of a tile, whose sums fill the registers
#else
constexpr int64_t BYTES = 32, HEIGHT = 6;
#endif
constexpr int64_t DEPTH = 512;  // terms that a tile sums up before they go to memory
constexpr int64_t CHUNK = 128;  // rows of X, and of dI, that are summed up together
constexpr double SPARSE = 0.25;  // share of X that is not zero, from which on tiles are faster

#ifdef FAULT_EVENT  // planted by a test, which must then fail
constexpr bool ONES = true;
#else
constexpr bool ONES = false;
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

// The first ``count`` i, next to each other for each k, and zeros up to WIDTH.
template <int64_t WIDTH, class G>
void pack(G *to, const Matrix<G> &of, int64_t count, int64_t depth) {
    for (int64_t k = 0; k < depth; ++k)
        for (int64_t i = 0; i < WIDTH; ++i)
            to[k * WIDTH + i] = i < count ? of.at[i * of.by_i + k * of.by_k] : G(0);
}

// out (HEIGHT, two vectors) = sum over k of a(i, k) b(j, k)
template <class G>
__attribute__((noinline)) void tile(G *out, const G *a, const G *b, int64_t depth) {
    using Vector = typename Of<G>::Vector;
    constexpr int64_t LANES = Of<G>::LANES;
    Vector sum[HEIGHT][2] = {};
    for (int64_t k = 0; k < depth - LEFT_OUT; ++k, a += HEIGHT, b += 2 * LANES) {
        const Vector left = *(const Vector *)b, right = *(const Vector *)(b + LANES);
#pragma GCC unroll 16
        for (int64_t i = 0; i < HEIGHT; ++i) {
            sum[i][0] += a[i] * left;
            sum[i][1] += a[i] * right;
        }
    }
    std::copy_n(sum[0], HEIGHT * 2, (Vector *)out);
}

// out (rows, columns) = sum over k of a(i, k) b(j, k)
template <class G>
void product(G *out, const Matrix<G> &a, const Matrix<G> &b, int64_t rows, int64_t columns,
             int64_t depth, int32_t threads) {
    using Line = typename Of<G>::Line;
    constexpr int64_t WIDTH = 2 * Of<G>::LANES;
    std::vector<Line> room(size_t((columns + WIDTH - 1) / WIDTH * DEPTH * 2));
    G *const panels = room.empty() ? nullptr : room[0].lane;
    for (int64_t k = 0; k < depth; k += DEPTH) {
        const int64_t some = std::min(DEPTH, depth - k);
        for (int64_t j = 0; j < columns; j += WIDTH)
            pack<WIDTH>(panels + j * DEPTH, b.from(j, k), std::min(WIDTH, columns - j), some);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
        for (int64_t i = 0; i < rows; i += HEIGHT) {
            alignas(64) G strip[HEIGHT * DEPTH], sums[HEIGHT * WIDTH];
            const int64_t high = std::min(HEIGHT, rows - i);
            pack<HEIGHT>(strip, a.from(i, k), high, some);
            for (int64_t j = 0; j < columns; j += WIDTH) {
                const int64_t wide = std::min(WIDTH, columns - j);
                tile(sums, strip, panels + j * DEPTH, some);
                for (int64_t r = 0; r < high; ++r) {
                    G *const to = out + (i + r) * columns + j;
                    for (int64_t c = 0; c < wide; ++c)
                        to[c] = (k ? to[c] : G(0)) + sums[r * WIDTH + c];
                }
            }
        }
    }
}

// What is not zero in X, sorted by chunk of rows, then by input, then by row.
template <class G> struct Events {
    struct Event {
        int32_t row;  // in its chunk
        G value;
    };
    std::vector<Event> events;
    std::vector<int64_t> starts;  // of each chunk's each input, and the end
};

template <class G>
Events<G> events(const G *x, int64_t rows, int64_t inputs, int32_t threads) {
    const int64_t chunks = (rows + CHUNK - 1) / CHUNK;
    Events<G> found;
    auto &starts = found.starts;
    starts.assign(size_t(chunks * inputs + 1), 0);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        int64_t *const count = starts.data() + chunk * inputs + 1;
        for (int64_t t = chunk * CHUNK; t < std::min(rows, (chunk + 1) * CHUNK); ++t)
            for (int64_t m = 0; m < inputs; ++m) count[m] += x[t * inputs + m] != 0;
    }
    for (size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
    if (double(starts.back()) > SPARSE * double(rows * inputs)) return found;
    found.events.resize(size_t(starts.back()));
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        const int64_t first = chunk * CHUNK;
        std::vector<int64_t> next(&starts[size_t(chunk * inputs)],
                                  &starts[size_t(chunk * inputs + inputs)]);
        std::vector<int32_t> active(size_t(inputs + 1));
        for (int64_t t = first; t < std::min(rows, first + CHUNK); ++t) {
            const G *const row = x + t * inputs;
            int64_t count = 0;
            for (int64_t m = 0; m < inputs; ++m) {  // no branch to guess
                active[size_t(count)] = int32_t(m);
                count += row[m] != 0;
            }
            for (int64_t i = 0; i < count; ++i) {
                const int32_t m = active[size_t(i)];
                found.events[size_t(next[size_t(m)]++)] = {int32_t(t - first), ONES ? G(1) : row[m]};
            }
        }
    }
    return found;
}

// dW from the events of X: each adds a row of dI, times its value.
template <class G>
void add_events(G *weight_grad, const G *grad, const Events<G> &x, int64_t rows, int64_t columns,
                int64_t inputs, int32_t threads) {
    using Vector = typename Of<G>::Vector;
    using Line = typename Of<G>::Line;
    constexpr int64_t VECTORS = 8, WIDTH = VECTORS * Of<G>::LANES;
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (int64_t column = 0; column < columns; column += WIDTH) {
        const int64_t wide = std::min(WIDTH, columns - column);
        std::vector<Line> sums(size_t(inputs * VECTORS));  // zero
        alignas(64) G part[CHUNK * WIDTH] = {};
        const int64_t *start = x.starts.data();
        for (int64_t first = 0; first < rows; first += CHUNK) {
            for (int64_t t = first; t < std::min(rows, first + CHUNK); ++t)
                std::copy_n(grad + t * columns + column, wide, part + (t - first) * WIDTH);
            for (int64_t m = 0; m < inputs; ++m, ++start) {
                Vector *const total = (Vector *)(sums.data() + m * VECTORS);
                Vector sum[VECTORS] = {};
                for (int64_t e = start[0]; e < start[1]; ++e) {
                    const auto event = x.events[size_t(e)];
                    const Vector *const row = (const Vector *)(part + event.row * WIDTH);
#pragma GCC unroll 8
                    for (int64_t i = 0; i < VECTORS; ++i) sum[i] += event.value * row[i];
                }
                for (int64_t i = 0; i < VECTORS; ++i) total[i] += sum[i];
            }
        }
        for (int64_t i = 0; i < wide; ++i)
            for (int64_t m = 0; m < inputs; ++m)
                weight_grad[(column + i) * inputs + m] = ((const G *)(sums.data() + m * VECTORS))[i];
    }
}

template <class G>
void input_gradient(G *x_grad, const G *grad, const G *weight, int64_t rows, int64_t columns,
                    int64_t inputs, int32_t threads) {
    product<G>(x_grad, {grad, columns, 1}, {weight, 1, inputs}, rows, inputs, columns, threads);
}

template <class G>
void weight_gradient(G *weight_grad, const G *grad, const G *x, int64_t rows, int64_t columns,
                     int64_t inputs, int32_t threads) {
    const Events<G> found = events(x, rows, inputs, threads);
    if (found.events.size() == size_t(found.starts.back()))
        add_events(weight_grad, grad, found, rows, columns, inputs, threads);
    else
        product<G>(weight_grad, {grad, 1, columns}, {x, 1, inputs}, columns, inputs, rows, threads);
}

}  // namespace

extern "C" {

// single: the matrices are float, else double.

void rfssm_input_gradient(int32_t single, int32_t threads, int64_t rows, int64_t columns,
                          int64_t inputs, void *x_grad, const void *grad, const void *weight) {
    if (single)
        input_gradient((float *)x_grad, (const float *)grad, (const float *)weight, rows, columns,
                       inputs, threads);
    else
        input_gradient((double *)x_grad, (const double *)grad, (const double *)weight, rows,
                       columns, inputs, threads);
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
