// INGEST: the listener's side of a simulated node without its sockets. Framing, batches,
// coalescing, admission, the phases of a request and what is owed for every batch are the real
// ones; a session here does what http/ingest/session.cpp does between them, and gives its answer
// to a function.
#pragma once

#include "http/ingest/admission.hpp"
#include "http/ingest/body_reader.hpp"
#include "http/ingest/coalescer.hpp"
#include "http/ingest/ingest_request.hpp"
#include "http/ingest/ingest_settings.hpp"
#include "http/ingest/outstanding.hpp"
#include "http/ingest/request_cycle.hpp"
#include "proto/ports.hpp"
#include "records/catalog.hpp"
#include "tests/simulation/chance.hpp"
#include "tests/simulation/timeline.hpp"

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace weir::simulation {

/// What a client reads from a response.
struct answer {
  int status = 0;
  ec code = ec::none;
  bool doubtful = false; ///< the text says that the outcome is not known
  uint64_t accepted = 0, rejected = 0, quarantined = 0, dropped = 0;
  bool duplicate = false;
  std::vector<record_error> errors;
  bool streamed = false;        ///< more than one batch, or the body was not all read
  uint64_t durable_records = 0; ///< what the answer of a failed streamed request counts
};

/// The head of a request.
struct request_terms {
  std::string stream;
  std::string key; ///< empty: none
  ack_level ack = ack_level::durable;
  priority level = priority::normal;
  body_format format = body_format::ndjson;
  uint64_t length = 0;
};

/// Hears of each batch that is made of a request.
using cut_listener =
  std::function<void(const batch_key& key, uint64_t record_base, uint32_t records)>;

class session;

class ingest {
 public:
  ingest(const ingest_config& config, ingest_context context, timeline& events,
         uint64_t seed, uint32_t threads);
  ~ingest();

  /// A request's head has come. `on_answer` is called at most once, later.
  std::shared_ptr<session> open(request_terms terms, cut_listener on_cut,
                                std::function<void(const answer&)> on_answer);
  void stop_accepting() { draining_ = true; }
  /// Requests begun and not answered, whose client is there.
  uint64_t in_flight() const noexcept { return open_; }
  bool idle() const noexcept { return open_ == 0 && outstanding_total_ == 0; }
  /// What is taken from the budget.
  claim claimed() const { return gate_.used(); }

  /// Threads with something to do.
  size_t ready() const noexcept;
  /// Lets the `n`th of those do one thing.
  void run(size_t n);

 private:
  friend class session;
  class mailbox;
  class way_in;
  struct io_thread;

  void tick();

  const ingest_config config_;
  std::unique_ptr<way_in> way_in_;
  const ingest_context context_;
  const record_metrics counts_;
  timeline& events_;
  admission gate_;
  std::atomic<size_t> outstanding_total_{0};
  bool draining_ = false;
  bool ticking_ = false;
  uint64_t open_ = 0;
  size_t next_thread_ = 0;
  chance keys_;
  std::vector<std::unique_ptr<io_thread>> threads_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0); ///< for events put down
};

/// One request. As in the product: what was sent goes on when the client has gone.
class session final : public request_owner, public std::enable_shared_from_this<session> {
 public:
  session(ingest& owner, size_t thread, request_terms terms, cut_listener on_cut,
          std::function<void(const answer&)> on_answer);

  // -- by the client
  void receive(std::string_view bytes); ///< the next piece of the body
  void hang_up();

  // -- by the listener
  void admit();
  void tick(time_point now);
  bool closed() const noexcept { return cycle_.closed(); }
  void progressed() override;

 private:
  using phase = request_cycle::phase;
  using event = request_cycle::event;
  using wait = request_cycle::wait;

  void enter_gate(const claim& wanted, admission_policy policy, duration time,
                  bool paused);
  void granted(const claim& given);
  void give_up_waiting();
  void start_body();
  void pump_body();
  void send_cut(body_cut cut, bool last);
  void skip_cut(body_cut cut, bool last);
  void send_rest();
  uint32_t window() const;
  batch_part make_part(const body_cut& cut, bool last);
  submission make_submission(body_cut cut, batch_part part, part_owner owner,
                             claim charged, uint64_t settled) const;
  catalog_ptr rules() const;
  void claim_next_batch();
  void go_on();
  bool wait_for_opening();
  void fail_body(fault why);
  void answer_request();
  void answer_failure(const fault& why);
  void respond(const answer& what);
  void end_exchange();
  time_point now() const noexcept { return owner_.context_.clock.now(); }

  ingest& owner_;
  const size_t thread_;
  const request_terms terms_;
  const cut_listener on_cut_;
  std::function<void(const answer&)> on_answer_;
  catalog_ptr streams_;
  const stream_spec* stream_ = nullptr;
  request_cycle cycle_;
  time_point deadline_ = time_point::max();
  std::unique_ptr<body_reader> reader_;
  std::string in_;
  std::shared_ptr<ingest_request> request_;
  claim charged_;
  claim wanted_;
  uint64_t ticket_ = 0;
  std::optional<fault> failure_;
  bool body_done_ = false;
  uint64_t number_ = 0; ///< batch_part::request of its batches
};

} // namespace weir::simulation
