"""Machines of many shapes as folders: what Linux shows of them in /proc and /sys.

The numbers are random, but the same in every run: a shape seeds its own generator with its name.
"""

import dataclasses
import pathlib
import random

TICKS_PER_SECOND = 100
TICKS_PER_YEAR = 365 * 86400 * TICKS_PER_SECOND
MODES = (
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"
)


@dataclasses.dataclass
class Model:
    """A kind of CPU, as a block of /proc/cpuinfo names it."""

    vendor: str
    family: int
    model: int
    name: str
    stepping: int
    microcode: str = ""
    cache: str = ""


@dataclasses.dataclass
class Clock:
    """The cpufreq folder of a CPU, in kHz.  `hardware_khz`: absent where only firmware knows."""

    min_khz: int
    max_khz: int
    scaling_khz: int
    scaling_min_khz: int
    scaling_max_khz: int
    hardware_khz: int | None = None
    driver: str = "intel_pstate"
    governor: str = "powersave"
    governors: tuple = ("performance", "powersave")


@dataclasses.dataclass
class Cpu:
    number: int
    package: int
    core: int
    model: Model | None = None
    clock: Clock | None = None
    core_throttles: int | None = None
    package_throttles: int | None = None
    ticks: list = dataclasses.field(default_factory=list)  # none: it is offline
    schedstat: tuple = ()  # ns ran, ns waited, timeslices

    def is_online(self):
        return bool(self.ticks)


@dataclasses.dataclass
class Zone:
    type: str
    millicelsius: int
    mode: str | None = "enabled"


@dataclasses.dataclass
class Machine:
    cpus: list
    random: random.Random
    zones: list = dataclasses.field(default_factory=list)
    isolated: str = ""
    possible: int = 0  # 0: as many as there are
    arm: bool = False

    def __post_init__(self):
        draw = self.random.randrange
        self.load = [f"{draw(0, 20000) / 100:.2f}" for _ in range(3)]
        self.interrupts = draw(10**9, 10**13)
        self.context_switches = draw(2**53, 2**60)
        self.boot_time = draw(1_400_000_000, 1_900_000_000)
        self.forks = draw(10**5, 10**9)
        self.running = draw(1, 500)
        self.blocked = draw(0, 50)
        self.pressure_us = {
            name: (draw(10**9, 10**15), draw(10**6, 10**12))
            for name in ("cpu", "io", "memory", "irq")
        }

    def online(self):
        return [cpu for cpu in self.cpus if cpu.is_online()]

    def newer_families(self):
        """What node_exporters newer than Debian's say of it: {family: {labels: value}}."""
        online = {
            frozenset({("cpu", str(cpu.number))}): float(cpu.is_online()) for cpu in self.cpus
        }
        governors = {
            frozenset({("cpu", str(cpu.number)), ("governor", governor)}):
                float(governor == cpu.clock.governor)
            for cpu in self.online() if cpu.clock
            for governor in cpu.clock.governors
        }
        stalled = {frozenset(): self.pressure_us["irq"][1] / 1e6}
        families = {
            "node_cpu_online": online,
            "node_cpu_scaling_governor": governors,
            "node_pressure_irq_stalled_seconds_total": stalled,
        }
        return {family: series for family, series in families.items() if series}

    def write(self, folder):
        """Makes `proc` and `sys` in the folder and returns both paths."""
        procfs, sysfs = pathlib.Path(folder) / "proc", pathlib.Path(folder) / "sys"
        self._write_procfs(procfs)
        self._write_sysfs(sysfs)
        return procfs, sysfs

    # procfs

    def _write_procfs(self, procfs):
        put(procfs / "stat", self.stat_text())
        put(procfs / "loadavg", f"{' '.join(self.load)} 3/1234 56789\n")
        put(procfs / "schedstat", self._schedstat())
        put(procfs / "cpuinfo", self._cpuinfo_arm() if self.arm else self._cpuinfo_x86())
        put(procfs / "sys/kernel/random/boot_id", "6b8c6f7e-3f0e-4d43-9f65-2f8b1f7a9c11\n")
        for name, (some, full) in self.pressure_us.items():
            lines = [] if name == "irq" else [pressure_line("some", some)]
            put(procfs / "pressure" / name, "".join([*lines, pressure_line("full", full)]))

    def stat_text(self):
        """/proc/stat as it is now."""
        ticks = [cpu.ticks for cpu in self.online()]
        lines = [f"cpu  {' '.join(str(sum(column)) for column in zip(*ticks))}"]
        lines += [f"cpu{cpu.number} {' '.join(map(str, cpu.ticks))}" for cpu in self.online()]
        vectors = [self.random.randrange(0, 10**6) for _ in range(40)]
        softirqs = [self.random.randrange(0, 10**9) for _ in range(10)]
        lines += [
            f"intr {self.interrupts} {' '.join(map(str, vectors))}",
            f"ctxt {self.context_switches}",
            f"btime {self.boot_time}",
            f"processes {self.forks}",
            f"procs_running {self.running}",
            f"procs_blocked {self.blocked}",
            f"softirq {sum(softirqs)} {' '.join(map(str, softirqs))}",
        ]
        return "\n".join(lines) + "\n"

    def _schedstat(self):
        lines = ["version 15", "timestamp 4379912345"]
        for cpu in self.online():
            lines.append(f"cpu{cpu.number} 0 0 0 0 0 0 {' '.join(map(str, cpu.schedstat))}")
            for domain in range(2):
                lines.append(f"domain{domain} {'f' * 8} " + " ".join(["17"] * 36))
        return "\n".join(lines) + "\n"

    def _cpuinfo_x86(self):
        return "".join(self._cpuinfo_block_x86(cpu) + "\n" for cpu in self.online())

    def _cpuinfo_block_x86(self, cpu):
        model = cpu.model
        siblings = [other for other in self.online() if other.package == cpu.package]
        fields = [
            ("processor\t", cpu.number),
            ("vendor_id\t", model.vendor),
            ("cpu family\t", model.family),
            ("model\t\t", model.model),
            ("model name\t", model.name),
            ("stepping\t", model.stepping),
            ("microcode\t", model.microcode),
            ("cpu MHz\t\t", f"{self.random.uniform(800, 4000):.3f}"),
            ("cache size\t", model.cache),
            ("physical id\t", cpu.package),
            ("siblings\t", len(siblings)),
            ("core id\t\t", cpu.core),
            ("cpu cores\t", len({other.core for other in siblings})),
            ("apicid\t\t", 2 * cpu.number),
            ("initial apicid\t", 2 * cpu.number),
            ("fpu\t\t", "yes"),
            ("fpu_exception\t", "yes"),
            ("cpuid level\t", 22),
            ("wp\t\t", "yes"),
            ("flags\t\t", "fpu vme de pse tsc msr pae mce cx8 apic"),
            ("bugs\t\t", "spectre_v1 spectre_v2"),
            ("bogomips\t", "5199.98"),
            ("clflush size\t", 64),
            ("cache_alignment\t", 64),
            ("address sizes\t", "46 bits physical, 48 bits virtual"),
            ("power management", ""),
        ]
        # What a kernel does not know has no line, or one without a value.
        absent = {"microcode\t", "cache size\t"}
        return "".join(
            f"{key}:{' ' if value != '' else ''}{value}\n"
            for key, value in fields if value != "" or key not in absent
        )

    def _cpuinfo_arm(self):
        fields = (
            "BogoMIPS\t: 108.00\n"
            "Features\t: fp asimd evtstrm crc32 cpuid\n"
            "CPU implementer\t: 0x41\n"
            "CPU architecture: 8\n"
            "CPU variant\t: 0x0\n"
            "CPU part\t: 0xd08\n"
            "CPU revision\t: 3\n\n"
        )
        blocks = [f"processor\t: {cpu.number}\n{fields}" for cpu in self.online()]
        board = "Hardware\t: BCM2835\nRevision\t: c03111\nSerial\t\t: 10000000abcdef01\n"
        return "".join(blocks) + board + "Model\t\t: Raspberry Pi 4 Model B Rev 1.1\n"

    # sysfs

    def _write_sysfs(self, sysfs):
        cpus = sysfs / "devices/system/cpu"
        online = {cpu.number for cpu in self.online()}
        possible = set(range(self.possible or len(self.cpus)))
        put(cpus / "online", cpu_list(online) + "\n")
        put(cpus / "offline", cpu_list(possible - online) + "\n")
        put(cpus / "possible", cpu_list(possible) + "\n")
        put(cpus / "present", cpu_list({cpu.number for cpu in self.cpus}) + "\n")
        put(cpus / "isolated", self.isolated + "\n")
        # Neighbours that are no CPU, as every kernel has them.
        put(cpus / "cpuidle/current_driver", "none\n")
        (cpus / "cpufreq").mkdir()
        for cpu in self.cpus:
            self._write_cpu(cpus / f"cpu{cpu.number}", cpu)
        (sysfs / "class/thermal/cooling_device0").mkdir(parents=True)
        put(sysfs / "class/thermal/cooling_device0/type", "Processor\n")
        put(sysfs / "class/thermal/cooling_device0/cur_state", "0\n")
        put(sysfs / "class/thermal/cooling_device0/max_state", "10\n")
        for number, zone in enumerate(self.zones):
            write_zone(sysfs / f"class/thermal/thermal_zone{number}", zone)

    def _write_cpu(self, folder, cpu):
        folder.mkdir()
        if cpu.number != 0:  # the boot CPU can't leave, so it has no switch
            put(folder / "online", f"{cpu.is_online():d}\n")
        if not cpu.is_online():
            return
        package = [other for other in self.online() if other.package == cpu.package]
        threads = [other for other in package if other.core == cpu.core]
        put(folder / "topology/physical_package_id", f"{cpu.package}\n")
        put(folder / "topology/core_id", f"{cpu.core}\n")
        for name, group in (("core_siblings_list", package), ("thread_siblings_list", threads)):
            put(folder / "topology" / name, cpu_list({other.number for other in group}) + "\n")
        if cpu.core_throttles is not None:
            put(folder / "thermal_throttle/core_throttle_count", f"{cpu.core_throttles}\n")
        if cpu.package_throttles is not None:
            put(folder / "thermal_throttle/package_throttle_count", f"{cpu.package_throttles}\n")
        if cpu.clock:
            write_clock(folder / "cpufreq", cpu)


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def pressure_line(kind, total_us):
    return f"{kind} avg10=0.12 avg60=3.45 avg300=6.78 total={total_us}\n"


def write_clock(folder, cpu):
    clock = cpu.clock
    for name, value in {
        "cpuinfo_min_freq": clock.min_khz,
        "cpuinfo_max_freq": clock.max_khz,
        "cpuinfo_cur_freq": clock.hardware_khz,
        "cpuinfo_transition_latency": 20000,
        "scaling_cur_freq": clock.scaling_khz,
        "scaling_min_freq": clock.scaling_min_khz,
        "scaling_max_freq": clock.scaling_max_khz,
        "scaling_available_governors": " ".join(clock.governors),
        "scaling_driver": clock.driver,
        "scaling_governor": clock.governor,
        "scaling_setspeed": "<unsupported>",
        "related_cpus": cpu.number,
    }.items():
        if value is not None:
            put(folder / name, f"{value}\n")


def write_zone(folder, zone):
    put(folder / "type", f"{zone.type}\n")
    put(folder / "policy", "step_wise\n")
    put(folder / "temp", f"{zone.millicelsius}\n")
    if zone.mode:
        put(folder / "mode", f"{zone.mode}\n")


def cpu_list(numbers):
    """As the kernel prints sets of CPUs: "0-3,8,10-11"."""
    runs = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


# Drawing


def draw_ticks(rng, years=3, steal=False, guest=False):
    """Ten columns of some years of uptime, not one like another."""
    share = {"user": 0.2, "nice": 0.01, "system": 0.1, "idle": 0.6, "iowait": 0.05,
             "irq": 0.005, "softirq": 0.01, "steal": 0.02 if steal else 0}
    ticks = {
        mode: int(part * rng.uniform(0.5, 1) * years * TICKS_PER_YEAR)
        for mode, part in share.items()
    }
    # Guest time is inside user time, guest_nice inside nice.
    ticks["guest"] = rng.randrange(ticks["user"]) if guest else 0
    ticks["guest_nice"] = rng.randrange(ticks["nice"]) if guest else 0
    return [ticks[mode] for mode in MODES]


def draw_schedstat(rng):
    # Above 2^53 ns (104 days), where not every number is a double.
    return rng.randrange(2**53, 2**57), rng.randrange(2**53, 2**62), rng.randrange(2**31, 2**60)


def draw_clock(rng, min_khz, max_khz, **fields):
    return Clock(
        min_khz=min_khz,
        max_khz=max_khz,
        scaling_khz=rng.randrange(min_khz, max_khz),
        scaling_min_khz=min_khz + 1000,
        scaling_max_khz=max_khz - 1000,
        **fields,
    )


def fill(rng, cpus, **ticks):
    """Gives every CPU its counters."""
    for cpu in cpus:
        cpu.ticks = draw_ticks(rng, **ticks)
        cpu.schedstat = draw_schedstat(rng)
    return cpus


def heat(rng, cpus):
    """Throttle counts: the threads of a core show the same one, and all of a package."""
    cores = {(cpu.package, cpu.core): rng.randrange(0, 10**6) for cpu in cpus}
    packages = {cpu.package: rng.randrange(0, 2**40) for cpu in cpus}
    for cpu in cpus:
        cpu.core_throttles = cores[cpu.package, cpu.core]
        cpu.package_throttles = packages[cpu.package]
    return cpus


XEON = Model(
    vendor="GenuineIntel", family=6, model=106, stepping=6, microcode="0xd0003a5",
    name="Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", cache="55296 KB",
)
EPYC = Model(
    vendor="AuthenticAMD", family=25, model=1, stepping=1, microcode="0xa0011d1",
    name="AMD EPYC 7763 64-Core Processor", cache="512 KB",
)
ATOM = Model(
    vendor="GenuineIntel", family=6, model=92, stepping=9, microcode="0x48",
    name="Intel(R) Atom(TM) Processor E3930 @ 1.30GHz", cache="1024 KB",
)
P_CORE = Model(
    vendor="GenuineIntel", family=6, model=154, stepping=3, microcode="0x430",
    name="12th Gen Intel(R) Core(TM) i7-1260P", cache="18432 KB",
)
E_CORE = dataclasses.replace(P_CORE, name='12th Gen Intel(R) "E" \\core', cache="2048 KB")
VIRTUAL = Model(
    vendor="GenuineIntel", family=6, model=85, stepping=7, name="QEMU Virtual CPU version 2.5+"
)


# The shapes


def one_cpu(rng):
    cpus = [Cpu(0, package=0, core=0, model=ATOM, clock=draw_clock(rng, 800000, 1300000))]
    zones = [Zone("acpitz", -40000)]
    return Machine(heat(rng, fill(rng, cpus, years=12)), rng, zones=zones)


def eight_cpus(rng):
    """Four cores of two threads; three of the CPUs are isolated."""
    cpus = [
        Cpu(number, package=0, core=number % 4, model=XEON,
            clock=draw_clock(rng, 800000, 3500000 + 1000 * number, hardware_khz=2900001 + number))
        for number in range(8)
    ]
    zones = [Zone("x86_pkg_temp", 47000), Zone("acpitz", -273), Zone("INT3400 Thermal", 20001)]
    return Machine(heat(rng, fill(rng, cpus)), rng, zones=zones, isolated="2-3,6")


def many_cpus(rng):
    """256 CPUs: two packages of 64 cores of two threads."""
    cpus = [
        Cpu(number, package=number % 128 // 64, core=number % 64, model=EPYC,
            clock=draw_clock(rng, 1500000, 3529052, driver="acpi-cpufreq", governor="schedutil",
                             governors=("conservative", "ondemand", "userspace", "powersave",
                                        "performance", "schedutil")))
        for number in range(256)
    ]
    return Machine(heat(rng, fill(rng, cpus, years=10)), rng)


def two_nodes(rng):
    """Two packages; the numbers of their cores have gaps and come twice."""
    cpus = [
        Cpu(number, package=number % 2, core=(0, 1, 8, 9)[number // 2], model=XEON,
            clock=draw_clock(rng, 1200000, 2900000))
        for number in range(8)
    ]
    zones = [Zone("x86_pkg_temp", 51000, mode=None), Zone("x86_pkg_temp", 63999, mode=None)]
    return Machine(heat(rng, fill(rng, cpus)), rng, zones=zones)


def hybrid(rng):
    """Four cores of two threads, and four slower ones of another model with one each."""
    fast = [
        Cpu(number, package=0, core=4 * (number // 2), model=P_CORE,
            clock=draw_clock(rng, 400000, 4700000))
        for number in range(8)
    ]
    slow = [
        Cpu(number, package=0, core=16 + number, model=E_CORE,
            clock=draw_clock(rng, 400000, 3400000))
        for number in range(8, 12)
    ]
    zones = [Zone("x86_pkg_temp", 99999)]
    return Machine(heat(rng, fill(rng, fast + slow)), rng, zones=zones)


def unplugged(rng):
    """CPU 2 is offline, and the firmware could take four more."""
    cpus = [
        Cpu(number, package=0, core=number, model=XEON, clock=draw_clock(rng, 800000, 3500000))
        for number in range(4)
    ]
    heat(rng, fill(rng, cpus))
    cpus[2].ticks = []
    return Machine(cpus, rng, possible=8, zones=[Zone("x86_pkg_temp", 1)])


def virtual(rng):
    """A guest that has guests: steal and guest time, no clock, no heat."""
    cpus = [Cpu(number, package=number, core=0, model=VIRTUAL) for number in range(4)]
    return Machine(fill(rng, cpus, years=1, steal=True, guest=True), rng)


def arm_board(rng):
    cpus = [
        Cpu(number, package=0, core=number,
            clock=draw_clock(rng, 600000, 1500000, hardware_khz=1500000, driver="cpufreq-dt",
                             governor="ondemand", governors=("performance", "ondemand")))
        for number in range(4)
    ]
    return Machine(fill(rng, cpus), rng, zones=[Zone("cpu-thermal", 58426)], arm=True)


SHAPES = {
    shape.__name__: shape
    for shape in (
        one_cpu, eight_cpus, many_cpus, two_nodes, hybrid, unplugged, virtual, arm_board
    )
}


def make(name):
    return SHAPES[name](random.Random(name))
