// SPDX-License-Identifier: Apache-2.0
//
// Simulation model of the ECP5's block memory: 18432 bits behind two ports, each 1, 2, 4, 9, 18 or 36
// bits wide (DATA_WIDTH_A, DATA_WIDTH_B).
//
//   word of 18 bits i   bits 20 (i % 16) + 17 : 20 (i % 16) of INITVAL_(i / 16)
//   address             AD[13:4] a word of 18 bits, AD[3] its half of 9 bits, AD[2:0] a bit of the lower
//                       8; a width of 36 takes words 2k and 2k + 1, k = AD[13:5]
//   byte enables        AD[1:0] of a port of 18 bits, AD[3:0] of one of 36
//   a port of 36 bits   DOA is its lower half, DOB its upper half; so with DIA and DIB.  Port A writes
//                       it, port B reads it.
//
//   WRITEMODE   what a port that writes shows: "NORMAL" what it showed before, "WRITETHROUGH" the new
//               word, "READBEFOREWRITE" the old one
//   REGMODE     "OUTREG": one more register, enabled by OCE, behind the one of the read
//   RESETMODE   "SYNC", "ASYNC": of both registers, by RST.  A port in reset does not write.
//
// A port that reads what the other one writes in the same cycle shows x: the device promises nothing.
`default_nettype none
/* verilator lint_off UNUSEDPARAM */
/* verilator lint_off UNUSEDSIGNAL */
/* verilator lint_off MULTIDRIVEN */
/* verilator lint_off WIDTHEXPAND */
/* verilator lint_off WIDTHTRUNC */

module DP16KD #(
  parameter DATA_WIDTH_A = 18,
  parameter DATA_WIDTH_B = 18,
  parameter REGMODE_A    = "NOREG",
  parameter REGMODE_B    = "NOREG",
  parameter RESETMODE    = "SYNC",
  parameter ASYNC_RESET_RELEASE = "SYNC",  // concerns timing only
  parameter CSDECODE_A   = "0b000",
  parameter CSDECODE_B   = "0b000",
  parameter WRITEMODE_A  = "NORMAL",
  parameter WRITEMODE_B  = "NORMAL",
  parameter CLKAMUX      = "CLKA",  // or "INV"
  parameter CLKBMUX      = "CLKB",  // or "INV"
  parameter GSR          = "ENABLED",  // the global reset acts during configuration only
  parameter [319:0] INITVAL_00 = 320'h0,
  parameter [319:0] INITVAL_01 = 320'h0,
  parameter [319:0] INITVAL_02 = 320'h0,
  parameter [319:0] INITVAL_03 = 320'h0,
  parameter [319:0] INITVAL_04 = 320'h0,
  parameter [319:0] INITVAL_05 = 320'h0,
  parameter [319:0] INITVAL_06 = 320'h0,
  parameter [319:0] INITVAL_07 = 320'h0,
  parameter [319:0] INITVAL_08 = 320'h0,
  parameter [319:0] INITVAL_09 = 320'h0,
  parameter [319:0] INITVAL_0A = 320'h0,
  parameter [319:0] INITVAL_0B = 320'h0,
  parameter [319:0] INITVAL_0C = 320'h0,
  parameter [319:0] INITVAL_0D = 320'h0,
  parameter [319:0] INITVAL_0E = 320'h0,
  parameter [319:0] INITVAL_0F = 320'h0,
  parameter [319:0] INITVAL_10 = 320'h0,
  parameter [319:0] INITVAL_11 = 320'h0,
  parameter [319:0] INITVAL_12 = 320'h0,
  parameter [319:0] INITVAL_13 = 320'h0,
  parameter [319:0] INITVAL_14 = 320'h0,
  parameter [319:0] INITVAL_15 = 320'h0,
  parameter [319:0] INITVAL_16 = 320'h0,
  parameter [319:0] INITVAL_17 = 320'h0,
  parameter [319:0] INITVAL_18 = 320'h0,
  parameter [319:0] INITVAL_19 = 320'h0,
  parameter [319:0] INITVAL_1A = 320'h0,
  parameter [319:0] INITVAL_1B = 320'h0,
  parameter [319:0] INITVAL_1C = 320'h0,
  parameter [319:0] INITVAL_1D = 320'h0,
  parameter [319:0] INITVAL_1E = 320'h0,
  parameter [319:0] INITVAL_1F = 320'h0,
  parameter [319:0] INITVAL_20 = 320'h0,
  parameter [319:0] INITVAL_21 = 320'h0,
  parameter [319:0] INITVAL_22 = 320'h0,
  parameter [319:0] INITVAL_23 = 320'h0,
  parameter [319:0] INITVAL_24 = 320'h0,
  parameter [319:0] INITVAL_25 = 320'h0,
  parameter [319:0] INITVAL_26 = 320'h0,
  parameter [319:0] INITVAL_27 = 320'h0,
  parameter [319:0] INITVAL_28 = 320'h0,
  parameter [319:0] INITVAL_29 = 320'h0,
  parameter [319:0] INITVAL_2A = 320'h0,
  parameter [319:0] INITVAL_2B = 320'h0,
  parameter [319:0] INITVAL_2C = 320'h0,
  parameter [319:0] INITVAL_2D = 320'h0,
  parameter [319:0] INITVAL_2E = 320'h0,
  parameter [319:0] INITVAL_2F = 320'h0,
  parameter [319:0] INITVAL_30 = 320'h0,
  parameter [319:0] INITVAL_31 = 320'h0,
  parameter [319:0] INITVAL_32 = 320'h0,
  parameter [319:0] INITVAL_33 = 320'h0,
  parameter [319:0] INITVAL_34 = 320'h0,
  parameter [319:0] INITVAL_35 = 320'h0,
  parameter [319:0] INITVAL_36 = 320'h0,
  parameter [319:0] INITVAL_37 = 320'h0,
  parameter [319:0] INITVAL_38 = 320'h0,
  parameter [319:0] INITVAL_39 = 320'h0,
  parameter [319:0] INITVAL_3A = 320'h0,
  parameter [319:0] INITVAL_3B = 320'h0,
  parameter [319:0] INITVAL_3C = 320'h0,
  parameter [319:0] INITVAL_3D = 320'h0,
  parameter [319:0] INITVAL_3E = 320'h0,
  parameter [319:0] INITVAL_3F = 320'h0
) (
  input  wire
    DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4,
    DIA3, DIA2, DIA1, DIA0,
  input  wire
    ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
  input  wire CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
  output wire
    DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4,
    DOA3, DOA2, DOA1, DOA0,
  input  wire
    DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4,
    DIB3, DIB2, DIB1, DIB0,
  input  wire
    ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
  input  wire CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
  output wire
    DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4,
    DOB3, DOB2, DOB1, DOB0
);
  generate
    if (DATA_WIDTH_A != 1 && DATA_WIDTH_A != 2 && DATA_WIDTH_A != 4 && DATA_WIDTH_A != 9 &&
        DATA_WIDTH_A != 18 && DATA_WIDTH_A != 36) begin : g_width_a
      DP16KD_of_this_DATA_WIDTH_A_has_no_model refused ();
    end
    if (REGMODE_A != "NOREG" && REGMODE_A != "OUTREG") begin : g_regmode_a
      DP16KD_of_this_REGMODE_A_has_no_model refused ();
    end
    if (WRITEMODE_A != "NORMAL" && WRITEMODE_A != "WRITETHROUGH" &&
        WRITEMODE_A != "READBEFOREWRITE") begin : g_writemode_a
      DP16KD_of_this_WRITEMODE_A_has_no_model refused ();
    end
    if (CSDECODE_A != "0b000") begin : g_csdecode_a
      DP16KD_of_this_CSDECODE_A_has_no_model refused ();
    end
    if (CLKAMUX != "CLKA" && CLKAMUX != "INV") begin : g_clkmux_a
      DP16KD_of_this_CLKAMUX_has_no_model refused ();
    end
    if (DATA_WIDTH_B != 1 && DATA_WIDTH_B != 2 && DATA_WIDTH_B != 4 && DATA_WIDTH_B != 9 &&
        DATA_WIDTH_B != 18 && DATA_WIDTH_B != 36) begin : g_width_b
      DP16KD_of_this_DATA_WIDTH_B_has_no_model refused ();
    end
    if (REGMODE_B != "NOREG" && REGMODE_B != "OUTREG") begin : g_regmode_b
      DP16KD_of_this_REGMODE_B_has_no_model refused ();
    end
    if (WRITEMODE_B != "NORMAL" && WRITEMODE_B != "WRITETHROUGH" &&
        WRITEMODE_B != "READBEFOREWRITE") begin : g_writemode_b
      DP16KD_of_this_WRITEMODE_B_has_no_model refused ();
    end
    if (CSDECODE_B != "0b000") begin : g_csdecode_b
      DP16KD_of_this_CSDECODE_B_has_no_model refused ();
    end
    if (CLKBMUX != "CLKB" && CLKBMUX != "INV") begin : g_clkmux_b
      DP16KD_of_this_CLKBMUX_has_no_model refused ();
    end
    if (RESETMODE != "SYNC" && RESETMODE != "ASYNC") begin : g_resetmode
      DP16KD_of_this_RESETMODE_has_no_model refused ();
    end
    if (REGMODE_A != REGMODE_B && DATA_WIDTH_B == 36) begin : g_mixed
      DP16KD_of_this_mixed_REGMODE_has_no_model refused ();
    end
  endgenerate

  wire [17:0] di_a = {
    DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4,
    DIA3, DIA2, DIA1, DIA0
  };
  wire [13:0] ad_a = {
    ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0
  };
  wire [17:0] di_b = {
    DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4,
    DIB3, DIB2, DIB1, DIB0
  };
  wire [13:0] ad_b = {
    ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0
  };

  // -- contents: 512 words of 36 bits --------------------------------------------------------------
  localparam [20479:0] CONTENTS = {
    INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38,
    INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34, INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30,
    INITVAL_2F, INITVAL_2E, INITVAL_2D, INITVAL_2C, INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28,
    INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24, INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20,
    INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C, INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
    INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10,
    INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08,
    INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04, INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00
  };
  reg [35:0] memory [0:511];
`ifndef DP16KD_WITHOUT_CONTENTS  // who sets them in another way: Yosys is slow here
  reg [20479:0] contents;  // Icarus takes a constant of this width apart very slowly
  integer k;
  initial begin
    contents = CONTENTS;
    for (k = 0; k < 512; k = k + 1)
      memory[k] = {contents[40*k + 20 +: 18], contents[40*k +: 18]};
  end
`endif

  // -- where a port's word lies among the 36 bits of a row --------------------------------------------
  function [35:0] ones(input integer width);
    ones = (width == 36) ? {36{1'b1}} : (36'h1 << width) - 36'h1;
  endfunction
  function [5:0] place(input integer width, input [4:0] ad);
    case (width)
      36: place = 6'd0;
      18: place = 6'd18 * {5'b0, ad[4]};
      9:  place = 6'd9 * {4'b0, ad[4:3]};
      4:  place = 6'd9 * {4'b0, ad[4:3]} + {3'b0, ad[2], 2'b0};
      2:  place = 6'd9 * {4'b0, ad[4:3]} + {3'b0, ad[2:1], 1'b0};
      default: place = 6'd9 * {4'b0, ad[4:3]} + {3'b0, ad[2:0]};
    endcase
  endfunction
  function [35:0] enabled(input integer width, input [3:0] ad);
    case (width)
      36: enabled = {{9{ad[3]}}, {9{ad[2]}}, {9{ad[1]}}, {9{ad[0]}}};
      18: enabled = {18'b0, {9{ad[1]}}, {9{ad[0]}}};
      default: enabled = ones(width);
    endcase
  endfunction

  // -- what both ports write in one cycle ------------------------------------------------------------
  localparam [35:0] UNKNOWN = {36{1'bx}};
  wire        same = row_a == row_b;
  wire [35:0] both = (set_a & put_a & ~put_b) | (set_b & put_b & ~put_a) | (UNKNOWN & put_a & put_b);

  // -- port A ---------------------------------------------------------------------------------------
  wire        clk_a   = (CLKAMUX == "INV") ? !CLKA : CLKA;
  wire        on_a    = CEA && !CSA2 && !CSA1 && !CSA0;
  wire        write_a = on_a && WEA && !(RESETMODE == "SYNC" && RSTA);
  wire [8:0]  row_a   = ad_a[13:5];
  wire [5:0]  place_a = place(DATA_WIDTH_A, ad_a[4:0]);
  wire [35:0] set_a   = ((DATA_WIDTH_A == 36) ? {di_b, di_a} : {18'b0, di_a}) << place_a;
  wire [35:0] put_a   = write_a ? enabled(DATA_WIDTH_A, ad_a[3:0]) << place_a : 36'b0;
  wire [35:0] clash_a = same ? put_b : 36'b0;
  wire [35:0] old_a   = (memory[row_a] & ~clash_a) | (UNKNOWN & clash_a);
  wire [35:0] new_a   = (old_a & ~put_a) | (set_a & put_a & ~clash_a) | (UNKNOWN & put_a & clash_a);
  wire [35:0] shown_a = (WRITEMODE_A == "WRITETHROUGH") ? new_a : old_a;
  wire        show_a  = on_a && !(write_a && WRITEMODE_A == "NORMAL");
  always @(posedge clk_a) if (write_a) memory[row_a] <= (new_a & ~clash_a) | (both & clash_a);

  reg [35:0] read_a, out_a;
  initial begin
    read_a = 36'b0;
    out_a  = 36'b0;
  end
  generate
    if (RESETMODE == "ASYNC") begin : g_async_a
      always @(posedge clk_a or posedge RSTA)
        if (RSTA) read_a <= 36'b0;
        else if (show_a) read_a <= (shown_a >> place_a) & ones(DATA_WIDTH_A);
      always @(posedge clk_a or posedge RSTA)
        if (RSTA) out_a <= 36'b0;
        else if (OCEA) out_a <= read_a;
    end else begin : g_sync_a
      always @(posedge clk_a)
        if (RSTA) read_a <= 36'b0;
        else if (show_a) read_a <= (shown_a >> place_a) & ones(DATA_WIDTH_A);
      always @(posedge clk_a)
        if (RSTA) out_a <= 36'b0;
        else if (OCEA) out_a <= read_a;
    end
  endgenerate
  wire [35:0] do_a = (REGMODE_A == "OUTREG") ? out_a : read_a;

  // -- port B ---------------------------------------------------------------------------------------
  wire        clk_b   = (CLKBMUX == "INV") ? !CLKB : CLKB;
  wire        on_b    = CEB && !CSB2 && !CSB1 && !CSB0;
  wire        write_b = on_b && WEB && !(RESETMODE == "SYNC" && RSTB);
  wire [8:0]  row_b   = ad_b[13:5];
  wire [5:0]  place_b = place(DATA_WIDTH_B, ad_b[4:0]);
  wire [35:0] set_b   = {18'b0, di_b} << place_b;
  wire [35:0] put_b   = write_b ? enabled(DATA_WIDTH_B, ad_b[3:0]) << place_b : 36'b0;
  wire [35:0] clash_b = same ? put_a : 36'b0;
  wire [35:0] old_b   = (memory[row_b] & ~clash_b) | (UNKNOWN & clash_b);
  wire [35:0] new_b   = (old_b & ~put_b) | (set_b & put_b & ~clash_b) | (UNKNOWN & put_b & clash_b);
  wire [35:0] shown_b = (WRITEMODE_B == "WRITETHROUGH") ? new_b : old_b;
  wire        show_b  = on_b && !(write_b && WRITEMODE_B == "NORMAL");
  always @(posedge clk_b) if (write_b) memory[row_b] <= (new_b & ~clash_b) | (both & clash_b);

  reg [35:0] read_b, out_b;
  initial begin
    read_b = 36'b0;
    out_b  = 36'b0;
  end
  generate
    if (RESETMODE == "ASYNC") begin : g_async_b
      always @(posedge clk_b or posedge RSTB)
        if (RSTB) read_b <= 36'b0;
        else if (show_b) read_b <= (shown_b >> place_b) & ones(DATA_WIDTH_B);
      always @(posedge clk_b or posedge RSTB)
        if (RSTB) out_b <= 36'b0;
        else if (OCEB) out_b <= read_b;
    end else begin : g_sync_b
      always @(posedge clk_b)
        if (RSTB) read_b <= 36'b0;
        else if (show_b) read_b <= (shown_b >> place_b) & ones(DATA_WIDTH_B);
      always @(posedge clk_b)
        if (RSTB) out_b <= 36'b0;
        else if (OCEB) out_b <= read_b;
    end
  endgenerate
  wire [35:0] do_b = (REGMODE_B == "OUTREG") ? out_b : read_b;

  assign {
    DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4,
    DOB3, DOB2, DOB1, DOB0
  } = (DATA_WIDTH_B == 36) ? do_b[35:18] : do_b[17:0];
  assign {
    DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4,
    DOA3, DOA2, DOA1, DOA0
  } = (DATA_WIDTH_B == 36) ? do_b[17:0] : (DATA_WIDTH_A == 36) ? 18'bx : do_a[17:0];
endmodule
`default_nettype wire
