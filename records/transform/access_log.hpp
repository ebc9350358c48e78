// ACCESS LOG: one line of the Common or Combined Log Format, as Apache httpd
// (mod_log_config) and nginx write them:
//
//   host ident user [17/May/2015:10:05:03 +0000] "GET /path HTTP/1.1" 200 203023
//   "referrer" "agent"
//
// Common ends after the size. Two kin are known: Apache's vhost_combined has `name:port` of the
// virtual host in front, and the format `main` of nginx's packages a quoted X-Forwarded-For at
// the end. `-` means that there is nothing. A line is of the format that was asked for or of
// none: a field too many would move all others.
#pragma once

#include "records/json/timestamp.hpp"

#include <string_view>

namespace weir::steps {

/// What a line has beside the fields of the Common Log Format.
struct log_layout {
  bool vhost = false;     ///< in front
  bool agent = false;     ///< referrer and user agent
  bool forwarded = false; ///< after them
};

/// Views into the line. Of a quoted part the text between the quotes, escapes as in the
/// log.
struct access_line {
  std::string_view vhost;
  std::string_view port; ///< of the virtual host; empty if it is not named
  std::string_view host;
  std::string_view ident;
  std::string_view user;
  instant time;
  std::string_view request;
  /// these three are empty unless the request line has all of them
  std::string_view method;
  std::string_view path;
  std::string_view protocol;
  std::string_view status; ///< 3 digits, or "-"
  std::string_view bytes;  ///< digits without leading zeros that fit 63 bits, or "-"
  std::string_view referrer;
  std::string_view agent;
  std::string_view forwarded;
};

/// Null when `line` is of that format, else what is wrong with it. White space at the end
/// of the line is ignored. About 100 ns a line.
const char* parse_access_line(std::string_view line, log_layout layout,
                              access_line& out) noexcept;

} // namespace weir::steps
