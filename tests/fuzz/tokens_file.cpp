// The tokens file: names and labels that can be shown, or words that quote nothing.

#include "common/messages.hpp"
#include "exporter/credentials.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace cpu_monitor::fuzz {
namespace {

using exporter::Credentials;

constexpr std::string_view kToken = "sesame";  // its hash is in the dictionary
constexpr std::string_view kPlain =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,:;=*-";
constexpr Credentials::Time kNow{std::chrono::seconds(1'700'000'000)};

void require_good_labels(const Credentials::Labels& labels) {
  for (const auto& [name, value] : labels) {
    require(is_valid_label_name(name) && is_showable_text(value), "a label can be shown");
  }
}

void require_good_credentials(const Credentials& credentials) {
  const auto digest = exporter::digest_of_token(kToken);
  std::string last;
  for (const std::string& name : credentials.listed()) {
    require(is_valid_endpoint(name) && name > last, "names are sorted, and can be claimed");
    require(credentials.is_listed(name), "a name of the list is on the list");
    const auto proof = credentials.judge(name, digest, kNow);
    require(!proof || *proof != exporter::Proof::none, "a token that is believed proves something");
    require(!proof || credentials.has_tokens(), "no token is believed where there is none");
    require(!credentials.judge(name, std::nullopt, kNow), "no token is not believed");
    require_good_labels(credentials.labels(name, digest));
    require_good_labels(credentials.labels(name, std::nullopt));
    last = name;
  }
  const auto stranger = credentials.judge("a-stranger", digest, kNow);
  require(
      !stranger || *stranger == exporter::Proof::any_name || credentials.has_token_of("a-stranger"),
      "the token of one name proves no other");
}

}  // namespace
}  // namespace cpu_monitor::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  const auto credentials = Credentials::parse(text_of(data, size));
  if (credentials) {
    require_good_credentials(*credentials);
  } else {
    const std::string& words = credentials.error().detail;
    require(!words.empty(), "there are words for what is wrong");
    require(words.find_first_not_of(kPlain) == std::string::npos, "they quote nothing");
  }
  return 0;
}
