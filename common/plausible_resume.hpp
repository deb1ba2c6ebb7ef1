#pragma once

#include <cstdint>

#include "common/messages.hpp"

namespace cpu_monitor {

/// Whether a machine that has been up for `resume.uptime` can have counted that.
///
/// Whoever may claim a name could have said it to the exporter, and an exporter may say anything to
/// an agent: one that goes on from a counter at its limit shows it standing for ever.  Generous: it
/// is to keep out what cannot be, not what is odd.  Pure.
[[nodiscard]] bool is_plausible(const Resume& resume, std::uint32_t ticks_per_second);

}  // namespace cpu_monitor
