#include "storage/sinks/postgres/postgres.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <optional>
#include <utility>

#include <libpq-fe.h>
#include <poll.h>

namespace weir::postgres {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// One line: libpq's messages end in a newline and some have hints on lines of their own.
std::string one_sentence(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.remove_suffix(1);
  std::string line{text};
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

/// True for classes of SQLSTATE that pass without anybody changing anything.
bool passing(std::string_view state) {
  static constexpr std::array<std::string_view, 6> classes{"08", "40", "53",
                                                           "55", "57", "58"};
  return state.empty()
         || std::any_of(classes.begin(), classes.end(),
                        [&](std::string_view c) { return state.starts_with(c); });
}

struct freed_options {
  void operator()(PQconninfoOption* x) const noexcept { PQconninfoFree(x); }
};

} // namespace

result<std::string> shown(const std::string& url) {
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, freed_options> parsed{
    PQconninfoParse(url.c_str(), &message)};
  PQfreemem(message); // quotes the URL, so it is not repeated
  if (!parsed)
    return fail(ec::invalid_config,
                "sink.url: expected postgresql://USER@HOST/DATABASE or host=… dbname=…");
  std::string user, host, port = "5432", database;
  for (const auto* option = parsed.get(); option->keyword; ++option) {
    if (!option->val)
      continue;
    const std::string_view keyword = option->keyword;
    if (keyword == "user")
      user = option->val;
    else if (keyword == "host" || (keyword == "hostaddr" && host.empty()))
      host = option->val;
    else if (keyword == "port")
      port = option->val;
    else if (keyword == "dbname")
      database = option->val;
  }
  return (user.empty() ? "" : user + "@") + (host.empty() ? "local" : host) + ":" + port
         + "/" + (database.empty() ? user : database);
}

void answer::cleared::operator()(pg_result* x) const noexcept {
  PQclear(x);
}

void connection::finished::operator()(pg_conn* x) const noexcept {
  PQfinish(x);
}

int answer::rows() const noexcept {
  return PQntuples(taken_.get());
}

std::string_view answer::command() const noexcept {
  return PQcmdStatus(taken_.get());
}

bool answer::null(int row, int column) const noexcept {
  return PQgetisnull(taken_.get(), row, column) != 0;
}

std::string_view answer::text(int row, int column) const noexcept {
  return {PQgetvalue(taken_.get(), row, column),
          static_cast<size_t>(PQgetlength(taken_.get(), row, column))};
}

uint64_t answer::touched() const noexcept {
  const std::string_view text = PQcmdTuples(taken_.get());
  uint64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

int64_t answer::integer(int row, int column) const noexcept {
  const auto digits = text(row, column);
  int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

result<connection> connection::open(const target& to) {
  auto name = shown(to.url);
  if (!name)
    return tl::unexpected(name.error());
  connection made{to, "postgres " + *name};
  if (auto connected = made.connect(to); !connected)
    return tl::unexpected(connected.error());
  if (auto ready = made.set_up(to); !ready)
    return tl::unexpected(ready.error());
  return made;
}

result<void> connection::connect(const target& to) {
  const auto seconds =
    std::to_string(std::max<int64_t>(1, to.connect_timeout.count() / 1000));
  const auto tcp_timeout = std::to_string(to.timeout.count());
  // What comes before dbname is a default that the URL may change.
  const std::array<const char*, 9> keywords{
    "connect_timeout",  "keepalives_idle",  "keepalives_interval",
    "keepalives_count", "tcp_user_timeout", "application_name",
    "dbname",           "client_encoding",  nullptr};
  const std::array<const char*, 9> values{
    seconds.c_str(),        "10",           "5",    "3",    tcp_timeout.c_str(),
    to.application.c_str(), to.url.c_str(), "UTF8", nullptr};
  const auto deadline = steady_clock::now() + to.connect_timeout;
  link_.reset(PQconnectStartParams(keywords.data(), values.data(), 1));
  if (!link_ || PQstatus(link_.get()) == CONNECTION_BAD)
    return lost("connect", false);
  for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;
       state = PQconnectPoll(link_.get())) {
    if (state == PGRES_POLLING_FAILED)
      return lost("connect", false);
    if (!wait(state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline))
      return lost("connect", true);
  }
  PQsetNoticeProcessor(
    link_.get(), [](void*, const char*) {}, nullptr);
  if (PQsetnonblocking(link_.get(), 1) != 0)
    return lost("connect", false);
  return {};
}

/// The server gives up before we do, so that it does not go on with what nobody waits for. A
/// commit is durable before it is answered, whatever the server's default. A client that says
/// nothing in mid-transaction has been stopped or cut off, and others wait for its locks.
result<void> connection::set_up(const target& to) {
  const auto limit = std::to_string(std::max<int64_t>(1, to.timeout.count() * 9 / 10));
  return script(
           "set up the session",
           "SET client_encoding = 'UTF8'; SET TimeZone = 'UTC'; SET DateStyle = 'ISO';"
           " SET statement_timeout = "
             + limit
             + "; SET idle_in_transaction_session_timeout = '1s'; SELECT "
               "set_config('synchronous_commit', CASE"
               " current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE"
               " current_setting('synchronous_commit') END, false)")
    .map([](const answer&) {});
}

tl::unexpected<fault> connection::lost(const char* what, bool timed_out) {
  broken_ = true;
  sqlstate_.clear();
  constraint_.clear();
  reason_ = timed_out ? "no answer in time"
            : link_   ? one_sentence(PQerrorMessage(link_.get()))
                      : "out of memory";
  link_.reset();
  return fail(ec::sink_unavailable, name_ + ": cannot " + what + ": " + reason_);
}

tl::unexpected<fault> connection::refused(const char* what, const PGresult* why) {
  const char* state = PQresultErrorField(why, PG_DIAG_SQLSTATE);
  const char* message = PQresultErrorField(why, PG_DIAG_MESSAGE_PRIMARY);
  if (!state || PQstatus(link_.get()) == CONNECTION_BAD)
    return lost(what, false);
  sqlstate_ = state;
  const char* constraint = PQresultErrorField(why, PG_DIAG_CONSTRAINT_NAME);
  constraint_ = constraint ? constraint : "";
  reason_ = one_sentence(message ? message : "");
  return fail(passing(sqlstate_) ? ec::sink_unavailable : ec::io_failed,
              name_ + ": cannot " + what + ": " + reason_ + " (" + sqlstate_ + ")");
}

bool connection::refused_for_good() const noexcept {
  return !broken_ && !passing(sqlstate_);
}

std::string connection::setting(const char* name) const {
  const char* value = link_ ? PQparameterStatus(link_.get(), name) : nullptr;
  return value ? value : "";
}

bool connection::wait(short events, time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0)
      return false;
    pollfd watched{PQsocket(link_.get()), events, 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(left.count()));
    if (ready > 0)
      return true;
    if (ready < 0 && errno != EINTR)
      return false;
  }
}

/// False if the socket takes nothing until the deadline, or fails; the caller tells which.
bool connection::flush(time_point deadline) {
  for (;;) {
    const int left = PQflush(link_.get());
    if (left == 0)
      return true;
    if (left < 0 || !wait(POLLIN | POLLOUT, deadline))
      return false;
    // Reads too, or both sides could wait for the other to read.
    if (PQconsumeInput(link_.get()) == 0)
      return false;
  }
}

PGresult* connection::next(time_point deadline, bool& timed_out) {
  timed_out = false;
  while (PQisBusy(link_.get()) != 0) {
    if (!wait(POLLIN, deadline)) {
      timed_out = true;
      return nullptr;
    }
    if (PQconsumeInput(link_.get()) == 0)
      return PQgetResult(link_.get()); // tells what happened
  }
  return PQgetResult(link_.get());
}

bool connection::send(const std::string& sql, const parameters& with) {
  std::vector<const char*> values;
  values.reserve(with.size());
  for (const auto& text : with)
    values.push_back(text.c_str());
  return PQsendQueryParams(link_.get(), sql.c_str(), static_cast<int>(with.size()),
                           nullptr, values.data(), nullptr, nullptr, 0)
         == 1;
}

/// Returns the last result, or the first error.
result<answer> connection::collect(const char* what) {
  const auto deadline = steady_clock::now() + timeout_;
  if (!flush(deadline))
    return lost(what, PQstatus(link_.get()) == CONNECTION_OK);
  std::unique_ptr<answer> last;
  std::optional<fault> failure;
  for (;;) {
    bool timed_out = false;
    auto* got = next(deadline, timed_out);
    if (timed_out)
      return lost(what, true);
    if (!got)
      break;
    auto one = std::make_unique<answer>(got);
    const auto status = PQresultStatus(got);
    const bool good =
      status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_IN;
    if (!good && !failure)
      failure = refused(what, got).value();
    last = std::move(one);
    if (broken_)
      return tl::unexpected(*failure);
    if (status == PGRES_COPY_IN)
      break; // PQgetResult would say so again for ever
  }
  if (failure)
    return tl::unexpected(*failure);
  if (!last)
    return lost(what, false);
  return std::move(*last);
}

result<answer> connection::run(const char* what, const std::string& sql,
                               const parameters& with) {
  if (broken_)
    return fail(ec::sink_unavailable, name_ + ": cannot " + what + ": not connected");
  if (!send(sql, with))
    return lost(what, false);
  return collect(what);
}

result<answer> connection::script(const char* what, const std::string& sql) {
  if (broken_)
    return fail(ec::sink_unavailable, name_ + ": cannot " + what + ": not connected");
  if (PQsendQuery(link_.get(), sql.c_str()) != 1)
    return lost(what, false);
  return collect(what);
}

result<void> connection::each(const char* what, const std::string& sql,
                              const parameters& with,
                              const std::function<bool(const answer&)>& visit) {
  if (broken_)
    return fail(ec::sink_unavailable, name_ + ": cannot " + what + ": not connected");
  if (!send(sql, with) || PQsetSingleRowMode(link_.get()) != 1)
    return lost(what, false);
  if (!flush(steady_clock::now() + timeout_))
    return lost(what, true);
  result<void> outcome;
  for (;;) {
    bool timed_out = false;
    // Each row has its deadline: the visitor may be slow.
    auto* got = next(steady_clock::now() + timeout_, timed_out);
    if (timed_out)
      return lost(what, true);
    if (!got)
      return outcome;
    const answer row{got};
    const auto status = PQresultStatus(got);
    if (status == PGRES_SINGLE_TUPLE && !visit(row)) {
      broken_ = true;
      link_.reset();
      return {};
    }
    if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK && outcome)
      outcome = refused(what, got);
    if (broken_)
      return outcome;
  }
}

result<void> connection::copy_in(const char* what, const std::string& sql,
                                 std::string_view data) {
  if (auto begun = script(what, sql); !begun)
    return tl::unexpected(begun.error());
  // In pieces: libpq keeps what the socket does not take yet.
  constexpr size_t piece = size_t{128} << 10;
  const auto deadline = steady_clock::now() + timeout_;
  for (size_t at = 0; at < data.size(); at += piece) {
    const auto part = data.substr(at, piece);
    if (PQputCopyData(link_.get(), part.data(), static_cast<int>(part.size())) != 1)
      return lost(what, false);
    if (!flush(deadline))
      return lost(what, PQstatus(link_.get()) == CONNECTION_OK);
  }
  if (PQputCopyEnd(link_.get(), nullptr) != 1)
    return lost(what, false);
  return collect(what).map([](const answer&) {});
}

result<transaction> transaction::begin(connection& on, const std::string& settings) {
  return on
    .script("begin a transaction", "BEGIN ISOLATION LEVEL READ COMMITTED;" + settings)
    .map([&](const answer&) { return transaction{on}; });
}

transaction::~transaction() {
  if (on_ && !on_->broken())
    (void)on_->script("roll back", "ROLLBACK");
}

result<void> transaction::commit() {
  auto* on = std::exchange(on_, nullptr);
  const auto done = on->script("commit", "COMMIT");
  if (!done)
    return tl::unexpected(done.error());
  if (done->command() == "COMMIT")
    return {};
  return fail(ec::io_failed, on->name() + ": rolled back instead of committing");
}

std::string array_of(const std::vector<std::string>& items) {
  std::string text = "{";
  for (const auto& item : items) {
    if (text.size() > 1)
      text += ',';
    text += item;
  }
  return text += '}';
}

std::string timestamp(int64_t unix_us) {
  using namespace std::chrono;
  // A year has four digits: a clock may say anything, and the server takes no other year.
  constexpr sys_time<microseconds> first = sys_days{year{1} / 1 / 1};
  constexpr sys_time<microseconds> last = sys_days{year{9999} / 12 / 31};
  const auto at = std::clamp(sys_time<microseconds>{microseconds{unix_us}}, first, last);
  const auto midnight = floor<days>(at);
  const year_month_day date{midnight};
  const auto us = (at - midnight).count();
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u %02d:%02d:%02d.%06d+00",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(us / 3'600'000'000),
                static_cast<int>(us / 60'000'000 % 60),
                static_cast<int>(us / 1'000'000 % 60), static_cast<int>(us % 1'000'000));
  return text;
}

} // namespace weir::postgres
