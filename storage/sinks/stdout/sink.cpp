#include "storage/sinks/stdout/sink.hpp"

#include "storage/files/file_system.hpp"
#include "storage/sink/database_sink.hpp"
#include "storage/sink/lines.hpp"

#include <cerrno>
#include <climits>
#include <cstring>

#include <poll.h>
#include <unistd.h>

namespace weir {

namespace {

/// Application id "WeiO".
const sqlite::schema schema{0x5765694f, 1, "stdout sink's state", sink_state_tables};

class stdout_sink final : public database_sink {
 public:
  stdout_sink(const sink_config& config, const clock_source& clock, int fd,
              std::chrono::milliseconds patience)
    : database_sink(config, state_database(config), schema, clock), fd_(fd),
      patience_(patience) {}

 private:
  result<void> opened(sqlite::connection&, const sink_cursor& cursor) override;
  void dropped() noexcept override {}
  result<void> put(sqlite::connection&, std::span<const frame_view> frames) override;
  void committed() noexcept override;
  result<void>
  visit_records(sqlite::connection& db, uint64_t after, uint64_t last,
                const std::function<bool(const stored_record&)>& visit) override {
    return no_records(db, after, last, visit);
  }
  result<void> wait_for_room();

  const int fd_;
  const std::chrono::milliseconds patience_;
  /// How many bytes of what comes after this cursor are out. A commit that failed is tried again
  /// from the same cursor, with the same lines first, maybe with more of them.
  uint64_t written_ = 0;
  uint64_t written_after_ = 0;
  std::string lines_; ///< those of the commit at hand
};

result<void> stdout_sink::opened(sqlite::connection&, const sink_cursor& cursor) {
  // Somebody replaced the state: what was written came after another cursor.
  if (written_after_ != cursor.last_sequence)
    written_ = 0;
  written_after_ = cursor.last_sequence;
  return {};
}

/// A commit that failed may have written more lines than the one that succeeded has.
void stdout_sink::committed() noexcept {
  written_ -= lines_.size();
  written_after_ = cursor().last_sequence;
}

result<void> stdout_sink::wait_for_room() {
  ::pollfd room{fd_, POLLOUT, 0};
  const int ready = ::poll(&room, 1, static_cast<int>(patience_.count()));
  if (ready == 0)
    return fail(ec::sink_unavailable, "standard output: whoever reads it does not");
  if (ready < 0 && errno != EINTR)
    return fail(ec::sink_unavailable,
                std::string{"standard output: "} + std::strerror(errno));
  return {};
}

result<void> stdout_sink::put(sqlite::connection&, std::span<const frame_view> frames) {
  lines_.clear();
  for (const auto& frame : frames)
    append_lines(lines_, frame);
  while (written_ < lines_.size()) {
    if (auto room = wait_for_room(); !room)
      return room;
    // A pipe that has room takes PIPE_BUF bytes without blocking (POSIX, write()).
    const auto piece = std::string_view{lines_}.substr(written_, PIPE_BUF);
    const auto wrote = ::write(fd_, piece.data(), piece.size());
    if (wrote > 0)
      written_ += static_cast<uint64_t>(wrote);
    else if (errno == EPIPE)
      return fail(ec::sink_unavailable, "standard output: nobody reads it any more");
    else if (errno != EINTR && errno != EAGAIN)
      return fail(ec::sink_unavailable,
                  std::string{"standard output: "} + std::strerror(errno));
  }
  return {};
}

} // namespace

const sqlite::schema& stdout_sink_schema() {
  return schema;
}

result<std::unique_ptr<sink>> open_stdout_sink(const sink_config& config,
                                               const clock_source& clock, int fd,
                                               std::chrono::milliseconds patience) {
  if (auto made = posix_file_system().make_directory(config.path); !made)
    return tl::unexpected(made.error());
  auto made = std::make_unique<stdout_sink>(config, clock, fd, patience);
  if (auto connected = made->connect(); !connected)
    return tl::unexpected(connected.error());
  return made;
}

result<std::unique_ptr<sink>> open_stdout_sink_read_only(const sink_config& config) {
  return open_database_read_only(config, state_database(config), schema, no_records);
}

} // namespace weir
