// SPDX-License-Identifier: Apache-2.0
//
// A network's IP on a serial line: frames of events in, frames of scores out (the bytes are in
// docs/howto/boards.md).  One request, one reply; the next request is taken when the reply has gone
// out.
//
// A frame is kept in the buffer until its CRC has proved right: nothing of a damaged frame ever
// reaches the IP.  The first frame of a sample resets the IP, so nothing of an older sample can reach
// the new one, however that ended; behind a refused frame only a first frame is taken.  `identify` is
// answered at any time: it breaks off what goes on.  So no loss on the line can make the bridge wait
// for ever or spoil a later sample.  The IP may stall as it likes, because the host waits for the reply.
//
//   m_axis_*   events to the IP's s_axis        m_aresetn   the IP's reset
//   s_axis_*   scores from the IP's m_axis; they leave as they come, so no packet is too long
//   busy       a sample is under way            label       low bits of the last label
//
// Latency: 6 cycles from the end of a frame to its first event, 14 for the first frame of a sample.
// II: 6 cycles per event, but the line gives one in 40 bits.
// Cost: BUFFER bytes of block RAM, about 240 flip-flops, 360 LUT4 (iCE40) to 440 (ECP5).
`default_nettype none

module rfssm_uart_bridge #(
  parameter int CLKS_PER_BIT = 25,
  parameter int BUFFER       = 512,  // a power of two: the events of one frame and 4 bytes
  parameter int TDATA_W      = 32,   // 32 or 64
  parameter int LABEL_W      = 8,
  parameter logic [127:0] IDENTITY = '0  // the answer to `identify`, its first byte lowest
) (
  input  wire logic               clk,
  input  wire logic               rst,

  input  wire logic               uart_rx,
  output wire logic               uart_tx,

  output wire logic               m_aresetn,
  output wire logic               m_axis_tvalid,
  input  wire logic               m_axis_tready,
  output wire logic [31:0]        m_axis_tdata,
  output wire logic               m_axis_tlast,

  input  wire logic               s_axis_tvalid,
  output wire logic               s_axis_tready,
  input  wire logic [TDATA_W-1:0] s_axis_tdata,
  input  wire logic               s_axis_tlast,

  output wire logic               busy,
  output wire logic [LABEL_W-1:0] label
);
  localparam int ADDR_W = $clog2(BUFFER);
  // commands; bit 0 of EVENTS: first frame of a sample, bit 1: last
  localparam logic [7:0] IDENTIFY = 8'h00;
  localparam logic [5:0] EVENTS   = 6'b000100;
  // how a reply ends
  localparam logic [2:0] OK = 3'd0, DONE = 3'd1, BAD_CRC = 3'd2, LOST = 3'd3, OVERRUN = 3'd4,
                         UNKNOWN = 3'd5, ORDER = 3'd6, ABORTED = 3'd7;
  // the reply under way
  localparam logic [1:0] NONE = 2'd0, SEQUENCE = 2'd1, BODY = 2'd2, STATUS = 2'd3;
  localparam logic [3:0] LAST_IDENTITY = 4'd15;
  localparam logic [3:0] LAST_OF_BEAT  = 4'(TDATA_W / 8 - 1);

  initial begin
    if (BUFFER < 8 || (BUFFER & (BUFFER - 1)) != 0)
      $fatal(1, "%m: BUFFER must be a power of two, at least 8");
    if (TDATA_W != 32 && TDATA_W != 64) $fatal(1, "%m: TDATA_W must be 32 or 64");
    if (LABEL_W < 1 || LABEL_W > 32) $fatal(1, "%m: LABEL_W must be 1 to 32");
  end

  // -- the line -----------------------------------------------------------------------------------
  wire logic       rx_valid, rx_error, tx_valid, tx_ready;
  wire logic [7:0] rx_data, tx_data, out_data;
  wire logic       f_valid, f_end, f_good, f_lost;
  wire logic [7:0] f_data;
  wire logic       out_valid, out_ready, out_last;

  rfssm_uart_rx #(.CLKS_PER_BIT(CLKS_PER_BIT)) rx (
    .clk, .rst, .line(uart_rx), .m_valid(rx_valid), .m_data(rx_data), .m_error(rx_error)
  );
  rfssm_frame_in frame_in (
    .clk, .rst, .s_valid(rx_valid), .s_data(rx_data), .s_error(rx_error),
    .m_valid(f_valid), .m_data(f_data), .m_end(f_end), .m_good(f_good), .m_lost(f_lost)
  );
  rfssm_frame_out frame_out (
    .clk, .rst, .s_valid(out_valid), .s_ready(out_ready), .s_data(out_data), .s_last(out_last),
    .m_valid(tx_valid), .m_ready(tx_ready), .m_data(tx_data)
  );
  rfssm_uart_tx #(.CLKS_PER_BIT(CLKS_PER_BIT)) tx (
    .clk, .rst, .s_valid(tx_valid), .s_ready(tx_ready), .s_data(tx_data), .line(uart_tx)
  );

  // -- take a request apart: command, sequence number, events, CRC --------------------------------
  logic [1:0]      state_q;     // of the reply
  logic [1:0]      head_q;      // bytes of command and sequence number that have come
  logic [7:0]      command_q, sequence_q;
  logic [ADDR_W:0] length_q;    // bytes behind them, the CRC's two included
  logic            long_q;      // more than the buffer holds
  logic            missed_q;    // came while the buffer was in use
  logic            open_q;      // a sample has begun and not ended

  wire logic replying = (state_q != NONE);
  wire logic whole    = f_good && head_q == 2'd2 && length_q[ADDR_W:1] != '0;
  wire logic identify = whole && command_q == IDENTIFY && length_q == (ADDR_W+1)'(2);
  wire logic events   = whole && command_q[7:2] == EVENTS && length_q[1:0] == 2'd2
                        && length_q[ADDR_W:2] != '0;
  wire logic first    = command_q[0];

  logic [2:0] verdict;
  always_comb begin
    verdict = OK;
    if (events && !first && !open_q) verdict = ORDER;
    if (!identify && !events) verdict = UNKNOWN;
    if (long_q || (missed_q && !identify)) verdict = OVERRUN;
    if (!whole) verdict = BAD_CRC;
    if (f_lost) verdict = LOST;
  end
  wire logic accept = f_end && !replying;            // a request that is answered now
  wire logic feed   = accept && events && verdict == OK;
  wire logic abort  = f_end && replying && identify;

  always_ff @(posedge clk) begin
    if (f_valid) begin
      if (head_q != 2'd2) begin
        head_q    <= head_q + 1'b1;
        command_q <= (head_q == '0) ? f_data : command_q;
        sequence_q <= f_data;
      end else if (length_q[ADDR_W]) begin
        long_q <= 1'b1;
      end else begin
        length_q <= length_q + 1'b1;
      end
      if (replying) missed_q <= 1'b1;
    end
    if (rst || f_end) begin
      head_q   <= '0;
      length_q <= '0;
      long_q   <= 1'b0;
      missed_q <= 1'b0;
    end
  end

  // -- buffer -------------------------------------------------------------------------------------
  (* ram_style = "block" *) logic [7:0] buffer [0:BUFFER-1];
  logic [7:0]      read_data_q;
  logic [ADDR_W:0] read_q;
  always_ff @(posedge clk) begin
    if (f_valid && head_q == 2'd2 && !length_q[ADDR_W] && !replying)
      buffer[length_q[ADDR_W-1:0]] <= f_data;
    read_data_q <= buffer[read_q[ADDR_W-1:0]];
  end

  // -- the IP's reset -----------------------------------------------------------------------------
  logic [2:0] hold_q;
  logic       resetn_q;
  wire logic  quiet = resetn_q && hold_q == '0;  // neither in reset nor about to be
  assign m_aresetn = resetn_q;
  always_ff @(posedge clk) begin
    if (hold_q != '0) hold_q <= hold_q - 1'b1;
    resetn_q <= hold_q == '0;
    if ((feed && first) || (accept && identify) || abort) hold_q <= '1;
    if (rst) begin
      hold_q   <= '1;
      resetn_q <= 1'b0;
    end
  end

  // -- buffer -> events ---------------------------------------------------------------------------
  logic            feeding_q;
  logic [ADDR_W:0] end_q;       // bytes of events
  logic            last_q;      // the frame is its sample's last
  logic [2:0]      step_q;      // bytes of the event that have been asked for
  logic            event_q;     // an event is offered
  logic [31:0]     word_q;
  wire logic       fed = (read_q == end_q);

  assign m_axis_tvalid = event_q;
  assign m_axis_tdata  = word_q;
  assign m_axis_tlast  = last_q && fed;

  always_ff @(posedge clk) begin
    if (event_q) begin
      if (m_axis_tready) begin
        event_q <= 1'b0;
        if (fed) feeding_q <= 1'b0;
      end
    end else if (feeding_q && quiet) begin
      if (step_q != 3'd4) read_q <= read_q + 1'b1;
      if (step_q != '0) word_q <= {read_data_q, word_q[31:8]};
      step_q  <= (step_q == 3'd4) ? '0 : step_q + 1'b1;
      event_q <= step_q == 3'd4;
    end
    if (feed) begin
      feeding_q <= 1'b1;
      read_q    <= '0;
      end_q     <= length_q - (ADDR_W+1)'(2);
      last_q    <= command_q[1];
      step_q    <= '0;
    end
    if (rst || abort) feeding_q <= 1'b0;
    if (rst || hold_q != '0) event_q <= 1'b0;  // withdrawn as the IP's reset begins, not before
  end

  // -- reply: sequence number, identity or scores, status -----------------------------------------
  logic [7:0]  reply_sequence_q;
  logic        identity_q;
  logic [2:0]  verdict_q;
  logic [3:0]  byte_q;         // of the identity or of a beat
  logic        done_q;         // the beat with tlast has gone out
  logic        aborted_q;      // by an `identify` that is still to be answered
  logic [LABEL_W-1:0] label_q;

  wire logic [3:0] last_byte = identity_q ? LAST_IDENTITY : LAST_OF_BEAT;
  wire logic       beat      = verdict_q == OK && (identity_q
                               ? !done_q : byte_q != '0 || (s_axis_tvalid && quiet));
  wire logic       finished  = aborted_q || verdict_q != OK || done_q
                               || !(identity_q || feeding_q || last_q);
  wire logic       sent      = out_valid && out_ready;
  wire logic       beat_sent = sent && state_q == BODY && byte_q == last_byte;

  assign out_valid     = state_q == SEQUENCE || state_q == STATUS || (state_q == BODY && beat);
  assign out_last      = state_q == STATUS;
  assign s_axis_tready = beat_sent && !identity_q;
  assign busy          = open_q;
  assign label         = label_q;

  wire logic [7:0] body   = identity_q ? 8'(IDENTITY >> {byte_q, 3'b0})
                                       : 8'(s_axis_tdata >> {byte_q, 3'b0});
  wire logic [2:0] status = aborted_q ? ABORTED
                          : (verdict_q == OK && done_q && !identity_q) ? DONE
                          : verdict_q;
  assign out_data = state_q == SEQUENCE ? reply_sequence_q
                  : state_q == STATUS   ? {5'b0, status}
                  : body;

  always_ff @(posedge clk) begin
    case (state_q)
      SEQUENCE: if (sent) state_q <= BODY;
      BODY:     if (!beat && finished) state_q <= STATUS;
      STATUS:   if (sent) state_q <= NONE;
      default:  ;
    endcase
    if (sent && state_q == BODY) byte_q <= beat_sent ? '0 : byte_q + 1'b1;
    if (beat_sent && (identity_q || s_axis_tlast)) done_q <= 1'b1;
    if (beat_sent && !identity_q && s_axis_tlast) label_q <= s_axis_tdata[LABEL_W-1:0];
    if (feed) open_q <= 1'b1;
    else if (accept || abort) open_q <= 1'b0;
    if (state_q == STATUS && sent && done_q) open_q <= 1'b0;
    if (abort) aborted_q <= 1'b1;
    if (accept || (state_q == NONE && aborted_q)) begin
      state_q          <= SEQUENCE;
      reply_sequence_q <= sequence_q;
      identity_q       <= aborted_q || identify;
      verdict_q        <= aborted_q ? OK : verdict;
      byte_q           <= '0;
      done_q           <= 1'b0;
      aborted_q        <= 1'b0;
    end
    if (rst) begin
      state_q   <= NONE;
      open_q    <= 1'b0;
      aborted_q <= 1'b0;
      label_q   <= '0;
    end
  end
endmodule
`default_nettype wire
