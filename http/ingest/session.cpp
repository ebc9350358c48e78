#include "http/ingest/session.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "http/ingest/io_thread.hpp"
#include "proto/health.hpp"

#include <algorithm>

namespace weir {

using boost::system::error_code;

namespace {

/// Room for an answer that an idle connection keeps: enough for nearly all.
constexpr size_t idle_answer_bytes = size_t{1} << 10;

} // namespace

session::session(io_thread& thread, ingest_state& state, std::unique_ptr<transport> link,
                 std::string peer)
  : thread_(thread), state_(state), connection_(state.connections),
    open_connection_(state.metrics.connections_open), link_(std::move(link)),
    peer_(std::move(peer)), scanner_(state.config.head_bytes_max),
    ticket_(state.gate, thread.context()) {
  add(state_.metrics.connections_accepted);
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
  if (cycle_.closed())
    return;
  guarded([&] { failure ? close() : next_request(now()); });
}

void session::on_read(error_code failure, size_t bytes) {
  const auto into = std::exchange(reads_, read_target::nothing);
  if (cycle_.closed())
    return;
  guarded([&] { failure ? connection_lost() : take_input(into, bytes); });
}

void session::on_written(error_code failure) {
  answer_charge_.reset();
  if (cycle_.closed())
    return;
  guarded([&] {
    if (failure)
      return close();
    cycle_.is(phase::inviting) ? read_body() : after_answer(now());
  });
}

void session::take_input(read_target into, size_t bytes) {
  add(state_.metrics.received_bytes, bytes);
  if (into == read_target::input) {
    in_.commit(bytes);
  } else if (into == read_target::body && !parked_) {
    work_->reader->commit(bytes);
  } else { // the request has failed meanwhile, and this is of its rest
    parked_.reset();
    unread_.dropped(bytes);
  }
  switch (cycle_.now()) {
  case phase::idle:
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

/// The client sends no more. It may half-close after a complete request and still read; then
/// it gets its answer.
void session::connection_lost() {
  peer_done_ = true;
  parked_.reset();
  if (!cycle_.outlives_half_close(terms_.length && in_.size() >= *terms_.length))
    close();
}

void session::close() noexcept {
  if (cycle_.closed())
    return;
  const auto self = weak_from_this().lock();
  cycle_.on(event::closes);
  ticket_.withdraw();
  end_exchange();
  link_->close();
  thread_.strike(place_);
}

void session::next_request(time_point at) {
  cycle_.on(event::next_request);
  scanner_.reset();
  if (reads_ == read_target::nothing)
    in_.shrink();
  if (out_.capacity() > idle_answer_bytes)
    std::string{}.swap(out_); // `= {}` would keep its room
  if (!in_.empty()) {         // a pipelined one
    cycle_.on(event::head_began);
    deadline_ = at + state_.config.head_timeout;
    return parse_input();
  }
  // Also while draining: a client that has not heard of it may be sending, and is answered.
  deadline_ = at + state_.config.idle_timeout;
  if (reads_ == read_target::nothing)
    thread_.read_soon(shared_from_this());
}

void session::read_head() {
  if (cycle_.takes_head())
    guarded([this] { read_more(scanner_.bytes_max()); });
}

void session::read_more(size_t bytes_max) {
  if (reads_ != read_target::nothing)
    return;
  const auto room = in_.prepare(bytes_max);
  if (room.empty())
    return;
  reads_ = read_target::input;
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
    if (cycle_.is(phase::idle))
      expect_within(state_.config.head_timeout);
    cycle_.on(event::head_began);
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
  terms_.length = again->content_length;
  unread_.due(terms_.length);
  work_.emplace(request_charge{state_.gate, state_.config, terms_});
  admit();
  return true;
}

void session::open_request() {
  cycle_.on(event::head_ended);
  began_ = now();
  deadline_ = time_point::max();
  open_request_ = counted{state_.requests};
}

void session::begin(std::string_view text, const request_head& head) {
  open_request();
  note_ = !head.keep_alive     ? connection_note::close
          : head.version == 10 ? connection_note::keep_alive
                               : connection_note::none;
  head_only_ = head.method == "HEAD";
  // After Expect the client decides whether a body comes.
  const bool expects = head.find("expect").has_value();
  unread_.none();
  if (head.has_body())
    unread_.due(expects ? std::nullopt : head.content_length);
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
  if (head.has_body() && head.keep_alive && !expects) // else it is read anew
    known_.remember(text, head);
  work_.emplace(request_charge{state_.gate, state_.config, terms_});
  admit();
}

void session::tick(time_point at) {
  if (cycle_.is(phase::body))
    guarded([&] { check_pace(at); });
  if (cycle_.looks_again())
    guarded([&] { look_again(); });
  if (!cycle_.closed() && at >= deadline_)
    guarded([&] { on_deadline(); });
}

void session::on_deadline() {
  using expiry = request_cycle::expiry;
  switch (cycle_.at_deadline()) {
  case expiry::close:
    return close();
  case expiry::slow_head:
    return refuse_and_close(
      {ec::request_timeout, "the head of the request took too long"});
  case expiry::no_claim:
    return ticket_.give_up() ? on_wait_over() : void();
  case expiry::no_room:
    return fail_body(
      {ec::journal_full, "the journal had no room for the rest of the body in time"});
  case expiry::no_tokens:
    return fail_body({ec::rate_limited, "others have used up the rate of records"});
  case expiry::no_outcome:
    // All may be settled when only the sink is waited for.
    return answer_failure(
      {ec::deadline_exceeded,
       work_->request && work_->request->all_settled()
         ? "the records are durable, but the sink has not committed them yet; it will"
         : "the outcome is not known yet; repeat the request with the same "
           "Idempotency-Key"});
  }
}

void session::after_answer(time_point at) {
  open_request_ = {};
  // What is still to come of a body that was refused stands before the next request.
  switch (unread_.after_answer(keeps_alive(), peer_done_, !in_.empty())) {
  case unread_body::step::next_request:
    return next_request(at);
  case unread_body::step::discard:
    cycle_.on(event::discards);
    expect_within(state_.config.head_timeout);
    return discard();
  case unread_body::step::linger:
    cycle_.on(event::lingers);
    expect_within(unread_body::linger_time);
    link_->shut_sending();
    return linger();
  case unread_body::step::close:
    return close();
  }
}

void session::discard() {
  const auto here = std::min<uint64_t>(in_.size(), unread_.to_discard());
  in_.consume(here);
  unread_.dropped(here);
  if (unread_.to_discard() == 0)
    return next_request(now());
  drop_more(unread_.to_discard());
}

void session::linger() {
  unread_.dropped(in_.size());
  in_.consume(in_.size());
  if (unread_.lingered_enough() || peer_done_)
    return close();
  drop_more(unread_body::linger_bytes_max);
}

void session::drop_more(size_t bytes_max) {
  if (reads_ != read_target::nothing)
    return;
  reads_ = read_target::nowhere;
  link_->drop(bytes_max, shared_from_this());
}

} // namespace weir
