// SPDX-License-Identifier: Apache-2.0
//
// Stands for rfssm_encoder in proofs of what is before it: room at any time, any event out.
`default_nettype none

module rfssm_encoder #(
  parameter int N         = 128,
  parameter int LANES     = 4,
  parameter int VALUE_W   = 1,
  parameter int IN_FLIGHT = 8,
  parameter int DEPTH     = 32,
  localparam int CHUNKS  = (N + LANES - 1) / LANES,
  localparam int CHUNK_W = (CHUNKS > 1) ? $clog2(CHUNKS) : 1,
  localparam int ADDR_W  = (N > 1) ? $clog2(N) : 1
) (
  input  wire logic                     clk,
  input  wire logic                     rst,
  output wire logic                     room,
  input  wire logic                     s_valid,
  input  wire logic [CHUNK_W-1:0]       s_chunk,
  input  wire logic [LANES*VALUE_W-1:0] s_values,
  input  wire logic                     s_step_end,
  input  wire logic                     s_last,
  output wire logic                     m_valid,
  input  wire logic                     m_ready,
  output wire logic [ADDR_W-1:0]        m_addr,
  output wire logic [VALUE_W-1:0]       m_value,
  output wire logic                     m_step_end,
  output wire logic                     m_last
);
  (* anyseq *) logic [ADDR_W+VALUE_W+3:0] f_any;
  assign {room, m_valid, m_step_end, m_last, m_addr, m_value} = f_any;
endmodule
`default_nettype wire
