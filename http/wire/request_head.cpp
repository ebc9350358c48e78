#include "http/wire/request_head.hpp"

#include "base/text.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace weir {

namespace {

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

namespace http = boost::beast::http;
using beast_view = boost::beast::string_view;
using boost::beast::error_code;

std::string_view view(beast_view text) noexcept {
  return {text.data(), text.size()};
}

/// Beast's grammar, our storage: fields are views into the input, nothing is allocated.
class head_parser final : public http::basic_parser<true> {
 public:
  head_parser(request_head& out, std::string_view& target, size_t bytes,
              size_t fields_max)
    : out_(out), target_(target), fields_max_(fields_max) {
    skip(true);
    header_limit(static_cast<uint32_t>(bytes) + 4);
    body_limit(boost::none);
  }
  bool too_many_fields() const noexcept { return too_many_fields_; }

 private:
  void on_request_impl(http::verb, beast_view method, beast_view target, int version,
                       error_code&) override {
    out_.method = view(method);
    target_ = view(target);
    out_.version = version;
  }
  void on_field_impl(http::field, beast_view name, beast_view value,
                     error_code& ec) override {
    if (out_.field_count == fields_max_) {
      too_many_fields_ = true;
      ec = http::error::header_limit;
      return;
    }
    out_.fields[out_.field_count++] = {view(name), view(value)};
  }
  void on_response_impl(int, beast_view, int, error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}
  size_t on_body_impl(beast_view, error_code&) override { return 0; }
  void on_chunk_header_impl(uint64_t, beast_view, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, beast_view, error_code&) override { return 0; }
  void on_finish_impl(error_code&) override {}

  request_head& out_;
  std::string_view& target_;
  size_t fields_max_;
  bool too_many_fields_ = false;
};

auto malformed(std::string text) {
  return fail(ec::malformed_request, std::move(text));
}

bool is_letter(char c) noexcept {
  return lower(c) >= 'a' && lower(c) <= 'z';
}
/// RFC 3986 §2.3: as themselves and percent-encoded they are the same.
bool is_unreserved(char c) noexcept {
  return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

bool is_port(std::string_view text) noexcept {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return text.empty()
         || (error == std::errc{} && end == text.data() + text.size() && port <= 65535
             && is_digit(text.front()));
}

/// True for `host`, `host:port` and `[address]:port`, without a user. Any name will do: a
/// server may answer by whatever name it is asked.
bool is_authority(std::string_view text) noexcept {
  size_t host_end = text.find(':');
  // Within brackets colons belong to the IPv6 address.
  if (text.starts_with('[')) {
    host_end = text.find(']');
    if (host_end == text.npos
        || text.substr(1, host_end - 1).find_first_not_of("0123456789abcdefABCDEF:.v")
             != text.npos)
      return false;
    ++host_end;
  }
  const auto host = text.substr(0, host_end);
  const auto port = text.substr(std::min(host.size(), text.size()));
  if (host.empty()
      || (!port.empty() && (port.front() != ':' || !is_port(port.substr(1)))))
    return false;
  return host.front() == '[' || std::all_of(host.begin(), host.end(), [](char c) {
           return is_unreserved(c) || std::strchr("%!$&'()*+,;=", c) != nullptr;
         });
}

/// RFC 9112 §3.2.2: a client that takes us for a proxy sends `http://host:port/path`. Returns
/// the path with its query.
result<std::string_view> without_authority(std::string_view target) {
  const auto colon = target.find("://");
  const auto scheme = target.substr(0, colon);
  if (!same_text(scheme, "http") && !same_text(scheme, "https"))
    return malformed("the request target must be a path that begins with /, or a whole "
                     "http:// address");
  target.remove_prefix(colon + 3);
  const auto end = std::min(target.find_first_of("/?"), target.size());
  if (!is_authority(target.substr(0, end)))
    return malformed("the address of the request target has no valid host and port");
  target.remove_prefix(end);
  return target.empty() || target.front() == '?' ? std::string_view{"/"} : target;
}

/// `%61` is `a` (RFC 3986 §6.2.2.2).
result<void> decode_path(request_head& out) {
  if (out.path.find('%') == std::string_view::npos)
    return {};
  out.plain_path.clear();
  for (size_t i = 0; i < out.path.size(); ++i) {
    const auto digit = [&](size_t at) {
      return at < out.path.size() ? hex_value(out.path[at]) : -1;
    };
    const int high = out.path[i] == '%' ? digit(i + 1) : 0;
    const int low = out.path[i] == '%' ? digit(i + 2) : 0;
    if (high < 0 || low < 0)
      return malformed("a % in the request target needs two hex digits behind it");
    const auto meant = static_cast<char>(high << 4 | low);
    // An encoded reserved character is another one: `%2F` divides no path.
    const bool encoded = out.path[i] == '%' && is_unreserved(meant);
    out.plain_path += encoded ? meant : out.path[i];
    i += encoded ? 2 : 0;
  }
  out.path = out.plain_path;
  return {};
}

result<void> check_target(std::string_view target, request_head& out) {
  if (std::any_of(target.begin(), target.end(),
                  [](char c) { return c <= ' ' || c > '~'; }))
    return malformed("the request target has a character that must be percent-encoded");
  if (target.find('#') != target.npos)
    return malformed("a request target has no fragment (#)");
  if (out.method == "OPTIONS" && target == "*") {
    out.path = target;
    out.query = {};
    return {};
  }
  if (target.empty() || target.front() != '/') {
    // The absolute form, which every server must accept.
    const auto path = without_authority(target);
    if (!path)
      return tl::unexpected(path.error());
    target = *path;
  }
  out.path = target.substr(0, target.find('?'));
  out.query = target.substr(std::min(out.path.size() + 1, target.size()));
  return decode_path(out);
}

result<void> check_host(const request_head& head) {
  const auto hosts = head.count("host");
  if (hosts > 1)
    return malformed("more than one Host field");
  if (hosts == 0 && head.version == 11)
    return malformed("HTTP/1.1 wants a Host field");
  if (const auto host = head.find("host"); host && !host->empty() && !is_authority(*host))
    return malformed("the Host field has no valid host and port");
  return {};
}

result<void> check_length(request_head& head) {
  // Where two parsers could see different ends of the body, a request could be smuggled in.
  const auto lengths = head.count("content-length");
  if (lengths > 1)
    return malformed("more than one Content-Length field");
  const auto codings = head.count("transfer-encoding");
  if (lengths == 1 && codings > 0)
    return malformed("both Content-Length and Transfer-Encoding");
  if (codings > 0) {
    if (head.version == 10)
      return malformed("Transfer-Encoding in HTTP/1.0");
    if (codings > 1 || !same_text(*head.find("transfer-encoding"), "chunked"))
      return malformed("the only Transfer-Encoding understood is chunked, named once");
    head.chunked = true;
  }
  if (lengths == 1) {
    const auto text = *head.find("content-length");
    uint64_t length = 0;
    const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), length);
    if (error != std::errc{} || end != text.data() + text.size())
      return malformed("Content-Length must be a decimal number");
    head.content_length = length;
  }
  return {};
}

void find_persistence(request_head& head) noexcept {
  bool close = false;
  bool keep = false;
  for (size_t i = 0; i < head.field_count; ++i)
    if (same_text(head.fields[i].name, "connection")) {
      close = close || list_has(head.fields[i].value, "close");
      keep = keep || list_has(head.fields[i].value, "keep-alive");
    }
  head.keep_alive = !close && (head.version == 11 || keep);
}

} // namespace

bool same_text(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size()
         && std::equal(a.begin(), a.end(), b.begin(),
                       [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

namespace {

/// Position of the first `wanted` outside quoted strings; the size when there is none.
size_t find_unquoted(std::string_view text, char wanted) noexcept {
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      quoted = !quoted;
    else if (!quoted && text[i] == wanted)
      return i;
  }
  return text.size();
}

} // namespace

std::optional<std::string_view> take_list_item(std::string_view& list) noexcept {
  while (!list.empty()) {
    const auto end = find_unquoted(list, ',');
    const auto item = trimmed(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (!item.empty())
      return item;
  }
  return std::nullopt;
}

bool list_has(std::string_view list, std::string_view token) noexcept {
  while (const auto item = take_list_item(list))
    if (same_text(trimmed(item->substr(0, find_unquoted(*item, ';'))), token))
      return true;
  return false;
}

namespace {

/// The length and the first letter tell nearly all names of a head apart. `name` is in lower
/// case.
inline bool is_named(const header_field& field, std::string_view name) noexcept {
  return field.name.size() == name.size() && lower(field.name.front()) == name.front()
         && same_text(field.name, name);
}

/// Position, from `at` on, of the next byte that is CR or less (a head has one or two in a
/// line); the size when there is none. Takes eight bytes at a time while none is below 14: then
/// no byte borrows from its neighbour ("hasless" of Anderson's Bit Twiddling Hacks).
size_t next_control(std::string_view bytes, size_t at) noexcept {
  constexpr uint64_t ones = 0x0101010101010101;
  for (; at + 8 <= bytes.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    if (((word - ones * ('\r' + 1)) & ~word & (ones << 7)) != 0)
      break;
  }
  while (at < bytes.size() && static_cast<unsigned char>(bytes[at]) > '\r')
    ++at;
  return at;
}

} // namespace

std::optional<std::string_view> request_head::find(std::string_view name) const noexcept {
  for (size_t i = 0; i < field_count; ++i)
    if (is_named(fields[i], name))
      return fields[i].value;
  return std::nullopt;
}

size_t request_head::count(std::string_view name) const noexcept {
  size_t number = 0;
  for (size_t i = 0; i < field_count; ++i)
    number += is_named(fields[i], name);
  return number;
}

result<size_t> head_scanner::find_end(std::string_view bytes) {
  const auto in_limit = bytes.substr(0, bytes_max_);
  for (auto i = next_control(in_limit, scanned_); i < in_limit.size();
       i = next_control(in_limit, i + 1)) {
    const char c = in_limit[i];
    if (c == '\0')
      return malformed("a NUL in the head");
    if (c == '\r' && i + 1 < in_limit.size() && in_limit[i + 1] != '\n')
      return malformed("a CR inside a line of the head");
    if (c != '\n')
      continue;
    if (i == 0 || in_limit[i - 1] != '\r')
      return malformed("a line of the head ends without CR");
    if (i >= 3 && in_limit[i - 2] == '\n')
      return i + 1;
    if (i + 1 < in_limit.size() && (in_limit[i + 1] == ' ' || in_limit[i + 1] == '\t'))
      return malformed("a folded line in the head");
  }
  if (bytes.size() >= bytes_max_)
    return fail(ec::head_too_large, "the head is longer than "
                                      + std::to_string(bytes_max_)
                                      + " bytes (ingest.head_bytes_max)");
  // The last two bytes are looked at again: a fold shows only with the byte that follows.
  scanned_ = bytes.size() < 2 ? 0 : bytes.size() - 2;
  return size_t{0};
}

result<void> parse_head(std::string_view text, request_head& out, size_t fields_max) {
  // `out` is used for one head after the other.
  out.field_count = 0;
  out.chunked = false;
  out.content_length.reset();
  std::string_view target;
  head_parser parser{out, target, text.size(),
                     std::min(fields_max, request_head::fields_max)};
  error_code failure;
  parser.put(boost::asio::const_buffer{text.data(), text.size()}, failure);
  if (parser.too_many_fields())
    return fail(ec::head_too_large, "the head has more than " + std::to_string(fields_max)
                                      + " fields (ingest.head_fields_max)");
  if (!failure && !parser.is_header_done())
    failure = http::error::partial_message;
  if (failure)
    return malformed("the head is no HTTP/1.1: " + failure.message());
  if (out.version != 10 && out.version != 11)
    return malformed("the version must be HTTP/1.1 or HTTP/1.0");
  return check_target(target, out)
    .and_then([&] { return check_host(out); })
    .and_then([&] { return check_length(out); })
    .map([&] { find_persistence(out); });
}

} // namespace weir
