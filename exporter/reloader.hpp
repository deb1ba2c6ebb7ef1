#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <asio/signal_set.hpp>

#include "common/log.hpp"
#include "common/net/asio.hpp"
#include "exporter/self_metrics.hpp"

namespace cpu_monitor::exporter {

/// How often a Reloader has a look.
struct ReloadPace {
  std::chrono::steady_clock::duration between_looks = std::chrono::seconds(1);
  std::chrono::steady_clock::duration between_upkeeps = std::chrono::hours(1);
};

/// Reads files anew when one of them has changed and no longer changes, and all of them at SIGHUP.
///
/// What cannot be read or makes no sense changes nothing: what was read before stays, the log says
/// why, and cpu_monitor_exporter_config_last_reload_successful stands at 0 until it is mended.
///
/// Ownership: must outlive the run of `io`.  Threads: the io_context's.
class Reloader {
 public:
  struct Source {
    std::function<std::vector<std::string>()> files;
    std::function<void()> reload;  ///< throws std::runtime_error and keeps what it had
  };

  /// `upkeep` is called at the start and every hour, for what has to be renewed in time; it may
  /// throw std::runtime_error.
  Reloader(asio::io_context& io, std::vector<Source> sources, std::function<void()> upkeep,
           SelfMetrics& metrics, ReloadPace pace = {});

  void start();
  void stop();

 private:
  [[nodiscard]] asio::awaitable<void> watch();
  [[nodiscard]] asio::awaitable<void> hear_signals();
  [[nodiscard]] std::string signature() const;
  void reload();
  void keep_up();

  std::vector<Source> sources_;
  std::function<void()> upkeep_;
  SelfMetrics& metrics_;
  ReloadPace pace_;
  asio::signal_set signals_;
  asio::steady_timer timer_;
  std::string signature_;  ///< of the files as they were when they were read last
  std::string seen_;       ///< at the last look
  log::PeerThrottle success_log_;
  log::PeerThrottle failure_log_;
  std::chrono::steady_clock::time_point next_upkeep_;
  bool stopping_ = false;
};

}  // namespace cpu_monitor::exporter
