#include "records/work.hpp"

#include "base/clock.hpp"
#include "records/formats/decode.hpp"
#include "records/json/limits.hpp"
#include "records/json/mistake.hpp"
#include "records/json/text.hpp"
#include "records/transformer.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace weir {

namespace {

static_assert(text_padding >= simdjson::SIMDJSON_PADDING,
              "simdjson reads this far behind a text");

/// Begins a batch made of `from`, with room for all its records and none of them.
std::shared_ptr<record_batch> begin_result(const record_batch& from) {
  auto made = std::make_shared<record_batch>();
  made->source = from.source;
  made->rejections = from.rejections;
  made->dropped = from.dropped;
  made->dropped.resize(from.source->parts.size());
  made->records.reserve(from.records.size());
  return made;
}

batch_ptr finish(std::shared_ptr<record_batch> made, std::string text) {
  text.reserve(text.size() + text_padding);
  made->text = std::make_shared<const std::string>(std::move(text));
  return made;
}

/// True when validation leaves every text as it is: JSON without line ends inside.
bool stored_as_it_came(const record_batch& batch) {
  for (const auto& part : batch.source->parts)
    if (part.format != body_format::ndjson && part.format != body_format::json)
      return false;
  return std::memchr(batch.text->data(), '\n', batch.text->size()) == nullptr
         || std::all_of(
           batch.source->parts.begin(), batch.source->parts.end(),
           [](const batch_part& p) { return p.format == body_format::ndjson; });
}

void append_minified(std::string_view record, std::string& out) {
  const auto begin = out.size();
  out.resize(begin + record.size() + text_padding);
  size_t size = 0;
  if (simdjson::minify(record.data(), record.size(), out.data() + begin, size))
    size = 0; // an unclosed string: the parser says so next
  out.resize(begin + size);
}

/// Appends the record as one JSON object to `out`, whatever format it came in.
std::optional<decode_failure> append_decoded(std::string_view record,
                                             const batch_part& part, std::string& out) {
  switch (part.format) {
  case body_format::csv:
    if (!part.header) // a peer has made the batch
      return decode_failure{reject::ragged_row, "the batch has no header"};
    return csv_to_json(record, *part.header, out);
  case body_format::text:
    return text_to_json(record, out);
  case body_format::json:
  case body_format::json_seq:
    append_minified(record, out);
    return std::nullopt;
  case body_format::ndjson:
    out.append(record);
    return std::nullopt;
  }
  return decode_failure{reject::malformed_json, "unknown format"};
}

reject reject_code_of(simdjson::error_code error) {
  switch (error) {
  case simdjson::UTF8_ERROR:
    return reject::invalid_utf8;
  case simdjson::DEPTH_ERROR:
    return reject::too_deep;
  case simdjson::CAPACITY:
    return reject::record_too_large;
  default:
    return reject::malformed_json;
  }
}

/// A worker's own parser takes records up to this; its memory is about 14 times as much.
constexpr size_t small_record_bytes = size_t{32} << 10;
/// Longer than a large record takes, shorter than a worker counts as hung.
constexpr auto large_parse_wait = std::chrono::milliseconds{500};

/// Larger records are worked on by one worker at a time, so that only one parser is large; it is
/// small again before the next one may grow. Should a worker hang with one in hand, others do
/// not hang with it: they go on after a while.
class large_record_turn {
 public:
  explicit large_record_turn(work_scratch& scratch) noexcept : scratch_(scratch) {}
  large_record_turn(const large_record_turn&) = delete;
  large_record_turn& operator=(const large_record_turn&) = delete;
  ~large_record_turn() { end(); }

  void await(size_t bytes) {
    if (bytes > small_record_bytes && !begun_) {
      begun_ = true;
      turn_ = std::unique_lock{turns(), large_parse_wait};
    }
  }
  void end() {
    if (!std::exchange(begun_, false))
      return;
    const auto depth = scratch_.parser.max_depth();
    scratch_.parser = simdjson::dom::parser{};
    [[maybe_unused]] const auto failed = scratch_.parser.allocate(0, depth);
    scratch_.outline = record_outline{};
    if (turn_.owns_lock())
      turn_.unlock();
  }

 private:
  static std::timed_mutex& turns() {
    static std::timed_mutex all;
    return all;
  }

  work_scratch& scratch_;
  std::unique_lock<std::timed_mutex> turn_;
  bool begun_ = false;
};

/// Writes decoded texts and rejections to where it was told at its making.
class validator {
 public:
  validator(const record_batch& batch, const stream_spec& spec, work_scratch& scratch,
            std::string& decoded, std::vector<rejection>& refused)
    : batch_(batch), spec_(spec), scratch_(scratch), decoded_(decoded), refused_(refused),
      decodes_(!stored_as_it_came(batch)), large_(scratch) {
    let_nest(spec.settings.json_depth_max);
  }

  /// Whether texts are decoded, else they stay in the batch's.
  bool decodes() const noexcept { return decodes_; }

  /// Whether the record stands. Then `ref` says where its JSON is, in text_of().
  bool check(record_ref& ref) {
    if (!decodes_)
      return matches(ref, batch_.text_of(ref));
    const auto begin = decoded_.size();
    if (auto failure =
          append_decoded(batch_.text_of(ref), batch_.source->parts[ref.part], decoded_)) {
      refuse(ref, failure->code, {}, failure->detail + last_line_of(ref));
      decoded_.resize(begin);
      return false;
    }
    decoded_.reserve(decoded_.size() + text_padding);
    if (!matches(ref, std::string_view{decoded_}.substr(begin))) {
      decoded_.resize(begin);
      return false;
    }
    ref.offset = static_cast<uint32_t>(begin);
    ref.size = static_cast<uint32_t>(decoded_.size() - begin);
    return true;
  }

  std::string_view text_of(const record_ref& ref) const noexcept {
    return decodes_ ? std::string_view{decoded_}.substr(ref.offset, ref.size)
                    : batch_.text_of(ref);
  }

  /// What the parser knows of the records so far is not asked for any more.
  void end_block() { large_.end(); }

  /// True: the record that was checked last has no backslash. False: that is not known.
  bool is_plain() const noexcept { return plain_; }

 private:
  void refuse(const record_ref& ref, reject code, std::string pointer,
              std::string detail) {
    refused_.push_back(make_rejection(ref, code, std::move(pointer), std::move(detail),
                                      batch_.text_of(ref), spec_.settings));
  }

  /// Says where a row over several lines ends: a quote too many swallows the rows after it, and
  /// whoever looks for them should know up to where.
  std::string last_line_of(const record_ref& ref) const {
    const auto& part = batch_.source->parts[ref.part];
    auto text = batch_.text_of(ref);
    if (text.ends_with('\n'))
      text.remove_suffix(1);
    const auto ends = std::count(text.begin(), text.end(), '\n');
    if (part.format != body_format::csv || ends == 0)
      return {};
    return "; the row goes on to line "
           + std::to_string(part.line_base + ref.line + 1 + static_cast<uint64_t>(ends));
  }

  bool matches(const record_ref& ref, std::string_view text) {
    large_.await(text.size());
    plain_ = surely_matches(text);
    return plain_ || parses_and_matches(ref, text);
  }

  /// By the parser's first pass alone. Where that is not enough, it is tried less and less
  /// often: the next records are probably alike.
  bool surely_matches(std::string_view text) {
    if (untried_ > 0) {
      --untried_;
      return false;
    }
    auto& parser = scratch_.parser;
    if (parser.capacity() < text.size()) // the whole parse makes room
      return false;
    if (schema::surely_admits(spec_.check.get(), parser, text, scratch_.order)) {
      pause_ = 0;
      return true;
    }
    pause_ = std::min(2 * pause_ + 1, untried_max);
    untried_ = pause_;
    return false;
  }

  /// What the parser's limit is of: containers that have something in them. It lets an empty
  /// one be as deep as it is high.
  void let_nest(size_t levels) {
    if (scratch_.parser.max_depth() == levels)
      return;
    [[maybe_unused]] const auto failed =
      scratch_.parser.allocate(scratch_.parser.capacity(), levels);
    // Out of memory: parse() runs into it too, and says so.
  }

  simdjson::error_code parse(std::string_view text, simdjson::dom::element& record) {
    return scratch_.parser.parse(text.data(), text.size(), false).get(record);
  }

  /// Parses a record again that the parser finds too deep, because it has something at the last
  /// level: the second look lets that be.
  simdjson::error_code parse_deepest(std::string_view text,
                                     simdjson::dom::element& record) {
    const size_t levels = spec_.settings.json_depth_max;
    if (nests_deeper(text, levels))
      return simdjson::DEPTH_ERROR;
    let_nest(levels + 1);
    const auto error = parse(text, record);
    let_nest(levels);
    return error;
  }

  /// Why the parser refused the record, in our words: its own say neither what nor where.
  std::string detail_of(simdjson::error_code error, const record_ref& ref) const {
    switch (error) {
    case simdjson::DEPTH_ERROR:
      return "nested deeper than " + std::to_string(spec_.settings.json_depth_max)
             + " levels (json_depth_max)";
    case simdjson::UTF8_ERROR:
      return "the record is not valid UTF-8";
    case simdjson::CAPACITY:
    case simdjson::MEMALLOC:
      return "the record is too long to be parsed";
    default:
      return mistake_of(ref);
    }
  }

  /// In the record as it came, not in what was made of it.
  std::string mistake_of(const record_ref& ref) const {
    const auto text = batch_.text_of(ref);
    const auto line = batch_.source->parts[ref.part].line_base + ref.line + 1;
    if (const auto mistake = find_json_mistake(text))
      return at_column(text, mistake->at, line, mistake->what);
    const auto number = find_unheld_number(text);
    if (number.empty())
      return at_column(text, 0, line, "the record that begins here is not JSON");
    const auto at = static_cast<size_t>(number.data() - text.data());
    return at_column(text, at, line,
                     steps::echo(number) + " is " + std::string{unheld_number_text}
                       + "; send it as text");
  }

  bool parses_and_matches(const record_ref& ref, std::string_view text) {
    simdjson::dom::element record;
    auto error = parse(text, record);
    if (error == simdjson::DEPTH_ERROR)
      error = parse_deepest(text, record);
    if (error) {
      refuse(ref, reject_code_of(error), {}, detail_of(error, ref));
      return false;
    }
    if (!record.is_object()) {
      refuse(ref, reject::not_an_object, {}, "a record is a JSON object");
      return false;
    }
    if (!spec_.check)
      return true;
    auto broken = spec_.check->check(record);
    if (!broken)
      return true;
    refuse(ref, reject::schema_violation, std::move(broken->pointer),
           std::move(broken->detail));
    return false;
  }

  static constexpr uint32_t untried_max = 63;

  const record_batch& batch_;
  const stream_spec& spec_;
  work_scratch& scratch_;
  std::string& decoded_;
  std::vector<rejection>& refused_;
  uint32_t pause_ = 0;   ///< after the last one that was not certain
  uint32_t untried_ = 0; ///< records of it that are left
  bool decodes_;
  bool plain_ = false;
  large_record_turn large_; ///< to the end of the batch, or of the block
};

/// The stream was there when the request was admitted; a reload that removes one keeps
/// the old catalog's stream until its batches are through, so a missing one is a bug.
const stream_spec& spec_of(const record_batch& batch, const catalog& current) {
  const auto& streams = batch.source->rules ? *batch.source->rules : current;
  const auto* spec = streams.find_any(batch.source->stream);
  if (spec == nullptr)
    throw std::logic_error("no such stream: " + batch.source->stream);
  return *spec;
}

/// What is validated before it is transformed: few enough for a core's nearest cache, enough
/// that nobody sees what the clock costs.
constexpr size_t block_records = 64;
constexpr size_t block_bytes = size_t{16} << 10;
constexpr size_t decoded_kept_max = size_t{128} << 10;

/// From `first` on; what stands is in the scratch. Where the next block begins.
uint32_t validate_block(const record_batch& batch, uint32_t first, validator& checks,
                        work_scratch& scratch, std::atomic<uint32_t>& mark) {
  scratch.block.clear();
  scratch.outline.clear();
  scratch.decoded.clear();
  const auto end = std::min(batch.records.size(), first + block_records);
  size_t bytes = 0;
  while (first < end && bytes < block_bytes) {
    mark.store(first, std::memory_order_relaxed);
    auto ref = batch.records[first];
    bytes += ref.size;
    if (checks.check(ref)) {
      scratch.block.push_back({ref, first});
      scratch.outline.add(scratch.parser, checks.is_plain());
    }
    ++first;
  }
  return first;
}

} // namespace

batch_ptr validate(const record_batch& batch, const catalog& streams,
                   work_scratch& scratch, std::atomic<uint32_t>& mark) {
  auto made = begin_result(batch);
  std::string decoded;
  validator checks{batch, spec_of(batch, streams), scratch, decoded, made->rejections};
  if (checks.decodes())
    reserve_for(batch, decoded);
  for (uint32_t i = 0; i < batch.records.size(); ++i) {
    mark.store(i, std::memory_order_relaxed);
    auto ref = batch.records[i];
    if (checks.check(ref))
      made->records.push_back(ref);
  }
  mark.store(UINT32_MAX, std::memory_order_relaxed);
  if (checks.decodes())
    return finish(std::move(made), std::move(decoded));
  made->text = batch.text;
  return made;
}

batch_ptr transform(const record_batch& batch, const catalog& streams,
                    work_scratch& scratch, std::atomic<uint32_t>& mark) {
  const auto& spec = spec_of(batch, streams);
  auto made = begin_result(batch);
  if (spec.steps->empty()) {
    made->records = batch.records;
    made->text = batch.text;
    return made;
  }
  transformer steps{batch, spec, *scratch.transform, *made};
  large_record_turn large{scratch};
  for (uint32_t i = 0; i < batch.records.size(); ++i) {
    mark.store(i, std::memory_order_relaxed);
    large.await(batch.records[i].size);
    steps.run(batch.records[i], batch.text_of(batch.records[i]), {});
  }
  mark.store(UINT32_MAX, std::memory_order_relaxed);
  auto text = steps.finish();
  return finish(std::move(made), std::move(text));
}

fused_batch validate_and_transform(const record_batch& batch, const catalog& streams,
                                   work_scratch& scratch, std::atomic<uint32_t>& mark,
                                   const clock_source& clock) {
  const auto& spec = spec_of(batch, streams);
  fused_batch done;
  if (spec.steps->empty()) {
    done.batch = validate(batch, streams, scratch, mark);
    done.transformed = done.batch->records.size();
    return done;
  }
  auto made = begin_result(batch);
  validator checks{batch, spec, scratch, scratch.decoded, made->rejections};
  transformer steps{batch, spec, *scratch.transform, *made};
  for (uint32_t next = 0; next < batch.records.size();) {
    next = validate_block(batch, next, checks, scratch, mark);
    const auto began = clock.now();
    for (size_t i = 0; i < scratch.block.size(); ++i) {
      const auto& [ref, index] = scratch.block[i];
      mark.store(index, std::memory_order_relaxed);
      steps.run(ref, checks.text_of(ref), scratch.outline.of(i));
    }
    checks.end_block();
    done.took += clock.now() - began;
    done.transformed += scratch.block.size();
  }
  mark.store(UINT32_MAX, std::memory_order_relaxed);
  if (scratch.decoded.capacity() > decoded_kept_max)
    std::string{}.swap(scratch.decoded); // `= {}` would keep its room
  auto text = steps.finish();
  done.batch = finish(std::move(made), std::move(text));
  return done;
}

} // namespace weir
