#include "agent/proc_stat.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "common/messages.hpp"

namespace cpu_monitor::agent {
namespace {

std::string fixture(const std::string& name) {
  std::ifstream file(std::string(CPU_MONITOR_TEST_DATA "/proc_stat/") + name);
  EXPECT_TRUE(file.is_open()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string columns(std::size_t count) {
  std::string text;
  for (std::size_t i = 1; i <= count; ++i) text += " " + std::to_string(i * 11);
  return text;
}

const std::string kTotalLine = "cpu  1 2 3 4 5 6 7 8 9 10\n";

std::string with_total(const std::string& core_lines) {
  return kTotalLine + core_lines + "intr 1\n";
}

struct Case {
  const char* name;
  std::string text;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

std::string case_name(const testing::TestParamInfo<Case>& info) { return info.param.name; }

TEST(ProcStatParser, ReadsEveryModeOfTheMachine) {
  const auto stat = parse_proc_stat(kTotalLine + "intr 1\n");
  ASSERT_TRUE(stat);
  for (std::size_t mode = 0; mode < kCpuModeCount; ++mode) {
    EXPECT_EQ(stat->total[static_cast<CpuMode>(mode)], mode + 1)
        << kCpuModeNames[static_cast<CpuMode>(mode)];
  }
  EXPECT_EQ(stat->total.fields, 10);
  EXPECT_TRUE(stat->cores.empty());
}

TEST(ProcStatParser, ReadsEveryModeOfEachCpu) {
  const auto stat =
      parse_proc_stat(with_total("cpu0 10 9 8 7 6 5 4 3 2 1\ncpu1 0 0 0 0 0 0 0 0 0 0\n"));
  ASSERT_TRUE(stat);
  ASSERT_EQ(stat->cores.size(), 2u);
  EXPECT_EQ(stat->cores[0].times.ticks, (std::array<Ticks, 10>{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}));
  EXPECT_EQ(stat->cores[1].times.ticks, (std::array<Ticks, 10>{}));
  EXPECT_EQ(stat->cores[1].times.fields, 10);
}

TEST(ProcStatParser, ReadsThisMachine) {
  std::ifstream file("/proc/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto stat = parse_proc_stat(text);
  ASSERT_TRUE(stat) << stat.error().detail;
  EXPECT_GE(stat->cores.size(), 1u);
  EXPECT_GT(total(stat->total), 0u);
}

std::string columns_name(const testing::TestParamInfo<std::size_t>& info) {
  return "Columns" + std::to_string(info.param);
}

class ProcStatColumns : public testing::TestWithParam<std::size_t> {};

TEST_P(ProcStatColumns, KnownModesAreKeptAndTheRestIsAbsent) {
  const std::size_t count = GetParam();
  const auto stat =
      parse_proc_stat("cpu " + columns(count) + "\ncpu0" + columns(count) + "\nintr 1\n");
  ASSERT_TRUE(stat) << stat.error().detail;
  const std::size_t kept = std::min<std::size_t>(count, 10);
  EXPECT_EQ(stat->total.fields, kept);
  EXPECT_EQ(stat->cores.at(0).times, stat->total);
  for (std::size_t mode = 0; mode < kCpuModeCount; ++mode) {
    EXPECT_EQ(stat->total.ticks[mode], mode < kept ? (mode + 1) * 11 : 0);
    EXPECT_EQ(stat->total.has(static_cast<CpuMode>(mode)), mode < kept);
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, ProcStatColumns,
                         testing::Values(4, 5, 6, 7, 8, 9, 10, 11, 12, 40), columns_name);

class ProcStatTooFewColumns : public testing::TestWithParam<std::size_t> {};

TEST_P(ProcStatTooFewColumns, AreMalformed) {
  const auto machine = parse_proc_stat("cpu " + columns(GetParam()) + "\nintr 1\n");
  ASSERT_FALSE(machine);
  EXPECT_EQ(machine.error().code, DiscardReason::malformed);
  const auto core = parse_proc_stat(with_total("cpu0" + columns(GetParam()) + "\n"));
  ASSERT_FALSE(core);
  EXPECT_EQ(core.error().code, DiscardReason::malformed);
}

INSTANTIATE_TEST_SUITE_P(Counts, ProcStatTooFewColumns, testing::Values(0, 1, 2, 3), columns_name);

TEST(ProcStatParser, LooksAtNothingBehindTheTenthColumn) {
  EXPECT_TRUE(parse_proc_stat("cpu  1 2 3 4 5 6 7 8 9 10 -1 pears\nintr 1\n"));
}

TEST(ProcStatParser, CpusMayKnowFewerModesThanTheMachine) {
  const auto stat = parse_proc_stat(with_total("cpu0 1 2 3 4\n"));
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->total.fields, 10);
  EXPECT_EQ(stat->cores.at(0).times.fields, 4);
}

TEST(ProcStatParser, KeepsTheNumbersOfSparseCpus) {
  const auto stat = parse_proc_stat(with_total("cpu0 1 2 3 4\ncpu2 1 2 3 4\ncpu65535 1 2 3 4\n"));
  ASSERT_TRUE(stat);
  ASSERT_EQ(stat->cores.size(), 3u);
  EXPECT_EQ(stat->cores[0].id, 0u);
  EXPECT_EQ(stat->cores[1].id, 2u);
  EXPECT_EQ(stat->cores[2].id, 65535u);
}

TEST(ProcStatParser, SortsCpusById) {
  const auto stat = parse_proc_stat(with_total("cpu9 9 9 9 9\ncpu10 10 10 10 10\ncpu1 1 1 1 1\n"));
  ASSERT_TRUE(stat);
  ASSERT_EQ(stat->cores.size(), 3u);
  for (const CoreTimes& core : stat->cores) EXPECT_EQ(core.times.ticks[0], core.id);
  EXPECT_LT(stat->cores[0].id, stat->cores[1].id);
  EXPECT_LT(stat->cores[1].id, stat->cores[2].id);
}

TEST(ProcStatParser, TakesTheMachineLineWhereverItStands) {
  const auto stat = parse_proc_stat("cpu0 5 6 7 8\ncpu  1 2 3 4\nintr 1\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->total.ticks[0], 1u);
  EXPECT_EQ(stat->cores.at(0).times.ticks[0], 5u);
}

TEST(ProcStatParser, AcceptsTheLargestKernelValue) {
  const auto stat = parse_proc_stat("cpu  1 2 3 4 5 6 7 18446744073709551615\nintr 1\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ((stat->total)[CpuMode::steal], std::numeric_limits<Ticks>::max());
}

std::string many_cpus(std::size_t count) {
  std::string lines;
  for (std::size_t id = 0; id < count; ++id) lines += "cpu" + std::to_string(id) + " 1 2 3 4\n";
  return with_total(lines);
}

TEST(ProcStatParser, AcceptsAsManyCpusAsTheProtocolCarries) {
  const auto stat = parse_proc_stat(many_cpus(kMaxCpus));
  ASSERT_TRUE(stat) << stat.error().detail;
  EXPECT_EQ(stat->cores.size(), kMaxCpus);
}

TEST(ProcStatParser, OneCpuMoreIsMalformedInWords) {
  const auto stat = parse_proc_stat(many_cpus(kMaxCpus + 1));
  ASSERT_FALSE(stat);
  EXPECT_EQ(stat.error().code, DiscardReason::malformed);
  EXPECT_EQ(stat.error().detail, "there are more than 1024 CPUs");
}

TEST(ProcStatParser, IgnoresALineOfZerosBeforeTheTrueOne) {
  const auto stat = parse_proc_stat(fixture("lxcfs_zero_line_first.txt"));
  ASSERT_TRUE(stat) << stat.error().detail;
  EXPECT_EQ(stat->total.ticks[0], 57589u);
  EXPECT_EQ(stat->cores.size(), 2u);
}

TEST(ProcStatParser, AcceptsAMachineThatDidNothingYet) {
  const auto stat = parse_proc_stat("cpu  0 0 0 0\ncpu0 0 0 0 0\nintr 0\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ(total(stat->total), 0u);
}

TEST(ProcStatParser, DoesNotLookBehindTheFirstByteThatIsNoCpuLine) {
  for (const std::string behind : {"i", "x", "cz", "ctxt", "\n", "\x01garbage", " cpu0 1"}) {
    EXPECT_TRUE(parse_proc_stat(kTotalLine + behind)) << behind;
  }
  std::string text = with_total("cpu0 1 2 3 4\n");
  text.append(std::size_t{2} * 1024 * 1024, '\xff').append("cpu0 -1");
  EXPECT_TRUE(parse_proc_stat(text));
}

TEST(ProcStatParser, EveryCutWithinTheCpuLinesIsTorn) {
  const std::string cpu_lines =
      kTotalLine + "cpu0 1 2 3 4 5 6 7 8 9 10\ncpu1 1 2 3 4 5 6 7 8 9 10\n";
  for (std::size_t bytes = 1; bytes <= cpu_lines.size(); ++bytes) {
    const auto stat = parse_proc_stat(cpu_lines.substr(0, bytes));
    ASSERT_FALSE(stat) << bytes;
    EXPECT_EQ(stat.error().code, DiscardReason::torn) << bytes;
  }
  EXPECT_TRUE(parse_proc_stat(cpu_lines + "i"));
}

TEST(ProcStatParser, NoBytesAreEmpty) {
  const auto stat = parse_proc_stat("");
  ASSERT_FALSE(stat);
  EXPECT_EQ(stat.error().code, DiscardReason::empty);
  EXPECT_FALSE(stat.error().detail.empty());
}

class ProcStatTorn : public testing::TestWithParam<Case> {};

TEST_P(ProcStatTorn, IsRejected) {
  const auto stat = parse_proc_stat(GetParam().text);
  ASSERT_FALSE(stat);
  EXPECT_EQ(stat.error().code, DiscardReason::torn) << stat.error().detail;
}

INSTANTIATE_TEST_SUITE_P(Cases, ProcStatTorn,
                         testing::Values(Case{"Fixture", fixture("torn.txt")},
                                         Case{"OneLetter", "c"}, Case{"TheWordAlone", "cpu"},
                                         Case{"NoLineEnd", "cpu  1 2 3 4"},
                                         Case{"NothingBehind", "cpu  1 2 3 4\n"},
                                         Case{"ACpuMayFollow", "cpu  1 2 3 4\ncp"},
                                         Case{"WithinTheCpuNumber", "cpu  1 2 3 4\ncpu1"},
                                         Case{"OnlyCpuLines", "cpu  1 2 3 4\ncpu0 1 2 3 4\n"}),
                         case_name);

class ProcStatMalformed : public testing::TestWithParam<Case> {};

TEST_P(ProcStatMalformed, IsRejectedInWords) {
  const auto stat = parse_proc_stat(GetParam().text);
  ASSERT_FALSE(stat);
  EXPECT_EQ(stat.error().code, DiscardReason::malformed) << stat.error().detail;
  EXPECT_FALSE(stat.error().detail.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Lines, ProcStatMalformed,
    testing::Values(Case{"AnotherFile", "MemTotal: 1 kB\n"},
                    Case{"AnEmptyLineFirst", "\ncpu  1 2 3 4\nintr 1\n"},
                    Case{"ASpaceFirst", " cpu  1 2 3 4\nintr 1\n"},
                    Case{"UpperCase", "CPU  1 2 3 4\nintr 1\n"},
                    Case{"ZeroByteFirst", std::string("\0cpu", 4)},
                    Case{"NoMachineLine", "cpu0 1 2 3 4\nintr 1\n"},
                    Case{"NoColumns", "cpu\nintr 1\n"}, Case{"OnlySpaces", "cpu     \nintr 1\n"},
                    Case{"GluedColumns", fixture("lxcfs_glued_columns.txt")},
                    Case{"TwoMachineLines", "cpu  1 2 3 4\ncpu  1 2 3 4\nintr 1\n"},
                    Case{"ZerosBehindTheMachineLine", "cpu  1 2 3 4\ncpu  0 0 0 0\nintr 1\n"},
                    Case{"TabsBetweenColumns", "cpu  1\t2\t3\t4\nintr 1\n"},
                    Case{"CarriageReturn", "cpu  1 2 3 4\r\nintr 1\n"},
                    Case{"CpuWord", "cpufreq 1 2 3 4\nintr 1\n"}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Values, ProcStatMalformed,
    testing::Values(
        Case{"Negative", "cpu  1 2 -3 4\nintr 1\n"}, Case{"Plus", "cpu  1 2 +3 4\nintr 1\n"},
        Case{"Fraction", "cpu  1 2 3.5 4\nintr 1\n"}, Case{"Exponent", "cpu  1 2 3e5 4\nintr 1\n"},
        Case{"Hexadecimal", "cpu  1 2 0x3 4\nintr 1\n"}, Case{"Word", "cpu  1 2 three 4\nintr 1\n"},
        Case{"NotANumber", "cpu  nan 2 3 4\nintr 1\n"},
        Case{"DigitsThenLetters", "cpu  1 2 3x 4\nintr 1\n"},
        Case{"ZeroByte", std::string("cpu  1 2 \0 4\nintr 1\n", 20)},
        Case{"HighByte", "cpu  1 2 \xff 4\nintr 1\n"}, Case{"Comma", "cpu  1,2,3,4\nintr 1\n"},
        Case{"TwoToThe64", "cpu  1 2 3 18446744073709551616\nintr 1\n"},
        Case{"ThirtyDigits", "cpu  1 2 3 999999999999999999999999999999\nintr 1\n"},
        Case{"BadTenthColumn", "cpu  1 2 3 4 5 6 7 8 9 x\nintr 1\n"},
        Case{"NegativeInACpu", with_total("cpu0 1 2 3 4\ncpu1 1 -2 3 4\n")}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    CpuNumbers, ProcStatMalformed,
    testing::Values(Case{"AboveTheLimit", with_total("cpu65536 1 2 3 4\n")},
                    Case{"TwoToThe31", with_total("cpu2147483648 1 2 3 4\n")},
                    Case{"TwoToThe32", with_total("cpu4294967296 1 2 3 4\n")},
                    Case{"TwentyDigits", with_total("cpu99999999999999999999 1 2 3 4\n")},
                    Case{"Negative", with_total("cpu-1 1 2 3 4\n")},
                    Case{"Letters", with_total("cpux 1 2 3 4\n")},
                    Case{"DigitsThenLetters", with_total("cpu1x 1 2 3 4\n")},
                    Case{"Colon", with_total("cpu1: 1 2 3 4\n")},
                    Case{"NothingBehind", with_total("cpu1\n")},
                    Case{"Twice", with_total("cpu1 1 2 3 4\ncpu1 1 2 3 4\n")},
                    Case{"TwiceApart", with_total("cpu1 1 2 3 4\ncpu2 1 2 3 4\ncpu1 5 6 7 8\n")},
                    Case{"TwiceWithAZero", with_total("cpu1 1 2 3 4\ncpu01 1 2 3 4\n")}),
    case_name);

TEST(ProcStatParser, SaysWhichCpuComesTwice) {
  const auto stat = parse_proc_stat(with_total("cpu7 1 2 3 4\ncpu1 1 2 3 4\ncpu7 1 2 3 4\n"));
  ASSERT_FALSE(stat);
  EXPECT_EQ(stat.error().detail, "CPU 7 comes twice");
}

TEST(ProcStatParser, SaysWhichCpuNumberIsTheLargest) {
  const auto stat = parse_proc_stat(with_total("cpu70000 1 2 3 4\n"));
  ASSERT_FALSE(stat);
  EXPECT_EQ(stat.error().detail, "a CPU number is above 65535");
}

TEST(ProcStatParser, WorksInTheMemoryItIsLent) {
  auto first = parse_proc_stat(many_cpus(64));
  ASSERT_TRUE(first);
  const CoreTimes* const memory = first->cores.data();
  auto second = parse_proc_stat(many_cpus(64), *std::move(first));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->cores.data(), memory);
}

TEST(ProcStatParser, KeepsNothingOfTheReadingItRecycles) {
  auto old = parse_proc_stat(many_cpus(8));
  ASSERT_TRUE(old);
  const auto stat = parse_proc_stat("cpu  9 9 9 9\ncpu3 1 1 1 1\nintr 1\n", *std::move(old));
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->total.fields, 4);
  EXPECT_EQ(stat->total.ticks, (std::array<Ticks, 10>{9, 9, 9, 9}));
  ASSERT_EQ(stat->cores.size(), 1u);
  EXPECT_EQ(stat->cores[0].id, 3u);

  auto other = parse_proc_stat(many_cpus(8));
  ASSERT_TRUE(other);
  EXPECT_FALSE(parse_proc_stat("cpu0 1 1 1 1\nintr 1\n", *std::move(other)))
      << "the machine's line must not come from the reading before";
}

struct Fixture {
  const char* file;
  std::size_t cpus;
  int fields;
  Ticks user;
  friend std::ostream& operator<<(std::ostream& out, const Fixture& f) { return out << f.file; }
};

std::string fixture_name(const testing::TestParamInfo<Fixture>& info) {
  const std::string file = info.param.file;
  return file.substr(0, file.find('.'));
}

class ProcStatFixture : public testing::TestWithParam<Fixture> {};

TEST_P(ProcStatFixture, IsRead) {
  const auto stat = parse_proc_stat(fixture(GetParam().file));
  ASSERT_TRUE(stat) << stat.error().detail;
  EXPECT_EQ(stat->cores.size(), GetParam().cpus);
  EXPECT_EQ(stat->total.fields, GetParam().fields);
  EXPECT_EQ((stat->total)[CpuMode::user], GetParam().user);
}

INSTANTIATE_TEST_SUITE_P(Files, ProcStatFixture,
                         testing::Values(Fixture{"linux_6_18_two_cpus.txt", 2, 10, 2929},
                                         Fixture{"linux_2_4_four_columns.txt", 1, 4, 1132},
                                         Fixture{"linux_2_6_7_columns.txt", 2, 7, 2255},
                                         Fixture{"offline_cpus.txt", 3, 10, 60126},
                                         Fixture{"lxcfs_three_spaces.txt", 1, 10, 12846},
                                         Fixture{"wrapped_steal.txt", 1, 10, 8042}),
                         fixture_name);

/// Whatever the bytes: a whole reading or none.
void expect_whole_or_none(const std::string& text) {
  const auto stat = parse_proc_stat(text);
  if (!stat) {
    EXPECT_FALSE(stat.error().detail.empty());
    return;
  }
  EXPECT_GE(stat->total.fields, kMinCpuFields);
  EXPECT_LE(stat->cores.size(), kMaxCpus);
  for (std::size_t i = 0; i < stat->cores.size(); ++i) {
    EXPECT_LE(stat->cores[i].id, kMaxCpuId);
    EXPECT_GE(stat->cores[i].times.fields, kMinCpuFields);
    if (i > 0) {
      EXPECT_LT(stat->cores[i - 1].id, stat->cores[i].id);
    }
  }
}

TEST(ProcStatParser, DamagedTextIsReadWholeOrNotAtAll) {
  std::mt19937 random(20240607);
  const std::string good = fixture("linux_6_18_two_cpus.txt");
  const std::string alphabet = "0123456789 cpu\n-.\xff";
  for (int round = 0; round < 20000; ++round) {
    std::string text = good.substr(0, 200);
    for (auto edits = 1 + random() % 4; edits > 0; --edits) {
      text[random() % text.size()] = alphabet[random() % alphabet.size()];
    }
    if (random() % 4 == 0) text.resize(random() % text.size());
    expect_whole_or_none(text);
  }
}

TEST(ProcStatParser, RandomBytesAreReadWholeOrNotAtAll) {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string text = "cpu";
    for (auto bytes = random() % 40; bytes > 0; --bytes) {
      text.push_back("0123456789  \ncpui"[random() % 17]);
    }
    expect_whole_or_none(text);
  }
}

TEST(StatCountersParser, ReadsEveryLineBehindTheCpus) {
  const StatCounters counters = parse_stat_counters(
      kTotalLine +
      "cpu0 1 2 3 4\nintr 700 1 2 3\nctxt 800\nbtime 1700000000\nprocesses 900\n"
      "procs_running 3\nprocs_blocked 1\nsoftirq 5 1 1 1\n");
  EXPECT_EQ(counters.interrupts, 700u);
  EXPECT_EQ(counters.context_switches, 800u);
  EXPECT_EQ(counters.boot_time_s, 1700000000u);
  EXPECT_EQ(counters.forks, 900u);
  EXPECT_EQ(counters.running, 3u);
  EXPECT_EQ(counters.blocked, 1u);
}

TEST(StatCountersParser, ReadsARealFile) {
  const StatCounters counters = parse_stat_counters(fixture("linux_6_18_two_cpus.txt"));
  EXPECT_TRUE(counters.interrupts);
  EXPECT_TRUE(counters.context_switches);
  EXPECT_TRUE(counters.boot_time_s);
  EXPECT_TRUE(counters.forks);
  EXPECT_TRUE(counters.running);
  EXPECT_TRUE(counters.blocked);
}

TEST(StatCountersParser, ALongInterruptLineHidesNothing) {
  std::string text = "intr 7";
  for (int i = 0; i < 300'000; ++i) text += " 0";
  const StatCounters counters = parse_stat_counters(text + "\nctxt 8\n");
  EXPECT_EQ(counters.interrupts, 7u);
  EXPECT_EQ(counters.context_switches, 8u);
}

TEST(StatCountersParser, TheOrderOfTheLinesIsFree) {
  const StatCounters counters = parse_stat_counters("procs_blocked 1\nctxt 2\nintr 3\n");
  EXPECT_EQ(counters.blocked, 1u);
  EXPECT_EQ(counters.context_switches, 2u);
  EXPECT_EQ(counters.interrupts, 3u);
}

TEST(StatCountersParser, ReadsTheLargestNumber) {
  EXPECT_EQ(parse_stat_counters("ctxt 18446744073709551615\n").context_switches,
            std::numeric_limits<std::uint64_t>::max());
}

TEST(StatCountersParser, ABadLineDoesNotSpoilTheOthers) {
  const StatCounters counters = parse_stat_counters("intr x\nctxt 2\nbtime -1\nprocesses 4\n");
  EXPECT_EQ(counters.interrupts, std::nullopt);
  EXPECT_EQ(counters.context_switches, 2u);
  EXPECT_EQ(counters.boot_time_s, std::nullopt);
  EXPECT_EQ(counters.forks, 4u);
}

TEST(StatCountersParser, TheLineThatIsCutOffIsAbsent) {
  const StatCounters counters = parse_stat_counters("intr 1 2\nctxt 2\nprocesses 12");
  EXPECT_EQ(counters.context_switches, 2u);
  EXPECT_EQ(counters.forks, std::nullopt);
}

class StatCountersAbsent : public testing::TestWithParam<Case> {};

TEST_P(StatCountersAbsent, SaysNothing) {
  EXPECT_EQ(parse_stat_counters(GetParam().text), StatCounters{});
}

INSTANTIATE_TEST_SUITE_P(
    Texts, StatCountersAbsent,
    testing::Values(Case{"NoBytes", ""}, Case{"OnlyCpuLines", kTotalLine},
                    Case{"NoNumber", "ctxt\n"}, Case{"ABlankForANumber", "ctxt \n"},
                    Case{"Letters", "ctxt many\n"}, Case{"Negative", "ctxt -1\n"},
                    Case{"Plus", "ctxt +1\n"}, Case{"Fraction", "ctxt 1.5\n"},
                    Case{"Hexadecimal", "ctxt 0x10\n"},
                    Case{"TwoToThe64", "ctxt 18446744073709551616\n"},
                    Case{"LettersBehindTheNumber", "ctxt 12x\n"}, Case{"TwoBlanks", "ctxt  12\n"},
                    Case{"Tab", "ctxt\t12\n"}, Case{"ColonBehindTheWord", "ctxt: 12\n"},
                    Case{"BlankBeforeTheWord", " ctxt 12\n"}, Case{"CapitalWord", "CTXT 12\n"},
                    Case{"LongerWord", "ctxts 12\n"}, Case{"ShorterWord", "ctx 12\n"},
                    Case{"CarriageReturn", "ctxt 12\r\n"}, Case{"CutOffNumber", "ctxt 12"},
                    Case{"CutOffInterrupts", "intr 12 1 2 3"}, Case{"EmptyLines", "\n\n\n"},
                    Case{"ZeroByte", std::string("ctxt 1\0002\n", 9)},
                    Case{"OtherLines", "softirq 1 2\npage 1\n"}),
    case_name);

}  // namespace
}  // namespace cpu_monitor::agent
