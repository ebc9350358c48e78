// A load generator on one thread: keep-alive connections, each with one request under way,
// closed-loop or at a fixed rate. Every record has an id of its own and the client counts the
// ids the server acknowledges, so that the count can be compared with what was stored.
//
//   bench_load PORT PATH [--connections N] [--records N] [--seconds S] [--rate R]
//             [--shape json|csv|log] [--type MEDIA-TYPE] [--streams N]
//
// A `*` in PATH is the number of the connection modulo --streams.
// With --rate a latency is counted from the moment its request was due, not from when a
// connection was free to send it: a server that stalls can't hide the requests that waited.
// Prints one JSON object.
#include "bench/load/events.hpp"
#include "bench/load/histogram.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weir::bench {
namespace {

using clock = std::chrono::steady_clock;

struct options {
  uint16_t port = 0;
  std::string path;
  std::string type = "application/x-ndjson";
  shape as = shape::json;
  size_t connections = 64;
  uint64_t records = 1;
  double seconds = 3;
  size_t streams = 1;
  double rate = 0; ///< requests a second over all connections; 0: closed loop
};

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct counts {
  uint64_t requests = 0;
  uint64_t refused = 0; ///< answers that are not 2xx
  uint64_t records_sent = 0;
  uint64_t records_acknowledged = 0;
  histogram latency;
};

/// The number behind `name` in `text`; 0 when it is not there.
uint64_t number_behind(std::string_view text, std::string_view name) noexcept {
  const auto at = text.find(name);
  uint64_t value = 0;
  if (at != std::string_view::npos)
    std::from_chars(text.data() + at + name.size(), text.data() + text.size(), value);
  return value;
}

class connection {
 public:
  connection(const options& with, size_t number) : with_(with), path_(with.path) {
    if (const auto star = path_.find('*'); star != std::string::npos)
      path_.replace(star, 1, std::to_string(number % with.streams));
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0)
      fail("socket");
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(with.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
      fail("connect");
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  }

  int descriptor() const noexcept { return fd_; }
  bool busy() const noexcept { return busy_; }

  /// Sends a request whose latency counts from `due`.
  void begin(uint64_t first_id, clock::time_point due) {
    body_.clear();
    if (with_.as == shape::csv)
      body_ = csv_head;
    for (uint64_t i = 0; i < with_.records; ++i)
      append_event(with_.as, first_id + i, body_);
    out_ = "POST " + path_ + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + with_.type
           + "\r\nContent-Length: " + std::to_string(body_.size()) + "\r\n\r\n";
    out_ += body_;
    sent_ = 0;
    busy_ = true;
    due_ = due;
    flush();
  }

  /// True when all is sent.
  bool flush() {
    while (sent_ < out_.size()) {
      const auto n = ::send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN)
        return false;
      if (n < 0)
        fail("send");
      sent_ += static_cast<size_t>(n);
    }
    return true;
  }
  bool sending() const noexcept { return sent_ < out_.size(); }

  /// True when the answer is complete.
  bool receive(counts& to) {
    char bytes[16384];
    const auto n = ::recv(fd_, bytes, sizeof bytes, 0);
    if (n < 0 && errno == EAGAIN)
      return false;
    if (n <= 0)
      fail("the server closed a connection");
    in_.append(bytes, static_cast<size_t>(n));
    const auto head = in_.find("\r\n\r\n");
    if (head == std::string::npos)
      return false;
    const auto length = number_behind(in_, "Content-Length: ");
    if (in_.size() < head + 4 + length)
      return false;
    ++to.requests;
    if (in_.compare(9, 1, "2") == 0)
      to.records_acknowledged += number_behind(in_, "\"accepted\":");
    else
      ++to.refused;
    const auto took = clock::now() - due_;
    to.latency.add(static_cast<uint64_t>(std::max<int64_t>(
      0, std::chrono::duration_cast<std::chrono::nanoseconds>(took).count())));
    in_.clear();
    busy_ = false;
    return true;
  }

 private:
  const options& with_;
  std::string path_;
  int fd_ = -1;
  std::string body_;
  std::string out_;
  std::string in_;
  size_t sent_ = 0;
  bool busy_ = false;
  clock::time_point due_{};
};

class generator {
 public:
  explicit generator(const options& with)
    : with_(with), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    connections_.reserve(with.connections);
    for (size_t i = 0; i < with.connections; ++i) {
      connections_.emplace_back(with, i);
      epoll_event interest{};
      interest.events = EPOLLIN;
      interest.data.u64 = i;
      if (::epoll_ctl(poll_, EPOLL_CTL_ADD, connections_[i].descriptor(), &interest) != 0)
        fail("epoll_ctl");
      idle_.push_back(i);
    }
  }

  counts run() {
    const auto begin = clock::now();
    const auto end = begin
                     + std::chrono::duration_cast<clock::duration>(
                       std::chrono::duration<double>(with_.seconds));
    next_due_ = begin;
    while (clock::now() < end) {
      send_due(clock::now());
      wait(time_left(end));
    }
    const auto grace = end + std::chrono::seconds{30};
    while (idle_.size() < connections_.size() && clock::now() < grace)
      wait(std::chrono::milliseconds{100});
    elapsed_ = std::chrono::duration<double>(clock::now() - begin).count();
    return counts_;
  }
  double elapsed() const noexcept { return elapsed_; }

 private:
  void send_due(clock::time_point now) {
    const auto step = with_.rate > 0 ? std::chrono::duration_cast<clock::duration>(
                        std::chrono::duration<double>(1 / with_.rate))
                                     : clock::duration::zero();
    while (!idle_.empty() && (with_.rate == 0 || next_due_ <= now)) {
      const auto one = idle_.back();
      idle_.pop_back();
      connections_[one].begin(next_id_, with_.rate == 0 ? now : next_due_);
      next_id_ += with_.records;
      counts_.records_sent += with_.records;
      next_due_ += step;
      watch(one);
    }
  }

  std::chrono::nanoseconds time_left(clock::time_point end) const {
    const auto until = with_.rate > 0 && !idle_.empty() ? std::min(next_due_, end) : end;
    return std::max<std::chrono::nanoseconds>(until - clock::now(), {});
  }

  void watch(size_t one) {
    epoll_event interest{};
    interest.events = connections_[one].sending() ? EPOLLIN | EPOLLOUT : EPOLLIN;
    interest.data.u64 = one;
    if (interest.events != EPOLLIN)
      ::epoll_ctl(poll_, EPOLL_CTL_MOD, connections_[one].descriptor(), &interest);
  }

  void wait(std::chrono::nanoseconds time) {
    epoll_event events[256];
    const timespec most{time.count() / 1'000'000'000, time.count() % 1'000'000'000};
    const int n = ::epoll_pwait2(poll_, events, 256, &most, nullptr);
    for (int i = 0; i < n; ++i) {
      const auto one = static_cast<size_t>(events[i].data.u64);
      auto& c = connections_[one];
      if ((events[i].events & EPOLLOUT) != 0 && c.flush()) {
        epoll_event interest{};
        interest.events = EPOLLIN;
        interest.data.u64 = one;
        ::epoll_ctl(poll_, EPOLL_CTL_MOD, c.descriptor(), &interest);
      }
      if ((events[i].events & ~uint32_t{EPOLLOUT}) != 0 && c.busy() && c.receive(counts_))
        idle_.push_back(one);
    }
  }

  const options& with_;
  int poll_ = -1;
  std::vector<connection> connections_;
  std::vector<size_t> idle_;
  clock::time_point next_due_{};
  uint64_t next_id_ = 1;
  counts counts_;
  double elapsed_ = 0;
};

options parse(int count, char** words) {
  if (count < 3)
    throw std::runtime_error(
      "usage: bench_load PORT PATH [--connections N] [--records N] "
      "[--seconds S] [--rate R] [--shape json|csv|log] [--type T] "
      "[--streams N]");
  options o;
  o.port = static_cast<uint16_t>(std::atoi(words[1]));
  o.path = words[2];
  for (int i = 3; i + 1 < count; i += 2) {
    const std::string_view name = words[i];
    const std::string value = words[i + 1];
    if (name == "--connections")
      o.connections = std::stoul(value);
    else if (name == "--records")
      o.records = std::stoul(value);
    else if (name == "--seconds")
      o.seconds = std::stod(value);
    else if (name == "--streams")
      o.streams = std::stoul(value);
    else if (name == "--rate")
      o.rate = std::stod(value);
    else if (name == "--type")
      o.type = value;
    else if (name == "--shape")
      o.as = value == "csv" ? shape::csv : value == "log" ? shape::log : shape::json;
    else
      throw std::runtime_error("unknown option " + std::string{name});
  }
  return o;
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

} // namespace
} // namespace weir::bench

int main(int count, char** words) {
  using namespace weir::bench;
  try {
    raise_descriptor_limit();
    const auto with = parse(count, words);
    generator load{with};
    const auto c = load.run();
    const auto ms = [&](double fraction) {
      return static_cast<double>(c.latency.percentile(fraction)) / 1e6;
    };
    std::printf("{\"requests\":%lu,\"refused\":%lu,\"records_sent\":%lu,"
                "\"records_acknowledged\":%lu,\"seconds\":%.4f,\"p50_ms\":%.4f,"
                "\"p99_ms\":%.4f,\"p999_ms\":%.4f,\"max_ms\":%.4f}\n",
                c.requests, c.refused, c.records_sent, c.records_acknowledged,
                load.elapsed(), ms(0.5), ms(0.99), ms(0.999), ms(1));
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_load: %s\n", e.what());
    return 1;
  }
}
