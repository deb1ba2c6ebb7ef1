// The least that a scrape costs: the text of the CPU counters of a fleet, and gzip of it.

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/flags.hpp"
#include "bench/gzip.hpp"
#include "bench/json_object.hpp"
#include "bench/limit_page.hpp"
#include "bench/process.hpp"
#include "common/messages.hpp"

namespace cpu_monitor::bench {
namespace {

struct Options {
  std::uint32_t agents = 1000;
  std::uint32_t cores = 8;
  std::uint32_t rounds = 50;
  std::string file;
  bool print = false;
};

/// Milliseconds on a clock.
double now_ms(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Renders by `render`, compresses, over and over, and reports the medians.
template <class Render>
std::string measure(std::size_t series, std::uint32_t rounds, Render&& render) {
  Gzip gzip;
  std::vector<double> render_ms;
  std::vector<double> gzip_ms;
  std::vector<double> cpu_ms;
  std::size_t bytes = 0;
  std::size_t gzip_bytes = 0;
  for (std::uint32_t round = 0; round <= rounds; ++round) {
    const double cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID);
    const double begin = now_ms(CLOCK_MONOTONIC);
    const std::string_view page = render();
    const double rendered = now_ms(CLOCK_MONOTONIC);
    gzip_bytes = gzip.compress(page).size();
    const double compressed = now_ms(CLOCK_MONOTONIC);
    bytes = page.size();
    if (round == 0) continue;  // it got the memory
    render_ms.push_back(rendered - begin);
    gzip_ms.push_back(compressed - rendered);
    cpu_ms.push_back(now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu);
  }
  return JsonObject()
      .add("series", series)
      .add("bytes", bytes)
      .add("gzip_bytes", gzip_bytes)
      .add("render_ms", median(render_ms), 4)
      .add("gzip_ms", median(gzip_ms), 4)
      .add("cpu_ms", median(cpu_ms), 4)
      .text();
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw std::runtime_error(path + ": cannot be read");
  return text;
}

std::size_t count_series(std::string_view page) {
  std::size_t series = 0;
  while (!page.empty()) {
    const std::size_t end = std::min(page.find('\n'), page.size() - 1);
    if (page.front() != '#' && page.front() != '\n') ++series;
    page.remove_prefix(end + 1);
  }
  return series;
}

std::string measure_file(const Options& options) {
  const std::string page = read_file(options.file);
  std::vector<char> copy(page.size());
  return measure(count_series(page), options.rounds, [&] {
    std::memcpy(copy.data(), page.data(), page.size());
    return std::string_view(copy.data(), copy.size());
  });
}

int run(int argc, char** argv) {
  Options options;
  CommandLine command_line("bench-render-limit",
                           "Writes the CPU counters of a fleet by hand, compresses the page with "
                           "ISA-L, and prints the median times as JSON.\n");
  command_line.add_value({"--agents", "How many machines"}, whole_number(1U, 100'000U),
                         options.agents);
  command_line.add_value({"--cores", "CPUs of each"}, whole_number(1U, kMaxCpus), options.cores);
  command_line.add_value({"--rounds", "How often"}, whole_number(1U, 100'000U), options.rounds);
  command_line.add_value({"--file", "Copy and compress this page instead", "none"},
                         any_text("FILE"), options.file);
  command_line.add_switch({"--print", "Print the page, measure nothing"}, options.print);
  if (const auto code = leave_after_reading(command_line, argc, argv, options)) return *code;
  if (!options.file.empty()) {
    std::puts(measure_file(options).c_str());
    return 0;
  }
  LimitPage page(options.agents, options.cores);
  if (options.print) {
    const std::string_view text = page.render();
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 1;
  }
  const auto render = [&page] { return page.render(); };
  std::puts(measure(page.series(), options.rounds, render).c_str());
  return 0;
}

}  // namespace
}  // namespace cpu_monitor::bench

int main(int argc, char** argv) {
  return cpu_monitor::bench::run_program("bench-render-limit", argc, argv,
                                         &cpu_monitor::bench::run);
}
