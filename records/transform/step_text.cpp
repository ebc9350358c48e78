#include "records/transform/step_text.hpp"

#include "base/text.hpp"

#include <openssl/sha.h>

#include <re2/re2.h>

namespace weir::steps {

namespace {

constexpr int64_t truncate_bytes_max = int64_t{1} << 30;

// Calls `change(text) -> text` for each field that is there. The result must live as long as the
// record.
template <class Change>
verdict change_each(step_run& run, const std::vector<field_pointer>& fields,
                    Change change) {
  for (const auto& at : fields) {
    auto* const found = run.tree.find(at);
    if (!found || found->held.is_null())
      continue;
    if (!found->held.is_string())
      return run.reject(at, echo(found->held, run) + " is not text");
    const auto before = run.tree.text_of(found->held);
    const std::string_view after = change(before);
    if (after.data() != before.data() || after.size() != before.size())
      found->assign(run.tree.string_of(after));
  }
  return verdict::next;
}

constexpr bool is_white(char c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_white(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && is_white(text.back()))
    text.remove_suffix(1);
  return text;
}

template <letter_case To>
constexpr char recased(char c) noexcept {
  constexpr char first = To == letter_case::lower ? 'A' : 'a';
  return c >= first && c <= first + 25 ? static_cast<char>(c ^ 0x20) : c;
}

size_t character_bytes(char lead) noexcept {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

std::string_view hex_of_sha256(std::string_view text, arena& memory) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  char* const hex = memory.allocate(2 * sizeof digest);
  for (size_t i = 0; i < sizeof digest; ++i) {
    hex[2 * i] = hex_lower[digest[i] >> 4];
    hex[2 * i + 1] = hex_lower[digest[i] & 15];
  }
  return {hex, 2 * sizeof digest};
}

// Reads `a`, `[a, b]`, `{field: a}` or `{fields: [a, b]}`.
std::vector<field_pointer> read_fields(step_arguments& arguments) {
  if (!arguments.value().is_object())
    return arguments.pointers(arguments.value());
  return arguments.mapping({"field", "fields"}) ? arguments.fields()
                                                : std::vector<field_pointer>{};
}

} // namespace

template <letter_case To>
case_step<To> case_step<To>::compile(step_arguments& arguments) {
  return {read_fields(arguments)};
}

template <letter_case To>
verdict case_step<To>::run(step_run& run) const {
  return change_each(run, fields, [&run](std::string_view before) {
    char* const after = run.memory.allocate(before.size());
    for (size_t i = 0; i < before.size(); ++i)
      after[i] = recased<To>(before[i]);
    return std::string_view{after, before.size()};
  });
}

template <letter_case To>
std::string case_step<To>::describe() const {
  return (To == letter_case::lower ? "lowercase " : "uppercase ") + listed(fields);
}

template struct case_step<letter_case::lower>;
template struct case_step<letter_case::upper>;

trim_step trim_step::compile(step_arguments& arguments) {
  return {read_fields(arguments)};
}

verdict trim_step::run(step_run& run) const {
  return change_each(run, fields, trimmed);
}

std::string trim_step::describe() const {
  return "trim " + listed(fields);
}

truncate_step truncate_step::compile(step_arguments& arguments) {
  truncate_step step;
  if (!arguments.mapping({"field", "fields", "bytes"}))
    return step;
  step.fields = arguments.fields();
  step.bytes = static_cast<size_t>(arguments.integer("bytes", 0, truncate_bytes_max));
  return step;
}

verdict truncate_step::run(step_run& run) const {
  return change_each(run, fields,
                     [this](std::string_view text) { return clip(text, bytes); });
}

std::string truncate_step::describe() const {
  return "truncate " + listed(fields) + " to " + std::to_string(bytes) + " bytes";
}

redact_step redact_step::compile(step_arguments& arguments) {
  redact_step step;
  if (!arguments.mapping({"field", "fields", "pattern", "with"}))
    return step;
  step.fields = arguments.fields();
  step.pattern = arguments.pattern("pattern");
  step.with = arguments.text_or("with", "***");
  return step;
}

// Does what RE2::GlobalReplace does, without making strings of its own. An empty match replaces
// nothing.
verdict redact_step::run(step_run& run) const {
  return change_each(run, fields, [&](std::string_view text) {
    run.buffer.clear();
    size_t copied = 0;
    size_t at = 0;
    re2::StringPiece match;
    while (at < text.size()
           && pattern->Match({text.data(), text.size()}, at, text.size(),
                             re2::RE2::UNANCHORED, &match, 1)) {
      const auto start = static_cast<size_t>(match.data() - text.data());
      if (match.empty()) {
        // The search goes on a whole character further, so that it never begins inside one.
        at = start < text.size() ? start + character_bytes(text[start]) : start;
        continue;
      }
      run.buffer.append(text, copied, start - copied).append(with);
      at = copied = start + match.size();
    }
    if (copied == 0)
      return text;
    return run.memory.copy(run.buffer.append(text, copied));
  });
}

std::string redact_step::describe() const {
  return "redact " + (pattern ? echo(pattern->pattern()) : std::string{}) + " in "
         + listed(fields) + " with " + echo(with);
}

hash_step hash_step::compile(step_arguments& arguments) {
  hash_step step;
  if (!arguments.mapping({"field", "fields", "salt", "to"}))
    return step;
  step.fields = arguments.fields();
  step.targets = step.fields;
  step.salt = arguments.text_or("salt", {});
  if (arguments.find("to") && step.fields.size() != 1)
    arguments.fail("\"to\" goes with one \"field\" only");
  else if (arguments.find("to"))
    step.targets = {arguments.field("to")};
  return step;
}

verdict hash_step::run(step_run& run) const {
  for (size_t i = 0; i < fields.size(); ++i) {
    const auto* const found = run.tree.find(fields[i]);
    if (!found || found->held.is_null())
      continue;
    const auto type = found->held.type();
    if (type == value_type::object || type == value_type::array)
      return run.reject(fields[i], echo(found->held, run) + " is not a scalar");
    run.buffer.assign(salt).append(run.tree.text_of(found->held));
    value hashed;
    // Hex digits need no escapes.
    hashed.is = value::form::plain;
    hashed.text = hex_of_sha256(run.buffer, run.memory);
    if (const auto done = run.put(targets[i], hashed); done != verdict::next)
      return done;
  }
  return verdict::next;
}

std::string hash_step::describe() const {
  std::string text = "hash " + listed(fields);
  if (targets.size() == 1 && targets[0].text() != fields[0].text())
    text += " to " + targets[0].text();
  return text + (salt.empty() ? "" : ", salted");
}

} // namespace weir::steps
