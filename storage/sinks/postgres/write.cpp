#include "storage/sinks/postgres/write.hpp"

#include "base/log.hpp"
#include "base/printable.hpp"

#include <algorithm>
#include <array>

namespace weir::postgres {

namespace {

/// A broken check without a name is a partition that somebody dropped: the next try makes it.
bool may_be_the_record(const connection& db) {
  return db.refused_for_good() && !(db.sqlstate() == "23514" && db.constraint().empty());
}

/// The value cannot be converted (22), breaks a constraint (23, 44), is too large or too deep (54),
/// or a trigger of the operator's raised an error (P0, 38, 39).
bool is_about_data(const connection& db) {
  static constexpr std::array<std::string_view, 7> classes{"22", "23", "44", "54",
                                                           "P0", "38", "39"};
  return std::any_of(classes.begin(), classes.end(),
                     [&](std::string_view c) { return db.sqlstate().starts_with(c); });
}

/// Text that the server takes: what is no UTF-8 was refused for that, and must not be again.
std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto size = character_size(text);
    out.append(size == 0 ? "\xef\xbf\xbd" : text.substr(0, size));
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  return out;
}

class writing {
 public:
  writing(connection& db, std::span<const frame_view> frames, const write_terms& terms,
          const std::optional<cursor_move>& move)
    : db_(db), frames_(frames), terms_(terms), move_(move) {}

  result<write_report> run() {
    auto done = attempt(false);
    if (!done && waited_in_vain())
      if (const auto ended = end_silent_holders(db_); ended && *ended > 0) {
        log_event(log_level::warning, "sink_sessions_ended",
                  {{"sessions", *ended}, {"reason", "their nodes say nothing"}});
        done = attempt(false);
      }
    if (done || !refused_data_)
      return done;
    return attempt(true);
  }

 private:
  struct unfit {
    row what;
    std::string reason;
  };

  /// True if a statement waited for a lock until `lock_timeout`.
  bool waited_in_vain() const { return !db_.broken() && db_.sqlstate() == "55P03"; }
  result<write_report> attempt(bool carefully);
  result<void> move_cursor();
  void make_rows(const std::vector<const frame_view*>& ours);
  result<void> copy(std::span<const row> rows);
  result<void> copy_carefully(std::span<const row> rows);
  result<void> refuse(const row& one);
  result<bool> takes_an_empty_record(const row& like);
  write_report report(uint64_t frames_stored) const;
  result<void> set_aside();

  connection& db_;
  std::span<const frame_view> frames_;
  const write_terms& terms_;
  const std::optional<cursor_move>& move_;
  std::vector<row> rows_;
  std::vector<unfit> unfit_;
  std::string buffer_;
  bool refused_data_ = false;
  uint64_t times_replaced_ = 0;
  uint64_t refused_in_row_ = 0;
};

result<write_report> writing::attempt(bool carefully) {
  // Carefully: a constraint that waits for the commit would not tell which record it was.
  auto work = transaction::begin(db_, carefully ? "SET LOCAL lock_timeout = '500ms';"
                                                  "SET CONSTRAINTS ALL IMMEDIATE"
                                                : "SET LOCAL lock_timeout = '500ms'");
  if (!work)
    return tl::unexpected(work.error());
  if (move_)
    if (auto moved = move_cursor(); !moved)
      return tl::unexpected(moved.error());
  if (frames_.empty())
    return work->commit().map([] { return write_report{}; });
  const auto ours = claim(db_, frames_, terms_.claims);
  if (!ours)
    return tl::unexpected(ours.error());
  make_rows(*ours);
  auto done = (carefully ? copy_carefully(rows_) : copy(rows_))
                .and_then([&] { return set_aside(); })
                .and_then([&] { return work->commit(); });
  if (done)
    return report(ours->size());
  refused_data_ = may_be_the_record(db_);
  return tl::unexpected(done.error());
}

write_report writing::report(uint64_t frames_stored) const {
  write_report made{
    frames_.size() - frames_stored, unfit_.size(), times_replaced_, refused_in_row_, {}};
  if (!unfit_.empty()) {
    const auto& first = unfit_.front();
    made.first_set_aside = "record " + std::to_string(first.what.id) + " of stream "
                           + std::string{first.what.frame->stream} + ": " + first.reason;
  }
  return made;
}

/// Comes first: it locks the row, so a second writer of the same journal, or what is left of a
/// connection that broke while it committed, is waited for and then noticed.
result<void> writing::move_cursor() {
  const auto moved = db_.run(
    "move the cursor",
    "UPDATE cursors SET segment = $2::bigint, \"offset\" = $3::bigint,"
    " last_sequence = $4::bigint WHERE number = $1::integer AND segment = $5::bigint"
    " AND \"offset\" = $6::bigint AND last_sequence = $7::bigint",
    {std::to_string(terms_.claims.source), std::to_string(move_->to.segment),
     std::to_string(move_->to.offset), std::to_string(move_->to_sequence),
     std::to_string(move_->from.segment), std::to_string(move_->from.offset),
     std::to_string(move_->from_sequence)});
  if (!moved)
    return tl::unexpected(moved.error());
  if (moved->touched() == 1)
    return {};
  // The row was not where we left the cursor.
  return fail(ec::sink_unavailable,
              db_.name()
                + ": the cursor was moved by another connection: a commit whose"
                  " answer was lost, a restored database, or a second node with"
                  " this name and journal; reading it again");
}

void writing::make_rows(const std::vector<const frame_view*>& ours) {
  rows_.clear();
  unfit_.clear();
  times_replaced_ = 0;
  refused_in_row_ = terms_.refused_in_row;
  for (const auto* frame : ours) {
    auto id = terms_.claims.source << source_shift | frame->first_sequence;
    const auto at_us = terms_.claims.times.stored_as(frame->received_at_us);
    if (at_us != frame->received_at_us)
      times_replaced_ += frame->records.size();
    for (const auto body : frame->records) {
      const row one{id++, frame, at_us, body};
      // What the server would surely refuse is not sent at all.
      if (const auto* why = unfit_for_jsonb(body))
        unfit_.push_back({one, why});
      else
        rows_.push_back(one);
    }
  }
}

result<void> writing::copy(std::span<const row> rows) {
  if (rows.empty())
    return {};
  buffer_.clear();
  encode_copy(buffer_, rows);
  return db_.copy_in("store the records", copy_records_sql, buffer_);
}

result<void> writing::copy_carefully(std::span<const row> rows) {
  if (rows.empty())
    return {};
  if (auto marked = db_.script("set a savepoint", "SAVEPOINT careful"); !marked)
    return tl::unexpected(marked.error());
  const auto copied = copy(rows);
  if (copied) {
    refused_in_row_ = 0;
    return db_.script("leave a savepoint", "RELEASE careful").map([](const answer&) {});
  }
  if (!may_be_the_record(db_))
    return copied;
  if (rows.size() == 1)
    return refuse(rows[0]);
  if (auto back =
        db_.script("go back to a savepoint", "ROLLBACK TO careful; RELEASE careful");
      !back)
    return tl::unexpected(back.error());
  // In halves, until the rows at fault stand alone.
  const auto half = rows.size() / 2;
  return copy_carefully(rows.first(half)).and_then([&] {
    return copy_carefully(rows.subspan(half));
  });
}

/// The server has just refused `one`, after the savepoint: it or the table is at fault.
result<void> writing::refuse(const row& one) {
  const auto reason = db_.reason() + " (" + db_.sqlstate() + ")";
  const bool in_doubt = !is_about_data(db_) || ++refused_in_row_ > terms_.refused_max;
  if (auto back = db_.script("go back to a savepoint", "ROLLBACK TO careful"); !back)
    return tl::unexpected(back.error());
  if (in_doubt) {
    // A table that takes nothing is no fault of the record: nothing is set aside then.
    const auto taken = takes_an_empty_record(one);
    if (!taken)
      return tl::unexpected(taken.error());
    if (!*taken)
      return fail(ec::io_failed,
                  db_.name() + ": cannot store the records: " + reason
                    + "; it refuses an empty record as well, so nothing is set aside"
                      " (sink.refused_max)");
    refused_in_row_ = 0;
  }
  unfit_.push_back({one, reason});
  return db_.script("leave a savepoint", "RELEASE careful").map([](const answer&) {});
}

/// Runs after the savepoint, and leaves nothing.
result<bool> writing::takes_an_empty_record(const row& like) {
  auto empty = like;
  empty.body = "{}";
  const auto taken = copy(std::span{&empty, 1});
  if (!taken && !may_be_the_record(db_))
    return tl::unexpected(taken.error());
  return db_.script("go back to a savepoint", "ROLLBACK TO careful")
    .map([&](const answer&) { return taken.has_value(); });
}

result<void> writing::set_aside() {
  for (const auto& [what, reason] : unfit_) {
    const auto& frame = *what.frame;
    const auto kept = db_.run(
      "set a record aside",
      "INSERT INTO records_set_aside (id, received_at, batch, stream, reason, body)"
      " VALUES ($1::bigint, $2::timestamptz, $3::uuid, $4, $5, $6)",
      {std::to_string(what.id), timestamp(what.received_at_us), uuid_of(frame.key),
       valid_utf8(frame.stream), reason, valid_utf8(what.body)});
    if (!kept)
      return tl::unexpected(kept.error());
  }
  return {};
}

} // namespace

result<write_report> write_frames(connection& db, std::span<const frame_view> frames,
                                  const write_terms& terms,
                                  const std::optional<cursor_move>& move) {
  return writing{db, frames, terms, move}.run();
}

} // namespace weir::postgres
