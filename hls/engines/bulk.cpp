// SPDX-License-Identifier: Apache-2.0
//
// Drives a Verilated network through whole test sets, called from Python: the top with trace ports
// (NETWORK_TRACED = 1) or the one that takes dense beats.  Both streams may be stalled at random.
// "Vdut.h" comes from Verilator; "network.h", written next to it, holds the width of an input beat and
// the places of the layers in the trace.
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unistd.h>

#include "Vdut.h"
#include "network.h"
#include "verilated.h"
#include "verilated_syms.h"

namespace {

// The memory files have relative names, so their folder is the working directory while they are read.
class WorkingDirectory {
    static std::mutex &mutex() {
        static std::mutex m;
        return m;
    }
    std::lock_guard<std::mutex> lock_;
    int before_;

  public:
    bool entered;
    explicit WorkingDirectory(const char *path)
        : lock_(mutex()), before_(open(".", O_RDONLY | O_DIRECTORY)), entered(chdir(path) == 0) {}
    ~WorkingDirectory() {
        if (before_ >= 0) {
            entered = fchdir(before_) == 0;
            close(before_);
        }
    }
};

// bits lo .. lo + width - 1 (at most 64) of a port
template <class T> uint64_t bits(const T &port, int lo, int width) {
    return (uint64_t(port) >> lo) & (~0ull >> (64 - width));
}
template <std::size_t N> uint64_t bits(const VlWide<N> &port, int lo, int width) {
    const std::size_t word = std::size_t(lo) / 32;
    const int shift = lo % 32;
    uint64_t value = port[word] >> shift;
    if (word + 1 < N) value |= uint64_t(port[word + 1]) << (32 - shift);
    if (shift && word + 2 < N) value |= uint64_t(port[word + 2]) << (64 - shift);
    return value & (~0ull >> (64 - width));
}
template <class T> void set(T &port, const uint32_t *words) {
    uint64_t value = words[0];
    if (sizeof(T) > 4) value |= uint64_t(words[1]) << 32;
    port = T(value);
}
template <std::size_t N> void set(VlWide<N> &port, const uint32_t *words) {
    for (std::size_t i = 0; i < N; i++) port[i] = words[i];
}
int64_t sign_extended(uint64_t value, int width) {
    return int64_t(value << (64 - width)) >> (64 - width);
}

uint32_t next_random(uint32_t &state) {
    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
}

}  // namespace

extern "C" {

// One run.  Python fills in the first part; bulk.py reads the fields from this declaration.
struct Run {
    const uint32_t *beats;       // BEAT_WORDS of tdata, then flags: 1 ends a sample, 2 ends a step
    int64_t n_beats;
    int64_t *out_data;           // n_out beats, sign-extended
    uint8_t *out_last;
    int64_t n_out;
    int64_t *accepted;           // cycle in which each step's last beat went in
    int64_t *scored;             // cycle in which each output beat went out
    const int64_t *rows;         // row of each step in the trace arrays
    int64_t n_steps;
    uint8_t *const *spikes;      // per layer [rows, neurons], or null
    int64_t *const *u;
    int64_t *const *v;
    uint32_t source_chance;      // cycles of 256 in which the source offers a beat, on average
    uint32_t sink_chance;        // cycles of 256 in which the sink is ready, on average
    uint32_t seed;
    int64_t idle_limit;          // cycles without any beat after which the run counts as hung
    uint32_t alone;              // whether a sample enters only when the previous one has left

    int64_t cycle, sent, received, steps_in, idle, trailing;
    int64_t samples_in, samples_out;
    int64_t traced[16];           // number of chunks of each layer so far
    uint64_t held_data;
    uint8_t offering, stalled, held_last;
};

enum Status : int64_t { RUNNING = 0, DONE = 1, HUNG = -1, UNSTABLE = -2, SURPLUS = -3 };

struct Simulation {
    VerilatedContext context;
    std::unique_ptr<Vdut> top;
};

static void tick(Vdut &top) {
    top.aclk = 1;
    top.eval();
    top.aclk = 0;
    top.eval();
}

void simulation_reset(Simulation *simulation) {
    Vdut &top = *simulation->top;
    top.aresetn = 0;
    top.s_axis_tvalid = 0;
    top.m_axis_tready = 0;
    for (int i = 0; i < 3; i++) tick(top);
    top.aresetn = 1;
}

// folder: holds the .mem files; seed: for the bits that the circuit does not initialise
Simulation *simulation_new(const char *folder, int seed) {
    WorkingDirectory directory(folder);
    if (!directory.entered) return nullptr;
    auto *simulation = new Simulation;
    simulation->context.randReset(2);
    simulation->context.randSeed(seed);
    simulation->top = std::make_unique<Vdut>(&simulation->context);
    simulation->top->aclk = 0;
    simulation->top->eval();
    return simulation;
}

void simulation_free(Simulation *simulation) {
    simulation->top->final();
    delete simulation;
}

// Visits the memories that a Verilator configuration file has made public, in the order of their names.
using Visit = std::function<void(const std::string &name, const VerilatedVar &memory)>;
static void each_memory(Simulation &simulation, const Visit &visit) {
    for (auto &[path, scope] : *simulation.context.scopeNameMap()) {
        if (!scope->varsp()) continue;
        for (auto &[name, memory] : *scope->varsp())
            if (memory.udims() == 1) visit(std::string(path) + "." + name, memory);
    }
}

void simulation_memories(Simulation *simulation, void (*report)(const char *name, int64_t words, int64_t bits)) {
    each_memory(*simulation, [&](const std::string &name, const VerilatedVar &memory) {
        report(name.c_str(), memory.elements(1), memory.entBits());
    });
}

// Flips one bit of a memory, given by its index in the list above.  Verilator's words are little-endian.
void simulation_flip(Simulation *simulation, int64_t place, int64_t word, int64_t bit) {
    each_memory(*simulation, [&](const std::string &, const VerilatedVar &memory) {
        if (place-- == 0)
            static_cast<uint8_t *>(memory.datap())[word * memory.entSize() + bit / 8] ^= 1u << (bit % 8);
    });
}

#if NETWORK_TRACED
static void record_trace(const Vdut &top, Run &run) {
    for (int l = 0; l < network::N_LAYERS; l++) {
        const network::Layer &layer = network::LAYERS[l];
        if (!bits(top.trace_valid, l, 1)) continue;
        const int64_t step = run.traced[l]++ / layer.chunks;
        if (step >= run.n_steps) continue;
        const int chunk = int(bits(top.trace_data, layer.offset, layer.chunk_bits));
        const int u_at = layer.offset + layer.chunk_bits;
        const int v_at = u_at + layer.lanes * layer.state_bits;
        const int spike_at = v_at + layer.lanes * layer.state_bits;
        for (int i = 0; i < layer.lanes; i++) {
            const int neuron = chunk * layer.lanes + i;
            if (neuron >= layer.neurons) break;
            const int64_t at = run.rows[step] * layer.neurons + neuron;
            const int width = layer.state_bits;
            if (run.spikes) run.spikes[l][at] = uint8_t(bits(top.trace_data, spike_at + i, 1));
            if (run.u) {
                run.u[l][at] = sign_extended(bits(top.trace_data, u_at + i * width, width), width);
                run.v[l][at] = sign_extended(bits(top.trace_data, v_at + i * width, width), width);
            }
        }
    }
}

#endif

// Continues for at most `cycles` cycles.  DONE: all output beats came, and none in the 64 cycles after.
int64_t simulation_run(Simulation *simulation, Run *state, int64_t cycles) {
    Vdut &top = *simulation->top;
    Run &run = *state;
    const int width = int(sizeof(top.m_axis_tdata)) * 8;
    for (const int64_t end = run.cycle + cycles; run.cycle < end; run.cycle++) {
        const bool waits = run.alone && run.samples_out < run.samples_in;
        if (!run.offering && run.sent < run.n_beats && !waits)
            run.offering = run.source_chance >= 256 || (next_random(run.seed) & 255) < run.source_chance;
        top.s_axis_tvalid = run.offering;
        uint32_t beat[network::BEAT_WORDS + 1];
        if (run.offering) {
            std::memcpy(beat, run.beats + run.sent * (network::BEAT_WORDS + 1), sizeof(beat));
        } else {
            for (uint32_t &word : beat) word = next_random(run.seed);  // ignored without tvalid
        }
        set(top.s_axis_tdata, beat);
        const uint32_t flags = beat[network::BEAT_WORDS];
        top.s_axis_tlast = flags & 1;
        top.m_axis_tready = run.sink_chance >= 256 || (next_random(run.seed) & 255) < run.sink_chance;
        top.eval();
        if (run.stalled && !(top.m_axis_tvalid && top.m_axis_tdata == run.held_data &&
                             top.m_axis_tlast == run.held_last))
            return UNSTABLE;
        run.stalled = top.m_axis_tvalid && !top.m_axis_tready;
        run.held_data = top.m_axis_tdata;
        run.held_last = top.m_axis_tlast;
        run.idle++;
        if (top.m_axis_tvalid && top.m_axis_tready) {
            if (run.received >= run.n_out) return SURPLUS;
            run.out_data[run.received] = sign_extended(top.m_axis_tdata, width);
            run.out_last[run.received] = top.m_axis_tlast;
            run.scored[run.received++] = run.cycle;
            run.samples_out += top.m_axis_tlast;
            run.idle = 0;
        }
        if (run.offering && top.s_axis_tready) {
            if (flags & 2) run.accepted[run.steps_in++] = run.cycle;
            run.sent++;
            run.samples_in += flags & 1;
            run.offering = 0;
            run.idle = 0;
        }
#if NETWORK_TRACED
        if (run.spikes || run.u) record_trace(top, run);
#endif
        tick(top);
        if (run.received == run.n_out && run.sent == run.n_beats && ++run.trailing > 64) return DONE;
        if (run.idle > run.idle_limit) return HUNG;
    }
    return RUNNING;
}
}
