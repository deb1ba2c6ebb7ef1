#include "exporter/pages.hpp"

#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/agents_json.hpp"
#include "exporter/agents_query.hpp"
#include "exporter/compression.hpp"
#include "exporter/metrics_page.hpp"
#include "exporter/page/files.hpp"
#include "exporter/page_query.hpp"
#include "exporter/recording_page.hpp"

namespace cpu_monitor::exporter {
namespace {

constexpr std::string_view kTextFormat = "text/plain; version=0.0.4; charset=utf-8";

constexpr std::string_view kUnknownAgent =
    "No agent of this name is known here; /api/v1/agents lists those that are.";

/// /metrics.
class TelemetryPage : public Page {
 public:
  explicit TelemetryPage(std::shared_ptr<MetricsPage> metrics) : metrics_(std::move(metrics)) {}

  Response get(const Request& request) override {
    const auto groups = parse_page_query(request.query, metrics_->groups());
    if (!groups) return plain(400, groups.error().detail);
    Response response;
    response.content_type = kTextFormat;
    response.varies = true;
    if (request.takes_gzip) {
      response.gzipped = metrics_->compressed(*groups);
    } else {
      response.write = [this, groups = *groups](PageWriter& page) {
        metrics_->write(groups, page);
      };
    }
    return response;
  }

 private:
  std::shared_ptr<MetricsPage> metrics_;
};

/// /agents/NAME/metrics: one agent as a target of its own.
class AgentTelemetryPage : public Page {
 public:
  AgentTelemetryPage(PageSettings settings, std::shared_ptr<MetricsPage> metrics,
                     const Fleet& fleet)
      : settings_(settings), metrics_(std::move(metrics)), fleet_(fleet) {
    settings_.endpoint_label = EndpointLabel::hidden;
  }

  Response get(const Request& request) override {
    const auto groups = parse_page_query(request.query, metrics_->groups());
    if (!groups) return plain(400, groups.error().detail);
    metrics_->let_ingest_catch_up();
    const auto agent = fleet_.look(request.name, Moment::now());
    if (!agent) return plain(404, kUnknownAgent);
    if (agent->state == AgentState::gone) {
      return plain(503, "Nothing was heard of this machine for a while.");
    }
    return page_of(*agent, *groups, request);
  }

 private:
  [[nodiscard]] Response page_of(const AgentView& agent, const MetricGroups& groups,
                                 const Request& request) const {
    PageSettings settings = settings_;
    settings.groups = groups;
    std::string body;
    PageWriter page([&body](std::string_view block) { body.append(block); });
    if (groups.has(MetricGroup::percent)) render_percent(agent, page);
    render_agents({{agent}, {}}, settings, page);
    page.flush();
    return text(request, kTextFormat, std::move(body));
  }

  PageSettings settings_;
  std::shared_ptr<MetricsPage> metrics_;
  const Fleet& fleet_;
};

/// /sd: where Prometheus finds the pages of the agents.
class DiscoveryPage : public Page {
 public:
  DiscoveryPage(const PagesSettings& settings, const Fleet& fleet, const ServingState& state)
      : url_(settings.external_url),
        speaks_from_(std::chrono::steady_clock::now() + settings.sd_hold),
        fleet_(fleet),
        state_(state) {}

  Response get(const Request& request) override {
    const auto now = std::chrono::steady_clock::now();
    if (now < speaks_from_) {
      // Prometheus keeps the last list it got: agents take a while to come back.
      Response response = plain(503,
                                "The exporter has just started, and waits for its agents "
                                "(--web.sd-hold).");
      const auto left = std::chrono::ceil<std::chrono::seconds>(speaks_from_ - now);
      response.more_lines = "Retry-After: " + std::to_string(left.count()) + "\r\n";
      return response;
    }
    if (!url_ && !is_host(request.host)) {
      return plain(400,
                   "Where this server is found is not known: send a Host header, or set "
                   "--web.external-url.");
    }
    const auto snapshot = fleet_.snapshot(Moment::now());
    return json(request, targets_json(snapshot, url_ ? *url_ : as_found(request)));
  }

 private:
  [[nodiscard]] ExternalUrl as_found(const Request& request) const {
    return {state_.speaks_tls ? "https" : "http", std::string(request.host), ""};
  }

  const std::optional<ExternalUrl> url_;
  const std::chrono::steady_clock::time_point speaks_from_;
  const Fleet& fleet_;
  const ServingState& state_;
};

/// /api/v1/agents.
class AgentsPage : public Page {
 public:
  AgentsPage(const PageSettings& settings, const Fleet& fleet)
      : settings_(settings), fleet_(fleet) {}

  Response get(const Request& request) override {
    const auto query = parse_agents_query(request.query);
    if (!query) return json_error(400, query.error().detail);
    AgentsContext context;
    context.now = Moment::now();
    context.uptime = std::chrono::floor<std::chrono::milliseconds>(context.now.steady - began_);
    context.groups = settings_.groups;
    context.peak_window = settings_.peak_window;
    const FleetSnapshot snapshot = fleet_.snapshot(context.now);
    const ChosenAgents chosen = choose_agents(snapshot, *query);
    std::vector<UsageHistory> histories;
    if (query->history > 0) histories = fleet_.histories(names_of(chosen));
    return json(request, agents_json(snapshot, chosen, *query, histories, context));
  }

 private:
  [[nodiscard]] static std::vector<std::string_view> names_of(const ChosenAgents& chosen) {
    std::vector<std::string_view> names;
    for (const AgentView* const agent : chosen.agents) names.push_back(agent->identity->endpoint);
    return names;
  }

  const PageSettings settings_;
  const Fleet& fleet_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

/// /api/v1/agents/NAME.
class AgentPage : public Page {
 public:
  AgentPage(Fleet& fleet, bool has_admin_api) : fleet_(fleet), has_admin_api_(has_admin_api) {}

  Response get(const Request& request) override {
    const Moment now = Moment::now();
    const auto agent = fleet_.look(request.name, now);
    if (!agent) return json_error(404, kUnknownAgent);
    return json(request, agent_json(*agent, fleet_.histories({request.name}).front(), now));
  }

  Response remove(const Request& request) override {
    if (!has_admin_api_) return Page::remove(request);
    switch (fleet_.forget(request.name, Moment::now())) {
      case Fleet::Forgotten::forgotten: {
        Response response;
        response.status = 204;
        return response;
      }
      case Fleet::Forgotten::unknown:
        return json_error(404, kUnknownAgent);
      case Fleet::Forgotten::connected:
        return json_error(409, "This agent is connected; stop it first.");
      case Fleet::Forgotten::expected:
        return json_error(409, "This machine is expected; take it out of the tokens file first.");
    }
    return json_error(500, "");
  }

 private:
  Fleet& fleet_;
  const bool has_admin_api_;
};

/// /-/healthy and /-/ready: for supervisors.
class ProbePage : public Page {
 public:
  ProbePage(std::string_view claim, std::function<bool()> is_true)
      : claim_(claim), is_true_(std::move(is_true)) {}

  Response get(const Request& /*request*/) override {
    if (is_true_()) return plain(200, "cpu-monitor-exporter is " + claim_ + ".");
    return plain(503, "cpu-monitor-exporter is not " + claim_ + ".");
  }

 private:
  std::string claim_;
  std::function<bool()> is_true_;
};

/// A file of the status page.
class FilePage : public Page {
 public:
  explicit FilePage(const PageFile& file) : file_(file) {
    GzipStream gzip;
    gzip.add(file.text);
    gzipped_ = std::make_shared<const std::string>(gzip.finish());
  }

  Response get(const Request& request) override {
    Response response;
    response.content_type = file_.content_type;
    response.varies = true;
    if (request.takes_gzip) {
      response.gzipped = gzipped_;
    } else {
      response.body = file_.text;
    }
    return response;
  }

 private:
  PageFile file_;
  std::shared_ptr<const std::string> gzipped_;
};

}  // namespace

Site make_site(const PagesSettings& settings, Fleet& fleet, PercentGauge& gauge,
               SelfMetrics& metrics, Recordings& recordings, const ServingState& state) {
  const auto page = std::make_shared<MetricsPage>(settings.metrics, fleet, gauge, metrics);
  Site site;
  site.add(settings.telemetry_path, std::make_unique<TelemetryPage>(page));
  site.add("/agents/*/metrics",
           std::make_unique<AgentTelemetryPage>(settings.metrics, page, fleet));
  site.add("/agents/*/recording", std::make_unique<RecordingPage>(fleet, recordings));
  site.add("/sd", std::make_unique<DiscoveryPage>(settings, fleet, state));
  site.add("/api/v1/agents", std::make_unique<AgentsPage>(settings.metrics, fleet));
  site.add("/api/v1/agents/*", std::make_unique<AgentPage>(fleet, settings.has_admin_api));
  site.add("/-/healthy", std::make_unique<ProbePage>("healthy", [] { return true; }));
  site.add("/-/ready",
           std::make_unique<ProbePage>("ready", [&state] { return !state.is_stopping; }));
  for (const PageFile& file : page_files()) {
    site.add(std::string(file.path), std::make_unique<FilePage>(file));
  }
  return site;
}

}  // namespace cpu_monitor::exporter
