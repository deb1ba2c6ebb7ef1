// Accepting goes on, whatever happens to one newcomer.

#include "exporter/listening.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/net/asio.hpp"

namespace cpu_monitor::exporter {
namespace {

using asio::ip::tcp;

class AcceptForEver : public testing::Test {
 protected:
  void SetUp() override {
    admission_.is_over = [this] { return !acceptor_.is_open(); };
    admission_.admit = [this](tcp::socket newcomer) {
      newcomers_.push_back(std::move(newcomer));
      return std::chrono::steady_clock::duration(0);
    };
    admission_.on_failure = [this](std::string_view reason) { failures_.emplace_back(reason); };
  }

  void start() {
    asio::co_spawn(io_, accept_for_ever(acceptor_, admission_),
                   [this](const std::exception_ptr&) { is_over_ = true; });
  }

  tcp::socket connect() {
    tcp::socket client(io_);
    client.connect(acceptor_.local_endpoint());
    return client;
  }

  template <typename Condition>
  void run_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      io_.run_one_for(std::chrono::seconds(1));
    }
    ASSERT_TRUE(condition());
  }

  asio::io_context io_{1};
  tcp::acceptor acceptor_ = listen_on(io_, {"127.0.0.1", 0});
  Admission admission_;
  std::vector<tcp::socket> newcomers_;
  std::vector<std::string> failures_;
  bool is_over_ = false;
};

TEST_F(AcceptForEver, TakesOneAfterTheOther) {
  start();
  const std::vector<tcp::socket> clients = [this] {
    std::vector<tcp::socket> all;
    for (int i = 0; i < 5; ++i) all.push_back(connect());
    return all;
  }();
  run_until([this] { return newcomers_.size() == 5; });
  EXPECT_TRUE(failures_.empty());
}

TEST_F(AcceptForEver, OutlivesAFailedAdmission) {
  int calls = 0;
  admission_.admit = [&, take = admission_.admit](tcp::socket newcomer) {
    if (++calls <= 3) throw std::runtime_error("no room");
    return take(std::move(newcomer));
  };
  start();
  std::vector<tcp::socket> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(connect());
  run_until([this] { return newcomers_.size() == 2; });
  EXPECT_EQ(failures_, (std::vector<std::string>(3, "no room")));
}

TEST_F(AcceptForEver, LetsTheNextWait) {
  constexpr std::chrono::milliseconds kWait{50};
  std::vector<std::chrono::steady_clock::time_point> times;
  admission_.admit = [&](tcp::socket) {
    times.push_back(std::chrono::steady_clock::now());
    return std::chrono::steady_clock::duration(kWait);
  };
  start();
  const tcp::socket first = connect();
  const tcp::socket second = connect();
  run_until([&] { return times.size() == 2; });
  EXPECT_GE(times[1] - times[0], kWait);
}

TEST_F(AcceptForEver, EndsWithTheAcceptor) {
  start();
  io_.poll();
  EXPECT_FALSE(is_over_);
  acceptor_.close();
  run_until([this] { return is_over_; });
}

}  // namespace
}  // namespace cpu_monitor::exporter
