#include "storage/export.hpp"
#include "storage/open_sink.hpp"

#include <algorithm>

namespace weir {

namespace {

constexpr size_t read_records = 4096;
constexpr size_t read_bytes = size_t{4} << 20;

class exporter {
 public:
  exporter(const export_options& options, const journal_source& journal,
           const std::function<bool(const exported&)>& visit)
    : options_(options), journal_(journal), visit_(visit), stopped_(options.limit == 0) {}

  result<uint64_t> run();

 private:
  /// How reading the journal ended.
  enum class journal_part : uint8_t { done, gap };

  result<void> open_sink();
  result<void> visit_sink();
  result<journal_part> visit_journal();
  result<journal_part> visit_journal_from(journal_reader& reader);
  bool visit_frame(const frame_view& frame);
  bool is_own(uint64_t id) const noexcept;
  uint64_t id_base() const noexcept { return sink_ ? sink_->id_base() : 0; }
  bool visit_one(const exported& record);

  const export_options& options_;
  const journal_source& journal_;
  const std::function<bool(const exported&)>& visit_;
  std::unique_ptr<sink> sink_; ///< none: there is no sink yet
  sink_cursor cursor_;
  journal_position end_;
  uint64_t last_id_ = 0; ///< the last one looked at, even if filtered out
  uint64_t visited_ = 0;
  bool gaps_are_real_ = false;
  bool stopped_ = false;
};

/// Ids of other journals' records, in a sink they share, say nothing about this one's.
bool exporter::is_own(uint64_t id) const noexcept {
  return id >> id_base_shift == id_base() >> id_base_shift;
}

bool exporter::visit_one(const exported& record) {
  if (is_own(record.id))
    last_id_ = std::max(last_id_, record.id);
  if ((!options_.stream.empty() && record.stream != options_.stream)
      || record.received_at_us < options_.since_us
      || record.received_at_us >= options_.until_us)
    return true;
  ++visited_;
  stopped_ = !visit_(record) || visited_ == options_.limit;
  return !stopped_;
}

result<void> exporter::open_sink() {
  if (sink_)
    return sink_->refresh();
  if (!sink_exists(options_.sink))
    return {};
  auto opened = open_sink_read_only(options_.sink);
  if (!opened)
    return tl::unexpected(opened.error());
  sink_ = std::move(*opened);
  return {};
}

result<void> exporter::visit_sink() {
  if (auto ready = open_sink(); !ready)
    return ready;
  cursor_ = sink_ ? sink_->cursor() : sink_cursor{};
  if (!sink_)
    return {};
  std::string batch;
  return sink_->each_after(last_id_, [&](const stored_record& record) {
    batch = record.batch ? to_hex(*record.batch) : std::string{};
    return visit_one(
      {record.id, record.stream, record.received_at_us, batch, record.body});
  });
}

bool exporter::visit_frame(const frame_view& frame) {
  const auto batch = to_hex(frame.key);
  auto id = id_base() + frame.first_sequence;
  for (const auto body : frame.records) {
    const exported record{id++, frame.stream, frame.received_at_us, batch, body};
    if (record.id > last_id_ && !visit_one(record))
      return false;
  }
  return true;
}

result<exporter::journal_part> exporter::visit_journal_from(journal_reader& reader) {
  while (reader.position() < end_) {
    const auto frames = reader.read(end_, read_records, read_bytes);
    if (!frames)
      return tl::unexpected(frames.error());
    if (frames->empty())
      break;
    const auto elsewhere =
      sink_ ? sink_->stored_already(*frames) : result<std::vector<bool>>{frames->size()};
    if (!elsewhere)
      return tl::unexpected(elsewhere.error());
    for (size_t i = 0; i < frames->size(); ++i) {
      const auto& frame = (*frames)[i];
      const auto first = id_base() + frame.first_sequence;
      const auto known = std::max(last_id_, id_base() + cursor_.last_sequence);
      // Records are missing before this frame: their segment may have been deleted meanwhile.
      if (!gaps_are_real_ && !frame.records.empty() && first > known + 1)
        return journal_part::gap;
      if ((*elsewhere)[i])
        last_id_ = std::max(last_id_, first + frame.records.size() - 1);
      else if (!visit_frame(frame))
        return journal_part::done;
    }
  }
  return journal_part::done;
}

result<exporter::journal_part> exporter::visit_journal() {
  if (stopped_ || cursor_.position >= end_)
    return journal_part::done;
  auto reader = journal_.open(cursor_.position);
  if (!reader)
    return tl::unexpected(reader.error());
  return visit_journal_from(**reader);
}

result<uint64_t> exporter::run() {
  auto end = journal_.end();
  if (!end)
    return tl::unexpected(end.error());
  end_ = *end;
  while (!stopped_) {
    if (auto visited = visit_sink(); !visited)
      return tl::unexpected(visited.error());
    const auto part = visit_journal();
    if (part && *part == journal_part::done)
      break;
    // A segment is missing. If the sink has gone on since, it has what was in it; if not,
    // an error is real, and a gap is a place that recovery has quarantined.
    if (auto again = open_sink(); !again)
      return tl::unexpected(again.error());
    const bool moved = sink_ && sink_->cursor().position > cursor_.position;
    if (!part && !moved)
      return tl::unexpected(part.error());
    gaps_are_real_ = !moved;
  }
  return visited_;
}

} // namespace

result<uint64_t> export_records(const export_options& options,
                                const journal_source& journal,
                                const std::function<bool(const exported&)>& visit) {
  return exporter{options, journal, visit}.run();
}

} // namespace weir
