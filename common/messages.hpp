#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/cpu_facts.hpp"
#include "common/cpu_sample.hpp"
#include "common/metric_group.hpp"
#include "common/name_table.hpp"
#include "common/recording.hpp"
#include "common/result.hpp"

/// The wire protocol, version 1: one JSON object a line.  docs/protocol.md is its page.
///
/// Threads: everything here is pure, callable from anywhere.
namespace cpu_monitor {

inline constexpr int kProtocolVersion = 1;

/// Lines are counted without their '\n'.
inline constexpr std::size_t kMaxLineBytesBeforeWelcome = std::size_t{4} * 1024;
inline constexpr std::size_t kMaxLineBytes = std::size_t{256} * 1024;
inline constexpr std::size_t kMaxJsonDepth = 6;
inline constexpr std::size_t kMaxTextBytes = 128;  ///< of every string of a peer that is shown
inline constexpr std::size_t kMaxRefusalMessageBytes = 512;
inline constexpr std::size_t kMaxLabels = 16;
inline constexpr std::size_t kMaxLabelNameBytes = 32;
inline constexpr std::uint32_t kMaxCpus = 1024;               ///< CPUs of one machine
inline constexpr std::uint32_t kMaxCpuId = 65535;             ///< the kernel's CPU number
inline constexpr std::uint32_t kMaxTopologyId = 0x7FFF'FFFF;  ///< of a package or core
inline constexpr std::size_t kMaxThermalZones = 256;
inline constexpr std::int64_t kMaxMillicelsius = 1'000'000;  ///< above and below 0
inline constexpr std::size_t kMaxGovernors = 32;             ///< that one CPU may choose from

inline constexpr std::chrono::milliseconds kMinPushInterval{100};
inline constexpr std::chrono::milliseconds kMaxPushInterval = std::chrono::minutes(20);
inline constexpr std::chrono::milliseconds kDefaultPushInterval =
    std::chrono::seconds(10);  ///< of a hello without one
inline constexpr std::chrono::milliseconds kMinSampleInterval{10};
inline constexpr std::chrono::milliseconds kMaxSampleInterval = std::chrono::seconds(10);
inline constexpr std::chrono::milliseconds kMinPeakWindow = std::chrono::seconds(1);
inline constexpr std::chrono::milliseconds kMaxPeakWindow = std::chrono::hours(1);
inline constexpr std::chrono::milliseconds kDefaultPeakWindow =
    std::chrono::minutes(2);                                  ///< of a welcome without one
inline constexpr std::uint32_t kDefaultTicksPerSecond = 100;  ///< of a hello without one

/// Why the exporter ends a connection.  The name is the `code` on the wire and the `reason` label
/// of the counters.
enum class RefusalCode : std::uint8_t {
  bad_json,   ///< not one JSON object in valid UTF-8, nested too deep, a key twice, HTTP
  bad_field,  ///< a field that is missing, of the wrong type or out of range; a message out of turn
  line_too_long,         ///< more bytes than max_line_bytes without a newline
  handshake_timeout,     ///< no hello in time
  idle_timeout,          ///< no message for three push intervals
  unsupported_protocol,  ///< hello.protocol is not kProtocolVersion
  tls_required,          ///< a plain client on a TLS port
  tls_unexpected,        ///< a TLS client on a plain port
  tls_handshake,         ///< a handshake that failed; never on the wire
  unauthorized,     ///< no proof of a name, or one that is not believed: token, client certificate
  endpoint_denied,  ///< this peer may not report under this name, or at all
  endpoint_in_use,  ///< a live connection holds the name
  capacity,         ///< too much of something: agents, connections, CPUs of one machine, series
  rate,             ///< too many failed attempts from one address
};

inline constexpr NameTable<RefusalCode, 14> kRefusalCodeNames{
    {"bad_json", "bad_field", "line_too_long", "handshake_timeout", "idle_timeout",
     "unsupported_protocol", "tls_required", "tls_unexpected", "tls_handshake", "unauthorized",
     "endpoint_denied", "endpoint_in_use", "capacity", "rate"}};

template <class T>
using Decoded = Result<T, RefusalCode>;

/// What uname(2) says of the kernel an agent runs on.
struct KernelName {
  std::string sysname;
  std::string release;
  std::string version;
  std::string machine;
  std::string nodename;
  std::string domainname;

  bool operator==(const KernelName&) const = default;
};

/// What an agent says first.
struct Hello {
  std::string endpoint;                ///< the machine's name; see is_valid_endpoint
  std::optional<std::string> boot_id;  ///< the kernel's random uuid of this boot
  std::optional<std::string> session;  ///< random per agent process; never shown
  std::optional<std::string> token;    ///< proves the name; never shown, never logged
  std::optional<std::string> agent_version;
  std::uint32_t ticks_per_second = kDefaultTicksPerSecond;
  std::chrono::milliseconds push_interval = kDefaultPushInterval;
  std::optional<std::chrono::milliseconds> sample_interval;
  std::map<std::string, std::string> labels;
  std::optional<KernelName> host;
  /// The type of the file system that the agent's /proc/stat lies on: "proc", or "fuse.lxcfs" in a
  /// container that is shown its own share.
  std::optional<std::string> proc_filesystem;

  bool operator==(const Hello&) const = default;
};

/// The counters last shown for an endpoint in this boot: where a restarted agent goes on.
struct Resume {
  std::chrono::milliseconds uptime{};  ///< CLOCK_BOOTTIME of the sample they came in
  CpuCounters cpu;

  bool operator==(const Resume&) const = default;
};

struct Welcome {
  std::string exporter_version;
  std::size_t max_line_bytes = kMaxLineBytes;
  std::uint32_t max_cpus = kMaxCpus;
  std::chrono::milliseconds idle_timeout{};
  MetricGroups groups;  ///< what the exporter collects; an agent reads and sends no other.  Unknown
                        ///< names are dropped; a welcome without the field means the usual ones.
  std::chrono::milliseconds peak_window = kDefaultPeakWindow;  ///< of the burst peaks
  std::optional<Resume> resume;

  bool operator==(const Welcome&) const = default;
};

/// Every sample up to `sequence` is visible to a scrape.
struct Ack {
  std::uint64_t sequence = 0;

  bool operator==(const Ack&) const = default;
};

struct Refusal {
  std::string code;     ///< a name of kRefusalCodeNames, or one of a newer exporter
  std::string message;  ///< says what a person should do
  std::optional<std::chrono::milliseconds> retry_after;

  bool operator==(const Refusal&) const = default;
};

/// The last line of a side that leaves on purpose.
struct Goodbye {
  std::string reason;  ///< agent: "stop" or "moved"; exporter: "stop"
  std::optional<std::chrono::milliseconds> retry_after;

  bool operator==(const Goodbye&) const = default;
};

/// A type this build does not know: to be counted and otherwise ignored.
struct UnknownMessage {
  bool operator==(const UnknownMessage&) const = default;
};

using AgentMessage = std::variant<Hello, CpuFacts, CpuSample, Recording, UnusableRecording, Goodbye,
                                  UnknownMessage>;  ///< agent -> exporter
using ExporterMessage = std::variant<Welcome, Ack, RecordingRequest, Refusal, Goodbye,
                                     UnknownMessage>;  ///< exporter -> agent

/// Each returns one line that ends in '\n'.  Invalid UTF-8 in a string is replaced, not sent.
[[nodiscard]] std::string encode(const Hello& hello);
[[nodiscard]] std::string encode(const Welcome& welcome);
[[nodiscard]] std::string encode(const Ack& ack);
[[nodiscard]] std::string encode(const Refusal& refusal);
[[nodiscard]] std::string encode(const Goodbye& goodbye);
[[nodiscard]] std::string encode(const CpuFacts& facts);
[[nodiscard]] std::string encode(const CpuSample& sample);
[[nodiscard]] std::string encode(const RecordingRequest& request);
[[nodiscard]] std::string encode(const Recording& recording);

/// Decode one line, without its '\n'.  Keeps nothing of `line`.
///
/// Strict in what it knows (types, ranges, finite numbers, UTF-8, duplicate keys, depth), deaf to
/// fields it does not know.  Errors: the code to refuse with, and words for the peer that quote no
/// byte of the line.  Throws only std::bad_alloc.  A sample is made in the memory of `spare`, whose
/// values count for nothing.
[[nodiscard]] Decoded<AgentMessage> decode_agent_message(std::string_view line,
                                                         CpuSample spare = {});
[[nodiscard]] Decoded<ExporterMessage> decode_exporter_message(std::string_view line);

/// `^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$`.  One bad label value makes Prometheus reject
/// a whole scrape, so names are judged before anything else.
[[nodiscard]] bool is_valid_endpoint(std::string_view name);

/// `^[a-z_][a-z0-9_]{0,31}$`
[[nodiscard]] bool is_valid_label_name(std::string_view name);

/// At most kMaxTextBytes of valid UTF-8 without control characters (C0, DEL, C1).
[[nodiscard]] bool is_showable_text(std::string_view text);

}  // namespace cpu_monitor
