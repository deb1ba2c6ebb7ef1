#include "exporter/site.hpp"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

class Named : public Page {
 public:
  explicit Named(std::string name) : name_(std::move(name)) {}
  Response get(const Request& /*request*/) override { return plain(200, name_); }

 private:
  std::string name_;
};

class SiteTest : public testing::Test {
 protected:
  SiteTest() {
    for (const char* const path : {"/", "/metrics", "/sd", "/agents/*/metrics",
                                   "/agents/*/recording", "/api/v1/agents", "/api/v1/agents/*"}) {
      site_.add(path, std::make_unique<Named>(path));
    }
  }

  /// The path of the page, and what stands for its star; empty: there is none.
  std::string found(std::string_view path) const {
    const Site::Match match = site_.find(path);
    if (match.page == nullptr) return "";
    std::string text = match.page->get({}).body;
    text.pop_back();
    return text + (match.name.empty() ? "" : " " + std::string(match.name));
  }

  Site site_;
};

TEST_F(SiteTest, FindsPathsThatAreTheVeryOnes) {
  EXPECT_EQ(found("/"), "/");
  EXPECT_EQ(found("/metrics"), "/metrics");
  EXPECT_EQ(found("/api/v1/agents"), "/api/v1/agents");
}

TEST_F(SiteTest, FindsNames) {
  EXPECT_EQ(found("/agents/web-1/metrics"), "/agents/*/metrics web-1");
  EXPECT_EQ(found("/agents/web-1/recording"), "/agents/*/recording web-1");
  EXPECT_EQ(found("/api/v1/agents/web-1.example.org"), "/api/v1/agents/* web-1.example.org");
  EXPECT_EQ(found("/agents/metrics/metrics"), "/agents/*/metrics metrics");
}

TEST_F(SiteTest, FindsNothingElse) {
  for (const char* const path :
       {"", "metrics", "/Metrics", "/metrics/", "/metrics/x", "//metrics", "/agents", "/agents/",
        "/agents//metrics", "/agents/metrics", "/agents/a/b/metrics", "/agents/a/metrics/",
        "/agents/a/metric", "/agents/a", "/api/v1/agents/", "/api/v1/agents/a/b", "/api/v1",
        "/agents/*"}) {
    EXPECT_EQ(found(path), "") << path;
  }
}

TEST(PageTest, LetsNothingBeDeletedUnlessItSaysSo) {
  Named page("a");
  const Response response = page.remove({});
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.more_lines, "Allow: GET, HEAD\r\n");
}

TEST(PageTest, SaysErrorsAsJson) {
  const Response response = json_error(404, "no \"such\" thing");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body, "{\"error\":\"no \\\"such\\\" thing\"}\n");
}

TEST(PageTest, CompressesWhatIsWorthItForWhoTakesIt) {
  const std::string large(2000, 'x');
  Request request;
  EXPECT_EQ(json(request, large).body, large);
  request.takes_gzip = true;
  EXPECT_EQ(json(request, "small").body, "small");
  const Response response = json(request, large);
  ASSERT_TRUE(response.gzipped);
  EXPECT_LT(response.gzipped->size(), 200U);
  EXPECT_TRUE(response.varies);
}

}  // namespace
}  // namespace cpu_monitor::exporter
