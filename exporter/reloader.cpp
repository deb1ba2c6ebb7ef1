#include "exporter/reloader.hpp"

#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <exception>
#include <utility>

#include "common/log.hpp"

namespace cpu_monitor::exporter {
namespace {

/// Differs whenever the file was written or replaced.
std::string signature_of(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return "none;";
  std::string text;
  for (const auto part :
       {static_cast<long long>(status.st_dev), static_cast<long long>(status.st_ino),
        static_cast<long long>(status.st_size), static_cast<long long>(status.st_mode),
        static_cast<long long>(status.st_mtim.tv_sec),
        static_cast<long long>(status.st_mtim.tv_nsec),
        static_cast<long long>(status.st_ctim.tv_sec),
        static_cast<long long>(status.st_ctim.tv_nsec)}) {
    text.append(std::to_string(part)).append(",");
  }
  return text + ";";
}

void rethrow(const std::exception_ptr& failure) {
  if (failure) std::rethrow_exception(failure);  // out of io_context::run, to main
}

}  // namespace

Reloader::Reloader(asio::io_context& io, std::vector<Source> sources, std::function<void()> upkeep,
                   SelfMetrics& metrics, ReloadPace pace)
    : sources_(std::move(sources)),
      upkeep_(std::move(upkeep)),
      metrics_(metrics),
      pace_(pace),
      signals_(io, SIGHUP),
      timer_(io) {
  metrics_.config_reloaded(true, std::chrono::system_clock::now());
}

void Reloader::start() {
  asio::co_spawn(timer_.get_executor(), watch(), rethrow);
  asio::co_spawn(timer_.get_executor(), hear_signals(), rethrow);
}

void Reloader::stop() {
  stopping_ = true;
  timer_.cancel();
  std::error_code ignored;
  signals_.cancel(ignored);
}

asio::awaitable<void> Reloader::watch() {
  while (!stopping_) {
    if (std::chrono::steady_clock::now() >= next_upkeep_) keep_up();
    timer_.expires_after(pace_.between_looks);
    co_await timer_.async_wait(net::use_nothrow);
    const std::string before = std::exchange(seen_, signature());
    // Two looks that agree: nobody is writing just now.
    if (!stopping_ && seen_ == before && seen_ != signature_) reload();
  }
}

asio::awaitable<void> Reloader::hear_signals() {
  while (!stopping_) {
    auto [failure, signal] = co_await signals_.async_wait(net::use_nothrow);
    if (!stopping_ && !failure) reload();
  }
}

std::string Reloader::signature() const {
  std::string all;
  for (const Source& source : sources_) {
    for (const std::string& file : source.files()) all += signature_of(file);
  }
  return all;
}

void Reloader::keep_up() {
  next_upkeep_ = std::chrono::steady_clock::now() + pace_.between_upkeeps;
  try {
    upkeep_();
  } catch (const std::exception& failure) {
    log::error("the exporter's certificate has to be renewed, and cannot be",
               {{"reason", failure.what()}});
  }
}

void Reloader::reload() {
  // What changed while it was read at the start was not seen: all is read once more.
  const bool is_first = signature_.empty();
  signature_ = signature();  // first: a file that changes while it is read shall be read again
  bool is_successful = true;
  for (const Source& source : sources_) {
    try {
      source.reload();
    } catch (const std::exception& failure) {
      is_successful = false;
      if (const auto held_back = failure_log_.admit(std::chrono::steady_clock::now())) {
        log::error("files were not reloaded; what they said before stays in force",
                   {{"reason", failure.what()}, {"not_logged", std::to_string(*held_back)}});
      }
    }
  }
  if (is_successful && !is_first) {
    if (const auto held_back = success_log_.admit(std::chrono::steady_clock::now())) {
      log::info("files reloaded", {{"not_logged", std::to_string(*held_back)}});
    }
  }
  metrics_.config_reloaded(is_successful, std::chrono::system_clock::now());
}

}  // namespace cpu_monitor::exporter
