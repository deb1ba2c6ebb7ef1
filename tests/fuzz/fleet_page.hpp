#pragma once

#include <string>
#include <string_view>

#include "common/messages.hpp"
#include "exporter/fleet.hpp"
#include "exporter/percent_gauge.hpp"

namespace cpu_monitor::fuzz {

/// An exporter without sockets: what agents say, and the page that a scrape of it would show.
class FleetPage {
 public:
  FleetPage();

  /// Takes a line that somebody sent; what an exporter would refuse changes nothing.  A hello
  /// begins a new connection, and what follows comes over it.  Each line takes a second, an empty
  /// one 20.
  void take(std::string_view line);
  void take(AgentMessage message);

  /// All groups; without the exporter's own series, which no agent can change.
  [[nodiscard]] std::string text();

  /// The most series that text() may show by what the budget of an exporter counts.
  [[nodiscard]] std::size_t series_limit() const;

 private:
  void begin_connection();
  void handle(const Hello& hello);
  void handle(CpuFacts facts);
  void handle(const CpuSample& sample);
  void handle(const Goodbye& goodbye);
  void handle(const Recording&) {}
  void handle(const UnusableRecording&) {}
  void handle(const UnknownMessage& unknown);

  exporter::Fleet fleet_{{}};
  exporter::PercentGauge gauge_;
  exporter::Moment now_{std::chrono::steady_clock::time_point(std::chrono::hours(1)),
                        std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000))};
  exporter::Fleet::ConnectionId connection_ = 0;
  std::string endpoint_;
  std::size_t reported_ = 0;
  std::size_t series_of_former_ = 0;  ///< connections
  std::size_t series_of_sample_ = 0;  ///< of this one, the most
  std::size_t series_of_facts_ = 0;
};

/// How many series of agents a page shows.
[[nodiscard]] std::size_t count_series(std::string_view page);

/// The pages of the targets `exposition` and `made_messages`.
[[nodiscard]] std::string page_of_lines(std::string_view input);
[[nodiscard]] std::string page_of_made_messages(std::string_view input);

}  // namespace cpu_monitor::fuzz
