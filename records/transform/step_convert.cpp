#include "records/transform/step_convert.hpp"

#include "records/json/limits.hpp"
#include "records/schema/number.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace weir::steps {

namespace {

constexpr std::array<std::string_view, 5> type_names = {"int", "float", "bool", "string",
                                                        "timestamp"};
constexpr std::array<std::string_view, 4> unix_names = {"unix", "unix_ms", "unix_us",
                                                        "unix_ns"};
constexpr std::array<std::string_view, 5> nouns = {"an integer", "a number",
                                                   "true or false", "text", "a time"};

// A value, or nothing when the text is not what was asked for.
using converted = std::optional<value>;

value number_value(std::string_view digits, arena& memory) {
  return value::json(memory.copy(digits));
}

// Reads `-?[0-9]+` within 64 bits and drops leading zeros.
converted to_integer(const value& v, std::string_view text, step_run& run) {
  const bool negative = text.starts_with('-');
  auto digits = text.substr(negative ? 1 : 0);
  if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos)
    return std::nullopt;
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size() - 1));
  const bool signed_zero = negative && digits == "0";
  const auto written = text.substr(text.size() - digits.size() - (negative ? 1 : 0));
  // Without leading zeros the text is the JSON number already, and nothing is copied.
  if (written.size() == text.size() && !signed_zero) {
    if (!is_held(text))
      return std::nullopt;
    return v.is == value::form::json ? v : value::json(text);
  }
  if (signed_zero || !negative)
    return is_held(digits) ? converted(value::json(digits)) : std::nullopt;
  char* const copy = run.memory.allocate(digits.size() + 1);
  *copy = '-';
  std::copy(digits.begin(), digits.end(), copy + 1);
  const std::string_view minus{copy, digits.size() + 1};
  return is_held(minus) ? converted(value::json(minus)) : std::nullopt;
}

// A double must not look like an integer of more than 64 bits, which no reader takes.
value floating_value(std::string_view digits, arena& memory) {
  if (!is_json_integer(digits) || is_held(digits))
    return number_value(digits, memory);
  constexpr std::string_view fraction = ".0";
  char* const text = memory.allocate(digits.size() + fraction.size());
  std::copy(fraction.begin(), fraction.end(),
            std::copy(digits.begin(), digits.end(), text));
  return value::json({text, digits.size() + fraction.size()});
}

// Keeps the digits of JSON numbers and writes other decimal forms (`.5`, `007`) anew.
converted to_floating(const value& v, std::string_view text, step_run& run) {
  const auto number = read_double(text);
  if (!number)
    return std::nullopt;
  if (is_json_number(text))
    return v.is == value::form::json ? v : floating_value(text, run.memory);
  std::array<char, 32> digits;
  const auto written =
    std::to_chars(digits.data(), digits.data() + digits.size(), *number);
  return floating_value({digits.data(), static_cast<size_t>(written.ptr - digits.data())},
                        run.memory);
}

converted to_boolean(const value& v, std::string_view text) {
  using schema_detail::number;
  if (v.type() == value_type::number) { // numbers count by value: 1.0 is 1
    const auto given = schema_detail::read_number(text);
    for (const int64_t known : {0, 1})
      if (given && compare(*given, number::of(known)) == 0)
        return value::json(known ? "true" : "false");
    return std::nullopt;
  }
  std::array<char, 5> lower{};
  if (text.size() > lower.size())
    return std::nullopt;
  for (size_t i = 0; i < text.size(); ++i)
    lower[i] =
      text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] | 0x20) : text[i];
  const std::string_view word{lower.data(), text.size()};
  for (const std::string_view yes : {"true", "t", "yes", "y", "on", "1"})
    if (word == yes)
      return value::json("true");
  for (const std::string_view no : {"false", "f", "no", "n", "off", "0"})
    if (word == no)
      return value::json("false");
  return std::nullopt;
}

converted to_timestamp(const conversion& c, std::string_view text, step_run& run) {
  for (const auto& source : c.from)
    if (const auto at = source.parse(text)) {
      rfc3339_buffer buffer;
      return run.tree.string_of(run.memory.copy(to_rfc3339(*at, buffer)));
    }
  return std::nullopt;
}

converted convert(const conversion& c, const value& v, step_run& run) {
  const auto type = v.type();
  if (c.to == target_type::string)
    return v.is_string() ? v : run.tree.string_of(run.tree.text_of(v));
  // Anything has a text; every other type is made of a scalar only.
  if (type == value_type::object || type == value_type::array)
    return std::nullopt;
  if (type == value_type::boolean)
    return c.to == target_type::boolean ? converted(v) : std::nullopt;
  const auto text = run.tree.text_of(v);
  switch (c.to) {
  case target_type::integer:
    return to_integer(v, text, run);
  case target_type::floating:
    return to_floating(v, text, run);
  case target_type::boolean:
    return to_boolean(v, text);
  default:
    return to_timestamp(c, text, run);
  }
}

time_source read_source(const std::string& name, step_arguments& arguments) {
  if (name == "rfc3339")
    return {time_source::rfc3339{}, name};
  const auto unit = std::find(unix_names.begin(), unix_names.end(), name);
  if (unit != unix_names.end())
    return {static_cast<unix_unit>(unit - unix_names.begin()), name};
  auto format = time_format::compile(name);
  if (format)
    return {*std::move(format), name};
  // Without a percent sign the name was hardly meant to be a format.
  arguments.fail(name.find('%') == std::string::npos
                   ? echo(name)
                       + " is no source of a timestamp; use rfc3339, unix, unix_ms, "
                         "unix_us, unix_ns or a strptime format"
                   : format.error().text);
  return {time_source::rfc3339{}, name};
}

target_type read_type(const config_value& name, step_arguments& arguments) {
  const auto found = name.is_string() ? std::find(type_names.begin(), type_names.end(),
                                                  name.get_ref<const std::string&>())
                                      : type_names.end();
  if (found == type_names.end()) {
    arguments.fail("\"to\" must be one of int, float, bool, string, timestamp");
    return target_type::string;
  }
  return static_cast<target_type>(found - type_names.begin());
}

} // namespace

when_missing read_missing(const config_value& mapping, step_arguments& arguments) {
  const auto found = mapping.find("on_missing");
  if (found == mapping.end() || *found == "skip")
    return when_missing::skip;
  if (*found != "reject")
    arguments.fail("\"on_missing\" must be skip or reject");
  return when_missing::reject;
}

std::optional<instant> time_source::parse(std::string_view text) const noexcept {
  if (const auto* const unit = std::get_if<unix_unit>(&is))
    return from_unix(text, *unit);
  if (const auto* const format = std::get_if<time_format>(&is))
    return format->parse(text);
  return from_rfc3339(text);
}

conversion conversion::parse(field_pointer field, const config_value& value,
                             step_arguments& arguments) {
  conversion c;
  c.field = std::move(field);
  if (value.is_string()) {
    // The short form names the type alone: `status: int`.
    c.to = read_type(value, arguments);
  } else if (!value.is_object() || !value.contains("to")) {
    arguments.fail(
      "the argument \"to\" is missing (int, float, bool, string or timestamp)");
  } else {
    c.to = read_type(value["to"], arguments);
    c.missing = read_missing(value, arguments);
    if (value.contains("null_if"))
      c.null_if = arguments.texts(value["null_if"], "null_if");
    if (value.contains("from") && c.to != target_type::timestamp)
      arguments.fail("\"from\" is for timestamps only");
    else if (value.contains("from"))
      for (const auto& name : arguments.texts(value["from"], "from"))
        c.from.push_back(read_source(name, arguments));
  }
  if (c.to == target_type::timestamp && c.from.empty())
    c.from.push_back({time_source::rfc3339{}, "rfc3339"});
  return c;
}

verdict conversion::run(step_run& run) const {
  field_pointer const& at = field;
  auto* const found = run.tree.find(at);
  if (!found || found->held.is_null())
    return missing == when_missing::skip ? verdict::next : run.reject_missing(at);
  if (!null_if.empty() && found->held.is_string()) {
    const auto text = run.tree.text_of(found->held);
    if (std::find(null_if.begin(), null_if.end(), text) != null_if.end()) {
      found->assign(value{});
      return verdict::next;
    }
  }
  const auto done = convert(*this, found->held, run);
  if (!done)
    return run.reject(at, echo(found->held, run) + " is not "
                            + std::string(nouns[static_cast<size_t>(to)])
                            + (to == target_type::integer ? " of 64 bits" : ""));
  // A value that stays as it is stays verbatim, and goes out in one copy with its neighbours.
  if (done->text.data() != found->held.text.data() || done->is != found->held.is)
    found->assign(*done);
  return verdict::next;
}

std::string conversion::describe() const {
  std::string text =
    field.text() + " to " + std::string(type_names[static_cast<size_t>(to)]);
  for (const auto& source : from)
    text += (&source == &from.front() ? " from " : " or ") + echo(source.name);
  if (!null_if.empty())
    text += ", null if " + listed(null_if);
  return text + (missing == when_missing::reject ? ", reject if missing" : "");
}

convert_step convert_step::compile(step_arguments& arguments) {
  convert_step step;
  const auto* const several = arguments.find("fields");
  // The arguments speak of one field, or each entry of `fields` of one.
  if (!several) {
    if (arguments.mapping({"field", "fields", "to", "from", "null_if", "on_missing"}))
      step.conversions.push_back(
        conversion::parse(arguments.field("field"), arguments.value(), arguments));
    return step;
  }
  if (!arguments.mapping({"fields"}))
    return step;
  if (!several->is_object() || several->empty()) {
    arguments.fail("\"fields\" needs a mapping like {status: int, bytes: {to: int}}");
    return step;
  }
  for (const auto& [name, value] : several->items()) {
    if (value.is_object()
        && !arguments.mapping(value, {"to", "from", "null_if", "on_missing"}))
      return step;
    step.conversions.push_back(
      conversion::parse(arguments.pointer(name), value, arguments));
  }
  return step;
}

verdict convert_step::run(step_run& run) const {
  for (const auto& c : conversions)
    if (const auto done = c.run(run); done != verdict::next)
      return done;
  return verdict::next;
}

std::string convert_step::describe() const {
  std::string text;
  for (const auto& c : conversions)
    text += (text.empty() ? "convert " : "; ") + c.describe();
  return text;
}

} // namespace weir::steps
