// PRINTABLE: text that came from outside, made harmless before a person reads it. A
// terminal acts on more than ESC: on every control of C0 and C1 (U+009B is ESC [), and
// marks of writing direction can make a line show something other than it says. Whatever
// prints or logs such text uses these functions, so that there is one list.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir {

/// The size in bytes of the valid UTF-8 character at the front of `text`, which is not
/// empty; 0 if there is none (RFC 3629).
size_t character_size(std::string_view text) noexcept;

/// True for a control, a bidirectional mark or isolate, and a line separator. `character`
/// is one character of valid UTF-8.
bool acts_on_terminal(std::string_view character) noexcept;

/// The JSON escape, such as `\u202e`, of a character that acts on a terminal.
std::string escaped_in_json(std::string_view character);

/// At most `bytes_max` bytes of `text` for a log line or a detail: cut between
/// characters; tabs and line ends become blanks, other controls and invalid bytes U+FFFD,
/// so that the result is valid UTF-8 on one line.
std::string printable(std::string_view text, size_t bytes_max);

/// `text` on one line: bytes that are no character and controls of one byte become
/// `\x1b`, other characters that act on a terminal `\u202e`. Shows at most `bytes_max`
/// bytes of `text`; "…" says that there was more.
std::string printable_line(std::string_view text, size_t bytes_max);

/// JSON text with the same meaning that acts on no terminal: such characters become
/// escapes (`\u009b`), invalid bytes U+FFFD. Tabs and line ends between values stay.
std::string printable_json(std::string_view json);

} // namespace weir
