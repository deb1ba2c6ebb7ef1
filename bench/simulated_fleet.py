"""What bench-fleet's agents say, for the peers in Python: as bench/simulated_agent.cpp has it."""

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
TICKS_PER_SECOND = 100
PERCENT = 51.25
# Of the first CPU of the first agent, by mode.
FIRST_TICKS = (51_234_567, 31_234, 21_234_567, 512_345_678, 612_345, 0, 412_345, 51_234)
# Each agent has its own, else a page would compress better than a real one.
TICKS_BETWEEN_AGENTS = 997


def endpoint(agent):
    return f"sim-{agent + 1:05}"


def seconds(agent, cpu):
    """What this CPU spent in each mode: [(mode, seconds)].  Nothing stays nothing."""
    found = []
    for mode, first in zip(MODES, FIRST_TICKS):
        ticks = first + (first >> 10) * cpu % (first // 4 + 1)
        if ticks:
            ticks += agent * TICKS_BETWEEN_AGENTS
        found.append((mode, ticks / TICKS_PER_SECOND))
    return found
