#include "app/send/progress.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace weir {
namespace {

constexpr size_t bar_width = 24;
constexpr double mib = 1024.0 * 1024.0;

/// 1234567 becomes `1,234,567`.
std::string grouped(uint64_t number) {
  auto digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<size_t>(at), 1, ',');
  return digits;
}

size_t terminal_columns() noexcept {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                           : 80;
}

} // namespace

bool stderr_is_terminal() noexcept {
  return ::isatty(STDERR_FILENO) == 1;
}

std::string render_progress(const progress_state& s, size_t columns) {
  std::string line;
  const double done = static_cast<double>(s.bytes) / mib;
  if (s.bytes_total && *s.bytes_total > 0) {
    const double share =
      std::min(1.0, static_cast<double>(s.bytes) / static_cast<double>(*s.bytes_total));
    const auto filled = static_cast<size_t>(share * bar_width);
    line = fmt::format("[{:#<{}}{:-<{}}] {:3.0f}%  {:.1f}/{:.1f} MiB", "", filled, "",
                       bar_width - filled, share * 100, done,
                       static_cast<double>(*s.bytes_total) / mib);
  } else {
    line = fmt::format("{:.1f} MiB", done);
  }
  const double rate = s.seconds > 0 ? static_cast<double>(s.records) / s.seconds : 0;
  line += fmt::format("  {} rec/s  accepted {}  rejected {}",
                      grouped(static_cast<uint64_t>(rate)), grouped(s.accepted),
                      grouped(s.rejected));
  if (!s.note.empty())
    line += fmt::format("  {}", s.note);
  if (line.size() > columns)
    line.resize(columns);
  return line;
}

progress_line::progress_line(bool enabled)
  : enabled_(enabled), began_(std::chrono::steady_clock::now()) {}

progress_line::~progress_line() {
  clear();
}

void progress_line::show(progress_state state, bool at_once) {
  const auto now = std::chrono::steady_clock::now();
  if (!enabled_ || (!at_once && now - last_ < std::chrono::milliseconds{100}))
    return;
  last_ = now;
  drawn_ = true;
  state.seconds = std::chrono::duration<double>(now - began_).count();
  const auto line = render_progress(state, terminal_columns() - 1);
  std::fprintf(stderr, "\r%s\x1b[K", line.c_str());
  std::fflush(stderr);
}

void progress_line::say(std::string_view text) {
  clear();
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
  std::fflush(stderr);
}

void progress_line::clear() {
  if (!drawn_)
    return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  drawn_ = false;
}

} // namespace weir
