#include "app/send/send.hpp"

#include "app/config/units.hpp"
#include "app/send/answer.hpp"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/rand.h>
#include <openssl/sha.h>

namespace weir {
namespace {

using json = nlohmann::json;

std::string digest_of(std::string_view body) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest);
  return fmt::format("{:02x}", fmt::join(digest, digest + 8, ""));
}

/// `record 7, line 9`, or `records 7 … 12, lines 9 … 14`.
std::string place_of(const cut_request& part) {
  const auto last = part.refs.size() - 1;
  if (last == 0)
    return fmt::format("record {}, line {}", part.record_number(0), part.line_number(0));
  return fmt::format("records {} … {}, lines {} … {}", part.record_number(0),
                     part.record_number(last), part.line_number(0),
                     part.line_number(last));
}

} // namespace

std::string random_run_key() {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1)
    throw std::runtime_error("the system has no randomness to give");
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

sender::sender(send_terms terms, patient_post& post, progress_line& progress,
               std::ostream& out)
  : terms_(std::move(terms)), post_(post), progress_(progress), out_(out) {}

send_totals sender::run(request_cutter& cutter, std::optional<uint64_t> bytes_total) {
  state_.bytes_total = bytes_total;
  for (bool going = true; going;) {
    // The rest of a file is still there for the next run; what a pipe gave is nowhere else.
    totals_.interrupted = terms_.stopped();
    if (totals_.interrupted && !terms_.finish_what_was_read)
      break;
    const auto request = cutter.next();
    totals_.interrupted = terms_.stopped();
    if (!request && !totals_.interrupted) {
      totals_.stopped = request.error().text;
      totals_.file_failed = true;
    }
    if (!request || !*request)
      break;
    totals_.records += (*request)->records;
    going = deliver(**request);
    state_.bytes = (*request)->file_bytes;
    show();
  }
  progress_.clear();
  if (totals_.rejected > rejected_shown_)
    out_ << fmt::format("… and {} more rejected records\n",
                        totals_.rejected - rejected_shown_);
  return totals_;
}

/// Sends a request and, where a part of it is refused, all the others.
bool sender::deliver(const cut_request& whole) {
  std::vector<span> left{{0, whole.refs.size()}}; // the next one is the last
  bool going = true;
  while (!left.empty()) {
    const auto at = left.back();
    left.pop_back();
    const bool is_whole = at.count == whole.refs.size();
    const auto sliced = is_whole ? cut_request{} : slice(whole, at.first, at.count);
    const auto& part = is_whole ? whole : sliced;
    if (going && (!terms_.stopped() || terms_.finish_what_was_read || is_whole))
      going = deliver_part(part, at, is_whole, left);
    else
      account_lost(part, fate::unsent, "the run ended before");
  }
  return going;
}

/// Sends one part; what of it is still to be sent goes to `left`. False if nothing of the
/// rest would go through either.
bool sender::deliver_part(const cut_request& part, const span& at, bool is_whole,
                          std::vector<span>& left) {
  const auto answer = post(part, at, is_whole);
  const auto lost = post_.uncertain() ? fate::unknown : fate::unsent;
  if (!answer) {
    account_lost(part, lost, answer.error().text);
    totals_.stopped = answer.error().text;
    return false;
  }
  const auto body = json::parse(answer->body, nullptr, false);
  const bool has_verdicts = answer->status == 200 || answer->status == 422;
  if (has_verdicts && body.is_object() && body.contains("accepted")) {
    account_verdicts(part, body);
    settle(part, part.refs.size());
    return true;
  }
  const auto done =
    static_cast<size_t>(std::min<uint64_t>(durable_of(body), part.refs.size()));
  if (done > 0)
    account_durable(part, done, body);
  if (done == part.refs.size()) // what was refused comes after the last record
    return true;
  const auto kind = kind_of_refusal(*answer, body);
  if (kind == refusal::part && part.refs.size() - done > 1) {
    split(part, at.first, done, refused_line(body), left);
    return true;
  }
  const auto why =
    answer->status < 300
      ? fmt::format("HTTP {}, but not an answer of weir's: check --url", answer->status)
      : problem_text(*answer);
  account_lost(done == 0 ? part : slice(part, done, part.refs.size() - done),
               kind == refusal::all ? lost : fate::refused, why);
  if (kind == refusal::all)
    totals_.stopped = why;
  else if (kind == refusal::part && ++refused_ == terms_.refused_max)
    totals_.stopped = fmt::format(
      "{} records were refused one by one, which is what --refused-max allows", refused_);
  return totals_.stopped.empty();
}

/// Divides what follows the first `done` records of a part, whose own first one has index
/// `base` in its request: around the record on `line`, if that is known, or in the middle.
void sender::split(const cut_request& part, size_t base, size_t done,
                   std::optional<uint64_t> line, std::vector<span>& left) {
  const size_t end = part.refs.size();
  const auto add = [&](size_t from,
                       size_t to) { // the last one added is the next one sent
    if (from < to)
      left.push_back({base + from, to - from});
  };
  size_t bad = end;
  if (line) {
    const auto behind = std::upper_bound(
      part.refs.begin(), part.refs.end(), *line - 1,
      [](uint64_t wanted, const record_ref& ref) { return wanted < ref.line; });
    if (behind != part.refs.begin())
      bad = static_cast<size_t>(behind - part.refs.begin()) - 1;
  }
  if (bad < end && bad >= done) {
    add(bad + 1, end);
    add(bad, bad + 1);
    add(done, bad);
  } else {
    const auto middle = done + (end - done) / 2;
    add(middle, end);
    add(done, middle);
  }
}

result<http_answer> sender::post(const cut_request& part, const span& at, bool is_whole) {
  ++totals_.requests;
  const auto waiting = [this](std::chrono::milliseconds wait, const std::string& why) {
    ++totals_.retries;
    progress_.say(
      fmt::format("waiting {:.1f} s: {}", static_cast<double>(wait.count()) / 1000, why));
  };
  auto key = fmt::format("{}-{}", terms_.key, part.number);
  if (!is_whole)
    key += fmt::format(".{}+{}", at.first, at.count);
  // Then another body never meets the key of this one.
  if (terms_.key_has_digest)
    key += '-' + digest_of(part.body);
  return post_({"/ingest/" + terms_.stream, part.content_type, std::move(key), part.body},
               waiting);
}

void sender::account_verdicts(const cut_request& part, const json& answer) {
  totals_.accepted += count_of(answer, "accepted");
  totals_.rejected += count_of(answer, "rejected") + count_of(answer, "quarantined");
  totals_.dropped += count_of(answer, "dropped");
  if (answer.value("duplicate", json{}) == json(true) && !post_.repeated())
    totals_.repeated += count_of(answer, "accepted");
  const auto errors = answer.find("errors");
  if (errors == answer.end() || !errors->is_array())
    return;
  for (const auto& error : *errors)
    if (error.is_object())
      print_rejected(part, error);
}

/// The first `done` records have their verdict, though the request was refused.
void sender::account_durable(const cut_request& part, size_t done, const json& answer) {
  settle(part, done);
  const auto counted = count_of(answer, "accepted") + count_of(answer, "rejected")
                       + count_of(answer, "quarantined") + count_of(answer, "dropped");
  if (counted == done)
    account_verdicts(part, answer);
  else
    totals_.judged += done;
}

void sender::account_lost(const cut_request& part, fate what, std::string_view why) {
  (what == fate::unknown ? totals_.unknown : totals_.failed) += part.records;
  if (what == fate::refused)
    settle(part, part.refs.size());
  else
    gap_ = true;
  progress_.clear();
  out_ << fmt::format("{}: {}: {}\n",
                      what == fate::unknown ? "not known to be stored" : "not stored",
                      place_of(part), why);
}

void sender::settle(const cut_request& part, size_t records) {
  if (gap_)
    return;
  totals_.settled = part.record_number(records - 1);
  totals_.settled_line = part.line_number(records - 1);
}

void sender::print_rejected(const cut_request& part, const json& error) {
  if (rejected_shown_ >= terms_.rejected_shown_max)
    return;
  ++rejected_shown_;
  progress_.clear();
  out_ << fmt::format("rejected record {} line {} {}\n",
                      part.record_base + count_of(error, "record"),
                      part.line_base + static_cast<int64_t>(count_of(error, "line")),
                      rejection_text(error));
}

void sender::show() {
  state_.records = totals_.records;
  state_.accepted = totals_.accepted;
  state_.rejected = totals_.rejected;
  progress_.show(state_);
}

std::string summary(const send_totals& t) {
  auto text = fmt::format("sent {} record{} in {} request{}: {} accepted, {} rejected",
                          t.records, t.records == 1 ? "" : "s", t.requests,
                          t.requests == 1 ? "" : "s", t.accepted, t.rejected);
  // Counts of zero are left out.
  const auto append = [&](uint64_t count, std::string_view what) {
    if (count > 0)
      text += fmt::format(", {} {}", count, what);
  };
  append(t.dropped, "dropped by the stream's steps");
  append(t.repeated, "of the accepted were stored before");
  append(t.judged, "stored or rejected in requests that were refused later on");
  append(t.failed, "not stored");
  append(t.unknown, "not known to be stored");
  append(t.retries, "retries");
  if (!t.stopped.empty())
    text += fmt::format("; stopped: {}", t.stopped);
  else if (t.interrupted)
    text += "; interrupted";
  return text;
}

} // namespace weir
