#include "storage/sinks/file/sink.hpp"

#include "storage/files/file_tail.hpp"
#include "storage/sink/database_sink.hpp"
#include "storage/sinks/file/records.hpp"

#include <algorithm>
#include <utility>

namespace weir {

namespace {

class file_sink final : public database_sink {
 public:
  file_sink(const sink_config& config, const clock_source& clock, file_system& files)
    : database_sink(config, state_database(config), file_sink_schema(), clock),
      files_(files) {}

 private:
  result<void> opened(sqlite::connection& db, const sink_cursor& cursor) override;
  void committed() noexcept override { begun_.reset(); }
  void dropped() noexcept override;
  result<void> put(sqlite::connection& db, std::span<const frame_view> frames) override;
  result<void>
  visit_records(sqlite::connection& db, uint64_t after, uint64_t last,
                const std::function<bool(const stored_record&)>& visit) override {
    return each_line(db, files_, config().path, after, last, visit);
  }

  std::string path_of(uint64_t first) const {
    return config().path + "/" + record_file_name(first);
  }
  using names = std::vector<std::string>; ///< a directory's, sorted
  result<void> measure(const record_file& known);
  result<void> cut_back(const record_file& known);
  result<void> keep_tail(file_tail& tail, const std::string& name);
  result<void> cut_longer();
  result<void> mend_known(sqlite::connection& db, const names& there,
                          std::vector<record_file>& known);
  result<void> set_aside_unknown(const names& there,
                                 const std::vector<record_file>& known,
                                 const sink_cursor& cursor);
  std::string orphan_name(const names& there, const std::string& name) const;
  result<void> set_aside_one(const names& there, const std::string& name);
  result<void> undo_begun(const std::vector<record_file>& known);
  bool worn() const noexcept;
  std::unique_ptr<file> continue_file();
  result<std::unique_ptr<file>> start_file(uint64_t first);
  result<void> write_lines(file& to);
  void abandon_current() noexcept;

  file_system& files_;
  record_file current_; ///< length 0: none, the next commit starts one
  /// Writing this file failed: it is never appended to again.
  std::optional<uint64_t> abandoned_;
  std::optional<uint64_t> begun_;   ///< by a commit that has not succeeded
  std::vector<record_file> longer_; ///< files with more than what was committed
  std::string lines_;               ///< what the commit at hand writes
  sqlite::statement keep_file_;
};

/// Fails if the file is shorter than what was committed of it. A longer one is noted, and cut back
/// once it is known what comes next.
result<void> file_sink::measure(const record_file& known) {
  auto opened = files_.open(path_of(known.first), false);
  if (!opened)
    return tl::unexpected(opened.error());
  const auto size = (*opened)->size();
  if (!size)
    return tl::unexpected(size.error());
  // Bytes that were promised are gone: only an operator can know where.
  if (*size < known.length)
    return fail(ec::io_failed, path_of(known.first) + ": has " + std::to_string(*size)
                                 + " bytes, but " + std::to_string(known.length)
                                 + " were committed: restore it or move it away");
  if (*size > known.length)
    longer_.push_back(known);
  return {};
}

/// What lies after the committed length came from a commit that did not end, and comes again now;
/// or the state is from an older copy, and it may be the only copy of something. In the first
/// case it agrees with the bytes that are to be written now.
result<void> file_sink::cut_back(const record_file& known) {
  auto opened = files_.open(path_of(known.first), true);
  if (!opened)
    return tl::unexpected(opened.error());
  file_tail tail{**opened, known.length};
  // A tail without a line end has no whole record.
  const auto needed = tail.starts_as(lines_).and_then(
    [&](bool again) { return again ? result<bool>{false} : tail.has_line(); });
  if (!needed)
    return tl::unexpected(needed.error());
  if (*needed)
    if (auto kept = keep_tail(tail, record_file_name(known.first)); !kept)
      return kept;
  return (*opened)->truncate(known.length).and_then([&] {
    return (*opened)->sync_data();
  });
}

result<void> file_sink::keep_tail(file_tail& tail, const std::string& name) {
  const auto there = files_.list(config().path);
  if (!there)
    return tl::unexpected(there.error());
  const auto path = config().path + '/' + orphan_name(*there, name);
  auto made = files_.create(path);
  if (!made)
    return tl::unexpected(made.error());
  auto kept =
    tail.copy_to(**made).and_then([&] { return (*made)->sync_data(); }).and_then([&] {
      return files_.sync_directory(config().path);
    });
  // A half-made copy would look like a whole one.
  if (!kept)
    (void)files_.remove(path);
  return kept;
}

result<void> file_sink::cut_longer() {
  for (; !longer_.empty(); longer_.pop_back())
    if (auto cut = cut_back(longer_.back()); !cut)
      return cut;
  return {};
}

/// Makes sure that every file of the table has what was committed of it; one that is missing
/// leaves the table.
result<void> file_sink::mend_known(sqlite::connection& db, const names& there,
                                   std::vector<record_file>& known) {
  auto forget = db.prepare("forget a missing file", "DELETE FROM files WHERE first = ?1");
  if (!forget)
    return tl::unexpected(forget.error());
  std::vector<record_file> kept;
  for (const auto& one : known) {
    // An operator may move finished files away at any time.
    const bool exists =
      std::binary_search(there.begin(), there.end(), record_file_name(one.first));
    forget->bind(1, one.first);
    if (auto done = exists ? measure(one) : forget->run(); !done)
      return done;
    if (exists)
      kept.push_back(one);
  }
  known = std::move(kept);
  return {};
}

/// A name for what is left of `name`, not taken yet.
std::string file_sink::orphan_name(const names& there, const std::string& name) const {
  auto free = name + ".orphan";
  for (int i = 2; std::binary_search(there.begin(), there.end(), free); ++i)
    free = name + '.' + std::to_string(i) + ".orphan";
  return free;
}

/// The file may be the only copy of something, so it is renamed; only an empty one is deleted.
result<void> file_sink::set_aside_one(const names& there, const std::string& name) {
  const auto path = config().path + '/' + name;
  auto opened = files_.open(path, false);
  if (!opened)
    return tl::unexpected(opened.error());
  const auto size = (*opened)->size();
  if (!size)
    return tl::unexpected(size.error());
  if (*size == 0)
    return files_.remove(path);
  return files_.rename(path, config().path + '/' + orphan_name(there, name));
}

/// Sets aside files whose first record should still come: a process that died began them, or the
/// state was lost or restored from an old copy.
result<void> file_sink::set_aside_unknown(const names& there,
                                          const std::vector<record_file>& known,
                                          const sink_cursor& cursor) {
  for (const auto& name : there) {
    const auto first = parse_record_file_name(name);
    const auto same = [&](const record_file& one) { return one.first == first; };
    if (!first || *first <= cursor.last_sequence
        || std::any_of(known.begin(), known.end(), same))
      continue;
    if (auto moved = set_aside_one(there, name); !moved)
      return moved;
  }
  return {};
}

/// Removes a file that a failed commit of ours began: all that is in it comes again. On a full
/// disk each attempt would otherwise leave one more, and take what space becomes free.
result<void> file_sink::undo_begun(const std::vector<record_file>& known) {
  const auto same = [&](const record_file& one) { return one.first == begun_; };
  if (!begun_ || std::any_of(known.begin(), known.end(), same)
      || !files_.open(path_of(*begun_), false))
    return {};
  return files_.remove(path_of(*begun_));
}

result<void> file_sink::opened(sqlite::connection& db, const sink_cursor& cursor) {
  auto known = list_record_files(db);
  if (!known)
    return tl::unexpected(known.error());
  // Before set_aside_unknown(), which would keep such a file.
  if (auto undone = undo_begun(*known); !undone)
    return undone;
  begun_.reset();
  longer_.clear();
  const auto there = files_.list(config().path);
  if (!there)
    return tl::unexpected(there.error());
  auto mended = mend_known(db, *there, *known).and_then([&] {
    return set_aside_unknown(*there, *known, cursor);
  });
  if (!mended)
    return mended;
  current_ = known->empty() ? record_file{} : known->back();

  auto keep =
    db.prepare("record a file's length", "INSERT OR REPLACE INTO files VALUES (?, ?, ?)");
  if (!keep)
    return tl::unexpected(keep.error());
  keep_file_ = std::move(*keep);
  return {};
}

void file_sink::dropped() noexcept {
  keep_file_ = {};
}

/// True if the next commit needs another file. One from the future was begun while the clock was
/// wrong: its age would tell nothing for long.
bool file_sink::worn() const noexcept {
  const auto age_us = clock().unix_us() - current_.created_at_us;
  const auto age_max_us = std::chrono::microseconds{config().rotate_after}.count();
  return current_.length == 0 || abandoned_ == current_.first
         || current_.length >= config().rotate_bytes || age_us < 0
         || age_us >= age_max_us;
}

/// The current file; null if it is worn, or somebody took it away or changed it. It is opened
/// for each commit: that costs microseconds beside a sync, and a deleted file is noticed.
std::unique_ptr<file> file_sink::continue_file() {
  if (worn())
    return nullptr;
  auto opened = files_.open(path_of(current_.first), true);
  if (!opened)
    return nullptr;
  const auto size = (*opened)->size();
  return size && *size == current_.length ? std::move(*opened) : nullptr;
}

result<std::unique_ptr<file>> file_sink::start_file(uint64_t first) {
  auto made = files_.create(path_of(first));
  if (!made)
    return made;
  begun_ = first;
  current_ = {first, 0, clock().unix_us()};
  if (auto synced = files_.sync_directory(config().path); !synced)
    return tl::unexpected(synced.error());
  return made;
}

/// A file that this commit began is removed at once, as a full disk needs its space; if that
/// fails, the sink removes it when it opens again.
void file_sink::abandon_current() noexcept {
  if (begun_ == current_.first)
    (void)files_.remove(path_of(current_.first));
  else
    abandoned_ = current_.first;
}

result<void> file_sink::write_lines(file& to) {
  return to.write_at(current_.length, std::as_bytes(std::span{lines_})).and_then([&] {
    return to.sync_data();
  });
}

result<void> file_sink::put(sqlite::connection&, std::span<const frame_view> frames) {
  lines_.clear();
  uint64_t first = 0;
  for (const auto& frame : frames) {
    if (lines_.empty())
      first = frame.first_sequence;
    append_lines(lines_, frame);
  }
  if (lines_.empty())
    return {};
  // Only now is it known what comes next: see cut_back().
  if (auto cut = cut_longer(); !cut)
    return fail(ec::sink_unavailable, cut.error().text);
  auto to = continue_file();
  if (!to) {
    auto started = start_file(first);
    if (!started)
      return fail(ec::sink_unavailable, started.error().text);
    to = std::move(*started);
  }
  if (auto written = write_lines(*to); !written) {
    abandon_current();
    return fail(ec::sink_unavailable, written.error().text);
  }
  current_.length += lines_.size();
  keep_file_.bind(1, current_.first);
  keep_file_.bind(2, current_.length);
  keep_file_.bind(3, current_.created_at_us);
  return keep_file_.run();
}

} // namespace

result<std::unique_ptr<sink>>
open_file_sink(const sink_config& config, const clock_source& clock, file_system& files) {
  if (auto made = files.make_directory(config.path); !made)
    return tl::unexpected(made.error());
  auto made = std::make_unique<file_sink>(config, clock, files);
  if (auto connected = made->connect(); !connected)
    return tl::unexpected(connected.error());
  return made;
}

result<std::unique_ptr<sink>> open_file_sink_read_only(const sink_config& config,
                                                       file_system& files) {
  return open_database_read_only(config, state_database(config), file_sink_schema(),
                                 [&files, directory = config.path](
                                   auto& db, auto after, auto last, const auto& visit) {
                                   return each_line(db, files, directory, after, last,
                                                    visit);
                                 });
}

} // namespace weir
