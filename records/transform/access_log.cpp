#include "records/transform/access_log.hpp"

#include "base/text.hpp"

#include <cstring>

namespace weir::steps {

namespace {

// Holds what is left of a line; the functions that take something move its front.
struct line_reader {
  std::string_view rest;

  bool take(std::string_view text) noexcept {
    if (!rest.starts_with(text))
      return false;
    rest.remove_prefix(text.size());
    return true;
  }
  // Takes the text up to `end`, which stays; empty when there is no `end`.
  std::string_view until(std::string_view end) noexcept {
    const size_t at = rest.find(end);
    if (at == std::string_view::npos)
      return {};
    const auto word = rest.substr(0, at);
    rest.remove_prefix(at);
    return word;
  }
  std::string_view word() noexcept {
    const auto taken = rest.substr(0, rest.find(' '));
    rest.remove_prefix(taken.size());
    return taken;
  }
  bool quoted(std::string_view& text) noexcept;
  bool quoted_to_end(std::string_view& text) noexcept;
};

// Takes a text in quotes. A quote after an odd number of backslashes belongs to the text.
bool line_reader::quoted(std::string_view& text) noexcept {
  if (!take("\""))
    return false;
  for (size_t at = rest.find('"'); at != std::string_view::npos;
       at = rest.find('"', at + 1)) {
    // An escaped backslash escapes nothing itself, so they are counted.
    size_t slashes = 0;
    while (slashes < at && rest[at - 1 - slashes] == '\\')
      ++slashes;
    if (slashes % 2 == 0) {
      text = rest.substr(0, at);
      rest.remove_prefix(at + 1);
      return true;
    }
  }
  return false;
}

// A line that its logger cut has no closing quote: the text goes to the line's end then.
bool line_reader::quoted_to_end(std::string_view& text) noexcept {
  const bool opens = rest.starts_with('"');
  if (!quoted(text) && opens) {
    text = rest;
    rest = {};
  }
  return opens;
}

// Reads a time like `17/May/2015:10:05:03 +0000`.
bool parse_time(std::string_view text, instant& out) noexcept {
  if (text.size() != 26 || text[2] != '/' || text[6] != '/' || text[11] != ':'
      || text[14] != ':' || text[17] != ':' || text[20] != ' '
      || (text[21] != '+' && text[21] != '-'))
    return false;
  civil_time c;
  c.day = digits_of(text.substr(0, 2));
  c.month = month_of(text.substr(3, 3));
  c.year = digits_of(text.substr(7, 4));
  c.hour = digits_of(text.substr(12, 2));
  c.minute = digits_of(text.substr(15, 2));
  c.second = digits_of(text.substr(18, 2));
  const int hours = digits_of(text.substr(22, 2));
  const int minutes = digits_of(text.substr(24, 2));
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
    return false;
  // Other parts that are no numbers are -1 by now, which to_instant() refuses.
  c.offset_seconds = (hours * 3600 + minutes * 60) * (text[21] == '-' ? -1 : 1);
  const auto at = to_instant(c);
  if (at)
    out = *at;
  return at.has_value();
}

// True for a token (RFC 9110 §5.6.2) without the digits and marks that no method has.
bool is_method(std::string_view text) noexcept {
  for (const char c : text)
    if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && c != '-' && c != '_')
      return false;
  return !text.empty();
}

bool is_protocol(std::string_view text) noexcept {
  if (!text.starts_with("HTTP/") || text.size() < 6 || text.size() > 8
      || !is_digit(text[5]))
    return false;
  return text.size() == 6 || (text.size() == 8 && text[6] == '.' && is_digit(text[7]));
}

// Splits `GET /path HTTP/1.1`; anything else leaves the three parts empty.
void split_request(access_line& line) noexcept {
  const auto first = line.request.find(' ');
  const auto last = line.request.rfind(' ');
  if (first == std::string_view::npos || last <= first + 1)
    return;
  const auto method = line.request.substr(0, first);
  const auto protocol = line.request.substr(last + 1);
  if (!is_method(method) || !is_protocol(protocol))
    return;
  line.method = method;
  line.protocol = protocol;
  line.path = line.request.substr(first + 1, last - first - 1);
}

// nginx writes 000 for a request that it gave no answer.
bool is_status(std::string_view text) noexcept {
  return text == "-"
         || (text.size() == 3 && is_digit(text[0]) && is_digit(text[1])
             && is_digit(text[2]));
}

// True for a name, an address or `-`: it has no comma and no quote.
bool is_host(std::string_view text) noexcept {
  constexpr std::string_view marks = ".-_:%[]/*";
  for (const char c : text)
    if (!is_digit(c) && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
        && static_cast<unsigned char>(c) < 0x80 && marks.find(c) == marks.npos)
      return false;
  return !text.empty();
}

// Takes `name` or `name:port`; the colons of an IPv6 address are inside brackets.
bool take_vhost(line_reader& reader, access_line& out) noexcept {
  out.vhost = reader.word();
  const auto colon = out.vhost.rfind(':');
  if (colon != std::string_view::npos && out.vhost.find(']', colon) == out.vhost.npos) {
    out.port = out.vhost.substr(colon + 1);
    out.vhost = out.vhost.substr(0, colon);
    if (out.port.size() > 5 || digits_of(out.port) < 0
        || (out.port.front() == '0' && out.port.size() > 1))
      return false;
  }
  return is_host(out.vhost) && reader.take(" ");
}

bool is_size(std::string_view text) noexcept {
  if (text == "-" || text == "0")
    return true;
  for (const char c : text)
    if (!is_digit(c))
      return false;
  return !text.empty() && text.size() <= 18 && text.front() != '0';
}

bool take_agent(line_reader& reader, log_layout layout, access_line& out) noexcept {
  if (!reader.take(" ") || !reader.quoted(out.referrer) || !reader.take(" "))
    return false;
  if (!layout.forwarded)
    return reader.quoted_to_end(out.agent);
  return reader.quoted(out.agent) && reader.take(" ")
         && reader.quoted_to_end(out.forwarded);
}

} // namespace

const char* parse_access_line(std::string_view line, log_layout layout,
                              access_line& out) noexcept {
  while (!line.empty()
         && (line.back() == ' ' || line.back() == '\r' || line.back() == '\n'))
    line.remove_suffix(1);
  line_reader reader{line};
  out = access_line{};
  // Each field is checked as it is taken: a field too many would move all that follow.
  if (layout.vhost && !take_vhost(reader, out))
    return "no virtual host, like example.org:443, at the front";
  out.host = reader.word();
  if (!is_host(out.host) || !reader.take(" "))
    return "no host at the front";
  out.ident = reader.word();
  if (out.ident.empty() || !reader.take(" "))
    return "no ident after the host";
  out.user = reader.word();
  if (out.user.empty() || !reader.take(" "))
    return "no user before the time in brackets";
  if (!reader.take("["))
    return "no time in brackets after host, ident and user: a field is missing or one "
           "too "
           "many (a user's name with a space in it looks the same)";
  if (!parse_time(reader.until("]"), out.time))
    return "the time is not like [17/May/2015:10:05:03 +0000]";
  if (!reader.take("] ") || !reader.quoted(out.request) || !reader.take(" "))
    return "no request in quotes after the time";
  split_request(out);
  out.status = reader.word();
  if (!is_status(out.status) || !reader.take(" "))
    return "no status of 3 digits after the request";
  out.bytes = reader.word();
  if (!is_size(out.bytes))
    return "no size after the status";
  if (layout.agent && !take_agent(reader, layout, out))
    return layout.forwarded
             ? "no referrer, user agent and X-Forwarded-For in quotes after the size"
             : "no referrer and user agent in quotes after the size";
  return reader.rest.empty() ? nullptr : "there is more text at the end";
}

} // namespace weir::steps
