#include "agent/proc_cpuinfo.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "agent/text_scan.hpp"
#include "common/messages.hpp"

namespace cpu_monitor::agent {
namespace {

/// What one `processor` block says.
struct Block {
  std::uint32_t cpu = 0;
  CpuModel model;
  std::string package;
  std::string core;
};

struct ModelKey {
  std::string_view key;
  std::string CpuModel::*field;
};

constexpr std::array kModelKeys{
    ModelKey{"vendor_id", &CpuModel::vendor},
    ModelKey{"vendor", &CpuModel::vendor},
    ModelKey{"cpu family", &CpuModel::family},
    ModelKey{"model", &CpuModel::model},
    ModelKey{"model name", &CpuModel::model_name},
    ModelKey{"isa", &CpuModel::model_name},  // RISC-V
    ModelKey{"microcode", &CpuModel::microcode},
    ModelKey{"stepping", &CpuModel::stepping},
    ModelKey{"cache size", &CpuModel::cache_size},
};

struct PlaceKey {
  std::string_view key;
  std::string Block::*field;
};

constexpr std::array kPlaceKeys{
    PlaceKey{"physical id", &Block::package}, PlaceKey{"core id", &Block::core},
    PlaceKey{"hart", &Block::core},  // RISC-V
};

struct KeyAndValue {
  std::string_view key;
  std::string_view value;
};

/// The value begins behind the first ": " and keeps its blanks, as node_exporter has it.
std::optional<KeyAndValue> split_line(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto separator = line.find(": ");
  if (separator == std::string_view::npos) return KeyAndValue{trim(line.substr(0, colon)), {}};
  return KeyAndValue{trim(line.substr(0, separator)), line.substr(separator + 2)};
}

std::optional<std::uint32_t> parse_cpu(std::string_view value) {
  const auto cpu = parse_number<std::uint32_t>(trim(value));
  return cpu && *cpu <= kMaxCpuId ? cpu : std::nullopt;
}

void note(Block& block, const KeyAndValue& line) {
  const std::string_view value = is_showable_text(line.value) ? line.value : std::string_view{};
  for (const ModelKey& known : kModelKeys) {
    if (line.key == known.key) block.model.*known.field = value;
  }
  for (const PlaceKey& known : kPlaceKeys) {
    if (line.key == known.key) block.*known.field = value;
  }
}

/// Gathers the blocks.
class Blocks {
 public:
  void take(std::optional<Block> block) {
    if (!block || info_.cpus.size() == kMaxCpus || !seen_.insert(block->cpu).second) return;
    CpuPlace place;
    place.cpu = block->cpu;
    place.model = index_of(std::move(block->model));
    place.package = std::move(block->package);
    place.core = std::move(block->core);
    info_.cpus.push_back(std::move(place));
  }

  [[nodiscard]] CpuInfo finish() && {
    std::sort(info_.cpus.begin(), info_.cpus.end(),
              [](const CpuPlace& a, const CpuPlace& b) { return a.cpu < b.cpu; });
    return std::move(info_);
  }

 private:
  std::uint32_t index_of(CpuModel model) {
    auto& models = info_.models;
    const auto known = std::find(models.begin(), models.end(), model);
    const auto index = static_cast<std::uint32_t>(known - models.begin());
    if (known == models.end()) models.push_back(std::move(model));
    return index;
  }

  CpuInfo info_;
  std::set<std::uint32_t> seen_;
};

}  // namespace

CpuInfo parse_cpuinfo(std::string_view text) {
  Blocks blocks;
  std::optional<Block> block;  // none: before the first, and in one that has no number
  while (!text.empty()) {
    const auto line = split_line(take_until(text, '\n'));
    if (!line) continue;
    if (line->key == "processor") {
      blocks.take(std::exchange(block, std::nullopt));
      if (const auto cpu = parse_cpu(line->value)) block.emplace().cpu = *cpu;
    } else if (block) {
      note(*block, *line);
    }
  }
  blocks.take(std::move(block));
  return std::move(blocks).finish();
}

}  // namespace cpu_monitor::agent
