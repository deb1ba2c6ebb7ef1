#include "tests/support/running_gate.hpp"

#include <stdexcept>

#include "tests/support/page_text.hpp"

namespace cpu_monitor::tests {
namespace {

using exporter::Fleet;
using exporter::Moment;

CpuSample sample_of_a_big_machine() {
  CpuSample sample;
  sample.sequence = 1;
  sample.cpu.emplace();
  sample.cpu->total.fields = kCpuModeCount;
  for (std::uint32_t id = 0; id < kMaxCpus; ++id) {
    sample.cpu->cores.push_back({id, sample.cpu->total});
  }
  return sample;
}

}  // namespace

RunningGate::RunningGate(const Settings& settings) {
  const CpuSample sample = sample_of_a_big_machine();
  for (Fleet::ConnectionId id = 0; id < settings.big_machines; ++id) {
    Hello hello;
    hello.endpoint = "web-" + std::to_string(id);
    if (!fleet_.claim(hello, {}, id, Moment::now()) ||
        fleet_.apply(hello.endpoint, id, sample, Moment::now()) != Fleet::Applied::applied) {
      throw std::logic_error("the fleet does not take " + hello.endpoint);
    }
  }
  server_.emplace(exporter::make_site({}, fleet_, gauge_, metrics_, recordings_, serving_),
                  settings.civetweb_patience);
  exporter::WebGate::Settings gate;
  gate.addresses = settings.addresses;
  gate.config_file = settings.config_file;
  gate.limits = settings.limits;
  gate_.emplace(gate, *server_, metrics_);
  gate_->start();
}

std::size_t RunningGate::refused(exporter::WebRefusal reason) {
  const std::string page = exporter::text_written(
      [this](exporter::PageWriter& text) { metrics_.render(exporter::FleetSnapshot{}, text); });
  const std::string series = "\ncpu_monitor_exporter_web_requests_refused_total{reason=\"" +
                             std::string(exporter::kWebRefusalNames[reason]) + "\"} ";
  return std::stoul(page.substr(page.find(series) + series.size()));
}

void RunningGate::stop() {
  serving_.is_stopping = true;
  gate_->stop();
  gate_.reset();
}

}  // namespace cpu_monitor::tests
