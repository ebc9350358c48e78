#include "app/send.hpp"

#include "app/units.hpp"

#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/rand.h>

namespace weir {
namespace {

using json = nlohmann::json;

uint64_t count_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>()
                                                              : 0;
}

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// `schema_violation /amount must be a number`
std::string rejection_text(const json& error) {
  const auto pointer = text_of(error, "pointer");
  return fmt::format("{}{}{} {}", one_line(text_of(error, "code")),
                     pointer.empty() ? "" : " ", one_line(pointer),
                     one_line(text_of(error, "detail")));
}

/// Answers that every other request of the file would get too.
bool hopeless(int status) noexcept {
  return status >= 300 && status != 400 && status != 413 && status != 422
         && !retry_policy::passing(status);
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
    const auto request = cutter.next();
    if (!request) {
      totals_.stopped = request.error().text;
      break;
    }
    if (!*request)
      break;
    ++totals_.requests;
    totals_.records += (*request)->records;
    const auto answer = post(**request, content_type_of(cutter.format()));
    if (answer) {
      going = account(**request, *answer);
    } else {
      account_failure(**request, answer.error().text);
      totals_.stopped = answer.error().text;
      going = false;
    }
    state_.bytes = (*request)->file_bytes;
    show("");
  }
  progress_.clear();
  if (totals_.rejected > rejected_shown_)
    out_ << fmt::format("… and {} more rejected records\n",
                        totals_.rejected - rejected_shown_);
  return totals_;
}

result<http_answer> sender::post(const cut_request& request, std::string_view type) {
  const auto waiting = [this](std::chrono::milliseconds wait, const std::string& why) {
    ++totals_.retries;
    progress_.say(
      fmt::format("waiting {:.1f} s: {}", static_cast<double>(wait.count()) / 1000, why));
  };
  return post_({"/ingest/" + terms_.stream, type,
                fmt::format("{}-{}", terms_.key, request.number), request.body},
               waiting);
}

bool sender::account(const cut_request& request, const http_answer& answer) {
  const bool has_verdicts = answer.status == 200 || answer.status == 422;
  if (has_verdicts && account_verdicts(request, answer.body))
    return true;
  const bool success = answer.status >= 200 && answer.status < 300;
  const auto why =
    success
      ? fmt::format("HTTP {}, but not an answer of weir's: check --url", answer.status)
      : problem_text(answer);
  account_failure(request, why);
  if (!success && !hopeless(answer.status) && !retry_policy::passing(answer.status))
    return true;
  totals_.stopped = why;
  return false;
}

bool sender::account_verdicts(const cut_request& request, std::string_view body) {
  const auto answer = json::parse(body, nullptr, false);
  if (!answer.is_object() || !answer.contains("accepted"))
    return false;
  totals_.accepted += count_of(answer, "accepted");
  totals_.rejected += count_of(answer, "rejected") + count_of(answer, "quarantined");
  totals_.dropped += count_of(answer, "dropped");
  if (answer.value("duplicate", json{}) == json(true))
    totals_.repeated += count_of(answer, "accepted");
  const auto errors = answer.find("errors");
  if (errors == answer.end() || !errors->is_array())
    return true;
  for (const auto& error : *errors)
    if (error.is_object())
      print_rejected(request.record_base + count_of(error, "record"),
                     request.line_base + static_cast<int64_t>(count_of(error, "line")),
                     rejection_text(error));
  return true;
}

void sender::account_failure(const cut_request& request, std::string_view why) {
  totals_.failed += request.records;
  progress_.clear();
  out_ << fmt::format("not stored: records {} … {}: {}\n", request.record_base + 1,
                      request.record_base + request.records, why);
}

void sender::print_rejected(uint64_t record, int64_t line, std::string_view rest) {
  if (rejected_shown_ >= terms_.rejected_shown_max)
    return;
  ++rejected_shown_;
  progress_.clear();
  out_ << fmt::format("rejected record {} line {} {}\n", record, line, rest);
}

void sender::show(std::string_view note, bool at_once) {
  state_.records = totals_.records;
  state_.accepted = totals_.accepted;
  state_.rejected = totals_.rejected;
  state_.note = note;
  progress_.show(state_, at_once);
}

std::string summary(const send_totals& t) {
  auto text = fmt::format("sent {} record{} in {} request{}: {} accepted, {} rejected",
                          t.records, t.records == 1 ? "" : "s", t.requests,
                          t.requests == 1 ? "" : "s", t.accepted, t.rejected);
  const auto append = [&](uint64_t count, std::string_view what) {
    if (count > 0)
      text += fmt::format(", {} {}", count, what);
  };
  append(t.dropped, "dropped by the stream's steps");
  append(t.repeated, "of the accepted were stored before");
  append(t.failed, "not stored");
  append(t.retries, "retries");
  if (!t.stopped.empty())
    text += fmt::format("; stopped: {}", t.stopped);
  return text;
}

} // namespace weir
