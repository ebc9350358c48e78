#include "records/transform/step_parse.hpp"

#include "records/json/limits.hpp"
#include "records/transform/pair_parser.hpp"
#include "records/transform/parsed_fields.hpp"
#include "records/transform/step_convert.hpp"

#include <algorithm>
#include <array>

#include <re2/re2.h>

namespace weir::steps {

namespace {

constexpr std::array<std::string_view, 8> format_names = {"combined_log",
                                                          "common_log",
                                                          "vhost_combined_log",
                                                          "vhost_common_log",
                                                          "nginx_main_log",
                                                          "key_value",
                                                          "json",
                                                          "regex"};
constexpr int groups_max = 32;

text_format read_format(const std::string& name, step_arguments& arguments) {
  const auto found = std::find(format_names.begin(), format_names.end(), name);
  if (found != format_names.end())
    return static_cast<text_format>(found - format_names.begin());
  arguments.fail("\"as\" must be one of combined_log, common_log, vhost_combined_log, "
                 "vhost_common_log, nginx_main_log, key_value, json, regex");
  return text_format::json;
}

char read_mark(step_arguments& arguments, std::string_view key,
               std::string_view otherwise) {
  const auto text = arguments.text_or(key, otherwise);
  const bool fits = text.size() == 1 && static_cast<unsigned char>(text[0]) < 0x80
                    && text[0] != '"' && text[0] != '\\';
  if (!fits)
    arguments.fail("\"" + std::string(key)
                   + "\" must be one ASCII character, not a quote or a backslash");
  return fits ? text[0] : ' ';
}

// The layout that a kind of access log has.
log_layout layout_of(text_format format) noexcept {
  log_layout layout;
  layout.vhost =
    format == text_format::vhost_combined_log || format == text_format::vhost_common_log;
  layout.agent =
    format != text_format::common_log && format != text_format::vhost_common_log;
  layout.forwarded = format == text_format::nginx_main_log;
  return layout;
}

tree_node* match_groups(std::string_view text, const re2::RE2& pattern,
                        const std::vector<parse_step::group>& groups, step_run& run) {
  std::array<re2::StringPiece, groups_max + 1> found;
  const int count = pattern.NumberOfCapturingGroups() + 1;
  if (!pattern.Match({text.data(), text.size()}, 0, text.size(), re2::RE2::UNANCHORED,
                     found.data(), count))
    return nullptr;
  parsed_fields fields{run};
  for (const auto& group : groups) {
    const auto& piece = found[static_cast<size_t>(group.index)];
    // A group that took no part in the match is null, one that matched nothing is "".
    if (piece.data())
      fields.add_text(group.name, {piece.data(), piece.size()});
    else
      fields.add(group.name, value{});
  }
  return fields.node();
}

// Reads any JSON value of at most `depth_left` levels and drops its white space, or says why it
// can't.
tl::expected<value, std::string> read_json(std::string_view text, unsigned depth_left,
                                           step_run& run) {
  const auto copy = run.memory.copy(text); // the arena has padding after it
  const char* const end = copy.data() + copy.size();
  bool spaced = false;
  const char* const start = skip_space(copy.data(), end);
  const char* const behind = scan_value(start, end, depth_left, spaced);
  if (!behind || skip_space(behind, end) != end)
    return tl::unexpected(nests_deeper(text, depth_left)
                            ? "it would nest the record deeper than "
                                + std::to_string(depth_max) + " levels"
                            : "it is not JSON");
  if (!find_unheld_number(text).empty())
    return tl::unexpected("it has " + std::string{unheld_number_text});
  std::string_view json{start, static_cast<size_t>(behind - start)};
  if (spaced)
    json = minify(json, run.memory);
  if (json.front() != '"')
    return value::json(json);
  value made;
  made.text = json.substr(1, json.size() - 2);
  made.is = made.text.find('\\') == std::string_view::npos ? value::form::plain
                                                           : value::form::escaped;
  return made;
}

value opened(tree_node* node) noexcept {
  value v;
  v.is = value::form::opened;
  v.node = node;
  return v;
}

} // namespace

parse_step parse_step::compile(step_arguments& arguments) {
  parse_step step;
  if (!arguments.mapping({"field", "as", "into", "pattern", "keep_source", "on_missing",
                          "delimiter", "separator"}))
    return step;
  step.field = arguments.field("field");
  step.as = read_format(arguments.text("as"), arguments);
  if (arguments.find("into"))
    step.into = arguments.field("into");
  step.keep_source = arguments.flag_or("keep_source", false);
  step.missing = read_missing(arguments.value(), arguments);
  // Both are read in any case: they refuse arguments of another format.
  step.read_pattern(arguments);
  step.read_pair_format(arguments);
  return step;
}

void parse_step::read_pattern(step_arguments& arguments) {
  if (as != text_format::regex) {
    if (arguments.find("pattern"))
      arguments.fail("\"pattern\" is for regex only");
    return;
  }
  pattern = arguments.pattern("pattern");
  if (arguments.failed())
    return;
  for (const auto& [index, name] : pattern->CapturingGroupNames())
    groups.push_back({index, name});
  if (groups.empty())
    arguments.fail("the pattern needs at least one named group, like (?P<user>\\w+)");
  if (pattern->NumberOfCapturingGroups() > groups_max)
    arguments.fail("the pattern has more than 32 groups; make some (?:...)");
}

void parse_step::read_pair_format(step_arguments& arguments) {
  if (as != text_format::key_value) {
    if (arguments.find("delimiter") || arguments.find("separator"))
      arguments.fail("\"delimiter\" and \"separator\" are for key_value only");
    return;
  }
  delimiter = read_mark(arguments, "delimiter", " ");
  separator = read_mark(arguments, "separator", "=");
  if (delimiter == separator)
    arguments.fail("\"delimiter\" and \"separator\" must differ");
}

verdict parse_step::run(step_run& run) const {
  const auto* const found = run.tree.find(field);
  if (!found || found->held.is_null())
    return missing == when_missing::skip ? verdict::next : run.reject_missing(field);
  if (!found->held.is_string())
    return run.reject(field, echo(found->held, run) + " is not text");
  const auto text = run.tree.text_of(found->held);
  parsed result;
  switch (as) {
  case text_format::combined_log:
  case text_format::common_log:
  case text_format::vhost_combined_log:
  case text_format::vhost_common_log:
  case text_format::nginx_main_log:
    if (const auto log = read_access_log(text, layout_of(as), run); log.node)
      result.made = opened(log.node);
    else
      result.why = log.why;
    break;
  case text_format::key_value:
    if (const auto pairs = read_pairs(text, {delimiter, separator}, run); pairs.node)
      result.made = opened(pairs.node);
    else
      result.why = pairs.why;
    break;
  case text_format::regex:
    if (auto* const node = match_groups(text, *pattern, groups, run))
      result.made = opened(node);
    else
      result.why = "it does not match the pattern";
    break;
  case text_format::json: {
    const size_t above = into ? into->tokens().size() : 0;
    // The value is to stand below `into`, and the record must not nest deeper than depth_max.
    const auto json = read_json(text, depth_max - static_cast<unsigned>(above), run);
    if (json && (into || json->type() == value_type::object))
      result.made = *json;
    else
      result.why = json ? "it is JSON, but no object" : json.error();
  }
  }
  if (result.why.empty())
    return store(run, result);
  return run.reject(field, echo(text) + " is no " + std::string(format_names[size_t(as)])
                             + ": " + result.why);
}

verdict parse_step::store(step_run& run, const parsed& result) const {
  if (!keep_source)
    run.tree.erase(field);
  if (into)
    return run.put(*into, result.made);
  struct field holder;
  holder.held = result.made;
  auto* const fields = run.tree.open(holder);
  if (as == text_format::json) // the other parsers leave one of each name themselves
    fields->leave_one_of_each(run.memory);
  return merge(run, *fields);
}

// Puts the parsed fields into the top level; they replace those of the same names.
verdict parse_step::merge(step_run& run, tree_node& fields) const {
  auto& root = run.tree.root();
  size_t before = root.size();
  if (before > parsed_fields_max || fields.size() > parsed_fields_max)
    return run.reject(field, "more than 1024 fields at the top level; use `into`");
  for (const auto& f : fields.fields()) {
    const size_t count = root.size();
    auto* const old = root.find_before(f.name, before);
    // Only the fields that were there before can have the name: the new ones differ.
    if (!old) {
      root.append(f, run.memory);
      continue;
    }
    old->assign(f.held);
    before -= count - root.size();
  }
  return verdict::next;
}

std::string parse_step::describe() const {
  std::string text =
    "parse " + field.text() + " as " + std::string(format_names[size_t(as)]);
  if (pattern)
    text += " " + echo(pattern->pattern());
  if (as == text_format::key_value)
    text +=
      " (" + echo({&separator, 1}) + " in pairs, " + echo({&delimiter, 1}) + " between)";
  text += into ? " into " + into->text() : " into the top level";
  return text + (keep_source ? ", keep the source" : "")
         + (missing == when_missing::reject ? ", reject if missing" : "");
}

} // namespace weir::steps
