// ACCESS LOG: reads one line of the Common or Combined Log Format, as Apache httpd
// (mod_log_config) and nginx write it:
//
//   host ident user [17/May/2015:10:05:03 +0000] "GET /path HTTP/1.1" 200 203023
//   "referrer" "agent"
//
// The Common format ends after the size. Two relatives are known: Apache's vhost_combined has the
// virtual host's `name:port` in front, and the format `main` of nginx's packages has a quoted
// X-Forwarded-For at the end. `-` means that there is nothing. A line must have exactly the format
// that was asked for: one field too many would move all others.
#pragma once

#include "records/json/timestamp.hpp"

#include <string_view>

namespace weir::steps {

/// What a line has beside the fields of the Common Log Format.
struct log_layout {
  bool vhost = false;     ///< the virtual host, in front
  bool agent = false;     ///< the referrer and the user agent, after the size
  bool forwarded = false; ///< X-Forwarded-For, after them
};

/// Views into the line. A quoted part is the text between its quotes, with the log's escapes.
struct access_line {
  std::string_view vhost;
  std::string_view port; ///< the virtual host's; empty if it is not named
  std::string_view host;
  std::string_view ident;
  std::string_view user;
  instant time;
  std::string_view request;
  /// These three are empty unless the request line has all of them.
  std::string_view method;
  std::string_view path;
  std::string_view protocol;
  std::string_view status; ///< 3 digits, or "-"
  std::string_view bytes;  ///< digits without leading zeros that fit 63 bits, or "-"
  std::string_view referrer;
  std::string_view agent;
  std::string_view forwarded;
};

/// Returns null when `line` has that format, else what is wrong with it. It ignores blanks and
/// line ends after the line, and takes about 100 ns a line.
const char* parse_access_line(std::string_view line, log_layout layout,
                              access_line& out) noexcept;

} // namespace weir::steps
