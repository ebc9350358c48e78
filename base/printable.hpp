// PRINTABLE: text that came from outside, made harmless before a person reads it. A terminal acts
// on more than ESC: every control of C0 and C1 (U+009B is ESC [), and the marks that turn the
// direction of writing let a line show what it does not say. Whatever prints or logs such text asks
// here, so that there is one list.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir {

/// Bytes of the valid UTF-8 character at the front of `text`, which is not empty; 0 when there is
/// none (RFC 3629).
size_t character_size(std::string_view text) noexcept;

/// `character` is one of valid UTF-8: a control, a mark or an isolate of bidirectional text, or a
/// separator of lines.
bool acts_on_terminal(std::string_view character) noexcept;

/// `\u202e`; for characters that act on a terminal.
std::string escaped_in_json(std::string_view character);

/// At most `bytes_max` bytes of `text` for a log line or a detail: cut at a character,
/// control bytes and invalid sequences replaced (blank for tab and line ends, else
/// U+FFFD), so the result is valid UTF-8 on one line.
std::string printable(std::string_view text, size_t bytes_max);

/// On one line, with `\x1b` for what is no character and for controls of one byte, and `\u202e` for
/// the others that act on a terminal. At most `bytes_max` bytes of `text`; "…" says that there was
/// more.
std::string printable_line(std::string_view text, size_t bytes_max);

/// JSON text that says the same and acts on no terminal: those characters become `\u009b`. Line
/// ends between values stay.
std::string printable_json(std::string_view json);

} // namespace weir
