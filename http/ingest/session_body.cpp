// The body of the request in hand and its batches, from the first byte to the last receipt.
#include "http/ingest/io_thread.hpp"
#include "http/ingest/keyed_body.hpp"
#include "http/ingest/session.hpp"
#include "proto/health.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace weir {

namespace {

constexpr size_t piece_bytes = size_t{64} << 10;

framing_limits framing_of(const ingest_terms& terms) noexcept {
  const auto& settings = terms.stream->settings;
  framing_limits limits;
  limits.record_bytes_max = settings.record_bytes_max;
  limits.csv = terms.type ? terms.type->dialect(settings.csv) : settings.csv;
  return limits;
}

} // namespace

/// `at` is now, or near enough: when the request began, if it has not waited.
void session::start_body(time_point at) {
  if (gather_at_once(at))
    return;
  if (!work_->charge.cover_reader())
    return refuse({ec::saturated, "nothing of the request was read or stored"});
  const auto& config = state_.config;
  body_terms body;
  if (terms_.type)
    body.format = terms_.type->format;
  body.said_to_be_form = terms_.said_to_be_form;
  body.length = terms_.length;
  body.coding = terms_.coding;
  body.inflate.ratio_max = config.inflate_ratio_max;
  body.inflate.window_max = config.zstd_window_max;
  body.inflate.memory_free = work_->charge.for_decoder();
  body.framing = framing_of(terms_);
  body.body_bytes_max = config.body_bytes_max;
  body.batch_bytes = config.batch_bytes;
  body.batch_records = batch_records();
  body.keyed = !terms_.key.empty();
  auto reader = body_reader::make(std::move(body));
  if (!reader)
    return refuse(reader.error());
  work_->reader = std::move(*reader);
  unread_.none();
  // A client that sends already does not wait to be invited.
  if (terms_.expects_continue && in_.empty() && !work_->reader->transferred()) {
    cycle_.on(event::invites);
    expect_within(config.write_timeout);
    if (!link_->write("HTTP/1.1 100 Continue\r\n\r\n", shared_from_this()))
      return;
  }
  read_body();
}

void session::read_body() {
  cycle_.on(event::reads_body);
  deadline_ = time_point::max();
  pace_.begin(now());
  pump_body();
}

void session::pump_body() {
  while (cycle_.is(phase::body)) {
    const auto step = work_->reader->next();
    if (!step)
      return fail_body(step.error());
    switch (*step) {
    case body_reader::step::more:
      if (!feed_body())
        return;
      break;
    case body_reader::step::memory:
      claim_decoder();
      break;
    case body_reader::step::cut:
      send_cut(work_->reader->take(), false);
      break;
    case body_reader::step::end: {
      auto cut = work_->reader->take();
      // The reader's charge goes back before the last batch is sent.
      drop_reader();
      return send_cut(std::move(cut), true);
    }
    }
  }
}

/// True if the reader got bytes that were here already; else a read is under way or the body
/// has failed.
bool session::feed_body() {
  auto& reader = *work_->reader;
  if (!in_.empty()) {
    const auto used = reader.feed(in_.view());
    if (!used) {
      fail_body(used.error());
      return false;
    }
    in_.consume(*used);
    return true;
  }
  if (reads_ != read_target::nothing)
    return false;
  // The socket reads straight into the batch if the body needs no decoding.
  if (reader.direct()) {
    reads_ = read_target::body;
    link_->read(reader.prepare(), shared_from_this());
  } else {
    read_more(piece_bytes);
  }
  return false;
}

void session::send_cut(body_cut cut, bool last) {
  auto& x = *work_;
  if (x.request && x.request->skipping())
    return skip_cut(std::move(cut), last);
  const bool whole = last && !x.request;
  const auto as = whole ? x.charge.gathers(cut.weight) : gathered::no;
  const auto records = cut.records.size();
  if (!x.charge.cover_batch(cut.weight, records, as)
      || (!last && !x.charge.keep_text(x.reader->text_bytes(), cut.weight, records)))
    return fail_body({ec::saturated, "no room for what becomes of the rows"});
  if (as != gathered::no)
    return gather(as,
                  {cut.bytes, cut.records, cut.format, std::move(cut.header),
                   cut.fingerprint, cut.weight, &cut.bytes},
                  now());
  if (!x.request)
    x.request = fresh_request();
  count_records(records);
  x.charge.return_surplus(cut.weight, records, false);
  auto batch = make_submission(std::move(cut), last);
  if (!whole)
    number_part(batch.arrived->parts.front());
  x.body_done = last;
  if (last) {
    // Before the batch goes: its refusal may be answered within submit().
    cycle_.on(event::sent_all);
    expect_within(state_.config.request_timeout);
  }
  thread_.submit(std::move(batch));
  count_streaming();
  if (last)
    return on_progress();
  if (x.request->failure())
    return fail_body(*x.request->failure());
  if (x.request->in_flight() < window())
    return claim_next_batch();
  cycle_.pause(wait::receipt);
  expect_within(state_.config.request_timeout);
}

/// The part is one of several: the number tells which belong together, and so have an order.
void session::number_part(batch_part& part) {
  auto& x = *work_;
  if (x.number == 0)
    x.number = thread_.next_key().low << 1 | 1; // never 0
  part.request = x.number;
  part.home = x.request->key().low;
}

/// How many of the request's batches may be in flight. The first of a keyed request goes alone:
/// its receipt tells whether an earlier request has stored this body, or another under the key.
uint32_t session::window() const noexcept {
  const bool asks = !terms_.key.empty() && !work_->request->first_is_durable();
  return asks ? 1 : state_.streams_share();
}

/// An earlier request seems to have stored this cut; what is new in it is sent.
void session::skip_cut(body_cut cut, bool last) {
  auto& x = *work_;
  const auto records = cut.records.size();
  auto rest = x.request->skip(std::move(cut), last);
  if (!rest)
    return fail_body(rest.error());
  const auto known = records - (*rest ? (*rest)->records.size() : 0);
  count_records(known);
  add(state_.records.received, known);
  add(state_.records.duplicate, known);
  if (*rest)
    return send_cut(std::move(**rest), last);
  if (!last)
    return; // reads on with the same claim
  x.body_done = true;
  x.charge.return_batch();
  cycle_.on(event::sent_all);
  expect_within(state_.config.request_timeout);
  if (terms_.ack == ack_level::stored)
    thread_.await_sink(x.request);
  on_progress();
}

/// Sends what an earlier request has not stored of the first batch.
void session::send_rest() {
  auto& x = *work_;
  auto rest = x.request->take_rest();
  x.body_done = false;
  cycle_.on(event::finds_rest);
  if (!x.charge.cover_batch(rest->cut.weight, rest->cut.records.size(), gathered::no))
    return fail_body({ec::saturated, "no room for the rest of the body"});
  send_cut(std::move(rest->cut), rest->last);
  if (cycle_.is(phase::body))
    read_body();
}

/// A small body that is all here, not compressed and well-formed needs no reader: it is cut
/// where it lies, as a reader would cut it. False: the reader takes it and says what is wrong.
bool session::gather_at_once(time_point at) {
  const auto& config = state_.config;
  const auto length = terms_.length.value_or(0);
  if (length == 0 || length > std::min(config.coalesce_bytes, in_.size())
      || !terms_.coding.empty() || work_->charge.gathers(length) != gathered::small)
    return false;
  const auto bytes = in_.view().substr(0, length);
  const auto framing = framing_of(terms_);
  const auto format = terms_.type ? result<body_format>{terms_.type->format}
                                  : body_reader::sniffed(bytes, framing.csv.delimiter,
                                                         terms_.said_to_be_form);
  if (!format)
    return false;
  const auto of_records = framed_as(*format);
  // A small body is not split for having up to twice the records that its rate allows at once.
  const auto records_max =
    std::min<uint64_t>(config.batch_records, uint64_t{2} * batch_records());
  auto& records = thread_.scratch_records();
  records.clear();
  framer frames{*format, framing};
  const auto framed = frames.scan(bytes, true, records_max + 1, records);
  if (!framed || records.empty() || records.size() > records_max)
    return false;
  const auto weight =
    body_weight(length, records.size() * names_of_a_row(frames.header().get()));
  if (weight > config.coalesce_bytes
      || !work_->charge.cover_batch(weight, records.size(), gathered::small))
    return false; // the reader says so
  unread_.none();
  in_.consume(length); // its bytes stay where they are until the next read
  const auto end = size_t{records.back().offset} + records.back().size;
  const auto text = bytes.substr(0, end);
  const auto fingerprint =
    terms_.key.empty() ? 0 : closed_fingerprint(text, of_records, frames.header().get());
  gather(gathered::small,
         {text, records, of_records, frames.header(), fingerprint, weight, nullptr}, at);
  return true;
}

/// Adds the body to an open batch of the thread.
void session::gather(gathered as, whole_body body, time_point at) {
  auto& x = *work_;
  x.request = fresh_request();
  x.body_done = true;
  count_records(body.records.size());
  x.charge.return_surplus(body.weight, body.records.size(), as == gathered::small);
  auto part = make_part(body, 0);
  x.request->add_chunk(part.records, part.key);
  // Before the batch goes: its refusal may be answered within coalesce().
  cycle_.on(event::sent_all);
  deadline_ = at + state_.config.request_timeout;
  thread_.coalesce(as, {terms_.stream->settings.name,
                        terms_.level,
                        body.bytes,
                        body.weight,
                        body.records,
                        std::move(part),
                        {x.request, 0, true, 0},
                        x.charge.take_batch(),
                        at,
                        body.text,
                        terms_.streams});
  on_progress();
}

/// The last request object is used again if nobody else holds it. One with ack `stored` is not:
/// it may be in the list of those that wait for the sink.
std::shared_ptr<ingest_request> session::fresh_request() {
  if (last_request_ && last_request_.use_count() == 1
      && last_request_->ack() != ack_level::stored)
    *last_request_ = ingest_request{this, terms_.ack};
  else
    last_request_ = std::make_shared<ingest_request>(this, terms_.ack);
  return last_request_;
}

/// A body is read no faster than its rate allows: a burst at a time.
uint32_t session::batch_records() const noexcept {
  return rate_limiter::batch_records(rate_subject(terms_, peer_),
                                     state_.config.batch_records);
}

void session::count_records(size_t records) {
  state_.rates.charge(rate_subject(terms_, peer_), records, now());
  add(state_.stage.records_processed, records);
}

batch_part session::make_part(const whole_body& body, uint64_t record_base) {
  batch_part part;
  part.keyed = !terms_.key.empty();
  // The keys of later parts follow from the first one's and from their place in the body.
  if (!part.keyed)
    part.key = thread_.next_key();
  else if (record_base == 0)
    part.key =
      make_batch_key(terms_.stream->settings.name, terms_.tenant_name(), terms_.key);
  else
    part.key = continued_key(work_->request->key(), record_base);
  part.fingerprint = body.fingerprint;
  part.record_base = record_base;
  part.format = body.format;
  part.ack = terms_.ack;
  part.records = static_cast<uint32_t>(body.records.size());
  part.header = body.header;
  part.client = peer_;
  part.trace = terms_.trace;
  return part;
}

submission session::make_submission(body_cut cut, bool last) {
  auto& x = *work_;
  auto part = make_part({cut.bytes, cut.records, cut.format, cut.header, cut.fingerprint,
                         cut.weight, nullptr},
                        cut.record_base);
  // More of the body follows: what_is_new() must not take this for its end.
  if (part.keyed && !last)
    part.fingerprint = open_fingerprint(part.fingerprint);
  part.line_base = cut.line_base;
  const auto settled = x.request->durable_records();
  const auto chunk = x.request->add_chunk(part.records, part.key);
  submission out;
  out.arrived = std::make_shared<envelope>();
  out.arrived->stream = terms_.stream->settings.name;
  out.arrived->level = terms_.level;
  out.arrived->rules = terms_.streams;
  out.arrived->settled.set(settled);
  out.arrived->bytes = std::move(cut.bytes);
  out.arrived->parts.push_back(std::move(part));
  out.records = std::move(cut.records);
  out.owners.push_back({x.request, chunk, last, 0});
  out.charged = x.charge.take_batch();
  return out;
}

/// Only requests with batches in flight share the window: one that trickles in takes none.
void session::count_streaming() noexcept {
  if (!work_)
    return;
  const bool streams = work_->number != 0 && work_->request->in_flight() > 0;
  if (streams == static_cast<bool>(work_->streaming))
    return;
  work_->streaming = streams ? counted{state_.streaming} : counted<uint32_t>{};
}

/// Nothing more of the body is wanted. Batches that are on their way are waited for, so
/// that the answer can say how many records are durable.
void session::fail_body(fault why) {
  auto& x = *work_;
  x.failure = std::move(why);
  if (!x.request || x.request->all_settled())
    return answer_failure(fault{*x.failure});
  note_unread();
  drop_reader();
  if (!x.reader)
    x.charge.return_batch();
  cycle_.on(event::body_failed);
  expect_within(state_.config.request_timeout);
}

void session::check_pace(time_point at) {
  const auto& config = state_.config;
  auto kept = pace_.check(
    {config.body_stall_timeout, config.body_rate_window, config.body_rate_min}, at);
  if (!kept)
    fail_body(std::move(kept.error()));
}

/// The request is answered or its client is gone; what was sent goes on without us.
void session::end_exchange() noexcept {
  if (cycle_.closed())
    open_request_ = {};
  if (!work_)
    return;
  if (work_->request)
    work_->request->abandon();
  if (last_request_ && last_request_->extra_bytes() > 0)
    last_request_.reset(); // an idle connection keeps what is small and nothing else
  if (reads_into_body()) {
    parked_.emplace(parked_read{std::move(work_->reader), std::move(work_->charge)});
  }
  work_.reset();
}

void session::progressed() {
  const auto self = shared_from_this();
  guarded([this] { on_progress(); });
}

void session::on_progress() {
  count_streaming();
  if (work_ && work_->request->has_rest() && !work_->failure)
    return send_rest();
  if (cycle_.is(phase::awaiting))
    return work_->request->answer_is_due(work_->failure.has_value()) ? answer_request()
                                                                     : charge_verdicts();
  // A wait for a claim, room or tokens is ended elsewhere.
  if (cycle_.waits_for() == wait::receipt)
    go_on();
}

/// A paused body goes on if it may have one more batch in flight.
void session::go_on() {
  const auto& request = *work_->request;
  if (request.failure())
    return fail_body(*request.failure());
  if (request.in_flight() >= window())
    return cycle_.pause(wait::receipt);
  cycle_.on(event::reads_body);
  claim_next_batch();
  if (cycle_.is(phase::body))
    read_body();
}

} // namespace weir
