// COMPILER: walks a parsed schema once and fills a program. It looks up every member of every
// subschema in one table of keywords; a member that is not in it is an error. The first error
// ends the walk: each step returns false and error_ says why.
//
//   compile.cpp           the walk, boolean schemas, limits
//   keywords.cpp          the table; keywords about one value: type, bounds, enum, format
//   keywords_members.cpp  keywords about members, items and other schemas
//   links.cpp             $ref and its targets; chains and cycles that consume no input
//   suggest.cpp           what to write instead of a keyword we do not support
#pragma once

#include "records/schema/program.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::schema_detail {

/// Says what to do about a keyword that is not supported: `; use "$defs"`, or nothing.
std::string suggestion(std::string_view keyword);

class compiler {
 public:
  compiler(std::string_view file, schema::program& out) : file_(file), out_(out) {}

  /// Fails with invalid_config: `FILE: #/pointer: what is wrong`.
  result<void> run(simdjson::dom::element root);

 private:
  using element = simdjson::dom::element;

  /// One subschema while its keywords are read.
  struct draft {
    index id = none;
    int depth = 0;
    simdjson::dom::object source;
    node made;
    std::vector<applicator> applicators;
    bool has_object = false, has_array = false, has_text = false, has_number = false;
    object_rule object;
    array_rule array;
    text_rule text;
    number_rule number;
    std::vector<std::pair<std::string, index>> properties;
    std::vector<std::string> required;
  };
  using handler = bool (compiler::*)(std::string_view keyword, element value, draft& to);
  struct keyword_entry {
    std::string_view name;
    handler read;
  };
  static const keyword_entry* find_keyword(std::string_view name) noexcept;

  /// Extends the pointer that errors name, for one scope.
  class place {
   public:
    place(compiler& owner, std::string_view token);
    ~place() { path_.resize(size_); }
    place(const place&) = delete;
    place& operator=(const place&) = delete;

   private:
    std::string& path_;
    size_t size_;
  };

  // -- the walk
  bool subschema(element given, int depth, index& id);
  bool members(draft& to);
  bool member(std::string_view name, element value, draft& to);
  void finish(draft& to);
  void finish_object(draft& to);
  bool error(std::string_view what);
  bool error_at(std::string_view pointer, std::string_view what);

  // -- shapes of values
  bool count(std::string_view keyword, element value, uint64_t& out);
  bool names(element value, std::vector<std::string>& out);
  bool schemas(std::string_view keyword, element value, draft& to,
               std::vector<index>& out);
  bool compile_pattern(std::string_view regex, index& out);

  // -- keywords about one value
  bool type(std::string_view keyword, element value, draft& to);
  bool one_type(element value, uint8_t& types);
  bool values(std::string_view keyword, element value, draft& to);
  bool constant(std::string_view keyword, element value, draft& to);
  bool number_bound(std::string_view keyword, element value, draft& to);
  bool multiple_of(std::string_view keyword, element value, draft& to);
  bool text_length(std::string_view keyword, element value, draft& to);
  bool text_pattern(std::string_view keyword, element value, draft& to);
  bool text_format(std::string_view keyword, element value, draft& to);
  bool dialect(std::string_view keyword, element value, draft& to);
  bool identifier(std::string_view keyword, element value, draft& to);
  bool note_text(std::string_view keyword, element value, draft& to);
  bool note_flag(std::string_view keyword, element value, draft& to);
  bool note_list(std::string_view keyword, element value, draft& to);
  bool note_any(std::string_view keyword, element value, draft& to);

  // -- keywords about members, items and other schemas
  bool properties(std::string_view keyword, element value, draft& to);
  bool pattern_properties(std::string_view keyword, element value, draft& to);
  bool additional_properties(std::string_view keyword, element value, draft& to);
  bool required(std::string_view keyword, element value, draft& to);
  bool dependent_required(std::string_view keyword, element value, draft& to);
  bool object_size(std::string_view keyword, element value, draft& to);
  bool items(std::string_view keyword, element value, draft& to);
  bool prefix_items(std::string_view keyword, element value, draft& to);
  bool array_size(std::string_view keyword, element value, draft& to);
  bool unique_items(std::string_view keyword, element value, draft& to);
  bool combination(std::string_view keyword, element value, draft& to);
  bool negation(std::string_view keyword, element value, draft& to);
  bool condition(std::string_view keyword, element value, draft& to);
  bool then_or_else(std::string_view keyword, element value, draft& to);
  bool definitions(std::string_view keyword, element value, draft& to);
  bool reference(std::string_view keyword, element value, draft& to);
  void add_applicator(draft& to, applicator::kind what, const std::vector<index>& nodes);

  // -- links
  struct pending_reference {
    index branch;        ///< its entry in program::branches, to be filled
    std::string target;  ///< an escaped pointer
    std::string pointer; ///< where the $ref keyword is
  };
  bool resolve_references();
  bool find_cycles();
  /// The length of the longest chain of nodes applied to the same value, from `id` on; -1:
  /// error.
  int chain_length(index id);

  std::string_view file_;
  schema::program& out_;
  std::string path_ = "#";
  std::string error_;
  uint32_t regexes_ = 0;
  std::map<std::string, index, std::less<>> node_at_; ///< by pointer
  std::vector<std::string> pointer_of_;               ///< by node
  std::vector<pending_reference> references_;
  std::vector<int> chains_; ///< by node: 0 unknown, -1 being visited, else length
};

} // namespace weir::schema_detail
