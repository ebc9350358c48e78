// RATE LIMIT: token buckets per stream and per client. How many records a request has is
// known only after its body was framed, so a bucket must hold something before the body
// is read and is charged afterwards; it may go below zero, and the debt is waited off by
// the next request. A client can overdraw once by one request, never on the average.
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

  void set_clients_max(size_t clients_max);
  size_t clients() const;

 private:
  struct client_entry {
    std::string name;
    token_bucket bucket;
  };
  token_bucket& stream_bucket(std::string_view stream);
  token_bucket& client_bucket(std::string_view client);

  mutable std::mutex lock_;
  size_t clients_max_;
  std::map<std::string, token_bucket, std::less<>> streams_;
  std::list<client_entry> recent_; ///< the most recently seen first
  std::unordered_map<std::string_view, std::list<client_entry>::iterator> clients_;
};

} // namespace weir
