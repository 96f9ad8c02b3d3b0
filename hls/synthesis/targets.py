"""Define the FPGAs for which designs can be synthesised, with their resources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rfssm.errors import HardwareError, check_kind
from rfssm.hls.synthesis.netlist_cells import Cells


@dataclass(frozen=True)
class Resource:
    """One resource of a device.

    name     nextpnr's name
    words    name for a reader
    count    number on the device
    """

    name: str
    words: str
    count: int


@dataclass(frozen=True)
class Target:
    """A device, or with ``device`` empty a family that only its vendor's tool can place.

    family            family to which Yosys maps
    device            nextpnr's flag
    package           package of the device, which determines the number of pins
    pins              inputs and outputs of the package
    speeds            speed grades, the default first; none if the device has only one
    frequency_mhz     default frequency that a placement aims at
    logic, dsp ...    resources of the device
    """

    name: str
    family: str
    device: str = ""
    package: str = ""
    pins: int = 0
    speeds: tuple[str, ...] = ()
    frequency_mhz: float = 200.0
    part: str = ""  # Vivado's default
    logic: Resource | None = None
    ff: Resource | None = None
    dsp: Resource | None = None
    block_ram: Resource | None = None
    lut_ram: Resource | None = None

    @property
    def placed(self) -> bool:
        """Whether an open tool places designs on it."""
        return bool(self.device)

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The resources that are counted on the device."""
        every = (self.logic, self.ff, self.dsp, self.block_ram, self.lut_ram)
        return tuple(resource for resource in every if resource is not None)

    def needs(self, cells: Cells) -> dict[str, int]:
        """Return a lower bound on the resources that cells need, by nextpnr's names.

        Packing adds some logic: ends of carry chains, registers whose look-up table is used.
        """
        if self.family == "ecp5":
            # a carry holds two look-up tables, a LUT memory of 16 x 4 bits four
            logic = cells.lut + 2 * cells.carry + 4 * cells.lut_ram
        else:
            logic = max(cells.lut, cells.ff)  # a logic cell is one of each, and a carry
        amounts = {
            self.logic: logic,
            self.ff: cells.ff,
            self.dsp: cells.dsp,
            self.block_ram: cells.block_ram,
            self.lut_ram: cells.lut_ram,
        }
        return {r.name: amount for r, amount in amounts.items() if r is not None}

    def check_fits(self, cells: Cells) -> None:
        """Raise HardwareError, naming the resources that are short, if the cells do not fit."""
        self.check_room(self.needs(cells))

    def check_room(self, needs: dict[str, int]) -> None:
        """Raise HardwareError if the device has too few of a resource."""
        if shortage := self._shortage(needs):
            short = [r for r in self.resources if needs.get(r.name, 0) > r.count]
            fewer = "fewer --neuron-lanes" if short == [self.dsp] else "fewer lanes"
            raise HardwareError(
                f"the design does not fit {self.name}: it needs {shortage}; choose {fewer}"
                f"{self.or_larger(needs)}"
            )

    def short(self, cells: Cells) -> str:
        """Return the resources that cells exceed, in words; an empty text if the cells fit."""
        return self._shortage(self.needs(cells))

    def _shortage(self, needs: dict[str, int]) -> str:
        return ", ".join(
            f"{needs[r.name]:,} {r.words} where the device has {r.count:,}"
            for r in self.resources
            if needs.get(r.name, 0) > r.count
        )

    def or_larger(self, needs: dict[str, int]) -> str:
        """Return the end of an error message that names larger devices with enough resources."""
        larger = [t for t in TARGETS.values() if t.family == self.family and t.room > self.room]
        holding = ", ".join(t.name for t in larger if not t._shortage(needs))
        return f" or a larger target: {holding}" if holding else ""

    @property
    def room(self) -> int:
        """The amount of logic on the device; 0 if it is not known."""
        return self.logic.count if self.logic else 0

    def speed(self, wanted: str | None) -> str | None:
        """Return the wanted speed grade, or the default.  Raises HardwareError if unknown."""
        if wanted is None:
            return self.speeds[0] if self.speeds else None
        if wanted not in self.speeds:
            allowed = f"must be {', '.join(self.speeds)}" if self.speeds else "has none to choose"
            raise HardwareError(f"speed = {wanted}: {self.name} {allowed}")
        return wanted


def _targets() -> Iterator[Target]:
    ecp5 = (
        ("25k", "CABGA381", 197, 24_288, 28, 56),
        ("45k", "CABGA381", 203, 43_848, 72, 108),
        ("85k", "CABGA756", 365, 83_640, 156, 208),
    )
    for size, package, pins, logic, dsp, ram in ecp5:
        yield Target(
            name=f"ecp5-{size}",
            family="ecp5",
            device=f"--{size}",
            package=package,
            pins=pins,
            speeds=("6", "7", "8"),
            logic=Resource("TRELLIS_COMB", "look-up tables", logic),
            ff=Resource("TRELLIS_FF", "flip-flops", logic),
            dsp=Resource("MULT18X18D", "multipliers (MULT18X18D)", dsp),
            block_ram=Resource("DP16KD", "block memories (DP16KD)", ram),
            lut_ram=Resource("TRELLIS_RAMW", "LUT memories", logic // 8),
        )
    yield Target(
        name="ice40-up5k",
        family="ice40",
        device="--up5k",
        package="sg48",
        pins=39,
        frequency_mhz=30.0,
        logic=Resource("ICESTORM_LC", "logic cells", 5_280),
        dsp=Resource("ICESTORM_DSP", "multipliers (SB_MAC16)", 8),
        block_ram=Resource("ICESTORM_RAM", "block memories (SB_RAM40_4K)", 30),
    )
    yield Target(
        name="ice40-hx8k",
        family="ice40hx",
        device="--hx8k",
        package="ct256",
        pins=206,
        frequency_mhz=100.0,
        logic=Resource("ICESTORM_LC", "logic cells", 7_680),
        block_ram=Resource("ICESTORM_RAM", "block memories (SB_RAM40_4K)", 32),
    )
    yield Target(name="xc7", family="xc7", part="xc7a100tcsg324-1")
    yield Target(name="xcup", family="xcup", part="xczu3eg-sbva484-1-e")


TARGETS = {target.name: target for target in _targets()}
"""All targets by name."""


def check_target(target: object) -> None:
    """Raise HardwareError if the argument is not a Target, saying how to get one."""
    way = "rfssm.hls.synthesis.targets.target finds one by its name"
    check_kind("target", target, Target, way, HardwareError)


def target(name: str) -> Target:
    """Return the target of a name.  Raises HardwareError for an unknown name."""
    if name not in TARGETS:
        raise HardwareError(f"target = {name!r}: must be one of {', '.join(TARGETS)}")
    return TARGETS[name]
