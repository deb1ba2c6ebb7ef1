#include "common/sample_fields.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/field_place.hpp"

namespace cpu_monitor {
namespace {

constexpr std::uint64_t kLargest = 9007199254740991;               // 2^53 - 1
constexpr std::uint64_t kLargestOf64Bits = 18446744073709551615U;  // 2^64 - 1

std::string sample_with(const std::string& fields) {
  return R"({"type":"sample","sequence":1,"percent":5,)" + fields + '}';
}

CpuSample decode_sample(const std::string& fields) {
  const auto decoded = decode_agent_message(sample_with(fields));
  EXPECT_TRUE(decoded) << decoded.error().detail << '\n' << fields;
  return decoded ? std::get<CpuSample>(*decoded) : CpuSample{};
}

void expect_refusal(const std::string& fields, const Place& place) {
  const auto decoded = decode_agent_message(sample_with(fields));
  ASSERT_FALSE(decoded) << fields;
  const std::string& detail = decoded.error().detail;
  EXPECT_EQ(decoded.error().code, RefusalCode::bad_field) << fields;
  EXPECT_NE(detail.find(place.word), std::string::npos) << detail << '\n' << fields;
  EXPECT_LE(detail.size(), kMaxRefusalMessageBytes);
  EXPECT_EQ(detail.find("zebra"), std::string::npos) << "quotes the line: " << detail;
}

class SamplePlace : public testing::TestWithParam<Place> {};

TEST_P(SamplePlace, TakesWhatIsInRange) {
  for (const std::string& value : GetParam().good) {
    decode_sample(replaced(GetParam().fields, '@', value));
  }
}

TEST_P(SamplePlace, RefusesAnythingElse) {
  for (const std::string& value : GetParam().bad) {
    expect_refusal(replaced(GetParam().fields, '@', value), GetParam());
  }
}

TEST_P(SamplePlace, RefusesWhatNoFieldTakes) {
  const auto refusal_of = [](const std::string& value) {
    const auto decoded = decode_agent_message(sample_with(replaced(GetParam().fields, '@', value)));
    EXPECT_FALSE(decoded) << value;
    return decoded ? Error(RefusalCode::capacity, "") : decoded.error();
  };
  EXPECT_NE(refusal_of("1e999").detail.find("too large"), std::string::npos);
  EXPECT_NE(refusal_of("-1e999").detail.find("too large"), std::string::npos);
  for (const char* value : {"NaN", "Infinity", "-Infinity", "nan", "01", "+1", ".5", "5.", "0x5"}) {
    EXPECT_EQ(refusal_of(value).code, RefusalCode::bad_json) << value;
  }
  EXPECT_NE(refusal_of("[[[[[[[]]]]]]]").detail.find("6 levels"), std::string::npos);
}

/// The same fields in a message of another type are nobody's business.
TEST_P(SamplePlace, IsNotJudgedInAnotherMessage) {
  for (const std::string& value : GetParam().bad) {
    const std::string line = R"({"type":"zebra",)" + replaced(GetParam().fields, '@', value) + '}';
    const auto decoded = decode_agent_message(line);
    ASSERT_TRUE(decoded) << line;
    EXPECT_TRUE(std::holds_alternative<UnknownMessage>(*decoded)) << line;
  }
}

// ---- places for one number

const Texts kNoNumber{"null", "true", "false", R"("5")", R"("zebra")",
                      "{}",   "[]",   "[5]",   "[[5]]",  R"({"zebra":1})"};
const Texts kNegative{"-0.5", "-0.0", "-1e300", "-1", "-0"};
const Texts kNoInteger =
    with(with(kNoNumber, kNegative), {"0.5", "1.0", "1e3", "18446744073709551616", "1e300"});

Place counter(const char* name, std::string fields, const char* word) {
  return {name,
          std::move(fields),
          {"0", "5", "9007199254740991", "9007199254740992", "18446744073709551615"},
          kNoInteger,
          word};
}

Place wire_integer(const char* name, std::string fields, const char* word) {
  return {name,
          std::move(fields),
          {"0", "5", "9007199254740991"},
          with(kNoInteger, {"9007199254740992", "18446744073709551615"}),
          word};
}

Place ratio(const char* name, std::string fields, const char* word) {
  return {name,
          std::move(fields),
          {"0", "0.0", "0.5", "1e-300", "1", "1.0"},
          with(with(kNoNumber, kNegative), {"1.0000000001", "2", "18446744073709551615"}),
          word};
}

Place number_from_0(const char* name, std::string fields, const char* word) {
  return {name,
          std::move(fields),
          {"0", "0.0", "0.01", "7", "18446744073709551615", "1.7976931348623157e308"},
          with(kNoNumber, kNegative),
          word};
}

Place id(const char* name, std::string fields, const char* word) {
  return {name,
          std::move(fields),
          {"0", "65535"},
          with(kNoInteger, {"65536", "4294967296", "18446744073709551615"}),
          word};
}

Place topology_id(const char* name, std::string fields, const char* word) {
  return {name,
          std::move(fields),
          {"0", "65536", "2147483647"},
          with(kNoInteger, {"2147483648", "4294967296", "18446744073709551615"}),
          word};
}

template <class Case>
std::string name_of_case(const testing::TestParamInfo<Case>& tested) {
  return tested.param.name;
}

INSTANTIATE_TEST_SUITE_P(
    Host, SamplePlace,
    testing::Values(number_from_0("Load1", R"("load":[@,1,1])", "load"),
                    number_from_0("Load5", R"("load":[1,@,1])", "load"),
                    number_from_0("Load15", R"("load":[1,1,@])", "load"),
                    counter("ContextSwitches", R"("context_switches":@)", "context_switches"),
                    counter("Interrupts", R"("interrupts":@)", "interrupts"),
                    counter("Forks", R"("forks":@)", "forks"),
                    counter("Running", R"("running":@)", "running"),
                    counter("Blocked", R"("blocked":@)", "blocked"),
                    counter("CpuWaiting", R"("pressure":{"cpu_waiting_us":@})", "pressure"),
                    counter("IrqStalled", R"("pressure":{"irq_stalled_us":@})", "pressure"),
                    id("CpuOfSchedstat", R"("schedstat":[[@,1,2,3]])", "65535"),
                    counter("RunningTime", R"("schedstat":[[0,@,2,3]])", "schedstat"),
                    counter("WaitingTime", R"("schedstat":[[0,1,@,3]])", "schedstat"),
                    counter("Timeslices", R"("schedstat":[[0,1,2,@]])", "schedstat")),
    name_of_case<Place>);

/// An object of `members`, in which each 'H' stands for a good histogram.
std::string with_histograms(const std::string& members) {
  return '{' + replaced(members, 'H', R"({"counts":[1,2,3,4,5,6,7,8],"sum":9.5})") + '}';
}

std::string burst_of(const std::string& members) {
  return R"("burst":)" + with_histograms(members);
}

const char* const kHistograms = R"("utilization":H,"busiest_core":H,"runs":H)";

std::string burst_with(const std::string& member) { return burst_of(kHistograms + (',' + member)); }

INSTANTIATE_TEST_SUITE_P(
    Burst, SamplePlace,
    testing::Values(
        wire_integer("FirstCount",
                     burst_of(R"("utilization":{"counts":[@,0,0,0,0,0,0,0],"sum":1},)"
                              R"("busiest_core":H,"runs":H)"),
                     "burst.utilization"),
        wire_integer("LastCount",
                     burst_of(R"("utilization":H,"busiest_core":H,)"
                              R"("runs":{"sum":1,"counts":[0,0,0,0,0,0,0,@]})"),
                     "burst.runs"),
        number_from_0("Sum",
                      burst_of(R"("utilization":H,"busiest_core":{"counts":[0,0,0,0,0,0,0,0],)"
                               R"("sum":@},"runs":H)"),
                      "burst.busiest_core"),
        ratio("Peak", burst_with(R"("peak":@)"), "burst.peak"),
        ratio("BusiestCorePeak", burst_with(R"("busiest_core_peak":@)"), "burst.busiest_core_peak"),
        ratio("StealPeak", burst_with(R"("steal_peak":@)"), "burst.steal_peak")),
    name_of_case<Place>);

std::string cgroup_with(const std::string& member) {
  return R"("cgroup":{"usage_us":1,"user_us":2,"system_us":3,)" + member + '}';
}

INSTANTIATE_TEST_SUITE_P(
    Cgroup, SamplePlace,
    testing::Values(
        counter("Usage", R"("cgroup":{"usage_us":@,"user_us":2,"system_us":3})", "cgroup"),
        counter("User", R"("cgroup":{"usage_us":1,"user_us":@,"system_us":3})", "cgroup"),
        counter("System", R"("cgroup":{"usage_us":1,"user_us":2,"system_us":@})", "cgroup"),
        counter("Periods", cgroup_with(R"("periods":@)"), "cgroup"),
        counter("ThrottledPeriods", cgroup_with(R"("throttled_periods":@)"), "cgroup"),
        counter("ThrottledTime", cgroup_with(R"("throttled_us":@)"), "cgroup"),
        ratio("Utilization", cgroup_with(R"("utilization":@)"), "cgroup.utilization"),
        Place{"Quota",
              cgroup_with(R"("quota_cores":@)"),
              {"1e-300", "0.5", "1", "1024"},
              with(with(kNoNumber, kNegative), {"0", "0.0", "0e5"}),
              "cgroup.quota_cores"}),
    name_of_case<Place>);

INSTANTIATE_TEST_SUITE_P(
    Slow, SamplePlace,
    testing::Values(
        wire_integer("BootTime", R"("boot_time_s":@)", "boot_time_s"),
        id("CpuOfScaling", R"("frequency":{"scaling":[[@,5]]})", "65535"),
        id("CpuOfHardware", R"("frequency":{"hardware":[[@,5]]})", "65535"),
        counter("Scaling", R"("frequency":{"scaling":[[5,@]]})", "frequency"),
        counter("Hardware", R"("frequency":{"hardware":[[5,@]]})", "frequency"),
        topology_id("PackageOfACore", R"("throttles":{"cores":[[@,1,2]]})", "throttles.cores"),
        topology_id("CoreOfThrottles", R"("throttles":{"cores":[[1,@,2]]})", "throttles.cores"),
        counter("CoreThrottles", R"("throttles":{"cores":[[1,2,@]]})", "throttles.cores"),
        topology_id("Package", R"("throttles":{"packages":[[@,1]]})", "throttles.packages"),
        counter("PackageThrottles", R"("throttles":{"packages":[[1,@]]})", "throttles.packages"),
        id("Zone", R"("temperature":[[@,1]])", "temperature"),
        Place{"Temperature",
              R"("temperature":[[1,@]])",
              {"0", "-0", "-1", "45000", "-1000000", "1000000"},
              with(kNoNumber, {"-1000001", "1000001", "0.5", "-0.5", "1.0", "1e3", "-1e3",
                               "-9223372036854775808", "-9223372036854775809",
                               "18446744073709551615", "18446744073709551616"}),
              "temperature"}),
    name_of_case<Place>);

// ---- places for an object or an array

const Texts kNoContainer{"null", "true", "5", "-1", "0.5", R"("zebra")"};

/// Objects and arrays, whole.
Place whole(const char* name, std::string fields, Texts good, const Texts& bad, const char* word) {
  return {name, std::move(fields), std::move(good), with(kNoContainer, bad), word};
}

/// A list of rows of `size` numbers from 0, of which the first `key_size` are the key.
Place list(const char* name, std::string fields, std::size_t max_rows, std::size_t size,
           std::size_t key_size, const char* word) {
  const auto row_of = [](const std::string& key, std::size_t keys, std::size_t numbers) {
    std::string row;
    for (std::size_t i = 0; i < numbers; ++i) {
      row += (i == 0 ? "" : ",") + (i < keys ? key : std::string("7"));
    }
    return '[' + row + ']';
  };
  const std::string first = row_of("0", key_size, size);
  const std::string third = row_of("3", key_size, size);
  std::string longer = first;
  longer.insert(longer.size() - 1, R"(,"more",null,-1,[5],{"zebra":[]})");

  Place place =
      whole(name, std::move(fields), {"[]", '[' + first + ']', '[' + longer + ']'}, {}, word);
  place.good.push_back('[' + third + ',' + first + ']');
  place.good.push_back(array(max_rows, row_of("#", key_size, size)));
  place.bad = with(place.bad, {"{}", "[[]]", "[5]", "[null]", R"(["zebra"])", "[{}]", "[-1]",
                               '[' + first + ",5]", '[' + first + ",{}]"});
  place.bad.push_back('[' + row_of("0", key_size, size - 1) + ']');
  place.bad.push_back('[' + third + ',' + row_of("0", key_size, size - 1) + ']');
  place.bad.push_back('[' + first + ',' + first + ']');
  place.bad.push_back('[' + third + ',' + first + ',' + third + ']');
  place.bad.push_back(array(max_rows + 1, row_of("#", key_size, size)));
  place.bad.push_back(array(max_rows, row_of("5", key_size, size)));
  return place;
}

INSTANTIATE_TEST_SUITE_P(
    Lists, SamplePlace,
    testing::Values(list("Schedstat", R"("schedstat":@)", 1024, 4, 1, "schedstat"),
                    list("Scaling", R"("frequency":{"scaling":@})", 1024, 2, 1, "frequency"),
                    list("Hardware", R"("frequency":{"hardware":@})", 1024, 2, 1, "frequency"),
                    list("ThrottledCores", R"("throttles":{"cores":@})", 1024, 3, 2,
                         "throttles.cores"),
                    list("ThrottledPackages", R"("throttles":{"packages":@})", 1024, 2, 1,
                         "throttles.packages"),
                    list("Temperature", R"("temperature":@)", 256, 2, 1, "temperature")),
    name_of_case<Place>);

std::string histogram_with(const std::string& counts) {
  return R"({"counts":)" + counts + R"(,"sum":1})";
}

INSTANTIATE_TEST_SUITE_P(
    Containers, SamplePlace,
    testing::Values(
        whole("Load", R"("load":@)", {"[0,0,0]", "[0.5,1e3,7]", R"([1,2,3,"more",null,-4,[5]])"},
              {"[]", "[1]", "[1,2]", "{}", R"({"zebra":1})"}, "load"),
        whole("Pressure", R"("pressure":@)", {"{}", R"({"more":null})"}, {"[]", "[1,2]"},
              "pressure"),
        whole(
            "Burst", R"("burst":@)",
            {with_histograms(kHistograms),
             with_histograms(R"("runs":H,"more":[-1],"utilization":H,"peak":1,"busiest_core":H)")},
            {"[]", "{}", R"({"peak":1,"busiest_core_peak":1,"steal_peak":1})",
             with_histograms(R"("busiest_core":H,"runs":H)"),
             with_histograms(R"("utilization":H,"runs":H)"),
             with_histograms(R"("utilization":H,"busiest_core":H)"),
             with_histograms(R"("peak":0,"runs":H)")},
            "burst must be"),
        whole("Histogram", burst_of(R"("busiest_core":H,"runs":@,"utilization":H)"),
              {histogram_with("[0,0,0,0,0,0,0,0]"),
               R"({"more":[],"sum":0,"counts":[1,2,3,4,5,6,7,8,"more",-1,null,[9]]})"},
              {"[]", "{}", R"({"sum":1})", R"({"counts":[1,2,3,4,5,6,7,8]})", histogram_with("[]"),
               histogram_with("[1,2,3,4,5,6,7]"), histogram_with("[1,2,3,4,5,6,7,null]"),
               histogram_with("{}"), histogram_with("8")},
              "burst.runs"),
        whole("Cgroup", R"("cgroup":@)",
              {R"({"usage_us":1,"user_us":2,"system_us":3})",
               R"({"system_us":1,"more":{"usage_us":-1},"user_us":2,"usage_us":3})"},
              {"[]", "{}", R"({"usage_us":1,"user_us":2})", R"({"usage_us":1,"system_us":2})",
               R"({"user_us":1,"system_us":2})", R"({"utilization":1,"quota_cores":1})"},
              "cgroup"),
        whole("Frequency", R"("frequency":@)",
              {"{}", R"({"more":[[0,-1]]})", R"({"hardware":[],"scaling":[]})",
               R"({"scaling":[[0,1]],"hardware":[[0,1]]})"},
              {"[]", "[[0,1]]"}, "frequency"),
        whole("Throttles", R"("throttles":@)",
              {"{}", R"({"more":5})", R"({"packages":[],"cores":[]})",
               R"({"cores":[[0,1,2],[1,0,2],[0,0,2]],"packages":[[0,1]]})"},
              {"[]", "[[0,1,2]]"}, "throttles")),
    name_of_case<Place>);

// ---- what becomes of them

TEST(SampleFields, KeepCountersOf64BitsExact) {
  const CpuSample sample = decode_sample(
      R"("schedstat":[[0,18446744073709551615,18446744073709551614,9007199254740993]],)"
      R"("interrupts":18446744073709551615)");
  ASSERT_EQ(sample.schedstat.size(), 1U);
  EXPECT_EQ(sample.schedstat[0],
            (SchedulerTimes{0, kLargestOf64Bits, kLargestOf64Bits - 1, 9007199254740993}));
  EXPECT_EQ(sample.host.interrupts, kLargestOf64Bits);
}

TEST(SampleFields, TellApartWhatLooksAlike) {
  const CpuSample sample =
      decode_sample(burst_with(R"("steal_peak":0.25,"peak":0.5,"busiest_core_peak":0.75)") +
                    R"(,"blocked":1,"running":2,"forks":3,"interrupts":4,"context_switches":5,)"
                    R"("load":[6,7,8],"pressure":{"irq_stalled_us":9,"cpu_waiting_us":10})");
  EXPECT_EQ(sample.host, (HostReadings{LoadAverage{6, 7, 8}, 5, 4, 3, 2, 1, 10, 9}));
  const BurstHistogram histogram{{1, 2, 3, 4, 5, 6, 7, 8}, 9.5};
  EXPECT_EQ(sample.burst, (BurstReadings{histogram, histogram, histogram, 0.5, 0.75, 0.25}));
}

TEST(SampleFields, FillEachHistogramOfABurst) {
  const CpuSample sample =
      decode_sample(R"("burst":{"runs":{"sum":3,"counts":[3,0,0,0,0,0,0,0]},)"
                    R"("utilization":{"counts":[1,0,0,0,0,0,0,9007199254740991],"sum":1},)"
                    R"("busiest_core":{"counts":[2,0,0,0,0,0,0,0],"sum":2}})");
  ASSERT_TRUE(sample.burst.has_value());
  EXPECT_EQ(sample.burst->utilization, (BurstHistogram{{1, 0, 0, 0, 0, 0, 0, kLargest}, 1}));
  EXPECT_EQ(sample.burst->busiest_core, (BurstHistogram{{2}, 2}));
  EXPECT_EQ(sample.burst->runs, (BurstHistogram{{3}, 3}));
  EXPECT_FALSE(sample.burst->peak.has_value());
}

TEST(SampleFields, AreSortedByTheirNumbers) {
  const CpuSample sample = decode_sample(
      R"("schedstat":[[9,1,2,3],[0,4,5,6]],"temperature":[[7,-5],[2,6]],)"
      R"("frequency":{"hardware":[[3,30],[1,10]],"scaling":[[4,40],[2,20]]},)"
      R"("throttles":{"cores":[[1,0,5],[0,2147483647,6],[0,1,7]],"packages":[[1,8],[0,9]]})");
  EXPECT_EQ(sample.schedstat, (std::vector<SchedulerTimes>{{0, 4, 5, 6}, {9, 1, 2, 3}}));
  EXPECT_EQ(sample.slow.temperature, (std::vector<ZoneTemperature>{{2, 6}, {7, -5}}));
  EXPECT_EQ(sample.slow.frequency, (Frequencies{{{2, 20}, {4, 40}}, {{1, 10}, {3, 30}}}));
  EXPECT_EQ(sample.slow.throttles,
            (Throttles{{{0, 1, 7}, {0, 2147483647, 6}, {1, 0, 5}}, {{0, 9}, {1, 8}}}));
}

TEST(SampleFields, TellEmptyFromAbsent) {
  const CpuSample absent = decode_sample(R"("more":1)");
  EXPECT_EQ(absent.slow, SlowReadings());
  const CpuSample empty = decode_sample(R"("frequency":{},"throttles":{},"temperature":[])");
  EXPECT_EQ(empty.slow.frequency, Frequencies());
  EXPECT_EQ(empty.slow.throttles, Throttles());
  EXPECT_EQ(empty.slow.temperature, std::vector<ZoneTemperature>());
}

TEST(SampleFields, KeepWhatACgroupLeavesOutUnknown) {
  const CpuSample sample =
      decode_sample(R"("cgroup":{"usage_us":3,"user_us":2,"system_us":1,"throttled_us":0})");
  CgroupCpu expected;
  expected.usage_us = 3;
  expected.user_us = 2;
  expected.system_us = 1;
  expected.throttled_us = 0;
  EXPECT_EQ(sample.cgroup, expected);
}

TEST(SampleFields, DoNotMakeASampleOfTheirOwn) {
  const auto decoded = decode_agent_message(
      R"({"type":"sample","sequence":1,"load":[1,1,1],"running":2,"boot_time_s":5,)" +
      burst_of(kHistograms) + '}');
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().detail.find("percent, cpu and discarded"), std::string::npos);
}

TEST(SampleFields, RefuseAKeyTwice) {
  for (const std::string fields :
       {R"("load":[1,1,1],"load":[1,1,1])", R"("pressure":{"cpu_waiting_us":1,"cpu_waiting_us":1})",
        R"("frequency":{"scaling":[],"scaling":[]})",
        R"("schedstat":[],"schedstat":[[0,1,2,3]])"}) {
    const auto decoded = decode_agent_message(sample_with(fields));
    ASSERT_FALSE(decoded) << fields;
    EXPECT_EQ(decoded.error().code, RefusalCode::bad_json) << fields;
  }
}

/// A resume is read through the same table; a welcome's other fields are not those of a sample.
TEST(SampleFields, AreNotThoseOfAWelcome) {
  const auto decoded = decode_exporter_message(
      R"({"type":"welcome","protocol":1,"load":5,"burst":[],"schedstat":{},"temperature":null})");
  EXPECT_TRUE(decoded) << decoded.error().detail;
}

}  // namespace
}  // namespace cpu_monitor
