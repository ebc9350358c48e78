// TIME FORMAT: strptime(3) without its traps. A format is compiled once, names are English in
// any case, there is no locale and no global state, and the range of every part is checked.
//
//   %Y 4 digits   %y 2 digits (69-99: 19xx, else 20xx)   %m %d %e %H %M %S 1 or 2 digits
//   %j day of the year   %b %B %h month name, short or long
//   %a %A weekday name (not compared with the date)
//   %f 1 to 9 digits of fraction, %3f %6f %9f exactly so many
//   %s unix seconds   %z +hhmm +hh:mm +hh Z   %Z UTC GMT Z
//   %T %H:%M:%S   %F %Y-%m-%d   %% a percent sign
//   white space stands for any amount of it, also none; everything else stands for itself
#pragma once

#include "base/result.hpp"
#include "records/json/timestamp.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::steps {

class time_format {
 public:
  /// Fails with invalid_config for an unknown conversion, and for a format that names no date.
  static result<time_format> compile(std::string_view format);

  /// Nothing unless all of `text` matches and is a time that exists. Without a zone it is UTC.
  std::optional<instant> parse(std::string_view text) const noexcept;

 private:
  struct part {
    char conversion = 0; ///< the letter; ' ' for white space; 0 for a literal
    char literal = 0;
    int width = 0; ///< how many digits %f takes; 0 for any number
  };
  struct reading;
  static void read_part(const part& p, reading& r) noexcept;
  bool names_a_date() const noexcept;
  bool has(char conversion) const noexcept;

  std::vector<part> parts_;
};

} // namespace weir::steps
