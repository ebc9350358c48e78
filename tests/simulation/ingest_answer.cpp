// What a simulated session tells its client, and when: as http/ingest/session_answer.cpp does it.
#include "tests/simulation/ingest.hpp"

#include <utility>

namespace weir::simulation {

void session::answer_request() {
  if (failure_ && !request_->doubtful())
    return answer_failure(fault{*failure_});
  if (request_->failure())
    return answer_failure(fault{*request_->failure()});
  answer told;
  const auto& sum = request_->result_so_far();
  told.accepted = sum.accepted;
  told.rejected = sum.rejected;
  told.quarantined = sum.quarantined;
  told.dropped = sum.dropped;
  told.duplicate = sum.duplicate();
  told.errors = sum.errors();
  told.status = 200;
  if (request_->ack() == ack_level::accepted) {
    told.status = 202;
  } else if (sum.all_rejected()) {
    told.status = 422;
    told.code = ec::all_records_rejected;
  }
  respond(told);
}

void session::answer_failure(const fault& why) {
  answer told;
  told.status = http_status(why.code);
  told.code = why.code;
  told.doubtful = why.code == ec::deadline_exceeded
                  || why.text.find("may be stored") != std::string::npos;
  if (request_ && (request_->streamed() || !body_done_)) {
    told.streamed = true;
    told.durable_records = request_->durable_records();
  }
  respond(told);
}

void session::respond(const answer& what) {
  cycle_.on(event::answers);
  cycle_.on(event::closes);
  const auto tell = std::move(on_answer_);
  end_exchange();
  if (tell)
    tell(what);
}

void session::end_exchange() {
  on_answer_ = nullptr;
  --owner_.open_;
  owner_.gate_.return_unused(std::exchange(charged_, {}));
  if (request_)
    request_->abandon();
}

} // namespace weir::simulation
