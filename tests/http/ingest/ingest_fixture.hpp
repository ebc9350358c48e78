// A real ingest server on an ephemeral port, with a pipeline that answers when the test
// says so, and a client that speaks raw bytes.
#pragma once

#include "base/clock.hpp"
#include "http/ingest/ingest_server.hpp"
#include "http/ingest/ingest_state.hpp"
#include "proto/health.hpp"
#include "proto/ports.hpp"
#include "proto/telemetry.hpp"
#include "records/catalog.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace weir {

/// What a part's receipt says when everything of it was stored.
inline part_receipt stored_receipt(const batch_part& part, uint32_t index) {
  part_receipt r;
  r.request = part.request;
  r.part = index;
  r.key = part.key;
  r.accepted = part.records;
  r.last_sequence = 1;
  return r;
}

inline std::shared_ptr<batch_receipt> receipt_for(const batch_ptr& batch) {
  auto receipt = std::make_shared<batch_receipt>();
  receipt->batch = batch;
  for (uint32_t i = 0; i < batch->source->parts.size(); ++i)
    receipt->parts.push_back(stored_receipt(batch->source->parts[i], i));
  return receipt;
}

/// Answers every batch from a thread of its own, or keeps them until asked.
class fake_pipeline final : public pipeline_port {
 public:
  using change = std::function<void(batch_receipt&)>;

  fake_pipeline() : thread_([this] { run(); }) {}
  ~fake_pipeline() override {
    {
      const std::lock_guard guard{lock_};
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  bool submit(batch_ptr batch) noexcept override {
    {
      const std::lock_guard guard{lock_};
      if (away_)
        return false;
      ++submitted_;
      for (const auto& ref : batch->records)
        texts_.emplace_back(batch->text_of(ref));
      if (texts_.size() > 100'000)
        texts_.clear();
      batches_.push_back(std::move(batch));
    }
    changed_.notify_all();
    return true;
  }
  void attach(std::weak_ptr<receipt_port> owner) override {
    const std::lock_guard guard{lock_};
    owners_.push_back(std::move(owner));
  }

  void hold(bool on) { set(held_, on); }
  void go_away(bool on) { set(away_, on); }
  void change_receipts(change c) {
    const std::lock_guard guard{lock_};
    change_ = std::move(c);
  }
  /// Blocks until `count` batches have come in all.
  void wait_for(size_t count) {
    std::unique_lock held{lock_};
    changed_.wait(held, [&] { return submitted_ >= count; });
  }
  size_t submitted() {
    const std::lock_guard guard{lock_};
    return submitted_;
  }
  std::vector<std::string> texts() {
    const std::lock_guard guard{lock_};
    return texts_;
  }
  std::vector<batch_ptr> waiting() {
    const std::lock_guard guard{lock_};
    return {batches_.begin(), batches_.end()};
  }
  void each_owner(const std::function<void(receipt_port&)>& f) {
    const std::lock_guard guard{lock_};
    for (const auto& owner : owners_)
      if (const auto port = owner.lock())
        f(*port);
  }

 private:
  void set(bool& flag, bool on) {
    {
      const std::lock_guard guard{lock_};
      flag = on;
    }
    changed_.notify_all();
  }
  void run() {
    std::unique_lock held{lock_};
    while (true) {
      changed_.wait(held, [&] { return ending_ || (!held_ && !batches_.empty()); });
      if (ending_)
        return;
      const auto batch = std::move(batches_.front());
      batches_.pop_front();
      auto receipt = receipt_for(batch);
      if (change_)
        change_(*receipt);
      if (const auto origin = batch->source->origin.lock())
        origin->deliver(std::move(receipt));
    }
  }

  std::mutex lock_;
  std::condition_variable changed_;
  std::deque<batch_ptr> batches_;
  std::vector<std::string> texts_;
  std::vector<std::weak_ptr<receipt_port>> owners_;
  change change_;
  size_t submitted_ = 0;
  bool held_ = false;
  bool away_ = false;
  bool ending_ = false;
  std::thread thread_;
};

struct http_answer {
  int status = 0;
  std::string head;
  std::string body;
  bool has(std::string_view text) const { return head.find(text) != std::string::npos; }
  bool says(std::string_view text) const { return body.find(text) != std::string::npos; }
};

/// Blocking, but never for longer than ten seconds: a missing answer is status 0.
class raw_client {
 public:
  explicit raw_client(uint16_t port)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
      ADD_FAILURE() << "connect: " << errno;
  }
  ~raw_client() { close(); }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  void close() {
    if (fd_ >= 0)
      ::close(fd_);
    fd_ = -1;
  }
  void close_sending() { ::shutdown(fd_, SHUT_WR); }
  /// False when the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0)
        return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  http_answer read(bool head_only = false) {
    http_answer out;
    size_t end = 0;
    while ((end = in_.find("\r\n\r\n")) == std::string::npos)
      if (!more())
        return out;
    out.head = in_.substr(0, end + 4);
    in_.erase(0, end + 4);
    out.status = std::atoi(out.head.c_str() + 9);
    const auto at = out.head.find("Content-Length: ");
    const size_t length = at == std::string::npos || head_only
                            ? 0
                            : std::strtoul(out.head.c_str() + at + 16, nullptr, 10);
    while (in_.size() < length)
      if (!more())
        return out;
    out.body = in_.substr(0, length);
    in_.erase(0, length);
    return out;
  }
  http_answer ask(std::string_view request) {
    send(request);
    return read();
  }
  /// The server closes without sending anything more.
  bool is_closed() { return in_.empty() && !more() && closed_; }
  bool has_answer() const { return !in_.empty(); }
  /// Something more has come, or the end.
  bool readable() const {
    pollfd p{fd_, POLLIN, 0};
    return has_answer() || ::poll(&p, 1, 0) > 0;
  }
  /// Gives back the room of what was read.
  void forget() { std::string{}.swap(in_); }

 private:
  bool more() {
    pollfd p{fd_, POLLIN, 0};
    if (::poll(&p, 1, 10'000) <= 0)
      return false;
    char block[16384];
    const auto got = ::recv(fd_, block, sizeof block, 0);
    closed_ = got <= 0;
    if (got > 0)
      in_.append(block, static_cast<size_t>(got));
    return got > 0;
  }

  int fd_;
  std::string in_;
  bool closed_ = false;
};

inline std::string post(std::string_view path, std::string_view body,
                        std::string_view fields = "") {
  return "POST " + std::string{path}
         + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size())
         + "\r\n" + std::string{fields} + "\r\n" + std::string{body};
}

struct ingest_test : ::testing::Test {
  system_clock_source clock;
  telemetry metrics;
  record_metrics counts{metrics};
  http_metrics http_counts{metrics};
  node_health health;
  fake_pipeline pipeline;
  std::map<std::string, stream_spec, std::less<>> streams;
  std::unique_ptr<catalog_holder> catalogs;
  ingest_config config;
  ingest_limits limits;
  std::unique_ptr<ingest_server> server;

  ingest_test() {
    health.set(condition::starting, false);
    config.port = 0;
    config.io_threads = 1;
    config.tick = std::chrono::milliseconds{10};
    for (const auto* name : {"default", "web"})
      streams[name].settings.name = name;
  }
  ~ingest_test() override {
    pipeline.hold(false);
    server.reset();
  }

  void start() {
    catalogs = std::make_unique<catalog_holder>(std::make_shared<catalog>(streams));
    auto made = ingest_server::start(config, std::make_shared<ingest_limits>(limits),
                                     {pipeline, *catalogs, metrics, health, clock});
    ASSERT_TRUE(made.has_value()) << made.error().text;
    server = std::move(*made);
  }
  /// Waits until nothing is under way, as the node does at its end; false after ten
  /// seconds.
  bool comes_to_rest() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (server->in_flight() > 0 && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    return server->in_flight() == 0;
  }
  int64_t budget_used() {
    server->measure();
    return http_counts.budget_used_bytes.load();
  }
  /// Polls `met`; false after ten seconds.
  template <class F>
  bool eventually(F met) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (!met() && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    return met();
  }
  void expect_balance() const {
    EXPECT_EQ(counts.received.load(), counts.accepted.load() + counts.duplicate.load()
                                        + counts.all_rejected() + counts.dropped.load()
                                        + counts.failed.load()
                                        + static_cast<uint64_t>(counts.in_flight.load()));
  }
};

} // namespace weir
