#include "exporter/web_config.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "common/host_port.hpp"
#include "common/utf8.hpp"

namespace cpu_monitor::exporter {
namespace {

using net::TlsServerSettings;
using net::TlsVersion;

constexpr std::size_t kMaxDepth = 3;  ///< the file, a section, a list or the headers
constexpr std::size_t kMaxItems = 50'000;
constexpr std::size_t kMaxShownBytes = 64;
constexpr std::size_t kMaxUserBytes = 256;
constexpr std::size_t kMaxHeaderBytes = 4096;

[[noreturn]] void refuse(int line, const std::string& words) {
  throw std::runtime_error("line " + std::to_string(line) + ": " + words);
}

/// A word of the file, in quotes.  What may be a hash, or a line that holds one, stays unseen.
std::string shown(const std::string& text) {
  const bool is_hidden = text.size() > kMaxShownBytes || text.find('$') != std::string::npos;
  return is_hidden ? "(not shown)" : "'" + text + "'";
}

// The text.

bool has_control_character(std::string_view text) {
  while (!text.empty()) {
    const auto character = first_code_point(text);
    if (!character || is_control(character->value)) return true;
    text.remove_prefix(character->bytes);
  }
  return false;
}

/// yaml-cpp would take other encodings too, and reads on behind a NUL as if nothing were there.
void check_text(std::string_view text) {
  if (text.size() > kMaxWebConfigBytes) {
    throw std::runtime_error("larger than " + std::to_string(kMaxWebConfigBytes) + " bytes");
  }
  int line = 1;
  while (!text.empty()) {
    const auto character = first_code_point(text);
    if (!character) refuse(line, "not UTF-8");
    const char32_t value = character->value;
    if (is_control(value) && value != '\t' && value != '\n' && value != '\r') {
      refuse(line, "a control character");
    }
    if (value == '\n') ++line;
    text.remove_prefix(character->bytes);
  }
}

// YAML -> a tree.

struct Item {
  enum class Kind : unsigned char { nothing, text, list, map };

  Kind kind = Kind::nothing;
  bool is_plain = false;  ///< a text without quotes
  int line = 0;
  std::string text;
  std::vector<Item> items;  ///< of a map: key, value, key, value
};

/// Takes the parser's events instead of its tree: a small file may spell a tree of any size, with
/// aliases, and of any depth.
class TreeBuilder : public YAML::EventHandler {
 public:
  [[nodiscard]] Item take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(line_of(mark), "a second document; the file is one");
  }
  void OnDocumentEnd() override {}

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    refuse(line_of(mark), "aliases (*name) are not supported");
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_extras(mark, "?", anchor);
    add(item_at(mark, Item::Kind::nothing));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_extras(mark, tag, anchor);
    Item item = item_at(mark, Item::Kind::text);
    item.is_plain = tag == "?";
    item.text = value;
    add(std::move(item));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, anchor, Item::Kind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, anchor, Item::Kind::map);
  }
  void OnMapEnd() override { close(); }

 private:
  static int line_of(const YAML::Mark& mark) { return mark.line + 1; }

  static Item item_at(const YAML::Mark& mark, Item::Kind kind) {
    Item item;
    item.kind = kind;
    item.line = line_of(mark);
    return item;
  }

  static void refuse_extras(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) refuse(line_of(mark), "anchors (&name) are not supported");
    if (tag != "?" && tag != "!") refuse(line_of(mark), "tags (!name) are not supported");
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Item::Kind kind) {
    refuse_extras(mark, tag, anchor);
    if (open_.size() == kMaxDepth) refuse(line_of(mark), "nested too deep");
    open_.push_back(item_at(mark, kind));
  }

  void close() {
    Item item = std::move(open_.back());
    open_.pop_back();
    add(std::move(item));
  }

  void add(Item item) {
    if (++items_ > kMaxItems) refuse(item.line, "too many values");
    if (open_.empty()) {
      root_ = std::move(item);
      return;
    }
    Item& parent = open_.back();
    const bool is_value = parent.kind == Item::Kind::map && parent.items.size() % 2 == 1;
    // The parser sees that there is nothing only where the next thing begins.
    if (is_value && item.kind == Item::Kind::nothing) item.line = parent.items.back().line;
    parent.items.push_back(std::move(item));
  }

  Item root_;
  std::vector<Item> open_;
  std::size_t items_ = 0;
  int documents_ = 0;
};

Item parse_yaml(std::string_view text) {
  TreeBuilder builder;
  try {
    // yaml-cpp 0.7 takes the end of a file for the end of a quoted text, if a line end stands
    // before it, but not the end of a document.
    std::istringstream stream{std::string(text) + "\n...\n"};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& fault) {
    const auto last_line = static_cast<int>(std::ranges::count(text, '\n')) + 1;
    const bool is_open_quote = fault.msg == YAML::ErrorMsg::DOC_IN_SCALAR;
    refuse(std::min(fault.mark.line + 1, last_line),
           "not YAML: " + (is_open_quote ? "a quote is still open here" : fault.msg));
  }
  return builder.take();
}

// The tree -> settings.

/// Calls `read(key, value)` for each entry of a section that may be left empty.
void for_each_entry(const Item& section, const std::string& name,
                    const std::function<void(const Item& key, const Item& value)>& read) {
  if (section.kind == Item::Kind::nothing) return;
  if (section.kind != Item::Kind::map) {
    refuse(section.line, name + " is to hold lines of the form 'key: value'");
  }
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i + 1 < section.items.size(); i += 2) {
    const Item& key = section.items[i];
    if (key.kind != Item::Kind::text || key.text.empty() || has_control_character(key.text)) {
      refuse(key.line, name + ": a key that is no name");
    }
    if (!seen.insert(key.text).second) {
      refuse(key.line, name + ": " + shown(key.text) + " for the second time");
    }
    read(key, section.items[i + 1]);
  }
}

const std::string& text_of(const Item& value, const std::string& name) {
  if (value.kind == Item::Kind::nothing || (value.kind == Item::Kind::text && value.text.empty())) {
    refuse(value.line, name + " is empty; leave it out, or give it a value");
  }
  if (value.kind != Item::Kind::text) refuse(value.line, name + " takes one text");
  if (has_control_character(value.text)) refuse(value.line, name + " holds a control character");
  return value.text;
}

/// What a section may hold, or why it may not.
struct Key {
  std::string_view name;
  std::string_view refusal;  ///< empty: supported
};

/// Throws unless `key` is one that `section` supports.
void check_key(const Item& key, const std::string& section, std::span<const Key> keys) {
  const auto found =
      std::ranges::find_if(keys, [&key](const Key& known) { return known.name == key.text; });
  if (found != keys.end() && found->refusal.empty()) return;
  if (found != keys.end()) {
    refuse(key.line,
           section + ": " + key.text + " is not supported: " + std::string(found->refusal));
  }
  std::string supported;
  for (const Key& known : keys) {
    if (!known.refusal.empty()) continue;
    supported += (supported.empty() ? "" : ", ") + std::string(known.name);
  }
  refuse(key.line, section + ": unknown key " + shown(key.text) + "; it takes " + supported);
}

class TlsReader {
 public:
  explicit TlsReader(const std::string& directory) : directory_(directory) {}

  /// `line` is where the section begins.
  void read(const Item& section, int line, WebConfig& config) {
    for_each_entry(section, kSection,
                   [this](const Item& key, const Item& value) { read_entry(key, value); });
    if (section.items.empty()) return;
    check_together(line);
    config.tls = std::move(settings_);
    config.client_allowed_sans = std::move(allowed_sans_);
  }

 private:
  static inline const std::string kSection = "tls_server_config";
  static constexpr std::array<Key, 13> kKeys{{
      {"cert_file", ""},
      {"key_file", ""},
      {"client_ca_file", ""},
      {"client_auth_type", ""},
      {"client_allowed_sans", ""},
      {"min_version", ""},
      {"max_version", ""},
      {"cert", "write it to a file, and name that in cert_file"},
      {"key", "write it to a file, and name that in key_file"},
      {"client_ca", "write it to a file, and name that in client_ca_file"},
      {"cipher_suites", "those of OpenSSL's own configuration are used; leave it out"},
      {"curve_preferences", "those of OpenSSL's own configuration are used; leave it out"},
      {"prefer_server_cipher_suites", "the server's order holds always; leave it out"},
  }};

  static TlsServerSettings defaults() {
    TlsServerSettings settings;
    settings.min_version = TlsVersion::tls1_2;
    settings.max_version = TlsVersion::tls1_3;
    return settings;
  }

  void read_entry(const Item& key, const Item& value) {
    check_key(key, kSection, kKeys);
    const std::string& name = key.text;
    if (name == "cert_file") settings_.cert_file = file_of(value, name);
    if (name == "key_file") settings_.key_file = file_of(value, name);
    if (name == "client_ca_file") settings_.client_ca_file = file_of(value, name);
    if (name == "client_auth_type") read_client_auth_type(value);
    if (name == "client_allowed_sans") read_allowed_sans(value);
    if (name == "min_version") settings_.min_version = version_of(value, name);
    if (name == "max_version") settings_.max_version = version_of(value, name);
  }

  [[nodiscard]] std::string file_of(const Item& value, const std::string& name) const {
    return (std::filesystem::path(directory_) / text_of(value, name)).string();
  }

  static TlsVersion version_of(const Item& value, const std::string& name) {
    const std::string& text = text_of(value, name);
    if (text == "TLS12") return TlsVersion::tls1_2;
    if (text == "TLS13") return TlsVersion::tls1_3;
    const bool is_broken = text == "TLS10" || text == "TLS11";
    refuse(value.line,
           name + ": " + shown(text) +
               (is_broken ? " is no longer safe, and not supported" : " is no version of TLS") +
               "; it takes TLS12 or TLS13");
  }

  void read_client_auth_type(const Item& value) {
    const std::string& text = text_of(value, "client_auth_type");
    needs_client_cert_ = text == "RequireAndVerifyClientCert";
    if (needs_client_cert_ || text == "NoClientCert") return;
    constexpr std::array<std::string_view, 4> kLax{"RequestClientCert", "RequireAnyClientCert",
                                                   "RequireClientCert", "VerifyClientCertIfGiven"};
    const bool is_lax = std::ranges::find(kLax, text) != kLax.end();
    refuse(value.line, "client_auth_type: " + shown(text) +
                           (is_lax ? " is not supported, because it lets in clients without a "
                                     "certificate that was verified"
                                   : " is unknown") +
                           "; it takes NoClientCert or RequireAndVerifyClientCert");
  }

  void read_allowed_sans(const Item& value) {
    const std::string name = "client_allowed_sans";
    if (value.kind != Item::Kind::list) refuse(value.line, name + " takes a list");
    if (value.items.empty()) {
      refuse(value.line,
             name + " is an empty list, which lets nobody in; leave it out, or fill it");
    }
    for (const Item& item : value.items) {
      const std::string& san = text_of(item, name);
      const bool is_mail = san.find('@') != std::string::npos && san.find(':') == std::string::npos;
      if (is_mail || is_ip_address(san)) {
        refuse(item.line, name + ": " + shown(san) + " is " +
                              (is_mail ? "a mail address" : "an IP address") +
                              "; only DNS names and URIs are compared");
      }
      allowed_sans_.push_back(san);
    }
  }

  void check_together(int line) const {
    const auto refuse_section = [line](const std::string& words) {
      refuse(line, kSection + ": " + words);
    };
    if (settings_.cert_file.empty()) refuse_section("cert_file is missing");
    if (settings_.key_file.empty()) refuse_section("key_file is missing");
    if (settings_.min_version > settings_.max_version) {
      refuse_section("min_version is above max_version");
    }
    const bool has_ca = !settings_.client_ca_file.empty();
    if (has_ca && !needs_client_cert_) {
      refuse_section("client_ca_file needs client_auth_type: RequireAndVerifyClientCert");
    }
    if (!has_ca && needs_client_cert_) {
      refuse_section("client_auth_type: RequireAndVerifyClientCert needs client_ca_file");
    }
    if (!allowed_sans_.empty() && !needs_client_cert_) {
      refuse_section("client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert");
    }
  }

  const std::string& directory_;
  TlsServerSettings settings_ = defaults();
  std::vector<std::string> allowed_sans_;
  bool needs_client_cert_ = false;
};

struct Header {
  std::string_view name;
  std::array<std::string_view, 2> values;  ///< those it may have; none: any
};

/// Those that exporter-toolkit allows.
constexpr std::array<Header, 5> kHeaders{{
    {"Strict-Transport-Security", {}},
    {"X-Content-Type-Options", {"nosniff"}},
    {"X-Frame-Options", {"deny", "sameorigin"}},
    {"X-XSS-Protection", {}},
    {"Content-Security-Policy", {}},
}};

const Header& header_of(const Item& key) {
  std::string names;
  for (const Header& header : kHeaders) {
    if (header.name == key.text) return header;
    names += (names.empty() ? "" : ", ") + std::string(header.name);
  }
  refuse(key.line, "headers: " + shown(key.text) + " cannot be set; those that can: " + names);
}

void check_header_value(const Header& header, const Item& value) {
  const std::string name(header.name);
  const auto is_printable_ascii = [](char c) { return c >= ' ' && c <= '~'; };
  if (!std::ranges::all_of(value.text, is_printable_ascii)) {
    refuse(value.line, "headers: " + name + " takes one line of printable ASCII");
  }
  if (value.text.size() > kMaxHeaderBytes) {
    refuse(value.line,
           "headers: " + name + " is longer than " + std::to_string(kMaxHeaderBytes) + " bytes");
  }
  const auto& values = header.values;
  if (values[0].empty() || std::ranges::find(values, value.text) != values.end()) return;
  refuse(value.line, "headers: " + name + ": " + shown(value.text) +
                         " is not supported; it takes " + std::string(values[0]) +
                         (values[1].empty() ? "" : " or " + std::string(values[1])));
}

void read_header(const Item& key, const Item& value, WebConfig& config) {
  const Header& header = header_of(key);
  const bool is_blank =
      value.kind == Item::Kind::nothing || (value.kind == Item::Kind::text && value.text.empty());
  if (is_blank) return;  // "Unset if blank", says the documentation of exporter-toolkit
  if (value.kind != Item::Kind::text)
    refuse(value.line, "headers: " + key.text + " takes one text");
  check_header_value(header, value);
  config.headers.emplace_back(key.text, value.text);
}

/// HTTP/2 is never spoken, and `true` only permits it: both values are obeyed.
void check_http2(const Item& value) {
  constexpr std::array<std::string_view, 18> kBooleans{
      "true",  "True",  "TRUE",  "yes", "Yes", "YES", "on",  "On",  "ON",
      "false", "False", "FALSE", "no",  "No",  "NO",  "off", "Off", "OFF"};
  const std::string& text = text_of(value, "http2");
  if (value.is_plain && std::ranges::find(kBooleans, text) != kBooleans.end()) return;
  refuse(value.line, "http2: " + shown(text) + " is neither true nor false");
}

void read_http_entry(const Item& key, const Item& value, WebConfig& config) {
  static constexpr std::array<Key, 2> kKeys{{{"headers", ""}, {"http2", ""}}};
  check_key(key, "http_server_config", kKeys);
  if (key.text == "http2") {
    check_http2(value);
    return;
  }
  for_each_entry(value, "headers", [&config](const Item& name, const Item& text) {
    read_header(name, text, config);
  });
}

/// The cost, when `hash` is one of bcrypt: `$2y$10$`, 22 characters of salt, 31 of hash.
std::optional<int> bcrypt_cost(std::string_view hash) {
  constexpr std::string_view kAlphabet =
      "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::string_view kDigits = "0123456789";
  constexpr std::size_t kSaltAt = 7;
  constexpr std::size_t kHashBytes = 60;
  if (hash.size() != kHashBytes) return std::nullopt;
  const std::string_view kind = hash.substr(0, 4);
  if ((kind != "$2a$" && kind != "$2b$" && kind != "$2y$") || hash[6] != '$') return std::nullopt;
  const auto tens = kDigits.find(hash[4]);
  const auto ones = kDigits.find(hash[5]);
  if (tens == std::string_view::npos || ones == std::string_view::npos) return std::nullopt;
  if (hash.substr(kSaltAt).find_first_not_of(kAlphabet) != std::string_view::npos) {
    return std::nullopt;
  }
  return static_cast<int>(tens * 10 + ones);
}

void read_user(const Item& key, const Item& value, WebConfig& config) {
  constexpr int kLowestCost = 4;  // bcrypt's own
  const std::string who = "basic_auth_users: " + shown(key.text);
  if (key.text.find(':') != std::string::npos) {
    refuse(key.line, who + " holds a colon, which no user can send");
  }
  if (key.text.size() > kMaxUserBytes) {
    refuse(key.line, who + " is longer than " + std::to_string(kMaxUserBytes) + " bytes");
  }
  const auto cost = value.kind == Item::Kind::text ? bcrypt_cost(value.text) : std::nullopt;
  if (!cost) {
    refuse(value.line, who +
                           " has no bcrypt hash ($2a$, $2b$ or $2y$, 60 characters); "
                           "htpasswd -nBC 10 USER prints one behind the colon");
  }
  if (*cost < kLowestCost || *cost > kMaxBcryptCost) {
    refuse(value.line, who + " has a hash of cost " + std::to_string(*cost) + ", outside " +
                           std::to_string(kLowestCost) + " to " + std::to_string(kMaxBcryptCost) +
                           (*cost < kLowestCost
                                ? ""
                                : ": each login would take seconds, and all others wait for it") +
                           "; make one with a cost such as 10");
  }
  config.users.emplace(key.text, value.text);
}

void read_section(const Item& key, const Item& value, const std::string& directory,
                  WebConfig& config) {
  static constexpr std::array<Key, 4> kKeys{{
      {"tls_server_config", ""},
      {"http_server_config", ""},
      {"basic_auth_users", ""},
      {"rate_limit", "connections, requests and passwords have limits of their own; leave it out"},
  }};
  check_key(key, "the file", kKeys);
  if (key.text == "tls_server_config") TlsReader(directory).read(value, key.line, config);
  if (key.text == "http_server_config") {
    for_each_entry(value, key.text, [&config](const Item& name, const Item& setting) {
      read_http_entry(name, setting, config);
    });
  }
  if (key.text == "basic_auth_users") {
    for_each_entry(value, key.text, [&config](const Item& user, const Item& hash) {
      read_user(user, hash, config);
    });
  }
}

// The file.

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

[[noreturn]] void refuse_errno(const std::string& words) {
  throw std::runtime_error(words + ": " + std::generic_category().message(errno));
}

/// At most one byte more than a file may hold.
std::string read_file(const std::string& path) {
  // Non-blocking: a FIFO that nobody writes is opened, and refused.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number() < 0) refuse_errno("cannot be opened");
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) refuse_errno("cannot be read");
  if (!S_ISREG(status.st_mode)) throw std::runtime_error("not a regular file");

  std::string text(kMaxWebConfigBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t bytes = ::read(file.number(), text.data() + size, text.size() - size);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) refuse_errno("cannot be read");
    if (bytes == 0) break;
    size += static_cast<std::size_t>(bytes);
  }
  text.resize(size);
  return text;
}

}  // namespace

WebConfig parse_web_config(std::string_view text, const std::string& directory) {
  check_text(text);
  const Item root = parse_yaml(text);
  WebConfig config;
  for_each_entry(root, "the file", [&](const Item& key, const Item& value) {
    read_section(key, value, directory, config);
  });
  return config;
}

WebConfig load_web_config(const std::string& path) {
  try {
    return parse_web_config(read_file(path), std::filesystem::path(path).parent_path().string());
  } catch (const std::runtime_error& fault) {
    throw std::runtime_error(path + ": " + fault.what());
  }
}

}  // namespace cpu_monitor::exporter
