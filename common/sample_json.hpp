#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/cpu_sample.hpp"
#include "common/messages.hpp"

/// The JSON of samples, the line that comes every second from every agent: read in one pass that
/// also judges the line as a whole, written without a detour.  messages.hpp is what others use.
///
/// Threads: everything here is pure, callable from anywhere.
namespace cpu_monitor {

/// The largest integer of any field, unless the field says less.
inline constexpr std::uint64_t kMaxWireInteger = kMaxTicks;

/// Who wrote a line: agents send samples, exporters send counters to go on from.
enum class Sender : std::uint8_t { agent, exporter };

/// What one pass over a line finds.
struct ScannedLine {
  std::optional<std::string> type;  ///< none when it is missing or not a string
  CpuSample sample;                 ///< an agent's line, read as a sample
  std::optional<Resume> resume;     ///< an exporter's line, read as a welcome
  /// Why `sample` or `resume` can't be used, should `type` say that it is one.
  std::optional<Error<RefusalCode>> fault;
};

/// Judges a whole line (bad_json: not one object, syntax, UTF-8, depth, a key twice; bad_field: a
/// number too large for any field) and reads the fields of a sample or a resume on the way, without
/// a tree of the rest in memory.  Stops at once where the nesting gets too deep.  The memory of
/// `spare` serves for the sample; its values count for nothing.
[[nodiscard]] Decoded<ScannedLine> scan_line(std::string_view line, Sender sender,
                                             CpuSample spare = {});

/// Appends the sample as a JSON object.  REQUIRES: every value within its range (docs/protocol.md).
void append_sample(std::string& line, const CpuSample& sample);

/// Appends the counters as a JSON object, the one of a sample and of a welcome's resume.
void append_cpu(std::string& line, const CpuCounters& cpu);

}  // namespace cpu_monitor
