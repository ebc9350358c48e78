// Runs a file through framer, validate and transform as the node would, one batch at a
// time.
#include "app/commands/check.hpp"
#include "app/config/units.hpp"
#include "app/send/file_source.hpp"
#include "base/printable.hpp"
#include "records/formats/framer.hpp"
#include "records/formats/kind.hpp"
#include "records/formats/sniff.hpp"
#include "records/fuse.hpp"

#include <algorithm>
#include <ostream>
#include <utility>

#include <fmt/format.h>

namespace weir {
namespace {

constexpr size_t piece_bytes = size_t{1} << 20;
constexpr uint64_t dry_run_seed = 1; ///< the same file gives the same samples

class dry_runner {
 public:
  dry_runner(catalog_ptr streams, const check_options& options, std::ostream& out)
    : streams_(std::move(streams)), spec_(*streams_->find(options.stream)),
      options_(options), format_(options.format.format), out_(out), work_(dry_run_seed) {}

  result<dry_run_totals> run(const byte_source& read, size_t records_max) {
    for (bool at_end = false;;) {
      // A source may give less than it takes to say what the file is.
      do {
        const auto got = at_end ? result<size_t>{0} : read_piece(read);
        if (!got)
          return tl::unexpected(got.error());
        at_end = *got == 0;
      } while (!at_end && !format_ && window_.size() < sniff_bytes_min);
      if (!format_) {
        format_ = sniff(std::string_view{window_}.substr(0, sniff_bytes_min),
                        limits().csv.delimiter);
        is_guess_ = may_be_mistaken(*format_);
      }
      if (!framer_)
        framer_.emplace(*format_, limits());
      auto done = run_window(at_end, records_max);
      if ((!done || at_end) && reads_as_text_instead())
        done = run_window(at_end, records_max);
      if (!done)
        return tl::unexpected(done.error());
      if (at_end && totals_.stored + totals_.rejected + totals_.dropped == 0)
        return fail(ec::malformed_body, "the body has no records: the node answers 400");
      if (at_end)
        return totals_;
    }
  }

 private:
  framing_limits limits() const noexcept {
    framing_limits out;
    out.record_bytes_max = spec_.settings.record_bytes_max;
    out.csv = options_.format.dialect(spec_.settings.csv);
    return out;
  }

  result<size_t> read_piece(const byte_source& read) {
    const auto had = window_.size();
    window_.resize(had + piece_bytes);
    auto got = read(window_.data() + had, piece_bytes);
    window_.resize(had + (got ? *got : 0));
    return got;
  }

  /// As the node does with what looked like rows and has none that can be read.
  bool reads_as_text_instead() {
    if (!std::exchange(is_guess_, false))
      return false;
    format_ = last_resort().format;
    framer_.emplace(*format_, limits());
    return true;
  }

  /// Everything that is whole in the window, batch by batch.
  result<void> run_window(bool at_end, size_t records_max) {
    for (;;) {
      refs_.clear();
      const auto scanned = framer_->scan(window_, at_end, records_max, refs_);
      const bool more = refs_.size() == records_max;
      if (!refs_.empty())
        run_batch();
      if (!scanned)
        return scanned;
      if (!more)
        return {};
    }
  }

  void run_batch() {
    is_guess_ = false;
    const auto consumed = framer_->consumed();
    auto arrived = std::make_shared<envelope>();
    arrived->stream = options_.stream;
    arrived->received_at_us = clock_.unix_us();
    arrived->bytes.reserve(consumed + text_padding);
    arrived->bytes.assign(window_, 0, consumed);
    batch_part part;
    part.format = framed_as(*format_);
    part.record_base = framer_->record_base();
    part.line_base = framer_->line_base();
    part.records = static_cast<uint32_t>(refs_.size());
    part.header = framer_->header();
    part.client = "127.0.0.1";
    arrived->parts.push_back(std::move(part));
    record_batch batch;
    batch.text = std::shared_ptr<const std::string>{arrived, &arrived->bytes};
    batch.source = std::move(arrived);
    batch.records = refs_;
    batch.dropped.assign(1, 0);
    print(*work_on(batch));
    window_.erase(0, consumed);
    framer_->rebase();
  }

  batch_ptr work_on(const record_batch& batch) {
    std::atomic<uint32_t> mark{0};
    return validate_and_transform(batch, *streams_, work_, mark, clock_).batch;
  }

  /// Merges what stands and what was rejected back into the file's order; what is in
  /// neither was dropped.
  void print(const record_batch& done) {
    std::vector<const rejection*> rejected;
    for (const auto& r : done.rejections)
      rejected.push_back(&r);
    std::sort(rejected.begin(), rejected.end(),
              [](const auto* a, const auto* b) { return a->record < b->record; });
    auto kept = done.records.begin();
    auto refused = rejected.begin();
    for (const auto& ref : refs_) {
      if (kept != done.records.end() && kept->record == ref.record) {
        while (kept != done.records.end() && kept->record == ref.record) // its parts
          out_ << printable_json(done.text_of(*kept++)) << '\n';
        ++totals_.stored;
      } else if (refused != rejected.end() && (*refused)->record == ref.record) {
        print_rejected(**refused++);
      } else {
        out_ << fmt::format("dropped {}\n", place(ref.record, ref.line));
        ++totals_.dropped;
      }
    }
  }

  void print_rejected(const rejection& r) {
    out_ << fmt::format("rejected {} {}{}{} {}\n", place(r.record, r.line),
                        to_string(r.code), r.pointer.empty() ? "" : " ",
                        one_line(r.pointer), one_line(r.detail));
    ++totals_.rejected;
  }

  /// Counted from 1, as in an answer.
  std::string place(uint32_t record, uint32_t line) const {
    return fmt::format("record {} line {}", framer_->record_base() + record + 1,
                       framer_->line_base() + line + 1);
  }

  const system_clock_source clock_{};
  catalog_ptr streams_;
  const stream_spec& spec_;
  const check_options& options_;
  std::optional<body_format> format_;
  std::ostream& out_;
  bool is_guess_ = false; ///< the format, which may be wrong; nothing was read so far
  work_scratch work_;
  std::optional<framer> framer_;
  std::string window_;
  std::vector<record_ref> refs_;
  dry_run_totals totals_;
};

} // namespace

result<dry_run_totals> dry_run(const config& settings, catalog_ptr streams,
                               const check_options& options, std::ostream& out) {
  const auto source = open_source(options.dry_run);
  if (!source)
    return tl::unexpected(source.error());
  return dry_runner{std::move(streams), options, out}.run(source->read,
                                                          settings.ingest.batch_records);
}

} // namespace weir
