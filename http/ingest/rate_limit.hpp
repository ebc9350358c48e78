// RATE LIMIT: token buckets per stream and per client. How many records a request has is
// known only after its body was framed, so a bucket must hold something before a batch is
// read, and is charged afterwards. It may go below zero, down to a capped debt; the next batch
// or request waits until the debt is paid. A stream's rate is shared: each client that has
// asked lately has an equal part of it in a bucket of its own, so one that sends all the time
// leaves the others theirs.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace weir {

/// Records a second and how many may come at once. rate 0: no limit; burst 0: one
/// second's worth.
struct record_rate {
  double per_second = 0;
  double burst = 0;
};

/// Not thread-safe. Starts full.
class token_bucket {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// A debt is paid within about this time, or within what a burst takes.
  static constexpr double debt_seconds_max = 30;

  /// Seconds until a request may come, 0 when it may now; at most 3600.
  int wait_seconds(const record_rate& rate, time_point now) noexcept;
  void charge(const record_rate& rate, double records, time_point now) noexcept;

 private:
  void refill(const record_rate& rate, time_point now) noexcept;

  double tokens_ = 0;
  time_point filled_{};
  bool started_ = false;
};

/// Any thread. Streams come from the configuration; of clients the `clients_max` that
/// were seen last are remembered (one that is forgotten starts with a full bucket).
class rate_limiter {
 public:
  using time_point = token_bucket::time_point;

  explicit rate_limiter(size_t clients_max) : clients_max_(clients_max) {}

  struct subject {
    std::string_view stream;
    record_rate stream_rate;
    std::string_view client;
    record_rate client_rate;
  };
  /// Seconds to wait, 0 when the request may come.
  int check(const subject& who, time_point now);
  void charge(const subject& who, uint64_t records, time_point now);

  /// How many records a batch may have: a limited stream's bodies are read a burst at a time.
  static uint32_t batch_records(const subject& who, uint32_t most) noexcept;

  void set_clients_max(size_t clients_max);
  size_t clients() const;

 private:
  struct client_entry {
    std::string name;
    token_bucket bucket;
    uint64_t round = 0; ///< its stream's round when it was last seen
  };
  struct stream_entry {
    token_bucket bucket;
    /// Clients are counted in rounds of some seconds: in this one and in the last.
    time_point round_began{};
    uint64_t round = 1;
    size_t clients = 0;
    size_t clients_before = 0;
  };
  stream_entry& stream_of(std::string_view stream);
  client_entry& client_of(std::string_view client);
  /// The client's part of the stream's rate, and its bucket.
  std::pair<token_bucket*, record_rate> share_of(const subject& who, time_point now);

  mutable std::mutex lock_;
  size_t clients_max_;
  std::map<std::string, stream_entry, std::less<>> streams_;
  std::list<client_entry> recent_; ///< the most recently seen first
  std::unordered_map<std::string_view, std::list<client_entry>::iterator> clients_;
};

} // namespace weir
