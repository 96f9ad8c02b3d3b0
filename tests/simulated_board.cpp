// SPDX-License-Identifier: Apache-2.0
//
// A board's top in Verilator with a serial line at its pins.  The far end of the line is a separate
// implementation, bit by bit, which shares nothing with the circuit's own UART.
#include <cstdint>
#include <deque>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

#include "Vboard.h"
#include "verilated.h"

namespace {

constexpr int64_t ONE = 1 << 16;  // times on the line are in 1/65536 cycles

struct Board {
    VerilatedContext context;
    std::unique_ptr<Vboard> top;
    int64_t bit = 0;
    int64_t now = 0;
    int64_t idle = 0;  // cycles since a byte began or ended

    std::deque<uint16_t> to_board;  // bytes; bit 8: the stop bit is missing
    uint32_t sending = 0;           // remaining levels, the lowest first, with a 1 above them
    int64_t next_level = 0;

    std::deque<uint8_t> to_host;
    int64_t next_sample = -1;  // -1: no byte is being received
    int sampled = 0;
    uint32_t word = 0;
    int64_t broken = 0;  // bytes without start or stop bit
};

void send(Board &board) {
    if (board.now < board.next_level) return;
    if (board.sending <= 1 && !board.to_board.empty()) {
        const uint32_t symbol = board.to_board.front();
        board.to_board.pop_front();
        const uint32_t stop = symbol & 0x100 ? 0 : 1;
        // a missing stop bit keeps the line low; two idle bits follow, so that a new byte can begin
        board.sending = stop ? (1u << 10) | 1u << 9 | (symbol & 0xFF) << 1
                             : (1u << 12) | 3u << 10 | (symbol & 0xFF) << 1;
        if (board.next_level + board.bit < board.now) board.next_level = board.now;
        board.idle = 0;
    }
    if (board.sending <= 1) {
        board.top->uart_rx = 1;
        return;
    }
    board.top->uart_rx = board.sending & 1;
    board.sending >>= 1;
    board.next_level += board.bit;
}

void receive(Board &board) {
    const bool level = board.top->uart_tx;
    if (board.next_sample < 0) {
        if (!level) {
            board.next_sample = board.now + board.bit / 2;
            board.sampled = 0;
            board.word = 0;
        }
        return;
    }
    if (board.now < board.next_sample) return;
    board.word |= uint32_t(level) << board.sampled++;
    board.next_sample += board.bit;
    if (board.sampled < 10) return;
    if (board.word & 1 || !(board.word & 0x200)) board.broken++;
    board.to_host.push_back(uint8_t(board.word >> 1));
    board.next_sample = -1;
    board.idle = 0;
}

void cycle(Board &board) {
    send(board);
    board.top->eval();
    board.top->clk = 1;
    board.top->eval();
    board.top->clk = 0;
    board.top->eval();
    receive(board);
    board.now += ONE;
    board.idle++;
}

}  // namespace

extern "C" {

// folder: holds the .mem files; bit: length of a bit on the line in 1/65536 cycles
Board *board_new(const char *folder, int64_t bit, int seed) {
    const int before = open(".", O_RDONLY | O_DIRECTORY);
    if (chdir(folder) != 0) return nullptr;
    auto *board = new Board;
    board->bit = bit;
    board->context.randReset(2);
    board->context.randSeed(seed);
    board->top = std::make_unique<Vboard>(&board->context);
    board->top->clk = 0;
    board->top->uart_rx = 1;
    board->top->button_n = 1;
    board->top->eval();
    if (fchdir(before) != 0) return nullptr;
    close(before);
    return board;
}

void board_free(Board *board) {
    board->top->final();
    delete board;
}

void board_send(Board *board, const uint16_t *symbols, int64_t count) {
    for (int64_t i = 0; i < count; i++) board->to_board.push_back(symbols[i]);
}

// Runs until `wanted` bytes have come, or none for `patience` cycles.  Returns the number of bytes to take.
int64_t board_run(Board *board, int64_t wanted, int64_t patience) {
    board->idle = 0;
    while (int64_t(board->to_host.size()) < wanted && board->idle < patience) {
        cycle(*board);
        if (!board->to_board.empty()) board->idle = 0;
    }
    return int64_t(board->to_host.size());
}

int64_t board_waiting(const Board *board) { return int64_t(board->to_host.size()); }

void board_take(Board *board, uint8_t *data, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        data[i] = board->to_host.front();
        board->to_host.pop_front();
    }
}

void board_button(Board *board, int pressed) { board->top->button_n = !pressed; }
int board_led_busy(const Board *board) { return board->top->led_busy; }
int board_led_label(const Board *board) { return board->top->led_label; }
int64_t board_broken(const Board *board) { return board->broken; }
}
