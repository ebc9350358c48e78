#include "storage/postgres_write.hpp"

#include "proto/log.hpp"

namespace weir::postgres {

namespace {

/// Class 22: the value cannot be converted. 54: it is too large or too deep.
bool is_about_data(const connection& db) {
  const auto& state = db.sqlstate();
  return !db.broken() && (state.starts_with("22") || state.starts_with("54"));
}

class writing {
 public:
  writing(connection& db, std::span<const frame_view> frames, const claim_terms& terms,
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

  /// For a lock, until `lock_timeout`.
  bool waited_in_vain() const { return !db_.broken() && db_.sqlstate() == "55P03"; }
  result<write_report> attempt(bool carefully);
  result<void> move_cursor();
  void make_rows(const std::vector<const frame_view*>& ours);
  result<void> copy(std::span<const row> rows);
  result<void> copy_carefully(std::span<const row> rows);
  result<void> set_aside();

  connection& db_;
  std::span<const frame_view> frames_;
  const claim_terms& terms_;
  const std::optional<cursor_move>& move_;
  std::vector<row> rows_;
  std::vector<unfit> unfit_;
  std::string buffer_;
  bool refused_data_ = false;
};

result<write_report> writing::attempt(bool carefully) {
  auto work = transaction::begin(db_, "SET LOCAL lock_timeout = '500ms'");
  if (!work)
    return tl::unexpected(work.error());
  if (move_)
    if (auto moved = move_cursor(); !moved)
      return tl::unexpected(moved.error());
  if (frames_.empty())
    return work->commit().map([] { return write_report{}; });
  const auto ours = claim(db_, frames_, terms_);
  if (!ours)
    return tl::unexpected(ours.error());
  make_rows(*ours);
  const auto copied = carefully ? copy_carefully(rows_) : copy(rows_);
  if (!copied) {
    refused_data_ = is_about_data(db_);
    return tl::unexpected(copied.error());
  }
  return set_aside().and_then([&] { return work->commit(); }).map([&] {
    return write_report{frames_.size() - ours->size(), unfit_.size()};
  });
}

/// First of all: it locks the row, so a second writer of the same journal, or what is left of a
/// connection that broke while it committed, is waited for and then noticed.
result<void> writing::move_cursor() {
  const auto moved = db_.run(
    "move the cursor",
    "UPDATE cursors SET segment = $2::bigint, \"offset\" = $3::bigint,"
    " last_sequence = $4::bigint WHERE number = $1::integer AND segment = $5::bigint"
    " AND \"offset\" = $6::bigint AND last_sequence = $7::bigint",
    {std::to_string(terms_.source), std::to_string(move_->to.segment),
     std::to_string(move_->to.offset), std::to_string(move_->to_sequence),
     std::to_string(move_->from.segment), std::to_string(move_->from.offset),
     std::to_string(move_->from_sequence)});
  if (!moved)
    return tl::unexpected(moved.error());
  if (moved->touched() == 1)
    return {};
  return fail(ec::sink_unavailable,
              db_.name()
                + ": the cursor was moved by another connection: a commit whose"
                  " answer was lost, a restored database, or a second node with"
                  " this name and journal; reading it again");
}

void writing::make_rows(const std::vector<const frame_view*>& ours) {
  rows_.clear();
  unfit_.clear();
  for (const auto* frame : ours) {
    auto id = terms_.source << source_shift | frame->first_sequence;
    for (const auto body : frame->records) {
      const row one{id++, frame, body};
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
  if (copied || !is_about_data(db_))
    return copied.and_then([&] {
      return db_.script("leave a savepoint", "RELEASE careful").map([](const answer&) {});
    });
  auto reason = db_.reason();
  if (auto back =
        db_.script("go back to a savepoint", "ROLLBACK TO careful; RELEASE careful");
      !back)
    return tl::unexpected(back.error());
  if (rows.size() == 1) {
    unfit_.push_back({rows[0], std::move(reason)});
    return {};
  }
  const auto half = rows.size() / 2;
  return copy_carefully(rows.first(half)).and_then([&] {
    return copy_carefully(rows.subspan(half));
  });
}

result<void> writing::set_aside() {
  for (const auto& [what, reason] : unfit_) {
    const auto& frame = *what.frame;
    const auto kept = db_.run(
      "set a record aside",
      "INSERT INTO records_set_aside (id, received_at, batch, stream, reason, body)"
      " VALUES ($1::bigint, $2::timestamptz, $3::uuid, $4, $5, $6)",
      {std::to_string(what.id), timestamp(frame.received_at_us), uuid_of(frame.key),
       std::string{frame.stream}, reason, std::string{what.body}});
    if (!kept)
      return tl::unexpected(kept.error());
  }
  return {};
}

} // namespace

result<write_report> write_frames(connection& db, std::span<const frame_view> frames,
                                  const claim_terms& terms,
                                  const std::optional<cursor_move>& move) {
  return writing{db, frames, terms, move}.run();
}

} // namespace weir::postgres
