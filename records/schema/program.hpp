// PROGRAM: a compiled schema. It has one flat array of nodes, one per subschema; a node says in
// 32 bytes which JSON types it admits and which rules apply to a value of each type. A check
// switches over the value's type, so a rule for strings costs a number nothing.
#pragma once

#include "records/schema/element.hpp"
#include "records/schema/formats.hpp"
#include "records/schema/names.hpp"
#include "records/schema/number.hpp"
#include "records/schema/pattern.hpp"
#include "records/schema/schema.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::schema_detail {

inline constexpr size_t schema_bytes_max = size_t{1} << 20;
inline constexpr size_t nodes_max = 10'000;
inline constexpr int schema_depth_max = 64;
inline constexpr int json_depth_max = 256;   ///< in the schema's own text
inline constexpr uint32_t regexes_max = 128; ///< with RE2: 64 MiB of caches at most
/// The most subschemas that may be applied to the same value in a chain.
inline constexpr int in_place_max = 64;
inline constexpr int record_depth_max = 64;
inline constexpr uint64_t check_steps_max = uint64_t{1} << 24; ///< take about 0.2 s

using index = uint32_t;
inline constexpr index none = UINT32_MAX;

/// The bits of node::types.
enum type_bit : uint8_t {
  type_null = 1,
  type_boolean = 2,
  type_integer = 4,
  type_number = 8, ///< a double; integers have their own bit
  type_string = 16,
  type_array = 32,
  type_object = 64,
  type_any = 127,
};

/// A number without a fraction is an integer, however it is written.
inline bool admits_number(uint8_t types, const number& given) noexcept {
  if (given.what != number::kind::real)
    return (types & type_integer) != 0;
  return (types & type_number) != 0
         || ((types & type_integer) != 0 && is_integral(given.d));
}

struct text_rule {
  uint64_t length_min = 0; ///< in code points
  uint64_t length_max = UINT64_MAX;
  index pattern = none;
  const format* shape = nullptr;
};

struct number_rule {
  enum part : uint8_t { minimum = 1, maximum = 2, above = 4, below = 8, multiple = 16 };
  uint8_t parts = 0;
  number min, max, exclusive_min, exclusive_max, divisor;
};

struct array_rule {
  std::vector<index> prefix; ///< nodes of the first items
  index items = none;        ///< node of the others
  uint64_t items_min = 0;
  uint64_t items_max = UINT64_MAX;
  bool unique = false;
};

/// What is known about a property by its name.
struct named_property {
  index node = none;
  uint64_t required_bit = 0; ///< 0 if it is none of the first 64 required names
};

struct pattern_property {
  index pattern = none;
  index node = none;
};

struct dependency {
  std::string trigger;
  std::vector<std::string> needs;
};

struct object_rule {
  name_table names;                        ///< those in `properties` and `required`
  std::vector<named_property> properties;  ///< by index in `names`
  uint64_t required = 0;                   ///< bits of the first 64 required names
  std::vector<std::string> required_names; ///< in the schema's order
  std::vector<pattern_property> patterns;
  index additional = none;
  bool closed = false; ///< additionalProperties: false
  std::vector<dependency> dependencies;
  uint64_t members_min = 0;
  uint64_t members_max = UINT64_MAX;
};

/// The values of an enum or const. Strings are looked up, others compared one by one.
struct value_set {
  bool is_const = false;
  name_table strings;
  std::vector<simdjson::dom::element> others; ///< they live in program::source
};

/// A keyword that applies other nodes to the same value.
struct applicator {
  enum class kind : uint8_t { reference, all_of, any_of, one_of, negation, condition };
  kind what = kind::reference;
  index first = 0;    ///< its first entry in program::branches
  uint32_t count = 0; ///< 3 for a condition: if, then, else; the latter two may be `none`
};

struct node {
  uint8_t types = type_any;
  bool never = false; ///< the schema `false`
  uint16_t applicators = 0;
  index first_applicator = 0;
  index text = none;
  index number = none;
  index object = none;
  index array = none;
  index values = none; ///< enum
  index constant = none;
};
static_assert(sizeof(node) == 32, "two nodes a cache line");

} // namespace weir::schema_detail

namespace weir {

struct schema::program {
  /// Owns the document that enum and const values point into.
  simdjson::dom::parser source;
  schema_detail::index root = 0;
  std::vector<schema_detail::node> nodes;
  std::vector<schema_detail::index> branches;
  std::vector<schema_detail::applicator> applicators;
  std::vector<schema_detail::text_rule> texts;
  std::vector<schema_detail::number_rule> numbers;
  std::vector<schema_detail::array_rule> arrays;
  std::vector<schema_detail::object_rule> objects;
  std::vector<schema_detail::value_set> values;
  std::vector<schema_detail::pattern> patterns;
};

} // namespace weir
