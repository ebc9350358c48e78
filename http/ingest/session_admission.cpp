// The claims of the request in hand: let in, waiting in line or refused; a streamed body makes
// one for each of its batches.
#include "http/ingest/io_thread.hpp"
#include "http/ingest/session.hpp"
#include "proto/health.hpp"
#include "records/inflate.hpp"

#include <algorithm>
#include <utility>

namespace weir {

namespace {

/// What a request is charged before its body is read.
struct first_charge {
  claim all;
  size_t held = 0; ///< bytes of `all` that are for the reader
};

first_charge first_claim(const ingest_config& config,
                         const ingest_terms& terms) noexcept {
  const bool known =
    terms.length && *terms.length <= config.batch_bytes && terms.coding.empty();
  const auto parts = terms.stream->parts_room(known ? *terms.length : config.batch_bytes);
  if (!known) {
    const auto held = reader_bytes + inflater_bytes(terms.coding);
    return {{batch_charge(config) + held + parts, 1}, held};
  }
  if (config.gathers(*terms.length) == gathered::small && parts == 0)
    return {{budget_charge(config, *terms.length), 0}};
  return {{unread_charge(config, *terms.length) + parts, 1}};
}

/// Why the node is closed; without a cause if that has just ended, or is our own drain.
std::string refusal_of(const node_health& health) {
  auto why = health.why_closed();
  return (why.empty() ? why : std::move(why) + "; ")
         + "nothing of the request was read or stored";
}

/// A smaller shortfall is not worth the lock: the 4 KiB charged for a request cover it.
constexpr size_t missing_bytes_min = size_t{2} << 10;
/// An answer up to this size is not charged either.
constexpr size_t answer_bytes_free = size_t{2} << 10;
constexpr size_t surplus_bytes_min = size_t{64} << 10;

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
  const auto first = first_claim(state_.config, terms_);
  work_->held_when_granted = first.held;
  switch (ticket_.ask(*this, first.all, terms_.level, settings.admission,
                      settings.admission_wait)) {
  case admission::verdict::granted:
    take(first.all);
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
    take(what);
    if (cycle_.is(phase::admission))
      return start_body(now());
    if (work_->request && work_->request->failure())
      return fail_body(*work_->request->failure());
    read_body();
  });
}

void session::take(const claim& granted) noexcept {
  auto& x = *work_;
  const auto held = std::exchange(x.held_when_granted, 0);
  x.charged = {granted.bytes - held, granted.batches};
  x.held += held;
  if (!x.reader)
    x.decoder = inflater_bytes(terms_.coding);
  else if (held > 0)
    x.reader->allow_memory(x.decoder += held);
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

/// Called once per tick. What it still waits for then, it has not begun to wait for now.
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
    claim_and_wait({next_batch_charge(), 1}, 0);
}

size_t session::next_batch_charge() const noexcept {
  const auto& config = state_.config;
  return batch_charge(config) + terms_.stream->parts_room(config.batch_bytes);
}

/// One that splits its records is not gathered: what they become is charged to their request,
/// and must not be in the way of another's.
gathered session::gathers(uint64_t weight) const noexcept {
  return terms_.stream->parts_room(0) > 0 ? gathered::no : state_.config.gathers(weight);
}

size_t session::charge_of(size_t weight, size_t records) const noexcept {
  return budget_charge(state_.config, weight, records)
         + terms_.stream->parts_room(weight);
}

void session::claim_and_wait(const claim& wanted, size_t held) {
  work_->held_when_granted = held;
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
  auto& gate = state_.gate;
  const auto more = x.reader->memory_wanted() - x.decoder;
  if (x.reader->text_bytes() == 0) {
    gate.return_unused(std::exchange(x.charged, {}));
    return claim_and_wait({next_batch_charge() + more, 1}, more);
  }
  const auto asked = gate.enter({more, 0}, terms_.level, admission_policy::reject, {});
  if (asked.what != admission::verdict::granted)
    return fail_body({ec::saturated, "no room for the window of a later zstd frame"});
  x.held += more;
  x.reader->allow_memory(x.decoder += more);
}

/// A small body that is not all here is cut by a reader, whose list of records may be longer
/// than the body.
bool session::claim_reader() {
  auto& charged = work_->charged;
  const auto length = terms_.length.value_or(0);
  // A body of unknown length (or none) was charged for its reader at the gate.
  if (work_->held > 0 || length == 0)
    return true;
  const auto needed =
    unread_charge(state_.config, length) + terms_.stream->parts_room(length);
  if (needed <= charged.bytes + missing_bytes_min)
    return true;
  const claim missing{needed - charged.bytes, 0};
  const auto asked =
    state_.gate.enter(missing, terms_.level, admission_policy::reject, {});
  if (asked.what != admission::verdict::granted)
    return false;
  charged.bytes += missing.bytes;
  return true;
}

/// A body was charged for its length; its rows and records may weigh more. It does not wait
/// for the difference: others may wait for what it holds.
bool session::claim_weight(size_t weight, size_t records, gathered as) {
  auto& charged = work_->charged;
  const auto needed = charge_of(weight, records);
  claim missing;
  missing.bytes = needed - std::min(charged.bytes, needed);
  // A body that was charged as a small one and is none needs batch credit after all.
  missing.batches = as == gathered::small || charged.batches > 0 ? 0 : 1;
  if (missing.batches == 0 && missing.bytes <= missing_bytes_min)
    return true;
  const auto asked =
    state_.gate.enter(missing, terms_.level, admission_policy::reject, {});
  if (asked.what != admission::verdict::granted)
    return false;
  charged.bytes += missing.bytes;
  charged.batches += missing.batches;
  return true;
}

/// A body of unknown length was charged for a whole batch; now it is known to be less.
void session::return_surplus(size_t weight, size_t records, bool small) {
  auto& charged = work_->charged;
  const auto needed = charge_of(weight, records);
  claim surplus;
  surplus.bytes = charged.bytes - std::min(charged.bytes, needed);
  surplus.batches = small ? charged.batches : 0;
  if (surplus.batches == 0 && surplus.bytes < surplus_bytes_min)
    return;
  charged.bytes -= surplus.bytes;
  charged.batches -= surplus.batches;
  state_.gate.return_unused(surplus);
}

/// A batch goes; the text of the next one that is here already stays while the session waits
/// for its claim. What the batch does not need pays for it, which is nearly always enough.
bool session::hold_rest(size_t needed) {
  auto& x = *work_;
  auto& gate = state_.gate;
  const auto text = x.reader->text_bytes();
  const auto base = reader_bytes + x.decoder;
  const auto wanted = base + (text > surplus_bytes_min ? text : 0);
  if (wanted + surplus_bytes_min < x.held)
    gate.return_unused({x.held - wanted, 0}), x.held = wanted;
  if (wanted <= x.held)
    return true;
  auto missing = wanted - x.held;
  // The batch keeps what it needs itself.
  const auto spare =
    std::min(missing, x.charged.bytes - std::min(needed, x.charged.bytes));
  x.charged.bytes -= spare;
  x.held += spare;
  missing -= spare;
  if (missing == 0)
    return true;
  const auto asked = gate.enter({missing, 0}, terms_.level, admission_policy::reject, {});
  if (asked.what != admission::verdict::granted)
    return false;
  x.held += missing;
  return true;
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
  state_.gate.return_unused({std::exchange(x.held, 0), 0});
}

void session::unpark() noexcept {
  parked_reader_.reset();
  if (parked_.bytes > 0)
    state_.gate.return_unused(std::exchange(parked_, {}));
}

/// An answer that did not fit in the socket's buffer stays here until its client reads. It is
/// charged; if that fails the connection is closed, and the client can repeat the request.
void session::charge_answer() {
  if (out_.capacity() <= answer_bytes_free)
    return;
  const auto asked =
    state_.gate.enter({out_.capacity(), 0}, terms_.level, admission_policy::reject, {});
  if (asked.what != admission::verdict::granted)
    return close();
  answer_charge_ = out_.capacity();
}

void session::return_answer() noexcept {
  if (answer_charge_ > 0)
    state_.gate.return_unused({std::exchange(answer_charge_, 0), 0});
}

/// The batches are settled and their claims are back, but the answer waits for the sink: its
/// errors of rejected records are charged, or left out.
void session::charge_verdicts() {
  auto& x = *work_;
  const auto bytes = x.request->extra_bytes();
  if (!x.request->all_settled() || x.held > 0 || bytes <= answer_bytes_free)
    return;
  const auto asked =
    state_.gate.enter({bytes, 0}, terms_.level, admission_policy::reject, {});
  if (asked.what == admission::verdict::granted)
    x.held = bytes;
  else
    x.request->forget_errors();
}

} // namespace weir
