#include "http/wire/answer.hpp"

#include "base/hex.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace weir {

void verdicts::add(const batch_part& part, const part_receipt& receipt,
                   std::span<const rejection> rejections) {
  counts() += receipt.counts();
  ++parts;
  duplicate_parts += receipt.duplicate;
  const auto listed =
    std::count_if(rejections.begin(), rejections.end(),
                  [&](const auto& r) { return r.part == receipt.part; });
  // The part was judged by other rules when it was stored: this list would not match its counts.
  if (receipt.duplicate && static_cast<uint64_t>(listed) != receipt.refused()) {
    truncated_ = truncated_ || receipt.refused() > 0;
    return;
  }
  for (const auto& r : rejections)
    if (r.part == receipt.part)
      keep(part, r);
}

/// The list never grows beyond its bound, not even for a moment: a batch may be rejected as
/// a whole. Rejections nearly always come in order, so a new one usually goes to the end.
void verdicts::keep(const batch_part& part, const rejection& r) {
  const auto record = part.record_base + r.record + 1;
  if (errors_.size() == errors_max) {
    truncated_ = true;
    if (record >= errors_.back().record)
      return;
    errors_.pop_back();
  }
  const auto place = std::upper_bound(
    errors_.begin(), errors_.end(), record,
    [](uint64_t number, const record_error& e) { return number < e.record; });
  errors_.insert(place,
                 {record, part.line_base + r.line + 1, r.code, r.pointer, r.detail});
}

size_t verdicts::bytes() const noexcept {
  size_t bytes = errors_.capacity() * sizeof(record_error);
  for (const auto& e : errors_)
    bytes += e.pointer.capacity() + e.detail.capacity();
  return bytes;
}

void verdicts::forget_errors() noexcept {
  truncated_ = truncated_ || !errors_.empty();
  std::vector<record_error>{}.swap(errors_);
}

void verdicts::add(const stored_prefix& known) {
  counts() += known.counts();
  ++parts;
  ++duplicate_parts;
  truncated_ = truncated_ || known.refused() > 0;
}

void append_number(std::string& out, uint64_t number) {
  if (number < 10) {
    out += static_cast<char>('0' + number);
    return;
  }
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

namespace {

/// Length of the valid UTF-8 sequence (RFC 3629) at the front, 0 when there is none.
size_t sequence_length(std::string_view text) noexcept {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80)
    return 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length)
    return 0;
  for (size_t i = 1; i < length; ++i)
    if ((at(i) & 0xc0) != 0x80)
      return 0;
  // RFC 3629 allows no longer form than needed, no surrogates, nothing above U+10FFFF.
  const bool overlong = (lead == 0xe0 && at(1) < 0xa0) || (lead == 0xf0 && at(1) < 0x90);
  const bool outside = (lead == 0xed && at(1) > 0x9f) || (lead == 0xf4 && at(1) > 0x8f);
  return overlong || outside ? 0 : length;
}

void append_control(std::string& out, unsigned char c) {
  out += "\\u00";
  out += hex_lower[c >> 4];
  out += hex_lower[c & 15];
}

bool plain(char c) noexcept {
  return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f
         && c != '"' && c != '\\';
}

void append_error(std::string& out, const record_error& e) {
  out += R"({"record":)";
  append_number(out, e.record);
  out += R"(,"line":)";
  append_number(out, e.line);
  out += R"(,"code":")";
  out += to_string(e.code);
  out += R"(","pointer":)";
  append_json_string(out, e.pointer);
  out += R"(,"detail":)";
  append_json_string(out, e.detail);
  out += '}';
}

} // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto run = static_cast<size_t>(std::find_if_not(text.begin(), text.end(), plain)
                                         - text.begin());
    out.append(text.substr(0, run));
    text.remove_prefix(run);
    if (text.empty())
      break;
    const auto c = static_cast<unsigned char>(text.front());
    size_t used = 1;
    if (c == '"' || c == '\\')
      (out += '\\') += text.front();
    // JSON allows DEL as it is, but nobody would see it.
    else if (c < 0x20 || c == 0x7f)
      append_control(out, c);
    else if (const auto length = sequence_length(text); length > 0)
      out.append(text.substr(0, used = length));
    else
      out += "\xef\xbf\xbd";
    text.remove_prefix(used);
  }
  out += '"';
}

std::string_view excerpt(std::string_view text) noexcept {
  return text.substr(0, 64);
}

void append_verdict_members(std::string& out, const verdicts& v) {
  // Clients may rely on `accepted`, `rejected` and `errors`: these are always there.
  out += R"("accepted":)";
  append_number(out, v.accepted);
  out += R"(,"rejected":)";
  append_number(out, v.rejected);
  if (v.quarantined > 0) {
    out += R"(,"quarantined":)";
    append_number(out, v.quarantined);
  }
  if (v.dropped > 0) {
    out += R"(,"dropped":)";
    append_number(out, v.dropped);
  }
  if (v.duplicate())
    out += R"(,"duplicate":true)";
  out += R"(,"errors":[)";
  for (size_t i = 0; i < v.errors().size(); ++i) {
    if (i > 0)
      out += ',';
    append_error(out, v.errors()[i]);
  }
  out += ']';
  if (v.errors_truncated())
    out += R"(,"errors_truncated":true)";
}

namespace {

void append_key(std::string& out, const batch_key& batch) {
  const auto digits = hex_digits(batch.high, batch.low);
  out += R"({"batch":")";
  out.append(digits.data(), digits.size());
}

} // namespace

void append_answer(std::string& out, const batch_key& batch, const verdicts& v) {
  append_key(out, batch);
  out += R"(",)";
  append_verdict_members(out, v);
  out += '}';
}

void append_admitted(std::string& out, const batch_key& batch) {
  append_key(out, batch);
  out += R"("})";
}

std::string http_date(int64_t unix_seconds) {
  using namespace std::chrono;
  // Not strftime(): its names depend on the locale.
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const sys_seconds when{seconds{unix_seconds}};
  const auto day = floor<std::chrono::days>(when);
  const year_month_day date{day};
  const hh_mm_ss time{when - day};
  const auto two = [](unsigned n) {
    return std::string{char('0' + n / 10), char('0' + n % 10)};
  };
  return std::string{days[weekday{day}.c_encoding()]} + ", " + two(unsigned{date.day()})
         + ' ' + months[unsigned{date.month()} - 1] + ' '
         + std::to_string(int{date.year()}) + ' '
         + two(static_cast<unsigned>(time.hours().count())) + ':'
         + two(static_cast<unsigned>(time.minutes().count())) + ':'
         + two(static_cast<unsigned>(time.seconds().count())) + " GMT";
}

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
  case 200:
    return "OK";
  case 202:
    return "Accepted";
  case 400:
    return "Bad Request";
  case 401:
    return "Unauthorized";
  case 403:
    return "Forbidden";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  case 408:
    return "Request Timeout";
  case 411:
    return "Length Required";
  case 413:
    return "Content Too Large";
  case 415:
    return "Unsupported Media Type";
  case 417:
    return "Expectation Failed";
  case 422:
    return "Unprocessable Content";
  case 429:
    return "Too Many Requests";
  case 431:
    return "Request Header Fields Too Large";
  case 500:
    return "Internal Server Error";
  case 503:
    return "Service Unavailable";
  default:
    return "Unknown";
  }
}

std::string response_start(int status, std::string_view date, std::string_view type) {
  std::string out = "HTTP/1.1 ";
  append_number(out, static_cast<uint64_t>(status));
  out.append(" ").append(reason_phrase(status));
  out.append("\r\nDate: ").append(date);
  out.append("\r\nContent-Type: ").append(type);
  out += "\r\nContent-Length: ";
  return out;
}

void append_response(std::string& out, const response& r) {
  out += r.start;
  append_number(out, r.body.size());
  out += "\r\n";
  out += r.fields;
  if (r.connection == connection_note::close)
    out += "Connection: close\r\n";
  else if (r.connection == connection_note::keep_alive)
    out += "Connection: keep-alive\r\n";
  out += "\r\n";
  if (!r.head_only)
    out += r.body;
}

} // namespace weir
