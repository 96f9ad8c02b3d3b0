// SPDX-License-Identifier: Apache-2.0
//
// Simulation model of the ECP5's two bits of a carry chain.
//
// A half's four-input table gives propagate, the same table with C = D = 0 gives generate:
//
//   S = propagate ^ carry      carry' = propagate ? carry : generate
//
// INJECT1 = "YES" takes both the carry out of S and generate out of carry'.
`default_nettype none

module CCU2C #(
  parameter [15:0] INIT0     = 16'h0000,
  parameter [15:0] INIT1     = 16'h0000,
  parameter        INJECT1_0 = "YES",
  parameter        INJECT1_1 = "YES"
) (
  input  wire CIN,
  input  wire A0, B0, C0, D0, A1, B1, C1, D1,
  output wire S0, S1, COUT
);
  generate
    if (INJECT1_0 != "YES" && INJECT1_0 != "NO") begin : g_0
      CCU2C_of_this_INJECT1_0_has_no_model refused ();
    end
    if (INJECT1_1 != "YES" && INJECT1_1 != "NO") begin : g_1
      CCU2C_of_this_INJECT1_1_has_no_model refused ();
    end
  endgenerate

  wire propagate0, propagate1;
  LUT4 #(.INIT(INIT0)) lut0 (.A(A0), .B(B0), .C(C0), .D(D0), .Z(propagate0));
  LUT4 #(.INIT(INIT1)) lut1 (.A(A1), .B(B1), .C(C1), .D(D1), .Z(propagate1));
  wire generate0 = (INJECT1_0 == "NO") && INIT0[{2'b00, B0, A0}];
  wire generate1 = (INJECT1_1 == "NO") && INIT1[{2'b00, B1, A1}];
  wire carry = (propagate0 & CIN) | (!propagate0 & generate0);
  assign S0   = propagate0 ^ ((INJECT1_0 == "NO") && CIN);
  assign S1   = propagate1 ^ ((INJECT1_1 == "NO") && carry);
  assign COUT = (propagate1 & carry) | (!propagate1 & generate1);
endmodule
`default_nettype wire
