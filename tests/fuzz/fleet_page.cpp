#include "tests/fuzz/fleet_page.hpp"

#include <utility>

#include "exporter/exposition.hpp"
#include "exporter/legacy_message.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/page_text.hpp"

namespace cpu_monitor::fuzz {
namespace {

constexpr std::size_t kMaxLines = 64;

void pass(exporter::Moment& now, std::chrono::seconds time) {
  now.steady += time;
  now.system += time;
}

}  // namespace

void FleetPage::take(std::string_view line) {
  pass(now_, line.empty() ? std::chrono::seconds(20) : std::chrono::seconds(1));
  if (line.starts_with(exporter::kLegacyPrefix)) {
    exporter::LegacyReader reader;
    ++connection_;
    endpoint_.clear();
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
  ++connection_;
  endpoint_.clear();
  if (fleet_.claim(hello, connection_, now_)) endpoint_ = hello.endpoint;
}

void FleetPage::handle(CpuFacts facts) {
  static_cast<void>(fleet_.learn(endpoint_, connection_, std::move(facts)));
}

void FleetPage::handle(const CpuSample& sample) {
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

std::string page_of_lines(std::string_view input) {
  FleetPage fleet;
  std::size_t count = 0;
  for (const std::string_view line : lines_of(input)) {
    if (++count > kMaxLines) break;
    fleet.take(line);
  }
  return fleet.text();
}

}  // namespace cpu_monitor::fuzz
