// LOAD CLIENT: one keep-alive connection that posts records with ids of its own, and remembers
// what became of each request. All of them run on one thread's epoll. Nothing is hidden by a
// library: an answer that comes before the request is out, a connection that ends without one
// and an answer that never comes are three different outcomes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::load {

struct load_options {
  uint16_t port = 0;
  std::string stream = "default";
  std::string prefix =
    "c"; ///< begins the member "c" of every record; the connection's number follows
  int connections = 1;
  int records = 1;       ///< in each request
  double seconds = 0;    ///< 0: until SIGTERM or `requests`
  uint64_t requests = 0; ///< per connection; 0: no bound
  double rate = 0; ///< requests a second of all together; 0: the next follows the answer
  bool keyed = false; ///< each request carries an Idempotency-Key
  bool repeat =
    false; ///< what was refused or has no known outcome is sent again; needs keys
  int pause_ms = 20; ///< before a repetition or a new connection after a failed one
  int answer_timeout_ms = 10'000;
  std::string members; ///< JSON members added to every record
  int pad = 0;         ///< bytes of padding in every record
  std::string header;  ///< one more header line
  std::string log;     ///< file of outcomes
};

inline constexpr int status_broken = 0; ///< the connection ended before an answer
inline constexpr int status_unanswered =
  -1; ///< sent whole, and silence for answer_timeout_ms
inline constexpr int status_unsent = -2; ///< broken before all of it was sent

/// One try of one request: records first … first + options.records - 1 of `client`.
struct outcome {
  int client;
  uint64_t first;
  int status;
  int64_t sent_us; ///< CLOCK_MONOTONIC, when its first byte went out
  int64_t done_us;
  std::string code; ///< a problem's, else empty
  bool is_honest;   ///< 2xx: all accepted; 429 and 503: a whole Retry-After
};

int64_t monotonic_us() noexcept;

class load_client {
 public:
  load_client(const load_options& options, int number, int epoll,
              std::vector<outcome>& log);
  ~load_client();
  load_client(load_client&&) = delete;

  /// The socket can be read or written.
  void on_event(uint32_t events);
  /// Starts what is due, gives up what is overdue.
  void on_tick(int64_t now_us);
  /// No new request; the one under way is waited for.
  void finish() noexcept { finishing_ = true; }
  bool is_done() const noexcept {
    return state_ == state::resting && (finishing_ || is_exhausted());
  }

 private:
  enum class state { resting, connecting, sending, receiving };

  bool is_exhausted() const noexcept {
    return !has_unsettled_ && options_.requests > 0 && requests_ >= options_.requests;
  }
  void begin();
  void make_request();
  void connect();
  void send_more();
  void receive();
  bool take_answer();
  void settle(int status, std::string code, bool is_honest);
  void disconnect() noexcept;
  void watch(uint32_t events);

  const load_options& options_;
  const int number_;
  const int epoll_;
  std::vector<outcome>& log_;
  int fd_ = -1;
  state state_ = state::resting;
  bool finishing_ = false;
  bool has_unsettled_ = false; ///< request_ is to be sent again
  std::string request_;
  std::string answer_;
  size_t sent_ = 0;
  uint64_t first_ = 0;
  uint64_t next_ = 0;
  uint64_t requests_ = 0;
  int64_t due_us_ = 0; ///< when the next request may start
  int64_t sent_us_ = 0;
  int64_t interval_us_ = 0;
};

} // namespace weir::load
