// ACCESS LOG: one line of the Common or Combined Log Format, as Apache httpd
// (mod_log_config) and nginx write them:
//
//   host ident user [17/May/2015:10:05:03 +0000] "GET /path HTTP/1.1" 200 203023
//   "referrer" "agent"
//
// Common ends behind the size. `-` means that there is nothing.
#pragma once

#include "records/timestamp.hpp"

#include <string_view>

namespace weir::steps {

/// Views into the line. Of a quoted part the text between the quotes, escapes as in the
/// log.
struct access_line {
  std::string_view host;
  std::string_view ident;
  std::string_view user;
  instant time;
  std::string_view request;
  /// these three are empty unless the request line has all of them
  std::string_view method;
  std::string_view path;
  std::string_view protocol;
  std::string_view status;   ///< 3 digits, or "-"
  std::string_view bytes;    ///< digits without leading zeros that fit 63 bits, or "-"
  std::string_view referrer; ///< combined only
  std::string_view agent;    ///< combined only
};

/// Null when `line` is of that format, else what is wrong with it. White space at the end
/// of the line is ignored. About 100 ns a line.
const char* parse_access_line(std::string_view line, bool combined,
                              access_line& out) noexcept;

} // namespace weir::steps
