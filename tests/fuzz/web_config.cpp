// The web configuration file: settings, or words that show no hash.

#include "exporter/web_config.hpp"

#include <stdexcept>

#include "common/utf8.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace cpu_monitor::fuzz {
namespace {

constexpr std::size_t kBcryptHashBytes = 60;
constexpr std::string_view kKindsOfHash = "$2a$, $2b$ or $2y$";  // as the words name them

bool is_one_line(std::string_view text) {
  while (!text.empty()) {
    const auto character = first_code_point(text);
    if (!character || is_control(character->value)) return false;
    text.remove_prefix(character->bytes);
  }
  return true;
}

void require_good_config(const exporter::WebConfig& config) {
  for (const auto& [user, hash] : config.users) {
    require(!user.empty() && user.find(':') == std::string::npos, "a user can log in");
    require(hash.size() == kBcryptHashBytes && hash.starts_with("$2"), "a hash is one of bcrypt");
  }
  for (const auto& [name, value] : config.headers) {
    require(is_one_line(name) && is_one_line(value), "a header is one line");
  }
  if (config.tls) {
    require(!config.tls->cert_file.empty() && !config.tls->key_file.empty(), "TLS has its files");
    require(config.tls->min_version <= config.tls->max_version, "there is a version of TLS");
  }
  require(config.client_allowed_sans.empty() || (config.tls && !config.tls->client_ca_file.empty()),
          "names are compared in certificates that were verified");
}

}  // namespace
}  // namespace cpu_monitor::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  try {
    require_good_config(exporter::parse_web_config(text_of(data, size), "/etc"));
  } catch (const std::runtime_error& fault) {
    std::string words = fault.what();
    require(!words.empty() && is_one_line(words), "there are words, which can be logged");
    const std::size_t kinds = words.find(kKindsOfHash);
    if (kinds != std::string::npos) words.erase(kinds, kKindsOfHash.size());
    require(words.find('$') == std::string::npos, "no hash is shown");
  }
  return 0;
}
