// SCHEMA: a JSON Schema (draft 2020-12, the subset of docs/decisions) compiled once, then
// checked against parsed records without allocation.
#pragma once

#include "proto/result.hpp"

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

class schema {
 public:
  /// `file` names the source in errors, which give the JSON pointer of the offending
  /// keyword. Unknown and unsupported keywords are errors (invalid_config), never
  /// ignored.
  static result<std::shared_ptr<const schema>> compile(std::string_view text,
                                                       std::string_view file);
  ~schema();

  /// The first violation found, or nothing when the record matches. Any thread: const and
  /// without shared state. `record` lies in a document a simdjson parser made; beyond 64
  /// levels, or too much work for its schema, it does not match.
  std::optional<violation> check(simdjson::dom::element record) const;

  struct program; ///< compiled nodes: records/schema_program.hpp

 private:
  explicit schema(std::unique_ptr<const program> compiled);
  std::unique_ptr<const program> program_;
};

} // namespace weir
