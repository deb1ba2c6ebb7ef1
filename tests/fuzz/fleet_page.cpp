#include "tests/fuzz/fleet_page.hpp"

#include <algorithm>
#include <utility>

#include "exporter/exposition.hpp"
#include "exporter/legacy_message.hpp"
#include "exporter/series_budget.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/page_text.hpp"

namespace cpu_monitor::fuzz {
namespace {

constexpr std::size_t kMaxLines = 64;

// What is shown of a name that says nothing.
constexpr std::size_t kSeriesOfAName = 5;

/// web-2 has proved itself, and its labels are those of a tokens file.
exporter::Identity identity_of(const Hello& hello) {
  exporter::Identity identity;
  if (hello.endpoint == "web-2") {
    identity.proof = exporter::Proof::exact;
    identity.labels = {{"label_1", "trusted"}, {"room", "a \"b\" \\ c"}};
  }
  return identity;
}

void pass(exporter::Moment& now, std::chrono::seconds time) {
  now.steady += time;
  now.system += time;
}

}  // namespace

FleetPage::FleetPage() { fleet_.expect({"web-2", "not-come-yet"}, now_); }

void FleetPage::begin_connection() {
  ++connection_;
  endpoint_.clear();
  series_of_former_ += series_of_sample_ + series_of_facts_ + kSeriesOfAName;
  series_of_sample_ = 0;
  series_of_facts_ = 0;
}

void FleetPage::take(std::string_view line) {
  pass(now_, line.empty() ? std::chrono::seconds(20) : std::chrono::seconds(1));
  if (line.starts_with(exporter::kLegacyPrefix)) {
    exporter::LegacyReader reader;
    begin_connection();
    ++reported_;
    static_cast<void>(reader.push(line, [this](const exporter::LegacyReader::Message& message) {
      fleet_.report(connection_, "127.0.0.1:" + std::to_string(connection_), message.percent);
    }));
    return;
  }
  if (auto message = decode_agent_message(line)) take(*std::move(message));
}

void FleetPage::take(AgentMessage message) {
  std::visit([this](auto&& known) { handle(std::forward<decltype(known)>(known)); },
             std::move(message));
}

void FleetPage::handle(const Hello& hello) {
  begin_connection();
  if (fleet_.claim(hello, identity_of(hello), connection_, now_)) endpoint_ = hello.endpoint;
}

void FleetPage::handle(CpuFacts facts) {
  series_of_facts_ = std::max(series_of_facts_, exporter::series_of(facts));
  static_cast<void>(fleet_.learn(endpoint_, connection_, std::move(facts)));
}

void FleetPage::handle(const CpuSample& sample) {
  series_of_sample_ = std::max(series_of_sample_, exporter::series_of(sample));
  static_cast<void>(fleet_.apply(endpoint_, connection_, sample, now_));
}

void FleetPage::handle(const Goodbye& goodbye) {
  fleet_.leave(endpoint_, connection_, goodbye.reason == "moved", now_);
  endpoint_.clear();
}

void FleetPage::handle(const UnknownMessage& /*unknown*/) {}

std::string FleetPage::text() {
  fleet_.expire(now_);
  const auto snapshot = fleet_.snapshot(now_);
  return exporter::text_written([&](exporter::PageWriter& page) {
    gauge_.render(snapshot, page);
    exporter::render_agents(snapshot, {MetricGroups::all()}, page);
  });
}

std::size_t FleetPage::series_limit() const {
  constexpr std::size_t kExpectedNames = 2;
  return series_of_former_ + series_of_sample_ + series_of_facts_ + reported_ +
         (1 + kExpectedNames) * kSeriesOfAName;
}

std::size_t count_series(std::string_view page) {
  std::size_t count = 0;
  for (const std::string_view line : lines_of(page)) count += line.starts_with('#') ? 0U : 1U;
  return count;
}

std::string page_of_lines(std::string_view input) {
  FleetPage fleet;
  std::size_t count = 0;
  for (const std::string_view line : lines_of(input)) {
    if (++count > kMaxLines) break;
    fleet.take(line);
  }
  std::string page = fleet.text();
  require(count_series(page) <= fleet.series_limit(), "a page is as large as the budget says");
  return page;
}

}  // namespace cpu_monitor::fuzz
