// SPDX-License-Identifier: Apache-2.0
//
// Events -> currents,  I[n] = sum over the step's events of weight[n][addr] * value.
//
// Each event adds one row of weights, LANES neurons per cycle, to the currents of the running step;
// an event with value 0 (a silent step) takes one cycle and reads nothing.
//
//   WEIGHTS   word addr * WORDS + k holds neurons k * LANES .. k * LANES + LANES - 1, lowest first,
//             each {v, u}, or {u} without COMPLEX; WEIGHT_W bits, signed; padding neurons have 0
//   value     VALUE_W bits, signed or unsigned; an unsigned bit needs no multiplier
//   current   CURRENT_W bits, signed, exact: wide enough for every partial sum
//
// Currents are double-buffered.  `step_valid` pulses when a step will be complete by the time that
// it can be read; the reader answers with `step_start` when it turns to that step, at the earliest
// in the next cycle, and with `step_free` when it has read the last of it.  Nothing is ever
// cleared: the first event of a step overwrites, `step_silent` says there was none.  The pipeline
// never stalls; only the issue of a new row word waits for a free buffer.
//
// Latency: WORDS + 1 cycles from a step's last event to step_valid, 1 more where values need a
// multiplier.  II: WORDS cycles per event, 1 for an event of value 0.  WORDS = ceil(N_OUT / LANES).
// Cost: one block memory of N_IN * WORDS x LANES * PARTS * WEIGHT_W bits, LANES * PARTS adders of
// CURRENT_W bits, two LUT memories of WORDS x LANES * PARTS * CURRENT_W bits (registers if WORDS =
// 1).
`default_nettype none

module rfssm_synapse #(
  parameter int N_IN         = 140,
  parameter int N_OUT        = 128,
  parameter int LANES        = 16,  // READ_LANES times a power of two
  parameter int READ_LANES   = 4,   // a power of two
  parameter int VALUE_W      = 1,
  parameter int VALUE_SIGNED = 0,
  parameter int WEIGHT_W     = 6,
  parameter int COMPLEX      = 1,
  parameter int CURRENT_W    = 14,
  parameter     WEIGHTS      = "weights.mem",
  localparam int ADDR_W      = (N_IN > 1) ? $clog2(N_IN) : 1,
  localparam int PARTS       = COMPLEX + 1,
  localparam int READS       = (N_OUT + READ_LANES - 1) / READ_LANES,
  localparam int READ_W      = (READS > 1) ? $clog2(READS) : 1
) (
  input  wire logic               clk,
  input  wire logic               rst,

  input  wire logic               s_valid,
  output wire logic               s_ready,
  input  wire logic [ADDR_W-1:0]  s_addr,
  input  wire logic [VALUE_W-1:0] s_value,
  input  wire logic               s_step_end,
  input  wire logic               s_last,

  output wire logic               event_valid,  // an event of value other than 0 is being used
  output wire logic [ADDR_W-1:0]  event_addr,
  output wire logic [VALUE_W-1:0] event_value,
  output wire logic               event_close,  // the step's last event has been used up

  output wire logic               step_valid,
  output wire logic               step_silent,
  output wire logic               step_last,
  input  wire logic               step_start,
  input  wire logic               step_free,

  /* verilator lint_off UNUSEDSIGNAL */  // a layer of one chunk always reads the same
  input  wire logic [READ_W-1:0]  read_index,  // current is valid four cycles later
  /* verilator lint_on UNUSEDSIGNAL */
  output wire logic [READ_LANES*PARTS*CURRENT_W-1:0] current
);
  localparam int WORDS   = (N_OUT + LANES - 1) / LANES;
  localparam int WORD_W  = (WORDS > 1) ? $clog2(WORDS) : 1;
  localparam int DEPTH   = N_IN * WORDS;
  localparam int ROM_AW  = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam int ROM_W   = LANES * PARTS * WEIGHT_W;
  localparam int CUR_W   = LANES * PARTS * CURRENT_W;
  localparam int GROUPS  = LANES / READ_LANES;
  localparam int GROUP_W = (GROUPS > 1) ? $clog2(GROUPS) : 1;
  localparam int OUT_W   = READ_LANES * PARTS * CURRENT_W;

  initial begin
    if (N_IN < 1 || N_OUT < 1) $fatal(1, "%m: N_IN and N_OUT must be at least 1");
    if (READ_LANES < 1 || (READ_LANES & (READ_LANES - 1)) != 0)
      $fatal(1, "%m: READ_LANES must be a power of two");
    if (LANES % READ_LANES != 0 || (GROUPS & (GROUPS - 1)) != 0)
      $fatal(1, "%m: LANES must be READ_LANES times a power of two");
    if (VALUE_W < 1 || WEIGHT_W < 2 || CURRENT_W < 2)
      $fatal(1, "%m: need VALUE_W >= 1, WEIGHT_W >= 2 and CURRENT_W >= 2");
  end

  // -- issue: one row word per cycle ---------------------------------------------------------
  logic               ev_q;         // an event is held
  logic [ADDR_W-1:0]  addr_q;
  logic [ROM_AW-1:0]  rom_addr_q;
  logic [WORD_W-1:0]  word_q;
  logic [VALUE_W-1:0] value_q;
  logic               zero_q, end_q, last_q;
  logic               first_q;      // no event of this step yet
  logic [1:0]         closed_q;     // steps complete but not yet read to their end

  wire logic issue = ev_q && !closed_q[1];
  wire logic done  = issue && (zero_q || 32'(word_q) == WORDS - 1);
  wire logic close = done && end_q;
  wire logic load  = s_valid && s_ready;
  assign s_ready = !ev_q || done;

  // s_addr * WORDS of shifts and adds: as a product it would take a multiplier block
  logic [ROM_AW-1:0] row_start;
  always_comb begin
    row_start = '0;
    for (int k = 0; k <= WORD_W; k++)
      if (WORDS[k]) row_start = row_start + (ROM_AW'(s_addr) << k);
  end

  always_ff @(posedge clk) begin
    if (issue) begin
      rom_addr_q <= rom_addr_q + 1'b1;
      word_q     <= word_q + 1'b1;
    end
    if (done) ev_q <= 1'b0;
    if (done) first_q <= end_q || (first_q && zero_q);
    if (load) begin
      ev_q       <= 1'b1;
      addr_q     <= s_addr;
      rom_addr_q <= row_start;
      word_q     <= '0;
      value_q    <= s_value;
      zero_q     <= (s_value == '0);
      end_q      <= s_step_end || s_last;
      last_q     <= s_last;
    end
    closed_q <= closed_q + 2'(close) - 2'(step_free);
    if (rst) begin
      ev_q     <= 1'b0;
      first_q  <= 1'b1;
      closed_q <= '0;
    end
  end

  assign event_valid = issue && !zero_q && word_q == '0;
  assign event_addr  = addr_q;
  assign event_value = value_q;
  assign event_close = close;

  // -- row word, or its product with the value ---------------------------------------------------
  // products, and sums of them, matter modulo 2^CURRENT_W only: the currents are exact
  localparam int MULTIPLY = (VALUE_W > 1 || VALUE_SIGNED != 0) ? 1 : 0;
  localparam int FULL_W   = WEIGHT_W + ((MULTIPLY != 0) ? VALUE_W : 0);
  localparam int PROD_W   = (FULL_W < CURRENT_W) ? FULL_W : CURRENT_W;
  localparam int LATE     = (WORDS > 1) ? 1 : 0;  // a word of the banks is read into a register
  localparam int STAGES   = 2 + LATE + MULTIPLY;  // from issue to the sum
  localparam int ANNOUNCE = 1 + MULTIPLY;         // to step_valid

  wire logic [ROM_AW-1:0] rom_addr;
  generate
    if (LATE != 0) begin : g_late
      logic [ROM_AW-1:0] rom_addr_q2;
      always_ff @(posedge clk) rom_addr_q2 <= rom_addr_q;
      assign rom_addr = rom_addr_q2;
    end else begin : g_at_once
      assign rom_addr = rom_addr_q;
    end
  endgenerate
  /* verilator lint_off UNUSEDSIGNAL */  // currents narrower than the weights need their low bits
  wire logic [ROM_W-1:0] weight;
  /* verilator lint_on UNUSEDSIGNAL */
  rfssm_rom #(.W(ROM_W), .DEPTH(DEPTH), .FILE(WEIGHTS)) weight_rom (
    .clk, .addr(rom_addr), .q(weight)
  );

  // close, silent, last; add, first and word
  localparam int TAG_W = 5 + WORD_W;
  logic [TAG_W-1:0] tag_q [1:STAGES];
  always_ff @(posedge clk) begin
    tag_q[1] <= {close, first_q && zero_q, last_q, issue && !zero_q, first_q, word_q};
    for (int k = 2; k <= STAGES; k++) tag_q[k] <= tag_q[k-1];
    if (rst) for (int k = 1; k <= STAGES; k++) tag_q[k] <= '0;
  end

  wire logic [LANES*PARTS*PROD_W-1:0] product;
  generate
    if (MULTIPLY != 0) begin : g_multiply
      logic [VALUE_W-1:0] wait_q [1:2+LATE];
      logic [LANES*PARTS*PROD_W-1:0] product_q;
      wire logic [VALUE_W-1:0] value = wait_q[2+LATE];
      assign product = product_q;
      always_ff @(posedge clk) begin
        wait_q[1] <= value_q;
        for (int k = 2; k <= 2 + LATE; k++) wait_q[k] <= wait_q[k-1];
      end
      /* verilator lint_off UNUSEDSIGNAL */  // as weight: the product modulo 2^PROD_W
      wire logic signed [VALUE_W:0] x = {(VALUE_SIGNED != 0) && value[VALUE_W-1], value};
      for (genvar i = 0; i < LANES * PARTS; i++) begin : g_lane
        wire logic signed [WEIGHT_W-1:0] w = weight[i*WEIGHT_W +: WEIGHT_W];
        always_ff @(posedge clk) product_q[i*PROD_W +: PROD_W] <= PROD_W'(w) * PROD_W'(x);
      end
      /* verilator lint_on UNUSEDSIGNAL */
    end else begin : g_copy
      for (genvar i = 0; i < LANES * PARTS; i++) begin : g_lane
        assign product[i*PROD_W +: PROD_W] = weight[i*WEIGHT_W +: PROD_W];
      end
    end
  endgenerate

  // -- accumulate ----------------------------------------------------------------------------
  wire logic              add, first;
  /* verilator lint_off UNUSEDSIGNAL */  // not needed where a row is one word
  wire logic [WORD_W-1:0] word;
  /* verilator lint_on UNUSEDSIGNAL */
  assign {step_valid, step_silent, step_last} = tag_q[ANNOUNCE][TAG_W-1 -: 3];
  assign {add, first, word} = tag_q[STAGES][WORD_W+1:0];

  wire logic [CUR_W-1:0] old;  // the currents that this row word is added to
  wire logic [CUR_W-1:0] sum;
  for (genvar i = 0; i < LANES * PARTS; i++) begin : g_sum
    wire logic signed [PROD_W-1:0]    p = product[i*PROD_W +: PROD_W];
    wire logic signed [CURRENT_W-1:0] o = first ? '0 : old[i*CURRENT_W +: CURRENT_W];
    assign sum[i*CURRENT_W +: CURRENT_W] = o + CURRENT_W'(p);
  end

  generate
    if (WORDS == 1) begin : g_register
      // a whole row per cycle: accumulator and a copy that the cells read; wide selects fan out far
      // and come from registers
      logic [CUR_W-1:0] acc_q, hold_q;
      logic start_q;
      always_ff @(posedge clk) begin
        start_q <= step_start;
        if (add) acc_q <= sum;
        if (start_q) hold_q <= acc_q;
      end
      assign old = acc_q;
      rfssm_select #(.W(OUT_W), .WORDS(GROUPS)) select (
        .clk, .words(hold_q), .index(GROUP_W'(read_index)), .q(current)
      );
    end else begin : g_memory
      // two banks of LUT RAM between registers; the one that is read lends the reader its port.  A
      // word is written the cycle after it was read: with two words or more, before it is read again
      (* ram_style = "distributed", ramstyle = "MLAB", syn_ramstyle = "distributed" *)
      logic [CUR_W-1:0] bank0 [0:WORDS-1];
      (* ram_style = "distributed", ramstyle = "MLAB", syn_ramstyle = "distributed" *)
      logic [CUR_W-1:0] bank1 [0:WORDS-1];
      logic fill_q;             // bank being filled
      logic read_q, reading_q;  // bank being read
      logic read_q2, reading_q2, read_q3, read_q4;
      logic [WORD_W-1:0] addr0_q, addr1_q, read_word_q;
      wire logic [WORD_W-1:0] word_ahead = tag_q[STAGES-2][WORD_W-1:0];  // two before `word`
      logic [CUR_W-1:0] out0_q, out1_q;
      wire logic [CUR_W-1:0] row = read_q4 ? out1_q : out0_q;
      assign old = fill_q ? out1_q : out0_q;
      always_ff @(posedge clk) begin
        out0_q <= bank0[addr0_q];
        out1_q <= bank1[addr1_q];
        read_word_q <= WORD_W'(read_index >> $clog2(GROUPS));
        reading_q2  <= reading_q;
        read_q2     <= read_q;
        read_q3     <= read_q2;
        read_q4     <= read_q3;
        addr0_q <= (reading_q2 && !read_q2) ? read_word_q : word_ahead;
        addr1_q <= (reading_q2 &&  read_q2) ? read_word_q : word_ahead;
        if (add && !fill_q) bank0[word] <= sum;
        if (add &&  fill_q) bank1[word] <= sum;
        if (tag_q[STAGES][TAG_W-1]) fill_q <= !fill_q;  // that was the step's last word
        if (step_free)  reading_q <= 1'b0;
        if (step_start) begin
          reading_q <= 1'b1;
          read_q    <= !read_q;
        end
        if (rst) begin
          fill_q    <= 1'b0;
          read_q    <= 1'b1;
          reading_q <= 1'b0;
        end
      end
      logic [OUT_W-1:0] picked_q;
      assign current = picked_q;
      if (GROUPS == 1) begin : g_all
        always_ff @(posedge clk) picked_q <= row;
      end else begin : g_pick
        wire logic [OUT_W-1:0] group [0:GROUPS-1];
        for (genvar g = 0; g < GROUPS; g++) begin : g_group
          assign group[g] = row[g*OUT_W +: OUT_W];
        end
        logic [GROUP_W-1:0] pick_q, pick_q2, pick_q3;
        always_ff @(posedge clk) begin
          pick_q   <= GROUP_W'(read_index);
          pick_q2  <= pick_q;
          pick_q3  <= pick_q2;
          picked_q <= group[pick_q3];
        end
      end
    end
  endgenerate
endmodule
`default_nettype wire
