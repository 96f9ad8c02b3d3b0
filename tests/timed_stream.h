// hls::stream with a clock: the processes of a DATAFLOW region run concurrently, with FIFOs as deep as their pragmas.
//
// Every process has its own time in cycles; an iteration of a pipelined loop adds its interval. A value can be read one
// cycle after it was written, and a full FIFO takes a value one cycle after another was read. Processes take turns: each
// runs until a FIFO makes it wait. If no process moves a value in a turn of all, the deadlock is reported and ends the
// program: such a network would hang in hardware, which sequential C simulation cannot show.

#define X_HLS_STREAM_SIM_H

#include "ap_fixed.h"
#include "ap_int.h"
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <math.h>
#include <sstream>
#include <stdlib.h>
#include <string>
#include <tuple>
#include <ucontext.h>
#include <vector>

namespace hls {

long now = 0;        // time of the process whose turn it is
unsigned long moves; // number of values read or written and of processes ended, over all processes

// One process, from here to the end of its region.
class process {
  public:
    explicit process(std::function<void()> run) : run(run), stack(1 << 20) {
        getcontext(&context);
        context.uc_stack.ss_sp = stack.data();
        context.uc_stack.ss_size = stack.size();
        context.uc_link = &main;
        makecontext(&context, &process::begin, 0);
        all().push_back(this);
    }

    ~process() {
        while (!done)
            wait("a process");
        all().erase(std::find(all().begin(), all().end(), this));
    }

    // Let the other processes continue; the main program, which is not a process, gives each a turn.
    static void wait(const char *what) {
        if (process *self = current) {
            self->waits_for = what;
            self->time = now;
            swapcontext(&self->context, &main);
            now = self->time;
            return;
        }
        const unsigned long before = moves;
        for (std::size_t i = 0; i < all().size(); i++) { // a turn may add processes
            current = all()[i];
            if (!current->done)
                swapcontext(&main, &current->context);
        }
        current = 0;
        if (moves != before)
            return;
        for (process *stuck : all())
            std::printf("deadlock: waits for %s\n", stuck->waits_for);
        std::fflush(stdout);
        std::_Exit(3);
    }

  private:
    std::function<void()> run;
    std::vector<char> stack;
    ucontext_t context;
    bool done = false;
    long time = 0;
    const char *waits_for = "its turn";
    static process *current;
    static ucontext_t main;

    static std::vector<process *> &all() {
        static std::vector<process *> processes;
        return processes;
    }

    static void begin() {
        process *self = current;
        now = 0;
        self->run();
        self->done = true;
        moves++;
    }
};

process *process::current = 0;
ucontext_t process::main;

template <class T> class stream {
  public:
    std::size_t depth = ~std::size_t(0);
    long last = 0; // when the last value was written

    explicit stream(const char *name) : name(name) {}

    void write(const T &value) {
        while (kept.size() >= depth)
            process::wait(name);
        if (written >= depth)
            now = std::max(now, freed[written - depth] + 1);
        kept.push_back(std::make_pair(value, now));
        written++;
        moves++;
        last = now;
    }

    T read() {
        while (kept.empty())
            process::wait(name);
        const std::pair<T, long> first = kept.front();
        kept.pop_front();
        moves++;
        now = std::max(now, first.second + 1);
        freed.push_back(now);
        return first.first;
    }

    bool empty() const { return kept.empty(); }

  private:
    const char *name;
    std::deque<std::pair<T, long> > kept;
    std::deque<long> freed; // when each value was read
    std::size_t written = 0;
};

} // namespace hls
