// SESSION: one connection, from accept to close, and the request it is working on.
// Requests of a connection are served one after the other; a pipelined one waits in the
// input buffer.
//
//   connection  session.cpp            heads, deadlines, what follows an answer
//   admission   session_admission.cpp  who is let in, and what a batch is charged
//   body        session_body.cpp       cutting it into batches and sending these
//   answer      session_answer.cpp     refusals, verdicts, probes
//
// What can be decided without a socket is decided beside it: which phase follows which in
// request_cycle, waiting at the gate in admission_ticket, what is held of the budget in
// request_charge, a body's speed in body_pace, what becomes of one that is not read in
// unread_body.
//
// Lives on its I/O thread, which keeps it alive until it is closed; after that, operations
// still under way do. An exception in it closes it and touches nobody else.
#pragma once

#include "http/ingest/admission.hpp"
#include "http/ingest/admission_ticket.hpp"
#include "http/ingest/body_pace.hpp"
#include "http/ingest/body_reader.hpp"
#include "http/ingest/ingest_request.hpp"
#include "http/ingest/ingest_state.hpp"
#include "http/ingest/ingest_terms.hpp"
#include "http/ingest/outstanding.hpp"
#include "http/ingest/request_charge.hpp"
#include "http/ingest/request_cycle.hpp"
#include "http/ingest/unread_body.hpp"
#include "http/wire/answer.hpp"
#include "http/wire/input_buffer.hpp"
#include "http/wire/known_head.hpp"
#include "http/wire/problem.hpp"
#include "http/wire/request_head.hpp"
#include "http/wire/transport.hpp"

#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir {

class io_thread;
class session;
using session_list = std::list<std::shared_ptr<session>>;

class session final : public std::enable_shared_from_this<session>,
                      public request_owner,
                      public transport_events {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Both outlive it.
  session(io_thread& thread, ingest_state& state, std::unique_ptr<transport> link,
          std::string peer);

  /// `place` is where the thread's list holds it.
  void start(session_list::iterator place);
  /// Checks the deadlines.
  void tick(time_point now);
  void close() noexcept;

  // -- by the transport
  void on_open(boost::system::error_code failure) override;
  void on_read(boost::system::error_code failure, size_t bytes) override;
  void on_written(boost::system::error_code failure) override;

  // -- by its ticket
  void on_granted(const claim& what);
  void on_wait_over();

  /// Called by the thread after next_request() has asked for it.
  void read_head();

 private:
  using phase = request_cycle::phase;
  using event = request_cycle::event;
  using wait = request_cycle::wait;

  /// Where the bytes go of the read that is under way.
  enum class read_target : uint8_t { nothing, input, body, nowhere };

  /// The request in hand, once its head is accepted.
  struct exchange {
    explicit exchange(request_charge what) : charge(std::move(what)) {}

    std::unique_ptr<body_reader> reader;
    std::shared_ptr<ingest_request> request; ///< from the first batch on
    request_charge charge;
    std::optional<fault> failure; ///< the rest of the body is not wanted
    bool body_done = false;
    uint64_t number = 0; ///< batch_part::request, if it has several batches; else 0
    counted<uint32_t> streaming; ///< while some of several are in flight
  };

  /// Kept while a read into its memory is still under way, though its request has failed.
  struct parked_read {
    std::unique_ptr<body_reader> reader;
    request_charge charge;
  };

  /// A complete body.
  struct whole_body {
    std::string_view bytes;              ///< up to the last record's end
    std::span<const record_ref> records; ///< with offsets in `bytes`
    body_format format = body_format::ndjson;
    std::shared_ptr<const csv_header> header;
    uint64_t fingerprint = 0;    ///< closed_fingerprint() of a keyed body
    size_t weight = 0;           ///< see body_weight()
    std::string* text = nullptr; ///< as in whole_request
  };

  // -- the connection (session.cpp)
  /// The boundary: whatever goes wrong inside ends this connection and nothing else. The
  /// caller keeps the session alive.
  template <class F>
  void guarded(F&& f) noexcept {
    try {
      f();
    } catch (const std::exception& e) {
      failed(e);
    }
  }
  void failed(const std::exception& why) noexcept;
  time_point now() const noexcept;
  void expect_within(std::chrono::milliseconds time);
  void next_request(time_point at);
  void read_more(size_t bytes_max);
  void parse_input();
  bool begin_as_before();
  void begin(std::string_view text, const request_head& head);
  void open_request();
  void on_deadline();
  void take_input(read_target into, size_t bytes);
  void connection_lost();
  void discard();
  void linger();
  void drop_more(size_t bytes_max);
  void after_answer(time_point at);
  bool keeps_alive() const noexcept { return note_ != connection_note::close; }
  bool reads_into_body() const noexcept { return reads_ == read_target::body; }

  // -- answers (session_answer.cpp)
  void refuse_with(problem p);
  void refuse(const fault& why);
  void refuse_and_close(const fault& why);
  void leave_body(ec why);
  void answer_options(route where);
  void answer_probe(route where);
  void answer_request();
  void answer_failure(const fault& why);
  void respond(int status, std::string_view type, std::string_view body,
               std::string_view fields);

  // -- its claims (session_admission.cpp)
  void admit();
  void enter_gate();
  void take(const claim& granted);
  void hear_when_it_goes();
  void claim_next_batch();
  void claim_and_wait(const claim& wanted);
  void claim_decoder();
  void note_unread() noexcept;
  void drop_reader() noexcept;
  void charge_answer();
  void charge_verdicts();
  bool wait_for_opening();
  void look_again();

  // -- the request's body and its batches (session_body.cpp)
  void start_body(time_point at);
  bool gather_at_once(time_point at);
  void gather(gathered as, whole_body body, time_point at);
  std::shared_ptr<ingest_request> fresh_request();
  void read_body();
  void pump_body();
  bool feed_body();
  void send_cut(body_cut cut, bool last);
  void skip_cut(body_cut cut, bool last);
  void send_rest();
  uint32_t window() const noexcept;
  void number_part(batch_part& part);
  batch_part make_part(const whole_body& body, uint64_t record_base);
  submission make_submission(body_cut cut, bool last);
  uint32_t batch_records() const noexcept;
  void count_records(size_t records);
  void count_streaming() noexcept;
  void fail_body(fault why);
  void check_pace(time_point at);
  void end_exchange() noexcept;
  void progressed() override;
  void on_progress();
  void go_on();

  io_thread& thread_;
  ingest_state& state_;
  const counted<size_t> connection_; ///< gone when all else is
  const counted<int64_t> open_connection_;
  std::unique_ptr<transport> link_;
  const std::string peer_;
  session_list::iterator place_;
  request_cycle cycle_;
  time_point deadline_ = time_point::max();
  input_buffer in_;
  std::string out_;
  head_scanner scanner_;
  read_target reads_ = read_target::nothing;
  bool peer_done_ = false; ///< the client has closed its side

  known_head known_;
  /// The terms of the last ingest request; known_ may hold its head.
  ingest_terms terms_;

  std::shared_ptr<ingest_request> last_request_; ///< to be used again

  // -- the request in hand
  std::optional<exchange> work_;
  time_point began_{};
  counted<size_t> open_request_; ///< in ingest_state::requests
  connection_note note_ =
    connection_note::none; ///< its answer's; `none` is kept alive too
  bool head_only_ = false;
  unread_body unread_;
  std::optional<parked_read> parked_;
  std::optional<request_charge> answer_charge_; ///< while the client is slow to take it

  admission_ticket ticket_;
  body_pace pace_;
};

} // namespace weir
