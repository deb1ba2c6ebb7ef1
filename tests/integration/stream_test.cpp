// One connection's stream, over real sockets.

#include "common/net/stream.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <asio/post.hpp>
#include <gtest/gtest.h>

#include "exporter/batches.hpp"
#include "tests/support/tcp_client.hpp"

namespace cpu_monitor::tests {
namespace {

using asio::ip::tcp;

/// A stream whose peer is a TcpClient.
class StreamTest : public testing::Test {
 protected:
  asio::io_context io_{1};
  tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  TcpClient peer_{acceptor_.local_endpoint().port()};
  std::shared_ptr<net::Stream> stream_ = std::make_shared<net::Stream>(acceptor_.accept());
};

TEST_F(StreamTest, SendsAtOnceWhatTheKernelTakes) {
  stream_->send("one\n");
  stream_->send("two\n");
  EXPECT_EQ(stream_->unsent_bytes(), 0U);
  EXPECT_EQ(peer_.read_line(), "one");
  EXPECT_EQ(peer_.read_line(), "two");
}

TEST_F(StreamTest, KeepsTheOrderOfWhatHasToWait) {
  std::string expected;
  for (int i = 0; stream_->unsent_bytes() == 0 || i % 1000 != 0; ++i) {
    const std::string line = std::to_string(i) + std::string(100, '.') + "\n";
    expected += line;
    stream_->send(line);
  }
  stream_->finish();
  std::string heard;
  std::thread reader([&] { heard = peer_.read_all(); });
  io_.run();
  reader.join();
  EXPECT_EQ(stream_->unsent_bytes(), 0U);
  EXPECT_TRUE(heard == expected) << heard.size() << " of " << expected.size();
}

TEST_F(StreamTest, FinishEndsTheStreamBehindWhatWasSentAtOnce) {
  stream_->send("last\n");
  stream_->finish();
  stream_->send("too late\n");
  EXPECT_EQ(peer_.read_all(), "last\n");
}

TEST_F(StreamTest, AFailedWriteLeavesWhatThePeerSaidLastToBeRead) {
  ASSERT_TRUE(peer_.send("last words\n"));
  peer_.finish();
  {
    const TcpClient gone =
        std::move(peer_);  // closed with nothing unread: the next write is refused
  }
  for (int i = 0; i < 1000 && stream_->unsent_bytes() == 0; ++i) stream_->send("anybody?\n");
  EXPECT_TRUE(stream_->is_open());
  std::string heard(64, ' ');
  std::error_code ec;
  heard.resize(stream_->read_available(asio::buffer(heard), ec));
  EXPECT_EQ(heard, "last words\n");
}

TEST(Batches, EndWithTheWork) {
  asio::io_context io{1};
  asio::steady_timer later(io, std::chrono::milliseconds(25));
  int done = 0;
  asio::post(io, [&] {
    ++done;
    asio::post(io, [&done] { ++done; });
    later.async_wait([&done](std::error_code ec) { done += ec ? 0 : 1; });
  });
  exporter::run_in_batches(io);
  EXPECT_EQ(done, 3) << "what was there at once, and what came batches later";
}

TEST(Batches, LetWhatAHandlerThrowsThrough) {
  asio::io_context io{1};
  asio::post(io, [] { throw std::runtime_error("fault"); });
  EXPECT_THROW(exporter::run_in_batches(io), std::runtime_error);
}

}  // namespace
}  // namespace cpu_monitor::tests
