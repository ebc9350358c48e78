// SCHEMA: a JSON Schema (draft 2020-12, the subset of docs/decisions) compiled once, then
// checked against parsed records without allocation.
#pragma once

#include "base/result.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

namespace weir {

/// Where and why a record does not match.
struct violation {
  std::string pointer; ///< RFC 6901, into the record
  std::string detail;  ///< one sentence with the keyword and the bound it broke
};

/// Which of the schema's names the last record's members had, in their order: where to look
/// for the next one's first. Any content is as good as the names' own order at worst.
using member_order = std::array<uint32_t, 32>;

class schema {
 public:
  /// `file` names the source in errors, which give the JSON pointer of the offending
  /// keyword. Unknown and unsupported keywords are errors (invalid_config), never
  /// ignored.
  static result<std::shared_ptr<const schema>> compile(std::string_view text,
                                                       std::string_view file);
  /// The same for a stream: a schema that no record can match, as none is an object, is an
  /// error too.
  static result<std::shared_ptr<const schema>> compile_for_records(std::string_view text,
                                                                   std::string_view file);
  ~schema();

  /// The first violation found, or nothing when the record matches. Any thread: const and
  /// without shared state. `record` lies in a document a simdjson parser made; beyond 64
  /// levels, or too much work for its schema, it does not match.
  std::optional<violation> check(simdjson::dom::element record) const;

  /// True: `record` is a JSON object that check() would find nothing wrong with; without a
  /// schema, that it is a JSON object. `parser` then has its tokens, but no document. False:
  /// not known, have it parsed. The parser has capacity for it, and 64 bytes behind it are
  /// readable. Any thread, with a parser and an order of its own.
  static bool surely_admits(const schema* which, simdjson::dom::parser& parser,
                            std::string_view record, member_order& order);

  struct program; ///< compiled nodes: records/schema/program.hpp

 private:
  explicit schema(std::unique_ptr<const program> compiled);
  std::unique_ptr<const program> program_;
};

} // namespace weir
