#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/cpu_sample.hpp"
#include "common/messages.hpp"

/// What a line with a sample, or with a resume, may hold: a table of fields for sample_json.cpp,
/// which walks it.
///
/// Threads: the tables are constants.
namespace cpu_monitor {

/// A number as a line writes it: whole, whole with a minus sign (so -0 too), or with a fraction or
/// an exponent.  Always finite.
using Number = std::variant<std::uint64_t, std::int64_t, double>;

/// What a line has said so far, and where the next of a row of alike numbers goes.
struct Draft {
  Draft() = default;

  /// Nothing said yet; the lists of every sample will use the memory that `spare` has for them.
  explicit Draft(CpuSample spare) {
    if (spare.cpu) spare_cores = std::move(spare.cpu->cores);
    spare_cores.clear();
    sample.schedstat = std::move(spare.schedstat);
    sample.schedstat.clear();
  }

  CpuSample sample;
  std::optional<Resume> resume;
  std::vector<CoreTimes> spare_cores;  ///< empty

  CpuTimes* times = nullptr;            ///< of the CPU, or the total, whose row is open
  BurstHistogram* histogram = nullptr;  ///< whose object is open
  std::size_t bucket = 0;               ///< of `histogram`
  DiscardReason reason = DiscardReason::other;
};

/// What may stand at one place of a line: what it must be, in words too, and where it goes.
struct Field {
  enum class Kind : std::uint8_t {
    ignored,  ///< anything; this version does not know it
    type,     ///< the kind of the message
    number,
    object,
    row,      ///< an array of numbers, each with a meaning of its own
    list,     ///< an array of rows
    surplus,  ///< one row more than there may be
  };

  Kind kind = Kind::ignored;
  std::string_view key{};          ///< of a member of an object
  std::string_view requirement{};  ///< in words for the peer; empty: that of what it stands in
  RefusalCode code = RefusalCode::bad_field;  ///< when something else stands there

  /// The members of an object, in the order in which agents write them (at most 64); the numbers of
  /// a row, the last for all that follow too; the row of a list, then its surplus.
  const Field* parts = nullptr;
  std::size_t part_count = 0;
  std::size_t min_size =
      0;  ///< of an array; of an object, so many of its first members must be there
  std::size_t max_size = 0;  ///< of an array; what a row holds beyond it is ignored

  /// Puts a number where it belongs.  False: not one for this place.
  bool (*store)(Draft& draft, const Number& number) = nullptr;
  /// Object, row and list: before the first part, and behind the last.  Null: nothing to do.
  void (*open)(Draft& draft) = nullptr;
  bool (*close)(Draft& draft) = nullptr;
  /// An object whose keys are data, with one part for all of them.
  void (*take_key)(Draft& draft, std::string_view key) = nullptr;
};

inline constexpr Field kIgnored{};

/// The whole line of an agent, read as a sample, and of an exporter, read as a welcome.
extern const Field kAgentLine;
extern const Field kExporterLine;

}  // namespace cpu_monitor
