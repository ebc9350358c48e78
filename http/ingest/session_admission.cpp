// The claims of the request in hand: let in, waiting in line or refused; a streamed body makes
// one for each of its batches.
#include "http/ingest/io_thread.hpp"
#include "http/ingest/session.hpp"
#include "proto/health.hpp"

#include <cassert>
#include <utility>

namespace weir {

namespace {

/// Why the node is closed; without a cause if that has just ended, or is our own drain.
std::string refusal_of(const node_health& health) {
  auto why = health.why_closed();
  return (why.empty() ? why : std::move(why) + "; ")
         + "nothing of the request was read or stored";
}

/// An answer up to this size is not charged: the 4 KiB charged for a request cover it.
constexpr size_t answer_bytes_free = size_t{2} << 10;

} // namespace

void session::admit() {
  auto closed = state_.context.health.closed();
  // This listener's own drain is what the client should hear of first.
  if (state_.draining.load(std::memory_order_relaxed))
    closed = ec::draining;
  if (closed != ec::none)
    return refuse({closed, refusal_of(state_.context.health)});
  const int tokens_in = state_.rates.check(rate_subject(terms_, peer_), began_);
  if (tokens_in > 0)
    return refuse_with(problem{ec::rate_limited,
                               "the stream's or the client's rate of records is used "
                               "up; nothing of the request was read or stored",
                               tokens_in,
                               {},
                               nullptr,
                               {}});
  enter_gate();
}

void session::enter_gate() {
  const auto& settings = terms_.stream->settings;
  const auto first = work_->charge.first_claim();
  switch (ticket_.ask(*this, first, terms_.level, settings.admission,
                      settings.admission_wait)) {
  case admission::verdict::granted:
    take(first);
    return start_body(began_);
  case admission::verdict::waiting:
    return hear_when_it_goes();
  case admission::verdict::refused:
    return refuse({ec::saturated, "nothing of the request was read or stored"});
  }
}

/// While the request waits, a read tells when its client goes. It tells nothing after bytes of
/// a body that does not fit here, and to read those costs more than the rest of a refusal.
void session::hear_when_it_goes() {
  const bool fits = terms_.length && *terms_.length <= head_scanner::bytes_usual;
  if (fits || in_.empty())
    read_more(head_scanner::bytes_usual);
}

void session::on_wait_over() {
  guarded([this] {
    const fault why{ec::saturated, "the wait for admission was over"};
    cycle_.is(phase::paused) ? fail_body(why) : refuse(why);
  });
}

void session::on_granted(const claim& what) {
  guarded([&] {
    assert(work_); // a wait ends before its exchange does
    take(what);
    if (cycle_.is(phase::admission))
      return start_body(now());
    if (work_->request && work_->request->failure())
      return fail_body(*work_->request->failure());
    read_body();
  });
}

void session::take(const claim& granted) {
  auto& x = *work_;
  const auto before = x.charge.for_decoder();
  x.charge.granted(granted);
  if (x.charge.for_decoder() > before)
    x.reader->allow_memory(x.charge.for_decoder());
}

/// While a full journal or a stage's restart closes admission, or the stream's or the client's
/// rate is used up, the rest of a streamed body waits unread instead of failing: this slows the
/// client down. True: it waits, without a claim.
bool session::wait_for_opening() {
  const auto closed = state_.context.health.closed();
  const bool opens = closed == ec::journal_full || closed == ec::stage_away;
  const int tokens_in = state_.rates.check(rate_subject(terms_, peer_), now());
  if (!opens && tokens_in == 0)
    return false;
  cycle_.pause(opens ? wait::room : wait::tokens);
  expect_within(state_.config.request_timeout + std::chrono::seconds{tokens_in});
  return true;
}

/// Called once per tick. If it goes on waiting for the same, its deadline stays where it was.
void session::look_again() {
  const auto waited_for = cycle_.waits_for();
  const auto deadline = deadline_;
  go_on();
  if (cycle_.waits_for() == waited_for)
    deadline_ = deadline;
}

/// A streamed body waits for its next claim as long as for a receipt: leaving the socket
/// unread is what slows its client down.
void session::claim_next_batch() {
  if (!wait_for_opening())
    claim_and_wait(work_->charge.next_claim());
}

void session::claim_and_wait(const claim& wanted) {
  switch (ticket_.ask(*this, wanted, terms_.level, admission_policy::wait,
                      state_.config.request_timeout)) {
  case admission::verdict::granted:
    return take(wanted);
  case admission::verdict::waiting:
    cycle_.pause(wait::claim);
    // The ticket ends the wait, not the tick.
    deadline_ = time_point::max();
    return;
  case admission::verdict::refused:
    return fail_body({ec::saturated, "no room for the rest of the body"});
  }
}

/// The decoder has met a frame with a larger window than it has memory for. Before the first
/// text the request waits in line with nothing else in hand: requests that wait for what each
/// other holds would wait for ever.
void session::claim_decoder() {
  auto& x = *work_;
  const auto more = x.reader->memory_wanted() - x.charge.for_decoder();
  if (x.reader->text_bytes() == 0) {
    x.charge.return_batch();
    return claim_and_wait(x.charge.next_claim(more));
  }
  if (!x.charge.cover_decoder(more))
    return fail_body({ec::saturated, "no room for the window of a later zstd frame"});
  x.reader->allow_memory(x.charge.for_decoder());
}

/// How much of the body is still to come.
void session::note_unread() noexcept {
  if (!work_ || !work_->reader || work_->body_done)
    return;
  if (work_->reader->transferred())
    unread_.none();
  else
    unread_.due(work_->reader->remaining());
}

/// Frees the reader and its charge, unless a read into its memory is under way.
void session::drop_reader() noexcept {
  auto& x = *work_;
  if (!x.reader || reads_into_body())
    return;
  x.reader.reset();
  x.charge.return_reader();
}

/// An answer that did not fit in the socket's buffer stays here until its client reads. It is
/// charged; if that fails the connection is closed, and the client can repeat the request.
void session::charge_answer() {
  if (out_.capacity() <= answer_bytes_free)
    return;
  request_charge charge{state_.gate, state_.config, terms_};
  if (!charge.cover_answer(out_.capacity()))
    return close();
  answer_charge_.emplace(std::move(charge));
}

/// The batches are settled and their claims are back, but the answer waits for the sink: its
/// errors of rejected records are charged, or left out.
void session::charge_verdicts() {
  auto& x = *work_;
  const auto bytes = x.request->extra_bytes();
  if (!x.request->all_settled() || x.charge.for_reader() > 0
      || bytes <= answer_bytes_free)
    return;
  if (!x.charge.cover_answer(bytes))
    x.request->forget_errors();
}

} // namespace weir
