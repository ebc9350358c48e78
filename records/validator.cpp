#include "records/validator.hpp"

#include "records/batch_result.hpp"
#include "records/formats/kind.hpp"
#include "records/json/limits.hpp"
#include "records/json/mistake.hpp"
#include "records/json/text.hpp"

#include <cstring>
#include <optional>
#include <utility>

namespace weir {

namespace {

static_assert(text_padding >= simdjson::SIMDJSON_PADDING,
              "simdjson reads this far behind a text");

/// True when validation leaves every text as it is: JSON without line ends inside.
bool stored_as_it_came(const record_batch& batch) {
  bool may_have_line_ends = false;
  for (const auto& part : batch.source->parts)
    switch (kind_of(part.format).record) {
    case record_bytes::line_of_json:
      break;
    case record_bytes::json:
      may_have_line_ends = true;
      break;
    case record_bytes::other:
      return false;
    }
  return !may_have_line_ends
         || std::memchr(batch.text->data(), '\n', batch.text->size()) == nullptr;
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

} // namespace

validator::validator(const record_batch& batch, const stream_spec& spec,
                     work_scratch& scratch, std::string& decoded,
                     std::vector<rejection>& refused)
  : batch_(batch), spec_(spec), scratch_(scratch), decoded_(decoded), refused_(refused),
    decodes_(!stored_as_it_came(batch)), large_(scratch) {
  let_nest(spec.settings.json_depth_max);
}

bool validator::decode_and_check(record_ref& ref) {
  const auto begin = decoded_.size();
  const auto& part = batch_.source->parts[ref.part];
  if (&part != part_) {
    part_ = &part;
    decode_ = kind_of(part.format).decode;
  }
  if (auto failure = decode_(batch_.text_of(ref), part, decoded_)) {
    refuse(ref, failure->code, {}, failure->detail + last_line_of(ref));
    decoded_.resize(begin);
    return false;
  }
  // The parser reads beyond the end; a record that is refused leaves no text.
  decoded_.reserve(decoded_.size() + text_padding);
  if (!matches(ref, std::string_view{decoded_}.substr(begin))) {
    decoded_.resize(begin);
    return false;
  }
  ref.offset = static_cast<uint32_t>(begin);
  ref.size = static_cast<uint32_t>(decoded_.size() - begin);
  return true;
}

bool validator::parses_and_matches(const record_ref& ref, std::string_view text) {
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
  // A stream without a schema takes every object.
  if (!spec_.check)
    return true;
  auto broken = spec_.check->check(record);
  if (!broken)
    return true;
  refuse(ref, reject::schema_violation, std::move(broken->pointer),
         std::move(broken->detail));
  return false;
}

simdjson::error_code validator::parse(std::string_view text,
                                      simdjson::dom::element& record) {
  return scratch_.parser.parse(text.data(), text.size(), false).get(record);
}

/// Parses a record again that the parser finds too deep, because it has something at the last
/// level: the second look lets that be.
simdjson::error_code validator::parse_deepest(std::string_view text,
                                              simdjson::dom::element& record) {
  const size_t levels = spec_.settings.json_depth_max;
  if (nests_deeper(text, levels))
    return simdjson::DEPTH_ERROR;
  let_nest(levels + 1);
  const auto error = parse(text, record);
  let_nest(levels);
  return error;
}

/// The parser counts containers that have something in them: it lets an empty one be one level
/// deeper.
void validator::let_nest(size_t levels) {
  if (scratch_.parser.max_depth() == levels)
    return;
  [[maybe_unused]] const auto failed =
    scratch_.parser.allocate(scratch_.parser.capacity(), levels);
  // Out of memory: parse() runs into it too, and says so.
}

// -- what is said of a record that is refused

void validator::refuse(const record_ref& ref, reject code, std::string pointer,
                       std::string detail) {
  refused_.push_back(make_rejection(ref, code, std::move(pointer), std::move(detail),
                                    batch_.text_of(ref), spec_.settings));
}

/// Why the parser refused the record, in our words: its own say neither what nor where.
std::string validator::detail_of(simdjson::error_code error,
                                 const record_ref& ref) const {
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

/// The place is in the record as it came, not in what was made of it.
std::string validator::mistake_of(const record_ref& ref) const {
  const auto text = batch_.text_of(ref);
  const auto line = batch_.source->parts[ref.part].line_base + ref.line + 1;
  if (const auto mistake = find_json_mistake(text))
    return at_column(text, mistake->at, line, mistake->what);
  // Its grammar is right, so it is a number that nobody can hold.
  const auto number = find_unheld_number(text);
  if (number.empty())
    return at_column(text, 0, line, "the record that begins here is not JSON");
  const auto at = static_cast<size_t>(number.data() - text.data());
  return at_column(text, at, line,
                   steps::echo(number) + " is " + std::string{unheld_number_text}
                     + "; send it as text");
}

/// Says where a row over several lines ends: a quote too many swallows the rows after it, and
/// whoever looks for them should know up to where.
std::string validator::last_line_of(const record_ref& ref) const {
  const auto& part = batch_.source->parts[ref.part];
  auto text = batch_.text_of(ref);
  if (text.ends_with('\n'))
    text.remove_suffix(1);
  const auto ends = std::count(text.begin(), text.end(), '\n');
  if (ends == 0)
    return {};
  return "; the row goes on to line "
         + std::to_string(part.line_base + ref.line + 1 + static_cast<uint64_t>(ends));
}

} // namespace weir
