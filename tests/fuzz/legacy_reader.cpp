// The Python client's messages: however they are cut into reads, they are the same.

#include "exporter/first_bytes.hpp"
#include "exporter/legacy_message.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace cpu_monitor::fuzz {
namespace {

using exporter::Caller;
using exporter::LegacyReader;

struct Outcome {
  std::vector<double> percents;
  std::string answers;
  LegacyReader::Status status = LegacyReader::Status::ok;

  bool operator==(const Outcome&) const = default;
};

Outcome read_all(const Pieces& pieces) {
  LegacyReader reader;
  Outcome outcome;
  for (const std::string_view piece : pieces) {
    outcome.status = reader.push(piece, [&](const LegacyReader::Message& message) {
      outcome.percents.push_back(message.percent);
      outcome.answers += message.answer;
    });
    if (outcome.status != LegacyReader::Status::ok) break;
  }
  return outcome;
}

std::string in_upper_case(std::string_view text) {
  std::string upper(text);
  for (char& byte : upper) {
    if (byte >= 'a' && byte <= 'z') byte = static_cast<char>(byte - 'a' + 'A');
  }
  return upper;
}

}  // namespace
}  // namespace cpu_monitor::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor::fuzz;
  const std::string_view text = text_of(data, size);
  const Outcome whole = read_all({text});
  require(read_all(bytes_of(text)) == whole, "reads of one byte give the same messages");
  require(read_all(random_pieces(text)) == whole, "any reads give the same messages");
  for (const double percent : whole.percents) {
    require(percent >= 0 && percent <= 100, "a percentage is from 0 to 100");
  }
  require(in_upper_case(text).starts_with(whole.answers), "answers are the messages, upper-cased");
  if (!whole.percents.empty()) {
    require(cpu_monitor::exporter::recognise(text) == Caller::legacy,
            "who sends a whole message is recognised");
  }
  return 0;
}
