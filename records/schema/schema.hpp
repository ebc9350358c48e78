// SCHEMA: a JSON Schema (draft 2020-12, the subset of docs/decisions/0004-json-schema-subset.md)
// that is compiled once and then checks parsed records without allocation.
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
  std::string pointer; ///< a JSON pointer (RFC 6901) into the record
  std::string detail;  ///< one sentence with the keyword and the bound that was broken
};

/// Which of the schema's names the last record's members had, in their order: the next record's
/// are looked for there first. Any content gives right answers; a wrong guess only costs time.
using member_order = std::array<uint32_t, 32>;

class schema {
 public:
  /// `file` names the source in errors, which give the JSON pointer of the offending keyword.
  /// Unknown and unsupported keywords are never ignored: they are errors (invalid_config).
  static result<std::shared_ptr<const schema>> compile(std::string_view text,
                                                       std::string_view file);
  /// Does the same for a stream: a schema that no object can match, and so no record, is an
  /// error too.
  static result<std::shared_ptr<const schema>> compile_for_records(std::string_view text,
                                                                   std::string_view file);
  ~schema();

  /// The first violation found, or nothing when the record matches. Any thread may call it:
  /// nothing is shared that changes. `record` lies in a document that a simdjson parser made.
  /// A record beyond 64 levels, or one that takes too much work to check, does not match.
  std::optional<violation> check(simdjson::dom::element record) const;

  /// True if `record` is a JSON object in which check() would find nothing wrong; without a
  /// schema (null), if it is a JSON object. `parser` has its tokens then, but no document.
  /// False: it is not known, so the record must be parsed. The parser must have capacity for
  /// it, and 64 bytes after it must be readable. Any thread may call it, with a parser and an
  /// order of its own.
  static bool surely_admits(const schema* which, simdjson::dom::parser& parser,
                            std::string_view record, member_order& order);

  struct program; ///< the compiled nodes: records/schema/program.hpp

 private:
  explicit schema(std::unique_ptr<const program> compiled);
  std::unique_ptr<const program> program_;
};

} // namespace weir
