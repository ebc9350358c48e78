// The request in hand and its claims: let in, waiting in line, refused; and for a streamed body
// again for each of its batches.
#include "http/io_thread.hpp"
#include "http/session.hpp"
#include "proto/health.hpp"

namespace weir {

namespace {

/// What a request is charged before its body is read.
claim first_claim(const ingest_config& config, const ingest_terms& terms) noexcept {
  const bool known =
    terms.length && *terms.length <= config.batch_bytes && terms.coding.empty();
  if (!known)
    return {budget_charge(config, config.batch_bytes), 1};
  return {budget_charge(config, *terms.length),
          config.gathers(*terms.length) == gathered::small ? 0u : 1u};
}

/// What is really wrong; it may just have ended, or be this listener's own drain.
std::string refusal_of(const node_health& health) {
  auto why = health.why_closed();
  return (why.empty() ? why : std::move(why) + "; ")
         + "nothing of the request was read or stored";
}

} // namespace

void session::admit() {
  auto& shared = thread_.shared();
  auto closed = shared.context.health.closed();
  if (shared.draining.load(std::memory_order_relaxed))
    closed = ec::draining;
  if (closed != ec::none)
    return refuse({closed, refusal_of(shared.context.health)});
  const int wait = shared.rates.check(rate_subject(terms_, peer_), began_);
  if (wait > 0)
    return refuse_with(problem{ec::rate_limited,
                               "the stream's or the client's rate of records is used "
                               "up; nothing of the request was read or stored",
                               wait,
                               {},
                               nullptr,
                               {}});
  enter_gate();
}

void session::enter_gate() {
  auto& shared = thread_.shared();
  const auto& settings = terms_.stream->settings;
  wanted_ = first_claim(shared.config, terms_);
  const auto [what, ticket] =
    shared.gate.enter(wanted_, terms_.level, settings.admission,
                      [this] { // waiting_self_ keeps us till then
                        boost::asio::post(thread_.context(), [this] { granted(); });
                      });
  switch (what) {
  case admission::verdict::granted:
    work_->charged = wanted_;
    return start_body();
  case admission::verdict::waiting:
    phase_ = phase::admission;
    ticket_ = ticket;
    wait_for_grant(settings.admission_wait);
    return hear_when_it_goes();
  case admission::verdict::refused:
    return refuse({ec::saturated, "nothing of the request was read or stored"});
  }
}

/// While it waits. Behind the bytes of a body that does not fit here there is nothing to hear,
/// and to read a piece of it costs more than all else of a refusal.
void session::hear_when_it_goes() {
  const bool fits = terms_.length && *terms_.length <= head_scanner::bytes_max;
  if (fits || in_.empty())
    read_more(head_scanner::bytes_max);
}

void session::wait_for_grant(std::chrono::milliseconds time) {
  waiting_self_ = shared_from_this();
  waiting_work_.emplace(thread_.context().get_executor());
  waiting_timer_.emplace(thread_.context().get_executor(), time);
  waiting_timer_->async_wait(
    [self = shared_from_this(), ticket = ticket_](boost::system::error_code failure) {
      if (!failure && self->ticket_ == ticket && self->phase_ != phase::closed)
        self->guarded([&] { self->give_up_waiting(); });
    });
}

/// The ticket may just have been granted: then the claim is on its way and the request
/// goes on.
void session::give_up_waiting() {
  if (ticket_ == 0 || !thread_.shared().gate.cancel(ticket_))
    return;
  stop_waiting();
  const fault why{ec::saturated, "the wait for admission was over"};
  phase_ == phase::paused ? fail_body(why) : refuse(why);
}

void session::stop_waiting() noexcept {
  if (ticket_ != 0 && phase_ == phase::closed && !thread_.shared().gate.cancel(ticket_))
    return; // granted() is on its way and gives the claim back
  ticket_ = 0;
  waiting_timer_.reset();
  waiting_work_.reset();
  waiting_self_.reset();
}

void session::granted() {
  const auto self = std::move(waiting_self_);
  ticket_ = 0;
  waiting_timer_.reset();
  waiting_work_.reset();
  const bool paused = phase_ == phase::paused;
  if (!work_ || (phase_ != phase::admission && !paused))
    return thread_.shared().gate.return_unused(wanted_);
  work_->charged = wanted_;
  guarded([&] {
    if (!paused)
      return start_body();
    if (work_->request->failure())
      return fail_body(*work_->request->failure());
    read_body();
  });
}

/// While a full journal or a stage's restart closes admission, the rest of a streamed
/// body waits unread instead of failing: its client is slowed down to what the sink can
/// take. True: it waits.
bool session::wait_for_opening() {
  auto& shared = thread_.shared();
  const auto closed = shared.context.health.closed();
  if (closed != ec::journal_full && closed != ec::stage_away)
    return false;
  phase_ = phase::paused;
  waits_for_opening_ = true;
  expect_within(shared.config.request_timeout);
  return true;
}

/// Once per tick.
void session::look_whether_open() {
  if (!waits_for_opening_ || phase_ != phase::paused)
    return;
  waits_for_opening_ = false;
  const auto deadline = deadline_;
  on_progress();
  if (waits_for_opening_)
    deadline_ = deadline;
}

/// A streamed body waits for its next claim as long as for a receipt: leaving the socket
/// unread is what slows its client down.
void session::claim_next_batch() {
  auto& shared = thread_.shared();
  if (wait_for_opening())
    return;
  wanted_ = {budget_charge(shared.config, shared.config.batch_bytes), 1};
  const auto [what, ticket] =
    shared.gate.enter(wanted_, terms_.level, admission_policy::wait, [this] {
      boost::asio::post(thread_.context(), [this] { granted(); });
    });
  switch (what) {
  case admission::verdict::granted:
    work_->charged = wanted_;
    return;
  case admission::verdict::waiting:
    phase_ = phase::paused;
    ticket_ = ticket;
    deadline_ = time_point::max();
    return wait_for_grant(shared.config.request_timeout);
  case admission::verdict::refused:
    return fail_body({ec::saturated, "no room for the rest of the body"});
  }
}

} // namespace weir
