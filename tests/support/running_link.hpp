#pragma once

#include <signal.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <asio/post.hpp>

#include "agent/exporter_link.hpp"

namespace cpu_monitor::tests {

inline CpuSample sample_of(double percent) {
  CpuSample sample;
  sample.percent = percent;
  return sample;
}

inline agent::ExporterLink::Settings quick_settings(std::uint16_t port) {
  agent::ExporterLink::Settings settings;
  settings.exporter = {"127.0.0.1", port};
  settings.hello.endpoint = "link-1";
  settings.hello.session = "s1";
  settings.hello.push_interval = std::chrono::milliseconds(100);
  settings.welcome_timeout = std::chrono::milliseconds(300);
  settings.backoff_base = std::chrono::milliseconds(5);
  settings.backoff_cap = std::chrono::milliseconds(20);
  settings.refused_backoff_cap = std::chrono::milliseconds(20);
  return settings;
}

/// A link on a thread of its own, which notes what happens to it.
class RunningLink {
 public:
  using PlayRecording = decltype(agent::ExporterLink::Events::recording);

  /// `play` answers on the link's thread.
  explicit RunningLink(agent::ExporterLink::Settings settings, PlayRecording play = {})
      : link_(io_, std::move(settings),
              {[this](const Welcome& welcome) { note_welcome(welcome); },
               [this](const CpuSample& sample) { note_acknowledged(sample); },
               [this] { ++disconnects; }, std::move(play)}) {
    ::signal(SIGPIPE, SIG_IGN);  // as the program does
    link_.start();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~RunningLink() {
    asio::post(io_, [this] { link_.stop(); });
    thread_.join();
  }
  RunningLink(const RunningLink&) = delete;
  RunningLink& operator=(const RunningLink&) = delete;

  void offer(double percent) {
    asio::post(io_, [this, percent] { link_.offer(sample_of(percent)); });
  }

  void offer(const CpuSample& sample) {
    asio::post(io_, [this, sample] { link_.offer(sample); });
  }
  void tell(const CpuFacts& facts) {
    asio::post(io_, [this, facts] { link_.tell(facts); });
  }

  void reload() {
    asio::post(io_, [this] { link_.reload(); });
  }

  [[nodiscard]] std::vector<CpuSample> acknowledged() const {
    const std::lock_guard lock(mutex_);
    return acknowledged_;
  }

  std::atomic<int> welcomes = 0;
  std::atomic<int> disconnects = 0;

 private:
  void note_welcome(const Welcome& /*welcome*/) { ++welcomes; }
  void note_acknowledged(const CpuSample& sample) {
    const std::lock_guard lock(mutex_);
    acknowledged_.push_back(sample);
  }

  asio::io_context io_{1};
  mutable std::mutex mutex_;
  std::vector<CpuSample> acknowledged_;
  agent::ExporterLink link_;
  std::thread thread_;
};

}  // namespace cpu_monitor::tests
