// POSTGRES: a connection to a PostgreSQL server, on libpq. Every call ends by a deadline, whatever
// the server does: the socket is non-blocking and waited for with poll(). After a failure that
// leaves the session in doubt (the server gone, a deadline passed) the connection is broken and
// every further call fails; the owner opens another.
//
// Failures: sink_unavailable when waiting may help (no server, restart, lock, timeout, disk full),
// io_failed when somebody must act (no such table, no permission, a value refused). No text of a
// failure has the password in it.
#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct pg_conn; // libpq's PGconn and PGresult
struct pg_result;

namespace weir::postgres {

/// Where and how to connect.
struct target {
  std::string url;         ///< URI or `key=value` string; may have a password in it
  std::string application; ///< shown in pg_stat_activity
  std::chrono::milliseconds connect_timeout{5'000};
  /// The limit for one statement, here and on the server.
  std::chrono::milliseconds timeout{30'000};
};

/// `weir@db.example.org:5432/weir`; invalid_config when `url` makes no sense.
result<std::string> shown(const std::string& url);

/// The rows of one statement.
class answer {
 public:
  explicit answer(pg_result* taken) : taken_(taken) {}
  int rows() const noexcept;
  std::string_view command() const noexcept;
  /// Rows an INSERT, UPDATE, DELETE or COPY touched.
  uint64_t touched() const noexcept;
  bool null(int row, int column) const noexcept;
  std::string_view text(int row, int column) const noexcept;
  /// 0 for what is no integer.
  int64_t integer(int row, int column) const noexcept;

 private:
  struct cleared {
    void operator()(pg_result* x) const noexcept;
  };
  std::unique_ptr<pg_result, cleared> taken_;
};

/// Texts of $1, $2 …; none of them is NULL.
using parameters = std::vector<std::string>;

/// One thread at a time.
class connection {
 public:
  static result<connection> open(const target& to);

  /// One statement. `what` begins the text of a failure: "move the cursor".
  result<answer> run(const char* what, const std::string& sql,
                     const parameters& with = {});
  /// Several statements without parameters in one round trip; returns the last one's rows.
  result<answer> script(const char* what, const std::string& sql);
  /// Visits row by row; nothing is held in memory. Stops when `visit` returns false, which breaks
  /// the connection.
  result<void> each(const char* what, const std::string& sql, const parameters& with,
                    const std::function<bool(const answer&)>& visit);
  /// COPY … FROM STDIN of all of `data`.
  result<void> copy_in(const char* what, const std::string& sql, std::string_view data);

  bool broken() const noexcept { return broken_; }
  /// The last failure's five characters; empty when the server gave none.
  const std::string& sqlstate() const noexcept { return sqlstate_; }
  /// The server refused the last statement, and trying again alone changes nothing.
  bool refused_for_good() const noexcept;
  /// Named by the last failure, as a constraint that it broke; often empty.
  const std::string& constraint() const noexcept { return constraint_; }
  /// What the server said of itself when it was connected to: `server_encoding`.
  std::string setting(const char* name) const;
  /// The server's own sentence on the last failure.
  const std::string& reason() const noexcept { return reason_; }
  const std::string& name() const noexcept { return name_; }

 private:
  using time_point = std::chrono::steady_clock::time_point;
  struct finished {
    void operator()(pg_conn* x) const noexcept;
  };

  connection(const target& to, std::string name)
    : timeout_(to.timeout), name_(std::move(name)) {}
  result<void> connect(const target& to);
  result<void> set_up(const target& to);
  bool wait(short events, time_point deadline);
  bool flush(time_point deadline);
  pg_result* next(time_point deadline, bool& timed_out);
  result<answer> collect(const char* what);
  tl::unexpected<fault> lost(const char* what, bool timed_out);
  tl::unexpected<fault> refused(const char* what, const pg_result* why);
  bool send(const std::string& sql, const parameters& with);

  std::unique_ptr<pg_conn, finished> link_;
  std::chrono::milliseconds timeout_;
  std::string name_;
  std::string sqlstate_;
  std::string constraint_;
  std::string reason_;
  bool broken_ = false;
};

/// BEGIN now, ROLLBACK unless commit() was called.
class transaction {
 public:
  /// `settings`: SET LOCAL statements, in the same round trip.
  static result<transaction> begin(connection& on, const std::string& settings = {});
  transaction(transaction&& other) noexcept : on_(other.on_) { other.on_ = nullptr; }
  transaction& operator=(transaction&&) = delete;
  ~transaction();
  /// A failure says nothing about whether it happened.
  result<void> commit();

 private:
  explicit transaction(connection& on) : on_(&on) {}
  connection* on_;
};

/// `{a,b}` for $n::type[]; the items need no quotes.
std::string array_of(const std::vector<std::string>& items);
/// `2024-05-17 10:05:03.000001+00`; years from 1 to 9999.
std::string timestamp(int64_t unix_us);

} // namespace weir::postgres
