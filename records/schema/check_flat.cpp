// The checker's short way: it checks a record without nesting and escapes by its text and the
// places where its tokens begin, before a parser has made a document of it. Most records are
// like that, and the document costs more than the check. The short way says yes only when it is
// certain; it leaves everything else, and every word about what is wrong, to run().
#include "records/json/scan.hpp"
#include "records/schema/check.hpp"

#include <cstring>

namespace weir::schema_detail {

namespace {

const node any_value_at_all{};

/// What lies between a token's first byte and the next token, without the white space after
/// it; other control characters are part of a token.
inline std::string_view token_between(const char* begin, const char* next) noexcept {
  while (steps::is_space(next[-1]))
    --next;
  return {begin, static_cast<size_t>(next - begin)};
}

/// True if a record can be checked by its members alone, one after the other.
bool is_plain(const schema::program& program) noexcept {
  const node& root = program.nodes[program.root];
  if ((root.types & type_object) == 0 || root.applicators != 0 || root.values != none
      || root.constant != none)
    return false;
  if (root.object == none)
    return true;
  const object_rule& rule = program.objects[root.object];
  return rule.patterns.empty() && rule.dependencies.empty()
         && rule.required_names.size() <= 64;
}

} // namespace

[[gnu::always_inline]] inline bool checker::flat_number(const node& rule,
                                                        std::string_view token) {
  const auto value = read_short_number(token);
  if (!value)
    return false;
  return admits_number(rule.types, *value)
         && (rule.number == none || numeric(program_.numbers[rule.number], *value));
}

[[gnu::always_inline]] inline bool checker::flat_string(const node& rule,
                                                        std::string_view value) {
  const auto is_listed = [&](index set) {
    return set == none
           || program_.values[set].strings.find_padded(value) != name_table::absent;
  };
  return (rule.types & type_string) != 0
         && (rule.text == none || text(program_.texts[rule.text], value))
         && is_listed(rule.constant) && is_listed(rule.values);
}

[[gnu::always_inline]] inline bool checker::flat_value(const node& rule,
                                                       std::string_view token) {
  if (rule.applicators != 0)
    return false;
  if (token.front() == '"')
    return flat_string(rule, token.substr(1, token.size() - 2));
  // Strings of an enum or const were looked up there; other values need the document.
  if (rule.constant != none || rule.values != none)
    return false;
  switch (token.front()) {
  case 't':
    return token == "true" && (rule.types & type_boolean) != 0;
  case 'f':
    return token == "false" && (rule.types & type_boolean) != 0;
  case 'n':
    return token == "null" && (rule.types & type_null) != 0;
  default:
    return flat_number(rule, token);
  }
}

/// The rule for the member's value; null when the member is not allowed.
[[gnu::always_inline]] inline const node*
checker::flat_member(const object_rule* rule, std::string_view key, uint32_t& guess,
                     uint64_t& seen) const noexcept {
  if (!rule)
    return &any_value_at_all;
  index id = none;
  // `guess` is where the member at this place was in the record before, mostly the same one.
  if (const auto at = rule->names.find_padded(key, guess); at != name_table::absent) {
    guess = at;
    seen |= rule->properties[at].required_bit;
    id = rule->properties[at].node;
  }
  if (id == none && rule->closed)
    return nullptr;
  if (id == none)
    id = rule->additional;
  return id == none ? &any_value_at_all : &program_.nodes[id];
}

bool checker::admits_flat(simdjson::dom::parser& parser, std::string_view record,
                          member_order& order) {
  trying_ = true;
  if (record.size() > flat_bytes_max || !is_plain(program_)
      || std::memchr(record.data(), '\\', record.size()) != nullptr)
    return false;
  auto& first = *parser.implementation;
  const auto* bytes = reinterpret_cast<const uint8_t*>(record.data());
  if (first.stage1(bytes, record.size(), simdjson::stage1_mode::regular))
    return false;
  return flat_members(
    record.data(), {first.structural_indexes.get(), first.n_structural_indexes}, order);
}

/// {"a":1,"b":2} has four tokens for each member, and the brace. The parser's first pass has
/// checked UTF-8, that strings end, and that no control character is in one; between two
/// tokens is only white space.
bool checker::flat_members(const char* text, std::span<const uint32_t> tokens,
                           member_order& order) {
  if (tokens.size() % 4 != 1 || tokens.size() < 5 || text[tokens[0]] != '{')
    return false;
  const index root = program_.nodes[program_.root].object;
  const object_rule* const rule = root == none ? nullptr : &program_.objects[root];
  uint64_t seen = 0;
  for (size_t at = 1; at < tokens.size(); at += 4) {
    // The four are the key, the colon, the value, and the comma or brace after it.
    const bool last = at + 4 == tokens.size();
    const auto key = token_between(text + tokens[at], text + tokens[at + 1]);
    if (key.front() != '"' || text[tokens[at + 1]] != ':'
        || text[tokens[at + 3]] != (last ? '}' : ','))
      return false;
    const node* const found = flat_member(rule, key.substr(1, key.size() - 2),
                                          order[at / 4 % order.size()], seen);
    if (!found
        || !flat_value(*found,
                       token_between(text + tokens[at + 2], text + tokens[at + 3])))
      return false;
  }
  if (!rule)
    return true;
  const uint64_t members = tokens.size() / 4;
  return (seen & rule->required) == rule->required && members >= rule->members_min
         && members <= rule->members_max;
}

} // namespace weir::schema_detail
