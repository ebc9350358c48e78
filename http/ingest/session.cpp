#include "http/ingest/session.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "http/ingest/io_thread.hpp"
#include "proto/health.hpp"

#include <algorithm>

namespace weir {

using boost::system::error_code;

namespace {

constexpr size_t linger_bytes_max = size_t{16} << 20;
/// Room for an answer that an idle connection keeps: enough for nearly all.
constexpr size_t idle_answer_bytes = size_t{1} << 10;
constexpr auto linger_time = std::chrono::milliseconds{2'000};

} // namespace

session::session(io_thread& thread, ingest_state& state, std::unique_ptr<transport> link,
                 std::string peer)
  : thread_(thread), state_(state), link_(std::move(link)), peer_(std::move(peer)),
    scanner_(state.config.head_bytes_max) {
  state_.connections.fetch_add(1, std::memory_order_relaxed);
  add(state_.context.figures.connections_accepted);
  state_.context.figures.connections_open.fetch_add(1, std::memory_order_relaxed);
}

session::~session() {
  unpark();
  return_answer();
  state_.connections.fetch_sub(1, std::memory_order_relaxed);
  state_.context.figures.connections_open.fetch_sub(1, std::memory_order_relaxed);
}

void session::failed(const std::exception& why) noexcept {
  log_event(log_level::error, "connection_failed", {{"reason", why.what()}});
  close();
}

session::time_point session::now() const noexcept {
  return state_.context.clock.now();
}

void session::expect_within(std::chrono::milliseconds time) {
  deadline_ = now() + time;
}

void session::start(session_list::iterator place) {
  place_ = place;
  const auto self = shared_from_this();
  guarded([this] {
    expect_within(state_.config.handshake_timeout);
    link_->handshake(shared_from_this());
  });
}

void session::on_open(error_code failure) {
  if (phase_ == phase::closed)
    return;
  guarded([&] { failure ? close() : next_request(now()); });
}

void session::on_read(error_code failure, size_t bytes) {
  reading_ = false;
  if (phase_ == phase::closed)
    return;
  guarded([&] { failure ? connection_lost() : take_input(bytes); });
}

void session::on_written(error_code failure) {
  return_answer();
  if (phase_ == phase::closed)
    return;
  guarded([&] {
    if (failure)
      return close();
    phase_ == phase::inviting ? read_body() : after_answer(now());
  });
}

void session::take_input(size_t bytes) {
  add(state_.context.figures.bytes_received, bytes);
  const bool into_body = std::exchange(reads_into_body_, false);
  if (std::exchange(drops_, false))
    phase_ == phase::discarding ? discard_left_ -= bytes : lingered_ += bytes;
  else if (parked_reader_) // the request has failed meanwhile
    drop_parked(bytes);
  else if (into_body)
    work_->reader->commit(bytes);
  else
    in_.commit(bytes);
  switch (phase_) {
  case phase::head:
    return parse_input();
  case phase::admission:
    return hear_when_it_goes();
  case phase::body:
    pace_.count(bytes, now());
    return pump_body();
  case phase::discarding:
    return discard();
  case phase::lingering:
    return linger();
  default:
    return; // the input waits in the buffer
  }
}

/// The bytes belong to the rest that was to be dropped.
void session::drop_parked(size_t bytes) {
  unpark();
  discard_left_ -= std::min<uint64_t>(bytes, discard_left_);
}

/// The client sends no more. It may half-close after a complete request and still read; then
/// it gets its answer.
void session::connection_lost() {
  peer_done_ = true;
  unpark();
  reads_into_body_ = false;
  const bool body_is_here =
    phase_ == phase::admission && terms_.length && in_.size() >= *terms_.length;
  const bool whole_request = body_is_here || phase_ == phase::paused
                             || phase_ == phase::awaiting || phase_ == phase::answering
                             || phase_ == phase::inviting;
  if (!whole_request)
    close();
}

void session::close() noexcept {
  if (phase_ == phase::closed)
    return;
  const auto self = weak_from_this().lock();
  phase_ = phase::closed;
  stop_waiting();
  end_exchange();
  link_->close();
  thread_.strike(place_);
}

void session::next_request(time_point at) {
  phase_ = phase::head;
  scanner_.reset();
  if (!reading_)
    in_.shrink();
  if (out_.capacity() > idle_answer_bytes)
    std::string{}.swap(out_); // `= {}` would keep its room
  head_begun_ = !in_.empty();
  if (head_begun_) {
    deadline_ = at + state_.config.head_timeout;
    return parse_input();
  }
  // Also while draining: a client that has not heard of it may be sending, and is answered.
  deadline_ = at + state_.config.idle_timeout;
  if (!reading_)
    thread_.read_soon(shared_from_this());
}

void session::read_head() {
  if (phase_ == phase::head)
    guarded([this] { read_more(scanner_.bytes_max()); });
}

void session::read_more(size_t bytes_max) {
  if (reading_)
    return;
  const auto room = in_.prepare(bytes_max);
  if (room.empty())
    return;
  reading_ = true;
  link_->read(room, shared_from_this());
}

void session::parse_input() {
  while (in_.view().starts_with("\r\n")) { // RFC 9112 §2.2: empty lines before a request
    in_.consume(2);
    scanner_.reset();
  }
  if (begin_as_before())
    return;
  const auto length = scanner_.find_end(in_.view());
  if (!length)
    return refuse_and_close(length.error());
  if (*length == 0) {
    if (!std::exchange(head_begun_, true))
      expect_within(state_.config.head_timeout);
    return read_more(scanner_.bytes_max());
  }
  auto& head = thread_.head();
  known_.forget();
  const auto text = in_.view().substr(0, *length);
  const auto fields_max = state_.config.head_fields_max;
  if (auto parsed = parse_head(text, head, fields_max); !parsed)
    return refuse_and_close(parsed.error());
  in_.consume(*length); // its bytes stay where they are until the next read
  begin(text, head);
}

/// True if the last request's head came again, under the same catalog and limits: what begin()
/// read from it still holds. Rates, health and admission are asked anew.
bool session::begin_as_before() {
  const auto again = known_.match(in_.view());
  // begin() answers a request without a body, or with one that is too long.
  if (!again || again->content_length == 0
      || again->content_length > state_.config.body_bytes_max
      || terms_.streams != state_.context.streams.get()
      || terms_.limits != state_.limits())
    return false;
  in_.consume(again->bytes);
  open_request();
  body_unread_ = true;
  body_left_ = terms_.length = again->content_length;
  work_.emplace();
  admit();
  return true;
}

void session::open_request() {
  began_ = now();
  deadline_ = time_point::max();
  open_request_ = true;
  state_.requests.fetch_add(1, std::memory_order_relaxed);
}

void session::begin(std::string_view text, const request_head& head) {
  open_request();
  keep_alive_ = head.keep_alive;
  http_1_0_ = head.version == 10;
  head_only_ = head.method == "HEAD";
  body_unread_ = head.has_body();
  body_left_ = head.content_length;
  expects_ = head.find("expect").has_value();
  const auto [where, stream] = find_route(head.path);
  if (where == route::unknown)
    return refuse({ec::unknown_stream,
                   "this listener knows /ingest, /ingest/{stream}, /livez, /healthz "
                   "and /readyz"});
  if (!allows(where, head.method))
    return refuse_with(
      {.code = ec::method_not_allowed,
       .detail = "the methods here are " + std::string{allowed_methods(where)},
       .retry_after = 0,
       .durable_records = {},
       .counts = nullptr,
       .allow = allowed_methods(where)});
  if (head.method == "OPTIONS")
    return answer_options(where);
  if (where != route::ingest)
    return answer_probe(where);
  auto terms = read_terms(head, stream, state_.context.streams.get(), state_.limits(),
                          state_.config);
  if (!terms)
    return refuse(terms.error());
  terms_ = std::move(*terms);
  // After Expect the client decides whether a body comes: such a head is read anew.
  if (head.has_body() && keep_alive_ && !expects_)
    known_.remember(text, head);
  work_.emplace();
  admit();
}

void session::tick(time_point at) {
  if (phase_ == phase::body)
    guarded([&] { check_pace(at); });
  if (waits_for_opening_)
    guarded([&] { look_whether_open(); });
  if (phase_ != phase::closed && at >= deadline_)
    guarded([&] { on_deadline(); });
}

void session::on_deadline() {
  switch (phase_) {
  case phase::head:
    if (head_begun_)
      return refuse_and_close(
        {ec::request_timeout, "the head of the request took too long"});
    return close();
  case phase::paused:
    // The body waits for a claim, for room or tokens, or else for a receipt.
    if (ticket_ != 0)
      return give_up_waiting();
    if (std::exchange(waits_for_opening_, false))
      return fail_body(
        waits_for_tokens_
          ? fault{ec::rate_limited, "others have used up the rate of records"}
          : fault{ec::journal_full,
                  "the journal had no room for the rest of the body in time"});
    [[fallthrough]];
  case phase::awaiting:
    return answer_failure(
      {ec::deadline_exceeded,
       work_->request && work_->request->all_settled()
         ? "the records are durable, but the sink has not committed them yet; it will"
         : "the outcome is not known yet; repeat the request with the same "
           "Idempotency-Key"});
  default:
    return close();
  }
}

void session::after_answer(time_point at) {
  if (std::exchange(open_request_, false))
    state_.requests.fetch_sub(1, std::memory_order_relaxed);
  // Closing with input unread would reset the connection, and the client may lose the answer.
  if (linger_ || (!keep_alive_ && (!in_.empty() || discard_left_ > 0))) {
    phase_ = phase::lingering;
    expect_within(linger_time);
    link_->shut_sending();
    return linger();
  }
  if (!keep_alive_ || peer_done_)
    return close();
  if (discard_left_ > 0) {
    phase_ = phase::discarding;
    expect_within(state_.config.head_timeout);
    return discard();
  }
  next_request(at);
}

void session::discard() {
  const auto here = std::min<uint64_t>(in_.size(), discard_left_);
  in_.consume(here);
  discard_left_ -= here;
  if (discard_left_ == 0)
    return next_request(now());
  drop_more(discard_left_);
}

void session::linger() {
  lingered_ += in_.size();
  in_.consume(in_.size());
  if (lingered_ > linger_bytes_max || peer_done_)
    return close();
  drop_more(linger_bytes_max);
}

void session::drop_more(size_t bytes_max) {
  if (reading_)
    return;
  reading_ = true;
  drops_ = true;
  link_->drop(bytes_max, shared_from_this());
}

} // namespace weir
