// SPDX-License-Identifier: Apache-2.0
//
// Stands for rfssm_synapse in proofs of what is behind it: any step and any current at any time.
// The properties of the module around it assume what rfssm_synapse is proved to keep.
`default_nettype none

module rfssm_synapse #(
  parameter int N_IN         = 140,
  parameter int N_OUT        = 128,
  parameter int LANES        = 16,
  parameter int READ_LANES   = 4,
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
  output wire logic               event_valid,
  output wire logic [ADDR_W-1:0]  event_addr,
  output wire logic [VALUE_W-1:0] event_value,
  output wire logic               event_close,
  output wire logic               step_valid,
  output wire logic               step_silent,
  output wire logic               step_last,
  input  wire logic               step_start,
  input  wire logic               step_free,
  input  wire logic [READ_W-1:0]  read_index,
  output wire logic [READ_LANES*PARTS*CURRENT_W-1:0] current
);
  (* anyseq *) logic [6+ADDR_W+VALUE_W-1:0] f_any;
  (* anyseq *) logic [READ_LANES*PARTS*CURRENT_W-1:0] f_current;
  assign {s_ready, event_valid, event_close, step_valid, step_silent, step_last, event_addr,
          event_value} = f_any;
  assign current = f_current;
endmodule
`default_nettype wire
