// The answers of a session: refusals before the body is read, verdicts after it, probes.
#include "http/ingest/io_thread.hpp"
#include "http/ingest/session.hpp"
#include "http/readiness_page.hpp"
#include "proto/health.hpp"

#include <boost/asio/post.hpp>

namespace weir {

namespace {

constexpr std::string_view text_type = "text/plain; charset=utf-8";
constexpr std::string_view root_text =
  "This is weir, a server that takes records (JSON, CSV, lines of text) in and stores "
  "them "
  "durably:\nPOST them to /ingest/{stream}, or to /ingest for the stream `default`; "
  "/readyz says whether it takes them now. docs/http.md is the whole contract.\n";

} // namespace

void session::refuse(const fault& why) {
  refuse_with(problem{why.code, why.text, 0, {}, nullptr, {}});
}

void session::refuse_with(problem p) {
  leave_body(p.code);
  if (p.retry_after == 0 && p.code == ec::rate_limited && work_)
    p.retry_after = state_.rates.check(rate_subject(terms_, peer_), now());
  if (p.retry_after == 0 && http_status(p.code) == 503)
    p.retry_after = state_.gate.retry_after(now());
  auto& text = thread_.scratch();
  text.clear();
  append_problem(text, p);
  respond(http_status(p.code), problem_type, text, problem_fields(p));
}

/// For failures after which it is not known where the next request would begin.
void session::refuse_and_close(const fault& why) {
  open_request();
  head_only_ = false;
  unread_.due(std::nullopt);
  refuse(why);
}

void session::leave_body(ec why) {
  if (!unread_.leave(why))
    note_ = connection_note::close;
}

void session::answer_options(route where) {
  leave_body(ec::none);
  std::string fields{"Allow: "};
  respond(200, text_type, {}, fields.append(allowed_methods(where)).append("\r\n"));
}

void session::answer_probe(route where) {
  const auto& health = state_.context.health;
  auto& text = thread_.scratch();
  text.clear();
  leave_body(ec::none);
  if (where == route::root)
    return respond(200, text_type, text = root_text, {});
  if (where == route::livez)
    return respond(200, json_type, text = R"({"status":"live"})", {});
  const auto state = health.ready();
  append_readiness(text, state);
  respond(status_of(state), json_type, text, {});
}

void session::answer_request() {
  const auto& request = *work_->request;
  // A doubtful outcome is told rather than why the body failed: more may be stored.
  if (work_->failure && !request.doubtful())
    return answer_failure(*work_->failure);
  if (request.failure())
    return answer_failure(*request.failure());
  auto& text = thread_.scratch();
  text.clear();
  if (request.ack() == ack_level::accepted) {
    append_admitted(text, request.key());
    return respond(202, json_type, text, {});
  }
  const auto& counts = request.result_so_far();
  if (counts.all_rejected())
    return refuse_with(problem{ec::all_records_rejected,
                               "no record of the request was stored",
                               0,
                               {},
                               &counts,
                               {}});
  append_answer(text, request.key(), counts);
  respond(200, json_type, text, {});
}

void session::answer_failure(const fault& why) {
  problem p{why.code, why.text, 0, {}, nullptr, {}};
  if (p.detail.empty())
    p.detail = title_of(why.code);
  const auto* request = work_ ? work_->request.get() : nullptr;
  const bool streamed = request && (request->streamed() || !work_->body_done);
  if (streamed) {
    p.durable_records = request->durable_records();
    if (*p.durable_records > 0) // what has become of these
      p.counts = &request->result_so_far();
  }
  note_unread();
  refuse_with(std::move(p));
}

void session::respond(int status, std::string_view type, std::string_view body,
                      std::string_view fields) {
  if (state_.draining.load(std::memory_order_relaxed) || peer_done_)
    note_ = connection_note::close;
  const bool usual = status == 200 && type == json_type;
  const auto other = usual ? std::string{} : response_start(status, thread_.date(), type);
  response r;
  r.start = usual ? thread_.ok_start() : other;
  r.body = body;
  r.fields = fields;
  r.head_only = head_only_;
  r.connection = note_;
  out_.clear();
  append_response(out_, r);
  add(state_.metrics.responses[static_cast<size_t>(status)]);
  const auto at = now();
  state_.stage.latency.observe(std::chrono::duration<double>(at - began_).count());
  cycle_.on(event::answers);
  end_exchange();
  deadline_ = at + state_.config.write_timeout;
  if (!link_->write(out_, shared_from_this()))
    return charge_answer();
  if (in_.empty())
    return after_answer(at);
  // A pipelined request waits its turn; the post keeps the stack shallow.
  boost::asio::post(thread_.context(),
                    [self = shared_from_this()] { self->on_written({}); });
}

} // namespace weir
