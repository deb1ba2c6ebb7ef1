#include "agent/proc_cpuinfo.hpp"

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/messages.hpp"

namespace cpu_monitor::agent {
namespace {

std::string x86_block(std::uint32_t cpu, const std::string& core = "0") {
  return "processor\t: " + std::to_string(cpu) +
         "\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n"
         "model name\t: Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz\nstepping\t: 7\n"
         "microcode\t: 0x5003604\ncpu MHz\t\t: 2100.000\ncache size\t: 28160 KB\n"
         "physical id\t: 0\nsiblings\t: 40\ncore id\t\t: " +
         core + "\ncpu cores\t: 20\nflags\t\t: fpu vme de\npower management:\n\n";
}

CpuModel x86_model() {
  CpuModel model;
  model.vendor = "GenuineIntel";
  model.family = "6";
  model.model = "85";
  model.model_name = "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz";
  model.stepping = "7";
  model.microcode = "0x5003604";
  model.cache_size = "28160 KB";
  return model;
}

CpuModel named_model(const std::string& name) {
  CpuModel model;
  model.model_name = name;
  return model;
}

std::vector<std::uint32_t> numbers(const CpuInfo& info) {
  std::vector<std::uint32_t> cpus;
  for (const CpuPlace& place : info.cpus) cpus.push_back(place.cpu);
  return cpus;
}

TEST(CpuinfoParser, ReadsX86) {
  const CpuInfo info = parse_cpuinfo(x86_block(0, "0") + x86_block(1, "4"));
  EXPECT_EQ(info.models, std::vector{x86_model()});
  EXPECT_EQ(info.cpus, (std::vector{CpuPlace{0, 0, "0", "0"}, CpuPlace{1, 0, "0", "4"}}));
}

TEST(CpuinfoParser, ReadsArm64) {
  const CpuInfo info = parse_cpuinfo(
      "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n"
      "CPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n\n"
      "processor\t: 1\nBogoMIPS\t: 50.00\n\n");
  EXPECT_EQ(info.models, std::vector{CpuModel{}});
  EXPECT_EQ(info.cpus, (std::vector{CpuPlace{0, 0, "", ""}, CpuPlace{1, 0, "", ""}}));
}

TEST(CpuinfoParser, ReadsArm32) {
  const CpuInfo info = parse_cpuinfo(
      "processor\t: 0\nmodel name\t: ARMv7 Processor rev 4 (v7l)\nBogoMIPS\t: 38.40\n\n"
      "Hardware\t: BCM2835\nRevision\t: a02082\nModel\t\t: Raspberry Pi 3\n");
  EXPECT_EQ(info.models, std::vector{named_model("ARMv7 Processor rev 4 (v7l)")});
  EXPECT_EQ(numbers(info), std::vector{0u});
}

TEST(CpuinfoParser, ReadsRiscV) {
  const CpuInfo info = parse_cpuinfo(
      "processor\t: 0\nhart\t\t: 2\nisa\t\t: rv64imafdc\nmmu\t\t: sv39\nuarch\t\t: sifive,u74\n\n"
      "processor\t: 1\nhart\t\t: 1\nisa\t\t: rv64imafdc\n\n");
  EXPECT_EQ(info.models, std::vector{named_model("rv64imafdc")});
  EXPECT_EQ(info.cpus, (std::vector{CpuPlace{0, 0, "", "2"}, CpuPlace{1, 0, "", "1"}}));
}

TEST(CpuinfoParser, ReadsTheShorterKeyOfTheVendor) {
  const CpuInfo info = parse_cpuinfo("processor : 0\nvendor : GenuineIntel\n");
  ASSERT_EQ(info.models.size(), 1u);
  EXPECT_EQ(info.models[0].vendor, "GenuineIntel");
}

TEST(CpuinfoParser, CpusOfDifferentModelsDoNotShareThem) {
  const CpuInfo info = parse_cpuinfo(
      "processor\t: 0\nmodel name\t: small\n\nprocessor\t: 1\nmodel name\t: big\n\n"
      "processor\t: 2\nmodel name\t: small\n");
  EXPECT_EQ(info.models, (std::vector{named_model("small"), named_model("big")}));
  EXPECT_EQ(info.cpus,
            (std::vector{CpuPlace{0, 0, "", ""}, CpuPlace{1, 1, "", ""}, CpuPlace{2, 0, "", ""}}));
}

TEST(CpuinfoParser, OneDifferentFieldMakesADifferentModel) {
  const CpuInfo info =
      parse_cpuinfo("processor\t: 0\nmicrocode\t: 0x1\n\nprocessor\t: 1\nmicrocode\t: 0x2\n");
  EXPECT_EQ(info.models.size(), 2u);
}

TEST(CpuinfoParser, SortsByCpu) {
  EXPECT_EQ(numbers(parse_cpuinfo(x86_block(10) + x86_block(2) + x86_block(0))),
            (std::vector{0u, 2u, 10u}));
}

TEST(CpuinfoParser, AnOfflineCpuLeavesAGap) {
  EXPECT_EQ(numbers(parse_cpuinfo(x86_block(0) + x86_block(3))), (std::vector{0u, 3u}));
}

TEST(CpuinfoParser, EmptyLinesBetweenBlocksDoNotMatter) {
  EXPECT_EQ(numbers(parse_cpuinfo("\n\nprocessor\t: 0\nprocessor\t: 1\n\n\nprocessor\t: 2")),
            (std::vector{0u, 1u, 2u}));
}

TEST(CpuinfoParser, AKeyWithoutAValueIsEmpty) {
  const CpuInfo info = parse_cpuinfo("processor\t: 0\nmodel name\t: \nvendor_id\t:\n");
  EXPECT_EQ(info.models, std::vector{CpuModel{}});
}

TEST(CpuinfoParser, KeepsTheColonsAndBlanksOfAValue) {
  const CpuInfo info = parse_cpuinfo("processor\t: 0\nmodel name\t:  a: b:c \n");
  EXPECT_EQ(info.models, std::vector{named_model(" a: b:c ")});
}

TEST(CpuinfoParser, KeysAreWholeWords) {
  const CpuInfo info = parse_cpuinfo(
      "processor\t: 0\nModel Name\t: a\nmodel names\t: b\nisa-ext\t: c\nhart isa\t: d\n"
      "cpu core id\t: e\n");
  EXPECT_EQ(info.models, std::vector{CpuModel{}});
  EXPECT_EQ(info.cpus, (std::vector{CpuPlace{0, 0, "", ""}}));
}

TEST(CpuinfoParser, AValueThatCannotBeShownIsEmpty) {
  const CpuInfo info = parse_cpuinfo(
      "processor\t: 0\nvendor_id\t: a\x01"
      "b\nmodel name\t: \xff\nstepping\t: 7\n"
      "core id\t: \x1b[0m\n");
  CpuModel model;
  model.stepping = "7";
  EXPECT_EQ(info.models, std::vector{model});
  EXPECT_EQ(info.cpus, (std::vector{CpuPlace{0, 0, "", ""}}));
}

TEST(CpuinfoParser, KeepsAValueAtTheLimit) {
  const std::string value(kMaxTextBytes, 'x');
  const CpuInfo info = parse_cpuinfo("processor\t: 0\nmodel name\t: " + value + "\n");
  EXPECT_EQ(info.models, std::vector{named_model(value)});
}

TEST(CpuinfoParser, AValueAboveTheLimitIsEmpty) {
  const std::string value(kMaxTextBytes + 1, 'x');
  const CpuInfo info = parse_cpuinfo("processor\t: 0\nmodel name\t: " + value + "\n");
  EXPECT_EQ(info.models, std::vector{CpuModel{}});
}

TEST(CpuinfoParser, ABlockThatComesTwiceCountsOnce) {
  const CpuInfo info = parse_cpuinfo(
      "processor\t: 0\nmodel name\t: first\n\nprocessor\t: 0\nmodel name\t: second\n");
  EXPECT_EQ(info.models, std::vector{named_model("first")});
  EXPECT_EQ(numbers(info), std::vector{0u});
}

TEST(CpuinfoParser, ABlockWithoutANumberTakesItsLinesAway) {
  const CpuInfo info = parse_cpuinfo(
      "processor\t: 0\nmodel name\t: a\n\nprocessor\t: x\nmodel name\t: b\n\n"
      "processor\t: 1\nmodel name\t: a\n");
  EXPECT_EQ(info.models, std::vector{named_model("a")});
  EXPECT_EQ(numbers(info), (std::vector{0u, 1u}));
}

TEST(CpuinfoParser, ReadsTheLargestCpuNumber) {
  EXPECT_EQ(numbers(parse_cpuinfo("processor\t: 65535\n")), std::vector{65535u});
}

std::string many_cpus(std::uint32_t count) {
  std::string text;
  for (std::uint32_t cpu = 0; cpu < count; ++cpu) text += x86_block(cpu);
  return text;
}

TEST(CpuinfoParser, ReadsAsManyCpusAsTheLimit) {
  const CpuInfo info = parse_cpuinfo(many_cpus(kMaxCpus));
  EXPECT_EQ(info.cpus.size(), kMaxCpus);
  EXPECT_EQ(info.models.size(), 1u);
}

TEST(CpuinfoParser, LeavesOutTheCpusAboveTheLimit) {
  const CpuInfo info = parse_cpuinfo(many_cpus(kMaxCpus) + "processor\t: 5000\nmodel name\t: b\n");
  EXPECT_EQ(info.cpus.size(), kMaxCpus);
  EXPECT_EQ(info.models.size(), 1u) << "a model that no CPU has";
}

struct Case {
  const char* name;
  std::string text;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

std::string case_name(const testing::TestParamInfo<Case>& info) { return info.param.name; }

class CpuinfoWithoutCpus : public testing::TestWithParam<Case> {};

TEST_P(CpuinfoWithoutCpus, IsEmpty) {
  const CpuInfo info = parse_cpuinfo(GetParam().text);
  EXPECT_TRUE(info.cpus.empty());
  EXPECT_TRUE(info.models.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Texts, CpuinfoWithoutCpus,
    testing::Values(Case{"NoBytes", ""}, Case{"EmptyLines", "\n\n\n"},
                    Case{"NoBlock", "vendor_id\t: GenuineIntel\nmodel name\t: x\n"},
                    Case{"NoColon", "processor 0\n"}, Case{"NoNumber", "processor\t: \n"},
                    Case{"NoBlankBehindTheColon", "processor\t:0\n"},
                    Case{"Letters", "processor\t: x\n"}, Case{"Negative", "processor\t: -1\n"},
                    Case{"LettersBehind", "processor\t: 1x\n"},
                    Case{"Hexadecimal", "processor\t: 0x1\n"},
                    Case{"AboveTheLimit", "processor\t: 65536\n"},
                    Case{"TwoToThe32", "processor\t: 4294967296\n"},
                    Case{"CapitalKeyOfOldArm", "Processor\t: ARMv7 Processor rev 4 (v7l)\n"},
                    Case{"FormOfS390", "processor 0: version = 00,  identification = 1\n"},
                    Case{"LongerKey", "processors\t: 1\n"}, Case{"Binary", "\xff\xfe: \x01\n"}),
    case_name);

}  // namespace
}  // namespace cpu_monitor::agent
