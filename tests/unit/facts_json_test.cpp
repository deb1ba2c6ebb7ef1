#include "common/facts_json.hpp"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/field_place.hpp"

namespace cpu_monitor {
namespace {

std::string facts_with(const std::string& fields) { return R"({"type":"facts",)" + fields + '}'; }

CpuFacts decode_facts(const std::string& line) {
  const auto decoded = decode_agent_message(line);
  EXPECT_TRUE(decoded) << decoded.error().detail << '\n' << line;
  return decoded ? std::get<CpuFacts>(*decoded) : CpuFacts{};
}

std::string text_of(const CpuFacts& facts) {
  std::string text;
  append_facts(text, facts);
  return text;
}

CpuFacts full_facts() {
  CpuFacts facts;
  facts.models = {
      {"GenuineIntel", "6", "85", "Some \"CPU\" @ 2.50GHz", "0x5003604", "7", "33792 KB"},
      {"", "", "", "Other", "", "", ""}};
  facts.cpus = {{0, 0, "0", "0"}, {1, 1, "0", "1"}, {65535, 0, "", ""}};
  facts.online = {0, 1, 65535};
  facts.offline = {2, 3};
  facts.isolated = {1};
  facts.frequency_limits = {{0, 800000, 3500000, 800000, 2500000},
                            {1, std::nullopt, 0, std::nullopt, 18446744073709551615U}};
  facts.governors = {{{0, 65535}, {"performance", "powersave"}, "powersave"}, {{1}, {}, ""}};
  facts.thermal_zones = {{0, "x86_pkg_temp"}, {4, ""}};
  return facts;
}

TEST(FactsWriter, WritesEveryField) {
  EXPECT_EQ(encode(full_facts()),
            R"({"type":"facts","models":[{"vendor":"GenuineIntel","family":"6","model":"85",)"
            R"("model_name":"Some \"CPU\" @ 2.50GHz","microcode":"0x5003604","stepping":"7",)"
            R"("cachesize":"33792 KB"},{"model_name":"Other"}],)"
            R"("cpus":[[0,0,"0","0"],[1,1,"0","1"],[65535,0,"",""]],)"
            R"("online":[0,1,65535],"offline":[2,3],"isolated":[1],)"
            R"("frequency_limits":[[0,800000,3500000,800000,2500000],)"
            R"([1,null,0,null,18446744073709551615]],)"
            R"("governors":[{"cpus":[0,65535],"available":["performance","powersave"],)"
            R"("current":"powersave"},{"cpus":[1]}],)"
            R"("thermal_zones":[[0,"x86_pkg_temp"],[4,""]]})"
            "\n");
}

TEST(FactsWriter, WritesNoEmptyList) { EXPECT_EQ(text_of(CpuFacts{}), R"({"type":"facts"})"); }

TEST(FactsWriter, AppendsToWhatIsThere) {
  std::string text = "before";
  append_facts(text, CpuFacts{});
  EXPECT_EQ(text, R"(before{"type":"facts"})");
}

TEST(FactsWriter, ReplacesInvalidUtf8) {
  CpuFacts facts;
  facts.models = {{"a\xFF", "", "", "", "", "", ""}};
  EXPECT_EQ(decode_facts(text_of(facts)).models[0].vendor, "a\xEF\xBF\xBD");
}

TEST(FactsReader, ReadsBackWhatIsWritten) {
  EXPECT_EQ(decode_facts(text_of(full_facts())), full_facts());
  EXPECT_EQ(decode_facts(text_of(CpuFacts{})), CpuFacts{});
}

TEST(FactsReader, SortsByNumber) {
  const CpuFacts facts = decode_facts(facts_with(
      R"("thermal_zones":[[3,"b"],[0,"a"]],"governors":[{"cpus":[7,5]},{"cpus":[6,1],)"
      R"("available":["z","a"]}],"frequency_limits":[[2,1,1,1,1],[1,2,2,2,2]],)"
      R"("isolated":[3,1],"offline":[9,8],"online":[7,6],"cpus":[[4,1,"",""],[3,0,"",""]],)"
      R"("models":[{"vendor":"z"},{"vendor":"a"}])"));
  EXPECT_EQ(facts.thermal_zones, (std::vector<ThermalZone>{{0, "a"}, {3, "b"}}));
  EXPECT_EQ(facts.governors,
            (std::vector<GovernorChoice>{{{1, 6}, {"z", "a"}, ""}, {{5, 7}, {}, ""}}));
  EXPECT_EQ(facts.frequency_limits,
            (std::vector<FrequencyLimits>{{1, 2, 2, 2, 2}, {2, 1, 1, 1, 1}}));
  EXPECT_EQ(facts.isolated, (std::vector<std::uint32_t>{1, 3}));
  EXPECT_EQ(facts.offline, (std::vector<std::uint32_t>{8, 9}));
  EXPECT_EQ(facts.online, (std::vector<std::uint32_t>{6, 7}));
  EXPECT_EQ(facts.cpus, (std::vector<CpuPlace>{{3, 0, "", ""}, {4, 1, "", ""}}));
  EXPECT_EQ(facts.models[0].vendor, "z") << "models keep their order: it is their number";
}

// ---- tables of what may stand in each list

std::string text_of_bytes(std::size_t bytes) { return '"' + std::string(bytes, 'n') + '"'; }

class FactsPlace : public testing::TestWithParam<Place> {};

TEST_P(FactsPlace, TakesWhatIsInRange) {
  for (const std::string& value : GetParam().good) {
    const std::string line = facts_with(replaced(GetParam().fields, '@', value));
    const CpuFacts facts = decode_facts(line);
    EXPECT_EQ(decode_facts(text_of(facts)), facts) << line;
  }
}

TEST_P(FactsPlace, RefusesAnythingElse) {
  for (const std::string& value : GetParam().bad) {
    const std::string line = facts_with(replaced(GetParam().fields, '@', value));
    const auto decoded = decode_agent_message(line);
    ASSERT_FALSE(decoded) << line;
    const std::string& detail = decoded.error().detail;
    EXPECT_EQ(decoded.error().code, RefusalCode::bad_field) << line;
    EXPECT_EQ(detail.find(GetParam().word), 0U) << detail << '\n' << line;
    EXPECT_LE(detail.size(), kMaxRefusalMessageBytes);
    EXPECT_EQ(detail.find("zebra"), std::string::npos) << "quotes the line: " << detail;
  }
}

TEST_P(FactsPlace, RefusesWhatNoFieldTakes) {
  for (const char* value : {"1e999", "-1e999", "NaN", "Infinity", "01", "+1", ".5"}) {
    EXPECT_FALSE(decode_agent_message(facts_with(replaced(GetParam().fields, '@', value))));
  }
  EXPECT_FALSE(decode_agent_message(facts_with(replaced(GetParam().fields, '@', "[[[[[[]]]]]]"))));
}

const Texts kNoList{"null", "true", "5", "-1", "0.5", R"("zebra")", "{}", R"({"zebra":1})"};
const Texts kNoInteger{"null",
                       "true",
                       R"("5")",
                       "{}",
                       "[]",
                       "[5]",
                       "-1",
                       "-0",
                       "0.5",
                       "1.0",
                       "1e3",
                       "-0.0",
                       "18446744073709551616"};
const Texts kNoId = with(kNoInteger, {"65536", "4294967296", "18446744073709551615"});
const Texts kNoText{"null",
                    "true",
                    "5",
                    "{}",
                    "[]",
                    R"(["zebra"])",
                    R"("zebra\n")",
                    R"("zebra\u0000")",
                    R"("\u001b[2Jzebra")",
                    R"("zebra\u007f")",
                    R"("zebra\u009b")",
                    text_of_bytes(129)};

Place id(const char* name, std::string fields, const char* word) {
  return {name, std::move(fields), {"0", "1", "65535"}, kNoId, word};
}

Place text(const char* name, std::string fields, const char* word) {
  return {name,
          std::move(fields),
          {R"("")", R"("x")", R"("a \"quoted\" \\ one")", "\"\xC3\xB6\"", text_of_bytes(128)},
          kNoText,
          word};
}

Place khz(const char* name, std::string fields) {
  Texts bad = kNoInteger;
  bad.erase(bad.begin());  // null: not known
  return {name,
          std::move(fields),
          {"null", "0", "2400000", "9007199254740992", "18446744073709551615"},
          std::move(bad),
          "frequency_limits"};
}

/// A list of `element`s, which have the '#' for their number.
Place list(const char* key, std::size_t max_size, const std::string& element) {
  const std::string first = replaced(element, '#', "0");
  const std::string second = replaced(element, '#', "7");
  Place place{"List",
              '"' + std::string(key) + "\":@",
              {"[]", '[' + first + ']', '[' + second + ',' + first + ']', array(max_size, element)},
              with(kNoList, {"[null]", "[[]]", "[{}]", R"(["zebra"])", "[0.5]", "[-1]"}),
              key};
  place.bad = with(
      place.bad, {'[' + first + ",null]", '[' + first + ",[]]", '[' + first + ",{}]",
                  '[' + first + ',' + first + ']', '[' + second + ',' + first + ',' + second + ']',
                  array(max_size + 1, element)});
  return place;
}

/// Without an element's last entry, and with too many.
Place row(const char* key, const std::string& first_entries, const std::string& last_entry) {
  return {"Row",
          '"' + std::string(key) + "\":[@]",
          {'[' + first_entries + ',' + last_entry + ']',
           '[' + first_entries + ',' + last_entry + R"(,"more",null,-1,[[5]],{"zebra":[]}])"},
          {"[]", "[0]", '[' + first_entries + ']', R"({"0":0})", "0", R"("zebra")"},
          key};
}

std::string name_of_place(const testing::TestParamInfo<Place>& tested) { return tested.param.name; }

const char* const kModel = R"("models":[{}],)";

Place behind_a_model(Place place) {
  place.fields.insert(0, kModel);
  return place;
}

INSTANTIATE_TEST_SUITE_P(
    Models, FactsPlace,
    testing::Values(Place{"List",
                          R"("models":@)",
                          {"[]", "[{}]", "[{},{}]", R"([{"vendor":"a"},{"vendor":"a"}])",
                           array(1024, "{}"), R"([{"more":[-1],"vendor":"x"}])"},
                          with(kNoList, {"[null]", "[5]", "[[]]", R"(["zebra"])", "[{},null]",
                                         array(1025, "{}")}),
                          "models"},
                    text("Vendor", R"("models":[{"vendor":@}])", "models"),
                    text("Family", R"("models":[{"family":@}])", "models"),
                    text("Model", R"("models":[{"model":@}])", "models"),
                    text("ModelName", R"("models":[{"model_name":@}])", "models"),
                    text("Microcode", R"("models":[{"microcode":@}])", "models"),
                    text("Stepping", R"("models":[{"stepping":@}])", "models"),
                    text("CacheSize", R"("models":[{},{"cachesize":@}])", "models")),
    name_of_place);

INSTANTIATE_TEST_SUITE_P(
    Cpus, FactsPlace,
    testing::Values(behind_a_model(list("cpus", 1024, R"([#,0,"0","1"])")),
                    behind_a_model(row("cpus", R"(0,0,"a")", R"("b")")),
                    behind_a_model(id("Cpu", R"("cpus":[[@,0,"",""]])", "cpus")),
                    Place{"Model",
                          R"("models":[{},{}],"cpus":[[0,@,"",""]])",
                          {"0", "1"},
                          with(kNoInteger, {"2", "1023", "1024", "4294967296"}),
                          "cpus"},
                    Place{"LastModel",
                          R"("cpus":[[0,@,"",""]],"models":)" + array(1024, "{}"),
                          {"0", "1023"},
                          {"1024", "4294967295", "4294967296"},
                          "cpus"},
                    Place{"NoModels", R"("cpus":[[0,@,"",""]])", {}, {"0", "1"}, "cpus"},
                    behind_a_model(text("Package", R"("cpus":[[0,0,@,""]])", "cpus")),
                    behind_a_model(text("Core", R"("cpus":[[0,0,"",@]])", "cpus"))),
    [](const testing::TestParamInfo<Place>& tested) {
      return tested.param.name + std::to_string(tested.index);
    });

INSTANTIATE_TEST_SUITE_P(Online, FactsPlace,
                         testing::Values(list("online", 1024, "#"),
                                         id("Cpu", R"("online":[@])", "online")),
                         name_of_place);

INSTANTIATE_TEST_SUITE_P(Offline, FactsPlace,
                         testing::Values(list("offline", 1024, "#"),
                                         id("Cpu", R"("offline":[@])", "offline"),
                                         Place{"AndOnline",
                                               R"("offline":@,"online":[5,1,3])",
                                               {"[]", "[0]", "[4,2]", "[65535]"},
                                               {"[5]", "[0,1]", "[3,4]", "[5,3,1]"},
                                               "offline"}),
                         name_of_place);

INSTANTIATE_TEST_SUITE_P(Isolated, FactsPlace,
                         testing::Values(list("isolated", 1024, "#"),
                                         id("Cpu", R"("isolated":[@])", "isolated"),
                                         Place{"OnlineOrNot",
                                               R"("isolated":@,"online":[5,1,3],"offline":[2])",
                                               {"[5,2]", "[7]"},
                                               {},
                                               "isolated"}),
                         name_of_place);

INSTANTIATE_TEST_SUITE_P(FrequencyLimits, FactsPlace,
                         testing::Values(list("frequency_limits", 1024, "[#,1,2,null,4]"),
                                         row("frequency_limits", "0,1,2,3", "4"),
                                         id("Cpu", R"("frequency_limits":[[@,1,2,3,4]])",
                                            "frequency_limits"),
                                         khz("Min", R"("frequency_limits":[[0,@,2,3,4]])"),
                                         khz("Max", R"("frequency_limits":[[0,1,@,3,4]])"),
                                         khz("ScalingMin", R"("frequency_limits":[[0,1,2,@,4]])"),
                                         khz("ScalingMax", R"("frequency_limits":[[0,1,2,3,@]])")),
                         name_of_place);

INSTANTIATE_TEST_SUITE_P(
    Governors, FactsPlace,
    testing::Values(list("governors", 1024, R"({"cpus":[#],"available":["a","b"],"current":"a"})"),
                    Place{"CpusOfOne",
                          R"("governors":[{"cpus":@,"current":"a"}])",
                          {"[0]", "[3,1,65535]", array(1024, "#")},
                          with(kNoList, {"[]", "[null]", R"(["zebra"])", "[[0]]", "[0,0]",
                                         "[2,1,2]", array(1025, "#")}),
                          "governors"},
                    Place{"CpusOfAll",
                          R"("governors":[{"cpus":[65535]},{"cpus":@},{"cpus":[65534]}])",
                          {"[0]", array(1022, "#")},
                          {"[65535]", "[1,65534]", array(1023, "#")},
                          "governors"},
                    id("Cpu", R"("governors":[{"cpus":[@]}])", "governors"),
                    Place{"Members",
                          R"("governors":[{@}])",
                          {R"("cpus":[0])", R"("cpus":[0],"more":[[-1]])"},
                          {"", R"("available":["a"],"current":"a")", R"("current":"a")"},
                          "governors"},
                    Place{"Available",
                          R"("governors":[{"cpus":[0],"available":@}])",
                          {"[]", R"(["a"])", R"(["b","a"])", array(32, R"("g#")")},
                          with(kNoList, {"[null]", "[5]", "[[]]", R"(["a","a"])",
                                         R"(["b","a","b"])", array(33, R"("g#")")}),
                          "governors"},
                    text("OneAvailable", R"("governors":[{"cpus":[0],"available":["a",@]}])",
                         "governors"),
                    text("Current", R"("governors":[{"cpus":[0],"current":@}])", "governors")),
    name_of_place);

INSTANTIATE_TEST_SUITE_P(ThermalZones, FactsPlace,
                         testing::Values(list("thermal_zones", 256, R"([#,"acpitz"])"),
                                         row("thermal_zones", "0", R"("x")"),
                                         id("Zone", R"("thermal_zones":[[@,""]])", "thermal_zones"),
                                         text("Type", R"("thermal_zones":[[0,@]])",
                                              "thermal_zones")),
                         name_of_place);

TEST(FactsReader, IgnoresUnknownFields) {
  EXPECT_EQ(decode_facts(facts_with(R"("more":[[-1]],"sequence":-1,"percent":"x","cpu":null)")),
            CpuFacts{});
}

TEST(FactsReader, ReportsTheFirstFault) {
  const auto decoded =
      decode_agent_message(facts_with(R"("thermal_zones":5,"online":[-1],"models":[null])"));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().detail.find("models"), 0U);
}

TEST(FactsReader, RefusesAKeyTwice) {
  for (const std::string fields :
       {R"("online":[1],"online":[2])", R"("models":[{"vendor":"a","vendor":"b"}])",
        R"("governors":[{"cpus":[0],"current":"a","current":"a"}])"}) {
    const auto decoded = decode_agent_message(facts_with(fields));
    ASSERT_FALSE(decoded) << fields;
    EXPECT_EQ(decoded.error().code, RefusalCode::bad_json) << fields;
  }
}

// ---- round trips

class RandomFacts {
 public:
  CpuFacts next() {
    CpuFacts facts;
    for (std::uint32_t left = below(4); left > 0; --left) facts.models.push_back(model());
    for (const std::uint32_t cpu : rising()) {
      if (!facts.models.empty()) {
        const auto models = static_cast<std::uint32_t>(facts.models.size());
        facts.cpus.push_back({cpu, below(models), text(), text()});
      }
      if (below(9) == 0) facts.isolated.push_back(cpu);
      (coin() ? facts.online : facts.offline).push_back(cpu);
    }
    for (const std::uint32_t cpu : rising()) {
      facts.frequency_limits.push_back({cpu, khz(), khz(), khz(), khz()});
      if (facts.governors.empty() || below(3) == 0) facts.governors.push_back(choice());
      facts.governors.back().cpus.push_back(cpu);
    }
    for (const std::uint32_t zone : rising()) facts.thermal_zones.push_back({zone, text()});
    return facts;
  }

 private:
  std::uint32_t below(std::uint32_t bound) {
    return std::uniform_int_distribution<std::uint32_t>(0, bound - 1)(generator_);
  }
  bool coin() { return below(2) == 0; }

  std::string text() {
    static const Texts pieces{"a", "\"", "\\", " ", "\xC3\xA9", "\xF0\x9F\x94\xA5", "7", "/"};
    std::string text;
    for (std::uint32_t left = below(9); left > 0; --left) {
      text += pieces[below(static_cast<std::uint32_t>(pieces.size()))];
    }
    return text;
  }

  std::optional<std::uint64_t> khz() {
    if (below(3) == 0) return std::nullopt;
    return coin() ? below(5000000) : std::uniform_int_distribution<std::uint64_t>()(generator_);
  }

  CpuModel model() { return {text(), text(), text(), text(), text(), text(), text()}; }

  GovernorChoice choice() {
    GovernorChoice choice;
    for (std::uint32_t i = below(5); i > 0; --i) {
      choice.available.push_back(text() + std::to_string(i));
    }
    choice.current = text();
    return choice;
  }

  std::vector<std::uint32_t> rising() {
    std::vector<std::uint32_t> numbers;
    std::uint32_t next = below(3);
    for (std::uint32_t left = below(30); left > 0; --left) {
      numbers.push_back(next);
      next += 1 + (coin() ? 0 : below(2000));
    }
    return numbers;
  }

  std::mt19937 generator_{20240229};
};

TEST(FactsJson, ReadsBackWhatItWrites) {
  RandomFacts random;
  for (int i = 0; i < 1000; ++i) {
    const CpuFacts facts = random.next();
    const std::string line = text_of(facts);
    ASSERT_EQ(decode_facts(line), facts) << line;
  }
}

TEST(FactsJson, FitsALineOfTheLargestMachine) {
  CpuFacts facts = full_facts();
  facts.cpus.clear();
  facts.online.clear();
  facts.offline.clear();
  facts.isolated.clear();
  facts.frequency_limits.clear();
  facts.governors.assign(2, GovernorChoice{{},
                                           {"conservative", "ondemand", "userspace", "powersave",
                                            "performance", "schedutil"},
                                           "performance"});
  facts.models.assign(kMaxCpus / 64, facts.models[0]);
  for (std::uint32_t cpu = kMaxCpuId - kMaxCpus + 1; cpu <= kMaxCpuId; ++cpu) {
    facts.cpus.push_back({cpu, cpu % 16, "2147483647", "2147483647"});
    facts.online.push_back(cpu);
    facts.isolated.push_back(cpu);
    facts.frequency_limits.push_back({cpu, 10000000, 10000000, 10000000, 10000000});
    facts.governors[cpu / (kMaxCpuId - 500)].cpus.push_back(cpu);
  }
  facts.thermal_zones.clear();
  for (std::uint32_t zone = 0; zone < kMaxThermalZones; ++zone) {
    facts.thermal_zones.push_back({zone, "x86_pkg_temp"});
  }
  const std::string line = text_of(facts);
  EXPECT_LE(line.size(), kMaxLineBytes);
  EXPECT_EQ(decode_facts(line), facts);
}

TEST(FactsJson, RefusesEveryPrefixOfALine) {
  const std::string text = text_of(full_facts());
  for (std::size_t bytes = 0; bytes < text.size(); ++bytes) {
    const auto decoded = decode_agent_message(text.substr(0, bytes));
    ASSERT_FALSE(decoded) << bytes;
    ASSERT_EQ(decoded.error().code, RefusalCode::bad_json) << bytes;
  }
}

TEST(FactsJson, SurvivesAnyFlippedByte) {
  const std::string text = text_of(full_facts());
  std::mt19937 generator(11);
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int i = 0; i < 30; ++i) {
      std::string damaged = text;
      damaged[at] = static_cast<char>(generator() % 256);
      const auto decoded = decode_agent_message(damaged);
      if (!decoded) {
        ASSERT_FALSE(decoded.error().detail.empty());
      } else if (const auto* facts = std::get_if<CpuFacts>(&*decoded)) {
        ASSERT_EQ(decode_facts(text_of(*facts)), *facts) << damaged;
      }
    }
  }
}

}  // namespace
}  // namespace cpu_monitor
