#include "records/work.hpp"

#include "records/decode.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace weir {

namespace {

static_assert(text_padding >= simdjson::SIMDJSON_PADDING,
              "simdjson reads this far behind a text");

/// The batch under construction. Text is copied only when some record's text is not
/// already what will be stored; else the new batch shares the old one's.
class result_builder {
 public:
  result_builder(const record_batch& from, bool copies_text) : from_(from) {
    next_->source = from.source;
    next_->rejections = from.rejections;
    next_->dropped = from.dropped;
    next_->dropped.resize(from.source->parts.size());
    next_->records.reserve(from.records.size());
    if (copies_text)
      text_.reserve(from.text->size() + from.text->size() / 2 + text_padding);
  }

  std::string& text() noexcept { return text_; }

  /// The record stays where it is in the shared text.
  void keep(const record_ref& ref) { next_->records.push_back(ref); }

  /// The record's new text is what was appended to text() since `begin`.
  void keep_copied(record_ref ref, size_t begin) {
    ref.offset = static_cast<uint32_t>(begin);
    ref.size = static_cast<uint32_t>(text_.size() - begin);
    next_->records.push_back(ref);
  }

  void drop(const record_ref& ref) { ++next_->dropped[ref.part]; }

  void refuse(const record_ref& ref, reject code, std::string pointer, std::string detail,
              const stream_settings& settings) {
    const bool stored = settings.dead_letters == dead_letter_policy::store;
    next_->rejections.push_back(
      {ref.part, ref.record, ref.line, code, std::move(pointer), std::move(detail),
       stored ? std::string{from_.text_of(ref)} : std::string{}});
  }

  batch_ptr finish(bool copies_text) {
    if (copies_text) {
      text_.reserve(text_.size() + text_padding);
      next_->text = std::make_shared<const std::string>(std::move(text_));
    } else {
      next_->text = from_.text;
    }
    return next_;
  }

 private:
  const record_batch& from_;
  std::string text_;
  std::shared_ptr<record_batch> next_ = std::make_shared<record_batch>();
};

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
    if (!part.header) // of a peer's making
      return decode_failure{reject::ragged_row, "the batch has no header"};
    return csv_to_json(record, *part.header, out);
  case body_format::text:
    return text_to_json(record, out);
  case body_format::json:
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

class validator {
 public:
  validator(const record_batch& batch, const stream_spec& spec, work_scratch& scratch)
    : batch_(batch), spec_(spec), scratch_(scratch), copies_(!stored_as_it_came(batch)),
      out_(batch, copies_) {
    scratch_.outline.clear();
    const size_t depth = spec.settings.json_depth_max + 1; // the scalars inside count
    if (scratch.parser.max_depth() != depth) {
      [[maybe_unused]] const auto failed =
        scratch.parser.allocate(scratch.parser.capacity(), depth);
      // Out of memory: parse() runs into it too, and says so.
    }
  }

  void check(const record_ref& ref) {
    if (!copies_) {
      if (matches(ref, batch_.text_of(ref))) {
        out_.keep(ref);
        remember();
      }
      return;
    }
    auto& text = out_.text();
    const auto begin = text.size();
    if (auto failure =
          append_decoded(batch_.text_of(ref), batch_.source->parts[ref.part], text))
      return out_.refuse(ref, failure->code, {}, std::move(failure->detail),
                         spec_.settings);
    text.reserve(text.size() + text_padding);
    if (matches(ref, std::string_view{text}.substr(begin))) {
      out_.keep_copied(ref, begin);
      remember();
    } else {
      text.resize(begin);
    }
  }

  batch_ptr finish() {
    auto made = out_.finish(copies_);
    scratch_.outline.belongs_to(made);
    return made;
  }

 private:
  void remember() {
    if (!spec_.steps->empty())
      scratch_.outline.add(scratch_.parser);
  }

  bool matches(const record_ref& ref, std::string_view text) {
    return surely_matches(text) || parses_and_matches(ref, text);
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

  bool parses_and_matches(const record_ref& ref, std::string_view text) {
    simdjson::dom::element record;
    if (const auto error =
          scratch_.parser.parse(text.data(), text.size(), false).get(record)) {
      out_.refuse(ref, reject_code_of(error), {}, simdjson::error_message(error),
                  spec_.settings);
      return false;
    }
    if (!record.is_object()) {
      out_.refuse(ref, reject::not_an_object, {}, "a record is a JSON object",
                  spec_.settings);
      return false;
    }
    if (!spec_.check)
      return true;
    auto broken = spec_.check->check(record);
    if (!broken)
      return true;
    out_.refuse(ref, reject::schema_violation, std::move(broken->pointer),
                std::move(broken->detail), spec_.settings);
    return false;
  }

  static constexpr uint32_t untried_max = 63;

  const record_batch& batch_;
  const stream_spec& spec_;
  work_scratch& scratch_;
  uint32_t pause_ = 0;   ///< after the last one that was not certain
  uint32_t untried_ = 0; ///< records of it that are left
  bool copies_;
  result_builder out_;
};

/// The stream was there when the request was admitted; a reload that removes one keeps
/// the old catalog's stream until its batches are through, so a missing one is a bug.
const stream_spec& spec_of(const record_batch& batch, const catalog& streams) {
  const auto* spec = streams.find_any(batch.source->stream);
  if (spec == nullptr)
    throw std::logic_error("no such stream: " + batch.source->stream);
  return *spec;
}

} // namespace

batch_ptr validate(const record_batch& batch, const catalog& streams,
                   work_scratch& scratch, std::atomic<uint32_t>& mark) {
  validator work{batch, spec_of(batch, streams), scratch};
  for (uint32_t i = 0; i < batch.records.size(); ++i) {
    mark.store(i, std::memory_order_relaxed);
    work.check(batch.records[i]);
  }
  mark.store(UINT32_MAX, std::memory_order_relaxed);
  return work.finish();
}

batch_ptr transform(const record_batch& batch, const catalog& streams,
                    work_scratch& scratch, std::atomic<uint32_t>& mark) {
  const auto& spec = spec_of(batch, streams);
  const bool copies = !spec.steps->empty();
  const bool outlined = scratch.outline.is_of(batch);
  result_builder out{batch, copies};
  record_context context{batch.source->stream, {}, batch.source->received_at_us};
  for (uint32_t i = 0; i < batch.records.size(); ++i) {
    const auto& ref = batch.records[i];
    if (!copies) {
      out.keep(ref);
      continue;
    }
    mark.store(i, std::memory_order_relaxed);
    context.client = batch.source->parts[ref.part].client;
    const auto begin = out.text().size();
    auto outcome =
      spec.steps->run(batch.text_of(ref), context, *scratch.transform, out.text(),
                      outlined ? scratch.outline.of(i) : token_offsets{});
    switch (outcome.what) {
    case transform_outcome::kind::kept:
      out.keep_copied(ref, begin);
      break;
    case transform_outcome::kind::dropped:
      out.drop(ref);
      break;
    case transform_outcome::kind::rejected:
      out.refuse(ref, reject::transform_failed, std::move(outcome.pointer),
                 std::move(outcome.detail), spec.settings);
      break;
    }
  }
  mark.store(UINT32_MAX, std::memory_order_relaxed);
  return out.finish(copies);
}

} // namespace weir
