#include "tests/simulation/ingest.hpp"

#include "proto/health.hpp"
#include "proto/telemetry.hpp"
#include "tests/simulation/faults.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace weir::simulation {

namespace {

constexpr int abandon_after_timeouts = 10; // as http/ingest/io_thread.cpp

} // namespace

/// As http/ingest/receipt_mailbox.hpp, but what wakes is the world.
class ingest::mailbox final : public receipt_port {
 public:
  void deliver(std::shared_ptr<const batch_receipt> receipt) noexcept override {
    receipts.push_back(std::move(receipt));
    awake = true;
  }
  void stored(uint64_t sequence) noexcept override {
    stored_up_to = std::max(stored_up_to, sequence);
    awake = true;
  }
  void resubmit() noexcept override { submit_again = awake = true; }

  std::vector<std::shared_ptr<const batch_receipt>> receipts;
  uint64_t stored_up_to = 0;
  bool submit_again = false;
  bool awake = false;
};

/// The pipeline as the listener sees it.
class ingest::way_in final : public pipeline_port {
 public:
  explicit way_in(pipeline_port& real) : real_(real) {}

  bool submit(batch_ptr batch) noexcept override {
    if (seeded(bite::resubmits_with_new_key) && !seen_.insert(batch->source->id).second)
      batch = with_new_keys(*batch);
    return real_.submit(std::move(batch));
  }
  void attach(std::weak_ptr<receipt_port> owner) override {
    real_.attach(std::move(owner));
  }

 private:
  static batch_ptr with_new_keys(const record_batch& batch) {
    auto source = std::make_shared<envelope>(*batch.source);
    for (auto& part : source->parts)
      ++part.key.high;
    auto copy = std::make_shared<record_batch>(batch);
    copy->source = std::move(source);
    return copy;
  }

  pipeline_port& real_;
  std::set<uint64_t> seen_; ///< envelopes, for the seeded fault
};

struct ingest::io_thread {
  io_thread(ingest& owner, batch_key first_key)
    : sent(owner.context_, owner.gate_,
           {owner.config_.request_timeout,
            owner.config_.request_timeout * abandon_after_timeouts, mail,
            &owner.outstanding_total_, owner.config_.coalesce_wait}),
      open(owner.config_, [this](submission s) { return sent.submit(std::move(s)); }),
      next_key(first_key) {
    owner.context_.pipeline.attach(mail);
  }

  bool ready() const noexcept { return mail->awake || !posted.empty(); }

  void run() {
    if (!posted.empty()) {
      const auto what = std::move(posted.front());
      posted.pop_front();
      return what();
    }
    collect();
  }

  void collect() {
    mail->awake = false;
    auto receipts = std::exchange(mail->receipts, {});
    for (auto& receipt : receipts) {
      if (seeded(bite::acknowledges_failed_parts))
        receipt = without_failures(*receipt);
      const auto by = sent.ends(*receipt);
      if (by == gathered::small) // behind the answers, as the I/O thread does it
        posted.push_back([this] { open.settled(gathered::small); });
      (void)sent.receive(*receipt);
      if (by == gathered::large)
        open.settled(by);
    }
    if (mail->stored_up_to > 0)
      sent.stored(std::exchange(mail->stored_up_to, 0));
    if (std::exchange(mail->submit_again, false))
      sent.resubmit();
  }

  static std::shared_ptr<const batch_receipt> without_failures(batch_receipt receipt) {
    for (auto& part : receipt.parts)
      if (part.outcome == ec::storage_failed || part.outcome == ec::journal_full) {
        part.outcome = ec::none;
        part.accepted = static_cast<uint32_t>(receipt.batch->records.size());
      }
    return std::make_shared<batch_receipt>(std::move(receipt));
  }

  std::shared_ptr<mailbox> mail = std::make_shared<mailbox>();
  outstanding sent;
  coalescers open;
  batch_key next_key;
  std::list<std::shared_ptr<session>> sessions;
  std::deque<std::function<void()>> posted;
};

ingest::ingest(const ingest_config& config, ingest_context context, timeline& events,
               uint64_t seed, uint32_t threads)
  : config_(config), way_in_(std::make_unique<way_in>(context.pipeline)),
    context_{*way_in_, context.streams, context.metrics, context.health, context.clock},
    counts_{context.metrics}, events_(events), gate_({.bytes_max = config.budget_bytes,
                                                      .batches_max = config.batches_max,
                                                      .waiters_max = config.waiters_max,
                                                      .delay_max = config.delay_max}),
    keys_(seed) {
  for (uint32_t i = 0; i < threads; ++i)
    threads_.push_back(
      std::make_unique<io_thread>(*this, batch_key{keys_.word(), keys_.word()}));
}

ingest::~ingest() {
  for (auto& thread : threads_)
    for (auto& one : thread->sessions)
      one->hang_up();
}

std::shared_ptr<session> ingest::open(request_terms terms, cut_listener on_cut,
                                      std::function<void(const answer&)> on_answer) {
  const auto thread = next_thread_++ % threads_.size();
  auto made = std::make_shared<session>(*this, thread, std::move(terms),
                                        std::move(on_cut), std::move(on_answer));
  threads_[thread]->sessions.push_back(made);
  ++open_;
  if (!std::exchange(ticking_, true))
    events_.in(config_.tick, [this, alive = std::weak_ptr{alive_}] {
      if (!alive.expired())
        tick();
    });
  made->admit();
  return made;
}

size_t ingest::ready() const noexcept {
  return static_cast<size_t>(std::count_if(threads_.begin(), threads_.end(),
                                           [](const auto& t) { return t->ready(); }));
}

void ingest::run(size_t n) {
  for (auto& thread : threads_)
    if (thread->ready() && n-- == 0)
      return thread->run();
}

/// Ticks only while there is something to look at, so that an idle node is idle.
void ingest::tick() {
  ticking_ = false;
  const auto now = context_.clock.now();
  for (auto& thread : threads_) {
    for (const auto& one : std::vector(thread->sessions.begin(), thread->sessions.end()))
      one->tick(now);
    std::erase_if(thread->sessions, [](const auto& one) { return one->closed(); });
    for (const auto by : thread->sent.expire(now))
      thread->open.settled(by);
  }
  if (!idle() && !std::exchange(ticking_, true))
    events_.in(config_.tick, [this, alive = std::weak_ptr{alive_}] {
      if (!alive.expired())
        tick();
    });
}

session::session(ingest& owner, size_t thread, request_terms terms, cut_listener on_cut,
                 std::function<void(const answer&)> on_answer)
  : owner_(owner), thread_(thread), terms_(std::move(terms)), on_cut_(std::move(on_cut)),
    on_answer_(std::move(on_answer)), streams_(owner.context_.streams.get()),
    stream_(streams_->find(terms_.stream)) {
  cycle_.on(event::next_request);
  cycle_.on(event::head_ended);
}

void session::receive(std::string_view bytes) {
  in_ += bytes;
  if (cycle_.is(phase::body))
    pump_body();
}

void session::hang_up() {
  if (closed())
    return;
  cycle_.on(event::closes);
  if (ticket_ != 0 && owner_.gate_.cancel(ticket_))
    ticket_ = 0; // else granted() is on its way and gives the claim back
  end_exchange();
}

void session::admit() {
  auto closed = owner_.context_.health.closed();
  if (owner_.draining_)
    closed = ec::draining;
  if (closed != ec::none)
    return answer_failure({closed, "nothing of the request was read or stored"});
  const auto& c = owner_.config_;
  const bool whole = terms_.length <= c.batch_bytes;
  const claim first{budget_charge(c, whole ? terms_.length : c.batch_bytes),
                    whole && c.gathers(terms_.length) == gathered::small ? 0u : 1u};
  enter_gate(first, stream_->settings.admission, stream_->settings.admission_wait, false);
}

void session::enter_gate(const claim& wanted, admission_policy policy, duration time,
                         bool paused) {
  wanted_ = wanted;
  auto& posted = owner_.threads_[thread_]->posted;
  const auto [what, ticket] = owner_.gate_.enter(
    wanted, terms_.level, policy, [this, self = shared_from_this(), wanted, &posted] {
      posted.push_back([self, this, wanted] { granted(wanted); });
    });
  if (what == admission::verdict::granted) {
    charged_ = wanted;
    return paused ? void() : start_body();
  }
  if (what == admission::verdict::refused) {
    const fault why{ec::saturated, "nothing of the request was read or stored"};
    return paused ? fail_body(why) : answer_failure(why);
  }
  ticket_ = ticket;
  if (paused)
    cycle_.pause(wait::claim);
  deadline_ = time_point::max();
  owner_.events_.in(time, [this, self = weak_from_this(), mine = ticket] {
    if (const auto held = self.lock(); held && ticket_ == mine && !closed())
      give_up_waiting();
  });
}

void session::granted(const claim& given) {
  ticket_ = 0;
  if (closed())
    return owner_.gate_.return_unused(given);
  charged_ = given;
  if (cycle_.is(phase::admission))
    return start_body();
  if (request_->failure())
    return fail_body(*request_->failure());
  cycle_.on(event::reads_body);
  pump_body();
}

void session::start_body() {
  body_terms body;
  body.format = terms_.format;
  body.length = terms_.length;
  body.framing.record_bytes_max = stream_->settings.record_bytes_max;
  body.body_bytes_max = owner_.config_.body_bytes_max;
  body.batch_bytes = owner_.config_.batch_bytes;
  body.batch_records = owner_.config_.batch_records;
  body.keyed = !terms_.key.empty();
  reader_ = std::move(*body_reader::make(std::move(body)));
  cycle_.on(event::reads_body);
  pump_body();
}

void session::give_up_waiting() {
  if (ticket_ == 0 || !owner_.gate_.cancel(ticket_))
    return;
  ticket_ = 0;
  const fault why{ec::saturated, "the wait for admission was over"};
  cycle_.is(phase::paused) ? fail_body(why) : answer_failure(why);
}

void session::pump_body() {
  while (cycle_.is(phase::body)) {
    const auto next = reader_->next();
    if (!next)
      return fail_body(next.error());
    switch (*next) {
    case body_reader::step::more: {
      if (in_.empty())
        return;
      const auto used = reader_->feed(in_);
      if (!used)
        return fail_body(used.error());
      in_.erase(0, *used);
      break;
    }
    case body_reader::step::memory: // no body here is coded
      reader_->allow_memory(reader_->memory_wanted());
      break;
    case body_reader::step::cut:
      send_cut(reader_->take(), false);
      break;
    case body_reader::step::end:
      return send_cut(reader_->take(), true);
    }
  }
}

void session::send_cut(body_cut cut, bool last) {
  if (request_ && request_->skipping())
    return skip_cut(std::move(cut), last);
  const bool whole = last && !request_;
  const auto as = whole ? owner_.config_.gathers(cut.weight) : gathered::no;
  if (!request_)
    request_ = std::make_shared<ingest_request>(this, terms_.ack);
  if (as == gathered::small && charged_.batches > 0)
    owner_.gate_.return_unused({0, std::exchange(charged_.batches, 0u)});
  const auto settled = request_->durable_records();
  auto part = make_part(cut, last);
  const auto chunk = request_->add_chunk(part.records, part.key);
  if (!whole) {
    if (number_ == 0)
      number_ = owner_.threads_[thread_]->next_key.low++ << 1 | 1;
    part.request = number_;
    part.home = request_->key().low;
  }
  body_done_ = last;
  if (last) {
    cycle_.on(event::sent_all);
    deadline_ = now() + owner_.config_.request_timeout;
  }
  auto& thread = *owner_.threads_[thread_];
  const auto self = shared_from_this();
  part_owner owner{request_, chunk, last, 0};
  const auto charged = std::exchange(charged_, {});
  if (as != gathered::no)
    thread.open.of(as).add({terms_.stream, terms_.level, cut.bytes, cut.weight,
                            cut.records, std::move(part), std::move(owner), charged,
                            now(), &cut.bytes, rules()});
  else
    thread.sent.submit(make_submission(std::move(cut), std::move(part), std::move(owner),
                                       charged, settled));
  if (last)
    return progressed();
  if (request_->failure())
    return fail_body(*request_->failure());
  if (request_->in_flight() < window())
    return claim_next_batch();
  cycle_.pause(wait::receipt);
  deadline_ = now() + owner_.config_.request_timeout;
}

uint32_t session::window() const {
  const bool asks = !terms_.key.empty() && !request_->first_is_durable();
  return asks && !seeded(bite::asks_for_no_key) ? 1 : owner_.config_.streams_window;
}

void session::skip_cut(body_cut cut, bool last) {
  const auto records = cut.records.size();
  auto rest = request_->skip(std::move(cut), last);
  if (!rest)
    return fail_body(rest.error());
  const auto known = records - (*rest ? (*rest)->records.size() : 0);
  weir::add(owner_.counts_.received, known);
  weir::add(owner_.counts_.duplicate, known);
  if (*rest)
    return send_cut(std::move(**rest), last);
  if (!last)
    return;
  body_done_ = true;
  owner_.gate_.return_unused(std::exchange(charged_, {}));
  cycle_.on(event::sent_all);
  deadline_ = now() + owner_.config_.request_timeout;
  if (terms_.ack == ack_level::stored)
    owner_.threads_[thread_]->sent.await_sink(request_);
  progressed();
}

void session::send_rest() {
  auto rest = request_->take_rest();
  body_done_ = false;
  cycle_.on(event::finds_rest);
  const claim wanted{budget_charge(owner_.config_, rest->cut.weight), 1};
  if (owner_.gate_.enter(wanted, terms_.level, admission_policy::reject, nullptr).what
      != admission::verdict::granted)
    return fail_body({ec::saturated, "no room for the rest of the body"});
  charged_ = wanted;
  send_cut(std::move(rest->cut), rest->last);
  if (cycle_.is(phase::body))
    pump_body();
}

catalog_ptr session::rules() const {
  return seeded(bite::judges_by_later_rules) ? nullptr : streams_;
}

batch_part session::make_part(const body_cut& cut, bool last) {
  auto& thread = *owner_.threads_[thread_];
  batch_part part;
  part.keyed = !terms_.key.empty();
  if (part.keyed) {
    const auto first = make_batch_key(terms_.stream, {}, terms_.key);
    const auto place =
      seeded(bite::numbers_batches) ? uint64_t{cut.chunk} : cut.record_base;
    part.key = continued_key(first, place);
    part.fingerprint = last ? cut.fingerprint : open_fingerprint(cut.fingerprint);
  } else {
    part.key = thread.next_key;
    ++thread.next_key.low;
  }
  part.format = cut.format;
  part.ack = terms_.ack;
  part.record_base = cut.record_base;
  part.line_base = cut.line_base;
  part.records = static_cast<uint32_t>(cut.records.size());
  part.header = cut.header;
  on_cut_(part.key, part.record_base, part.records);
  return part;
}

submission session::make_submission(body_cut cut, batch_part part, part_owner owner,
                                    claim charged, uint64_t settled) const {
  submission out;
  out.arrived = std::make_shared<envelope>();
  out.arrived->stream = terms_.stream;
  out.arrived->level = terms_.level;
  out.arrived->rules = rules();
  out.arrived->settled.set(settled);
  out.arrived->bytes = std::move(cut.bytes);
  out.arrived->parts.push_back(std::move(part));
  out.records = std::move(cut.records);
  out.owners.push_back(std::move(owner));
  out.charged = charged;
  return out;
}

bool session::wait_for_opening() {
  const auto closed = owner_.context_.health.closed();
  if (closed != ec::journal_full && closed != ec::stage_away)
    return false;
  cycle_.pause(wait::room);
  deadline_ = now() + owner_.config_.request_timeout;
  return true;
}

void session::claim_next_batch() {
  if (!wait_for_opening())
    enter_gate({budget_charge(owner_.config_, owner_.config_.batch_bytes), 1},
               admission_policy::wait, owner_.config_.request_timeout, true);
}

void session::fail_body(fault why) {
  owner_.gate_.return_unused(std::exchange(charged_, {}));
  failure_ = std::move(why);
  if (!request_ || request_->all_settled())
    return answer_failure(fault{*failure_});
  cycle_.on(event::body_failed);
  deadline_ = now() + owner_.config_.request_timeout;
}

void session::tick(time_point at) {
  if (closed())
    return;
  const auto self = shared_from_this();
  if (cycle_.looks_again()) {
    const auto deadline = deadline_;
    go_on();
    if (cycle_.looks_again())
      deadline_ = deadline;
  }
  if (closed() || at < deadline_)
    return;
  switch (cycle_.at_deadline()) {
  case request_cycle::expiry::no_claim:
    return give_up_waiting();
  case request_cycle::expiry::no_room:
    return fail_body(
      {ec::journal_full, "the journal had no room for the rest of the body in time"});
  default:
    answer_failure({ec::deadline_exceeded, "the outcome is not known yet"});
  }
}

void session::progressed() {
  if (closed())
    return;
  const auto self = shared_from_this();
  if (request_ && request_->has_rest() && !failure_)
    return send_rest();
  if (cycle_.is(phase::awaiting) && request_->answer_is_due(failure_.has_value()))
    return answer_request();
  if (cycle_.waits_for() == wait::receipt)
    go_on();
}

void session::go_on() {
  if (request_->failure())
    return fail_body(*request_->failure());
  if (request_->in_flight() >= window())
    return cycle_.pause(wait::receipt);
  cycle_.on(event::reads_body);
  claim_next_batch();
  if (cycle_.is(phase::body))
    pump_body();
}

} // namespace weir::simulation
