#include "exporter/reloader.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/page_text.hpp"
#include "tests/support/temp_folder.hpp"

namespace cpu_monitor::exporter {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using tests::TempFolder;

constexpr ReloadPace kQuick{1ms, 1h};
constexpr ReloadPace kNeverLooks{24h, 24h};

/// A reloader of one file, with whatever other sources a test adds, and a diary of what it did:
/// `l` a look, `r` a reload, `u` the upkeep.  Before a reload it looks once more.
class ReloaderTest : public testing::Test {
 protected:
  ReloaderTest() {
    folder_.put("file", "as it was");
    Reloader::Source source;
    source.files = [this] {
      diary_ += 'l';
      if (on_look_) on_look_();
      return std::vector<std::string>{file_.string()};
    };
    source.reload = [this] {
      diary_ += 'r';
      if (on_reload_) on_reload_();
    };
    sources_.push_back(std::move(source));
  }

  void begin(ReloadPace pace = kQuick) {
    const auto upkeep = [this] {
      diary_ += 'u';
      if (on_upkeep_) on_upkeep_();
    };
    reloader_.emplace(io_, sources_, upkeep, metrics_, pace);
    reloader_->start();
  }

  /// Begins, and sees the first reload, which is always made.
  void begin_and_settle(ReloadPace pace = kQuick) {
    begin(pace);
    ASSERT_TRUE(run_until([this] { return reloads() == 1; }));
    diary_.clear();
  }

  /// Runs until `condition` holds; false when it did not come to it.
  [[nodiscard]] bool run_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!condition()) {
      if (io_.run_one_until(end) == 0) return false;
    }
    return true;
  }

  [[nodiscard]] bool run_looks(std::ptrdiff_t count) {
    const auto end = std::ranges::count(diary_, 'l') + count;
    return run_until([&] { return std::ranges::count(diary_, 'l') >= end; });
  }

  /// Whether nothing is left to be done.
  [[nodiscard]] bool ends() {
    io_.run_for(10s);
    return io_.stopped();
  }

  [[nodiscard]] std::ptrdiff_t reloads() const { return std::ranges::count(diary_, 'r'); }

  [[nodiscard]] bool is_shown_successful() {
    const std::string page =
        text_written([this](PageWriter& writer) { metrics_.render({}, writer); });
    const std::string series = "\ncpu_monitor_exporter_config_last_reload_successful ";
    const auto found = page.find(series);
    EXPECT_NE(found, std::string::npos);
    return page.substr(found + series.size(), 2) == "1\n";
  }

  TempFolder folder_;
  fs::path file_ = folder_.path() / "file";
  std::string diary_;
  std::function<void()> on_look_, on_reload_, on_upkeep_;
  std::vector<Reloader::Source> sources_;
  SelfMetrics metrics_;
  asio::io_context io_{1};
  std::optional<Reloader> reloader_;
};

// When it reads.

TEST_F(ReloaderTest, ReadsAllOnceMoreAfterTheStart) {
  begin();
  ASSERT_TRUE(run_until([this] { return reloads() > 0; }));
  EXPECT_EQ(diary_, "ulllr");
}

TEST_F(ReloaderTest, LeavesFilesThatStayAsTheyAre) {
  begin_and_settle();
  ASSERT_TRUE(run_looks(20));
  EXPECT_EQ(reloads(), 0) << diary_;
}

TEST_F(ReloaderTest, ReadsWhenTwoLooksAgree) {
  begin_and_settle();
  folder_.put("file", "changed");
  ASSERT_TRUE(run_until([this] { return reloads() > 0; }));
  EXPECT_EQ(diary_, "lllr");
}

TEST_F(ReloaderTest, DoesNotReadAFileThatStillChanges) {
  begin_and_settle();
  std::string text = "grows";
  on_look_ = [&] { folder_.put("file", text += '.'); };
  ASSERT_TRUE(run_looks(20));
  EXPECT_EQ(reloads(), 0) << diary_;
  on_look_ = nullptr;
  diary_.clear();
  ASSERT_TRUE(run_until([this] { return reloads() > 0; }));
  EXPECT_EQ(diary_, "llr") << "one look that agrees with the last";
}

TEST_F(ReloaderTest, ReadsAgainWhatChangesWhileItIsRead) {
  begin_and_settle();
  on_reload_ = [this] {
    on_reload_ = nullptr;
    folder_.put("file", "changed within the reload");
  };
  folder_.put("file", "changed");
  ASSERT_TRUE(run_until([this] { return reloads() == 2; }));
  EXPECT_EQ(diary_, "lllrlllr");
}

TEST_F(ReloaderTest, LeavesTheNeighboursOfItsFilesAlone) {
  begin_and_settle();
  folder_.put("file.new", "is being written");
  ASSERT_TRUE(run_looks(20));
  EXPECT_EQ(reloads(), 0) << diary_;
}

struct Change {
  const char* name;
  std::function<void(const fs::path& file)> make;
};

std::ostream& operator<<(std::ostream& out, const Change& change) { return out << change.name; }

class ReloaderChange : public ReloaderTest, public testing::WithParamInterface<Change> {};

TEST_P(ReloaderChange, IsSeenOnce) {
  begin_and_settle();
  GetParam().make(file_);
  ASSERT_TRUE(run_until([this] { return reloads() > 0; }));
  ASSERT_TRUE(run_looks(10));
  EXPECT_EQ(reloads(), 1) << diary_;
}

void write(const fs::path& file, std::string_view text) { std::ofstream(file) << text; }

INSTANTIATE_TEST_SUITE_P(
    , ReloaderChange,
    testing::Values(Change{"Longer", [](const fs::path& file) { write(file, "as it was not"); }},
                    Change{"Emptied", [](const fs::path& file) { write(file, ""); }},
                    Change{"OfTheSameLength",
                           [](const fs::path& file) {
                             const auto before = fs::last_write_time(file);
                             write(file, "as it is!");
                             fs::last_write_time(file,
                                                 before + 1s);  // coarse clocks would show the same
                           }},
                    Change{"ReplacedByOneThatLooksTheSame",
                           [](const fs::path& file) {
                             const fs::path fresh = file.string() + ".new";
                             write(fresh, "as it was");
                             fs::last_write_time(fresh, fs::last_write_time(file));
                             fs::rename(fresh, file);
                           }},
                    Change{"Removed", [](const fs::path& file) { fs::remove(file); }},
                    Change{"AFolderNow",
                           [](const fs::path& file) {
                             fs::remove(file);
                             fs::create_directory(file);
                           }},
                    Change{
                        "OfAnotherMode",
                        [](const fs::path& file) { fs::permissions(file, fs::perms::owner_read); }},
                    Change{"ALinkElsewhere",
                           [](const fs::path& file) {
                             write(file.string() + ".other", "as it was");
                             fs::remove(file);
                             fs::create_symlink(file.string() + ".other", file);
                           }}),
    [](const auto& change) { return std::string(change.param.name); });

TEST_F(ReloaderTest, SeesAFileThatIsThereAtLast) {
  fs::remove(file_);
  begin_and_settle();
  folder_.put("file", "new");
  ASSERT_TRUE(run_until([this] { return reloads() > 0; }));
  EXPECT_EQ(diary_, "lllr");
}

TEST_F(ReloaderTest, SeesTheFilesOfAllItsSources) {
  folder_.put("other", "as it was");
  Reloader::Source other;
  other.files = [this] { return std::vector<std::string>{folder_.path() / "other"}; };
  other.reload = [this] { diary_ += 'R'; };
  sources_.push_back(other);
  begin_and_settle();
  folder_.put("other", "changed");
  ASSERT_TRUE(run_until([this] { return diary_.ends_with('R'); }));
  EXPECT_EQ(diary_, "lllrR") << "what belongs together is read together";
}

// A source that fails.

class FailingReload : public ReloaderTest {
 protected:
  /// A source without files, before and behind the one of the file.
  FailingReload() {
    Reloader::Source neighbour;
    neighbour.files = [] { return std::vector<std::string>(); };
    neighbour.reload = [this] { ++before_; };
    sources_.insert(sources_.begin(), neighbour);
    neighbour.reload = [this] { ++behind_; };
    sources_.push_back(neighbour);
  }

  void change_to(const std::string& text) {
    folder_.put("file", text);
    diary_.clear();
    ASSERT_TRUE(run_until([this] { return reloads() > 0; }));
  }

  std::function<void()> fails_ = [] { throw std::runtime_error("file: makes no sense"); };
  int before_ = 0;
  int behind_ = 0;
};

TEST_F(FailingReload, KeepsNoOtherSourceFromItsOwn) {
  begin_and_settle();
  on_reload_ = fails_;
  change_to("bad");
  EXPECT_EQ(before_, 2);
  EXPECT_EQ(behind_, 2);
}

TEST_F(FailingReload, IsShownUntilItIsMended) {
  begin_and_settle();
  EXPECT_TRUE(is_shown_successful());
  on_reload_ = fails_;
  change_to("bad");
  EXPECT_FALSE(is_shown_successful());
  change_to("bad in another way");
  EXPECT_FALSE(is_shown_successful());
  on_reload_ = nullptr;
  change_to("good");
  EXPECT_TRUE(is_shown_successful());
}

TEST_F(FailingReload, IsShownWhenTheFirstOneFailed) {
  on_reload_ = fails_;
  begin();
  EXPECT_TRUE(is_shown_successful()) << "all was read at the start";
  ASSERT_TRUE(run_until([this] { return reloads() > 0; }));
  EXPECT_FALSE(is_shown_successful());
}

TEST_F(FailingReload, IsNotTriedAgainBeforeTheFileChanges) {
  begin_and_settle();
  on_reload_ = fails_;
  change_to("bad");
  ASSERT_TRUE(run_looks(20));
  EXPECT_EQ(reloads(), 1) << diary_;
  EXPECT_FALSE(is_shown_successful());
}

TEST_F(FailingReload, DoesNotEndTheWatch) {
  on_reload_ = fails_;
  begin();
  ASSERT_TRUE(run_until([this] { return reloads() == 1; }));
  for (int i = 1; i <= 20; ++i) {
    change_to(std::string(static_cast<std::size_t>(i), 'x'));
  }
}

// SIGHUP.

class ReloaderSignal : public ReloaderTest {
 protected:
  [[nodiscard]] bool is_heard() {
    const auto before = reloads();
    ::raise(SIGHUP);
    return run_until([&] { return reloads() > before; });
  }
};

TEST_F(ReloaderSignal, ReadsAtOnce) {
  begin(kNeverLooks);
  ASSERT_TRUE(is_heard());
  EXPECT_EQ(diary_, "ulr");
}

TEST_F(ReloaderSignal, IsHeardBeforeTheStartToo) {
  reloader_.emplace(
      io_, sources_, [] {}, metrics_, kNeverLooks);
  ::raise(SIGHUP);
  reloader_->start();
  EXPECT_TRUE(run_until([this] { return reloads() > 0; }));
}

TEST_F(ReloaderSignal, ReadsEachTimeThoughNothingChanged) {
  begin(kNeverLooks);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(is_heard());
  EXPECT_EQ(diary_, "ulrlrlr");
}

TEST_F(ReloaderSignal, ReadsAFileThatStillChanges) {
  begin_and_settle();
  std::string text = "grows";
  on_look_ = [&] { folder_.put("file", text += '.'); };
  ASSERT_TRUE(run_looks(5));
  EXPECT_TRUE(is_heard());
}

TEST_F(ReloaderSignal, LeavesNothingForTheNextLook) {
  begin_and_settle();
  folder_.put("file", "changed");
  ASSERT_TRUE(is_heard());
  ASSERT_TRUE(run_looks(10));
  EXPECT_EQ(reloads(), 1) << diary_;
}

TEST_F(ReloaderSignal, IsHeardAgainAfterAReloadThatFailed) {
  on_reload_ = [] { throw std::runtime_error("no"); };
  begin(kNeverLooks);
  ASSERT_TRUE(is_heard());
  EXPECT_FALSE(is_shown_successful());
  on_reload_ = nullptr;
  ASSERT_TRUE(is_heard());
  EXPECT_TRUE(is_shown_successful());
}

// Upkeep.

TEST_F(ReloaderTest, KeepsUpAtTheStartAndThenInItsTime) {
  begin();
  ASSERT_TRUE(run_looks(20));
  EXPECT_EQ(std::ranges::count(diary_, 'u'), 1) << diary_;
  EXPECT_EQ(diary_.front(), 'u');
}

TEST_F(ReloaderTest, KeepsUpAgainAndAgain) {
  begin({1ms, 0ms});
  ASSERT_TRUE(run_until([this] { return reloads() > 0; }));
  EXPECT_TRUE(diary_.starts_with("ulullr")) << diary_;
  EXPECT_TRUE(run_until([this] { return std::ranges::count(diary_, 'u') == 10; }));
}

TEST_F(ReloaderTest, SurvivesAnUpkeepThatFails) {
  on_upkeep_ = [] { throw std::runtime_error("the folder is full"); };
  begin({1ms, 0ms});
  ASSERT_TRUE(run_until([this] { return reloads() > 0; }));
  folder_.put("file", "changed");
  ASSERT_TRUE(run_until([this] { return reloads() > 1; }));
  EXPECT_GE(std::ranges::count(diary_, 'u'), 4) << "and tries again";
  EXPECT_TRUE(is_shown_successful()) << "it is no reload";
}

TEST_F(ReloaderTest, FindsWhatAnUpkeepHasWritten) {
  begin_and_settle({1ms, 0ms});
  on_upkeep_ = [this] {
    on_upkeep_ = nullptr;
    folder_.put("file", "renewed");
  };
  EXPECT_TRUE(run_until([this] { return reloads() > 0; }));
}

// The end.

TEST_F(ReloaderTest, EndsInTheMidstOfAWait) {
  begin(kNeverLooks);
  ASSERT_TRUE(run_until([this] { return diary_ == "u"; }));
  reloader_->stop();
  EXPECT_TRUE(ends());
  EXPECT_EQ(reloads(), 0) << diary_;
}

TEST_F(ReloaderTest, EndsBeforeItBegan) {
  begin(kNeverLooks);
  reloader_->stop();
  EXPECT_TRUE(ends());
  EXPECT_EQ(diary_, "");
}

TEST_F(ReloaderTest, EndsWithinAReload) {
  on_reload_ = [this] { reloader_->stop(); };
  begin();
  EXPECT_TRUE(ends());
  EXPECT_EQ(diary_, "ulllr");
}

TEST_F(ReloaderTest, EndsThoughFilesHaveChanged) {
  begin_and_settle();
  folder_.put("file", "changed");
  ASSERT_TRUE(run_looks(1));
  diary_.clear();
  reloader_->stop();
  EXPECT_TRUE(ends());
  EXPECT_EQ(reloads(), 0) << diary_;
}

TEST_F(ReloaderSignal, IsNotHeardAfterTheEnd) {
  begin(kNeverLooks);
  ASSERT_TRUE(is_heard());
  reloader_->stop();
  ::raise(SIGHUP);
  EXPECT_TRUE(ends());
  EXPECT_EQ(reloads(), 1) << diary_;
}

}  // namespace
}  // namespace cpu_monitor::exporter
