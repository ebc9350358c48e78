#include "tests/simulation/client.hpp"

#include "tests/simulation/workload.hpp"

#include <algorithm>

namespace weir::simulation {

client::client(const request_plan& request, connector connect, timeline& events,
               trace& log, ledger& book, const sink_contents& sink, uint64_t seed)
  : request_(request), connect_(std::move(connect)), events_(events), log_(log),
    book_(book), sink_(sink), dice_(seed), growing_(request.grows_from > 0),
    body_(body_of(request, growing_ ? request.grows_from : request.records.size())),
    repeats_left_(request.repeats) {}

request_terms client::terms() const {
  request_terms t;
  t.stream = request_.checked ? "checked" : "plain";
  if (request_.keyed)
    t.key = std::to_string(request_.key_of != 0 ? request_.key_of : request_.number);
  t.ack = request_.ack;
  t.level = request_.level;
  t.format = request_.as_array ? body_format::json : body_format::ndjson;
  t.length = body_.size();
  return t;
}

void client::try_now() {
  if (done_)
    return;
  auto* const listener = connect_();
  if (listener == nullptr)
    return again(duration{200'000});
  if (tries_++ == request_.tries_max) {
    done_ = true;
    return;
  }
  const auto attempt = ++attempt_;
  log_.note("client: begins request {}, try {}", request_.number, attempt);
  book_.begins(request_, growing_);
  const auto self = shared_from_this();
  auto opened = listener->open(
    terms(),
    [self](const batch_key& key, uint64_t base, uint32_t records) {
      self->book_.cut(self->request_.number, key, base, records);
    },
    [self, attempt](const answer& what) {
      if (attempt == self->attempt_)
        self->hear(what);
    });
  if (attempt != attempt_ || opened->closed())
    return; // refused at once
  talking_ = std::move(opened);
  with_ = listener;
  events_.in(request_.patience,
             [self, attempt] { self->hang_up(attempt, "loses patience with"); });
  if (request_.leaves_after >= duration{0} && !std::exchange(left_once_, true))
    events_.in(request_.leaves_after,
               [self, attempt] { self->hang_up(attempt, "hangs up on"); });
  send_piece(attempt, 0);
}

void client::send_piece(uint64_t attempt, size_t from) {
  if (attempt != attempt_ || !talking_)
    return;
  const auto piece = body_.size() / request_.pieces + 1;
  const auto held = talking_; // the answer may come in between
  held->receive(std::string_view{body_}.substr(from, piece));
  if (from + piece < body_.size())
    events_.in(request_.between_pieces,
               [self = shared_from_this(), attempt, next = from + piece] {
                 self->send_piece(attempt, next);
               });
}

void client::hear(const answer& what) {
  talking_ = nullptr;
  ++attempt_;
  log_.note("client: request {} is told {} {}{}: {} accepted {} rejected {} quarantined "
            "{} dropped{}",
            request_.number, what.status, to_string(what.code),
            what.doubtful ? " (doubtful)" : "", what.accepted, what.rejected,
            what.quarantined, what.dropped, what.duplicate ? ", a duplicate" : "");
  book_.told(request_.number, what, sink_);
  const duration pause{static_cast<int64_t>(dice_.between(1'000, 500'000))};
  const bool verdict = what.status < 300 || what.code == ec::all_records_rejected;
  if (verdict && repeats_left_ > 0) {
    --repeats_left_;
    return again(pause);
  }
  if (verdict && std::exchange(growing_, false)) {
    body_ = body_of(request_, request_.records.size());
    return again(pause);
  }
  const bool try_again =
    what.status == 503 && (request_.keyed || (!what.doubtful && !what.streamed));
  if (try_again)
    return again(pause);
  done_ = true;
}

void client::hang_up(uint64_t attempt, const char* why) {
  if (attempt != attempt_ || !talking_)
    return;
  log_.note("client: {} request {}", why, request_.number);
  const auto held = std::exchange(talking_, nullptr);
  held->hang_up();
  unheard();
}

void client::disconnected(const ingest& gone) {
  if (!talking_ || with_ != &gone)
    return;
  talking_ = nullptr;
  log_.note("client: the connection of request {} breaks", request_.number);
  unheard();
}

void client::unheard() {
  ++attempt_;
  book_.unheard(request_.number);
  if (request_.keyed)
    return again(duration{static_cast<int64_t>(dice_.between(1'000, 500'000))});
  done_ = true;
}

void client::again(duration after) {
  events_.in(after, [self = shared_from_this()] { self->try_now(); });
}

} // namespace weir::simulation
