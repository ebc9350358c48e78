#include "records/schema/compiler.hpp"
#include "records/schema/text.hpp"

#include <algorithm>

namespace weir::schema_detail {

const compiler::keyword_entry* compiler::find_keyword(std::string_view name) noexcept {
  // Sorted by name for lower_bound().
  static constexpr keyword_entry keywords[] = {
    {"$comment", &compiler::note_text},
    {"$defs", &compiler::definitions},
    {"$id", &compiler::identifier},
    {"$ref", &compiler::reference},
    {"$schema", &compiler::dialect},
    {"additionalProperties", &compiler::additional_properties},
    {"allOf", &compiler::combination},
    {"anyOf", &compiler::combination},
    {"const", &compiler::constant},
    {"default", &compiler::note_any},
    {"dependentRequired", &compiler::dependent_required},
    {"deprecated", &compiler::note_flag},
    {"description", &compiler::note_text},
    {"else", &compiler::then_or_else},
    {"enum", &compiler::values},
    {"examples", &compiler::note_list},
    {"exclusiveMaximum", &compiler::number_bound},
    {"exclusiveMinimum", &compiler::number_bound},
    {"format", &compiler::text_format},
    {"if", &compiler::condition},
    {"items", &compiler::items},
    {"maxItems", &compiler::array_size},
    {"maxLength", &compiler::text_length},
    {"maxProperties", &compiler::object_size},
    {"maximum", &compiler::number_bound},
    {"minItems", &compiler::array_size},
    {"minLength", &compiler::text_length},
    {"minProperties", &compiler::object_size},
    {"minimum", &compiler::number_bound},
    {"multipleOf", &compiler::multiple_of},
    {"not", &compiler::negation},
    {"oneOf", &compiler::combination},
    {"pattern", &compiler::text_pattern},
    {"patternProperties", &compiler::pattern_properties},
    {"prefixItems", &compiler::prefix_items},
    {"properties", &compiler::properties},
    {"readOnly", &compiler::note_flag},
    {"required", &compiler::required},
    {"then", &compiler::then_or_else},
    {"title", &compiler::note_text},
    {"type", &compiler::type},
    {"uniqueItems", &compiler::unique_items},
    {"writeOnly", &compiler::note_flag},
  };
  const auto found =
    std::lower_bound(std::begin(keywords), std::end(keywords), name,
                     [](const keyword_entry& entry, std::string_view wanted) {
                       return entry.name < wanted;
                     });
  return found != std::end(keywords) && found->name == name ? found : nullptr;
}

/// Reads a non-negative integer; 2.0 is one.
bool compiler::count(std::string_view name, element value, uint64_t& out) {
  const number given =
    value.is_number() ? normalized(number::of(value)) : number::of(-1.5);
  if (given.what == number::kind::real || compare(given, number::of(int64_t{0})) < 0)
    return error(quote(name) + " must be a non-negative integer, got " + show(value));
  out = given.what == number::kind::uint64 ? given.u : static_cast<uint64_t>(given.i);
  return true;
}

bool compiler::type(std::string_view, element value, draft& to) {
  to.made.types = 0;
  if (!value.is_array())
    return one_type(value, to.made.types);
  size_t position = 0;
  for (const element each : items_of(value)) {
    const place here(*this, std::to_string(position++));
    if (!one_type(each, to.made.types))
      return false;
  }
  return position > 0 || error("\"type\" must name at least one type");
}

bool compiler::one_type(element value, uint8_t& types) {
  static constexpr std::pair<std::string_view, uint8_t> known[] = {
    {"null", type_null},       {"boolean", type_boolean},
    {"integer", type_integer}, {"number", type_number | type_integer},
    {"string", type_string},   {"array", type_array},
    {"object", type_object}};
  if (value.is_string())
    for (const auto& [name, bits] : known)
      if (text_of(value) == name) {
        types |= bits;
        return true;
      }
  return error("unknown type " + show(value)
               + "; use null, boolean, integer, number, string, array or object");
}

bool compiler::values(std::string_view, element value, draft& to) {
  if (!value.is_array())
    return error("\"enum\" must be an array of values, got "
                 + std::string(type_name(value)));
  value_set set;
  std::vector<std::string> strings;
  for (const element each : items_of(value)) {
    if (each.is_string())
      strings.emplace_back(text_of(each));
    else
      set.others.push_back(each);
  }
  if (strings.empty() && set.others.empty())
    return error("\"enum\" is empty: no value could match; list at least one");
  std::sort(strings.begin(), strings.end());
  // A name table needs distinct names; JSON Schema allows a value to be listed twice.
  strings.erase(std::unique(strings.begin(), strings.end()), strings.end());
  set.strings = name_table(std::move(strings));
  to.made.values = static_cast<index>(out_.values.size());
  out_.values.push_back(std::move(set));
  return true;
}

bool compiler::constant(std::string_view, element value, draft& to) {
  value_set set;
  set.is_const = true;
  if (value.is_string())
    set.strings = name_table({std::string(text_of(value))});
  else
    set.others.push_back(value);
  to.made.constant = static_cast<index>(out_.values.size());
  out_.values.push_back(std::move(set));
  return true;
}

bool compiler::number_bound(std::string_view name, element value, draft& to) {
  if (!value.is_number())
    return error(quote(name) + " must be a number, got " + show(value)
                 + (value.is_bool() ? "; since draft 6 it is the bound itself" : ""));
  // 2.0 becomes 2: compare() is fastest for two integers.
  const number bound = normalized(number::of(value));
  to.has_number = true;
  if (name == "minimum") {
    to.number.min = bound;
    to.number.parts |= number_rule::minimum;
  } else if (name == "maximum") {
    to.number.max = bound;
    to.number.parts |= number_rule::maximum;
  } else if (name == "exclusiveMinimum") {
    to.number.exclusive_min = bound;
    to.number.parts |= number_rule::above;
  } else {
    to.number.exclusive_max = bound;
    to.number.parts |= number_rule::below;
  }
  return true;
}

bool compiler::multiple_of(std::string_view, element value, draft& to) {
  if (!value.is_number() || compare(number::of(value), number::of(int64_t{0})) <= 0)
    return error("\"multipleOf\" must be a number above 0, got " + show(value));
  to.has_number = true;
  to.number.divisor = normalized(number::of(value));
  to.number.parts |= number_rule::multiple;
  return true;
}

bool compiler::text_length(std::string_view name, element value, draft& to) {
  to.has_text = true;
  return count(name, value,
               name == "minLength" ? to.text.length_min : to.text.length_max);
}

bool compiler::compile_pattern(std::string_view regex, index& out) {
  auto compiled = pattern::compile(regex);
  if (!compiled)
    return error("the regular expression " + quote(regex) + " is not valid (RE2 syntax): "
                 + quote(compiled.error().text, detail_bytes_max));
  if (compiled->needs_regex() && ++regexes_ > regexes_max)
    return error(
      "more than " + std::to_string(regexes_max)
      + " regular expressions; a plain one (^[a-z]+$, ^(?:a|b)$) does not count");
  out = static_cast<index>(out_.patterns.size());
  out_.patterns.push_back(std::move(*compiled));
  return true;
}

bool compiler::text_pattern(std::string_view, element value, draft& to) {
  if (!value.is_string())
    return error("\"pattern\" must be a string, got " + std::string(type_name(value)));
  to.has_text = true;
  return compile_pattern(text_of(value), to.text.pattern);
}

bool compiler::text_format(std::string_view, element value, draft& to) {
  to.has_text = true;
  to.text.shape = value.is_string() ? find_format(text_of(value)) : nullptr;
  return to.text.shape
         || error("unknown format " + show(value) + "; use one of "
                  + std::string(format_names()));
}

bool compiler::dialect(std::string_view, element value, draft&) {
  constexpr std::string_view ours = "https://json-schema.org/draft/2020-12/schema";
  if (value.is_string()) {
    const std::string_view given = text_of(value);
    if (given == ours
        || (given.ends_with('#') && given.substr(0, given.size() - 1) == ours))
      return true;
  }
  return error("\"$schema\" must be \"" + std::string(ours) + "\" or absent, got "
               + show(value));
}

/// Only the root may have an $id: an inner one would change what `#/…` means below it.
bool compiler::identifier(std::string_view name, element value, draft& to) {
  if (to.depth > 0)
    return error("\"$id\" is supported at the root only; use $defs and local references");
  return note_text(name, value, to);
}

bool compiler::note_text(std::string_view name, element value, draft&) {
  return value.is_string()
         || error(quote(name) + " must be a string, got "
                  + std::string(type_name(value)));
}

bool compiler::note_flag(std::string_view name, element value, draft&) {
  return value.is_bool()
         || error(quote(name) + " must be true or false, got " + show(value));
}

bool compiler::note_list(std::string_view name, element value, draft&) {
  return value.is_array()
         || error(quote(name) + " must be an array, got "
                  + std::string(type_name(value)));
}

bool compiler::note_any(std::string_view, element, draft&) {
  return true;
}

} // namespace weir::schema_detail
