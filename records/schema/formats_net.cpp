// Checks the formats that name something on a network: addresses, hosts, mailboxes, URIs.
#include "base/text.hpp"
#include "records/schema/formats.hpp"

#include <algorithm>
#include <cstdint>

namespace weir::schema_detail {

namespace {

constexpr bool is_alpha(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_alnum(char c) noexcept {
  return is_digit(c) || is_alpha(c);
}
constexpr bool one_of(char c, std::string_view set) noexcept {
  return set.find(c) != std::string_view::npos;
}

constexpr std::string_view sub_delims = "!$&'()*+,;="; // RFC 3986 §2.2

/// True if `text` has only unreserved characters, sub-delims, %XX and those in `extra`.
bool is_uri_part(std::string_view text, std::string_view extra) noexcept {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || !is_hex_digit(text[i + 1])
          || !is_hex_digit(text[i + 2]))
        return false;
      i += 2;
    } else if (!is_alnum(c) && !one_of(c, "-._~") && !one_of(c, sub_delims)
               && !one_of(c, extra)) {
      return false;
    }
  }
  return true;
}

/// Checks the inside of `[…]`: IPv6, or `v1.something` (RFC 3986 §3.2.2).
bool is_ip_literal(std::string_view text) noexcept {
  if (text.empty() || (text[0] | 0x20) != 'v')
    return is_ipv6(text);
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos || dot < 2 || dot + 1 == text.size())
    return false;
  for (const char c : text.substr(1, dot - 1))
    if (!is_hex_digit(c))
      return false;
  const auto rest = text.substr(dot + 1);
  return rest.find('%') == std::string_view::npos && is_uri_part(rest, ":");
}

bool is_port(std::string_view text) noexcept {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_authority(std::string_view text) noexcept {
  if (const size_t at = text.find('@'); at != std::string_view::npos) {
    if (!is_uri_part(text.substr(0, at), ":"))
      return false;
    text.remove_prefix(at + 1);
  }
  if (text.starts_with('[')) {
    // The colons inside the brackets are the address's; one after them begins the port.
    const size_t end = text.find(']');
    if (end == std::string_view::npos || !is_ip_literal(text.substr(1, end - 1)))
      return false;
    text.remove_prefix(end + 1);
    return text.empty() || (text[0] == ':' && is_port(text.substr(1)));
  }
  const size_t colon = text.find(':');
  if (colon != std::string_view::npos && !is_port(text.substr(colon + 1)))
    return false;
  return is_uri_part(text.substr(0, colon), "");
}

/// Checks atoms with dots between them (RFC 5321 §4.1.2).
bool is_dot_string(std::string_view text) noexcept {
  bool after_dot = true;
  for (const char c : text) {
    if (c == '.' ? after_dot : !is_alnum(c) && !one_of(c, "!#$%&'*+-/=?^_`{|}~"))
      return false;
    after_dot = c == '.';
  }
  return !after_dot;
}

/// Checks `"…"`: printable ASCII with backslash escapes.
bool is_quoted_string(std::string_view text) noexcept {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"')
    return false;
  text = text.substr(1, text.size() - 2);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] < ' ' || text[i] > '~' || text[i] == '"')
      return false;
    if (text[i] == '\\' && (++i == text.size() || text[i] < ' ' || text[i] > '~'))
      return false;
  }
  return true;
}

/// How many hex digits are at the front, one to four; 0 when there are none or more.
size_t hex_group(std::string_view text) noexcept {
  size_t size = 0;
  while (size < text.size() && size < 5 && is_hex_digit(text[size]))
    ++size;
  return size > 4 ? 0 : size;
}

/// Counts the 16-bit groups of `text`, which have colons between them; -1 when `text` is no
/// such list. `tail`: the last one may be dotted IPv4, which counts for two.
int count_groups(std::string_view text, bool tail) noexcept {
  int groups = 0;
  while (!text.empty()) {
    if (tail && text.find(':') == std::string_view::npos && is_ipv4(text))
      return groups + 2;
    const size_t size = hex_group(text);
    if (size == 0)
      return -1;
    ++groups;
    text.remove_prefix(size);
    if (text.empty())
      return groups;
    // The caller has cut off a `::`, so a colon at the end separates nothing.
    if (text[0] != ':' || text.size() == 1)
      return -1;
    text.remove_prefix(1);
  }
  return groups;
}

} // namespace

bool is_ipv4(std::string_view text) noexcept {
  if (text.size() < 7 || text.size() > 15)
    return false;
  int octets = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    uint32_t value = 0;
    const size_t begin = at;
    for (; at < text.size() && is_digit(text[at]); ++at)
      value = value * 10 + static_cast<uint32_t>(text[at] - '0');
    const size_t size = at - begin;
    // Some readers take a leading zero for octal, so it is refused.
    if (size == 0 || size > 3 || value > 255 || (size > 1 && text[begin] == '0'))
      return false;
    if (++octets == 4)
      return at == text.size();
    if (at == text.size() || text[at] != '.')
      return false;
  }
  return false;
}

bool is_ipv6(std::string_view text) noexcept {
  if (text.size() < 2 || text.size() > 45)
    return false;
  const size_t gap = text.find("::");
  if (gap == std::string_view::npos)
    return count_groups(text, true) == 8;
  const int before = count_groups(text.substr(0, gap), false);
  const int after = count_groups(text.substr(gap + 2), true);
  return before >= 0 && after >= 0 && before + after <= 7;
}

bool is_hostname(std::string_view text) noexcept {
  if (text.empty() || text.size() > 253)
    return false;
  size_t label = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    // The text's end ends a label as a dot does.
    if (i == text.size() || text[i] == '.') {
      if (label == 0 || label > 63 || text[i - 1] == '-')
        return false;
      label = 0;
    } else if (is_alnum(text[i]) || (text[i] == '-' && label > 0)) {
      ++label;
    } else {
      return false;
    }
  }
  return true;
}

bool is_email(std::string_view text) noexcept {
  // A quoted local part may hold an @ itself, so the last one counts.
  const size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || at > 64 || text.size() > 254)
    return false;
  const auto local = text.substr(0, at);
  const auto domain = text.substr(at + 1);
  if (!is_dot_string(local) && !is_quoted_string(local))
    return false;
  if (!domain.starts_with('['))
    return is_hostname(domain);
  if (!domain.ends_with(']'))
    return false;
  const auto inside = domain.substr(1, domain.size() - 2);
  return inside.starts_with("IPv6:") ? is_ipv6(inside.substr(5)) : is_ipv4(inside);
}

bool is_uri(std::string_view text) noexcept {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_alpha(text[0]))
    return false;
  for (const char c : text.substr(0, colon))
    if (!is_alnum(c) && !one_of(c, "+-."))
      return false;
  text.remove_prefix(colon + 1);
  if (const size_t hash = text.find('#'); hash != std::string_view::npos) {
    if (!is_uri_part(text.substr(hash + 1), ":@/?"))
      return false;
    text = text.substr(0, hash);
  }
  if (text.starts_with("//")) {
    const size_t end = std::min(text.find_first_of("/?", 2), text.size());
    if (!is_authority(text.substr(2, end - 2)))
      return false;
    text.remove_prefix(end);
  }
  return is_uri_part(text, ":@/?"); // the path, then the query, which may hold "?" too
}

} // namespace weir::schema_detail
