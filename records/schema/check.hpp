// CHECK: runs a compiled schema over one record. The recursion follows the record's nesting, at
// most 64 levels, and within a level at most 64 nodes; check_steps_max bounds the work.
#pragma once

#include "records/schema/equal.hpp"
#include "records/schema/program.hpp"

#include <concepts>
#include <span>
#include <string>
#include <string_view>

namespace weir::schema_detail {

/// Makes one check of one record; it lives on the stack. It allocates only to say what is
/// wrong, and for uniqueItems on more than 256 items.
class checker {
 public:
  explicit checker(const schema::program& program) noexcept : program_(program) {}

  /// Nothing when the record matches.
  std::optional<violation> run(simdjson::dom::element record);

  /// Does what schema::surely_admits() promises.
  bool admits_flat(simdjson::dom::parser& parser, std::string_view record,
                   member_order& order);
  /// Checking a longer record could be too much work, which only run() counts.
  static constexpr size_t flat_bytes_max = size_t{1} << 20;

 private:
  enum class stop : uint8_t { no, too_deep, too_long };

  bool value(index id, simdjson::dom::element given, int depth);
  bool rules(const node& rule, simdjson::dom::element given, int depth);
  bool text(const text_rule& rule, std::string_view given);
  bool text_length(const text_rule& rule, std::string_view given);
  bool numeric(const number_rule& rule, const number& given);
  bool array(const array_rule& rule, simdjson::dom::array given, int depth);
  bool array_size(const array_rule& rule, uint64_t count);
  bool object(const object_rule& rule, simdjson::dom::object given, int depth);
  bool member(const object_rule& rule, std::string_view key, simdjson::dom::element given,
              int depth, uint64_t& seen);
  bool object_size(const object_rule& rule, uint64_t count);
  bool more_required(const object_rule& rule, simdjson::dom::object given);
  bool dependencies(const object_rule& rule, simdjson::dom::object given);
  bool has_key(simdjson::dom::object given, std::string_view key);
  bool any_value(const value_set& set, simdjson::dom::element given);

  bool flat_members(const char* text, std::span<const uint32_t> tokens,
                    member_order& order);
  const node* flat_member(const object_rule* rule, std::string_view key, uint32_t& guess,
                          uint64_t& seen) const noexcept;
  bool flat_value(const node& rule, std::string_view token);
  bool flat_string(const node& rule, std::string_view value);
  bool flat_number(const node& rule, std::string_view token);

  bool apply(const applicator& op, simdjson::dom::element given, int depth);
  bool matches_none(const applicator& op, std::string_view name,
                    simdjson::dom::element given, int depth);
  bool any_of(const applicator& op, simdjson::dom::element given, int depth);
  bool one_of(const applicator& op, simdjson::dom::element given, int depth);
  bool negation(const applicator& op, simdjson::dom::element given, int depth);
  bool condition(const applicator& op, simdjson::dom::element given, int depth);
  /// True if the node admits the value; does not note why not.
  bool admits(index id, simdjson::dom::element given, int depth);

  bool wrong_type(const node& rule, simdjson::dom::element given);
  bool missing(const object_rule& rule, uint64_t seen);
  /// Notes the detail that `make()` returns, unless a branch is only being tried. Always false.
  template <std::invocable Make>
  [[gnu::noinline, gnu::cold]] bool fail(Make make);
  [[gnu::noinline, gnu::cold]] bool below(std::string_view token);
  [[gnu::noinline, gnu::cold]] bool give_up(stop reason);

  const schema::program& program_;
  work_budget work_{check_steps_max};
  violation found_;
  bool trying_ = false; ///< inside a branch whose failure is no violation
  stop stopped_ = stop::no;
};

} // namespace weir::schema_detail
