#include "exporter/web_peers.hpp"

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

constexpr const char* kAddress = "127.9.8.7";

class WebPeersTest : public testing::Test {
 protected:
  WebPeers peers_{kAddress};
};

TEST_F(WebPeersTest, ServeWhoWasAnnounced) {
  peers_.announce(1000);
  EXPECT_TRUE(peers_.begin(kAddress, 1000));
}

TEST_F(WebPeersTest, ServeNobodyElse) {
  EXPECT_FALSE(peers_.begin(kAddress, 1000));
  peers_.announce(1000);
  EXPECT_FALSE(peers_.begin(kAddress, 1001));
  EXPECT_FALSE(peers_.begin(kAddress, 0));
}

TEST_F(WebPeersTest, DoNotTakeTheSamePortOfAnotherAddressForIt) {
  peers_.announce(1000);
  EXPECT_FALSE(peers_.begin("127.0.0.1", 1000));
  EXPECT_FALSE(peers_.begin("", 1000));
}

TEST_F(WebPeersTest, ServeEachOnce) {
  peers_.announce(1000);
  EXPECT_TRUE(peers_.begin(kAddress, 1000));
  EXPECT_FALSE(peers_.begin(kAddress, 1000));
  peers_.finish(1000);
  EXPECT_FALSE(peers_.begin(kAddress, 1000));
}

TEST_F(WebPeersTest, ForgetWhoLeft) {
  peers_.announce(1000);
  EXPECT_TRUE(peers_.leave(1000));
  EXPECT_FALSE(peers_.begin(kAddress, 1000));
  peers_.finish(1000);
  EXPECT_FALSE(peers_.leave(1000));
}

TEST_F(WebPeersTest, KnowAWholeAnswerFromACutOne) {
  peers_.announce(1000);
  peers_.announce(2000);
  EXPECT_TRUE(peers_.begin(kAddress, 1000));
  EXPECT_TRUE(peers_.begin(kAddress, 2000));
  peers_.finish(2000);
  EXPECT_FALSE(peers_.leave(1000));
  EXPECT_TRUE(peers_.leave(2000));
}

}  // namespace
}  // namespace cpu_monitor::exporter
