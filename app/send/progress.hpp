// PROGRESS: one line on a terminal that says how far a file has come. Silent otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

struct progress_state {
  uint64_t bytes = 0;
  std::optional<uint64_t> bytes_total; ///< nothing for a pipe
  uint64_t records = 0;
  uint64_t accepted = 0;
  uint64_t rejected = 0;
  double seconds = 0;
  std::string_view note; ///< what is waited for, or empty
};

/// `[#####----------] 33%  1.2/3.6 MiB  52,100 rec/s  accepted 10,000  rejected 3`, at
/// most `columns` wide.
std::string render_progress(const progress_state& state, size_t columns);

/// Redraws its line at most ten times a second; erases it when it ends.
class progress_line {
 public:
  /// Nothing is ever drawn unless `enabled`.
  explicit progress_line(bool enabled);
  ~progress_line();
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;

  void show(progress_state state, bool at_once = false);
  /// Prints `text` on a line of its own, also where no terminal is.
  void say(std::string_view text);
  /// Takes the line off the terminal so that other text can be printed.
  void clear();

 private:
  bool enabled_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point last_{};
};

/// True if stderr is a terminal.
bool stderr_is_terminal() noexcept;

} // namespace weir
