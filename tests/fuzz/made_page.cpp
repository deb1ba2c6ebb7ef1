#include <algorithm>

#include "tests/fuzz/fleet_page.hpp"
#include "tests/fuzz/message_claims.hpp"
#include "tests/fuzz/message_maker.hpp"

namespace cpu_monitor::fuzz {
namespace {

constexpr std::size_t kMaxMessages = 6;

AgentMessage require_sent_whole(AgentMessage message) {
  require_fixed_point(message, [](std::string_view text) { return decode_agent_message(text); });
  return message;
}

}  // namespace

std::string page_of_made_messages(std::string_view input) {
  // The first byte says in which order they come.
  const unsigned order = input.empty() ? 0U : static_cast<unsigned char>(input.front());
  MessageMaker maker(input.substr(std::min<std::size_t>(input.size(), 1)));
  FleetPage fleet;
  fleet.take(require_sent_whole(maker.hello()));
  for (std::size_t count = 0; count < kMaxMessages && !maker.is_used_up(); ++count) {
    const unsigned turn = (order >> (count % 4 * 2)) & 3U;
    if (turn == 0) {
      fleet.take(require_sent_whole(maker.hello()));
    } else if (turn == 1) {
      fleet.take(require_sent_whole(maker.facts()));
    } else {
      fleet.take(require_sent_whole(maker.sample()));
    }
  }
  std::string page = fleet.text();
  require(count_series(page) <= fleet.series_limit(), "a page is as large as the budget says");
  return page;
}

}  // namespace cpu_monitor::fuzz
