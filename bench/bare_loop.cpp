// The least that an agent could do: one read of /proc/stat per interval, its ticks as integers, and
// one line per push.  libc and nothing else, so that its memory is a limit as well.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

namespace {

constexpr int kModes = 10;
constexpr int kMostRows = 65;     // the machine and 64 CPUs
constexpr int kUsualBytes = 700;  // of a sample
constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

struct Row {
  uint32_t cpu = 0;
  uint64_t ticks[kModes] = {};
};

struct Options {
  char host[64] = "127.0.0.1";
  uint16_t port = 8080;
  int64_t interval = kNanosecondsPerSecond / 10;  // all three in nanoseconds
  int64_t push = kNanosecondsPerSecond;
  int64_t duration = 30 * kNanosecondsPerSecond;
  char stat_path[256] = "/proc/stat";
};

struct Counts {
  uint64_t readings = 0;
  uint64_t pushes = 0;
  uint64_t acks = 0;
};

volatile sig_atomic_t is_stopping = 0;
void stop(int) { is_stopping = 1; }

[[noreturn]] void fail(const char* what) {
  fprintf(stderr, "bench-bare-loop: %s: %s\n", what, strerror(errno));
  exit(1);
}

[[noreturn]] void fail_usage(const char* fault) {
  fprintf(stderr,
          "bench-bare-loop: %s\n"
          "usage: bench-bare-loop --exporter HOST:PORT [--interval 100ms] [--push 1s] "
          "[--duration 30s] [--procfs /proc]\n",
          fault);
  exit(2);
}

// Arguments.

/// Nanoseconds of `100ms`, `1s`, `5m`; up to an hour.
int64_t read_duration(const char* text) {
  char* unit = nullptr;
  const long value = strtol(text, &unit, 10);
  int64_t scale = 0;
  if (strcmp(unit, "ms") == 0) scale = 1'000'000;
  if (strcmp(unit, "s") == 0) scale = kNanosecondsPerSecond;
  if (strcmp(unit, "m") == 0) scale = 60 * kNanosecondsPerSecond;
  if (unit == text || scale == 0 || value <= 0 || value > 3'600'000) {
    fail_usage("a duration is a number and ms, s or m");
  }
  return value * scale;
}

void read_address(const char* text, Options& options) {
  const char* const colon = strrchr(text, ':');
  if (colon == nullptr || colon - text >= static_cast<long>(sizeof options.host)) {
    fail_usage("--exporter is HOST:PORT, HOST an IPv4 address");
  }
  snprintf(options.host, sizeof options.host, "%.*s", static_cast<int>(colon - text), text);
  options.port = static_cast<uint16_t>(atoi(colon + 1));
}

Options read_options(int argc, char** argv) {
  const option flags[] = {
      {"exporter", required_argument, nullptr, 'e'}, {"interval", required_argument, nullptr, 'i'},
      {"push", required_argument, nullptr, 'p'},     {"duration", required_argument, nullptr, 'd'},
      {"procfs", required_argument, nullptr, 'f'},   {nullptr, 0, nullptr, 0}};
  Options options;
  for (int flag = 0; (flag = getopt_long(argc, argv, "", flags, nullptr)) != -1;) {
    switch (flag) {
      case 'e':
        read_address(optarg, options);
        break;
      case 'i':
        options.interval = read_duration(optarg);
        break;
      case 'p':
        options.push = read_duration(optarg);
        break;
      case 'd':
        options.duration = read_duration(optarg);
        break;
      case 'f':
        snprintf(options.stat_path, sizeof options.stat_path, "%s/stat", optarg);
        break;
      default:
        fail_usage("unknown flag");
    }
  }
  return options;
}

// Text to numbers and back.

const char* skip_to_digit(const char* at) {
  while (*at != '\0' && *at != '\n' && (*at < '0' || *at > '9')) ++at;
  return at;
}

const char* read_number(const char* at, uint64_t& value) {
  value = 0;
  for (; *at >= '0' && *at <= '9'; ++at) value = value * 10 + static_cast<uint64_t>(*at - '0');
  return at;
}

/// The rows of CPUs at the head of the file, the machine's first.  Returns how many.
int read_rows(const char* text, Row* rows) {
  int count = 0;
  while (count < kMostRows && strncmp(text, "cpu", 3) == 0) {
    Row& row = rows[count++];
    text += 3;
    uint64_t cpu = 0;
    text = read_number(text, cpu);
    row.cpu = static_cast<uint32_t>(cpu);
    for (uint64_t& ticks : row.ticks) text = read_number(skip_to_digit(text), ticks);
    while (*text != '\0' && *text != '\n') ++text;
    if (*text == '\n') ++text;
  }
  return count;
}

char* put_number(char* to, uint64_t value) {
  char digits[20];
  char* first = digits + sizeof digits;
  do {
    *--first = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  const size_t size = static_cast<size_t>(digits + sizeof digits - first);
  memcpy(to, first, size);
  return to + size;
}

char* put_ticks(char* to, const Row& row) {
  for (int mode = 0; mode < kModes; ++mode) {
    if (mode != 0) *to++ = ',';
    to = put_number(to, row.ticks[mode]);
  }
  *to++ = ']';
  return to;
}

uint64_t milliseconds_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

/// The busy share since the last push, in whole percent.
uint64_t busy_percent(const Row& now, const Row& before) {
  uint64_t all = 0;
  for (int mode = 0; mode < 8; ++mode) all += now.ticks[mode] - before.ticks[mode];
  const uint64_t idle =
      now.ticks[3] - before.ticks[3] + now.ticks[4] - before.ticks[4];  // idle and iowait
  return all == 0 || all > UINT32_MAX || idle > all ? 0 : (all - idle) * 100 / all;
}

/// At least kUsualBytes: on few CPUs spaces stand for what an agent says beside the ticks.
char* put_sample(char* line, uint64_t sequence, const Row* rows, int count, const Row& before) {
  char* to = put_number(stpcpy(line, R"({"type":"sample","sequence":)"), sequence);
  to = put_number(stpcpy(to, R"(,"percent":)"), busy_percent(rows[0], before));
  to = put_number(stpcpy(to, R"(,"time_ms":)"), milliseconds_of(CLOCK_REALTIME));
  to = put_number(stpcpy(to, R"(,"uptime_ms":)"), milliseconds_of(CLOCK_BOOTTIME));
  to = put_ticks(stpcpy(to, R"(,"cpu":{"total":[)"), rows[0]);
  to = stpcpy(to, R"(,"cores":[)");
  for (int i = 1; i < count; ++i) {
    if (i != 1) *to++ = ',';
    *to++ = '[';
    to = put_number(to, rows[i].cpu);
    *to++ = ',';
    to = put_ticks(to, rows[i]);
  }
  to = stpcpy(to, "]}");
  while (to < line + kUsualBytes - 2) *to++ = ' ';
  return stpcpy(to, "}\n");
}

// The exporter.

int connect_to(const Options& options) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  if (inet_pton(AF_INET, options.host, &address.sin_addr) != 1) fail_usage("HOST is not IPv4");
  const int link = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(link, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const void* const generic = &address;
  if (connect(link, static_cast<const sockaddr*>(generic), sizeof address) != 0) fail("connect");
  const timeval patience{20, 0};
  setsockopt(link, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return link;
}

void send_all(int link, const char* text, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(link, text, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) fail("send");
    text += sent;
    size -= static_cast<size_t>(sent);
  }
}

/// Reads until a line has ended.  Returns false when a signal came first.
bool read_answer(int link) {
  static char answer[65536];
  for (;;) {
    const ssize_t size = recv(link, answer, sizeof answer, 0);
    if (size < 0 && errno == EINTR && is_stopping) return false;
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) fail("recv");
    if (answer[size - 1] == '\n') return true;
  }
}

void say_hello(int link, const Options& options) {
  char line[512];
  const int size =
      snprintf(line, sizeof line,
               R"({"type":"hello","protocol":1,"endpoint":"bare-%d","ticks_per_second":%ld,)"
               R"("push_interval_ms":%lld,"sample_interval_ms":%lld})"
               "\n",
               static_cast<int>(getpid()), sysconf(_SC_CLK_TCK),
               static_cast<long long>(options.push / 1'000'000),
               static_cast<long long>(options.interval / 1'000'000));
  send_all(link, line, static_cast<size_t>(size));
  read_answer(link);
}

// The loop.

void wait_until(timespec& moment, int64_t step) {
  const int64_t nanoseconds = moment.tv_nsec + step;
  moment.tv_sec += nanoseconds / kNanosecondsPerSecond;
  moment.tv_nsec = nanoseconds % kNanosecondsPerSecond;
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, nullptr);
}

Counts push_for(const Options& options, int link, int stat_file) {
  static char text[65536];
  static char line[65536];
  static Row rows[kMostRows];
  Row before;
  Counts counts;
  const int64_t readings = options.duration / options.interval;
  const int64_t readings_per_push = options.push / options.interval;
  timespec moment{};
  clock_gettime(CLOCK_MONOTONIC, &moment);
  for (int64_t reading = 1; reading <= readings && !is_stopping; ++reading) {
    wait_until(moment, options.interval);
    const ssize_t size = pread(stat_file, text, sizeof text - 1, 0);
    if (size <= 0) fail(options.stat_path);
    text[size] = '\0';
    const int count = read_rows(text, rows);
    ++counts.readings;
    if (count == 0 || readings_per_push == 0 || reading % readings_per_push != 0) continue;
    const char* const end = put_sample(line, ++counts.pushes, rows, count, before);
    before = rows[0];
    send_all(link, line, static_cast<size_t>(end - line));
    if (read_answer(link)) ++counts.acks;
  }
  return counts;
}

void print_report(const Counts& counts) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double cpu_seconds =
      static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
      static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  printf(
      R"({"readings":%llu,"pushes":%llu,"acks":%llu,"cpu_seconds":%.6f,"peak_resident_bytes":%lld})"
      "\n",
      static_cast<unsigned long long>(counts.readings),
      static_cast<unsigned long long>(counts.pushes), static_cast<unsigned long long>(counts.acks),
      cpu_seconds, static_cast<long long>(usage.ru_maxrss) * 1024);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  struct sigaction action {};
  action.sa_handler = stop;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  const int stat_file = open(options.stat_path, O_RDONLY | O_CLOEXEC);
  if (stat_file < 0) fail(options.stat_path);
  const int link = connect_to(options);
  say_hello(link, options);
  const Counts counts = push_for(options, link, stat_file);
  constexpr char kGoodbye[] = R"({"type":"goodbye","reason":"stop"})"
                              "\n";
  send_all(link, kGoodbye, sizeof kGoodbye - 1);
  close(link);
  print_report(counts);
  return 0;
}
